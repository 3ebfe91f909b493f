//! What can be asked of an archive without writing to it.

use super::*;

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
    assert_eq!(
        (survey.duplicates.count, survey.unreadable.count, survey.inconsistent.count, survey.original_mapping),
        (0, 0, 0, 1)
    );
    assert!(survey.indexes.iter().all(|index| index.present), "{:?}", survey.indexes);
    assert!(store.has(Itype::Attribute, "sesnor").unwrap());
    assert!(!store.has(Itype::Attribute, "sensor").unwrap() && !store.has(Itype::Object, "sesnor").unwrap());

    assert_eq!(exported(&*store), before);
    assert_eq!(store.status().unwrap().len(), 1, "the stranger was not registered");
}
