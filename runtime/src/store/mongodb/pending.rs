//! Finding pairs that are not settled, at a cost that does not depend on how many are.
//!
//! Per filter, and sub-type that it reads, two *lanes*: raw documents in the order of their ObjectIds, and further
//! submissions in the order of theirs. In each lane
//!
//! - up to the *watermark*, which is stored, everything is settled, whichever runtime did it;
//! - up to `slow`, everything was looked at when it was at least a minute old: ObjectIds are made by clients, so later
//!   ones may come first;
//! - up to `fast`, everything was looked at once.
//!
//! A claim looks from `fast` on, and only when there is nothing, from `slow`. So a poll that finds nothing costs two
//! looks at an index. What arrives later than a minute, has an `_id` that is no ObjectId, or one of the future, is
//! found by the sweep (`sweep`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mongodb::bson::{Document, doc, oid::ObjectId};

use super::candidates::{Candidate, Source, before, candidate, fields, id_at};
use super::commit::mark;
use super::lease::range_of;
use super::ledger::{self, State};
use super::reading;
use super::server::{Server, Update, WATERMARK};
use super::submissions::{Target, targets};
use super::sweep::Sweep;
use crate::store::{FilterRef, StoreError, SubmissionKey};

/// How far the watermark stays behind, and how far ahead of our clock others' may be, in seconds.
const MARGIN: f64 = 60.0;
/// How many candidates one look takes, at least.
const PAGE: usize = 256;
/// How often the watermark is moved.
const ADVANCE: Duration = Duration::from_secs(10);

/// One source and sub-type of one filter.
pub(super) struct Lane {
    pub(super) source: Source,
    pub(super) sub_type: String,
    watermark: Option<ObjectId>,
    slow: Option<ObjectId>,
    fast: Option<ObjectId>,
}

/// What one filter has before it.
pub(super) struct Queue {
    pub(super) filter: FilterRef,
    pub(super) lanes: Vec<Lane>,
    pub(super) held: HashMap<SubmissionKey, Target>,
    /// Not claimed again before [`Queue::rewind`].
    pub(super) given_back: HashSet<SubmissionKey>,
    /// Found, and not taken yet.
    pub(super) rest: Vec<(Candidate, Target)>,
    pub(super) sweep: Sweep,
    /// The leases for which the lanes were searched.
    pub(super) epoch: u64,
    advanced: Option<Duration>,
}

impl Queue {
    pub(super) fn new(filter: FilterRef) -> Self {
        let lanes = filter.accepts.iter().flat_map(|sub_type| {
            [Source::Instance, Source::Submission].map(|source| Lane {
                source,
                sub_type: sub_type.clone(),
                watermark: None,
                slow: None,
                fast: None,
            })
        });
        let lanes = lanes.collect();
        Self {
            filter,
            lanes,
            held: HashMap::new(),
            given_back: HashSet::new(),
            rest: Vec::new(),
            sweep: Sweep::default(),
            epoch: 0,
            advanced: None,
        }
    }

    fn watermark_id(&self, lane: &Lane) -> String {
        format!("{}/{}/{}", self.filter.id, lane.source.collection(), lane.sub_type)
    }

    /// Removes the watermarks of what the filter no longer reads: if it reads it again, the search starts at the
    /// beginning.
    pub(super) fn forget_unread(&self, server: &Server) -> Result<(), StoreError> {
        let read: Vec<String> = self.lanes.iter().map(|lane| self.watermark_id(lane)).collect();
        server.delete(WATERMARK, doc! { "filter": self.filter.id.to_string(), "_id": { "$nin": read } })
    }

    /// Starts to look from the watermarks again. What is held stays held; what was given back is found.
    pub(super) fn rewind(&mut self, server: &Server) -> Result<(), StoreError> {
        let stored = server.find(WATERMARK, doc! { "filter": self.filter.id.to_string() }, Document::new())?;
        let stored: HashMap<String, ObjectId> = stored
            .iter()
            .filter_map(|stored| Some((reading::text(stored.get("_id")), stored.get_object_id("settled").ok()?)))
            .collect();
        let ids: Vec<String> = self.lanes.iter().map(|lane| self.watermark_id(lane)).collect();
        for (lane, id) in self.lanes.iter_mut().zip(ids) {
            let watermark = stored.get(&id).copied();
            (lane.watermark, lane.slow, lane.fast) = (watermark, watermark, watermark);
        }
        self.given_back.clear();
        self.rest.clear();
        self.sweep.rewind();
        Ok(())
    }

