//! The slow search through everything, for what the quick one (`pending`) cannot see: records that arrived late,
//! whose `_id` is no ObjectId, or lies in the future.
//!
//! It walks the archive in slices of the `_id`, one for every kind of value that an `_id` may be, since a comparison
//! in MongoDB stays within a kind.

use std::time::Duration;

use mongodb::bson::{Bson, doc};

use super::candidates::{Candidate, candidate, fields};
use super::pending::Queue;
use super::server::Server;
use super::submissions::Target;
use crate::store::StoreError;

/// How many submissions a slice looks at.
const SLICE: usize = 1000;
/// How long between two slices, for a runtime that goes on for months.
const PAUSE: Duration = Duration::from_secs(1);
/// How long between two whole sweeps.
const REST: Duration = Duration::from_secs(300);

/// The kinds of values that an `_id` may be.
const KINDS: [&str; 7] = ["objectId", "string", "number", "object", "binData", "bool", "date"];

/// Where a sweep is.
#[derive(Default)]
pub(super) struct Sweep {
    lane: usize,
    kind: usize,
    after: Option<Bson>,
    /// By the process's clock: not before.
    next: Duration,
    /// How many came to their end.
    pub(super) rounds: u64,
    /// Begun for a search that must see everything.
    pub(super) thorough: bool,
}

impl Sweep {
    /// A sweep from the start, whatever slices were looked at before now and then.
    pub(super) fn begin_thoroughly(&mut self) {
        if !self.thorough {
            *self = Self { thorough: true, ..Self::default() };
        }
    }

    /// A search that must see everything starts again. One that goes on for months stays where it is: rewound at every
    /// poll, it would never come to its second slice.
    pub(super) fn rewind(&mut self) {
        if self.thorough {
            *self = Self::default();
        }
    }

    /// Whether the next slice is due.
    pub(super) fn is_due(&self, clock: Duration) -> bool {
        clock >= self.next
    }

    fn pass(&mut self, lanes: usize, clock: Duration) {
        self.after = None;
        self.kind += 1;
        if self.kind == KINDS.len() {
            (self.kind, self.lane) = (0, self.lane + 1);
        }
        if self.lane >= lanes {
            (self.lane, self.rounds) = (0, self.rounds + 1);
            self.next = clock + REST;
        }
    }
}

impl Queue {
    /// One slice: up to so many pending pairs of it. Less than a slice at the end of a kind, and possibly nothing.
    pub(super) fn sweep_slice(
        &mut self,
        server: &Server,
        wanted: usize,
        ranges: u64,
        clock: Duration,
    ) -> Result<Vec<(Candidate, Target)>, StoreError> {
        self.sweep.next = clock + PAUSE;
        let Some((lane, kind)) = self.lanes.get(self.sweep.lane).zip(KINDS.get(self.sweep.kind)) else {
            self.sweep.pass(self.lanes.len(), clock);
            return Ok(Vec::new());
        };
        let source = lane.source;
        let mut filter = source.of_sub_type(&lane.sub_type);
        let mut place = doc! { "$type": *kind };
        if let Some(after) = &self.sweep.after {
            place.insert("$gt", after.clone());
        }
        filter.insert(source.order(), place);
        let order = doc! { source.order(): 1 };
        // Marked ones too: to skip them would be to look at all of them at once.
        let found = server.find_sorted(source.collection(), filter, fields(), order, Some(SLICE))?;
        let all = found.len() < SLICE;
        let last = found.last().and_then(|document| document.get(source.order())).cloned();
        let candidates = found.iter().filter_map(|document| candidate(document, source, &self.filter)).collect();
        let mut pending = self.pending(server, candidates, ranges)?;
        let mut seen = std::collections::HashSet::new();
        pending.retain(|(candidate, _)| seen.insert(candidate.key.clone()));
        if pending.len() > wanted {
            pending.truncate(wanted);
            self.sweep.after = pending.last().map(|(candidate, _)| candidate.at.clone());
        } else if all {
            self.sweep.pass(self.lanes.len(), clock);
        } else {
            self.sweep.after = last;
        }
        Ok(pending)
    }
}
