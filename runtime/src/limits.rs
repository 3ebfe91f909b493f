//! What one filter may cost for one record. Every budget is a constant plus a multiple of the input, so that what a
//! record may cost is proportional to what it is.
//!
//! The contract (`wit/`) promises these numbers to authors: changing one is a new version of it.

use std::fmt;

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

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { constant, factor, divisor } = self;
        match divisor {
            1 => write!(f, "{constant} + {factor} per byte"),
            _ => write!(f, "{constant} + {factor} per {divisor} bytes"),
        }
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a component imports decides what it is given, and how much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Nothing but the contract's own interfaces.
    Pure,
    /// WASI 0.2 too, of which there are only stubs: components with a language's runtime inside.
    Wasi,
}

impl Profile {
    /// The name in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Wasi => "wasi",
        }
    }

    /// The budgets, unless an operator sets others.
    #[must_use]
    pub const fn limits(self) -> Limits {
        match self {
            Self::Pure => Limits::PURE,
            Self::Wasi => Limits::WASI,
        }
    }

    /// The largest component, in bytes.
    #[must_use]
    pub const fn component_bytes(self) -> u64 {
        match self {
            Self::Pure => 8 * MIB,
            Self::Wasi => 64 * MIB,
        }
    }
}

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
    /// Bytes that look random, of one call.
    pub random: u64,
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
        random: 0,
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
    /// The budgets of a component with a language's runtime inside: what that needs for itself, and ten times the fuel,
    /// for an interpreter. What it may answer, say and hand over is what any other may.
    pub const WASI: Self = Self {
        setup_fuel: 2_000_000_000,
        fuel: Budget::per_byte(500_000_000, 5_000),
        wall_clock_ms: Budget { constant: 30_000, factor: 50_000, divisor: MIB },
        memory: Budget::per_byte(256 * MIB, 16),
        instances: 128,
        handles: 1_024,
        random: 64 * KIB,
        ..Self::PURE
    };
    /// The most bytes of input that count. The text of a record of at most 15 MiB as BSON is up to six times longer
    /// if it is full of escapes; what the record may cost does not grow with these.
    pub const INPUT_BYTES: u64 = 15 * MIB;
    /// The largest component of any profile, in bytes: no more is read.
    pub const COMPONENT_BYTES: u64 = Profile::Wasi.component_bytes();
    /// Bytes of machine code, for a component of so many bytes. Ordinary ones make three times as much of it. But the engine
    /// writes out initial memory by pages, and a page takes nine bytes in a component.
    pub const CODE_BYTES: Budget = Budget::per_byte(16 * MIB, 8);

    /// Bytes of memory, and bytes handed over, that no override allows for the largest input: what the processes that
    /// call filters have room for.
    const MEMORY_CEILING: u64 = 1024 * MIB;

    /// The most log lines of one record that an operator can allow.
    pub const LOG_LINES: usize = 1_000;

    /// The names of the limits that an operator can set for one filter, each with the highest value that it can have.
    pub const OVERRIDABLE: [(&'static str, u64); 12] = [
        ("setup_fuel", 100_000_000_000),
        ("fuel", 100_000_000_000),
        ("fuel_per_byte", 100_000),
        ("wall_clock_ms", 600_000),
        ("wall_clock_ms_per_mib", 600_000),
        ("memory", 512 * MIB),
        ("memory_per_byte", 32),
        ("output", 512 * MIB),
        ("output_per_byte", 32),
        ("children", 65_536),
        ("log_lines", Self::LOG_LINES as u64),
        ("log_line", 4_096),
    ];

    /// These limits with one set to another value.
    ///
    /// # Errors
    /// No limit of that name can be set, or not to that value.
    pub fn with(mut self, name: &str, value: u64) -> Result<Self, LimitError> {
        let Some((_, ceiling)) = Self::OVERRIDABLE.into_iter().find(|(known, _)| *known == name) else {
            return Err(LimitError::Unknown { name: name.to_owned() });
        };
        if value > ceiling {
            return Err(LimitError::TooHigh { name: name.to_owned(), value, ceiling });
        }
        let field = match name {
            "setup_fuel" => &mut self.setup_fuel,
            "fuel" => &mut self.fuel.constant,
            "fuel_per_byte" => &mut self.fuel.factor,
            "wall_clock_ms" => &mut self.wall_clock_ms.constant,
            "wall_clock_ms_per_mib" => &mut self.wall_clock_ms.factor,
            "memory" => &mut self.memory.constant,
            "memory_per_byte" => &mut self.memory.factor,
            "output" => &mut self.output.constant,
            "output_per_byte" => &mut self.output.factor,
            "children" => &mut self.children,
            "log_lines" => &mut self.log_lines,
            _ => &mut self.log_line,
        };
        *field = value;
        for (what, budget) in [("memory", self.memory), ("output", self.output)] {
            let most = budget.of(Self::INPUT_BYTES);
            if most > Self::MEMORY_CEILING {
                let name = format!("{what} with {what}_per_byte, for the largest record");
                return Err(LimitError::TooHigh { name, value: most, ceiling: Self::MEMORY_CEILING });
            }
        }
        Ok(self)
    }
}

/// A limit that cannot be set so.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitError {
    /// There is none of that name that an operator can set.
    #[error("no limit {name:?} can be set; these can: {}", Limits::OVERRIDABLE.map(|(name, _)| name).join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Above what this program allows at all.
    #[error("{name} = {value} is too high: at most {ceiling}")]
    TooHigh {
        /// Which.
        name: String,
        /// What was asked for.
        value: u64,
        /// What there is.
        ceiling: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_that_can_be_set_holds_and_none_goes_above_its_ceiling() {
        for profile in [Profile::Pure, Profile::Wasi] {
            let limits = profile.limits();
            for (name, ceiling) in Limits::OVERRIDABLE {
                let one = limits.clone().with(name, 1).unwrap();
                assert_ne!(one, limits, "{name}");
                assert!(matches!(limits.clone().with(name, ceiling + 1), Err(LimitError::TooHigh { .. })), "{name}");
            }
        }
        assert!(matches!(Limits::PURE.with("nonsense", 1), Err(LimitError::Unknown { .. })));
        // Each for itself within its ceiling, and together too much.
        let much = Limits::PURE.with("memory", 512 * MIB).unwrap().with("memory_per_byte", 32).unwrap();
        assert_eq!(much.memory.of(Limits::INPUT_BYTES), 992 * MIB);
        assert!(Limits::PURE.with("output", 512 * MIB).unwrap().with("output_per_byte", 32).is_ok());
    }
}
