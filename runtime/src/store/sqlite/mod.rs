//! The embedded store: one SQLite file, nothing to install.
//!
//! Documents are rows with an integer for their hash, references are pairs of integers, indexed both ways; the tables
//! explain themselves (`schema.sql`). One connection writes, a batch per transaction; others read and do not wait for
//! it. Other processes may use the same file.

mod addresses;
mod claims;
mod commit;
mod connect;
mod correlation;
mod counts;
mod edges;
mod error;
mod export;
mod health;
mod ingest;
mod join;
mod known;
mod ledger;
mod letters;
mod schema;
mod survey;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use self::addresses::{ROOM, Room};
use self::claims::{Claims, Held, Queue};
use self::commit::Batch;
use self::error::InFile;
use self::export::ExportError;
use self::known::Known;
use super::{
    Access, Archived, ClaimSize, Committed, Correlation, DeadLetter, ExportQuery, FilterRef, FilterStatus, Health, NewRecord,
    Settled, Store, StoreError, SubmissionKey, Survey, Tally, Usage, Work,
};
use crate::tahoe::{Hash, Itype};

/// An archive in one file.
///
/// Locks are taken in the order of the fields, and none is held while a filter runs.
pub struct SqliteStore {
    file: InFile,
    access: Access,
    claims: Mutex<Claims>,
    reader: Mutex<Connection>,
    writer: Mutex<Writer>,
}

/// The connection that writes, with what it knows to be stored.
struct Writer {
    connection: Connection,
    /// `None` while a transaction adds to it, and after one that was rolled back.
    known: Option<Known>,
    /// Whether what is archived must outlive the process.
    lasting: bool,
    /// How many documents the young level of the index of hashes holds.
    room: Room,
}

impl SqliteStore {
    /// Opens an archive, or makes an empty one if it may and there is no file.
    ///
    /// # Errors
    /// The file cannot be used: another application's, of a newer version, no database, not writable, not there.
    pub fn open(path: &str, access: Access) -> Result<Self, StoreError> {
        let (connection, file) = connect::open(path, access)?;
        let reader = connect::open_reader(&file, access)?;
        Ok(Self {
            access,
            claims: Mutex::default(),
            reader: Mutex::new(reader),
            writer: Mutex::new(Writer { connection, known: None, lasting: access != Access::Scratch, room: ROOM }),
            file,
        })
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        self.file.error(error)
    }

    /// The rows of a pair: known if this process claimed it.
    fn rows<'s>(&self, queue: &Queue, settled: &'s Settled) -> Result<(Held, &'s Settled), StoreError> {
        if let Some(held) = queue.held(&settled.key) {
            return Ok((held, settled));
        }
        let found = ledger::submission(&lock(&self.reader), &settled.key).map_err(|e| self.failed(e))?;
        match found {
            Some(held) => Ok((held, settled)),
            None => Err(self.file.refuse(&format!("has no record {} of {:?}", settled.key.raw, settled.key.orgid))),
        }
    }
}

/// A thread that panicked left nothing half done behind the lock: transactions are rolled back, claims changed after
/// the fact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn unregistered(filter: Uuid) -> StoreError {
    StoreError::Permanent(format!("the filter {filter} is not registered in this store"))
}

