//! The books beside the documents: filters, settled pairs, watermarks, dead letters.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use super::claims::Held;
use super::counts::Pairs;
use super::schema::{DONE, FAILED, REJECTED, by_hash};
use crate::store::{FilterRef, SubmissionKey, Tally};
use crate::tahoe::Hash;
use crate::verdict::{ENGINE, Failure};

/// Writes down a filter and what of it runs; returns the rows of both.
pub(super) fn register(transaction: &Transaction<'_>, filter: &FilterRef) -> rusqlite::Result<(i64, i64)> {
    let uuid = filter.id.to_string();
    let id: i64 = transaction.query_row(
        "INSERT INTO filter (uuid, name, version) VALUES (?1, ?2, ?3)
         ON CONFLICT (uuid) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING id",
        params![uuid, filter.name, filter.version],
        |row| row.get(0),
    )?;
    let digests = [filter.component.as_bytes(), filter.options.as_bytes(), filter.limits.as_bytes()];
    // An update that changes nothing, so that the row's id is returned in either case.
    let configuration = transaction.query_row(
        "INSERT INTO configuration (filter, name, version, component, options, limits) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (filter, component, options, limits) DO UPDATE SET filter = filter RETURNING id",
        params![id, filter.name, filter.version, digests[0], digests[1], digests[2]],
        |row| row.get(0),
    )?;
    for sub_type in &filter.accepts {
        transaction.execute("INSERT OR IGNORE INTO watermark VALUES (?1, ?2, 0)", params![id, sub_type])?;
    }
    // What the filter no longer reads is not pending for it. If it reads it again, the search starts at the beginning.
    let mut read = transaction.prepare("SELECT sub_type FROM watermark WHERE filter = ?1")?;
    let read: Vec<String> = read.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for sub_type in read.iter().filter(|sub_type| !filter.accepts.contains(sub_type)) {
        transaction.execute("DELETE FROM watermark WHERE filter = ?1 AND sub_type = ?2", params![id, sub_type])?;
    }
    Ok((id, configuration))
}

pub(super) const WATERMARKS: &str = "SELECT sub_type, settled FROM watermark WHERE filter = ?1";

/// Per sub-type that a filter reads, the submission up to which all are settled.
pub(super) fn watermarks(connection: &Connection, filter: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached(WATERMARKS)?;
    statement.query_map([filter], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Moves a filter's watermarks up to where the first pair is that is not settled. Costs as much as they move.
pub(super) fn advance_watermarks(transaction: &Transaction<'_>, filter: i64) -> rusqlite::Result<()> {
    let mut first_pending = transaction.prepare_cached(
        "SELECT id FROM submission WHERE sub_type = ?2 AND id > ?3
            AND NOT EXISTS (SELECT 1 FROM ledger WHERE filter = ?1 AND submission = submission.id)
         ORDER BY id LIMIT 1",
    )?;
    let mut last = transaction.prepare_cached("SELECT max(id) FROM submission WHERE sub_type = ?1")?;
    let mut write = transaction.prepare_cached("UPDATE watermark SET settled = ?3 WHERE filter = ?1 AND sub_type = ?2")?;
    for (sub_type, settled) in watermarks(transaction, filter)? {
        let pending: Option<i64> = first_pending.query_row(params![filter, sub_type, settled], |row| row.get(0)).optional()?;
        let until = match pending {
            Some(id) => id - 1,
            None => last.query_row([&sub_type], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0),
        };
        if until > settled {
            write.execute(params![filter, sub_type, until])?;
        }
    }
    Ok(())
}

/// The submission of that key.
pub(super) fn submission(connection: &Connection, key: &SubmissionKey) -> rusqlite::Result<Option<Held>> {
    let mut statement = connection.prepare_cached(by_hash!(
        "submission.id, raw",
        join "JOIN submission ON raw = instance.id",
        and "submission.orgid = ?2"
    ))?;
    let held = |row: &rusqlite::Row<'_>| Ok(Held { submission: row.get(0)?, raw: row.get(1)? });
    statement.query_row(params![key.raw.as_bytes(), key.orgid], held).optional()
}

/// A line of the ledger.
pub(super) struct Entry<'e> {
    pub(super) submission: i64,
    pub(super) state: i64,
    pub(super) reason: Option<&'e str>,
    pub(super) answer: Option<Hash>,
    pub(super) failure: Option<&'e Failure>,
    pub(super) fuel: u64,
    pub(super) attempts: u32,
}

/// How a pair stands.
pub(super) struct Standing {
    /// `None` if it is pending.
    pub(super) state: Option<i64>,
    /// Of the record.
    sub_type: String,
}

/// The ledger of one filter within one transaction.
pub(super) struct Ledger<'t> {
    transaction: &'t Transaction<'t>,
    filter: i64,
    configuration: i64,
    /// Unix seconds.
    now: f64,
    changed: Pairs,
    standing: CachedStatement<'t>,
    count_attempts: CachedStatement<'t>,
    write: CachedStatement<'t>,
    bury: CachedStatement<'t>,
    raise: CachedStatement<'t>,
}

