//! One archive, several organisations.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Archive, filter, root};

fn hashes(documents: &[Value], itype: &str) -> BTreeSet<String> {
    documents.iter().filter(|document| document["itype"] == itype).map(|document| document["_hash"].to_string()).collect()
}

#[test]
fn the_same_data_of_two_organisations_makes_two_sets_of_events_and_one_set_of_everything_else() {
    let records = root().join("fixtures/records/cowrie.jsonl");
    let filters = [filter("cowrie"), filter("sighting")];
    let (alone, shared) = (Archive::new(), Archive::new());
    alone.ingest(&records, "cowrie", "org-one", &["--received-at", "1767225600"]).expect(0);
    alone.run(&filters, &[]).expect(0);
    for organisation in ["org-one", "org-two"] {
        shared.ingest(&records, "cowrie", organisation, &["--received-at", "1767225600"]).expect(0);
    }
    shared.run(&filters, &[]).expect(0);

    let (alone, shared) = (alone.documents(), shared.documents());
    for itype in ["attribute", "object", "session", "raw"] {
        assert_eq!(hashes(&alone, itype), hashes(&shared, itype), "{itype}");
    }
    let events = |documents: &[Value], organisation: &str| -> BTreeSet<String> {
        let of_it = documents.iter().filter(|document| document["itype"] == "event" && document["orgid"] == organisation);
        of_it.map(|document| document["_hash"].to_string()).collect()
    };
    assert_eq!(events(&alone, "org-one"), events(&shared, "org-one"));
    assert_eq!(events(&shared, "org-two").len(), events(&shared, "org-one").len());
    assert!(events(&shared, "org-two").is_disjoint(&events(&shared, "org-one")));
    // The raw document is its first organisation's.
    assert!(shared.iter().filter(|document| document["itype"] == "raw").all(|raw| raw["orgid"] == "org-one"));
}

#[test]
fn spellings_of_one_value_end_as_the_same_bytes_in_both_orders_of_arrival() {
    // Two raw records, which are stored as received; one value.
    let spellings =
        [r#"{"url": " http://a.example/ ", "timestamp": 5}"#, r#"{"url": "http://a.example/\u2003", "timestamp": 6}"#];
    let export = |order: [usize; 2]| {
        let archive = Archive::new();
        for index in order {
            let file = archive.file("record.json", spellings[index]);
            archive.ingest(&file, "sighting", "org", &["--received-at", "100"]).expect(0);
            archive.run(&[filter("sighting")], &[]).expect(0);
        }
        archive.export()
    };
    let one = export([0, 1]);
    assert_eq!(one, export([1, 0]));
    assert_eq!(one.matches(r#""itype":"attribute""#).count(), 1);
}

#[test]
fn archiving_the_same_file_twice_adds_nothing() {
    let archive = Archive::new();
    let records = root().join("fixtures/records/cowrie.jsonl");
    archive.ingest(&records, "cowrie", "org", &["--received-at", "1"]).expect(0);
    let before = archive.export();
    let again =
        archive.ingest(&records, "cowrie", "org", &["--received-at", "2", "--timezone", "Europe/Berlin", "--json"]).expect(0);
    assert_eq!((&again.json()["new"], &again.json()["already_there"]), (&Value::from(0), &Value::from(29)));
    assert_eq!(archive.export(), before);
}
