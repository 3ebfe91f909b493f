//! Secret options: how they get to a filter, and that they get nowhere else.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::guest::{EMPTY_ANSWER, Guest, Setting};
use crate::support::traffic::cowrie;
use crate::support::{Archive, Ended, command, runtime};

const IMPORTS: &str = r#"(import "cybexp:tahoe/options@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "cybexp:tahoe/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;

/// Gets the option `token`: at 404 is where its value lies, at 408 how long it is.
const GET: &str = "(call $get (i32.const 32) (i32.const 5) (i32.const 400))";
const VALUE: &str = "(i32.load (i32.const 404)) (i32.load (i32.const 408))";

/// Rejects the record, the value being the reason.
const REJECT: &str = "(i32.store8 (i32.const 512) (i32.const 1))
    (i32.store (i32.const 516) (i32.load (i32.const 404))) (i32.store (i32.const 520) (i32.load (i32.const 408)))
    (i32.const 512)";

/// Answers with one attribute `note` that has the value.
const ANSWER: &str = "(i32.store (i32.const 516) (i32.const 600)) (i32.store (i32.const 520) (i32.const 1))
    (i32.store (i32.const 608) (i32.const 48)) (i32.store (i32.const 612) (i32.const 4))
    (i32.store8 (i32.const 616) (i32.const 4))
    (i32.store (i32.const 624) (i32.load (i32.const 404))) (i32.store (i32.const 628) (i32.load (i32.const 408)))
    (i32.const 512)";

const TOKEN: Setting<'_> = Setting { key: "token", allowed: &[], secret: true };

/// A filter `lookup` that does something with its option `token`.
fn lookup_with(archive: &Archive, token: Setting<'_>, parse: &str) -> PathBuf {
    let guest = Guest {
        name: "lookup",
        options: &[token],
        imports: IMPORTS,
        parse: &format!("{GET} {parse}"),
        fields: r#"(data (i32.const 32) "token") (data (i32.const 48) "note")"#,
        ..Guest::default()
    };
    archive.file("lookup.wasm", guest.bytes().unwrap())
}

fn lookup(archive: &Archive, parse: &str) -> PathBuf {
    lookup_with(archive, TOKEN, parse)
}

