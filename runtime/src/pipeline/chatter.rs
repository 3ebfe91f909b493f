//! What filters log. Equal messages of a run are said once and counted: a filter cannot fill the log.

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
pub struct Chatter {
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
    pub fn note(&mut self, filter: &str, report: &Report) {
        // A daemon starts over now and then: else records with messages of an attacker's choice would silence a filter for good.
        if self.since.elapsed() > WINDOW {
            self.close(filter);
            *self = Self::default();
        }
        self.beyond += report.log_dropped;
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
                self.beyond += 1;
            }
        }
    }

    /// Says how often what was said once was logged.
    pub fn close(&self, filter: &str) {
        for ((_, message), count) in self.seen.iter().filter(|(_, count)| **count > 1) {
            let message = escape(message);
            tracing::info!(filter, count, "repeated: {message}");
        }
        if self.beyond > 0 {
            tracing::info!(filter, lines = self.beyond, "more lines were logged and dropped");
        }
    }
}
