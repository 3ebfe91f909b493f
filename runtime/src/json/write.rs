//! The writer: one output for a value, whoever asks. Text and numbers are written as Python's `json.dumps` does,
//! which is also what hashes are made of.

use serde_json::{Map, Number, Value};

/// Writes a value the one way: keys sorted by code point, no blanks, ASCII with `\uXXXX`, floats as Python's
/// `repr`, lists in their order.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    write_into(&mut out, value);
    out
}

fn write_into(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => dump_str(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_into(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                dump_str(out, key);
                out.push(':');
                write_into(out, item);
            }
            out.push('}');
        }
    }
}

/// Writes a number as Python's `json.dumps` does.
pub fn write_number(out: &mut String, number: &Number) {
    use std::fmt::Write as _;
    if let Some(integer) = number.as_i64() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{integer}");
    } else if let Some(integer) = number.as_u64() {
        let _ = write!(out, "{integer}");
    } else {
        dump_f64(out, number.as_f64().unwrap_or(0.0));
    }
}

/// The number of bytes that a value takes as BSON, every number counted as 8.
#[must_use]
pub fn bson_size(map: &Map<String, Value>) -> u64 {
    5 + map.iter().map(|(key, value)| key.len() as u64 + 2 + bson_value_size(value)).sum::<u64>()
}

fn bson_value_size(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 5,
        Value::Object(map) => bson_size(map),
        // The keys of an array are its indices in decimal; seven digits is more than fits in 16 MiB.
        Value::Array(items) => 5 + items.iter().map(|item| 9 + bson_value_size(item)).sum::<u64>(),
    }
}

/// The bytes at the begin of a text that [`dump_str`] writes as they are. In most texts that is all, hence many at a time.
#[must_use]
pub fn plain_prefix(text: &str) -> usize {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') & (*byte != b'"') & (*byte != b'\\');
    // Without a way out of the loop within: so it becomes a handful of instructions.
    let all_plain = |chunk: &&[u8; 16]| chunk.iter().fold(true, |plain, byte| plain & is_plain(byte));
    let (chunks, _) = text.as_bytes().as_chunks();
    let plain = chunks.iter().take_while(all_plain).count() * 16;
    plain + text.bytes().skip(plain).take_while(is_plain).count()
}

/// Writes a string as Python's `json.dumps` does: quoted, ASCII only.
pub fn dump_str(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        // What is plain is ASCII, so this is a boundary.
        let (plain, from) = rest.split_at(plain_prefix(rest));
        out.push_str(plain);
        let mut chars = from.chars();
        let Some(c) = chars.next() else { break };
        rest = chars.as_str();
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
    fn what_is_not_plain_is_found_wherever_it_stands() {
        assert_eq!(plain_prefix(""), 0);
        for other in ["\"", "\\", "\u{1f}", "\u{7f}", "é", "\u{1f600}"] {
            for at in 0..50 {
                let plain: String = (' '..='~').filter(|c| !"\"\\".contains(*c)).cycle().skip(at).take(at).collect();
                assert_eq!(plain_prefix(&plain), at);
                assert_eq!(plain_prefix(&format!("{plain}{other}x")), at, "{other:?}");
            }
        }
    }

    #[test]
    fn strings_are_escaped_as_python_escapes_them() {
        let mut out = String::new();
        dump_str(&mut out, "a\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}é\u{1f600}z");
        assert_eq!(out, "\"a\\\"\\\\/\\n\\r\\t\\b\\f\\u0000\\u001f\\u007f\\u00e9\\ud83d\\ude00z\"");
    }
}
