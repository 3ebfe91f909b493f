//! Writing what came out of attempts: documents, children before parents; then references; the ledger; the marks
//! last.
//!
//! There are no transactions: each step is a join, so a batch that was cut off anywhere is written again from the
//! start and ends the same. A pair is settled once its row is in the ledger. The mark is for other modules; a crash
//! just before it leaves a row without a mark, and who next looks for pending work sets it (`pending`).

use std::collections::{HashMap, HashSet};
use std::fmt;

use mongodb::bson::{Bson, Document, doc};

use super::documents;
use super::error::Fault;
use super::join::{Batch, Joined, updates};
use super::ledger::{self, Entry, State};
use super::references::{self, Addition};
use super::server::{INSTANCE, RACES, SUBMISSION, Server, Update};
use super::submissions::{Mark, Target, by_hash};
use crate::store::{Committed, FilterRef, Settled, StoreError, Verdict};
use crate::tahoe::Hash;
use crate::verdict::{Failure, FailureKind};

/// A batch of one filter's attempts that came to an end, each with where it goes.
pub(super) struct Commit<'c> {
    pub(super) server: &'c Server,
    pub(super) filter: &'c FilterRef,
    pub(super) pairs: Vec<(&'c Settled, Target)>,
    /// How many references a document holds itself.
    pub(super) inline: usize,
    /// Unix seconds.
    pub(super) now: f64,
}

/// Documents that are stored, by hash, the one that is written first.
type Stored = HashMap<Hash, Vec<Document>>;

/// Why documents cannot be written, by their place in the batch.
type Refused = Vec<(usize, String)>;

