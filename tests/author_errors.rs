//! What an author is told when a filter fails: what it did, where, and its own words.

use std::path::Path;

use tahoe_runtime::answer::{Answer, Event, Node};
use tahoe_runtime::selftest::Guest;
use tahoe_runtime::tahoe::{Category, Scalar};

use crate::support::{Archive, Ended, runtime, test_filter};

/// Runs `test` on one case of this record.
fn tested(archive: &Archive, filter: &Path, record: &str) -> Ended {
    let file = archive.file("cases.json", format!(r#"[{{"raw": {record}}}]"#));
    runtime(["test".as_ref(), filter.as_os_str(), file.as_os_str()])
}

/// What is said of a guest that fails whatever the record.
fn said(guest: &Guest<'_>) -> String {
    let archive = Archive::new();
    let filter = archive.file("guest.wasm", guest.bytes().unwrap());
    tested(&archive, &filter, r#"{"sub_type": "sighting", "data": {"a": 1}}"#).expect(1).out
}

#[track_caller]
fn shows(out: &str, words: &[&str]) {
    for words in words {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
}

#[test]
fn a_panic_is_told_with_its_words_and_its_place_and_the_functions_on_the_way() {
    let archive = Archive::new();
    let record = r#"{"sub_type": "construct", "data": {"k": "panic", "data": "no\u001b[2J more"}}"#;
    let out = tested(&archive, &test_filter("constructor"), record).expect(1).out;
    shows(&out, &["trap: ", "told to stop: no\\u{1b}[2J more", "src/lib.rs:", "constructor::stop", "constructor::parse"]);
    assert!(!out.contains('\u{1b}'));
    // The operator's dead letter has the words too.
    let data = archive.file("records.jsonl", r#"{"k": "panic", "data": "no more"}"#);
    archive.ingest(&data, "construct", "org", &[]).expect(0);
    archive.run(&[test_filter("constructor")], &[]).expect(3);
    shows(&runtime(["dead-letters", "list", "--store", &archive.store()]).expect(0).out, &["told to stop: no more"]);
}

#[test]
fn a_loop_is_told_with_the_fuel_that_it_had_and_the_function_that_it_was_in() {
    let fields = "(func $turns_forever (loop (br 0)))";
    let out = said(&Guest { parse: "(call $turns_forever) (i32.const 512)", fields, ..Guest::default() });
    // 50 million, and 500 for each of the seven bytes of `{"a":1}`.
    shows(&out, &["fuel: it used up its fuel in the call: 50003500 units", "in turns_forever"]);
}

#[test]
fn too_much_memory_is_told_with_what_was_asked_for_and_what_there_is() {
    let out = said(&Guest { parse: "(drop (memory.grow (i32.const 2000))) (i32.const 512)", ..Guest::default() });
    shows(&out, &["memory: ", "asked for, at most 67108920", "parse"]);
}

#[test]
fn a_wrong_answer_is_told_with_the_number_and_the_type_of_what_is_wrong() {
    let text = Node::Attribute { sub_type: "text".into(), value: Scalar::Text("x".into()) };
    let thing = Node::Object { sub_type: "thing".into(), children: vec![5] };
    let out = said(&Guest { answer: Answer { nodes: vec![text.clone(), thing], ..Answer::default() }, ..Guest::default() });
    shows(&out, &["answer: node 1 (`thing`): child 5, only the 1 nodes before it"]);
    let event = |category| Event {
        sub_type: "seen".into(),
        timestamp: 1e9,
        category,
        children: vec![0],
        malicious: vec![],
        benign: vec![],
        session: None,
    };
    let answer = Answer { nodes: vec![text], events: vec![event(Category::Unknown), event(Category::Benign)], sessions: vec![] };
    let out = said(&Guest { answer, ..Guest::default() });
    shows(&out, &["answer: event 1 (`seen`): the filter did not declare that it asserts `benign`"]);
}

#[test]
fn what_a_filter_logged_before_it_failed_is_shown() {
    let guest = Guest {
        imports: r#"(import "cybexp:tahoe/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#,
        fields: r#"(data (i32.const 800) "almost there")"#,
        parse: "(call $log (i32.const 1) (i32.const 800) (i32.const 12)) unreachable",
        ..Guest::default()
    };
    shows(&said(&guest), &["trap: ", "unreachable", "logged: almost there"]);
}

#[test]
fn what_is_no_filter_is_refused_with_what_it_is_and_what_to_do() {
    let archive = Archive::new();
    let component = |exports: &str| wat::parse_str(format!("(component (instance $i) {exports})")).unwrap();
    for (name, bytes, words) in [
        ("core", wat::parse_str("(module)").unwrap(), &["it is a core module, not a component; `runtime build`"][..]),
        ("none", component(""), &["does not export cybexp:tahoe/filter@0.1.0", "it exports: nothing"]),
        (
            "later",
            component(r#"(export "cybexp:tahoe/filter@0.2.0" (instance $i))"#),
            &["it exports: cybexp:tahoe/filter@0.2.0", "another version of it"],
        ),
        ("empty", component(r#"(export "cybexp:tahoe/filter@0.1.0" (instance $i))"#), &["not a valid component", "describe"]),
    ] {
        let file = archive.file(&format!("{name}.wasm"), bytes);
        let cases = archive.file("cases.json", r#"[{"raw": {"sub_type": "t", "data": {}}}]"#);
        let tested = runtime(["test".as_ref(), file.as_os_str(), cases.as_os_str()]).expect(1);
        let inspected = runtime(["inspect".as_ref(), file.as_os_str()]).expect(1);
        for words in words {
            assert!(tested.err.contains(words), "{words} is not in: {}", tested.err);
            assert!(inspected.out.contains(words), "{words} is not in: {}", inspected.out);
        }
    }
}

#[test]
fn a_filter_that_cannot_describe_itself_is_told_where_it_failed() {
    let archive = Archive::new();
    let fields = "(func $falls (unreachable))";
    let guest = Guest { describe: "(call $falls) (i32.const 0)", fields, ..Guest::default() };
    let file = archive.file("guest.wasm", guest.bytes().unwrap());
    let out = runtime(["inspect".as_ref(), file.as_os_str()]).expect(1).out;
    shows(&out, &["no: it failed to describe itself", "(trap)", "in falls"]);
}
