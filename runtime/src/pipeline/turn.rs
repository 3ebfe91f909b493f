//! One turn of a filter: claim and attempt. What it settles goes to the committer.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::patience::{jitter, unix_now};
use super::run::{Place, Run, lock};
use super::schedule::Task;
use super::{attempt, backoff, breaker, conclude, record_of};
use crate::store::{ClaimSize, OpenBreaker, Settled, StoreError, Verdict, Work};
use crate::terminal::escape;
use crate::verdict::{Failure, FailureKind};
use crate::worker::Worker;

/// What one claim takes from the store: enough that a commit is cheap per record, little enough that memory stays
/// small.
const CLAIM: ClaimSize = ClaimSize { records: 1024, bytes: 4 * 1024 * 1024 };

/// How long a worker stays with one filter before it hands over what it settled and asks whose turn it is.
const TURN: Duration = Duration::from_millis(250);

/// When a turn ends in the middle of a batch, which costs a process.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// Bytes of documents after which a turn ends, whatever else: a filter may make much of little.
const BATCH_BYTES: usize = 32 * 1024 * 1024;

/// How many records a process is given at once, at most.
const BATCH: usize = 256;

/// A batch that takes no longer may be followed by a larger one.
const QUICK: Duration = Duration::from_millis(10);

/// How often a record is tried whose failure may pass. Only a daemon tries again.
const TRIES: u32 = 3;

/// What a turn works on.
pub(super) enum Hand {
    /// These; if there are none, what the store has.
    Waiting(VecDeque<Task>),
    /// One record, to see whether the filter can do it.
    Trial,
}

/// What a turn came to.
pub(super) struct Attempted {
    /// To be committed.
    pub(super) settled: Vec<Settled>,
    /// Claimed, and not begun.
    pub(super) left: VecDeque<Task>,
}

