//! Feeds: one record's text if it is not too long, else several, cut between entries.
//!
//! Where a feed is cut decides what its records are, and so their hashes: [`PART`] and the rules here never change.
//! They look at nothing but the bytes: packed or not, read in whatever pieces, the same feed gives the same records.

use std::io::{BufRead, Cursor, Read};

use super::array::trim_start;
use super::detect::{self, Shape};
use super::lines::{Line, Lines};
use super::open::PREFIX;
use super::record::{self, MAX_TEXT};
use super::{At, Found, Stop, csv, each_element, whole};

/// The most bytes of a feed that are one record. A longer one is cut into parts of at most so many bytes, each as
/// long as its entries allow; an entry that is longer is a part alone.
///
/// As latin-1 a byte may take two, and so a part's record is never larger than a record may be (15 MiB).
pub(super) const PART: usize = 7 * 1024 * 1024;

/// Reads a feed.
pub(super) fn feed(reader: &mut dyn BufRead, found: &mut Found<'_>) -> Result<(), Stop> {
    feed_in_parts_of(PART, reader, found)
}

fn feed_in_parts_of(most: usize, reader: &mut dyn BufRead, found: &mut Found<'_>) -> Result<(), Stop> {
    let mut bytes = Vec::new();
    reader.take(most.max(PREFIX) as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() <= most {
        return Ok(found.outcome(At::File, record::from_text(found.sub_type, bytes))?);
    }
    let prefix = bytes.get(..PREFIX).unwrap_or(&bytes);
    let entries = Entries::of(prefix);
    let mut reader = Cursor::new(bytes).chain(reader);
    match entries {
        Entries::Lines => split_lines(&mut reader, Parts::new(most, 0), found),
        Entries::Rows { header } => split_lines(&mut reader, Parts::new(most, header), found),
        Entries::Elements => split_array(&mut reader, most, found),
        Entries::None => whole::text(&mut reader, None, found),
    }
}

/// What a feed is cut between.
enum Entries {
    /// Lines: URLs, or a JSON object each.
    Lines,
    /// Records of CSV under a header of so many bytes, which every part repeats.
    Rows { header: usize },
    /// Elements of a JSON array.
    Elements,
    /// It is one JSON object over several lines.
    None,
}

impl Entries {
    fn of(prefix: &[u8]) -> Self {
        let text = trim_start(prefix);
        match text.first() {
            Some(b'[') if matches!(trim_start(text.get(1..).unwrap_or_default()).first(), Some(b'{' | b'"')) => Self::Elements,
            Some(b'{') if detect::by_content(prefix) == Shape::ObjectOrLines && !whole::has_lines_of_objects(prefix) => {
                Self::None
            }
            Some(b'{') => Self::Lines,
            _ => csv::header(prefix).map_or(Self::Lines, |header| Self::Rows { header }),
        }
    }
}

/// Entries on their way into parts.
struct Parts {
    most: usize,
    /// The length of the header.
    header: usize,
    /// What every part begins with.
    head: Vec<u8>,
    between: &'static [u8],
    tail: &'static [u8],
    part: Vec<u8>,
    /// Where the part's first entry is.
    at: Option<At>,
}

impl Parts {
    fn new(most: usize, header: usize) -> Self {
        Self { most, header, head: Vec::new(), between: b"", tail: b"", part: Vec::new(), at: None }
    }

    fn entry(&mut self, at: At, entry: &[u8], found: &mut Found<'_>) -> anyhow::Result<()> {
        if self.part.len() + self.between.len() + entry.len() + self.tail.len() > self.most {
            self.flush(found)?;
        }
        if self.at.is_none() {
            self.at = Some(at);
            self.part.extend_from_slice(&self.head);
        } else {
            self.part.extend_from_slice(self.between);
        }
        self.part.extend_from_slice(entry);
        Ok(())
    }

    fn flush(&mut self, found: &mut Found<'_>) -> anyhow::Result<()> {
        let Some(at) = self.at.take() else { return Ok(()) };
        let mut part = std::mem::take(&mut self.part);
        part.extend_from_slice(self.tail);
        found.outcome(at, record::from_text(found.sub_type, part))
    }
}

/// Cuts at line ends; with a header, at the line ends that end a record of CSV.
fn split_lines(reader: &mut dyn BufRead, mut parts: Parts, found: &mut Found<'_>) -> Result<(), Stop> {
    let is_csv = parts.header > 0;
    let mut lines = Lines::new(reader, MAX_TEXT);
    let (mut entry, mut first, mut open) = (Vec::new(), 1, csv::Record::new());
    while let Some((number, line)) = lines.next_whole()? {
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong(bytes) => {
                found.refuse(At::Line(first), record::too_large(bytes.saturating_add(entry.len() as u64)))?;
                (first, open) = (number + 1, csv::Record::new());
                entry.clear();
                continue;
            }
        };
        if parts.head.len() < parts.header {
            parts.head.extend_from_slice(line);
            first = number + 1;
            continue;
        }
        entry.extend_from_slice(line);
        if !is_csv || open.ends_with(line) {
            parts.entry(At::Line(first), &entry, found)?;
            (first, open) = (number + 1, csv::Record::new());
            entry.clear();
        }
    }
    if !entry.is_empty() {
        parts.entry(At::Line(first), &entry, found)?;
    }
    Ok(parts.flush(found)?)
}

