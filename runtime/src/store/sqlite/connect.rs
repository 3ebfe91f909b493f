//! Opening the file: who may create it, and how it is written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::InFile;
use super::schema;
use crate::store::{Access, StoreError};

/// How long a statement waits for another process before it is told that the file is busy.
const BUSY: Duration = Duration::from_secs(10);

/// Page cache of the writing connection: what a usual transaction changes. What it does not hold comes from the system's cache at
/// a microsecond a page; eight times as much makes no record faster, and a large archive take more memory than a small one.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
/// Page cache of a reading connection.
const READER_CACHE_KIB: i64 = 8 * 1024;

/// SQLite's own choice.
const PAGE_BYTES: i64 = 4096;

/// Pages that the write-ahead log holds before they go into the database. Those that many commits touch are copied once instead
/// of many times, if the log is long enough to have them twice. It takes as much of the disk (256 MiB) while the archive is
/// open, and is read once when it is opened after a crash.
const CHECKPOINT_PAGES: i64 = 64 * 1024;

/// Every statement that a connection prepares stays prepared.
const STATEMENTS: usize = 64;

/// Opens the database, with its tables.
pub(super) fn open(path: &str, access: Access) -> Result<(Connection, InFile), StoreError> {
    let given = InFile::new(PathBuf::from(path));
    if path.is_empty() || path == ":memory:" {
        return Err(StoreError::Permanent("`sqlite:` wants the path of a file, as in sqlite:tahoe.db".to_owned()));
    }
    // Absolute, because SQLite reads meaning into some relative names (`file:…`, `:memory:`).
    let absolute = std::path::absolute(Path::new(path)).map_err(|e| given.refuse(&format!("is no usable path: {e}")))?;
    match absolute.try_exists() {
        Err(e) => return Err(given.refuse(&format!("cannot be looked at: {e}"))),
        Ok(false) if !matches!(access, Access::Create | Access::Scratch) => {
            return Err(given.refuse("does not exist: give the database of an earlier run, or ingest records first"));
        }
        Ok(true) if absolute.is_dir() => return Err(given.refuse("is a folder: give the path of a file")),
        Ok(_) => {}
    }
    let file = InFile::new(absolute);
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Create | Access::Scratch => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Access::Existing => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
    let mut connection = Connection::open_with_flags(file.path(), flags).map_err(|e| file.error(e))?;
    connection.busy_timeout(BUSY).map_err(|e| file.error(e))?;
    if access == Access::ReadOnly {
        schema::check(&connection, &file)?;
        set_up(&connection, READER_CACHE_KIB).map_err(|e| file.error(e))?;
        return Ok((connection, file));
    }
    if access == Access::Scratch {
        connection.pragma_update(None, "synchronous", "OFF").map_err(|e| file.error(e))?;
    }
    // Before anything is changed: the file may be another application's.
    schema::prepare(&mut connection, &file)?;
    // Which may have had a patience of its own.
    connection.busy_timeout(BUSY).map_err(|e| file.error(e))?;
    if connection.is_readonly("main").map_err(|e| file.error(e))? {
        return Err(file.refuse("cannot be written: it, or its folder, is read-only for this user"));
    }
    set_up(&connection, WRITER_CACHE_KIB).map_err(|e| file.error(e))?;
    if log_ahead(&connection).map_err(|e| file.error(e))? != "wal" {
        return Err(
            file.refuse("lies where SQLite cannot use a write-ahead log (a network file system?): give a path on a local disk")
        );
    }
    if access != Access::Scratch {
        relax(&connection).map_err(|e| file.error(e))?;
    }
    bound_log(&connection).map_err(|e| file.error(e))?;
    Ok((connection, file))
}

/// Opens a second connection that only reads.
pub(super) fn open_reader(file: &InFile, access: Access) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Create | Access::Scratch | Access::Existing => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
    let connection = Connection::open_with_flags(file.path(), flags).map_err(|e| file.error(e))?;
    connection.busy_timeout(BUSY).map_err(|e| file.error(e))?;
    if access == Access::ReadOnly {
        schema::check(&connection, file)?;
    }
    let configure = || {
        set_up(&connection, READER_CACHE_KIB)?;
        connection.pragma_update(None, "query_only", true)
    };
    configure().map_err(|e| file.error(e))?;
    Ok(connection)
}

