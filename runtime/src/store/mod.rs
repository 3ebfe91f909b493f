//! Where raw records come from and documents go to.
//!
//! [`Store`] is written in words of the domain, and shaped for stores without transactions over several documents:
//! every write is a join (insert if absent, union, minimum, maximum), a batch may be written twice, children are
//! written before parents and the marks of progress last. So any number of workers, in any order, with any crash,
//! reach the same documents.

mod address;
#[cfg(test)]
mod contract;
pub mod correlation;
pub mod mongodb;
pub mod sqlite;
mod status;
mod survey;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::address::{Access, check_address, open, open_existing, open_with, shown_address};
pub use self::correlation::Correlation;
pub use self::status::{FilterStatus, Health, OpenBreaker, Outage, Usage};
pub use self::survey::{Index, ORIGINALS, Oddities, Raw, Survey};
use crate::tahoe::{Graph, Hash, Itype, RawDocument};
use crate::verdict::{Failure, Report};

/// The key of a submission, the work unit: one raw record as archived by one organisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubmissionKey {
    /// The address of the raw document.
    #[serde(rename = "record")]
    pub raw: Hash,
    /// The organisation.
    pub orgid: String,
}

/// A raw record on its way into the archive.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// What it is.
    pub document: RawDocument,
    /// Who archives it.
    pub orgid: String,
    /// An IANA name.
    pub timezone: String,
    /// Unix seconds, finite.
    pub received_at: f64,
}

/// What became of a record on its way into the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archived {
    /// The submission is new.
    New,
    /// The organisation had archived the same data before: nothing was added.
    AlreadyThere,
    /// Refused: the archive's server does not take this record, and may take the others. Nothing of it was added.
    Refused {
        /// The server's words.
        reason: String,
    },
    /// Refused: the archive holds another document with this record's hash. Nothing of the record was added.
    Collision {
        /// What that document is: its kind and sub-type.
        stored: String,
    },
}

/// A filter as the store knows it.
#[derive(Clone, Debug)]
pub struct FilterRef {
    /// The mark.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// Semver, for people.
    pub version: String,
    /// SHA-256 of the component's bytes.
    pub component: Hash,
    /// SHA-256 of the options in force.
    pub options: Hash,
    /// SHA-256 of the limits in force.
    pub limits: Hash,
    /// The sub-types of raw records that it reads.
    pub accepts: Vec<String>,
}

/// A (submission, filter) pair to attempt, with the record.
#[derive(Clone, Debug)]
pub struct Work {
    /// Which submission.
    pub key: SubmissionKey,
    /// The kind of record.
    pub sub_type: String,
    /// Its data as JSON text, see [`RawDocument::data`].
    pub data: String,
    /// An IANA name.
    pub timezone: String,
    /// Unix seconds.
    pub received_at: f64,
}

/// How much to claim at once: whichever is reached first, but at least one record.
#[derive(Clone, Copy, Debug)]
pub struct ClaimSize {
    /// Records.
    pub records: usize,
    /// Bytes of their data.
    pub bytes: usize,
}

/// The end of an attempt: what the ledger records.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Which submission.
    pub key: SubmissionKey,
    /// What came out.
    pub verdict: Verdict,
    /// What it cost.
    pub report: Report,
    /// How often the record was given to the filter for this end: more than once after failures that may pass.
    pub attempts: u32,
}

/// What came out of an attempt.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The documents to join into the archive, and the digest of the answer that they were made of.
    Done(Graph, Hash),
    /// The filter's reason.
    Rejected(String),
    /// Kept as a dead letter.
    Failed(Failure),
}

/// How an attempt stands in the ledger. May differ from what was to be committed: a collision fails an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Joined, with the number of documents that were new.
    Done {
        /// How many documents the archive did not have.
        new_documents: u64,
    },
    /// Rejected by the filter.
    Rejected,
    /// A dead letter.
    Failed(Failure),
}

/// How the pairs of one filter stand. It adds up: accepted = pending + done + rejected + failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Submissions of the sub-types that the filter reads.
    pub accepted: u64,
    /// Not yet settled.
    pub pending: u64,
    /// Documents joined, record marked.
    pub done: u64,
    /// The filter said why.
    pub rejected: u64,
    /// Dead letters.
    pub failed: u64,
}

/// A failed pair.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// What a person calls it by.
    pub id: i64,
    /// The filter.
    pub filter_id: Uuid,
    /// The filter's name when it failed.
    pub filter: String,
    /// The filter's version when it failed.
    pub version: String,
    /// The raw record.
    pub record: Hash,
    /// Whose submission.
    pub orgid: String,
    /// The raw record's sub-type.
    pub sub_type: String,
    /// What happened.
    #[serde(flatten)]
    pub failure: Failure,
    /// Units of fuel used.
    pub fuel: u64,
    /// How often it was tried.
    pub attempts: u64,
    /// Unix seconds.
    pub failed_at: f64,
    /// The digest of the component that failed.
    pub component: Hash,
    /// The digest of its options.
    pub options: Hash,
    /// The digest of its limits.
    pub limits: Hash,
    /// The engine that it ran in; empty if it failed before that was written down.
    pub engine: String,
}

/// What stands before the reason of a pair whose dead letter was given up.
pub(crate) const DISCARDED: &str = "discarded as a dead letter: ";

