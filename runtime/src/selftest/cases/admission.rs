//! Components that must not be admitted: what they are, what they ask for, how they describe themselves.

use super::{CONTRACT, Case, Duration, Expect, Guest, hostile};
use crate::limits::Limits;
use crate::selftest::{NoComponent, neighbour};

pub(super) fn cases() -> Vec<Case> {
    [files(), imports(), features(), resources(), descriptions()]
        .into_iter()
        .flatten()
        .chain([compile_bomb(), memory_bomb(), image_bomb()])
        .collect()
}

fn refused(name: &str, words: &'static str, build: impl Fn() -> Result<Vec<u8>, NoComponent> + Send + Sync + 'static) -> Case {
    Case::new(name, Expect::Refused(words), build)
}

/// Components of whatever text, which need not be filters.
fn component(name: &str, words: &'static str, fields: &str) -> Case {
    let fields = fields.to_owned();
    refused(name, words, move || NoComponent::or_bytes_of(&format!("(component {fields})")))
}

/// A component that exports the contract in name only.
fn hollow(name: &str, words: &'static str, fields: &str) -> Case {
    component(name, words, &format!("{fields} (instance $hollow) (export \"{CONTRACT}\" (instance $hollow))"))
}

/// Bytes that are no filter.
fn files() -> Vec<Case> {
    vec![
        refused("no-bytes", "not WebAssembly", || Ok(Vec::new())),
        refused("random-bytes", "not WebAssembly", || Ok(noise(4096))),
        refused("random-bytes-after-the-header", "not a valid component", || {
            Ok([b"\0asm\x0d\0\x01\0".as_slice(), &noise(4096)].concat())
        }),
        refused("larger-than-a-component-may-be", "at most", || {
            Ok([b"\0asm\x0d\0\x01\0".as_slice(), &vec![0; Limits::COMPONENT_BYTES as usize]].concat())
        }),
        refused("cut-in-half", "not a valid component", || {
            let mut bytes = hostile().bytes()?;
            bytes.truncate(bytes.len() / 2);
            Ok(bytes)
        }),
        refused("core-module", "core module", || NoComponent::or_bytes_of("(module)")),
        component("exports-nothing", "does not export", ""),
        component(
            "another-version-of-the-contract",
            "does not export",
            "(instance $i) (export \"cybexp:tahoe/filter@9.9.9\" (instance $i))",
        ),
        hollow("contract-without-functions", "not a valid component", ""),
        refused("components-within-components", "does not export", || Ok(nested(1_000))),
        component("types-that-double", "not a valid component", &doubling_types(64)),
        refused("id-of-another-filter", "two filters have the id", || {
            Guest { number: neighbour::NUMBER, name: "impostor", ..hostile() }.bytes()
        }),
        refused("name-of-another-filter", "two filters have the name", || Guest { name: neighbour::NAME, ..hostile() }.bytes()),
    ]
}

/// What it asks for, besides WASI 0.2: a component that imports that finds a world in which there is nothing.
fn imports() -> Vec<Case> {
    let wanted =
        [("asks-for-http", "wasi:http/outgoing-handler@0.2.0"), ("asks-for-what-nobody-knows", "evil:host/everything@1.0.0")];
    let mut cases: Vec<Case> = wanted
        .into_iter()
        .map(|(name, import)| hollow(name, "which no filter gets", &format!("(import \"{import}\" (instance))")))
        .collect();
    cases.extend([
        hollow("asks-for-a-function", "which no filter gets", "(import \"system\" (func))"),
        hollow("asks-for-a-core-module", "which no filter gets", "(import \"code\" (core module))"),
        hollow(
            "asks-for-a-resource-in-the-log",
            "not a valid component",
            "(import \"cybexp:tahoe/log@0.1.0\" (instance (export \"file\" (type (sub resource)))))",
        ),
        hollow(
            "asks-for-another-log",
            "not a valid component",
            "(import \"cybexp:tahoe/log@0.1.0\" (instance (export \"log\" (func (param \"address\" u64) (result u64)))))",
        ),
    ]);
    cases
}

/// Proposals that are off in the engine.
fn features() -> Vec<Case> {
    let modules = [
        ("asks-for-threads", "(memory 1 1 shared)"),
        ("asks-for-64-bit-memory", "(memory i64 1)"),
        ("asks-for-garbage-collection", "(type (struct (field i32)))"),
        ("asks-for-exceptions", "(tag)"),
        ("asks-for-tail-calls", "(func $f (return_call $f))"),
        ("asks-for-relaxed-simd", "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))"),
        ("asks-for-other-pages", "(memory 1 (pagesize 1))"),
    ];
    modules.into_iter().map(|(name, fields)| hollow(name, "not a valid component", &format!("(core module {fields})"))).collect()
}

/// What it takes before its first instruction.
fn resources() -> Vec<Case> {
    let declares = |name: &str, words, fields: &'static str| refused(name, words, move || Guest { fields, ..hostile() }.bytes());
    vec![
        declares("declares-much-memory", "memory", "(memory 2000)"),
        declares("declares-more-memory-than-its-budget", "initial bytes of one memory", "(memory 1200)"),
        declares("declares-many-memories", "memories", "(memory 1) (memory 1) (memory 1) (memory 1)"),
        declares("declares-a-large-table", "table", "(table 30000 funcref)"),
        declares(
            "declares-many-tables",
            "tables",
            "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)",
        ),
        // With the two pages that it has anyway a page too much; each alone would be within the budget.
        declares("declares-two-memories-beyond-one-budget", "bytes of memory", "(memory 1023)"),
        refused("declares-many-instances", "core module instances", || {
            // Of a second module, the first being its own: a list of so many, each of module 1 and without arguments.
            let module = section(1, &NoComponent::or_bytes_of("(module)")?);
            let instances = section(2, &[&[100][..], &[0, 1, 0].repeat(100)].concat());
            Ok([hostile().bytes()?, module, instances].concat())
        }),
    ]
}

