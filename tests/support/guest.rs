//! Components from text, in files: those of the hostile suite, with other bodies.

use std::path::PathBuf;

pub(crate) use tahoe_runtime::selftest::{Guest, Setting};

use super::Archive;

/// A body of `parse` that answers with nothing: memory is zero there, and so are the case `ok` and three empty lists.
pub(crate) const EMPTY_ANSWER: &str = "(i32.const 512)";

/// A component with this body of `parse`, in a file beside an archive's store.
pub(crate) fn file(archive: &Archive, number: u8, name: &str, parse: &str) -> PathBuf {
    archive.file(&format!("{name}.wasm"), Guest { number, name, parse, ..Guest::default() }.bytes().unwrap())
}
