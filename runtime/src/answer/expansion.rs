//! How large the documents of an answer will be, before one of them is built.
//!
//! A shared node is written out once per place that refers to it, and every level escapes the one below. So the sizes are summed
//! bottom-up over the places, with saturating arithmetic: what is built later can only be smaller.

use super::{Answer, AnswerError, Node};
use crate::limits::Limits;
use crate::tahoe::measure::Size;

/// What one document, written out, takes.
#[derive(Clone, Copy, Default)]
struct Expanded {
    canonical: Size,
    data: u64,
    references: u64,
}

/// What all documents of an answer take together.
#[derive(Default)]
struct Total {
    canonical: u64,
    data: u64,
    references: u64,
}

/// Bytes that a document takes beside its data and references, generously.
const FIXED: u64 = 512;
/// Bytes of one reference in a document: 64 digits, a key and a length, in up to two lists.
const REFERENCE: u64 = 160;

/// Refuses an answer whose documents would be out of proportion to the record. The answer's indices must have been checked.
pub(super) fn check_expansion(answer: &Answer, limits: &Limits, input: u64) -> Result<(), AnswerError> {
    let mut total = Total::default();
    let mut nodes: Vec<Expanded> = Vec::with_capacity(answer.nodes.len());
    for node in &answer.nodes {
        let expanded = match node {
            Node::Attribute { value, .. } => {
                let canonical = match value {
                    crate::tahoe::Scalar::Text(text) => Size::of_str(text),
                    _ => Size::plain(24),
                };
                Expanded { canonical, data: canonical.length, references: 0 }
            }
            Node::Object { children, .. } => whole(answer, &nodes, children),
        };
        total.add(expanded, limits)?;
        nodes.push(expanded);
    }
    for (index, event) in answer.events.iter().enumerate() {
        let expanded = whole(answer, &nodes, &event.children);
        total.add(expanded, limits).map_err(|e| AnswerError(format!("event {index}: {e}")))?;
        // The raw record refers to the event and to all that it refers to; its session to the event.
        total.references = total.references.saturating_add(expanded.references).saturating_add(2);
    }
    for session in &answer.sessions {
        total.add(whole(answer, &nodes, &session.key), limits)?;
        total.references = total.references.saturating_add(1);
    }
    // The raw record may refer to nodes that are in no event.
    total.references = total.references.saturating_add(answer.nodes.len() as u64);

    let bytes = limits.expanded.of(input);
    if total.data > bytes || total.canonical > bytes {
        let found = total.data.max(total.canonical);
        return Err(AnswerError(format!("written out, the documents take {found} bytes, at most {bytes} for this record")));
    }
    let references = limits.references.of(input);
    if total.references > references {
        return Err(AnswerError(format!(
            "the documents refer {} times to others, at most {references} for this record",
            total.references
        )));
    }
    Ok(())
}

impl Total {
    fn add(&mut self, document: Expanded, limits: &Limits) -> Result<(), AnswerError> {
        let size = document.data.saturating_add(document.references.saturating_mul(REFERENCE)).saturating_add(FIXED);
        if size > limits.document {
            return Err(AnswerError(format!("a document of {size} bytes, at most {}", limits.document)));
        }
        self.canonical = self.canonical.saturating_add(document.canonical.length);
        self.data = self.data.saturating_add(document.data);
        self.references = self.references.saturating_add(document.references);
        Ok(())
    }
}

/// A document with these children: `{"type": [child, …], …}`, each child counted as if it had a list of its own.
fn whole(answer: &Answer, nodes: &[Expanded], children: &[u32]) -> Expanded {
    let mut sum = Expanded { canonical: Size::plain(2), data: 2, references: 0 };
    for &child in children {
        let index = child as usize;
        let (Some(expanded), Some(node)) = (nodes.get(index), answer.nodes.get(index)) else { continue };
        let (Node::Attribute { sub_type, .. } | Node::Object { sub_type, .. }) = node;
        let list = Size::list(expanded.canonical.dumped(), 1).dumped();
        sum.canonical = sum.canonical + Size::of_str(sub_type) + list + Size::plain(4);
        sum.data = sum.data.saturating_add(expanded.data).saturating_add(sub_type.len() as u64 + 8);
        sum.references = sum.references.saturating_add(expanded.references).saturating_add(1);
    }
    sum
}
