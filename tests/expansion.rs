//! How much an archive can grow by one record: the worst answers that pass the check, written into a store.

#![expect(clippy::print_stderr, reason = "says what was measured")]

use std::path::Path;

use serde_json::json;
use tahoe_runtime::answer::{Answer, Event, Node, Rules, Session, build, check};

use tahoe_runtime::limits::{Budget, Limits};
use tahoe_runtime::store::{self, ClaimSize, FilterRef, NewRecord, Settled, Verdict};
use tahoe_runtime::tahoe::{Category, Hash, RawDocument, Scalar};
use tahoe_runtime::verdict::Report;

use crate::support::{emits, root};

/// What `docs/operating.md` says that a record may cost the archive, per filter: so much, and so many times its own size.
const CONSTANT: u64 = 1024 * 1024;
const FACTOR: u64 = 160;

/// A sub-type as long as one may be.
const LONG: &str = "sub_type_as_long_as_one_may_be__sub_type_as_long_as_one_may_be__sub_type_as_long_as_one_may_be__sub_type_as_long_as_one_may_be__";

fn text(sub_type: &str, value: String) -> Node {
    Node::Attribute { sub_type: sub_type.to_owned(), value: Scalar::Text(value) }
}

fn object(children: impl IntoIterator<Item = u32>) -> Node {
    Node::Object { sub_type: "o".to_owned(), children: children.into_iter().collect() }
}

fn event(number: u32, children: Vec<u32>, session: Option<u32>) -> Event {
    let (category, timestamp) = (Category::Unknown, f64::from(number) + 0.5);
    Event { sub_type: "e".to_owned(), timestamp, category, malicious: children.clone(), children, benign: vec![], session }
}

/// So many small attributes.
fn leaves(count: u32, sub_type: &str) -> Vec<Node> {
    (0..count).map(|number| text(sub_type, number.to_string())).collect()
}

/// Layers of objects, each with all of the one below, and a leaf of its own.
fn wide(size: u32, _: u32) -> Answer {
    let mut nodes = leaves(size, "t");
    let (mut from, mut to) = (0, size);
    for layer in 0..4 {
        nodes.extend((0..size).map(|number| text("t", format!("{layer} {number}"))));
        nodes.extend((0..size).map(|number| object((from..to).chain([to + number]))));
        (from, to) = (to + size, to + 2 * size);
    }
    Answer { nodes, ..Answer::default() }
}

/// Objects over the same few leaves, each with one of its own, and events over those: as many references as there may be.
fn referring(size: u32, _: u32) -> Answer {
    let mut nodes = leaves(8 + size, "t");
    nodes.extend((0..size).map(|number| object((0..8).chain([8 + number]))));
    let events = (0..size / 2).map(|number| event(number, vec![8 + size + number], None)).collect();
    Answer { nodes, events, sessions: vec![] }
}

/// Texts of quotes, within objects: what is hashed grows with each level.
fn quotes(size: u32, _: u32) -> Answer {
    let mut nodes = vec![text("t", "\"".repeat(200))];
    nodes.extend((0..3).map(|below| object([below])));
    for number in 0..size {
        nodes.push(text("t", number.to_string()));
        nodes.push(object([3, 4 + 2 * number]));
    }
    Answer { nodes, ..Answer::default() }
}

/// One text under as many events as fit.
fn text_under_events(size: u32, _: u32) -> Answer {
    let events = (0..size).map(|number| event(number, vec![0], None)).collect();
    Answer { nodes: vec![text("t", "x".repeat(4_000))], events, sessions: vec![] }
}

/// The same of characters that take six bytes each.
fn controls_under_events(size: u32, input: u32) -> Answer {
    Answer { nodes: vec![text("t", "\0".repeat(700))], ..text_under_events(size, input) }
}

/// Events alone, each of its own.
fn events(size: u32, _: u32) -> Answer {
    let events = (0..size).map(|number| Event { sub_type: LONG.to_owned(), ..event(number, vec![0], None) }).collect();
    Answer { nodes: leaves(1, "t"), events, sessions: vec![] }
}

/// Attributes alone, with long sub-types.
fn attributes(size: u32, _: u32) -> Answer {
    Answer { nodes: leaves(size, LONG), ..Answer::default() }
}

/// Sub-types of which each is there once.
fn sub_types(size: u32, _: u32) -> Answer {
    let named = |number: u32| text(&format!("n{number:_<127}"), String::new());
    Answer { nodes: (0..size).map(named).collect(), ..Answer::default() }
}

