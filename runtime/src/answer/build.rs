//! Makes the Tahoe documents of a checked answer.

use std::collections::HashMap;

use super::check::{Checked, at};
use super::family::{Family, Forms, Member, as_set};
use super::{Answer, AnswerError, Event, Node, Session};
use crate::json::dump_f64;
use crate::tahoe::{Body, Category, Context, Document, Graph, Hash, Itype};

/// The documents of an answer, stamped with the organisation of the record.
///
/// # Errors
/// What only shows once hashes are known: a node in malicious and benign context at once, or not among the event's
/// nodes; two different documents with one hash.
pub fn build(checked: Checked, orgid: &str) -> Result<Graph, AnswerError> {
    let answer = checked.into_answer();
    let mut builder = Builder::for_answer(&answer);
    for node in answer.nodes {
        let document = builder.node(node)?;
        builder.nodes.push(document);
    }
    let mut events_of: Vec<Vec<u32>> = vec![Vec::new(); answer.sessions.len()];
    for (index, event) in answer.events.into_iter().enumerate() {
        let session = event.session;
        let document = builder.event(index, event, orgid)?;
        if let Some(events) = session.and_then(|session| events_of.get_mut(session as usize)) {
            events.push(document);
        }
    }
    for (session, events) in answer.sessions.into_iter().zip(events_of) {
        builder.session(session, &events)?;
    }
    builder.tidy_sessions();
    let record_references = builder.record_references();
    Ok(Graph { documents: builder.documents, record_references })
}

struct Builder {
    documents: Vec<Document>,
    /// Of each node's document, by its index, if it is an object. Nodes come first, and nothing refers to what comes after.
    forms: Vec<Option<Forms>>,
    by_hash: HashMap<Hash, u32>,
    /// The document of each node.
    nodes: Vec<u32>,
}

impl Builder {
    fn for_answer(answer: &Answer) -> Self {
        let most = answer.nodes.len() + answer.events.len() + answer.sessions.len();
        Self {
            documents: Vec::with_capacity(most),
            forms: Vec::with_capacity(answer.nodes.len()),
            // Many nodes may be few documents. Room that is not used costs lists nothing, but in a table it is among what is.
            by_hash: HashMap::with_capacity(most.min(64)),
            nodes: Vec::with_capacity(answer.nodes.len()),
        }
    }

    fn node(&mut self, node: Node) -> Result<u32, AnswerError> {
        match node {
            Node::Attribute { sub_type, value } => {
                let mut data = String::new();
                value.write_canonical(&mut data);
                let hash = Hash::of(&[Itype::Attribute.name().as_bytes(), sub_type.as_bytes(), data.as_bytes()]);
                if let Some(known) = self.known(&hash, Itype::Attribute, &sub_type, None)? {
                    return Ok(known);
                }
                self.forms.push(None);
                Ok(self.add(Document { hash, sub_type, data, body: Body::Attribute }))
            }
            Node::Object { sub_type, children } => {
                let children = self.documents_of(children);
                let family = self.family(&children);
                let canonical = family.canonical();
                let hash = Hash::of(&[Itype::Object.name().as_bytes(), sub_type.as_bytes(), canonical.as_bytes()]);
                if let Some(known) = self.known(&hash, Itype::Object, &sub_type, None)? {
                    return Ok(known);
                }
                let (data, references) = (family.data(), family.references(&children));
                self.forms.push(Some(Forms::new(canonical)));
                Ok(self.add(Document { hash, sub_type, data, body: Body::Object { children, references } }))
            }
        }
    }

    fn event(&mut self, index: usize, event: Event, orgid: &str) -> Result<u32, AnswerError> {
        let Event { sub_type, category, malicious, benign, .. } = event;
        let children = self.documents_of(event.children);
        let family = self.family(&children);
        // One spelling of zero.
        let timestamp = event.timestamp + 0.0;
        let mut time = String::with_capacity(24);
        dump_f64(&mut time, timestamp);
        let hash = Hash::of(&[
            Itype::Event.name().as_bytes(),
            sub_type.as_bytes(),
            orgid.as_bytes(),
            time.as_bytes(),
            family.canonical().as_bytes(),
        ]);
        let references = family.references(&children);
        let mut references: Vec<Context> =
            references.into_iter().map(|document| Context { document, category: Category::Unknown }).collect();
        let marked = self.mark(&mut references, &malicious, Category::Malicious);
        let known = marked
            .and_then(|()| self.mark(&mut references, &benign, Category::Benign))
            .and_then(|()| self.known(&hash, Itype::Event, &sub_type, Some(timestamp)))
            .map_err(|error| at("event", index, &sub_type, &error))?;
        if let Some(known) = known {
            if let Some(document) = self.documents.get_mut(known as usize) {
                join_event(document, category, &references);
            }
            return Ok(known);
        }
        let data = family.data();
        let body = Body::Event { orgid: orgid.to_owned(), timestamp, category, children, references };
        Ok(self.add(Document { hash, sub_type, data, body }))
    }

    /// Notes the context in which an event saw some of its nodes.
    fn mark(&self, references: &mut [Context], marked: &[u32], category: Category) -> Result<(), AnswerError> {
        for &node in marked {
            let Some(document) = self.nodes.get(node as usize) else { continue };
            let found = references.binary_search_by_key(document, |context| context.document);
            let Some(context) = found.ok().and_then(|index| references.get_mut(index)) else {
                return Err(AnswerError(format!("node {node} is {} in an event that it is no part of", category.name())));
            };
            if ![Category::Unknown, category].contains(&context.category) {
                return Err(AnswerError(format!("node {node} is both malicious and benign in one event")));
            }
            context.category = category;
        }
        Ok(())
    }

