//! `runtime new`: begins the project of a filter.

use std::io::{self, Write as _};

use super::UsageError;
use crate::author::{self, Language, Name, WrongName};
use crate::cli::NewArgs;
use crate::exit::Exit;
use crate::terminal::escape;

/// Makes the project, and says what to do next.
pub(super) fn run(args: &NewArgs) -> anyhow::Result<Exit> {
    let name = match &args.name {
        Some(name) => Name::chosen(name),
        None => Name::of_folder(&args.directory),
    };
    let name = name.map_err(|wrong: WrongName| UsageError(wrong.to_string()))?;
    let project = author::new(&args.directory, &name, args.language)?;
    let language = match args.language {
        Language::Rust => "Rust",
        Language::Python => "Python",
    };
    let directory = args.directory.display().to_string();
    let name = &project.name;
    let mut out = io::stdout().lock();
    writeln!(out, "The filter {name}, in {language}, in {}:", escape(&directory))?;
    for file in &project.files {
        writeln!(out, "  {}", file.display())?;
    }
    writeln!(out, "  tahoe/  the contract and the SDK\n")?;
    let typed = quoted(&directory);
    writeln!(out, "Next:")?;
    writeln!(out, "  runtime build {typed}")?;
    writeln!(out, "  runtime inspect {typed}/{name}.wasm")?;
    writeln!(out, "  runtime test {typed}/{name}.wasm {typed}/fixtures")?;
    writeln!(out, "Its README.md says how to go on.")?;
    Ok(Exit::Complete)
}

/// A path as it can be typed into a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if path.chars().all(plain) && !path.starts_with('-') {
        path.to_owned()
    } else {
        format!("'{}'", escape(path).replace('\'', r"'\''"))
    }
}
