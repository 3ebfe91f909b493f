use std::path::Path;
use std::time::Duration;

use crate::Scale;
use crate::corpus::{COWRIE, ENTRIES, Kind, PHISHTANK};
use crate::process::{Ran, Runtime};
use crate::report::{Report, median, medians, micros, per_second, short, table, title};
use crate::rows::insert_again;

/// The filters that come with the runtime, without those that need Python to be built.
const SHIPPED: [&str; 5] = ["cowrie", "sighting", "email", "openphish_feed", "phishtank_feed"];

/// What is true of memory that stays the same: a tenth more or less.
const FLAT: f64 = 1.1;

pub(crate) fn measure(scale: Scale, report: &mut Report) {
    title("Through the binary: a run with --once, from its start to its end");
    let runtime = Runtime::new();
    start_up(scale, &runtime, report);
    let kinds = Kind::built(scale);
    kinds.iter().for_each(|kind| runtime.warm(&[kind.filter]));
    let mut rows = Vec::new();
    for kind in &kinds {
        rows.push(throughput(scale, &runtime, kind, report));
    }
    println!();
    table(
        [
            "kind",
            "records",
            "1 processor\n1 worker",
            "2 processors\n1 worker",
            "2 processors\n2 workers",
            "2 of 1\nprocessors",
            "KB/s\n2 workers",
            "archived",
        ],
        rows,
    );
    bare_rows(scale, &runtime, report);
    memory(scale, &runtime, report);
}

fn start_up(scale: Scale, runtime: &Runtime, report: &mut Report) {
    runtime.warm(&SHIPPED);
    let empty = runtime.archive("empty");
    let time = median((0..2 * scale.rounds + 1).map(|_| runtime.once(&empty, &SHIPPED, 1).elapsed).collect());
    println!(
        "the {} shipped filters, machine code in the cache, nothing archived: {} ms",
        SHIPPED.len(),
        short(micros(time) / 1e3)
    );
    report.at_most("start-up of five filters with a warm cache", 0.3, time.as_secs_f64(), "s");
}

/// Runs something over a copy of an archive.
fn over_a_copy(runtime: &Runtime, archive: &Path, run: impl FnOnce(&Path) -> Ran) -> Duration {
    let copy = runtime.archive("copy");
    std::fs::copy(archive, &copy).unwrap();
    let ran = run(&copy);
    std::fs::remove_file(copy).unwrap();
    ran.elapsed
}

fn throughput(scale: Scale, runtime: &Runtime, kind: &Kind, report: &mut Report) -> [String; 8] {
    let count = match kind.sub_type {
        "cowrie" => scale.records(50_000),
        "email" => scale.records(10_000),
        "phishtank_feed" if scale.quick => 1,
        "phishtank_feed" => 4,
        _ => scale.records(200),
    };
    let archive = runtime.archive(kind.filter);
    let archived = runtime.ingest(&archive, kind, count);
    let filters = [kind.filter];
    let rounds: Vec<[Duration; 3]> = (0..scale.rounds.min(3))
        .map(|_| {
            [
                over_a_copy(runtime, &archive, |copy| runtime.once_on_one(copy, &filters, 1)),
                over_a_copy(runtime, &archive, |copy| runtime.once(copy, &filters, 1)),
                over_a_copy(runtime, &archive, |copy| runtime.once(copy, &filters, 2)),
            ]
        })
        .collect();
    std::fs::remove_file(archive).unwrap();
    let times = medians(&rounds);
    let [narrow, one, two] = times;
    let ratio = narrow.as_secs_f64() / two.as_secs_f64();
    let kilobytes: usize = (0..count.min(8)).map(|number| (kind.data)(number).to_string().len()).sum::<usize>() / 1000;
    let kilobytes = kilobytes * count / count.min(8);
    if kind.sub_type == "cowrie" {
        report.at_least("Cowrie through the binary, one worker", 10_000.0, per_second(count, one), "records/s");
        report.at_least("Cowrie: two workers on two processors, of one on one", 1.7, ratio, "times");
    }
    let [narrow, one, two] = times.map(|time| short(per_second(count, time)));
    [
        kind.name.to_owned(),
        count.to_string(),
        narrow,
        one,
        two,
        short(ratio),
        short(per_second(kilobytes, times[2])),
        short(per_second(count, archived.elapsed)),
    ]
}

/// A dump of PhishTank, against what no program that keeps the same rows can go below.
fn bare_rows(scale: Scale, runtime: &Runtime, report: &mut Report) {
    let parts = if scale.quick { 1 } else { 5 };
    let archive = runtime.archive("dump");
    runtime.ingest(&archive, &PHISHTANK, parts);
    let before = runtime.archive("before");
    std::fs::copy(&archive, &before).unwrap();
    let mut rows = 0;
    let rounds: Vec<[Duration; 2]> = (0..scale.rounds.min(3))
        .map(|_| {
            std::fs::copy(&before, &archive).unwrap();
            let ran = runtime.once(&archive, &[PHISHTANK.filter], 1).elapsed;
            let (bare, inserted) = insert_again(&archive);
            rows = inserted;
            [ran, bare]
        })
        .collect();
    [archive, before].into_iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let [ran, bare] = medians(&rounds);
    let ratio = ran.as_secs_f64() / bare.as_secs_f64();
    println!(
        "\na dump of PhishTank with {} entries, one worker: {} s; its {rows} documents and references inserted by themselves: {} s",
        parts * ENTRIES,
        short(ran.as_secs_f64()),
        short(bare.as_secs_f64()),
    );
    report.at_most("PhishTank dump: the run, of inserting its rows alone", 2.0, ratio, "times");
}

fn memory(scale: Scale, runtime: &Runtime, report: &mut Report) {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut most = Vec::new();
    let mut rows = Vec::new();
    for &size in scale.sizes() {
        let archive = runtime.archive("memory");
        let archived = runtime.ingest(&archive, &COWRIE, size);
        let ran = runtime.once(&archive, &[COWRIE.filter], 2);
        let disk = std::fs::metadata(&archive).unwrap().len();
        std::fs::remove_file(archive).unwrap();
        most.push(mebibytes(ran.memory));
        rows.push([
            size.to_string(),
            short(mebibytes(archived.memory)),
            short(mebibytes(ran.memory)),
            short(per_second(size, ran.elapsed)),
            (disk / size as u64).to_string(),
        ]);
    }
    println!("\nmemory of the process and its children at their largest, two workers, Cowrie");
    table(["records", "MiB to archive", "MiB to run", "records/s", "bytes/record in the store"], rows);
    let (smallest, largest) = most.iter().fold((f64::MAX, 0_f64), |(low, high), &now| (low.min(now), high.max(now)));
    report.at_most("memory of a run, largest archive of smallest", FLAT, largest / smallest, "times");
    report.at_most("memory of a run", 300.0, largest, "MiB");
}
