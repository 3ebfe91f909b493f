//! Hiding rejected records from everyone, as the Analytics Module did by itself, and here the operator asks for.

use std::collections::HashSet;

use mongodb::bson::{Bson, Document, doc};

use super::ledger::REJECTED;
use super::reading;
use super::server::{INSTANCE, LEDGER, Server, Update};
use crate::store::StoreError;
use crate::tahoe::Itype;

/// How many records are looked at at once.
const SLICE: usize = 256;

/// Hides the raw documents of rejected records that nothing came of, and returns how many that were.
pub(super) fn hide_rejected(server: &Server) -> Result<u64, StoreError> {
    let mut hidden = 0;
    let mut hashes = HashSet::new();
    for row in server.query(LEDGER, doc! { "state": REJECTED }, doc! { "raw": 1 }, Document::new(), None)? {
        hashes.insert(reading::text(row?.get("raw")));
        if hashes.len() == SLICE {
            hidden += hide(server, hashes.drain().collect())?;
        }
    }
    Ok(hidden + hide(server, hashes.into_iter().collect())?)
}

fn hide(server: &Server, hashes: Vec<String>) -> Result<u64, StoreError> {
    if hashes.is_empty() {
        return Ok(0);
    }
    let fields = doc! { "itype": 1, "_ref": 1, "_valid": 1 };
    let found = server.find(INSTANCE, doc! { "_hash": { "$in": hashes } }, fields)?;
    let fruitless: Vec<&Document> = found
        .iter()
        .filter(|document| matches!(document.get("itype"), Some(Bson::String(itype)) if itype == Itype::Raw.name()))
        .filter(|document| !reading::hidden(document) && reading::texts(document.get("_ref")).is_empty())
        .collect();
    let ids = fruitless.iter().filter_map(|document| document.get("_id"));
    let updates: Vec<Update> = ids.map(|id| Update::of(id.clone(), doc! { "$set": { "_valid": false } })).collect();
    let faults = server.update(INSTANCE, &updates)?;
    match faults.first() {
        Some((_, fault)) => Err(server.refuse(&fault.to_string())),
        None => Ok(updates.len() as u64),
    }
}
