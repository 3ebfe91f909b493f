//! Building the graph of an answer.
//!
//! Nodes come first and are referred to by handle, so an answer has no cycles: what an object or event refers to
//! exists already.

use std::borrow::Cow;

use crate::bindings::cybexp::tahoe::types;
use crate::expansion::Expansion;
use crate::limits::{Limits, cut};
use crate::{Category, Scalar};

/// A node of an answer under construction: an attribute or an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node(u32);

/// A session of an answer under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session(u32);

/// All that a filter has to say about one record. One without events and nodes is a good answer: there was nothing to
/// store.
#[derive(Clone, Debug)]
pub struct Answer {
    content: types::Answer,
    limits: Limits,
    cut_texts: usize,
    expansion: Expansion,
}

impl Answer {
    /// An empty answer to a record with these limits.
    pub fn new(limits: Limits) -> Self {
        // What a record usually becomes; growing the list again and again would cost more than the space.
        const USUAL_NODES: usize = 16;
        let content = types::Answer { nodes: Vec::with_capacity(USUAL_NODES), events: Vec::new(), sessions: Vec::new() };
        Self { content, limits, cut_texts: 0, expansion: Expansion::default() }
    }

    /// Adds an attribute. The same value twice is one document: there is no need to look for it first.
    ///
    /// A text above the host's limit is cut, and the cut is logged when the answer is handed over.
    pub fn attribute(&mut self, sub_type: &str, value: impl Into<Scalar>) -> Node {
        let mut value = value.into();
        if let Scalar::Text(text) = &mut value
            && text.len() > self.limits.text_bytes
        {
            text.truncate(cut(text, self.limits.text_bytes).len());
            self.cut_texts += 1;
        }
        self.node(types::Node::Attribute(types::Attribute { sub_type: sub_type.to_owned(), value }))
    }

    /// Adds an object of these children, at least one.
    pub fn object(&mut self, sub_type: &str, children: &[Node]) -> Node {
        self.node(types::Node::Object(types::Object { sub_type: sub_type.to_owned(), children: indices(children) }))
    }

    fn node(&mut self, node: types::Node) -> Node {
        let index = index(self.content.nodes.len());
        self.content.nodes.push(node);
        Node(index)
    }

    /// Adds an event of these children, at least one. `time` is one that
    /// [`Record::event_time`](crate::Record::event_time) accepts.
    pub fn event(&mut self, sub_type: &str, time: f64, category: Category, children: &[Node]) -> EventContext<'_> {
        let event = types::Event {
            sub_type: sub_type.to_owned(),
            timestamp: time,
            category,
            children: indices(children),
            malicious: Vec::new(),
            benign: Vec::new(),
            session: None,
        };
        EventContext(self.content.events.push_mut(event))
    }

    /// Adds a session that these nodes identify, at least one.
    pub fn session(&mut self, sub_type: &str, key: &[Node]) -> Session {
        let index = index(self.content.sessions.len());
        let key = indices(key);
        self.content.sessions.push(types::Session {
            sub_type: sub_type.to_owned(),
            key,
            start_time: None,
            end_time: None,
            duration: None,
        });
        Session(index)
    }

    /// Says when a session began.
    pub fn session_began(&mut self, session: Session, time: f64) {
        if let Some(session) = self.content.sessions.get_mut(session.0 as usize) {
            session.start_time = Some(time);
        }
    }

    /// Says when a session ended, and how long it lasted, in seconds, if that is known.
    pub fn session_ended(&mut self, session: Session, time: f64, duration: Option<f64>) {
        if let Some(session) = self.content.sessions.get_mut(session.0 as usize) {
            session.end_time = Some(time);
            session.duration = duration;
        }
    }

    /// Lets `add` add nodes and events, and takes all of them back if it fails, or if the host would not accept an answer
    /// with them: `Ok(false)`. For records of many entries, of which one must not cost the others. Nodes that were taken
    /// back must not be used any more.
    ///
    /// # Errors
    /// What `add` says.
    pub fn attempt<E>(&mut self, add: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<bool, E> {
        let before = self.expansion.measure(&self.content);
        let cut_texts = self.cut_texts;
        let added = add(self);
        if added.is_ok() && self.expansion.measure(&self.content).is_within(&self.limits) {
            return added.map(|()| true);
        }
        self.content.nodes.truncate(before.nodes);
        self.content.events.truncate(before.events);
        self.content.sessions.truncate(before.sessions);
        self.cut_texts = cut_texts;
        self.expansion.go_back(before);
        added.map(|()| false)
    }

    /// How many nodes the host will still accept.
    pub const fn spare_nodes(&self) -> usize {
        self.limits.nodes.saturating_sub(self.content.nodes.len())
    }

    /// How many events the host will still accept.
    pub const fn spare_events(&self) -> usize {
        self.limits.events.saturating_sub(self.content.events.len())
    }

    /// The nodes so far; indices in events, sessions and objects are positions in this list.
    pub fn nodes(&self) -> &[types::Node] {
        &self.content.nodes
    }

    /// The events so far.
    pub fn events(&self) -> &[types::Event] {
        &self.content.events
    }

    /// The sessions so far.
    pub fn sessions(&self) -> &[types::Session] {
        &self.content.sessions
    }

    /// How many texts were cut to the host's limit.
    pub const fn cut_texts(&self) -> usize {
        self.cut_texts
    }

    /// The limit that the answer exceeds, with what it has and what it may have.
    pub(crate) fn excess(&self) -> Option<(&'static str, usize, usize)> {
        let counted = [
            ("nodes", self.content.nodes.len(), self.limits.nodes),
            ("events", self.content.events.len(), self.limits.events),
            ("sessions", self.content.sessions.len(), self.limits.sessions),
        ];
        counted.into_iter().find(|(_, count, limit)| count > limit)
    }

    /// The answer as it crosses the boundary.
    pub fn into_content(self) -> types::Answer {
        self.content
    }
}

