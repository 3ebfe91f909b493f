//! Looking at an archive without writing to it.

use mongodb::bson::{Bson, Document, doc};

use super::candidates::{Source, candidate, fields};
use super::claim::{Arrival, read};
use super::ledger;
use super::server::{INSTANCE, LEDGER, SUBMISSION, Server};
use super::{indexes, reading, submissions, tally};
use crate::store::{ClaimSize, FilterRef, Index, ORIGINALS, StoreError, Survey, Work};
use crate::tahoe::{Hash, Itype};

/// How many submissions are looked up at once.
const SLICE: usize = 256;

/// Reads a few fields of every document, in the order of hashes.
pub(super) fn survey(server: &Server) -> Result<Survey, StoreError> {
    let mut survey = Survey { server: version(server)?, indexes: present(server)?, ..Survey::default() };
    let fields = doc! { "_hash": 1, "itype": 1, "sub_type": 1, "filters": 1, "_valid": 1 };
    let mut last: Option<Hash> = None;
    let mut counted = false;
    for document in server.query(INSTANCE, Document::new(), fields, doc! { "_hash": 1 }, None)? {
        let document = document?;
        let itype = match document.get("itype") {
            Some(Bson::String(name)) => Itype::from_name(name),
            _ => None,
        };
        *survey.documents.entry(itype.map_or("", Itype::name).to_owned()).or_default() += 1;
        let id = || document.get("_id").map_or_else(String::new, |id| reading::text(Some(id)));
        let Some(hash) = reading::hash(document.get("_hash")) else {
            survey.unreadable.note(|| format!("{}: `_hash` is no SHA-256 in lower-case hexadecimal digits", id()));
            continue;
        };
        if itype.is_none() {
            survey.unreadable.note(|| format!("{}: `itype` is no kind of document", id()));
        }
        // Of one hash once, however many documents have it.
        counted &= last == Some(hash);
        if last == Some(hash) && !counted {
            survey.duplicates.note(|| hash.to_string());
            counted = true;
        }
        last = Some(hash);
        let sub_type = reading::text(document.get("sub_type"));
        match itype {
            Some(Itype::Raw) => {
                let raw = survey.raw.entry(sub_type).or_default();
                raw.documents += 1;
                raw.hidden += u64::from(reading::hidden(&document));
                for mark in reading::texts(document.get("filters")) {
                    *raw.marks.entry(mark).or_default() += 1;
                }
            }
            Some(Itype::Attribute) => survey.original_mapping += u64::from(sub_type == ORIGINALS),
            _ => {}
        }
    }
    Ok(survey)
}

fn version(server: &Server) -> Result<String, StoreError> {
    let info = server.command(doc! { "buildInfo": 1 })?;
    // FerretDB says whose protocol it speaks as `version`, and its own apart.
    let name =
        if info.contains_key("ferretdbVersion") || info.contains_key("ferretdb") { "FerretDB, as MongoDB" } else { "MongoDB" };
    Ok(format!("{name} {}", info.get_str("version").unwrap_or("of unknown version")))
}

fn present(server: &Server) -> Result<Vec<Index>, StoreError> {
    let mut found = Vec::new();
    for (collection, name, keys) in indexes::wanted() {
        let present = server.has_collection(collection)?
            && server.indexes(collection)?.iter().any(|index| index.get_document("key").is_ok_and(|key| same_keys(key, &keys)));
        found.push(Index { collection: collection.to_owned(), name: name.to_owned(), present });
    }
    Ok(found)
}

/// The same fields in the same order and direction, whatever type the numbers have.
fn same_keys(one: &Document, other: &Document) -> bool {
    let keys = |index: &Document| -> Vec<(String, Option<f64>)> {
        index.iter().map(|(field, direction)| (field.clone(), reading::number(Some(direction)))).collect()
    };
    keys(one) == keys(other)
}

/// Answered by the index that pending work is found by.
pub(super) fn has(server: &Server, itype: Itype, sub_type: &str) -> Result<bool, StoreError> {
    let filter = doc! { "itype": itype.name(), "sub_type": sub_type };
    Ok(!server.find_sorted(INSTANCE, filter, doc! { "_id": 1 }, Document::new(), Some(1))?.is_empty())
}

/// Counts what is pending, and reads the first records of it.
pub(super) fn peek(server: &Server, filter: &FilterRef, size: ClaimSize, now: f64) -> Result<(u64, Vec<Work>), StoreError> {
    let pending = tally::tally_of(server, filter.id, filter.accepts.clone())?.pending;
    let mut work: Vec<Work> = Vec::new();
    let mut bytes = 0;
    for (source, sub_type) in [Source::Instance, Source::Submission]
        .into_iter()
        .flat_map(|source| filter.accepts.iter().map(move |read| (source, read)))
    {
        let collection = if source == Source::Instance { INSTANCE } else { SUBMISSION };
        let order = doc! { source.order(): 1 };
        let mut documents = server.query(collection, source.of_sub_type(sub_type), fields(), order, None)?.fuse();
        loop {
            let (mut slice, mut over) = (Vec::new(), true);
            for document in documents.by_ref().take(SLICE) {
                over = false;
                let document = document?;
                slice.extend(candidate(&document, source, filter).filter(|candidate| !candidate.marked));
            }
            if over {
                break;
            }
            let ids: Vec<String> = slice.iter().map(|candidate| ledger::id_of(filter.id, &candidate.key)).collect();
            let settled = server.find(LEDGER, doc! { "_id": { "$in": ids } }, doc! { "_id": 1 })?;
            let settled: Vec<String> = settled.iter().map(|row| reading::text(row.get("_id"))).collect();
            slice.retain(|candidate| !settled.contains(&ledger::id_of(filter.id, &candidate.key)));
            let mut targets = submissions::targets(server, slice.iter().map(|candidate| &candidate.key))?;
            let part: Vec<_> =
                slice.into_iter().filter_map(|candidate| Some((candidate.clone(), targets.remove(&candidate.key)?))).collect();
            for one in read(server, &part, now, Arrival::Guess)?.into_iter().flatten() {
                bytes += one.data.len();
                if work.len() >= size.records.max(1) || (bytes > size.bytes && !work.is_empty()) {
                    return Ok((pending, work));
                }
                work.push(one);
            }
        }
    }
    Ok((pending, work))
}
