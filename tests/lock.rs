//! `runtime lock`, and runs that are held to one.

use std::path::PathBuf;

use crate::support::guest::{EMPTY_ANSWER, Guest};
use crate::support::{Archive, Ended, command, filter, guest, runtime};

/// A lock beside an archive, and the arguments that name it.
fn lock(archive: &Archive) -> String {
    archive.path("filters.lock").to_str().unwrap().to_owned()
}

fn lock_filters(archive: &Archive, filters: &[PathBuf], more: &[&str]) -> Ended {
    let lock = lock(archive);
    let arguments = ["lock", "--lock", &lock].into_iter().chain(more.iter().copied()).chain(["--filters"]);
    command(arguments).args(filters).output().unwrap().into()
}

/// A filter of this name and id that does nothing; `variant` makes other bytes of it.
fn quiet(archive: &Archive, number: u8, name: &str, variant: &str) -> PathBuf {
    archive.file(&format!("{name}.wasm"), Guest { number, name, fields: variant, ..Guest::default() }.bytes().unwrap())
}

fn contains(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words} is not in: {text}");
    }
}

#[test]
fn a_run_with_the_lock_that_was_written_of_its_filters_starts() {
    let archive = Archive::new();
    let filters = [filter("cowrie"), filter("sighting")];
    let written = lock_filters(&archive, &filters, &[]).expect(0);
    contains(&written.out, &["filters.lock now says what these may be: cowrie, sighting"]);
    let text = std::fs::read_to_string(lock(&archive)).unwrap();
    contains(
        &text,
        &[
            "version = 1\n",
            "[filter.cowrie]",
            "[filter.sighting]",
            "d2076b75-715e-4e4d-ae0a-a291cc6d90b7",
            "contract = \"cybexp:tahoe/filter@0.1.0\"",
            "profile = \"pure\"",
            "honeypot = \"on\"",
            "fuel = \"50000000 + 500 per byte\"",
        ],
    );
    let ended = archive.run(&filters, &["--lock", &lock(&archive)]).expect(0);
    assert!(!ended.err.contains("no lock"), "{}", ended.err);
    // The order of the filters is nobody's business, and saying it again changes nothing.
    let [cowrie, sighting] = filters;
    archive.run(&[sighting.clone(), cowrie.clone()], &["--lock", &lock(&archive)]).expect(0);
    let same = lock_filters(&archive, &[sighting, cowrie], &[]).expect(0);
    contains(&same.out, &["says the same of these: sighting, cowrie"]);
    assert_eq!(std::fs::read_to_string(lock(&archive)).unwrap(), text);
    let beside: Vec<_> = std::fs::read_dir(archive.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_str().unwrap().ends_with(".new")), "{beside:?}");
}

#[test]
fn without_a_lock_a_run_says_once_what_it_trusts() {
    let archive = Archive::new();
    let err = archive.run(&[filter("cowrie"), filter("sighting")], &[]).expect(0).err;
    assert_eq!(err.matches("no lock").count(), 1, "{err}");
    contains(&err, &["cowrie ", "sighting ", "sha256", "`runtime lock`", "--lock"]);
}

#[test]
fn a_component_with_other_bytes_is_refused_until_it_is_accepted() {
    let archive = Archive::new();
    let first = quiet(&archive, 1, "quiet", "");
    let digest = |file: &PathBuf| {
        runtime(["inspect".as_ref(), "--json".as_ref(), file.as_os_str()]).expect(0).json()["sha256"].as_str().unwrap().to_owned()
    };
    let old = digest(&first);
    lock_filters(&archive, std::slice::from_ref(&first), &[]).expect(0);
    let before = std::fs::read(lock(&archive)).unwrap();
    // Same name, same id, same words about itself.
    let second = quiet(&archive, 1, "quiet", "(func)");
    let change = format!("sha256: {old} → {}", digest(&second));
    let second = [second];
    for arguments in [vec!["--lock"], vec!["--workers", "1", "--dry-run", "--lock"]] {
        let lock = lock(&archive);
        let err = archive.run(&second, &[arguments, vec![lock.as_str()]].concat()).expect(1).err;
        contains(&err, &["not what", "filters.lock", "quiet:", &change, "runtime lock --accept"]);
    }
    // Nothing was even opened.
    assert!(!archive.path("store.db").exists());
    let shown = lock_filters(&archive, &second, &[]).expect(3);
    contains(&shown.out, &["quiet:", &change, "Nothing was written", "--accept"]);
    let json = lock_filters(&archive, &second, &["--json"]).expect(3).json();
    assert_eq!((&json["written"], &json["differences"][0]["changes"][0]["field"]), (&false.into(), &"sha256".into()));
    assert_eq!(std::fs::read(lock(&archive)).unwrap(), before);
    let accepted = lock_filters(&archive, &second, &["--accept"]).expect(0);
    contains(&accepted.out, &[&change, "now says"]);
    archive.run(&second, &["--lock", &lock(&archive)]).expect(0);
}

