//! What a filter says about a record, from the guest's word to Tahoe documents.
//!
//! An [`Answer`] is untrusted. [`check()`] turns it into a [`Checked`] answer, which nothing else can make, and
//! [`build()`] takes only that: an unchecked answer cannot reach a store.

mod build;
mod check;
mod digest;
mod expansion;
mod family;
#[cfg(test)]
mod model_tests;

pub use build::build;
pub use check::{Checked, Rules, check};
pub use expansion::{Expansion, expand};

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::limits::Limits;
use crate::tahoe::{Category, Hash, Scalar};

/// The most nodes, events and sessions that an answer to any record may have.
const NODES: usize = Limits::PURE.nodes.of(Limits::INPUT_BYTES) as usize;
const EVENTS: usize = Limits::PURE.events.of(Limits::INPUT_BYTES) as usize;
const SESSIONS: usize = Limits::PURE.sessions.of(Limits::INPUT_BYTES) as usize;

/// Why an answer is refused: the rule that it broke, where, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnswerError(pub(crate) String);

/// An answer as the guest gave it, of whatever version of the contract. Plain data, so that it can come from another
/// process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// See `wit/types.wit` for these and what is in them.
    #[serde(deserialize_with = "bounded::list::<_, _, NODES>")]
    pub nodes: Vec<Node>,
    /// Events.
    #[serde(deserialize_with = "bounded::list::<_, _, EVENTS>")]
    pub events: Vec<Event>,
    /// Sessions.
    #[serde(deserialize_with = "bounded::list::<_, _, SESSIONS>")]
    pub sessions: Vec<Session>,
}

impl Answer {
    /// The digest that the ledger keeps: SHA-256 of the answer as JSON, fields in the order of the contract.
    #[must_use]
    pub fn digest(&self) -> Hash {
        digest::digest(self)
    }
}

/// A part of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// A typed value.
    Attribute {
        /// Its type.
        sub_type: String,
        /// Its value.
        value: Scalar,
    },
    /// Nodes that belong together.
    Object {
        /// Its type.
        sub_type: String,
        /// Indices of earlier nodes.
        children: Vec<u32>,
    },
}

impl Node {
    /// Its type.
    #[must_use]
    pub fn sub_type(&self) -> &str {
        match self {
            Self::Attribute { sub_type, .. } | Self::Object { sub_type, .. } => sub_type,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its type.
    pub sub_type: String,
    /// Unix seconds.
    pub timestamp: f64,
    /// What is known of it.
    pub category: Category,
    /// Indices of nodes.
    pub children: Vec<u32>,
    /// Indices of nodes of this event.
    pub malicious: Vec<u32>,
    /// Indices of nodes of this event.
    pub benign: Vec<u32>,
    /// Index of a session.
    pub session: Option<u32>,
}

/// What holds events together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its type.
    pub sub_type: String,
    /// Indices of nodes.
    pub key: Vec<u32>,
    /// Unix seconds.
    pub start_time: Option<f64>,
    /// Unix seconds.
    pub end_time: Option<f64>,
    /// Seconds.
    pub duration: Option<f64>,
}
