//! Which filter works next.
//!
//! Fair by time, not by records: the filter that has had the least of the workers' time goes first, turns that are running
//! and commits that have ended included. So a filter that needs a second for each record gets no more of a machine than one
//! that needs a microsecond. Time not used is not saved up: a filter that had nothing to do starts level with the others
//! when it has. And while others wait, one worker at least is kept free of a filter, since a single record may take long.
//!
//! A filter whose breaker is open has no turn until its time comes, and then one with a single record.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::store::Work;

/// A record that waits for an attempt.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) work: Work,
    /// Attempts in this run that failed in a way that may pass.
    pub(super) tried: u32,
}

/// Whether a filter gets turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// From then on, one at a time with one record.
    Trial(Instant),
    /// Not in this run.
    Over,
}

/// How one filter stands with the workers.
#[derive(Debug, Default)]
struct Turn {
    /// Time that workers have spent on it, in turns and commits that ended.
    busy: Duration,
    /// When its running turns began.
    running: Vec<Instant>,
    /// Claimed, and not begun in an earlier turn.
    waiting: VecDeque<Task>,
    /// Claimed, and to be tried again from then on.
    later: Vec<(Instant, Task)>,
    gate: Gate,
    /// The store had nothing more for it.
    drained: bool,
}

impl Turn {
    fn is_ready(&self, now: Instant) -> bool {
        let open = match self.gate {
            Gate::Open => true,
            Gate::Trial(from) => now >= from && self.running.is_empty(),
            Gate::Over => false,
        };
        open && (!self.drained || !self.waiting.is_empty())
    }

    /// What was to be tried again at a time that has come waits as the rest does.
    fn recall(&mut self, now: Instant) {
        let due = self.later.extract_if(.., |(from, _)| *from <= now);
        self.waiting.extend(due.map(|(_, task)| task));
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
    Turn(usize, VecDeque<Task>),
    /// A turn of this filter with one record, to see whether it can do that.
    Trial(usize),
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
        self.turns.iter_mut().for_each(|turn| turn.recall(now));
        let others_wait = self.turns.iter().filter(|turn| turn.is_ready(now)).count() > 1;
        let most = if others_wait { (self.workers - 1).max(1) } else { self.workers };
        let ready = self.turns.iter().enumerate().filter(|(_, turn)| turn.is_ready(now) && turn.running.len() < most);
        let chosen = ready.map(|(index, turn)| (index, turn.busy_until(now))).min_by_key(|(_, busy)| *busy);
        let Some((index, busy)) = chosen else {
            let active = self.turns.iter().any(|turn| !turn.running.is_empty());
            return if active { Next::Wait } else { Next::Nothing };
        };
        self.level = self.level.max(busy);
        let Some(turn) = self.turns.get_mut(index) else { return Next::Nothing };
        turn.running.push(now);
        if turn.gate != Gate::Open {
            return Next::Trial(index);
        }
        // What slow records leave is shared by all workers.
        let share = turn.waiting.len().div_ceil(self.workers);
        Next::Turn(index, turn.waiting.drain(..share).collect())
    }

    /// Ends a turn that began then; `left` of it was not begun. Returns how long it took, and what is to be given back
    /// because the filter was stopped meanwhile.
    pub(super) fn ended(
        &mut self,
        filter: usize,
        (start, now): (Instant, Instant),
        left: VecDeque<Task>,
    ) -> (Duration, VecDeque<Task>) {
        let busy = now.saturating_duration_since(start);
        if let Some(turn) = self.turns.get_mut(filter) {
            if let Some(running) = turn.running.iter().position(|began| *began == start) {
                turn.running.swap_remove(running);
            }
            turn.busy += busy;
            if turn.gate != Gate::Open {
                return (busy, left);
            }
            turn.waiting.extend(left);
        }
        (busy, VecDeque::new())
    }

    /// Notes time that was spent on a filter after a turn: its commit.
    pub(super) fn charge(&mut self, filter: usize, busy: Duration) {
        if let Some(turn) = self.turns.get_mut(filter) {
            turn.busy += busy;
        }
    }

    /// Has a record tried again from then on.
    pub(super) fn postpone(&mut self, filter: usize, from: Instant, task: Task) {
        if let Some(turn) = self.turns.get_mut(filter) {
            turn.later.push((from, task));
        }
    }

    /// Gives a filter no more turns, until one with one record from then on; `None`: not in this run. Returns what
    /// waited for it.
    pub(super) fn stop(&mut self, filter: usize, until: Option<Instant>) -> Vec<Task> {
        let Some(turn) = self.turns.get_mut(filter) else { return Vec::new() };
        turn.gate = until.map_or(Gate::Over, Gate::Trial);
        turn.drained = false;
        turn.waiting.drain(..).chain(turn.later.drain(..).map(|(_, task)| task)).collect()
    }

    /// Lets a filter that was stopped have turns as the others do.
    pub(super) fn resume(&mut self, filter: usize) {
        if let Some(turn) = self.turns.get_mut(filter) {
            turn.gate = Gate::Open;
            turn.busy = turn.busy.max(self.level);
        }
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
    pub(super) fn abandon(&mut self) -> Vec<(usize, Task)> {
        (0..self.turns.len()).flat_map(|filter| self.stop(filter, None).into_iter().map(move |task| (filter, task))).collect()
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
            schedule.ended(filter, (start, *now), VecDeque::new());
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
            schedule.ended(1, (now, now + Duration::from_secs(60)), VecDeque::new());
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
        schedule.ended(0, (now, now), VecDeque::new());
        assert!(matches!(schedule.next(now), Next::Nothing));
        schedule.reopen();
        assert!(matches!(schedule.next(now), Next::Turn(0, _)));
    }

    fn task() -> Task {
        let key = crate::store::SubmissionKey { raw: crate::tahoe::Hash::of(&[b"record"]), orgid: "org".to_owned() };
        let [sub_type, data, timezone] = ["cowrie", "{}", "UTC"].map(str::to_owned);
        Task { work: Work { key, sub_type, data, timezone, received_at: 0.0 }, tried: 1 }
    }

    #[test]
    fn a_stopped_filter_gives_back_what_it_holds_and_gets_one_trial_at_a_time() {
        let (mut schedule, now) = (Schedule::new(1, 4), Instant::now());
        let later = now + Duration::from_secs(8);
        assert!(matches!(schedule.next(now), Next::Turn(0, _)));
        schedule.postpone(0, now, task());
        assert_eq!(schedule.stop(0, Some(later)).len(), 1);
        let (_, given_back) = schedule.ended(0, (now, now), VecDeque::from([task()]));
        assert_eq!(given_back.len(), 1, "what another worker had");
        assert!(matches!(schedule.next(now), Next::Nothing));
        assert!(matches!(schedule.next(later), Next::Trial(0)));
        assert!(matches!(schedule.next(later), Next::Wait));
        schedule.ended(0, (later, later), VecDeque::new());
        assert!(matches!(schedule.next(later), Next::Trial(0)));
        schedule.ended(0, (later, later), VecDeque::new());
        schedule.resume(0);
        assert!(matches!(schedule.next(later), Next::Turn(0, _)));
    }

    #[test]
    fn a_record_that_is_tried_again_waits_for_its_time() {
        let (mut schedule, now) = (Schedule::new(1, 1), Instant::now());
        schedule.drained(0);
        schedule.postpone(0, now + Duration::from_secs(2), task());
        assert!(matches!(schedule.next(now), Next::Nothing));
        assert!(matches!(schedule.next(now + Duration::from_secs(2)), Next::Turn(0, waiting) if waiting.len() == 1));
    }
}
