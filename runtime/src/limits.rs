//! What one filter may cost for one record. Every budget is a constant plus a multiple of the input, so that what a
//! record may cost is proportional to what it is.
//!
//! The contract (`wit/`) promises these numbers to authors: changing one is a new version of it.

use serde::{Deserialize, Serialize};

/// A budget of `constant + input bytes × factor / divisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// What every record gets.
    pub constant: u64,
    /// What each input byte adds, numerator.
    pub factor: u64,
    /// Denominator; never 0.
    pub divisor: u64,
}

impl Budget {
    const fn per_byte(constant: u64, factor: u64) -> Self {
        Self { constant, factor, divisor: 1 }
    }

    const fn per_bytes(constant: u64, divisor: u64) -> Self {
        Self { constant, factor: 1, divisor }
    }

    /// The budget for an input of so many bytes, of which [`Limits::INPUT_BYTES`] count; saturating.
    #[must_use]
    pub const fn of(self, input: u64) -> u64 {
        let input = if input > Limits::INPUT_BYTES { Limits::INPUT_BYTES } else { input };
        self.constant.saturating_add(input.saturating_mul(self.factor) / self.divisor)
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The budgets of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Units of fuel to instantiate, the start function included; and to answer `describe`.
    pub setup_fuel: u64,
    /// Units of fuel for one record.
    pub fuel: Budget,
    /// Milliseconds for one record: a backstop far above what the fuel takes.
    pub wall_clock_ms: Budget,
    /// Bytes, summed over all memories of the component.
    pub memory: Budget,
    /// Entries, summed over all tables.
    pub table_entries: u64,
    /// Core instances, memories and tables of one component.
    pub instances: u64,
    /// See `instances`.
    pub memories: u64,
    /// See `instances`.
    pub tables: u64,
    /// Live handles of resources.
    pub handles: u64,
    /// Bytes that cross from guest to host.
    pub output: Budget,
    /// Nodes of an answer.
    pub nodes: Budget,
    /// Events of an answer.
    pub events: Budget,
    /// Sessions of an answer.
    pub sessions: Budget,
    /// Children of one node, event or session.
    pub children: u64,
    /// How deep objects nest.
    pub depth: u64,
    /// Bytes of a sub-type.
    pub sub_type: u64,
    /// Bytes of one text.
    pub text: Budget,
    /// Bytes of all documents' `data`, and bytes of all their canonical forms.
    pub expanded: Budget,
    /// Bytes that `expanded` never exceeds, whatever the input: the host holds the documents of an answer in memory.
    pub expanded_ceiling: u64,
    /// Entries of all documents' `_ref`, the raw record's included.
    pub references: Budget,
    /// Bytes of one document.
    pub document: u64,
    /// Log lines of one record.
    pub log_lines: u64,
    /// Bytes of one log line, and of a rejection's reason.
    pub log_line: u64,
}

impl Limits {
    /// The budgets of a pure component.
    pub const PURE: Self = Self {
        setup_fuel: 200_000_000,
        fuel: Budget::per_byte(50_000_000, 500),
        wall_clock_ms: Budget { constant: 10_000, factor: 5_000, divisor: MIB },
        memory: Budget::per_byte(64 * MIB, 8),
        table_entries: 20_000,
        instances: 8,
        memories: 2,
        tables: 4,
        handles: 64,
        output: Budget::per_byte(4 * MIB, 16),
        nodes: Budget::per_bytes(256, 8),
        events: Budget::per_bytes(64, 16),
        sessions: Budget::per_bytes(4, 64),
        children: 4096,
        depth: 4,
        sub_type: 128,
        text: Budget::per_byte(64 * KIB, 3),
        expanded: Budget::per_byte(256 * KIB, 64),
        expanded_ceiling: 256 * MIB,
        references: Budget::per_bytes(1024, 2),
        document: 15 * MIB,
        log_lines: 32,
        log_line: 512,
    };
    /// The most bytes of input that count. The text of a record of at most 15 MiB as BSON is up to six times longer
    /// if it is full of escapes; what the record may cost does not grow with these.
    pub const INPUT_BYTES: u64 = 15 * MIB;
    /// The largest component, in bytes.
    pub const COMPONENT_BYTES: u64 = 8 * MIB;
}
