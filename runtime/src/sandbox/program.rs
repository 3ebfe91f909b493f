//! A compiled component, ready for records.

use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::call::{Record, finish, run};
use super::compile::{MAX_REFUSAL, Refusal, check_resources};
use super::engine::{Sandbox, slot_bytes};
use super::failure::cut;
use super::options::Options;
use super::v0_1_0;
use super::wasi::World;
use crate::descriptor::Declared;
use crate::limits::{Limits, Profile};
use crate::verdict::{Called, Failure, FailureKind, Outcome, Report};

/// A compiled component with its imports resolved and its budgets.
pub struct Program {
    profile: Profile,
    limits: Limits,
    sandbox: Arc<Sandbox>,
    code: Code,
}

/// A component on the engines that it runs on.
enum Code {
    /// In slots of the pool; for records too large for a slot, on the other engine too, once there is one.
    Pooled { linked: v0_1_0::Linked, artifact: Arc<[u8]>, on_demand: OnceLock<v0_1_0::Linked> },
    /// What fits no slot whatever the record: an uncommon runtime of a language.
    OnDemand(v0_1_0::Linked),
}

impl Sandbox {
    /// Loads what [`super::compile()`] made, perhaps under other limits.
    ///
    /// # Errors
    /// The engine's: another version made it, or for another machine. Or it needs more than these limits give.
    pub fn program(self: &Arc<Self>, artifact: Arc<[u8]>, profile: Profile, limits: Limits) -> Result<Program, Refusal> {
        let on_demand = || load(self.on_demand(), &artifact);
        let link = |engine, component: &Component| {
            check_resources(component, &limits)?;
            v0_1_0::link(engine, component, profile).map_err(|error| Refusal::Host(format!("{error:#}")))
        };
        let code = match load(self.pooled(profile), &artifact) {
            Ok(component) => {
                let linked = link(self.pooled(profile), &component)?;
                Code::Pooled { linked, artifact, on_demand: OnceLock::new() }
            }
            Err(error) => match (on_demand(), profile) {
                (Ok(component), Profile::Wasi) => Code::OnDemand(link(self.on_demand(), &component)?),
                // What fits no slot of the pool, such as a component of too many instances, is at fault itself.
                (Ok(_), Profile::Pure) => return Err(Refusal::Invalid(cut(&format!("{error:#}"), MAX_REFUSAL))),
                (Err(_), _) => return Err(Refusal::Host(format!("{error:#}"))),
            },
        };
        Ok(Program { profile, limits, sandbox: Arc::clone(self), code })
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
    /// Asks the filter what it is: what it says or how it failed to, and what that cost.
    pub fn describe(&self) -> (Result<Declared, Failure>, Report) {
        let limits = &self.limits;
        let (engine, linked) = match &self.code {
            Code::Pooled { linked, .. } => (self.sandbox.pooled(self.profile), linked),
            Code::OnDemand(linked) => (self.sandbox.on_demand(), linked),
        };
        let describe = |store: &mut _| linked.describe(store, limits.setup_fuel);
        run(engine, limits, 0, &Options::default(), World::default(), describe)
    }

    /// Gives the filter one record, in a fresh instance. The outcome depends on the component, the settings and the
    /// record, and on nothing else.
    #[must_use]
    pub fn call(&self, record: &Record<'_>, options: &Options) -> Called {
        self.call_within(record, options, u64::MAX)
    }

    /// The same, with no more than so much fuel for the call itself, and no more than its limit.
    #[must_use]
    pub fn call_within(&self, record: &Record<'_>, options: &Options, fuel: u64) -> Called {
        let input = record.data.len() as u64;
        let (engine, linked) = match self.engine_for(input) {
            Ok(found) => found,
            Err(error) => {
                let failure = Failure::new(FailureKind::Host, error.to_string());
                return Called { outcome: Outcome::Failed(failure), report: Report::default() };
            }
        };
        let fuel = self.limits.fuel.of(input).min(fuel);
        let world = match self.profile {
            // Which cannot look at it.
            Profile::Pure => World::default(),
            Profile::Wasi => World::of(record),
        };
        let (result, report) = run(engine, &self.limits, input, options, world, |store| linked.parse(store, record, fuel));
        finish(result, report, &self.limits, input)
    }

    /// The pool for ordinary records; for one whose memory budget is larger than a slot, the engine without slots.
    fn engine_for(&self, input: u64) -> wasmtime::Result<(&Engine, &v0_1_0::Linked)> {
        let engine = self.sandbox.on_demand();
        let (linked, artifact, on_demand) = match &self.code {
            Code::OnDemand(linked) => return Ok((engine, linked)),
            Code::Pooled { linked, artifact, on_demand } => (linked, artifact, on_demand),
        };
        if self.limits.memory.of(input) <= slot_bytes(self.profile) {
            return Ok((self.sandbox.pooled(self.profile), linked));
        }
        if let Some(linked) = on_demand.get() {
            return Ok((engine, linked));
        }
        let linked = v0_1_0::link(engine, &load(engine, artifact)?, self.profile)?;
        Ok((engine, on_demand.get_or_init(|| linked)))
    }
}
