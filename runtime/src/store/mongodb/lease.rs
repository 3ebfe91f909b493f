//! Who works on which part of the archive, so that runtimes that share it do not all attempt the same pairs.
//!
//! The hashes are divided into 64 ranges. A range's document in the collection `lease` names its holder; each runtime
//! has a document with a counter that it raises every ten seconds. No clocks are compared: a runtime is dead when a
//! reader has watched its counter stand still for thirty seconds by the reader's own monotonic clock. Its ranges are
//! then taken over by compare-and-swap. Each takes as many as are its share among those alive, and gives up what is
//! beyond: a newcomer has its share within some seconds, and one that is alone has all.
//!
//! Correctness never depends on any of this: writes are joins. A runtime that was held up and does not know that it
//! lost a range only does some work twice.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc, oid::ObjectId};

use super::reading;
use super::server::{LEASE, Server, Update};
use crate::store::StoreError;
use crate::tahoe::Hash;

/// How many ranges there are: the first six bits of a hash.
pub(super) const RANGES: u8 = 64;
/// How often a counter is raised.
const RENEW: Duration = Duration::from_secs(10);
/// How often one looks that has less than its share.
const LOOK: Duration = Duration::from_secs(2);
/// How long a counter stands still before its runtime counts as dead.
const DEAD: Duration = Duration::from_secs(30);

/// A monotonic clock; tests have their own.
pub(super) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

pub(super) fn monotonic() -> Clock {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}

/// The range that a hash is in.
pub(super) fn range_of(hash: &Hash) -> u8 {
    let [first, ..] = *hash.as_bytes();
    first >> 2
}

/// The leases of one runtime.
pub(super) struct Leases {
    server: Arc<Server>,
    /// This runtime's name.
    me: String,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// One bit a range.
    held: u64,
    /// Raised whenever a range was won.
    epoch: u64,
    /// Per other runtime: its counter, and since when it stands so.
    watched: HashMap<String, (u64, Duration)>,
}

