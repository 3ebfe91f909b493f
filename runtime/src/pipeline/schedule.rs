//! Which filter works next.
//!
//! Fair by time, not by records: the filter that has had the least of the workers' time goes first, turns that are
//! running included. So a filter that needs a second for each record gets no more of a machine than one that needs a
//! microsecond. Time not used is not saved up: a filter that had nothing to do starts level with the others when it
//! has. And while others wait, one worker at least is kept free of a filter, since a single record may take long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::store::Work;

/// How one filter stands with the workers.
#[derive(Debug, Default)]
struct Turn {
    /// Time that workers have spent on it, in turns that ended.
    busy: Duration,
    /// When its running turns began.
    running: Vec<Instant>,
    /// Claimed, and not begun in an earlier turn.
    waiting: VecDeque<Work>,
    /// The store had nothing more for it.
    drained: bool,
}

impl Turn {
    fn is_ready(&self) -> bool {
        !self.drained || !self.waiting.is_empty()
    }

    fn busy_until(&self, now: Instant) -> Duration {
        self.running.iter().fold(self.busy, |busy, start| busy + now.saturating_duration_since(*start))
    }
}

/// The filters of a run, by index.
#[derive(Debug)]
pub(super) struct Schedule {
    turns: Vec<Turn>,
    workers: usize,
    /// What a filter that was last chosen had had: no filter falls behind this by having nothing to do.
    level: Duration,
}

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Next {
    /// A turn of this filter, with what waits for it.
    Turn(usize, VecDeque<Work>),
    /// Nothing now; another worker's turn may leave something.
    Wait,
    /// Nothing for any filter, as far as the store said.
    Nothing,
}

impl Schedule {
    pub(super) fn new(filters: usize, workers: u16) -> Self {
        let turns = (0..filters).map(|_| Turn::default()).collect();
        Self { turns, workers: usize::from(workers).max(1), level: Duration::ZERO }
    }

    /// Begins a turn of the filter that has had the least time.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let others_wait = self.turns.iter().filter(|turn| turn.is_ready()).count() > 1;
        let most = if others_wait { (self.workers - 1).max(1) } else { self.workers };
        let ready = self.turns.iter().enumerate().filter(|(_, turn)| turn.is_ready() && turn.running.len() < most);
        let chosen = ready.map(|(index, turn)| (index, turn.busy_until(now))).min_by_key(|(_, busy)| *busy);
        let Some((index, busy)) = chosen else {
            let active = self.turns.iter().any(|turn| !turn.running.is_empty());
            return if active { Next::Wait } else { Next::Nothing };
        };
        self.level = self.level.max(busy);
        let Some(turn) = self.turns.get_mut(index) else { return Next::Nothing };
        turn.running.push(now);
        // What slow records leave is shared by all workers.
        let share = turn.waiting.len().div_ceil(self.workers);
        Next::Turn(index, turn.waiting.drain(..share).collect())
    }

    /// Ends a turn that began then; `left` of it was not begun. Returns how long it took.
    pub(super) fn ended(
        &mut self,
        filter: usize,
        (start, now): (Instant, Instant),
        left: impl IntoIterator<Item = Work>,
    ) -> Duration {
        let busy = now.saturating_duration_since(start);
        if let Some(turn) = self.turns.get_mut(filter) {
            if let Some(running) = turn.running.iter().position(|began| *began == start) {
                turn.running.swap_remove(running);
            }
            turn.busy += busy;
            turn.waiting.extend(left);
        }
        busy
    }

    /// Notes that the store has nothing more for a filter.
    pub(super) fn drained(&mut self, filter: usize) {
        if let Some(turn) = self.turns.get_mut(filter) {
            turn.drained = true;
        }
    }

    /// Looks at the store again for every filter.
    pub(super) fn reopen(&mut self) {
        for turn in self.turns.iter_mut().filter(|turn| turn.drained) {
            turn.drained = false;
            turn.busy = turn.busy.max(self.level);
        }
    }

    /// Everything that was claimed and not begun.
    pub(super) fn abandon(&mut self) -> Vec<(usize, Work)> {
        let turns = self.turns.iter_mut().enumerate();
        turns.flat_map(|(index, turn)| turn.waiting.drain(..).map(move |work| (index, work))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that takes turns for so many milliseconds each, on a clock of its own.
    fn turns_of(schedule: &mut Schedule, now: &mut Instant, cost_ms: [u64; 2], count: usize) -> [usize; 2] {
        let mut turns = [0, 0];
        for _ in 0..count {
            let Next::Turn(filter, _) = schedule.next(*now) else { panic!("both have something to do") };
            turns[filter] += 1;
            let start = *now;
            *now += Duration::from_millis(cost_ms[filter]);
            schedule.ended(filter, (start, *now), []);
        }
        turns
    }

    #[test]
    fn a_filter_that_takes_long_waits_for_the_others() {
        let mut schedule = Schedule::new(2, 1);
        assert_eq!(turns_of(&mut schedule, &mut Instant::now(), [100, 10], 110), [10, 100]);
    }

    #[test]
    fn a_filter_that_had_nothing_to_do_has_saved_nothing_up() {
        let (mut schedule, mut now) = (Schedule::new(2, 1), Instant::now());
        schedule.drained(1);
        assert_eq!(turns_of(&mut schedule, &mut now, [10, 10], 1_000), [1_000, 0]);
        schedule.reopen();
        let [first, second] = turns_of(&mut schedule, &mut now, [10, 10], 20);
        assert!(first >= 9 && second >= 9, "{first} {second}");
    }

    #[test]
    fn a_filter_in_a_long_call_does_not_get_the_last_worker_while_another_waits() {
        let (mut schedule, now) = (Schedule::new(2, 2), Instant::now());
        assert!(matches!(schedule.next(now), Next::Turn(0, _)));
        for _ in 0..100 {
            assert!(matches!(schedule.next(now), Next::Turn(1, _)));
            schedule.ended(1, (now, now + Duration::from_secs(60)), []);
        }
        schedule.drained(1);
        assert!(matches!(schedule.next(now), Next::Turn(0, _)), "alone it may have all");
    }

    #[test]
    fn a_drained_filter_has_no_turn_until_the_store_is_looked_at_again() {
        let (mut schedule, now) = (Schedule::new(1, 1), Instant::now());
        assert!(matches!(schedule.next(now), Next::Turn(0, _)));
        schedule.drained(0);
        assert!(matches!(schedule.next(now), Next::Wait));
        schedule.ended(0, (now, now), []);
        assert!(matches!(schedule.next(now), Next::Nothing));
        schedule.reopen();
        assert!(matches!(schedule.next(now), Next::Turn(0, _)));
    }
}
