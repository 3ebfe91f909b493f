//! The same records through the binary into a MongoDB archive: the same bytes as from the embedded store. On the
//! server of TAHOE_TEST_MONGODB_URI, or on FerretDB, which Go builds from `tests/ferretdb`; without either, these
//! tests say that they are skipped.

#![expect(clippy::print_stderr, reason = "says which server, or that there is none")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::support::{Archive, Ended, filter, fixture, root, runtime};

/// A server that ends when its standard input closes: with this process.
struct Server {
    uri: String,
    _process: Option<Child>,
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if let Ok(uri) = std::env::var("TAHOE_TEST_MONGODB_URI") {
                return Some(Server { uri: uri.trim_end_matches('/').to_owned(), _process: None });
            }
            let started = start();
            if started.is_none() {
                eprintln!("MongoDB tests SKIPPED: no TAHOE_TEST_MONGODB_URI, and no Go that builds tests/ferretdb");
            }
            started
        })
        .as_ref()
}

fn start() -> Option<Server> {
    let binary = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ferretdb");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&binary).arg(".").current_dir(root().join("tests/ferretdb"));
    if !build.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut process = Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut line = String::new();
    BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
    let port: u16 = line.trim().strip_prefix("PORT ")?.parse().ok()?;
    Some(Server { uri: format!("mongodb://127.0.0.1:{port}"), _process: Some(process) })
}

/// An address of a database that no other test uses.
fn database(name: &str) -> Option<String> {
    server().map(|server| format!("{}/{name}_{}", server.uri, std::process::id()))
}

fn ingest(store: &str, file: &str, sub_type: &str, orgid: &str) -> Ended {
    let at = "1767225600";
    runtime(["ingest", file, "--sub-type", sub_type, "--orgid", orgid, "--received-at", at, "--store", store])
}

fn run(store: &str, filters: &[PathBuf]) -> Ended {
    let mut command = crate::support::command(["--once", "--json", "--store", store, "--filters"]);
    command.args(filters).output().unwrap().into()
}

fn export(store: &str) -> String {
    runtime(["export", "--store", store]).expect(0).out
}

#[test]
fn records_of_two_organisations_become_the_same_bytes_as_in_the_embedded_store() {
    let Some(store) = database("same_bytes") else { return };
    let filters = [filter("cowrie"), filter("sighting")];
    let embedded = Archive::new();
    for store in [store.as_str(), &embedded.store()] {
        for organisation in ["org-one", "org-two"] {
            for kind in ["cowrie", "sighting"] {
                let file = root().join(format!("fixtures/records/{kind}.jsonl"));
                ingest(store, file.to_str().unwrap(), kind, organisation).expect(0);
            }
        }
        let summary = run(store, &filters).expect(0).json();
        assert_eq!((&summary["filters"][0]["done"], &summary["filters"][0]["rejected"]), (&56.into(), &2.into()), "{summary}");
        let again = run(store, &filters).expect(0).json();
        assert!(again["filters"].as_array().unwrap().iter().all(|filter| filter["attempts"] == 0), "{again}");
    }
    assert_eq!(export(&store), embedded.export());
}

#[test]
fn golden_records_become_the_same_bytes_as_in_the_embedded_store() {
    let Some(store) = database("goldens") else { return };
    let embedded = Archive::new();
    for (path, name) in [("cowrie/cowrie.json", "cowrie"), ("sighting/sighting.json", "sighting")] {
        let cases = fixture(path);
        let data = cases.as_array().unwrap().iter().map(|case| format!("{}\n", case["raw"]["data"]));
        let file = embedded.file(&format!("{name}.jsonl"), data.collect::<String>());
        for store in [store.as_str(), &embedded.store()] {
            ingest(store, file.to_str().unwrap(), name, "org-one").expect(0);
        }
    }
    for store in [store.as_str(), &embedded.store()] {
        run(store, &[filter("cowrie"), filter("sighting")]).expect(0);
    }
    // FerretDB keeps -0.0 as 0 and drops nothing else that these records hold.
    assert_eq!(export(&store), embedded.export());
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let ended = runtime(["export", "--store", "mongodb://me:secret@127.0.0.1:1/d?serverSelectionTimeoutMS=200"]).expect(1);
    assert!(ended.err.contains("127.0.0.1:1") && !ended.err.contains("secret"), "{}", ended.err);
}
