//! Writing what came out of attempts, a batch in one transaction.

use rusqlite::{Transaction, TransactionBehavior};

use super::Writer;
use super::addresses::Room;
use super::claims::Held;
use super::join::{Collision, Joiner};
use super::known::Known;
use super::ledger::{Entry, Ledger, advance_watermarks};
use super::schema::{DONE, FAILED, REJECTED};
use crate::store::{Committed, Settled, Verdict};
use crate::verdict::{Failure, FailureKind};

/// Attempts of one filter that came to an end.
pub(super) struct Batch<'b> {
    /// The filter's row.
    pub(super) filter: i64,
    /// The row of what ran.
    pub(super) configuration: i64,
    /// Each with its rows.
    pub(super) pairs: Vec<(Held, &'b Settled)>,
    /// Unix seconds.
    pub(super) now: f64,
}

/// Writes a batch: all or nothing.
pub(super) fn commit(writer: &mut Writer, batch: &Batch<'_>) -> rusqlite::Result<Vec<Committed>> {
    let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Put back only once the transaction holds: what was remembered in one that does not would be wrong.
    let mut known = writer.known.take().unwrap_or_default();
    let committed = write(&transaction, &mut known, writer.room, batch)?;
    transaction.commit()?;
    writer.known = Some(known);
    Ok(committed)
}

/// The part of [`commit`] within the transaction.
pub(super) fn write(
    transaction: &Transaction<'_>,
    known: &mut Known,
    room: Room,
    batch: &Batch<'_>,
) -> rusqlite::Result<Vec<Committed>> {
    let mut ledger = Ledger::prepare(transaction, batch.filter, batch.configuration, batch.now)?;
    let mut joiner = Joiner::prepare(transaction, known, room)?;
    let mut committed = Vec::with_capacity(batch.pairs.len());
    for &(held, settled) in &batch.pairs {
        committed.push(settle(&mut ledger, &mut joiner, settled, held)?);
    }
    joiner.finish()?;
    ledger.finish()?;
    advance_watermarks(transaction, batch.filter)?;
    Ok(committed)
}

