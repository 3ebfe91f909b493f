//! Running a filter natively: in unit tests, over goldens, on arbitrary input. Not there when a filter is built for
//! WebAssembly.

mod contract;
mod document;
mod golden;

use crate::{Answer, Filter, Host, Level, Record, Rejection};

use document::Content;

pub use contract::{check_answer, check_descriptor};
pub use golden::{check_goldens, check_goldens_with};

/// What came of one record.
#[derive(Debug)]
pub struct Run {
    /// The filter's answer, or its rejection.
    pub outcome: Result<Answer, Rejection>,
    /// What it logged, in order.
    pub log: Vec<(Level, String)>,
}

/// A record that arrived in January 2027.
pub fn record(sub_type: &str, data: &str) -> Record {
    Record { sub_type: sub_type.to_owned(), data: data.to_owned(), timezone: "UTC".to_owned(), received_at: 1_800_000_000.0 }
}

/// Runs a filter on one record, as the host does: options have their defaults, but for those given here.
///
/// # Panics
/// If an option is not one that the filter declares, or has a value that it does not allow; or if the answer is one
/// that the host would refuse.
pub fn run(filter: &Filter, record: &Record, options: &[(&str, &str)]) -> Run {
    for (key, value) in options {
        let declared = filter.options.iter().find(|option| option.key == *key);
        let allowed = declared.is_some_and(|option| option.allowed.is_empty() || option.allowed.contains(value));
        assert!(allowed, "{} has no option {key} that may be {value}", filter.name);
    }
    let value_of = |option: &crate::OptionSpec| {
        let given = options.iter().find(|(key, _)| *key == option.key);
        (option.key.to_owned(), given.map_or(option.default, |(_, value)| *value).to_owned())
    };
    let host = Host::stand_in(filter.options.iter().map(value_of).collect());
    let outcome = filter.run(record, &host);
    if let Ok(answer) = &outcome {
        let broken = check_answer(filter, record, answer);
        assert!(broken.is_empty(), "the host would refuse this answer:\n{}\nto {record:?}", broken.join("\n"));
    }
    Run { outcome, log: host.into_lines() }
}

/// The events and sessions of an answer, a line each, such as `event login {"username":["root"]}`: for a test to look
/// at.
pub fn summary(answer: &Answer) -> Vec<String> {
    let Some(content) = Content::of(answer) else { return vec!["a node refers to one that is not before it".to_owned()] };
    let line = |kind: &str, sub_type: &str, children: &[u32]| {
        content
            .of_children(answer, children)
            .map_or_else(|| format!("{kind} {sub_type} of nodes that are not there"), |data| document::key(kind, sub_type, &data))
    };
    let events = answer.events().iter().map(|event| line("event", &event.sub_type, &event.children));
    let sessions = answer.sessions().iter().map(|session| line("session", &session.sub_type, &session.key));
    events.chain(sessions).collect()
}
