//! Submissions: a raw document is its first organisation's, further ones lie in the collection `submission`.
//!
//! An archive whose original could race may hold one raw record twice. The document with the lowest `_id` is the
//! record; another one of another organisation is that organisation's submission, as if it lay beside.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use super::reading;
use super::server::{INSTANCE, SUBMISSION, Server};
use crate::store::{StoreError, SubmissionKey};
use crate::tahoe::{Hash, Itype};

/// Where a pair's marks and references go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The `_id` of the raw document that gets the references.
    pub(super) raw: Bson,
    /// What gets the mark.
    pub(super) mark: Mark,
    /// The raw document's.
    pub(super) sub_type: String,
    /// The marks that are there.
    pub(super) marks: Vec<String>,
    /// The raw document is hidden from everyone.
    pub(super) hidden: bool,
    /// Why the document cannot be marked.
    pub(super) odd: Option<String>,
}

/// A document with `filters`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A raw document, by its `_id`.
    Instance(Bson),
    /// One in `submission`, by its `_id`.
    Submission(String),
}

/// The `_id` in `submission`. A hash has no `/`, so no two keys have one.
pub(super) fn id_of(key: &SubmissionKey) -> String {
    format!("{}/{}", key.raw, key.orgid)
}

/// Documents by their hash, of each hash the lowest `_id` first.
pub(super) fn by_hash(documents: Vec<Document>) -> HashMap<Hash, Vec<Document>> {
    let mut groups: HashMap<Hash, Vec<Document>> = HashMap::new();
    for document in documents {
        if let Some(hash) = reading::hash(document.get("_hash")) {
            groups.entry(hash).or_default().push(document);
        }
    }
    for group in groups.values_mut() {
        let id = |document: &Document| document.get("_id").cloned().unwrap_or(Bson::Null);
        group.sort_by(|one, other| reading::compare_ids(&id(one), &id(other)));
    }
    groups
}

/// Where these submissions are; those that do not exist are left out.
pub(super) fn targets<'k>(
    server: &Server,
    keys: impl Iterator<Item = &'k SubmissionKey> + Clone,
) -> Result<HashMap<SubmissionKey, Target>, StoreError> {
    let mut hashes: Vec<String> = keys.clone().map(|key| key.raw.to_string()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let projection = doc! { "_hash": 1, "itype": 1, "sub_type": 1, "orgid": 1, "filters": 1, "_valid": 1 };
    let mut found = server.find(INSTANCE, doc! { "_hash": { "$in": hashes } }, projection)?;
    found.retain(|document| matches!(document.get("itype"), Some(Bson::String(itype)) if itype == Itype::Raw.name()));
    let groups = by_hash(found);
    let mut targets = HashMap::new();
    let mut beside = Vec::new();
    for key in keys {
        let Some(group) = groups.get(&key.raw) else { continue };
        let Some((first, raw)) = group.first().and_then(|first| Some((first, first.get("_id")?.clone()))) else { continue };
        let own: Vec<&Document> = group.iter().filter(|document| reading::text(document.get("orgid")) == key.orgid).collect();
        let mut target = Target {
            raw: raw.clone(),
            mark: Mark::Submission(id_of(key)),
            sub_type: reading::text(first.get("sub_type")),
            marks: own.iter().flat_map(|document| reading::texts(document.get("filters"))).collect(),
            hidden: reading::hidden(own.first().copied().unwrap_or(first)),
            odd: None,
        };
        if let Some(document) = own.first() {
            target.mark = Mark::Instance(document.get("_id").cloned().unwrap_or(raw));
            target.odd = odd(document);
        } else {
            beside.push(Bson::String(id_of(key)));
        }
        targets.insert(key.clone(), target);
    }
    if !beside.is_empty() {
        let found = server.find(SUBMISSION, doc! { "_id": { "$in": beside } }, doc! { "filters": 1 })?;
        let marks: HashMap<String, Vec<String>> =
            found.iter().map(|found| (reading::text(found.get("_id")), reading::texts(found.get("filters")))).collect();
        targets.retain(|_, target| match &target.mark {
            Mark::Instance(_) => true,
            Mark::Submission(id) => marks.get(id).is_some_and(|found| {
                target.marks.clone_from(found);
                true
            }),
        });
    }
    Ok(targets)
}

/// Marks are joined into a list; anything else that others wrote there is not ours to replace.
fn odd(document: &Document) -> Option<String> {
    match document.get("filters") {
        None | Some(Bson::Array(_)) => None,
        Some(_) => Some("the field `filters` of the stored raw record is no list: the record cannot be marked".to_owned()),
    }
}
