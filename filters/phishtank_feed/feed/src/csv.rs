//! CSV with a header, by RFC 4180: columns are found by name, and may be more or fewer than expected.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

use crate::row::{Columns, Row};
use crate::{Entry, Tally};

/// The column without which there is nothing to read.
const URL: &str = "url";

/// Whether the first line names columns, `url` among them.
pub(crate) fn has_header(text: &str, columns: &Columns) -> bool {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let mut named = line.split(',').map(|name| name.trim_matches(|c| c == '"' || filter_sdk::text::is_space(c)));
    named.clone().any(|name| name == URL)
        && (named.clone().count() == 1 || named.any(|name| name != URL && columns.names.contains(&name)))
}

/// Hands over every line.
pub(crate) fn read(text: &str, columns: &'static Columns, tally: &mut Tally<'_, '_>) {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let places: Vec<Option<usize>> = match reader.headers() {
        Ok(header) => {
            header.iter().map(|name| columns.names.iter().position(|known| *known == filter_sdk::text::strip(name))).collect()
        }
        Err(error) => return tally.leave_out("line", 1, &error.to_string()),
    };
    let mut record = StringRecord::new();
    loop {
        // Where the next record begins, as a person counts lines.
        let line = usize::try_from(reader.position().line()).unwrap_or(usize::MAX);
        match reader.read_record(&mut record) {
            Ok(true) => {
                let mut row = Row::new(columns);
                for (place, value) in places.iter().zip(&record).filter_map(|(place, value)| Some(((*place)?, value))) {
                    row.set(place, Some(Cow::Borrowed(value)));
                }
                tally.count("line", line, &Entry::Row(&row));
            }
            Ok(false) => return,
            Err(error) => tally.leave_out("line", line, &error.to_string()),
        }
    }
}
