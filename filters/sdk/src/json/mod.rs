//! Reading the fields of a record.
//!
//! [`Object::parse`] keeps the members that a filter names and skips the rest without storing it, so that what
//! reading costs does not depend on what else a record holds. [`Object::parse_all`] is for records whose keys are
//! data. `fields` has the archive's rules for single fields.

mod fields;
mod read;

use std::borrow::Cow;

use crate::Rejection;
use crate::text::without_lone_surrogates;

/// The most values that [`Object::parse_all`], or the lists in one document together, keep. Twice what an answer can
/// hold in one object; a list of millions must not fill the guest's memory.
pub const KEPT_VALUES: usize = 8_192;

/// A JSON value, as far as it was kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`: to a filter the same as an absent member.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 64 bits with sign.
    Integer(i64),
    /// A whole number above those.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// Text, without copying it where the JSON has no escapes.
    Text(Cow<'a, str>),
    /// A list of scalars; what else is in it became [`Value::Skipped`].
    List(Vec<Value<'a>>),
    /// An object, read with the same list of keys.
    Object(Object<'a>),
    /// A list or an object that was not kept: too deep, or inside a list.
    Skipped,
}

/// A JSON object, as far as it was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    skipped: usize,
}

impl<'a> Object<'a> {
    /// Reads a JSON object and keeps the members that `keys` names, here and in objects inside; of duplicate keys the
    /// last counts. Sort `keys`: in the order of a record's own keys they are found soonest.
    ///
    /// Escapes of half a surrogate pair become U+FFFD, as in the archive's own reading of records.
    ///
    /// # Errors
    /// If `text` is not JSON, or not an object. The reason says where.
    pub fn parse(text: &'a str, keys: &'static [&'static str]) -> Result<Self, Rejection> {
        Self::read(text, Some(keys))
    }

    /// Reads a JSON object and keeps all its members, at most [`KEPT_VALUES`].
    ///
    /// # Errors
    /// If `text` is not JSON, or not an object.
    pub fn parse_all(text: &'a str) -> Result<Self, Rejection> {
        Self::read(text, None)
    }

    fn read(text: &'a str, keys: Option<&'static [&'static str]>) -> Result<Self, Rejection> {
        read::object(text, keys).or_else(|error| match without_lone_surrogates(text) {
            Some(repaired) => read::object(&repaired, keys).map(Object::into_owned),
            None => Err(error),
        })
    }

    /// The value under `key`; `None` if it is absent or `null`.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        // The last of duplicates is the one that counts.
        let (_, value) = self.members.iter().rev().find(|(name, _)| name == key)?;
        (*value != Value::Null).then_some(value)
    }

    /// The members in the order of the document.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// How many values were left out because of [`KEPT_VALUES`]. A filter that sees more than 0 says so in its log.
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// The same object, borrowing nothing: for JSON found inside a string.
    pub fn into_owned(self) -> Object<'static> {
        let members = self.members.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()));
        Object { members: members.collect(), skipped: self.skipped }
    }
}

impl Value<'_> {
    fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Unsigned(value) => Value::Unsigned(value),
            Self::Float(value) => Value::Float(value),
            Self::Text(value) => Value::Text(Cow::Owned(value.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => Value::Object(object.into_owned()),
            Self::Skipped => Value::Skipped,
        }
    }

    /// What this is, for a message.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "true or false",
            Self::Integer(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Skipped => "a list or an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_that_were_asked_for_are_kept() {
        let object = Object::parse(r#"{"a": 1, "b": {"deep": [1]}, "c": "x"}"#, &["c", "a"]).unwrap();
        assert_eq!(object.members().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(object.get("b"), None);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let object = Object::parse(r#"{"a": "plain", "b": "\u00e9"}"#, &["a", "b"]).unwrap();
        assert!(matches!(object.get("a"), Some(Value::Text(Cow::Borrowed("plain")))));
        assert!(matches!(object.get("b"), Some(Value::Text(Cow::Owned(text))) if text == "é"));
    }

    #[test]
    fn of_duplicate_keys_the_last_counts_and_null_is_absent() {
        let text = r#"{"a": 1, "b": 2, "a": 3, "b": null}"#;
        for object in [Object::parse(text, &["a", "b"]).unwrap(), Object::parse_all(text).unwrap()] {
            assert_eq!(object.get("a"), Some(&Value::Integer(3)));
            assert_eq!(object.get("b"), None);
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        let object = Object::parse_all(r#"{"a": 9223372036854775807, "b": 9223372036854775808, "c": 1.0, "d": -1}"#).unwrap();
        let values: Vec<_> = object.members().map(|(_, value)| value.clone()).collect();
        assert_eq!(values, [Value::Integer(i64::MAX), Value::Unsigned(1 << 63), Value::Float(1.0), Value::Integer(-1)]);
    }

    #[test]
    fn half_a_surrogate_pair_does_not_cost_the_record() {
        let object = Object::parse(r#"{"a": "x\ud800y"}"#, &["a"]).unwrap();
        assert_eq!(object.get("a"), Some(&Value::Text("x\u{fffd}y".into())));
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_place() {
        for text in ["", "{", "[]", "\"x\"", "null", "{\"a\": 1} x", "not json", "{\"a\": 1e999}"] {
            let reason = Object::parse(text, &["a"]).unwrap_err().reason;
            assert!(reason.starts_with("expected a JSON object, found "), "{text}: {reason}");
        }
    }

    #[test]
    fn deep_nesting_and_long_lists_are_skipped() {
        let deep = format!(r#"{{"a": {}1{}, "b": [[1], 2]}}"#, "{\"a\":".repeat(100), "}".repeat(100));
        let object = Object::parse(&deep, &["a", "b"]).unwrap();
        assert_eq!(object.get("b"), Some(&Value::List(vec![Value::Skipped, Value::Integer(2)])));
        let long = format!(r#"{{"a": [{}0], "b": 1}}"#, "0,".repeat(20_000));
        let object = Object::parse(&long, &["a", "b"]).unwrap();
        assert_eq!(object.skipped(), 20_001 - KEPT_VALUES);
        assert_eq!(object.get("b"), Some(&Value::Integer(1)));
    }
}
