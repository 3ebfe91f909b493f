//! Splits a stream that is one JSON array into the texts of its elements, holding one at a time and none that is too
//! long.
//!
//! Only brackets, commas and strings are understood, as much as it takes to find where an element ends; whether the
//! text between is JSON is for the reader of records to say. So one broken element is refused alone, as long as its
//! brackets and quotes pair.

use std::io::{self, BufRead, ErrorKind};

use super::lines::BOM;

/// What comes next in an array.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The text between two commas, without blanks before it.
    Element(&'a [u8]),
    /// An element longer than the bound: skipped, with its length in bytes.
    TooLong(u64),
    /// The file ends within this element.
    CutOff,
    /// The file ends after this element, and the array does not.
    NotClosed,
    /// The array ends with this element, and the file does not.
    Trailing,
}

/// The elements of an array.
pub(super) struct Elements<R> {
    reader: R,
    bound: u64,
    number: u64,
    state: State,
    element: Element,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the `[`.
    Start,
    /// Behind the `[`, where a `]` means that the array is empty.
    First,
    /// Behind a `,`.
    Next,
    /// An element was handed over that no `,` or `]` followed.
    Ended,
    /// Behind the `]`.
    Closed,
    /// Nothing more comes.
    Done,
}

impl<R: BufRead> Elements<R> {
    /// Elements of at most `bound` bytes. The reader must stand before a `[`, with nothing but a byte order mark and
    /// blanks between.
    pub(super) fn new(reader: R, bound: u64) -> Self {
        Self { reader, bound, number: 0, state: State::Start, element: Element::default() }
    }

    /// The next part with the number of its element from 1; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Part<'_>)>> {
        loop {
            match self.state {
                State::Start => {
                    self.skip(|byte| byte != b'[')?;
                    self.reader.consume(1);
                    self.state = State::First;
                }
                State::First | State::Next => return self.next_element(),
                State::Ended => return Ok(self.last(Part::NotClosed)),
                State::Closed => {
                    let more = self.skip(is_blank)?;
                    return if more {
                        Ok(self.last(Part::Trailing))
                    } else {
                        self.state = State::Done;
                        Ok(None)
                    };
                }
                State::Done => return Ok(None),
            }
        }
    }

    fn last(&mut self, part: Part<'static>) -> Option<(u64, Part<'static>)> {
        self.state = State::Done;
        Some((self.number, part))
    }

    fn next_element(&mut self) -> io::Result<Option<(u64, Part<'_>)>> {
        let ended = self.read_element()?;
        let blank = self.element.length == 0;
        self.state = match ended {
            // `[]`: the number of elements is 0, and what follows is looked at.
            Some(b']') if blank && self.state == State::First => {
                self.state = State::Closed;
                return self.next();
            }
            Some(b']') => State::Closed,
            Some(_) => State::Next,
            None if blank => return Ok(self.last(Part::NotClosed)),
            None if self.element.is_open() => {
                self.number += 1;
                return Ok(self.last(Part::CutOff));
            }
            None => State::Ended,
        };
        self.number += 1;
        let part =
            if self.element.length > self.bound { Part::TooLong(self.element.length) } else { Part::Element(&self.element.text) };
        Ok(Some((self.number, part)))
    }

    /// Reads up to and with the `,` or `]` that ends the element; returns which, `None` at the end of the file.
    fn read_element(&mut self) -> io::Result<Option<u8>> {
        self.element.clear();
        self.skip(is_blank)?;
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(None);
            }
            let end = buffer.iter().position(|&byte| self.element.ends_at(byte));
            let (text, _) = buffer.split_at_checked(end.unwrap_or(buffer.len())).unwrap_or((buffer, &[]));
            self.element.push(text, self.bound);
            let delimiter = end.and_then(|at| buffer.get(at).copied());
            let used = text.len() + usize::from(delimiter.is_some());
            self.reader.consume(used);
            if delimiter.is_some() {
                return Ok(delimiter);
            }
        }
    }

    /// Skips bytes as long as `what` holds; returns whether there are more.
    fn skip(&mut self, what: impl Fn(u8) -> bool) -> io::Result<bool> {
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            if buffer.is_empty() {
                return Ok(false);
            }
            let skipped = buffer.iter().take_while(|&&byte| what(byte)).count();
            let found = skipped < buffer.len();
            self.reader.consume(skipped);
            if found {
                return Ok(true);
            }
        }
    }
}

/// What JSON calls white space.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Behind a byte order mark and blanks.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    text.iter().position(|&byte| !is_blank(byte)).and_then(|at| text.get(at..)).unwrap_or_default()
}