#[test]
fn filters_that_come_or_go_are_differences_too() {
    let archive = Archive::new();
    let [one, two, three] =
        [(1, "one"), (2, "two"), (3, "three")].map(|(number, name)| guest::file(&archive, number, name, EMPTY_ANSWER));
    lock_filters(&archive, &[one.clone(), two], &[]).expect(0);
    let err = archive.run(&[one, three], &["--lock", &lock(&archive)]).expect(1).err;
    contains(&err, &["two: is in the lock, and not among the filters", "three: is not in the lock"]);
    assert!(!err.contains("one:"), "{err}");
}

#[test]
fn options_and_limits_of_a_run_are_part_of_the_lock() {
    let archive = Archive::new();
    let filters = [filter("sighting")];
    let lock = lock(&archive);
    lock_filters(&archive, &filters, &[]).expect(0);
    let err = archive.run(&filters, &["--lock", &lock, "--option", "sighting.honeypot=off"]).expect(1).err;
    contains(&err, &["sighting:", r#"option honeypot: "on" → "off""#]);
    lock_filters(&archive, &filters, &["--accept", "--option", "sighting.honeypot=off"]).expect(0);
    archive.run(&filters, &["--lock", &lock, "--option", "sighting.honeypot=off"]).expect(0);
    let limits =
        serde_json::json!({"runtime": {"filters": filters, "lock": "filters.lock", "limits": {"sighting": {"fuel": 7}}}});
    let config = archive.file("config.json", limits.to_string());
    let err = archive.run(&filters, &["--config", config.to_str().unwrap()]).expect(1).err;
    contains(&err, &["limit fuel: 50000000 + 500 per byte → 7 + 500 per byte", r#"option honeypot: "off" → "on""#]);
    // The command has the file's settings as well, and finds the lock by it.
    let accepted: Ended = command(["lock", "--accept", "--config", config.to_str().unwrap()]).output().unwrap().into();
    contains(&accepted.expect(0).out, &["7 + 500 per byte"]);
    archive.run(&filters, &["--config", config.to_str().unwrap()]).expect(0);
}

#[test]
fn the_configuration_names_the_lock_and_its_check_holds_filters_against_it() {
    let archive = Archive::new();
    let filters = [guest::file(&archive, 1, "one", EMPTY_ANSWER)];
    lock_filters(&archive, &filters, &[]).expect(0);
    let check = |file: &PathBuf| -> Ended {
        let mut command = command(["config", "check", "--filters", file.to_str().unwrap()]);
        command.env("RUNTIME_LOCK", lock(&archive)).output().unwrap().into()
    };
    contains(&check(&filters[0]).expect(0).out, &["lock", "filters.lock", "RUNTIME_LOCK"]);
    let other = quiet(&archive, 2, "one", "(func)");
    contains(&check(&other).expect(1).err, &["one:", "id: 00000000-0000-4000-8000-000000000001 →"]);
    let run = |lock: &str| -> Ended { archive.run_command(&filters, &[]).env("RUNTIME_LOCK", lock).output().unwrap().into() };
    contains(&run(&lock(&archive)).expect(1).err, &["one:"]);
    contains(&run("").expect(0).err, &["no lock"]);
}

#[test]
fn a_lock_that_cannot_be_used_is_refused_and_left_alone() {
    let archive = Archive::new();
    let filters = [guest::file(&archive, 1, "one", EMPTY_ANSWER)];
    let missing = archive.run(&filters, &["--lock", "/no/such.lock"]).expect(1).err;
    contains(&missing, &["there is no lock /no/such.lock", "`runtime lock --filters"]);
    for (text, words) in [("version = 7\n", "version 7"), ("version = 1\n[[filter", "damaged: line 2"), ("", "damaged")] {
        let path = archive.file("filters.lock", text);
        contains(&archive.run(&filters, &["--lock", &lock(&archive)]).expect(1).err, &["filters.lock", words]);
        contains(&lock_filters(&archive, &filters, &["--accept"]).expect(1).err, &["filters.lock", words]);
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
    let nowhere = command(["lock", "--lock", "/no/such/filters.lock", "--filters"]).args(&filters).output().unwrap();
    contains(&Ended::from(nowhere).expect(1).err, &["/no/such/filters.lock cannot be written"]);
    contains(&runtime(["lock"]).expect(2).err, &["no filters"]);
}

#[test]
fn the_lock_is_in_the_current_folder_if_nobody_says_otherwise() {
    let archive = Archive::new();
    let mut lock = command(["lock", "--filters", filter("sighting").to_str().unwrap()]);
    Ended::from(lock.current_dir(archive.path(".")).output().unwrap()).expect(0);
    assert!(archive.path("filters.lock").exists());
}
