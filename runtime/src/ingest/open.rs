//! Opening a file: only regular ones, and none that is empty.

use std::fs::{File, FileType};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// How much of a file is looked at to tell what it is, and how much is read at a time.
pub(super) const PREFIX: usize = 64 * 1024;

/// A file that is open for reading.
pub(super) struct Opened<'a> {
    /// Its first bytes, [`PREFIX`] or all that there are; never empty.
    pub(super) prefix: Vec<u8>,
    /// What follows.
    pub(super) rest: Box<dyn BufRead + 'a>,
    /// How large it was when it was opened.
    pub(super) size: u64,
}

/// Opens a file, or says why not in words for a person.
pub(super) fn open<'a>(path: &Path, on_bytes: &'a dyn Fn(u64)) -> Result<Opened<'a>, String> {
    // Looked at before it is opened: opening a pipe waits for someone to write to it.
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err(not_regular(metadata.file_type()));
    }
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut counted = Counted { file, on_bytes };
    let mut prefix = Vec::new();
    (&mut counted).take(PREFIX as u64).read_to_end(&mut prefix).map_err(|error| format!("cannot be read: {error}"))?;
    if prefix.is_empty() {
        return Err("the file is empty".to_owned());
    }
    Ok(Opened { prefix, rest: Box::new(BufReader::with_capacity(PREFIX, counted)), size: metadata.len() })
}

fn not_regular(kind: FileType) -> String {
    if kind.is_dir() {
        "a directory: name the files in it".to_owned()
    } else {
        "not a regular file (a pipe, a socket or a device): only regular files are read".to_owned()
    }
}

/// A file that says how many bytes were read of it.
struct Counted<'a> {
    file: File,
    on_bytes: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        (self.on_bytes)(read as u64);
        Ok(read)
    }
}
