//! A server for the tests: that of `TAHOE_TEST_MONGODB_URI`, else a `mongod` on the PATH, else FerretDB, built with
//! Go from `tests/ferretdb`. Where there is none of these, the tests say that they are skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mongodb::bson::{Document, doc};
use mongodb::sync::{Client, Collection, Database};

use super::MongoStore;
use crate::store::contract::Archive;
use crate::store::testing::{FILTER, filter};
use crate::store::{Access, Store};

/// A server process that ends when this is dropped, or the test process ends in whatever way: it then sees its input
/// closed.
pub(super) struct Process {
    child: Child,
    /// What it answers to what it is told.
    answers: Option<BufReader<ChildStdout>>,
    pub(super) port: u16,
    pub(super) kind: &'static str,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a server that keeps its data in a folder; port 0: any.
    pub(super) fn start(folder: &Path, port: u16) -> Option<Self> {
        Self::mongod(folder, port).or_else(|| Self::ferretdb(folder, port))
    }

    fn mongod(folder: &Path, port: u16) -> Option<Self> {
        Command::new("mongod").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let port = if port == 0 { TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port() } else { port };
        let script = r#"mongod --dbpath "$1" --port "$2" --bind_ip 127.0.0.1 >/dev/null 2>&1 & cat >/dev/null; kill $!; wait $!"#;
        let child =
            Command::new("sh").args(["-c", script, "sh"]).arg(folder).arg(port.to_string()).stdin(Stdio::piped()).spawn().ok()?;
        let process = Self { child, answers: None, port, kind: "mongod" };
        // The driver waits until it answers, or not.
        let client = Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=20000")).ok()?;
        client.database("admin").run_command(doc! { "ping": 1 }).run().ok()?;
        Some(process)
    }

    /// FerretDB behind its proxy, which can be told to misbehave.
    pub(super) fn ferretdb(folder: &Path, port: u16) -> Option<Self> {
        let program = ferretdb_program()?;
        let mut command = Command::new(program);
        command.args(["-port", &port.to_string(), "-dir"]).arg(folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut line = String::new();
        let mut answers = BufReader::new(child.stdout.take()?);
        answers.read_line(&mut line).ok()?;
        let port = line.trim().strip_prefix("PORT ")?.parse().ok()?;
        Some(Self { child, answers: Some(answers), port, kind: "FerretDB" })
    }

    /// Tells the proxy, see `tests/ferretdb/main.go`.
    pub(super) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.answers.as_mut().unwrap().read_line(&mut answer).unwrap();
        assert_eq!(answer, "OK\n", "{line}");
    }

    pub(super) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}", self.port)
    }
}

/// Builds FerretDB once per target folder; Go's own cache makes repetitions cheap.
fn ferretdb_program() -> Option<PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = [manifest.join("../tests/ferretdb"), manifest.join("../ferretdb")]
            .into_iter()
            .find(|folder| folder.join("go.mod").exists())?;
        // target/debug/deps/test → target/ferretdb
        let program = std::env::current_exe().ok()?.ancestors().nth(3)?.join("ferretdb").join("ferretdb");
        let status = Command::new("go").arg("build").arg("-o").arg(&program).arg(".").current_dir(source).status().ok()?;
        status.success().then_some(program)
    };
    PROGRAM.get_or_init(build).clone()
}

/// Not through the macros, whose output a passing test keeps to itself.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The server of this test process. `None`, and said so, if there is none to be had.
pub(super) fn server() -> Option<&'static str> {
    static SERVER: OnceLock<Option<(String, Option<Process>, tempfile::TempDir)>> = OnceLock::new();
    let found = SERVER.get_or_init(|| {
        let folder = tempfile::tempdir().ok()?;
        if let Ok(uri) = std::env::var("TAHOE_TEST_MONGODB_URI") {
            say("MongoDB tests: on the server of TAHOE_TEST_MONGODB_URI");
            return Some((uri, None, folder));
        }
        let Some(process) = Process::start(folder.path(), 0) else {
            say("MongoDB tests SKIPPED: no TAHOE_TEST_MONGODB_URI, no mongod on the PATH, no Go that builds tests/ferretdb");
            return None;
        };
        say(&format!("MongoDB tests: on {}", process.kind));
        Some((process.uri(), Some(process), folder))
    });
    found.as_ref().map(|(uri, ..)| uri.as_str())
}

/// A database of its own, dropped at the end.
pub(super) struct Scratch {
    uri: String,
    pub(super) database: Database,
}

impl Scratch {
    /// `None`: no server, skip.
    pub(super) fn new() -> Option<Self> {
        server().map(Self::at)
    }

    pub(super) fn at(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tahoe_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (place, options) = server.split_once('?').map_or((server, None), |(place, options)| (place, Some(options)));
        let (scheme, rest) = place.split_once("://").unwrap_or(("mongodb", place));
        let host = rest.split('/').next().unwrap_or(rest);
        let options = options.map_or_else(String::new, |options| format!("?{options}"));
        let uri = format!("{scheme}://{host}/{name}{options}");
        let database = Client::with_uri_str(server).unwrap().database(&name);
        Self { uri, database }
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    pub(super) fn store(&self) -> MongoStore {
        MongoStore::open(&self.uri, Access::Create).unwrap()
    }

    /// The archive as others see it.
    pub(super) fn instances(&self) -> Collection<Document> {
        self.database.collection("instance")
    }

    pub(super) fn insert(&self, documents: &[Document]) {
        self.instances().insert_many(documents).run().unwrap();
    }

    pub(super) fn find(&self, collection: &str, filter: Document) -> Vec<Document> {
        self.database.collection::<Document>(collection).find(filter).run().unwrap().map(Result::unwrap).collect()
    }

    pub(super) fn one(&self, filter: Document) -> Document {
        self.instances().find_one(filter).run().unwrap().unwrap()
    }
}

/// A store that a filter is registered in.
pub(super) fn registered(scratch: &Scratch) -> MongoStore {
    let store = scratch.store();
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    store
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // An export would hide it: in every single document, sets are sets, and nothing is both malicious and
            // benign.
            for document in self.find("instance", doc! { "itype": "event" }) {
                let [malicious, benign] = ["_mal_ref", "_ben_ref"].map(|field| super::reading::hashes(document.get(field)));
                let both = || malicious.iter().chain(&benign);
                let different: std::collections::HashSet<_> = both().collect();
                assert_eq!(different.len(), both().count(), "{document}");
            }
        }
        let _ = self.database.drop().run();
    }
}

impl Archive for Scratch {
    fn open(&self) -> Box<dyn Store> {
        // What one process holds, another does not attempt: as one that was started again, it finds the leases given
        // up.
        self.database.collection::<Document>("lease").delete_many(Document::new()).run().unwrap();
        Box::new(self.store())
    }
}
