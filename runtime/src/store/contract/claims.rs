//! What claims promise, on every store.

use super::*;

pub(super) fn the_tally_adds_up(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 5);
    store.ingest(&[record("cowrie", 4, "org-two"), record("unread", 0, "org-one")]).unwrap();
    let [first, second, third] = [0, 1, 2].map(|n| key(&record("cowrie", n, "org-one")));
    let batch = [
        settled(first, Verdict::Rejected("not mine".to_owned())),
        failed(second, "out of fuel"),
        done(third, graph(Answer::default(), "org-one")),
    ];
    store.commit(FILTER, &batch).unwrap();
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 6, pending: 3, done: 1, rejected: 1, failed: 1 });
    let all = exported(&*store);
    assert_eq!(all.matches(r#""filters""#).count(), 1);
    assert!(!all.contains("_ref"));
    // What a filter no longer reads is not pending for it.
    let other = archive.open();
    other.register(&filter(FILTER, &["unread"])).unwrap();
    assert_eq!(other.tally(FILTER).unwrap(), Tally { accepted: 1, pending: 1, ..Tally::default() });
}

pub(super) fn claims_come_oldest_first_and_never_overlap(make: Make<'_>) {
    let archive = make();
    let store = archive.open();
    let kinds = ["cowrie", "other", "unread", "cowrie", "other", "other", "cowrie"];
    let records: Vec<_> = kinds.iter().enumerate().map(|(n, kind)| record(kind, n, "org-one")).collect();
    store.ingest(&records).unwrap();
    store.register(&filter(FILTER, &["cowrie", "other"])).unwrap();
    let numbers = |records| -> Vec<usize> { store.claim(FILTER, some(records)).unwrap().iter().map(number).collect() };
    assert_eq!(numbers(2), [0, 1]);
    assert_eq!(numbers(3), [3, 4, 5]);
    assert_eq!(numbers(3), [6]);
    assert!(numbers(1000).is_empty());
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    // What arrives while the process runs is found.
    let other = archive.open();
    other.ingest(&[record("cowrie", 7, "org-one"), record("cowrie", 0, "org-two")]).unwrap();
    let work = store.claim(FILTER, ALL).unwrap();
    let found: Vec<_> = work.iter().map(|work| (number(work), work.key.orgid.as_str())).collect();
    assert_eq!(found, [(7, "org-one"), (0, "org-two")]);
}

pub(super) fn a_claim_ends_at_its_bytes(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 6);
    let length = record("cowrie", 1, "org-one").document.data.len();
    let claimed = |bytes| store.claim(FILTER, ClaimSize { records: 100, bytes }).unwrap().iter().map(number).collect::<Vec<_>>();
    assert_eq!(claimed(0), [0]);
    assert_eq!(claimed(2 * length), [1, 2]);
    assert_eq!(claimed(2 * length - 1), [3]);
    assert_eq!(claimed(2 * length), [4, 5]);
    assert!(claimed(2 * length).is_empty());
}

pub(super) fn given_back_is_found_after_reopen_only(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 4);
    let work = store.claim(FILTER, ALL).unwrap();
    let (given, kept) = work.split_at(2);
    let keys: Vec<_> = given.iter().map(|work| work.key.clone()).collect();
    store.give_back(FILTER, &keys);
    assert!(store.claim(FILTER, ALL).unwrap().is_empty());
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    assert_eq!(store.tally(FILTER).unwrap().pending, 4);
    store.reopen(FILTER).unwrap();
    let numbers = |records| -> Vec<usize> { store.claim(FILTER, some(records)).unwrap().iter().map(number).collect() };
    assert_eq!(numbers(1), [0]);
    assert_eq!(numbers(1000), [1]);
    settle_all(&*store, kept);
    assert_eq!(store.tally(FILTER).unwrap().pending, 2);
}
