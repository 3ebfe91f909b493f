use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tahoe_runtime::store;

use crate::report::timed;

/// The rows that a run adds to an archive: its documents but for the raw ones, and their references.
const ADDED: [(&str, &str); 2] =
    [("instance", "SELECT * FROM instance WHERE itype <> 4 ORDER BY id"), ("edge", "SELECT * FROM edge ORDER BY src, dst")];

/// How long it takes to insert the documents and references of an archive into a new one, by plain prepared statements, in one
/// transaction that is on the disk at the end; and how many rows that are.
pub(crate) fn insert_again(archive: &Path) -> (Duration, usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.db");
    drop(store::open(&format!("sqlite:{}", file.display())).unwrap());
    let from = Connection::open(archive).unwrap();
    let tables: Vec<(&str, Vec<Vec<Value>>)> = ADDED.iter().map(|(table, query)| (*table, rows(&from, query))).collect();
    let mut into = Connection::open(&file).unwrap();
    into.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536; PRAGMA foreign_keys = OFF").unwrap();
    let time = timed(|| {
        let transaction = into.transaction().unwrap();
        for (table, rows) in &tables {
            let columns = vec!["?"; rows.first().map_or(1, Vec::len)].join(", ");
            let mut insert = transaction.prepare(&format!("INSERT INTO {table} VALUES ({columns})")).unwrap();
            for row in rows {
                insert.execute(params_from_iter(row)).unwrap();
            }
        }
        // What finds documents by their hashes, at the least that it can cost.
        transaction.execute("INSERT INTO address SELECT substr(hash, 1, 8), id FROM instance ORDER BY 1, 2", []).unwrap();
        transaction.commit().unwrap();
        into.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    });
    (time, tables.iter().map(|(_, rows)| rows.len()).sum())
}

fn rows(from: &Connection, query: &str) -> Vec<Vec<Value>> {
    let mut statement = from.prepare(query).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}
