//! The canonical form that hashes are made of: Python's `json.dumps` with its defaults, applied inside out
//! (`spec/tahoe.md`, "canonical(value)").

use serde_json::Value;

use crate::json::write_number;

/// Removes from both ends what Python's `str.strip()` removes: Unicode White_Space and U+001C to U+001F.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// Writes a string as Python's `json.dumps` does: quoted, ASCII only.
pub fn dump_str(out: &mut String, text: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        if matches!(c, ' ' | '!' | '#'..='[' | ']'..='~') {
            continue;
        }
        // Both ends are boundaries that char_indices gave.
        out.push_str(text.get(plain_from..at).unwrap_or_default());
        plain_from = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str("\\u");
                    for shift in [12, 8, 4, 0] {
                        let digit = u32::from(*unit >> shift) & 0xf;
                        out.push(char::from_digit(digit, 16).unwrap_or('0'));
                    }
                }
            }
        }
    }
    out.push_str(text.get(plain_from..).unwrap_or_default());
    out.push('"');
}

/// As [`dump_str`] for text that is already canonical: ASCII, no control characters.
pub fn dump_canonical(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        out.push('\\');
        // The character found is one byte long.
        let (found, behind) = escaped.split_at(1);
        out.push_str(found);
        rest = behind;
    }
    out.push_str(rest);
    out.push('"');
}

/// Writes a finite float as Python's `repr`: the shortest digits that read back the same; exponent form when
/// the decimal exponent is below −4 or at least 16.
pub fn dump_f64(out: &mut String, float: f64) {
    use std::fmt::Write as _;
    let size = float.abs();
    if float == 0.0 || (1e-4..1e16).contains(&size) {
        // Writing to a String cannot fail. Debug adds `.0` where the number is whole, but changes to
        // exponent form at other bounds than Python, hence Display.
        let from = out.len();
        let _ = write!(out, "{float}");
        if !out.get(from..).is_some_and(|digits| digits.contains('.')) {
            out.push_str(".0");
        }
        return;
    }
    // Rust writes 1.5e16, Python 1.5e+16; Rust 1e-5, Python 1e-05.
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
}

/// `canonical(value)` of any JSON value. Recurses as deep as the value nests and takes the memory that
/// [`measure`](super::measure) tells: bound both before calling.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(&mut out, value);
    out
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => dump_str(out, strip(text)),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(canonical).collect();
            items.sort_unstable();
            items.dedup();
            write_list(out, items.iter().map(String::as_str));
        }
        Value::Object(map) => {
            // serde_json's map is a BTreeMap: its order, by UTF-8 bytes, is the order by code point.
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                dump_str(out, key);
                out.push_str(": ");
                dump_canonical(out, &canonical(item));
            }
            out.push('}');
        }
    }
}

/// The canonical form of a list, given the canonical forms of its items, sorted and without duplicates.
pub fn write_list<'a>(out: &mut String, items: impl Iterator<Item = &'a str>) {
    out.push('[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        dump_canonical(out, item);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(float: f64) -> String {
        let mut out = String::new();
        dump_f64(&mut out, float);
        out
    }

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e22, "1e+22"),
            (5e-324, "5e-324"),
            (-1e-7, "-1e-07"),
            (1e100, "1e+100"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1_588_032_005.834_291, "1588032005.834291"),
            (f64::MAX, "1.7976931348623157e+308"),
        ];
        for (float, expected) in cases {
            assert_eq!(repr(float), expected);
        }
    }

    #[test]
    fn strip_removes_what_python_removes_and_nothing_else() {
        assert_eq!(strip("\u{1c}\u{1f}\u{2003} x \u{85}\u{a0}\u{3000}\r\n"), "x");
        assert_eq!(strip("\u{200b}x\u{feff}\u{180e}"), "\u{200b}x\u{feff}\u{180e}");
    }

    #[test]
    fn strings_are_escaped_as_python_escapes_them() {
        let mut out = String::new();
        dump_str(&mut out, "a\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}é\u{1f600}z");
        assert_eq!(out, "\"a\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\\u007f\\u00e9\\ud83d\\ude00z\"");
    }

    #[test]
    fn nested_values_are_dumped_again_at_every_level() {
        let value = serde_json::json!({"b": [2, 1, 2, "1"], "a": {"x": " y "}});
        assert_eq!(canonical(&value), r#"{"a": "{\"x\": \"\\\"y\\\"\"}", "b": "[\"\\\"1\\\"\", \"1\", \"2\"]"}"#);
    }
}