impl Run<'_> {
    /// Attempts until the time is up. `None`: nothing is pending.
    pub(super) fn attempt_some(
        &self,
        worker: &mut Worker,
        place: Place<'_>,
        hand: Hand,
        start: Instant,
    ) -> Result<Option<Attempted>, StoreError> {
        let (waiting, trial) = match hand {
            Hand::Waiting(waiting) => (waiting, false),
            Hand::Trial => (VecDeque::new(), true),
        };
        let mut waiting = if waiting.is_empty() { self.claim(place, trial)? } else { waiting };
        if waiting.is_empty() {
            lock(&self.schedule).drained(place.index);
            return Ok(None);
        }
        let filter = &place.member.filter;
        let mut settled: Vec<Settled> = Vec::with_capacity(waiting.len());
        let mut unsettled = VecDeque::new();
        let (mut weight, mut stopped, mut batch) = (0, false, 1);
        while !waiting.is_empty() && !stopped {
            let began = Instant::now();
            worker.call(
                filter,
                &mut waiting,
                batch,
                |task| record_of(&task.work),
                |task, called| {
                    let mut result = conclude(filter, &task.work, called);
                    result.attempts += task.tried;
                    if let Verdict::Done(graph, _) = &result.verdict {
                        weight += graph.weight();
                    }
                    match self.judge(place, task, result, trial) {
                        Judged::Settled(result) => settled.push(result),
                        Judged::Stopped(result, task) => {
                            settled.extend(result);
                            unsettled.extend(task);
                            stopped = true;
                        }
                        Judged::Later => {}
                    }
                    // A batch may begin with records that take nothing and go on with such as take all that they may.
                    stopped |= weight > BATCH_BYTES || start.elapsed() > LONGEST_TURN || self.patience.is_over();
                    if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            );
            stopped |= start.elapsed() > TURN;
            // Few at a time of a filter that is slow, so that it can be stopped; many of one that is fast, so that the
            // processes wait little for each other.
            batch = if began.elapsed() < QUICK { (4 * batch).min(BATCH) } else { 1 };
        }
        waiting.extend(unsettled);
        Ok(Some(Attempted { settled, left: waiting }))
    }

    fn claim(&self, place: Place<'_>, trial: bool) -> Result<VecDeque<Task>, StoreError> {
        let (filter, store) = (place.member.reference.id, self.store);
        let size = if trial { ClaimSize { records: 1, ..CLAIM } } else { CLAIM };
        let claimed = self.patience.ask(|| {
            if trial {
                // What was given back when the filter was stopped is to be found again.
                store.reopen(filter)?;
            }
            // A run that ends when nothing is pending must be sure that nothing is.
            if self.settings.once { store.claim_to_the_end(filter, size) } else { store.claim(filter, size) }
        })?;
        lock(place.book).counters.attempts += claimed.len() as u64;
        Ok(claimed.into_iter().map(|work| Task { work, tried: 0 }).collect())
    }

    /// Decides what an attempt means for its record and for its filter.
    fn judge(&self, place: Place<'_>, task: Task, result: Settled, trial: bool) -> Judged {
        // Held while the filter is probed: its other workers wait, for one call at most.
        let mut breaker = lock(place.breaker);
        let was_open = breaker.opened() > 0;
        match breaker.note(&result.verdict, Instant::now()) {
            breaker::Next::Discard => return Judged::Stopped(None, Some(task)),
            breaker::Next::Continue => {}
            breaker::Next::Probe => {
                let probe = |work: &Work| {
                    let settled = attempt(&mut lock(&self.prober), &place.member.filter, work);
                    !matches!(settled.verdict, Verdict::Failed(_))
                };
                let passed = breaker.probe().is_some_and(probe);
                let now = Instant::now();
                if let Some(wait) = breaker.probed(passed, now, jitter()) {
                    self.stop(place, &result, breaker.opened(), (now, wait));
                    return Judged::Stopped(Some(result), None);
                }
                lock(place.book).blame_records(&place.member.reference.name);
            }
        }
        if was_open {
            lock(place.book).open = None;
            lock(&self.schedule).resume(place.index);
            tracing::info!(filter = place.member.reference.name, "the filter does records again");
        }
        if let Verdict::Done(..) = result.verdict {
            breaker.did_well(task.work);
        } else if !self.settings.once && !trial && result.attempts < TRIES && may_pass(&result.verdict) {
            let from = Instant::now() + backoff::wait(result.attempts, jitter());
            lock(&self.schedule).postpone(place.index, from, Task { work: task.work, tried: result.attempts });
            return Judged::Later;
        }
        Judged::Settled(result)
    }

    /// Lets no more records go to a filter: for some time, or for the rest of a run with `--once`.
    fn stop(&self, place: Place<'_>, last: &Settled, opened: u32, (now, wait): (Instant, Duration)) {
        let name = &place.member.reference.name;
        let reason = match &last.verdict {
            Verdict::Failed(Failure { kind, message, .. }) => format!("{}: {message}", kind.name()),
            Verdict::Done(..) | Verdict::Rejected(_) => String::new(),
        };
        let said = escape(&reason);
        let held = if self.settings.once {
            tracing::warn!(
                filter = name,
                "the filter fails again and again: over for this run, its records stay pending; {said}"
            );
            lock(&self.schedule).stop(place.index, None)
        } else {
            let seconds = wait.as_secs_f64();
            tracing::warn!(filter = name, opened, seconds, "the filter fails again and again: its records wait; {said}");
            lock(&self.schedule).stop(place.index, Some(now + wait))
        };
        let until = (!self.settings.once).then(|| unix_now() + wait.as_secs_f64());
        lock(place.book).open = Some(OpenBreaker { opened, reason, until });
        self.give_back(place, held.into_iter().map(|task| task.work.key).collect());
    }
}

/// What becomes of a record that was attempted.
enum Judged {
    /// It is settled.
    Settled(Settled),
    /// It is tried again later.
    Later,
    /// The filter was stopped: by this record, which is settled, or meanwhile, and it is not.
    Stopped(Option<Settled>, Option<Task>),
}

/// Whether a failure says more about the machine than about the record.
fn may_pass(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Failed(Failure { kind: FailureKind::Timeout | FailureKind::Host, .. }))
}
