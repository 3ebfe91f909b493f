//! Components from text: the parts of a core module, around which everything that a filter needs is written.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::image::Image;
use crate::answer::Answer;
use crate::descriptor::{Declared, OptionSpec};
use crate::sandbox::CONTRACT;
use crate::tahoe::{Category, Itype};

/// The contract, the one that this program was built for.
const WIT: &str = concat!(
    include_str!("../../../wit/types.wit"),
    include_str!("../../../wit/filter.wit"),
    include_str!("../../../wit/host.wit")
);

/// Where the descriptor lies in the module's memory.
const DESCRIPTOR: u32 = 1024;
/// Where the allocator begins.
const HEAP: u32 = 65_536;
/// Bytes of a page.
const PAGE: u32 = 65_536;

/// A filter, in parts of a core module.
pub struct Guest<'a> {
    /// The last byte of the filter's id.
    pub number: u8,
    /// Its name.
    pub name: &'a str,
    /// The sub-types that it reads.
    pub accepts: &'a [&'a str],
    /// What it declares to make.
    pub emits: &'a [(Itype, &'a str)],
    /// The categories that it declares.
    pub asserts: &'a [Category],
    /// Its options.
    pub options: &'a [Setting<'a>],
    /// Imports, before everything else.
    pub imports: &'a str,
    /// The body of `describe`, which returns a pointer; if empty, to the descriptor.
    pub describe: &'a str,
    /// The body of `parse`: parameters are three strings (pointer, length) and an f64; it returns a pointer; if empty, to
    /// `answer`.
    pub parse: &'a str,
    /// The body of the allocator: parameters old pointer, old size, alignment, new size; local `$at`.
    pub realloc: &'a str,
    /// Whatever else the module has.
    pub fields: &'a str,
    /// WIT packages, the first with a world `guest`, if it imports more than the contract's interfaces.
    pub wit: &'a str,
    /// How its texts are written: UTF-8 or UTF-16.
    pub encoding: StringEncoding,
    /// An answer that lies ready at [`Guest::ANSWER`].
    pub answer: Answer,
}

/// An option of a filter; its default is the first value that is allowed, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its values; any, if empty.
    pub allowed: &'a [&'a str],
    /// Whether nobody may see it.
    pub secret: bool,
}

impl Setting<'_> {
    fn declared(&self) -> OptionSpec {
        let allowed: Vec<String> = self.allowed.iter().map(|&value| value.to_owned()).collect();
        let (key, description) = (self.key.to_owned(), "A setting.".to_owned());
        OptionSpec { key, description, default: allowed.first().cloned().unwrap_or_default(), allowed, secret: self.secret }
    }
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            number: 9,
            name: "guest",
            accepts: &["cowrie", "sighting"],
            emits: &[(Itype::Attribute, "*"), (Itype::Object, "*"), (Itype::Event, "*"), (Itype::Session, "*")],
            asserts: &[Category::Unknown, Category::Malicious],
            options: &[],
            imports: "",
            describe: "",
            parse: "",
            realloc: BUMP,
            fields: "",
            wit: "",
            encoding: StringEncoding::UTF8,
            answer: Answer::default(),
        }
    }
}

/// An allocator that never frees.
const BUMP: &str = "(local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at)";

/// Text that makes no component.
#[derive(Debug, thiserror::Error)]
#[error("this makes no component: {0}")]
pub struct NoComponent(String);

impl NoComponent {
    /// What is written in this text, component or not.
    pub(super) fn or_bytes_of(text: &str) -> Result<Vec<u8>, Self> {
        wat::parse_str(text).map_err(|error| Self(error.to_string()))
    }
}

impl Guest<'_> {
    /// Where the answer lies, laid out as [`super::image`] says. Zero before it, from 512 to 1,024 too.
    pub const ANSWER: u32 = 131_072;

    /// The component.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn bytes(&self) -> Result<Vec<u8>, NoComponent> {
        let mut bytes = NoComponent::or_bytes_of(&self.module())?;
        let mut encode = || {
            let mut resolve = Resolve::default();
            let package = resolve.push_str("tahoe.wit", WIT)?;
            let world = if self.wit.is_empty() {
                resolve.select_world(&[package], Some("tahoe-filter"))?
            } else {
                let package = resolve.push_str("guest.wit", self.wit)?;
                resolve.select_world(&[package], Some("guest"))?
            };
            embed_component_metadata(&mut bytes, &resolve, world, self.encoding)?;
            ComponentEncoder::default().validate(true).module(&bytes)?.encode()
        };
        encode().map_err(|error: anyhow::Error| NoComponent(format!("{error:#}")))
    }

    fn module(&self) -> String {
        let Self { imports, realloc, fields, .. } = self;
        let descriptor = Image::of_descriptor(&self.declared(), DESCRIPTOR, self.encoding);
        let mut data = format!("(data (i32.const {DESCRIPTOR}) \"{}\")", escaped(&descriptor));
        let mut pages = 2;
        if self.answer != Answer::default() {
            let answer = Image::of_answer(&self.answer, Self::ANSWER, self.encoding);
            pages = (Self::ANSWER + answer.len() as u32).div_ceil(PAGE);
            data += &format!("(data (i32.const {}) \"{}\")", Self::ANSWER, escaped(&answer));
        }
        let describe = if self.describe.is_empty() { format!("(i32.const {DESCRIPTOR})") } else { self.describe.to_owned() };
        // Where there is no answer, memory is zero at 512, and so are the case `ok` and three empty lists.
        let answer = if pages == 2 { 512 } else { Self::ANSWER };
        let parse = if self.parse.is_empty() { format!("(i32.const {answer})") } else { self.parse.to_owned() };
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                {data}
                (global $next (mut i32) (i32.const {HEAP}))
                (func $describe (export "{CONTRACT}#describe") (result i32) {describe})
                (func $parse (export "{CONTRACT}#parse") (param i32 i32 i32 i32 i32 i32 f64) (result i32) {parse})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) {realloc})
                {fields})"#,
        )
    }

    fn declared(&self) -> Declared {
        Declared {
            id: format!("00000000-0000-4000-8000-0000000000{:02x}", self.number),
            name: self.name.to_owned(),
            version: "1.0.0".to_owned(),
            description: "A filter that misbehaves.".to_owned(),
            accepts: self.accepts.iter().map(|&sub_type| sub_type.to_owned()).collect(),
            emits: self.emits.iter().map(|(itype, sub_type)| (*itype, (*sub_type).to_owned())).collect(),
            asserts: self.asserts.to_vec(),
            options: self.options.iter().map(Setting::declared).collect(),
        }
    }
}

/// Bytes as a string of the text format.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "\\{byte:02x}");
    }
    text
}
