//! `runtime bench`, as an author uses it.

use serde_json::Value;
use tahoe_runtime::selftest::Guest;

use crate::support::{Archive, filter, root, runtime};

fn bench(more: &[&str]) -> crate::support::Ended {
    let cowrie = filter("cowrie");
    runtime(["bench", cowrie.to_str().unwrap()].iter().chain(more))
}

#[test]
fn records_are_measured_as_ingest_reads_them_and_the_worst_is_named() {
    let records = root().join("fixtures/records/cowrie.jsonl");
    let records = records.to_str().unwrap();
    let out = bench(&[records, "--sub-type", "cowrie", "--rounds", "1"]).expect(0).out;
    for words in ["29, 6,978 bytes: 28 done, 1 rejected, 0 failed", "compiled", "setup", "p99", "fuel/byte", "expected `session`"]
    {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
    let json = bench(&[records, "--sub-type", "cowrie", "--rounds", "1", "--json"]).expect(0).json();
    let fuel = &json["measures"]["fuel"];
    assert!(fuel["median"].as_f64() < fuel["most"].as_f64());
    assert!(fuel["most"].as_f64() < fuel["closest"]["limit"].as_f64());
    let lines = std::fs::read_to_string(records).unwrap();
    assert!((fuel["worst"]["number"].as_u64().unwrap() as usize) < lines.lines().count());
}

#[test]
fn a_golden_file_says_itself_what_its_records_are() {
    let file = root().join("fixtures/cowrie/cowrie-filebeat.json");
    let json = bench(&[file.to_str().unwrap(), "--json", "--rounds", "1"]).expect(0).json();
    assert_eq!((json["records"].as_u64(), json["done"].as_u64()), (Some(2), Some(2)));
}

#[test]
fn a_filter_that_reads_several_kinds_has_to_be_told_which() {
    let records = root().join("fixtures/records/cowrie.jsonl");
    let err = bench(&[records.to_str().unwrap()]).expect(2).err;
    assert!(err.contains("--sub-type: cowrie, unr_honeypot"), "{err}");
}

#[test]
fn a_profile_says_in_which_functions_the_fuel_goes_and_the_same_every_time() {
    let archive = Archive::new();
    let turn = "(param i32) (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))";
    let fields = format!("(func $much {turn}) (func $little {turn})");
    let parse = "(call $much (i32.const 9000)) (call $little (i32.const 1000)) (i32.const 512)";
    let guest = Guest { parse, fields: &fields, accepts: &["sighting"], ..Guest::default() };
    let file = archive.file("guest.wasm", guest.bytes().unwrap());
    let records = archive.file("records.jsonl", "{\"a\": 1}\n");
    let profile = || -> Value {
        let arguments = ["bench".as_ref(), file.as_os_str(), records.as_os_str(), "--profile".as_ref(), "--json".as_ref()];
        runtime(arguments).expect(0).json()["profile"].clone()
    };
    let first = profile();
    assert_eq!(first, profile());
    let of = |name: &str| first["functions"].as_array().unwrap().iter().find(|found| found["name"] == name).unwrap().clone();
    let (much, little) = (of("much")["own"].as_u64().unwrap(), of("little")["own"].as_u64().unwrap());
    // Nine parts of ten; a sample more or less is where one ends.
    assert!(much.abs_diff(9 * little) < 20, "{first}");
}
