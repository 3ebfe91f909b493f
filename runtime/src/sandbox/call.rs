//! One call: the only place that makes a `Store`, with every budget set before the guest's first instruction.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use wasmtime::{Engine, Store, StoreContextMut, Trap};

use super::engine::TICK;
use super::failure::{Phase, classify, cut, explain};
use super::limiter::{Exceeded, Limiter};
use super::options::Options;
use super::wasi::{Stream, World};
use crate::answer::{Answer, Node};
use crate::limits::Limits;
use crate::tahoe::Scalar;
use crate::verdict::{Called, Failure, FailureKind, LogLevel, LogLine, Outcome, Report};

/// What a filter sees of a record (`raw-record` in `wit/types.wit`).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Record<'a> {
    /// The kind of record.
    pub sub_type: &'a str,
    /// JSON text, ASCII.
    pub data: &'a str,
    /// An IANA name.
    pub timezone: &'a str,
    /// Unix seconds.
    pub received_at: f64,
}

/// What the host knows of a guest while it runs.
pub(super) struct State {
    limiter: Limiter,
    options: Options,
    output: u64,
    output_limit: u64,
    log: Vec<LogLine>,
    log_dropped: u64,
    log_lines: usize,
    log_line: usize,
    wall_clock_ms: u64,
    phase: Phase,
    /// Fuel used before the last `start_call`.
    setup_used: u64,
    /// Fuel granted last.
    granted: u64,
    /// What a guest with WASI sees beside the record.
    world: World,
    random_limit: u64,
}

impl State {
    pub(super) fn option(&self, key: &str) -> Option<String> {
        self.options.get(key).map(str::to_owned)
    }

    /// Counts bytes that the guest handed to the host.
    pub(super) fn output(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.output = self.output.saturating_add(bytes);
        if self.output > self.output_limit {
            return Err(Exceeded::new(FailureKind::Output, "bytes handed to the host", self.output, self.output_limit));
        }
        Ok(())
    }

    pub(super) fn log(&mut self, level: LogLevel, message: &str) {
        if self.log.len() >= self.log_lines {
            self.log_dropped = self.log_dropped.saturating_add(1);
            return;
        }
        let message = message.get(..message.floor_char_boundary(self.log_line)).unwrap_or_default().to_owned();
        self.log.push(LogLine { level, message });
    }

    pub(super) const fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Whether a guest may have so many random bytes more: their count, if it may.
    pub(super) fn grant_random(&self, count: u64) -> Result<usize, Exceeded> {
        let after = self.world.random_after(count);
        match usize::try_from(count) {
            Ok(count) if after <= self.random_limit => Ok(count),
            _ => Err(Exceeded::new(FailureKind::Resources, "random bytes", after, self.random_limit)),
        }
    }

    /// Takes what a guest writes to its output: counted as what it hands over, lines go to the log.
    pub(super) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Exceeded> {
        self.output(bytes.len() as u64)?;
        let mut world = std::mem::take(&mut self.world);
        world.write(stream, bytes, self.log_line, |(level, line)| self.log(level, &line));
        self.world = world;
        Ok(())
    }

    /// Between instantiation and the call: what setup used is noted, and the call gets fuel of its own.
    pub(super) fn start_call(store: &mut Store<Self>, fuel: u64) -> wasmtime::Result<()> {
        let left = store.get_fuel()?;
        store.set_fuel(fuel)?;
        let state = store.data_mut();
        state.phase = Phase::Call;
        state.setup_used = state.granted.saturating_sub(left);
        state.granted = fuel;
        Ok(())
    }
}

/// Fuel that a host call costs, beside one unit for each byte that crosses: about what it costs the host.
const HOST_CALL_FUEL: u64 = 1_000;

/// Takes the price of host work from the guest's fuel: the engine charges none.
pub(super) fn charge(store: &mut StoreContextMut<'_, State>, bytes: usize) -> wasmtime::Result<()> {
    let price = HOST_CALL_FUEL.saturating_add(bytes as u64);
    let fuel = store.get_fuel()?;
    store.set_fuel(fuel.saturating_sub(price))?;
    if fuel < price {
        return Err(Trap::OutOfFuel.into());
    }
    Ok(())
}

