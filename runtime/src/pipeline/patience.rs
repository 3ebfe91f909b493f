//! Asking a store again for as long as it is busy or out of reach.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::backoff;
use crate::store::{Outage, StoreError};

/// How often a sleeping worker looks whether it is to end.
const NAP: Duration = Duration::from_millis(50);

/// How often a store is asked before a run with `--once` gives up; the store has a patience of its own for each try.
const TRIES_ONCE: u32 = 5;

/// How long to go on asking: with `--once`, a few times; a daemon, until it is told to end.
pub struct Patience<'a> {
    once: bool,
    /// Set by a signal.
    stop: &'a AtomicBool,
    /// Set when the run cannot go on.
    broken: AtomicBool,
    outage: Mutex<Option<Outage>>,
}

impl<'a> Patience<'a> {
    /// Of a run that attempts everything once, or of one that goes on until `stop` is set.
    #[must_use]
    pub fn new(once: bool, stop: &'a AtomicBool) -> Self {
        Self { once, stop, broken: AtomicBool::new(false), outage: Mutex::default() }
    }

    /// Asks until there is an answer other than [`StoreError::Transient`], or patience ends.
    ///
    /// # Errors
    /// The last one.
    pub fn ask<T>(&self, ask: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (mut failures, mut last) = (0, String::new());
        loop {
            let reason = match ask() {
                Err(StoreError::Transient(reason)) => reason,
                other => {
                    if failures > 0 && other.is_ok() {
                        tracing::info!(failures, "the store answers again");
                        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) =
                            Some(Outage { failures, reason: last, ended_at: unix_now() });
                    }
                    return other;
                }
            };
            failures += 1;
            if self.is_over() || (self.once && failures >= TRIES_ONCE) {
                return Err(StoreError::Transient(reason));
            }
            let wait = if self.once { NAP * failures } else { backoff::wait(failures, jitter()) };
            tracing::warn!(failures, seconds = wait.as_secs_f64(), reason, "the store does not answer; trying again");
            self.sleep(wait);
            last = reason;
        }
    }

    /// The last time that the store did not answer, if that is over.
    pub(super) fn outage(&self) -> Option<Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sleeps, but no longer than until the run is to end.
    pub(super) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.is_over() {
            std::thread::sleep(NAP.min(time));
        }
    }

    pub(super) fn is_told_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_told_to_stop() || self.broken.load(Ordering::Relaxed)
    }

    /// The run cannot go on.
    pub(super) fn give_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

/// A fraction of a second that differs from worker to worker and machine to machine: jitter needs no more.
pub(super) fn jitter() -> f64 {
    unix_now().fract()
}

pub(super) fn unix_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_run_that_is_to_end_asks_five_times() {
        let (asked, stop) = (Cell::new(0), AtomicBool::new(false));
        let refuse = || {
            asked.set(asked.get() + 1);
            Err::<(), _>(StoreError::Transient("out of reach".to_owned()))
        };
        assert!(Patience::new(true, &stop).ask(refuse).is_err());
        assert_eq!(asked.get(), 5);
    }

    #[test]
    fn an_outage_that_is_over_is_remembered_and_another_error_ends_it_at_once() {
        let (asked, stop) = (Cell::new(0), AtomicBool::new(false));
        let patience = Patience::new(true, &stop);
        let answer = |at| {
            asked.set(asked.get() + 1);
            if asked.get() < at { Err(StoreError::Transient("out of reach".to_owned())) } else { Ok(asked.get()) }
        };
        assert_eq!(patience.ask(|| answer(3)).unwrap(), 3);
        let outage = patience.outage().unwrap();
        assert_eq!((outage.failures, outage.reason.as_str()), (2, "out of reach"));
        assert!(matches!(patience.ask(|| Err::<(), _>(StoreError::Permanent("full".to_owned()))), Err(StoreError::Permanent(_))));
    }
}
