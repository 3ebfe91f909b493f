//! The text of one record to its document.

use serde_json::{Map, Value};

use super::array::is_blank as is_blank_byte;
use super::lines::BOM;
use crate::json::{self, JsonError};
use crate::tahoe::RawDocument;
use crate::tahoe::raw::{MAX_RAW_BYTES, RawError};

/// The longest text of one record, in bytes. The bound on what is stored holds for what is read as well: a text is
/// taken into memory before its stored size is known.
pub(super) const MAX_TEXT: u64 = MAX_RAW_BYTES;

/// Why a text of that many bytes is refused unread.
pub(super) fn too_large(bytes: u64) -> String {
    RawError::TooLarge(bytes).to_string()
}

/// Whether there is nothing in a text but what JSON calls white space.
pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|&byte| is_blank_byte(byte))
}

/// The document of a JSON object, or why it has none.
pub(super) fn from_json(sub_type: &str, text: &[u8]) -> Result<RawDocument, String> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if is_blank(text) {
        return Err("expected a JSON object, found nothing".to_owned());
    }
    match json::read(text) {
        Ok(Value::Object(data)) => document(sub_type, data),
        Ok(other) => Err(format!("expected a JSON object, found {}", name(&other))),
        // A person looks at the line of the file, and the parser counts from the record.
        Err(JsonError::Syntax(reason)) if !text.contains(&b'\n') => {
            Err(JsonError::Syntax(reason.replace(" at line 1 column ", " at column ")).to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The document of a source that is not JSON: byte for byte, so that a digest over the text is
/// that of the file.
pub(super) fn from_text(sub_type: &str, bytes: Vec<u8>) -> Result<RawDocument, String> {
    let mut data = Map::new();
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        data.insert("encoding".to_owned(), "latin-1".into());
        error.as_bytes().iter().map(|&byte| char::from(byte)).collect()
    });
    data.insert("data".to_owned(), text.into());
    document(sub_type, data)
}

fn document(sub_type: &str, data: Map<String, Value>) -> Result<RawDocument, String> {
    RawDocument::new(sub_type, data).map_err(|error| error.to_string())
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_a_record() {
        for (text, found) in [
            ("null", "null"),
            ("true", "true or false"),
            ("1", "a number"),
            ("\"x\"", "a string"),
            ("[{}]", "an array"),
            (" \n", "nothing"),
        ] {
            assert_eq!(from_json("t", text.as_bytes()), Err(format!("expected a JSON object, found {found}")));
        }
        assert_eq!(from_json("t", b"\xEF\xBB\xBF{ \"a\": 1 }\r\n").unwrap().data, r#"{"a":1}"#);
    }

    #[test]
    fn a_reason_counts_columns_of_the_line_and_lines_only_where_there_are_some() {
        assert_eq!(from_json("t", b"{\"a\":x}"), Err("not JSON: expected value at column 6".to_owned()));
        assert_eq!(from_json("t", b"{\n\"a\":x}"), Err("not JSON: expected value at line 2 column 5".to_owned()));
    }

    #[test]
    fn text_keeps_every_byte() {
        let text = "\u{feff}http://example.com/\r\n\0\u{1b}\u{2028}\n";
        let data = from_text("t", text.as_bytes().to_vec()).unwrap().data;
        assert_eq!(json::read(data.as_bytes()).unwrap(), serde_json::json!({ "data": text }));
    }

    #[test]
    fn bytes_that_are_not_utf8_come_back_from_latin_1() {
        let all: Vec<u8> = (0..=255).collect();
        let data = json::read(from_text("t", all.clone()).unwrap().data.as_bytes()).unwrap();
        assert_eq!(data.get("encoding"), Some(&Value::from("latin-1")));
        let back: Vec<u8> = data.get("data").unwrap().as_str().unwrap().chars().map(|c| u8::try_from(c).unwrap()).collect();
        assert_eq!(back, all);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_document_as_text_and_a_document_or_a_reason_as_json(bytes: Vec<u8>) {
            let _ = from_json("t", &bytes);
            proptest::prop_assert!(from_text("t", bytes).is_ok());
        }
    }
}
