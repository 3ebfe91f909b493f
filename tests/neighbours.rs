//! Ten hostile filters beside good ones, on many records: what the good ones make of them is the same, to the byte.

#![expect(clippy::print_stderr, reason = "says what it cost")]

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::guest::Guest;
use crate::support::{Archive, Ended, filter, traffic::cowrie};

/// Attacks on one record of 64, chosen by its bytes, and does well on the others: it is not stopped, and attacks to the end.
fn now_and_then(attack: &str) -> String {
    format!(
        "(local $at i32) (local $sum i32)
         (loop
             (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.add (local.get 2) (local.get $at)))))
             (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get 3))))
         (if (i32.eqz (i32.and (local.get $sum) (i32.const 63))) (then {attack}))
         (i32.const 512)"
    )
}

/// Five that attack whenever they are called, and are stopped for it; five that attack now and then.
fn hostile(archive: &Archive) -> Vec<PathBuf> {
    let reject = |length: &str| {
        format!(
            "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store (i32.const 516) (i32.const 65536))
             (i32.store (i32.const 520) (i32.const {length})) (return (i32.const 512))"
        )
    };
    let attacks = [
        ("looping", "(loop (br 0)) unreachable".to_owned()),
        (
            "greedy",
            "(loop (memory.fill (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)) (i32.const 1) (i32.const 1048576)) (br 0))
             unreachable"
                .to_owned(),
        ),
        ("trapping", "unreachable".to_owned()),
        ("talkative", format!("(drop (memory.grow (i32.const 900))) {}", reject("50000000"))),
        ("lying", reject("-1")),
    ];
    let component = |number: u8, name: &str, parse: &str| {
        archive.file(&format!("{name}.wasm"), Guest { number, name, parse, ..Guest::default() }.bytes().unwrap())
    };
    let mut filters = Vec::new();
    for (number, (name, attack)) in (1..).zip(attacks) {
        filters.push(component(number, name, &format!("{attack} (i32.const 512)")));
        filters.push(component(number + 100, &format!("{name}_now_and_then"), &now_and_then(&attack)));
    }
    filters
}

struct Ran {
    summary: Value,
    documents: Vec<Value>,
    took: Duration,
    /// The most KiB of memory that the runtime itself took.
    peak: u64,
}

fn archived(records: &str) -> Archive {
    let archive = Archive::new();
    archive.ingest(&archive.file("records.jsonl", records), "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

fn good() -> [PathBuf; 2] {
    [filter("cowrie"), filter("sighting")]
}

fn start(archive: &Archive, filters: &[PathBuf], workers: &str) -> Child {
    let mut command = archive.run_command(filters, &["--workers", workers]);
    // What the run prints fits the pipes.
    command.env("RUNTIME_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for the end of a run that has just begun.
fn finish(archive: &Archive, mut child: Child) -> Ran {
    let start = Instant::now();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let now = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed();
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert!(ended.code == Some(0) || ended.code == Some(3), "{}", ended.err);
    let mut documents = archive.documents();
    for document in &mut documents {
        // The marks of the hostile filters, which do well too, now and then.
        document.as_object_mut().unwrap().remove("filters");
    }
    Ran { summary: ended.json(), documents, took, peak }
}

fn run(records: &str, hostile: impl Fn(&Archive) -> Vec<PathBuf>) -> Ran {
    let archive = archived(records);
    let mut filters = hostile(&archive);
    filters.extend(good());
    let child = start(&archive, &filters, "2");
    finish(&archive, child)
}

fn compare(count: usize) {
    let records = cowrie(count);
    let alone = run(&records, |_| Vec::new());
    let beside = run(&records, hostile);
    let filters = beside.summary["filters"].as_array().unwrap();
    assert_eq!(filters.len(), 12);
    for summary in filters {
        let number = |of: &Value, field: &str| of[field].as_u64().unwrap();
        let ended: u64 = ["done", "rejected", "failed", "given_back"].iter().map(|end| number(summary, end)).sum();
        assert_eq!(number(summary, "attempts"), ended, "{summary}");
        let states: u64 = ["pending", "done", "rejected", "failed"].iter().map(|end| number(&summary["store"], end)).sum();
        assert_eq!((number(&summary["store"], "accepted"), states), (count as u64, count as u64), "{summary}");
        let name = summary["filter"].as_str().unwrap();
        match name {
            "cowrie" | "sighting" => assert_eq!((number(summary, "failed"), number(&summary["store"], "pending")), (0, 0)),
            _ if name.ends_with("_now_and_then") => {
                assert!(number(summary, "failed") > 0 && number(&summary["store"], "pending") == 0, "{summary}");
            }
            _ => assert_eq!(number(summary, "failed"), 10, "{summary}"),
        }
        eprintln!(
            "{name:<22} {:>6} done {:>5} failed {:>6} pending {:>9} us",
            summary["done"], summary["failed"], summary["store"]["pending"], summary["busy_us"]
        );
    }
    assert_eq!(alone.documents.len(), beside.documents.len());
    for (one, other) in alone.documents.iter().zip(&beside.documents) {
        assert_eq!(one, other);
    }
    let per_record = |ran: &Ran| ran.took.as_micros() as u64 / count as u64;
    eprintln!("{count} records, two good filters: {} us a record, {} MiB", per_record(&alone), alone.peak >> 10);
    eprintln!("with ten hostile ones beside them: {} us a record, {} MiB", per_record(&beside), beside.peak >> 10);
    assert!(beside.peak <= alone.peak + 64 * 1024, "{} KiB, {} alone", beside.peak, alone.peak);
}

#[test]
fn ten_hostile_filters_change_nothing_of_what_good_ones_make() {
    compare(500);
}

#[test]
#[ignore = "takes a minute, and prints figures that say something on an idle machine only"]
fn ten_hostile_filters_change_nothing_of_what_good_ones_make_of_ten_thousand_records() {
    compare(10_000);
}

#[test]
#[ignore = "takes a minute, and prints figures that say something on an idle machine with two cores only"]
fn good_filters_are_as_fast_as_without_hostile_ones_where_each_side_has_a_worker_of_its_own() {
    const COUNT: usize = 10_000;
    let records = cowrie(COUNT);
    let per_record = |ran: &Ran| ran.took.as_micros() as u64 / COUNT as u64;
    let alone = archived(&records);
    let child = start(&alone, &good(), "1");
    let alone = finish(&alone, child);
    // Two runtimes share the archive.
    let beside = archived(&records);
    let mut attack = start(&beside, &hostile(&beside), "1");
    let child = start(&beside, &good(), "1");
    let ran = finish(&beside, child);
    let over = attack.try_wait().unwrap().is_some();
    assert!(attack.wait_with_output().unwrap().status.code() == Some(3));
    // The other side may have finished later.
    assert_eq!(ran.summary["filters"][0]["done"], COUNT);
    let events = |ran: &Ran| ran.documents.iter().filter(|document| document["itype"] == "event").cloned().collect::<Vec<_>>();
    assert_eq!(events(&alone), events(&ran));
    eprintln!(
        "{COUNT} records, two good filters, a worker: {} us a record; while ten hostile ones have another: {} us ({})",
        per_record(&alone),
        per_record(&ran),
        if over { "which had finished before" } else { "to the end" }
    );
}
