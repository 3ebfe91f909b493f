//! The addresses of stores, and opening them.

use super::{Store, StoreError, mongodb, sqlite};

/// What opening a store may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A store that is not there is made, and what is missing in one that is: tables, indexes.
    Create,
    /// As `Create`, and nothing waits for the disk: for an archive that is thrown away when its process ends.
    Scratch,
    /// A store that is not there is an error; it can be written.
    Existing,
    /// Nothing is written, by whatever is called later.
    ReadOnly,
}

/// Opens the store of that address, `sqlite:PATH` or `mongodb://HOST/DATABASE`, and makes an empty one where there is
/// none.
///
/// # Errors
/// No such kind of store, or see [`StoreError`].
pub fn open(uri: &str) -> Result<Box<dyn Store>, StoreError> {
    open_with(uri, Access::Create)
}

/// As [`open`], for commands that only look: a store that does not exist is an error, and is not made.
///
/// # Errors
/// See [`open`].
pub fn open_existing(uri: &str) -> Result<Box<dyn Store>, StoreError> {
    open_with(uri, Access::Existing)
}

/// Opens the store of that address.
///
/// # Errors
/// See [`open`].
pub fn open_with(uri: &str, access: Access) -> Result<Box<dyn Store>, StoreError> {
    Ok(match kind_of(uri)? {
        Kind::Sqlite(path) => Box::new(sqlite::SqliteStore::open(path, access)?),
        Kind::MongoDb => Box::new(mongodb::MongoStore::open(uri, access)?),
    })
}

/// Checks that an address is one, without looking for the store.
///
/// # Errors
/// No such kind of store.
pub fn check_address(uri: &str) -> Result<(), StoreError> {
    kind_of(uri).map(|_| ())
}

/// An address as people may see it: without a password, and without options, which may hold secrets too.
#[must_use]
pub fn shown_address(uri: &str) -> String {
    match kind_of(uri) {
        Ok(Kind::Sqlite(_)) => uri.to_owned(),
        // What is no address may still hold a password.
        Ok(Kind::MongoDb) | Err(_) => mongodb::shown(uri),
    }
}

/// The kinds of store that an address can name.
enum Kind<'a> {
    /// A file.
    Sqlite(&'a str),
    /// A server.
    MongoDb,
}

fn kind_of(uri: &str) -> Result<Kind<'_>, StoreError> {
    const FORMS: &str = "use sqlite:PATH, as in sqlite:tahoe.db, or mongodb://HOST/DATABASE";
    // What follows another scheme is not repeated: it may hold a password.
    let problem = match uri.split_once(':') {
        Some(("sqlite", path)) => return Ok(Kind::Sqlite(path)),
        Some(("mongodb" | "mongodb+srv", rest)) if rest.starts_with("//") => return Ok(Kind::MongoDb),
        Some((scheme, _)) => format!("{scheme}:… is no kind of store: {FORMS}"),
        None => format!("{uri:?} is no address of a store: {FORMS}; did you mean sqlite:{uri}?"),
    };
    Err(StoreError::Address(problem))
}
