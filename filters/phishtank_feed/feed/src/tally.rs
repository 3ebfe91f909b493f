//! What became of the entries of a feed.

use std::borrow::Cow;
use std::fmt;

use filter_sdk::text::quoted;
use filter_sdk::{Host, Rejection};

use crate::row::Row;

/// Bad entries that are logged one by one; of the others only the number is.
const LOGGED: usize = 8;

/// What looking at one entry costs, in bytes of the feed, each of which pays for as much work as a call's budget has for
/// it. Who writes entries that are shorter than that gets fewer of them looked at.
mod cost {
    pub(super) const LEFT_OUT: usize = 10;
    pub(super) const ENTRY: usize = 24;
    pub(super) const VALUE: usize = 14;
    /// What no feed pays for.
    pub(super) const FREE: usize = 64 << 10;
}

/// Entries that are kept: what holds more grows once more, beyond the memory that the largest feed pays for.
const MOST: usize = 1 << 18;

/// An entry of a feed.
#[derive(Debug)]
pub enum Entry<'e> {
    /// A line that is a URL.
    Url(&'e str),
    /// A JSON object, or a row of CSV.
    Row(&'e Row<'e>),
}

/// Why a filter leaves an entry out.
#[derive(Debug)]
pub enum Fault {
    /// What should be a URL is none.
    NoUrl,
    /// It lacks this value.
    Missing(&'static str),
    /// The archive takes no more from a record of this length.
    TooMuch,
    /// Anything else, as the SDK says it.
    Other(Rejection),
}

impl Fault {
    /// The fault in words; `text` is what should be a URL.
    pub(crate) fn words(&self, text: &str) -> Cow<'static, str> {
        match self {
            Self::NoUrl => format!("expected a URL, found {}", quoted(text)).into(),
            Self::Missing(name) => format!("it has no `{name}`").into(),
            Self::TooMuch => "the feed is more than the archive takes from a record of its length".into(),
            Self::Other(rejection) => rejection.reason.clone().into(),
        }
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        Self::Other(rejection)
    }
}

/// What a filter does with an entry.
pub type Take<'t> = dyn FnMut(&Entry<'_>) -> Result<(), Fault> + 't;

/// Where an entry stands.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Line(usize),
    Entry(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// The entries so far.
pub(crate) struct Tally<'t, 'f> {
    host: &'t Host,
    take: &'t mut Take<'f>,
    good: usize,
    bad: usize,
    /// Why the first bad one was left out.
    first: Option<String>,
    /// What the feed has left to pay with.
    room: usize,
}

impl<'t, 'f> Tally<'t, 'f> {
    /// For a feed of that many bytes.
    pub(crate) fn new(bytes: usize, host: &'t Host, take: &'t mut Take<'f>) -> Self {
        Self { host, take, good: 0, bad: 0, first: None, room: cost::FREE.saturating_add(bytes) }
    }

    /// Whether no more entries are looked at: what follows is left out.
    pub(crate) const fn is_full(&self) -> bool {
        self.room == 0 || self.good >= MOST
    }

    /// Hands an entry to the filter.
    pub(crate) fn count(&mut self, place: Place, entry: &Entry<'_>) {
        let values = match entry {
            Entry::Url(_) => 0,
            Entry::Row(row) => row.len(),
        };
        self.room = self.room.saturating_sub(cost::ENTRY.saturating_add(values.saturating_mul(cost::VALUE)));
        match (self.take)(entry) {
            Ok(()) => self.good += 1,
            Err(fault) => self.leave_out(place, || {
                fault.words(match entry {
                    Entry::Url(url) => url,
                    Entry::Row(row) => row.get("url").unwrap_or_default(),
                })
            }),
        }
    }

    /// Leaves an entry out. Of millions only a few are put into words.
    pub(crate) fn leave_out(&mut self, place: Place, why: impl FnOnce() -> Cow<'static, str>) {
        self.bad += 1;
        self.room = self.room.saturating_sub(cost::LEFT_OUT);
        if self.bad <= LOGGED {
            let message = format!("{place} is left out: {}", why());
            self.host.warn(&message);
            self.first.get_or_insert(message);
        }
    }

    /// Closes the account.
    ///
    /// # Errors
    /// If not one entry was good.
    pub(crate) fn end(self) -> Result<(), Rejection> {
        if self.bad > LOGGED {
            self.host.warn(&format!("{} more entries of this feed are left out", self.bad - LOGGED));
        }
        if self.is_full() {
            self.host.warn("the rest of this feed is left out: it has more entries than a feed of its length may have");
        }
        match self.first {
            Some(first) if self.good == 0 => Err(Rejection::new(format!("nothing in the feed is usable: {first}"))),
            None if self.good == 0 => Err(Rejection::new("the feed has no entries")),
            _ => Ok(()),
        }
    }
}
