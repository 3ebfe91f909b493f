//! Random components and random answers: nothing that a filter's author writes makes the host panic, or work without bound.
//! A bounded number of cases, from another seed each time; `TAHOE_FUZZ_SEED` repeats a run.

#![expect(clippy::print_stderr, reason = "a run that fails can be repeated with its seed")]

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tahoe_runtime::answer::{Answer, Event, Node, Rules, Session, build, check};
use tahoe_runtime::descriptor::{Declared, Descriptor, OptionSpec};
use tahoe_runtime::limits::Limits;
use tahoe_runtime::sandbox::{Record, Refusal};
use tahoe_runtime::tahoe::{Body, Category, Graph, Itype, Scalar};
use tahoe_runtime::verdict::{FailureKind, Outcome};
use tahoe_runtime::worker::{self, Launcher, Worker};

use crate::support::guest::Guest;
use crate::support::{emits, filter};

/// So many cases, from a seed that is said.
fn cases(cases: u32) -> TestRunner {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed: u64 = std::env::var("TAHOE_FUZZ_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    eprintln!("TAHOE_FUZZ_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// One change to a file; positions in millionths of its length.
#[derive(Clone, Debug)]
enum Change {
    Flip(u32, u8),
    Set(u32, Vec<u8>),
    Insert(u32, Vec<u8>),
    Remove(u32, usize),
    Repeat(u32, usize),
    Cut(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || 0_u32..1_000_000;
    // What numbers look like at their ends, and what begins sections.
    let telling = prop::sample::select(vec![
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x80, 0x80, 0x80, 0x80, 0x08],
        vec![0x7f],
        vec![0x00],
        vec![0x04],
        b"\0asm\x0d\0\x01\0".to_vec(),
        vec![0xfe; 8],
    ]);
    let bytes = prop_oneof![telling, prop::collection::vec(any::<u8>(), 1..6)];
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        2 => (at(), bytes.clone()).prop_map(|(at, bytes)| Change::Set(at, bytes)),
        1 => (at(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), 1_usize..16).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (at(), 1_usize..64).prop_map(|(at, length)| Change::Repeat(at, length)),
        1 => at().prop_map(Change::Cut),
    ]
}

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        let place = |at: &u32| (*at as usize * bytes.len()) / 1_000_000;
        match change {
            Change::Flip(at, bits) => {
                let at = place(at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
            }
            Change::Set(at, new) => {
                let at = place(at);
                bytes.iter_mut().skip(at).zip(new).for_each(|(byte, new)| *byte = *new);
            }
            Change::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Remove(at, length) => {
                let at = place(at);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Change::Repeat(at, length) => {
                let at = place(at);
                let piece = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, piece);
            }
            Change::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

#[test]
fn changed_components_are_refused_with_a_reason_or_called_within_their_budgets() {
    let launcher = Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime")));
    let nodes = vec![Node::Attribute { sub_type: "text".to_owned(), value: Scalar::Text("x".to_owned()) }];
    let small = Guest { answer: Answer { nodes, ..Answer::default() }, ..Guest::default() }.bytes().unwrap();
    let large = std::fs::read(filter("sighting")).unwrap();
    // Most of a small component is structure.
    let strategy = (prop::bool::weighted(0.75), prop::collection::vec(change(), 1..5));
    let result = cases(200).run(&strategy, |(of_small, changes)| {
        let bytes = changed(if of_small { &small } else { &large }, &changes);
        let start = Instant::now();
        match worker::load(&launcher, None, &bytes, Some(&Limits::PURE)) {
            Err(Refusal::Host(reason) | Refusal::Compilation(reason)) => {
                return Err(TestCaseError::fail(format!("the host is at fault: {reason}")));
            }
            Err(Refusal::Describe(failure)) => prop_assert_ne!(failure.kind, FailureKind::Crash, "{}", failure.message),
            Err(_) => {}
            Ok(filter) => {
                let record =
                    Record { sub_type: "sighting", data: r#"{"url":"http://a.example/"}"#, timezone: "UTC", received_at: 1e9 };
                if let Outcome::Failed(failure) = Worker::new(launcher.clone()).call_one(&filter, record).outcome {
                    let ours = matches!(failure.kind, FailureKind::Host | FailureKind::Crash);
                    prop_assert!(!ours, "{}", failure.message);
                }
            }
        }
        prop_assert!(start.elapsed().as_secs() < 100);
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
}

/// A text that is often one that means something.
fn word() -> impl Strategy<Value = String> {
    let telling = ["text", "ipv4", "url", "_ref", "port2", "query", "", "a.b", "$x", "\0", "\u{202e}"].map(str::to_owned);
    prop_oneof![6 => Just("text".to_owned()), 3 => prop::sample::select(telling.to_vec()), 1 => any::<String>()]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..1e9, 1 => prop::num::f64::ANY, 1 => prop::sample::select(vec![-0.0, f64::MAX, -1.0, 1e9 + 172_800.5])]
}

fn index() -> impl Strategy<Value = u32> {
    prop_oneof![20 => 0_u32..12, 1 => any::<u32>()]
}

fn indices(least: usize) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(index(), least..8)
}

fn scalar() -> impl Strategy<Value = Scalar> {
    let quotes = (1_usize..3_000).prop_map(|length| "\"\\".repeat(length));
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Boolean),
        any::<i64>().prop_map(Scalar::Integer),
        number().prop_map(Scalar::Float),
        any::<String>().prop_map(Scalar::Text),
        quotes.prop_map(Scalar::Text),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let attribute = (word(), scalar()).prop_map(|(sub_type, value)| Node::Attribute { sub_type, value });
    let object = (word(), indices(1)).prop_map(|(sub_type, children)| Node::Object { sub_type, children });
    let node = prop_oneof![attribute, object];
    let category = || prop::sample::select(Category::ALL.to_vec());
    let lists = (indices(1), indices(0), indices(0));
    let event = (word(), number(), category(), lists, prop::option::of(0_u32..3)).prop_map(
        |(sub_type, timestamp, category, (children, malicious, benign), session)| Event {
            sub_type,
            timestamp,
            category,
            children,
            malicious,
            benign,
            session,
        },
    );
    let times = prop::array::uniform3(prop::option::of(number()));
    let session = (word(), indices(1), times).prop_map(|(sub_type, key, [start_time, end_time, duration])| Session {
        sub_type,
        key,
        start_time,
        end_time,
        duration,
    });
    let parts = (prop::collection::vec(node, 0..24), prop::collection::vec(event, 0..6), prop::collection::vec(session, 0..4));
    (parts, any::<bool>()).prop_map(|((nodes, events, sessions), tame)| {
        let answer = Answer { nodes, events, sessions };
        if tame { tamed(answer) } else { answer }
    })
}

/// With most of what is plainly wrong put right, so that it gets further.
fn tamed(mut answer: Answer) -> Answer {
    let (nodes, sessions) = (answer.nodes.len() as u32, answer.sessions.len() as u32);
    let within = |list: &mut Vec<u32>, most: u32| list.iter_mut().for_each(|index| *index %= most.max(1));
    for (number, node) in answer.nodes.iter_mut().enumerate() {
        match node {
            Node::Object { sub_type, .. } if number == 0 => {
                *node = Node::Attribute { sub_type: sub_type.clone(), value: Scalar::Null };
            }
            Node::Object { children, .. } => within(children, number as u32),
            Node::Attribute { .. } => {}
        }
        let (Node::Attribute { sub_type, .. } | Node::Object { sub_type, .. }) = node;
        *sub_type = "text".to_owned();
    }
    for event in &mut answer.events {
        event.sub_type = "text".to_owned();
        event.timestamp = event.timestamp.abs().min(1e9);
        within(&mut event.children, nodes);
        event.malicious = event.children.clone();
        event.benign.clear();
        event.session = event.session.filter(|session| *session < sessions);
    }
    for session in &mut answer.sessions {
        session.sub_type = "text".to_owned();
        within(&mut session.key, nodes);
    }
    answer
}

/// Entries of the `_ref` of all documents, and of the raw record's.
fn references(graph: &Graph) -> u64 {
    let of_document = |body: &Body| match body {
        Body::Attribute => 0,
        Body::Object { references, .. } | Body::Session { references, .. } => references.len(),
        Body::Event { references, .. } => references.len(),
    };
    let all = graph.documents.iter().map(|document| of_document(&document.body)).sum::<usize>();
    (all + graph.record_references.len()) as u64
}

#[test]
fn random_answers_are_refused_or_become_documents_within_the_bounds() {
    let (limits, emits) = (Limits::PURE, emits());
    let passed = Cell::new(0);
    let result = cases(3_000).run(&(answer(), 0_u64..5_000), |(answer, input)| {
        let most = (answer.nodes.len() + answer.events.len() + answer.sessions.len()) as u64;
        let Ok(checked) = check(answer, &Rules { limits: &limits, emits: &emits, input, received_at: 1e9 }) else {
            return Ok(());
        };
        let Ok(graph) = build(checked.clone(), "org") else { return Ok(()) };
        prop_assert!(graph.documents.len() as u64 <= most);
        let data = graph.documents.iter().map(|document| document.data.len() as u64).sum::<u64>();
        prop_assert!(data <= limits.expanded.of(input), "{} bytes of {}", data, input);
        prop_assert!(references(&graph) <= limits.references.of(input));
        prop_assert_eq!(build(checked, "org").unwrap(), graph);
        passed.set(passed.get() + 1);
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    assert!(passed.get() > 300, "only {} answers got as far as documents: this test tests little", passed.get());
}

#[test]
fn random_descriptors_are_refused_or_keep_the_rules() {
    let texts = || prop::collection::vec(word(), 0..5);
    let option = (word(), word(), word(), texts(), any::<bool>())
        .prop_map(|(key, description, default, allowed, secret)| OptionSpec { key, description, default, allowed, secret });
    let lists = (texts(), prop::collection::vec(option, 0..4), prop::collection::vec((Just(Itype::Event), word()), 0..5));
    let strategy = (prop::array::uniform4(word()), lists).prop_map(|([id, name, version, description], lists)| {
        let (accepts, options, emits) = lists;
        Declared { id, name, version, description, accepts, options, emits, asserts: vec![] }
    });
    let result = cases(1_000).run(&strategy, |mut declared| {
        let _ = Descriptor::check(declared.clone());
        declared.id = "00000000-0000-4000-8000-000000000001".to_owned();
        (declared.name, declared.version) = ("test".to_owned(), "1.0.0".to_owned());
        if let Ok(descriptor) = Descriptor::check(declared) {
            prop_assert!(descriptor.accepts.iter().all(|sub_type| tahoe_runtime::descriptor::is_identifier(sub_type)));
        }
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
}
