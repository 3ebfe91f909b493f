//! An option of a filter, as somebody said it: in the open, or where its value lies.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file;

/// The most bytes of a file with a value: a value has at most 512, and no lines after it.
const MAX_BYTES: u64 = 4096;

/// Where the value of an option is. In the configuration file a text, `{"file": PATH}` or `{"env": NAME}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text, {\"file\": \"PATH\"} or {\"env\": \"NAME\"}")]
pub enum Source {
    /// Here, for all to see.
    Open(String),
    /// In a file, of which a line break at the end is no part.
    File(InFile),
    /// In an environment variable.
    Variable(InVariable),
}

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFile {
    file: PathBuf,
}

/// Which variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InVariable {
    env: String,
}

/// A value that could not be had. Its text holds nothing of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// The file.
    #[error("the file {} {problem}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The variable.
    #[error("the variable {0} is not set, empty, or not UTF-8 text")]
    Variable(String),
}

impl Source {
    /// In a file.
    #[must_use]
    pub const fn file(file: PathBuf) -> Self {
        Self::File(InFile { file })
    }

    /// In a variable.
    #[must_use]
    pub const fn variable(env: String) -> Self {
        Self::Variable(InVariable { env })
    }

    /// With a file that is relative to this folder.
    pub(super) fn beside(self, folder: &Path) -> Self {
        match self {
            Self::File(InFile { file }) => Self::file(folder.join(file)),
            other => other,
        }
    }

    /// The value.
    ///
    /// # Errors
    /// A file or a variable that has none.
    pub fn read(&self) -> Result<String, SourceError> {
        match self {
            Self::Open(value) => Ok(value.clone()),
            Self::Variable(InVariable { env }) => {
                std::env::var(env).ok().filter(|value| !value.is_empty()).ok_or_else(|| SourceError::Variable(env.clone()))
            }
            Self::File(InFile { file }) => {
                let refuse = |problem: String| SourceError::File { file: file.clone(), problem };
                let bytes = file::read(file, MAX_BYTES).map_err(|error| refuse(format!("cannot be read: {error}")))?;
                let mut value = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".to_owned()))?;
                if value.ends_with('\n') {
                    value.pop();
                    if value.ends_with('\r') {
                        value.pop();
                    }
                }
                if value.is_empty() { Err(refuse("is empty".to_owned())) } else { Ok(value) }
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(value) => f.write_str(value),
            Self::File(InFile { file }) => write!(f, "in the file {}", file.display()),
            Self::Variable(InVariable { env }) => write!(f, "in the variable {env}"),
        }
    }
}

/// How the names of variables begin that hold options.
pub const OPTION_VARIABLES: &str = "RUNTIME_OPTION_";

/// The variable in which an option is looked for: `RUNTIME_OPTION_FILTER_KEY`.
#[must_use]
pub fn option_variable(filter: &str, key: &str) -> String {
    format!("{OPTION_VARIABLES}{}_{}", filter.to_ascii_uppercase(), key.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_file_holds_without_the_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (content, value) in [("a b\n", "a b"), ("a\r\n", "a"), (" a\n\n", " a\n"), ("a", "a")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Source::file("token".into()).beside(folder.path()).read().unwrap(), value);
        }
        for (content, words) in
            [(b"\n".to_vec(), "is empty"), (b"hunter2\xff".to_vec(), "not UTF-8"), (vec![b'a'; 5000], "more than 4096 bytes")]
        {
            std::fs::write(&path, content).unwrap();
            let error = Source::file(path.clone()).read().unwrap_err().to_string();
            assert!(error.contains("token") && error.contains(words) && !error.contains("hunter"), "{error}");
        }
        let unset = Source::variable("RUNTIME_OPTION_NOBODY_SETS_THIS".into()).read().unwrap_err().to_string();
        assert!(unset.contains("RUNTIME_OPTION_NOBODY_SETS_THIS is not set"), "{unset}");
    }

    #[test]
    fn the_forms_in_a_configuration_file_are_told_apart_and_others_refused() {
        let read = |json: &str| serde_json::from_str::<Source>(json);
        assert_eq!(read(r#""on""#).unwrap(), Source::Open("on".into()));
        assert_eq!(read(r#"{"file": "a"}"#).unwrap(), Source::file("a".into()));
        assert_eq!(read(r#"{"env": "A"}"#).unwrap(), Source::variable("A".into()));
        for json in [r#"{"value": "hunter2"}"#, r#"{"file": "a", "env": "hunter2"}"#, "7"] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains("expected a text, {\"file\"") && !error.contains("hunter2"), "{error}");
        }
    }
}
