//! How large the documents of an answer will be, reckoned as the host does before it builds one of them.
//!
//! A document holds its children's content in full, and the form that is hashed escapes it once more at each level. So
//! sizes are summed from the leaves up: of a text the next level needs the length, the quotes and the backslashes.

use crate::Scalar;
use crate::bindings::cybexp::tahoe::types;
use crate::limits::{DOCUMENT_BYTES, Limits};

/// Bytes of a document beside its data and references.
const FIXED: usize = 512;
/// Bytes of one reference in a document.
const REFERENCE: usize = 240;
/// Bytes of a number, or less.
const NUMBER: usize = 24;

/// A text of ASCII, as far as writing it as a JSON string depends on it.
#[derive(Clone, Copy, Debug, Default)]
struct Ascii {
    length: usize,
    quotes: usize,
    backslashes: usize,
}

impl Ascii {
    const fn plain(length: usize) -> Self {
        Self { length, quotes: 0, backslashes: 0 }
    }

    /// `text` as a JSON string of ASCII characters.
    fn of(text: &str) -> Self {
        let mut ascii = Self { length: text.len() + 2, quotes: 2, backslashes: 0 };
        let is_plain = |b: u8| matches!(b, b' '..=b'~') & (b != b'"') & (b != b'\\');
        // Many bytes between two decisions, so that they are looked at side by side.
        if text.as_bytes().chunks(64).all(|bytes| bytes.iter().fold(true, |plain, b| plain & is_plain(*b))) {
            return ascii;
        }
        for c in text.chars() {
            // More bytes than the character has, and the backslashes among them.
            let (more, backslashes) = match c {
                '"' => {
                    ascii.quotes += 1;
                    (1, 1)
                }
                '\\' => (1, 2),
                '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => (1, 1),
                ' '..='~' => (0, 0),
                _ => (6 * c.len_utf16() - c.len_utf8(), c.len_utf16()),
            };
            ascii.length += more;
            ascii.backslashes += backslashes;
        }
        ascii
    }

    /// This text as a JSON string.
    const fn dumped(self) -> Self {
        Self {
            length: self.length.saturating_add(self.quotes).saturating_add(self.backslashes).saturating_add(2),
            quotes: self.quotes.saturating_add(2),
            backslashes: self.backslashes.saturating_mul(2).saturating_add(self.quotes),
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            length: self.length.saturating_add(other.length),
            quotes: self.quotes.saturating_add(other.quotes),
            backslashes: self.backslashes.saturating_add(other.backslashes),
        }
    }
}

/// What a document takes, or what it adds to one that it is a child of.
#[derive(Clone, Copy, Debug, Default)]
struct Expanded {
    canonical: Ascii,
    data: usize,
    references: usize,
}

impl Expanded {
    fn of_attribute(value: &Scalar) -> Self {
        let canonical = match value {
            Scalar::Text(text) => Ascii::of(text),
            Scalar::Null | Scalar::Boolean(_) | Scalar::Integer(_) | Scalar::Float(_) => Ascii::plain(NUMBER),
        };
        Self { canonical, data: canonical.length, references: 0 }
    }

    fn of_children(sizes: &[Self], children: &[u32]) -> Self {
        let none = Self { canonical: Ascii::plain(2), data: 2, references: 0 };
        children.iter().filter_map(|child| sizes.get(*child as usize)).fold(none, |sum, child| Self {
            canonical: sum.canonical.plus(child.canonical),
            data: sum.data.saturating_add(child.data),
            references: sum.references.saturating_add(child.references),
        })
    }

    /// As `"sub_type": [child]`, and a reference.
    fn as_child(self, sub_type: &str) -> Self {
        let list = self.canonical.dumped().plus(Ascii::plain(2)).dumped();
        Self {
            canonical: Ascii::of(sub_type).plus(list).plus(Ascii::plain(4)),
            data: self.data.saturating_add(sub_type.len() + 8),
            references: self.references.saturating_add(1),
        }
    }
}

/// What was measured of an answer, and what it takes together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Total {
    pub(crate) nodes: usize,
    pub(crate) events: usize,
    pub(crate) sessions: usize,
    canonical: usize,
    data: usize,
    references: usize,
    largest: usize,
}

impl Total {
    /// Adds a document and the references that others have because of it.
    fn add(&mut self, document: Expanded, further: usize) {
        let size = document.data.saturating_add(document.references.saturating_mul(REFERENCE)).saturating_add(FIXED);
        self.largest = self.largest.max(size);
        self.canonical = self.canonical.saturating_add(document.canonical.length);
        self.data = self.data.saturating_add(document.data);
        self.references = self.references.saturating_add(document.references).saturating_add(further);
    }

    /// Whether the host takes an answer of this size.
    pub(crate) fn is_within(&self, limits: &Limits) -> bool {
        self.nodes <= limits.nodes
            && self.events <= limits.events
            && self.sessions <= limits.sessions
            && self.canonical.max(self.data) <= limits.expanded_bytes
            && self.references <= limits.references
            && self.largest <= DOCUMENT_BYTES
    }
}

/// The measure of an answer that is being built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expansion {
    /// What each node adds to its parents.
    sizes: Vec<Expanded>,
    total: Total,
}

impl Expansion {
    /// Measures what was added since the last time.
    pub(crate) fn measure(&mut self, answer: &types::Answer) -> Total {
        let Self { sizes, total } = self;
        for node in answer.nodes.iter().skip(total.nodes) {
            let (sub_type, expanded) = match node {
                types::Node::Attribute(attribute) => (&attribute.sub_type, Expanded::of_attribute(&attribute.value)),
                types::Node::Object(object) => (&object.sub_type, Expanded::of_children(sizes, &object.children)),
            };
            // The raw record refers to it.
            total.add(expanded, 1);
            sizes.push(expanded.as_child(sub_type));
        }
        for event in answer.events.iter().skip(total.events) {
            let expanded = Expanded::of_children(sizes, &event.children);
            // The raw record refers to the event and to all that it refers to; its session to the event.
            total.add(expanded, expanded.references.saturating_add(2));
        }
        for session in answer.sessions.iter().skip(total.sessions) {
            total.add(Expanded::of_children(sizes, &session.key), 1);
        }
        (total.nodes, total.events, total.sessions) = (answer.nodes.len(), answer.events.len(), answer.sessions.len());
        *total
    }

    /// Forgets what was measured after `total`.
    pub(crate) fn go_back(&mut self, total: Total) {
        self.sizes.truncate(total.nodes);
        self.total = total;
    }
}
