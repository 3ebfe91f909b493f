//! As much of CSV as it takes to find where a record ends, and whether a text begins with a header.

use super::array::is_blank;
use super::lines::BOM;

/// A record over several lines may be so long, in bytes. One that is longer has a quote too many, which must not take
/// the rest of the file with it: it ends with its line.
const MAX_OPEN: usize = 64 * 1024;

/// What a position within a record is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a field, where a quote opens it.
    Start,
    /// In a field without quotes, where a quote is text; or behind a quoted one.
    Plain,
    /// In a quoted field, where commas and line ends are text.
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first of two that are one.
    Closing,
}

impl State {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) | (Self::Start | Self::Closing, b'"') => Self::Quoted,
            (_, b',') => Self::Start,
            _ => Self::Plain,
        }
    }
}

/// The record that is being read, line by line.
#[derive(Debug)]
pub(super) struct Record {
    state: State,
    length: usize,
}

impl Record {
    /// Before its first line.
    pub(super) fn new() -> Self {
        Self { state: State::Start, length: 0 }
    }

    /// Takes note of its next line; whether the record ends with it.
    pub(super) fn ends_with(&mut self, line: &[u8]) -> bool {
        self.length += line.len();
        self.state = line.iter().fold(self.state, |state, &byte| state.after(byte));
        self.state != State::Quoted || self.length > MAX_OPEN
    }
}

/// How long the header at the start of a text is, with blank lines before it and its line end; `None` if there is
/// none: a header has a column `url`.
pub(super) fn header(text: &[u8]) -> Option<usize> {
    let mark = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let (mut record, mut begin, mut end) = (Record::new(), None, mark);
    for line in text.get(mark..)?.split_inclusive(|&byte| byte == b'\n') {
        let start = end;
        end += line.len();
        if begin.is_none() && line.iter().all(|&byte| is_blank(byte)) {
            continue;
        }
        let begin = *begin.get_or_insert(start);
        if record.ends_with(line) {
            // A line that does not end here is too long to be repeated in every part.
            return (line.ends_with(b"\n") && has_url(text.get(begin..end)?)).then_some(end);
        }
    }
    None
}

fn has_url(header: &[u8]) -> bool {
    let mut state = State::Start;
    let mut is_end = |&byte: &u8| {
        let ends = byte == b',' && state != State::Quoted;
        state = state.after(byte);
        ends
    };
    header.split(|byte| is_end(byte)).any(|field| {
        let field = field.trim_ascii();
        let field = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field);
        field.trim_ascii().eq_ignore_ascii_case(b"url")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(lines: &[&str]) -> Vec<bool> {
        let mut record = Record::new();
        lines.iter().map(|line| record.ends_with(format!("{line}\n").as_bytes())).collect()
    }

    #[test]
    fn a_record_ends_with_its_line_unless_a_quoted_field_is_open() {
        for whole in ["", "a,b", "\"a\",\"b\"", "\"a\"\r", "\"a\"\"b\"", "a\"b,c", "\"a\" b\",c", "\"\"", ",\"\",", "\"a\\\""] {
            assert_eq!(ends(&[whole]), [true], "{whole}");
        }
        assert_eq!(ends(&["a,\"b", "c,d", "e\"\"f", "g\",h"]), [false, false, false, true]);
        assert_eq!(ends(&["\"\"\"", "\"\"\""]), [false, true]);
    }

    #[test]
    fn a_quote_too_many_does_not_take_the_rest_of_the_file() {
        for (first, next) in [("1,\"http://example.com/\n", "2,http://example.com/\n"), ("\"x\",\"y\n", "\"x\",\"y\n")] {
            let mut record = Record::new();
            assert!(!record.ends_with(first.as_bytes()));
            let lines = (1..).take_while(|_| !record.ends_with(next.as_bytes())).take(1_000_000).count();
            assert_eq!(lines, (MAX_OPEN - first.len()) / next.len());
        }
    }

    #[test]
    fn a_header_has_a_column_url() {
        for (text, length) in [
            ("url\nhttp://example.com/\n", 4),
            ("phish_id,url,target\n1,http://example.com/,Other\n", 20),
            ("\u{feff}phish_id,\"URL\" \r\n1,x\r\n", 20),
            ("\n \r\nphish_id,url\n", 17),
            ("\u{feff}\nphish_id,url\n", 17),
            ("\"a\n,b\",url\nx,y\n", 11),
        ] {
            assert_eq!(header(text.as_bytes()), Some(length), "{text}");
        }
        for text in [
            "",
            "\n\n",
            "http://example.com/,url/\nurl\n",
            "phish_id,target\n",
            "\"a,url,b\"\n",
            "a,url",
            "\"a\nurl\n",
            "{\"url\":1}\n",
        ] {
            assert_eq!(header(text.as_bytes()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_header_within_them_or_none(bytes in "[\",ur l\n\u{feff}]{0,30}") {
            proptest::prop_assert!(header(bytes.as_bytes()).is_none_or(|length| length <= bytes.len() && length > 0));
        }
    }
}
