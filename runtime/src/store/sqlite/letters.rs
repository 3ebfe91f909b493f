//! Dead letters.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use super::counts::Pairs;
use super::schema::{FAILED, REJECTED};
use crate::store::{DISCARDED, DeadLetter};
use crate::tahoe::Hash;
use crate::verdict::{Failure, FailureKind};

/// All of them, oldest first. An archive that an older version wrote, and that is only looked at, does not say the engine.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<DeadLetter>> {
    let has_engine = "SELECT count(*) FROM pragma_table_info('dead_letter') WHERE name = 'engine'";
    let has_engine = connection.query_row(has_engine, [], |row| row.get::<_, i64>(0))? == 1;
    let engine = if has_engine { "engine" } else { "''" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT dead_letter.id, configuration.name, configuration.version, hash, submission.orgid, submission.sub_type, kind,
            message, backtrace, fuel, attempts, settled_at, component, options, limits, uuid, {engine}
         FROM dead_letter
         JOIN ledger ON ledger.filter = dead_letter.filter AND ledger.submission = dead_letter.submission
         JOIN submission ON submission.id = dead_letter.submission
         JOIN instance ON instance.id = submission.raw
         JOIN configuration ON configuration.id = ledger.configuration
         JOIN filter ON filter.id = dead_letter.filter
         ORDER BY dead_letter.id",
    ))?;
    let letters = statement.query_map([], |row| {
        let kind: String = row.get(6)?;
        let backtrace: String = row.get(8)?;
        let id: String = row.get(15)?;
        let count = |column| row.get(column).map(i64::unsigned_abs);
        Ok(DeadLetter {
            id: row.get(0)?,
            // What we wrote ourselves always is one.
            filter_id: Uuid::parse_str(&id).unwrap_or_default(),
            filter: row.get(1)?,
            version: row.get(2)?,
            record: Hash::from_bytes(row.get(3)?),
            orgid: row.get(4)?,
            sub_type: row.get(5)?,
            failure: Failure {
                // A kind that this version does not know can only be a newer one's; the message says what it was.
                kind: FailureKind::from_name(&kind).unwrap_or(FailureKind::Host),
                message: row.get(7)?,
                backtrace: serde_json::from_str(&backtrace).unwrap_or_default(),
            },
            fuel: count(9)?,
            attempts: count(10)?,
            failed_at: row.get(11)?,
            component: Hash::from_bytes(row.get(12)?),
            options: Hash::from_bytes(row.get(13)?),
            limits: Hash::from_bytes(row.get(14)?),
            engine: row.get(16)?,
        })
    })?;
    letters.collect()
}

/// Rejects the pair of a dead letter, and deletes the letter.
pub(super) fn discard(transaction: &Transaction<'_>, letter: i64) -> rusqlite::Result<bool> {
    let found = transaction
        .query_row(
            "SELECT filter, submission, kind, message, sub_type FROM dead_letter JOIN submission ON submission.id = submission
             WHERE dead_letter.id = ?1",
            [letter],
            |row| {
                let (kind, message): (String, String) = (row.get(2)?, row.get(3)?);
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, kind, message, row.get::<_, String>(4)?))
            },
        )
        .optional()?;
    let Some((filter, submission, kind, message, sub_type)) = found else { return Ok(false) };
    let mut changed = Pairs::default();
    changed.change(sub_type, Some(FAILED), REJECTED);
    changed.write(transaction, filter)?;
    transaction.execute(
        "UPDATE ledger SET state = ?3, reason = ?4 WHERE filter = ?1 AND submission = ?2",
        params![filter, submission, REJECTED, format!("{DISCARDED}{kind}: {message}")],
    )?;
    transaction.execute("DELETE FROM dead_letter WHERE id = ?1", [letter])?;
    Ok(true)
}
