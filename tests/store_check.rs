//! Looking before the first write: `store check` and `--dry-run`.

use serde_json::{Value, json};

use crate::support::{Archive, Ended, filter, guest, root, runtime, test_filter};

fn archive() -> Archive {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

fn bytes(archive: &Archive) -> Vec<u8> {
    std::fs::read(archive.path("store.db")).unwrap()
}

#[test]
fn a_dry_run_says_what_a_run_would_do_and_writes_nothing() {
    let archive = archive();
    let before = bytes(&archive);
    let filters = [filter("cowrie"), filter("sighting"), guest::file(&archive, 1, "trapping", "unreachable")];
    let forecast = archive.run(&filters, &["--dry-run"]).expect(0).json();
    let [cowrie, sighting, trapping] = [0, 1, 2].map(|at| forecast["dry_run"][at].clone());
    assert_eq!([&cowrie["pending"], &cowrie["done"], &cowrie["rejected"]], [&json!(29), &json!(28), &json!(1)]);
    assert!(cowrie["reasons"][0][0].as_str().unwrap().contains("session"), "{cowrie}");
    assert!(cowrie["documents"].as_u64().unwrap() > 28 && sighting["done"] == 29, "{forecast}");
    assert_eq!((&trapping["failed"], trapping["seconds"].as_f64().unwrap() > 0.0), (&json!(29), true), "{trapping}");
    let mut words = vec!["--store".to_owned(), archive.store(), "--dry-run".to_owned(), "--filters".to_owned()];
    words.extend(filters.iter().map(|filter| filter.display().to_string()));
    let shown = runtime(words).expect(0).out;
    assert!(shown.contains("trapping 29: trap: ") && shown.contains("Nothing was written"), "{shown}");
    assert_eq!(bytes(&archive), before);

    // And it is what a run does.
    let summary = archive.run(&filters[..2], &[]).expect(0).json();
    for (at, forecast) in [cowrie, sighting].iter().enumerate() {
        for field in ["done", "rejected", "failed"] {
            assert_eq!(summary["filters"][at][field], forecast[field], "{field}");
        }
    }
    let again = archive.run(&filters[..2], &["--dry-run"]).expect(0).json();
    assert_eq!((&again["dry_run"][0]["pending"], &again["dry_run"][0]["sample"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn an_archive_is_described_with_what_filters_would_take_on() {
    let archive = archive();
    archive.run(&[filter("cowrie")], &[]).expect(0);
    let before = bytes(&archive);
    let store = archive.store();
    let (cowrie, sighting) = (filter("cowrie"), filter("sighting"));
    let check = ["store", "check", "--store", &store, "--filters", cowrie.to_str().unwrap(), sighting.to_str().unwrap()];
    let shown = runtime(check).expect(0).out;
    for words in
        ["SQLite 3", "raw cowrie  29", "d2076b75-715e-4e4d-ae0a-a291cc6d90b7 28", "sighting would take on 29 records", "Nothing"]
    {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
    let json = runtime(check.into_iter().chain(["--json"])).expect(0).json();
    assert_eq!(json["pending"], json!({"cowrie": 0, "sighting": 29}));
    assert_eq!(json["survey"]["raw"]["cowrie"]["documents"], 29);
    assert_eq!(bytes(&archive), before);
    let absent = format!("sqlite:{}", archive.path("absent.db").display());
    runtime(["store", "check", "--store", &absent]).expect(1);
    assert!(!archive.path("absent.db").exists());
}

#[test]
fn an_archive_of_the_originals_mapping_needs_a_word_of_the_operator() {
    let archive = Archive::new();
    // A component that makes what it is told, and so an attribute that only the original's mapping has.
    let record = archive.file("record.json", json!({"k": "attribute", "sub_type": "sesnor", "data": "s1"}).to_string());
    archive.ingest(&record, "construct", "org", &["--format", "json"]).expect(0);
    archive.run(&[test_filter("constructor")], &[]).expect(0);
    let checked = runtime(["store", "check", "--store", &archive.store()]).expect(3);
    assert!(checked.out.contains("sesnor") && checked.out.contains("--option FILTER.compat"), "{}", checked.out);
    let refused = archive.run(&[filter("cowrie")], &[]).expect(2).err;
    assert!(refused.contains("--option cowrie.compat=VALUE, VALUE being none or cybexp-2021"), "{refused}");
    archive.run(&[filter("cowrie")], &["--option", "cowrie.compat=cybexp-2021"]).expect(0);
    let mut by_variable = archive.run_command(&[filter("cowrie")], &[]);
    Ended::from(by_variable.env("RUNTIME_OPTION_COWRIE_COMPAT", "cybexp-2021").output().unwrap()).expect(0);
    // A filter that has no such option does not care.
    archive.run(&[filter("sighting")], &[]).expect(0);
}
