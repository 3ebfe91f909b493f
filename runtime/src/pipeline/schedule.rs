//! Which filter works next.
//!
//! Fair by time, not by records: the filter that has had the least of the workers' time goes first. So a filter that needs a second for
//! each record gets no more of a machine than one that needs a microsecond, and cannot slow it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::store::Work;

/// How one filter stands with the workers.
#[derive(Debug, Default)]
struct Turn {
    /// Time that workers have spent on it.
    busy: Duration,
    /// Claimed, and not begun in an earlier turn.
    waiting: VecDeque<Work>,
    /// The store had nothing more for it.
    drained: bool,
}

/// The filters of a run, by index.
#[derive(Debug)]
pub(super) struct Schedule {
    turns: Vec<Turn>,
    /// Turns that have begun and not ended: they may yet leave something to do.
    active: usize,
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
    pub(super) fn new(filters: usize) -> Self {
        Self { turns: (0..filters).map(|_| Turn::default()).collect(), active: 0 }
    }

    /// Begins a turn of the filter that has had the least time.
    pub(super) fn next(&mut self) -> Next {
        let ready = self.turns.iter_mut().enumerate().filter(|(_, turn)| !turn.drained || !turn.waiting.is_empty());
        match ready.min_by_key(|(_, turn)| turn.busy) {
            Some((index, turn)) => {
                self.active += 1;
                Next::Turn(index, std::mem::take(&mut turn.waiting))
            }
            None if self.active > 0 => Next::Wait,
            None => Next::Nothing,
        }
    }

    /// Ends a turn: what it took, and what of it was not begun.
    pub(super) fn ended(&mut self, filter: usize, busy: Duration, left: impl IntoIterator<Item = Work>) {
        self.active = self.active.saturating_sub(1);
        if let Some(turn) = self.turns.get_mut(filter) {
            turn.busy += busy;
            turn.waiting.extend(left);
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
        for turn in &mut self.turns {
            turn.drained = false;
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

    #[test]
    fn a_filter_that_takes_long_waits_for_the_others() {
        let mut schedule = Schedule::new(2);
        let mut turns = [0, 0];
        for _ in 0..110 {
            let Next::Turn(filter, _) = schedule.next() else { panic!("both have something to do") };
            turns[filter] += 1;
            schedule.ended(filter, Duration::from_millis([100, 10][filter]), []);
        }
        assert_eq!(turns, [10, 100]);
    }

    #[test]
    fn a_drained_filter_has_no_turn_until_the_store_is_looked_at_again() {
        let mut schedule = Schedule::new(1);
        let turn = schedule.next();
        schedule.drained(0);
        assert!(matches!((turn, schedule.next()), (Next::Turn(0, _), Next::Wait)));
        schedule.ended(0, Duration::ZERO, []);
        assert!(matches!(schedule.next(), Next::Nothing));
        schedule.reopen();
        assert!(matches!(schedule.next(), Next::Turn(0, _)));
    }
}
