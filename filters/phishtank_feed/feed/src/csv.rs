//! CSV with a header, by RFC 4180: columns are found by name, and may be more or fewer than expected.
//!
//! It is read a line at a time, so that a quote that nobody closes costs its own line: a reader of the whole text would
//! take all that follows for one value.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use filter_sdk::text::{is_space, strip};

use crate::lines::{Lines, is_blank};
use crate::row::{Columns, Row};
use crate::tally::{Entry, Place, Tally};

/// The column without which there is nothing to read.
const URL: &str = "url";

/// Columns that are read; of a row that has more, as of a line full of commas, nothing is.
const MOST_COLUMNS: usize = 256;

/// Lines that one row may take: a line feed in quotes is part of a value.
const MOST_LINES: usize = 16;

/// Whether the first line names columns, `url` among them.
pub(crate) fn has_header(text: &str, columns: &Columns) -> bool {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let mut named = line.split(',').map(|name| name.trim_matches(|c| c == '"' || is_space(c)));
    named.clone().any(|name| name == URL)
        && (named.clone().count() == 1 || named.any(|name| name != URL && columns.names.contains(&name)))
}

/// Hands over every row.
pub(crate) fn read(text: &str, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    let mut lines = Lines::new(text);
    let mut cells = Cells::new();
    // For each column of the feed the place of its name among those that are asked for.
    let mut places: Option<Vec<Option<usize>>> = None;
    while let Some((number, line)) = lines.next() {
        if tally.is_full() {
            return;
        }
        if is_blank(line) {
            continue;
        }
        if !cells.read(line, &mut lines, places.as_ref().map(Vec::len)) {
            tally.leave_out(Place::Line(number), || "it has a quote that is not closed, or too many columns".into());
        } else if let Some(places) = &places {
            let mut row = Row::new(columns);
            for (place, value) in places.iter().zip(cells.values()).filter_map(|(place, value)| Some(((*place)?, value))) {
                row.set(place, Some(value));
            }
            tally.count(Place::Line(number), &Entry::Row(&row));
        } else {
            let place = |name: Cow<'_, str>| columns.names.iter().position(|known| *known == strip(&name));
            places = Some(cells.values().map(place).collect());
        }
    }
}

/// The cells of one row.
struct Cells {
    reader: Reader,
    /// All values, one behind the other.
    bytes: Vec<u8>,
    length: usize,
    /// Where each value ends.
    ends: [usize; MOST_COLUMNS],
    count: usize,
}

impl Cells {
    fn new() -> Self {
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, bytes: Vec::new(), length: 0, ends: [0; MOST_COLUMNS], count: 0 }
    }

    /// Reads the row that begins with `line`, and takes of `lines` what a value in quotes continues on. `columns` is how
    /// many the row should have; if it can have no end, `lines` is as before.
    fn read(&mut self, line: &str, lines: &mut Lines<'_>, columns: Option<usize>) -> bool {
        self.reader.reset();
        (self.length, self.count) = (0, 0);
        let before = *lines;
        let mut ended = self.feed(line);
        for _ in 1..MOST_LINES {
            let (Some(false), Some(columns)) = (ended, columns) else { break };
            // A line with enough commas is a row of its own.
            let next = lines.next().filter(|(_, next)| next.bytes().filter(|b| *b == b',').count() + 1 < columns);
            ended = next.and_then(|(_, next)| self.feed(next));
            if ended == Some(true) && self.count != columns {
                ended = None;
            }
        }
        if ended != Some(true) {
            *lines = before;
        }
        ended == Some(true)
    }

    /// Reads one line; whether the row ends with it, `None` if it has too many columns.
    fn feed(&mut self, line: &str) -> Option<bool> {
        // What is read is never longer than what it is read from.
        self.bytes.resize(self.length + line.len() + 1, 0);
        for input in [line.as_bytes(), b"\n"] {
            // To the reader an empty input is the end of all.
            if input.is_empty() {
                continue;
            }
            let (bytes, ends) = (self.bytes.get_mut(self.length..)?, self.ends.get_mut(self.count..)?);
            let (result, _, length, count) = self.reader.read_record(input, bytes, ends);
            self.length += length;
            self.count += count;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Some(true),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull | ReadRecordResult::End => return None,
            }
        }
        Some(false)
    }

    fn values(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let ends = self.ends.iter().take(self.count);
        let starts = std::iter::once(&0).chain(ends.clone());
        starts.zip(ends).map(|(start, end)| String::from_utf8_lossy(self.bytes.get(*start..*end).unwrap_or_default()))
    }
}
