//! The lock as a file: TOML.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Lock, VERSION};
use crate::file;

/// The largest file that is read or written: room for dozens of filters that declare as much as they may.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The most characters of a parser's message.
const MAX_MESSAGE: usize = 300;

const HEADER: &str = "\
# What filters may be, as of the last `runtime lock`. A run with --lock refuses to start on any difference;
# `runtime lock --filters … --accept` takes differences over.

";

/// A lock that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// There is none.
    #[error("there is no lock {}: `runtime lock --filters F.wasm…` writes one", .0.display())]
    Missing(PathBuf),
    /// Reading failed.
    #[error("the lock {} cannot be read: {problem}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// The system's word, or ours.
        problem: io::Error,
    },
    /// It is not what `runtime lock` writes.
    #[error(
        "the lock {} is damaged: {problem}. Take it from a backup; or delete it, look at the filters with `runtime inspect`, and \
         write it anew with `runtime lock`",
        file.display()
    )]
    Damaged {
        /// Which.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Another version of this program wrote it.
    #[error(
        "the lock {} has version {found}, this program knows version {VERSION}: use the program that wrote it, or delete it and write \
         it anew with `runtime lock`",
        file.display()
    )]
    Version {
        /// Which.
        file: PathBuf,
        /// What it says.
        found: i64,
    },
    /// Writing failed.
    #[error("the lock {} cannot be written: {problem}", file.display())]
    Unwritable {
        /// Which.
        file: PathBuf,
        /// The system's word, or ours.
        problem: io::Error,
    },
}

/// What all versions have.
#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

impl Lock {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let owned = || path.to_owned();
        let bytes = file::read(path, MAX_BYTES).map_err(|problem| match problem.kind() {
            io::ErrorKind::NotFound => LockError::Missing(owned()),
            _ => LockError::Unreadable { file: owned(), problem },
        })?;
        let damaged = |problem| LockError::Damaged { file: owned(), problem };
        let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
        let syntax = |error: toml::de::Error| damaged(located(&text, error.span(), error.message()));
        // Before the rest, which another version may have in another form.
        let Versioned { version } = toml::from_str(&text).map_err(syntax)?;
        if version != VERSION {
            return Err(LockError::Version { file: owned(), found: version });
        }
        toml::from_str(&text).map_err(syntax)
    }

    /// Writes the file, in the place of one that is there.
    ///
    /// # Errors
    /// [`LockError::Unwritable`]; what was there is as it was.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let write = || {
            let text = format!("{HEADER}{}", toml::to_string_pretty(self).map_err(io::Error::other)?);
            if text.len() as u64 > MAX_BYTES {
                return Err(io::Error::other(format!("these filters declare too much for its {MAX_BYTES} bytes")));
            }
            file::replace(path, text.as_bytes())
        };
        write().map_err(|problem| LockError::Unwritable { file: path.to_owned(), problem })
    }
}

/// A parser's message with the line that it is about. Its own form quotes that line, however long it is.
fn located(text: &str, span: Option<Range<usize>>, message: &str) -> String {
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    match span.and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}
