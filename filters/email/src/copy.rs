//! The copy of a message that is parsed: with what would make the parser take longer than the message is worth spelled
//! wrong. It looks for the end of a part, of an encoded word and for the pieces of a parameter from each one's beginning,
//! so that many without an end take the square of their number.
//!
//! The copy is as long as the message: what is found in the copy is where it is in the original, from which everything but
//! the values of header fields is read.

/// Sub-types of `message` that are messages.
const MESSAGES: [&str; 2] = ["rfc822", "global"];
/// What stands in the copy that is parsed for the type of a message, and for that of a digest of messages.
pub(crate) const HIDDEN_MESSAGE: &str = "messagx";
pub(crate) const HIDDEN_DIGEST: &str = "digesx";
/// Parts that are made of parts and have none: for each the message is looked through to its end.
const MOST_UNCLOSED: usize = 4;
/// Parameters in pieces or with a character set (RFC 2231), each of which is compared with all before it.
const MOST_PIECES: usize = 128;
/// Bytes of an encoded word; RFC 2047, 2 has 75, and some programs write more.
const ENCODED_WORD: usize = 2_000;

/// Makes the copy.
pub(crate) fn for_parsing(bytes: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    hide_messages(bytes, &mut copy);
    hide_boundaries(bytes, &mut copy);
    hide_pieces(bytes, &mut copy);
    hide_unclosed_words(bytes, &mut copy);
    copy
}

fn set(copy: &mut [u8], at: usize, byte: u8) {
    if let Some(place) = copy.get_mut(at) {
        *place = byte;
    }
}

/// Lets no part have a boundary that does not come, but for a few; it is read as text.
fn hide_boundaries(bytes: &[u8], copy: &mut [u8]) {
    const NAME: &[u8] = b"boundary";
    // Bytes that may be looked through for what comes late or never.
    let mut room = bytes.len().saturating_mul(MOST_UNCLOSED);
    for equals in memchr::memchr_iter(b'=', bytes) {
        let (before, after) = bytes.split_at(equals);
        // White space may stand before the sign, and a `*` or `*0`.
        let near = before.get(before.len().saturating_sub(NAME.len() + 8)..).unwrap_or_default();
        let Some(name) = near.windows(NAME.len()).rposition(|window| window.eq_ignore_ascii_case(NAME)) else { continue };
        let value = after.get(1..).unwrap_or_default().trim_ascii_start();
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        // RFC 2046, 5.1.1: at most 70 characters.
        let length = value.iter().take(70).position(|byte| b"\"\r\n; \t".contains(byte)).unwrap_or(70.min(value.len()));
        let (boundary, rest) = value.split_at(length);
        let delimiter = [b"--", boundary].concat();
        let looked_through = memchr::memmem::find(rest.get(..room.min(rest.len())).unwrap_or_default(), &delimiter);
        if looked_through.is_none() && room < rest.len() {
            set(copy, equals - near.len() + name, b'x');
        }
        room = room.saturating_sub(looked_through.unwrap_or(rest.len()));
    }
}

/// Lets only so many parameters be in pieces: the names of the others are as they are written.
fn hide_pieces(bytes: &[u8], copy: &mut [u8]) {
    let pieces = memchr::memchr_iter(b'*', bytes)
        .filter(|at| bytes.get(at + 1).is_some_and(|next| *next == b'=' || next.is_ascii_digit()));
    for at in pieces.skip(MOST_PIECES) {
        set(copy, at, b'x');
    }
}

/// Lets no encoded word begin that does not end soon.
fn hide_unclosed_words(bytes: &[u8], copy: &mut [u8]) {
    let mut end = None;
    for mark in memchr::memrchr_iter(b'?', bytes) {
        if bytes.get(mark + 1) == Some(&b'=') {
            end = Some(mark);
        }
        let Some(at) = mark.checked_sub(1).filter(|at| bytes.get(*at) == Some(&b'=')) else { continue };
        if end.is_none_or(|end| end - at > ENCODED_WORD) {
            set(copy, at, b'x');
        }
    }
}

/// Lets no part be said to be a message: those are kept as they are, not opened, and a message within a message within a
/// message would be parsed, and dropped, by recursion.
fn hide_messages(bytes: &[u8], copy: &mut [u8]) {
    for at in memchr::memchr_iter(b'/', bytes) {
        let (before, after) = bytes.split_at(at);
        let begins =
            |sub_type: &str| after.get(1..=sub_type.len()).is_some_and(|found| found.eq_ignore_ascii_case(sub_type.as_bytes()));
        // A letter of the type is changed, or one of the sub-type.
        let (kind, last) = if MESSAGES.iter().any(|sub_type| begins(sub_type)) {
            ("message", at.checked_sub(1))
        } else if begins("digest") {
            ("multipart", Some(at + "digest".len()))
        } else {
            continue;
        };
        if ends_with(before, kind)
            && before.get(..at - kind.len()).is_some_and(is_content_type)
            && let Some(byte) = last.and_then(|last| copy.get_mut(last))
        {
            *byte = b'x';
        }
    }
}

/// Whether what comes next is in the value of a field `Content-Type`, behind comments and line ends perhaps.
fn is_content_type(before: &[u8]) -> bool {
    const FIELD: &[u8] = b"content-type:";
    // A comment may be longer, and then the part is opened: no harm where that is done once.
    const NEAR: usize = 256;
    let near = before.get(before.len().saturating_sub(NEAR)..).unwrap_or_default();
    let Some(start) = near.windows(FIELD.len()).rposition(|window| window.eq_ignore_ascii_case(FIELD)) else { return false };
    let value = near.get(start + FIELD.len()..).unwrap_or_default();
    // A line that does not begin with a blank is another field, or none.
    value.windows(2).all(|two| two.first() != Some(&b'\n') || matches!(two.last(), Some(b' ' | b'\t')))
}

/// Whether bytes end in a text, in whatever case.
fn ends_with(bytes: &[u8], text: &str) -> bool {
    let start = bytes.len().checked_sub(text.len());
    start.and_then(|start| bytes.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(text.as_bytes()))
}
