//! Text, an entry a line: a URL, or a JSON object.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::hash::{DefaultHasher, Hasher as _};

use filter_sdk::net;
use filter_sdk::text::is_space;

use crate::json::{self, Objects};
use crate::row::Columns;
use crate::tally::{Entry, Fault, Place, Tally};

/// The lines of a text with their numbers.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'t> {
    rest: Option<&'t str>,
    number: usize,
    end: char,
}

impl<'t> Lines<'t> {
    /// Lines end at LF; at CR if there is no LF. Other characters that end a line somewhere may be part of a URL.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { rest: Some(text), number: 0, end: if text.contains('\n') { '\n' } else { '\r' } }
    }

    /// The next line, without what ends it.
    pub(crate) fn next(&mut self) -> Option<(usize, &'t str)> {
        let rest = self.rest?;
        let (line, rest) = rest.split_once(self.end).map_or((rest, None), |(line, rest)| (line, Some(rest)));
        self.rest = rest;
        self.number += 1;
        Some((self.number, line.strip_suffix('\r').unwrap_or(line)))
    }

    /// Goes on with `rest`, which is the end of this text, behind an object that began in the line of this number.
    fn go_on(&mut self, number: usize, object: &str, rest: &'t str) {
        self.number = number + object.matches(self.end).count() - 1;
        self.rest = Some(rest);
    }
}

/// Whether there is nothing on a line.
pub(crate) fn is_blank(line: &str) -> bool {
    line.chars().all(is_around)
}

/// What may surround an entry.
pub(crate) fn is_around(c: char) -> bool {
    is_space(c) || c == '\u{feff}'
}

/// The URLs so far, by a digest: comparing long ones that begin alike, again and again, costs more than all the rest.
#[derive(Default)]
struct Seen<'t>(BTreeMap<u64, &'t str>);

impl<'t> Seen<'t> {
    /// Whether this one is new. Of two with one digest, which only an attacker makes, the second is always new.
    fn insert(&mut self, url: &'t str) -> bool {
        let mut digest = DefaultHasher::new();
        digest.write(url.as_bytes());
        match self.0.entry(digest.finish()) {
            Slot::Vacant(slot) => {
                slot.insert(url);
                true
            }
            Slot::Occupied(slot) => *slot.get() != url,
        }
    }
}

/// Hands over every line that is not blank; of equal URLs the first.
pub(crate) fn read(text: &str, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    let mut lines = Lines::new(text);
    let mut objects = Objects::new(text);
    let mut seen = Seen::default();
    while !tally.is_full() {
        let here = lines.rest;
        let Some((number, line)) = lines.next() else { return };
        let begins = line.trim_start_matches(is_around);
        if begins.is_empty() {
            continue;
        }
        if begins.starts_with('{') {
            // From the object to the end of the text: one that is written for people goes over several lines.
            let from = here.and_then(|here| here.get(line.len() - begins.len()..)).unwrap_or(begins);
            let Some((object, rest)) = objects.cut(from) else {
                tally.leave_out(Place::Line(number), || json::NO_END.into());
                continue;
            };
            json::count(object, Place::Line(number), columns, tally);
            lines.go_on(number, object, rest.trim_start_matches([' ', '\t', ',', '\r']));
        } else if let Some(url) = net::url(begins) {
            if seen.insert(url) {
                tally.count(Place::Line(number), &Entry::Url(url));
            }
        } else {
            tally.leave_out(Place::Line(number), || Fault::NoUrl.words(line));
        }
    }
}
