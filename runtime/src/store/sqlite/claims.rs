//! Which pairs this process holds, and where it looks for more.
//!
//! Claims live in memory: they only keep two workers of a process from attempting one pair at once, so a process that
//! is killed blocks nobody. Per filter and sub-type a cursor passes over the submissions in the order of their ids.
//! Ids ascend in the order of commits, because SQLite has one writer: behind the cursor nothing can appear, before it
//! nothing was claimed. So a claim costs what it finds, and a poll that finds nothing costs one look at an index.

use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, Connection, params};
use uuid::Uuid;

use crate::store::{ClaimSize, SubmissionKey, Work};
use crate::tahoe::Hash;

/// The rows of a claimed pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) submission: i64,
    pub(super) raw: i64,
}

/// The queues of all registered filters.
pub(super) type Claims = HashMap<Uuid, Queue>;

/// What one filter has before it.
pub(super) struct Queue {
    /// The filter's row.
    pub(super) filter: i64,
    /// The row of what runs now.
    pub(super) configuration: i64,
    cursors: Vec<Cursor>,
    held: HashMap<SubmissionKey, Held>,
    held_ids: HashSet<i64>,
}

struct Cursor {
    sub_type: String,
    /// Pairs of submissions up to this id are settled, held, or given back.
    at: i64,
}

/// The end of what a sub-type has.
const LAST: &str = "SELECT max(id) FROM submission WHERE sub_type = ?1";
/// What is not settled behind a cursor.
const PENDING: &str = "SELECT id FROM submission WHERE sub_type = ?2 AND id > ?3
    AND NOT EXISTS (SELECT 1 FROM ledger WHERE filter = ?1 AND submission = submission.id)
    ORDER BY id LIMIT ?4";
/// A submission with its record.
const LOAD: &str = "SELECT hash, submission.orgid, submission.sub_type, data, submission.timezone, submission.received_at, raw
    FROM submission JOIN instance ON instance.id = raw WHERE submission.id = ?1";

/// The statements of a claim.
struct Statements<'c> {
    last: CachedStatement<'c>,
    pending: CachedStatement<'c>,
    load: CachedStatement<'c>,
}

impl Queue {
    pub(super) fn new(filter: i64, configuration: i64, watermarks: Vec<(String, i64)>) -> Self {
        let cursors = watermarks.into_iter().map(|(sub_type, at)| Cursor { sub_type, at }).collect();
        Self { filter, configuration, cursors, held: HashMap::new(), held_ids: HashSet::new() }
    }

    /// Starts to look from these watermarks again. What is held stays held; what was given back is found.
    pub(super) fn rewind(&mut self, watermarks: Vec<(String, i64)>) {
        self.cursors = watermarks.into_iter().map(|(sub_type, at)| Cursor { sub_type, at }).collect();
    }

    pub(super) fn held(&self, key: &SubmissionKey) -> Option<Held> {
        self.held.get(key).copied()
    }

    /// Forgets a claim. The cursor has passed the pair: it is not found again before [`Queue::rewind`].
    pub(super) fn release(&mut self, key: &SubmissionKey) {
        if let Some(held) = self.held.remove(key) {
            self.held_ids.remove(&held.submission);
        }
    }

    /// Claims pending pairs, oldest first over all sub-types.
    pub(super) fn claim(&mut self, connection: &Connection, size: ClaimSize) -> rusqlite::Result<Vec<Work>> {
        let mut statements = Statements {
            last: connection.prepare_cached(LAST)?,
            pending: connection.prepare_cached(PENDING)?,
            load: connection.prepare_cached(LOAD)?,
        };
        let wanted = size.records.max(1);
        let mut found: Vec<(i64, usize)> = Vec::new();
        let mut ends = Vec::with_capacity(self.cursors.len());
        for (index, cursor) in self.cursors.iter().enumerate() {
            // Asked first: what arrives in between is found, and the cursor does not pass it.
            let last: Option<i64> = statements.last.query_row([&cursor.sub_type], |row| row.get(0))?;
            let last = last.unwrap_or(0);
            ends.push(last);
            if last <= cursor.at {
                continue;
            }
            // Room for those that are held and lie before the cursor, as after a rewind.
            let limit = (wanted + self.held_ids.len()) as i64;
            let ids = statements.pending.query_map(params![self.filter, cursor.sub_type, cursor.at, limit], |row| row.get(0))?;
            for id in ids {
                let id: i64 = id?;
                if id <= last && !self.held_ids.contains(&id) {
                    found.push((id, index));
                }
            }
        }
        found.sort_unstable();
        found.truncate(wanted);
        // Nothing is held before all is read: what an error interrupts stays claimable.
        let mut loaded = Vec::with_capacity(found.len());
        let mut bytes = 0;
        for &(id, index) in &found {
            let (work, held) = load(&mut statements.load, id)?;
            bytes += work.data.len();
            if bytes > size.bytes && !loaded.is_empty() {
                break;
            }
            loaded.push((work, held, index));
        }
        let mut claimed = Vec::with_capacity(loaded.len());
        for (work, held, index) in loaded {
            self.held.insert(work.key.clone(), held);
            self.held_ids.insert(held.submission);
            if let Some(cursor) = self.cursors.get_mut(index) {
                cursor.at = held.submission;
            }
            claimed.push(work);
        }
        // Less than was asked for, and all of it taken: up to the end everything is settled or held, by whomever.
        if claimed.len() == found.len() && found.len() < wanted {
            for (cursor, end) in self.cursors.iter_mut().zip(ends) {
                cursor.at = cursor.at.max(end);
            }
        }
        Ok(claimed)
    }
}

