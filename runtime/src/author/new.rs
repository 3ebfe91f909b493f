//! `runtime new`: a small filter that works, as a beginning.
//!
//! The project needs nothing of this repository: the contract and the SDK go with it, in the folder `tahoe`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{Language, embedded, manifest};

/// Bytes of a filter's name, as the contract has it.
const NAME_BYTES: usize = 64;

/// A name that a filter can have: `[a-z][a-z0-9_]*`, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A text that is no name of a filter.
#[derive(Debug, thiserror::Error)]
pub enum WrongName {
    /// It was chosen as it is.
    #[error("{0:?} is no name for a filter: a small letter, then small letters, digits and underscores, at most 64 in all")]
    Chosen(String),
    /// There is nothing in the folder's name to make one of.
    #[error("no name for the filter can be made of {0:?}; choose one with --name")]
    Folder(PathBuf),
}

impl Name {
    /// The name that an author chose.
    ///
    /// # Errors
    /// If the contract does not allow it.
    pub fn chosen(name: &str) -> Result<Self, WrongName> {
        let fits = name.len() <= NAME_BYTES
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Ok(Self(name.to_owned())) } else { Err(WrongName::Chosen(name.to_owned())) }
    }

    /// The name that follows from the name of a folder: `My-Filter` makes `my_filter`.
    ///
    /// # Errors
    /// If there is no letter in it to begin with.
    pub fn of_folder(directory: &Path) -> Result<Self, WrongName> {
        let wrong = || WrongName::Folder(directory.to_owned());
        // What `.` is called.
        let whole = fs::canonicalize(directory).or_else(|_| std::path::absolute(directory)).map_err(|_| wrong())?;
        let folder = whole.file_name().ok_or_else(wrong)?.to_string_lossy().to_ascii_lowercase();
        let name = folder.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars();
        let name: String = name.map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(NAME_BYTES).collect();
        Self::chosen(name.trim_end_matches('_')).map_err(|_| wrong())
    }
}

/// A project that was made.
#[derive(Debug)]
pub struct Project {
    /// What the filter is called.
    pub name: String,
    /// The author's files, by their paths in the project.
    pub files: Vec<PathBuf>,
}

/// Makes a project in a folder that is new, or empty but for `.git`.
///
/// # Errors
/// When something is there already, or the file system's.
pub fn new(directory: &Path, name: &Name, language: Language) -> anyhow::Result<Project> {
    let shown = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("cannot make the folder {shown}"))?;
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {shown}"))? {
        let name = entry.with_context(|| format!("cannot read {shown}"))?.file_name();
        if name != ".git" {
            bail!("{shown} is not empty: it has {}; name a folder that is new or empty", name.display());
        }
    }
    let files = author_files(&name.0, language)?;
    for (path, text) in files.iter().chain(&carried(language)?) {
        write(&directory.join(path), text).with_context(|| format!("cannot write {}", directory.join(path).display()))?;
    }
    Ok(Project { name: name.0.clone(), files: files.into_iter().map(|(path, _)| path).collect() })
}

/// Never in the place of a file that is there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    File::create_new(path)?.write_all(text.as_bytes())
}

/// What the author goes on with, from the templates: sorted, so that it reads as a listing does.
fn author_files(name: &str, language: Language) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let id = uuid::Uuid::new_v4().to_string();
    let own = match language {
        Language::Rust => "runtime/templates/rust",
        Language::Python => "runtime/templates/python",
    };
    let templates = embedded::folder(own).chain(embedded::folder("runtime/templates/both"));
    let mut files: Vec<(PathBuf, String)> = templates
        .filter_map(|(path, text)| {
            let path = path.strip_suffix(".template")?.replace("NAME", name);
            // In the repository they are neither hidden nor at work.
            let path = path.strip_prefix("dot.").map_or(path.clone(), |hidden| format!(".{hidden}"));
            Some((path.into(), text.replace("{{name}}", name).replace("{{id}}", &id)))
        })
        .collect();
    if language == Language::Rust {
        let lock = manifest::lock(name, "filter-sdk", embedded::file("filters/sdk/Cargo.toml"), embedded::file("Cargo.lock"))?;
        files.push(("Cargo.lock".into(), lock));
    }
    files.sort();
    Ok(files)
}

/// What goes with the project: the contract and the SDK.
fn carried(language: Language) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let carried = Path::new("tahoe");
    let copy = |(path, text): (&str, &str), folder: &str| (carried.join(folder).join(path), text.to_owned());
    let mut files: Vec<(PathBuf, String)> = embedded::folder("wit").map(|file| copy(file, "wit")).collect();
    match language {
        Language::Rust => {
            let manifest = manifest::alone(embedded::file("filters/sdk/Cargo.toml"), embedded::file("Cargo.toml"))?;
            files.push((carried.join("sdk/Cargo.toml"), manifest));
            // It lies one folder less deep than in the repository.
            let source = embedded::folder("filters/sdk/src")
                .map(|(path, text)| copy((path, &text.replace("../../wit", "../wit")), "sdk/src"));
            files.extend(source);
        }
        Language::Python => {
            files.extend(embedded::folder("filters/sdk-python/tahoe_filter").map(|file| copy(file, "tahoe_filter")));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_the_filter_its_name() {
        for (folder, name) in [
            ("trap", "trap"),
            ("/srv/Door-Trap", "door_trap"),
            ("2nd.trap v1", "nd_trap_v1"),
            ("trap\u{e9}", "trap"),
            ("../new/../trap/", "trap"),
        ] {
            assert_eq!(Name::of_folder(Path::new(folder)).unwrap().0, name, "{folder}");
        }
        assert_eq!(Name::of_folder(Path::new(&"a".repeat(300))).unwrap().0.len(), NAME_BYTES);
        for folder in ["2", "/", "\u{e9}", "..."] {
            assert!(Name::of_folder(Path::new(folder)).is_err(), "{folder}");
        }
    }

    #[test]
    fn a_chosen_name_is_taken_as_it_is_or_not_at_all() {
        assert_eq!(Name::chosen("a_1").unwrap().0, "a_1");
        for name in ["", "A", "1a", "_a", "a-b", "\u{e9}", &"a".repeat(65)] {
            assert!(Name::chosen(name).is_err(), "{name}");
        }
    }

    #[test]
    fn templates_leave_nothing_to_fill_in() {
        for language in [Language::Rust, Language::Python] {
            let files = author_files("some_name", language).unwrap();
            let paths: Vec<&str> = files.iter().map(|(path, _)| path.to_str().unwrap()).collect();
            assert!(paths.contains(&"fixtures/some_name.json"), "{paths:?}");
            assert!(paths.iter().all(|path| !path.contains("NAME") && !path.contains("dot.")), "{paths:?}");
            assert!(files.iter().all(|(_, text)| !text.contains("{{")), "{paths:?}");
        }
    }
}
