//! The canonical form that hashes are made of: Python's `json.dumps` with its defaults, applied inside out.

use serde_json::Value;

use crate::json::{dump_str, plain_prefix, write_number};

/// Removes from both ends what Python's `str.strip()` removes: Unicode White_Space and U+001C to U+001F.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

/// As [`dump_str`] for text that is already canonical: ASCII, no control characters.
pub fn dump_canonical(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text, r#"\""#, r"\\");
    out.push('"');
}

/// A canonical form as an entry of a list in an object: as [`dump_canonical`] for the list, and escaped once more with the
/// list.
pub fn dump_entry(out: &mut String, text: &str) {
    out.push_str(r#"\""#);
    escape(out, text, r#"\\\""#, r"\\\\");
    out.push_str(r#"\""#);
}

fn escape(out: &mut String, text: &str, quote: &str, backslash: &str) {
    let mut rest = text;
    loop {
        let (plain, from) = rest.split_at(plain_prefix(rest));
        out.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            None => return,
            Some('"') => out.push_str(quote),
            Some('\\') => out.push_str(backslash),
            Some(other) => out.push(other),
        }
        rest = chars.as_str();
    }
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

    proptest::proptest! {
        #[test]
        fn an_entry_is_what_dumping_a_list_and_dumping_that_makes_of_it(text in "[ -~]{0,40}") {
            let (mut list, mut dumped, mut with_entry) = (String::new(), String::new(), String::from("\"["));
            write_list(&mut list, [text.as_str(), text.as_str()].into_iter());
            dump_canonical(&mut dumped, &list);
            dump_entry(&mut with_entry, &text);
            with_entry.push_str(", ");
            dump_entry(&mut with_entry, &text);
            with_entry.push_str("]\"");
            proptest::prop_assert_eq!(with_entry, dumped);
        }
    }

    #[test]
    fn nested_values_are_dumped_again_at_every_level() {
        let value = serde_json::json!({"b": [2, 1, 2, "1"], "a": {"x": " y "}});
        assert_eq!(canonical(&value), r#"{"a": "{\"x\": \"\\\"y\\\"\"}", "b": "[\"\\\"1\\\"\", \"1\", \"2\"]"}"#);
    }
}
