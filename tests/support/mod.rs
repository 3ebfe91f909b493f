//! What all tests use.

pub(crate) mod guest;
pub(crate) mod server;
pub(crate) mod traffic;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tahoe_runtime::descriptor::{Declared, Descriptor, Emits};
use tahoe_runtime::tahoe::{Category, Itype};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A built filter of this repository.
pub(crate) fn filter(name: &str) -> PathBuf {
    let path = root().join("filters").join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing: run scripts/build-filters.sh", path.display());
    path
}

/// A built filter that only tests use.
pub(crate) fn test_filter(name: &str) -> PathBuf {
    let path = root().join("tests/guests").join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is missing: scripts/test.sh builds it", path.display());
    path
}

/// A JSON file in `fixtures/`.
pub(crate) fn fixture(path: &str) -> Value {
    let path = root().join("fixtures").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// How a command of the binary ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    /// Fails the test unless the command ended so; returns what it printed.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// What was printed as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// The binary with these arguments.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runtime"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["LOG", "STORE", "CONFIG", "FILTERS", "LOCK", "WORKERS"] {
        command.env_remove(format!("RUNTIME_{variable}"));
    }
    // Not the user's: compiled code of this build, which all tests share.
    command.env("RUNTIME_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command
}

/// Runs the binary to its end.
pub(crate) fn runtime<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    command(arguments).output().unwrap().into()
}

/// Tells a process to end; returns its exit code, and how long it took.
pub(crate) fn terminate(child: &mut Child) -> (Option<i32>, Duration) {
    let start = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    (status.code(), start.elapsed())
}

/// An archive, with a folder of its own that is deleted with it.
pub(crate) struct Archive {
    folder: tempfile::TempDir,
    /// Its address; in the folder if there is none.
    database: Option<String>,
}

impl Archive {
    /// A store that does not exist yet.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    /// On a server.
    pub(crate) fn at(database: String) -> Self {
        Self { database: Some(database), ..Self::new() }
    }

    pub(crate) fn store(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("sqlite:{}", self.path("store.db").display()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the store.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs `ingest` with further arguments.
    pub(crate) fn ingest(&self, file: &Path, sub_type: &str, orgid: &str, more: &[&str]) -> Ended {
        let store = self.store();
        let file = file.to_str().unwrap();
        let arguments = ["ingest", file, "--sub-type", sub_type, "--orgid", orgid, "--store", &store];
        runtime(arguments.into_iter().chain(more.iter().copied()))
    }

    /// The command that runs filters once.
    pub(crate) fn run_command(&self, filters: &[PathBuf], more: &[&str]) -> Command {
        let mut command = command(["--store", &self.store(), "--once", "--json"]);
        command.args(more).arg("--filters").args(filters);
        command
    }

    /// Runs filters once.
    pub(crate) fn run(&self, filters: &[PathBuf], more: &[&str]) -> Ended {
        self.run_command(filters, more).output().unwrap().into()
    }

    /// The export, as its bytes.
    #[track_caller]
    pub(crate) fn export(&self) -> String {
        runtime(["export", "--store", &self.store()]).expect(0).out
    }

    /// The exported documents.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.export().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What a filter emits that may make anything.
pub(crate) fn emits() -> Emits {
    let declared = Declared {
        id: "00000000-0000-4000-8000-000000000001".into(),
        name: "test".into(),
        version: "1.0.0".into(),
        accepts: vec!["t".into()],
        emits: [Itype::Attribute, Itype::Object, Itype::Event, Itype::Session].map(|itype| (itype, "*".to_owned())).into(),
        asserts: Category::ALL.to_vec(),
        ..Declared::default()
    };
    Descriptor::check(declared).unwrap().emits
}
