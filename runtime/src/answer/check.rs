//! The rules that an answer must keep (`wit/types.wit`), and the only maker of a checked answer.

use std::fmt::Display;

use super::expansion::expand;
use super::{Answer, AnswerError, Event, Node, Session};
use crate::descriptor::{Emits, MAX_IDENTIFIER, is_identifier};
use crate::limits::Limits;
use crate::tahoe::{Category, Hash, Itype, Scalar};

/// Object sub-types that other modules of an archive act on; never from a filter.
const RESERVED: [&str; 5] = ["query", "cybexp_user", "cybexp_superuser", "cybexp_org", "cybexp_input_config"];

/// How far after a record's arrival its times may lie, in seconds.
const FUTURE_SECONDS: f64 = 2.0 * 86_400.0;

/// What an answer is checked against.
pub struct Rules<'a> {
    /// The filter's budgets.
    pub limits: &'a Limits,
    /// What the filter declared.
    pub emits: &'a Emits,
    /// The length of the record's data in bytes.
    pub input: u64,
    /// When the record reached the archive, Unix seconds.
    pub received_at: f64,
}

/// An answer that keeps every rule. Only [`check`] makes one.
#[derive(Clone, Debug)]
pub struct Checked {
    answer: Answer,
    digest: Hash,
}

impl Checked {
    pub(super) fn into_answer(self) -> Answer {
        self.answer
    }

    /// The digest of the answer as the filter gave it.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.digest
    }
}

/// Checks an answer. Work is proportional to the answer, which the sandbox has bounded.
///
/// # Errors
/// The first rule that is broken, with the place.
pub fn check(answer: Answer, rules: &Rules<'_>) -> Result<Checked, AnswerError> {
    let limits = rules.limits;
    count("nodes", answer.nodes.len(), limits.nodes.of(rules.input))?;
    count("events", answer.events.len(), limits.events.of(rules.input))?;
    count("sessions", answer.sessions.len(), limits.sessions.of(rules.input))?;
    let mut depths: Vec<u64> = Vec::with_capacity(answer.nodes.len());
    for node in &answer.nodes {
        let depth = check_node(node, &depths, rules).map_err(|e| at("node", depths.len(), node.sub_type(), &e))?;
        depths.push(depth);
    }
    for (index, event) in answer.events.iter().enumerate() {
        check_event(event, &answer, rules).map_err(|e| at("event", index, &event.sub_type, &e))?;
    }
    for (index, session) in answer.sessions.iter().enumerate() {
        check_session(session, answer.nodes.len(), rules).map_err(|e| at("session", index, &session.sub_type, &e))?;
    }
    expand(&answer, limits, rules.input)?;
    let digest = answer.digest();
    Ok(Checked { answer, digest })
}

/// An answer that nobody checked, for tests of what comes after.
#[cfg(test)]
pub(super) fn unchecked(answer: Answer) -> Checked {
    let digest = answer.digest();
    Checked { answer, digest }
}

/// An error with its place: an author knows nodes by their sub-types rather than by their numbers.
pub(super) fn at(what: &str, index: usize, sub_type: &str, error: &AnswerError) -> AnswerError {
    // Another text may be of any length.
    if sub_type.len() <= MAX_IDENTIFIER && is_identifier(sub_type) {
        AnswerError(format!("{what} {index} (`{sub_type}`): {error}"))
    } else {
        AnswerError(format!("{what} {index}: {error}"))
    }
}

fn count(what: impl Display, found: usize, limit: u64) -> Result<(), AnswerError> {
    if found as u64 > limit {
        return Err(AnswerError(format!("{found} {what}, at most {limit} for this record")));
    }
    Ok(())
}

/// Checks a node whose children must be among those before it; returns how deep it nests.
fn check_node(node: &Node, depths: &[u64], rules: &Rules<'_>) -> Result<u64, AnswerError> {
    match node {
        Node::Attribute { sub_type, value } => {
            check_sub_type(sub_type, Itype::Attribute, rules)?;
            if value.is_number() && sub_type.ends_with(|c: char| c.is_ascii_digit()) {
                return Err(AnswerError(format!("a number under `{sub_type}`: a sub-type that ends in a digit cannot hold one")));
            }
            match value {
                Scalar::Float(float) if !float.is_finite() => {
                    Err(AnswerError(format!("`{sub_type}` is {float}, not a finite number")))
                }
                Scalar::Text(text) => {
                    count(format_args!("bytes of text in `{sub_type}`"), text.len(), rules.limits.text.of(rules.input))
                        .map(|()| 0)
                }
                _ => Ok(0),
            }
        }
        Node::Object { sub_type, children } => {
            check_sub_type(sub_type, Itype::Object, rules)?;
            if RESERVED.contains(&sub_type.as_str()) {
                return Err(AnswerError(format!("`{sub_type}` is reserved")));
            }
            check_indices("child", children, depths.len(), rules)?;
            let below = children.iter().filter_map(|&child| depths.get(child as usize)).max();
            let depth = below.map_or(1, |depth| depth + 1);
            if depth > rules.limits.depth {
                return Err(AnswerError(format!("objects nest {depth} deep, at most {}", rules.limits.depth)));
            }
            Ok(depth)
        }
    }
}

