//! From JSON text to [`Object`]: a visitor that skips what nobody asked for.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{KEPT_VALUES, Object, Value};
use crate::Rejection;

/// Objects below this depth are skipped: an event in an envelope is at 2. Bounds the recursion, as text in a record
/// may be JSON of any depth.
const KEPT_DEPTH: u8 = 3;

/// Reads one object, and nothing after it.
pub(super) fn object<'a>(text: &'a str, keys: Option<&'static [&'static str]>) -> Result<Object<'a>, Rejection> {
    let reading = Reading { keys, room: Cell::new(KEPT_VALUES), skipped: Cell::new(0), found_at: Cell::new(0) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = (&mut deserializer).deserialize_map(ObjectVisitor { reading: &reading, depth: 1 });
    match object.and_then(|object| deserializer.end().map(|()| object)) {
        Ok(object) => Ok(Object { skipped: reading.skipped.get(), ..object }),
        Err(error) => Err(Rejection::new(format!("expected a JSON object, found {error}"))),
    }
}

/// What one document's reading shares.
struct Reading {
    keys: Option<&'static [&'static str]>,
    /// How many values of lists, and members of objects read whole, may still be kept.
    room: Cell<usize>,
    skipped: Cell<usize>,
    /// Where in `keys` the last member was found.
    found_at: Cell<usize>,
}

impl Reading {
    /// Takes the place of one value, or counts it as skipped.
    fn has_room(&self) -> bool {
        let room = self.room.get();
        if room == 0 {
            self.skipped.set(self.skipped.get() + 1);
            return false;
        }
        self.room.set(room - 1);
        true
    }
}

struct ObjectVisitor<'r> {
    reading: &'r Reading,
    depth: u8,
}

impl<'a> Visitor<'a> for ObjectVisitor<'_> {
    type Value = Object<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Object<'a>, A::Error> {
        const USUAL_MEMBERS: usize = 16;
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(USUAL_MEMBERS);
        let seed = ValueSeed { reading: self.reading, depth: self.depth, in_list: false };
        while let Some(key) = map.next_key_seed(KeySeed(self.reading))? {
            let Some(key) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value_seed(seed)?;
            // With named keys a repeated one takes the place of the first: the list stays short however often it comes.
            match members.iter_mut().find(|(name, _)| self.reading.keys.is_some() && *name == key) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
        }
        Ok(Object { members, skipped: 0 })
    }
}

/// Reads a key; `None` if its member is to be skipped.
struct KeySeed<'r>(&'r Reading);

impl<'a> DeserializeSeed<'a> for KeySeed<'_> {
    type Value = Option<Cow<'a, str>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl KeySeed<'_> {
    /// Looks first behind the last key that was found: records and lists of keys are sorted, so it is rarely far.
    fn named(&self, keys: &'static [&'static str], key: &str) -> Option<Cow<'static, str>> {
        let (before, after) = keys.split_at_checked(self.0.found_at.get())?;
        let (at, name) = after.iter().chain(before).enumerate().find(|(_, name)| **name == key)?;
        self.0.found_at.set((before.len() + at) % keys.len());
        Some(Cow::Borrowed(*name))
    }
}

impl<'a> Visitor<'a> for KeySeed<'_> {
    type Value = Option<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'a str) -> Result<Self::Value, E> {
        Ok(match self.0.keys {
            Some(keys) => self.named(keys, key),
            None => self.0.has_room().then_some(Cow::Borrowed(key)),
        })
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(match self.0.keys {
            Some(keys) => self.named(keys, key),
            None => self.0.has_room().then(|| Cow::Owned(key.to_owned())),
        })
    }
}

#[derive(Clone, Copy)]
struct ValueSeed<'r> {
    reading: &'r Reading,
    /// Of the object or list that holds the value.
    depth: u8,
    in_list: bool,
}

impl<'a> DeserializeSeed<'a> for ValueSeed<'_> {
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for ValueSeed<'_> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'a>, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'a>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'a>, E> {
        Ok(i64::try_from(value).map_or(Value::Unsigned(value), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'a>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Value<'a>, A::Error> {
        if self.in_list || self.depth >= KEPT_DEPTH {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Skipped);
        }
        let seed = ValueSeed { in_list: true, ..self };
        let mut items = Vec::new();
        loop {
            if self.reading.room.get() == 0 {
                while list.next_element::<IgnoredAny>()?.is_some() {
                    self.reading.has_room();
                }
                return Ok(Value::List(items));
            }
            let Some(item) = list.next_element_seed(seed)? else { return Ok(Value::List(items)) };
            self.reading.has_room();
            items.push(item);
        }
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Value<'a>, A::Error> {
        if self.in_list || self.depth >= KEPT_DEPTH {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Skipped);
        }
        ObjectVisitor { reading: self.reading, depth: self.depth + 1 }.visit_map(map).map(Value::Object)
    }
}
