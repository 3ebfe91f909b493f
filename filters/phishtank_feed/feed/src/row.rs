//! An entry with named values, read leniently: what is text in one feed is a number in the next.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most rows inside one row that are kept: an event takes no more children.
const NESTED: usize = 1_024;

/// The names that a filter reads.
#[derive(Debug)]
pub struct Columns {
    /// Of values.
    pub names: &'static [&'static str],
    /// Of a list of rows, or a single one, with the same names.
    pub nested: &'static str,
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    columns: &'static Columns,
    values: Vec<Option<Cow<'a, str>>>,
    nested: Vec<Row<'a>>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(columns: &'static Columns) -> Self {
        Self { columns, values: Vec::new(), nested: Vec::new() }
    }

    /// The value under a name; `None` if it is absent, null, blank, or no scalar.
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.columns.names.iter().position(|known| *known == name)?;
        let value = self.values.get(place)?.as_deref()?;
        (!filter_sdk::text::strip(value).is_empty()).then_some(value)
    }

    /// How many values it has, with the rows inside it and their values.
    pub(crate) fn len(&self) -> usize {
        let inside: usize = self.nested.iter().map(|row| 1 + row.len()).sum();
        self.values.iter().flatten().count() + inside
    }

    /// The rows inside this one.
    pub fn nested(&self) -> &[Row<'a>] {
        &self.nested
    }

    /// Sets a value by the place of its name; of two the last counts.
    pub(crate) fn set(&mut self, place: usize, value: Option<Cow<'a, str>>) {
        if self.values.len() <= place {
            self.values.resize(place + 1, None);
        }
        if let Some(held) = self.values.get_mut(place) {
            *held = value;
        }
    }
}

/// Reads a JSON object as a row.
#[derive(Clone, Copy)]
pub(crate) struct RowSeed {
    pub(crate) columns: &'static Columns,
    /// Within another row.
    pub(crate) inside: bool,
}

impl<'a> DeserializeSeed<'a> for RowSeed {
    type Value = Row<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Row<'a>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for RowSeed {
    type Value = Row<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Row<'a>, A::Error> {
        let mut row = Row::new(self.columns);
        while let Some(key) = map.next_key_seed(KeySeed(self))? {
            match key {
                Key::Value(place) => {
                    let value = map.next_value_seed(ValueSeed)?;
                    row.set(place, value);
                }
                Key::Nested => row.nested = map.next_value_seed(NestedSeed(self.columns))?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(row)
    }
}

enum Key {
    Value(usize),
    Nested,
    Other,
}

struct KeySeed(RowSeed);

impl<'a> DeserializeSeed<'a> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        let RowSeed { columns, inside } = self.0;
        Ok(match columns.names.iter().position(|name| *name == key) {
            Some(place) => Key::Value(place),
            None if key == columns.nested && !inside => Key::Nested,
            None => Key::Other,
        })
    }
}

/// A scalar as text; `None` for null and for what is no scalar.
struct ValueSeed;

impl<'a> DeserializeSeed<'a> for ValueSeed {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueSeed {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "yes" } else { "no" })))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A list of rows, or one; none for anything else.
struct NestedSeed(&'static Columns);

impl<'a> DeserializeSeed<'a> for NestedSeed {
    type Value = Vec<Row<'a>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for NestedSeed {
    type Value = Vec<Row<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        RowSeed { columns: self.0, inside: true }.visit_map(map).map(|row| vec![row])
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while rows.len() < NESTED {
            let Some(one) = list.next_element_seed(NestedSeed(self.0))? else { return Ok(rows) };
            rows.extend(one);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        rows.truncate(NESTED);
        Ok(rows)
    }
}
