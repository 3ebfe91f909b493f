//! Makes the Tahoe documents of a checked answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::check::{Checked, at};
use super::{AnswerError, Event, Node, Session};
use crate::json::dump_f64;
use crate::tahoe::canonical::{dump_canonical, write_list};
use crate::tahoe::{Body, Category, Context, Document, Graph, Hash, Itype};

/// The documents of an answer, stamped with the organisation of the record.
///
/// # Errors
/// What only shows once hashes are known: a node in malicious and benign context at once, or not among the event's
/// nodes; two different documents with one hash.
pub fn build(checked: &Checked, orgid: &str) -> Result<Graph, AnswerError> {
    let answer = checked.answer();
    let mut builder = Builder::default();
    for node in &answer.nodes {
        let document = builder.node(node)?;
        builder.nodes.push(document);
    }
    let mut events_of: Vec<Vec<u32>> = vec![Vec::new(); answer.sessions.len()];
    for (index, event) in answer.events.iter().enumerate() {
        let document = builder.event(event, orgid).map_err(|error| at("event", index, &event.sub_type, &error))?;
        if let Some(events) = event.session.and_then(|session| events_of.get_mut(session as usize)) {
            events.push(document);
        }
    }
    for (session, events) in answer.sessions.iter().zip(events_of) {
        builder.session(session, &events)?;
    }
    builder.tidy_sessions();
    let record_references = builder.record_references();
    Ok(Graph { documents: builder.documents, record_references })
}

#[derive(Default)]
struct Builder {
    documents: Vec<Document>,
    /// The canonical form of each node's data, by document. Nodes come first, and nothing refers to what comes after.
    canonical: Vec<String>,
    by_hash: HashMap<Hash, u32>,
    /// The document of each node.
    nodes: Vec<u32>,
}

impl Builder {
    fn node(&mut self, node: &Node) -> Result<u32, AnswerError> {
        match node {
            Node::Attribute { sub_type, value } => {
                let mut canonical = String::new();
                value.write_canonical(&mut canonical);
                let hash = Hash::of(&[Itype::Attribute.name().as_bytes(), sub_type.as_bytes(), canonical.as_bytes()]);
                let data = canonical.clone();
                self.insert(Document { hash, sub_type: sub_type.clone(), data, body: Body::Attribute }, Some(canonical))
            }
            Node::Object { sub_type, children } => {
                let family = self.family(children);
                let hash = Hash::of(&[Itype::Object.name().as_bytes(), sub_type.as_bytes(), family.canonical.as_bytes()]);
                let body = Body::Object { children: family.children, references: family.references };
                self.insert(Document { hash, sub_type: sub_type.clone(), data: family.data, body }, Some(family.canonical))
            }
        }
    }

