//! Whether a filter is broken, or its records are bad: a state for each filter, fed with the outcomes of its attempts.
//! Clock and jitter are passed in.
//!
//! Ten failures in a row, or half of the last fifty, make a filter suspicious. It is then asked to do the last record
//! again that it did well, the *probe*. If it can, the records are at fault, an attacker's perhaps: they stay dead
//! letters, and it goes on. If it cannot, or never did one well, the filter is: the breaker opens, and its records
//! stay pending. After a wait that doubles each time, one record is let through, which closes it or opens it again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::backoff;
use crate::store::{Verdict, Work};

/// Failures in a row that make a filter suspicious.
const IN_A_ROW: usize = 10;

/// Outcomes that are remembered; half of them failures make a filter suspicious.
const REMEMBERED: usize = 50;

/// What an attempt's outcome means for the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Settle the record and go on.
    Continue,
    /// Settle the record, run the probe, and say how that went.
    Probe,
    /// The breaker opened while this attempt ran: the record stays pending.
    Discard,
}

/// Whether records go to a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// All of them.
    #[default]
    Closed,
    /// None until then; after that, one.
    Open(Instant),
}

/// The breaker of one filter.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    /// The last outcomes: true for a failure.
    recent: VecDeque<bool>,
    /// Failures since the last success.
    in_a_row: usize,
    /// How often it opened since it was last closed.
    opened: u32,
    /// The last record that the filter did well.
    well: Option<Work>,
}

impl Breaker {
    /// Notes an outcome. A rejection is a success too.
    pub(super) fn note(&mut self, verdict: &Verdict, now: Instant) -> Next {
        if let State::Open(until) = self.state
            && now < until
        {
            return Next::Discard;
        }
        let failed = matches!(verdict, Verdict::Failed(_));
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(failed);
        if !failed {
            self.in_a_row = 0;
            self.close();
            return Next::Continue;
        }
        self.in_a_row += 1;
        let failures = self.recent.iter().filter(|failed| **failed).count();
        let suspicious = self.in_a_row >= IN_A_ROW || failures * 2 >= REMEMBERED || self.opened > 0;
        if suspicious { Next::Probe } else { Next::Continue }
    }

    /// Keeps a record that the filter did well, and of which there are documents: a rejection would not tell whether it
    /// still makes any.
    pub(super) fn did_well(&mut self, work: Work) {
        self.well = Some(work);
    }

    /// What the filter is probed with; nothing, if it never did a record well.
    pub(super) fn probe(&self) -> Option<&Work> {
        self.well.as_ref()
    }

    /// Notes how the probe went, `false` too if there was nothing to probe with. Says for how long the breaker opens,
    /// if it does.
    pub(super) fn probed(&mut self, passed: bool, now: Instant, jitter: f64) -> Option<Duration> {
        self.recent.clear();
        self.in_a_row = 0;
        if passed {
            self.close();
            return None;
        }
        let wait = backoff::wait(self.opened, jitter);
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open(now + wait);
        Some(wait)
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.opened = 0;
    }

    /// How often it opened since a record last passed; 0: it is closed.
    pub(super) fn opened(&self) -> u32 {
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SubmissionKey;
    use crate::tahoe::{Graph, Hash};
    use crate::verdict::{Failure, FailureKind};

    fn work() -> Work {
        Work {
            key: SubmissionKey { raw: Hash::of(&[b"record"]), orgid: "org".to_owned() },
            sub_type: "cowrie".to_owned(),
            data: "{}".to_owned(),
            timezone: "UTC".to_owned(),
            received_at: 0.0,
        }
    }

    fn done() -> Verdict {
        Verdict::Done(Graph::default(), Hash::of(&[b"answer"]))
    }

    fn failed() -> Verdict {
        Verdict::Failed(Failure::new(FailureKind::Trap, "unreachable"))
    }

    fn note(breaker: &mut Breaker, verdict: &Verdict) -> Next {
        breaker.note(verdict, Instant::now())
    }

    #[test]
    fn ten_failures_in_a_row_open_it_if_no_record_was_ever_done_well() {
        let mut breaker = Breaker::default();
        note(&mut breaker, &Verdict::Rejected("not mine".to_owned()));
        for _ in 0..9 {
            assert_eq!(note(&mut breaker, &failed()), Next::Continue);
        }
        assert_eq!(note(&mut breaker, &failed()), Next::Probe);
        assert!(breaker.probe().is_none());
        assert!(breaker.probed(false, Instant::now(), 0.5).is_some());
        assert_eq!(note(&mut breaker, &failed()), Next::Discard, "what another worker had in hand");
    }

    #[test]
    fn a_filter_that_still_does_its_last_good_record_goes_on() {
        let mut breaker = Breaker::default();
        breaker.did_well(work());
        for round in 0..5 {
            for _ in 0..9 {
                assert_eq!(note(&mut breaker, &failed()), Next::Continue, "round {round}");
            }
            assert_eq!(note(&mut breaker, &failed()), Next::Probe);
            assert!(breaker.probe().is_some());
            assert_eq!(breaker.probed(true, Instant::now(), 0.5), None);
        }
        assert_eq!(breaker.opened(), 0);
    }

    #[test]
    fn half_of_the_last_fifty_are_enough() {
        let mut breaker = Breaker::default();
        for _ in 0..25 {
            assert_eq!(note(&mut breaker, &done()), Next::Continue);
        }
        for _ in 0..24 {
            assert_eq!(note(&mut breaker, &failed()), Next::Continue);
            assert_eq!(note(&mut breaker, &done()), Next::Continue);
        }
        assert_eq!(note(&mut breaker, &failed()), Next::Probe);
    }

    #[test]
    fn waits_double_and_one_record_that_passes_closes_it() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            breaker.note(&failed(), now);
        }
        let mut waits = Vec::new();
        for _ in 0..14 {
            let wait = breaker.probed(false, now, 0.0).unwrap();
            waits.push(wait.as_secs());
            assert_eq!(breaker.note(&failed(), now), Next::Discard);
            now += wait;
            assert_eq!(breaker.note(&failed(), now), Next::Probe, "one failure is enough now");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        breaker.probed(false, now, 0.0);
        now += Duration::from_secs(3600);
        assert_eq!(breaker.note(&done(), now), Next::Continue);
        assert_eq!((breaker.opened(), breaker.note(&failed(), now)), (0, Next::Continue));
    }
}
