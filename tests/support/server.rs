//! A MongoDB server for the tests: that of TAHOE_TEST_MONGODB_URI, or FerretDB, which Go builds from `tests/ferretdb`.
//! Without either, tests say that they are skipped.

#![expect(clippy::print_stderr, reason = "says which server, or that there is none")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::sync::Database;

use super::root;

/// FerretDB behind a proxy that can be told to misbehave; ends when this is dropped, or this process ends in whatever
/// way: it then sees its input closed.
pub(crate) struct Server {
    process: Child,
    answers: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl Server {
    /// With what is in that folder, or nothing, on that port (0: any), if there is a Go that builds it.
    pub(crate) fn start(folder: Option<&Path>, port: u16) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("MongoDB tests SKIPPED: no Go that builds tests/ferretdb");
            return None;
        };
        let mut command = Command::new(program);
        command.args(["-port", &port.to_string()]);
        if let Some(folder) = folder {
            command.arg("-dir").arg(folder);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("PORT ").unwrap().parse().unwrap();
        Some(Self { process, answers, port })
    }

    /// Tells the proxy, see `tests/ferretdb/main.go`.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "OK\n", "{line}");
    }

    /// The address of a database on it.
    pub(crate) fn store(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}", self.port)
    }

    /// As a machine that loses its power.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Built once per test process; Go's own cache makes repetitions cheap.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ferretdb");
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(root().join("tests/ferretdb"));
        build.status().is_ok_and(|status| status.success()).then_some(program)
    };
    PROGRAM.get_or_init(build).as_deref()
}

/// The address of a database that no other test uses, on the server that the tests share.
pub(crate) fn database(name: &str) -> Option<String> {
    static SHARED: OnceLock<Option<(String, Option<Server>)>> = OnceLock::new();
    let start = || {
        if let Ok(uri) = std::env::var("TAHOE_TEST_MONGODB_URI") {
            return Some((uri.trim_end_matches('/').to_owned(), None));
        }
        let server = Server::start(None, 0)?;
        Some((format!("mongodb://127.0.0.1:{}", server.port), Some(server)))
    };
    let (uri, _) = SHARED.get_or_init(start).as_ref()?;
    Some(format!("{uri}/{name}_{}", std::process::id()))
}

/// What the archive on a server says of settled pairs, seen by another client.
pub(crate) struct Ledger(mongodb::sync::Collection<Document>);

impl Ledger {
    pub(crate) fn of(store: &str) -> Self {
        Self(client(store).collection("ledger"))
    }

    /// One a pair of record and filter that is settled.
    pub(crate) fn rows(&self) -> u64 {
        self.0.estimated_document_count().run().unwrap()
    }

    /// How often these were attempted in all.
    pub(crate) fn attempts(&self) -> i64 {
        self.0.find(doc! {}).run().unwrap().map(|row| row.unwrap().get_i64("attempts").unwrap()).sum()
    }

    /// Waits until there are so many.
    pub(crate) fn wait_for(&self, rows: u64, patience: Duration) {
        let began = Instant::now();
        while self.rows() < rows {
            assert!(began.elapsed() < patience, "{} pairs of {rows} are settled", self.rows());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The database of that address, for what others do there.
pub(crate) fn client(store: &str) -> Database {
    // Without options: the driver does not know all that the runtime knows.
    let address = store.split('?').next().unwrap();
    mongodb::sync::Client::with_uri_str(address).unwrap().default_database().unwrap()
}
