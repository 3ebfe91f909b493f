//! The table of the suite.

mod admission;
mod answers;
mod calls;
mod wasi;

use std::time::Duration;

use super::{Case, Expect, Guest};
use crate::answer::{Answer, Event, Node, Session};
use crate::sandbox::CONTRACT;
use crate::tahoe::{Category, Scalar};
use crate::verdict::FailureKind;

/// All cases, in the order of a component's life.
#[must_use]
pub fn all() -> Vec<Case> {
    admission::cases().into_iter().chain(calls::cases()).chain(wasi::cases()).chain(answers::cases()).collect()
}

/// A component that does nothing, and is done.
fn hostile() -> Guest<'static> {
    Guest { number: 0x66, name: "hostile", accepts: &["sample"], ..Guest::default() }
}

/// A case of a component with this body of `parse`.
fn parse(name: &str, body: &str, expect: Expect) -> Case {
    let body = body.to_owned();
    Case::new(name, expect, move || Guest { parse: &body, ..hostile() }.bytes())
}

/// A case of a component that gives this answer to every record.
fn answer(name: &str, answer: Answer, expect: Expect) -> Case {
    Case::new(name, expect, move || Guest { answer: answer.clone(), ..hostile() }.bytes())
}

/// An answer that breaks the rule whose message has these words.
fn wrong(name: &str, given: Answer, words: &'static str) -> Case {
    answer(name, given, Expect::Failed(FailureKind::Answer, words))
}

/// A body of `parse` that rejects with a reason at this place in memory: case 1, then pointer and length.
fn reject(at: &str, length: &str) -> String {
    format!(
        "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store (i32.const 516) {at}) (i32.store (i32.const 520) {length})
         (i32.const 512)"
    )
}

fn text(value: &str) -> Node {
    attribute("text", Scalar::Text(value.to_owned()))
}

fn attribute(sub_type: &str, value: Scalar) -> Node {
    Node::Attribute { sub_type: sub_type.to_owned(), value }
}

fn object(children: impl IntoIterator<Item = u32>) -> Node {
    Node::Object { sub_type: "thing".to_owned(), children: children.into_iter().collect() }
}

fn nodes(nodes: impl IntoIterator<Item = Node>) -> Answer {
    Answer { nodes: nodes.into_iter().collect(), ..Answer::default() }
}

fn event() -> Event {
    Event {
        sub_type: "seen".to_owned(),
        timestamp: 1.0,
        category: Category::Unknown,
        children: vec![0],
        malicious: vec![],
        benign: vec![],
        session: None,
    }
}

fn session() -> Session {
    Session { sub_type: "visit".to_owned(), key: vec![0], start_time: None, end_time: None, duration: None }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_that_can_be_typed() {
        let cases = all();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte))));
    }
}