fn load(statement: &mut CachedStatement<'_>, id: i64) -> rusqlite::Result<(Work, Held)> {
    statement.query_row([id], |row| {
        let key = SubmissionKey { raw: Hash::from_bytes(row.get(0)?), orgid: row.get(1)? };
        let work = Work { key, sub_type: row.get(2)?, data: row.get(3)?, timezone: row.get(4)?, received_at: row.get(5)? };
        Ok((work, Held { submission: id, raw: row.get(6)? }))
    })
}

/// The record of a submission's row.
pub(super) fn record(connection: &Connection, submission: i64) -> rusqlite::Result<Work> {
    Ok(load(&mut connection.prepare_cached(LOAD)?, submission)?.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::testing::{ALL, FILTER, Scratch, done, filter, login, number, record, settle_all};
    use crate::store::{ClaimSize, Store as _, Work};
    use crate::tahoe::Category;

    fn numbers(work: &[Work]) -> Vec<usize> {
        work.iter().map(number).collect()
    }

    fn some(records: usize) -> ClaimSize {
        ClaimSize { records, bytes: usize::MAX }
    }

    #[test]
    fn claims_come_oldest_first_over_all_sub_types_and_never_overlap() {
        let scratch = Scratch::new();
        let kinds = ["cowrie", "other", "unread", "cowrie", "other", "other", "cowrie"];
        let records: Vec<_> = kinds.iter().enumerate().map(|(n, kind)| record(kind, n, "org-one")).collect();
        scratch.store.ingest(&records).unwrap();
        scratch.store.register(&filter(FILTER, &["cowrie", "other"])).unwrap();
        assert_eq!(numbers(&scratch.store.claim(FILTER, some(2)).unwrap()), [0, 1]);
        assert_eq!(numbers(&scratch.store.claim(FILTER, some(3)).unwrap()), [3, 4, 5]);
        assert_eq!(numbers(&scratch.store.claim(FILTER, some(3)).unwrap()), [6]);
        assert!(scratch.store.claim(FILTER, ALL).unwrap().is_empty());
    }

    #[test]
    fn an_index_answers_every_statement_of_a_poll() {
        let scratch = Scratch::with(50);
        settle_all(&scratch.store, &scratch.store.claim(FILTER, ALL).unwrap());
        let connection = rusqlite::Connection::open(scratch.path()).unwrap();
        for sql in [super::super::ledger::WATERMARKS, super::LAST, super::PENDING, super::LOAD] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = plan.raw_query();
            let mut steps: Vec<String> = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get(3).unwrap());
            }
            let looks: Vec<&String> = steps.iter().filter(|step| !step.starts_with("CORRELATED SCALAR SUBQUERY")).collect();
            assert!(!looks.is_empty(), "{sql}");
            for look in looks {
                let by = ["USING INDEX", "USING COVERING INDEX", "USING PRIMARY KEY", "USING INTEGER PRIMARY KEY"];
                let searched = look.starts_with("SEARCH ") && by.iter().any(|by| look.contains(by));
                assert!(searched, "{look:?} of {steps:?} for {sql}");
            }
        }
    }

    #[test]
    fn threads_that_claim_and_commit_see_every_pair_once() {
        let scratch = Scratch::with(300);
        let work = || {
            let mut mine = Vec::new();
            loop {
                let claimed = scratch.store.claim(FILTER, some(7)).unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                settle_all(&scratch.store, &claimed);
                mine.extend(numbers(&claimed));
            }
        };
        let mut all: Vec<usize> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert_eq!(all, (0..300).collect::<Vec<_>>());
        assert_eq!(scratch.store.tally(FILTER).unwrap().done, 300);
    }

    #[test]
    fn a_claim_ends_at_its_bytes_but_has_at_least_one_record() {
        let scratch = Scratch::with(5);
        let size = |bytes| ClaimSize { records: 100, bytes };
        assert_eq!(scratch.store.claim(FILTER, size(0)).unwrap().len(), 1);
        let length = record("cowrie", 1, "org-one").document.data.len();
        assert_eq!(scratch.store.claim(FILTER, size(2 * length)).unwrap().len(), 2);
        assert_eq!(scratch.store.claim(FILTER, size(2 * length - 1)).unwrap().len(), 1);
        assert_eq!(scratch.store.claim(FILTER, size(2 * length)).unwrap().len(), 1);
    }

    #[test]
    fn what_is_given_back_stays_pending_and_is_claimed_again_after_reopen_only() {
        let scratch = Scratch::with(4);
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let (given, kept) = work.split_at(2);
        let keys: Vec<_> = given.iter().map(|work| work.key.clone()).collect();
        scratch.store.give_back(FILTER, &keys);
        assert!(scratch.store.claim(FILTER, ALL).unwrap().is_empty());
        assert_eq!(scratch.store.tally(FILTER).unwrap().pending, 4);
        scratch.store.reopen(FILTER).unwrap();
        assert_eq!(numbers(&scratch.store.claim(FILTER, some(1)).unwrap()), [0]);
        assert_eq!(numbers(&scratch.store.claim(FILTER, ALL).unwrap()), [1]);
        settle_all(&scratch.store, kept);
        assert_eq!(scratch.store.tally(FILTER).unwrap().pending, 2);
        // Another process is not held up by what this one holds.
        let other = scratch.another();
        other.register(&filter(FILTER, &["cowrie"])).unwrap();
        assert_eq!(numbers(&other.claim(FILTER, ALL).unwrap()), [0, 1]);
    }

    #[test]
    fn what_arrives_while_the_process_runs_is_found() {
        let scratch = Scratch::with(1);
        assert_eq!(scratch.store.claim(FILTER, ALL).unwrap().len(), 1);
        assert!(scratch.store.claim(FILTER, ALL).unwrap().is_empty());
        scratch.another().ingest(&[record("cowrie", 1, "org-one"), record("cowrie", 0, "org-two")]).unwrap();
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let found: Vec<_> = work.iter().map(|work| (number(work), work.key.orgid.as_str())).collect();
        assert_eq!(found, [(1, "org-one"), (0, "org-two")]);
    }

    #[test]
    fn a_pair_that_another_process_settled_is_not_claimed_and_settling_it_again_changes_nothing() {
        let scratch = Scratch::with(3);
        let mine = scratch.store.claim(FILTER, some(1)).unwrap();
        let other = scratch.another();
        other.register(&filter(FILTER, &["cowrie"])).unwrap();
        settle_all(&other, &other.claim(FILTER, some(2)).unwrap());
        let before = super::super::testing::exported(&other);
        settle_all(&scratch.store, &mine);
        assert_eq!(super::super::testing::exported(&scratch.store), before);
        assert_eq!(scratch.query::<i64>("SELECT sum(attempts) FROM ledger"), 3);
        assert_eq!(numbers(&scratch.store.claim(FILTER, ALL).unwrap()), [2]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
        #[test]
        fn a_watermark_never_passes_a_pair_that_is_not_settled(order in proptest::sample::subsequence((0..20_usize).collect::<Vec<_>>(), 0..=20), turns in 1..6_usize) {
            let scratch = Scratch::with(20);
            let work = scratch.store.claim(FILTER, ALL).unwrap();
            let mut open: HashSet<usize> = (0..20).collect();
            let mut order = order;
            let middle = order.len() / 2;
            order.rotate_left(middle);
            for batch in order.chunks(turns) {
                let settled: Vec<_> = batch.iter().map(|&n| done(work.get(n).unwrap().key.clone(), login(n, "org-one", Category::Unknown))).collect();
                scratch.store.commit(FILTER, &settled).unwrap();
                batch.iter().for_each(|n| { open.remove(n); });
                let watermark: i64 = scratch.query("SELECT settled FROM watermark");
                let first: Option<i64> = scratch.query("SELECT min(id) FROM submission WHERE id NOT IN (SELECT submission FROM ledger)");
                // As far as it can be, too: the next start looks at nothing twice.
                proptest::prop_assert_eq!(watermark, first.map_or(20, |id| id - 1));
                proptest::prop_assert_eq!(scratch.store.tally(FILTER).unwrap().pending, open.len() as u64);
            }
        }
    }
}
