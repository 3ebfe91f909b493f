//! What refers to a document, by the index of edges.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::schema::{category_of, itype_code, itype_of};
use crate::store::Correlation;
use crate::store::correlation::{Counting, EXAMPLES};
use crate::tahoe::{Category, Hash, Itype, Scalar};

/// By the list of kinds: a value has one address for each sub-type of attribute.
pub(super) fn attributes(connection: &Connection, readings: &[Scalar]) -> rusqlite::Result<Vec<Hash>> {
    let mut kinds = connection.prepare_cached("SELECT sub_type FROM kind WHERE itype = ?1 ORDER BY sub_type")?;
    let kinds: Vec<String> =
        kinds.query_map([itype_code(Itype::Attribute)], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut there = connection.prepare_cached("SELECT 1 FROM instance WHERE hash = ?1")?;
    let mut found = Vec::new();
    for (kind, reading) in kinds.iter().flat_map(|kind| readings.iter().map(move |reading| (kind, reading))) {
        let hash = reading.attribute_hash(kind);
        if there.exists([hash.as_bytes()])? {
            found.push(hash);
        }
    }
    Ok(found)
}

/// Events, objects and sessions refer to it themselves.
const SEEN: &str =
    "SELECT sub_type, coalesce(category, 0), context, coalesce(orgid, ''), count(*), min(timestamp), max(timestamp)
    FROM edge JOIN instance ON instance.id = src WHERE dst = ?1 AND itype = 2 GROUP BY 1, 2, 3, 4";
const PART_OF: &str = "SELECT itype, sub_type, count(*) FROM edge JOIN instance ON instance.id = src
    WHERE dst = ?1 AND itype <> 2 AND itype <> 4 GROUP BY 1, 2";
const EXAMPLE: &str = "SELECT hash FROM edge JOIN instance ON instance.id = src
    WHERE dst = ?1 AND itype = ?2 AND sub_type = ?3 LIMIT ?4";

/// Of records only the tops are stored as edges, so they are found by way of those; what a session refers to, its records
/// do not.
const RECORDS: &str = "WITH top (id) AS (
        SELECT ?1 UNION SELECT src FROM edge JOIN instance ON instance.id = src WHERE dst = ?1 AND itype <> 3
    )
    SELECT DISTINCT raw.hash, raw.sub_type FROM top JOIN edge ON edge.dst = top.id
    JOIN instance AS raw ON raw.id = edge.src AND raw.itype = 4";

pub(super) fn correlation(transaction: &Transaction<'_>, hash: Hash) -> rusqlite::Result<Correlation> {
    let mut counting = Counting::default();
    let id = transaction.query_row("SELECT id FROM instance WHERE hash = ?1", [hash.as_bytes()], |row| row.get(0)).optional()?;
    let Some(id) = id else { return Ok(counting.end()) };
    let id: i64 = id;
    let category = |code: i64| category_of(code).unwrap_or(Category::Unknown);
    let mut seen = transaction.prepare_cached(SEEN)?;
    let mut rows = seen.query([id])?;
    while let Some(row) = rows.next()? {
        let key = (row.get(0)?, category(row.get(1)?), context(row.get(2)?), row.get(3)?);
        counting.seen(key, row.get::<_, i64>(4)?.unsigned_abs(), (row.get(5)?, row.get(6)?));
    }
    let mut part_of = transaction.prepare_cached(PART_OF)?;
    let mut example = transaction.prepare_cached(EXAMPLE)?;
    let mut rows = part_of.query([id])?;
    while let Some(row) = rows.next()? {
        let (code, sub_type, count): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(itype) = itype_of(code) else { continue };
        let examples =
            example.query_map(params![id, code, sub_type, EXAMPLES as i64], |row| Ok(Hash::from_bytes(row.get(0)?)))?;
        let examples = examples.collect::<rusqlite::Result<Vec<Hash>>>()?;
        counting.part_of((itype, sub_type), count.unsigned_abs(), examples);
    }
    let mut records = transaction.prepare_cached(RECORDS)?;
    let mut rows = records.query([id])?;
    while let Some(row) = rows.next()? {
        counting.part_of((Itype::Raw, row.get(1)?), 1, [Hash::from_bytes(row.get(0)?)]);
    }
    Ok(counting.end())
}

/// The code of a context is that of a category.
fn context(code: i64) -> Category {
    category_of(code).unwrap_or(Category::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::testing::Scratch;

    #[test]
    fn what_refers_to_a_document_is_found_by_indexes() {
        let scratch = Scratch::with(2);
        let connection = Connection::open(scratch.path()).unwrap();
        for sql in [SEEN, PART_OF, EXAMPLE, RECORDS] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec![1_i64; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let scans = |step: &&String| step.starts_with("SCAN") && !step.starts_with("SCAN top") && !step.contains("CONSTANT");
            assert_eq!(steps.iter().find(scans), None, "{steps:#?}");
            assert!(steps.iter().any(|step| step.contains("edge_by_dst")), "{steps:#?}");
        }
    }
}