fn check_event(event: &Event, answer: &Answer, rules: &Rules<'_>) -> Result<(), AnswerError> {
    check_sub_type(&event.sub_type, Itype::Event, rules)?;
    check_time("timestamp", event.timestamp, rules)?;
    let nodes = answer.nodes.len();
    check_indices("child", &event.children, nodes, rules)?;
    check_asserts(event.category, rules)?;
    for (list, category) in [(&event.malicious, Category::Malicious), (&event.benign, Category::Benign)] {
        count(category.name(), list.len(), rules.limits.nodes.of(rules.input))?;
        in_range(category.name(), list, nodes)?;
        if !list.is_empty() {
            check_asserts(category, rules)?;
        }
    }
    match event.session {
        Some(session) if session as usize >= answer.sessions.len() => {
            Err(AnswerError(format!("session {session} of {}", answer.sessions.len())))
        }
        _ => Ok(()),
    }
}

fn check_session(session: &Session, nodes: usize, rules: &Rules<'_>) -> Result<(), AnswerError> {
    check_sub_type(&session.sub_type, Itype::Session, rules)?;
    check_indices("key", &session.key, nodes, rules)?;
    for (what, time) in [("start-time", session.start_time), ("end-time", session.end_time)] {
        if let Some(time) = time {
            check_time(what, time, rules)?;
        }
    }
    match session.duration {
        Some(duration) if !(0.0..f64::INFINITY).contains(&duration) => {
            Err(AnswerError(format!("a duration of {duration} seconds")))
        }
        _ => Ok(()),
    }
}

fn check_sub_type(sub_type: &str, itype: Itype, rules: &Rules<'_>) -> Result<(), AnswerError> {
    if sub_type.len() as u64 > rules.limits.sub_type || !is_identifier(sub_type) {
        let shown: String = sub_type.chars().take(40).collect();
        return Err(AnswerError(format!(
            "the sub-type {shown:?} is not an identifier of at most {} bytes",
            rules.limits.sub_type
        )));
    }
    if !rules.emits.allows(itype, sub_type) {
        return Err(AnswerError(format!("the filter did not declare that it emits the {itype} `{sub_type}`")));
    }
    Ok(())
}

fn check_asserts(category: Category, rules: &Rules<'_>) -> Result<(), AnswerError> {
    if !rules.emits.asserts(category) {
        return Err(AnswerError(format!("the filter did not declare that it asserts `{}`", category.name())));
    }
    Ok(())
}

fn check_time(what: &str, time: f64, rules: &Rules<'_>) -> Result<(), AnswerError> {
    let latest = rules.received_at + FUTURE_SECONDS;
    if !(0.0..=latest).contains(&time) {
        return Err(AnswerError(format!("{what} {time}, expected 0 to {latest} (two days after arrival)")));
    }
    Ok(())
}

fn check_indices(what: &str, indices: &[u32], nodes: usize, rules: &Rules<'_>) -> Result<(), AnswerError> {
    if indices.is_empty() {
        return Err(AnswerError(format!("has no {what}")));
    }
    count("children", indices.len(), rules.limits.children)?;
    in_range(what, indices, nodes)
}

