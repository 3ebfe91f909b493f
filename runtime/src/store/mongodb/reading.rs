//! What the values of an archive mean that others wrote: every BSON value has a reading, whatever it is.

use std::cmp::Ordering;

use base64::Engine as _;
use mongodb::bson::{Bson, DateTime, Document, oid::ObjectId};
use serde_json::{Map, Number, Value};

use crate::json;
use crate::tahoe::{Category, Hash};

/// A value as JSON: dates as ISO text, binary as base64, ObjectIds as hex; what else JSON lacks, as text.
pub(super) fn value(bson: &Bson) -> Value {
    match bson {
        Bson::Double(float) => Number::from_f64(*float).map_or_else(|| Value::from(not_finite(*float)), Value::Number),
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => Value::from(text.as_str()),
        Bson::Array(items) => Value::Array(items.iter().map(value).collect()),
        Bson::Document(document) => object(document),
        Bson::Boolean(boolean) => Value::Bool(*boolean),
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Int32(integer) => Value::from(*integer),
        Bson::Int64(integer) => Value::from(*integer),
        Bson::ObjectId(id) => Value::from(id.to_hex()),
        Bson::DateTime(time) => Value::from(iso(*time)),
        Bson::Binary(binary) => Value::from(base64::engine::general_purpose::STANDARD.encode(&binary.bytes)),
        Bson::Decimal128(decimal) => Value::from(decimal.to_string()),
        Bson::RegularExpression(regex) => Value::from(regex.pattern.as_str()),
        Bson::JavaScriptCodeWithScope(code) => Value::from(code.code.as_str()),
        Bson::Timestamp(stamp) => Value::from(stamp.time),
        Bson::MinKey => Value::from("MinKey"),
        Bson::MaxKey => Value::from("MaxKey"),
        Bson::DbPointer(_) => Value::from("DBPointer"),
    }
}

/// A year that has no four digits has no ISO text: the milliseconds then, where the library would show another time.
fn iso(time: DateTime) -> String {
    const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;
    let millis = time.timestamp_millis();
    let text = YEARS.contains(&millis).then(|| time.try_to_rfc3339_string().ok()).flatten();
    text.unwrap_or_else(|| millis.to_string())
}

fn not_finite(float: f64) -> &'static str {
    match float {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// A document as a JSON object.
pub(super) fn object(document: &Document) -> Value {
    Value::Object(document.iter().map(|(key, item)| (key.clone(), value(item))).collect::<Map<_, _>>())
}

/// A field that should be text. What is none is read as the text that an export would show.
pub(super) fn text(bson: Option<&Bson>) -> String {
    match bson {
        None | Some(Bson::Null | Bson::Undefined) => String::new(),
        Some(bson) => match value(bson) {
            Value::String(text) => text,
            other => json::write(&other),
        },
    }
}

/// A field that should be a finite number.
pub(super) fn number(bson: Option<&Bson>) -> Option<f64> {
    match bson? {
        Bson::Double(float) if float.is_finite() => Some(*float),
        Bson::Int32(integer) => Some(f64::from(*integer)),
        // As precise as seconds since the epoch need.
        Bson::Int64(integer) => Some(*integer as f64),
        Bson::DateTime(time) => Some(time.timestamp_millis() as f64 / 1000.0),
        _ => None,
    }
}

/// An integer of our own.
pub(super) fn count(document: &Document, field: &str) -> u64 {
    match document.get(field) {
        Some(Bson::Int32(integer)) => u64::try_from(*integer).unwrap_or(0),
        Some(Bson::Int64(integer)) => u64::try_from(*integer).unwrap_or(0),
        _ => 0,
    }
}

/// A field that should be a hash: 64 lower-case hexadecimal digits.
pub(super) fn hash(bson: Option<&Bson>) -> Option<Hash> {
    match bson? {
        Bson::String(text) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => text.parse().ok(),
        _ => None,
    }
}

/// A field that should be a list of hashes; what is none in it is left out.
pub(super) fn hashes(bson: Option<&Bson>) -> Vec<Hash> {
    match bson {
        Some(Bson::Array(items)) => items.iter().filter_map(|item| hash(Some(item))).collect(),
        single => hash(single).into_iter().collect(),
    }
}

/// A field that should be a list of texts.
pub(super) fn texts(bson: Option<&Bson>) -> Vec<String> {
    match bson {
        Some(Bson::Array(items)) => items.iter().map(|item| text(Some(item))).collect(),
        None | Some(Bson::Null | Bson::Undefined) => Vec::new(),
        single => vec![text(single)],
    }
}

/// An event's category; `None` where there is none that we know.
pub(super) fn category(bson: Option<&Bson>) -> Option<Category> {
    match bson? {
        Bson::String(name) => Category::ALL.into_iter().find(|category| category.name() == name),
        _ => None,
    }
}

/// Whether a document is hidden from everyone: `_valid` is `false`.
pub(super) fn hidden(document: &Document) -> bool {
    matches!(document.get("_valid"), Some(Bson::Boolean(false)))
}

/// The time in an ObjectId, Unix seconds.
pub(super) fn time_of(id: &ObjectId) -> f64 {
    let [a, b, c, d, ..] = id.bytes();
    f64::from(u32::from_be_bytes([a, b, c, d]))
}

/// The order of `_id`s, as MongoDB compares them: of two documents of one hash the lower is the one that is written.
pub(super) fn compare_ids(one: &Bson, other: &Bson) -> Ordering {
    let rank = |id: &Bson| match id {
        Bson::MinKey => 0,
        Bson::Undefined | Bson::Null => 1,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => 2,
        Bson::String(_) | Bson::Symbol(_) => 3,
        Bson::Document(_) => 4,
        Bson::Array(_) => 5,
        Bson::Binary(_) => 6,
        Bson::ObjectId(_) => 7,
        Bson::Boolean(_) => 8,
        Bson::DateTime(_) => 9,
        _ => 10,
    };
    rank(one).cmp(&rank(other)).then_with(|| match (one, other) {
        (Bson::ObjectId(one), Bson::ObjectId(other)) => one.cmp(other),
        (Bson::String(one), Bson::String(other)) => one.as_bytes().cmp(other.as_bytes()),
        (one, other) => match (number(Some(one)), number(Some(other))) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            // Any order will do, as long as all agree on it.
            _ => one.to_string().cmp(&other.to_string()),
        },
    })
}

