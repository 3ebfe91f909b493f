//! Settings from the original's file, the environment and the command line.

use serde_json::json;

use crate::support::{Archive, Ended, command, filter, root};

/// An archive with records, and a configuration beside it.
fn archive(config: &serde_json::Value) -> (Archive, String) {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    let file = archive.file("config.json", config.to_string());
    (archive, file.to_str().unwrap().to_owned())
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    command(arguments).envs(environment.iter().copied()).output().unwrap().into()
}

#[test]
fn a_file_is_all_that_a_run_needs() {
    let store = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", store.path().join("other.db").display());
    let (archive, file) = archive(&json!({
        "cache": {"db": "cache_db"},
        "runtime": {
            "store": address,
            "filters": [filter("cowrie"), "sighting.wasm"],
            "workers": 1,
            "options": {"sighting": {"honeypot": "off"}}
        }
    }));
    // Relative paths are relative to the file.
    std::fs::copy(filter("sighting"), archive.path("sighting.wasm")).unwrap();
    let records = root().join("fixtures/records/cowrie.jsonl");
    let ingest = ["ingest", records.to_str().unwrap(), "--sub-type", "cowrie", "--orgid", "org", "--config", &file];
    run(&ingest, &[]).expect(0);
    let summary = run(&["--config", &file, "--once", "--json"], &[]).expect(0).json();
    assert_eq!(summary["workers"], 1);
    let documents = [0, 1].map(|at| summary["filters"][at]["documents"].as_u64().unwrap());
    assert!(documents[0] > 0 && documents[1] == 0, "the option holds: {summary}");
    assert_eq!(run(&["export", "--itype", "raw"], &[("RUNTIME_CONFIG", &file)]).expect(0).out.lines().count(), 29);
    // The command line holds before the file.
    let option = ["--config", &file, "--once", "--json", "--store", &archive.store(), "--option", "sighting.honeypot=on"];
    let summary = run(&option, &[]).expect(0).json();
    assert!(summary["filters"][1]["documents"].as_u64().unwrap() > 0, "{summary}");
}

#[test]
fn a_limit_of_a_filter_holds_for_it_alone() {
    let filters = json!([filter("cowrie"), filter("sighting")]);
    let (archive, file) =
        archive(&json!({"runtime": {"filters": filters, "limits": {"cowrie": {"fuel": 10, "fuel_per_byte": 0}}}}));
    let summary = run(&["--config", &file, "--store", &archive.store(), "--once", "--json"], &[]).expect(3).json();
    assert_eq!((&summary["filters"][0]["failed"], &summary["filters"][1]["done"]), (&json!(10), &json!(29)), "{summary}");
    for (limits, words) in [
        (json!({"cowrie": {"fuel": 1_000_000_000_000_000_u64}}), "fuel = 1000000000000000 is too high: at most"),
        (json!({"cowrie": {"speed": 1}}), "no limit \"speed\" can be set; these can: setup_fuel"),
        (json!({"nobody": {"fuel": 1}}), "\"nobody\", which does not run; these do: cowrie, sighting"),
    ] {
        let file = archive.file("bad.json", json!({"runtime": {"filters": filters, "limits": limits}}).to_string());
        let err = run(&["--config", file.to_str().unwrap(), "--store", &archive.store(), "--once"], &[]).expect(2).err;
        assert!(err.contains(words), "{words} is not in {err}");
    }
}

#[test]
fn config_check_says_what_holds_and_why_and_shows_no_password() {
    let url = "mongodb://operator:hunter2@db.example:27017/?replicaSet=r";
    let (_archive, file) = archive(&json!({
        "tahoe": {"mongo_url": url, "db": "tahoe_db"}, "archive": {"mongo_url": url},
        "runtime": {"filters": [filter("cowrie")], "limits": {"cowrie": {"fuel": 7}}}
    }));
    let shown = run(&["config", "check", "--config", &file], &[("RUNTIME_WORKERS", "3")]).expect(0);
    for words in ["mongodb://operator:***@db.example:27017/tahoe_db", "file, section tahoe", "RUNTIME_WORKERS", "cowrie.fuel"] {
        assert!(shown.out.contains(words), "{words} is not in {}", shown.out);
    }
    let json = run(&["config", "check", "--config", &file, "--json", "--option", "cowrie.compat=none"], &[]).expect(0);
    assert_eq!(json.json()["store"]["origin"], "file, section tahoe");
    assert_eq!(json.json()["options"]["cowrie"]["compat"]["origin"], "command line");
    // Nor does a run that cannot reach it.
    let failed = run(
        &["--config", &file, "--once"],
        &[("RUNTIME_STORE", "mongodb://me:hunter2@127.0.0.1:1/d?serverSelectionTimeoutMS=50")],
    )
    .expect(1);
    for text in [shown.out, shown.err, json.out, json.err, failed.out, failed.err] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn what_cannot_hold_is_refused_before_anything_runs() {
    let elsewhere = json!({"tahoe": {}, "archive": {"db": "other"}, "runtime": {"filters": [filter("cowrie")]}});
    let (archive, file) = archive(&elsewhere);
    for arguments in [vec!["--once"], vec!["config", "check"], vec!["export"]] {
        let err = run(&[arguments, vec!["--config", &file]].concat(), &[]).expect(1).err;
        assert!(err.contains("config.json") && err.contains("another place than tahoe"), "{err}");
    }
    let none = run(&["--store", &archive.store()], &[]).expect(2).err;
    for way in ["--filters", "RUNTIME_FILTERS", "runtime.filters"] {
        assert!(none.contains(way), "{none}");
    }
    let missing = run(&["config", "check", "--filters", "/no/such.wasm"], &[]).expect(1);
    assert!(missing.out.contains("/no/such.wasm") && missing.err.contains("cannot open the filter"), "{}", missing.err);
}
