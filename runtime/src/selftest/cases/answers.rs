//! Components that answer well-formed nonsense: what the check of answers must find before anything is hashed.

use wit_component::StringEncoding;

use super::{Case, Category, Expect, Guest, Scalar, answer, attribute, event, hostile, nodes, object, session, text, wrong};
use crate::answer::{Answer, Event, Node, Session};
use crate::tahoe::Itype;
use crate::verdict::FailureKind;

pub(super) fn cases() -> Vec<Case> {
    [shapes(), sizes(), values(), events(), names(), declarations(), harmless()].into_iter().flatten().collect()
}

fn with_event(name: &str, change: impl FnOnce(&mut Event), words: &'static str) -> Case {
    let mut seen = event();
    change(&mut seen);
    wrong(name, Answer { events: vec![seen], ..nodes([text("x"), text("y")]) }, words)
}

fn with_session(name: &str, change: impl FnOnce(&mut Session), words: &'static str) -> Case {
    let mut visit = session();
    change(&mut visit);
    wrong(name, Answer { sessions: vec![visit], ..nodes([text("x")]) }, words)
}

/// Indices.
fn shapes() -> Vec<Case> {
    vec![
        wrong("child-out-of-range", nodes([text("x"), object([u32::MAX])]), "can be referred to"),
        wrong("child-that-comes-later", nodes([object([1]), text("x")]), "can be referred to"),
        wrong("child-of-itself", nodes([object([0])]), "can be referred to"),
        wrong("object-of-nothing", nodes([object([])]), "has no child"),
        with_event("event-of-nothing", |event| event.children = vec![], "has no child"),
        with_event("event-of-what-is-not-there", |event| event.children = vec![7], "can be referred to"),
        with_event("event-in-a-session-that-is-not-there", |event| event.session = Some(0), "session 0 of 0"),
        with_session("session-of-nothing", |session| session.key = vec![], "has no key"),
        with_session("session-of-what-is-not-there", |session| session.key = vec![1], "can be referred to"),
    ]
}

/// A chain of objects above these nodes, each with all of the one below.
fn layers(leaves: u32, width: u32, depth: u32) -> Vec<Node> {
    let mut all: Vec<Node> = (0..leaves).map(|n| text(&format!("leaf {n}"))).collect();
    let (mut from, mut to) = (0, leaves);
    for layer in 0..depth {
        for n in 0..width {
            all.push(text(&format!("{layer} {n}")));
        }
        let own = to..to + width;
        all.extend(own.map(|own| object((from..to).chain([own]))));
        (from, to) = (to + width, to + 2 * width);
    }
    all
}

/// Counts, depth, and what an answer becomes when it is written out.
fn sizes() -> Vec<Case> {
    let quotes = "\"".repeat(1_000);
    let deep = |depth: u32| std::iter::once(text(&quotes)).chain((0..depth).map(|below| object([below]))).collect::<Vec<_>>();
    let events = |count: usize, node: Node| Answer {
        events: (0..count).map(|n| Event { timestamp: n as f64, ..event() }).collect(),
        ..nodes([node])
    };
    let sessions = Answer { sessions: vec![session(); 100], ..nodes([text("x")]) };
    vec![
        wrong("nodes-beyond-their-number", nodes((0..1_000).map(|_| text("x"))), "1000 nodes"),
        wrong("events-beyond-their-number", events(1_000, text("x")), "1000 events"),
        wrong("sessions-beyond-their-number", sessions, "100 sessions"),
        wrong("children-beyond-their-number", nodes([text("x"), object(vec![0; 5_000])]), "5000 children"),
        wrong("text-longer-than-allowed", nodes([text(&"x".repeat(70_000))]), "bytes of text"),
        wrong("objects-five-deep", nodes(deep(5)), "nest 5 deep"),
        wrong("shared-nodes-seven-levels-deep", nodes(layers(4, 4, 7)), "nest 5 deep"),
        wrong("wide-graph-of-shared-nodes", nodes(layers(20, 20, 4)), "refer"),
        wrong("quotes-under-nesting", nodes(deep(4).into_iter().chain((0..40).map(|_| object([3])))), "written out"),
        wrong("long-text-under-many-events", events(60, text(&"x".repeat(60_000))), "written out"),
        wrong("control-characters-under-many-events", events(60, text(&"\0".repeat(4_000))), "written out"),
    ]
}

/// Scalars.
fn values() -> Vec<Case> {
    let float = |name: &str, value| wrong(name, nodes([attribute("ratio", Scalar::Float(value))]), "finite");
    vec![
        float("not-a-number", f64::NAN),
        float("infinity", f64::INFINITY),
        float("negative-infinity", f64::NEG_INFINITY),
        // `port2` with 2 would be hashed as `port` with 22.
        wrong(
            "number-under-a-digit",
            nodes([attribute("port2", Scalar::Integer(2)), attribute("port", Scalar::Integer(22))]),
            "ends in a digit",
        ),
        wrong("float-under-a-digit", nodes([attribute("port2", Scalar::Float(2.0))]), "ends in a digit"),
    ]
}