/// Which documents to export: those that match every given field.
#[derive(Clone, Debug, Default)]
pub struct ExportQuery {
    /// The kind.
    pub itype: Option<Itype>,
    /// The sub-type.
    pub sub_type: Option<String>,
}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may work later: busy, out of reach. Nothing was lost; try the same again.
    #[error("the store is busy or out of reach: {0}")]
    Transient(String),
    /// The address names no store that there is.
    #[error("--store {0}")]
    Address(String),
    /// It will not work: wrong file, no permission, disk full, corrupt.
    #[error("{0}")]
    Permanent(String),
}

/// An archive with its bookkeeping.
///
/// One value serves all workers of a process. Claims keep two workers from attempting one pair at the same time;
/// correctness does not depend on them.
pub trait Store: Send + Sync {
    /// Archives raw records; returns what became of each, in order. The whole batch is durable when this returns.
    ///
    /// # Errors
    /// Nothing or all of the batch may be archived; archiving it again adds nothing twice.
    fn ingest(&self, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError>;

    /// Makes a filter known, once per process, before anything is claimed for it.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn register(&self, filter: &FilterRef) -> Result<(), StoreError>;

    /// Pending pairs of a registered filter that nobody in this process holds, oldest first. Empty: there are none
    /// now. Costs the same however many pairs are settled.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn claim(&self, filter: Uuid, size: ClaimSize) -> Result<Vec<Work>, StoreError>;

    /// As [`Store::claim`], but empty only after a search through the whole archive, since the filter was registered
    /// or reopened, that found nothing: for a run that ends when nothing is pending. A store whose [`Store::claim`]
    /// sees everything at once need not do more.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn claim_to_the_end(&self, filter: Uuid, size: ClaimSize) -> Result<Vec<Work>, StoreError> {
        self.claim(filter, size)
    }

    /// Writes what came out of attempts: documents first, then references, then the marks and the ledger. Releases
    /// the claims. A settled pair stays as it is, except that a failed one may yet be done or rejected.
    ///
    /// # Errors
    /// The claims are still held: commit again, or give them back. Committing twice does what committing once does.
    fn commit(&self, filter: Uuid, settled: &[Settled]) -> Result<Vec<Committed>, StoreError>;

    /// Releases claims whose attempts did not come to an end: the pairs stay pending, and this process does not
    /// claim them again before [`Store::reopen`].
    fn give_back(&self, filter: Uuid, keys: &[SubmissionKey]);

    /// Lets [`Store::claim`] look through a filter's submissions again, from the oldest that may be pending: for
    /// pairs that were given back, or made pending again. Claims that are held stay so.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn reopen(&self, filter: Uuid) -> Result<(), StoreError>;

    /// One record, whatever has become of it. `None`: it is not archived.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn record(&self, key: &SubmissionKey) -> Result<Option<Work>, StoreError>;

    /// How the pairs of a registered filter stand. May count, and cost time in proportion to the archive.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn tally(&self, filter: Uuid) -> Result<Tally, StoreError>;

    /// Adds to what a registered filter has cost, and says how it fares. Statistics: a crash may cost some.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn note(&self, filter: Uuid, usage: Usage, health: &Health) -> Result<(), StoreError>;

    /// How a registered filter fared when it was last noted.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn health(&self, filter: Uuid) -> Result<Health, StoreError>;

    /// Every filter that was ever registered, by name. Counts, as [`Store::tally`] does.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn status(&self) -> Result<Vec<FilterStatus>, StoreError>;

    /// Reads the whole archive, and says what it is like. Writes nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn survey(&self) -> Result<Survey, StoreError>;

    /// Hides from every reader of the archive (`_valid: false`) the raw documents that some filter rejected and that
    /// nothing came of. Returns how many were hidden now. Nothing else ever writes that field.
    ///
    /// # Errors
    /// See [`StoreError`]; permanent in a store that nothing but this runtime reads.
    fn hide_rejected(&self) -> Result<u64, StoreError>;

    /// How many pairs of a filter are pending, whether it was ever registered or not; and the first of them, as
    /// [`Store::claim`] would give them. Writes and holds nothing. Counts, as [`Store::tally`] does.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn peek(&self, filter: &FilterRef, size: ClaimSize) -> Result<(u64, Vec<Work>), StoreError>;

    /// Whether there is any document of this kind and sub-type. Answered by an index.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn has(&self, itype: Itype, sub_type: &str) -> Result<bool, StoreError>;

    /// How many submissions there are of each sub-type of raw records. Counts, as [`Store::tally`] does.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn archived(&self) -> Result<BTreeMap<String, u64>, StoreError>;

    /// Gives up a dead letter: the pair is rejected, for the reason that it failed and was discarded. Whether there was one
    /// of that number.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn discard(&self, letter: i64) -> Result<bool, StoreError>;

    /// All dead letters, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError>;

    /// Hands every document that matches to `sink`, one line of JSON each without its end, sorted by `_hash`: keys
    /// sorted, no blanks, ASCII with `\uXXXX`, floats as Python's `repr`, reference lists sorted, no `_id`; every
    /// store gives the same bytes. Returns how many.
    ///
    /// # Errors
    /// The store's, or the sink's.
    fn export(&self, query: &ExportQuery, sink: &mut dyn FnMut(&str) -> std::io::Result<()>) -> Result<u64, StoreError>;

    /// One document as [`Store::export`] writes it.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn document(&self, hash: Hash) -> Result<Option<String>, StoreError>;

    /// The attributes that have this value, by sub-type: the text, and the number or constant that it reads as. From
    /// indexes, however large the archive.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn find_attributes(&self, value: &str) -> Result<Vec<Hash>, StoreError>;

    /// What refers to an attribute or object. Costs time in proportion to that, not to the archive.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn correlate(&self, hash: Hash) -> Result<Correlation, StoreError>;
}
