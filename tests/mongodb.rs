//! The same records through the binary into a MongoDB archive: the same bytes as from the embedded store.

use crate::support::server::database;
use crate::support::{Archive, filter, fixture, root, runtime};

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
fn golden_records_become_the_same_bytes_as_in_the_embedded_store() {
    let Some(store) = database("goldens") else { return };
    let exports = [Archive::at(store), Archive::new()].map(|archive| {
        for (path, name) in [("cowrie/cowrie.json", "cowrie"), ("sighting/sighting.json", "sighting")] {
            let cases = fixture(path);
            let data = cases.as_array().unwrap().iter().map(|case| format!("{}\n", case["raw"]["data"]));
            let file = archive.file(&format!("{name}.jsonl"), data.collect::<String>());
            archive.ingest(&file, name, "org-one", &RECEIVED).expect(0);
        }
        archive.run(&[filter("cowrie"), filter("sighting")], &[]).expect(0);
        archive.export()
    });
    // FerretDB keeps -0.0 as 0 and drops nothing else that these records hold.
    assert_eq!(exports[0], exports[1]);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let ended = runtime(["export", "--store", "mongodb://me:secret@127.0.0.1:1/d?serverSelectionTimeoutMS=200"]).expect(1);
    assert!(ended.err.contains("127.0.0.1:1") && !ended.err.contains("secret"), "{}", ended.err);
}