impl Store for SqliteStore {
    fn ingest(&self, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError> {
        ingest::ingest(&mut lock(&self.writer), records).map_err(|e| self.failed(e))
    }

    fn register(&self, filter: &FilterRef) -> Result<(), StoreError> {
        let mut claims = lock(&self.claims);
        let register = || {
            let mut writer = lock(&self.writer);
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (id, configuration) = ledger::register(&transaction, filter)?;
            let watermarks = ledger::watermarks(&transaction, id)?;
            transaction.commit()?;
            Ok((id, configuration, watermarks))
        };
        let (id, configuration, watermarks) = register().map_err(|e| self.failed(e))?;
        claims.insert(filter.id, Queue::new(id, configuration, watermarks));
        Ok(())
    }

    fn claim(&self, filter: Uuid, size: ClaimSize) -> Result<Vec<Work>, StoreError> {
        let mut claims = lock(&self.claims);
        let queue = claims.get_mut(&filter).ok_or_else(|| unregistered(filter))?;
        let reader = lock(&self.reader);
        // One transaction, or each record would take and give back the file's lock.
        let claimed = reader.unchecked_transaction().and_then(|transaction| queue.claim(&transaction, size));
        claimed.map_err(|e| self.failed(e))
    }

    fn commit(&self, filter: Uuid, settled: &[Settled]) -> Result<Vec<Committed>, StoreError> {
        let batch = {
            let claims = lock(&self.claims);
            let queue = claims.get(&filter).ok_or_else(|| unregistered(filter))?;
            let pairs = settled.iter().map(|settled| self.rows(queue, settled)).collect::<Result<_, _>>()?;
            Batch { filter: queue.filter, configuration: queue.configuration, pairs, now: now() }
        };
        let committed = commit::commit(&mut lock(&self.writer), &batch).map_err(|e| self.failed(e))?;
        if let Some(queue) = lock(&self.claims).get_mut(&filter) {
            settled.iter().for_each(|settled| queue.release(&settled.key));
        }
        Ok(committed)
    }

    fn give_back(&self, filter: Uuid, keys: &[SubmissionKey]) {
        if let Some(queue) = lock(&self.claims).get_mut(&filter) {
            keys.iter().for_each(|key| queue.release(key));
        }
    }

    fn reopen(&self, filter: Uuid) -> Result<(), StoreError> {
        let mut claims = lock(&self.claims);
        let queue = claims.get_mut(&filter).ok_or_else(|| unregistered(filter))?;
        let watermarks = ledger::watermarks(&lock(&self.reader), queue.filter).map_err(|e| self.failed(e))?;
        queue.rewind(watermarks);
        Ok(())
    }

    fn tally(&self, filter: Uuid) -> Result<Tally, StoreError> {
        let reader = lock(&self.reader);
        let tally = reader.unchecked_transaction().and_then(|transaction| ledger::tally(&transaction, filter));
        tally.map_err(|e| self.failed(e))?.ok_or_else(|| unregistered(filter))
    }

    fn record(&self, key: &SubmissionKey) -> Result<Option<Work>, StoreError> {
        let reader = lock(&self.reader);
        let found = ledger::submission(&reader, key)
            .and_then(|held| held.map(|held| claims::record(&reader, held.submission)).transpose());
        found.map_err(|e| self.failed(e))
    }

    fn note(&self, filter: Uuid, usage: Usage, health: &Health) -> Result<(), StoreError> {
        health::note(&lock(&self.writer).connection, filter, usage, health, now()).map_err(|e| self.failed(e))
    }

    fn health(&self, filter: Uuid) -> Result<Health, StoreError> {
        health::health(&lock(&self.reader), filter).map_err(|e| self.failed(e))
    }

    fn hide_rejected(&self) -> Result<u64, StoreError> {
        let nobody = "nothing but this runtime reads an embedded archive, so there is nobody to hide a record from";
        Err(StoreError::Permanent(nobody.to_owned()))
    }

    fn status(&self) -> Result<Vec<FilterStatus>, StoreError> {
        let reader = lock(&self.reader);
        reader.unchecked_transaction().and_then(|transaction| health::status(&transaction)).map_err(|e| self.failed(e))
    }

    fn survey(&self) -> Result<Survey, StoreError> {
        let reader = lock(&self.reader);
        reader.unchecked_transaction().and_then(|transaction| survey::survey(&transaction)).map_err(|e| self.failed(e))
    }

    fn peek(&self, filter: &FilterRef, size: ClaimSize) -> Result<(u64, Vec<Work>), StoreError> {
        let reader = lock(&self.reader);
        let peeked = reader.unchecked_transaction().and_then(|transaction| survey::peek(&transaction, filter, size));
        peeked.map_err(|e| self.failed(e))
    }

    fn has(&self, itype: Itype, sub_type: &str) -> Result<bool, StoreError> {
        survey::has(&lock(&self.reader), itype, sub_type).map_err(|e| self.failed(e))
    }

    fn archived(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        ledger::archived(&lock(&self.reader)).map_err(|e| self.failed(e))
    }

    fn discard(&self, letter: i64) -> Result<bool, StoreError> {
        let mut writer = lock(&self.writer);
        let mut discard = || {
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let found = letters::discard(&transaction, letter)?;
            transaction.commit()?;
            Ok(found)
        };
        discard().map_err(|e| self.failed(e))
    }

    fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        letters::all(&lock(&self.reader)).map_err(|e| self.failed(e))
    }

    fn export(&self, query: &ExportQuery, sink: &mut dyn FnMut(&str) -> std::io::Result<()>) -> Result<u64, StoreError> {
        // Its own connection: an export takes long, and others read meanwhile.
        let connection = connect::open_reader(&self.file, self.access)?;
        export::export(&connection, query, sink).map_err(|e| match e {
            ExportError::Sqlite(e) => self.failed(e),
            ExportError::Sink(e) => StoreError::Permanent(format!("the export could not be written: {e}")),
        })
    }

    fn document(&self, hash: Hash) -> Result<Option<String>, StoreError> {
        export::document(&lock(&self.reader), &hash).map_err(|e| self.failed(e))
    }

    fn find_attributes(&self, value: &str) -> Result<Vec<Hash>, StoreError> {
        correlation::find_attributes(&lock(&self.reader), value).map_err(|e| self.failed(e))
    }

    fn correlate(&self, hash: Hash) -> Result<Correlation, StoreError> {
        // Its own connection, as for an export.
        let connection = connect::open_reader(&self.file, self.access)?;
        correlation::correlate(&connection, hash).map_err(|e| self.failed(e))
    }
}
