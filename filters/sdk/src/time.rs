//! Times of ISO 8601, in the forms that sources write.

use crate::Rejection;
use crate::text::{quoted, strip};

/// Reads a time as seconds since 1970-01-01T00:00:00Z.
///
/// ```text
/// time     = date ("T" / " ") hour ":" minute ":" second [fraction] [zone]
/// date     = 4DIGIT "-" 2DIGIT "-" 2DIGIT
/// fraction = "." 1*9DIGIT                        ; cut to microseconds
/// zone     = "Z" / ("+" / "-") 2DIGIT [":"] 2DIGIT   ; absent: UTC
/// ```
///
/// White space around it is ignored. Second 60 is read where a leap second can be, at the end of a day in UTC, and is
/// then the first moment of the next. The result is whole microseconds divided by a million, rounded once: the float
/// that the Tahoe reference library computes.
///
/// # Errors
/// With the text in the reason, if it is not of this form or names a day or an hour that does not exist.
pub fn parse(text: &str) -> Result<f64, Rejection> {
    let stripped = strip(text);
    let Some(micros) = Reader { rest: stripped.as_bytes() }.time() else {
        return Err(Rejection::new(format!("expected a time such as 2024-03-09T12:34:56.789Z, found {}", quoted(text))));
    };
    // Exact up to the year 2255, and later times are out of every record's bounds.
    Ok(micros as f64 / 1e6)
}

/// What is left of the text. Every method takes something from its front, or gives up.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Microseconds since the epoch.
    fn time(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.byte(b"-")?;
        let month = self.digits(2)?;
        self.byte(b"-")?;
        let day = self.digits(2)?;
        if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
            return None;
        }
        self.byte(b"T ")?;
        let hour = self.digits(2)?;
        self.byte(b":")?;
        let minute = self.digits(2)?;
        self.byte(b":")?;
        let second = self.digits(2)?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let micros = self.fraction()?;
        let offset = self.offset_seconds()?;
        if !self.rest.is_empty() {
            return None;
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
        if second == 60 && seconds.rem_euclid(86_400) != 0 {
            return None;
        }
        Some(seconds * 1_000_000 + micros)
    }

    fn fraction(&mut self) -> Option<i64> {
        if self.byte(b".").is_none() {
            return Some(0);
        }
        let (mut micros, mut read) = (0, 0);
        while let Some(digit) = self.digit() {
            read += 1;
            if read <= 6 {
                micros = micros * 10 + digit;
            }
        }
        (1..=9).contains(&read).then(|| micros * 10_i64.pow(6_u32.saturating_sub(read)))
    }

    fn offset_seconds(&mut self) -> Option<i64> {
        if self.rest.is_empty() || self.byte(b"Z").is_some() {
            return Some(0);
        }
        let sign = if self.byte(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        let _ = self.byte(b":");
        let minutes = self.digits(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
    }

    fn byte(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if !allowed.contains(first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.rest.split_first()?;
        if !first.is_ascii_digit() {
            return None;
        }
        self.rest = rest;
        Some(i64::from(first - b'0'))
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, in the Gregorian calendar. Counting years from March puts the leap day last, so that the
/// days before each month follow one formula.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + days_before_month + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<f64> {
        parse(text).ok()
    }

    #[test]
    fn every_form_of_zone_is_read() {
        for text in [
            "2024-03-09T12:34:56.789012Z",
            "2024-03-09 12:34:56.789012",
            "2024-03-09T13:34:56.789012+01:00",
            "2024-03-09T13:34:56.789012+0100",
            "2024-03-09T04:04:56.789012-0830",
            " 2024-03-09T12:34:56.789012999Z\n",
        ] {
            assert_eq!(read(text), Some(1_709_987_696.789_012), "{text}");
        }
    }

    #[test]
    fn a_fraction_may_be_absent_or_short_but_not_empty() {
        assert_eq!(read("2024-03-09T12:34:56Z"), Some(1_709_987_696.0));
        assert_eq!(read("2024-03-09T12:34:56.5Z"), Some(1_709_987_696.5));
        assert_eq!(read("2024-03-09T12:34:56.Z"), None);
        assert_eq!(read("2024-03-09T12:34:56.1234567891Z"), None);
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert_eq!(read("2024-02-29T00:00:00Z"), Some(1_709_164_800.0));
        assert_eq!(read("2000-02-29T00:00:00Z"), Some(951_782_400.0));
        for text in ["2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32"] {
            assert_eq!(read(&format!("{text}T00:00:00Z")), None, "{text}");
        }
        for text in ["24:00:00", "12:60:00", "12:00:61", "1:00:00", "12:00"] {
            assert_eq!(read(&format!("2024-01-01T{text}Z")), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_first_moment_of_the_next_day() {
        assert_eq!(read("2016-12-31T23:59:60Z"), read("2017-01-01T00:00:00Z"));
        assert_eq!(read("2017-01-01T00:59:60.25+01:00"), Some(1_483_228_800.25));
        assert_eq!(read("2016-12-31T22:59:60Z"), None);
    }

    #[test]
    fn the_calendar_is_right_far_from_the_epoch() {
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(read("1969-12-31T23:59:59.5Z"), Some(-0.5));
        assert_eq!(read("0000-01-01T00:00:00Z"), Some(-62_167_219_200.0));
        assert_eq!(read("9999-12-31T23:59:59Z"), Some(253_402_300_799.0));
        assert_eq!(read("2100-03-01T00:00:00Z"), Some(4_107_542_400.0));
    }

    #[test]
    fn what_is_no_time_is_named_in_the_reason() {
        assert_eq!(
            parse("yesterday").map_err(|rejection| rejection.reason),
            Err("expected a time such as 2024-03-09T12:34:56.789Z, found \"yesterday\"".to_owned())
        );
        for text in [
            "",
            "2024-03-09",
            "2024-03-09T12:34:56+01",
            "2024-03-09T12:34:56Zx",
            "２024-03-09T12:34:56Z",
            "2024-03-09t12:34:56Z",
            "2024-03-09T12:34:56+24:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
