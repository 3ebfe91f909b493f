//! How large the documents of an answer will be, before one of them is built.
//!
//! A shared node is written out once per place that refers to it, and every level escapes the one below. So the sizes
//! are summed bottom-up over the places, with saturating arithmetic: what is built later can only be smaller.

use super::check::at;
use super::{Answer, AnswerError, Node};
use crate::limits::Limits;
use crate::tahoe::Scalar;
use crate::tahoe::measure::Size;

/// What one document, written out, takes.
#[derive(Clone, Copy, Default)]
struct Expanded {
    canonical: Size,
    data: u64,
    references: u64,
}

impl Expanded {
    /// What it adds to a document that it is a child of: `"type": [child]`, as if it had a list of its own, and the
    /// reference to it.
    fn as_child(self, sub_type: &str) -> Self {
        let list = Size::list(self.canonical.dumped(), 1).dumped();
        Self {
            canonical: Size::of_str(sub_type) + list + Size::plain(4),
            data: self.data.saturating_add(sub_type.len() as u64 + 8),
            references: self.references.saturating_add(1),
        }
    }
}

/// What all documents of an answer take together, and what they may.
struct Total {
    canonical: u64,
    data: u64,
    references: u64,
    bytes_limit: u64,
    references_limit: u64,
    document_limit: u64,
}

/// What the documents of an answer take, at most, and what they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Bytes of their `data`, or of their canonical forms, whichever is more.
    pub bytes: u64,
    /// At most.
    pub bytes_limit: u64,
    /// Entries of their `_ref`, the raw record's included.
    pub references: u64,
    /// At most.
    pub references_limit: u64,
}

/// Bytes that a document takes beside its data and references, generously.
const FIXED: u64 = 512;
/// Bytes of one reference in a document: 64 digits, a key of up to seven and a length, in up to three lists.
const REFERENCE: u64 = 240;

/// Sums what the documents of an answer will take. The answer's indices must have been checked, else it may be less.
///
/// # Errors
/// They would be out of proportion to the record. Ends with the first document that is too much: what a guest can refer to
/// is more than what it may.
pub fn expand(answer: &Answer, limits: &Limits, input: u64) -> Result<Expansion, AnswerError> {
    let mut total = Total {
        canonical: 0,
        data: 0,
        // The raw record may refer to nodes that are in no event.
        references: answer.nodes.len() as u64,
        bytes_limit: limits.expanded.of(input).min(limits.expanded_ceiling),
        references_limit: limits.references.of(input),
        document_limit: limits.document,
    };
    // What each node adds to its parents: computed once, however many there are.
    let mut children: Vec<Expanded> = Vec::with_capacity(answer.nodes.len());
    for (index, node) in answer.nodes.iter().enumerate() {
        let (sub_type, expanded) = match node {
            Node::Attribute { sub_type, value } => {
                let canonical = match value {
                    Scalar::Text(text) => Size::of_str(text),
                    Scalar::Null | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Float(_) => Size::plain(24),
                };
                (sub_type, Expanded { canonical, data: canonical.length, references: 0 })
            }
            Node::Object { sub_type, children: of_object } => (sub_type, whole(&children, of_object)),
        };
        total.add(expanded, 0).map_err(|e| at("node", index, sub_type, &e))?;
        children.push(expanded.as_child(sub_type));
    }
    for (index, event) in answer.events.iter().enumerate() {
        let expanded = whole(&children, &event.children);
        // The raw record refers to the event and to all that it refers to; its session to the event.
        let further = expanded.references.saturating_add(2);
        total.add(expanded, further).map_err(|e| at("event", index, &event.sub_type, &e))?;
    }
    for (index, session) in answer.sessions.iter().enumerate() {
        let expanded = whole(&children, &session.key);
        total.add(expanded, 1).map_err(|e| at("session", index, &session.sub_type, &e))?;
    }
    Ok(Expansion {
        bytes: total.data.max(total.canonical),
        bytes_limit: total.bytes_limit,
        references: total.references,
        references_limit: total.references_limit,
    })
}

impl Total {
    /// Adds a document and the references that others have because of it.
    fn add(&mut self, document: Expanded, further: u64) -> Result<(), AnswerError> {
        let size = document.data.saturating_add(document.references.saturating_mul(REFERENCE)).saturating_add(FIXED);
        if size > self.document_limit {
            return Err(AnswerError(format!("a document of {size} bytes, at most {}", self.document_limit)));
        }
        self.canonical = self.canonical.saturating_add(document.canonical.length);
        self.data = self.data.saturating_add(document.data);
        self.references = self.references.saturating_add(document.references).saturating_add(further);
        let bytes = self.data.max(self.canonical);
        if bytes > self.bytes_limit {
            let limit = self.bytes_limit;
            return Err(AnswerError(format!(
                "written out, the documents up to here take {bytes} bytes, at most {limit} for this record"
            )));
        }
        if self.references > self.references_limit {
            let (found, limit) = (self.references, self.references_limit);
            return Err(AnswerError(format!(
                "the documents up to here refer {found} times to others, at most {limit} for this record"
            )));
        }
        Ok(())
    }
}

/// A document with these children: `{"type": [child, …], …}`.
fn whole(nodes: &[Expanded], children: &[u32]) -> Expanded {
    let empty = Expanded { canonical: Size::plain(2), data: 2, references: 0 };
    children.iter().filter_map(|&child| nodes.get(child as usize)).fold(empty, |sum, child| Expanded {
        canonical: sum.canonical + child.canonical,
        data: sum.data.saturating_add(child.data),
        references: sum.references.saturating_add(child.references),
    })
}