/// Cuts an array into shorter ones.
fn split_array(reader: &mut dyn BufRead, most: usize, found: &mut Found<'_>) -> Result<(), Stop> {
    let mut parts = Parts { head: b"[".to_vec(), between: b",", tail: b"]", ..Parts::new(most, 0) };
    each_element(reader, found, &mut |at, element, found| {
        if record::is_blank(element) {
            // Kept, it would make its part no JSON.
            return found.refuse(at, "expected an entry between two commas, found nothing".to_owned());
        }
        parts.entry(at, element, found)
    })?;
    Ok(parts.flush(found)?)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::Item;
    use super::*;

    /// The texts of the parts with their places, and what was refused, of a feed that is read in pieces.
    fn parts_in(bytes: &[u8], most: usize, piece: usize) -> Vec<(At, Result<String, String>)> {
        let mut all = Vec::new();
        let mut sink = |item| {
            all.push(match item {
                Item::Record { place, document } => (place.at, Ok(text(&document.data))),
                Item::Refused { place, reason } => (place.at, Err(reason)),
            });
            Ok(())
        };
        let mut found = Found { file: Arc::from(Path::new("a")), sub_type: "openphish", sink: &mut sink, items: 0 };
        let ended = feed_in_parts_of(most, &mut BufReader::with_capacity(piece, bytes), &mut found);
        assert!(ended.is_ok());
        all
    }

    fn text(data: &str) -> String {
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        data["data"].as_str().unwrap().to_owned()
    }

    fn parts(text: &str, most: usize) -> Vec<(At, String)> {
        parts_in(text.as_bytes(), most, 7).into_iter().map(|(at, part)| (at, part.unwrap())).collect()
    }

    fn lines(all: &[(u64, &str)]) -> Vec<(At, String)> {
        all.iter().map(|&(line, text)| (At::Line(line), text.to_owned())).collect()
    }

    #[test]
    fn a_feed_within_the_bound_is_one_text_as_it_is_and_one_byte_more_makes_two() {
        for text in ["[{\"a\":1},{}]", "a\nbcd\nefghijklmnopqr", "\u{feff}url,a\n1,2\n3,4\n,,\n"] {
            assert_eq!(parts(text, text.len()), [(At::File, text.to_owned())]);
            assert!(parts(text, text.len() - 1).len() > 1, "{text}");
        }
    }

    #[test]
    fn lines_are_cut_at_line_ends_and_nowhere_else() {
        let expected = lines(&[(1, "\u{feff}aaa\r\n\n"), (3, "bbb\rccc\n"), (4, "dd\nee")]);
        assert_eq!(parts("\u{feff}aaa\r\n\nbbb\rccc\ndd\nee", 9), expected);
        assert_eq!(parts("{\"a\":1}\n{\"b\":2}\n", 10), lines(&[(1, "{\"a\":1}\n"), (2, "{\"b\":2}\n")]));
    }

    #[test]
    fn every_part_of_a_csv_has_the_header_and_whole_records() {
        let expected = lines(&[(4, "\n\nid,url\n1,\"x\ny\"\n"), (6, "\n\nid,url\n2,z\n3,w\n")]);
        assert_eq!(parts("\n\nid,url\n1,\"x\ny\"\n2,z\n3,w\n", 20), expected);
        // Without a header there is no quoting: URLs may hold anything.
        assert_eq!(parts("http://example.com/,\"\nb\"\n", 23), lines(&[(1, "http://example.com/,\"\n"), (2, "b\"\n")]));
    }

    #[test]
    fn an_array_is_cut_into_arrays() {
        let parts = parts(" [ {\"a\": \"],[\"} ,\n [1] ,2,\n3 ]\n", 16);
        let expected = [(1, "[{\"a\": \"],[\"} ]"), (2, "[[1] ,2,3 ]")];
        assert_eq!(parts, expected.map(|(number, text)| (At::Element(number), text.to_owned())));
        assert!(parts.iter().all(|(_, part)| serde_json::from_str::<Vec<serde_json::Value>>(part).is_ok()));
    }

    #[test]
    fn a_text_in_brackets_is_no_array_and_an_object_over_several_lines_is_not_cut() {
        let text = "[header]\nhttp://example.com/\n";
        assert_eq!(parts(text, 20), lines(&[(1, "[header]\n"), (2, "http://example.com/\n")]));
        let text = "{\n \"URLs\": [\n  \"http://example.com/\"\n ]\n}\n";
        assert_eq!(parts(text, 20), [(At::File, text.to_owned())]);
    }

    #[test]
    fn an_entry_that_is_no_record_is_refused_with_its_place_and_the_others_are_kept() {
        let long = "x".repeat(MAX_TEXT as usize + 1);
        let too_large = record::too_large(MAX_TEXT + 1);
        let ok = |at, text: &str| (at, Ok(text.to_owned()));
        let all = parts_in(format!("aa\n{long}\nbb\n").as_bytes(), 100, 4096);
        assert_eq!(all, [(At::Line(2), Err(too_large.clone())), ok(At::Line(1), "aa\nbb\n")]);
        let all = parts_in(format!("id,url\n1,a\n{long}\n2,b\n").as_bytes(), 100, 4096);
        assert_eq!(all, [(At::Line(3), Err(too_large.clone())), ok(At::Line(2), "id,url\n1,a\n2,b\n")]);
        let all = parts_in(format!("[{{}},{long},,2").as_bytes(), 100, 4096);
        let nothing = "expected an entry between two commas, found nothing".to_owned();
        let no_end = "the array has no end: was it cut off after element 4?".to_owned();
        let refused = [(At::Element(2), Err(too_large)), (At::Element(3), Err(nothing)), (At::File, Err(no_end))];
        assert_eq!(all, [&refused[..], &[ok(At::Element(1), "[{},2]")]].concat());
        // Within the bound for reading, but not as it would be stored.
        let all = parts_in(&[b"aa\n", &b"\xe9".repeat(8 << 20)[..], b"\nbb\n"].concat(), 100, 4096);
        let outcomes: Vec<_> = all.iter().map(|(at, part)| (*at, part.is_ok())).collect();
        assert_eq!(outcomes, [(At::Line(1), true), (At::Line(2), false), (At::Line(3), true)]);
    }

    #[test]
    fn where_a_feed_is_cut_is_as_it_ever_was() {
        let line = format!("{}\n", "x".repeat(99));
        let found = parts_in(line.repeat(200_000).as_bytes(), PART, 4096);
        let lengths: Vec<_> = found.into_iter().map(|(_, part)| part.unwrap().len()).collect();
        assert_eq!(lengths, [7_340_000, 7_340_000, 5_320_000]);
    }

    #[test]
    fn any_part_has_a_document_even_if_every_byte_takes_two() {
        let all = parts_in(&b"\xe9\n".repeat(PART / 2 + 1), PART, 4096);
        assert_eq!(all.into_iter().map(|(_, part)| part.unwrap().chars().count()).collect::<Vec<_>>(), [PART, 2]);
        let all = parts_in(&b"\xe9".repeat(PART), PART, 4096);
        assert!(all.iter().all(|(_, part)| part.is_ok()));
    }

    proptest::proptest! {
        #[test]
        fn the_parts_of_lines_put_together_are_the_feed(text in "[a\r\n\"\u{feff}]{0,80}", most in 1_usize..30, piece in 1_usize..20) {
            let all = parts_in(text.as_bytes(), most, piece);
            let together: String = all.into_iter().map(|(_, part)| part.unwrap()).collect();
            proptest::prop_assert_eq!(together, text);
        }

        #[test]
        fn the_parts_of_a_csv_hold_all_its_records(rows in proptest::collection::vec("[a,\n\"]{0,9}", 1..20), most in 10_usize..60) {
            let quoted: Vec<String> = rows.iter().map(|row| format!("\"{}\",x\n", row.replace('"', "\"\""))).collect();
            let mut together = String::new();
            for (_, part) in parts(&format!("url,b\n{}", quoted.concat()), most) {
                let part = part.strip_prefix("url,b\n").unwrap().to_owned();
                // Cut where a record ends: its quotes pair.
                proptest::prop_assert!(part.matches('"').count() % 2 == 0 && part.ends_with(",x\n"));
                together += &part;
            }
            proptest::prop_assert_eq!(together, quoted.concat());
        }

        #[test]
        fn the_parts_of_an_array_hold_all_its_elements(items in proptest::collection::vec("[\\[\\]{},\"a]{0,9}", 1..20), most in 1_usize..60) {
            let items: Vec<_> = items.into_iter().map(serde_json::Value::from).collect();
            let parts = parts(&serde_json::to_string_pretty(&items).unwrap(), most);
            let together: Vec<serde_json::Value> =
                parts.iter().flat_map(|(_, part)| serde_json::from_str::<Vec<_>>(part).unwrap()).collect();
            proptest::prop_assert_eq!(together, items);
        }

        #[test]
        fn the_size_of_the_pieces_does_not_matter(
            text in "(\\[|url,|\\{)?[\\[\\]{},:\"a \n]{0,80}", most in 1_usize..30, piece in 1_usize..20,
        ) {
            let text = text.as_bytes();
            proptest::prop_assert_eq!(parts_in(text, most, piece), parts_in(text, most, 4096));
        }
    }
}
