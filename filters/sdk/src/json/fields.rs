//! The archive's rules for single fields.
//!
//! Numbers arrive as text and text as numbers, depending on what shipped the record: where text belongs a number
//! becomes its digits, and where a whole number belongs digits become one. `null` is absent. A list or an object
//! where a scalar belongs is a mangled record, and rejects it.

use std::borrow::Cow;

use super::{Object, Value};
use crate::text::{quoted, strip};
use crate::{Rejection, Scalar};

impl Object<'_> {
    /// The text under `key`, numbers as their digits; `None` if it is absent.
    ///
    /// # Errors
    /// If it is a list or an object.
    pub fn text(&self, key: &str) -> Result<Option<Cow<'_, str>>, Rejection> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value {
            Value::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Value::Boolean(value) => Ok(Some(Cow::Borrowed(if *value { "true" } else { "false" }))),
            Value::Integer(value) => Ok(Some(value.to_string().into())),
            Value::Unsigned(value) => Ok(Some(value.to_string().into())),
            Value::Float(value) => Ok(Some(digits(*value).into())),
            Value::Null | Value::List(_) | Value::Object(_) | Value::Skipped => Err(unexpected(key, "text", value)),
        }
    }

    /// As [`Object::text`], for a field that must be there.
    ///
    /// # Errors
    /// Also if it is absent or `null`.
    pub fn required_text(&self, key: &str) -> Result<Cow<'_, str>, Rejection> {
        self.text(key)?.ok_or_else(|| missing(key))
    }

    /// As [`Object::text`], where nothing but white space is as good as absent.
    ///
    /// # Errors
    /// If it is a list or an object.
    pub fn filled_text(&self, key: &str) -> Result<Option<Cow<'_, str>>, Rejection> {
        Ok(self.text(key)?.filter(|text| !strip(text).is_empty()))
    }

    /// The scalar under `key` where a whole number belongs: digits, or a float without a fraction, become an integer;
    /// anything else stays what it is.
    ///
    /// # Errors
    /// If it is a list or an object.
    pub fn whole_number(&self, key: &str) -> Result<Option<Scalar>, Rejection> {
        let Some(value) = self.get(key) else { return Ok(None) };
        Ok(Some(match value {
            Value::Text(text) => match parse_digits(strip(text)) {
                Some(number) => Scalar::Integer(number),
                None => Scalar::Text(text.to_string()),
            },
            Value::Boolean(value) => Scalar::Boolean(*value),
            Value::Integer(value) => Scalar::Integer(*value),
            Value::Unsigned(value) => Scalar::Text(value.to_string()),
            Value::Float(value) => as_whole(*value).map_or(Scalar::Float(*value), Scalar::Integer),
            Value::Null | Value::List(_) | Value::Object(_) | Value::Skipped => return Err(unexpected(key, "a number", value)),
        }))
    }

    /// As [`Object::whole_number`], for a field that must be there.
    ///
    /// # Errors
    /// Also if it is absent or `null`.
    pub fn required_whole_number(&self, key: &str) -> Result<Scalar, Rejection> {
        self.whole_number(key)?.ok_or_else(|| missing(key))
    }

    /// The finite number under `key`, or in the text under it.
    ///
    /// # Errors
    /// If it is anything else, `nan` and numbers beyond a float's range included.
    pub fn number(&self, key: &str) -> Result<Option<f64>, Rejection> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(unexpected(key, "a number", value)),
        }
    }

    /// The scalars of the list under `key`: none if it is absent, one if it is itself a scalar.
    ///
    /// # Errors
    /// If it is an object, or something in it is not a scalar.
    pub fn texts(&self, key: &str) -> Result<Vec<Cow<'_, str>>, Rejection> {
        let Some(Value::List(items)) = self.get(key) else { return Ok(self.text(key)?.into_iter().collect()) };
        items.iter().filter(|item| **item != Value::Null).map(|item| item_text(key, item)).collect()
    }
}

impl Value<'_> {
    /// The number that this is, or that its text is; finite.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            // JSON's grammar of numbers knows no `nan` and no `inf`, and its reader refuses what overflows.
            Self::Text(text) => serde_json::from_str(strip(text)).ok(),
            Self::Null | Self::Boolean(_) | Self::List(_) | Self::Object(_) | Self::Skipped => None,
        }
    }
}

