//! The hostile suite: components that attack the host in every way that we know, each with the step that is to stop it.
//!
//! A [`Case`] goes the way of any filter ([`run()`]): compiled and called in other processes, its answers checked, the
//! documents joined into an archive, beside a well-behaved filter that reads the same records. It passes if it ended as
//! expected and every promise held: the neighbour's documents are the same bytes as without it, the counters add up, the
//! memory of the host and of its processes and the time stayed within bounds.
//!
//! A case that ends the process, or never ends, is for the caller to see: [`crate::cmd`] runs each in a process of its own.

pub mod cases;
pub mod component;
pub mod image;
mod measure;
mod neighbour;
mod run;
pub mod wasi;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::component::{Guest, NoComponent, Setting};
pub use self::run::{run, run_with};
use crate::limits::Limits;
use crate::verdict::FailureKind;

/// Makes a component.
type Build = Box<dyn Fn() -> Result<Vec<u8>, NoComponent> + Send + Sync>;

/// A component, and how it is to end.
pub struct Case {
    /// In a table, and to choose it by.
    pub name: String,
    /// What is to stop it.
    pub expect: Expect,
    /// The budgets of its calls.
    pub limits: Limits,
    /// What stops it at last takes so long. Ten times as much is a hang.
    pub limit: Duration,
    /// The most bytes of memory that one of the processes may take that compile and call it.
    pub most_memory: u64,
    /// The same for the process that does everything else.
    pub most_host_memory: u64,
    /// Seconds of processor time that a process may take; `None`: what the role has. Smaller for what takes as long as it is
    /// allowed to.
    pub processor_seconds: Option<u64>,
    build: Build,
}

/// Ten times its limit is when a case is taken to hang.
pub const HANG: u32 = 10;

impl Case {
    /// A case with the limits that every filter has.
    pub fn new(
        name: impl Into<String>,
        expect: Expect,
        build: impl Fn() -> Result<Vec<u8>, NoComponent> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            expect,
            limits: Limits::PURE,
            limit: Duration::from_millis(Limits::PURE.wall_clock_ms.constant),
            // A guest's 64 MiB, and the engine.
            most_memory: 128 * 1024 * 1024,
            // Four times what it takes for most of them, and a component, which is read whole.
            most_host_memory: Limits::COMPONENT_BYTES + 64 * 1024 * 1024,
            processor_seconds: None,
            build: Box::new(build),
        }
    }

    /// The component.
    ///
    /// # Errors
    /// What is wrong with its text.
    pub fn component(&self) -> Result<Vec<u8>, NoComponent> {
        (self.build)()
    }

    /// The time after which it hangs.
    #[must_use]
    pub fn hangs_after(&self) -> Duration {
        self.limit.saturating_mul(HANG)
    }
}

/// What is to stop a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is not admitted, for a reason with these words.
    Refused(&'static str),
    /// Every record fails with this kind, and a message with these words.
    Failed(FailureKind, &'static str),
    /// Every record is rejected.
    Rejected,
    /// Nothing: it does no harm. Every record is done, and so many documents come of all of them.
    Done {
        /// How many.
        documents: u64,
    },
    /// Whatever it does, the host must keep its promises.
    Anything,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => write!(f, "refused"),
            Self::Failed(kind, _) => write!(f, "failed: {}", kind.name()),
            Self::Rejected => write!(f, "rejected"),
            Self::Done { .. } => write!(f, "done"),
            Self::Anything => write!(f, "anything"),
        }
    }
}

/// How a case ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub name: String,
    /// What was to stop it.
    pub expected: String,
    /// What stopped it, in words that the component may have chosen.
    pub found: String,
    /// What is wrong with that. Empty: it passed.
    pub problems: Vec<String>,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// The most bytes of memory that the host took, where the system tells.
    pub host_bytes: Option<u64>,
    /// The most bytes that a process took that compiled or called.
    pub process_bytes: u64,
}

impl Row {
    /// A case that has not ended yet.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        Self {
            name: case.name.clone(),
            expected: case.expect.to_string(),
            found: String::new(),
            problems: Vec::new(),
            elapsed_ms: 0,
            host_bytes: None,
            process_bytes: 0,
        }
    }

    /// Whether everything was as it should be.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}
