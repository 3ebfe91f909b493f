//! The value of an attribute.

use serde::{Deserialize, Serialize};

use super::{Hash, Itype, canonical};
use crate::json::{dump_f64, dump_str};

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
    /// The address of the attribute of this sub-type with this value.
    #[must_use]
    pub fn attribute_hash(&self, sub_type: &str) -> Hash {
        let mut canonical = String::new();
        self.write_canonical(&mut canonical);
        Hash::of(&[Itype::Attribute.name().as_bytes(), sub_type.as_bytes(), canonical.as_bytes()])
    }

    /// What a person may mean who types this: text, and a number or a truth value if it reads as one.
    #[must_use]
    pub fn readings(typed: &str) -> Vec<Self> {
        let mut readings = vec![Self::Text(typed.to_owned())];
        readings.extend(typed.parse().ok().map(Self::Integer));
        let float = typed.parse::<f64>().ok().filter(|float| float.is_finite());
        readings.extend(float.map(Self::Float));
        readings.extend(typed.parse().ok().map(Self::Boolean));
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