impl<'t> Ledger<'t> {
    pub(super) fn prepare(transaction: &'t Transaction<'_>, filter: i64, configuration: i64, now: f64) -> rusqlite::Result<Self> {
        Ok(Self {
            transaction,
            filter,
            configuration,
            now,
            changed: Pairs::default(),
            standing: transaction.prepare_cached(
                "SELECT state, sub_type FROM submission LEFT JOIN ledger ON filter = ?1 AND submission = id WHERE id = ?2",
            )?,
            count_attempts: transaction
                .prepare_cached("UPDATE ledger SET attempts = attempts + ?3 WHERE filter = ?1 AND submission = ?2")?,
            write: transaction.prepare_cached(
                "INSERT INTO ledger (filter, submission, configuration, state, reason, answer, fuel, attempts, settled_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?8)
                 ON CONFLICT (filter, submission) DO UPDATE SET configuration = excluded.configuration, state = excluded.state,
                    reason = excluded.reason, answer = excluded.answer, fuel = excluded.fuel, attempts = attempts + excluded.attempts,
                    settled_at = excluded.settled_at",
            )?,
            bury: transaction.prepare_cached(
                "INSERT INTO dead_letter (filter, submission, kind, message, backtrace, engine) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (filter, submission) DO UPDATE SET kind = excluded.kind, message = excluded.message,
                    backtrace = excluded.backtrace, engine = excluded.engine",
            )?,
            raise: transaction.prepare_cached("DELETE FROM dead_letter WHERE filter = ?1 AND submission = ?2")?,
        })
    }

    /// How the pair stands.
    pub(super) fn standing(&mut self, submission: i64) -> rusqlite::Result<Standing> {
        self.standing.query_row([self.filter, submission], |row| Ok(Standing { state: row.get(0)?, sub_type: row.get(1)? }))
    }

    /// Counts attempts on a pair that was done or rejected already, by another process.
    pub(super) fn count_attempts(&mut self, submission: i64, attempts: u32) -> rusqlite::Result<()> {
        self.count_attempts.execute(params![self.filter, submission, attempts]).map(drop)
    }

    /// Settles a pair that was pending or failed before.
    pub(super) fn settle(&mut self, before: Standing, entry: &Entry<'_>) -> rusqlite::Result<()> {
        let fuel = i64::try_from(entry.fuel).unwrap_or(i64::MAX);
        let answer = entry.answer.as_ref().map(Hash::as_bytes);
        self.write.execute(params![
            self.filter,
            entry.submission,
            self.configuration,
            entry.state,
            entry.reason,
            answer,
            fuel,
            self.now,
            entry.attempts
        ])?;
        if let Some(Failure { kind, message, backtrace }) = entry.failure {
            // A list of strings always has a JSON form.
            let backtrace = serde_json::to_string(backtrace).unwrap_or_default();
            self.bury.execute(params![self.filter, entry.submission, kind.name(), message, backtrace, ENGINE])?;
        } else if before.state == Some(FAILED) {
            self.raise.execute([self.filter, entry.submission])?;
        }
        self.changed.change(before.sub_type, before.state, entry.state);
        Ok(())
    }

    /// Writes what waits to be written.
    pub(super) fn finish(self) -> rusqlite::Result<()> {
        self.changed.write(self.transaction, self.filter)
    }
}

/// How the pairs of a filter stand, each number by itself: those that are pending are counted, so this costs time in proportion
/// to them. `None` if the filter was never registered.
pub(super) fn tally(transaction: &Transaction<'_>, filter: Uuid) -> rusqlite::Result<Option<Tally>> {
    let id = transaction.query_row("SELECT id FROM filter WHERE uuid = ?1", [filter.to_string()], |row| row.get(0)).optional()?;
    let Some(id) = id else { return Ok(None) };
    let id: i64 = id;
    let count = |sql: &str| -> rusqlite::Result<u64> {
        let count: i64 = transaction.query_row(sql, [id], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let accepted =
        count("SELECT coalesce(sum(submissions), 0) FROM watermark JOIN submission_count USING (sub_type) WHERE filter = ?1")?;
    // Up to the watermark nothing is pending. If that were not so, the numbers would not add up, and it would show.
    let pending = count(
        "SELECT count(*) FROM watermark JOIN submission USING (sub_type) WHERE filter = ?1 AND id > settled
            AND NOT EXISTS (SELECT 1 FROM ledger WHERE filter = ?1 AND submission = submission.id)",
    )?;
    let (done, rejected, failed): (i64, i64, i64) = transaction.query_row(
        "SELECT coalesce(sum(pairs) FILTER (WHERE state = ?2), 0), coalesce(sum(pairs) FILTER (WHERE state = ?3), 0),
            coalesce(sum(pairs) FILTER (WHERE state = ?4), 0)
         FROM watermark JOIN ledger_count USING (filter, sub_type) WHERE filter = ?1",
        [id, DONE, REJECTED, FAILED],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let [done, rejected, failed] = [done, rejected, failed].map(i64::unsigned_abs);
    Ok(Some(Tally { accepted, pending, done, rejected, failed }))
}

/// How many submissions there are of each sub-type.
pub(super) fn archived(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let mut statement = connection.prepare_cached("SELECT sub_type, submissions FROM submission_count")?;
    let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    counts.collect()
}
