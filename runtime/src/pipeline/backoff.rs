//! How long to wait before something is tried again: the original's formula, as a pure function.

use std::time::Duration;

/// The longest wait: an hour.
const LONGEST_SECONDS: f64 = 3600.0;

/// `min(3600, 2^n + jitter)` seconds after `failures` failures in a row, the jitter being a fraction of a second
/// between 0 and 1.
#[must_use]
pub(super) fn wait(failures: u32, jitter: f64) -> Duration {
    let seconds = 2_f64.powi(failures.min(12) as i32) + jitter.clamp(0.0, 1.0);
    Duration::from_secs_f64(seconds.min(LONGEST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_each_failure_up_to_an_hour() {
        let seconds: Vec<f64> = [0, 1, 2, 5, 11, 12, 4_000_000_000].map(|n| wait(n, 0.5).as_secs_f64()).into();
        assert_eq!(seconds, [1.5, 2.5, 4.5, 32.5, 2048.5, 3600.0, 3600.0]);
    }

    #[test]
    fn jitter_that_is_no_fraction_is_taken_for_one() {
        assert_eq!(wait(0, -3.0), Duration::from_secs(1));
        assert_eq!(wait(0, 7.0), Duration::from_secs(2));
    }
}
