//! How a call into a filter ended, in values that can be written down and sent.

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::bounded;
use crate::limits::Limits;

/// The engine whose verdicts these are, and its version: with the component, its options, its limits and the record it
/// is all that a verdict depends on.
pub const ENGINE: &str = "wasmtime 48.0.8";

/// What went wrong, for code that branches on it and for people who filter by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Out of fuel: it loops, or the record is too much for it.
    Fuel,
    /// Out of wall clock.
    Timeout,
    /// Out of memory.
    Memory,
    /// Out of stack: it recurses.
    Stack,
    /// Gave the host more bytes than allowed.
    Output,
    /// The answer breaks a rule of the contract.
    Answer,
    /// Out of tables, instances or handles.
    Resources,
    /// Stopped itself: a panic, `unreachable`, a wrong memory access.
    Trap,
    /// Asks for what the host does not link.
    Link,
    /// The store cannot hold the documents.
    Store,
    /// Took its process with it.
    Crash,
    /// The host's own fault.
    Host,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Fuel,
        Self::Timeout,
        Self::Memory,
        Self::Stack,
        Self::Output,
        Self::Answer,
        Self::Resources,
        Self::Trap,
        Self::Link,
        Self::Store,
        Self::Crash,
        Self::Host,
    ];

    /// The name in stores and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Output => "output",
            Self::Answer => "answer",
            Self::Resources => "resources",
            Self::Trap => "trap",
            Self::Link => "link",
            Self::Store => "store",
            Self::Crash => "crash",
            Self::Host => "host",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What.
    pub kind: FailureKind,
    /// In words: which limit, which rule, where.
    pub message: String,
    /// The guest's frames, innermost first, where there are some.
    #[serde(deserialize_with = "bounded::list::<_, _, { Failure::MOST_FRAMES }>")]
    pub backtrace: Vec<String>,
}

impl Failure {
    /// The most bytes of a message, or of a frame's name.
    pub const MOST_MESSAGE: usize = 1024;
    /// The most frames.
    pub const MOST_FRAMES: usize = 64;

    /// A failure without a backtrace.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), backtrace: Vec::new() }
    }
}

/// A line that a filter logged, cut to its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: LogLevel,
    /// The guest's text, unescaped.
    pub message: String,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// For the operator.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// What a call cost, and what the filter logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Units of fuel used, instantiation included. The same for the same filter, options and record.
    pub fuel: u64,
    /// Of these, the units that making the instance took.
    pub setup_fuel: u64,
    /// Bytes of memory at the end.
    pub memory: u64,
    /// Bytes that the guest gave the host.
    pub output: u64,
    /// What was logged, within the limits.
    #[serde(deserialize_with = "bounded::list::<_, _, { Limits::LOG_LINES }>")]
    pub log: Vec<LogLine>,
    /// Lines beyond the limit.
    pub log_dropped: u64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// An answer, not yet checked.
    Answered(Answer),
    /// The filter's reason, cut to its limit.
    Rejected(String),
    /// It did not come to an end.
    Failed(Failure),
}

/// A call that ended: what a worker process would send back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// How.
    pub outcome: Outcome,
    /// At what cost.
    pub report: Report,
}

#[cfg(test)]
mod tests {
    use super::ENGINE;

    #[test]
    fn the_engine_is_the_one_that_is_built_in() {
        let lock = std::fs::read_to_string("../Cargo.lock").unwrap();
        let (_, entry) = lock.split_once("\nname = \"wasmtime\"\nversion = \"").unwrap();
        assert_eq!(ENGINE, format!("wasmtime {}", entry.split('"').next().unwrap()));
    }
}