impl Leases {
    pub(super) fn new(server: Arc<Server>, clock: Clock) -> Self {
        Self { server, me: ObjectId::new().to_hex(), clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ranges held, one bit each, and a number that changes when there are new ones.
    pub(super) fn held(&self) -> (u64, u64) {
        let state = self.state();
        (state.held, state.epoch)
    }

    /// One round: show a sign of life, watch the others, take or give up ranges. Returns when to have the next one.
    pub(super) fn tick(&self) -> Result<Duration, StoreError> {
        let name = format!("runtime/{}", self.me);
        self.server.update(LEASE, &[Update::or_insert(name.as_str(), doc! { "$inc": { "counter": 1 } })])?;
        let documents = self.read()?;
        let dead = self.watch(&documents);
        let alive = documents.keys().filter(|id| id.starts_with("runtime/") && !dead.contains(id)).count().max(1);
        let share = usize::from(RANGES).div_ceil(alive);
        let ranges: Vec<(String, String)> = (0..RANGES)
            .filter_map(|range| {
                let id = range_id(range);
                documents.get(&id).map(|document| (id, reading::text(document.get("holder"))))
            })
            .collect();
        let mine: Vec<&String> = ranges.iter().filter(|(_, holder)| *holder == self.me).map(|(id, _)| id).collect();
        let mut changes = Vec::new();
        let mut orphans = Vec::new();
        if mine.len() > share {
            // What is claimed in them is finished here all the same; at worst somebody else does it too.
            for id in mine.iter().skip(share) {
                changes.push(self.swap(id, &self.me, None));
            }
        } else {
            let gone = |holder: &str| {
                let runtime = format!("runtime/{holder}");
                holder.is_empty() || dead.contains(&runtime) || !documents.contains_key(&runtime)
            };
            let free = ranges.iter().filter(|(_, holder)| *holder != self.me && gone(holder));
            for (id, holder) in free.take(share - mine.len()) {
                changes.push(self.swap(id, holder, Some(&self.me)));
                if !holder.is_empty() {
                    orphans.push(id.clone());
                }
            }
        }
        let documents = if changes.is_empty() {
            documents
        } else {
            self.server.update(LEASE, &changes)?;
            self.read()?
        };
        let (mut held, mut taken_over, mut in_use) = (0_u64, 0, Vec::new());
        for range in 0..RANGES {
            let holder =
                documents.get(&range_id(range)).map(|document| reading::text(document.get("holder"))).unwrap_or_default();
            if holder == self.me {
                held |= 1 << range;
                taken_over += usize::from(orphans.contains(&range_id(range)));
            }
            in_use.push(format!("runtime/{holder}"));
        }
        if taken_over > 0 {
            tracing::info!("took over {taken_over} of {RANGES} parts of the archive from runtimes that are gone");
        }
        // The dead that hold nothing any more are forgotten; one that lives after all is back with its next sign of
        // life.
        for id in dead.iter().filter(|id| !in_use.contains(id)) {
            let counter = documents.get(id).and_then(|document| document.get("counter")).cloned();
            self.server.delete(LEASE, doc! { "_id": id.as_str(), "counter": counter })?;
        }
        let mut state = self.state();
        let won = held & !state.held;
        if won != 0 {
            state.epoch += 1;
            tracing::debug!("{} of {RANGES} ranges of the archive are this runtime's", held.count_ones());
        }
        state.held = held;
        Ok(if (held.count_ones() as usize) < share { LOOK } else { RENEW })
    }

    /// The documents of all ranges and runtimes; those of ranges are made if they are missing.
    fn read(&self) -> Result<HashMap<String, Document>, StoreError> {
        for _ in 0..3 {
            let found = self.server.find(LEASE, Document::new(), Document::new())?;
            let found: HashMap<String, Document> =
                found.into_iter().map(|document| (reading::text(document.get("_id")), document)).collect();
            let missing = (0..RANGES).map(range_id).filter(|id| !found.contains_key(id));
            let missing: Vec<Document> = missing.map(|id| doc! { "_id": id, "holder": "" }).collect();
            if missing.is_empty() {
                return Ok(found);
            }
            // Duplicates are those that another runtime made at the same time.
            self.server.insert(LEASE, &missing)?;
        }
        Err(StoreError::Transient(format!("{}: the leases are not there after they were made", self.server.address.shown())))
    }

    /// Notes how the others' counters move; returns those that have stood still for too long.
    fn watch(&self, documents: &HashMap<String, Document>) -> Vec<String> {
        let now = (self.clock)();
        let mut state = self.state();
        state.watched.retain(|id, _| documents.contains_key(id));
        let mut dead = Vec::new();
        for (id, document) in documents {
            if !id.starts_with("runtime/") || id.strip_prefix("runtime/") == Some(&self.me) {
                continue;
            }
            let counter = reading::count(document, "counter");
            let seen = state.watched.entry(id.clone()).or_insert((counter, now));
            if seen.0 != counter {
                *seen = (counter, now);
            }
            if now.saturating_sub(seen.1) >= DEAD {
                dead.push(id.clone());
            }
        }
        dead
    }

    /// Compare and swap.
    fn swap(&self, id: &str, from: &str, to: Option<&str>) -> Update {
        Update::guarded(doc! { "_id": id, "holder": from }, doc! { "$set": { "holder": to.unwrap_or_default() } })
    }

    /// Gives up all ranges, so that a successor need not wait.
    pub(super) fn release(&self) -> Result<(), StoreError> {
        let held = std::mem::take(&mut self.state().held);
        let held = (0..RANGES).filter(|range| held & (1 << range) != 0);
        let changes: Vec<Update> = held.map(|range| self.swap(&range_id(range), &self.me, None)).collect();
        self.server.update(LEASE, &changes)?;
        self.server.delete(LEASE, doc! { "_id": format!("runtime/{}", self.me) })
    }
}

fn range_id(range: u8) -> String {
    format!("range/{range:02x}")
}

/// Keeps the leases of a runtime alive from a thread of its own, until it is dropped: then they are given up.
pub(super) struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    leases: Arc<Leases>,
}

impl Keeper {
    /// Takes what is free at once, so that one that is alone can begin.
    pub(super) fn start(leases: Arc<Leases>) -> Result<Self, StoreError> {
        let mut next = leases.tick()?;
        let held = leases.held().0.count_ones();
        if held < u32::from(RANGES) {
            tracing::info!(
                "other runtimes hold {} of {RANGES} parts of the archive; those of one that died are taken over within a minute",
                u32::from(RANGES) - held
            );
        }
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (theirs, keeps) = (Arc::clone(&stop), Arc::clone(&leases));
        let run = move || {
            let (stopped, bell) = &*theirs;
            let mut guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            while !*guard {
                guard = bell.wait_timeout(guard, next).unwrap_or_else(PoisonError::into_inner).0;
                if *guard {
                    return;
                }
                drop(guard);
                next = keeps.tick().unwrap_or_else(|error| {
                    tracing::debug!("leases could not be renewed: {error}");
                    LOOK
                });
                guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            }
        };
        let thread = std::thread::Builder::new().name("leases".to_owned()).spawn(run);
        let thread = thread.map_err(|error| StoreError::Permanent(format!("no thread for the leases: {error}")))?;
        Ok(Self { stop, thread: Some(thread), leases })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let (stopped, bell) = &*self.stop;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
        if let Some(thread) = self.thread.take() {
            // It panicked, or it is done: either way it renews no more.
            let _ = thread.join();
        }
        if let Err(error) = self.leases.release() {
            tracing::debug!("leases could not be given up, a successor waits half a minute: {error}");
        }
    }
}