fn in_range(what: impl Display, indices: &[u32], nodes: usize) -> Result<(), AnswerError> {
    match indices.iter().find(|&&index| index as usize >= nodes) {
        Some(index) => Err(AnswerError(format!("{what} {index}, only the {nodes} nodes before it can be referred to"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::{Declared, Descriptor};

    fn emits() -> Emits {
        let declared = Declared {
            id: "00000000-0000-4000-8000-000000000001".into(),
            name: "test".into(),
            version: "1.0.0".into(),
            accepts: vec!["t".into()],
            emits: [Itype::Attribute, Itype::Object, Itype::Event, Itype::Session].map(|itype| (itype, "*".to_owned())).into(),
            asserts: vec![Category::Unknown, Category::Malicious],
            ..Declared::default()
        };
        Descriptor::check(declared).map(|descriptor| descriptor.emits).unwrap_or_default()
    }

    fn checked(answer: Answer) -> Result<Checked, AnswerError> {
        checked_for(answer, 1_000)
    }

    fn checked_for(answer: Answer, input: u64) -> Result<Checked, AnswerError> {
        check(answer, &Rules { limits: &Limits::PURE, emits: &emits(), input, received_at: 1e9 })
    }

    fn text(value: &str) -> Node {
        Node::Attribute { sub_type: "text".into(), value: Scalar::Text(value.into()) }
    }

    fn object(children: &[u32]) -> Node {
        Node::Object { sub_type: "thing".into(), children: children.into() }
    }

    fn nodes(nodes: Vec<Node>) -> Answer {
        Answer { nodes, ..Answer::default() }
    }

    fn event() -> Event {
        Event {
            sub_type: "seen".into(),
            timestamp: 1.0,
            category: Category::Unknown,
            children: vec![0],
            malicious: vec![],
            benign: vec![],
            session: None,
        }
    }

    fn with(change: impl FnOnce(&mut Event)) -> Answer {
        let mut event = event();
        change(&mut event);
        Answer { nodes: vec![text("x")], events: vec![event], sessions: vec![] }
    }

    #[test]
    fn children_must_come_before_their_parent() {
        assert!(checked(nodes(vec![text("x"), object(&[0, 0])])).is_ok());
        assert!(checked(nodes(vec![object(&[0])])).is_err(), "itself");
        assert!(checked(nodes(vec![object(&[1]), text("x")])).is_err(), "forward");
        assert!(checked(nodes(vec![text("x"), object(&[u32::MAX])])).is_err(), "out of range");
        assert!(checked(nodes(vec![object(&[])])).is_err(), "none");
    }

    #[test]
    fn sub_types_must_be_identifiers_and_not_reserved() {
        let named = |sub_type: &str| nodes(vec![Node::Attribute { sub_type: sub_type.into(), value: Scalar::Null }]);
        assert!(checked(named("_Ok9")).is_ok());
        assert!(checked(named(&"a".repeat(128))).is_ok());
        for sub_type in ["", "9a", "a b", "a.b", "$a", "a\0", "é", "а", &"a".repeat(129)] {
            assert!(checked(named(sub_type)).is_err(), "{sub_type:?}");
        }
        for sub_type in RESERVED {
            let object = Node::Object { sub_type: sub_type.into(), children: vec![0] };
            assert!(checked(nodes(vec![text("x"), object])).is_err(), "{sub_type}");
        }
    }

    #[test]
    fn numbers_must_be_finite_and_not_under_a_sub_type_that_ends_in_a_digit() {
        let number = |sub_type: &str, value| nodes(vec![Node::Attribute { sub_type: sub_type.into(), value }]);
        assert!(checked(number("port", Scalar::Integer(22))).is_ok());
        assert!(checked(number("port2", Scalar::Integer(2))).is_err());
        assert!(checked(number("ipv4", Scalar::Text("192.0.2.1".into()))).is_ok());
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(checked(number("port", Scalar::Float(float))).is_err());
        }
    }

    #[test]
    fn times_must_lie_between_1970_and_two_days_after_arrival() {
        for time in [0.0, 1e9, 1e9 + 172_800.0] {
            assert!(checked(with(|event| event.timestamp = time)).is_ok(), "{time}");
        }
        for time in [-1.0, f64::NAN, f64::INFINITY, 1e9 + 172_801.0, 253_402_300_799.0] {
            assert!(checked(with(|event| event.timestamp = time)).is_err(), "{time}");
        }
    }

    #[test]
    fn what_was_not_declared_is_refused() {
        assert!(checked(with(|event| event.malicious = vec![0])).is_ok());
        assert!(checked(with(|event| event.benign = vec![0])).is_err());
        assert!(checked(with(|event| event.category = Category::Benign)).is_err());
        let rules = Rules { limits: &Limits::PURE, emits: &Emits::default(), input: 0, received_at: 0.0 };
        assert!(check(nodes(vec![text("x")]), &rules).is_err());
        assert!(check(Answer::default(), &rules).is_ok());
    }

    #[test]
    fn indices_of_events_must_be_in_range() {
        assert!(checked(with(|event| event.children = vec![1])).is_err());
        assert!(checked(with(|event| event.children = vec![])).is_err());
        assert!(checked(with(|event| event.malicious = vec![1])).is_err());
        assert!(checked(with(|event| event.session = Some(0))).is_err());
    }

    #[test]
    fn counts_pass_at_their_limit_and_fail_one_above() {
        let limit = Limits::PURE.nodes.of(1_000) as usize;
        assert!(checked(nodes(vec![text("x"); limit])).is_ok());
        assert!(checked(nodes(vec![text("x"); limit + 1])).is_err());
        let limit = Limits::PURE.text.of(0) as usize;
        assert!(checked_for(nodes(vec![text(&"x".repeat(limit))]), 0).is_ok());
        assert!(checked_for(nodes(vec![text(&"x".repeat(limit + 1))]), 0).is_err());
        let deep = |levels: u32| nodes((0..=levels).map(|i| if i == 0 { text("x") } else { object(&[i - 1]) }).collect());
        assert!(checked(deep(4)).is_ok());
        assert!(checked(deep(5)).is_err());
    }

    #[test]
    fn expansion_is_bounded_before_anything_is_built() {
        // One long text under many events: each writes it out again.
        let many =
            |events: usize| Answer { nodes: vec![text(&"x".repeat(60_000))], events: vec![event(); events], sessions: vec![] };
        assert!(checked(many(2)).is_ok());
        assert!(checked(many(60)).is_err());
        // Quotes double at every level.
        let quotes = |n: usize| nodes(vec![text(&"\"".repeat(n)), object(&[0]), object(&[1]), object(&[2])]);
        assert!(checked(quotes(100)).is_ok());
        assert!(checked(quotes(10_000)).is_err());
        // Few nodes that refer to each other many times.
        let wide: Vec<u32> = vec![0; 100];
        let shared = nodes(vec![text("x"), object(&wide), object(&vec![1; 100]), object(&vec![2; 100])]);
        assert!(checked(shared).is_err());
    }
}
