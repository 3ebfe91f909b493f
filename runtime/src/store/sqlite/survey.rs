//! Looking at an archive without writing to it.

use rusqlite::{Connection, Transaction, params};

use super::schema::{itype_code, itype_of};
use super::{claims, counts};
use crate::store::{ClaimSize, FilterRef, Index, ORIGINALS, Survey, Work};
use crate::tahoe::Itype;

/// The indexes that the tables do not imply, by table. That of hashes is made of tables itself.
const INDEXES: [(&str, &str); 3] = [("instance", "addressed"), ("edge", "edge_by_dst"), ("submission", "submission_by_sub_type")];

/// Counts. A hash cannot be there twice, and what cannot be read cannot be written.
pub(super) fn survey(transaction: &Transaction<'_>) -> rusqlite::Result<Survey> {
    let mut survey = Survey { server: format!("SQLite {}", rusqlite::version()), ..Survey::default() };
    let mut present = transaction.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")?;
    for (table, name) in INDEXES {
        let present = present.exists([name])?;
        survey.indexes.push(Index { collection: table.to_owned(), name: name.to_owned(), present });
    }
    let mut counts = transaction.prepare("SELECT itype, sub_type, count(*) FROM instance GROUP BY itype, sub_type")?;
    let counts = counts.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
    for count in counts {
        let (itype, sub_type, count): (i64, String, u64) = count?;
        let itype = itype_of(itype);
        *survey.documents.entry(itype.map_or("", Itype::name).to_owned()).or_default() += count;
        match itype {
            Some(Itype::Raw) => survey.raw.entry(sub_type).or_default().documents = count,
            Some(Itype::Attribute) if sub_type == ORIGINALS => survey.original_mapping = count,
            _ => {}
        }
    }
    let mut marks = transaction.prepare(
        "SELECT sub_type, uuid, count(DISTINCT raw) FROM ledger JOIN filter ON filter.id = ledger.filter
         JOIN submission ON submission.id = ledger.submission WHERE state = 0 GROUP BY sub_type, uuid",
    )?;
    let marks = marks.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
    for mark in marks {
        let (sub_type, uuid, count): (String, String, u64) = mark?;
        survey.raw.entry(sub_type).or_default().marks.insert(uuid, count);
    }
    for difference in wrong_addresses(transaction)?.into_iter().chain(counts::wrong(transaction)?) {
        survey.inconsistent.note(|| difference);
    }
    Ok(survey)
}

/// Whether the index of hashes has each document once and under its own hash, in words if not.
fn wrong_addresses(transaction: &Transaction<'_>) -> rusqlite::Result<Option<String>> {
    let count = |table: &str| transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    let (found, told) = (count("instance")?, count("addressed")?);
    let right = count("(SELECT DISTINCT id FROM addressed JOIN instance USING (id) WHERE prefix = substr(hash, 1, 8))")?;
    Ok((found != told || found != right).then(|| format!("{found} documents, not {told}, of which {right} under their hashes")))
}

/// Counts what is pending, and reads the first records of it.
pub(super) fn peek(transaction: &Transaction<'_>, filter: &FilterRef, size: ClaimSize) -> rusqlite::Result<(u64, Vec<Work>)> {
    let (mut pending, mut ids) = (0, Vec::new());
    let mut submissions = transaction.prepare(
        "SELECT id FROM submission WHERE sub_type = ?1 AND NOT EXISTS (
            SELECT 1 FROM ledger JOIN filter ON filter.id = ledger.filter WHERE uuid = ?2 AND submission = submission.id)
         ORDER BY id",
    )?;
    let wanted = size.records.max(1);
    for sub_type in &filter.accepts {
        let mut rows = submissions.query(params![sub_type, filter.id.to_string()])?;
        while let Some(row) = rows.next()? {
            pending += 1;
            if ids.len() < wanted {
                ids.push(row.get(0)?);
            }
        }
    }
    let (mut work, mut bytes) = (Vec::new(), 0);
    for id in ids {
        let one = claims::record(transaction, id)?;
        bytes += one.data.len();
        if bytes > size.bytes && !work.is_empty() {
            break;
        }
        work.push(one);
    }
    Ok((pending, work))
}

/// Answered by the list of kinds.
pub(super) fn has(connection: &Connection, itype: Itype, sub_type: &str) -> rusqlite::Result<bool> {
    let mut kind = connection.prepare_cached("SELECT 1 FROM kind WHERE itype = ?1 AND sub_type = ?2")?;
    kind.exists(params![itype_code(itype), sub_type])
}
