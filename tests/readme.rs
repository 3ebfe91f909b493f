//! The commands of README.md and of docs/, as they stand there.

use std::process::Command;

use crate::support::{Archive, root};

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Runs a page's shell blocks one after the other; returns what they printed.
fn run(page: &str) -> String {
    // In a folder of its own, for the archive that they make, which otherwise looks like the repository; and with the
    // binary under test, wherever it was built.
    let archive = Archive::new();
    for name in ["fixtures", "filters"] {
        std::os::unix::fs::symlink(root().join(name), archive.path(name)).unwrap();
    }
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_runtime")).parent().unwrap().to_str().unwrap();
    let blocks: String = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let script = format!("set -eu\nPATH='{binary}':\"$PATH\"\n{}", blocks.replace("$PWD/target/release", binary));
    let output = Command::new("bash").args(["-c", &script]).current_dir(archive.path(".")).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out
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
