//! Dead letters.

use mongodb::bson::{Document, doc};
use uuid::Uuid;

use super::ledger::{FAILED, REJECTED, no_letter};
use super::reading;
use super::server::{LEDGER, Server, Update};
use crate::store::{DISCARDED, DeadLetter, StoreError};
use crate::tahoe::Hash;
use crate::verdict::{Failure, FailureKind};

/// All of them, oldest first.
pub(super) fn all(server: &Server) -> Result<Vec<DeadLetter>, StoreError> {
    let rows = server.find_sorted(LEDGER, doc! { "state": FAILED }, Document::new(), doc! { "letter": 1 }, None)?;
    Ok(rows.iter().map(letter).collect())
}

fn letter(row: &Document) -> DeadLetter {
    let text = |field| reading::text(row.get(field));
    let digest = |field| reading::hash(row.get(field)).unwrap_or_else(|| Hash::from_bytes([0; 32]));
    DeadLetter {
        id: i64::try_from(reading::count(row, "letter")).unwrap_or(i64::MAX),
        // What we wrote ourselves always is one.
        filter_id: Uuid::parse_str(&text("filter")).unwrap_or_default(),
        filter: text("name"),
        version: text("version"),
        record: digest("raw"),
        orgid: text("orgid"),
        sub_type: text("sub_type"),
        failure: Failure {
            // A kind that this version does not know can only be a newer one's; the message says what it was.
            kind: FailureKind::from_name(&text("kind")).unwrap_or(FailureKind::Host),
            message: text("message"),
            backtrace: reading::texts(row.get("backtrace")),
        },
        fuel: reading::count(row, "fuel"),
        attempts: reading::count(row, "attempts"),
        failed_at: reading::number(row.get("settled_at")).unwrap_or(0.0),
        component: digest("component"),
        options: digest("options"),
        limits: digest("limits"),
        engine: if row.contains_key("engine") { text("engine") } else { String::new() },
    }
}

/// Rejects the pair of a dead letter, unless somebody settled it meanwhile.
pub(super) fn discard(server: &Server, number: i64) -> Result<bool, StoreError> {
    let guard = doc! { "state": FAILED, "letter": number };
    let found = server.find(LEDGER, guard.clone(), Document::new())?;
    let Some(found) = found.first().map(letter) else { return Ok(false) };
    let reason = format!("{DISCARDED}{}: {}", found.failure.kind.name(), found.failure.message);
    let change = doc! { "$set": { "state": REJECTED, "reason": reason }, "$unset": no_letter() };
    let faults = server.update(LEDGER, &[Update::guarded(guard, change)])?;
    match faults.first() {
        Some((_, fault)) => Err(server.refuse(&fault.to_string())),
        None => Ok(true),
    }
}
