//! What the host accepts for an input of a given length.
//!
//! Every limit is a constant plus a multiple of the length of [`Record::data`](crate::Record), as the WIT files say
//! it. A limit is not a reason to fail: a filter leaves out what is too much and logs it, or rejects. An answer
//! beyond the limits that the SDK can count becomes a rejection before it leaves the guest.

/// The most bytes of input that count for a limit.
pub const INPUT_BYTES: usize = 15 << 20;
/// Bytes of a rejection's reason that are kept.
pub const REASON_BYTES: usize = 512;
/// Bytes of one log line that are kept.
pub const LOG_LINE_BYTES: usize = 512;
/// Log lines that one record may write.
pub const LOG_LINES: usize = 32;
/// Bytes of a sub-type.
pub const SUB_TYPE_BYTES: usize = 128;
/// Children of one object or event, and nodes in the key of one session.
pub const CHILDREN: usize = 4_096;
/// How deep objects may nest.
pub const OBJECT_DEPTH: usize = 4;
/// Bytes of one document, what it refers to and the text of all that is in it included.
pub const DOCUMENT_BYTES: usize = 15 << 20;
/// The most that [`Limits::expanded_bytes`] is, whatever the input.
pub const EXPANDED_BYTES: usize = 256 << 20;
/// Seconds that an event may lie after the record's arrival: clocks differ.
pub const SECONDS_AFTER_ARRIVAL: f64 = 2.0 * 86_400.0;

/// The limits of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes and objects.
    pub nodes: usize,
    /// Events.
    pub events: usize,
    /// Sessions.
    pub sessions: usize,
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Bytes of all documents, written out in full. [`Answer::attempt`](crate::Answer::attempt) measures them.
    pub expanded_bytes: usize,
    /// How often the documents refer to each other, the record's own included: to each node once for the record, and once
    /// for every object, event and session that it is in, at any depth.
    pub references: usize,
}

impl Limits {
    /// The limits of an answer to `input_bytes` bytes of data, of which [`INPUT_BYTES`] count.
    pub const fn for_input(input_bytes: usize) -> Self {
        let input_bytes = if input_bytes > INPUT_BYTES { INPUT_BYTES } else { input_bytes };
        let expanded_bytes = (256 << 10) + 64 * input_bytes;
        Self {
            nodes: 256 + input_bytes / 8,
            events: 64 + input_bytes / 16,
            sessions: 4 + input_bytes / 64,
            text_bytes: (64 << 10) + 3 * input_bytes,
            expanded_bytes: if expanded_bytes > EXPANDED_BYTES { EXPANDED_BYTES } else { expanded_bytes },
            references: 1_024 + input_bytes / 2,
        }
    }
}

/// The longest beginning of `text` that has at most `bytes` bytes and does not end inside a character.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Bytes that a text takes where it is written out, as the host counts them: in ASCII, with escapes for the rest.
pub fn written_bytes(text: &str) -> usize {
    text.chars().map(written_char_bytes).sum::<usize>() + "\"\"".len()
}

/// The longest beginning of `text` that takes at most `bytes` bytes where it is written out.
pub fn cut_written(text: &str, bytes: usize) -> &str {
    let mut left = bytes.saturating_sub("\"\"".len());
    // No character takes more for each of its bytes than a control character does.
    if text.len() <= left / written_char_bytes('\0') {
        return text;
    }
    let end = text.char_indices().find(|(_, c)| match left.checked_sub(written_char_bytes(*c)) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

const fn written_char_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        ' '..='~' => 1,
        '\u{10000}'.. => 12,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_input() {
        let of_nothing =
            Limits { nodes: 256, events: 64, sessions: 4, text_bytes: 65_536, expanded_bytes: 262_144, references: 1_024 };
        assert_eq!(Limits::for_input(0), of_nothing);
        let of_some =
            Limits { nodes: 336, events: 104, sessions: 14, text_bytes: 67_456, expanded_bytes: 303_104, references: 1_344 };
        assert_eq!(Limits::for_input(640), of_some);
        assert_eq!(Limits::for_input(usize::MAX).expanded_bytes, EXPANDED_BYTES);
    }

    #[test]
    fn a_cut_never_divides_a_character() {
        assert_eq!(cut("aéz", 3), "aé");
        assert_eq!(cut("aéz", 2), "a");
        assert_eq!(cut("aéz", 99), "aéz");
        assert_eq!(cut("é", 1), "");
    }

    #[test]
    fn a_text_takes_more_where_it_is_written_out() {
        assert_eq!(written_bytes("a\"\n\u{0}é😀"), 2 + 1 + 2 + 2 + 6 + 6 + 12);
        assert_eq!(cut_written("éé", 8), "é");
        assert_eq!(cut_written("éé", 13), "é");
        assert_eq!(cut_written("éé", 14), "éé");
        assert_eq!(cut_written("é", 1), "");
    }
}
