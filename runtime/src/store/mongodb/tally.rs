//! Counting how the pairs of a filter stand.

use std::collections::{BTreeMap, HashMap};

use mongodb::bson::{Document, doc};
use uuid::Uuid;

use super::ledger::State;
use super::reading;
use super::server::{FILTER, Found, INSTANCE, LEDGER, SUBMISSION, Server};
use crate::store::{StoreError, Tally};
use crate::tahoe::{Hash, Itype};

/// Documents in the order of a hash, taken a hash at a time.
struct Stream<'s> {
    found: Found<'s>,
    field: &'static str,
    /// Read already, of a later hash.
    next: Option<(Hash, Document)>,
}

impl<'s> Stream<'s> {
    fn open(
        server: &'s Server,
        collection: &str,
        filter: Document,
        field: &'static str,
        fields: Document,
    ) -> Result<Self, StoreError> {
        let mut projection = doc! { field: 1 };
        projection.extend(fields);
        let found = server.query(collection, filter, projection, doc! { field: 1 }, None)?;
        let mut stream = Self { found, field, next: None };
        stream.advance()?;
        Ok(stream)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.next = None;
        for document in self.found.by_ref() {
            let document = document?;
            if let Some(hash) = reading::hash(document.get(self.field)) {
                self.next = Some((hash, document));
                return Ok(());
            }
        }
        Ok(())
    }

    /// All of this hash; what is of lower ones is passed.
    fn take(&mut self, hash: Hash) -> Result<Vec<Document>, StoreError> {
        let mut taken = Vec::new();
        while let Some((next, _)) = self.next.as_ref().filter(|(next, _)| *next <= hash) {
            let wanted = *next == hash;
            taken.extend(self.next.take().map(|(_, document)| document).filter(|_| wanted));
            self.advance()?;
        }
        Ok(taken)
    }
}

/// Counts the submissions of each sub-type. Reads one field of every raw document.
pub(super) fn archived(server: &Server) -> Result<BTreeMap<String, u64>, StoreError> {
    let raws = doc! { "itype": Itype::Raw.name(), "_valid": { "$ne": false } };
    let mut counts = BTreeMap::new();
    for (collection, filter) in [(INSTANCE, raws), (SUBMISSION, Document::new())] {
        for document in server.query(collection, filter, doc! { "sub_type": 1 }, Document::new(), None)? {
            if let Ok(sub_type) = document?.get_str("sub_type") {
                *counts.entry(sub_type.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// Counts for a filter as it was last registered. `None` if it never was.
pub(super) fn tally(server: &Server, filter: Uuid) -> Result<Option<Tally>, StoreError> {
    let registered = server.find(FILTER, doc! { "_id": filter.to_string() }, Document::new())?;
    let Some(registered) = registered.first() else { return Ok(None) };
    tally_of(server, filter, reading::texts(registered.get("accepts"))).map(Some)
}

/// Reads all three collections once, side by side in the order of hashes: exact, and in little memory.
pub(super) fn tally_of(server: &Server, filter: Uuid, accepts: Vec<String>) -> Result<Tally, StoreError> {
    let read = doc! { "$in": accepts };
    let name = filter.to_string();
    let raws = doc! { "itype": Itype::Raw.name(), "sub_type": read.clone(), "_valid": { "$ne": false } };
    let mut raws = Stream::open(server, INSTANCE, raws, "_hash", doc! { "orgid": 1, "filters": 1 })?;
    let mut submissions =
        Stream::open(server, SUBMISSION, doc! { "sub_type": read.clone() }, "raw", doc! { "orgid": 1, "filters": 1 })?;
    let rows = doc! { "filter": name.as_str(), "sub_type": read };
    let mut rows = Stream::open(server, LEDGER, rows, "raw", doc! { "orgid": 1, "state": 1 })?;
    let mut tally = Tally::default();
    while let Some(hash) = raws.next.as_ref().map(|(hash, _)| *hash) {
        // Per organisation: whether its submission is marked.
        let mut pairs: HashMap<String, bool> = HashMap::new();
        for document in raws.take(hash)?.into_iter().chain(submissions.take(hash)?) {
            let marked = reading::texts(document.get("filters")).contains(&name);
            *pairs.entry(reading::text(document.get("orgid"))).or_default() |= marked;
        }
        let states: HashMap<String, Option<State>> =
            rows.take(hash)?.iter().map(|row| (reading::text(row.get("orgid")), State::of(row))).collect();
        for (orgid, marked) in pairs {
            tally.accepted += 1;
            match states.get(&orgid).copied().flatten() {
                Some(State::Done) => tally.done += 1,
                Some(State::Rejected) => tally.rejected += 1,
                Some(State::Failed) => tally.failed += 1,
                None if marked => tally.done += 1,
                None => tally.pending += 1,
            }
        }
    }
    Ok(tally)
}
