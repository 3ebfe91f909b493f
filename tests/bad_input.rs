//! Files that are not what they should be: a clear word with file and line, the right exit code, everything else
//! archived.

use crate::support::{Archive, root, runtime};

const GOOD: &str = r#"{"eventid":"cowrie.session.params","session":"a1","timestamp":"2025-01-01T00:00:00Z"}"#;
const ALSO_GOOD: &str = r#"{"eventid":"cowrie.session.params","session":"a2","timestamp":"2025-01-01T00:00:00Z"}"#;

fn ingest(content: impl AsRef<[u8]>, code: i32) -> (Archive, String) {
    let archive = Archive::new();
    let file = archive.file("in.json", content);
    let ended = archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(code);
    (archive, ended.err)
}

fn records(archive: &Archive) -> usize {
    archive.documents().len()
}

#[test]
fn bad_lines_are_named_by_file_and_line_and_the_rest_goes_in() {
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let cases: [(&[u8], &str); 7] = [
        (b"not json", "not JSON"),
        (b"{\"eventid\":\"cowrie.session.p", "not JSON"),
        (b"{\"a\":\"\xff\"}", "UTF-8"),
        (deep.as_bytes(), "nested deeper than 16"),
        (b"[1]", "object"),
        (b"{\"a\":123456789012345678901234567890}", "does not fit in 64 bits"),
        (b"{\"a\":1e400}", "not JSON"),
    ];
    for (bad, reason) in cases {
        let content = [GOOD.as_bytes(), bad, ALSO_GOOD.as_bytes()].join(&b'\n');
        let (archive, err) = ingest(content, 3);
        assert!(err.contains("in.json:2: ") && err.contains(reason), "{reason}: {err}");
        assert_eq!(records(&archive), 2, "{reason}");
    }
}

#[test]
fn a_line_of_fifty_megabytes_is_refused_with_its_size_and_its_neighbours_go_in() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(50_000_000));
    let (archive, err) = ingest([GOOD, &long, ALSO_GOOD].join("\n"), 3);
    assert!(err.contains("in.json:2: ") && err.contains("50000008"), "{err}");
    assert_eq!(records(&archive), 2);
}

#[test]
fn byte_order_mark_carriage_returns_blank_lines_and_a_missing_last_line_feed_do_not_matter() {
    let (archive, err) = ingest(format!("\u{feff}{GOOD}\r\n\r\n{ALSO_GOOD}"), 0);
    assert_eq!((records(&archive), err.as_str()), (2, ""));
}

#[test]
fn a_lone_surrogate_is_archived_as_the_replacement_character() {
    let (archive, _) = ingest(r#"{"eventid":"x","session":"\ud800"}"#, 0);
    assert!(archive.export().contains(r#""session":"\ufffd""#));
}

#[test]
fn files_that_hold_no_record_are_named_and_nothing_is_archived() {
    for (content, reason) in [
        (Vec::new(), "empty"),
        (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "gzip"),
        ((0..=255_u8).cycle().take(5_000).collect(), "in.json"),
        (GOOD[..20].into(), "not JSON"),
    ] {
        let (archive, err) = ingest(content, 1);
        assert!(err.contains("in.json") && err.contains(reason), "{reason}: {err}");
        assert_eq!(records(&archive), 0);
    }
}

#[test]
fn a_missing_file_is_named_and_the_others_go_in() {
    let archive = Archive::new();
    let good = archive.file("good.json", GOOD);
    let missing = archive.path("missing.json");
    let store = archive.store();
    let arguments = [
        "ingest",
        missing.to_str().unwrap(),
        good.to_str().unwrap(),
        "--sub-type",
        "cowrie",
        "--orgid",
        "org",
        "--store",
        &store,
    ];
    let ended = runtime(arguments).expect(3);
    assert!(ended.err.contains("missing.json"), "{}", ended.err);
    assert_eq!(records(&archive), 1);
}

#[test]
fn arguments_that_make_no_sense_are_usage_errors_and_leave_no_store_behind() {
    let archive = Archive::new();
    let good = archive.file("good.json", GOOD);
    for (sub_type, orgid, more) in [
        ("no identifier", "org", [].as_slice()),
        ("cowrie", "", &[]),
        ("cowrie", "org", &["--timezone", "Mars/Base"]),
        ("cowrie", "org", &["--received-at", "nan"]),
        ("cowrie", "org", &["--format", "punch-cards"]),
    ] {
        archive.ingest(&good, sub_type, orgid, more).expect(2);
    }
    runtime(["export", "--itype", "nonsense"]).expect(2);
    runtime(["show"]).expect(2);
    runtime(["--filters"]).expect(2);
    runtime(["nonsense"]).expect(2);
    for store in ["store.db", "postgres://user:secret@db.example/x", "mongodb:d"] {
        let ended = runtime(["export", "--store", store]).expect(2);
        assert!(ended.err.contains("sqlite:PATH") && !ended.err.contains("secret"), "{}", ended.err);
    }
    assert!(!archive.path("store.db").exists());
}

#[test]
fn a_store_that_is_none_is_named_and_not_made_by_looking() {
    let archive = Archive::new();
    let ended = runtime(["export", "--store", &archive.store()]).expect(1);
    assert!(ended.err.contains("store.db"), "{}", ended.err);
    assert!(!archive.path("store.db").exists());
    archive.file("store.db", "this is no database, but a text that is long enough to be taken for one".repeat(20));
    for command in ["export", "ingest"] {
        let records = root().join("fixtures/records/cowrie.jsonl");
        let ended = match command {
            "export" => runtime(["export", "--store", &archive.store()]),
            _ => archive.ingest(&records, "cowrie", "org", &[]),
        };
        let ended = ended.expect(1);
        assert!(ended.err.contains("store.db"), "{command}: {}", ended.err);
    }
}
