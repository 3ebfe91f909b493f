//! Files to raw records, as a stream: each record is handed over when it is read, so a file may be larger than
//! memory.
//!
//! What a file holds is hostile: nothing is allocated from a number in it, a record that is too large is skipped
//! without being held, and one bad record never costs the next. Knows nothing of stores; `cmd::ingest` archives what
//! comes out.
//!
//! The way of a file: `folder` (named, or in a folder that is), `open` (regular, not empty) and `compression`
//! (unpacked), `detect` (how it holds records), one of `lines`, `array`, `feed`, `mbox` and `whole` (where each record
//! begins and ends), `record` (the text of one to its document).
//!
//! A file that is cut off, or that the disk does not give, is read as far as it goes: what was complete before is
//! archived, and is what the whole file would have given, so that reading it again when it is mended adds nothing
//! twice. A packed file that is damaged, or that unpacks to too much, is refused before any of it is read.

mod array;
mod compression;
mod csv;
mod detect;
mod feed;
mod folder;
mod lines;
mod mbox;
mod open;
mod origin;
mod record;
#[cfg(test)]
mod tests;
mod whole;

use std::fmt;
use std::io::{self, BufRead, Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

pub use folder::Inputs;
pub use origin::{Origin, OriginError};

use crate::tahoe::RawDocument;
use array::{Elements, Part};
use detect::Shape;
use lines::{Line, Lines};
use open::Opened;

/// How a file holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// By sub-type and content.
    Auto,
    /// One JSON record a line.
    Jsonl,
    /// The file is one record's JSON.
    Json,
    /// The file is one record's text: `{"data": "…"}`, byte for byte. A long feed is several, cut between entries.
    Text,
    /// The file is one mail, byte for byte.
    Eml,
    /// A mailbox (mboxrd): one mail each.
    Mbox,
}

/// Where in a file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The file as a whole.
    File,
    /// A line, counted from 1, blank ones too.
    Line(u64),
    /// An element of the array that the file is, counted from 1.
    Element(u64),
    /// A mail of the mailbox that the file is, counted from 1.
    Mail(u64),
}

/// Where something is. Shown as `FILE`, `FILE:LINE`, `FILE: element N` or `FILE: mail N`: to be escaped before a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as named on the command line.
    pub file: Arc<Path>,
    /// Where in it.
    pub at: At,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.at {
            At::File => write!(f, "{file}"),
            At::Line(number) => write!(f, "{file}:{number}"),
            At::Element(number) => write!(f, "{file}: element {number}"),
            At::Mail(number) => write!(f, "{file}: mail {number}"),
        }
    }
}

/// What was found at a place.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// A record.
    Record {
        /// Where it was.
        place: Place,
        /// What it is in the archive.
        document: RawDocument,
    },
    /// Something that cannot be a record, or a file that cannot be read.
    Refused {
        /// Where it was.
        place: Place,
        /// Why, for a person; may hold text of the file, not escaped.
        reason: String,
    },
}

/// A file to read records from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file.
    pub path: &'a Path,
    /// The kind of its records.
    pub sub_type: &'a str,
    /// How it holds them.
    pub format: Format,
}

/// Reads all records of a file. At least one item comes out of every file: a file that holds no record is refused as
/// a whole.
///
/// `on_bytes` is told how many bytes were read since the last time.
///
/// # Errors
/// Only what `sink` returns. A file that cannot be read is an [`Item::Refused`], and what was read of it before stays
/// read.
pub fn read(source: Source<'_>, on_bytes: &dyn Fn(u64), sink: &mut dyn FnMut(Item) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut found = Found { file: Arc::from(source.path), sub_type: source.sub_type, sink, items: 0 };
    match open::open(source.path, on_bytes) {
        Ok(opened) => read_opened(opened, source, &mut found),
        Err(reason) => found.refuse(At::File, reason),
    }
}