fn item_text<'v>(key: &str, item: &'v Value<'_>) -> Result<Cow<'v, str>, Rejection> {
    match item {
        Value::Text(text) => Ok(Cow::Borrowed(text)),
        Value::Integer(value) => Ok(value.to_string().into()),
        other => Err(unexpected(key, "a list of texts", other)),
    }
}

fn missing(key: &str) -> Rejection {
    Rejection::new(format!("expected `{key}`, which is absent or null"))
}

fn unexpected(key: &str, expected: &str, found: &Value<'_>) -> Rejection {
    match found {
        Value::Text(text) => Rejection::new(format!("expected `{key}` to be {expected}, found {}", quoted(text))),
        _ => Rejection::new(format!("expected `{key}` to be {expected}, found {}", found.kind())),
    }
}

/// A float as JSON writes it.
fn digits(value: f64) -> String {
    serde_json::Number::from_f64(value).map_or_else(String::new, |number| number.to_string())
}

fn parse_digits(text: &str) -> Option<i64> {
    // `str::parse` alone would also take signs.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn as_whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: above it a float no longer names one integer.
    (value.abs() <= EXACT && value % 1.0 == 0.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object<'_> {
        Object::parse_all(text).unwrap()
    }

    #[test]
    fn where_text_belongs_a_number_becomes_its_digits() {
        let object = object(r#"{"a": 123456, "b": 1.5, "c": true, "d": "x", "e": null, "f": 18446744073709551615}"#);
        for (key, expected) in [("a", "123456"), ("b", "1.5"), ("c", "true"), ("d", "x"), ("f", "18446744073709551615")] {
            assert_eq!(object.text(key).unwrap().as_deref(), Some(expected));
        }
        assert_eq!(object.text("e"), Ok(None));
        assert_eq!(object.required_text("e").unwrap_err().reason, "expected `e`, which is absent or null");
    }

    #[test]
    fn where_a_number_belongs_digits_become_one() {
        let object =
            object(r#"{"a": "443", "b": 443.0, "c": " 0 ", "d": "-1", "e": "http", "f": "99999999999999999999", "g": 1.5}"#);
        let read = |key| object.required_whole_number(key).unwrap();
        assert_eq!(read("a"), Scalar::Integer(443));
        assert_eq!(read("b"), Scalar::Integer(443));
        assert_eq!(read("c"), Scalar::Integer(0));
        assert_eq!(read("d"), Scalar::Text("-1".to_owned()));
        assert_eq!(read("e"), Scalar::Text("http".to_owned()));
        assert_eq!(read("f"), Scalar::Text("99999999999999999999".to_owned()));
        assert_eq!(read("g"), Scalar::Float(1.5));
    }

    #[test]
    fn a_number_is_finite_and_decimal() {
        let object = object(
            r#"{"a": "12.3", "b": 12, "c": 0.0015184879302978516, "d": " 1e3 ", "x1": "nan", "x2": "Infinity", "x3": "1e999", "x4": "", "x5": true, "x6": "0x10", "x7": [1]}"#,
        );
        for (key, expected) in [("a", 12.3), ("b", 12.0), ("c", 0.001_518_487_930_297_851_6), ("d", 1000.0)] {
            assert_eq!(object.number(key), Ok(Some(expected)));
        }
        for key in ["x1", "x2", "x3", "x4", "x5", "x6", "x7"] {
            assert!(object.number(key).is_err(), "{key}");
        }
        assert_eq!(object.number("x1").unwrap_err().reason, "expected `x1` to be a number, found \"nan\"");
    }

    #[test]
    fn a_list_or_an_object_is_no_scalar() {
        let object = object(r#"{"a": {"b": 1}, "c": [], "d": ["x", 1, null], "e": "x", "f": [[]]}"#);
        assert_eq!(object.text("a").unwrap_err().reason, "expected `a` to be text, found an object");
        assert!(object.whole_number("c").is_err());
        assert_eq!(object.texts("d").unwrap(), ["x", "1"]);
        assert_eq!(object.texts("e").unwrap(), ["x"]);
        assert!(object.texts("f").is_err() && object.texts("a").is_err());
        assert!(object.texts("c").unwrap().is_empty() && object.texts("g").unwrap().is_empty());
    }

    #[test]
    fn white_space_alone_is_as_good_as_absent() {
        let object = object(r#"{"a": " \u001c", "b": " x"}"#);
        assert_eq!(object.filled_text("a"), Ok(None));
        assert_eq!(object.filled_text("b").unwrap().as_deref(), Some(" x"));
    }
}
