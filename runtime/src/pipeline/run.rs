//! Workers on threads: turns of filters, until there is nothing to do or a signal comes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::breaker::Breaker;
use super::chatter::{Chatter, Reasons};
use super::committer::Batch;
use super::patience::Patience;
use super::schedule::{Next, Schedule};
use super::turn::{Attempted, Hand};
use super::{Counters, Imbalance, Member};
use crate::store::{Health, OpenBreaker, Store, StoreError, SubmissionKey, Tally, Usage};
use crate::worker::{Launcher, Worker};

/// How long an idle worker waits before it looks at the store again.
const POLL: Duration = Duration::from_secs(1);

/// How long a worker waits for another's turn to end, before it looks again.
const NAP: Duration = Duration::from_millis(5);

/// How often it is said at most that a filter's records are at fault.
const BLAME: Duration = Duration::from_secs(60);

/// How to run.
pub struct Settings<'a> {
    /// Pairs of threads: one of each has a process for its calls, the other commits what came of them.
    pub workers: u16,
    /// Starts those processes.
    pub launcher: &'a Launcher,
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
    /// Its breaker, if that is open: why the filter was stopped.
    pub breaker: Option<OpenBreaker>,
    /// How its pairs stand in the store now; unknown if a daemon was told to end while the store was out of reach.
    pub store: Option<Tally>,
}

/// A run over a store. Progress can be read while it goes.
pub struct Run<'a> {
    pub(super) store: &'a dyn Store,
    members: &'a [Member],
    pub(super) settings: Settings<'a>,
    pub(super) patience: Patience<'a>,
    pub(super) schedule: Mutex<Schedule>,
    books: Vec<Mutex<Book>>,
    breakers: Vec<Mutex<Breaker>>,
    /// For probes: the workers' own processes are in the middle of a batch then.
    pub(super) prober: Mutex<Worker>,
    /// The first error that ends the run.
    broken: Mutex<Option<RunError>>,
}

/// What is noted of a filter in a run.
#[derive(Default)]
pub(super) struct Book {
    pub(super) counters: Counters,
    pub(super) chatter: Chatter,
    pub(super) reasons: Reasons,
    /// Of its breaker, while that is open.
    pub(super) open: Option<OpenBreaker>,
    /// What the store was told that the filter cost.
    told: Usage,
    /// When it was last said that its records are at fault.
    blamed: Option<Instant>,
}

impl Book {
    /// Says that records fail a filter that works; not for every ten of them, since records are written by attackers.
    pub(super) fn blame_records(&mut self, filter: &str) {
        if self.blamed.is_none_or(|then| then.elapsed() > BLAME) {
            self.blamed = Some(Instant::now());
            tracing::warn!(filter, "many records fail, and the filter still does its last good one: the records are at fault");
        }
    }
}

/// A filter with all that a run keeps for it.
#[derive(Clone, Copy)]
pub(super) struct Place<'r> {
    pub(super) index: usize,
    pub(super) member: &'r Member,
    pub(super) book: &'r Mutex<Book>,
    pub(super) breaker: &'r Mutex<Breaker>,
}

