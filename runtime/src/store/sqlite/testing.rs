//! An embedded store for a test, beside what the tests of all stores share.

use super::SqliteStore;
pub(super) use crate::store::testing::{
    ALL, FILTER, done, event, exported, failed, filter, graph, key, login, number, object, record, settle_all, settled, text,
};
use crate::store::{Access, NewRecord, Store as _};

/// How SQLite goes about a statement, a step a line.
pub(super) fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![1; statement.parameter_count()];
    let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A store in a folder that is removed with it.
pub(super) struct Scratch {
    pub(super) store: SqliteStore,
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("tahoe.db").to_str().unwrap(), Access::Create).unwrap();
        Self { store, folder }
    }

    pub(super) fn path(&self) -> String {
        self.folder.path().join("tahoe.db").to_str().unwrap().to_owned()
    }

    /// As another process, or this one started again.
    pub(super) fn another(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), Access::Existing).unwrap()
    }

    /// With this many records of one sub-type, and a filter that reads it.
    pub(super) fn with(records: usize) -> Self {
        let scratch = Self::new();
        let records: Vec<NewRecord> = (0..records).map(|n| record("cowrie", n, "org-one")).collect();
        scratch.store.ingest(&records).unwrap();
        scratch.store.register(&filter(FILTER, &["cowrie"])).unwrap();
        scratch
    }

    /// Rows that refer to rows that are not there; foreign keys are not enforced while writing.
    pub(super) fn broken_references(&self) -> usize {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        let mut check = connection.prepare("PRAGMA foreign_key_check").unwrap();
        check.query_map([], |_| Ok(())).unwrap().count()
    }

    pub(super) fn query<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        rusqlite::Connection::open(self.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}
