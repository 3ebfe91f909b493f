//! Whole files, through the front door.

use std::cell::Cell;
use std::path::PathBuf;

use proptest::strategy::Strategy as _;

use super::*;

/// A file of a test, gone when it is dropped.
struct Sample {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn sample(bytes: &[u8]) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.json");
    std::fs::write(&path, bytes).unwrap();
    Sample { folder, path }
}

const ALL: [Format; 6] = [Format::Auto, Format::Jsonl, Format::Json, Format::Text, Format::Eml, Format::Mbox];

/// What came out: the place and the data of records, `Err` with the reason of what was refused.
type Outcomes = Vec<(At, Result<String, String>)>;

fn outcomes_of_path(path: &Path, sub_type: &str, format: Format) -> Outcomes {
    let mut all = Vec::new();
    read(Source { path, sub_type, format }, &|_| {}, &mut |item| {
        all.push(match item {
            Item::Record { place, document } => (place.at, Ok(document.data)),
            Item::Refused { place, reason } => (place.at, Err(reason)),
        });
        Ok(())
    })
    .unwrap();
    all
}

fn outcomes_as(bytes: &[u8], sub_type: &str, format: Format) -> Outcomes {
    let file = sample(bytes);
    outcomes_of_path(&file.path, sub_type, format)
}

fn outcomes(bytes: &[u8]) -> Outcomes {
    outcomes_as(bytes, "cowrie", Format::Auto)
}

fn record(at: At, data: &str) -> (At, Result<String, String>) {
    (at, Ok(data.to_owned()))
}

fn refused(at: At, reason: &str) -> (At, Result<String, String>) {
    (at, Err(reason.to_owned()))
}

