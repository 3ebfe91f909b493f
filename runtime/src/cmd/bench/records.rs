//! The records to measure with.

use std::path::Path;

use anyhow::bail;

use crate::cmd::UsageError;
use crate::descriptor::Descriptor;
use crate::fixture::{File, FixtureError, ORGID, RECEIVED_AT, TIMEZONE};
use crate::ingest::{self, Format, Item, Origin, Source};
use crate::store::{NewRecord, SubmissionKey, Work};
use crate::terminal::escape;

/// The most records that are measured, and bytes of them: they are held in memory, and more of them say no more.
const MOST_RECORDS: usize = 10_000;
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Records of a file.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: Vec<Work>,
    pub(super) bytes: usize,
    /// Some were left out: there are more than are measured.
    pub(super) cut: bool,
}

impl Found {
    /// Whether there is room for more.
    fn take(&mut self, record: NewRecord) -> bool {
        let NewRecord { document, orgid, timezone, received_at } = record;
        if self.records.len() >= MOST_RECORDS || self.bytes.saturating_add(document.data.len()) > MOST_BYTES {
            self.cut = true;
            return false;
        }
        self.bytes += document.data.len();
        let key = SubmissionKey { raw: document.hash, orgid };
        self.records.push(Work { key, sub_type: document.sub_type, data: document.data, timezone, received_at });
        true
    }
}

/// The end of reading before the end of the file.
#[derive(Debug, thiserror::Error)]
#[error("enough records")]
struct Enough;

/// Reads a golden file, or a file as `runtime ingest` does.
pub(super) fn read(path: &Path, sub_type: Option<&str>, filter: &Descriptor) -> anyhow::Result<Found> {
    let mut found = Found::default();
    match File::read(path) {
        Ok(file) => {
            for case in &file.cases {
                let record = case.record();
                if filter.accepts.contains(&record.document.sub_type) && !found.take(record.clone()) {
                    break;
                }
            }
            return Ok(found);
        }
        // Another file, or one that is larger than any golden file.
        Err(FixtureError::NotCases { .. } | FixtureError::File { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let sub_type = match (sub_type, filter.accepts.as_slice()) {
        (Some(sub_type), accepts) if accepts.iter().any(|accepted| accepted == sub_type) => sub_type,
        (None, [only]) => only,
        (Some(other), accepts) => {
            let words = format!("--sub-type {other:?}: the filter does not read that; it reads: {}", accepts.join(", "));
            return Err(UsageError(words).into());
        }
        (None, accepts) => {
            let words = format!("the filter reads several kinds of record: say which with --sub-type: {}", accepts.join(", "));
            return Err(UsageError(words).into());
        }
    };
    let origin = Origin::new(sub_type, ORGID, TIMEZONE, Some(RECEIVED_AT), std::time::UNIX_EPOCH)?;
    let source = Source { path, sub_type, format: Format::Auto };
    let mut refused = 0_u64;
    let read = ingest::read(source, &|_| {}, &mut |item| {
        match item {
            Item::Refused { place, reason } => {
                refused += 1;
                if refused <= 10 {
                    tracing::warn!("{}: {}", escape(&place.to_string()), escape(&reason));
                }
            }
            Item::Record { document, .. } => {
                if !found.take(origin.record(document)) {
                    bail!(Enough);
                }
            }
        }
        Ok(())
    });
    match read {
        Err(error) if !error.is::<Enough>() => Err(error),
        _ => Ok(found),
    }
}
