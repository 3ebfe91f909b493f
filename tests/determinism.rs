//! What an answer depends on: the filter's bytes, its options and the record, and nothing else. Not on the process, on what
//! it did before, on the other organisation's record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tahoe_runtime::answer::{Answer, Node};
use tahoe_runtime::sandbox::{self, Options, Record};
use tahoe_runtime::tahoe::{RawDocument, Scalar};
use tahoe_runtime::verdict::Called;
use tahoe_runtime::worker::{self, Filter, Launcher, Worker};

use crate::support::guest::Guest;
use crate::support::{Archive, filter, fixture, root};

fn launcher() -> Launcher {
    Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime")))
}

/// A record of a fixture, and the options that it is to be read with.
struct Given {
    filter: String,
    options: BTreeMap<String, String>,
    document: RawDocument,
    timezone: String,
    received_at: f64,
}

impl Given {
    fn of(case: &Value) -> Self {
        let raw = &case["raw"];
        let text = |field: &str| raw[field].as_str().unwrap().to_owned();
        let options = case["options"].as_object().into_iter().flatten();
        Self {
            filter: case["filter"].as_str().unwrap().to_owned(),
            options: options.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect(),
            document: RawDocument::new(&text("sub_type"), raw["data"].as_object().unwrap().clone()).unwrap(),
            timezone: text("timezone"),
            received_at: raw["received_at"].as_f64().unwrap(),
        }
    }

    fn record(&self) -> Record<'_> {
        let RawDocument { sub_type, data, .. } = &self.document;
        Record { sub_type, data, timezone: &self.timezone, received_at: self.received_at }
    }
}

/// The built filters, by name, and the records of all fixtures.
fn filters_and_records() -> (Vec<String>, Vec<Given>) {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    let filters: Vec<String> = names("filters").iter().filter_map(|name| name.strip_suffix(".wasm").map(str::to_owned)).collect();
    let mut records = Vec::new();
    for name in &filters {
        for file in names(&format!("fixtures/{name}")).iter().filter(|file| file.ends_with(".json")) {
            records.extend(fixture(&format!("{name}/{file}")).as_array().unwrap().iter().map(Given::of));
        }
    }
    (filters, records)
}

/// The component with these settings. Compiled each time: machine code is no input.
fn load(component: &[u8], options: &BTreeMap<String, String>) -> Filter {
    let mut filter = worker::load(&launcher(), None, component, None).unwrap();
    let given = |(key, value): (&String, &String)| (key.clone(), sandbox::Given::Open(value.clone()));
    filter.set_options(Options::resolve(filter.descriptor(), &options.iter().map(given).collect()).unwrap());
    filter
}

#[test]
fn every_filter_gives_every_record_the_same_answer_for_the_same_fuel_in_any_order_and_process() {
    let (filters, records) = filters_and_records();
    assert!(filters.len() >= 5 && records.len() >= 40, "{} filters, {} records", filters.len(), records.len());
    for name in filters {
        let component = std::fs::read(filter(&name)).unwrap();
        // By settings, which a filter has for its own cases; the records of others are read with none.
        let mut by_options: BTreeMap<BTreeMap<String, String>, Vec<&Given>> = BTreeMap::new();
        for given in &records {
            let options = if given.filter == name { given.options.clone() } else { BTreeMap::new() };
            by_options.entry(options).or_default().push(given);
        }
        for (options, records) in by_options {
            let (one, other) = (load(&component, &options), load(&component, &options));
            let mut worker = Worker::new(launcher());
            let forwards: Vec<Called> = records.iter().map(|given| worker.call_one(&one, given.record())).collect();
            let again: Vec<Called> = records.iter().map(|given| worker.call_one(&one, given.record())).collect();
            let mut elsewhere = Worker::new(launcher());
            let mut backwards: Vec<Called> =
                records.iter().rev().map(|given| elsewhere.call_one(&other, given.record())).collect();
            backwards.reverse();
            for (number, given) in records.iter().enumerate() {
                for repeated in [&again[number], &backwards[number]] {
                    // The fuel too, to the unit.
                    assert_eq!(&forwards[number], repeated, "{name} with {options:?}, {}", given.document.data);
                }
            }
        }
    }
}

/// Answers with what it finds of the record before: how many times a global, a table and memory say that it was called, and
/// the text that it kept.
fn nosy() -> Vec<u8> {
    let (node, kept) = (Guest::ANSWER + 32, 50_000);
    let parse = format!(
        "(local $found i32)
         (local.set $found (i32.add (global.get $calls) (i32.load (i32.const {kept}))))
         (if (i32.eqz (ref.is_null (table.get $seen (i32.const 0))))
             (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
         (i64.store (i32.const {integer}) (i64.extend_i32_u (local.get $found)))
         (i32.store (i32.const {text}) (i32.const {data})) (i32.store (i32.const {length}) (i32.load (i32.const {kept})))
         (global.set $calls (i32.const 1))
         (table.set $seen (i32.const 0) (ref.func $parse))
         (memory.copy (i32.const {next}) (local.get 2) (local.get 3))
         (i32.store (i32.const {kept_next}) (local.get 3))
         (i32.const {answer})",
        integer = node + 24,
        text = node + 32 + 24,
        length = node + 32 + 28,
        data = kept + 8,
        next = kept + 8,
        kept_next = kept,
        answer = Guest::ANSWER,
    );
    let attribute = |sub_type: &str, value| Node::Attribute { sub_type: sub_type.to_owned(), value };
    let nodes = vec![attribute("found", Scalar::Integer(-1)), attribute("left", Scalar::Text(String::new()))];
    let answer = Answer { nodes, ..Answer::default() };
    let fields = "(global $calls (mut i32) (i32.const 0)) (table $seen 1 funcref) (elem declare func $parse)";
    Guest { number: 3, name: "nosy", parse: &parse, fields, answer, ..Guest::default() }.bytes().unwrap()
}

#[test]
fn a_filter_finds_nothing_of_another_organisations_record() {
    let archive = Archive::new();
    let nosy = archive.file("nosy.wasm", nosy());
    for (number, organisation) in ["org-one", "org-two"].into_iter().cycle().take(20).enumerate() {
        let record = archive.file("record.json", format!(r#"{{"secret": "of {organisation}, {number}"}}"#));
        archive.ingest(&record, "sighting", organisation, &["--received-at", "1767225600"]).expect(0);
    }
    // One process has them all, one after the other.
    let summary = archive.run(&[nosy], &["--workers", "1"]).expect(0).json();
    assert_eq!(summary["filters"][0]["done"], 20, "{summary}");
    let values = |sub_type: &str| -> Vec<Value> {
        let all = archive.documents();
        all.iter().filter(|document| document["sub_type"] == sub_type).map(|document| document["data"].clone()).collect()
    };
    assert_eq!((values("found"), values("left")), (vec![Value::from(0)], vec![Value::from("")]));
}
