//! JSON objects, cut out of a text by their braces, so that a broken one costs itself and no other, and the dump is never
//! held as a tree.

use std::borrow::Cow;

use filter_sdk::text::{quoted, without_lone_surrogates};
use serde::de::DeserializeSeed as _;

use crate::lines::is_around;
use crate::row::{Columns, Row, RowSeed};
use crate::tally::{Entry, Place, Tally};

/// Why an object is left out that cannot be cut.
pub(crate) const NO_END: &str = "the JSON object has no end";

/// Cuts objects. One without an end is looked for to the end of the text, so how often is bounded.
pub(crate) struct Objects {
    /// Bytes that may still be looked at in vain.
    room: usize,
}

impl Objects {
    pub(crate) const fn new(text: &str) -> Self {
        const TIMES: usize = 16;
        const BESIDE: usize = 2 << 20;
        Self { room: BESIDE + TIMES * text.len() }
    }

    /// The object that `text` begins with, braces in its texts aside, and what follows it. `None` if it has no end: none at
    /// all, or none before a place where there can only be the next one.
    pub(crate) fn cut<'t>(&mut self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let bytes = text.as_bytes();
        let bytes = bytes.get(..self.room).unwrap_or(bytes);
        let (mut depth, mut at) = (0_usize, 0);
        // The last byte that is not white space.
        let mut last = b',';
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    at += 1;
                    continue;
                }
                b'"' => {
                    at = end_of_text(bytes, at + 1);
                    if bytes.get(at) != Some(&b'"') {
                        break;
                    }
                }
                b'{' if !matches!(last, b',' | b':' | b'[') => break,
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            last = byte;
            at += 1;
            if depth == 0 {
                return text.split_at_checked(at);
            }
        }
        self.room = self.room.saturating_sub(bytes.len().min(at + 1));
        None
    }
}

/// Where a text ends that goes on at `at`: at its quotation mark, at the line end that breaks it off, or with the bytes.
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    let is_line_end = |at: usize| matches!(bytes.get(at), Some(b'\n' | b'\r'));
    // Nearly all bytes of a dump are passed here, so it is done in a loop of its own.
    while let Some(plain) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n' | b'\r'))) {
        at += plain;
        if bytes.get(at) != Some(&b'\\') {
            return at;
        }
        // What is escaped is passed, whatever it is, but for a line end.
        at += 1;
        if is_line_end(at) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// Whether a text is a list of objects, or an empty one.
pub(crate) fn is_array(text: &str) -> bool {
    text.strip_prefix('[').is_some_and(|rest| rest.trim_start_matches(is_around).starts_with(['{', ']']))
}

/// Hands over every object of a list.
pub(crate) fn read(text: &str, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    let mut objects = Objects::new(text);
    let mut rest = text;
    let mut number = 0;
    loop {
        rest = rest.trim_start_matches(|c| is_around(c) || matches!(c, '[' | ']' | ','));
        if rest.is_empty() || tally.is_full() {
            return;
        }
        number += 1;
        let place = Place::Entry(number);
        if !rest.starts_with('{') {
            // What is no object ends where its line does, or the next object begins.
            let (other, after) = rest.split_at(rest.find(['\n', '{']).unwrap_or(rest.len()));
            tally.leave_out(place, || format!("expected a JSON object, found {}", quoted(other.trim_end())).into());
            rest = after;
        } else if let Some((object, after)) = objects.cut(rest) {
            count(object, place, columns, tally);
            rest = after;
        } else {
            tally.leave_out(place, || NO_END.into());
            rest = next_object(rest).unwrap_or_default();
        }
    }
}

/// From the next place on where an object of a list may begin: behind a comma, or as the first thing on its line.
fn next_object(text: &str) -> Option<&str> {
    let mut last = b'{';
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'{' if matches!(last, b',' | b'\n') => return text.get(at..),
            b' ' | b'\t' | b'\r' => {}
            _ => last = byte,
        }
    }
    None
}

/// Hands over one object.
pub(crate) fn count(object: &str, place: Place, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    match row(object, columns) {
        Ok(row) => tally.count(place, &Entry::Row(&row)),
        // Escapes of half a character, which the archive repairs in records, not within their texts.
        Err(error) => match without_lone_surrogates(object).as_deref().map(|repaired| row(repaired, columns)) {
            Some(Ok(row)) => tally.count(place, &Entry::Row(&row)),
            _ => tally.leave_out(place, || Cow::Owned(error.to_string())),
        },
    }
}

fn row<'a>(object: &'a str, columns: &'static Columns) -> Result<Row<'a>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    RowSeed { columns, inside: false }.deserialize(&mut deserializer)
}
