//! Admission from the outside in, and compilation: what needs the component's bytes. Nothing of the component runs.

use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine::new_engine;
use super::failure::cut;
use super::{v0_1_0, wasi};
use crate::limits::{Limits, Profile};
use crate::verdict::Failure;

/// The most bytes of a refusal that come from the component.
pub(super) const MAX_REFUSAL: usize = 512;

/// Why a component is not admitted.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Larger than its profile allows, or than any does.
    #[error("it has {size} bytes, a component of profile {} is at most {}", profile.name(), profile.component_bytes())]
    TooLarge {
        /// How many bytes it has.
        size: u64,
        /// By what it imports; the one with the largest components before that is known.
        profile: Profile,
    },
    /// Not WebAssembly at all.
    #[error("it is not WebAssembly: it does not begin with the bytes that every component begins with")]
    NotWasm,
    /// WebAssembly, but a core module.
    #[error("it is a core module, not a component; `runtime build` makes components")]
    CoreModule,
    /// Does not parse, validate or compile.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// Exports no contract that this host knows.
    #[error("it does not export {expected}, the contract of a filter; it exports: {found}{}", other_version(found), expected = v0_1_0::EXPORT)]
    NoContract {
        /// What it exports.
        found: String,
    },
    /// Asks for something that is not linked.
    #[error(
        "it imports {0}, which no filter gets; a filter may import: {allowed}; and of WASI 0.2 the packages cli, clocks, \
         filesystem, io, random and sockets, where it finds nothing (build it without what needs more)",
        allowed = v0_1_0::IMPORTS.join(", ")
    )]
    Import(String),
    /// Declares more memory, tables or instances than its budget.
    #[error("it needs {what}: {found}, at most {limit}")]
    Resources {
        /// Of what.
        what: String,
        /// How much it declares.
        found: u64,
        /// How much there is.
        limit: u64,
    },
    /// Could not say what it is.
    #[error("it failed to describe itself: {}", described(.0))]
    Describe(Failure),
    /// What it said breaks the contract.
    #[error("{0}")]
    Descriptor(String),
    /// Compiling it took more than is allowed, or ended the process that did it.
    #[error("compiling it {0}")]
    Compilation(String),
    /// The host could not set it up.
    #[error("the host could not set it up: {0}")]
    Host(String),
}

/// What to do about a filter for another version of the contract.
fn other_version(exports: &str) -> &'static str {
    let name = v0_1_0::EXPORT.split_inclusive('@').next().unwrap_or(v0_1_0::EXPORT);
    if exports.contains(name) {
        "; that is another version of it: build the filter with the `wit/` of this runtime, or run it with the one that it is for"
    } else {
        ""
    }
}

/// How it failed, with its frames on lines of their own: what the guest named has no line breaks there.
fn described(failure: &Failure) -> String {
    let line = |text: &str| text.replace(['\n', '\r'], " ");
    let frames = failure.backtrace.iter().map(|frame| format!("\nin {}", line(frame)));
    format!("{} ({}){}", line(&failure.message), failure.kind.name(), frames.collect::<String>())
}

/// A component that was admitted, as machine code.
#[derive(Debug)]
pub struct Compiled {
    /// Machine code for this machine and this version of the engine. Whoever loads it runs it: it must not come from
    /// anybody but [`compile()`].
    pub artifact: Vec<u8>,
    /// What the component imports.
    pub imports: Vec<String>,
}

impl Compiled {
    /// What it needs, by what it imports.
    #[must_use]
    pub fn profile(&self) -> Profile {
        profile(&self.imports)
    }
}

/// What a component needs that imports these.
fn profile(imports: &[String]) -> Profile {
    if imports.iter().any(|import| wasi::is_wasi(import)) { Profile::Wasi } else { Profile::Pure }
}

/// Admits a component under the limits of its profile and compiles it. Takes time and memory in proportion to what the
/// component says, not to its size: to be called in a process that may be ended.
///
/// # Errors
/// The first reason to refuse it.
pub fn compile(bytes: &[u8]) -> Result<Compiled, Refusal> {
    check_header(bytes)?;
    let engine = new_engine(None).map_err(|error| Refusal::Host(format!("{error:#}")))?;
    let invalid = |error: wasmtime::Error| Refusal::Invalid(cut(&format!("{error:#}"), MAX_REFUSAL));
    let component = Component::new(&engine, bytes).map_err(invalid)?;
    let imports = check_interfaces(&engine, &component)?;
    let profile = profile(&imports);
    check_size(bytes, profile)?;
    check_resources(&component, &profile.limits())?;
    v0_1_0::link(&engine, &component, profile).map_err(invalid)?;
    let artifact = component.serialize().map_err(|error| Refusal::Host(format!("{error:#}")))?;
    let (found, most) = (artifact.len() as u64, Limits::CODE_BYTES.of(bytes.len() as u64));
    if found > most {
        return Err(Refusal::Compilation(format!("makes {found} bytes of machine code of it, at most {most}")));
    }
    Ok(Compiled { artifact, imports })
}

/// Checks the size and the first bytes.
///
/// # Errors
/// What it is instead of a component.
pub fn check_header(bytes: &[u8]) -> Result<(), Refusal> {
    check_size(bytes, Profile::Wasi)?;
    match bytes.strip_prefix(b"\0asm") {
        None => Err(Refusal::NotWasm),
        // The four bytes of the version: for a component the upper two, its layer, are 1.
        Some([1, 0, 0, 0, ..]) => Err(Refusal::CoreModule),
        Some(_) => Ok(()),
    }
}

fn check_size(bytes: &[u8], profile: Profile) -> Result<(), Refusal> {
    let size = bytes.len() as u64;
    if size > profile.component_bytes() { Err(Refusal::TooLarge { size, profile }) } else { Ok(()) }
}

/// Checks that the contract is exported and nothing beyond it imported; returns the imports.
fn check_interfaces(engine: &Engine, component: &Component) -> Result<Vec<String>, Refusal> {
    let interface = component.component_type();
    let exports: Vec<String> = interface.exports(engine).map(|(name, _)| name.to_owned()).collect();
    if !exports.iter().any(|name| name == v0_1_0::EXPORT) {
        let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        return Err(Refusal::NoContract { found: cut(&found, MAX_REFUSAL) });
    }
    let imports: Vec<String> = interface.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let granted = |name: &String| v0_1_0::IMPORTS.contains(&name.as_str()) || wasi::interface(name).is_some();
    match imports.iter().find(|name| !granted(name)) {
        Some(import) => Err(Refusal::Import(cut(import, MAX_REFUSAL))),
        None => Ok(imports),
    }
}

/// The engine counts initial memory in pages; other page sizes are off.
const WASM_PAGE_BYTES: u64 = 64 * 1024;

/// Checks what the component would take before its first instruction.
pub(super) fn check_resources(component: &Component, limits: &Limits) -> Result<(), Refusal> {
    let Some(resources) = component.resources_required() else {
        return Err(Refusal::Invalid("it imports core modules".to_owned()));
    };
    let checks = [
        ("memories", u64::from(resources.num_memories), limits.memories),
        ("tables", u64::from(resources.num_tables), limits.tables),
        (
            "initial bytes of one memory",
            resources.max_initial_memory_size.unwrap_or(0).saturating_mul(WASM_PAGE_BYTES),
            limits.memory.of(0),
        ),
        ("initial entries of one table", resources.max_initial_table_size.unwrap_or(0), limits.table_entries),
    ];
    match checks.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(Refusal::Resources { what: what.to_owned(), found, limit }),
        None => Ok(()),
    }
}
