//! The documents that an answer becomes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Hash;

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Itype {
    /// A scalar with a sub-type.
    Attribute,
    /// Attributes and objects that belong together.
    Object,
    /// Something that happened, of one organisation.
    Event,
    /// What holds events together over time.
    Session,
    /// A record as archived.
    Raw,
}

impl Itype {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Attribute, Self::Object, Self::Event, Self::Session, Self::Raw];

    /// The name in documents, which is also the first part of what is hashed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Object => "object",
            Self::Event => "event",
            Self::Session => "session",
            Self::Raw => "raw",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|itype| itype.name() == name)
    }
}

impl fmt::Display for Itype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of an event. Ordered: of two that are joined the greater holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Nothing.
    Unknown,
    /// Harmless.
    Benign,
    /// Harmful.
    Malicious,
}

impl Category {
    /// All categories, in their order.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Benign, Self::Malicious];

    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Benign => "benign",
            Self::Malicious => "malicious",
        }
    }
}

/// One entry of an event's `_ref`, with the context in which the event saw it: `_mal_ref`, `_ben_ref` or neither. One
/// value per entry keeps the two sets disjoint, and the greater wins in a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The index in [`Graph::documents`](super::Graph) of what is referred to.
    pub document: u32,
    /// `Unknown` for neither set.
    pub category: Category,
}

/// One document, with its references as indices into the graph that it is part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The address.
    pub hash: Hash,
    /// An identifier.
    pub sub_type: String,
    /// The stored form of `data`, as JSON text: strings stripped, lists without duplicates and in canonical order.
    pub data: String,
    /// What depends on the kind.
    pub body: Body,
}

/// What a document has beside its sub-type and data. Reference lists are sets, sorted by index.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing else.
    Attribute,
    /// See [`Itype::Object`].
    Object {
        /// `_cref`: the children.
        children: Vec<u32>,
        /// `_ref`: the children and all that they refer to.
        references: Vec<u32>,
    },
    /// See [`Itype::Event`].
    Event {
        /// The organisation, which the host knows and a filter does not.
        orgid: String,
        /// Unix seconds.
        timestamp: f64,
        /// Of the event as a whole.
        category: Category,
        /// `_cref`.
        children: Vec<u32>,
        /// `_ref`, and from it `_mal_ref` and `_ben_ref`.
        references: Vec<Context>,
    },
    /// See [`Itype::Session`].
    Session {
        /// `_cref`: the key.
        children: Vec<u32>,
        /// `_ref`: the key, all that it refers to, and the session's events of this answer.
        references: Vec<u32>,
        /// Unix seconds.
        start_time: Option<f64>,
        /// Unix seconds.
        end_time: Option<f64>,
        /// Seconds.
        duration: Option<f64>,
    },
}

impl Document {
    /// The kind.
    #[must_use]
    pub const fn itype(&self) -> Itype {
        match self.body {
            Body::Attribute => Itype::Attribute,
            Body::Object { .. } => Itype::Object,
            Body::Event { .. } => Itype::Event,
            Body::Session { .. } => Itype::Session,
        }
    }

    /// Whether the other document, of the same hash, is the same one: the identity fields are joined without
    /// separators before hashing, so two different ones can read alike.
    #[must_use]
    pub fn same_identity(&self, other: &Self) -> bool {
        let same_stamp = match (&self.body, &other.body) {
            (Body::Event { orgid, timestamp, .. }, Body::Event { orgid: other_orgid, timestamp: other_timestamp, .. }) => {
                orgid == other_orgid && timestamp.to_bits() == other_timestamp.to_bits()
            }
            _ => self.itype() == other.itype(),
        };
        same_stamp && self.sub_type == other.sub_type && self.data == other.data
    }
}

/// All documents that one answer becomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Children before parents, each hash once.
    pub documents: Vec<Document>,
    /// What the raw record's `_ref` gets, a sorted set: of every event its hash and its `_ref`, of every session its
    /// hash, of every node outside events and sessions its hash and `_ref`.
    pub record_references: Vec<u32>,
}

impl Graph {
    /// About how many bytes of memory the documents take.
    #[must_use]
    pub fn weight(&self) -> usize {
        let weight = |document: &Document| {
            let references = match &document.body {
                Body::Attribute => 0,
                Body::Object { references, .. } | Body::Session { references, .. } => references.len(),
                Body::Event { references, .. } => references.len(),
            };
            size_of::<Document>() + document.data.len() + references * size_of::<Context>()
        };
        self.documents.iter().map(weight).sum()
    }
}
