//! How many submissions and settled pairs there are, without reading them: the tables of `counts.sql`. Whoever adds a submission,
//! or changes the state of a pair, says so here in the same transaction.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Transaction, params};

/// What a transaction adds to the submissions of each sub-type.
#[derive(Default)]
pub(super) struct Submissions(HashMap<String, i64>);

impl Submissions {
    /// One more.
    pub(super) fn add(&mut self, sub_type: &str) {
        match self.0.get_mut(sub_type) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(sub_type.to_owned(), 1);
            }
        }
    }

    /// Writes what was added.
    pub(super) fn write(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut add = transaction.prepare_cached(
            "INSERT INTO submission_count VALUES (?1, ?2) ON CONFLICT (sub_type) DO UPDATE SET submissions = submissions + excluded.submissions",
        )?;
        self.0.iter().try_for_each(|(sub_type, count)| add.execute(params![sub_type, count]).map(drop))
    }
}

/// What a transaction changes of the pairs of one filter, for each sub-type and state.
#[derive(Default)]
pub(super) struct Pairs(BTreeMap<(String, i64), i64>);

impl Pairs {
    /// A pair has gone from one state, or from pending, into another.
    pub(super) fn change(&mut self, sub_type: String, before: Option<i64>, after: i64) {
        if let Some(before) = before {
            *self.0.entry((sub_type.clone(), before)).or_default() -= 1;
        }
        *self.0.entry((sub_type, after)).or_default() += 1;
    }

    /// Writes what has changed.
    pub(super) fn write(self, transaction: &Transaction<'_>, filter: i64) -> rusqlite::Result<()> {
        let mut add = transaction.prepare_cached(
            "INSERT INTO ledger_count VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (filter, sub_type, state) DO UPDATE SET pairs = pairs + excluded.pairs",
        )?;
        let changed = self.0.iter().filter(|(_, change)| **change != 0);
        changed
            .into_iter()
            .try_for_each(|((sub_type, state), change)| add.execute(params![filter, sub_type, state, change]).map(drop))
    }
}