#[test]
fn lines_are_records_and_blank_ones_are_counted() {
    let text = b"{\"b\": 1, \"a\": 2}\n\n \t\r\n{\"c\":3}";
    assert_eq!(outcomes(text), [record(At::Line(1), r#"{"a":2,"b":1}"#), record(At::Line(4), r#"{"c":3}"#)]);
}

#[test]
fn an_array_of_events_is_its_elements() {
    let text = b"\xEF\xBB\xBF [ {\"a\":1} ,\n\n {\"s\":\"],[{\\\"\"} ] \r\n";
    assert_eq!(outcomes(text), [record(At::Element(1), r#"{"a":1}"#), record(At::Element(2), r#"{"s":"],[{\""}"#)]);
}

#[test]
fn one_object_printed_over_several_lines_is_one_record() {
    let text = b"{\n  \"a\": {\n    \"b\": [1,\n 2]\n  }\n}\n";
    assert_eq!(outcomes(text), [record(At::File, r#"{"a":{"b":[1,2]}}"#)]);
}

#[test]
fn a_log_cut_at_midnight_loses_its_half_lines_and_nothing_else() {
    let all = outcomes(b"72.0.2.1\",\"a\":0}\n{\"a\":1}\n{\"a\":2}\n{\"a\":3,\"s\":\"x");
    let [(At::Line(1), Err(first)), (At::Line(2), Ok(_)), (At::Line(3), Ok(_)), (At::Line(4), Err(last))] = &all[..] else {
        panic!("{all:?}")
    };
    assert!(first.starts_with("not JSON: ") && last.starts_with("not JSON: EOF"), "{all:?}");
    // The tail of a line may begin with a bracket, and the head of one may be the first.
    assert_eq!(outcomes(b"[\"none\"],\"a\":0}\n{\"a\":1}\n").len(), 2);
    assert_eq!(outcomes(b"{\"a\":0,\"b\n{\"a\":1}\n").last(), Some(&record(At::Line(2), r#"{"a":1}"#)));
    assert_eq!(outcomes(b"{\"a\":[\n{\"a\":1}\n").last(), Some(&record(At::Line(2), r#"{"a":1}"#)));
}

#[test]
fn a_broken_object_over_several_lines_is_one_refusal_with_its_line() {
    let all = outcomes(b"{\n  \"a\": 1,\n  \"b\": oops\n}\n");
    assert_eq!(all, [refused(At::File, "not JSON: expected value at line 3 column 8")]);
}

#[test]
fn an_array_that_was_cut_off_gives_the_elements_before() {
    let one = record(At::Element(1), r#"{"a":1}"#);
    assert_eq!(outcomes(b"[{\"a\":1},{\"b\":"), [one.clone(), refused(At::Element(2), "the file ends before this element does")]);
    let no_end = refused(At::File, "the array has no end: was it cut off after element 1?");
    assert_eq!(outcomes(b"[{\"a\":1},"), [one.clone(), no_end.clone()]);
    assert_eq!(outcomes(b"[{\"a\":1} "), [one.clone(), no_end]);
    assert_eq!(
        outcomes(b"[{\"a\":1}] x"),
        [one, refused(At::File, "there is more behind the end of the array, after element 1")]
    );
}

#[test]
fn a_broken_element_is_refused_alone() {
    let all = outcomes(b"[{\"a\":1},{\"a\":},7,{\"a\":1]},,{\"a\":2}]");
    let ok: Vec<At> = all.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(at, _)| *at).collect();
    assert_eq!(ok, [At::Element(1), At::Element(6)]);
    assert!(all.contains(&refused(At::Element(3), "expected a JSON object, found a number")));
    assert!(all.contains(&refused(At::Element(5), "expected a JSON object, found nothing")));
}

#[test]
fn feeds_and_mail_are_one_text_byte_for_byte() {
    let text = "\u{feff}http://example.com/\r\nhttp://example.org/\r\n\r\n";
    for sub_type in ["openphish_feed", "openphish", "phishtank_feed", "phishtank", "email"] {
        let expected = crate::json::write(&serde_json::json!({ "data": text }));
        assert_eq!(outcomes_as(text.as_bytes(), sub_type, Format::Auto), [record(At::File, &expected)]);
    }
    assert_eq!(
        outcomes_as(b"caf\xe9", "email", Format::Auto),
        [record(At::File, r#"{"data":"caf\u00e9","encoding":"latin-1"}"#)]
    );
    assert_eq!(outcomes_as(b"[1]", "other", Format::Text), [record(At::File, r#"{"data":"[1]"}"#)]);
}

#[test]
fn the_json_of_a_whole_file_is_one_record_whatever_its_kind() {
    assert_eq!(outcomes_as(b"{\n\"a\":1}\n", "email", Format::Json), [record(At::File, r#"{"a":1}"#)]);
    assert_eq!(
        outcomes_as(b"[{\"a\":1}]", "cowrie", Format::Json),
        [refused(At::File, "expected a JSON object, found an array")]
    );
    assert_eq!(outcomes_as(b"{}\n{}\n", "cowrie", Format::Json).len(), 1);
}

// What follows is issue 2's "Bad input", a row each.

#[test]
fn a_file_that_does_not_exist_is_named() {
    let all = outcomes_of_path(Path::new("/nowhere/sample.json"), "cowrie", Format::Auto);
    assert_eq!(all, [refused(At::File, "cannot be read: No such file or directory (os error 2)")]);
}

#[test]
fn an_empty_file_and_one_of_blank_lines_are_refused() {
    for format in ALL {
        assert_eq!(outcomes_as(b"", "cowrie", format), [refused(At::File, "the file is empty")]);
    }
    assert_eq!(outcomes(b"\n\r\n \n"), [refused(At::File, "no record in it")]);
    assert_eq!(outcomes(b" [ ] "), [refused(At::File, "no record in it")]);
    assert_eq!(outcomes(b"["), [refused(At::File, "the array has no end: was it cut off after element 0?")]);
}

#[test]
fn a_binary_or_compressed_file_is_one_refusal() {
    assert_eq!(outcomes(b"\x7fELF\x02\x01\x01\0\n\0\n"), [refused(At::File, "looks like binary data, not JSON in UTF-8")]);
    assert_eq!(outcomes(b"\xfd7zXZ\0\n\n"), [refused(At::File, "looks like an xz file: unpack it first (unxz)")]);
}

#[test]
fn a_byte_order_mark_and_crlf_make_no_difference_to_json() {
    let expected = [record(At::Line(1), r#"{"a":"\r"}"#), record(At::Line(2), r#"{"b":1}"#)];
    assert_eq!(outcomes(b"\xEF\xBB\xBF{\"a\":\"\\r\"}\r\n{\"b\":1}\r\n"), expected);
    // Files with a mark each, put together.
    assert_eq!(outcomes(b"{\"a\":\"\\r\"}\n\xEF\xBB\xBF{\"b\":1}\n"), expected);
}

#[test]
fn a_line_of_50_mb_is_refused_with_its_size_and_the_next_is_read() {
    let mut text = b"{\"a\":\"".to_vec();
    text.resize(50_000_000, b'x');
    text.extend_from_slice(b"\n{\"b\":1}\n");
    let too_large = "50000000 bytes, a record is at most 15728640";
    assert_eq!(outcomes(&text), [refused(At::Line(1), too_large), record(At::Line(2), r#"{"b":1}"#)]);
    let file_too_large = refused(At::File, "50000009 bytes, a record is at most 15728640");
    assert_eq!(outcomes_as(&text, "email", Format::Auto), std::slice::from_ref(&file_too_large));
    assert_eq!(outcomes_as(&text, "email", Format::Json), [file_too_large]);
}

#[test]
fn an_element_of_20_mb_is_refused_with_its_size_and_the_next_is_read() {
    let mut text = b"[{\"a\":\"".to_vec();
    text.resize(20_000_001, b'[');
    text.extend_from_slice(b"\"},{\"b\":1}]");
    let too_large = "20000002 bytes, a record is at most 15728640";
    assert_eq!(outcomes(&text), [refused(At::Element(1), too_large), record(At::Element(2), r#"{"b":1}"#)]);
}

#[test]
fn invalid_utf8_refuses_its_line() {
    let all = outcomes(b"{\"a\":1}\n{\"a\":\"\xff\"}\n{\"a\":2}\n");
    assert_eq!(all.get(1), Some(&refused(At::Line(2), "not UTF-8 text (byte 7)")));
    assert_eq!(all.len(), 3);
}

#[test]
fn a_lone_surrogate_is_kept_as_a_replacement_character() {
    assert_eq!(outcomes(b"{\"a\":\"\\ud800\"}\n"), [record(At::Line(1), r#"{"a":"\ufffd"}"#)]);
}

#[test]
fn a_nesting_of_10_000_is_refused_on_its_line() {
    let deep = format!("{{\"a\":{}{}}}\n{{\"a\":1}}\n", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(
        outcomes(deep.as_bytes()),
        [refused(At::Line(1), "nested deeper than 16 levels (byte 21)"), record(At::Line(2), r#"{"a":1}"#)]
    );
    let array = format!("[{{\"a\":{}{}}},{{\"a\":1}}]", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(outcomes(array.as_bytes()).len(), 2);
}

#[test]
fn a_folder_and_a_device_are_not_read() {
    let file = sample(b"x");
    let all = outcomes_of_path(file.folder.path(), "cowrie", Format::Auto);
    assert_eq!(all, [refused(At::File, "a directory: name the files in it")]);
    let all = outcomes_of_path(Path::new("/dev/null"), "cowrie", Format::Auto);
    assert_eq!(all, [refused(At::File, "not a regular file (a pipe, a socket or a device): only regular files are read")]);
}

#[test]
fn a_pipe_is_not_waited_for() {
    let file = sample(b"x");
    let pipe = file.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let all = outcomes_of_path(&pipe, "cowrie", Format::Auto);
    assert_eq!(all, [refused(At::File, "not a regular file (a pipe, a socket or a device): only regular files are read")]);
}

#[test]
fn a_large_array_is_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.json");
    std::fs::write(&path, format!("[{{}}{}]", ",0".repeat(300_000))).unwrap();
    let (items, bytes) = (Cell::new(0_u64), Cell::new(0));
    let source = Source { path: &path, sub_type: "cowrie", format: Format::Auto };
    read(source, &|more| bytes.set(bytes.get() + more), &mut |_| {
        items.set(items.get() + 1);
        // Read little by little: no element comes later than the buffers make it.
        assert!(bytes.get() <= items.get() * 2 + 3 * open::PREFIX as u64);
        Ok(())
    })
    .unwrap();
    assert_eq!(items.get(), 300_001);
    assert_eq!(bytes.get(), 600_004);
}

#[test]
fn a_sink_that_fails_ends_the_reading() {
    let file = sample(b"{}\n{}\n");
    let mut seen = 0;
    let source = Source { path: &file.path, sub_type: "cowrie", format: Format::Auto };
    let ended = read(source, &|_| {}, &mut |_| {
        seen += 1;
        Err(anyhow::anyhow!("full"))
    });
    assert_eq!((seen, ended.unwrap_err().to_string()), (1, "full".to_owned()));
}

#[test]
fn a_disk_that_fails_half_way_keeps_what_was_read() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("bad sector"))
        }
    }
    let mut items = Vec::new();
    let mut sink = |item| {
        items.push(item);
        Ok(())
    };
    let source = Source { path: Path::new("a"), sub_type: "cowrie", format: Format::Auto };
    let opened = Opened { prefix: b"{\"a\":1}\n{\"a\":".to_vec(), rest: Box::new(io::BufReader::new(Broken)), size: Some(99) };
    read_opened(opened, source, &mut Found { file: Arc::from(source.path), sub_type: "cowrie", sink: &mut sink, items: 0 })
        .unwrap();
    assert!(matches!(&items[..], [Item::Record { .. }, Item::Refused { place, reason }]
        if place.at == At::File && reason == "cannot be read to the end: bad sector"));
}

#[test]
fn places_read_as_compilers_write_them() {
    let place = |at| Place { file: Arc::from(Path::new("a/b.json")), at }.to_string();
    assert_eq!([place(At::File), place(At::Line(7))], ["a/b.json", "a/b.json:7"]);
    assert_eq!([place(At::Element(3)), place(At::Mail(2))], ["a/b.json: element 3", "a/b.json: mail 2"]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_in_any_format_come_to_an_end_with_at_least_one_item(
        bytes in proptest::prop_oneof![
            proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            "[\\[\\]{},:\"\\\\a1 \n\r\u{feff}]{0,60}".prop_map(String::into_bytes),
        ],
    ) {
        let file = sample(&bytes);
        for format in ALL {
            for sub_type in ["cowrie", "email", "openphish", "other"] {
                proptest::prop_assert!(!outcomes_of_path(&file.path, sub_type, format).is_empty());
            }
        }
    }
}
