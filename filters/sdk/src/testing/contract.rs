//! The rules that the host enforces, as `wit/types.wit` states them.

use std::collections::BTreeSet;

use super::document::{Content, canonical};
use crate::bindings::cybexp::tahoe::types::{Event, InstanceKind, Node};
use crate::limits::{CHILDREN, DOCUMENT_BYTES, OBJECT_DEPTH, SUB_TYPE_BYTES};
use crate::{Answer, Category, Filter, Record, Scalar};

/// Sub-types of objects that other programs of the archive act on.
const RESERVED: [&str; 5] = ["query", "cybexp_user", "cybexp_superuser", "cybexp_org", "cybexp_input_config"];

/// Bytes of a line for people.
const LINE_BYTES: usize = 512;

/// What the host would refuse in a filter's descriptor; empty if nothing.
pub fn check_descriptor(filter: &Filter) -> Vec<String> {
    let mut broken = Vec::new();
    let mut require = |holds: bool, rule: String| {
        if !holds {
            broken.push(rule);
        }
    };
    let groups: Vec<usize> = filter.id.split('-').map(str::len).collect();
    let is_hex = filter.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    let is_nil = filter.id.bytes().all(|b| matches!(b, b'0' | b'-'));
    require(groups == [8, 4, 4, 4, 12] && is_hex && !is_nil, format!("{} is no UUID in lower case", filter.id));
    let is_version = filter.version.len() <= 64
        && filter.version.split('.').count() >= 3
        && filter.version.split(['.', '-', '+']).take(3).all(|part| part.parse::<u64>().is_ok());
    require(is_version, format!("{} is no semantic version, such as 1.0.0", filter.version));
    let is_name =
        filter.name.starts_with(|c: char| c.is_ascii_lowercase()) && is_identifier(filter.name) && filter.name.len() <= 64;
    require(is_name && filter.name.to_ascii_lowercase() == filter.name, format!("{} is no name", filter.name));
    let is_line = |text: &str| text.len() <= LINE_BYTES && !text.contains('\n');
    require(is_line(filter.description), format!("the description is not one line of at most {LINE_BYTES} bytes"));
    require((1..=64).contains(&filter.accepts.len()), "a filter accepts 1 to 64 sub-types".to_owned());
    for sub_type in filter.accepts {
        require(is_identifier(sub_type), format!("{sub_type} is no sub-type"));
    }
    for sub_type in filter.emits.iter().flat_map(|emits| emits.sub_types) {
        require(*sub_type == "*" || is_identifier(sub_type), format!("{sub_type} is no sub-type"));
    }
    let emissions: usize = filter.emits.iter().map(|emits| emits.sub_types.len()).sum();
    require(emissions <= 1_024, format!("{emissions} emissions, at most 1,024"));
    require(filter.options.len() <= 64, format!("{} options, at most 64", filter.options.len()));
    let keys: BTreeSet<&str> = filter.options.iter().map(|option| option.key).collect();
    require(keys.len() == filter.options.len(), "two options have one key".to_owned());
    for option in filter.options {
        require(is_identifier(option.key), format!("{} is no key", option.key));
        require(option.allowed.len() <= 64, format!("{} values for {}, at most 64", option.allowed.len(), option.key));
        for text in option.allowed.iter().chain([&option.default, &option.description]) {
            require(is_line(text), format!("what {} says is not one line of at most {LINE_BYTES} bytes", option.key));
        }
        let is_allowed = option.allowed.is_empty() || option.allowed.contains(&option.default);
        require(is_allowed, format!("the default of {} is not allowed", option.key));
    }
    broken
}

/// What the host would refuse in an answer; empty if nothing.
pub fn check_answer(filter: &Filter, record: &Record, answer: &Answer) -> Vec<String> {
    let mut check = Check { filter, record, answer, broken: Vec::new() };
    check.counts();
    for index in 0..answer.nodes().len() {
        check.node(index);
    }
    if let Some(content) = Content::of(answer) {
        for event in answer.events() {
            check.event(event, &content);
        }
        check.sessions();
        check.expansion(&content);
    } else {
        check.require(false, || "a node refers to one that is not before it".to_owned());
    }
    check.broken
}

