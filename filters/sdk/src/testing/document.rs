//! Documents of the archive without their hashes: enough to compare content, and to measure it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bindings::cybexp::tahoe::types::Node;
use crate::text::strip;
use crate::{Answer, Scalar};

/// The content of each node of an answer, written out in full.
pub(super) struct Content {
    pub(super) data: Vec<Value>,
    pub(super) keys: Vec<String>,
}

impl Content {
    /// `None` if a node refers to one that is not before it.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        let mut content = Self { data: Vec::new(), keys: Vec::new() };
        for node in answer.nodes() {
            let (kind, sub_type, data) = match node {
                Node::Attribute(attribute) => ("attribute", &attribute.sub_type, scalar(&attribute.value)),
                Node::Object(object) => ("object", &object.sub_type, content.of_children(answer, &object.children)?),
            };
            content.keys.push(key(kind, sub_type, &data));
            content.data.push(data);
        }
        Some(content)
    }

    /// The `data` of what has these children: a list of contents for each of their sub-types.
    pub(super) fn of_children(&self, answer: &Answer, children: &[u32]) -> Option<Value> {
        let mut map = serde_json::Map::new();
        for &child in children {
            let sub_type = match answer.nodes().get(child as usize)? {
                Node::Attribute(attribute) => &attribute.sub_type,
                Node::Object(object) => &object.sub_type,
            };
            let data = self.data.get(child as usize)?.clone();
            if let Value::Array(list) = map.entry(sub_type).or_insert_with(|| Value::Array(Vec::new())) {
                list.push(data);
            }
        }
        Some(Value::Object(map))
    }
}

/// What makes a document the one that it is, for people to read; events also have their time.
pub(super) fn key(kind: &str, sub_type: &str, data: &Value) -> String {
    format!("{kind} {sub_type} {}", stored(data))
}

/// Data as it is stored: text stripped, lists sorted and without repetition.
fn stored(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), stored(value))).collect(),
        Value::Array(list) => {
            let mut items: Vec<Value> = list.iter().map(stored).collect();
            items.sort_by_key(Value::to_string);
            items.dedup();
            Value::Array(items)
        }
        Value::String(text) => Value::from(strip(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn scalar(value: &Scalar) -> Value {
    match value {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::Float(value) => Value::from(*value),
        Scalar::Text(text) => Value::from(text.as_str()),
    }
}

/// The string that the archive hashes: JSON in which every value inside is first replaced by its own canonical
/// string. Text is stripped, lists are sets.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| format!("{}: {}", dump(key), dump(&canonical(value))));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let items: BTreeSet<String> = list.iter().map(canonical).collect();
            format!("[{}]", items.iter().map(|item| dump(item)).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => dump(strip(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A JSON string of ASCII characters alone.
pub(super) fn dump(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len() + 2);
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}
