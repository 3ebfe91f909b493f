//! What can be asked of an archive without writing to it.

use super::*;
use crate::store::Correlation;
use crate::tahoe::Scalar;

pub(super) fn looking_tells_what_is_there_and_changes_nothing(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 6);
    store.ingest(&[record("cowrie", 0, "org-two"), record("other", 9, "org-one")]).unwrap();
    let [first, second] = [0, 1].map(|n| key(&record("cowrie", n, "org-one")));
    let graph = graph(Answer { nodes: vec![text("sesnor", "s1")], ..Answer::default() }, "org-one");
    store.commit(FILTER, &[done(first, graph), failed(second, "out of fuel")]).unwrap();
    let before = exported(&*store);

    let mine = filter(FILTER, &["cowrie"]);
    let (pending, work) = store.peek(&mine, ALL).unwrap();
    let found: Vec<_> = work.iter().map(|work| (number(work), work.key.orgid.as_str())).collect();
    assert_eq!((pending, found), (5, vec![(2, "org-one"), (3, "org-one"), (4, "org-one"), (5, "org-one"), (0, "org-two")]));
    // As they would be claimed, and they still can be.
    let claimed = store.claim(FILTER, ALL).unwrap();
    assert_eq!(format!("{claimed:?}"), format!("{work:?}"));
    assert_eq!(store.peek(&mine, some(2)).unwrap().1.len(), 2);
    assert_eq!(store.peek(&mine, ClaimSize { records: 100, bytes: 0 }).unwrap().1.len(), 1);
    // A filter that nobody knows has everything before it.
    let stranger = filter(Uuid::from_u128(77), &["cowrie", "other", "unread"]);
    assert_eq!(store.peek(&stranger, some(1)).unwrap().0, 8);

    let survey = store.survey().unwrap();
    assert_eq!(survey.documents, [("attribute".to_owned(), 1), ("raw".to_owned(), 7)].into());
    assert_eq!((survey.raw["cowrie"].documents, survey.raw["other"].documents), (6, 1));
    assert_eq!(survey.raw["cowrie"].marks, [(FILTER.to_string(), 1)].into());
    assert_eq!((survey.duplicates.count, survey.unreadable.count, survey.original_mapping), (0, 0, 1));
    assert!(survey.indexes.iter().all(|index| index.present), "{:?}", survey.indexes);
    assert!(store.has(Itype::Attribute, "sesnor").unwrap());
    assert!(!store.has(Itype::Attribute, "sensor").unwrap() && !store.has(Itype::Object, "sesnor").unwrap());

    assert_eq!(exported(&*store), before);
    assert_eq!(store.status().unwrap().len(), 1, "the stranger was not registered");
}

pub(super) fn a_value_is_found_with_all_who_saw_it(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 3);
    store.ingest(&[record("cowrie", 0, "org-two")]).unwrap();
    let records = [(0, "org-one"), (1, "org-one"), (2, "org-one"), (0, "org-two")];
    // The address 192.0.2.5 at four times: malicious, unknown, benign, and by another organisation.
    let categories = [Category::Malicious, Category::Unknown, Category::Benign, Category::Malicious];
    let seen: Vec<Settled> = records
        .iter()
        .zip(categories)
        .enumerate()
        .map(|(at, ((n, orgid), category))| {
            let nodes = vec![text("ipv4", "192.0.2.5"), text("note", "192.0.2.5"), object("attacker", &[0])];
            let mut login = event("login", 1_700_000_000.0 + at as f64, &[2]);
            login.category = category;
            login.malicious = if category == Category::Malicious { vec![0] } else { vec![] };
            login.benign = if category == Category::Benign { vec![0] } else { vec![] };
            login.session = Some(0);
            let session =
                Session { sub_type: "visit".to_owned(), key: vec![0], start_time: None, end_time: None, duration: None };
            let answer = Answer { nodes, events: vec![login], sessions: vec![session] };
            done(key(&record("cowrie", *n, orgid)), graph(answer, orgid))
        })
        .collect();
    store.commit(FILTER, &seen).unwrap();

    let found = store.attributes(&Scalar::readings("192.0.2.5")).unwrap();
    assert_eq!(found.len(), 2, "an address and a note");
    assert!(store.attributes(&Scalar::readings("192.0.2.6")).unwrap().is_empty());
    let known = store.correlation(found[0]).unwrap();
    let shown: Vec<_> = known
        .seen
        .iter()
        .map(|seen| {
            (
                seen.category,
                seen.context,
                seen.orgid.as_str(),
                seen.count,
                seen.first - 1_700_000_000.0,
                seen.last - 1_700_000_000.0,
            )
        })
        .collect();
    use Category::{Benign, Malicious, Unknown};
    assert_eq!(
        shown,
        [
            (Unknown, Unknown, "org-one", 1, 1.0, 1.0),
            (Benign, Benign, "org-one", 1, 2.0, 2.0),
            (Malicious, Malicious, "org-one", 1, 0.0, 0.0),
            (Malicious, Malicious, "org-two", 1, 3.0, 3.0),
        ]
    );
    let parts: Vec<_> =
        known.part_of.iter().map(|part| (part.itype, part.sub_type.as_str(), part.count, part.examples.len())).collect();
    assert_eq!(parts, [(Itype::Raw, "cowrie", 3, 3), (Itype::Object, "attacker", 1, 1), (Itype::Session, "visit", 1, 1)]);
    // The loose note is in no event, only in the records.
    let note = store.correlation(found[1]).unwrap();
    assert_eq!((note.seen.len(), note.part_of.len(), note.part_of[0].itype), (0, 1, Itype::Raw));
    assert_eq!(store.correlation(Hash::of(&[b"unknown"])).unwrap(), Correlation::default());
}