/// The element that is being read.
#[derive(Default)]
struct Element {
    /// Its text, as long as it is within the bound.
    text: Vec<u8>,
    length: u64,
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Element {
    fn clear(&mut self) {
        self.text.clear();
        (self.length, self.depth, self.in_string, self.escaped) = (0, 0, false, false);
    }

    /// Takes note of a byte; whether it is the one behind the element.
    fn ends_at(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b',' | b']' if self.depth == 0 => return true,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }

    fn push(&mut self, text: &[u8], bound: u64) {
        self.length += text.len() as u64;
        if self.length <= bound {
            self.text.extend_from_slice(text);
        } else {
            self.text.clear();
        }
    }

    fn is_open(&self) -> bool {
        self.in_string || self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _};

    use super::*;

    /// Every part with its number, an element as its text, of `text` read in pieces of `piece` bytes.
    fn parts(text: &[u8], bound: u64, piece: usize) -> Vec<(u64, String)> {
        let mut elements = Elements::new(BufReader::with_capacity(piece, text), bound);
        let mut all = Vec::new();
        while let Some((number, part)) = elements.next().unwrap() {
            let shown = match part {
                Part::Element(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            };
            all.push((number, shown));
        }
        all
    }

    fn texts(text: &str) -> Vec<String> {
        parts(text.as_bytes(), 100, 7).into_iter().map(|(_, part)| part).collect()
    }

    #[test]
    fn commas_and_brackets_count_only_outside_of_strings_and_of_elements() {
        assert_eq!(
            texts(r#"[1,{"a":[2,3]},[4,[5]],"6,7]","\"]","\\"]"#),
            ["1", r#"{"a":[2,3]}"#, "[4,[5]]", r#""6,7]""#, r#""\"]""#, r#""\\""#]
        );
    }

    #[test]
    fn an_empty_array_has_no_elements_and_a_comma_too_many_makes_an_empty_one() {
        assert_eq!(texts("[]"), [""; 0]);
        assert_eq!(texts("[ \n] \n"), [""; 0]);
        assert_eq!(texts("[1,]"), ["1", ""]);
        assert_eq!(texts("[,1]"), ["", "1"]);
    }

    #[test]
    fn the_end_of_the_file_is_told_from_the_end_of_the_array() {
        assert_eq!(texts("["), ["NotClosed"]);
        assert_eq!(texts("[1"), ["1", "NotClosed"]);
        assert_eq!(texts("[1, "), ["1", "NotClosed"]);
        assert_eq!(texts("[1,{"), ["1", "CutOff"]);
        assert_eq!(texts("[1,\"a"), ["1", "CutOff"]);
        assert_eq!(texts("[1] [2]"), ["1", "Trailing"]);
        assert_eq!(texts("[]]"), ["Trailing"]);
    }

    #[test]
    fn brackets_that_do_not_pair_end_somewhere() {
        assert_eq!(texts(r#"[{"a":1],{"b":2}]"#), [r#"{"a":1]"#, r#"{"b":2}"#]);
        assert_eq!(texts("[}}},1]"), ["}}}", "1"]);
    }

    #[test]
    fn an_element_at_the_bound_is_read_and_one_byte_more_is_told_by_length() {
        for piece in 1..9 {
            let all = parts(b"[12345, 123456,1234567,12345]", 5, piece);
            let expected = ["12345", "TooLong(6)", "TooLong(7)", "12345"].map(str::to_owned);
            assert_eq!(all.into_iter().map(|(_, part)| part).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn ten_million_elements_and_a_million_brackets_take_no_memory() {
        let reader = (&b"["[..]).chain(io::repeat(b',').take(10_000_000)).chain(io::repeat(b'[').take(1_000_000));
        let mut elements = Elements::new(BufReader::new(reader), 1024);
        let mut last = 0;
        while let Some((number, part)) = elements.next().unwrap() {
            assert!(matches!(part, Part::Element(b"") | Part::CutOff));
            last = number;
        }
        assert_eq!(last, 10_000_001);
        assert!(elements.element.text.capacity() < 10_000);
    }

    proptest::proptest! {
        #[test]
        fn the_size_of_the_pieces_does_not_matter(text in "[\\[\\]{},:\"\\\\a \n]{0,60}", bound in 0_u64..12, piece in 1_usize..20) {
            let text = format!("[{text}");
            proptest::prop_assert_eq!(parts(text.as_bytes(), bound, piece), parts(text.as_bytes(), bound, 4096));
        }

        #[test]
        fn the_elements_of_any_array_come_out_as_they_went_in(items in proptest::collection::vec(any_json(), 0..8), piece in 1_usize..20) {
            let compact = serde_json::to_string(&items).unwrap();
            let pretty = serde_json::to_string_pretty(&items).unwrap();
            for text in [compact, pretty] {
                let found: Vec<serde_json::Value> =
                    parts(text.as_bytes(), 10_000, piece).iter().map(|(_, part)| serde_json::from_str(part).unwrap()).collect();
                proptest::prop_assert_eq!(&found, &items);
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes: Vec<u8>, bound in 0_u64..12, piece in 1_usize..20) {
            parts(&bytes, bound, piece);
        }
    }

    fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            any::<i64>().prop_map(serde_json::Value::from),
            "[\\[\\]{},\"\\\\a😀]{0,6}".prop_map(serde_json::Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
