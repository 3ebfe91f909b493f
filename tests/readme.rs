//! The commands of README.md and of docs/, as they stand there.

#![expect(clippy::print_stderr, reason = "says what it skips")]

use std::path::Path;
use std::process::Command;

use crate::support::{Archive, root};

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Runs a page's shell blocks one after the other; returns what they printed.
fn run(page: &str) -> String {
    run_blocks(page, "```sh\n")
}

/// Runs the blocks that begin so.
fn run_blocks(page: &str, fence: &str) -> String {
    // In a folder of its own, for the archive that they make, which otherwise looks like the repository; and with the
    // binary under test, wherever it was built.
    let archive = Archive::new();
    for name in ["fixtures", "filters"] {
        std::os::unix::fs::symlink(root().join(name), archive.path(name)).unwrap();
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_runtime")).parent().unwrap().to_str().unwrap();
    let blocks: String = page.split(fence).skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let script = format!("set -eu\nPATH='{binary}':\"$PATH\"\n{}", blocks.replace("$PWD/target/release", binary));
    let mut bash = Command::new("bash");
    // What filters in Rust depend on was built with those of this repository.
    bash.args(["-c", &script]).current_dir(archive.path(".")).env("CARGO_TARGET_DIR", built());
    let output = bash.output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out
}

/// Where this repository is built to.
fn built() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

#[track_caller]
fn shows(out: &str, words: &[&str]) {
    for words in words {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
}

#[test]
fn the_commands_under_use_it_run_as_they_stand() {
    let readme = page("README.md");
    let out = run(readme.split("## Use it").nth(1).unwrap());
    shows(&out, &["29 new", "admitted     yes", "No dead letters.", r#""itype":"event""#]);
}

#[test]
fn the_commands_of_the_operators_page_run_as_they_stand() {
    shows(
        &run(&page("docs/operating.md")),
        &["29 new", "works", "No dead letters.", r#""pending":0"#, "filters.lock now says", "in the file honeypot"],
    );
}

#[test]
fn the_commands_of_the_page_on_security_run_as_they_stand() {
    shows(&run(&page("docs/security.md")), &["wasmtime 48", "admitted     yes", "5 of 5 pass", "2 of 2 pass"]);
}

#[test]
fn the_commands_of_the_guide_for_authors_run_as_they_stand() {
    let out = run(&page("docs/writing-a-filter.md"));
    shows(&out, &["logins/logins.wasm", "3 cases, 0 failed", "fuel by function", "admitted     yes", "192.0.2.77"]);
}

#[test]
fn those_in_python_too_where_filters_in_python_can_be_built() {
    if !root().join("filters/threatfox.wasm").exists() {
        eprintln!("SKIPPED: the guide's commands in Python, where no filter in Python could be built");
        return;
    }
    let out = run_blocks(&page("docs/writing-a-filter.md"), "```sh python\n");
    shows(&out, &["logins_py/logins_py.wasm", "3 cases, 0 failed"]);
}

#[test]
fn the_budgets_on_the_page_on_security_are_those_of_the_host() {
    use tahoe_runtime::limits::{Budget, Limits};
    let page = page("docs/security.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let (pure, wasi, kib, mib, million) = (Limits::PURE, Limits::WASI, 1024, 1024 * 1024, 1_000_000);
    let thousands = |number: u64| match number {
        1_000.. => format!("{},{:03}", number / 1_000, number % 1_000),
        _ => number.to_string(),
    };
    let times = |budget: Budget, unit: u64, name: &str| {
        let per = if budget.divisor == 1 {
            format!("{} × input", thousands(budget.factor))
        } else {
            format!("input / {}", budget.divisor)
        };
        format!("{}{name} + {per}", thousands(budget.constant / unit))
    };
    let seconds = |budget: Budget| format!("{} s + {} s for each MiB", budget.constant / 1_000, budget.factor / 1_000);
    for words in [
        format!("itself | {} M units |", pure.setup_fuel / million),
        format!("for a record | {} |", times(pure.fuel, million, " M")),
        format!("clock | {} |", seconds(pure.wall_clock_ms)),
        format!("together | {} |", times(pure.memory, mib, " MiB")),
        format!("{}; {}; {}; {} |", thousands(pure.table_entries), pure.instances, pure.memories, pure.tables),
        format!("handed to the host | {} |", times(pure.output, mib, " MiB")),
        format!("nodes | {} |", times(pure.nodes, 1, "")),
        format!("events | {} |", times(pure.events, 1, "")),
        format!("sessions | {} |", times(pure.sessions, 1, "")),
        format!("depth | {}; {} |", thousands(pure.children), pure.depth),
        format!("text | {}; {} |", pure.sub_type, times(pure.text, kib, " KiB")),
        format!("{} each, at most {} MiB |", times(pure.expanded, kib, " KiB"), pure.expanded_ceiling / mib),
        format!("lists | {} |", times(pure.references, 1, "")),
        format!("BSON | {} MiB |", pure.document / mib),
        format!("reason | {}; {} |", pure.log_lines, pure.log_line),
        format!("resources | {} |", pure.handles),
        format!(
            "{} M units of fuel to begin with, {} for a record",
            thousands(wasi.setup_fuel / million),
            times(wasi.fuel, million, " M")
        ),
        seconds(wasi.wall_clock_ms),
        format!("{} of memory, {} core instances", times(wasi.memory, mib, " MiB"), wasi.instances),
        format!("{} handles, and {} KiB of bytes", thousands(wasi.handles), wasi.random / kib),
    ] {
        assert!(page.contains(&words), "{words}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    use tahoe_runtime::exit::Exit;
    let readme = page("README.md");
    for (exit, words) in [
        (Exit::Complete, "nothing pending"),
        (Exit::CouldNotRun, "could not run"),
        (Exit::Usage, "the command line is wrong"),
        (Exit::Incomplete, "dead letters added"),
    ] {
        let line = format!("| {} | {words}", exit.code());
        assert!(readme.contains(&line), "{line}");
    }
}
