//! Workers on threads: claim, attempt, commit, until there is nothing to do or a signal comes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::chatter::{Chatter, Reasons};
use super::schedule::{Next, Schedule};
use super::{Counters, Imbalance, Member, attempt, backoff};
use crate::store::{ClaimSize, Committed, Settled, Store, StoreError, SubmissionKey, Tally, Verdict, Work};

/// What one claim takes from the store: enough that a commit is cheap per record, little enough that memory stays
/// small.
const CLAIM: ClaimSize = ClaimSize { records: 1024, bytes: 4 * 1024 * 1024 };

/// How long a worker stays with one filter before it commits and asks whose turn it is.
const TURN: Duration = Duration::from_millis(250);

/// Bytes of documents after which a worker commits, whatever else: a filter may make much of little.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// How long an idle worker waits before it looks at the store again.
const POLL: Duration = Duration::from_secs(1);

/// How often it looks for a signal while it waits.
const NAP: Duration = Duration::from_millis(50);

/// How often a store is asked before a run with `--once` gives up; the store has a patience of its own for each try.
const TRIES_ONCE: u32 = 5;

/// Stack of a worker: the guest's half megabyte, and room for the host above it.
const WORKER_STACK_BYTES: usize = 4 * 1024 * 1024;

/// How to run.
pub struct Settings<'a> {
    /// Threads.
    pub workers: u16,
    /// Attempt each pending pair once and end, instead of waiting for more.
    pub once: bool,
    /// Set by a signal: finish the records in hand, give the rest back.
    pub stop: &'a AtomicBool,
}

/// Why a run ended early. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
    /// A bug; its message is on stderr. The records in hand are pending.
    #[error("a worker panicked; please report it. The records in hand stay pending: run again")]
    Panic,
    /// No threads to be had.
    #[error("cannot start a worker: {0}")]
    Thread(std::io::Error),
}

/// What a run did for one filter.
#[derive(Clone, Debug, Serialize)]
pub struct FilterSummary {
    /// The filter's name.
    pub filter: String,
    /// What became of its attempts.
    #[serde(flatten)]
    pub counters: Counters,
    /// The reasons of its rejections with how often each was given, the most frequent first; not all, if there were
    /// many.
    pub reasons: Vec<(String, u64)>,
    /// How its pairs stand in the store now.
    pub store: Tally,
}

/// A run over a store. Progress can be read while it goes.
pub struct Run<'a> {
    store: &'a dyn Store,
    members: &'a [Member],
    settings: Settings<'a>,
    schedule: Mutex<Schedule>,
    books: Vec<Mutex<Book>>,
    /// The first error that ends the run.
    broken: Mutex<Option<RunError>>,
}

#[derive(Default)]
struct Book {
    counters: Counters,
    chatter: Chatter,
    reasons: Reasons,
}

/// A fraction of a second that differs from worker to worker and machine to machine: jitter needs no more.
fn fraction_of_now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_nanos()) / 1e9
}