impl Commit<'_> {
    pub(super) fn write(&self) -> Result<Vec<Committed>, StoreError> {
        let keys = self.pairs.iter().map(|(settled, _)| &settled.key);
        let rows = ledger::rows(self.server, self.filter.id, keys)?;
        // Pairs whose documents the archive does not take. Each leaves the batch, and the rest is joined again
        // without it.
        let mut spoiled: HashMap<usize, Failure> = HashMap::new();
        let mut created: HashMap<Hash, usize> = HashMap::new();
        let mut committed = loop {
            let stored = self.look_up(&rows)?;
            let (committed, batch) = self.judge(&rows, &spoiled, &stored);
            let mut refused = self.write_documents(&batch, stored, &mut created)?;
            if refused.is_empty() {
                refused = self.write_references(&committed)?;
            }
            if refused.is_empty() {
                break committed;
            }
            for (owner, why) in refused {
                spoiled.insert(owner, Failure::new(FailureKind::Store, why));
            }
        };
        for owner in created.into_values() {
            if let Some(Committed::Done { new_documents }) = committed.get_mut(owner) {
                *new_documents += 1;
            }
        }
        self.settle(rows, &mut committed)?;
        self.mark(&committed)?;
        Ok(committed)
    }

    /// How a pair stands in the ledger before this batch.
    fn before(&self, rows: &HashMap<String, Document>, settled: &Settled) -> Option<State> {
        rows.get(&ledger::id_of(self.filter.id, &settled.key)).and_then(State::of)
    }

    /// What is stored of the documents of all answers: one question to the server.
    fn look_up(&self, rows: &HashMap<String, Document>) -> Result<Stored, StoreError> {
        let mut hashes = HashSet::new();
        for (settled, _) in &self.pairs {
            if let (Verdict::Done(graph, _), None | Some(State::Failed)) = (&settled.verdict, self.before(rows, settled)) {
                hashes.extend(graph.documents.iter().map(|document| document.hash));
            }
        }
        self.find(hashes.into_iter())
    }

    fn find(&self, hashes: impl Iterator<Item = Hash>) -> Result<Stored, StoreError> {
        let hashes: Vec<Hash> = hashes.collect();
        let mut found = Vec::new();
        // A command ends at 16 MiB.
        for chunk in hashes.chunks(50_000) {
            found.extend(self.server.find(
                INSTANCE,
                doc! { "_hash": { "$in": documents::texts(chunk) } },
                documents::identity_fields(),
            )?);
        }
        Ok(by_hash(found))
    }

    /// What each attempt comes to, in the order of the batch, and the documents of those that are done.
    fn judge(
        &self,
        rows: &HashMap<String, Document>,
        spoiled: &HashMap<usize, Failure>,
        stored: &Stored,
    ) -> (Vec<Committed>, Batch<'_>) {
        let mut batch = Batch::default();
        let mut states: HashMap<String, State> = HashMap::new();
        let mut committed = Vec::with_capacity(self.pairs.len());
        for (owner, (settled, target)) in self.pairs.iter().enumerate() {
            let id = ledger::id_of(self.filter.id, &settled.key);
            let outcome = match states.get(&id).copied().or_else(|| self.before(rows, settled)) {
                // What the ledger has as done or rejected stays: the other attempt was on the same record.
                Some(State::Done) => Committed::Done { new_documents: 0 },
                Some(State::Rejected) => Committed::Rejected,
                Some(State::Failed) | None => match (&settled.verdict, spoiled.get(&owner), &target.odd) {
                    (_, Some(failure), _) => Committed::Failed(failure.clone()),
                    (Verdict::Done(..), None, Some(odd)) => Committed::Failed(Failure::new(FailureKind::Store, odd.clone())),
                    (Verdict::Done(graph, _), None, None) => match batch.add(owner, graph, stored) {
                        Ok(()) => Committed::Done { new_documents: 0 },
                        Err(collision) => Committed::Failed(Failure::new(FailureKind::Answer, collision)),
                    },
                    (Verdict::Rejected(_), None, _) => Committed::Rejected,
                    (Verdict::Failed(failure), None, _) => Committed::Failed(failure.clone()),
                },
            };
            states.insert(id, state(&outcome));
            committed.push(outcome);
        }
        (committed, batch)
    }

    fn write_documents(
        &self,
        batch: &Batch<'_>,
        mut stored: Stored,
        created: &mut HashMap<Hash, usize>,
    ) -> Result<Refused, StoreError> {
        for level in batch.levels() {
            let refused = self.write_level(&level, &mut stored, created)?;
            if !refused.is_empty() {
                return Ok(refused);
            }
        }
        Ok(Vec::new())
    }

    /// New documents are inserted whole; if another writer was first with one, it is read and joined like those that
    /// were there.
    fn write_level(
        &self,
        level: &[&Joined<'_>],
        stored: &mut Stored,
        created: &mut HashMap<Hash, usize>,
    ) -> Result<Refused, StoreError> {
        let mut refused = Vec::new();
        let mut mine: HashSet<Hash> = HashSet::new();
        for race in 0..RACES {
            let absent: Vec<&Joined<'_>> = level
                .iter()
                .filter(|joined| !stored.contains_key(&joined.document.hash) && !mine.contains(&joined.document.hash))
                .copied()
                .collect();
            let mut new = Vec::with_capacity(absent.len());
            for joined in &absent {
                let (document, beside) = documents::new(joined, self.inline);
                if !beside.is_empty() {
                    references::add_beside(self.server, joined.document.hash, &beside)?;
                }
                new.push(document);
            }
            let faults: HashMap<usize, Fault> = self.server.insert(INSTANCE, &new)?.into_iter().collect();
            let raced = faults.values().any(|fault| *fault == Fault::Duplicate);
            // FerretDB may not have tried what came behind a duplicate, so then all are looked up.
            let found = if raced { self.find(absent.iter().map(|joined| joined.document.hash))? } else { Stored::new() };
            for (index, joined) in absent.iter().enumerate() {
                let hash = joined.document.hash;
                match faults.get(&index) {
                    None if !raced || found.contains_key(&hash) => {
                        mine.insert(hash);
                        created.extend(joined.owners.first().map(|&owner| (hash, owner)));
                    }
                    None | Some(Fault::Duplicate) => stored.extend(found.get(&hash).map(|group| (hash, group.clone()))),
                    Some(fault) => refused.extend(blame(joined, fault)),
                }
            }
            if !refused.is_empty() || !raced {
                break;
            }
            // What was written a moment ago may not be visible everywhere yet.
            std::thread::sleep(std::time::Duration::from_millis(5 << race));
            if race + 1 == RACES {
                return Err(Fault::Duplicate.into_error(&self.server.address));
            }
        }
        if refused.is_empty() {
            // By another writer's insert, what is there now may be another document.
            for joined in level {
                if let Some(other) = stored.get(&joined.document.hash).and_then(|group| group.first())
                    && !documents::is_same(other, joined.document)
                {
                    refused.extend(blame(
                        joined,
                        &format_args!("another document of this hash was written meanwhile: {}", documents::describe(other)),
                    ));
                }
            }
        }
        if refused.is_empty() {
            refused = self.join_level(level, stored)?;
        }
        Ok(refused)
    }

    fn join_level(&self, level: &[&Joined<'_>], stored: &Stored) -> Result<Refused, StoreError> {
        let mut refused = Vec::new();
        let mut groups = [Vec::new(), Vec::new()];
        let mut additions = Vec::new();
        let mut added = Vec::new();
        for joined in level {
            let Some(there) = stored.get(&joined.document.hash).and_then(|group| group.first()) else { continue };
            for (group, updates) in groups.iter_mut().zip(updates(joined, there)) {
                group.extend(updates.into_iter().map(|update| (update, *joined)));
            }
            let loose = joined.loose();
            if let Some(id) = there.get("_id").filter(|_| !loose.is_empty()) {
                additions.push(Addition { id: id.clone(), hash: joined.document.hash, references: loose });
                added.push(*joined);
            }
        }
        for group in groups {
            let (updates, of): (Vec<Update>, Vec<&Joined<'_>>) = group.into_iter().unzip();
            for (index, why) in self.server.update(INSTANCE, &updates)? {
                refused.extend(of.get(index).into_iter().flat_map(|joined| blame(joined, &why)));
            }
        }
        for (index, why) in references::add(self.server, self.inline, &additions)? {
            refused.extend(added.get(index).into_iter().flat_map(|joined| blame(joined, &why)));
        }
        Ok(refused)
    }

    /// The `_ref` of the raw records.
    fn write_references(&self, committed: &[Committed]) -> Result<Refused, StoreError> {
        let mut places: HashMap<Hash, usize> = HashMap::new();
        let mut additions: Vec<Addition> = Vec::new();
        let mut owners: Vec<Vec<usize>> = Vec::new();
        for (owner, ((settled, target), outcome)) in self.pairs.iter().zip(committed).enumerate() {
            let (Verdict::Done(graph, _), Committed::Done { .. }) = (&settled.verdict, outcome) else { continue };
            let hash = |&index: &u32| graph.documents.get(index as usize).map(|document| document.hash);
            let references: Vec<Hash> = graph.record_references.iter().filter_map(hash).collect();
            if references.is_empty() {
                continue;
            }
            let place = *places.entry(settled.key.raw).or_insert_with(|| {
                additions.push(Addition { id: target.raw.clone(), hash: settled.key.raw, references: Vec::new() });
                owners.push(Vec::new());
                additions.len() - 1
            });
            if let (Some(addition), Some(owners)) = (additions.get_mut(place), owners.get_mut(place)) {
                addition.references.extend(references);
                owners.push(owner);
            }
        }
        for addition in &mut additions {
            addition.references.sort_unstable();
            addition.references.dedup();
        }
        let refused = references::add(self.server, self.inline, &additions)?;
        Ok(refused
            .into_iter()
            .flat_map(|(at, why)| owners.get(at).into_iter().flatten().map(move |&owner| (owner, why.to_string())))
            .collect())
    }

    /// The ledger: one row a pair, by the attempt that counted last.
    fn settle(&self, rows: HashMap<String, Document>, committed: &mut [Committed]) -> Result<(), StoreError> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for ((settled, target), outcome) in self.pairs.iter().zip(committed.iter()) {
            let id = ledger::id_of(self.filter.id, &settled.key);
            let place = *places.entry(id).or_insert_with(|| {
                let (key, sub_type) = (&settled.key, target.sub_type.as_str());
                entries.push(Entry { key, sub_type, attempts: 0, outcome: None, answer: None, reason: None, fuel: 0 });
                entries.len() - 1
            });
            let Some(entry) = entries.get_mut(place) else { continue };
            entry.attempts += i64::from(settled.attempts);
            let settled_before = !matches!(self.before(&rows, settled), None | Some(State::Failed));
            if settled_before || matches!(entry.outcome, Some(Committed::Done { .. } | Committed::Rejected)) {
                continue;
            }
            entry.outcome = Some(outcome);
            entry.fuel = settled.report.fuel;
            (entry.answer, entry.reason) = match &settled.verdict {
                Verdict::Done(_, answer) => (Some(*answer), None),
                Verdict::Rejected(reason) => (None, Some(reason.as_str())),
                Verdict::Failed(_) => (None, None),
            };
        }
        let overtaken = ledger::write(self.server, self.filter, &entries, rows, self.now)?;
        drop(entries);
        for ((settled, _), outcome) in self.pairs.iter().zip(committed.iter_mut()) {
            match overtaken.get(&ledger::id_of(self.filter.id, &settled.key)) {
                Some(State::Done) if !matches!(outcome, Committed::Done { .. }) => {
                    *outcome = Committed::Done { new_documents: 0 }
                }
                Some(State::Rejected) => *outcome = Committed::Rejected,
                _ => {}
            }
        }
        Ok(())
    }

    /// The marks, of all that are done.
    fn mark(&self, committed: &[Committed]) -> Result<(), StoreError> {
        let done = self.pairs.iter().zip(committed).filter(|(_, outcome)| matches!(outcome, Committed::Done { .. }));
        mark(self.server, self.filter, done.map(|((_, target), _)| target))
    }
}

/// Marks submissions that are settled as done.
pub(super) fn mark<'t>(server: &Server, filter: &FilterRef, targets: impl Iterator<Item = &'t Target>) -> Result<(), StoreError> {
    let name = filter.id.to_string();
    let change = || doc! { "$addToSet": { "filters": name.as_str() } };
    let (mut instances, mut submissions) = (Vec::new(), Vec::new());
    for target in targets.filter(|target| target.odd.is_none() && !target.marks.contains(&name)) {
        match &target.mark {
            Mark::Instance(id) => instances.push(Update::of(id.clone(), change())),
            Mark::Submission(id) => submissions.push(Update::of(Bson::String(id.clone()), change())),
        }
    }
    for (collection, updates) in [(INSTANCE, instances), (SUBMISSION, submissions)] {
        for (_, why) in server.update(collection, &updates)? {
            // Settled it is; only others do not see it.
            tracing::warn!("a record cannot be marked as done: {why}");
        }
    }
    Ok(())
}

fn state(outcome: &Committed) -> State {
    match outcome {
        Committed::Done { .. } => State::Done,
        Committed::Rejected => State::Rejected,
        Committed::Failed(_) => State::Failed,
    }
}

/// A document that is not written fails every answer that has it.
fn blame(joined: &Joined<'_>, why: &dyn fmt::Display) -> Refused {
    let document = joined.document;
    let why = format!("the archive does not take the {} `{}` {}: {why}", document.itype(), document.sub_type, document.hash);
    joined.owners.iter().map(|&owner| (owner, why.clone())).collect()
}
