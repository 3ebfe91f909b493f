use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::corpus::{Kind, component};

/// The binary under test.
pub(crate) const RUNTIME: &str = env!("CARGO_BIN_EXE_runtime");

/// How often the memory of processes is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The binary with a cache and archives of its own.
pub(crate) struct Runtime {
    folder: TempDir,
}

/// What a run took.
#[derive(Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) elapsed: Duration,
    /// Bytes of memory of the process and its children at their largest.
    pub(crate) memory: u64,
}

impl Runtime {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// An archive of that name.
    pub(crate) fn archive(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    /// Archives so many records of a kind.
    pub(crate) fn ingest(&self, archive: &Path, kind: &Kind, count: usize) -> Ran {
        let file = self.folder.path().join("records.jsonl");
        kind.write(count, &file);
        let ran = self.run(&[
            "ingest".as_ref(),
            file.as_ref(),
            "--sub-type".as_ref(),
            kind.sub_type.as_ref(),
            "--format".as_ref(),
            "jsonl".as_ref(),
            "--orgid".as_ref(),
            "bench".as_ref(),
            "--store".as_ref(),
            address(archive).as_ref(),
        ]);
        std::fs::remove_file(file).unwrap();
        ran
    }

    /// Has filters attempt what is pending.
    pub(crate) fn once(&self, archive: &Path, filters: &[&str], workers: usize) -> Ran {
        let components: Vec<PathBuf> = filters.iter().map(|filter| component(filter)).collect();
        let (workers, address) = (workers.to_string(), address(archive));
        let mut arguments: Vec<&OsStr> = vec!["--once".as_ref(), "--workers".as_ref(), workers.as_ref()];
        arguments.extend(["--store".as_ref(), address.as_ref(), OsStr::new("--filters")]);
        arguments.extend(components.iter().map(|component| component.as_os_str()));
        self.run(&arguments)
    }

    /// The same, on one processor.
    pub(crate) fn once_on_one(&self, archive: &Path, filters: &[&str], workers: usize) -> Ran {
        // Of this thread, and hence of what it starts.
        let all = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::count()).find(|&cpu| all.is_set(cpu).unwrap()).unwrap()).unwrap();
        sched_setaffinity(Pid::from_raw(0), &one).unwrap();
        let ran = self.once(archive, filters, workers);
        sched_setaffinity(Pid::from_raw(0), &all).unwrap();
        ran
    }

    /// Compiles filters, so that runs find them in the cache.
    pub(crate) fn warm(&self, filters: &[&str]) {
        self.once(&self.archive("empty"), filters, 1);
    }

    fn run(&self, arguments: &[&OsStr]) -> Ran {
        let mut command = Command::new(RUNTIME);
        // What the operator has set is not measured.
        command.env_clear().env("RUNTIME_CACHE", self.folder.path().join("code")).env("RUNTIME_LOG", "error");
        let said = self.folder.path().join("stderr");
        let (stdout, stderr) = (Stdio::null(), File::create(&said).unwrap());
        command.args(arguments).current_dir(self.folder.path()).stdout(stdout).stderr(stderr);
        let start = Instant::now();
        let mut process = command.spawn().unwrap();
        let memory = watch(&mut process);
        let elapsed = start.elapsed();
        let succeeded = process.wait().unwrap().success();
        assert!(succeeded, "runtime {arguments:?}: {}", std::fs::read_to_string(said).unwrap_or_default());
        Ran { elapsed, memory }
    }
}

fn address(archive: &Path) -> String {
    format!("sqlite:{}", archive.display())
}

/// Waits for a process; returns the memory of it and its children. Each of those that run at one time counts with what it took at
/// its largest, so the sum is at least what they ever took together.
fn watch(process: &mut Child) -> u64 {
    let mut most = 0;
    while process.try_wait().unwrap().is_none() {
        let parent = process.id().to_string();
        let together = children(&parent).iter().chain([&parent]).filter_map(|id| largest(id)).sum();
        most = most.max(together);
        std::thread::sleep(LOOK);
    }
    most
}

fn children(id: &str) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    children.flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The most memory that a process had so far, in bytes.
fn largest(id: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
