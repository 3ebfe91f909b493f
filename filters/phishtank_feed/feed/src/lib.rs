//! Takes a feed of phishing URLs apart: what the filters for feeds share.
//!
//! A feed is archived as `{"data": "<text>"}`, and the text is lines, JSON or CSV, whatever the source sent that day. It
//! may also be an error page, a compressed file or nothing at all, and then the record is rejected with what it is. Good
//! entries are kept beside bad ones, which are logged with their number.

mod csv;
mod json;
mod row;

use std::borrow::Cow;

use filter_sdk::text::{is_space, quoted};
use filter_sdk::{Host, Record, Rejection};

pub use row::{Columns, Row};

/// Bad entries that are logged one by one; of the others only the number is.
const LOGGED: usize = 8;

/// An entry of a feed.
#[derive(Debug)]
pub enum Entry<'e> {
    /// A line that is not blank, with what surrounds it.
    Line(&'e str),
    /// A JSON object, or a line of CSV.
    Row(&'e Row<'e>),
}

/// What a filter does with an entry: `Err` says why it is left out.
pub type Take<'t> = dyn FnMut(&Entry<'_>) -> Result<(), Cow<'static, str>> + 't;

/// The text of a feed, if the record is one: what it holds under `data`.
///
/// # Errors
/// If the record is no JSON object, or `data` is no text.
pub fn text_of(record: &Record) -> Result<Option<String>, Rejection> {
    let object = filter_sdk::Object::parse(&record.data, &["data"])?;
    Ok(object.text("data")?.map(Cow::into_owned))
}

/// Hands every entry of a feed's text to `take`, and logs those that it leaves out.
///
/// # Errors
/// If the text is no feed, or if not one entry is good: with what was seen instead.
pub fn read(text: &str, columns: &'static Columns, host: &Host, take: &mut Take<'_>) -> Result<(), Rejection> {
    let begins = text.trim_start_matches(|c| is_space(c) || c == '\u{feff}');
    if begins.is_empty() {
        return Err(Rejection::new("the feed is empty"));
    }
    if let Some(what) = no_feed(text, begins) {
        return Err(Rejection::new(format!("expected a feed of URLs, found {what}")));
    }
    let mut tally = Tally { host, take, good: 0, bad: 0, first: None };
    if begins.starts_with(['[', '{']) {
        json::read(text, columns, &mut tally);
    } else if csv::has_header(begins, columns) {
        csv::read(begins, columns, &mut tally);
    } else {
        // Split at LF alone: other characters that end a line somewhere may be part of a URL.
        for (number, line) in text.split('\n').enumerate().filter(|(_, line)| !is_blank(line)) {
            tally.count("line", number + 1, &Entry::Line(line));
        }
    }
    tally.end()
}

fn is_blank(line: &str) -> bool {
    line.chars().all(|c| is_space(c) || c == '\u{feff}')
}

/// What a text is that cannot be a feed: by its first characters, which in the archive's reading of bytes that are no
/// UTF-8 are those bytes.
fn no_feed(text: &str, begins: &str) -> Option<&'static str> {
    let magic = |bytes: &[u8]| text.chars().take(bytes.len()).map(u32::from).eq(bytes.iter().copied().map(u32::from));
    if magic(b"\x1f\x8b") {
        return Some("bytes compressed with gzip");
    }
    if magic(b"BZh") && text.chars().nth(3).is_some_and(|c| c.is_ascii_digit()) {
        return Some("bytes compressed with bzip2");
    }
    if magic(b"PK\x03\x04") {
        return Some("a zip archive");
    }
    if magic(b"\x28\xb5\x2f\xfd") || magic(b"\xfd7zXZ") {
        return Some("compressed bytes");
    }
    begins.starts_with('<').then_some("an HTML or XML page")
}

/// What became of the entries so far.
struct Tally<'t, 'f> {
    host: &'t Host,
    take: &'t mut Take<'f>,
    good: usize,
    bad: usize,
    /// Why the first bad one was left out.
    first: Option<String>,
}

impl Tally<'_, '_> {
    fn count(&mut self, what: &str, number: usize, entry: &Entry<'_>) {
        match (self.take)(entry) {
            Ok(()) => self.good += 1,
            Err(why) => self.leave_out(what, number, &why),
        }
    }

    fn leave_out(&mut self, what: &str, number: usize, why: &str) {
        self.bad += 1;
        let message = format!("{what} {number} is left out: {why}");
        if self.bad <= LOGGED {
            self.host.warn(&message);
        }
        self.first.get_or_insert(message);
    }

    fn end(self) -> Result<(), Rejection> {
        if self.bad > LOGGED {
            self.host.warn(&format!("{} more entries of this feed are left out", self.bad - LOGGED));
        }
        match self.first {
            Some(first) if self.good == 0 => Err(Rejection::new(format!("nothing in the feed is usable: {first}"))),
            None if self.good == 0 => Err(Rejection::new("the feed has no entries")),
            _ => Ok(()),
        }
    }
}

/// Why a text is no URL.
pub fn no_url(text: &str) -> Cow<'static, str> {
    format!("expected a URL, found {}", quoted(text)).into()
}
