//! What a person sees.

use crate::support::{Archive, filter, root, runtime};

#[test]
fn inspect_shows_what_an_operator_wants_to_know_before_a_filter_runs() {
    let out = runtime(["inspect".as_ref(), filter("cowrie").as_os_str()]).expect(0).out;
    for words in [
        "d2076b75-715e-4e4d-ae0a-a291cc6d90b7",
        "version",
        "cowrie, unr_honeypot",
        "events file_download",
        "options",
        "cybexp:tahoe/log@0.1.0",
        "bytes",
        "sha256",
        "setup        1 of fuel",
        "50,000,000 + 500 per byte of the record",
        "256 + 1 per 8 bytes of the record",
        "admitted     yes",
    ] {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
    let json = runtime(["inspect".as_ref(), "--json".as_ref(), filter("sighting").as_os_str()]).expect(0).json();
    assert_eq!((json["admitted"].as_bool(), json["descriptor"]["name"].as_str()), (Some(true), Some("sighting")));
    assert!(json["imports"].as_array().unwrap().iter().all(|import| !import.as_str().unwrap().starts_with("wasi:")));
    let archive = Archive::new();
    let text = archive.file("text.wasm", "hello");
    let refused = runtime(["inspect".as_ref(), text.as_os_str()]).expect(1);
    assert!(refused.out.contains("no: it is not WebAssembly"), "{}", refused.out);
}

#[test]
fn text_of_attackers_is_escaped_where_people_read_it() {
    let archive = Archive::new();
    let hostile =
        r#"{"eventid":"cowrie.command.input","session":"a1","timestamp":"2025-01-01T00:00:00Z","input":"\u001b[2Jrm\u202e -rf"}"#;
    let file = archive.file("in.json", hostile);
    archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive.run(&[filter("cowrie")], &[]).expect(0);
    let event = archive.documents().into_iter().find(|document| document["itype"] == "event").unwrap();
    let shown = runtime(["show", event["_hash"].as_str().unwrap(), "--store", &archive.store()]).expect(0).out;
    assert!(shown.contains("shell_command: ") && !shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
}

#[test]
fn the_summary_names_each_filter_with_its_counts() {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    let out = runtime(["--once", "--store", &archive.store(), "--filters", filter("cowrie").to_str().unwrap()]).expect(0).out;
    for words in ["filter", "records", "done", "rejected", "failed", "documents", "fuel", "time", "cowrie", "29", "28"] {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
}

#[test]
fn export_selects_by_kind_and_sub_type_and_is_sorted() {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive.run(&[filter("cowrie")], &[]).expect(0);
    let store = archive.store();
    let logins = runtime(["export", "--itype", "event", "--sub-type", "login", "--store", &store]).expect(0).out;
    assert_eq!(logins.lines().count(), 8);
    assert!(logins.lines().all(|line| line.contains(r#""sub_type":"login""#)));
    let hashes: Vec<String> = archive.documents().iter().map(|document| document["_hash"].to_string()).collect();
    assert!(hashes.is_sorted());
}
