//! Splits a stream into lines, holding one at a time and none that is too long.

use std::io::{self, BufRead, ErrorKind, Read as _};

/// The byte order mark that some editors and shells write before UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Without its LF, one CR before that, and a byte order mark at the start of the first.
    Text(&'a [u8]),
    /// Longer than the bound: skipped, with its length in bytes.
    TooLong(u64),
}

/// The lines of a reader. A line ends at LF and nowhere else: U+2028 and a lone CR are text in JSON. What follows the
/// last LF is a line too, unless it is nothing.
pub(super) struct Lines<R> {
    reader: R,
    bound: u64,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `bound` bytes.
    pub(super) fn new(reader: R, bound: u64) -> Self {
        Self { reader, bound, number: 0, line: Vec::new() }
    }

    /// The next line with its number from 1; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        Ok(match self.next_whole()? {
            Some((number, Line::Text(line))) => {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                let text = if number == 1 { text.strip_prefix(BOM).unwrap_or(text) } else { text };
                Some((number, Line::Text(text)))
            }
            other => other,
        })
    }

    /// The same with all its bytes: LF, CR and byte order mark stay.
    pub(super) fn next_whole(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.line.clear();
        // With the LF, a line of the bound's length takes one byte more.
        let most = self.bound.saturating_add(1);
        let read = (&mut self.reader).take(most).read_until(b'\n', &mut self.line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read == most && self.line.last() != Some(&b'\n') {
            let length = read.saturating_add(self.skip_line()?);
            return Ok(Some((self.number, Line::TooLong(length))));
        }
        Ok(Some((self.number, Line::Text(&self.line))))
    }

    /// Reads up to and with the next LF; returns how many bytes were before it.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0_u64;
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(skipped);
            }
            let found = buffer.iter().position(|&byte| byte == b'\n');
            let length = found.unwrap_or(buffer.len());
            skipped += length as u64;
            self.reader.consume(length + usize::from(found.is_some()));
            if found.is_some() {
                return Ok(skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Every line with its number, an overlong one as its length, of `text` read in pieces of `piece` bytes.
    fn lines(text: &[u8], bound: u64, piece: usize) -> Vec<(u64, Result<Vec<u8>, u64>)> {
        let mut lines = Lines::new(BufReader::with_capacity(piece, text), bound);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            all.push((
                number,
                match line {
                    Line::Text(text) => Ok(text.to_vec()),
                    Line::TooLong(bytes) => Err(bytes),
                },
            ));
        }
        all
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text.as_bytes(), 100, 7).into_iter().map(|(_, line)| String::from_utf8(line.unwrap()).unwrap()).collect()
    }

    #[test]
    fn lines_end_at_lf_only_and_lose_one_carriage_return() {
        assert_eq!(texts("a\r\nb\r\r\n\nc\rd\u{2028}e\u{85}f\u{b}g\n"), ["a", "b\r", "", "c\rd\u{2028}e\u{85}f\u{b}g"]);
    }

    #[test]
    fn the_last_line_counts_without_a_line_feed_and_nothing_after_one_is_no_line() {
        assert_eq!(texts("a\nb"), ["a", "b"]);
        assert_eq!(texts("a\nb\n"), ["a", "b"]);
        assert_eq!(texts(""), [""; 0]);
    }

    #[test]
    fn a_byte_order_mark_goes_at_the_start_and_stays_elsewhere() {
        assert_eq!(texts("\u{feff}a\n\u{feff}b"), ["a", "\u{feff}b"]);
    }

    #[test]
    fn a_line_at_the_bound_is_read_and_one_byte_more_is_told_by_length() {
        for piece in 1..9 {
            let all = lines(b"12345\n123456\n1234567890\n12345", 5, piece);
            assert_eq!(all, [(1, Ok(b"12345".to_vec())), (2, Err(6)), (3, Err(10)), (4, Ok(b"12345".to_vec()))]);
            assert_eq!(lines(b"123456", 5, piece), [(1, Err(6))]);
        }
    }

    #[test]
    fn a_line_of_50_mb_is_skipped_without_being_held() {
        let reader = io::repeat(b'x').take(50_000_000).chain(&b"\n{}\n"[..]);
        let mut lines = Lines::new(BufReader::new(reader), 1024);
        assert_eq!(lines.next().unwrap(), Some((1, Line::TooLong(50_000_000))));
        assert_eq!(lines.next().unwrap(), Some((2, Line::Text(b"{}"))));
        assert!(lines.line.capacity() < 10_000, "{}", lines.line.capacity());
    }

    proptest::proptest! {
        #[test]
        fn the_size_of_the_pieces_does_not_matter(text in "[a\r\n\u{feff}]{0,60}", bound in 0_u64..10, piece in 1_usize..20) {
            proptest::prop_assert_eq!(lines(text.as_bytes(), bound, piece), lines(text.as_bytes(), bound, 4096));
        }

        #[test]
        fn every_line_of_any_bytes_is_seen(bytes: Vec<u8>, piece in 1_usize..20) {
            let expected = bytes.split_inclusive(|&b| b == b'\n').count();
            proptest::prop_assert_eq!(lines(&bytes, 1000, piece).len(), expected);
        }
    }
}
