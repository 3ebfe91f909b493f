//! What is known of a value, in an archive that others filled too.

use mongodb::bson::{Document, doc, oid::ObjectId};

use super::server::Server;
use super::testing::{Scratch, registered};
use super::{MongoStore, lease};
use crate::store::correlation::Span;
use crate::store::sqlite::SqliteStore;
use crate::store::testing::{ALL, FILTER, filter, record, settle_all};
use crate::store::{Access, Store, correlation};
use crate::tahoe::{Category, Hash};

fn address(n: u8) -> String {
    Hash::of(&[&[n]]).to_string()
}

#[test]
fn what_the_original_stored_twice_or_hid_or_named_in_its_own_way_is_counted_for_what_it_is() {
    let Some(scratch) = Scratch::new() else { return };
    let value = correlation::attribute("url", r#""http://a.example/""#).hash.to_string();
    let event = |hash: u8, category: &str, marks: Document| {
        let mut event = doc! {
            "_id": ObjectId::new(), "itype": "event", "sub_type": "sighting", "orgid": "org-one", "timestamp": f64::from(hash),
            "category": category, "data": {}, "_hash": address(hash), "_cref": [value.as_str()], "_ref": [value.as_str()],
            "_mal_ref": [], "_ben_ref": [],
        };
        event.extend(marks);
        event
    };
    scratch.insert(&[
        // The attribute, unstripped.
        doc! { "_id": ObjectId::new(), "itype": "attribute", "sub_type": "url", "data": " http://a.example/", "_hash": value.as_str() },
        // One event, stored twice: seen as benign by the one, malicious by the other.
        event(1, "malicious", doc! { "_ben_ref": [value.as_str()] }),
        event(1, "benign", doc! { "_mal_ref": [value.as_str()] }),
        event(2, "suspicious", doc! { "timestamp": "yesterday" }),
        event(3, "benign", doc! { "_valid": false }),
        // No event of ours, and something that is none at all.
        event(4, "benign", doc! { "itype": "verdict" }),
        event(5, "benign", doc! { "_hash": "none" }),
        doc! { "_id": ObjectId::new(), "itype": "session", "sub_type": "s", "data": { "k": ["v"] }, "_hash": address(6), "_ref": [address(1)] },
    ]);
    let store = scratch.store();
    let hash = value.parse().unwrap();
    assert_eq!(store.find_attributes("http://a.example/").unwrap(), [hash]);
    let found = store.correlate(hash).unwrap();
    assert_eq!(found.events.span, Span { count: 2, first_seen: Some(1.0), last_seen: Some(1.0) });
    let shown: Vec<_> =
        found.events.groups.iter().map(|group| (group.category.as_str(), group.context, group.span.count)).collect();
    assert_eq!(shown, [("malicious", Category::Malicious, 1), ("suspicious", Category::Unknown, 1)]);
    assert_eq!((found.sessions.count, found.objects.count, found.records.count), (1, 0, 0));
    scratch.instances().update_many(doc! { "itype": "attribute" }, doc! { "$set": { "_valid": false } }).run().unwrap();
    assert!(store.find_attributes("http://a.example/").unwrap().is_empty());
}

#[test]
fn references_beside_a_document_count_as_those_in_it() {
    let Some(scratch) = Scratch::new() else { return };
    drop(registered(&scratch));
    let few = MongoStore::with(Server::connect(scratch.uri()).unwrap(), lease::monotonic(), 2);
    let folder = tempfile::tempdir().unwrap();
    let embedded = SqliteStore::open(folder.path().join("t.db").to_str().unwrap(), Access::Create).unwrap();
    let stores: [&dyn Store; 2] = [&few, &embedded];
    for store in stores {
        store.ingest(&(0..12).map(|n| record("cowrie", n, "org-one")).collect::<Vec<_>>()).unwrap();
        store.register(&filter(FILTER, &["cowrie"])).unwrap();
        let work = store.claim(FILTER, ALL).unwrap();
        work.chunks(3).for_each(|work| drop(settle_all(store, work)));
    }
    assert!(!scratch.find("reference", Document::new()).is_empty());
    for value in ["root", "secret 0", "192.0.2.1", "s1", "5"] {
        let [one, other] = stores.map(|store| {
            let hashes = store.find_attributes(value).unwrap();
            assert_eq!(hashes.len(), 1, "{value}");
            store.correlate(hashes[0]).unwrap()
        });
        assert!(one.records.count + one.sessions.count > 0);
        assert_eq!(one, other, "{value}");
    }
}
