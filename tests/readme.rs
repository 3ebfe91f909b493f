//! The commands of README.md, as they stand there.

use std::process::Command;

use crate::support::{Archive, root};

#[test]
fn the_commands_under_use_it_run_as_they_stand() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## Use it").nth(1).unwrap();
    let block = section.split("```sh").nth(1).unwrap().split("```").next().unwrap();
    // In a folder of its own, for the archive that they make, which otherwise looks like the repository; and with the
    // binary under test, wherever it was built.
    let archive = Archive::new();
    for name in ["fixtures", "filters"] {
        std::os::unix::fs::symlink(root().join(name), archive.path(name)).unwrap();
    }
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_runtime")).parent().unwrap();
    let script = format!("set -eu\n{}", block.replace("$PWD/target/release", binary.to_str().unwrap()));
    assert!(script.matches("runtime ").count() >= 5, "{script}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(archive.path(".")).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}\n{err}");
    for words in ["29 new", "admitted     yes", "No dead letters.", r#""itype":"event""#] {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    use tahoe_runtime::exit::Exit;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
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
