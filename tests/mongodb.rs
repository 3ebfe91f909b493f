//! The same records through the binary into a MongoDB archive: the same bytes as from the embedded store.

use crate::support::server::database;
use crate::support::{Archive, filter, root, runtime};

/// Time of arrival is part of a record.
const RECEIVED: [&str; 2] = ["--received-at", "1767225600"];

#[test]
fn records_of_two_organisations_become_the_same_bytes_as_in_the_embedded_store() {
    let Some(store) = database("same_bytes") else { return };
    let filters = [filter("cowrie"), filter("sighting")];
    let exports = [Archive::at(store), Archive::new()].map(|archive| {
        for organisation in ["org-one", "org-two"] {
            for kind in ["cowrie", "sighting"] {
                let file = root().join(format!("fixtures/records/{kind}.jsonl"));
                archive.ingest(&file, kind, organisation, &RECEIVED).expect(0);
            }
        }
        let summary = archive.run(&filters, &[]).expect(0).json();
        assert_eq!((&summary["filters"][0]["done"], &summary["filters"][0]["rejected"]), (&56.into(), &2.into()), "{summary}");
        let again = archive.run(&filters, &[]).expect(0).json();
        assert!(again["filters"].as_array().unwrap().iter().all(|filter| filter["attempts"] == 0), "{again}");
        archive.export()
    });
    assert_eq!(exports[0], exports[1]);
}

#[test]
fn rejected_records_are_hidden_from_everyone_when_that_is_asked_for_and_not_before() {
    let Some(store) = database("hiding") else { return };
    let archive = Archive::at(store);
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &RECEIVED).expect(0);
    archive.run(&[filter("cowrie")], &[]).expect(0);
    let raws = || archive.documents().iter().filter(|document| document["itype"] == "raw").count();
    assert_eq!(raws(), 29);
    let hide = || runtime(["store", "hide-rejected", "--store", &archive.store()]).expect(0).out;
    assert!(hide().starts_with("1 rejected record"));
    assert_eq!(raws(), 28);
    assert!(hide().starts_with("0 rejected records"));
    // Another filter sees it no more.
    let summary = archive.run(&[filter("sighting")], &[]).expect(0).json();
    assert_eq!(summary["filters"][0]["attempts"], 28, "{summary}");
}

#[test]
fn an_embedded_archive_has_nobody_to_hide_records_from() {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &RECEIVED).expect(0);
    let ended = runtime(["store", "hide-rejected", "--store", &archive.store()]).expect(1);
    assert!(ended.err.contains("nobody to hide a record from"), "{}", ended.err);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let ended = runtime(["export", "--store", "mongodb://me:secret@127.0.0.1:1/d?serverSelectionTimeoutMS=200"]).expect(1);
    assert!(ended.err.contains("127.0.0.1:1") && !ended.err.contains("secret"), "{}", ended.err);
}
