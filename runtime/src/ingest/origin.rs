//! What is said of all records of one command: what they are, whose, and when they came.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZoneDatabase;

use crate::descriptor::{MAX_IDENTIFIER, is_identifier};
use crate::store::NewRecord;
use crate::tahoe::RawDocument;
use crate::terminal::{escape_bounded, is_unsafe};

/// The most bytes of an organisation's id.
const MAX_ORGID: usize = 256;

/// The last second of the year 9999, beyond which a time has no four-digit year.
const MAX_TIME: f64 = 253_402_300_799.0;

/// A command line that asks for what there is not. Safe to print.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct OriginError(String);

/// What all records of one command have in common, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    sub_type: String,
    orgid: String,
    timezone: String,
    received_at: f64,
}

impl Origin {
    /// Checks what was typed. Without a time of arrival it is `now`, to the microsecond.
    ///
    /// # Errors
    /// Names the option, what was expected and what was found.
    pub fn new(
        sub_type: &str,
        orgid: &str,
        timezone: &str,
        received_at: Option<f64>,
        now: SystemTime,
    ) -> Result<Self, OriginError> {
        if sub_type.len() > MAX_IDENTIFIER || !is_identifier(sub_type) {
            let expected = format!("letters, digits and underscores, no digit first, at most {MAX_IDENTIFIER} bytes");
            return Err(wrong("--sub-type", &expected, sub_type));
        }
        if orgid.trim().is_empty() || orgid.len() > MAX_ORGID || orgid.chars().any(is_unsafe) {
            let expected = format!("1 to {MAX_ORGID} bytes without control or invisible characters");
            return Err(wrong("--orgid", &expected, orgid));
        }
        if !is_timezone(timezone) {
            return Err(wrong(
                "--timezone",
                "an IANA name in its usual spelling, such as UTC, US/Pacific or Europe/Berlin",
                timezone,
            ));
        }
        let received_at = received_at.unwrap_or_else(|| seconds(now));
        if !(0.0..=MAX_TIME).contains(&received_at) {
            return Err(wrong("--received-at", "seconds since 1970, up to the year 9999", &received_at.to_string()));
        }
        // `+ 0.0` makes the 0 of a -0.
        Ok(Self {
            sub_type: sub_type.to_owned(),
            orgid: orgid.to_owned(),
            timezone: timezone.to_owned(),
            received_at: received_at + 0.0,
        })
    }

    /// The kind of record.
    #[must_use]
    pub fn sub_type(&self) -> &str {
        &self.sub_type
    }

    /// A document as one of these records.
    #[must_use]
    pub fn record(&self, document: RawDocument) -> NewRecord {
        NewRecord { document, orgid: self.orgid.clone(), timezone: self.timezone.clone(), received_at: self.received_at }
    }
}

fn wrong(option: &str, expected: &str, found: &str) -> OriginError {
    OriginError(format!("{option}: expected {expected}, found \"{}\"", escape_bounded(found, 60)))
}

/// Whether every reader of the archive will know this name. Looking it up is lenient about case, and other readers
/// are not; so it is compared with the names that there are. The database is the one that is built in, so that
/// machines agree.
fn is_timezone(name: &str) -> bool {
    TimeZoneDatabase::bundled().available().any(|known| known.as_str() == name)
}

/// Whole microseconds, divided once, as for every other time.
fn seconds(now: SystemTime) -> f64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn origin(sub_type: &str, orgid: &str, timezone: &str, received_at: f64) -> Result<Origin, String> {
        Origin::new(sub_type, orgid, timezone, Some(received_at), UNIX_EPOCH).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sub_type_is_an_identifier() {
        for good in ["cowrie", "_x9", &"a".repeat(128)] {
            assert!(origin(good, "org", "UTC", 0.0).is_ok(), "{good}");
        }
        for bad in ["", "9x", "a-b", "a b", "caf\u{e9}", "a\n", &"a".repeat(129)] {
            assert!(origin(bad, "org", "UTC", 0.0).unwrap_err().starts_with("--sub-type: expected "), "{bad}");
        }
    }

    #[test]
    fn an_organisation_is_named_in_visible_characters() {
        for good in ["org", "identity--3f8e", "Org & Söhne", &"a".repeat(256)] {
            assert!(origin("t", good, "UTC", 0.0).is_ok(), "{good}");
        }
        for bad in ["", "  ", "a\0", "a\nb", "\u{1b}[2J", "or\u{200b}g", "\u{202e}gro", &"a".repeat(257)] {
            assert!(origin("t", bad, "UTC", 0.0).unwrap_err().starts_with("--orgid: expected "), "{bad}");
        }
        assert!(origin("t", "\u{1b}[2J", "UTC", 0.0).unwrap_err().ends_with("found \"\\u{1b}[2J\""));
    }

    #[test]
    fn a_time_zone_is_one_that_other_readers_of_the_archive_know() {
        for good in ["UTC", "US/Pacific", "Europe/Berlin", "EST5EDT", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "GMT"] {
            assert!(origin("t", "org", good, 0.0).is_ok(), "{good}");
        }
        for bad in [
            "",
            "utc",
            "us/pacific",
            "Europe/berlin",
            "Mars/Olympus",
            "+02:00",
            "CEST",
            "../../etc/passwd",
            "Etc/Unknown",
            "UTC\n",
        ] {
            assert!(origin("t", "org", bad, 0.0).unwrap_err().starts_with("--timezone: expected "), "{bad}");
        }
    }

    #[test]
    fn a_time_of_arrival_lies_between_1970_and_9999() {
        for good in [0.0, 1_700_000_000.25, MAX_TIME] {
            assert_eq!(origin("t", "org", "UTC", good).unwrap().received_at, good);
        }
        assert!(origin("t", "org", "UTC", -0.0).unwrap().received_at.is_sign_positive());
        for bad in [-1.0, -1e-9, MAX_TIME + 1.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(origin("t", "org", "UTC", bad).unwrap_err().starts_with("--received-at: expected "), "{bad}");
        }
    }

    #[test]
    fn without_a_time_of_arrival_it_is_now_to_the_microsecond() {
        let now = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        assert_eq!(Origin::new("t", "org", "UTC", None, now).unwrap().received_at, 1_700_000_000.123_456);
        assert_eq!(Origin::new("t", "org", "UTC", None, UNIX_EPOCH - Duration::from_secs(5)).unwrap().received_at, 0.0);
    }
}
