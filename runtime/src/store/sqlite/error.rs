//! What SQLite's errors mean to an operator.

use std::path::{Path, PathBuf};

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// Makes errors that name the file and, where there is one, the way out.
#[derive(Clone, Debug)]
pub(super) struct InFile(PathBuf);

impl InFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// An error of our own: the file, and what of it.
    pub(super) fn refuse(&self, what: &str) -> StoreError {
        StoreError::Permanent(format!("{} {what}", self.0.display()))
    }

    /// What SQLite's error means. Whether it may work later is decided here and nowhere else.
    pub(super) fn error(&self, error: Error) -> StoreError {
        let file = self.0.display();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Transient(format!("{file} is locked by another process"))
            }
            Some(ErrorCode::NotADatabase) => self.refuse("is not a SQLite database: give another path"),
            Some(ErrorCode::DiskFull) => self.refuse("cannot grow: the disk is full. Nothing is lost; make room and run again"),
            Some(ErrorCode::ReadOnly) => self.refuse("cannot be written: it, or its folder, is read-only for this user"),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                self.refuse("cannot be opened: is its folder there, and may this user write to both?")
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                self.refuse(&format!("is damaged ({error}): restore a copy, or try the `.recover` command of `sqlite3`"))
            }
            _ => self.refuse(&format!("could not be read or written: {error}")),
        }
    }
}
