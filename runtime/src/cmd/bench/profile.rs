//! Where a record's fuel goes, by function.
//!
//! The record is given to the filter again and again, each time with a little more fuel than before, and each time it is over
//! somewhere else: the frames of that are a sample. It needs nothing that an ordinary call does not have, and gives the same
//! numbers every time. Fuel is looked at where functions begin and loops repeat, so straight code counts where it ends.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fixture::Tester;
use crate::pipeline::record_of;
use crate::store::Work;
use crate::verdict::{FailureKind, Outcome};

/// How many samples are taken.
const SAMPLES: u64 = 400;

/// A record's fuel by function.
#[derive(Debug, Serialize)]
pub(super) struct Profile {
    /// The record's number.
    pub(super) record: usize,
    /// Units that its call took, or tried to take.
    pub(super) fuel: u64,
    /// How many samples there are.
    pub(super) samples: u64,
    /// The functions, the most expensive first.
    pub(super) functions: Vec<Function>,
}

/// What of the fuel goes to one function.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Function {
    pub(super) name: String,
    /// Samples in it.
    pub(super) own: u64,
    /// Samples in it and in what it calls, as far as frames are kept.
    pub(super) total: u64,
}

/// Profiles one of these records. `None`: its call takes no fuel.
pub(super) fn of(tester: &mut Tester, records: &[Work], number: usize) -> Option<Profile> {
    let work = records.get(number)?;
    let whole = tester.call(record_of(work)).report;
    let fuel = whole.fuel.saturating_sub(whole.setup_fuel);
    let mut stacks = Vec::new();
    for sample in 0..SAMPLES.min(fuel) {
        // The middle of each part of the way.
        let budget = u128::from(fuel) * u128::from(2 * sample + 1) / u128::from(2 * SAMPLES.min(fuel));
        match tester.call_within(record_of(work), budget as u64).outcome {
            Outcome::Failed(failure) if failure.kind == FailureKind::Fuel => stacks.push(failure.backtrace),
            _ => {}
        }
    }
    let samples = stacks.len() as u64;
    (samples > 0).then(|| Profile { record: number, fuel, samples, functions: functions(&stacks) })
}

fn functions(stacks: &[Vec<String>]) -> Vec<Function> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for stack in stacks {
        // Of one without a name there is where in it.
        let stack: Vec<&str> = stack.iter().map(|frame| frame.split(" at 0x").next().unwrap_or(frame)).collect();
        if let Some(innermost) = stack.first() {
            counts.entry(innermost).or_default().0 += 1;
        }
        // Once, however often it calls itself.
        let mut names = stack;
        names.sort_unstable();
        names.dedup();
        names.into_iter().for_each(|name| counts.entry(name).or_default().1 += 1);
    }
    let function = |(name, (own, total)): (&str, (u64, u64))| Function { name: name.to_owned(), own, total };
    let mut functions: Vec<Function> = counts.into_iter().map(function).collect();
    functions.sort_by_key(|function| std::cmp::Reverse((function.own, function.total)));
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_owns_where_it_is_innermost_and_counts_once_for_each_sample_that_it_is_in() {
        let stack = |frames: &[&str]| frames.iter().map(|&frame| frame.to_owned()).collect::<Vec<_>>();
        let stacks = [stack(&["leaf", "walk", "walk", "parse"]), stack(&["leaf", "parse"]), stack(&["parse"])];
        let found: Vec<(String, u64, u64)> =
            functions(&stacks).into_iter().map(|function| (function.name, function.own, function.total)).collect();
        assert_eq!(found, [("leaf".into(), 2, 2), ("parse".into(), 1, 3), ("walk".into(), 0, 1)]);
    }
}
