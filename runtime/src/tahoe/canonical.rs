//! The canonical form that hashes are made of: Python's `json.dumps` with its defaults, applied inside out.

use serde_json::Value;

use crate::json::{dump_str, write_number};

/// Removes from both ends what Python's `str.strip()` removes: Unicode White_Space and U+001C to U+001F.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
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

    #[test]
    fn strip_removes_what_python_removes_and_nothing_else() {
        assert_eq!(strip("\u{1c}\u{1f}\u{2003} x \u{85}\u{a0}\u{3000}\r\n"), "x");
        assert_eq!(strip("\u{200b}x\u{feff}\u{180e}"), "\u{200b}x\u{feff}\u{180e}");
    }

    #[test]
    fn nested_values_are_dumped_again_at_every_level() {
        let value = serde_json::json!({"b": [2, 1, 2, "1"], "a": {"x": " y "}});
        assert_eq!(canonical(&value), r#"{"a": "{\"x\": \"\\\"y\\\"\"}", "b": "[\"\\\"1\\\"\", \"1\", \"2\"]"}"#);
    }
}