/// A JSON value as the original's driver would have written it: integers in 32 bits where they fit.
pub(super) fn bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(boolean) => Bson::Boolean(*boolean),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => i32::try_from(integer).map_or(Bson::Int64(integer), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or(0.0)),
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(items) => Bson::Array(items.iter().map(bson).collect()),
        Value::Object(map) => Bson::Document(map.iter().map(|(key, item)| (key.clone(), bson(item))).collect()),
    }
}

/// `data`, which is JSON text in the one written form.
pub(super) fn bson_of_text(data: &str) -> Bson {
    // It was written by our own writer; text that is no JSON would be kept as text.
    serde_json::from_str(data).map_or_else(|_| Bson::from(data), |value: Value| bson(&value))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Binary, Decimal128, Timestamp, doc, spec::BinarySubtype};

    use super::*;

    #[test]
    fn what_json_lacks_has_a_reading() {
        let id = ObjectId::parse_str("5f0000000102030405060708").unwrap();
        let strange = doc! {
            "date": DateTime::from_millis(1_600_000_000_123), "late": DateTime::from_millis(i64::MAX),
            "binary": Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 255] }, "id": id, "nan": f64::NAN, "low": f64::NEG_INFINITY,
            "decimal": "1.10".parse::<Decimal128>().unwrap(), "stamp": Timestamp { time: 7, increment: 1 }, "min": Bson::MinKey,
            "list": [1_i64 << 40, -0.0, Bson::Undefined],
        };
        assert_eq!(
            json::write(&object(&strange)),
            r#"{"binary":"AP8=","date":"2020-09-13T12:26:40.123Z","decimal":"1.10","id":"5f0000000102030405060708","late":"9223372036854775807","list":[1099511627776,-0.0,null],"low":"-Infinity","min":"MinKey","nan":"NaN","stamp":7}"#
        );
        assert_eq!(text(Some(&Bson::ObjectId(id))), "5f0000000102030405060708");
        assert_eq!((text(Some(&Bson::Int32(7))), text(None)), ("7".to_owned(), String::new()));
        assert_eq!(time_of(&id), f64::from(0x5f00_0000));
    }

    #[test]
    fn ids_are_ordered_by_kind_and_then_by_value() {
        let id = |text| Bson::ObjectId(ObjectId::parse_str(text).unwrap());
        let mut ids = vec![
            id("5f0000000102030405060708"),
            Bson::from("b"),
            id("4f0000000102030405060708"),
            Bson::from("a"),
            Bson::Int32(3),
        ];
        ids.sort_by(compare_ids);
        assert_eq!(
            ids,
            [Bson::Int32(3), Bson::from("a"), Bson::from("b"), id("4f0000000102030405060708"), id("5f0000000102030405060708")]
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_text(text in "[ -~\u{0}-\u{1f}é😀]{0,20}", integer: i64, float in proptest::num::f64::NORMAL) {
            let value = serde_json::json!({ "t": [text, integer, float, null], "o": { "x": true } });
            proptest::prop_assert_eq!(json::write(&super::value(&bson(&value))), json::write(&value));
        }
    }
}
