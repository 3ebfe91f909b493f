//! The raw record, and the refusal to read one.

use crate::limits::{self, Limits};
use crate::{Record, Rejection};

impl Record {
    /// What the host accepts in answer to this record.
    pub const fn limits(&self) -> Limits {
        Limits::for_input(self.data.len())
    }

    /// Checks that an event of this record may have this time, in seconds since 1970-01-01T00:00:00Z: not before
    /// 1970, and at most two days after the record's arrival, as clocks differ.
    ///
    /// # Errors
    /// If the time is outside, or no number at all.
    pub fn event_time(&self, seconds: f64) -> Result<f64, Rejection> {
        if (0.0..=self.received_at + limits::SECONDS_AFTER_ARRIVAL).contains(&seconds) {
            Ok(seconds + 0.0) // A negative zero would be another number in the hash.
        } else if seconds < 0.0 {
            Err(Rejection::new("the time lies before 1970"))
        } else {
            Err(Rejection::new("the time lies more than two days after the record's arrival"))
        }
    }
}

impl Rejection {
    /// A rejection for this reason, cut to what the host keeps. Say what was expected, and what was found.
    pub fn new(reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(limits::REASON_BYTES));
        Self { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn times_are_accepted_from_1970_to_two_days_after_arrival() {
        let record = testing::record("x", "{}");
        let last = record.received_at + 172_800.0;
        for inside in [0.0, 1.5, record.received_at, last] {
            assert_eq!(record.event_time(inside), Ok(inside));
        }
        for outside in [-0.001, last + 0.001, 1e300, f64::INFINITY, f64::NAN] {
            assert!(record.event_time(outside).is_err(), "{outside}");
        }
        assert!(record.event_time(-0.0).is_ok_and(f64::is_sign_positive));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(Rejection::new("é".repeat(400)).reason, "é".repeat(256));
    }
}
