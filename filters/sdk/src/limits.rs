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
}

impl Limits {
    /// The limits of an answer to `input_bytes` bytes of data, of which [`INPUT_BYTES`] count.
    pub const fn for_input(input_bytes: usize) -> Self {
        let input_bytes = if input_bytes > INPUT_BYTES { INPUT_BYTES } else { input_bytes };
        Self {
            nodes: 256 + input_bytes / 8,
            events: 64 + input_bytes / 16,
            sessions: 4 + input_bytes / 64,
            text_bytes: (64 << 10) + 3 * input_bytes,
        }
    }
}

/// The longest beginning of `text` that has at most `bytes` bytes and does not end inside a character.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_input() {
        assert_eq!(Limits::for_input(0), Limits { nodes: 256, events: 64, sessions: 4, text_bytes: 65_536 });
        assert_eq!(Limits::for_input(640), Limits { nodes: 336, events: 104, sessions: 14, text_bytes: 67_456 });
    }

    #[test]
    fn a_cut_never_divides_a_character() {
        assert_eq!(cut("aéz", 3), "aé");
        assert_eq!(cut("aéz", 2), "a");
        assert_eq!(cut("aéz", 99), "aéz");
        assert_eq!(cut("é", 1), "");
    }
}
