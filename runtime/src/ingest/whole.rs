//! Files that are one record: read whole, up to the size that a record may have.

use std::io::{self, BufRead, Cursor, Read};

use super::record::{self, MAX_TEXT};
use super::{At, Found, Stop, split_lines};

/// The file is one record's JSON.
pub(super) fn object(reader: &mut dyn BufRead, size: Option<u64>, found: &mut Found<'_>) -> Result<(), Stop> {
    let bytes = up_to_the_bound(reader)?;
    if is_beyond(&bytes) {
        return Ok(found.refuse(At::File, too_large(size, &bytes))?);
    }
    Ok(found.json(At::File, &bytes)?)
}

/// The file is one record's text.
pub(super) fn text(reader: &mut dyn BufRead, size: Option<u64>, found: &mut Found<'_>) -> Result<(), Stop> {
    let bytes = up_to_the_bound(reader)?;
    if is_beyond(&bytes) {
        return Ok(found.refuse(At::File, too_large(size, &bytes))?);
    }
    Ok(found.outcome(At::File, record::from_text(found.sub_type, bytes))?)
}

/// The file begins with a line that is no record by itself: it is one record over several lines, or lines of which
/// the first is broken. It is the former if the whole is JSON. If neither the whole nor any line is, one message
/// about the whole helps more than one for each line.
pub(super) fn object_or_lines(reader: &mut dyn BufRead, found: &mut Found<'_>) -> Result<(), Stop> {
    let bytes = up_to_the_bound(reader)?;
    if is_beyond(&bytes) {
        return split_lines(&mut Cursor::new(bytes).chain(reader), found);
    }
    let outcome = record::from_json(found.sub_type, &bytes);
    if outcome.is_err() && has_lines_of_objects(&bytes) {
        return split_lines(&mut Cursor::new(bytes), found);
    }
    Ok(found.outcome(At::File, outcome)?)
}

/// Whether a line after the first begins as a record does, at the margin: inside of one record printed over several
/// lines, braces are indented.
pub(super) fn has_lines_of_objects(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter(|line| !record::is_blank(line));
    let first = lines.next();
    let second = lines.next();
    second.is_none() || first.is_none() || second.into_iter().chain(lines).any(|line| line.starts_with(b"{"))
}

/// Why a file is refused of which so much was read.
fn too_large(size: Option<u64>, read: &[u8]) -> String {
    let read = read.len() as u64;
    match size {
        Some(size) => record::too_large(size.max(read)),
        None => format!("more than {MAX_TEXT} bytes, which is the most that a record may have"),
    }
}

/// All bytes, or one more than a record may have.
fn up_to_the_bound(reader: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_beyond(bytes: &[u8]) -> bool {
    bytes.len() as u64 > MAX_TEXT
}
