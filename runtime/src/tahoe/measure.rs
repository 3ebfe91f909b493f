//! How large a canonical form will be, before it is written.
//!
//! Each level of nesting escapes the one below, so the form grows exponentially with depth: a few hundred bytes can
//! stand for gigabytes. What matters at the next level is the length and the number of quotes and backslashes, so the
//! exact size can be computed from the leaves up, in time proportional to the value. All arithmetic saturates.

use serde_json::Value;

use super::canonical::strip;
use crate::json::plain_prefix;

/// The size of a text of ASCII, as far as dumping it again depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes.
    pub length: u64,
    quotes: u64,
    backslashes: u64,
}

impl Size {
    /// A text of this length without a quote or backslash.
    #[must_use]
    pub const fn plain(length: u64) -> Self {
        Self { length, quotes: 0, backslashes: 0 }
    }

    /// Of a string after `dump_str`, unstripped.
    #[must_use]
    pub fn of_str(text: &str) -> Self {
        let mut size = Self { length: 2, quotes: 2, backslashes: 0 };
        let mut rest = text;
        loop {
            let (plain, from) = rest.split_at(plain_prefix(rest));
            size.length += plain.len() as u64;
            let mut chars = from.chars();
            let Some(c) = chars.next() else { return size };
            rest = chars.as_str();
            let (length, quotes, backslashes) = match c {
                '"' => (2, 1, 1),
                '\\' => (2, 0, 2),
                '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => (2, 0, 1),
                _ if c.len_utf16() == 2 => (12, 0, 2),
                _ => (6, 0, 1),
            };
            size = size + Self { length, quotes, backslashes };
        }
    }

    /// Of the text after it was dumped as a string.
    #[must_use]
    pub const fn dumped(self) -> Self {
        Self {
            length: self.length.saturating_add(self.quotes).saturating_add(self.backslashes).saturating_add(2),
            quotes: self.quotes.saturating_add(2),
            backslashes: self.backslashes.saturating_mul(2).saturating_add(self.quotes),
        }
    }

    /// Of a list of canonical forms, given the sum of their dumped sizes.
    #[must_use]
    pub fn list(dumped: Self, items: u64) -> Self {
        dumped + Self::plain(items.saturating_mul(2).max(2))
    }
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            length: self.length.saturating_add(other.length),
            quotes: self.quotes.saturating_add(other.quotes),
            backslashes: self.backslashes.saturating_add(other.backslashes),
        }
    }
}

/// The size of `canonical(value)`, or a little more: duplicates in lists are counted. Recurses as deep as the value
/// nests.
#[must_use]
pub fn canonical_size(value: &Value) -> Size {
    match value {
        Value::Null | Value::Bool(true) => Size::plain(4),
        Value::Bool(false) => Size::plain(5),
        // The longest that a 64-bit integer or the repr of a double can be.
        Value::Number(_) => Size::plain(24),
        Value::String(text) => Size::of_str(strip(text)),
        Value::Array(items) => {
            let dumped = items.iter().fold(Size::default(), |sum, item| sum + canonical_size(item).dumped());
            Size::list(dumped, items.len() as u64)
        }
        Value::Object(map) => map
            .iter()
            .fold(Size::plain(2), |sum, (key, item)| sum + Size::of_str(key) + canonical_size(item).dumped() + Size::plain(4)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tahoe::canonical::canonical;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\"\\\\\n\u{7f}é😀 a]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_size_is_never_less_than_the_form_and_for_strings_exact(value in any_value(), text: String) {
            prop_assert!(canonical(&value).len() as u64 <= canonical_size(&value).length);
            let nested = serde_json::json!({"k": {"k": {"k": text}}});
            prop_assert_eq!(canonical(&nested).len() as u64 + 3 * 2, canonical_size(&nested).length);
        }
    }

    #[test]
    fn depth_that_would_take_more_memory_than_there_is_saturates_instead() {
        let mut size = Size::of_str("\"\"\"");
        for _ in 0..100 {
            size = size.dumped();
        }
        assert_eq!(size.length, u64::MAX);
    }
}