/// An event just added: says in which context its nodes were seen, and to which session it belongs.
#[derive(Debug)]
pub struct EventContext<'a>(&'a mut types::Event);

impl EventContext<'_> {
    /// These nodes of the event, at any depth, were seen in a malicious context.
    pub fn malicious(self, nodes: &[Node]) -> Self {
        self.0.malicious.extend(nodes.iter().map(|node| node.0));
        self
    }

    /// These nodes of the event, at any depth, were seen in a benign context. No node may be in both.
    pub fn benign(self, nodes: &[Node]) -> Self {
        self.0.benign.extend(nodes.iter().map(|node| node.0));
        self
    }

    /// The event belongs to this session.
    pub fn session(self, session: Session) -> Self {
        self.0.session = Some(session.0);
        self
    }
}

fn indices(nodes: &[Node]) -> Vec<u32> {
    nodes.iter().map(|node| node.0).collect()
}

/// Saturates: an answer of four billion nodes is refused for its length.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Cow<'_, str>> for Scalar {
    fn from(value: Cow<'_, str>) -> Self {
        Self::Text(value.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_positions() {
        let mut answer = Answer::new(Limits::for_input(0));
        let name = answer.attribute("username", "root");
        let credential = answer.object("credential", &[name]);
        let session = answer.session("cowrie_session", &[name]);
        answer.session_began(session, 1.0);
        answer.session_ended(session, 3.0, Some(2.0));
        answer.event("login", 1.0, Category::Malicious, &[credential]).malicious(&[credential]).session(session);
        let content = answer.into_content();
        assert_eq!(content.nodes.len(), 2);
        assert!(matches!(&content.nodes[..], [_, types::Node::Object(object)] if object.children == [0]));
        assert!(
            matches!(&content.events[..], [event] if event.children == [1] && event.malicious == [1] && event.session == Some(0))
        );
        assert!(matches!(&content.sessions[..], [session] if session.end_time == Some(3.0) && session.duration == Some(2.0)));
    }

    #[test]
    fn an_attempt_that_is_too_much_or_fails_leaves_nothing() {
        // Of an empty record the host takes 256 nodes, 1,024 references and 256 KiB written out.
        let attempt = |count: usize, quotes: usize, parents: usize| {
            let mut answer = Answer::new(Limits::for_input(0));
            answer.attribute("first", "x");
            let kept = answer.attempt(|answer| {
                let nodes: Vec<Node> = (0..count).map(|_| answer.attribute("a", "\"".repeat(quotes))).collect();
                answer.event("e", 1.0, Category::Unknown, &nodes.repeat(parents));
                Ok::<(), ()>(())
            });
            assert_eq!((answer.nodes().len(), answer.events().len()), if kept == Ok(true) { (1 + count, 1) } else { (1, 0) });
            kept == Ok(true)
        };
        assert!(attempt(255, 0, 1) && !attempt(256, 0, 1));
        assert!(attempt(100, 0, 4) && !attempt(100, 0, 5));
        assert!(attempt(1, 25_000, 1) && !attempt(1, 27_000, 1));
        let mut answer = Answer::new(Limits::for_input(0));
        let failed = answer.attempt(|answer| {
            answer.attribute("a", "é".repeat(40_000));
            Err("why")
        });
        assert_eq!((failed, answer.nodes().len(), answer.cut_texts()), (Err("why"), 0, 0));
    }

    #[test]
    fn a_text_above_the_limit_is_cut() {
        let mut answer = Answer::new(Limits::for_input(0));
        answer.attribute("data", "é".repeat(40_000));
        answer.attribute("data", "short");
        assert_eq!(answer.cut_texts(), 1);
        assert!(
            matches!(answer.nodes(), [types::Node::Attribute(a), _] if matches!(&a.value, Scalar::Text(text) if text.len() == 65_536))
        );
    }
}
