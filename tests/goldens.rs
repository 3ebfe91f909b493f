//! Every fixture of every filter through the binary: archived into an empty store, run, exported, compared as documents
//! are compared (same hash, same scalars, same reference sets, same canonical data). `fixtures/README.md` says what a
//! case holds. Knows nothing of `runtime test`, which does the same for authors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tahoe_runtime::tahoe::canonical::canonical;

use crate::support::server::database;
use crate::support::{Archive, filter, fixture, root};

/// A document in a form whose equality is the equality of documents.
pub(crate) fn comparable(document: &Value) -> BTreeMap<String, Value> {
    let field = |(key, value): (&String, &Value)| {
        let value = match key.as_str() {
            "data" => Value::from(canonical(value)),
            "_cref" | "_ref" | "_ben_ref" | "_mal_ref" | "filters" => {
                let mut items: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
                items.sort();
                Value::from(items)
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    };
    document.as_object().unwrap().iter().map(field).collect()
}

pub(crate) fn by_hash(documents: impl IntoIterator<Item = BTreeMap<String, Value>>) -> BTreeMap<String, BTreeMap<String, Value>> {
    documents.into_iter().map(|document| (document["_hash"].to_string(), document)).collect()
}

/// What is archived in a case, and how.
fn ingest(archive: &Archive, cases: &[&Value]) {
    // What differs in how it is archived goes in one by one.
    let mut alike: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for case in cases {
        let raw = &case["raw"];
        let how = ["sub_type", "orgid", "timezone", "received_at"].map(|field| raw[field].to_string()).join(" ");
        alike.entry(how).or_default().push(raw);
    }
    for raws in alike.values() {
        let records: String = raws.iter().map(|raw| format!("{}\n", raw["data"])).collect();
        let file = archive.file("records.jsonl", records);
        let text = |field: &str| raws[0][field].as_str().unwrap();
        let received_at = raws[0]["received_at"].to_string();
        let more = ["--format", "jsonl", "--timezone", text("timezone"), "--received-at", &received_at];
        archive.ingest(&file, text("sub_type"), text("orgid"), &more).expect(0);
    }
}

/// The options that a case asks for, as they are typed.
fn options(case: &Value) -> Vec<String> {
    let name = case["filter"].as_str().unwrap();
    let options = case["options"].as_object().into_iter().flatten();
    options.flat_map(|(key, value)| ["--option".to_owned(), format!("{name}.{key}={}", value.as_str().unwrap())]).collect()
}

/// What this filter makes of a case: the verdict, and all documents that are then in the store.
fn outcome(name: &str, case: &Value, filter: &Path) -> (&'static str, Vec<Value>) {
    let archive = Archive::new();
    ingest(&archive, &[case]);
    let options = options(case);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let summary = archive.run(&[filter.to_owned()], &options).expect(0).json();
    let verdict = ["done", "rejected"].into_iter().find(|verdict| summary["filters"][0][verdict] == 1);
    (verdict.unwrap_or_else(|| panic!("{name}: {summary}")), archive.documents())
}

/// Fails the test unless this filter makes of a case what the case says.
pub(crate) fn compare(name: &str, case: &Value, filter: &Path) {
    let (verdict, found) = outcome(name, case, filter);
    assert_eq!(case["verdict"], verdict, "{name}");
    let mut raw = case["raw_doc"].clone();
    raw["received_at"] = case["raw"]["received_at"].clone();
    let expected = case["instances"].as_array().unwrap().iter().chain([&raw]).map(comparable);
    assert_eq!(by_hash(found.iter().map(comparable)), by_hash(expected), "{name}");
}

/// The folders of filters in this repository.
pub(crate) fn filters() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("filters")).unwrap().map(|entry| entry.unwrap().path());
    let is_filter = |folder: &PathBuf| folder.join("Cargo.toml").exists() || folder.join("pyproject.toml").exists();
    let filters = folders.filter(|folder| is_filter(folder) && !folder.ends_with("sdk") && !folder.ends_with("sdk-python"));
    let mut names: Vec<String> = filters.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Those that are built. One in Python may not be: what builds it comes from a package index, once.
fn built() -> Vec<String> {
    let mut names = filters();
    names.retain(|name| {
        let folder = root().join("filters");
        let is_built = folder.join(name).join("Cargo.toml").exists() || folder.join(format!("{name}.wasm")).exists();
        if !is_built {
            #[expect(clippy::print_stderr, reason = "says that it looked at nothing")]
            {
                eprintln!("fixtures of {name} SKIPPED: it is in Python, and what builds it could not be installed");
            }
        }
        is_built
    });
    names
}

/// The files of cases of a filter, by their paths in `fixtures/`.
pub(crate) fn files(name: &str) -> Vec<String> {
    let folder = root().join("fixtures").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let mut files: Vec<String> = paths.map(|path| format!("{name}/{}", path.file_name().unwrap().to_str().unwrap())).collect();
    files.sort();
    files
}

pub(crate) fn cases(file: &str) -> Vec<Value> {
    fixture(file).as_array().unwrap().clone()
}

#[test]
fn every_fixture_of_every_filter_becomes_its_documents() {
    for file in built().iter().flat_map(|name| files(name)) {
        for (index, case) in cases(&file).iter().enumerate() {
            compare(&format!("{file}, case {index}"), case, &filter(case["filter"].as_str().unwrap()));
        }
    }
}

#[test]
fn the_fixtures_of_a_filter_are_described_beside_them_file_by_file_with_the_number_of_cases() {
    for name in filters() {
        let path: PathBuf = root().join("fixtures").join(&name).join("README.md");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let rows: Vec<String> = text.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
        let files = files(&name);
        assert_eq!(rows.len(), files.len(), "{}", path.display());
        for (row, file) in rows.iter().zip(files) {
            let begin = format!("| `{}` | {} | ", file.rsplit('/').next().unwrap(), cases(&file).len());
            assert!(row.starts_with(&begin), "{}: {begin:?} is expected, found {row}", path.display());
        }
    }
}

#[test]
fn fixtures_become_the_same_bytes_in_a_mongodb_archive_as_in_the_embedded_store() {
    for file in built().iter().flat_map(|name| files(name)) {
        let database_name = file.trim_end_matches(".json").replace(['/', '-'], "_");
        let Some(store) = database(&database_name) else { return };
        let cases = cases(&file);
        let cases: Vec<&Value> = cases.iter().collect();
        let options = options(cases[0]);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let exports = [Archive::at(store), Archive::new()].map(|archive| {
            ingest(&archive, &cases);
            archive.run(&[filter(cases[0]["filter"].as_str().unwrap())], &options).expect(0);
            archive.export()
        });
        // FerretDB keeps -0.0 as 0 and drops nothing else that these records hold.
        assert_eq!(exports[0], exports[1], "{file}");
    }
}
