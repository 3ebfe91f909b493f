//! A compiled component, ready for records.

use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::call::{Record, finish, run};
use super::compile::{Refusal, check_resources};
use super::engine::{SLOT_BYTES, Sandbox};
use super::options::Options;
use super::v0_1_0;
use crate::descriptor::Declared;
use crate::limits::Limits;
use crate::verdict::{Called, Failure, FailureKind, Outcome, Report};

/// A compiled component with its imports resolved and its budgets.
pub struct Program {
    artifact: Arc<[u8]>,
    limits: Limits,
    sandbox: Arc<Sandbox>,
    pooled: v0_1_0::Linked,
    on_demand: OnceLock<v0_1_0::Linked>,
}

impl Sandbox {
    /// Loads what [`super::compile()`] made, perhaps under other limits.
    ///
    /// # Errors
    /// The engine's: another version made it, or for another machine. Or it needs more than these limits give.
    pub fn program(self: &Arc<Self>, artifact: Arc<[u8]>, limits: Limits) -> Result<Program, Refusal> {
        let component = load(self.pooled(), &artifact).map_err(|error| Refusal::Host(format!("{error:#}")))?;
        check_resources(&component, &limits)?;
        let pooled = v0_1_0::link(self.pooled(), &component).map_err(|error| Refusal::Host(format!("{error:#}")))?;
        Ok(Program { artifact, limits, sandbox: Arc::clone(self), pooled, on_demand: OnceLock::new() })
    }
}

#[expect(unsafe_code, reason = "machine code can be loaded in no other way")]
fn load(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the engine asks that the bytes are what `Component::serialize` made, unchanged. They come from a process
    // of this binary that compiled a component and never ran one, straight or through a cache whose entries carry a
    // code that only this user can make. The engine itself refuses those of another version or configuration.
    unsafe { Component::deserialize(engine, artifact) }
}

impl Program {
    /// Asks the filter what it is.
    ///
    /// # Errors
    /// How it failed to say so.
    pub fn describe(&self) -> Result<Declared, Failure> {
        let limits = &self.limits;
        let (declared, _) =
            run(self.sandbox.pooled(), limits, 0, &Options::default(), |store| self.pooled.describe(store, limits.setup_fuel));
        declared
    }

    /// Gives the filter one record, in a fresh instance. The outcome depends on the component, the settings and the
    /// record, and on nothing else.
    #[must_use]
    pub fn call(&self, record: &Record<'_>, options: &Options) -> Called {
        let input = record.data.len() as u64;
        let (engine, linked) = match self.engine_for(input) {
            Ok(found) => found,
            Err(error) => {
                let failure = Failure::new(FailureKind::Host, error.to_string());
                return Called { outcome: Outcome::Failed(failure), report: Report::default() };
            }
        };
        let fuel = self.limits.fuel.of(input);
        let (result, report) = run(engine, &self.limits, input, options, |store| linked.parse(store, record, fuel));
        finish(result, report, &self.limits, input)
    }

    /// The pool for ordinary records; for one whose memory budget is larger than a slot, the engine without slots.
    fn engine_for(&self, input: u64) -> wasmtime::Result<(&Engine, &v0_1_0::Linked)> {
        if self.limits.memory.of(input) <= SLOT_BYTES {
            return Ok((self.sandbox.pooled(), &self.pooled));
        }
        let engine = self.sandbox.on_demand();
        if let Some(linked) = self.on_demand.get() {
            return Ok((engine, linked));
        }
        let linked = v0_1_0::link(engine, &load(engine, &self.artifact)?)?;
        Ok((engine, self.on_demand.get_or_init(|| linked)))
    }
}
