//! What errors of the server and the driver mean: whose fault a write's failure is, and whether to try again.

use std::fmt;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use super::address::Address;
use crate::store::StoreError;

/// What became of a write, or a command, that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another writer was first: read again, then join.
    Duplicate,
    /// This document, and no other: refused by a schema, or of a shape that the join does not fit.
    Document(String),
    /// This document, and no other: it would be larger than the server takes.
    TooLarge(String),
    /// It may work later.
    Transient(String),
    /// It will not work, whatever the document.
    Permanent(String),
}

impl Fault {
    /// By the code of the server. `of_write`: reported for one write among others, so that an unknown code says
    /// something of that one.
    pub(super) fn of_code(code: i32, message: &str, of_write: bool) -> Self {
        let said = || format!("{message} (code {code})");
        match code {
            11000 | 11001 | 12582 => Self::Duplicate,
            // BadValue, FailedToParse, TypeMismatch, Overflow, InvalidLength, PathNotViable, NonExistentPath,
            // ConflictingUpdateOperators, DollarPrefixedFieldName, InvalidIdField, NotSingleValueField, InvalidDBRef,
            // EmptyFieldName, DottedFieldName, ImmutableField, DocumentValidationFailure, and the codes for keys and
            // arrays that are too large.
            2 | 9 | 14 | 15 | 16 | 28 | 29 | 40 | 52 | 53 | 54 | 55 | 56 | 57 | 66 | 121 | 10003 | 16389 | 17280 | 17282 => {
                Self::Document(said())
            }
            10334 | 17419 | 17420 => Self::TooLarge(said()),
            // HostUnreachable, HostNotFound, LockTimeout, NetworkTimeout, WriteConflict, ShutdownInProgress,
            // NoShardingEnabled while moving, StaleConfig, WriteConcernFailed, CursorNotFound, NetworkInterface…,
            // ExceededTimeLimit, MaxTimeMSExpired, and all that say that this server is not, or no longer, the
            // primary.
            6 | 7 | 24 | 43 | 46 | 50 | 63 | 64 | 75 | 79 | 89 | 91 | 100 | 112 | 133 | 134 | 150 | 175 | 189 | 202 | 225
            | 234 | 262 | 290 | 402 | 13388 | 9001 | 10058 | 10107 | 11600 | 11602 | 13435 | 13436 => Self::Transient(said()),
            _ if of_write => Self::Document(said()),
            13 | 18 | 8000 => Self::Permanent(format!("the server does not allow it: {}", said())),
            14031 => Self::Permanent(format!("the server's disk is full: {}. Nothing is lost; make room and run again", said())),
            _ => Self::Permanent(said()),
        }
    }

    /// Of a whole command.
    pub(super) fn of(error: &Error) -> Self {
        let retryable = ["RetryableWriteError", "TransientTransactionError", "RetryableError", "SystemOverloadedError"];
        match error.kind.as_ref() {
            ErrorKind::Command(command) => Self::of_code(command.code, &command.message, false),
            ErrorKind::Write(WriteFailure::WriteError(write)) => Self::of_code(write.code, &write.message, true),
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Self::Transient(concern.message.clone()),
            ErrorKind::Io(io) => Self::Transient(format!("connection: {io}")),
            ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::InvalidResponse { .. } => Self::Transient(error.kind.to_string()),
            // A document that the driver itself finds too large, or that has no form in BSON.
            ErrorKind::InvalidArgument { message, .. } => Self::Document(message.clone()),
            ErrorKind::BsonSerialization(_) | ErrorKind::Bson(_) => Self::Document(error.kind.to_string()),
            _ if retryable.iter().any(|label| error.contains_label(label)) => Self::Transient(error.kind.to_string()),
            _ => Self::Permanent(error.kind.to_string()),
        }
    }

    /// Whether it concerns one document and no other.
    pub(super) const fn is_of_document(&self) -> bool {
        matches!(self, Self::Document(_) | Self::TooLarge(_))
    }

    /// The same without what is secret.
    pub(super) fn scrubbed(self, address: &Address) -> Self {
        match self {
            Self::Duplicate => Self::Duplicate,
            Self::Document(text) => Self::Document(address.scrub(&text)),
            Self::TooLarge(text) => Self::TooLarge(address.scrub(&text)),
            Self::Transient(text) => Self::Transient(address.scrub(&text)),
            Self::Permanent(text) => Self::Permanent(address.scrub(&text)),
        }
    }

    /// For a caller that has no one document to blame.
    pub(super) fn into_error(self, address: &Address) -> StoreError {
        let place = address.shown();
        match self {
            Self::Duplicate => StoreError::Transient(format!("{place}: another writer was first, again and again")),
            Self::Transient(text) => StoreError::Transient(format!("{place}: {}", address.scrub(&text))),
            Self::Document(text) | Self::TooLarge(text) | Self::Permanent(text) => {
                StoreError::Permanent(format!("{place}: {}", address.scrub(&text)))
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate => f.write_str("another writer was first"),
            Self::Document(text) | Self::TooLarge(text) | Self::Transient(text) | Self::Permanent(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_blames_the_write_where_there_is_one_and_the_store_where_not() {
        assert!(matches!(Fault::of_code(4711, "odd", true), Fault::Document(_)));
        assert!(matches!(Fault::of_code(4711, "odd", false), Fault::Permanent(_)));
        assert_eq!(Fault::of_code(11000, "E11000", false), Fault::Duplicate);
        for code in [10107, 189, 91, 112, 50] {
            assert!(matches!(Fault::of_code(code, "", true), Fault::Transient(_)), "{code}");
        }
    }

    #[test]
    fn no_error_names_the_password() {
        let address = Address::new("mongodb://me:secret@host/db");
        let error = Fault::Permanent("authentication of me with secret failed".to_owned()).into_error(&address);
        assert_eq!(error.to_string(), "mongodb://me:***@host/db: authentication of me with *** failed");
    }
}
