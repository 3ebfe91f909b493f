//! From nothing to a filter that runs: `runtime new`, `runtime build`, a run; outside of this repository.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::goldens::compare;
use crate::support::{Archive, Ended, command, root, runtime};

/// What the tests are built into has what a filter in Rust depends on, the standard library included: so that it is built
/// once.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

fn new(directory: &Path, more: &[&str]) -> Ended {
    runtime(["new", directory.to_str().unwrap()].iter().chain(more))
}

/// Builds without network: all of it is on this machine already, since the filters of this repository were built.
fn build(directory: &Path) -> Ended {
    let mut build = command(["build", "--offline", directory.to_str().unwrap()]);
    build.env("CARGO_TARGET_DIR", target()).output().unwrap().into()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_new_filter_in_rust_builds_without_network_and_makes_the_documents_of_its_fixtures() {
    let archive = Archive::new();
    // In somebody else's workspace, which knows nothing of it.
    archive.file("Cargo.toml", "[workspace]\nmembers = []\n");
    let directory = archive.path("Door-Trap");
    let made = new(&directory, &[]).expect(0);
    let component = directory.join("door_trap.wasm");
    assert!(made.out.contains(&format!("runtime inspect {}", component.display())), "{}", made.out);

    let built = build(&directory).expect(0);
    assert!(built.err.contains("with your rights"), "{}", built.err);
    let inspected = runtime(["inspect", component.to_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(inspected["descriptor"]["name"], "door_trap");

    let cases: Vec<Value> = serde_json::from_str(&read(&directory.join("fixtures/door_trap.json"))).unwrap();
    for verdict in ["done", "rejected"] {
        assert!(cases.iter().any(|case| case["verdict"] == verdict));
    }
    for (number, case) in cases.iter().enumerate() {
        compare(&format!("case {number}"), case, &component);
    }
}

#[test]
fn the_tests_of_a_new_filter_in_rust_pass() {
    let archive = Archive::new();
    let directory = archive.path("trap");
    new(&directory, &[]).expect(0);
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or("cargo".to_owned()));
    // Built as in this repository, so that what it depends on is not built again.
    cargo.args(["test", "--offline", "--release", "--config", "profile.release.debug=\"line-tables-only\""]);
    let tested = Ended::from(cargo.current_dir(&directory).env("CARGO_TARGET_DIR", target()).output().unwrap()).expect(0);
    for test in ["records_become_the_documents_in_fixtures ... ok", "the_operator_decides_what_a_login_is ... ok"] {
        assert!(tested.out.contains(test), "{}", tested.out);
    }
}

#[test]
fn two_new_filters_have_two_ids_and_the_name_that_was_chosen() {
    let archive = Archive::new();
    for language in ["rust", "python"] {
        let [one, two] = ["one", "two"].map(|name| {
            let directory = archive.path(&format!("{language}-{name}"));
            new(&directory, &["--name", "mine", "--language", language]).expect(0);
            let cases: Value = serde_json::from_str(&read(&directory.join("fixtures/mine.json"))).unwrap();
            assert_eq!(cases[0]["filter"], "mine");
            cases[0]["raw_doc"]["filters"][0].as_str().unwrap().to_owned()
        });
        assert_ne!(one, two);
    }
}

#[test]
fn the_contract_of_a_new_filter_is_that_of_this_repository() {
    let archive = Archive::new();
    let directory = archive.path("trap");
    new(&directory, &[]).expect(0);
    for file in ["types.wit", "filter.wit", "host.wit"] {
        assert_eq!(read(&directory.join("tahoe/wit").join(file)), read(&root().join("wit").join(file)), "{file}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let archive = Archive::new();
    let directory = archive.path("trap");
    new(&directory, &[]).expect(0);
    let source = directory.join("src/lib.rs");
    std::fs::write(&source, "mine").unwrap();
    assert!(new(&directory, &[]).expect(1).err.contains("is not empty"));
    assert_eq!(read(&source), "mine");
    assert!(new(&source, &[]).expect(1).err.contains("cannot make the folder"));

    // Begun by `git init`.
    let repository = archive.path("repository");
    std::fs::create_dir_all(repository.join(".git")).unwrap();
    new(&repository, &[]).expect(0);
}

#[test]
fn a_name_that_no_filter_can_have_is_wrong_usage_and_makes_nothing() {
    let archive = Archive::new();
    for (folder, more, words) in
        [("trap", ["--name", "Trap"].as_slice(), "is no name for a filter"), ("9", &[], "choose one with --name")]
    {
        let directory = archive.path(folder);
        assert!(new(&directory, more).expect(2).err.contains(words));
        assert!(!directory.exists());
    }
}

#[test]
fn a_folder_without_a_filter_is_told_so() {
    let archive = Archive::new();
    let ended = build(&archive.path(".")).expect(1);
    assert!(ended.err.contains("holds no filter") && ended.err.contains("runtime new"), "{}", ended.err);
}
