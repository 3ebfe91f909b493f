//! Admission: what is looked at before a component may see a record.

use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::call::{Record, finish, run};
use super::engine::{SLOT_BYTES, Sandbox};
use super::failure::cut;
use super::options::Options;
use super::v0_1_0;
use crate::descriptor::{Descriptor, DescriptorError};
use crate::limits::Limits;
use crate::tahoe::Hash;
use crate::verdict::{Called, Failure, FailureKind, Outcome, Report};

/// The most bytes of a refusal that come from the component.
const MAX_REFUSAL: usize = 512;

/// Why a component is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Larger than [`Limits::COMPONENT_BYTES`].
    #[error("it has {0} bytes, a component is at most {limit}", limit = Limits::COMPONENT_BYTES)]
    TooLarge(u64),
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
    #[error("it does not export {expected}, the contract of a filter; it exports: {found}", expected = v0_1_0::EXPORT)]
    NoContract {
        /// What it exports.
        found: String,
    },
    /// Asks for something that is not linked.
    #[error("it imports {0}, which no filter gets; a filter may import: {allowed}", allowed = v0_1_0::IMPORTS.join(", "))]
    Import(String),
    /// Declares more memory, tables or instances than its budget.
    #[error("it needs {what}: {found}, at most {limit}")]
    Resources {
        /// Of what.
        what: &'static str,
        /// How much it declares.
        found: u64,
        /// How much there is.
        limit: u64,
    },
    /// Could not say what it is.
    #[error("it failed to describe itself: {} ({})", .0.message, .0.kind.name())]
    Describe(Failure),
    /// What it said breaks the contract.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The host could not set it up.
    #[error("the host could not set it up: {0}")]
    Host(String),
}

/// An admitted filter: compiled, linked, described, with its settings. Only [`Sandbox::load`] makes one.
pub struct Filter {
    descriptor: Descriptor,
    digest: Hash,
    bytes: Arc<[u8]>,
    imports: Vec<String>,
    limits: Limits,
    options: Options,
    sandbox: Arc<Sandbox>,
    pooled: v0_1_0::Linked,
    on_demand: OnceLock<v0_1_0::Linked>,
}

impl Sandbox {
    /// Admits a component under these limits: checks it from the outside in, and asks it what it is. Nothing else of
    /// it runs.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn load(self: &Arc<Self>, bytes: Arc<[u8]>, limits: Limits) -> Result<Filter, Refusal> {
        check_header(&bytes)?;
        let engine = self.pooled();
        let component =
            Component::new(engine, &bytes).map_err(|error| Refusal::Invalid(cut(&format!("{error:#}"), MAX_REFUSAL)))?;
        let imports = check_interfaces(engine, &component)?;
        check_resources(&component, &limits)?;
        let pooled =
            v0_1_0::link(engine, &component).map_err(|error| Refusal::Invalid(cut(&format!("{error:#}"), MAX_REFUSAL)))?;
        let (declared, _) = run(engine, &limits, 0, &Options::default(), |store| pooled.describe(store, limits.setup_fuel));
        let descriptor = Descriptor::check(declared.map_err(Refusal::Describe)?)?;
        let options = Options::resolve(&descriptor, &std::collections::BTreeMap::new())
            .map_err(|error| Refusal::Host(error.to_string()))?;
        Ok(Filter {
            descriptor,
            digest: Hash::of(&[&bytes]),
            bytes,
            imports,
            limits,
            options,
            sandbox: Arc::clone(self),
            pooled,
            on_demand: OnceLock::new(),
        })
    }
}

fn check_header(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() as u64 > Limits::COMPONENT_BYTES {
        return Err(Refusal::TooLarge(bytes.len() as u64));
    }
    match bytes.strip_prefix(b"\0asm") {
        None => Err(Refusal::NotWasm),
        // The four bytes of the version: for a component the upper two, its layer, are 1.
        Some([1, 0, 0, 0, ..]) => Err(Refusal::CoreModule),
        Some(_) => Ok(()),
    }
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
    match imports.iter().find(|name| !v0_1_0::IMPORTS.contains(&name.as_str())) {
        Some(import) => Err(Refusal::Import(cut(import, MAX_REFUSAL))),
        None => Ok(imports),
    }
}

/// The engine counts initial memory in pages; other page sizes are off.
const WASM_PAGE_BYTES: u64 = 64 * 1024;

/// Checks what the component would take before its first instruction.
fn check_resources(component: &Component, limits: &Limits) -> Result<(), Refusal> {
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
        Some((what, found, limit)) => Err(Refusal::Resources { what, found, limit }),
        None => Ok(()),
    }
}

impl Filter {
    /// What it says of itself.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// SHA-256 of its bytes, the same that were compiled.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.digest
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What it imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The contract that it exports.
    #[must_use]
    pub const fn contract(&self) -> &'static str {
        v0_1_0::EXPORT
    }

    /// Its budgets.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its settings.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Gives it other settings.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// Gives it one record, in a fresh instance. The outcome depends on the filter's bytes, its settings and the
    /// record, and on nothing else.
    #[must_use]
    pub fn call(&self, record: &Record<'_>) -> Called {
        let input = record.data.len() as u64;
        let (engine, linked) = match self.engine_for(input) {
            Ok(found) => found,
            Err(error) => {
                let failure = Failure::new(FailureKind::Host, error.to_string());
                return Called { outcome: Outcome::Failed(failure), report: Report::default() };
            }
        };
        let fuel = self.limits.fuel.of(input);
        let (result, report) = run(engine, &self.limits, input, &self.options, |store| linked.parse(store, record, fuel));
        finish(result, report, &self.limits, input)
    }

    /// The pool for ordinary records; for one whose memory budget is larger than a slot, the engine without slots.
    fn engine_for(&self, input: u64) -> wasmtime::Result<(&Engine, &v0_1_0::Linked)> {
        if self.limits.memory.of(input) <= SLOT_BYTES {
            return Ok((self.sandbox.pooled(), &self.pooled));
        }
        let engine = self.sandbox.on_demand()?;
        if let Some(linked) = self.on_demand.get() {
            return Ok((engine, linked));
        }
        let linked = v0_1_0::link(engine, &Component::new(engine, &self.bytes)?)?;
        Ok((engine, self.on_demand.get_or_init(|| linked)))
    }
}