/// Each count that is not that of its rows, in words. Reads all of them.
pub(super) fn wrong(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut differences = connection.prepare(
        "SELECT printf('%d submissions of `%s`, not %d', found, sub_type, told) FROM (
            SELECT sub_type, coalesce(submissions, 0) AS told, coalesce(counted, 0) AS found FROM submission_count
            FULL JOIN (SELECT sub_type, count(*) AS counted FROM submission GROUP BY sub_type) USING (sub_type))
         WHERE told <> found
         UNION ALL
         SELECT printf('%d pairs of the filter %s and `%s` in state %d, not %d', found, name, sub_type, state, told) FROM (
            SELECT filter, sub_type, state, coalesce(pairs, 0) AS told, coalesce(counted, 0) AS found FROM ledger_count
            FULL JOIN (SELECT filter, sub_type, state, count(*) AS counted FROM ledger
                JOIN submission ON submission.id = submission GROUP BY filter, sub_type, state)
            USING (filter, sub_type, state)) JOIN filter ON filter.id = filter
         WHERE told <> found",
    )?;
    differences.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, subsequence};
    use rusqlite::Connection;
    use uuid::Uuid;

    use super::super::testing::{FILTER, Scratch, done, failed, filter, key, login, record, settled};
    use super::super::{SqliteStore, lock};
    use crate::store::{Store as _, SubmissionKey, Tally, Verdict};
    use crate::tahoe::Category;

    const FILTERS: [Uuid; 2] = [FILTER, Uuid::from_u128(77)];
    const SUB_TYPES: [&str; 2] = ["cowrie", "other"];

    /// The tally, from the rows and nothing else.
    fn counted(file: &Connection, filter: Uuid) -> Tally {
        let read = "FROM submission JOIN watermark USING (sub_type) JOIN filter ON filter.id = watermark.filter AND uuid = ?1";
        let count = |sql: &str| file.query_row(sql, [filter.to_string()], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
        let [done, rejected, failed] = [0, 1, 2].map(|state| {
            count(&format!(
                "SELECT count(*) {read} JOIN ledger ON ledger.filter = filter.id AND submission = submission.id WHERE state = {state}"
            ))
        });
        let accepted = count(&format!("SELECT count(*) {read}"));
        Tally { accepted, pending: accepted - done - rejected - failed, done, rejected, failed }
    }

    fn is_right(scratch: &Scratch, file: &Connection) -> Result<(), TestCaseError> {
        prop_assert_eq!(super::wrong(file).unwrap(), Vec::<String>::new());
        for filter in FILTERS {
            let told = scratch.store.tally(filter).unwrap();
            prop_assert_eq!(told, counted(file, filter));
            prop_assert!(told.check("cowrie").is_ok());
        }
        let archived: u64 = scratch.store.archived().unwrap().values().sum();
        prop_assert_eq!(archived, scratch.query::<i64>("SELECT count(*) FROM submission").unsigned_abs());
        Ok(())
    }

    /// What may change a count. A process is one of two.
    #[derive(Clone, Debug)]
    enum Step {
        Archive { process: usize, sub_type: usize, numbers: Vec<usize>, orgid: usize },
        Settle { process: usize, filter: usize, which: Vec<Index>, verdicts: Vec<usize>, is_cut_off: bool },
        Discard { process: usize, which: Index },
        Register { process: usize, filter: usize, reads: Vec<usize> },
    }

    fn step() -> impl Strategy<Value = Step> {
        let archive = (0..2_usize, 0..2_usize, proptest::collection::vec(0..9_usize, 1..6), 0..2_usize)
            .prop_map(|(process, sub_type, numbers, orgid)| Step::Archive { process, sub_type, numbers, orgid });
        let which = proptest::collection::vec(any::<Index>(), 1..6);
        let verdicts = proptest::collection::vec(0..4_usize, 6);
        let settle = (0..2_usize, 0..2_usize, which, verdicts, proptest::bool::weighted(0.1)).prop_map(
            |(process, filter, which, verdicts, is_cut_off)| Step::Settle { process, filter, which, verdicts, is_cut_off },
        );
        let discard = (0..2_usize, any::<Index>()).prop_map(|(process, which)| Step::Discard { process, which });
        let register = (0..2_usize, 0..2_usize, subsequence(vec![0, 1], 0..=2))
            .prop_map(|(process, filter, reads)| Step::Register { process, filter, reads });
        prop_oneof![3 => archive, 5 => settle, 1 => discard, 1 => register]
    }

    fn take(store: &SqliteStore, archived: &mut Vec<SubmissionKey>, step: Step) {
        match step {
            Step::Archive { sub_type, numbers, orgid, .. } => {
                let orgid = ["org-one", "org-two"].get(orgid).unwrap();
                let sub_type = SUB_TYPES.get(sub_type).unwrap();
                let records: Vec<_> = numbers.iter().map(|&n| record(sub_type, n, orgid)).collect();
                store.ingest(&records).unwrap();
                archived.extend(records.iter().map(key));
            }
            Step::Settle { filter, which, verdicts, is_cut_off, .. } => {
                let batch = which.iter().zip(verdicts).filter(|_| !archived.is_empty()).map(|(which, verdict)| {
                    let key = which.get(archived).clone();
                    match verdict {
                        0 => settled(key, Verdict::Rejected("nothing in it".to_owned())),
                        1 => failed(key, "out of fuel"),
                        n => done(key, login(n, "org-one", Category::Unknown)),
                    }
                });
                let batch: Vec<_> = batch.collect();
                let cut_off = |sql: &str| lock(&store.writer).connection.execute_batch(sql).unwrap();
                if is_cut_off {
                    cut_off(
                        "CREATE TEMP TRIGGER obstacle AFTER INSERT ON ledger_count BEGIN SELECT raise(ABORT, 'obstacle'); END",
                    );
                }
                let committed = store.commit(*FILTERS.get(filter).unwrap(), &batch);
                cut_off("DROP TRIGGER IF EXISTS obstacle");
                assert!(is_cut_off || committed.is_ok());
            }
            Step::Discard { which, .. } => {
                let letters = store.dead_letters().unwrap();
                if !letters.is_empty() {
                    assert!(store.discard(which.get(&letters).id).unwrap());
                }
            }
            Step::Register { filter: which, reads, .. } => {
                let reads: Vec<&str> = reads.iter().map(|&sub_type| *SUB_TYPES.get(sub_type).unwrap()).collect();
                store.register(&filter(*FILTERS.get(which).unwrap(), &reads)).unwrap();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn whatever_is_done_the_counts_are_those_of_the_rows(steps in proptest::collection::vec(step(), 1..16)) {
            let scratch = Scratch::new();
            let other = scratch.another();
            let processes = [&scratch.store, &other];
            for (store, id) in processes.iter().flat_map(|store| FILTERS.map(|id| (store, id))) {
                store.register(&filter(id, &SUB_TYPES)).unwrap();
            }
            let file = Connection::open(scratch.path()).unwrap();
            let mut archived = Vec::new();
            for step in steps {
                let (Step::Archive { process, .. } | Step::Settle { process, .. } | Step::Discard { process, .. }
                    | Step::Register { process, .. }) = step;
                take(processes.get(process).unwrap(), &mut archived, step);
                is_right(&scratch, &file)?;
            }
        }
    }

    #[test]
    fn a_lost_row_is_noticed_by_the_tally_and_by_who_counts_again() {
        for (loss, expected) in [
            ("DELETE FROM ledger", "0 pairs of the filter cowrie and `cowrie` in state 2, not 1"),
            ("DELETE FROM submission WHERE id = 3", "2 submissions of `cowrie`, not 3"),
            ("DELETE FROM address_fresh WHERE id = 3", "3 documents, not 2, of which 2 under their hashes"),
        ] {
            let scratch = Scratch::with(3);
            scratch.store.commit(FILTER, &[failed(key(&record("cowrie", 1, "org-one")), "out of fuel")]).unwrap();
            assert_eq!(scratch.store.survey().unwrap().inconsistent.count, 0);
            assert!(scratch.store.tally(FILTER).unwrap().check("cowrie").is_ok());
            Connection::open(scratch.path()).unwrap().execute_batch(loss).unwrap();
            assert_eq!(scratch.store.survey().unwrap().inconsistent.examples, [expected]);
            assert_eq!(scratch.store.tally(FILTER).unwrap().check("cowrie").is_ok(), loss.contains("address"));
        }
    }
}
