//! What filters cost and how they fare.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use super::ledger;
use crate::store::{FilterStatus, Health, Tally, Usage};

/// Adds to a filter's costs; its health is replaced.
pub(super) fn note(connection: &Connection, filter: Uuid, usage: Usage, health: &Health, now: f64) -> rusqlite::Result<()> {
    let [fuel, busy_us] = [usage.fuel, usage.busy_us].map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
    // Health always has a JSON form. A sum that would leave the range of integers stays as it is.
    let health = serde_json::to_string(health).unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT INTO health (filter, fuel, busy_us, health, noted_at) SELECT id, ?2, ?3, ?4, ?5 FROM filter WHERE uuid = ?1
             ON CONFLICT (filter) DO UPDATE SET fuel = min(fuel, 9223372036854775807 - excluded.fuel) + excluded.fuel,
                busy_us = min(busy_us, 9223372036854775807 - excluded.busy_us) + excluded.busy_us,
                health = excluded.health, noted_at = excluded.noted_at",
        )?
        .execute(params![filter.to_string(), fuel, busy_us, health, now])
        .map(drop)
}

/// As it was last noted.
pub(super) fn health(connection: &Connection, filter: Uuid) -> rusqlite::Result<Health> {
    let mut statement =
        connection.prepare_cached("SELECT health FROM health JOIN filter ON filter.id = health.filter WHERE uuid = ?1")?;
    let noted: Option<String> = statement.query_row([filter.to_string()], |row| row.get(0)).optional()?;
    Ok(noted.and_then(|noted| serde_json::from_str(&noted).ok()).unwrap_or_default())
}

/// Every filter that was ever registered, by name.
pub(super) fn status(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<FilterStatus>> {
    let mut statement = transaction.prepare_cached(
        "SELECT uuid, name, version, coalesce(fuel, 0), coalesce(busy_us, 0), coalesce(health, '{}')
         FROM filter LEFT JOIN health ON health.filter = filter.id ORDER BY name, uuid",
    )?;
    let rows = statement.query_map([], |row| {
        let uuid: String = row.get(0)?;
        let [fuel, busy_us] = [row.get::<_, i64>(3)?, row.get(4)?].map(i64::unsigned_abs);
        let health: String = row.get(5)?;
        let status = FilterStatus {
            filter: row.get(1)?,
            version: row.get(2)?,
            tally: Tally::default(),
            usage: Usage { fuel, busy_us },
            health: serde_json::from_str(&health).unwrap_or_default(),
        };
        Ok((uuid, status))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (uuid, mut status) = row?;
        // Written by us, so a UUID; and registered, so it has a tally.
        let uuid = Uuid::parse_str(&uuid).unwrap_or_default();
        status.tally = ledger::tally(transaction, uuid)?.unwrap_or_default();
        found.push(status);
    }
    Ok(found)
}