/// How it describes itself.
fn descriptions() -> Vec<Case> {
    let describes =
        |name: &str, words, describe: &'static str| refused(name, words, move || Guest { describe, ..hostile() }.bytes());
    let starts = |name: &str, words, body: &str| {
        let fields = format!("(func $start {body}) (start $start)");
        refused(name, words, move || Guest { fields: &fields, ..hostile() }.bytes())
    };
    let named = |name: &str, own: &'static str| refused(name, "name: expected", move || Guest { name: own, ..hostile() }.bytes());
    let zeros = "(i32.store (i32.const 600) (i32.const 65536)) (i32.store (i32.const 604) (i32.const 50000000)) (i32.const 600)";
    vec![
        starts("loop-in-start", "fuel", "(loop (br 0))"),
        starts("trap-in-start", "trap", "unreachable"),
        starts("recursion-in-start", "stack", "(call $start)"),
        starts("memory-bomb-in-start", "memory", "(loop (drop (memory.grow (i32.const 64))) (br 0))"),
        describes("loop-in-describe", "fuel", "(loop (br 0)) unreachable"),
        describes("trap-in-describe", "trap", "unreachable"),
        describes("recursion-in-describe", "stack", "(call $describe)"),
        describes("memory-bomb-in-describe", "memory", "(loop (drop (memory.grow (i32.const 64))) (br 0)) unreachable"),
        describes("descriptor-outside-of-memory", "trap", "(i32.const -64)"),
        describes("descriptor-of-nothing", "id: expected", "(i32.const 512)"),
        refused("descriptor-of-50-megabytes", "output", move || {
            let describe = format!("(drop (memory.grow (i32.const 900))) {zeros}");
            Guest { describe: &describe, ..hostile() }.bytes()
        }),
        named("name-with-escapes", "\u{1b}[31mred"),
        named("name-that-is-a-path", "../../etc/passwd"),
        named(
            "name-of-100-bytes",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
        refused("reads-nothing", "accepts", || Guest { accepts: &[], ..hostile() }.bytes()),
        refused("reads-what-is-no-sub-type", "accepts", || Guest { accepts: &["$where"], ..hostile() }.bytes()),
        refused("reads-a-thousand-sub-types", "accepts", || Guest { accepts: &["a"; 1000], ..hostile() }.bytes()),
    ]
}

/// Takes longer to compile than it may: loops within loops, and in each all of many locals change.
fn compile_bomb() -> Case {
    const SECONDS: u64 = 3;
    let mut case = refused("compile-bomb", "more processor time than allowed", || {
        let (locals, loops) = (8_000, 120);
        let changes: String = (0..locals)
            .step_by(4)
            .map(|n| format!("(local.set {n} (i64.add (local.get {n}) (local.get {})))", (n * 7 + 1) % locals))
            .collect();
        let body =
            format!("{}{}", format!("(loop {changes} (br_if 0 (i32.wrap_i64 (local.get 0)))").repeat(loops), ")".repeat(loops));
        let fields = format!("(func (export \"bomb\") (local {}) {body})", "i64 ".repeat(locals));
        Guest { fields: &fields, ..hostile() }.bytes()
    });
    case.processor_seconds = Some(SECONDS);
    // It may be given half a processor, or a fourth.
    case.limit = Duration::from_secs(4 * SECONDS);
    case.most_memory = (2048 + 32) * 1024 * 1024;
    case
}

/// Modules that are never used, with a byte in each page of their memories: a small file, and much to keep of it.
fn image_bomb() -> Case {
    let mut case = refused("initial-memory-of-a-byte-a-page", "bytes of machine code", || {
        let bytes: String = (0..4096).map(|page| format!("(data (i32.const {}) \"x\")", page * 4096)).collect();
        let module = section(1, &NoComponent::or_bytes_of(&format!("(module (memory 256) {bytes})"))?);
        Ok([hostile().bytes()?, module.repeat(6)].concat())
    });
    case.most_memory = 512 * 1024 * 1024;
    case
}

/// Takes more memory to compile than there is: for each of so many components the engine notes all that they are in.
fn memory_bomb() -> Case {
    let mut case = refused("compile-bomb-that-takes-memory", "compiling it", || Ok(nested(10_000)));
    case.limit = Duration::from_secs(10);
    // What such a process may take, and its program.
    case.most_memory = (2048 + 32) * 1024 * 1024;
    case
}

/// Bytes without meaning, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A section of a component: its number, its length in sevens of bits, what is in it.
fn section(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

/// So many components, one in the other.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    (0..depth).fold(HEADER.to_vec(), |inner, _| [HEADER, &section(4, &inner)].concat())
}

/// Types each of which holds the one before twice.
fn doubling_types(count: usize) -> String {
    let mut types = String::from("(type $t0 (tuple u8 u8))");
    for n in 1..count {
        types += &format!("(type $t{n} (tuple $t{before} $t{before}))", before = n - 1);
    }
    types
}
