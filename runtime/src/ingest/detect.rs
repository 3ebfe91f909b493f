//! How a file holds records: by what was asked for, by the kind of record, and by its first bytes.

use super::Format;
use super::array::trim_start;
use super::compression::Packing;
use super::mbox;

/// How a file holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One JSON record a line.
    Lines,
    /// A JSON array of records.
    Array,
    /// One JSON record over several lines, or else as [`Shape::Lines`]: the whole file decides.
    ObjectOrLines,
    /// One JSON record.
    Object,
    /// One record's text.
    Text,
    /// One record's text, or several if it is long.
    Feed,
    /// A mailbox.
    Mbox,
}

/// Sources that write JSON events: a file of them is never text, however broken its first line is.
const EVENTS: [&str; 3] = ["cowrie", "unr_honeypot", "sighting"];

/// Sources of one text with many entries, which may well be JSON.
const FEEDS: [&str; 6] = ["openphish_feed", "openphish", "phishtank_feed", "phishtank", "threatfox_feed", "threatfox"];

/// The source whose records are mails.
const EMAIL: &str = "email";

/// Says how a file holds records, from its first bytes; or why it cannot be read at all.
pub(super) fn shape(prefix: &[u8], sub_type: &str, format: Format) -> Result<Shape, String> {
    // Byte for byte, whatever it is.
    if format == Format::Text {
        return Ok(text(sub_type));
    }
    if let Some((what, unpack)) = compressed(prefix) {
        return Err(format!("looks like {what}: unpack it first ({unpack})"));
    }
    let starts_like_json = matches!(trim_start(prefix).first(), Some(b'{' | b'['));
    let as_json = match format {
        Format::Eml => return Ok(Shape::Text),
        Format::Mbox => return Ok(Shape::Mbox),
        Format::Auto if sub_type == EMAIL && mbox::is_mbox(prefix) => return Ok(Shape::Mbox),
        Format::Auto if sub_type == EMAIL || FEEDS.contains(&sub_type) => false,
        Format::Auto => starts_like_json || EVENTS.contains(&sub_type),
        _ => true,
    };
    if !as_json {
        return Ok(text(sub_type));
    }
    if let Some(what) = not_text(prefix) {
        return Err(format!("looks like {what}, not JSON in UTF-8"));
    }
    Ok(match format {
        Format::Jsonl => Shape::Lines,
        Format::Json => Shape::Object,
        _ => by_content(prefix),
    })
}

fn text(sub_type: &str) -> Shape {
    if FEEDS.contains(&sub_type) { Shape::Feed } else { Shape::Text }
}

/// Lines are the rule. A log that was cut at midnight may begin anywhere in a line, at a `[` too: so only an array of
/// objects is an array.
pub(super) fn by_content(prefix: &[u8]) -> Shape {
    let text = trim_start(prefix);
    match text.split_first() {
        Some((b'[', more)) => match trim_start(more).first() {
            Some(b'{' | b']') | None => Shape::Array,
            Some(_) => Shape::Lines,
        },
        Some((b'{', _)) => {
            let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            // A first line that does not end within the prefix is a long record, hardly the start of one over several
            // lines.
            if first.len() == text.len() || crate::json::read(first).is_ok() { Shape::Lines } else { Shape::ObjectOrLines }
        }
        _ => Shape::Lines,
    }
}

/// What a file is compressed with, and what unpacks it. What gzip and bzip2 can be seen here was packed twice: once is
/// unpacked when a file is opened.
fn compressed(prefix: &[u8]) -> Option<(&'static str, &'static str)> {
    match Packing::of(prefix) {
        Some(Packing::Gzip) => Some(("a gzip file within another packed one", "gunzip")),
        Some(Packing::Bzip2) => Some(("a bzip2 file within another packed one", "bunzip2")),
        None if prefix.starts_with(b"\xfd7zXZ\0") => Some(("an xz file", "unxz")),
        None if prefix.starts_with(b"\x28\xb5\x2f\xfd") => Some(("a zstd file", "unzstd")),
        None if prefix.starts_with(b"PK\x03\x04") || prefix.starts_with(b"PK\x05\x06") => Some(("a zip file", "unzip")),
        None => None,
    }
}

