//! Looking at an archive that this program did not write.

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::MongoStore;
use super::testing::Scratch;
use crate::store::testing::{ALL, FILTER, filter};
use crate::store::{Access, Store as _};

/// A raw document by the first digit of its hash.
fn raw(digit: &str, id: u8) -> Document {
    let id = ObjectId::from_bytes([id; 12]);
    doc! { "_id": id, "itype": "raw", "sub_type": "cowrie", "orgid": "org", "data": { "n": 1 }, "_hash": digit.repeat(64) }
}

fn with(mut document: Document, field: &str, value: impl Into<Bson>) -> Document {
    document.insert(field, value);
    document
}

#[test]
fn an_archive_of_the_original_is_described_and_stays_as_it_is() {
    let Some(scratch) = Scratch::new() else { return };
    let attribute =
        doc! { "_id": ObjectId::new(), "itype": "attribute", "sub_type": "sesnor", "data": "s1", "_hash": "e".repeat(64) };
    let documents = [
        raw("1", 1),
        // Three times, by a race of the original: one hash.
        raw("2", 2),
        raw("2", 3),
        raw("2", 4),
        with(raw("3", 5), "filters", vec![FILTER.to_string()]),
        with(raw("4", 6), "_valid", false),
        // No time of arrival to be had from such an `_id`.
        with(raw("5", 7), "_id", "odd"),
        with(raw("6", 8), "_hash", "SHA"),
        with(raw("7", 9), "itype", 7),
        attribute,
    ];
    scratch.insert(&documents);
    let collections = || {
        let mut names = scratch.database.list_collection_names().run().unwrap();
        names.sort();
        names
    };
    let before = (collections(), scratch.find("instance", doc! {}));

    let store = MongoStore::open(scratch.uri(), Access::ReadOnly).unwrap();
    let survey = store.survey().unwrap();
    assert!(survey.server.contains("MongoDB"), "{}", survey.server);
    assert_eq!((survey.duplicates.count, &survey.duplicates.examples), (1, &vec!["2".repeat(64)]));
    assert_eq!(survey.original_mapping, 1);
    assert_eq!(survey.unreadable.count, 2, "{:?}", survey.unreadable);
    assert!(survey.unreadable.examples[0].contains("`_hash`") || survey.unreadable.examples[1].contains("`_hash`"));
    let raw = &survey.raw["cowrie"];
    assert_eq!((raw.documents, raw.hidden, raw.marks[&FILTER.to_string()]), (7, 1, 1));
    assert!(survey.indexes.iter().any(|index| !index.present), "nobody made ours yet");
    assert!(store.has(crate::tahoe::Itype::Attribute, "sesnor").unwrap());

    let (pending, work) = store.peek(&filter(FILTER, &["cowrie"]), ALL).unwrap();
    assert_eq!((pending, work.len()), (3, 3), "{work:?}");
    assert_eq!((collections(), scratch.find("instance", doc! {})), before);
}