/// The only maker of stores.
fn new_store(engine: &Engine, limits: &Limits, input: u64, options: &Options, world: World) -> wasmtime::Result<Store<State>> {
    let output_limit = limits.output.of(input);
    let state = State {
        limiter: Limiter::new(
            limits.memory.of(input),
            limits.table_entries,
            [limits.instances as usize, limits.memories as usize, limits.tables as usize],
        ),
        options: options.clone(),
        output: 0,
        output_limit,
        log: Vec::new(),
        log_dropped: 0,
        log_lines: limits.log_lines as usize,
        log_line: limits.log_line as usize,
        wall_clock_ms: limits.wall_clock_ms.of(input),
        phase: Phase::Instantiation,
        setup_used: 0,
        granted: limits.setup_fuel,
        world,
        random_limit: limits.random,
    };
    let mut store = Store::new(engine, state);
    // Before instantiation, so that initial memories and tables count, and the start function runs on fuel.
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.setup_fuel)?;
    let ticks = limits.wall_clock_ms.of(input) / TICK.as_millis() as u64;
    store.set_epoch_deadline(ticks.max(1));
    // A backstop: we count bytes ourselves, in a way that does not depend on how the engine lays out its types, and
    // this bounds what the engine allocates before we see it.
    store.set_hostcall_fuel(usize::try_from(output_limit.saturating_mul(2)).unwrap_or(usize::MAX));
    store.set_max_component_handles(limits.handles as usize);
    Ok(store)
}

/// Runs `body` in a fresh store, which is dropped whatever comes of it.
pub(super) fn run<T>(
    engine: &Engine,
    limits: &Limits,
    input: u64,
    options: &Options,
    world: World,
    body: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> (Result<T, Failure>, Report) {
    let mut store = match new_store(engine, limits, input, options, world) {
        Ok(store) => store,
        Err(error) => return (Err(Failure::new(FailureKind::Host, error.to_string())), Report::default()),
    };
    // A panic of the host on a guest's value is a bug of ours, and must still cost no more than this record.
    let result = match catch_unwind(AssertUnwindSafe(|| body(&mut store))) {
        Ok(result) => result.map_err(|error| classify(&error, store.data().phase)),
        Err(_) => Err(Failure::new(FailureKind::Host, "the host panicked; please report this record and filter")),
    };
    let left = store.get_fuel().unwrap_or(0);
    let mut state = store.into_data();
    for (level, line) in std::mem::take(&mut state.world).rest() {
        state.log(level, &line);
    }
    let result = result.map_err(|failure| explain(failure, (state.granted, state.wall_clock_ms), state.phase, &state.log));
    // Until the call begins, all that was granted and used is setup's.
    let setup = if state.phase == Phase::Call { state.setup_used } else { state.granted.saturating_sub(left) };
    let report = Report {
        setup_fuel: setup,
        fuel: state.setup_used.saturating_add(state.granted.saturating_sub(left)),
        memory: state.limiter.memory(),
        output: state.output,
        log: state.log,
        log_dropped: state.log_dropped,
    };
    (result, report)
}

/// Counts what came back, and cuts a reason to its length.
pub(super) fn finish(result: Result<Outcome, Failure>, mut report: Report, limits: &Limits, input: u64) -> Called {
    let returned = match &result {
        Ok(Outcome::Answered(answer)) => answer_bytes(answer),
        Ok(Outcome::Rejected(reason)) => reason.len() as u64,
        Ok(Outcome::Failed(_)) | Err(_) => 0,
    };
    report.output = report.output.saturating_add(returned);
    let limit = limits.output.of(input);
    let outcome = match result {
        Err(failure) => Outcome::Failed(failure),
        Ok(_) if report.output > limit => {
            let exceeded = Exceeded::new(FailureKind::Output, "bytes handed to the host", report.output, limit);
            Outcome::Failed(Failure::new(exceeded.kind, exceeded.to_string()))
        }
        Ok(Outcome::Rejected(reason)) => Outcome::Rejected(cut(&reason, limits.log_line as usize)),
        Ok(outcome) => outcome,
    };
    Called { outcome, report }
}

/// The bytes of an answer by fixed fees: 16 for each node, event, session and text, 4 for an index, 8 for a number.
fn answer_bytes(answer: &Answer) -> u64 {
    let text = |text: &str| 16 + text.len() as u64;
    let list = |list: &[u32]| 16 + 4 * list.len() as u64;
    let nodes = answer.nodes.iter().map(|node| match node {
        Node::Attribute { sub_type, value: Scalar::Text(value) } => 16 + text(sub_type) + text(value),
        Node::Attribute { sub_type, .. } => 16 + text(sub_type) + 8,
        Node::Object { sub_type, children } => 16 + text(sub_type) + list(children),
    });
    let events = answer
        .events
        .iter()
        .map(|event| 32 + text(&event.sub_type) + list(&event.children) + list(&event.malicious) + list(&event.benign));
    let sessions = answer.sessions.iter().map(|session| 40 + text(&session.sub_type) + list(&session.key));
    nodes.chain(events).chain(sessions).fold(0, u64::saturating_add)
}