/// Times and contexts.
fn events() -> Vec<Case> {
    let at = |name: &str, time| with_event(name, |event| event.timestamp = time, "expected 0 to");
    let mut cases = vec![
        at("time-that-is-no-number", f64::NAN),
        at("time-without-end", f64::INFINITY),
        at("time-before-1970", -1.0),
        at("time-in-the-year-9999", 253_402_300_799.0),
        at("time-absurd", f64::MAX),
        with_session("session-that-starts-before-1970", |session| session.start_time = Some(-0.5), "expected 0 to"),
        with_session("session-that-ends-in-the-year-9999", |session| session.end_time = Some(253_402_300_799.0), "expected 0 to"),
        with_session("session-of-negative-length", |session| session.duration = Some(-1.0), "a duration of"),
        with_session("session-without-end", |session| session.duration = Some(f64::INFINITY), "a duration of"),
        with_event("malicious-and-no-part-of-it", |event| event.malicious = vec![1], "no part of"),
        with_event("malicious-and-not-there", |event| event.malicious = vec![9], "can be referred to"),
    ];
    let both = |name: &str, second: &str| {
        let seen = Event { children: vec![0, 1], malicious: vec![0], benign: vec![1], ..event() };
        let given = Answer { events: vec![seen], ..nodes([text("x"), text(second)]) };
        Case::new(name, Expect::Failed(FailureKind::Answer, "both malicious and benign"), move || {
            Guest { answer: given.clone(), asserts: &Category::ALL, ..hostile() }.bytes()
        })
    };
    // Two nodes, one document.
    cases.extend([both("malicious-and-benign", "x"), both("malicious-and-benign-in-another-spelling", " x\n")]);
    cases
}

/// Sub-types.
fn names() -> Vec<Case> {
    let named = |name: &str, sub_type: &str| wrong(name, nodes([attribute(sub_type, Scalar::Null)]), "not an identifier");
    let reserved = |name: &str, sub_type: &str| {
        let object = Node::Object { sub_type: sub_type.to_owned(), children: vec![0] };
        wrong(name, nodes([text("x"), object]), "is reserved")
    };
    vec![
        named("sub-type-that-is-empty", ""),
        named("sub-type-that-is-huge", &"a".repeat(60_000)),
        named("sub-type-of-129-bytes", &"a".repeat(129)),
        named("sub-type-with-nul", "a\0b"),
        named("sub-type-with-dollar", "$where"),
        named("sub-type-with-dot", "data.hash"),
        named("sub-type-with-quote", "a\": [1], \"b"),
        named("sub-type-with-escapes", "a\u{1b}[31m"),
        named("sub-type-in-another-alphabet", "\u{430}ttack"),
        named("sub-type-that-begins-with-a-digit", "4ipv"),
        reserved("object-that-is-a-query", "query"),
        reserved("object-that-is-a-user", "cybexp_user"),
        reserved("object-that-is-a-superuser", "cybexp_superuser"),
        reserved("object-that-is-an-organisation", "cybexp_org"),
        reserved("object-that-is-a-configuration", "cybexp_input_config"),
    ]
}

/// What it said that it would do.
fn declarations() -> Vec<Case> {
    let undeclared = |name: &str, given: Answer| {
        Case::new(name, Expect::Failed(FailureKind::Answer, "did not declare"), move || {
            Guest { answer: given.clone(), emits: &[(Itype::Attribute, "text")], asserts: &[], ..hostile() }.bytes()
        })
    };
    vec![
        undeclared("attribute-that-was-not-declared", nodes([attribute("url", Scalar::Null)])),
        undeclared("object-that-was-not-declared", nodes([text("x"), object([0])])),
        undeclared("event-that-was-not-declared", Answer { events: vec![event()], ..nodes([text("x")]) }),
        undeclared("session-that-was-not-declared", Answer { sessions: vec![session()], ..nodes([text("x")]) }),
        with_event("category-that-was-not-declared", |event| event.category = Category::Benign, "did not declare"),
        with_event("context-that-was-not-declared", |event| event.benign = vec![0], "did not declare"),
    ]
}

/// Odd, and allowed: what is stored must be what any other filter would have stored.
fn harmless() -> Vec<Case> {
    let done = |name: &str, given, documents| answer(name, given, Expect::Done { documents });
    let utf_16 = || Guest { answer: nodes([text("\u{e9}\u{1f600}")]), encoding: StringEncoding::UTF16, ..hostile() }.bytes();
    let spellings = ["x", " x", "x\n", "\u{2003}x\u{3000}", "\u{85}x\u{1f}"];
    vec![
        Case::new("texts-in-utf-16", Expect::Done { documents: 1 }, utf_16),
        done("nothing-at-all", Answer::default(), 0),
        done("one-value-in-five-spellings", nodes(spellings.map(text)), 1),
        done("one-value-two-hundred-times", nodes((0..200).map(|_| text("x"))), 1),
        done("text-of-control-characters", nodes([text("\0\u{1b}[2J\u{7f}\u{202e}\u{feff}\u{200b}")]), 1),
        done("text-of-white-space", nodes([text(" \t\n\u{3000}")]), 1),
        done("numbers-at-the-edges", nodes([i64::MIN, i64::MAX].map(|n| attribute("n", Scalar::Integer(n)))), 2),
        done("two-zeros", nodes([0.0, -0.0].map(|n| attribute("n", Scalar::Float(n)))), 2),
        done("one-and-one-point-zero", nodes([attribute("n", Scalar::Integer(1)), attribute("n", Scalar::Float(1.0))]), 2),
        done("sub-types-that-are-fields", nodes(["_hash", "_ref", "itype", "data"].map(|name| attribute(name, Scalar::Null))), 4),
    ]
}
