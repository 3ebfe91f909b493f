//! What a call took of each of its limits: for authors, who want to know how far they are from them.

use serde::Serialize;

use crate::answer::expand;
use crate::limits::Limits;
use crate::verdict::{Called, Outcome};

/// What was taken of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Of what.
    pub what: &'static str,
    /// How much.
    pub used: u64,
    /// Of how much.
    pub limit: u64,
}

impl Used {
    /// In hundredths.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.limit == 0 { 0.0 } else { 100.0 * self.used as f64 / self.limit as f64 }
    }

    /// Whether it counts bytes.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        ["memory", "output", "expanded"].contains(&self.what)
    }
}

/// What a call took: of an answer too, if there is one that could be measured. The names are those of the limits.
#[must_use]
pub fn of(called: &Called, limits: &Limits, input: u64) -> Vec<Used> {
    let report = &called.report;
    let mut all = vec![
        Used { what: "setup_fuel", used: report.setup_fuel, limit: limits.setup_fuel },
        Used { what: "fuel", used: report.fuel.saturating_sub(report.setup_fuel), limit: limits.fuel.of(input) },
        Used { what: "memory", used: report.memory, limit: limits.memory.of(input) },
        Used { what: "output", used: report.output, limit: limits.output.of(input) },
    ];
    if let Outcome::Answered(answer) = &called.outcome {
        let count = |what, used: usize, limit| Used { what, used: used as u64, limit };
        all.extend([
            count("nodes", answer.nodes.len(), limits.nodes.of(input)),
            count("events", answer.events.len(), limits.events.of(input)),
            count("sessions", answer.sessions.len(), limits.sessions.of(input)),
        ]);
        if let Ok(expansion) = expand(answer, limits, input) {
            all.extend([
                Used { what: "expanded", used: expansion.bytes, limit: expansion.bytes_limit },
                Used { what: "references", used: expansion.references, limit: expansion.references_limit },
            ]);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Answer, Node};
    use crate::tahoe::Scalar;
    use crate::verdict::{Failure, FailureKind, Report};

    #[test]
    fn an_answer_is_measured_beside_the_call_and_setup_apart_from_it() {
        let nodes = vec![Node::Attribute { sub_type: "text".into(), value: Scalar::Text("value".into()) }; 2];
        let report = Report { fuel: 100, setup_fuel: 30, memory: 7, output: 9, ..Report::default() };
        let answered = Outcome::Answered(Answer { nodes, ..Answer::default() });
        let found = of(&Called { outcome: answered, report: report.clone() }, &Limits::PURE, 80);
        let used = |what: &str| found.iter().find(|used| used.what == what).map(|used| (used.used, used.limit));
        assert_eq!(used("setup_fuel"), Some((30, Limits::PURE.setup_fuel)));
        assert_eq!(used("fuel"), Some((70, Limits::PURE.fuel.of(80))));
        assert_eq!(used("nodes"), Some((2, 256 + 10)));
        // Two texts of seven bytes, quotes included.
        assert_eq!(used("expanded").map(|(used, _)| used), Some(14));
        let failed = Outcome::Failed(Failure::new(FailureKind::Trap, "stopped"));
        assert_eq!(of(&Called { outcome: failed, report }, &Limits::PURE, 80).len(), 4);
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!(Used { what: "random", used: 0, limit: 0 }.percent(), 0.0);
        assert_eq!(Used { what: "fuel", used: 1, limit: 4 }.percent(), 25.0);
    }
}