/// Readers then do not wait for the writer, nor the writer for them. Returns the mode that the file is in.
fn log_ahead(connection: &Connection) -> rusqlite::Result<String> {
    let until = Instant::now() + BUSY;
    loop {
        // SQLite does not wait for other processes here, whatever the timeout: two that open a new file meet.
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// The log is written from its beginning again once all of it is in the database. What a large commit, or one while an export
/// went on, made it longer is cut off then.
fn bound_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", CHECKPOINT_PAGES * PAGE_BYTES)
}

fn set_up(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // The ids that rows refer to come from rows that this program wrote or read in the same transaction: checking
    // each again would be two more look-ups per edge. The tests check whole databases (`PRAGMA foreign_key_check`).
    connection.pragma_update(None, "foreign_keys", false)?;
    // Functions in a view or index of a file that someone prepared are not run.
    connection.pragma_update(None, "trusted_schema", false)
}

/// Every commit reaches the disk before it returns: an archived record is nowhere else.
pub(super) fn insist(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")
}

/// A commit may be lost to a loss of power (never to a crash of the program), whole and with all later ones, and the
/// file stays sound. Good for what filters made: the marks are lost with the documents, and both are made again.
pub(super) fn relax(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::schema::by_hash;
    use super::super::testing::{ALL, FILTER, Scratch, exported, filter, key, plan, record, settle_all};
    use super::super::{SqliteStore, lock};
    use crate::store::{Access, Archived, Store as _, StoreError, open, open_existing};

    fn refusal(path: &std::path::Path, access: Access) -> String {
        match SqliteStore::open(path.to_str().unwrap(), access) {
            Err(StoreError::Permanent(message)) => {
                assert!(message.contains(path.to_str().unwrap()), "{message}");
                message
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["short", &"text ".repeat(10_000)] {
            let path = folder.path().join("notes.txt");
            std::fs::write(&path, text).unwrap();
            assert!(refusal(&path, Access::Create).contains("is not a SQLite database"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn the_database_of_another_application_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for sql in ["CREATE TABLE photo (id)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"] {
            let path = folder.path().join("photos.db");
            let _ = std::fs::remove_file(&path);
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let before = std::fs::read(&path).unwrap();
            assert!(refusal(&path, Access::Create).contains("another application"));
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn tables_of_a_newer_version_are_refused() {
        let scratch = Scratch::new();
        let path = scratch.path();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        let message = refusal(std::path::Path::new(&path), Access::Create);
        assert!(message.contains("newer version") && message.contains("999"), "{message}");
    }

    #[test]
    fn tables_of_earlier_versions_get_what_they_lack_and_keep_what_they_have() {
        let fourth = "DROP VIEW addressed; DROP TABLE address; DROP TABLE address_fresh; DROP TABLE address_moved;
            DROP TABLE submission_count; DROP TABLE ledger_count;
            CREATE INDEX instance_by_prefix ON instance (substr(hash, 1, 8));";
        let third = "DROP INDEX instance_by_prefix; CREATE UNIQUE INDEX instance_by_hash ON instance (hash);";
        let second = "ALTER TABLE dead_letter DROP COLUMN engine;";
        let older: [&[&str]; 4] =
            [&[fourth, third, second, "DROP TABLE health;"], &[fourth, third, second], &[fourth, third], &[fourth]];
        for (older, version) in older.into_iter().zip(1..) {
            let (scratch, folder) = (Scratch::with(2), tempfile::tempdir().unwrap());
            let before = exported(&scratch.store);
            let made = Connection::open(scratch.path()).unwrap();
            made.execute_batch(&format!("{} PRAGMA user_version = {version}", older.concat())).unwrap();
            made.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            let path = folder.path().join("tahoe.db").to_str().unwrap().to_owned();
            std::fs::copy(scratch.path(), &path).unwrap();

            let looking = SqliteStore::open(&path, Access::ReadOnly).unwrap();
            assert_eq!(exported(&looking), before);
            assert!(looking.record(&key(&record("cowrie", 1, "org-one"))).unwrap().is_some());
            assert!(looking.survey().unwrap().indexes.iter().any(|index| !index.present));
            let searched = plan(&lock(&looking.reader), by_hash!("data"));
            assert!(searched.iter().all(|step| step.starts_with("SEARCH")), "{searched:?}");
            // Whoever has it open may be of that version, and writes as that did.
            let busy = SqliteStore::open(&path, Access::Existing).err();
            assert!(matches!(&busy, Some(StoreError::Transient(why)) if why.contains("earlier version")), "{busy:?}");
            assert_eq!(exported(&looking), before);
            drop(looking);

            let again = SqliteStore::open(&path, Access::Existing).unwrap();
            let another = SqliteStore::open(&path, Access::Existing).unwrap();
            assert_eq!([exported(&again), exported(&another)], [before.clone(), before]);
            again.register(&filter(FILTER, &["cowrie"])).unwrap();
            assert_eq!((again.claim(FILTER, ALL).unwrap().len(), again.status().unwrap().len()), (2, 1));
            assert!(again.dead_letters().unwrap().is_empty());
            assert_eq!(
                another.ingest(&[record("cowrie", 1, "org-one"), record("cowrie", 2, "org-one")]).unwrap(),
                [Archived::AlreadyThere, Archived::New]
            );
            assert!(again.survey().unwrap().indexes.iter().all(|index| index.present));
            let file = Connection::open(&path).unwrap();
            let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(number("PRAGMA user_version"), 5);
            assert_eq!(number("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'instance_by_%'"), 0);
            assert_eq!(number("SELECT count(*) FROM addressed"), 3);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_made_only_if_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent.db");
        assert!(refusal(&path, Access::Existing).contains("does not exist"));
        assert!(!path.exists());
        let uri = format!("sqlite:{}", path.display());
        assert!(open_existing(&uri).is_err());
        assert!(open(&uri).is_ok());
        assert!(open_existing(&uri).is_ok());
        assert!(refusal(folder.path(), Access::Create).contains("is a folder"));
        assert!(refusal(&folder.path().join("no").join("folder.db"), Access::Create).contains("cannot be opened"));
    }

    #[test]
    fn only_stores_that_there_are_can_be_opened() {
        let message = |uri: &str| open(uri).err().unwrap().to_string();
        let mongodb = message("mongodb://operator:secret@127.0.0.1:1/tahoe?serverSelectionTimeoutMS=50");
        assert!(mongodb.contains("out of reach") && !mongodb.contains("secret"), "{mongodb}");
        for uri in ["", "tahoe.db", "sqlite:", "sqlite::memory:", "postgres://db.example"] {
            assert!(message(uri).contains("sqlite:"), "{uri}");
        }
    }

    #[test]
    fn many_processes_may_open_a_new_file_at_once_and_write_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.db").to_str().unwrap().to_owned();
        std::thread::scope(|scope| {
            for n in 0..6 {
                let path = &path;
                scope.spawn(move || {
                    let store = SqliteStore::open(path, Access::Create).unwrap();
                    assert_eq!(store.ingest(&[record("cowrie", n, "org-one")]).unwrap(), [Archived::New]);
                });
            }
        });
        let store = SqliteStore::open(&path, Access::Existing).unwrap();
        store.register(&filter(FILTER, &["cowrie"])).unwrap();
        assert_eq!(store.claim(FILTER, ALL).unwrap().len(), 6);
    }

    #[test]
    fn a_store_that_is_opened_again_goes_on_where_it_was() {
        let scratch = Scratch::with(4);
        let size = crate::store::ClaimSize { records: 2, ..ALL };
        settle_all(&scratch.store, &scratch.store.claim(FILTER, size).unwrap());
        let again = scratch.another();
        assert_eq!(exported(&again), exported(&scratch.store));
        assert_eq!(again.tally(FILTER).unwrap().pending, 2);
        again.register(&filter(FILTER, &["cowrie"])).unwrap();
        settle_all(&again, &again.claim(FILTER, ALL).unwrap());
        assert!(scratch.store.claim(FILTER, ALL).unwrap().is_empty());
        assert_eq!(scratch.store.tally(FILTER).unwrap().done, 4);
    }

    #[test]
    fn a_filter_that_was_never_registered_is_refused() {
        let scratch = Scratch::new();
        assert!(scratch.store.claim(FILTER, ALL).is_err());
        assert!(scratch.store.tally(FILTER).is_err());
        assert!(scratch.store.commit(FILTER, &[]).is_err());
    }

    #[test]
    fn an_archive_that_is_thrown_away_holds_the_same_and_waits_for_no_disk() {
        let [lasting, scratch] = [Access::Create, Access::Scratch].map(|access| {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(folder.path().join("tahoe.db").to_str().unwrap(), access).unwrap();
            store.ingest(&[record("cowrie", 1, "org-one")]).unwrap();
            let writer = lock(&store.writer);
            let mode: i64 = writer.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            (exported(&store), mode)
        });
        assert_eq!((lasting.0, lasting.1, 0), (scratch.0, 1, scratch.1));
    }

    #[test]
    fn a_locked_file_is_a_transient_error() {
        let file = super::InFile::new("tahoe.db".into());
        for code in [rusqlite::ffi::SQLITE_BUSY, rusqlite::ffi::SQLITE_LOCKED, rusqlite::ffi::SQLITE_BUSY_SNAPSHOT] {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            assert!(matches!(file.error(error), StoreError::Transient(_)));
        }
        let full = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
        assert!(matches!(file.error(full), StoreError::Permanent(text) if text.contains("disk is full")));
    }
}
