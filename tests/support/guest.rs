//! Components from text: a core module's `parse`, with a descriptor written into its memory as the component model
//! lays it out.

use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::{Archive, root};

/// Where the descriptor lies in the module's memory.
const BASE: usize = 1024;

/// A filter for `cowrie` and `sighting` records, in parts of a core module.
pub(crate) struct Guest<'a> {
    /// The last byte of the filter's id.
    pub(crate) number: u8,
    pub(crate) name: &'a str,
    /// Its options.
    pub(crate) options: &'a [Setting<'a>],
    /// Imports, before everything else.
    pub(crate) imports: &'a str,
    /// The body of `parse`: parameters are three strings (pointer, length) and an f64; it returns a pointer.
    pub(crate) parse: &'a str,
    /// The body of the allocator: parameters old pointer, old size, alignment, new size; local `$at`.
    pub(crate) realloc: &'a str,
    /// Whatever else the module has.
    pub(crate) fields: &'a str,
    /// A WIT package with a world `guest`, if it imports more than the contract's.
    pub(crate) wit: &'a str,
}

/// An option of a filter; its default is the first value that is allowed, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) key: &'a str,
    pub(crate) allowed: &'a [&'a str],
    pub(crate) secret: bool,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self { number: 9, name: "guest", options: &[], imports: "", parse: EMPTY_ANSWER, realloc: BUMP, fields: "", wit: "" }
    }
}

/// A body of `parse` that answers with nothing: memory is zero there, and so are the case `ok` and three empty lists.
pub(crate) const EMPTY_ANSWER: &str = "(i32.const 512)";

/// An allocator that never frees.
const BUMP: &str = "(local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at)";

impl Guest<'_> {
    /// The component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { number, name, options, imports, parse, realloc, fields, wit } = self;
        let module = format!(
            r#"(module
                {imports}
                (memory (export "memory") 2)
                (data (i32.const {BASE}) "{descriptor}")
                (global $next (mut i32) (i32.const 65536))
                (func (export "cybexp:tahoe/filter@0.1.0#describe") (result i32) (i32.const {BASE}))
                (func $parse (export "cybexp:tahoe/filter@0.1.0#parse")
                    (param i32 i32 i32 i32 i32 i32 f64) (result i32) {parse})
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) {realloc})
                {fields})"#,
            descriptor = escaped(&descriptor(*number, name, options)),
        );
        let mut bytes = wat::parse_str(module).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_path(root().join("wit")).unwrap();
        let world = if wit.is_empty() {
            resolve.select_world(&[package], Some("tahoe-filter"))
        } else {
            let package = resolve.push_str("guest.wit", wit).unwrap();
            resolve.select_world(&[package], Some("guest"))
        };
        let world = world.unwrap();
        embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&bytes).unwrap().encode().unwrap()
    }
}

/// A component with this body of `parse`, in a file beside an archive's store.
pub(crate) fn file(archive: &Archive, number: u8, name: &str, parse: &str) -> PathBuf {
    archive.file(&format!("{name}.wasm"), Guest { number, name, parse, ..Guest::default() }.bytes())
}

/// The record `descriptor` of `wit/types.wit` in memory: eight fields of a pointer and a length each, then what they
/// point to.
fn descriptor(number: u8, name: &str, options: &[Setting<'_>]) -> Vec<u8> {
    let id = format!("00000000-0000-4000-8000-0000000000{number:02x}");
    let mut head: Vec<u8> = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    let place = |tail: &mut Vec<u8>, bytes: &[u8]| {
        tail.resize(tail.len().next_multiple_of(4), 0);
        let at = (BASE + 64 + tail.len()) as u32;
        tail.extend(bytes);
        at
    };
    let pair = |at: u32, length: usize| [at.to_le_bytes(), (length as u32).to_le_bytes()].concat();
    for text in [id.as_str(), name, "1.0.0", "A filter that misbehaves."] {
        let at = place(&mut tail, text.as_bytes());
        head.extend(pair(at, text.len()));
    }
    let text = |tail: &mut Vec<u8>, text: &str| pair(place(tail, text.as_bytes()), text.len());
    let list = |tail: &mut Vec<u8>, texts: &[&str]| {
        let texts: Vec<Vec<u8>> = texts.iter().map(|element| text(tail, element)).collect();
        pair(place(tail, &texts.concat()), texts.len())
    };
    head.extend(list(&mut tail, &["cowrie", "sighting"]));
    // Options: key, description, default, allowed, and a byte for secret, which takes four.
    let specs: Vec<Vec<u8>> = options
        .iter()
        .map(|Setting { key, allowed, secret }| {
            let default = allowed.first().copied().unwrap_or_default();
            let texts = [*key, "A setting.", default].map(|part| text(&mut tail, part)).concat();
            [texts, list(&mut tail, allowed), vec![u8::from(*secret), 0, 0, 0]].concat()
        })
        .collect();
    let at = place(&mut tail, &specs.concat());
    head.extend(pair(at, specs.len()));
    // Emits: any attribute. A kind is one byte, the sub-type follows at the next multiple of four.
    let star = place(&mut tail, b"*");
    let at = place(&mut tail, &[vec![0; 4], pair(star, 1)].concat());
    head.extend(pair(at, 1));
    head.extend(pair(0, 0));
    head.extend(tail);
    head
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
