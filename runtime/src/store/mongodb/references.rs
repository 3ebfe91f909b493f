//! References for which a document has no room: MongoDB's documents end at 16 MiB, some 200,000 references.
//!
//! The `_ref` of sessions and raw records holds up to [`INLINE`] references, as ever. Once it holds so many, further
//! ones go to the collection `reference`: per document up to 256 lists, by the first two digits of what is referred
//! to, so that a reference has one place and adding it twice adds nothing. Our exports join them; other modules of
//! the archive see the ones that were there first, which is what they could see before, and find the rest under
//! `src`.
//!
//! A list beside is only begun when the document holds [`INLINE`] references or more, or is itself as large as a
//! document can be, and sets only grow: a reader that finds neither need not look ([`may_have_more`]). For that the
//! number must never be raised.

use std::collections::{BTreeMap, HashSet};

use mongodb::bson::{Bson, Document, doc};

use super::documents::texts;
use super::error::Fault;
use super::reading;
use super::server::{INSTANCE, REFERENCE, Server, Update};
use crate::store::StoreError;
use crate::tahoe::Hash;

/// How many references a document holds itself.
pub(super) const INLINE: usize = 50_000;

/// From this size on, in bytes, a document may have been too large for more references: well below MongoDB's 16 MiB
/// less one update.
const LARGE: usize = 8 * 1024 * 1024;

/// Whether a document may have references beside it.
pub(super) fn may_have_more(document: &Document, inline: usize) -> bool {
    let references = document.get_array("_ref").map_or(0, Vec::len);
    references >= inline || super::server::size(document) >= LARGE
}

/// Up to so many are added without a look at how many there are, as long as there are fewer than [`INLINE`].
const FEW: usize = 1000;

/// How many one update adds.
const EACH: usize = 5000;

/// References to add to the `_ref` of a document.
pub(super) struct Addition {
    /// Its `_id`.
    pub(super) id: Bson,
    /// Its `_hash`.
    pub(super) hash: Hash,
    /// What to add.
    pub(super) references: Vec<Hash>,
}

/// Adds references to documents that are there; returns, by index, why a document cannot take them.
pub(super) fn add(server: &Server, inline: usize, additions: &[Addition]) -> Result<Vec<(usize, Fault)>, StoreError> {
    let ids: Vec<Bson> = additions.iter().map(|addition| addition.id.clone()).collect();
    let full = full(server, inline, ids)?;
    let (mut updates, mut update_of) = (Vec::new(), Vec::new());
    for (index, addition) in additions.iter().enumerate() {
        let mut here: &[Hash] = &addition.references;
        let mut beside: Vec<Hash> = Vec::new();
        let mut room: Vec<Hash> = Vec::new();
        if full.contains(&addition.id.to_string()) {
            (here, beside) = (&[], addition.references.clone());
        } else if addition.references.len() > FEW.min(inline) {
            // Fill it up exactly: it then holds `inline` different ones, whoever else writes.
            let stored = server.find(INSTANCE, doc! { "_id": addition.id.clone() }, doc! { "_ref": 1 })?;
            let there: HashSet<Hash> =
                reading::hashes(stored.first().and_then(|stored| stored.get("_ref"))).into_iter().collect();
            let new: Vec<Hash> = addition.references.iter().filter(|hash| !there.contains(hash)).copied().collect();
            let (fits, rest) = new.split_at(new.len().min(inline.saturating_sub(there.len())));
            beside = rest.to_vec();
            room = fits.to_vec();
            here = &room;
        }
        for references in here.chunks(EACH) {
            updates.push(Update::of(addition.id.clone(), doc! { "$addToSet": { "_ref": { "$each": texts(references) } } }));
            update_of.push((index, references.to_vec()));
        }
        drop(room);
        add_beside(server, addition.hash, &beside)?;
    }
    let mut refused = Vec::new();
    for (at, fault) in server.update(INSTANCE, &updates)? {
        let Some((index, references)) = update_of.get(at) else { continue };
        match (&fault, additions.get(*index)) {
            // A large record, or much that others wrote: it is full before it holds so many.
            (Fault::TooLarge(_), Some(addition)) => add_beside(server, addition.hash, references)?,
            _ => refused.push((*index, fault)),
        }
    }
    Ok(refused)
}

/// Adds references beside a document.
pub(super) fn add_beside(server: &Server, hash: Hash, references: &[Hash]) -> Result<(), StoreError> {
    let mut lists: BTreeMap<u8, Vec<Hash>> = BTreeMap::new();
    for reference in references {
        let [first, ..] = *reference.as_bytes();
        lists.entry(first).or_default().push(*reference);
    }
    let mut updates = Vec::new();
    for (first, list) in lists {
        for references in list.chunks(EACH) {
            let change = doc! {
                "$setOnInsert": { "src": hash.to_string() },
                "$addToSet": { "_ref": { "$each": texts(references) } },
            };
            updates.push(Update::or_insert(format!("{hash}/{first:02x}"), change));
        }
    }
    match server.update(REFERENCE, &updates)?.first() {
        // Our own collection, our own shapes: somebody changed it.
        Some((_, why)) => Err(server.refuse(&format!("does not take references beside {hash}: {why}"))),
        None => Ok(()),
    }
}

/// All references beside a document.
pub(super) fn beside(server: &Server, hash: Hash) -> Result<Vec<Hash>, StoreError> {
    // `0` follows `/`.
    let lists =
        server.find(REFERENCE, doc! { "_id": { "$gte": format!("{hash}/"), "$lt": format!("{hash}0") } }, doc! { "_ref": 1 })?;
    Ok(lists.iter().flat_map(|list| reading::hashes(list.get("_ref"))).collect())
}

/// Which of these documents hold as many references as they may, by the text of their `_id`.
fn full(server: &Server, inline: usize, ids: Vec<Bson>) -> Result<HashSet<String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let last = format!("_ref.{}", inline.saturating_sub(1));
    let mut filter = doc! { "_id": { "$in": ids } };
    filter.insert(last, doc! { "$exists": true });
    let found = server.find(INSTANCE, filter, doc! { "_id": 1 })?;
    Ok(found.iter().filter_map(|document: &Document| document.get("_id")).map(ToString::to_string).collect())
}
