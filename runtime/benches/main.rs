//! The speed of it all, as tables of ratios from one run: `scripts/bench.sh`.
//!
//! No statistics harness: what is compared takes turns within one process, the median of the rounds counts, and figures
//! of two machines, or of a busy one, are not compared.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program to be run by hand, which says what is wrong by failing"
)]

/// Records of every kind.
mod corpus;
/// What one record more costs in archives of different sizes.
mod growth;
/// Filters without WebAssembly.
mod native;
/// This runtime and the program before it, on one server.
mod original;
/// What each step of a record's way costs.
mod parts;
/// The growth, drawn.
mod plot;
/// The `runtime` binary, from outside.
mod process;
/// Tables, targets, medians.
mod report;
/// The rows of an archive, inserted by themselves.
mod rows;
/// The whole way through the binary.
mod through;
/// The whole way in one thread, with and without the sandbox.
mod whole;

use report::Report;

/// How much is measured.
#[derive(Clone, Copy)]
struct Scale {
    /// Rounds that take turns; odd, so that there is a middle one.
    rounds: usize,
    /// Small numbers, to see that everything runs.
    quick: bool,
    /// A million records, which take three gigabytes of disk.
    large: bool,
}

impl Scale {
    /// So many records, or few in a quick run.
    fn records(self, many: usize) -> usize {
        if self.quick { many.min(64) } else { many }
    }

    /// The sizes of archives that are compared.
    fn sizes(self) -> &'static [usize] {
        match (self.quick, self.large) {
            (true, _) => &[100, 200],
            (false, false) => &[10_000, 100_000],
            (false, true) => &[10_000, 100_000, 1_000_000],
        }
    }
}

/// Measures, prints, and notes what was to be reached.
type Section = fn(Scale, &mut Report);

fn main() {
    let given: Vec<String> = std::env::args().collect();
    let is_given = |argument: &str| given.iter().any(|given| given == argument);
    // cargo passes `--bench`; a test run of all targets passes nothing to do.
    if !is_given("--bench") {
        return;
    }
    let quick = is_given("--quick");
    let scale = Scale { rounds: if quick { 1 } else { 5 }, quick, large: is_given("--large") };
    let mut report = Report::new(!quick);
    // One of them by its name, for whoever works on that.
    let only = given.iter().skip_while(|argument| *argument != "--only").nth(1);
    let sections: [(&str, Section); 5] = [
        ("parts", parts::measure),
        ("whole", whole::measure),
        ("through", through::measure),
        ("growth", growth::measure),
        ("original", original::measure),
    ];
    for (name, measure) in sections {
        if only.is_none_or(|only| only == name) {
            measure(scale, &mut report);
        }
    }
    report.print_targets();
}
