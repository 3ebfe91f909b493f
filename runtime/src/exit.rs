//! What an exit code means: the numbers that README.md and `--help` tell.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing pending, nothing failed; for `ingest`, everything accepted or already there.
    Complete,
    /// It could not run; for `ingest`, nothing was accepted; for `test` and `selftest`, a case failed.
    CouldNotRun,
    /// The command line is wrong.
    Usage,
    /// Dead letters were added, records left pending or filters refused; for `ingest`, some records were refused.
    Incomplete,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::CouldNotRun => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
