//! What filters say for people: their log, and why they reject. Equal messages are said once and counted: a filter
//! cannot fill the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::terminal::escape;
use crate::verdict::{LogLevel, Report};

/// Different messages of one filter that are kept apart; the rest are counted together.
const MAX_MESSAGES: usize = 100;

/// How long messages are remembered.
const WINDOW: Duration = Duration::from_secs(3600);

/// The messages of one filter, in one run or one hour.
#[derive(Debug)]
pub(super) struct Chatter {
    since: Instant,
    seen: HashMap<(LogLevel, String), u64>,
    beyond: u64,
}

impl Default for Chatter {
    fn default() -> Self {
        Self { since: Instant::now(), seen: HashMap::new(), beyond: 0 }
    }
}

impl Chatter {
    /// Notes what a call logged; says what is new.
    pub(super) fn note(&mut self, filter: &str, report: &Report) {
        // A daemon starts over now and then: else records with messages of an attacker's choice would silence a
        // filter for good.
        if self.since.elapsed() > WINDOW {
            self.close(filter);
            *self = Self::default();
        }
        // Another process says how many, and may say anything.
        self.beyond = self.beyond.saturating_add(report.log_dropped);
        for line in &report.log {
            let key = (line.level, line.message.clone());
            if let Some(count) = self.seen.get_mut(&key) {
                *count += 1;
            } else if self.seen.len() < MAX_MESSAGES {
                let message = escape(&line.message);
                match line.level {
                    LogLevel::Debug => tracing::debug!(filter, "{message}"),
                    LogLevel::Info => tracing::info!(filter, "{message}"),
                    LogLevel::Warn => tracing::warn!(filter, "{message}"),
                    LogLevel::Error => tracing::error!(filter, "{message}"),
                }
                self.seen.insert(key, 1);
            } else {
                self.beyond = self.beyond.saturating_add(1);
            }
        }
    }

    /// Says how often what was said once was logged.
    pub(super) fn close(&self, filter: &str) {
        for ((_, message), count) in self.seen.iter().filter(|(_, count)| **count > 1) {
            let message = escape(message);
            tracing::info!(filter, count, "repeated: {message}");
        }
        if self.beyond > 0 {
            tracing::info!(filter, lines = self.beyond, "more lines were logged and dropped");
        }
    }
}

/// Different reasons of one filter that are kept apart.
const MAX_REASONS: usize = 100;
/// How many of them are told.
const TOLD_REASONS: usize = 5;

/// Why a filter rejected records, in one run.
#[derive(Debug, Default)]
pub struct Reasons(HashMap<String, u64>);

impl Reasons {
    /// Counts a rejection.
    pub fn note(&mut self, reason: &str) {
        if let Some(count) = self.0.get_mut(reason) {
            *count += 1;
        } else if self.0.len() < MAX_REASONS {
            self.0.insert(reason.to_owned(), 1);
        }
    }

    /// The most frequent reasons, the most frequent first.
    #[must_use]
    pub fn most_frequent(&self) -> Vec<(String, u64)> {
        let mut reasons: Vec<(String, u64)> = self.0.iter().map(|(reason, count)| (reason.clone(), *count)).collect();
        reasons.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        reasons.truncate(TOLD_REASONS);
        reasons
    }
}
