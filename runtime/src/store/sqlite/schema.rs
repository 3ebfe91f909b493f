//! The tables, whose file it is, and the codes in them.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::error::InFile;
use crate::store::StoreError;
use crate::tahoe::{Category, Itype};

/// The tables and views, with the comments that a person sees who asks SQLite for them.
const SCHEMA: &str = include_str!("schema.sql");

/// What version 2 added.
const HEALTH: &str = include_str!("health.sql");

/// What version 3 added.
const LETTER_ENGINE: &str = "
ALTER TABLE dead_letter ADD COLUMN engine TEXT NOT NULL DEFAULT ''; -- that the filter ran in, with its version
";

/// What version 5 has in place of an index of hashes, which version 4 had of their first eight bytes and those before it of
/// whole ones.
const ADDRESSES: &str = include_str!("addresses.sql");

/// And so that nothing needs to be counted.
const COUNTS: &str = include_str!("counts.sql");

/// What versions before 5 lack, for a connection that only looks at them: the same by their indexes, and counted.
const BRIDGE: &str = "
CREATE TEMP VIEW addressed AS SELECT substr(hash, 1, 8) AS prefix, id FROM instance;
CREATE TEMP VIEW submission_count AS SELECT sub_type, count(*) AS submissions FROM submission GROUP BY sub_type;
CREATE TEMP VIEW ledger_count AS
    SELECT filter, sub_type, state, count(*) AS pairs FROM ledger JOIN submission ON submission.id = submission
    GROUP BY filter, sub_type, state;
";

/// The statement that selects from the document whose hash is the first parameter; joins and conditions may follow.
macro_rules! by_hash {
    ($columns:expr $(, join $join:literal)? $(, and $condition:literal)?) => {
        concat!(
            "SELECT ", $columns, " FROM addressed JOIN instance ON instance.id = addressed.id ", $($join,)?
            " WHERE prefix = substr(?1, 1, 8) AND hash = ?1 ", $("AND ", $condition)?
        )
    };
}
pub(super) use by_hash;

/// Says in the file's header whose it is: "Taho".
const APPLICATION_ID: i32 = 0x5461_686f;

/// The version of the tables. A change to them is a new number, and a step in [`prepare`] that leads from the last.
const VERSION: i32 = 5;

/// How long to wait for others to close a file with tables of an earlier version: they may be about to.
const ALONE: Duration = Duration::from_secs(1);

/// Whose file it is.
enum Owner {
    /// An empty one, nobody's yet.
    Nobody,
    /// Ours, with tables that this version knows.
    Us,
    /// Ours, with tables of an earlier version.
    UsBefore(i32),
}

/// Checks that the file is an archive of this version, or empty; an empty one gets the tables. Touches nothing of a
/// file that is somebody else's.
pub(super) fn prepare(connection: &mut Connection, file: &InFile) -> Result<(), StoreError> {
    // In a transaction, so that its answers are of one moment: another process may be making the tables.
    let look = connection.transaction().map_err(|e| file.error(e))?;
    let found = owner(&look, file)?;
    look.finish().map_err(|e| file.error(e))?;
    match found {
        Owner::Us => Ok(()),
        Owner::Nobody => create(connection, file),
        Owner::UsBefore(_) => {
            take_alone(connection, file)?;
            tracing::info!(file = %file.path().display(), "bringing the tables up to date; with a million records that takes a while");
            let created = create(connection, file);
            share(connection).map_err(|e| file.error(e))?;
            created
        }
    }
}

