//! The document of a raw record.

use serde_json::{Map, Value};

use super::canonical::canonical;
use super::measure::canonical_size;
use super::{Hash, Itype};
use crate::json;

/// The largest raw record, in bytes as BSON: what MongoDB stores in one document, with room for our own fields. One
/// bound for every store, since the same records must be accepted everywhere.
pub const MAX_RAW_BYTES: u64 = 15 * 1024 * 1024;

/// A raw record with its identity, which covers the sub-type and the data and nothing else: neither organisation nor
/// time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct RawDocument {
    /// The address.
    pub hash: Hash,
    /// The kind of record.
    pub sub_type: String,
    /// The data as received, in the one written form of JSON.
    pub data: String,
}

/// Why a record has no document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RawError {
    /// The record is larger than [`MAX_RAW_BYTES`].
    #[error("{0} bytes, a record is at most {MAX_RAW_BYTES}")]
    TooLarge(u64),
    /// A key holds NUL, which ends a key in BSON: a store that keeps BSON would keep another record.
    #[error("a key holds the character NUL, which no MongoDB archive can keep")]
    NulInKey,
    /// The canonical form, which is hashed, would be out of proportion to the record.
    #[error("nesting and quotes make the form that is hashed {0} bytes long, at most {1} for a record of this size")]
    Expands(u64, u64),
}

impl RawDocument {
    /// Makes the document of a record.
    ///
    /// # Errors
    /// When the record, or its canonical form, is too large. Checked before the form is built.
    pub fn new(sub_type: &str, data: Map<String, Value>) -> Result<Self, RawError> {
        let size = json::bson_size(&data);
        if size > MAX_RAW_BYTES {
            return Err(RawError::TooLarge(size));
        }
        let data = Value::Object(data);
        if has_nul_in_key(&data) {
            return Err(RawError::NulInKey);
        }
        let expanded = canonical_size(&data).length;
        let allowed = 64 * 1024 * 1024 + 16 * size;
        if expanded > allowed {
            return Err(RawError::Expands(expanded, allowed));
        }
        let hash = Hash::of(&[Itype::Raw.name().as_bytes(), sub_type.as_bytes(), canonical(&data).as_bytes()]);
        Ok(Self { hash, sub_type: sub_type.to_owned(), data: json::write(&data) })
    }
}

fn has_nul_in_key(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul_in_key(value)),
        Value::Array(items) => items.iter().any(has_nul_in_key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Result<RawDocument, RawError> {
        RawDocument::new("t", json::read(text.as_bytes()).unwrap().as_object().unwrap().clone())
    }

    #[test]
    fn spellings_of_white_space_and_order_are_one_record() {
        let hash = |text: &str| raw(text).unwrap().hash;
        assert_eq!(hash(r#"{"a":" x ","b":1}"#), hash(r#"{"b":1,"a":"x"}"#));
        assert_ne!(hash(r#"{"a":1}"#), hash(r#"{"a":1.0}"#));
    }

    #[test]
    fn a_record_that_no_store_could_keep_is_refused() {
        assert_eq!(raw(r#"{"a":{"b\u0000c":1}}"#), Err(RawError::NulInKey));
        assert!(raw(r#"{"a":"b\u0000c"}"#).is_ok());
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_RAW_BYTES as usize));
        assert!(matches!(raw(&large), Err(RawError::TooLarge(_))));
    }

    #[test]
    fn a_record_whose_hashed_form_would_explode_is_refused_before_it_does() {
        let depth = json::MAX_DEPTH;
        let nested = |text: &str| format!("{}\"{text}\"{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(raw(&nested("x")).is_ok());
        assert!(matches!(raw(&nested(&"\\\"".repeat(10_000))), Err(RawError::Expands(..))));
    }
}
