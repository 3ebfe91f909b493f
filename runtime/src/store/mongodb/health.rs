//! What filters cost and how they fare: fields of the collection `filter`.

use mongodb::bson::{Document, doc};
use uuid::Uuid;

use super::reading;
use super::server::{FILTER, Server, Update};
use super::tally;
use crate::store::{FilterStatus, Health, StoreError, Usage};

/// Adds to a filter's costs; its health is replaced.
pub(super) fn note(server: &Server, filter: Uuid, usage: Usage, health: &Health, now: f64) -> Result<(), StoreError> {
    let [fuel, busy_us] = [usage.fuel, usage.busy_us].map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
    // As text: reasons hold what filters and servers said, which may have no form in BSON. Health always has one in JSON.
    let health = serde_json::to_string(health).unwrap_or_default();
    let change = doc! { "$inc": { "fuel": fuel, "busy_us": busy_us }, "$set": { "health": health, "noted_at": now } };
    match server.update(FILTER, &[Update::of(filter.to_string(), change)])?.first() {
        Some((_, why)) => Err(server.refuse(&format!("does not take the statistics of the filter {filter}: {why}"))),
        None => Ok(()),
    }
}

/// As it was last noted.
pub(super) fn health(server: &Server, filter: Uuid) -> Result<Health, StoreError> {
    let found = server.find(FILTER, doc! { "_id": filter.to_string() }, doc! { "health": 1 })?;
    Ok(found.first().map(read).unwrap_or_default())
}

fn read(row: &Document) -> Health {
    serde_json::from_str(&reading::text(row.get("health"))).unwrap_or_default()
}

/// Every filter that was ever registered, by name.
pub(super) fn status(server: &Server) -> Result<Vec<FilterStatus>, StoreError> {
    let mut found = Vec::new();
    for row in server.find(FILTER, Document::new(), Document::new())? {
        let Some(filter) = row.get_str("_id").ok().and_then(|id| Uuid::parse_str(id).ok()) else { continue };
        found.push(FilterStatus {
            filter: reading::text(row.get("name")),
            version: reading::text(row.get("version")),
            tally: tally::tally(server, filter)?.unwrap_or_default(),
            usage: Usage { fuel: reading::count(&row, "fuel"), busy_us: reading::count(&row, "busy_us") },
            health: read(&row),
        });
    }
    found.sort_by(|one, other| one.filter.cmp(&other.filter));
    Ok(found)
}