fn read_opened(opened: Opened<'_>, source: Source<'_>, found: &mut Found<'_>) -> anyhow::Result<()> {
    match split(opened, source, found) {
        Ok(()) if found.items == 0 => found.refuse(At::File, "no record in it".to_owned()),
        Ok(()) => Ok(()),
        Err(Stop::Reading(error)) => found.refuse(At::File, format!("cannot be read to the end: {error}")),
        Err(Stop::Sink(error)) => Err(error),
    }
}

/// Why a file was not read to its end.
enum Stop {
    Reading(io::Error),
    Sink(anyhow::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Sink(error)
    }
}

/// The receiving end: makes documents of texts, and items of both outcomes.
struct Found<'a> {
    file: Arc<Path>,
    sub_type: &'a str,
    sink: &'a mut dyn FnMut(Item) -> anyhow::Result<()>,
    items: u64,
}

impl Found<'_> {
    fn json(&mut self, at: At, text: &[u8]) -> anyhow::Result<()> {
        self.outcome(at, record::from_json(self.sub_type, text))
    }

    fn outcome(&mut self, at: At, outcome: Result<RawDocument, String>) -> anyhow::Result<()> {
        match outcome {
            Ok(document) => self.item(Item::Record { place: self.place(at), document }),
            Err(reason) => self.refuse(at, reason),
        }
    }

    fn refuse(&mut self, at: At, reason: String) -> anyhow::Result<()> {
        self.item(Item::Refused { place: self.place(at), reason })
    }

    fn place(&self, at: At) -> Place {
        Place { file: Arc::clone(&self.file), at }
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        self.items += 1;
        (self.sink)(item)
    }
}

fn split(opened: Opened<'_>, source: Source<'_>, found: &mut Found<'_>) -> Result<(), Stop> {
    let shape = match detect::shape(&opened.prefix, source.sub_type, source.format) {
        Ok(shape) => shape,
        Err(reason) => return Ok(found.refuse(At::File, reason)?),
    };
    let Opened { prefix, rest, size } = opened;
    let mut reader = Cursor::new(prefix).chain(rest);
    match shape {
        Shape::Lines => split_lines(&mut reader, found),
        Shape::Array => each_element(&mut reader, found, &mut |at, element, found| found.json(at, element)),
        Shape::ObjectOrLines => whole::object_or_lines(&mut reader, found),
        Shape::Object => whole::object(&mut reader, size, found),
        Shape::Text => whole::text(&mut reader, size, found),
        Shape::Feed => feed::feed(&mut reader, found),
        Shape::Mbox => mbox::mails(&mut reader, found),
    }
}

fn split_lines(reader: &mut dyn BufRead, found: &mut Found<'_>) -> Result<(), Stop> {
    let mut lines = Lines::new(reader, record::MAX_TEXT);
    while let Some((number, line)) = lines.next()? {
        match line {
            Line::Text(text) if record::is_blank(text) => {}
            Line::Text(text) => found.json(At::Line(number), text)?,
            Line::TooLong(bytes) => found.refuse(At::Line(number), record::too_large(bytes))?,
        }
    }
    Ok(())
}

/// What is done with an element of an array.
type OnElement<'a> = dyn FnMut(At, &[u8], &mut Found<'_>) -> anyhow::Result<()> + 'a;

fn each_element(reader: &mut dyn BufRead, found: &mut Found<'_>, on_element: &mut OnElement<'_>) -> Result<(), Stop> {
    let mut elements = Elements::new(reader, record::MAX_TEXT);
    while let Some((number, part)) = elements.next()? {
        let at = At::Element(number);
        match part {
            Part::Element(text) => on_element(at, text, found)?,
            Part::TooLong(bytes) => found.refuse(at, record::too_large(bytes))?,
            Part::CutOff => found.refuse(at, "the file ends before this element does".to_owned())?,
            Part::NotClosed => found.refuse(At::File, format!("the array has no end: was it cut off after element {number}?"))?,
            Part::Trailing => {
                found.refuse(At::File, format!("there is more behind the end of the array, after element {number}"))?
            }
        }
    }
    Ok(())
}
