use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table};

/// What was to be reached, and whether it was.
pub(crate) struct Report {
    /// Small numbers say nothing.
    is_judged: bool,
    targets: Vec<[String; 4]>,
}

impl Report {
    pub(crate) const fn new(is_judged: bool) -> Self {
        Self { is_judged, targets: Vec::new() }
    }

    /// Notes a figure that should be at most so much.
    pub(crate) fn at_most(&mut self, what: &str, most: f64, found: f64, unit: &str) {
        self.note(what, "≤", most, found, unit, found <= most);
    }

    /// Notes a figure that should be at least so much.
    pub(crate) fn at_least(&mut self, what: &str, least: f64, found: f64, unit: &str) {
        self.note(what, "≥", least, found, unit, found >= least);
    }

    fn note(&mut self, what: &str, sign: &str, target: f64, found: f64, unit: &str, met: bool) {
        let figure = |figure: &str, unit: &str| format!("{figure} {unit}").trim_end().to_owned();
        let verdict = match (self.is_judged, met) {
            (false, _) => "not judged",
            (true, true) => "met",
            (true, false) => "MISSED",
        };
        let target = figure(&format!("{sign} {target}"), unit);
        self.targets.push([what.to_owned(), target, figure(&short(found), unit), verdict.to_owned()]);
    }

    pub(crate) fn print_targets(self) {
        title("Targets");
        table(["what", "target", "found", ""], self.targets);
    }
}

/// Begins a section of the report.
pub(crate) fn title(title: &str) {
    println!("\n== {title}\n");
}

/// Prints a table: names on the left, figures on the right.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header).add_rows(rows);
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if number > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{}", table.trim_fmt());
}

/// A figure with about three digits that count.
pub(crate) fn short(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// How long something takes.
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap()
}

/// The middle of each column of rounds that took turns.
pub(crate) fn medians<const N: usize>(rounds: &[[Duration; N]]) -> [Duration; N] {
    std::array::from_fn(|step| median(rounds.iter().filter_map(|round| round.get(step).copied()).collect()))
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
