//! Text that others wrote, made safe to show to a person.
//!
//! Names, reasons, logs and data come from records and filters. Printed as they are, they could move the cursor,
//! clear the screen, add lines that look like ours, or read in another order than they are stored. Whatever goes to a
//! person passes here; what goes to a machine (`--json`, export) does not.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes a text safe to print, on one line: whatever is invisible, moves the cursor or changes the direction of
/// reading becomes a visible `\n` or `\u{1b}`. All else stays as it is, a backslash too, so the result is for reading
/// and cannot be turned back.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) { Cow::Owned(escape_up_to(text, usize::MAX)) } else { Cow::Borrowed(text) }
}

/// [`escape`] for a text of any length: at most `bound` characters of output, and then how long the whole was. An
/// escape is never cut in two.
#[must_use]
pub fn escape_bounded(text: &str, bound: usize) -> String {
    escape_up_to(text, bound)
}

/// Whether a character must not reach a terminal.
///
/// Beside the controls, what Unicode calls default-ignorable and can hide text in text or reorder it. Variation
/// selectors U+FE00–FE0F stay: they are part of ordinary emoji.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            // Zero width, directional marks; separators that break lines; embeddings, overrides; joiners, isolates,
            // deprecated formats.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Letters without a glyph.
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            // Tags and further variation selectors: a whole hidden alphabet each.
            | '\u{e0000}'..='\u{e0fff}')
}

fn escape_up_to(text: &str, bound: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bound).min(4096));
    let mut length = 0;
    for c in text.chars() {
        let start = out.len();
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            c if is_unsafe(c) => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
        // An escape is ASCII, so its bytes are its characters.
        length += if is_unsafe(c) { out.len() - start } else { 1 };
        if length > bound {
            out.truncate(start);
            _ = write!(out, "… ({} bytes)", text.len());
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_that_clears_the_screen_or_sets_the_title_is_shown_instead() {
        assert_eq!(escape("\u{1b}[2J\u{1b}]0;owned\u{7}"), "\\u{1b}[2J\\u{1b}]0;owned\\u{7}");
        // The same commands as single C1 characters: CSI and OSC.
        assert_eq!(escape("\u{9b}2J\u{9d}0;owned\u{9c}"), "\\u{9b}2J\\u{9d}0;owned\\u{9c}");
    }

    #[test]
    fn a_forged_log_line_stays_on_the_line_it_came_on() {
        assert_eq!(escape("guest\n0 refused, all is well"), "guest\\n0 refused, all is well");
        assert_eq!(escape("a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f"), "a\\u{2028}b\\u{2029}c\\u{85}d\\u{b}e\\u{c}f");
    }

    #[test]
    fn a_carriage_return_or_backspace_does_not_overwrite_what_was_printed() {
        assert_eq!(escape("evil\rgood\u{8}\u{7f}\t"), "evil\\rgood\\u{8}\\u{7f}\\t");
    }

    #[test]
    fn a_name_that_reads_backwards_is_shown_in_the_order_it_is_stored() {
        assert_eq!(escape("invoice\u{202e}fdp.exe"), "invoice\\u{202e}fdp.exe");
        for c in ['\u{202a}', '\u{202d}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{200f}', '\u{61c}'] {
            assert_eq!(escape(&c.to_string()), format!("\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn a_host_name_with_invisible_characters_does_not_look_like_another() {
        assert_eq!(
            escape("exam\u{200b}ple\u{2060}.com\u{feff}\u{200d}\u{ad}"),
            "exam\\u{200b}ple\\u{2060}.com\\u{feff}\\u{200d}\\u{ad}"
        );
    }

    #[test]
    fn an_instruction_hidden_in_tag_characters_is_shown() {
        assert_eq!(escape("ok\u{e0069}\u{e007f}\u{e0100}"), "ok\\u{e0069}\\u{e007f}\\u{e0100}");
    }

    #[test]
    fn a_null_byte_does_not_end_the_text() {
        assert_eq!(escape("a\0b"), "a\\u{0}b");
    }

    #[test]
    fn ordinary_text_of_any_language_is_not_copied_and_not_changed() {
        for text in ["plain", "Grüße, 世界 \u{5e9}\u{5dc}\u{5d5}\u{5dd} 😀 ❤\u{fe0f}", "C:\\temp\\u{41}", ""] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_flood_of_text_is_cut_and_its_length_told() {
        assert_eq!(escape_bounded(&"é".repeat(5_000_000), 3), "ééé… (10000000 bytes)");
        assert_eq!(escape_bounded("ééé", 3), "ééé");
    }

    #[test]
    fn a_cut_never_leaves_half_an_escape() {
        assert_eq!(escape_bounded("ab\u{1b}c", 5), "ab… (4 bytes)");
        assert_eq!(escape_bounded("ab\u{1b}c", 9), "ab\\u{1b}c");
    }

    proptest::proptest! {
        #[test]
        fn nothing_unsafe_is_left_of_any_text(text: String, bound in 0_usize..40) {
            proptest::prop_assert!(!escape(&text).chars().any(is_unsafe));
            let cut = escape_bounded(&text, bound);
            proptest::prop_assert!(!cut.chars().any(is_unsafe));
            let note = format!("… ({} bytes)", text.len());
            proptest::prop_assert!(cut.chars().count() <= bound + note.chars().count());
        }
    }
}
