//! Keeps secret options from leaving by way of what a filter says.
//!
//! A filter may know its secrets and must not tell them. What is found here is a value told as it is: by carelessness, in
//! a log line, or on purpose. A filter that encodes it, takes it apart or says it in numbers is not found: only a filter
//! without a way to be heard could be kept from that.

use crate::answer::{Answer, Node};
use crate::sandbox::Options;
use crate::tahoe::Scalar;
use crate::verdict::{Called, Failure, FailureKind, Outcome};

/// Bytes of the shortest value that is looked for: a shorter one is in many a text that has nothing to do with it.
const SHORTEST: usize = 8;

/// What stands in the place of a value.
const HIDDEN: &str = "***";

/// What a filter said, without its secrets: an answer that holds one has failed, from other texts they are taken.
pub(super) fn keep(mut called: Called, options: &Options) -> Called {
    // The host strips white space from texts of an answer, so that a value may be stored without it.
    let secrets = options.secrets().map(|(key, value)| (key, value.trim()));
    let mut secrets: Vec<(&str, &str)> = secrets.filter(|(_, value)| value.len() >= SHORTEST).collect();
    if secrets.is_empty() {
        return called;
    }
    // Longest first: one may be a part of another, of which the rest would stay.
    secrets.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    let redact = |text: &mut String| secrets.iter().for_each(|(_, secret)| redact(text, secret));
    called.report.log.iter_mut().for_each(|line| redact(&mut line.message));
    match &mut called.outcome {
        Outcome::Answered(answer) => {
            if let Some((key, _)) = secrets.iter().find(|(_, secret)| holds(answer, secret)) {
                let message = format!("the answer holds the value of the secret option {key}");
                called.outcome = Outcome::Failed(Failure::new(FailureKind::Answer, message));
            }
        }
        Outcome::Rejected(reason) => redact(reason),
        Outcome::Failed(failure) => {
            redact(&mut failure.message);
            failure.backtrace.iter_mut().for_each(redact);
        }
    }
    called
}

fn holds(answer: &Answer, secret: &str) -> bool {
    let node = |node: &Node| match node {
        Node::Attribute { sub_type, value } => sub_type.contains(secret) || scalar_holds(value, secret),
        Node::Object { sub_type, .. } => sub_type.contains(secret),
    };
    answer.nodes.iter().any(node)
        || answer.events.iter().any(|event| event.sub_type.contains(secret))
        || answer.sessions.iter().any(|session| session.sub_type.contains(secret))
}

fn scalar_holds(value: &Scalar, secret: &str) -> bool {
    match value {
        Scalar::Text(text) => text.contains(secret),
        Scalar::Integer(integer) => integer.to_string().contains(secret),
        Scalar::Float(float) => float.to_string().contains(secret),
        Scalar::Null | Scalar::Boolean(_) => false,
    }
}

fn redact(text: &mut String, secret: &str) {
    if text.contains(secret) {
        *text = text.replace(secret, HIDDEN);
    }
    // A text that was cut to its length may end in the middle of it.
    let cut = (SHORTEST..secret.len()).rev().filter_map(|length| secret.get(..length)).find(|begin| text.ends_with(begin));
    if let Some(begin) = cut {
        text.truncate(text.len() - begin.len());
        text.push_str(HIDDEN);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::descriptor::{Declared, Descriptor, OptionSpec};
    use crate::sandbox::Given;
    use crate::verdict::{LogLevel, LogLine, Report};

    const SECRET: &str = "correct horse";

    fn options(values: &[(&str, &str)]) -> Options {
        let option = |(key, _): &(&str, &str)| OptionSpec {
            key: (*key).into(),
            description: String::new(),
            default: String::new(),
            allowed: Vec::new(),
            secret: true,
        };
        let declared = Declared {
            id: "00000000-0000-4000-8000-000000000001".into(),
            name: "f".into(),
            version: "1.0.0".into(),
            accepts: vec!["cowrie".into()],
            options: values.iter().map(option).collect(),
            ..Declared::default()
        };
        let given = values.iter().map(|(key, value)| ((*key).to_owned(), Given::Hidden((*value).to_owned())));
        Options::resolve(&Descriptor::check(declared).unwrap(), &given.collect::<BTreeMap<_, _>>()).unwrap()
    }

    fn kept(outcome: Outcome, secret: &str) -> Outcome {
        keep(Called { outcome, report: Report::default() }, &options(&[("token", secret)])).outcome
    }

    #[test]
    fn an_answer_with_the_value_in_it_fails_and_names_the_option_only() {
        let attribute = |sub_type: &str, value| Node::Attribute { sub_type: sub_type.into(), value };
        let text = |text: &str| Scalar::Text(text.into());
        for (secret, node) in [
            (SECRET, attribute("a", text("the correct horse staple"))),
            (" correct horse ", attribute("a", text(SECRET))),
            ("identifier", attribute("an_identifier", text("b"))),
            ("identifier", Node::Object { sub_type: "identifier".into(), children: vec![] }),
            ("12345678", attribute("a", Scalar::Integer(-123_456_789))),
            ("1234567.5", attribute("a", Scalar::Float(1_234_567.5))),
        ] {
            let answer = Answer { nodes: vec![attribute("a", text("innocent")), node], ..Answer::default() };
            let Outcome::Failed(failure) = kept(Outcome::Answered(answer), secret) else { panic!("{secret} got out") };
            assert_eq!(failure.kind, FailureKind::Answer);
            assert!(failure.message.contains("token") && !failure.message.contains(secret.trim()), "{failure:?}");
        }
        let innocent = Outcome::Answered(Answer { nodes: vec![attribute("a", text("correct hors"))], ..Answer::default() });
        assert_eq!(kept(innocent.clone(), SECRET), innocent);
        // Too short to be looked for.
        let answer = Outcome::Answered(Answer { nodes: vec![attribute("a", text("7 letters"))], ..Answer::default() });
        assert_eq!(kept(answer.clone(), "letters"), answer);
    }

    #[test]
    fn other_texts_lose_the_value_whole_or_cut_off() {
        let reason = |text: &str| match kept(Outcome::Rejected(text.into()), SECRET) {
            Outcome::Rejected(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("correct horse, correct horse!"), "***, ***!");
        assert_eq!(reason("it is correct ho"), "it is ***");
        assert_eq!(reason("it is correct"), "it is correct");
        let mut failure = Failure::new(FailureKind::Trap, "panicked at 'correct horse'");
        failure.backtrace.push("correct horse::parse".into());
        let Outcome::Failed(failure) = kept(Outcome::Failed(failure), SECRET) else { panic!("another outcome") };
        assert_eq!((failure.message.as_str(), failure.backtrace[0].as_str()), ("panicked at '***'", "***::parse"));
        let log = vec![LogLine { level: LogLevel::Info, message: "with correct horse".into() }];
        let report = Report { log, ..Report::default() };
        let called = keep(Called { outcome: Outcome::Rejected(String::new()), report }, &options(&[("token", SECRET)]));
        assert_eq!(called.report.log[0].message, "with ***");
    }

    #[test]
    fn of_a_value_within_another_nothing_stays() {
        let options = options(&[("a", "password"), ("b", "my password is long")]);
        let outcome = Outcome::Rejected("my password is long; password".into());
        let called = keep(Called { outcome, report: Report::default() }, &options);
        assert_eq!(called.outcome, Outcome::Rejected("***; ***".into()));
    }
}
