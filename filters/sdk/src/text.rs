//! Text as Python leaves it: its white space, its bytes literals, its lone surrogates.

/// Whether Python's `str.isspace` is true: beside Unicode's white space also the four information separators.
pub const fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `text` without white space at both ends, as Python's `str.strip` does it, and as the host does it before it stores
/// a text.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What a complete `b'…'` or `'…'` holds, or `text` itself. Programs that moved to Python 3 wrote their bytes this
/// way for years. Escapes inside stay as they are.
pub fn unwrap_literal(text: &str) -> &str {
    text.strip_prefix('b').unwrap_or(text).strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text)
}

/// JSON text in which every escape of half a surrogate pair is replaced by `\ufffd`, or `None` if there is no such
/// escape.
///
/// Python writes `\ud800` alone where JSON has no character for it, and readers then refuse the whole document. The
/// archive repairs this in the records that it takes in; JSON inside a string of a record is the filter's own affair.
pub fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut repaired: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let Some(unit) = escaped_unit(json, at) else {
            // Whatever is escaped, it is skipped: a second backslash must not be taken for the start of an escape.
            at = json.ceil_char_boundary(at + 2);
            continue;
        };
        let next = at + 6;
        at = match unit {
            0xd800..0xdc00 if matches!(escaped_unit(json, next), Some(0xdc00..0xe000)) => next + 6,
            0xd800..0xe000 => {
                let repaired = repaired.get_or_insert_default();
                repaired.push_str(json.get(copied..at).unwrap_or_default());
                repaired.push_str("\\ufffd");
                copied = next;
                next
            }
            _ => next,
        };
    }
    if let Some(repaired) = &mut repaired {
        repaired.push_str(json.get(copied..).unwrap_or_default());
    }
    repaired
}

/// The UTF-16 unit of an escape `\uXXXX` that begins at `at`.
fn escaped_unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at.checked_add(6)?)?.strip_prefix("\\u")?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

/// A short form of text from a record, for a message: at most 64 bytes of it, in quotes.
pub fn quoted(text: &str) -> String {
    const SHOWN_BYTES: usize = 64;
    let shown = crate::limits::cut(text, SHOWN_BYTES);
    if shown.len() == text.len() { format!("\"{shown}\"") } else { format!("\"{shown}…\" ({} bytes)", text.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_is_pythons_strip() {
        assert_eq!(strip(" \u{1c}\u{1f}\u{85}\u{2003}a b\u{3000}\r\n"), "a b");
        for kept in ["\u{200b}x", "\u{feff}x", "\u{180e}x", "x\0", "\u{1b}x"] {
            assert_eq!(strip(kept), kept);
        }
    }

    #[test]
    fn only_a_complete_wrapper_is_removed() {
        assert_eq!(unwrap_literal("b'SSH-2.0-Go'"), "SSH-2.0-Go");
        assert_eq!(unwrap_literal("'SSH-2.0-Go'"), "SSH-2.0-Go");
        assert_eq!(unwrap_literal("b''"), "");
        assert_eq!(unwrap_literal(r"b'\xff\''"), r"\xff\'");
        for kept in ["b'SSH", "SSH'", "'", "b'", "b", "", "\"SSH\"", "bb'x'"] {
            assert_eq!(unwrap_literal(kept), kept);
        }
    }

    #[test]
    fn long_text_is_shown_in_part() {
        assert_eq!(quoted("x"), "\"x\"");
        assert_eq!(quoted(&"é".repeat(40)), format!("\"{}…\" (80 bytes)", "é".repeat(32)));
    }

    #[test]
    fn halves_of_surrogate_pairs_are_repaired_and_pairs_are_kept() {
        assert_eq!(without_lone_surrogates(r#"{"a": "\ud800"}"#).as_deref(), Some(r#"{"a": "\ufffd"}"#));
        assert_eq!(without_lone_surrogates(r"x\udcffé\uDBFFy").as_deref(), Some(r"x\ufffdé\ufffdy"));
        assert_eq!(without_lone_surrogates(r"\ud800\ud83d\ude00").as_deref(), Some(r"\ufffd\ud83d\ude00"));
        assert_eq!(without_lone_surrogates(r"\ud83d\ude00"), None);
        assert_eq!(without_lone_surrogates(r"\\ud800 \é \n \u00e9"), None);
        assert_eq!(without_lone_surrogates(r"\ud8"), None);
        assert_eq!(without_lone_surrogates("\\"), None);
    }
}
