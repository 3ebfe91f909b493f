//! Folders on the command line: the files in them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The most files that are read of one folder: their names are held in memory, and sorted.
const MAX_FILES: usize = 100_000;

/// What a command line asks to read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The files. A folder that has none to read stands for itself.
    pub files: Vec<PathBuf>,
    /// Why a folder, by its index in `files`, gives no files.
    pub problems: BTreeMap<usize, String>,
    /// How many entries of a folder are not read, of folders where there are such.
    pub left_out: Vec<(PathBuf, u64)>,
}

impl Inputs {
    /// The files of a command line, each folder replaced by the regular files in it, sorted by name. What is hidden
    /// (its name begins with a dot), a link or a folder is left out and counted: a folder is not a way out of itself.
    /// A file or folder that is named may be a link.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        Self::with_at_most(MAX_FILES, paths)
    }

    fn with_at_most(most: usize, paths: &[PathBuf]) -> Self {
        let mut inputs = Self::default();
        for path in paths {
            if path.is_dir() {
                inputs.folder(most, path);
            } else {
                inputs.files.push(path.clone());
            }
        }
        inputs
    }

    fn folder(&mut self, most: usize, path: &Path) {
        let problem = match files_in(path, most) {
            Err(error) => format!("cannot be read: {error}"),
            Ok(Listed { files, .. }) if files.len() > most => {
                format!("a directory with more than {most} files: name them in several commands")
            }
            Ok(Listed { mut files, left_out }) => {
                if left_out > 0 {
                    self.left_out.push((path.to_owned(), left_out));
                }
                if !files.is_empty() {
                    files.sort_unstable();
                    return self.files.append(&mut files);
                }
                "a directory without files to read in it".to_owned()
            }
        };
        self.problems.insert(self.files.len(), problem);
        self.files.push(path.to_owned());
    }
}

/// What is in a folder.
struct Listed {
    /// One file more than the most, if there are more.
    files: Vec<PathBuf>,
    left_out: u64,
}

fn files_in(folder: &Path, most: usize) -> io::Result<Listed> {
    let mut listed = Listed { files: Vec::new(), left_out: 0 };
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden || !entry.file_type()?.is_file() {
            listed.left_out += 1;
            continue;
        }
        listed.files.push(entry.path());
        if listed.files.len() > most {
            break;
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_its_files_by_name_where_it_stands() {
        let folder = folder(&["b.eml", "a.eml", "B.mbox", "c"]);
        let at = |name: &str| folder.path().join(name);
        let inputs = Inputs::of(&["first".into(), folder.path().into(), "last".into()]);
        assert_eq!(inputs.files, ["first".into(), at("B.mbox"), at("a.eml"), at("b.eml"), at("c"), "last".into()]);
        assert!(inputs.problems.is_empty() && inputs.left_out.is_empty());
    }

    #[test]
    fn what_is_hidden_a_link_or_a_folder_is_left_out_and_counted_and_a_named_link_is_read() {
        let folder = folder(&["a.eml", ".hidden"]);
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/deep.eml"), "x").unwrap();
        let link = folder.path().join("link.eml");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        let inputs = Inputs::of(&[folder.path().into(), link.clone()]);
        assert_eq!(inputs.files, [folder.path().join("a.eml"), link]);
        assert_eq!(inputs.left_out, [(folder.path().to_owned(), 3)]);
    }

    #[test]
    fn a_folder_without_files_or_with_too_many_is_a_problem_of_its_own() {
        let (empty, full, good) = (folder(&[".x"]), folder(&["a", "b", "c"]), folder(&["a", "b"]));
        let inputs = Inputs::with_at_most(2, &[&empty, &full, &good].map(|folder| folder.path().to_owned()));
        assert_eq!(inputs.files.len(), 4);
        let problems: Vec<_> = inputs.problems.into_iter().collect();
        let expected =
            ["a directory without files to read in it", "a directory with more than 2 files: name them in several commands"];
        assert_eq!(problems, [(0, expected[0].to_owned()), (1, expected[1].to_owned())]);
    }
}
