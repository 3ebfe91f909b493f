//! The archive in production: a MongoDB database that other modules read and write too, and that many runtimes share.
//!
//! Documents are as Cybex-P writes them, in the collection `instance`; all else is in collections of our own. There
//! are no transactions and no change streams. Every write is a join of one document, so that it can be repeated, cut
//! off and overtaken; children are written before parents and marks last.
//!
//! | collection | `_id` | what |
//! |---|---|---|
//! | `instance` | hash; raw: an ObjectId | documents (`documents`) |
//! | `submission` | hash/organisation | submissions of further organisations (`submissions`) |
//! | `ledger` | hash/filter/organisation | how settled pairs stand (`ledger`) |
//! | `reference` | hash/two digits | references beyond what a document holds (`references`) |
//! | `filter`, `watermark`, `lease`, `counter` | | bookkeeping (`pending`, `lease`) |

mod address;
mod candidates;
mod claim;
mod commit;
mod correlation;
#[cfg(test)]
mod correlation_tests;
mod documents;
mod error;
mod export;
mod health;
mod hiding;
mod indexes;
mod ingest;
mod join;
#[cfg(test)]
mod large_tests;
mod lease;
mod ledger;
mod letters;
#[cfg(test)]
mod outage_tests;
mod patience;
mod pending;
#[cfg(test)]
mod polling_tests;
mod reading;
mod references;
mod server;
#[cfg(test)]
mod sharing_tests;
mod submissions;
mod survey;
#[cfg(test)]
mod survey_tests;
mod sweep;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::doc;
use uuid::Uuid;

use self::address::Address;
use self::commit::Commit;
use self::lease::{Clock, Keeper, Leases};
use self::pending::Queue;
use self::server::{FILTER, INSTANCE, Server, Update};
use super::{
    Access, Archived, ClaimSize, Committed, Correlation, DeadLetter, ExportQuery, FilterRef, FilterStatus, Health, NewRecord,
    Settled, Store, StoreError, SubmissionKey, Survey, Tally, Usage, Work,
};
use crate::tahoe::{Hash, Itype};

/// An archive on a MongoDB server.
pub struct MongoStore {
    server: Arc<Server>,
    clock: Clock,
    /// How many references a document holds itself.
    inline: usize,
    /// Each behind a lock of its own: a filter's search does not hold up another's.
    queues: Mutex<HashMap<Uuid, Arc<Mutex<Queue>>>>,
    leases: Arc<Leases>,
    /// From the first filter on: a process that only reads or archives takes no share of the work.
    keeper: Mutex<Option<Keeper>>,
}

impl MongoStore {
    /// Connects to an archive; makes the indexes that are missing if it may, and refuses a database without an archive if
    /// not.
    ///
    /// # Errors
    /// The address is none, the server is out of reach or does not let us in. The password is in no error.
    pub fn open(uri: &str, access: Access) -> Result<Self, StoreError> {
        let server = Server::connect(uri)?;
        if matches!(access, Access::Create | Access::Scratch) {
            indexes::ensure(&server)?;
        } else if !server.has_collection(INSTANCE)? {
            return Err(server.refuse(&format!("has no collection `{INSTANCE}`: there is no archive in that database")));
        }
        Ok(Self::with(server, lease::monotonic(), references::INLINE))
    }

    fn with(server: Server, clock: Clock, inline: usize) -> Self {
        let server = Arc::new(server);
        let leases = Arc::new(Leases::new(Arc::clone(&server), Arc::clone(&clock)));
        Self { server, clock, inline, queues: Mutex::default(), leases, keeper: Mutex::default() }
    }

    fn queue(&self, filter: Uuid) -> Result<Arc<Mutex<Queue>>, StoreError> {
        let unregistered = || StoreError::Permanent(format!("the filter {filter} is not registered in this store"));
        lock(&self.queues).get(&filter).cloned().ok_or_else(unregistered)
    }

    /// `thoroughly`: empty only once everything was searched.
    fn search(&self, filter: Uuid, size: ClaimSize, thoroughly: bool) -> Result<Vec<Work>, StoreError> {
        let queue = self.queue(filter)?;
        let mut queue = lock(&queue);
        let (ranges, epoch) = self.leases.held();
        if ranges == 0 {
            // Others have all of it, for now.
            return Ok(Vec::new());
        }
        if epoch != queue.epoch {
            // Ranges that another runtime had may have work anywhere from the watermark on.
            let given_back = std::mem::take(&mut queue.given_back);
            queue.rewind(&self.server)?;
            queue.given_back = given_back;
            queue.epoch = epoch;
        }
        let wanted = size.records.max(1);
        queue.advance(&self.server, (self.clock)(), now())?;
        let found = queue.search(&self.server, wanted, ranges, now())?;
        let work = self.take(&mut queue, found, size)?;
        if !work.is_empty() {
            return Ok(work);
        }
        if thoroughly {
            queue.sweep.begin_thoroughly();
        }
        loop {
            let clock = (self.clock)();
            let over = thoroughly && queue.sweep.rounds > 0;
            if over || !(thoroughly || queue.sweep.is_due(clock)) {
                return Ok(Vec::new());
            }
            let found = queue.sweep_slice(&self.server, wanted, ranges, clock)?;
            let work = self.take(&mut queue, found, size)?;
            if !work.is_empty() || !thoroughly {
                return Ok(work);
            }
        }
    }

    fn take(
        &self,
        queue: &mut Queue,
        found: Vec<(candidates::Candidate, submissions::Target)>,
        size: ClaimSize,
    ) -> Result<Vec<Work>, StoreError> {
        claim::take(&self.server, queue, found, size, now())
    }
}