    fn event(&mut self, event: &Event, orgid: &str) -> Result<u32, AnswerError> {
        let family = self.family(&event.children);
        // One spelling of zero.
        let timestamp = event.timestamp + 0.0;
        let mut time = String::new();
        dump_f64(&mut time, timestamp);
        let hash = Hash::of(&[
            Itype::Event.name().as_bytes(),
            event.sub_type.as_bytes(),
            orgid.as_bytes(),
            time.as_bytes(),
            family.canonical.as_bytes(),
        ]);
        let mut references: Vec<Context> =
            family.references.iter().map(|&document| Context { document, category: Category::Unknown }).collect();
        self.mark(&mut references, &event.malicious, Category::Malicious)?;
        self.mark(&mut references, &event.benign, Category::Benign)?;
        let body =
            Body::Event { orgid: orgid.to_owned(), timestamp, category: event.category, children: family.children, references };
        let document = Document { hash, sub_type: event.sub_type.clone(), data: family.data, body };
        self.insert(document, None)
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

    fn session(&mut self, session: &Session, events: &[u32]) -> Result<(), AnswerError> {
        let family = self.family(&session.key);
        let hash = Hash::of(&[Itype::Session.name().as_bytes(), session.sub_type.as_bytes(), family.canonical.as_bytes()]);
        let mut references = family.references;
        references.extend(events);
        let body = Body::Session {
            children: family.children,
            references,
            start_time: session.start_time.map(|time| time + 0.0),
            end_time: session.end_time.map(|time| time + 0.0),
            duration: session.duration.map(|seconds| seconds + 0.0),
        };
        let document = Document { hash, sub_type: session.sub_type.clone(), data: family.data, body };
        self.insert(document, None).map(|_| ())
    }

    /// Adds a document, or joins it with the equal one that this answer already has.
    fn insert(&mut self, document: Document, canonical: Option<String>) -> Result<u32, AnswerError> {
        match self.by_hash.entry(document.hash) {
            Entry::Vacant(entry) => {
                let index = self.documents.len() as u32;
                entry.insert(index);
                self.documents.push(document);
                self.canonical.extend(canonical);
                Ok(index)
            }
            Entry::Occupied(entry) => {
                let index = *entry.get();
                if let Some(known) = self.documents.get_mut(index as usize) {
                    join(known, document)?;
                }
                Ok(index)
            }
        }
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

    /// What children make of their parent: its data in stored and in canonical form, and its references.
    fn family(&self, nodes: &[u32]) -> Family {
        let mut children: Vec<u32> = nodes.iter().filter_map(|&node| self.nodes.get(node as usize)).copied().collect();
        as_set(&mut children);
        let mut members: Vec<(&str, &str, &Document)> = children
            .iter()
            .filter_map(|&child| {
                let document = self.documents.get(child as usize)?;
                Some((document.sub_type.as_str(), self.canonical.get(child as usize)?.as_str(), document))
            })
            .collect();
        members.sort_unstable_by_key(|(sub_type, canonical, _)| (*sub_type, *canonical));
        let mut family = Family { children, references: Vec::new(), data: String::from("{"), canonical: String::from("{") };
        for (i, group) in members.chunk_by(|a, b| a.0 == b.0).enumerate() {
            family.write_group(i == 0, group);
        }
        family.data.push('}');
        family.canonical.push('}');
        family.references = family.children.clone();
        for (_, _, document) in &members {
            match &document.body {
                Body::Object { references, .. } => family.references.extend(references),
                Body::Attribute | Body::Event { .. } | Body::Session { .. } => {}
            }
        }
        as_set(&mut family.references);
        family
    }

    /// See [`Graph::record_references`].
    fn record_references(&self) -> Vec<u32> {
        let mut inside = vec![false; self.documents.len()];
        let mut references = Vec::new();
        for (index, document) in self.documents.iter().enumerate() {
            match &document.body {
                Body::Event { references: of_event, .. } => {
                    references.push(index as u32);
                    for context in of_event {
                        references.push(context.document);
                        mark_inside(&mut inside, context.document);
                    }
                }
                Body::Session { references: of_session, .. } => {
                    references.push(index as u32);
                    of_session.iter().for_each(|&document| mark_inside(&mut inside, document));
                }
                Body::Attribute | Body::Object { .. } => {}
            }
        }
        for &document in &self.nodes {
            if inside.get(document as usize) == Some(&false) {
                references.push(document);
                if let Some(Body::Object { references: of_object, .. }) = self.documents.get(document as usize).map(|d| &d.body) {
                    references.extend(of_object);
                }
            }
        }
        as_set(&mut references);
        references
    }
}

fn mark_inside(inside: &mut [bool], document: u32) {
    if let Some(flag) = inside.get_mut(document as usize) {
        *flag = true;
    }
}

/// What children make of their parent.
struct Family {
    children: Vec<u32>,
    references: Vec<u32>,
    data: String,
    canonical: String,
}

impl Family {
    /// One entry of `data`: a sub-type with the list of its children's data, in canonical order.
    fn write_group(&mut self, first: bool, group: &[(&str, &str, &Document)]) {
        let Some((sub_type, _, _)) = group.first() else { return };
        if !first {
            self.data.push(',');
            self.canonical.push_str(", ");
        }
        // Sub-types are identifiers: nothing in them needs an escape.
        self.data.push('"');
        self.data.push_str(sub_type);
        self.data.push_str("\":[");
        self.canonical.push('"');
        self.canonical.push_str(sub_type);
        self.canonical.push_str("\": ");
        // Two children of one sub-type and one canonical form would be one document, hence are one child: no
        // duplicates here.
        let mut list = String::new();
        write_list(&mut list, group.iter().map(|(_, canonical, _)| *canonical));
        dump_canonical(&mut self.canonical, &list);
        for (i, (_, _, document)) in group.iter().enumerate() {
            if i > 0 {
                self.data.push(',');
            }
            self.data.push_str(&document.data);
        }
        self.data.push(']');
    }
}

fn as_set(indices: &mut Vec<u32>) {
    indices.sort_unstable();
    indices.dedup();
}

/// Joins a document into the one of the same hash: the store's rules, within one answer.
fn join(known: &mut Document, other: Document) -> Result<(), AnswerError> {
    if !known.same_identity(&other) {
        return Err(AnswerError(format!("two different documents would have the hash {}", known.hash)));
    }
    match (&mut known.body, other.body) {
        (Body::Event { category, references, .. }, Body::Event { category: other_category, references: others, .. }) => {
            *category = (*category).max(other_category);
            // Equal identity means equal children, hence the same references in the same order.
            for (context, other) in references.iter_mut().zip(others) {
                context.category = context.category.max(other.category);
            }
        }
        (
            Body::Session { references, start_time, end_time, duration, .. },
            Body::Session { references: others, start_time: start, end_time: end, duration: seconds, .. },
        ) => {
            // Sorted and without duplicates again in `tidy_sessions`.
            references.extend(others);
            *start_time = earliest(*start_time, start);
            *end_time = latest(*end_time, end);
            *duration = latest(*duration, seconds);
        }
        _ => {}
    }
    Ok(())
}

fn earliest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::min)
}

fn latest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}
