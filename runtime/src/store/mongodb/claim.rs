//! Claiming pairs: what the searches find, with the records.

use mongodb::bson::{Bson, Document, doc};

use super::candidates::{Candidate, Source};
use super::pending::Queue;
use super::reading;
use super::server::{INSTANCE, SUBMISSION, Server, Update};
use super::submissions::{self, Mark, Target};
use crate::json;
use crate::store::{ClaimSize, StoreError, SubmissionKey, Work};

/// How many records are read at once, to begin with; more while they are small.
const FIRST: usize = 8;
const MOST: usize = 256;
const SMALL: usize = 1024 * 1024;

/// An ObjectId from further ahead than this, in seconds, does not tell when a record arrived.
const AHEAD: f64 = 60.0;

/// Reads the records of what was found, in order, up to the size of a claim, and holds them. The searches have passed
/// what does not fit, or what an error left unread: it waits in the queue.
pub(super) fn take(
    server: &Server,
    queue: &mut Queue,
    mut found: Vec<(Candidate, Target)>,
    size: ClaimSize,
    now: f64,
) -> Result<Vec<Work>, StoreError> {
    let mut work = Vec::new();
    let mut bytes = 0;
    let mut length = FIRST;
    while !found.is_empty() {
        let before = bytes;
        let part = found.get(..length.min(found.len())).unwrap_or_default();
        let read = match read(server, part, now, Arrival::Keep) {
            Ok(read) => read,
            Err(error) => {
                queue.rest.append(&mut found);
                // What was read so far is good.
                return if work.is_empty() { Err(error) } else { Ok(work) };
            }
        };
        for one in read {
            let length = one.as_ref().map_or(0, |one| one.data.len());
            if bytes + length > size.bytes && !work.is_empty() {
                queue.rest.append(&mut found);
                return Ok(work);
            }
            bytes += length;
            let (_, target) = found.remove(0);
            // `None`: the document is gone.
            if let Some(one) = one {
                queue.held.insert(one.key.clone(), target);
                work.push(one);
            }
        }
        length = if bytes - before < SMALL { (2 * length).min(MOST) } else { FIRST };
    }
    Ok(work)
}

/// The record of that key.
pub(super) fn record(server: &Server, key: &SubmissionKey, now: f64) -> Result<Option<Work>, StoreError> {
    let Some(target) = submissions::targets(server, std::iter::once(key))?.remove(key) else { return Ok(None) };
    let (source, id) = match &target.mark {
        Mark::Instance(id) => (Source::Instance, id.clone()),
        Mark::Submission(id) => (Source::Submission, Bson::String(id.clone())),
    };
    let candidate = Candidate { key: key.clone(), at: Bson::Null, id, source, marked: false };
    Ok(read(server, &[(candidate, target)], now, Arrival::Keep)?.pop().flatten())
}

/// What becomes of the time that a record without one gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is written down.
    Keep,
    /// Nothing is written.
    Guess,
}

/// The records of these, in order; `None` for a document that is gone.
pub(super) fn read(
    server: &Server,
    part: &[(Candidate, Target)],
    now: f64,
    arrival: Arrival,
) -> Result<Vec<Option<Work>>, StoreError> {
    let record_of = |(candidate, target): &(Candidate, Target)| match candidate.source {
        Source::Instance => candidate.id.clone(),
        Source::Submission => target.raw.clone(),
    };
    let ids: Vec<Bson> = part.iter().map(record_of).collect();
    let records = server.find(
        INSTANCE,
        doc! { "_id": { "$in": ids } },
        doc! { "sub_type": 1, "data": 1, "timezone": 1, "received_at": 1 },
    )?;
    let beside = part.iter().filter(|(candidate, _)| candidate.source == Source::Submission);
    let beside: Vec<Bson> = beside.map(|(candidate, _)| candidate.id.clone()).collect();
    let submissions = if beside.is_empty() {
        Vec::new()
    } else {
        server.find(SUBMISSION, doc! { "_id": { "$in": beside } }, doc! { "timezone": 1, "received_at": 1 })?
    };
    let by_id = |documents: &'_ [Document], id: &Bson| documents.iter().position(|document| document.get("_id") == Some(id));
    let mut work = Vec::with_capacity(part.len());
    for both in part {
        let record = by_id(&records, &record_of(both)).and_then(|at| records.get(at));
        // The document that has time zone and time of arrival.
        let own = match both.0.source {
            Source::Instance => record,
            Source::Submission => by_id(&submissions, &both.0.id).and_then(|at| submissions.get(at)),
        };
        work.push(match record.zip(own) {
            Some((record, own)) => Some(assemble(server, &both.0, record, own, (now, arrival))?),
            None => None,
        });
    }
    Ok(work)
}

fn assemble(
    server: &Server,
    candidate: &Candidate,
    record: &Document,
    own: &Document,
    (now, arrival): (f64, Arrival),
) -> Result<Work, StoreError> {
    let timezone = reading::text(own.get("timezone"));
    Ok(Work {
        key: candidate.key.clone(),
        sub_type: reading::text(record.get("sub_type")),
        data: json::write(&record.get("data").map_or(serde_json::Value::Null, reading::value)),
        timezone: if timezone.is_empty() { "UTC".to_owned() } else { timezone },
        received_at: received_at(server, candidate, own, (now, arrival))?,
    })
}

/// When a record arrived. One that says so neither itself nor by its `_id` gets a time, once, before any filter sees
/// it: an answer must be the same whenever it is computed.
fn received_at(
    server: &Server,
    candidate: &Candidate,
    own: &Document,
    (now, arrival): (f64, Arrival),
) -> Result<f64, StoreError> {
    if let Some(time) = reading::number(own.get("received_at")) {
        return Ok(time);
    }
    match &candidate.id {
        Bson::ObjectId(id) if reading::time_of(id) <= now + AHEAD => return Ok(reading::time_of(id)),
        _ if arrival == Arrival::Guess => return Ok(now),
        _ => {}
    }
    let collection = candidate.source.collection();
    let guard = doc! { "_id": candidate.id.clone(), "received_at": { "$exists": false } };
    let refused = server.update(collection, &[Update::guarded(guard, doc! { "$set": { "received_at": now } })])?;
    let stored = server.find(collection, doc! { "_id": candidate.id.clone() }, doc! { "received_at": 1 })?;
    let stored = stored.first().and_then(|stored| reading::number(stored.get("received_at")));
    // Not ours to replace, where others wrote something that is no number.
    Ok(stored.unwrap_or(if refused.is_empty() { 0.0 } else { now }))
}
