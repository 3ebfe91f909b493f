//! The one reader and the one writer of JSON for raw records.
//!
//! The reader takes what archives really hold (lone surrogates, duplicate keys) and refuses what has no stored
//! form that hashes the same everywhere (integers beyond 64 bits, deep nesting). The writer has one output for
//! a value, whoever asks: the store, the export and the guest get the same bytes.

mod write;

pub use write::{bson_size, dump_f64, dump_str, plain_prefix, write, write_number};

use serde_json::Value;

/// How deep a raw record may nest: the number of arrays and objects around its innermost value.
pub const MAX_DEPTH: usize = 16;

/// How many arrays and objects a raw record may hold. In memory each takes hundreds of times the two bytes that it
/// takes as text.
pub const MAX_CONTAINERS: usize = 250_000;

/// Why a text is not a JSON value that the archive takes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 text (byte {0})")]
    NotUtf8(usize),
    /// More than [`MAX_DEPTH`] levels of nesting.
    #[error("nested deeper than {MAX_DEPTH} levels (byte {0})")]
    TooDeep(usize),
    /// More than [`MAX_CONTAINERS`] arrays and objects.
    #[error("more than {MAX_CONTAINERS} arrays and objects")]
    TooMany,
    /// An integer that no 64-bit signed integer holds: it would be stored as another number.
    #[error("the integer {0} does not fit in 64 bits")]
    IntegerRange(String),
    /// Not JSON; the parser's own words.
    #[error("not JSON: {0}")]
    Syntax(String),
}

/// Reads one JSON value: a lone surrogate is read as U+FFFD, `-0` as the integer 0,
/// and of duplicate keys the last counts.
///
/// # Errors
/// See [`JsonError`]. Work and memory are proportional to the input.
pub fn read(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8(e.valid_up_to() + 1))?;
    let mended = mend(text)?;
    let parsed = match &mended {
        Some(bytes) => serde_json::from_slice(bytes),
        None => serde_json::from_str(text),
    };
    parsed.map_err(|e| JsonError::Syntax(e.to_string()))
}

/// One pass over the text before the parser sees it, for what the parser would refuse or misread. Every
/// replacement has the length of what it replaces, so that the parser's positions stay right. `None`: nothing to mend.
fn mend(text: &str) -> Result<Option<Vec<u8>>, JsonError> {
    let bytes = text.as_bytes();
    let mut mended: Option<Vec<u8>> = None;
    let (mut depth, mut containers) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = mend_string(text, at, &mut mended),
            b'{' | b'[' => {
                depth += 1;
                containers += 1;
                if depth > MAX_DEPTH {
                    return Err(JsonError::TooDeep(at + 1));
                }
                if containers > MAX_CONTAINERS {
                    return Err(JsonError::TooMany);
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'-' | b'0'..=b'9' => at = mend_number(text, at, &mut mended)?,
            _ => at += 1,
        }
    }
    Ok(mended)
}

/// Walks the string that begins at `start`, replaces lone surrogate escapes; returns the position behind it.
fn mend_string(text: &str, start: usize, mended: &mut Option<Vec<u8>>) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => match code_unit(bytes, at) {
                Some(0xD800..=0xDBFF) if matches!(code_unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
                Some(0xD800..=0xDFFF) => {
                    replace(mended, bytes, at, b"\\ufffd");
                    at += 6;
                }
                _ => at += 2,
            },
            _ => at += 1,
        }
    }
    at
}

/// The code unit that `\uXXXX` at this position stands for.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Checks that an integer fits; `-0` becomes `0`. Returns the position behind the number.
fn mend_number(text: &str, start: usize, mended: &mut Option<Vec<u8>>) -> Result<usize, JsonError> {
    let bytes = text.as_bytes();
    let length = bytes.iter().skip(start).take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
    let end = start + length;
    let number = text.get(start..end).unwrap_or_default();
    if number == "-0" {
        replace(mended, bytes, start, b" 0");
    } else if is_integer(number) && number.parse::<i64>().is_err() {
        let shown: String = number.chars().take(40).collect();
        return Err(JsonError::IntegerRange(shown));
    }
    Ok(end)
}

/// Whether a text is an optional minus and digits; what else looks like a number, the parser judges.
fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn replace(mended: &mut Option<Vec<u8>>, original: &[u8], at: usize, by: &[u8]) {
    let copy = mended.get_or_insert_with(|| original.to_vec());
    if let Some(slot) = copy.get_mut(at..at + by.len()) {
        slot.copy_from_slice(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        write(&read(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character_and_a_pair_stays() {
        assert_eq!(rewritten(r#"["\ud800","x\uDFFFy","\ud83d\ude00"]"#), r#"["\ufffd","x\ufffdy","\ud83d\ude00"]"#);
        assert_eq!(rewritten(r#"["\ud800\ud83d\ude00","\\ud800","\ud800\n"]"#), r#"["\ufffd\ud83d\ude00","\\ud800","\ufffd\n"]"#);
    }

    #[test]
    fn numbers_keep_their_kind_and_value() {
        assert_eq!(
            rewritten("[1, 1.0, -0, -0.0, 1.10, 1e2, 9223372036854775807]"),
            "[1,1.0,0,-0.0,1.1,100.0,9223372036854775807]"
        );
        assert_eq!(rewritten("[-9223372036854775808,1e16,1e-5,0.1]"), "[-9223372036854775808,1e+16,1e-05,0.1]");
    }

    #[test]
    fn a_number_that_would_be_stored_as_another_is_refused() {
        assert!(matches!(read(b"9223372036854775808"), Err(JsonError::IntegerRange(_))));
        assert!(matches!(read(b"{\"a\":-9223372036854775809}"), Err(JsonError::IntegerRange(_))));
        for text in ["1e400", "NaN", "[Infinity]", "-Infinity", "01", "-", "--", "1.", "+1", "1-2"] {
            assert!(matches!(read(text.as_bytes()), Err(JsonError::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_before_anything_recurses() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(read(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep(MAX_DEPTH + 1)));
        assert!(matches!(read("[".repeat(10_000).as_bytes()), Err(JsonError::TooDeep(_))));
        assert_eq!(read(format!("[{}1]", "[],".repeat(MAX_CONTAINERS)).as_bytes()), Err(JsonError::TooMany));
        assert_eq!(rewritten(r#"["[[[[[[[[[[[[[[[[[[[["]"#), r#"["[[[[[[[[[[[[[[[[[[[["]"#);
    }

    #[test]
    fn of_duplicate_keys_the_last_counts_and_keys_are_sorted() {
        assert_eq!(rewritten(r#"{"b":1,"a":2,"b":3,"é":4}"#), r#"{"a":2,"b":3,"\u00e9":4}"#);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_written_reads_back_the_same(bytes: Vec<u8>) {
            if let Ok(value) = read(&bytes) {
                proptest::prop_assert_eq!(read(write(&value).as_bytes()).unwrap(), value);
            }
        }

        #[test]
        fn any_floats_survive_a_round_trip(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let text = write(&serde_json::json!([number]));
            proptest::prop_assert_eq!(read(text.as_bytes()).unwrap(), serde_json::json!([number]));
        }
    }
}