    pub(super) fn release(&mut self, key: &SubmissionKey) {
        self.held.remove(key);
    }

    /// Up to so many pairs that are pending and may be claimed, oldest first over all lanes. `ranges`: the leases,
    /// one bit each.
    pub(super) fn search(
        &mut self,
        server: &Server,
        wanted: usize,
        ranges: u64,
        now: f64,
    ) -> Result<Vec<(Candidate, Target)>, StoreError> {
        if !self.rest.is_empty() {
            // Others may have settled it since.
            let rest = self.rest.iter().take(wanted).map(|(candidate, _)| candidate.clone()).collect();
            let pending = self.pending(server, rest, ranges)?;
            self.rest.drain(..wanted.min(self.rest.len()));
            if !pending.is_empty() {
                return Ok(pending);
            }
        }
        for slowly in [false, true] {
            let mut picked: Vec<(ObjectId, usize, Candidate, Target)> = Vec::new();
            let mut ends = Vec::with_capacity(self.lanes.len());
            for index in 0..self.lanes.len() {
                let (picks, end) = self.search_lane(server, index, slowly, wanted, ranges, now)?;
                picked.extend(picks.into_iter().map(|(at, candidate, target)| (at, index, candidate, target)));
                ends.push(end);
            }
            picked.sort_by_key(|(at, ..)| *at);
            // A record that lies twice is one pair.
            let mut seen = HashSet::new();
            picked.retain(|(_, _, candidate, _)| seen.insert(candidate.key.clone()));
            let left: HashSet<usize> = picked.iter().skip(wanted).map(|(_, lane, ..)| *lane).collect();
            picked.truncate(wanted);
            for (index, (lane, end)) in self.lanes.iter_mut().zip(ends).enumerate() {
                let taken = picked.iter().filter(|(_, of, ..)| *of == index).map(|(at, ..)| *at).next_back();
                // What was picked and not taken is found again.
                let to = if left.contains(&index) { taken } else { end.at };
                lane.fast = lane.fast.max(to);
                if slowly && end.all && !left.contains(&index) {
                    lane.slow = lane.slow.max(Some(id_at(now - MARGIN)));
                }
            }
            if !picked.is_empty() {
                return Ok(picked.into_iter().map(|(_, _, candidate, target)| (candidate, target)).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Looks through one lane until enough is found or its end is reached.
    #[expect(clippy::type_complexity, reason = "named nowhere else")]
    fn search_lane(
        &self,
        server: &Server,
        index: usize,
        slowly: bool,
        wanted: usize,
        ranges: u64,
        now: f64,
    ) -> Result<(Vec<(ObjectId, Candidate, Target)>, End), StoreError> {
        let Some(lane) = self.lanes.get(index) else { return Ok((Vec::new(), End { at: None, all: true })) };
        let mut at = if slowly { lane.slow } else { lane.fast };
        let mut picks = Vec::new();
        let page = PAGE.max(2 * wanted);
        loop {
            let Page { candidates, last, all } = self.page(server, lane, at, page, now)?;
            for (candidate, target) in self.pending(server, candidates, ranges)? {
                if let Some(at) = candidate.at.as_object_id() {
                    picks.push((at, candidate, target));
                }
            }
            at = at.max(last);
            if all || picks.len() >= wanted {
                return Ok((picks, End { at, all }));
            }
        }
    }

    /// The next submissions of a lane that are not marked.
    fn page(&self, server: &Server, lane: &Lane, after: Option<ObjectId>, limit: usize, now: f64) -> Result<Page, StoreError> {
        let order = lane.source.order();
        let mut filter = lane.source.of_sub_type(&lane.sub_type);
        filter.insert(order, doc! { "$gt": after.unwrap_or_else(|| id_at(0.0)), "$lt": id_at(now + MARGIN) });
        filter.insert("filters", doc! { "$ne": self.filter.id.to_string() });
        let found = server.find_sorted(lane.source.collection(), filter, fields(), doc! { order: 1 }, Some(limit))?;
        Ok(Page {
            all: found.len() < limit,
            last: found.last().and_then(|document| document.get_object_id(order).ok()),
            candidates: found.iter().filter_map(|document| candidate(document, lane.source, &self.filter)).collect(),
        })
    }

    /// Which of these are pending, in this runtime's ranges, and not held. Settled ones whose mark is missing get it:
    /// a runtime was stopped between the ledger and the mark.
    pub(super) fn pending(
        &self,
        server: &Server,
        found: Vec<Candidate>,
        ranges: u64,
    ) -> Result<Vec<(Candidate, Target)>, StoreError> {
        let mine = |candidate: &Candidate| {
            ranges & (1 << range_of(&candidate.key.raw)) != 0
                && !self.held.contains_key(&candidate.key)
                && !self.given_back.contains(&candidate.key)
        };
        let open: Vec<Candidate> = found.into_iter().filter(|candidate| !candidate.marked && mine(candidate)).collect();
        let (pending, unmarked) = self.unsettled(server, open)?;
        mark(server, &self.filter, unmarked.iter())?;
        Ok(pending)
    }

    /// Which of these are not settled, by whomever; and those that are done without a mark.
    #[expect(clippy::type_complexity, reason = "named nowhere else")]
    fn unsettled(&self, server: &Server, open: Vec<Candidate>) -> Result<(Vec<(Candidate, Target)>, Vec<Target>), StoreError> {
        if open.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows = ledger::rows(server, self.filter.id, open.iter().map(|candidate| &candidate.key))?;
        let mut targets = targets(server, open.iter().map(|candidate| &candidate.key))?;
        let name = self.filter.id.to_string();
        let (mut pending, mut unmarked) = (Vec::new(), Vec::new());
        for candidate in open {
            let Some(target) = targets.remove(&candidate.key).filter(|target| !target.hidden) else { continue };
            match rows.get(&ledger::id_of(self.filter.id, &candidate.key)).and_then(State::of) {
                Some(State::Done) => unmarked.push(target),
                Some(State::Rejected | State::Failed) => {}
                // Another document of this record and organisation has the mark.
                None if target.marks.contains(&name) => {}
                None => pending.push((candidate, target)),
            }
        }
        Ok((pending, unmarked))
    }

    /// Moves the watermarks, now and then: up to the first submission that nobody has settled, and never into the
    /// last minute.
    pub(super) fn advance(&mut self, server: &Server, clock: Duration, now: f64) -> Result<(), StoreError> {
        if self.advanced.is_some_and(|last| clock.saturating_sub(last) < ADVANCE) {
            return Ok(());
        }
        self.advanced = Some(clock);
        let mut updates = Vec::new();
        for index in 0..self.lanes.len() {
            let Some(lane) = self.lanes.get(index) else { continue };
            let Page { candidates, last, all } = self.page(server, lane, lane.watermark, PAGE, now - 2.0 * MARGIN)?;
            let (pending, unmarked) = self.unsettled(server, candidates)?;
            mark(server, &self.filter, unmarked.iter())?;
            let first = pending.first().and_then(|(candidate, _)| candidate.at.as_object_id());
            let to = match first {
                Some(first) => Some(before(first)),
                None if all => Some(id_at(now - MARGIN)),
                None => last,
            };
            let Some(to) = to.filter(|to| Some(*to) > lane.watermark) else { continue };
            let change = doc! { "$max": { "settled": to }, "$setOnInsert": { "filter": self.filter.id.to_string() } };
            updates.push(Update::or_insert(self.watermark_id(lane), change));
            if let Some(lane) = self.lanes.get_mut(index) {
                lane.watermark = Some(to);
                lane.slow = lane.slow.max(Some(to));
                lane.fast = lane.fast.max(Some(to));
            }
        }
        match server.update(WATERMARK, &updates)?.first() {
            Some((_, why)) => Err(server.refuse(&format!("does not take a watermark: {why}"))),
            None => Ok(()),
        }
    }
}

/// A look at a lane.
struct Page {
    candidates: Vec<Candidate>,
    last: Option<ObjectId>,
    /// Up to the lane's end.
    all: bool,
}

/// How far a search of a lane came.
struct End {
    at: Option<ObjectId>,
    /// To where there is nothing more.
    all: bool,
}
