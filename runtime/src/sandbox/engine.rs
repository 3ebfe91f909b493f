//! The only place that makes engines.

use std::hash::{Hash as _, Hasher as _};
use std::num::NonZeroUsize;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::limits::Profile;

/// How often the epoch advances: the grain of the wall-clock backstop.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// The memory of one slot of the pool for a profile. A record whose budget is larger runs on the on-demand engine.
pub(super) const fn slot_bytes(profile: Profile) -> u64 {
    match profile {
        Profile::Pure => 96 * 1024 * 1024,
        Profile::Wasi => 320 * 1024 * 1024,
    }
}

/// Guest stack. What remains of a thread's stack must be enough for the host: [`crate::pipeline`] starts its threads
/// accordingly.
const GUEST_STACK_BYTES: usize = 512 * 1024;

/// Memory that a guest leaves behind is kept up to here, and put back as it was, so that the next instance finds it mapped. A
/// language's runtime touches some two megabytes before it looks at the record; to fault them in takes longer than the call.
const fn keep_resident_bytes(profile: Profile) -> usize {
    match profile {
        Profile::Pure => 1 << 20,
        Profile::Wasi => 8 << 20,
    }
}

/// Whether the kernel is asked which pages a guest wrote, so that no others are put back. It lists 32 runs of them at a time, and
/// what is beyond is given back to the system: right for small guests, which write to a few pages. A language's runtime writes
/// to hundreds, here and there, and to fault most of them in again costs more than to put all back.
const fn pagemap_scan(profile: Profile) -> Enabled {
    match profile {
        Profile::Pure => Enabled::Auto,
        Profile::Wasi => Enabled::No,
    }
}

/// Frames of a backtrace that are kept.
const BACKTRACE_FRAMES: usize = 20;

/// What runs guests: for each profile an engine with a pool of slots for ordinary records, and one without for large ones.
pub struct Sandbox {
    pure: Engine,
    wasi: Engine,
    on_demand: Engine,
}

impl Sandbox {
    /// Engines, the one with slots for so many calls at the same time. Starts threads that advance their epochs as long
    /// as the engines live.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs, address space above all.
    pub fn new(calls: u16) -> wasmtime::Result<Self> {
        let pooled = |profile| new_engine(Some((calls, profile)));
        let (pure, wasi, on_demand) = (pooled(Profile::Pure)?, pooled(Profile::Wasi)?, new_engine(None)?);
        for engine in [&pure, &wasi, &on_demand] {
            start_ticker(engine.weak())?;
        }
        Ok(Self { pure, wasi, on_demand })
    }

    /// The engine with slots for components of this profile.
    pub(super) const fn pooled(&self, profile: Profile) -> &Engine {
        match profile {
            Profile::Pure => &self.pure,
            Profile::Wasi => &self.wasi,
        }
    }

    /// The engine for records too large for a slot.
    pub(super) const fn on_demand(&self) -> &Engine {
        &self.on_demand
    }
}

/// What machine code depends on beside the component: the engine's version, its settings, the machine's processor.
///
/// # Errors
/// The engine's.
pub fn compatibility() -> wasmtime::Result<u64> {
    let mut hasher = std::hash::DefaultHasher::new();
    new_engine(None)?.precompile_compatibility_hash().hash(&mut hasher);
    Ok(hasher.finish())
}

fn pool(calls: u32, profile: Profile) -> PoolingAllocationConfig {
    let limits = profile.limits();
    let per_call = |count: u64| calls.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(per_call(limits.instances))
        .total_memories(per_call(limits.memories))
        .total_tables(per_call(limits.tables))
        .total_gc_heaps(calls)
        .max_core_instances_per_component(limits.instances as u32)
        .max_memories_per_component(limits.memories as u32)
        .max_tables_per_component(limits.tables as u32)
        .max_tables_per_module(limits.tables as u32)
        .max_memories_per_module(limits.memories as u32)
        .table_elements(limits.table_entries as usize)
        .max_memory_size(slot_bytes(profile) as usize)
        .linear_memory_keep_resident(keep_resident_bytes(profile))
        .table_keep_resident(keep_resident_bytes(Profile::Pure))
        .pagemap_scan(pagemap_scan(profile));
    pool
}

/// An engine with slots for so many calls of components of a profile, or one that allocates what each call needs. Every
/// setting that a guest's behaviour, or its machine code, may depend on is the same for all.
pub(super) fn new_engine(slots: Option<(u16, Profile)>) -> wasmtime::Result<Engine> {
    let strategy = match slots {
        Some((calls, profile)) => InstanceAllocationStrategy::Pooling(pool(u32::from(calls), profile)),
        None => InstanceAllocationStrategy::OnDemand,
    };
    let mut config = Config::new();
    let mut costs = OperatorCost::default();
    // Growing is host work, by nothing too, and the engine charges as if it were an addition.
    (costs.MemoryGrow, costs.TableGrow) = (255, 255);
    costs.variable.memory_grow_per_page = 255;
    config
        .allocation_strategy(strategy)
        .consume_fuel(true)
        .operator_cost(costs)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .cranelift_nan_canonicalization(true)
        // Names suffice; what reads line numbers out of a guest's debug information is an attack surface, and an
        // environment variable would switch it on.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES))
        // Off: what filters do not need, and what most of the engine's security advisories were about.
        .concurrency_support(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_stack_switching(false);
    Engine::new(&config)
}

fn start_ticker(engine: EngineWeak) -> wasmtime::Result<()> {
    std::thread::Builder::new().name("epoch".into()).spawn(move || {
        // Weak, so that the thread ends with the engine. The epoch is never bumped to stop one guest: it would stop
        // them all.
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
