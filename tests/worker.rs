//! Calls happen in other processes: what those hold, and what it costs when they die.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use tahoe_runtime::sandbox::{Record, Refusal};
use tahoe_runtime::verdict::{FailureKind, Outcome};
use tahoe_runtime::worker::{self, Launcher, Worker};

use crate::support::{Archive, filter, guest, root};

/// The processes that this one started.
fn children(of: &Child) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", of.id())).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Enough records that a run takes seconds.
fn archive(copies: usize) -> Archive {
    let archive = Archive::new();
    let records = std::fs::read_to_string(root().join("fixtures/records/cowrie.jsonl")).unwrap();
    let many: String = (0..copies).map(|copy| records.replace("5f1c0a7be210", &format!("5f1c{copy:08x}"))).collect();
    archive.ingest(&archive.file("many.jsonl", many), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

#[test]
fn processes_for_calls_that_are_killed_cost_time_and_nothing_else() {
    let filters = [filter("cowrie"), filter("sighting")];
    let undisturbed = archive(600);
    undisturbed.run(&filters, &[]).expect(0);
    let disturbed = archive(600);
    let mut run =
        disturbed.run_command(&filters, &["--workers", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut killed = 0;
    while killed < 4 && run.try_wait().unwrap().is_none() {
        for child in children(&run) {
            killed += i32::from(std::process::Command::new("kill").args(["-9", &child.to_string()]).status().unwrap().success());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(killed >= 2, "only {killed} were killed: this test needs more records");
    crate::support::Ended::from(run.wait_with_output().unwrap()).expect(0);
    assert_eq!(disturbed.export(), undisturbed.export());
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_for_calls_has_no_environment_no_files_and_no_other_system_calls() {
    let archive = archive(600);
    let mut command = archive.run_command(&[filter("cowrie")], &["--workers", "1"]);
    let mut run = command.env("SECRET", "hunter2").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut seen = false;
    while !seen && run.try_wait().unwrap().is_none() {
        for child in children(&run) {
            let read = |what: &str| std::fs::read_to_string(format!("/proc/{child}/{what}")).unwrap_or_default();
            // Before it has begun it is a copy of its parent.
            if !read("status").contains("Seccomp:\t2") {
                continue;
            }
            seen = true;
            assert_eq!(read("environ"), "");
            assert!(read("status").contains("NoNewPrivs:\t1"), "{}", read("status"));
            let words = read("limits").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("core file size 0 0"), "{words}");
            for descriptor in std::fs::read_dir(format!("/proc/{child}/fd")).into_iter().flatten() {
                let Ok(target) = descriptor.and_then(|descriptor| std::fs::read_link(descriptor.path())) else { continue };
                let target = target.to_string_lossy().into_owned();
                let known = ["socket:", "/dev/null", "/memfd:", "/proc/"].iter().any(|known| target.starts_with(known));
                assert!(known && !target.contains("store.db"), "it holds {target}");
            }
        }
    }
    assert!(seen, "no process for calls was seen");
    run.wait().unwrap();
}

fn record() -> Record<'static> {
    Record { sub_type: "cowrie", data: "{}", timezone: "UTC", received_at: 1e9 }
}

/// A program that stands in for a child, by its shell script.
fn impostor(archive: &Archive, script: &str) -> Launcher {
    use std::os::unix::fs::PermissionsExt as _;
    let path = archive.file("impostor.sh", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Launcher::of(path)
}

fn ours() -> Launcher {
    Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime")))
}

#[test]
fn a_record_that_processes_die_of_twice_is_a_failed_one_and_the_next_is_tried() {
    let archive = Archive::new();
    let component = std::fs::read(guest::file(&archive, 1, "guest", guest::EMPTY_ANSWER)).unwrap();
    let filter = worker::load(&ours(), None, &component, None).unwrap();
    for (script, words) in [
        ("exit 7", "exit status: 7"),
        ("kill -9 $$", "killed"),
        // What it is sent comes back: a frame, and no answer.
        ("exec cat <&0 >&0", "nonsense"),
        // A length of four gigabytes.
        ("printf '\\377\\377\\377\\377' >&0; sleep 5", "nonsense"),
    ] {
        let mut worker = Worker::new(impostor(&archive, script));
        let Outcome::Failed(failure) = worker.call_one(&filter, record()).outcome else { panic!("{script}") };
        assert_eq!(failure.kind, FailureKind::Crash, "{script}: {failure:?}");
        assert!(failure.message.contains(words) && failure.message.contains("twice"), "{script}: {failure:?}");
        // The next record gets a process of its own.
        assert!(matches!(worker.call_one(&filter, record()).outcome, Outcome::Failed(_)));
    }
    assert!(matches!(Worker::new(ours()).call_one(&filter, record()).outcome, Outcome::Answered(_)));
    let Outcome::Failed(failure) = Worker::new(Launcher::of("/no/such/file".into())).call_one(&filter, record()).outcome else {
        panic!("called nothing")
    };
    assert_eq!(failure.kind, FailureKind::Host, "{failure:?}");
}

#[test]
fn what_a_process_is_short_of_because_of_others_is_tried_in_one_of_its_own() {
    /// Reads frames as a child does, and knows four answers: loaded, not loaded, rejected, short of something.
    const CHILD: &str = r"
        frame() { dd bs=1 count=$(dd bs=1 count=4 2>/dev/null | od -An -tu4 | tr -d ' ') of=/dev/null 2>/dev/null; }
        load() { frame; frame; }
        loaded() { printf '\1\0\0\0\0' >&0; }
        not_loaded() { printf '\4\0\0\0\1\012\1x' >&0; }
        rejected() { printf '\11\0\0\0\1\1x\0\0\0\0\0\0' >&0; }
        short() { printf '\13\0\0\0\2\13\1x\0\0\0\0\0\0\0' >&0; }
        load; loaded; frame; rejected;";
    let archive = Archive::new();
    let [one, other] = [1, 2].map(|number| {
        let component = guest::file(&archive, number, &format!("guest_{number}"), guest::EMPTY_ANSWER);
        worker::load(&ours(), None, &std::fs::read(component).unwrap(), None).unwrap()
    });
    for (script, second) in [("load; not_loaded; sleep 60", &other), ("frame; short; sleep 60", &one)] {
        let mut worker = Worker::new(impostor(&archive, &format!("{CHILD} {script}")));
        for filter in [&one, second] {
            let called = worker.call_one(filter, record());
            assert_eq!(called.outcome, Outcome::Rejected("x".to_owned()), "{script}");
        }
    }
}

#[test]
fn a_process_that_dies_compiling_is_a_refusal() {
    let archive = Archive::new();
    let component = std::fs::read(guest::file(&archive, 1, "guest", guest::EMPTY_ANSWER)).unwrap();
    for script in ["exit 7", "kill -9 $$", "exec cat <&0 >&0"] {
        match worker::load(&impostor(&archive, script), None, &component, None).err() {
            Some(Refusal::Compilation(_)) => {}
            other => panic!("{script}: {other:?}"),
        }
    }
}