/// A worker that panicked held no half-written value: every lock is held for plain additions.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Run<'a> {
    /// Registers the filters with the store.
    ///
    /// # Errors
    /// The store's.
    pub fn new(store: &'a dyn Store, members: &'a [Member], settings: Settings<'a>) -> Result<Self, StoreError> {
        let run = Self {
            store,
            members,
            schedule: Mutex::new(Schedule::new(members.len(), settings.workers)),
            settings,
            books: members.iter().map(|_| Mutex::default()).collect(),
            broken: Mutex::new(None),
        };
        for member in members {
            run.patiently(|| store.register(&member.reference))?;
        }
        Ok(run)
    }

    /// Attempts that have come to an end so far, over all filters.
    #[must_use]
    pub fn settled(&self) -> u64 {
        let ended = |book: &Mutex<Book>| {
            let counters = lock(book).counters;
            counters.done + counters.rejected + counters.failed
        };
        self.books.iter().map(ended).sum()
    }

    /// Works until there is nothing left to do (once), or until told to stop. Then checks that the counters add up.
    ///
    /// # Errors
    /// See [`RunError`]; every record is settled or pending all the same.
    pub fn work(&self) -> Result<Vec<FilterSummary>, RunError> {
        std::thread::scope(|scope| {
            for number in 0..self.settings.workers {
                let worker = std::thread::Builder::new().name(format!("worker-{number}")).stack_size(WORKER_STACK_BYTES);
                if let Err(error) = worker.spawn_scoped(scope, || self.worker()) {
                    self.fail(RunError::Thread(error));
                }
            }
        });
        for (filter, work) in lock(&self.schedule).abandon() {
            self.give_back(filter, vec![work.key]);
        }
        if let Some(error) = lock(&self.broken).take() {
            return Err(error);
        }
        self.members.iter().zip(&self.books).map(|(member, book)| self.close(member, &lock(book))).collect()
    }

    /// Ends the books of a filter.
    fn close(&self, member: &Member, book: &Book) -> Result<FilterSummary, RunError> {
        let name = &member.reference.name;
        book.chatter.close(name);
        book.counters.check(name)?;
        let store = self.store.tally(member.reference.id)?;
        store.check(name)?;
        Ok(FilterSummary { filter: name.clone(), counters: book.counters, reasons: book.reasons.most_frequent(), store })
    }

    fn fail(&self, error: RunError) {
        lock(&self.broken).get_or_insert(error);
    }

    fn stopping(&self) -> bool {
        self.settings.stop.load(Ordering::Relaxed) || lock(&self.broken).is_some()
    }

    fn worker(&self) {
        while !self.stopping() {
            let start = Instant::now();
            let next = lock(&self.schedule).next(start);
            match next {
                Next::Turn(filter, waiting) => self.turn(filter, waiting, start),
                Next::Wait => std::thread::sleep(NAP / 10),
                Next::Nothing if self.settings.once => return,
                Next::Nothing => self.wait(),
            }
        }
    }

    fn wait(&self) {
        self.sleep(POLL);
        for member in self.members {
            if let Err(error) = self.store.reopen(member.reference.id) {
                tracing::warn!(%error, "the store cannot be looked at now; trying again");
            }
        }
        lock(&self.schedule).reopen();
    }

    /// One turn of a filter, which the schedule has begun.
    fn turn(&self, filter: usize, waiting: VecDeque<Work>, start: Instant) {
        // Whatever happens, the schedule must hear that the turn is over: the other workers wait for it.
        let left = match catch_unwind(AssertUnwindSafe(|| self.attempt_some(filter, waiting, start))) {
            Ok(Ok(left)) => left,
            // Told to end while the store was out of reach: what was in hand was given back.
            Ok(Err(StoreError::Transient(_))) if !self.settings.once && self.stopping() => VecDeque::new(),
            Ok(Err(error)) => {
                self.fail(error.into());
                VecDeque::new()
            }
            Err(_) => {
                self.fail(RunError::Panic);
                VecDeque::new()
            }
        };
        let busy = lock(&self.schedule).ended(filter, (start, Instant::now()), left);
        if let Some(book) = self.books.get(filter) {
            lock(book).counters.busy_us += busy.as_micros() as u64;
        }
    }

    /// Attempts until the time is up, then commits. Returns what was not begun.
    fn attempt_some(&self, filter: usize, mut waiting: VecDeque<Work>, start: Instant) -> Result<VecDeque<Work>, StoreError> {
        let (Some(member), Some(book)) = (self.members.get(filter), self.books.get(filter)) else { return Ok(waiting) };
        if waiting.is_empty() {
            waiting = self.patiently(|| self.claim(member))?.into();
            lock(book).counters.attempts += waiting.len() as u64;
            if waiting.is_empty() {
                lock(&self.schedule).drained(filter);
                return Ok(waiting);
            }
        }
        let mut settled: Vec<Settled> = Vec::with_capacity(waiting.len());
        let mut weight = 0;
        while let Some(work) = waiting.pop_front() {
            let result = attempt(&member.filter, &work);
            if let Verdict::Done(graph, _) = &result.verdict {
                weight += graph.weight();
            }
            settled.push(result);
            if start.elapsed() > TURN || weight > BATCH_BYTES || self.settings.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        match self.commit(member, book, &settled) {
            Ok(()) => Ok(waiting),
            Err(error) => {
                let keys = settled.into_iter().map(|settled| settled.key).chain(waiting.into_iter().map(|work| work.key));
                self.give_back(filter, keys.collect());
                Err(error)
            }
        }
    }

    /// A run that ends when nothing is pending must be sure that nothing is.
    fn claim(&self, member: &Member) -> Result<Vec<Work>, StoreError> {
        let filter = member.reference.id;
        if self.settings.once { self.store.claim_to_the_end(filter, CLAIM) } else { self.store.claim(filter, CLAIM) }
    }

    /// Asks the store again for as long as it is busy or out of reach: once, a few times; a daemon, until it is told
    /// to end.
    fn patiently<T>(&self, ask: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut failures = 0;
        loop {
            let reason = match ask() {
                Err(StoreError::Transient(reason)) => reason,
                other => return other,
            };
            failures += 1;
            if self.stopping() || (self.settings.once && failures >= TRIES_ONCE) {
                return Err(StoreError::Transient(reason));
            }
            let wait = if self.settings.once { NAP * failures } else { backoff::wait(failures, fraction_of_now()) };
            tracing::warn!(failures, seconds = wait.as_secs_f64(), reason, "the store does not answer; trying again");
            self.sleep(wait);
        }
    }

    /// Sleeps, but no longer than until the run is to end.
    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.stopping() {
            std::thread::sleep(NAP.min(time));
        }
    }

    /// Commits a turn and enters it in the books.
    fn commit(&self, member: &Member, book: &Mutex<Book>, settled: &[Settled]) -> Result<(), StoreError> {
        let committed = self.patiently(|| self.store.commit(member.reference.id, settled))?;
        let mut book = lock(book);
        for (settled, committed) in settled.iter().zip(committed) {
            book.counters.fuel += settled.report.fuel;
            book.chatter.note(&member.reference.name, &settled.report);
            if let Verdict::Rejected(reason) = &settled.verdict {
                book.reasons.note(reason);
            }
            match committed {
                Committed::Done { new_documents } => {
                    book.counters.done += 1;
                    book.counters.documents += new_documents;
                }
                Committed::Rejected => book.counters.rejected += 1,
                Committed::Failed(_) => book.counters.failed += 1,
            }
        }
        Ok(())
    }

    fn give_back(&self, filter: usize, keys: Vec<SubmissionKey>) {
        let (Some(member), Some(book)) = (self.members.get(filter), self.books.get(filter)) else { return };
        lock(book).counters.given_back += keys.len() as u64;
        self.store.give_back(member.reference.id, &keys);
    }
}
