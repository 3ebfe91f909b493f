//! The digest of an answer. What is hashed, JSON, is longer than the answer, so it is never there as a whole; and most of it
//! is names, so these are written in one piece with what is between them.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Answer, Event, Node, Session};
use crate::tahoe::{Hash, Scalar};

/// Bytes that are hashed at once, or some more: what fits in the processor's nearest cache.
const AT_ONCE: usize = 8 * 1024;

/// SHA-256 of the answer as `serde_json` writes it.
pub(super) fn digest(answer: &Answer) -> Hash {
    let mut json = Json { text: Vec::with_capacity(AT_ONCE + AT_ONCE / 2), hasher: Sha256::new() };
    json.list(r#"{"nodes":["#, &answer.nodes, Json::node);
    json.list(r#"],"events":["#, &answer.events, Json::event);
    json.list(r#"],"sessions":["#, &answer.sessions, Json::session);
    json.raw("]}");
    Hash::from_bytes(json.hasher.chain_update(json.text).finalize().into())
}

struct Json {
    text: Vec<u8>,
    hasher: Sha256,
}

impl Json {
    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// A name, with what is before it, and its value.
    fn field(&mut self, name: &str, value: &impl Serialize) {
        self.raw(name);
        // Plain data, into memory: it does not fail.
        drop(serde_json::to_writer(&mut self.text, value));
    }

    fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.raw(name);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            write(self, item);
            if self.text.len() >= AT_ONCE {
                self.hasher.update(&self.text);
                self.text.clear();
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Attribute { sub_type, value } => {
                self.field(r#"{"attribute":{"sub_type":"#, sub_type);
                match value {
                    Scalar::Text(text) => {
                        self.field(r#","value":{"text":"#, text);
                        self.raw("}}}");
                    }
                    Scalar::Null | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Float(_) => {
                        self.field(r#","value":"#, value);
                        self.raw("}}");
                    }
                }
            }
            Node::Object { sub_type, children } => {
                self.field(r#"{"object":{"sub_type":"#, sub_type);
                self.field(r#","children":"#, children);
                self.raw("}}");
            }
        }
    }

    fn event(&mut self, event: &Event) {
        self.field(r#"{"sub_type":"#, &event.sub_type);
        self.field(r#","timestamp":"#, &event.timestamp);
        self.field(r#","category":"#, &event.category);
        self.field(r#","children":"#, &event.children);
        self.field(r#","malicious":"#, &event.malicious);
        self.field(r#","benign":"#, &event.benign);
        self.field(r#","session":"#, &event.session);
        self.raw("}");
    }

    fn session(&mut self, session: &Session) {
        self.field(r#"{"sub_type":"#, &session.sub_type);
        self.field(r#","key":"#, &session.key);
        self.field(r#","start_time":"#, &session.start_time);
        self.field(r#","end_time":"#, &session.end_time);
        self.field(r#","duration":"#, &session.duration);
        self.raw("}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tahoe::Category;

    fn any_node() -> impl Strategy<Value = Node> {
        let scalar = prop_oneof![
            Just(Scalar::Null),
            any::<bool>().prop_map(Scalar::Boolean),
            any::<i64>().prop_map(Scalar::Integer),
            any::<f64>().prop_map(Scalar::Float),
            any::<String>().prop_map(Scalar::Text),
        ];
        prop_oneof![
            (any::<String>(), scalar).prop_map(|(sub_type, value)| Node::Attribute { sub_type, value }),
            any::<(String, Vec<u32>)>().prop_map(|(sub_type, children)| Node::Object { sub_type, children }),
        ]
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let lists = any::<[Vec<u32>; 3]>();
        let event = (any::<String>(), any::<f64>(), prop::sample::select(&Category::ALL[..]), lists, any::<Option<u32>>());
        event.prop_map(|(sub_type, timestamp, category, [children, malicious, benign], session)| Event {
            sub_type,
            timestamp,
            category,
            children,
            malicious,
            benign,
            session,
        })
    }

    fn any_session() -> impl Strategy<Value = Session> {
        any::<(String, Vec<u32>, [Option<f64>; 3])>().prop_map(|(sub_type, key, [start_time, end_time, duration])| Session {
            sub_type,
            key,
            start_time,
            end_time,
            duration,
        })
    }

    proptest! {
        #[test]
        fn what_is_hashed_is_the_json_that_serde_writes(
            nodes in prop::collection::vec(any_node(), 0..60),
            events in prop::collection::vec(any_event(), 0..4),
            sessions in prop::collection::vec(any_session(), 0..4),
        ) {
            let answer = Answer { nodes, events, sessions };
            prop_assert_eq!(digest(&answer), Hash::of(&[&serde_json::to_vec(&answer).unwrap()]));
        }
    }
}
