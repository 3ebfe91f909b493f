//! The ledger: how every settled pair stands, one document each, with what ran and what it said.
//!
//! A pair's row is made once, by whoever is first, and from then on only a failed one changes. So two runtimes that
//! settle one pair agree on what it is, whatever they came to.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};
use uuid::Uuid;

use super::error::Fault;
use super::reading;
use super::server::{LEDGER, RACES, Server, Update};
use crate::store::{Committed, FilterRef, StoreError, SubmissionKey};
use crate::tahoe::Hash;
use crate::verdict::{ENGINE, Failure};

pub(super) const DONE: &str = "done";
pub(super) const REJECTED: &str = "rejected";
pub(super) const FAILED: &str = "failed";

/// How a pair stands; pending if it has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Done,
    Rejected,
    Failed,
}

impl State {
    pub(super) fn of(row: &Document) -> Option<Self> {
        match row.get("state") {
            Some(Bson::String(state)) if state == DONE => Some(Self::Done),
            Some(Bson::String(state)) if state == REJECTED => Some(Self::Rejected),
            Some(Bson::String(state)) if state == FAILED => Some(Self::Failed),
            _ => None,
        }
    }
}

/// The `_id` of a pair's row.
pub(super) fn id_of(filter: Uuid, key: &SubmissionKey) -> String {
    format!("{}/{filter}/{}", key.raw, key.orgid)
}

/// What the ledger has of these pairs.
pub(super) fn rows<'k>(
    server: &Server,
    filter: Uuid,
    keys: impl Iterator<Item = &'k SubmissionKey>,
) -> Result<HashMap<String, Document>, StoreError> {
    let ids: Vec<Bson> = keys.map(|key| Bson::String(id_of(filter, key))).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = server.find(LEDGER, doc! { "_id": { "$in": ids } }, doc! { "state": 1, "letter": 1 })?;
    Ok(found.into_iter().map(|row| (reading::text(row.get("_id")), row)).collect())
}

/// One pair's attempts of a batch.
pub(super) struct Entry<'e> {
    pub(super) key: &'e SubmissionKey,
    pub(super) sub_type: &'e str,
    /// How many.
    pub(super) attempts: i64,
    /// What the last one that counted came to; none if the pair was done or rejected before.
    pub(super) outcome: Option<&'e Committed>,
    /// If done.
    pub(super) answer: Option<Hash>,
    /// If rejected.
    pub(super) reason: Option<&'e str>,
    pub(super) fuel: u64,
}