    fn session(&mut self, session: Session, events: &[u32]) -> Result<(), AnswerError> {
        let children = self.documents_of(session.key);
        let family = self.family(&children);
        let (sub_type, canonical) = (session.sub_type, family.canonical());
        let hash = Hash::of(&[Itype::Session.name().as_bytes(), sub_type.as_bytes(), canonical.as_bytes()]);
        let start_time = session.start_time.map(|time| time + 0.0);
        let end_time = session.end_time.map(|time| time + 0.0);
        let duration = session.duration.map(|seconds| seconds + 0.0);
        if let Some(known) = self.known(&hash, Itype::Session, &sub_type, None)? {
            if let Some(Body::Session { references, start_time: start, end_time: end, duration: seconds, .. }) =
                self.documents.get_mut(known as usize).map(|document| &mut document.body)
            {
                // Equal identity means an equal key, hence the same references but for the events. Sorted and without
                // duplicates again in `tidy_sessions`.
                references.extend(events);
                *start = earliest(*start, start_time);
                *end = latest(*end, end_time);
                *seconds = latest(*seconds, duration);
            }
            return Ok(());
        }
        let (data, mut references) = (family.data(), family.references(&children));
        references.extend(events);
        let body = Body::Session { children, references, start_time, end_time, duration };
        self.add(Document { hash, sub_type, data, body });
        Ok(())
    }

    /// The document of this hash, if this answer already has it.
    ///
    /// What is hashed is kind, sub-type, organisation, time and data in one, without separators. Two documents of one hash
    /// have the same concatenation, hence the same data if all that is before it is the same.
    fn known(&self, hash: &Hash, itype: Itype, sub_type: &str, time: Option<f64>) -> Result<Option<u32>, AnswerError> {
        let Some(&index) = self.by_hash.get(hash) else { return Ok(None) };
        let is_same = self.documents.get(index as usize).is_some_and(|known| {
            let known_time = match known.body {
                Body::Event { timestamp, .. } => Some(timestamp),
                Body::Attribute | Body::Object { .. } | Body::Session { .. } => None,
            };
            known.itype() == itype && known.sub_type == sub_type && known_time == time
        });
        if is_same { Ok(Some(index)) } else { Err(AnswerError(format!("two different documents would have the hash {hash}"))) }
    }

    fn add(&mut self, document: Document) -> u32 {
        let index = self.documents.len() as u32;
        self.by_hash.insert(document.hash, index);
        self.documents.push(document);
        index
    }

    /// Makes sets of the references of sessions that were joined: once, and not with every join, of which there may
    /// be many.
    fn tidy_sessions(&mut self) {
        for document in &mut self.documents {
            if let Body::Session { references, .. } = &mut document.body {
                as_set(references);
            }
        }
    }

    /// The documents of some nodes, as a set.
    fn documents_of(&self, mut nodes: Vec<u32>) -> Vec<u32> {
        nodes.retain_mut(|node| self.nodes.get(*node as usize).map(|document| *node = *document).is_some());
        as_set(&mut nodes);
        nodes
    }

    fn family(&self, children: &[u32]) -> Family<'_> {
        let member = |child: &u32| {
            Some(Member { document: self.documents.get(*child as usize)?, forms: self.forms.get(*child as usize)?.as_ref() })
        };
        Family::new(children.iter().filter_map(member).collect())
    }

    /// See [`Graph::record_references`].
    fn record_references(&self) -> Vec<u32> {
        let mut inside = vec![false; self.documents.len()];
        let mut referred = vec![false; self.documents.len()];
        for (index, document) in self.documents.iter().enumerate() {
            match &document.body {
                Body::Event { references, .. } => {
                    set(&mut referred, index as u32);
                    for context in references {
                        set(&mut referred, context.document);
                        set(&mut inside, context.document);
                    }
                }
                Body::Session { references, .. } => {
                    set(&mut referred, index as u32);
                    references.iter().for_each(|&document| set(&mut inside, document));
                }
                Body::Attribute | Body::Object { .. } => {}
            }
        }
        for &document in &self.nodes {
            if inside.get(document as usize) == Some(&false) {
                set(&mut referred, document);
                if let Some(Body::Object { references, .. }) = self.documents.get(document as usize).map(|d| &d.body) {
                    references.iter().for_each(|&document| set(&mut referred, document));
                }
            }
        }
        let mut references = Vec::with_capacity(self.documents.len());
        references.extend((0..).zip(referred).filter_map(|(document, is_referred)| is_referred.then_some(document)));
        references
    }
}

fn set(flags: &mut [bool], document: u32) {
    if let Some(flag) = flags.get_mut(document as usize) {
        *flag = true;
    }
}

/// Joins an event into the one of the same hash: the store's rules, within one answer.
fn join_event(known: &mut Document, other_category: Category, others: &[Context]) {
    if let Body::Event { category, references, .. } = &mut known.body {
        *category = (*category).max(other_category);
        // Equal identity means equal children, hence the same references in the same order.
        for (context, other) in references.iter_mut().zip(others) {
            context.category = context.category.max(other.category);
        }
    }
}

fn earliest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::min)
}

fn latest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}
