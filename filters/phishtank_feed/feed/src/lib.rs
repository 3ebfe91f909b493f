//! Takes a feed of phishing URLs apart: what the filters for feeds share.
//!
//! A feed is archived as `{"data": "<text>"}`, and the text is lines, JSON or CSV, whatever the source sent that day. It
//! may also be an error page, a compressed file or nothing at all, and then the record is rejected with what it is. Good
//! entries are kept beside bad ones, which are logged with their number.

mod csv;
mod json;
mod lines;
mod row;
mod tally;

use filter_sdk::text::quoted;
use filter_sdk::{Host, Object, Record, Rejection, Value, net};

use lines::is_around;
use tally::{Place, Tally};

pub use row::{Columns, Row};
pub use tally::{Entry, Fault, Take};

/// The text of a feed, if the record is one: what it holds under `data`. Bytes that are no UTF-8 are archived as a
/// character each; of those every line that is UTF-8 becomes text again, so that one bad byte does not change all URLs.
///
/// # Errors
/// If the record is no JSON object, or `data` is no text.
pub fn text_of(record: &Record) -> Result<Option<String>, Rejection> {
    let object = Object::parse(&record.data, &["data", "encoding"])?;
    let Some(text) = object.text("data")? else { return Ok(None) };
    if object.text("encoding")?.as_deref() != Some("latin-1") {
        return Ok(Some(text.into_owned()));
    }
    let mut decoded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bytes = line.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>();
        let utf8 = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        decoded.push_str(utf8.as_deref().unwrap_or(line));
    }
    Ok(Some(decoded))
}

/// Hands every entry of a feed's text to `take`, and logs those that it leaves out.
///
/// # Errors
/// If the text is no feed, or if not one entry is good: with what was seen instead.
pub fn read(text: &str, columns: &'static Columns, host: &Host, take: &mut Take<'_>) -> Result<(), Rejection> {
    let begins = text.trim_start_matches(is_around);
    if begins.is_empty() {
        return Err(Rejection::new("the feed is empty"));
    }
    if let Some(what) = packed(text) {
        return Err(Rejection::new(format!("expected a feed of URLs, found {what}")));
    }
    if begins.starts_with('<') {
        return Err(Rejection::new(format!("expected a feed of URLs, found an HTML or XML page: {}", quoted(begins))));
    }
    let mut tally = Tally::new(text.len(), host, take);
    if json::is_array(begins) {
        json::read(begins, columns, &mut tally);
    } else if csv::has_header(begins, columns) {
        csv::read(begins, columns, &mut tally);
    } else {
        lines::read(text, columns, &mut tally);
    }
    tally.end()
}

/// Hands every URL of a list to `take`, as [`read`] does with the lines of a text.
///
/// # Errors
/// If not one entry is a URL.
pub fn read_list(list: &[Value<'_>], host: &Host, take: &mut Take<'_>) -> Result<(), Rejection> {
    let bytes = list.iter().filter_map(|value| if let Value::Text(text) = value { Some(text.len()) } else { None }).sum();
    let mut tally = Tally::new(bytes, host, take);
    for (index, value) in list.iter().enumerate() {
        if tally.is_full() {
            break;
        }
        let place = Place::Entry(index + 1);
        match value {
            Value::Text(text) => match net::url(text) {
                Some(url) => tally.count(place, &Entry::Url(url)),
                None => tally.leave_out(place, || Fault::NoUrl.words(text)),
            },
            other => tally.leave_out(place, || format!("expected a URL, found {}", other.kind()).into()),
        }
    }
    tally.end()
}

/// What a text is whose first characters are those of a packed file: in the archive's reading of bytes that are no UTF-8
/// they are its first bytes.
fn packed(text: &str) -> Option<&'static str> {
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
    (magic(b"\x28\xb5\x2f\xfd") || magic(b"\xfd7zXZ")).then_some("compressed bytes")
}