/// One pair. What the ledger has as done or rejected stays: the other attempt was on the same record, and documents
/// are in the archive only if the ledger says which attempt made them.
fn settle(ledger: &mut Ledger<'_>, joiner: &mut Joiner<'_>, settled: &Settled, held: Held) -> rusqlite::Result<Committed> {
    let before = ledger.standing(held.submission)?;
    match before.state {
        Some(DONE) => {
            ledger.count_attempts(held.submission, settled.attempts)?;
            return Ok(Committed::Done { new_documents: 0 });
        }
        Some(REJECTED) => {
            ledger.count_attempts(held.submission, settled.attempts)?;
            return Ok(Committed::Rejected);
        }
        _ => {}
    }
    let (submission, fuel, attempts) = (held.submission, settled.report.fuel, settled.attempts);
    let mut entry = Entry { submission, state: DONE, reason: None, answer: None, failure: None, fuel, attempts };
    let committed = match &settled.verdict {
        Verdict::Done(graph, answer) => match joiner.look_up(graph)? {
            Ok(rows) => {
                entry.answer = Some(*answer);
                Committed::Done { new_documents: joiner.join(held.raw, graph, rows)? }
            }
            Err(Collision(message)) => Committed::Failed(Failure::new(FailureKind::Answer, message)),
        },
        Verdict::Rejected(reason) => {
            entry.state = REJECTED;
            entry.reason = Some(reason);
            Committed::Rejected
        }
        Verdict::Failed(failure) => Committed::Failed(failure.clone()),
    };
    if let Committed::Failed(failure) = &committed {
        entry.state = FAILED;
        entry.failure = Some(failure);
    }
    ledger.settle(before, &entry)?;
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::addresses::ROOM;
    use super::super::testing::{
        ALL, FILTER, Scratch, done, event, exported, failed, filter, graph, key, login, object, record, settle_all, settled, text,
    };
    use super::*;
    use crate::answer::Answer;
    use crate::store::{Store as _, StoreError, Tally};
    use crate::tahoe::{Body, Category, Document, Graph, Hash};

    #[test]
    fn documents_are_joined_and_the_record_is_marked() {
        let scratch = Scratch::with(1);
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        assert_eq!(settle_all(&scratch.store, &work), [Committed::Done { new_documents: 9 }]);
        let all = exported(&scratch.store);
        assert_eq!(all.lines().count(), 10);
        let graph = login(0, "org-one", Category::Unknown);
        let raw = all.lines().find(|line| line.contains(r#""itype":"raw""#)).unwrap();
        let raw: serde_json::Value = serde_json::from_str(raw).unwrap();
        let mut expected: Vec<String> =
            graph.record_references.iter().map(|&index| graph.documents.get(index as usize).unwrap().hash.to_string()).collect();
        expected.sort_unstable();
        assert_eq!(raw.get("_ref").unwrap(), &serde_json::json!(expected));
        assert_eq!(raw.get("filters").unwrap(), &serde_json::json!([FILTER.to_string()]));
        assert_eq!(scratch.broken_references(), 0);
    }

    #[test]
    fn the_greater_category_and_context_win_in_either_order() {
        let exports: Vec<String> = [[Category::Benign, Category::Malicious], [Category::Malicious, Category::Benign]]
            .into_iter()
            .map(|categories| {
                let scratch = Scratch::with(2);
                let settled: Vec<Settled> = categories
                    .into_iter()
                    .zip([0, 1])
                    .map(|(category, n)| done(key(&record("cowrie", n, "org-one")), login(0, "org-one", category)))
                    .collect();
                scratch.store.commit(FILTER, &settled).unwrap();
                exported(&scratch.store)
            })
            .collect();
        let event = exports.first().unwrap().lines().find(|line| line.contains(r#""itype":"event""#)).unwrap();
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        let count = |field: &str| event.get(field).unwrap().as_array().unwrap().len();
        assert_eq!((count("_ref"), count("_mal_ref"), count("_ben_ref")), (4, 2, 1));
        assert_eq!(event.get("category").unwrap(), "malicious");
        assert_eq!(exports.first(), exports.last());
    }

    #[test]
    fn two_organisations_share_a_raw_document_and_its_values_and_each_has_its_events() {
        let scratch = Scratch::with(1);
        let other = record("cowrie", 0, "org-two");
        scratch.store.ingest(std::slice::from_ref(&other)).unwrap();
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let (first, second) = work.split_at(1);
        // The mark is that of the first submission.
        settle_all(&scratch.store, second);
        assert!(!exported(&scratch.store).contains(r#""filters""#));
        settle_all(&scratch.store, first);
        let all = exported(&scratch.store);
        let count = |part: &str| all.lines().filter(|line| line.contains(part)).count();
        assert_eq!(count(r#""itype":"raw""#), 1);
        assert_eq!(count(r#""itype":"event""#), 2);
        assert_eq!(count(r#""itype":"session""#), 1);
        assert_eq!(count(r#""itype":"attribute""#), 5);
        assert_eq!(count(r#""filters":["d2076b75-715e-4e4d-ae0a-a291cc6d90b7"],"itype":"raw","orgid":"org-one""#), 1);
    }

    fn attribute(sub_type: &str, data: &str) -> Graph {
        let hash = Hash::of(&[b"attribute", sub_type.as_bytes(), data.as_bytes()]);
        let document = Document { hash, sub_type: sub_type.to_owned(), data: data.to_owned(), body: Body::Attribute };
        Graph { documents: vec![document], record_references: vec![0] }
    }

    fn failure(committed: &Committed) -> Option<&Failure> {
        match committed {
            Committed::Failed(failure) => Some(failure),
            Committed::Done { .. } | Committed::Rejected => None,
        }
    }

    #[test]
    fn an_answer_whose_document_collides_with_a_stored_one_fails_whole_and_alone() {
        let scratch = Scratch::with(3);
        let keys = [0, 1, 2].map(|n| key(&record("cowrie", n, "org-one")));
        let [first, second, third] = keys;
        // `port` 22 and `port2` 2 have one hash. The colliding answer also has documents that are fine.
        let mut colliding = login(1, "org-one", Category::Malicious);
        colliding.documents.extend(attribute("port2", "2").documents);
        let batch =
            [done(first, attribute("port", "22")), done(second, colliding), done(third, login(0, "org-one", Category::Unknown))];
        let committed = scratch.store.commit(FILTER, &batch).unwrap();
        let [one, two, three] = committed.as_slice() else { panic!("three pairs, three outcomes") };
        assert_eq!(one, &Committed::Done { new_documents: 1 });
        assert_eq!(three, &Committed::Done { new_documents: 9 });
        let failure = failure(two).unwrap();
        assert_eq!(failure.kind, FailureKind::Answer);
        let hash = attribute("port", "22").documents.first().unwrap().hash;
        assert_eq!(
            failure.message,
            format!(
                "two different documents would have the hash {hash}: the attribute `port2` of this answer, and the stored attribute `port`"
            )
        );
        assert!(!exported(&scratch.store).contains("malicious"));
        let expected = Tally { accepted: 3, pending: 0, done: 2, rejected: 0, failed: 1 };
        assert_eq!(scratch.store.tally(FILTER).unwrap(), expected);
    }

    #[test]
    fn a_collision_is_found_in_the_table_as_well_as_in_memory() {
        for restarted in [false, true] {
            let scratch = Scratch::with(2);
            let answer = |sub_type: &str, orgid: &str| {
                graph(Answer { nodes: vec![text("a", "b")], events: vec![event(sub_type, 1.0, &[0])], sessions: vec![] }, orgid)
            };
            // `login` of "1x" and `login1` of "x".
            let [first, second] = [0, 1].map(|n| key(&record("cowrie", n, "org-one")));
            scratch.store.commit(FILTER, &[done(first, answer("login", "1x"))]).unwrap();
            let other = scratch.another();
            other.register(&filter(FILTER, &["cowrie"])).unwrap();
            let store = if restarted { &other } else { &scratch.store };
            let committed = store.commit(FILTER, &[done(second, answer("login1", "x"))]).unwrap();
            assert!(committed.first().and_then(failure).unwrap().message.contains("the stored event `login`"));
        }
    }

    #[test]
    fn a_timestamp_that_reads_like_the_end_of_an_organisation_collides() {
        let scratch = Scratch::with(2);
        let answer = |orgid: &str, timestamp: f64| {
            graph(Answer { nodes: vec![text("a", "b")], events: vec![event("e", timestamp, &[0])], sessions: vec![] }, orgid)
        };
        let [first, second] = [0, 1].map(|n| key(&record("cowrie", n, "org-one")));
        let committed =
            scratch.store.commit(FILTER, &[done(first, answer("org-1", 2.5)), done(second, answer("org-", 12.5))]).unwrap();
        assert!(committed.last().and_then(failure).is_some());
    }

    #[test]
    fn a_failed_pair_may_yet_be_done_and_a_done_one_stays() {
        let scratch = Scratch::with(2);
        let [first, second] = [0, 1].map(|n| key(&record("cowrie", n, "org-one")));
        let batch = [failed(first.clone(), "out of fuel"), failed(second.clone(), "out of fuel")];
        scratch.store.commit(FILTER, &batch).unwrap();
        scratch.store.commit(FILTER, &[failed(second, "out of fuel again")]).unwrap();
        let letters = scratch.store.dead_letters().unwrap();
        let shown: Vec<_> = letters.iter().map(|letter| (letter.id, letter.failure.message.as_str(), letter.attempts)).collect();
        assert_eq!(shown, [(1, "out of fuel", 1), (2, "out of fuel again", 2)]);
        assert_eq!(letters.first().unwrap().failure.backtrace, ["frame"]);
        let good = done(first.clone(), login(0, "org-one", Category::Unknown));
        assert_eq!(scratch.store.commit(FILTER, std::slice::from_ref(&good)).unwrap(), [Committed::Done { new_documents: 9 }]);
        let after = exported(&scratch.store);
        let late = [failed(first.clone(), "too late"), settled(first, Verdict::Rejected("too late".to_owned())), good];
        let stands = Committed::Done { new_documents: 0 };
        assert_eq!(scratch.store.commit(FILTER, &late).unwrap(), [stands.clone(), stands.clone(), stands]);
        assert_eq!(exported(&scratch.store), after);
        assert_eq!(scratch.store.dead_letters().unwrap().len(), 1);
        assert_eq!(scratch.query::<i64>("SELECT attempts FROM ledger WHERE state = 0"), 5);
    }

    #[test]
    fn a_rejected_or_failed_pair_gives_no_mark_and_the_tally_adds_up() {
        let scratch = Scratch::with(5);
        let keys = [0, 1, 2].map(|n| key(&record("cowrie", n, "org-one")));
        let [first, second, third] = keys;
        let batch = [
            settled(first, Verdict::Rejected("not\0 mine".to_owned())),
            failed(second, "out of fuel"),
            done(third, graph(Answer::default(), "org-one")),
        ];
        scratch.store.commit(FILTER, &batch).unwrap();
        let expected = Tally { accepted: 5, pending: 2, done: 1, rejected: 1, failed: 1 };
        assert_eq!(scratch.store.tally(FILTER).unwrap(), expected);
        let all = exported(&scratch.store);
        assert_eq!(all.matches(r#""filters""#).count(), 1);
        assert!(!all.contains("_ref"));
    }

    #[test]
    fn a_batch_that_was_cut_off_leaves_nothing_and_is_claimed_by_the_successor() {
        let scratch = Scratch::with(3);
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let before = exported(&scratch.store);
        let batch: Vec<Settled> =
            work.iter().map(|work| done(work.key.clone(), login(0, "org-one", Category::Unknown))).collect();
        {
            let mut writer = super::super::lock(&scratch.store.writer);
            let transaction = writer.connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            let pairs = batch.iter().zip(1..).map(|(settled, id)| (Held { submission: id, raw: id }, settled)).collect();
            write(&transaction, &mut Known::default(), ROOM, &Batch { filter: 1, configuration: 1, pairs, now: 0.0 }).unwrap();
        }
        assert_eq!(exported(&scratch.store), before);
        let successor = scratch.another();
        successor.register(&filter(FILTER, &["cowrie"])).unwrap();
        settle_all(&successor, &successor.claim(FILTER, ALL).unwrap());
        assert_eq!(successor.tally(FILTER).unwrap().done, 3);
        assert_eq!(scratch.broken_references(), 0);
    }

    #[test]
    fn a_failed_commit_forgets_what_it_remembered_and_the_claims_are_held() {
        let scratch = Scratch::with(2);
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        let [first, second] = [0, 1].map(|n| work.get(n).unwrap().key.clone());
        let graph = login(0, "org-one", Category::Unknown);
        let obstacle = "CREATE TRIGGER obstacle BEFORE INSERT ON ledger BEGIN SELECT raise(ABORT, 'obstacle'); END";
        rusqlite::Connection::open(scratch.path()).unwrap().execute_batch(obstacle).unwrap();
        let error = scratch.store.commit(FILTER, &[done(first.clone(), graph.clone())]).unwrap_err();
        assert!(matches!(&error, StoreError::Permanent(text) if text.contains("tahoe.db")), "{error}");
        assert!(scratch.store.claim(FILTER, ALL).unwrap().is_empty());
        rusqlite::Connection::open(scratch.path()).unwrap().execute_batch("DROP TRIGGER obstacle").unwrap();
        let committed = scratch.store.commit(FILTER, &[done(first, graph.clone()), done(second, graph)]).unwrap();
        assert_eq!(committed, [Committed::Done { new_documents: 9 }, Committed::Done { new_documents: 0 }]);
        assert_eq!(scratch.broken_references(), 0);
    }

    #[test]
    fn a_record_refers_to_loose_nodes_and_what_is_below_them() {
        let scratch = Scratch::with(1);
        let nodes = vec![text("a", "1"), text("b", "2"), object("inner", &[0]), object("outer", &[1, 2])];
        let graph = graph(Answer { nodes, events: vec![], sessions: vec![] }, "org-one");
        let work = scratch.store.claim(FILTER, ALL).unwrap();
        scratch.store.commit(FILTER, &[done(work.first().unwrap().key.clone(), graph)]).unwrap();
        assert_eq!(scratch.query::<i64>("SELECT count(*) FROM edge JOIN instance ON id = src WHERE itype = 4"), 1);
        assert_eq!(scratch.query::<i64>("SELECT count(*) FROM reference WHERE src_itype = 'raw'"), 4);
        let raw = scratch.store.document(work.first().unwrap().key.raw).unwrap().unwrap();
        let raw: serde_json::Value = serde_json::from_str(&raw).unwrap();
        assert_eq!(raw.get("_ref").unwrap().as_array().unwrap().len(), 4);
    }

    #[test]
    fn commits_for_records_that_are_not_there_are_refused() {
        let scratch = Scratch::with(1);
        let absent = key(&record("cowrie", 7, "org-one"));
        let error = scratch.store.commit(FILTER, &[failed(absent.clone(), "lost")]).unwrap_err();
        assert!(error.to_string().contains(&absent.raw.to_string()));
    }

    /// What one pair comes to: the same in every order and repetition, as a filter's answer is a function of the
    /// record.
    fn verdict(n: usize) -> Settled {
        let orgid = if n.is_multiple_of(2) { "org-one" } else { "org-two" };
        let key = key(&record("cowrie", n / 2, orgid));
        match n % 7 {
            3 => settled(key, Verdict::Rejected("nothing in it".to_owned())),
            5 => failed(key, "out of fuel"),
            rest => {
                let category = [Category::Unknown, Category::Benign, Category::Malicious].get(rest % 3).copied().unwrap();
                done(key, login(n / 3, orgid, category))
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_order_and_repetition_of_batches_makes_the_same_archive(
            order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
            repeated in proptest::collection::vec(0..24_usize, 0..24),
            size in 1..9_usize,
        ) {
            let archive = |order: &[usize], size: usize, restart: bool| {
                let scratch = Scratch::with(12);
                let second: Vec<_> = (0..12).map(|n| record("cowrie", n, "org-two")).collect();
                scratch.store.ingest(&second).unwrap();
                for batch in order.chunks(size) {
                    let settled: Vec<_> = batch.iter().map(|&n| verdict(n)).collect();
                    if restart {
                        let store = scratch.another();
                        store.register(&filter(FILTER, &["cowrie"])).unwrap();
                        store.commit(FILTER, &settled).unwrap();
                    } else {
                        scratch.store.commit(FILTER, &settled).unwrap();
                    }
                }
                prop_assert_eq!(scratch.broken_references(), 0);
                Ok((exported(&scratch.store), scratch.store.tally(FILTER).unwrap()))
            };
            let straight: Vec<usize> = (0..24).collect();
            let expected = archive(&straight, 24, false)?;
            let wild: Vec<usize> = repeated.iter().chain(&order).chain(&repeated).copied().collect();
            prop_assert_eq!(archive(&wild, size, size.is_multiple_of(2))?, expected);
        }
    }
}
