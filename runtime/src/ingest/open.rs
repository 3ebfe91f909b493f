//! Opening a file: only regular ones, and none that is empty. A gzip or bzip2 file is checked, and unpacked while it
//! is read.

use std::fs::{File, FileType};
use std::io::{self, BufRead, BufReader, Read, Seek as _};
use std::path::Path;

use super::compression::{self, Packing, Unpacking};

/// How much of a file is looked at to tell what it is, and how much is read at a time.
pub(super) const PREFIX: usize = 64 * 1024;

/// A file that is open for reading.
pub(super) struct Opened<'a> {
    /// Its first bytes, [`PREFIX`] or all that there are; never empty.
    pub(super) prefix: Vec<u8>,
    /// What follows.
    pub(super) rest: Box<dyn BufRead + 'a>,
    /// How large it was when it was opened; unknown of what is unpacked.
    pub(super) size: Option<u64>,
}

/// Opens a file, or says why not in words for a person.
pub(super) fn open<'a>(path: &Path, on_bytes: &'a dyn Fn(u64)) -> Result<Opened<'a>, String> {
    // Looked at before it is opened: opening a pipe waits for someone to write to it.
    let metadata = std::fs::metadata(path).map_err(cannot_be_read)?;
    if !metadata.is_file() {
        return Err(not_regular(metadata.file_type()));
    }
    let mut file = File::open(path).map_err(cannot_be_read)?;
    match packing(&mut file).map_err(cannot_be_read)? {
        None => begin(Counted { file, on_bytes }, Some(metadata.len())),
        Some(packing) => begin(Unpacking::new(packing, BufReader::with_capacity(PREFIX, Counted { file, on_bytes })), None),
    }
}

fn cannot_be_read(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

/// What a file is packed with, if it is and can be unpacked. Reads, and goes back to the start.
fn packing(file: &mut File) -> io::Result<Option<Packing>> {
    let mut magic = Vec::new();
    (&mut *file).take(Packing::MAGIC).read_to_end(&mut magic)?;
    file.rewind()?;
    let packing = Packing::of(&magic);
    if let Some(packing) = packing {
        compression::check(packing, BufReader::with_capacity(PREFIX, &mut *file))?;
        file.rewind()?;
    }
    Ok(packing)
}

/// Reads the first bytes. What goes wrong behind some of them is told when they have been used.
fn begin<'a>(mut reader: impl Read + 'a, size: Option<u64>) -> Result<Opened<'a>, String> {
    let mut prefix = Vec::new();
    match (&mut reader).take(PREFIX as u64).read_to_end(&mut prefix) {
        Ok(_) if prefix.is_empty() => Err("the file is empty".to_owned()),
        Ok(_) => Ok(Opened { prefix, rest: Box::new(BufReader::with_capacity(PREFIX, reader)), size }),
        Err(error) if prefix.is_empty() => Err(cannot_be_read(error)),
        Err(error) => Ok(Opened { prefix, rest: Box::new(BufReader::new(Broken(Some(error)))), size }),
    }
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
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        (self.on_bytes)(read as u64);
        Ok(read)
    }
}

/// The rest of a file that cannot be read on.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
