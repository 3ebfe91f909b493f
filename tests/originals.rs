//! An archive that the original left, taken over by the binary: documents in its order of fields and with its ids, some
//! marked, some hidden, some of other filters. What is done is not done again, and no field changes but by joins.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use serde_json::Value;

use crate::support::server::{client, database};
use crate::support::traffic::cowrie;
use crate::support::{Archive, filter};

/// The mark of the filter `cowrie`, which the original ran under the same id.
const COWRIE: &str = "d2076b75-715e-4e4d-ae0a-a291cc6d90b7";
const OTHER: &str = "filter--of-others";
const ARRIVED: u32 = 1_767_225_600;

/// As the original writes a document: its fields, in its order. Records arrived when their ids say.
fn as_the_original(document: &Value, number: usize) -> Document {
    let order: &[&str] = match document["itype"].as_str().unwrap() {
        "raw" => &["itype", "data", "orgid", "sub_type", "timezone", "_hash", "_ref", "filters"],
        "attribute" => &["itype", "sub_type", "data", "_hash"],
        "object" => &["itype", "data", "sub_type", "_hash", "_cref", "_ref"],
        "event" => {
            &["itype", "data", "sub_type", "orgid", "timestamp", "category", "_hash", "_cref", "_ref", "_mal_ref", "_ben_ref"]
        }
        _ => &["itype", "data", "sub_type", "_hash", "_cref", "_ref", "start_time", "end_time", "duration"],
    };
    let counter = (number as u32).to_be_bytes();
    let mut stored = doc! { "_id": ObjectId::from_parts(ARRIVED, [7; 5], [counter[1], counter[2], counter[3]]) };
    for &field in order {
        if let Some(value) = document.get(field) {
            stored.insert(field, mongodb::bson::serialize_to_bson(value).unwrap());
        }
    }
    stored
}

fn ingested(records: &str) -> Archive {
    let archive = Archive::new();
    let file = archive.file("records.jsonl", records);
    archive.ingest(&file, "cowrie", "org", &["--received-at", &ARRIVED.to_string()]).expect(0);
    archive
}

/// Every document of the archive as it is stored, by its id.
fn stored(store: &str) -> HashMap<String, Document> {
    let all = client(store).collection::<Document>("instance").find(doc! {}).run().unwrap();
    all.map(|document| document.unwrap()).map(|document| (document.get("_id").unwrap().to_string(), document)).collect()
}

fn hashes(document: &Document, field: &str) -> Vec<Bson> {
    document.get_array(field).cloned().unwrap_or_default()
}

/// The fields of an original document are there, in their order and unchanged, but for what joins add.
fn is_joined(before: &Document, after: &Document) {
    let fields: Vec<&String> = after.keys().filter(|key| before.contains_key(*key)).collect();
    assert_eq!(fields, before.keys().collect::<Vec<_>>());
    let number = |document: &Document, field: &str| document.get_f64(field).unwrap();
    for (field, value) in before {
        let kept = match field.as_str() {
            "filters" | "_ref" | "_cref" | "_mal_ref" => hashes(after, field).starts_with(&hashes(before, field)),
            // What is malicious for one is not benign for the other.
            "_ben_ref" => {
                let malicious = hashes(after, "_mal_ref");
                hashes(before, field).iter().all(|hash| hashes(after, field).contains(hash) || malicious.contains(hash))
            }
            "category" => value == after.get(field).unwrap() || value.as_str() != Some("malicious"),
            "start_time" => number(after, field) <= number(before, field),
            "end_time" | "duration" => number(after, field) >= number(before, field),
            _ => Some(value) == after.get(field),
        };
        assert!(kept, "{field} of {before} became {after}");
    }
    let raw = before.get_str("itype").unwrap() == "raw";
    let session = before.get_str("itype").unwrap() == "session";
    for field in after.keys().filter(|field| !before.contains_key(*field)) {
        let may_come = match field.as_str() {
            "filters" | "_ref" => raw,
            "start_time" | "end_time" | "duration" => session,
            _ => false,
        };
        assert!(may_come, "{field} was added to {before}");
    }
}

#[test]
fn an_archive_that_the_original_left_is_taken_over_and_nothing_is_done_twice() {
    let Some(store) = database("originals") else { return };
    let lines: Vec<String> = cowrie(60).lines().map(|line| format!("{line}\n")).collect();
    // Two sessions and a half were done, of the fifth nobody is to see anything, and no session is whole.
    let (done, rest) = lines.split_at(25);
    let (open, hidden) = rest.split_at(30);
    let original = ingested(&done.concat());
    original.run(&[filter("cowrie")], &[]).expect(0);
    let mut documents = original.documents();
    let mut raw = ingested(&rest.concat()).documents();
    documents.append(&mut raw);
    let hidden: Vec<Value> = hidden.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut left: Vec<Document> =
        documents.iter().enumerate().map(|(number, document)| as_the_original(document, number)).collect();
    for (number, (document, json)) in left.iter_mut().zip(&documents).enumerate() {
        if hidden.contains(&json["data"]) {
            document.insert("_valid", false);
        } else if json["itype"] == "raw" && number % 3 == 0 {
            let marks = json["filters"].as_array().map_or(0, Vec::len);
            document.insert("filters", [COWRIE, OTHER][usize::from(marks == 0)..].to_vec());
        }
    }
    client(&store).collection::<Document>("instance").insert_many(&left).run().unwrap();

    let archive = Archive::at(store.clone());
    let filters = [filter("cowrie"), filter("sighting")];
    let first = archive.run(&filters, &[]).expect(0).json();
    let [by_cowrie, by_sighting] = [0, 1].map(|index| &first["filters"][index]);
    assert_eq!((&by_cowrie["attempts"], &by_sighting["attempts"]), (&open.len().into(), &(done.len() + open.len()).into()));
    assert_eq!((&by_cowrie["store"]["accepted"], &by_cowrie["store"]["done"]), (&55.into(), &55.into()), "{first}");
    let again = archive.run(&filters, &[]).expect(0).json();
    assert!(again["filters"].as_array().unwrap().iter().all(|filter| filter["attempts"] == 0), "{again}");

    let after = stored(&store);
    let mut joined = 0;
    for before in &left {
        let after = &after[&before.get("_id").unwrap().to_string()];
        is_joined(before, after);
        joined += usize::from(before != after);
        if before.contains_key("_valid") {
            assert_eq!(before, after);
        }
    }
    assert!(joined > open.len(), "{joined}");
    // No document lies beside one of the original's that is the same.
    let mut seen = HashMap::new();
    for document in after.values() {
        if let Some(other) = seen.insert(document.get_str("_hash").unwrap(), document) {
            panic!("twice: {other} and {document}");
        }
    }

    let alone = ingested(&[done, open].concat().concat());
    alone.run(&filters, &[]).expect(0);
    let other = format!(",\"{OTHER}\"");
    assert!(archive.export().contains(&other));
    assert_eq!(archive.export().replace(&other, ""), alone.export());
}
