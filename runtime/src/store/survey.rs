//! What an archive is like, for an operator who has not written to it yet.

use std::collections::BTreeMap;

use serde::Serialize;

/// An attribute that only the original's mapping of honeypot records makes: what it called their sensor.
pub const ORIGINALS: &str = "sesnor";

/// Examples that are kept of each kind of oddity.
pub(super) const EXAMPLES: usize = 5;

/// What was found in an archive by reading all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// What holds it, and of which version.
    pub server: String,
    /// The indexes that this program uses, and whether they are there.
    pub indexes: Vec<Index>,
    /// Documents of each kind. What is of no kind that we know is under an empty name.
    pub documents: BTreeMap<String, u64>,
    /// Raw documents of each sub-type.
    pub raw: BTreeMap<String, Raw>,
    /// Hashes that more than one document has. The original could write one twice.
    pub duplicates: Oddities,
    /// Documents that cannot be read: why, and which.
    pub unreadable: Oddities,
    /// Counts and indexes beside the documents that do not agree with them.
    pub inconsistent: Oddities,
    /// Attributes [`ORIGINALS`].
    pub original_mapping: u64,
}

/// An index that this program uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Index {
    /// Of which collection or table.
    pub collection: String,
    /// Its name.
    pub name: String,
    /// Whether it is there, under whatever name.
    pub present: bool,
}

/// Raw documents of one sub-type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Raw {
    /// How many there are.
    pub documents: u64,
    /// How many of them are hidden from everyone (`_valid: false`).
    pub hidden: u64,
    /// How many of them carry the mark of each filter, by its id.
    pub marks: BTreeMap<String, u64>,
}

/// Things that are not as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Oddities {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

impl Oddities {
    /// Counts one.
    pub(super) fn note(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}
