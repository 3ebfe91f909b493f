//! What happened to records, in numbers that must add up.

use serde::Serialize;

/// What became of the attempts of one filter in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Records that were claimed. Counted when they are, and everything else when it is committed.
    pub attempts: u64,
    /// Documents joined.
    pub done: u64,
    /// The filter said why.
    pub rejected: u64,
    /// Dead letters.
    pub failed: u64,
    /// Not brought to an end: still pending.
    pub given_back: u64,
    /// Documents that the archive did not have.
    pub documents: u64,
    /// Units of fuel.
    pub fuel: u64,
    /// Time that workers spent, in microseconds: calls, checks and commits.
    pub busy_us: u64,
}

/// Counters that do not add up: a record was lost or counted twice. A bug, and reported as one.
#[derive(Debug, thiserror::Error)]
#[error(
    "the counters of {filter} do not add up: {what}; this is a bug, please report it. Nothing was deleted: run again with --once, and \
     compare `runtime export` before and after"
)]
pub struct Imbalance {
    filter: String,
    what: String,
}

impl Counters {
    /// Checks that every attempt ended in one way.
    ///
    /// # Errors
    /// When it did not.
    pub fn check(&self, filter: &str) -> Result<(), Imbalance> {
        let ended = self.done + self.rejected + self.failed + self.given_back;
        if self.attempts == ended {
            return Ok(());
        }
        Err(Imbalance { filter: filter.to_owned(), what: format!("{} attempts, {ended} ends", self.attempts) })
    }
}

impl crate::store::Tally {
    /// Checks that every accepted pair is in one state.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, filter: &str) -> Result<(), Imbalance> {
        let sum = self.pending + self.done + self.rejected + self.failed;
        if self.accepted == sum {
            return Ok(());
        }
        Err(Imbalance { filter: filter.to_owned(), what: format!("{} pairs in the store, {sum} in a state", self.accepted) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_an_end_is_noticed() {
        let counters = Counters { attempts: 10, done: 5, rejected: 2, failed: 2, given_back: 1, ..Counters::default() };
        assert!(counters.check("cowrie").is_ok());
        assert!(Counters { done: 4, ..counters }.check("cowrie").is_err());
        assert!(Counters { failed: 3, ..counters }.check("cowrie").is_err());
    }
}
