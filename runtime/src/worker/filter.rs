//! A filter, as the parent knows it: what it said of itself, and machine code that only children run.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::cache::Cache;
use super::child::Role;
use super::confine::COMPILING_SECONDS;
use super::process::{Launcher, Process};
use super::wire::Request;
use crate::descriptor::{Declared, Descriptor};
use crate::limits::{Limits, Profile};
use crate::sandbox::{CONTRACT, Compiled, Options, Refusal, check_header};
use crate::tahoe::Hash;
use crate::verdict::{Failure, Report};

/// The most bytes of anything that is neither machine code nor an answer.
const MOST: u64 = 16 * 1024 * 1024;

/// An admitted filter: compiled, described, with its settings. Only [`load()`] makes one.
pub struct Filter {
    descriptor: Descriptor,
    digest: Hash,
    size: usize,
    imports: Vec<String>,
    setup: Setup,
    pub(super) code: Code,
}

/// What a filter takes before it is given a record.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Setup {
    /// Units of fuel to make an instance.
    pub fuel: u64,
    /// Bytes of memory, once it has said what it is.
    pub memory: u64,
}

/// What a child needs to run a filter.
pub(super) struct Code {
    /// What children call it by; no two filters of a process have one.
    pub(super) number: u32,
    profile: Profile,
    pub(super) limits: Limits,
    options: Options,
    artifact: Vec<u8>,
}

impl Code {
    /// Has a child load it; `Err` within: what the child has against it.
    pub(super) fn send_to(&self, process: &mut Process) -> io::Result<Result<(), Refusal>> {
        let (filter, limits, options) = (self.number, Box::new(self.limits.clone()), self.options.clone());
        process.send(&Request::Load { filter, profile: self.profile, limits, options })?;
        process.send_bytes(&self.artifact)?;
        process.flush()?;
        process.receive(MOST)
    }
}

/// Admits a component under these limits, or those of its profile: has it compiled, unless the cache has it, and asks it
/// what it is. Nothing else of it runs.
///
/// # Errors
/// The first reason to refuse it.
pub fn load(launcher: &Launcher, cache: Option<&Cache>, bytes: &[u8], limits: Option<&Limits>) -> Result<Filter, Refusal> {
    check_header(bytes)?;
    let digest = Hash::of(&[bytes]);
    let cached = cache.and_then(|cache| cache.get(digest));
    if let Some(compiled) = cached {
        // Machine code that cannot be used is compiled anew, as if it had not been there.
        match describe(launcher, compiled, digest, bytes.len(), limits) {
            Err(Refusal::Host(reason)) => tracing::debug!(reason, "compiled code from the cache does not fit"),
            described => return described,
        }
    }
    let compiled = compile(launcher, bytes)?;
    if let Some(cache) = cache {
        cache.put(digest, &compiled);
    }
    describe(launcher, compiled, digest, bytes.len(), limits)
}

fn host(what: &str, error: &io::Error) -> Refusal {
    Refusal::Host(format!("{what}: {error}"))
}

/// In a process that does this and ends.
fn compile(launcher: &Launcher, bytes: &[u8]) -> Result<Compiled, Refusal> {
    let mut process = launcher.start(Role::Compile).map_err(|error| host("cannot start a process to compile in", &error))?;
    let exchange = |process: &mut Process| {
        process.send_bytes(bytes)?;
        process.flush()?;
        // As many seconds as it may compute, and some to be scheduled in.
        process.wait_for(Duration::from_secs(2 * COMPILING_SECONDS))?;
        let result: Result<Vec<String>, Refusal> = process.receive(MOST)?;
        Ok(result.map(|imports| (imports, process.receive_bytes(Limits::CODE_BYTES.of(bytes.len() as u64)))))
    };
    let (imports, artifact) = match exchange(&mut process) {
        Ok(result) => result?,
        Err(error) => return Err(Refusal::Compilation(process.obituary(&error))),
    };
    match artifact {
        Ok(artifact) => Ok(Compiled { artifact, imports }),
        Err(error) => Err(Refusal::Compilation(process.obituary(&error))),
    }
}

/// In a process that may run guests.
fn describe(
    launcher: &Launcher,
    compiled: Compiled,
    digest: Hash,
    size: usize,
    limits: Option<&Limits>,
) -> Result<Filter, Refusal> {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);
    let profile = compiled.profile();
    let limits = limits.map_or_else(|| profile.limits(), Limits::clone);
    let Compiled { artifact, imports } = compiled;
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let mut code = Code { number, profile, limits, options: Options::default(), artifact };
    let mut process = launcher.start(Role::Call).map_err(|error| host("cannot start a process to run it in", &error))?;
    let exchange = |process: &mut Process| {
        if let Err(refusal) = code.send_to(process)? {
            return Ok(Err(refusal));
        }
        process.send(&Request::Describe { filter: number })?;
        process.flush()?;
        let (declared, report): (Result<Declared, Failure>, Report) = process.receive(MOST)?;
        Ok(declared.map(|declared| (declared, report)).map_err(Refusal::Describe))
    };
    let (declared, report) = match exchange(&mut process) {
        Ok(described) => described?,
        Err(error) => return Err(Refusal::Host(format!("the process that ran it {}", process.obituary(&error)))),
    };
    let descriptor = Descriptor::check(declared).map_err(|error| Refusal::Descriptor(error.to_string()))?;
    code.options = Options::resolve(&descriptor, &BTreeMap::new()).map_err(|error| Refusal::Host(error.to_string()))?;
    let setup = Setup { fuel: report.setup_fuel, memory: report.memory };
    Ok(Filter { descriptor, digest, size, imports, setup, code })
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
    pub const fn size(&self) -> usize {
        self.size
    }

    /// What it takes before it is given a record.
    #[must_use]
    pub const fn setup(&self) -> Setup {
        self.setup
    }

    /// What it imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The contract by which it is called.
    #[must_use]
    pub const fn contract(&self) -> &'static str {
        CONTRACT
    }

    /// What it needs, by what it imports.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.code.profile
    }

    /// Its budgets.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.code.limits
    }

    /// Its settings.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.code.options
    }

    /// Gives it other settings.
    pub fn set_options(&mut self, options: Options) {
        self.code.options = options;
    }
}
