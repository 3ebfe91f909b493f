//! JSON: an array of objects, an object a line, or a single one. The text is first cut into objects by its braces, so that
//! a broken one costs itself and no other, and the dump is never held as a tree.

use std::borrow::Cow;

use filter_sdk::text::{quoted, without_lone_surrogates};
use serde::de::DeserializeSeed as _;

use crate::row::{Columns, Row, RowSeed};
use crate::{Entry, Tally};

/// Hands over every object of the text.
pub(crate) fn read(text: &str, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    let mut rest = text;
    let mut number = 0;
    while let Some(start) = rest.find(|c: char| !is_between(c)) {
        number += 1;
        let found = rest.get(start..).unwrap_or_default();
        if !found.starts_with('{') {
            // What is no object ends where its line does, or the next object begins.
            let end = found.find(['\n', '{']).unwrap_or(found.len());
            let (other, after) = found.split_at(end);
            tally.leave_out("entry", number, &format!("expected a JSON object, found {}", quoted(other.trim_end())));
            rest = after;
            continue;
        }
        let Some(end) = end_of_object(found) else {
            tally.leave_out("entry", number, "the JSON object has no end");
            return;
        };
        let (object, after) = found.split_at(end);
        rest = after;
        match row(object, columns) {
            Ok(row) => tally.count("entry", number, &Entry::Row(&row)),
            // Escapes of half a character, which the archive repairs in records, not within their texts.
            Err(error) => match without_lone_surrogates(object).as_deref().map(|repaired| row(repaired, columns)) {
                Some(Ok(row)) => tally.count("entry", number, &Entry::Row(&row)),
                _ => tally.leave_out("entry", number, &error),
            },
        }
    }
}

/// What stands between objects: of lists of them, and of lines.
fn is_between(c: char) -> bool {
    matches!(c, '[' | ']' | ',' | '\u{feff}') || filter_sdk::text::is_space(c)
}

/// Where the object ends that the text begins with: behind the brace that closes it, braces in texts aside.
fn end_of_object(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Reads one object as a row.
pub(crate) fn row<'a>(object: &'a str, columns: &'static Columns) -> Result<Row<'a>, Cow<'static, str>> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    RowSeed { columns, inside: false }.deserialize(&mut deserializer).map_err(|error| error.to_string().into())
}