/// An archive with three records.
fn archive() -> Archive {
    let archive = Archive::new();
    archive.ingest(&archive.file("records.jsonl", cowrie(3)), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

fn ended(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

#[track_caller]
fn hides(ended: &Ended, secret: &str) {
    assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "stdout:\n{}\nstderr:\n{}", ended.out, ended.err);
}

/// Long enough to be looked for in what a filter says.
const SECRET: &str = "correct-horse-battery";

#[test]
fn a_secret_comes_by_a_file_or_the_environment_in_whatever_way_it_is_named() {
    // Short, so that the filter may say what it was given.
    let given = |prepare: &dyn Fn(&Archive, &mut Command)| {
        let archive = archive();
        let mut run = archive.run_command(&[lookup(&archive, REJECT)], &[]);
        prepare(&archive, &mut run);
        let summary = ended(&mut run).expect(0).json();
        summary["filters"][0]["reasons"][0][0].as_str().unwrap().to_owned()
    };
    let config = |archive: &Archive, run: &mut Command, token: Value| {
        let config = json!({"runtime": {"options": {"lookup": {"token": token}}}});
        run.arg("--config").arg(archive.file("config.json", config.to_string()));
    };
    let by_file = given(&|archive, run| {
        let option = format!("lookup.token={}", archive.file("token", "tok-1\n").display());
        run.args(["--option-file", &option]);
    });
    let by_variable = given(&|_, run| {
        run.env("RUNTIME_OPTION_LOOKUP_TOKEN", "tok-2");
    });
    let by_file_in_the_configuration = given(&|archive, run| {
        archive.file("token", "tok-3");
        config(archive, run, json!({"file": "token"}));
    });
    let by_variable_in_the_configuration = given(&|archive, run| {
        config(archive, run.env("LOOKUP", "tok-4"), json!({"env": "LOOKUP"}));
    });
    // The command line holds before the environment, that before the file.
    let by_all = given(&|archive, run| {
        config(archive, run.env("LOOKUP", "tok-5").env("RUNTIME_OPTION_LOOKUP_TOKEN", "tok-6"), json!({"env": "LOOKUP"}));
    });
    let ways = [by_file, by_variable, by_file_in_the_configuration, by_variable_in_the_configuration, by_all];
    assert_eq!(ways, ["tok-1", "tok-2", "tok-3", "tok-4", "tok-6"]);
}

#[test]
fn a_secret_in_the_open_is_refused_and_not_repeated() {
    let archive = archive();
    let filters = [lookup(&archive, REJECT)];
    let option = format!("lookup.token={SECRET}");
    let open = archive.run(&filters, &["--option", &option]).expect(2);
    for words in ["lookup.token is secret", "--option-file lookup.token=PATH", "RUNTIME_OPTION_LOOKUP_TOKEN", "\"file\""] {
        assert!(open.err.contains(words), "{words} is not in: {}", open.err);
    }
    hides(&open, SECRET);
    // Mistyped: no dot, no equals sign.
    for option in [format!("token={SECRET}.x"), format!("lookup.token:{SECRET}"), SECRET.to_owned()] {
        let refused = archive.run(&filters, &["--option", &option]).expect(2);
        assert!(refused.err.contains("expected FILTER.KEY=VALUE"), "{}", refused.err);
        hides(&refused, SECRET);
    }
    let config = json!({"runtime": {"filters": filters, "options": {"lookup": {"token": SECRET}}}});
    let config = archive.file("config.json", config.to_string());
    let refused = archive.run(&filters, &["--config", config.to_str().unwrap()]).expect(2);
    assert!(refused.err.contains("lookup.token is secret"), "{}", refused.err);
    hides(&refused, SECRET);
    for arguments in [vec![], vec!["--json"], vec!["--filters", "/no/such.wasm"]] {
        let check = ["config", "check", "--config", config.to_str().unwrap()].into_iter().chain(arguments);
        let checked = runtime(check);
        assert_ne!(checked.code, Some(0));
        assert!(checked.out.contains("***"), "{}", checked.out);
        hides(&checked, SECRET);
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_without_it() {
    let archive = archive();
    let filters = [lookup_with(&archive, Setting { allowed: &["one", "two"], ..TOKEN }, REJECT)];
    let token = |content: &str| format!("lookup.token={}", archive.file("token", content).display());
    for (content, code, words) in [
        (SECRET.to_owned(), 2, "allowed: one, two"),
        (format!("{SECRET}\n{SECRET}"), 2, "one line"),
        ("\n".to_owned(), 1, "is empty"),
        (SECRET.repeat(1000), 1, "more than 4096 bytes"),
    ] {
        let refused = archive.run(&filters, &["--option-file", &token(&content)]).expect(code);
        assert!(refused.err.contains("lookup.token") && refused.err.contains(words), "{words}: {}", refused.err);
        hides(&refused, SECRET);
    }
    let missing = archive.run(&filters, &["--option-file", "lookup.token=/no/such"]).expect(1).err;
    assert!(missing.contains("the option lookup.token: the file /no/such cannot be read"), "{missing}");
    let config = json!({"runtime": {"options": {"lookup": {"token": {"env": "NOBODY_SETS_THIS"}}}}});
    let config = archive.file("config.json", config.to_string());
    let unset = archive.run(&filters, &["--config", config.to_str().unwrap()]).expect(1).err;
    assert!(unset.contains("the variable NOBODY_SETS_THIS is not set"), "{unset}");
    let twice = archive.run(&filters, &["--option-file", "lookup.token=a", "--option", "lookup.token=b"]).expect(2).err;
    assert!(twice.contains("lookup.token is given twice"), "{twice}");
}

#[test]
fn variables_that_mean_nothing_or_two_things_are_told() {
    let archive = archive();
    let filters = [lookup(&archive, EMPTY_ANSWER)];
    let typo = ended(archive.run_command(&filters, &[]).env("RUNTIME_OPTION_LOOKUP_TOKN", SECRET)).expect(0);
    assert!(typo.err.contains("RUNTIME_OPTION_LOOKUP_TOKN"), "{}", typo.err);
    hides(&typo, SECRET);
    let second = Guest { number: 8, name: "look", options: &[Setting { key: "up_token", ..TOKEN }], ..Guest::default() };
    let [first] = filters;
    let filters = [first, archive.file("look.wasm", second.bytes().unwrap())];
    archive.run(&filters, &[]).expect(0);
    let both = archive.run_command(&filters, &[]).env("RUNTIME_OPTION_LOOK_UP_TOKEN", SECRET).output().unwrap();
    Ended::from(both).expect(0);
    let second = Guest { number: 8, name: "lookup_x", options: &[Setting { key: "y", ..TOKEN }], ..Guest::default() };
    let third = Guest { number: 7, name: "lookup", options: &[Setting { key: "x_y", ..TOKEN }], ..Guest::default() };
    let filters = [archive.file("second.wasm", second.bytes().unwrap()), archive.file("third.wasm", third.bytes().unwrap())];
    let both = ended(archive.run_command(&filters, &[]).env("RUNTIME_OPTION_LOOKUP_X_Y", SECRET)).expect(2);
    assert!(both.err.contains("could be meant for lookup_x.y and for lookup.x_y"), "{}", both.err);
    hides(&both, SECRET);
}

/// Everything in an archive's folder that the runtime wrote, and all that its commands print.
#[track_caller]
fn nothing_holds(archive: &Archive, secret: &str) {
    for entry in std::fs::read_dir(archive.path(".")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found || path.ends_with("token"), "{} holds it", path.display());
    }
    for arguments in [vec!["export"], vec!["status", "--json"], vec!["dead-letters", "list", "--json"]] {
        hides(&runtime([arguments, vec!["--store", &archive.store()]].concat()).expect(0), secret);
    }
}

/// A run of a filter that was given [`SECRET`] in a file.
fn run_with_secret(archive: &Archive, parse: &str, code: i32) -> Value {
    let option = format!("lookup.token={}", archive.file("token", SECRET).display());
    let filters = [lookup(archive, parse)];
    let ended = ended(archive.run_command(&filters, &["--option-file", &option]).env("RUNTIME_LOG", "debug")).expect(code);
    hides(&ended, SECRET);
    nothing_holds(archive, SECRET);
    let mut summary = ended.json();
    summary["err"] = ended.err.into();
    summary
}

#[test]
fn an_answer_that_holds_a_secret_is_a_dead_letter_without_it() {
    let archive = archive();
    let summary = run_with_secret(&archive, ANSWER, 3);
    assert_eq!(summary["filters"][0]["failed"], 3);
    let letters = runtime(["dead-letters", "list", "--json", "--store", &archive.store()]).expect(0).out;
    for letter in letters.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert_eq!(
            (&letter["kind"], &letter["message"]),
            (&"answer".into(), &"the answer holds the value of the secret option token".into())
        );
    }
    // The same filter with a value that is too short to be looked for stores it: the answer itself is a good one.
    let other = self::archive();
    let option = format!("lookup.token={}", other.file("token", "short").display());
    other.run(&[lookup(&other, ANSWER)], &["--option-file", &option]).expect(0);
    assert!(other.documents().iter().any(|document| document["data"] == "short"), "{}", other.export());
}

#[test]
fn a_secret_is_taken_out_of_reasons_and_log_lines() {
    let rejected = run_with_secret(&archive(), REJECT, 0);
    assert_eq!(rejected["filters"][0]["reasons"], json!([["***", 3]]));
    let logging = format!("(call $log (i32.const 3) {VALUE}) {EMPTY_ANSWER}");
    let logged = run_with_secret(&archive(), &logging, 0);
    assert!(logged["err"].as_str().unwrap().contains("ERROR ***"), "{logged}");
}

#[test]
fn a_lock_holds_a_salted_digest_of_a_secret_and_notes_another_value() {
    let archive = archive();
    let filters = [lookup(&archive, EMPTY_ANSWER)];
    let path = archive.path("filters.lock");
    let lock = |secret: &str, more: &[&str]| {
        let mut command = command(["lock", "--lock"]);
        command.arg(&path).args(more).arg("--filters").args(&filters).env("RUNTIME_OPTION_LOOKUP_TOKEN", secret);
        ended(&mut command)
    };
    let run = |secret: &str| {
        let arguments = ["--lock", path.to_str().unwrap()];
        ended(archive.run_command(&filters, &arguments).env("RUNTIME_OPTION_LOOKUP_TOKEN", secret))
    };
    lock(SECRET, &[]).expect(0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("salt = ") && text.contains("[filter.lookup.secrets]"), "{text}");
    lock(SECRET, &[]).expect(0);
    run(SECRET).expect(0);
    for refused in [run("another-horse-battery").expect(1), lock("another-horse-battery", &[]).expect(3)] {
        let told = format!("{}{}", refused.out, refused.err);
        assert!(told.contains("option token: a secret with digest "), "{told}");
        hides(&refused, "another-horse");
        hides(&refused, SECRET);
    }
    assert!(run("").expect(1).err.contains("→ \"\""));
    lock("another-horse-battery", &["--accept"]).expect(0);
    run("another-horse-battery").expect(0);
    nothing_holds(&archive, SECRET);
    nothing_holds(&archive, "another-horse-battery");
    // Another salt, another digest.
    let first = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    lock("another-horse-battery", &[]).expect(0);
    assert_ne!(std::fs::read_to_string(&path).unwrap(), first);
}

#[test]
fn a_filter_that_no_longer_calls_its_option_secret_does_not_have_it_shown() {
    let archive = archive();
    let option = format!("lookup.token={}", archive.file("token", SECRET).display());
    let lock = archive.path("filters.lock");
    let arguments = ["--option-file", &option, "--lock", lock.to_str().unwrap(), "--filters"];
    let before = lookup(&archive, EMPTY_ANSWER);
    ended(command(["lock"]).args(arguments).arg(before)).expect(0);
    let after = lookup_with(&archive, Setting { secret: false, ..TOKEN }, EMPTY_ANSWER);
    let shown = ended(command(["lock"]).args(arguments).arg(&after)).expect(3);
    assert!(shown.out.contains("sha256:"), "{}", shown.out);
    let checked = ended(command(["config", "check"]).args(arguments).arg(&after)).expect(1);
    assert!(checked.out.contains("in the file"), "{}", checked.out);
    for ended in [shown, checked] {
        hides(&ended, SECRET);
    }
}

#[test]
fn an_option_that_is_no_secret_may_come_by_a_file_and_be_told_by_the_filter() {
    let archive = archive();
    let option = format!("lookup.token={}", archive.file("token", "a.zone.example").display());
    let filters = [lookup_with(&archive, Setting { secret: false, ..TOKEN }, ANSWER)];
    archive.run(&filters, &["--option-file", &option]).expect(0);
    assert!(archive.documents().iter().any(|document| document["data"] == "a.zone.example"), "{}", archive.export());
}