struct Check<'a> {
    filter: &'a Filter,
    record: &'a Record,
    answer: &'a Answer,
    broken: Vec<String>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(rule());
        }
    }

    fn counts(&mut self) {
        if let Some((what, count, limit)) = self.answer.excess() {
            self.require(false, || format!("{count} {what} are more than {limit}"));
        }
    }

    fn kind(&mut self, kind: InstanceKind, sub_type: &str) {
        let mut sub_types = self.filter.emits.iter().filter(|emits| emits.kind == kind).flat_map(|emits| emits.sub_types);
        let declared = sub_types.any(|declared| *declared == "*" || *declared == sub_type);
        self.require(declared, || format!("{kind:?} {sub_type} is not declared"));
        self.require(is_identifier(sub_type), || format!("{sub_type:?} is no sub-type"));
    }

    fn node(&mut self, index: usize) {
        match self.answer.nodes().get(index) {
            Some(Node::Attribute(attribute)) => {
                self.kind(InstanceKind::Attribute, &attribute.sub_type);
                let is_number = matches!(attribute.value, Scalar::Integer(_) | Scalar::Float(_));
                let ends_in_digit = attribute.sub_type.ends_with(|c: char| c.is_ascii_digit());
                self.require(!(is_number && ends_in_digit), || format!("{} holds a number", attribute.sub_type));
                match &attribute.value {
                    Scalar::Float(value) => self.require(value.is_finite(), || format!("{value} is not finite")),
                    Scalar::Text(text) => {
                        let limit = self.record.limits().text_bytes;
                        self.require(text.len() <= limit, || format!("a text of {} bytes is longer than {limit}", text.len()));
                    }
                    Scalar::Null | Scalar::Boolean(_) | Scalar::Integer(_) => {}
                }
            }
            Some(Node::Object(object)) => {
                self.kind(InstanceKind::Object, &object.sub_type);
                self.require(!RESERVED.contains(&object.sub_type.as_str()), || format!("{} is reserved", object.sub_type));
                self.children(&object.sub_type, &object.children, index);
                let depth = depth(self.answer, index);
                self.require(depth <= OBJECT_DEPTH, || format!("{} nests {depth} deep", object.sub_type));
            }
            None => {}
        }
    }

    fn children(&mut self, owner: &str, children: &[u32], bound: usize) {
        self.require((1..=CHILDREN).contains(&children.len()), || format!("{owner} has {} children", children.len()));
        self.require(children.iter().all(|child| (*child as usize) < bound), || {
            format!("{owner} refers to a node that is not before it")
        });
    }

    fn time(&mut self, owner: &str, time: f64) {
        self.require(self.record.event_time(time) == Ok(time), || format!("{owner} is at {time}, outside the bounds"));
    }

    fn event(&mut self, event: &Event, content: &Content) {
        self.kind(InstanceKind::Event, &event.sub_type);
        self.time(&event.sub_type, event.timestamp);
        self.children(&event.sub_type, &event.children, self.answer.nodes().len());
        let asserts = self.filter.asserts;
        self.require(asserts.contains(&event.category), || format!("{:?} is not declared", event.category));
        let reachable = reachable(self.answer, &event.children);
        for (context, nodes) in [(Category::Malicious, &event.malicious), (Category::Benign, &event.benign)] {
            self.require(nodes.is_empty() || asserts.contains(&context), || format!("{context:?} is not declared"));
            self.require(nodes.iter().all(|node| reachable.contains(node)), || format!("a {context:?} node is not of the event"));
        }
        let keys = |nodes: &[u32]| nodes.iter().filter_map(|node| content.keys.get(*node as usize)).collect::<BTreeSet<_>>();
        let disjoint = keys(&event.malicious).is_disjoint(&keys(&event.benign));
        self.require(disjoint, || "a node is both malicious and benign".to_owned());
        let session_exists = event.session.is_none_or(|session| (session as usize) < self.answer.sessions().len());
        self.require(session_exists, || "an event is of a session that does not exist".to_owned());
    }

    fn sessions(&mut self) {
        for session in self.answer.sessions() {
            self.kind(InstanceKind::Session, &session.sub_type);
            self.children(&session.sub_type, &session.key, self.answer.nodes().len());
            for time in session.start_time.into_iter().chain(session.end_time) {
                self.time(&session.sub_type, time);
            }
            let lasts = session.duration.is_none_or(|duration| duration.is_finite() && duration >= 0.0);
            self.require(lasts, || format!("a session lasts {:?} seconds", session.duration));
        }
    }

    /// Documents hold their children's content in full, and canonical forms escape it once more at each level. The raw
    /// record refers to every node, to every event and to what the event refers to.
    fn expansion(&mut self, content: &Content) {
        let answer = self.answer;
        let parents =
            answer.events().iter().map(|event| &event.children).chain(answer.sessions().iter().map(|session| &session.key));
        let mut bytes = content.data.iter().map(|data| canonical(data).len()).sum::<usize>();
        // The record refers to all nodes; to each event or session, and to what is in it, so does it or the other.
        let mut references = answer.nodes().len() + 2 * (answer.events().len() + answer.sessions().len());
        for node in answer.nodes() {
            if let Node::Object(object) = node {
                references += places(answer, &object.children);
            }
        }
        for children in parents {
            let places = places(answer, children);
            references += places;
            let Some(data) = content.of_children(answer, children) else { continue };
            bytes += canonical(&data).len();
            let document = data.to_string().len() + places * REFERENCE_BYTES;
            self.require(document <= DOCUMENT_BYTES, || format!("a document takes {document} bytes"));
        }
        let input = self.record.data.len();
        self.require(bytes <= (256 << 10) + 64 * input, || format!("written out, the documents take {bytes} bytes"));
        let limit = self.record.limits().references;
        self.require(references <= limit, || format!("the documents refer to each other {references} times, at most {limit}"));
    }
}

/// Bytes of one reference in a document.
const REFERENCE_BYTES: usize = 64;

/// How many nodes are below these children, each counted at every place where it is.
fn places(answer: &Answer, children: &[u32]) -> usize {
    children.iter().map(|child| 1 + places(answer, children_of(answer, *child as usize))).sum()
}

fn is_identifier(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.len() <= SUB_TYPE_BYTES && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn children_of(answer: &Answer, index: usize) -> &[u32] {
    match answer.nodes().get(index) {
        Some(Node::Object(object)) => &object.children,
        _ => &[],
    }
}

/// Objects on the longest way down. Children lie before their parents, so the way ends.
fn depth(answer: &Answer, index: usize) -> usize {
    match answer.nodes().get(index) {
        Some(Node::Object(object)) => {
            let below = object.children.iter().map(|child| *child as usize).filter(|child| *child < index);
            1 + below.map(|child| depth(answer, child)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// These nodes and all below them.
fn reachable(answer: &Answer, from: &[u32]) -> BTreeSet<u32> {
    let mut found: BTreeSet<u32> = from.iter().copied().collect();
    let mut waiting: Vec<u32> = from.to_vec();
    while let Some(node) = waiting.pop() {
        for child in children_of(answer, node as usize) {
            if found.insert(*child) {
                waiting.push(*child);
            }
        }
    }
    found
}