/// An address as people may see it.
pub(super) fn shown(uri: &str) -> String {
    Address::new(uri).shown().to_owned()
}

/// A thread that panicked left nothing half done behind the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl Store for MongoStore {
    fn ingest(&self, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError> {
        ingest::ingest(&self.server, records)
    }

    fn register(&self, filter: &FilterRef) -> Result<(), StoreError> {
        let change = doc! {
            "name": filter.name.as_str(), "version": filter.version.as_str(), "accepts": filter.accepts.clone(),
            "component": filter.component.to_string(), "options": filter.options.to_string(), "limits": filter.limits.to_string(),
        };
        let update = Update::or_insert(filter.id.to_string(), doc! { "$set": change });
        if let Some((_, why)) = self.server.update(FILTER, &[update])?.first() {
            return Err(self.server.refuse(&format!("does not take the filter {}: {why}", filter.id)));
        }
        let mut queue = Queue::new(filter.clone());
        queue.forget_unread(&self.server)?;
        queue.rewind(&self.server)?;
        {
            let mut keeper = lock(&self.keeper);
            if keeper.is_none() {
                *keeper = Some(Keeper::start(Arc::clone(&self.leases))?);
            }
        }
        queue.epoch = self.leases.held().1;
        lock(&self.queues).insert(filter.id, Arc::new(Mutex::new(queue)));
        Ok(())
    }

    fn claim(&self, filter: Uuid, size: ClaimSize) -> Result<Vec<Work>, StoreError> {
        self.search(filter, size, false)
    }

    fn claim_to_the_end(&self, filter: Uuid, size: ClaimSize) -> Result<Vec<Work>, StoreError> {
        self.search(filter, size, true)
    }

    fn commit(&self, filter: Uuid, settled: &[Settled]) -> Result<Vec<Committed>, StoreError> {
        let queue = self.queue(filter)?;
        let (filter, mut targets) = {
            let queue = lock(&queue);
            let held = settled.iter().filter_map(|settled| Some((settled.key.clone(), queue.held.get(&settled.key)?.clone())));
            (queue.filter.clone(), held.collect::<HashMap<_, _>>())
        };
        let others: Vec<&SubmissionKey> =
            settled.iter().map(|settled| &settled.key).filter(|key| !targets.contains_key(key)).collect();
        targets.extend(submissions::targets(&self.server, others.iter().copied())?);
        let mut pairs = Vec::with_capacity(settled.len());
        for settled in settled {
            let Some(target) = targets.get(&settled.key) else {
                return Err(self.server.refuse(&format!("has no record {} of {:?}", settled.key.raw, settled.key.orgid)));
            };
            pairs.push((settled, target.clone()));
        }
        let commit = Commit { server: &self.server, filter: &filter, pairs, inline: self.inline, now: now() };
        let committed = commit.write()?;
        let mut queue = lock(&queue);
        settled.iter().for_each(|settled| queue.release(&settled.key));
        Ok(committed)
    }

    fn give_back(&self, filter: Uuid, keys: &[SubmissionKey]) {
        let Ok(queue) = self.queue(filter) else { return };
        let mut queue = lock(&queue);
        for key in keys {
            queue.release(key);
            queue.given_back.insert(key.clone());
        }
    }

    fn reopen(&self, filter: Uuid) -> Result<(), StoreError> {
        let queue = self.queue(filter)?;
        lock(&queue).rewind(&self.server)
    }

    fn tally(&self, filter: Uuid) -> Result<Tally, StoreError> {
        let unregistered = || StoreError::Permanent(format!("the filter {filter} is not registered in this store"));
        tally::tally(&self.server, filter)?.ok_or_else(unregistered)
    }

    fn record(&self, key: &SubmissionKey) -> Result<Option<Work>, StoreError> {
        claim::record(&self.server, key, now())
    }

    fn note(&self, filter: Uuid, usage: Usage, health: &Health) -> Result<(), StoreError> {
        health::note(&self.server, filter, usage, health, now())
    }

    fn health(&self, filter: Uuid) -> Result<Health, StoreError> {
        health::health(&self.server, filter)
    }

    fn status(&self) -> Result<Vec<FilterStatus>, StoreError> {
        health::status(&self.server)
    }

    fn survey(&self) -> Result<Survey, StoreError> {
        survey::survey(&self.server)
    }

    fn hide_rejected(&self) -> Result<u64, StoreError> {
        hiding::hide_rejected(&self.server)
    }

    fn peek(&self, filter: &FilterRef, size: ClaimSize) -> Result<(u64, Vec<Work>), StoreError> {
        survey::peek(&self.server, filter, size, now())
    }

    fn has(&self, itype: Itype, sub_type: &str) -> Result<bool, StoreError> {
        survey::has(&self.server, itype, sub_type)
    }

    fn archived(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        tally::archived(&self.server)
    }

    fn discard(&self, letter: i64) -> Result<bool, StoreError> {
        letters::discard(&self.server, letter)
    }

    fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        letters::all(&self.server)
    }

    fn export(&self, query: &ExportQuery, sink: &mut dyn FnMut(&str) -> std::io::Result<()>) -> Result<u64, StoreError> {
        export::export(&self.server, self.inline, query, sink)
    }

    fn document(&self, hash: Hash) -> Result<Option<String>, StoreError> {
        export::document(&self.server, self.inline, hash)
    }

    fn find_attributes(&self, value: &str) -> Result<Vec<Hash>, StoreError> {
        correlation::find_attributes(&self.server, value)
    }

    fn correlate(&self, hash: Hash) -> Result<Correlation, StoreError> {
        correlation::correlate(&self.server, hash)
    }
}
