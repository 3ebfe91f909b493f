//! Every golden case through the binary: archived into an empty store, run, exported, compared as documents are
//! compared (`spec`: same hash, same scalars, same reference sets, same canonical data).

use std::collections::BTreeMap;

use serde_json::Value;
use tahoe_runtime::tahoe::canonical::canonical;

use crate::support::{Archive, filter, fixture};

/// A document in a form whose equality is the equality of documents.
pub(crate) fn comparable(document: &Value) -> BTreeMap<String, Value> {
    let field = |(key, value): (&String, &Value)| {
        let value = match key.as_str() {
            "data" => Value::from(canonical(value)),
            "_cref" | "_ref" | "_ben_ref" | "_mal_ref" | "filters" => {
                let mut items: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
                items.sort();
                Value::from(items)
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    };
    document.as_object().unwrap().iter().map(field).collect()
}

pub(crate) fn by_hash(documents: impl IntoIterator<Item = BTreeMap<String, Value>>) -> BTreeMap<String, BTreeMap<String, Value>> {
    documents.into_iter().map(|document| (document["_hash"].to_string(), document)).collect()
}

fn run(name: &str, case: &Value, options: &[&str]) {
    let raw = &case["raw"];
    let text = |field: &str| raw[field].as_str().unwrap();
    let archive = Archive::new();
    let file = archive.file("record.json", raw["data"].to_string());
    let received_at = raw["received_at"].to_string();
    let more = ["--format", "json", "--timezone", text("timezone"), "--received-at", &received_at];
    archive.ingest(&file, text("sub_type"), text("orgid"), &more).expect(0);
    let summary = archive.run(&[filter(case["filter"].as_str().unwrap())], options).expect(0).json();
    let verdict = case["verdict"].as_str().unwrap();
    assert_eq!(summary["filters"][0][verdict], 1, "{name}: {summary}");

    let mut expected_raw = case["raw_doc"].clone();
    expected_raw["received_at"] = raw["received_at"].clone();
    let expected = case["instances"].as_array().unwrap().iter().chain([&expected_raw]).map(comparable);
    let found = archive.documents();
    assert_eq!(by_hash(found.iter().map(comparable)), by_hash(expected), "{name}");
}

/// Runs all cases of a file; `count` keeps a file that lost some from passing.
fn run_all(path: &str, count: usize) {
    run_all_with(path, count, &[]);
}

fn run_all_with(path: &str, count: usize, options: &[&str]) {
    let cases = fixture(path);
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), count, "{path}");
    for (index, case) in cases.iter().enumerate() {
        run(&format!("{path}, case {index}"), case, options);
    }
}

#[test]
fn cowrie_records_become_the_golden_documents() {
    run_all("cowrie/cowrie.json", 74);
}

#[test]
fn cowrie_records_in_a_filebeat_envelope_become_the_golden_documents() {
    run_all("cowrie/cowrie-filebeat.json", 2);
}

#[test]
fn cowrie_records_become_the_documents_of_the_analytics_module_if_so_chosen() {
    run_all_with("cowrie/cowrie-cybexp-2021.json", 26, &["--option", "cowrie.compat=cybexp-2021"]);
}

#[test]
fn sightings_become_the_golden_documents() {
    run_all("sighting/sighting.json", 15);
}

#[test]
fn pieces_of_honeypot_records_become_the_golden_sightings() {
    run_all("sighting/sighting-honeypot.json", 24);
}

#[test]
fn feeds_of_openphish_become_the_golden_documents() {
    run_all("openphish_feed/openphish_feed.json", 3);
    run_all("openphish_feed/openphish-community.json", 1);
    run_all("openphish_feed/feed-bad-rows.json", 1);
    run_all("openphish_feed/feed-rejected.json", 4);
}

#[test]
fn feeds_of_phishtank_become_the_golden_documents() {
    run_all("phishtank_feed/phishtank_feed.json", 3);
    run_all("phishtank_feed/phishtank_json.json", 1);
    run_all("phishtank_feed/phishtank_csv.json", 1);
    run_all("phishtank_feed/phishtank-entry.json", 2);
    run_all("phishtank_feed/feed-bad-rows.json", 1);
}

#[test]
fn mails_become_the_golden_documents() {
    run_all("email/email.json", 27);
}