/// Everything at the same time: as many nodes, events and sessions as a record of so many bytes may have, the sub-type of each
/// node its own, and in each event a text of so many.
fn everything(size: u32, input: u32) -> Answer {
    let limit = |budget: Budget| budget.of(u64::from(input)) as u32;
    let mut nodes = vec![text("t", "x".repeat(size as usize))];
    nodes.extend(sub_types(limit(Limits::PURE.nodes) - 1, input).nodes);
    let count = limit(Limits::PURE.sessions);
    let sessions = (0..count).map(|number| Session {
        sub_type: LONG.to_owned(),
        key: vec![1 + number],
        start_time: Some(0.5),
        end_time: Some(1.5),
        duration: Some(2.5),
    });
    let events = (0..limit(Limits::PURE.events)).map(|number| {
        // About as many references as there may be.
        let children = if number % 2 == 0 { vec![0, 1 + number] } else { vec![0] };
        Event { sub_type: LONG.to_owned(), ..event(number, children, Some(number % count)) }
    });
    Answer { nodes, events: events.collect(), sessions: sessions.collect() }
}

/// Answers that grow with a number, to a record of so many bytes.
type Family = fn(u32, u32) -> Answer;

/// The largest answer of a family that passes.
fn largest(family: Family, input: u32, rules: &Rules<'_>) -> Answer {
    let passes = |size: u32| check(family(size, input), rules).is_ok();
    let (mut least, mut most) = (0, 1);
    while passes(most) {
        (least, most) = (most, 2 * most);
    }
    while most - least > 1 {
        let middle = least.midpoint(most);
        if passes(middle) { least = middle } else { most = middle }
    }
    family(least, input)
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// Bytes by which an archive grows when this answer to a record of so many bytes is committed.
fn growth(answer: Answer, input: usize, rules: &Rules<'_>) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.db");
    let open = || store::open(&format!("sqlite:{}", path.display())).unwrap();
    let data = json!({"data": "x".repeat(input - 11)});
    let document = RawDocument::new("t", data.as_object().unwrap().clone()).unwrap();
    assert_eq!(document.data.len(), input);
    let id = uuid::Uuid::from_u128(1);
    let digest = Hash::of(&[]);
    let reference = FilterRef {
        id,
        name: "test".to_owned(),
        version: "1.0.0".to_owned(),
        component: digest,
        options: digest,
        limits: digest,
        accepts: vec!["t".to_owned()],
    };
    let store = open();
    store.ingest(&[NewRecord { document, orgid: "org".to_owned(), timezone: "UTC".to_owned(), received_at: 1e9 }]).unwrap();
    store.register(&reference).unwrap();
    // Closing writes everything into the one file.
    drop(store);
    let before = size(&path);
    let store = open();
    store.register(&reference).unwrap();
    let work = store.claim(id, ClaimSize { records: 1, bytes: 1 }).unwrap().remove(0);
    let checked = check(answer, rules).unwrap();
    let digest = checked.digest();
    let verdict = Verdict::Done(build(checked, "org").unwrap(), digest);
    store.commit(id, &[Settled { key: work.key, verdict, report: Report::default(), attempts: 1 }]).unwrap();
    drop(store);
    assert!(!path.with_extension("db-wal").exists());
    size(&path) - before
}

#[test]
fn no_answer_makes_the_archive_grow_out_of_proportion_to_its_record() {
    let families: [(&str, Family); 9] = [
        ("wide graph of shared nodes", wide),
        ("many references", referring),
        ("quotes under nesting", quotes),
        ("text under events", text_under_events),
        ("control characters under events", controls_under_events),
        ("events", events),
        ("attributes", attributes),
        ("sub-types", sub_types),
        ("everything", everything),
    ];
    let emits = emits();
    let mut worst = Vec::new();
    for input in [100_u32, 10_000, 300_000] {
        let rules = Rules { limits: &Limits::PURE, emits: &emits, input: u64::from(input), received_at: 1e9 };
        for (name, family) in families {
            let grown = growth(largest(family, input, &rules), input as usize, &rules);
            let multiple = grown.saturating_sub(CONSTANT) as f64 / f64::from(input);
            worst.push(format!("{input:>7} bytes, {name}: {grown} bytes more, {multiple:.1} times beyond the constant"));
            assert!(grown <= CONSTANT + FACTOR * u64::from(input), "{worst:#?}");
        }
    }
    // Seen with --nocapture.
    eprintln!("{worst:#?}");
    let page = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let said = format!("{} MiB and {FACTOR} times", CONSTANT >> 20);
    assert!(page.split_whitespace().collect::<Vec<_>>().join(" ").contains(&said), "docs/operating.md does not say: {said}");
}
