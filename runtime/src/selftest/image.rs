//! Values as the component model lays them out in a guest's memory: what a component made from text holds ready.

use wit_component::StringEncoding;

use crate::answer::{Answer, Event, Node, Session};
use crate::descriptor::{Declared, OptionSpec};
use crate::tahoe::{Category, Itype, Scalar};

/// Bytes of the result of `parse`, up to the first node.
pub const HEAD: u32 = 32;
/// Bytes of a node, an event and a session in a list.
pub const NODE: u32 = 32;
/// See [`NODE`].
pub const EVENT: u32 = 56;
/// See [`NODE`].
pub const SESSION: u32 = 64;

/// Bytes that will lie at an address.
pub(super) struct Image {
    at: u32,
    bytes: Vec<u8>,
    encoding: StringEncoding,
}

impl Image {
    /// The result of `parse` with this answer, which begins at the address: [`HEAD`] bytes, then nodes, events and sessions,
    /// then what they point to.
    pub(super) fn of_answer(answer: &Answer, at: u32, encoding: StringEncoding) -> Vec<u8> {
        let lengths = [(answer.nodes.len(), NODE), (answer.events.len(), EVENT), (answer.sessions.len(), SESSION)];
        let mut head = vec![0; 4];
        let mut next = at + HEAD;
        for (length, size) in lengths {
            head.extend(pair(next, length));
            next += length as u32 * size;
        }
        head.resize(HEAD as usize, 0);
        // What they point to comes after them; how long they are is known.
        let mut pointed = Self { at: next, bytes: Vec::new(), encoding };
        answer.nodes.iter().for_each(|node| head.extend(pointed.node(node)));
        answer.events.iter().for_each(|event| head.extend(pointed.event(event)));
        answer.sessions.iter().for_each(|session| head.extend(pointed.session(session)));
        head.extend(pointed.bytes);
        head
    }

    /// A descriptor that begins at the address.
    pub(super) fn of_descriptor(declared: &Declared, at: u32, encoding: StringEncoding) -> Vec<u8> {
        const FIELDS: u32 = 8 * 8;
        let mut pointed = Self { at: at + FIELDS, bytes: Vec::new(), encoding };
        let texts = [&declared.id, &declared.name, &declared.version, &declared.description];
        let mut head: Vec<u8> = texts.iter().flat_map(|text| pointed.text(text)).collect();
        let accepts: Vec<u8> = declared.accepts.iter().flat_map(|sub_type| pointed.text(sub_type)).collect();
        head.extend(pointed.list(&accepts, declared.accepts.len()));
        let options: Vec<u8> = declared.options.iter().flat_map(|option| pointed.option(option)).collect();
        head.extend(pointed.list(&options, declared.options.len()));
        let emits: Vec<u8> = declared
            .emits
            .iter()
            .flat_map(|(itype, sub_type)| [&[itype_case(*itype), 0, 0, 0][..], &pointed.text(sub_type)].concat())
            .collect();
        head.extend(pointed.list(&emits, declared.emits.len()));
        let asserts: Vec<u8> = declared.asserts.iter().map(|category| category_case(*category)).collect();
        head.extend(pointed.list(&asserts, declared.asserts.len()));
        head.extend(pointed.bytes);
        head
    }

    /// Places the elements of a list; returns its pointer and length.
    fn list(&mut self, elements: &[u8], length: usize) -> [u8; 8] {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.at + self.bytes.len() as u32;
        self.bytes.extend(elements);
        pair(at, length)
    }

    fn text(&mut self, text: &str) -> [u8; 8] {
        match self.encoding {
            StringEncoding::UTF16 => {
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                self.list(&units, units.len() / 2)
            }
            StringEncoding::UTF8 | StringEncoding::CompactUTF16 => self.list(text.as_bytes(), text.len()),
        }
    }

    fn option(&mut self, option: &OptionSpec) -> Vec<u8> {
        let texts = [&option.key, &option.description, &option.default].map(|text| self.text(text));
        let allowed: Vec<u8> = option.allowed.iter().flat_map(|value| self.text(value)).collect();
        let allowed = self.list(&allowed, option.allowed.len());
        [texts.concat(), allowed.to_vec(), vec![u8::from(option.secret), 0, 0, 0]].concat()
    }

    fn indices(&mut self, indices: &[u32]) -> [u8; 8] {
        let elements: Vec<u8> = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
        self.list(&elements, indices.len())
    }

    fn node(&mut self, node: &Node) -> Vec<u8> {
        match node {
            Node::Attribute { sub_type, value } => {
                let (case, value) = match value {
                    Scalar::Null => (0, [0; 8]),
                    Scalar::Boolean(boolean) => (1, [u8::from(*boolean), 0, 0, 0, 0, 0, 0, 0]),
                    Scalar::Integer(integer) => (2, integer.to_le_bytes()),
                    Scalar::Float(float) => (3, float.to_le_bytes()),
                    Scalar::Text(text) => (4, self.text(text)),
                };
                [case_of(0), self.text(sub_type), case_of(case), value].concat()
            }
            Node::Object { sub_type, children } => [case_of(1), self.text(sub_type), self.indices(children), [0; 8]].concat(),
        }
    }

    fn event(&mut self, event: &Event) -> Vec<u8> {
        let mut bytes = [self.text(&event.sub_type), event.timestamp.to_le_bytes()].concat();
        bytes.extend([category_case(event.category), 0, 0, 0]);
        for list in [&event.children, &event.malicious, &event.benign] {
            bytes.extend(self.indices(list));
        }
        bytes.extend([u8::from(event.session.is_some()), 0, 0, 0]);
        bytes.extend(event.session.unwrap_or_default().to_le_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    fn session(&mut self, session: &Session) -> Vec<u8> {
        let mut bytes = [self.text(&session.sub_type), self.indices(&session.key)].concat();
        for number in [session.start_time, session.end_time, session.duration] {
            bytes.extend(case_of(u8::from(number.is_some())));
            bytes.extend(number.unwrap_or_default().to_le_bytes());
        }
        bytes
    }
}

/// A pointer and a length.
fn pair(at: u32, length: usize) -> [u8; 8] {
    (u64::from(at) | (length as u64) << 32).to_le_bytes()
}

/// The case of a variant, before a payload that is aligned to eight.
const fn case_of(case: u8) -> [u8; 8] {
    [case, 0, 0, 0, 0, 0, 0, 0]
}

const fn category_case(category: Category) -> u8 {
    match category {
        Category::Unknown => 0,
        Category::Benign => 1,
        Category::Malicious => 2,
    }
}

/// No filter makes raw documents: their case is one that the contract does not have.
const fn itype_case(itype: Itype) -> u8 {
    match itype {
        Itype::Attribute => 0,
        Itype::Object => 1,
        Itype::Event => 2,
        Itype::Session => 3,
        Itype::Raw => 4,
    }
}