/// What a file is whose every line would be refused as JSON: one message says it better than a thousand.
///
/// A run of NULs alone is no reason: file systems leave them in a log when the power fails, and good lines follow.
fn not_text(prefix: &[u8]) -> Option<&'static str> {
    if prefix.starts_with(b"\xff\xfe") || prefix.starts_with(b"\xfe\xff") {
        return Some("UTF-16 text");
    }
    let has_control = prefix.iter().any(|byte| matches!(byte, 1..=8 | 0x0e..=0x1a | 0x1c..=0x1f));
    let has_record = prefix.split(|&byte| byte == b'\n').any(|line| matches!(line.first(), Some(b'{' | b'[')));
    (prefix.contains(&0) && has_control && !has_record).then_some("binary data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(sub_type: &str, text: &[u8]) -> Shape {
        shape(text, sub_type, Format::Auto).unwrap()
    }

    #[test]
    fn events_are_lines_an_array_or_one_object_whatever_their_first_line_is() {
        for sub_type in EVENTS {
            assert_eq!(auto(sub_type, b"{\"a\":1}\n{\"a\":2}\n"), Shape::Lines);
            assert_eq!(auto(sub_type, b"f a line\"}\n{\"a\":2}\n"), Shape::Lines);
            assert_eq!(auto(sub_type, b"\xEF\xBB\xBF [\n {\"a\":1}]"), Shape::Array);
            assert_eq!(auto(sub_type, b"[]"), Shape::Array);
            assert_eq!(auto(sub_type, b"{\n  \"a\": 1\n}\n"), Shape::ObjectOrLines);
        }
    }

    #[test]
    fn the_tail_of_a_line_that_begins_with_a_bracket_is_no_array() {
        assert_eq!(auto("cowrie", b"[\"zlib\"],\"langCS\":[\"\"]}\n{\"a\":2}\n"), Shape::Lines);
    }

    #[test]
    fn feeds_are_text_even_if_they_look_like_json_and_mail_is_a_mail_or_a_mailbox() {
        for sub_type in FEEDS {
            assert_eq!(auto(sub_type, b"{\"url\":\"http://example.com/\"}\n"), Shape::Feed);
            assert_eq!(auto(sub_type, b"[{}]"), Shape::Feed);
            assert_eq!(shape(b"[{}]", sub_type, Format::Text), Ok(Shape::Feed));
            assert_eq!(auto(sub_type, b"From a@example.com\n"), Shape::Feed);
        }
        assert_eq!(auto(EMAIL, b"{\"data\":\"x\"}\n"), Shape::Text);
        assert_eq!(auto(EMAIL, b"From: a@example.com\n"), Shape::Text);
        assert_eq!(auto(EMAIL, b"From a@example.com Thu Jan  1 00:00:00 2026\n"), Shape::Mbox);
        assert_eq!(shape(b"From a@example.com\n", EMAIL, Format::Text), Ok(Shape::Text));
    }

    #[test]
    fn other_kinds_go_by_their_first_character() {
        assert_eq!(auto("other", b"{\"a\":1}\n"), Shape::Lines);
        assert_eq!(auto("other", b" \r\n[{\"a\":1}]"), Shape::Array);
        assert_eq!(auto("other", b"hello {}"), Shape::Text);
        assert_eq!(auto("other", b"\x00\x01\xff"), Shape::Text);
    }

    #[test]
    fn what_is_asked_for_holds() {
        assert_eq!(shape(b"[{}]", "cowrie", Format::Jsonl), Ok(Shape::Lines));
        assert_eq!(shape(b"{}\n{}", "email", Format::Json), Ok(Shape::Object));
        assert_eq!(shape(b"{}", "cowrie", Format::Text), Ok(Shape::Text));
        assert_eq!(shape(b"From x\n", "email", Format::Eml), Ok(Shape::Text));
        assert_eq!(shape(b"Subject: x\n", "email", Format::Mbox), Ok(Shape::Mbox));
    }

    #[test]
    fn a_compressed_file_is_named_and_refused_unless_it_is_asked_for_as_text() {
        for (magic, name) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"BZh91AY&SY..", "bzip2"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"\x28\xb5\x2f\xfd..", "zstd"),
            (b"PK\x03\x04..", "zip"),
        ] {
            for format in [Format::Auto, Format::Json, Format::Jsonl, Format::Eml, Format::Mbox] {
                let reason = shape(magic, "openphish", format).unwrap_err();
                assert!(reason.contains(name) && reason.contains("unpack"), "{reason}");
            }
            assert_eq!(shape(magic, "openphish", Format::Text), Ok(Shape::Feed));
        }
        assert_eq!(auto("openphish", b"BZh9 is how this text begins"), Shape::Feed);
    }

    #[test]
    fn a_binary_file_is_refused_as_one_but_nulls_after_a_power_failure_are_not() {
        assert_eq!(
            shape(b"\x7fELF\x02\x01\x01\0\0\0", "cowrie", Format::Auto),
            Err("looks like binary data, not JSON in UTF-8".to_owned())
        );
        assert_eq!(shape(b"\xff\xfe{\0}\0", "cowrie", Format::Auto), Err("looks like UTF-16 text, not JSON in UTF-8".to_owned()));
        assert_eq!(auto("cowrie", b"\0\0\0\0\0\n{\"a\":1}\n"), Shape::Lines);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_shape_or_a_reason(bytes: Vec<u8>) {
            for format in [Format::Auto, Format::Json, Format::Jsonl, Format::Text] {
                for sub_type in ["cowrie", "email", "other"] {
                    let _ = shape(&bytes, sub_type, format);
                }
            }
        }
    }
}
