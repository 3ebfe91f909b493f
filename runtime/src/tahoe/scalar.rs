//! The value of an attribute.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical;
use crate::json::{self, dump_f64, dump_str};

/// A scalar as Tahoe has it: 1 and 1.0 are different values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A float. From an unchecked answer it may be any; in a document it is finite.
    Float(f64),
    /// Text, not yet stripped.
    Text(String),
}

impl Scalar {
    /// All scalars that a person may mean by a text: the text, and if it reads as a JSON number, `true`, `false` or
    /// `null`, that. A whole number may be stored as an integer or as a float.
    #[must_use]
    pub fn readings(text: &str) -> Vec<Self> {
        let mut readings = vec![Self::Text(text.to_owned())];
        // Not text that holds other JSON, however deep.
        match json::read(text.as_bytes()) {
            Ok(Value::Null) => readings.push(Self::Null),
            Ok(Value::Bool(boolean)) => readings.push(Self::Boolean(boolean)),
            Ok(Value::Number(number)) => {
                readings.extend(number.as_i64().map(Self::Integer));
                readings.extend(number.as_f64().map(Self::Float));
            }
            _ => {}
        }
        readings
    }

    /// Whether this is a number, for the rule on sub-types that end in a digit.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float(_))
    }

    /// `canonical(data)`, which is also the stored form as JSON text: text is stripped, all is ASCII.
    pub fn write_canonical(&self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(true) => out.push_str("true"),
            Self::Boolean(false) => out.push_str("false"),
            // Writing to a String cannot fail.
            Self::Integer(integer) => drop(write!(out, "{integer}")),
            Self::Float(float) => dump_f64(out, *float),
            Self::Text(text) => dump_str(out, canonical::strip(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_also_stand_for_a_number_or_a_constant() {
        let text = |text: &str| Scalar::Text(text.to_owned());
        assert_eq!(Scalar::readings("22"), [text("22"), Scalar::Integer(22), Scalar::Float(22.0)]);
        assert_eq!(Scalar::readings("2.50"), [text("2.50"), Scalar::Float(2.5)]);
        assert_eq!(Scalar::readings(" true "), [text(" true "), Scalar::Boolean(true)]);
        assert_eq!(Scalar::readings("null"), [text("null"), Scalar::Null]);
        for other in ["", "022", "1e999", "99999999999999999999", "192.0.2.1", "\"22\"", "[22]", "NaN"] {
            assert_eq!(Scalar::readings(other), [text(other)], "{other}");
        }
    }
}
