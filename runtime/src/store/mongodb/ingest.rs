//! Archiving raw records.

use std::collections::{HashMap, HashSet};

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::documents::{self, describe, is_same_raw};
use super::error::Fault;
use super::reading;
use super::server::{INSTANCE, RACES, SUBMISSION, Server};
use super::submissions::{by_hash, id_of};
use crate::store::{Archived, NewRecord, StoreError, SubmissionKey};
use crate::tahoe::Hash;

/// Archives a batch. Records before submissions, so that a submission's record is there; and whatever another writer
/// was first with is looked at again.
pub(super) fn ingest(server: &Server, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError> {
    let mut archived: Vec<Option<Archived>> = vec![None; records.len()];
    for race in 0..RACES {
        let open: Vec<usize> = archived.iter().enumerate().filter(|(_, done)| done.is_none()).map(|(index, _)| index).collect();
        if open.is_empty() {
            break;
        }
        if race > 1 {
            std::thread::sleep(std::time::Duration::from_millis(5 << race));
        }
        pass(server, records, &open, &mut archived)?;
    }
    archived.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| Fault::Duplicate.into_error(&server.address))
}

/// One pass over the records that are not decided yet.
fn pass(server: &Server, records: &[NewRecord], open: &[usize], archived: &mut [Option<Archived>]) -> Result<(), StoreError> {
    let open: Vec<(usize, &NewRecord)> = open.iter().filter_map(|&index| Some((index, records.get(index)?))).collect();
    let stored = look_up(server, &open)?;
    let mut raws: Vec<(usize, Document)> = Vec::new();
    let mut submissions: Vec<(usize, Document)> = Vec::new();
    // What this batch itself brings first.
    let mut new: HashMap<Hash, &NewRecord> = HashMap::new();
    let mut submitted: HashSet<SubmissionKey> = HashSet::new();
    for (index, record) in open {
        let hash = record.document.hash;
        let key = SubmissionKey { raw: hash, orgid: record.orgid.clone() };
        let decided = match (stored.get(&hash), new.get(&hash)) {
            (Some(group), _) => match group.other {
                Some(ref other) => Some(Archived::Collision { stored: other.clone() }),
                None => group.orgids.contains(&record.orgid).then_some(Archived::AlreadyThere),
            },
            (None, Some(first)) if first.document.sub_type != record.document.sub_type => {
                Some(Archived::Collision { stored: format!("raw `{}`", first.document.sub_type) })
            }
            // There already, once the first one is: the next pass knows.
            (None, Some(first)) if first.orgid == record.orgid => continue,
            (None, Some(_)) => None,
            (None, None) => {
                new.insert(hash, record);
                raws.push((index, documents::raw(record, ObjectId::new())));
                continue;
            }
        };
        if let Some(slot) = archived.get_mut(index).filter(|_| decided.is_some()) {
            *slot = decided;
        } else if submitted.insert(key.clone()) {
            submissions.push((index, submission(record, &key)));
        } else if let Some(slot) = archived.get_mut(index) {
            *slot = Some(Archived::AlreadyThere);
        }
    }
    let missing = insert(server, INSTANCE, raws, archived, None)?;
    // A submission of a record that is not there yet waits for the next pass.
    let missing: HashSet<Hash> =
        missing.iter().filter_map(|&index| records.get(index)).map(|record| record.document.hash).collect();
    submissions.retain(|(index, _)| records.get(*index).is_none_or(|record| !missing.contains(&record.document.hash)));
    // What the server did not take, it does not take from anybody.
    let refused: HashMap<Hash, Archived> = records
        .iter()
        .zip(archived.iter())
        .filter_map(|(record, archived)| Some((record.document.hash, archived.clone()?)))
        .filter(|(_, archived)| matches!(archived, Archived::Refused { .. }))
        .collect();
    for (record, slot) in records.iter().zip(archived.iter_mut()).filter(|(_, slot)| slot.is_none()) {
        *slot = refused.get(&record.document.hash).cloned();
    }
    submissions.retain(|(index, _)| archived.get(*index).is_none_or(Option::is_none));
    insert(server, SUBMISSION, submissions, archived, Some(&Archived::AlreadyThere))?;
    Ok(())
}

/// Inserts; what is a duplicate is `duplicate`, or left open for another pass. Returns the latter.
fn insert(
    server: &Server,
    collection: &str,
    documents: Vec<(usize, Document)>,
    archived: &mut [Option<Archived>],
    duplicate: Option<&Archived>,
) -> Result<Vec<usize>, StoreError> {
    let (indices, list): (Vec<usize>, Vec<Document>) = documents.into_iter().unzip();
    let faults: HashMap<usize, Fault> = server.insert(collection, &list)?.into_iter().collect();
    let mut open = Vec::new();
    for (at, index) in indices.iter().enumerate() {
        let outcome = match faults.get(&at) {
            None => Some(Archived::New),
            Some(Fault::Duplicate) => duplicate.cloned(),
            Some(fault) => Some(Archived::Refused { reason: fault.to_string() }),
        };
        if outcome.is_none() {
            open.push(*index);
        }
        if let Some(slot) = archived.get_mut(*index) {
            *slot = outcome;
        }
    }
    Ok(open)
}

/// A further organisation's submission.
fn submission(record: &NewRecord, key: &SubmissionKey) -> Document {
    doc! {
        "_id": id_of(key),
        "raw": key.raw.to_string(),
        "orgid": key.orgid.as_str(),
        "sub_type": record.document.sub_type.as_str(),
        "timezone": record.timezone.as_str(),
        "received_at": record.received_at,
        "seq": ObjectId::new(),
    }
}

/// What is stored of a hash.
#[derive(Default)]
struct Group {
    /// Who has archived it as a raw document of its own.
    orgids: HashSet<String>,
    /// It is another document than the new one.
    other: Option<String>,
}

fn look_up(server: &Server, open: &[(usize, &NewRecord)]) -> Result<HashMap<Hash, Group>, StoreError> {
    let wanted: HashMap<Hash, &NewRecord> = open.iter().map(|(_, record)| (record.document.hash, *record)).collect();
    let mut groups: HashMap<Hash, Group> = HashMap::new();
    let hashes: Vec<Bson> = wanted.keys().map(|hash| Bson::String(hash.to_string())).collect();
    let mut fields = documents::identity_fields();
    fields.insert("_valid", 1);
    // One at a time in memory: raw records may be large.
    for document in server.query(INSTANCE, doc! { "_hash": { "$in": hashes } }, fields, Document::new(), None)? {
        for (hash, documents) in by_hash(vec![document?]) {
            let Some(record) = wanted.get(&hash) else { continue };
            let group = groups.entry(hash).or_default();
            for document in documents {
                if is_same_raw(&document, &record.document) {
                    group.orgids.insert(reading::text(document.get("orgid")));
                } else {
                    group.other = Some(describe(&document));
                }
            }
        }
    }
    Ok(groups)
}
