//! Mailboxes in the form mboxrd: a mail each.
//!
//! A mail begins behind a line `From …` at the start of the file or behind an empty line, and ends before the empty
//! line that separates it from the next. A line of its own that begins so was written with a `>` more, which is
//! taken off. Nothing else of a mail is changed.

use std::io::BufRead;

use super::lines::{BOM, Line, Lines};
use super::record::{self, MAX_TEXT};
use super::{At, Found, Stop};

/// Whether a file is a mailbox rather than a mail: by its first line that is not empty.
pub(super) fn is_mbox(prefix: &[u8]) -> bool {
    let text = prefix.strip_prefix(BOM).unwrap_or(prefix);
    let mut lines = text.split(|&byte| byte == b'\n').filter(|line| !matches!(*line, [] | [b'\r']));
    // Old mail may have blanks between a header's name and its colon.
    lines.next().and_then(|line| line.strip_prefix(b"From ")).is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

/// Reads all mails.
pub(super) fn mails(reader: &mut dyn BufRead, found: &mut Found<'_>) -> Result<(), Stop> {
    let mut lines = Lines::new(reader, MAX_TEXT);
    let mut mail: Option<Mail> = None;
    let (mut count, mut behind_empty, mut told) = (0, true, false);
    while let Some((number, line)) = lines.next_whole()? {
        let (line, length) = match line {
            Line::Text(line) if number == 1 => (line.strip_prefix(BOM).unwrap_or(line), line.len() as u64),
            Line::Text(line) => (line, line.len() as u64),
            // Counted, not held: the mail is too large with it.
            Line::TooLong(bytes) => (&b""[..], bytes),
        };
        if behind_empty && line.starts_with(b"From ") {
            finish(mail.replace(Mail::default()), count, found)?;
            (count, behind_empty) = (count + 1, false);
            continue;
        }
        behind_empty = matches!(line, b"\n" | b"\r\n");
        match &mut mail {
            Some(mail) => mail.push(unescaped(line), length),
            None if behind_empty || told => {}
            None => {
                told = true;
                found.refuse(
                    At::Line(number),
                    "this is no mail: one begins behind a line `From …`; is the file an mbox?".to_owned(),
                )?;
            }
        }
    }
    Ok(finish(mail, count, found)?)
}

fn finish(mail: Option<Mail>, number: u64, found: &mut Found<'_>) -> anyhow::Result<()> {
    let Some(mut mail) = mail else { return Ok(()) };
    let at = At::Mail(number);
    if mail.length > MAX_TEXT {
        return found.refuse(at, record::too_large(mail.length));
    }
    mail.text.truncate(mail.text.len().saturating_sub(mail.separator));
    if mail.text.is_empty() {
        return found.refuse(at, "an empty mail".to_owned());
    }
    found.outcome(at, record::from_text(found.sub_type, mail.text))
}

/// Without the `>` that a line has too many because it begins with `From ` behind any number of them.
fn unescaped(line: &[u8]) -> &[u8] {
    let from = line.iter().position(|&byte| byte != b'>').and_then(|at| line.get(at..)).unwrap_or_default();
    if from.starts_with(b"From ") { line.strip_prefix(b">").unwrap_or(line) } else { line }
}

/// The mail that is being read.
#[derive(Default)]
struct Mail {
    /// Its text, as long as it is within the bound.
    text: Vec<u8>,
    length: u64,
    /// How long the empty line is that it ends with, if it does.
    separator: usize,
}

impl Mail {
    fn push(&mut self, line: &[u8], length: u64) {
        self.length = self.length.saturating_add(length);
        self.separator = if matches!(line, b"\n" | b"\r\n") { line.len() } else { 0 };
        if self.length <= MAX_TEXT {
            self.text.extend_from_slice(line);
        } else {
            self.text = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::Item;
    use super::*;

    /// The mails with their numbers, and what was refused, of a file that is read in pieces.
    fn all(bytes: &[u8], piece: usize) -> Vec<(At, Result<String, String>)> {
        let mut all = Vec::new();
        let mut sink = |item| {
            all.push(match item {
                Item::Record { place, document } => (place.at, Ok(document.data)),
                Item::Refused { place, reason } => (place.at, Err(reason)),
            });
            Ok(())
        };
        let mut found = Found { file: Arc::from(Path::new("a")), sub_type: "email", sink: &mut sink, items: 0 };
        assert!(mails(&mut BufReader::with_capacity(piece, bytes), &mut found).is_ok());
        all
    }

    fn texts(mbox: &str) -> Vec<String> {
        let text = |(_, data): (At, Result<String, String>)| {
            let data: serde_json::Value = serde_json::from_str(&data.unwrap()).unwrap();
            data["data"].as_str().unwrap().to_owned()
        };
        all(mbox.as_bytes(), 7).into_iter().map(text).collect()
    }

    /// As a mailer writes it.
    fn mbox(mails: &[String]) -> String {
        let escaped = |line: &str| {
            let is_from = line.trim_start_matches('>').starts_with("From ");
            format!("{}{line}", if is_from { ">" } else { "" })
        };
        let mail =
            |mail: &String| format!("From - Thu Jan  1\n{}\n", mail.split_inclusive('\n').map(escaped).collect::<String>());
        mails.iter().map(mail).collect()
    }

    #[test]
    fn a_mailbox_is_told_from_a_mail_by_its_first_line() {
        for text in ["From a@example.com Thu\n", "\u{feff}From x", "\r\n\nFrom -\n"] {
            assert!(is_mbox(text.as_bytes()), "{text}");
        }
        for text in ["", "From: a@example.com\n", "From : a@example.com\n", "Subject: x\n\nFrom y\n", " From x\n", "from x\n"] {
            assert!(!is_mbox(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn mails_are_cut_at_from_lines_behind_empty_ones_and_lose_the_empty_line_between() {
        let mbox = "From a\nSubject: 1\n\nbody\n\n\nFrom b\nSubject: 2\r\n\r\nFrom c\r\nSubject: 3\nFrom here\n\nlast";
        assert_eq!(texts(mbox), ["Subject: 1\n\nbody\n\n", "Subject: 2\r\n", "Subject: 3\nFrom here\n\nlast"]);
    }

    #[test]
    fn one_mark_of_quoting_is_taken_off_and_nothing_else() {
        let mbox = "From a\n\n>From x\n>>From y\n>from z\n> From\n>>>\n>From\n";
        assert_eq!(texts(mbox), ["\nFrom x\n>From y\n>from z\n> From\n>>>\n>From\n"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_make_their_mail_latin_1_and_no_other() {
        let found = all(b"From a\n\xe9\n\nFrom b\n\xc3\xa9\n", 7);
        let expected = [r#"{"data":"\u00e9\n","encoding":"latin-1"}"#, r#"{"data":"\u00e9\n"}"#];
        assert_eq!(found, [(At::Mail(1), Ok(expected[0].to_owned())), (At::Mail(2), Ok(expected[1].to_owned()))]);
    }

    #[test]
    fn a_mail_that_is_too_large_or_empty_is_refused_by_its_number_and_the_others_are_kept() {
        let long = "x".repeat(16 << 20);
        let lines = "xxxxxxx\n".repeat(2 << 20);
        let mbox = format!("From a\n{long}\n\nFrom b\n2\n\nFrom c\n{lines}\nFrom d\n\nFrom e\n5\n\n");
        let found = all(mbox.as_bytes(), 4096);
        let refused: Vec<_> = found.iter().filter_map(|(at, mail)| Some((*at, mail.as_ref().err()?.as_str()))).collect();
        let expected =
            ["16777217 bytes, a record is at most 15728640", "16777217 bytes, a record is at most 15728640", "an empty mail"];
        assert_eq!(refused, [(At::Mail(1), expected[0]), (At::Mail(3), expected[1]), (At::Mail(4), expected[2])]);
        let kept: Vec<_> = found.iter().filter(|(_, mail)| mail.is_ok()).map(|(at, _)| *at).collect();
        assert_eq!(kept, [At::Mail(2), At::Mail(5)]);
    }

    #[test]
    fn what_stands_before_the_first_mail_is_refused_once() {
        let found = all(b"\nSubject: x\nTo: y\n\nFrom a\n1\n", 7);
        assert!(
            matches!(&found[..], [(At::Line(2), Err(reason)), (At::Mail(1), Ok(_))] if reason.contains("is the file an mbox?"))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_mails_come_back_from_their_mailbox(mails in proptest::collection::vec("(>?>?From |[a>\r\n ]){1,9}\n", 1..6)) {
            proptest::prop_assert_eq!(texts(&mbox(&mails)), mails);
        }

        #[test]
        fn the_size_of_the_pieces_does_not_matter(text in "(>?From |[a>\r\n]){0,40}", piece in 1_usize..20) {
            proptest::prop_assert_eq!(all(text.as_bytes(), piece), all(text.as_bytes(), 4096));
        }
    }
}
