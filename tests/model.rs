//! The Tahoe model by way of a real component: a filter makes each golden instance, the host its document.

use serde_json::{Value, json};

use crate::goldens::{by_hash, comparable};
use crate::support::{Archive, fixture, test_filter};

/// What the contract keeps a filter from giving: times outside 1970 to two days after arrival. The unit tests have
/// these too.
fn expressible(spec: &Value) -> bool {
    spec["timestamp"].as_f64().is_none_or(|time| (0.0..2e9).contains(&time))
}

#[test]
fn instances_of_the_reference_library_become_the_same_documents_through_a_component() {
    let cases = fixture("tahoe/model.json");
    let cases = cases.as_array().unwrap();
    let (mut compared, mut raw, mut beyond) = (0, 0, 0);
    for organisation in ["org-one", "org-two", "o", "o2", ""] {
        let archive = Archive::new();
        let mut expected = Vec::new();
        for case in cases.iter().filter(|case| case["build"]["orgid"].as_str().unwrap_or_default() == organisation) {
            let (spec, document) = (&case["build"], &case["doc"]);
            let (sub_type, data) =
                if spec["k"] == "raw" { (spec["sub_type"].as_str().unwrap(), &spec["data"]) } else { ("construct", spec) };
            if !expressible(spec) {
                beyond += 1;
                continue;
            }
            let file = archive.file("record.json", data.to_string());
            let orgid = if organisation.is_empty() { "some-org" } else { organisation };
            let more = ["--format", "json", "--timezone", "US/Pacific", "--received-at", "1800000000"];
            archive.ingest(&file, sub_type, orgid, &more).expect(0);
            let mut document = document.clone();
            if spec["k"] == "raw" {
                document["received_at"] = json!(1_800_000_000.0);
                raw += 1;
            }
            expected.push(document);
            compared += 1;
        }
        archive.run(&[test_filter("constructor")], &[]).expect(0);
        let found = by_hash(archive.documents().iter().map(comparable));
        for document in expected.iter().map(comparable) {
            assert_eq!(found.get(&document["_hash"].to_string()), Some(&document));
        }
    }
    assert_eq!((compared, raw, beyond), (90, 5, 3));
}