/// A worker that panicked left no half-written value: locks are held for plain additions, and for calls into filters
/// that change nothing of the host.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
            patience: Patience::new(settings.once, settings.stop),
            prober: Mutex::new(Worker::new(settings.launcher.clone())),
            settings,
            books: members.iter().map(|_| Mutex::default()).collect(),
            breakers: members.iter().map(|_| Mutex::default()).collect(),
            broken: Mutex::new(None),
        };
        for (member, breaker) in members.iter().zip(&run.breakers) {
            run.patience.ask(|| store.register(&member.reference))?;
            // What a filter did well before is known, if it ran before.
            let known = run.patience.ask(|| {
                let well = store.health(member.reference.id)?.did_well;
                well.map_or(Ok(None), |key| store.record(&key))
            })?;
            known.into_iter().for_each(|work| lock(breaker).did_well(work));
        }
        Ok(run)
    }

    /// Pairs that are pending now, over all filters. Counts them; costs time in proportion.
    ///
    /// # Errors
    /// The store's.
    pub fn pending(&self) -> Result<u64, StoreError> {
        let pending = self.members.iter().map(|member| self.patience.ask(|| self.store.tally(member.reference.id)));
        pending.map(|tally| tally.map(|tally| tally.pending)).sum()
    }

    /// A filter by its index.
    pub(super) fn place(&self, index: usize) -> Option<Place<'_>> {
        let (member, book, breaker) = (self.members.get(index)?, self.books.get(index)?, self.breakers.get(index)?);
        Some(Place { index, member, book, breaker })
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
                // With no room in between: of each worker one turn is on its way into the store, and one in the making.
                let (batches, settled) = sync_channel(0);
                let thread = |name| std::thread::Builder::new().name(format!("{name}-{number}"));
                let started = thread("committer")
                    .spawn_scoped(scope, move || self.commit_all(&settled))
                    .and_then(|_| thread("worker").spawn_scoped(scope, move || self.worker(&batches)));
                if let Err(error) = started {
                    self.fail(RunError::Thread(error));
                }
            }
        });
        let abandoned = lock(&self.schedule).abandon();
        for (filter, task) in abandoned {
            if let Some(place) = self.place(filter) {
                self.give_back(place, vec![task.work.key]);
            }
        }
        if let Some(error) = lock(&self.broken).take() {
            return Err(error);
        }
        (0..self.members.len()).filter_map(|index| self.place(index)).map(|place| self.close(place)).collect()
    }

    /// Ends the books of a filter.
    fn close(&self, place: Place<'_>) -> Result<FilterSummary, RunError> {
        let reference = &place.member.reference;
        // A breaker that would let a record through at some time of this run does not in the next one.
        if let Some(open) = &mut lock(place.book).open {
            open.until = None;
        }
        self.note(place);
        let book = lock(place.book);
        book.chatter.close(&reference.name);
        book.counters.check(&reference.name)?;
        let store = match self.patience.ask(|| self.store.tally(reference.id)) {
            Ok(tally) => Some(tally),
            Err(StoreError::Transient(reason)) if !self.settings.once => {
                tracing::warn!(filter = reference.name, reason, "the store is out of reach: its records cannot be counted now");
                None
            }
            Err(error) => return Err(error.into()),
        };
        store.map_or(Ok(()), |tally| tally.check(&reference.name))?;
        let (counters, reasons, breaker) = (book.counters, book.reasons.most_frequent(), book.open.clone());
        Ok(FilterSummary { filter: reference.name.clone(), counters, reasons, breaker, store })
    }

    /// Tells the store what a filter cost since it was told, and how it fares. Statistics: nothing waits for them.
    pub(super) fn note(&self, place: Place<'_>) {
        let did_well = lock(place.breaker).probe().map(|work| work.key.clone());
        let (usage, health) = {
            let mut book = lock(place.book);
            let Counters { fuel, busy_us, .. } = book.counters;
            let told = std::mem::replace(&mut book.told, Usage { fuel, busy_us });
            let usage = Usage { fuel: fuel - told.fuel, busy_us: busy_us - told.busy_us };
            (usage, Health { breaker: book.open.clone(), outage: self.patience.outage(), did_well })
        };
        if let Err(error) = self.store.note(place.member.reference.id, usage, &health) {
            tracing::debug!(%error, "the store does not take statistics now");
        }
    }

    pub(super) fn give_back(&self, place: Place<'_>, keys: Vec<SubmissionKey>) {
        lock(place.book).counters.given_back += keys.len() as u64;
        self.store.give_back(place.member.reference.id, &keys);
    }

    /// Ends the run, because of this. Unless a daemon was told to end while the store was out of reach: then that is all.
    pub(super) fn fail(&self, error: RunError) {
        if matches!(error, RunError::Store(StoreError::Transient(_))) && !self.settings.once && self.patience.is_over() {
            return;
        }
        lock(&self.broken).get_or_insert(error);
        self.patience.give_up();
    }

    fn worker(&self, batches: &SyncSender<Batch>) {
        let mut worker = Worker::new(self.settings.launcher.clone());
        while !self.patience.is_over() {
            let start = Instant::now();
            let next = lock(&self.schedule).next(start);
            match next {
                Next::Turn(filter, waiting) => self.turn(&mut worker, batches, filter, Hand::Waiting(waiting), start),
                Next::Trial(filter) => self.turn(&mut worker, batches, filter, Hand::Trial, start),
                Next::Wait => std::thread::sleep(NAP),
                Next::Nothing if self.settings.once => return,
                Next::Nothing => {
                    worker.idle();
                    // Unless somebody probes a filter now.
                    if let Ok(mut prober) = self.prober.try_lock() {
                        prober.idle();
                    }
                    self.wait();
                }
            }
        }
    }

    /// One turn of a filter, which the schedule has begun.
    fn turn(&self, worker: &mut Worker, batches: &SyncSender<Batch>, filter: usize, hand: Hand, start: Instant) {
        let Some(place) = self.place(filter) else { return };
        // Whatever happens, the schedule must hear that the turn is over: the other workers wait for it.
        let attempted = match self.guard(|| self.attempt_some(worker, place, hand, start)) {
            Ok(attempted) => attempted,
            Err(error) => {
                self.fail(error);
                None
            }
        };
        let (settled, left) = attempted.map_or((None, VecDeque::new()), |Attempted { settled, left }| (Some(settled), left));
        let (busy, stopped) = lock(&self.schedule).ended(filter, (start, Instant::now()), left);
        lock(place.book).counters.busy_us += busy.as_micros() as u64;
        if !stopped.is_empty() {
            self.give_back(place, stopped.into_iter().map(|task| task.work.key).collect());
        }
        // Waits until the last turn's are in.
        if let Some(settled) = settled
            && let Err(SendError(batch)) = batches.send(Batch { filter, settled })
        {
            self.give_back(place, batch.keys());
        }
    }

    /// Does what may fail; a panic is an error as any.
    pub(super) fn guard<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, RunError> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| RunError::Panic)?.map_err(RunError::from)
    }

    fn wait(&self) {
        self.patience.sleep(POLL);
        for member in self.members {
            match self.patience.ask(|| self.store.reopen(member.reference.id)) {
                Ok(()) | Err(StoreError::Transient(_)) => {}
                Err(error) => self.fail(error.into()),
            }
        }
        lock(&self.schedule).reopen();
    }
}
