//! The author's side: `new` begins a filter's project, `build` makes a component of it.
//!
//! A build of a crate runs what the author wrote, and what the author depends on, with the author's rights: build scripts and
//! macros. Operators never build; they get components.

mod embedded;
mod manifest;
mod new;
mod python;
mod rust;

use std::fs;
use std::path::Path;

use anyhow::bail;
use clap::ValueEnum;
use serde::Deserialize;

pub use new::{Name, Project, WrongName, new};

/// What a filter can be written in with the SDKs of this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// A crate, built by cargo.
    Rust,
    /// A module, built by componentize-py.
    Python,
}

impl Language {
    /// The language of the project in `directory`.
    ///
    /// # Errors
    /// If there is no project of a filter in it.
    pub fn of(directory: &Path) -> anyhow::Result<Self> {
        if directory.join("Cargo.toml").is_file() {
            return Ok(Self::Rust);
        }
        if fs::read_to_string(directory.join("pyproject.toml")).is_ok_and(|text| is_of_filter(&text)) {
            return Ok(Self::Python);
        }
        bail!(
            "{} holds no filter: neither a Cargo.toml nor a pyproject.toml with a table [tool.tahoe-filter]; `runtime new DIR` makes \
             one",
            directory.display()
        )
    }
}

/// Whether a `pyproject.toml` is that of a filter. One that cannot be read says nothing of filters.
fn is_of_filter(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Manifest {
        tool: toml::Table,
    }
    toml::from_str(text).is_ok_and(|manifest: Manifest| manifest.tool.contains_key("tahoe-filter"))
}

/// Builds the filter in `directory` and returns its component; `offline` with what is on this machine already.
///
/// # Errors
/// When there is no filter, no toolchain, or the build fails; its tools have said why on stderr.
pub fn build(directory: &Path, offline: bool) -> anyhow::Result<Vec<u8>> {
    match Language::of(directory)? {
        Language::Rust => rust::build(directory, offline),
        Language::Python => python::build(directory, offline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_in_a_folder_tell_the_language() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Language::of(folder.path()).unwrap_err().to_string().contains("holds no filter"));
        let manifest = folder.path().join("pyproject.toml");
        for text in ["[project]\nname = \"x\"\n", "[tool.black]\n", "[tool.tahoe-filter"] {
            fs::write(&manifest, text).unwrap();
            assert!(Language::of(folder.path()).is_err(), "{text}");
        }
        fs::write(&manifest, "[tool.tahoe-filter]\n").unwrap();
        assert_eq!(Language::of(folder.path()).unwrap(), Language::Python);
        fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(Language::of(folder.path()).unwrap(), Language::Rust);
    }
}
