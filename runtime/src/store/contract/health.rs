//! What is kept of filters for people, and for the next run.

use super::*;
use crate::store::{Health, OpenBreaker, Outage, Usage};

pub(super) fn what_filters_cost_adds_up_and_how_they_fare_is_as_last_noted(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 2);
    assert_eq!(store.health(FILTER).unwrap(), Health::default());
    let [before] = store.status().unwrap().try_into().unwrap_or_else(|_| panic!("one filter"));
    assert_eq!((before.usage, before.tally.pending), (Usage::default(), 2));

    let record = key(&record("cowrie", 0, "org-one"));
    store.commit(FILTER, &[settled(record.clone(), Verdict::Rejected("not mine".to_owned()))]).unwrap();
    let breaker = OpenBreaker { opened: 3, reason: "trap: \u{202e} \0 $".to_owned(), until: Some(1_767_225_600.25) };
    let outage = Outage { failures: 2, reason: "refused".to_owned(), ended_at: 1_767_225_601.0 };
    let health = Health { breaker: Some(breaker), outage: Some(outage), did_well: Some(record) };
    store.note(FILTER, Usage { fuel: 40, busy_us: 5 }, &health).unwrap();
    store.note(FILTER, Usage { fuel: 2, busy_us: 1 }, &health).unwrap();

    // Another process sees the same.
    let other = archive.open();
    assert_eq!(other.health(FILTER).unwrap(), health);
    let [status] = other.status().unwrap().try_into().unwrap_or_else(|_| panic!("one filter"));
    assert_eq!((status.usage, status.health), (Usage { fuel: 42, busy_us: 6 }, health));
    assert_eq!(status.tally, Tally { accepted: 2, pending: 1, rejected: 1, ..Tally::default() });
    other.note(FILTER, Usage::default(), &Health::default()).unwrap();
    assert_eq!(store.health(FILTER).unwrap(), Health::default());
}

pub(super) fn a_record_is_found_whatever_became_of_it(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 1);
    store.ingest(&[record("cowrie", 0, "org-two")]).unwrap();
    let claimed = store.claim(FILTER, ALL).unwrap();
    assert_eq!(claimed.len(), 2);
    let shown = |work: &Work| format!("{work:?}");
    for work in &claimed {
        assert_eq!(store.record(&work.key).unwrap().as_ref().map(shown), Some(shown(work)));
        store.commit(FILTER, &[failed(work.key.clone(), "out of fuel")]).unwrap();
        assert_eq!(store.record(&work.key).unwrap().as_ref().map(shown), Some(shown(work)));
    }
    assert!(store.record(&key(&record("cowrie", 0, "org-three"))).unwrap().is_none());
    assert!(store.record(&key(&record("cowrie", 7, "org-one"))).unwrap().is_none());
}