/// Takes the file for this connection alone. Another one of an earlier version would go on writing, and know nothing of what is
/// new in the tables.
fn take_alone(connection: &Connection, file: &InFile) -> Result<(), StoreError> {
    let take = || {
        connection.busy_timeout(ALONE)?;
        connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
        // A write-ahead log ends when nobody else has it open, and not before.
        connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0))
    };
    let in_use = || {
        StoreError::Transient(format!(
            "{} has tables of an earlier version, which cannot be brought up to date while another process has it open: end that one",
            file.path().display()
        ))
    };
    let error = match take().map_err(|e| file.error(e)) {
        Ok(mode) if mode == "delete" => return Ok(()),
        Ok(_) | Err(StoreError::Transient(_)) => in_use(),
        Err(other) => other,
    };
    share(connection).map_err(|e| file.error(e))?;
    Err(error)
}

/// Lets others have the file as well.
fn share(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "locking_mode", "normal", |_| Ok(()))?;
    // Done with the next look at the file.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// Makes the tables, or what an earlier version lacks of them.
fn create(connection: &mut Connection, file: &InFile) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| file.error(e))?;
    // Two processes may have found the file like this; the second finds the tables of the first.
    let steps: &[&str] = match owner(&transaction, file)? {
        Owner::Nobody => &[SCHEMA, HEALTH, LETTER_ENGINE, ADDRESSES, COUNTS],
        Owner::UsBefore(1) => &[HEALTH, LETTER_ENGINE, ADDRESSES, COUNTS],
        Owner::UsBefore(2) => &[LETTER_ENGINE, ADDRESSES, COUNTS],
        Owner::UsBefore(_) => &[ADDRESSES, COUNTS],
        Owner::Us => &[],
    };
    let create = || {
        steps.iter().try_for_each(|step| transaction.execute_batch(step))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)
    };
    create().map_err(|e| file.error(e))?;
    transaction.commit().map_err(|e| file.error(e))
}

/// Checks that the file is an archive that this version can read, and lets the connection read an earlier one as one of this
/// version. Does not touch the file.
pub(super) fn check(connection: &Connection, file: &InFile) -> Result<(), StoreError> {
    match owner(connection, file)? {
        Owner::Us => Ok(()),
        Owner::UsBefore(_) => connection.execute_batch(BRIDGE).map_err(|e| file.error(e)),
        Owner::Nobody => Err(file.refuse("is empty: there is no archive in it")),
    }
}

fn owner(connection: &Connection, file: &InFile) -> Result<Owner, StoreError> {
    let look = || {
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((application, version, tables))
    };
    match look().map_err(|e| file.error(e))? {
        (APPLICATION_ID, VERSION, _) => Ok(Owner::Us),
        (APPLICATION_ID, version @ 1..VERSION, _) => Ok(Owner::UsBefore(version)),
        (APPLICATION_ID, version, _) if version > VERSION => Err(file.refuse(&format!(
            "was written by a newer version of this program (tables of version {version}, this one knows {VERSION}): use that one"
        ))),
        (0, 0, 0) => Ok(Owner::Nobody),
        _ => Err(file.refuse("is the database of another application: give another path")),
    }
}

/// The code of a kind of document.
pub(super) const fn itype_code(itype: Itype) -> i64 {
    match itype {
        Itype::Attribute => 0,
        Itype::Object => 1,
        Itype::Event => 2,
        Itype::Session => 3,
        Itype::Raw => 4,
    }
}

/// The kind of that code.
pub(super) fn itype_of(code: i64) -> Option<Itype> {
    Itype::ALL.into_iter().find(|itype| itype_code(*itype) == code)
}

/// The code of a category or context; ordered as they are, so that SQL can compare.
pub(super) const fn category_code(category: Category) -> i64 {
    match category {
        Category::Unknown => 0,
        Category::Benign => 1,
        Category::Malicious => 2,
    }
}

/// The category of that code.
pub(super) fn category_of(code: i64) -> Option<Category> {
    Category::ALL.into_iter().find(|category| category_code(*category) == code)
}

/// The ledger's code for documents joined.
pub(super) const DONE: i64 = 0;
/// The ledger's code for a rejection.
pub(super) const REJECTED: i64 = 1;
/// The ledger's code for a dead letter.
pub(super) const FAILED: i64 = 2;
