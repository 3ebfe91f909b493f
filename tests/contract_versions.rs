//! A filter that was built for a version of the contract runs for ever. Of each version there is one in `tests/guests`, with
//! a copy of the contract as it was, which nothing here changes; `wit/README.md` says how a version is added.

use std::path::PathBuf;

use serde_json::Value;

use crate::goldens::compare;
use crate::support::{root, runtime, test_filter};

/// Versions that filters may have been built for.
const VERSIONS: [&str; 1] = ["0.1.0"];

fn guest(version: &str) -> String {
    format!("contract_{}", version.replace('.', "_"))
}

/// The texts of a contract, file by file.
fn contract(folder: PathBuf) -> Vec<(String, String)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|kind| kind == "wit"));
    let text = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap());
    let mut texts: Vec<(String, String)> = paths.map(text).collect();
    texts.sort();
    texts
}

#[test]
fn a_filter_built_for_an_old_contract_makes_the_documents_that_it_made_then() {
    for guest in VERSIONS.map(guest) {
        let path = root().join("tests/guests").join(&guest).join("golden.json");
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (number, case) in cases.iter().enumerate() {
            compare(&format!("{guest}, case {number}"), case, &test_filter(&guest));
        }
    }
}

#[test]
fn a_filter_built_for_an_old_contract_is_inspected_under_that_version() {
    for version in VERSIONS {
        let path = test_filter(&guest(version));
        let shown = runtime(["inspect", path.to_str().unwrap()]).expect(0).out;
        assert!(shown.contains(&format!("cybexp:tahoe/filter@{version}")), "{shown}");
    }
}

#[test]
fn the_contract_is_word_for_word_that_of_its_version() {
    let live = contract(root().join("wit"));
    let line = live.iter().flat_map(|(_, text)| text.lines()).find(|line| line.starts_with("package ")).unwrap();
    let version = line.trim_end_matches(';').rsplit('@').next().unwrap();
    assert!(VERSIONS.contains(&version), "version {version} of the contract has no guest yet, see wit/README.md");
    let frozen = contract(root().join("tests/guests").join(guest(version)).join("wit"));
    assert!(!frozen.is_empty());
    assert_eq!(live, frozen, "a change of wit/ is a new version, see wit/README.md");
}