/// Writes the rows of a batch. Returns, for pairs that another runtime settled in the meantime, how they stand.
pub(super) fn write(
    server: &Server,
    filter: &FilterRef,
    entries: &[Entry<'_>],
    mut known: HashMap<String, Document>,
    now: f64,
) -> Result<HashMap<String, State>, StoreError> {
    let letters = entries
        .iter()
        .filter(|entry| matches!(entry.outcome, Some(Committed::Failed(_))))
        .filter(|entry| known.get(&id_of(filter.id, entry.key)).is_none_or(|row| !row.contains_key("letter")))
        .count();
    let mut letter = if letters > 0 { server.take_numbers("dead_letter", letters)? } else { 0 };
    let mut open: Vec<(String, &Entry<'_>, Document)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = id_of(filter.id, entry.key);
        let mut fields = fields(filter, entry, now);
        if let Some(Committed::Failed(_)) = entry.outcome {
            let there = known.get(&id).and_then(|row| row.get("letter")).cloned();
            fields.insert("letter", there.unwrap_or(Bson::Int64(letter)));
            letter += i64::from(known.get(&id).is_none_or(|row| !row.contains_key("letter")));
        }
        open.push((id, entry, fields));
    }
    let mut overtaken = HashMap::new();
    for _ in 0..RACES {
        let (mut inserts, mut inserted, mut updates) = (Vec::new(), Vec::new(), Vec::new());
        for (id, entry, fields) in &open {
            let state = known.get(id).and_then(State::of);
            match (state, entry.outcome) {
                (None, Some(_)) => {
                    let mut row = doc! {
                        "_id": id.as_str(), "raw": entry.key.raw.to_string(), "orgid": entry.key.orgid.as_str(),
                        "filter": filter.id.to_string(), "sub_type": entry.sub_type, "attempts": entry.attempts,
                    };
                    row.extend(fields.clone());
                    inserts.push(row);
                    inserted.push(id.clone());
                }
                (Some(State::Failed), Some(outcome)) => updates.push(replace(id, fields, outcome, entry.attempts)),
                (Some(state), outcome) => {
                    if outcome.is_some() {
                        overtaken.insert(id.clone(), state);
                    }
                    updates.push(Update::of(id.as_str(), doc! { "$inc": { "attempts": entry.attempts } }));
                }
                (None, None) => {}
            }
        }
        let faults = server.insert(LEDGER, &inserts)?;
        let mut again = Vec::new();
        for (index, fault) in faults {
            let Some(id) = inserted.get(index) else { continue };
            match fault {
                Fault::Duplicate => again.push(id.clone()),
                fault => {
                    // A reason's text, perhaps, that this server does not take.
                    let plain = inserts.get(index).map(without_nul).unwrap_or_default();
                    if server.insert(LEDGER, std::slice::from_ref(&plain))?.iter().any(|(_, fault)| *fault != Fault::Duplicate) {
                        return Err(fault.into_error(&server.address));
                    }
                }
            }
        }
        for (index, why) in server.update(LEDGER, &updates)? {
            let plain = updates.get(index).map(|update| Update { change: without_nul(&update.change), ..update.clone() });
            if !server.update(LEDGER, plain.as_slice())?.is_empty() {
                return Err(server.refuse(&format!("does not take a row of the ledger: {why}")));
            }
        }
        open.retain(|(id, ..)| again.contains(id));
        if open.is_empty() {
            return Ok(overtaken);
        }
        known = rows(server, filter.id, open.iter().map(|(_, entry, _)| entry.key))?;
    }
    Err(Fault::Duplicate.into_error(&server.address))
}

/// A failed row gets a new outcome, unless somebody else was first.
fn replace(id: &str, fields: &Document, outcome: &Committed, attempts: i64) -> Update {
    let mut change = doc! { "$set": fields.clone(), "$inc": { "attempts": attempts } };
    if !matches!(outcome, Committed::Failed(_)) {
        change.insert("$unset", no_letter());
    }
    Update::guarded(doc! { "_id": id, "state": FAILED }, change)
}

/// The fields that only a failed row has.
pub(super) fn no_letter() -> Document {
    doc! { "kind": "", "message": "", "backtrace": "", "engine": "", "letter": "" }
}

/// What an attempt that counted leaves.
fn fields(filter: &FilterRef, entry: &Entry<'_>, now: f64) -> Document {
    let mut fields = doc! {
        "name": filter.name.as_str(), "version": filter.version.as_str(), "component": filter.component.to_string(),
        "options": filter.options.to_string(), "limits": filter.limits.to_string(),
        "fuel": i64::try_from(entry.fuel).unwrap_or(i64::MAX), "settled_at": now,
    };
    match entry.outcome {
        Some(Committed::Done { .. }) => {
            fields.insert("state", DONE);
            if let Some(answer) = entry.answer {
                fields.insert("answer", answer.to_string());
            }
        }
        Some(Committed::Rejected) => {
            fields.insert("state", REJECTED);
            fields.insert("reason", entry.reason.unwrap_or_default());
        }
        Some(Committed::Failed(Failure { kind, message, backtrace })) => {
            fields.insert("state", FAILED);
            fields.insert("kind", kind.name());
            fields.insert("message", message.as_str());
            fields.insert("backtrace", backtrace.iter().map(String::as_str).collect::<Vec<_>>());
            fields.insert("engine", ENGINE);
        }
        None => {}
    }
    fields
}

fn without_nul(document: &Document) -> Document {
    fn plain(value: &Bson) -> Bson {
        match value {
            Bson::String(text) => Bson::String(text.replace('\0', "\u{fffd}")),
            Bson::Document(document) => Bson::Document(without_nul(document)),
            Bson::Array(items) => Bson::Array(items.iter().map(plain).collect()),
            other => other.clone(),
        }
    }
    // The key must stay the key.
    document
        .iter()
        .map(|(key, value)| (key.clone(), if key == "_id" || key == "orgid" { value.clone() } else { plain(value) }))
        .collect()
}
