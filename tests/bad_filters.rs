//! Filters that loop, eat memory or trap, beside good ones.

use serde_json::Value;

use tahoe_runtime::selftest;

use crate::support::server::database;
use crate::support::traffic::cowrie;
use crate::support::{Archive, Ended, filter, guest, root, runtime};

fn archive() -> Archive {
    let archive = Archive::new();
    archive.ingest(&root().join("fixtures/records/cowrie.jsonl"), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

const LOOP: &str = "(loop (br 0)) unreachable";
const MEMORY_BOMB: &str = "(loop (drop (memory.grow (i32.const 64))) (br 0)) unreachable";

#[test]
fn bad_filters_cost_their_own_records_and_nothing_of_the_others() {
    let good = [filter("cowrie"), filter("sighting")];
    let alone = archive();
    alone.run(&good, &[]).expect(0);

    let mixed = archive();
    let mut filters = vec![
        guest::file(&mixed, 1, "looping", LOOP),
        guest::file(&mixed, 2, "greedy", MEMORY_BOMB),
        guest::file(&mixed, 3, "trapping", "unreachable"),
    ];
    filters.extend(good);
    let summary = mixed.run(&filters, &[]).expect(3).json();
    for (index, name) in ["looping", "greedy", "trapping"].iter().enumerate() {
        let summary = &summary["filters"][index];
        // Ten failures in a row, and it is over for this run: its other records stay pending.
        let numbers = [&summary["failed"], &summary["store"]["failed"], &summary["store"]["pending"]];
        assert_eq!((&summary["filter"], numbers.map(|number| number.as_u64().unwrap())), (&Value::from(*name), [10, 10, 19]));
    }
    assert_eq!(mixed.export(), alone.export());

    let letters = runtime(["dead-letters", "list", "--json", "--store", &mixed.store()]).expect(0);
    let letters: Vec<Value> = letters.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 3 * 10);
    for letter in &letters {
        let kind = match letter["filter"].as_str().unwrap() {
            "looping" => "fuel",
            "greedy" => "memory",
            _ => "trap",
        };
        assert_eq!(letter["kind"], kind, "{letter}");
    }
    // Another run goes on where this one stopped, and in the end everything is settled.
    mixed.run(&filters, &[]).expect(3);
    mixed.run(&filters, &[]).expect(3);
    let last = mixed.run(&filters, &[]).expect(0).json();
    assert_eq!((&last["filters"][0]["attempts"], &last["filters"][0]["store"]["failed"]), (&Value::from(0), &Value::from(29)));
}

#[test]
fn dead_letters_are_the_same_on_every_store() {
    let Some(store) = database("dead_letters") else { return };
    let [embedded, server] = [Archive::new(), Archive::at(store)].map(|archive| {
        // Fewer records than stop a filter for the rest of a run: which are the first ten, each store decides.
        let file = archive.file("records.jsonl", cowrie(9));
        archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
        let bodies = [("looping", LOOP), ("greedy", MEMORY_BOMB), ("trapping", "unreachable"), ("wrong", "(i32.const -16)")];
        let filters: Vec<_> =
            bodies.iter().zip(1..).map(|((name, parse), number)| guest::file(&archive, number, name, parse)).collect();
        archive.run(&filters, &["--workers", "1"]).expect(3);
        let letters = runtime(["dead-letters", "list", "--json", "--store", &archive.store()]).expect(0).out;
        let mut letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for letter in &mut letters {
            let letter = letter.as_object_mut().unwrap();
            assert!(letter.remove("id").unwrap().as_i64().unwrap() > 0);
            assert!(letter.remove("failed_at").unwrap().as_f64().unwrap() > 1_767_225_600.0);
        }
        letters.sort_by_key(Value::to_string);
        letters
    });
    assert_eq!(embedded.len(), 4 * 9);
    assert_eq!(embedded, server);
}

fn refused(archive: &Archive, filters: &[std::path::PathBuf], code: i32, words: &[&str]) {
    let Ended { err, .. } = archive.run(filters, &[]).expect(code);
    for word in words {
        assert!(err.contains(word), "{word:?} is not in: {err}");
    }
}

#[test]
fn filters_that_cannot_run_are_refused_at_start_by_name() {
    let archive = archive();
    let missing = archive.path("*.wasm");
    refused(&archive, &[missing], 1, &["*.wasm", "build"]);
    let text = archive.file("text.wasm", "hello");
    refused(&archive, &[text], 1, &["text.wasm", "not WebAssembly"]);
    let core = archive.file("core.wasm", wat::parse_str("(module)").unwrap());
    refused(&archive, &[core], 1, &["core.wasm", "core module"]);
    let other = archive.file("other.wasm", wat::parse_str("(component)").unwrap());
    refused(&archive, &[other], 1, &["other.wasm", "does not export cybexp:tahoe/filter@0.1.0"]);
    let whole = std::fs::read(filter("cowrie")).unwrap();
    let half = archive.file("half.wasm", &whole[..whole.len() / 2]);
    refused(&archive, &[half], 1, &["half.wasm", "not a valid component"]);
    let large = archive.file("large.wasm", [b"\0asm\x0d\0\x01\0".as_slice(), &vec![0; 64 << 20]].concat());
    refused(&archive, &[large], 1, &["large.wasm", "at most"]);
    let twin = archive.file("twin.wasm", whole);
    refused(&archive, &[filter("cowrie"), twin], 1, &["twin.wasm", "d2076b75-715e-4e4d-ae0a-a291cc6d90b7"]);
    refused(&archive, &[archive.path(".")], 1, &["not a regular file"]);
}

#[test]
fn a_component_that_is_refused_is_left_out_with_its_reason_and_the_others_run() {
    let alone = archive();
    alone.run(&[filter("cowrie")], &[]).expect(0);
    let mixed = archive();
    let bomb = selftest::cases::all().into_iter().find(|case| case.name == "compile-bomb-that-takes-memory").unwrap();
    let bomb = mixed.file("bomb.wasm", bomb.component().unwrap());
    let text = mixed.file("text.wasm", "hello");
    let filters = [bomb, filter("cowrie"), text];
    // An option of one that is refused is no mistake: nobody knows what options it has.
    let ended = mixed.run(&filters, &["--option", "bomb.size=1"]).expect(3);
    for words in ["bomb.wasm is refused, and the others run without it: compiling it", "text.wasm is refused"] {
        assert!(ended.err.contains(words), "{words:?} is not in: {}", ended.err);
    }
    let summary = ended.json();
    assert_eq!((&summary["filters"][0]["attempts"], summary["filters"].as_array().unwrap().len()), (&Value::from(29), 1));
    assert!(summary["refused"][0]["reason"].as_str().unwrap().contains("compiling it"), "{summary}");
    assert!(summary["refused"][1]["file"].as_str().unwrap().ends_with("text.wasm"), "{summary}");
    assert_eq!(mixed.export(), alone.export());
    // What was agreed to is all of them, or nothing runs.
    let lock = mixed.path("filters.lock");
    let both = [filter("cowrie"), filter("sighting")];
    let lock = lock.to_str().unwrap();
    runtime(["lock", "--lock", lock, "--filters", both[0].to_str().unwrap(), both[1].to_str().unwrap()]).expect(0);
    let broken = mixed.file("sighting.wasm", "hello");
    let err = mixed.run(&[filter("cowrie"), broken], &["--lock", lock]).expect(1).err;
    assert!(err.contains("sighting.wasm is refused") && err.contains("nothing runs"), "{err}");
}

#[test]
fn a_filter_that_fails_to_describe_itself_is_refused() {
    let archive = archive();
    // The start function runs when the component is instantiated: on the fuel of setup.
    let looping = guest::Guest { fields: "(func $start (loop (br 0))) (start $start)", ..guest::Guest::default() };
    let looping = archive.file("start.wasm", looping.bytes().unwrap());
    refused(&archive, &[looping], 1, &["start.wasm", "fuel"]);
    let nameless = guest::file(&archive, 5, "No Name", "unreachable");
    refused(&archive, &[nameless], 1, &["descriptor", "name"]);
}

#[test]
fn options_that_a_filter_does_not_have_are_refused_at_start() {
    let archive = archive();
    let filters = [filter("sighting")];
    for (option, words) in [
        ("sighting.nonsense=1", "no option \"nonsense\"; it has: honeypot"),
        ("sighting.honeypot=maybe", "allowed: on, off"),
        ("cowrie.x=1", "does not run"),
        ("nonsense", "expected FILTER.KEY=VALUE"),
    ] {
        let err = archive.run(&filters, &["--option", option]).expect(2).err;
        assert!(err.contains(words), "{option}: {err}");
    }
    let summary = archive.run(&filters, &["--option", "sighting.honeypot=off"]).expect(0).json();
    assert_eq!((&summary["filters"][0]["done"], &summary["filters"][0]["documents"]), (&Value::from(29), &Value::from(0)));
}
