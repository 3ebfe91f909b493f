//! Calls into filters, from the parent's side.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use super::child::Role;
use super::filter::Filter;
use super::process::{Launcher, Process};
use super::secrets;
use super::wire::Request;
use crate::limits::Limits;
use crate::sandbox::Record;
use crate::verdict::{Called, Failure, FailureKind, Outcome, Report};

/// What an answer takes beside what the guest handed over: the log, a backtrace, lengths.
const AROUND: u64 = 1024 * 1024;

/// How much longer than a call's wall clock to wait for its answer: for a machine that is busy.
const GRACE: Duration = Duration::from_secs(30);

/// A process for calls, started when it is needed and again when it has died.
pub struct Worker {
    launcher: Launcher,
    running: Option<Running>,
}

struct Running {
    process: Process,
    /// The numbers of the filters that it has loaded.
    loaded: HashSet<u32>,
}

/// Why there is no answer to a call.
enum Missing {
    /// The process died of it, or of something else.
    Died(String),
    /// There is no process that could have been asked.
    Host(String),
}

impl Worker {
    /// Starts nothing yet.
    #[must_use]
    pub fn new(launcher: Launcher) -> Self {
        Self { launcher, running: None }
    }

    /// Gives a filter the first records that wait, up to `count`, and takes each off when it has an outcome: until `each`
    /// breaks, and then those that remain stay.
    ///
    /// When the process dies, or is short of something, the rest is given to a new one, record by record; a record that a
    /// process dies of twice is `failed(crash)`.
    pub fn call<T>(
        &mut self,
        filter: &Filter,
        waiting: &mut VecDeque<T>,
        count: usize,
        record_of: impl Fn(&T) -> Record<'_>,
        each: impl FnMut(T, Called) -> ControlFlow<()>,
    ) {
        self.call_within(None, filter, waiting, count, record_of, each);
    }

    /// The same, with no more than so much fuel for a record.
    fn call_within<T>(
        &mut self,
        fuel: Option<u64>,
        filter: &Filter,
        waiting: &mut VecDeque<T>,
        count: usize,
        record_of: impl Fn(&T) -> Record<'_>,
        mut each: impl FnMut(T, Called) -> ControlFlow<()>,
    ) {
        let mut left = count.min(waiting.len());
        let mut alone = false;
        while left > 0 {
            let asked = if alone { 1 } else { left };
            let records: Vec<Record<'_>> = waiting.iter().take(asked).map(&record_of).collect();
            let inputs: Vec<u64> = records.iter().map(|record| record.data.len() as u64).collect();
            let mut missing = self.send(filter, records, fuel).err();
            for input in inputs {
                let called = match missing.take() {
                    None => self.receive(filter, input),
                    Some(missing) => Err(missing),
                };
                let called = match called {
                    // What the other filters of the process have taken may be what it is short of.
                    Ok(called) if !alone && is_of_host(&called) => {
                        self.running = None;
                        alone = true;
                        break;
                    }
                    Ok(called) => called,
                    Err(Missing::Died(reason)) if !alone => {
                        tracing::debug!(filter = filter.descriptor().name, reason, "a process for calls died");
                        alone = true;
                        break;
                    }
                    Err(Missing::Died(reason)) => failed(FailureKind::Crash, format!("the process that ran it {reason}, twice")),
                    Err(Missing::Host(reason)) => failed(FailureKind::Host, reason),
                };
                // Here and nowhere else: every outcome comes by.
                let called = secrets::keep(called, filter.options());
                let Some(task) = waiting.pop_front() else { return };
                left -= 1;
                if each(task, called).is_break() {
                    // Answers that nobody waits for any more.
                    if left > 0 && !alone {
                        self.running = None;
                    }
                    return;
                }
                if self.running.is_none() {
                    break;
                }
            }
        }
    }

    /// To be called now and then while there is nothing to do: a process that was killed meanwhile is not kept as a dead one.
    pub fn idle(&mut self) {
        if self.running.as_mut().is_some_and(|running| running.process.has_ended()) {
            self.running = None;
        }
    }

    /// Gives a filter one record.
    pub fn call_one(&mut self, filter: &Filter, record: Record<'_>) -> Called {
        self.one(filter, record, None)
    }

    /// Gives a filter one record and no more than so much fuel for it: to see where it is when that is used up.
    pub fn call_one_within(&mut self, filter: &Filter, record: Record<'_>, fuel: u64) -> Called {
        self.one(filter, record, Some(fuel))
    }

    fn one(&mut self, filter: &Filter, record: Record<'_>, fuel: Option<u64>) -> Called {
        let mut outcome = None;
        self.call_within(
            fuel,
            filter,
            &mut VecDeque::from([record]),
            1,
            |record| *record,
            |_, called| {
                outcome = Some(called);
                ControlFlow::Continue(())
            },
        );
        // One record has one outcome.
        outcome.unwrap_or_else(|| failed(FailureKind::Host, "the call had no outcome; please report it".to_owned()))
    }

    /// Asks; starts a process and has it load the filter, if need be.
    fn send(&mut self, filter: &Filter, records: Vec<Record<'_>>, fuel: Option<u64>) -> Result<(), Missing> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => match self.launcher.start(Role::Call) {
                Ok(process) => Running { process, loaded: HashSet::new() },
                Err(error) => return Err(Missing::Host(format!("cannot start a process for calls: {error}"))),
            },
        };
        let number = filter.code.number;
        if !running.loaded.contains(&number) {
            match filter.code.send_to(&mut running.process) {
                Ok(Ok(())) => running.loaded.insert(number),
                Ok(Err(refusal)) if running.loaded.is_empty() => {
                    return Err(Missing::Host(format!("cannot load the filter: {refusal}")));
                }
                // What the others of this process have taken may be what it lacks: it gets one of its own.
                Ok(Err(refusal)) => return Err(Missing::Died(format!("cannot load another filter: {refusal}"))),
                Err(error) => return Err(Missing::Died(running.process.obituary(&error))),
            };
        }
        let longest = records.iter().map(|record| record.data.len() as u64).max().unwrap_or(0);
        // An answer may be held back while the next call runs.
        let within = Duration::from_millis(filter.limits().wall_clock_ms.of(longest).saturating_mul(2)).saturating_add(GRACE);
        let ask = || {
            running.process.wait_for(within)?;
            running.process.send(&Request::Call { filter: number, records, fuel })?;
            running.process.flush()
        };
        match ask() {
            Ok(()) => {
                self.running = Some(running);
                Ok(())
            }
            Err(error) => Err(Missing::Died(running.process.obituary(&error))),
        }
    }

    /// The next answer, cut to what the limits allow whatever the process sent.
    fn receive(&mut self, filter: &Filter, input: u64) -> Result<Called, Missing> {
        let Some(mut running) = self.running.take() else {
            return Err(Missing::Host("the process for calls is gone; please report it".to_owned()));
        };
        let limits = filter.limits();
        let received: io::Result<Called> = running.process.receive(limits.output.of(input).saturating_add(AROUND));
        match received {
            Ok(called) => {
                self.running = Some(running);
                Ok(cut(called, limits, input))
            }
            Err(error) => Err(Missing::Died(running.process.obituary(&error))),
        }
    }
}

fn is_of_host(called: &Called) -> bool {
    matches!(&called.outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Host)
}

fn failed(kind: FailureKind, message: String) -> Called {
    Called { outcome: Outcome::Failed(Failure::new(kind, message)), report: Report::default() }
}

/// What another process says of a call is held to the limits once more. An answer is checked later, as any.
fn cut(called: Called, limits: &Limits, input: u64) -> Called {
    let Called { outcome, mut report } = called;
    let line = limits.log_line as usize;
    let shorten = |text: &mut String, most: usize| text.truncate(text.floor_char_boundary(most));
    let lines = limits.log_lines as usize;
    report.log_dropped = report.log_dropped.saturating_add(report.log.len().saturating_sub(lines) as u64);
    report.log.truncate(lines);
    report.log.iter_mut().for_each(|logged| shorten(&mut logged.message, line));
    report.fuel = report.fuel.min(limits.setup_fuel.saturating_add(limits.fuel.of(input)));
    report.setup_fuel = report.setup_fuel.min(report.fuel);
    report.memory = report.memory.min(limits.memory.of(input));
    let outcome = match outcome {
        Outcome::Answered(answer) => Outcome::Answered(answer),
        Outcome::Rejected(mut reason) => {
            shorten(&mut reason, line);
            Outcome::Rejected(reason)
        }
        Outcome::Failed(mut failure) => {
            shorten(&mut failure.message, Failure::MOST_MESSAGE);
            failure.backtrace.truncate(Failure::MOST_FRAMES);
            failure.backtrace.iter_mut().for_each(|frame| shorten(frame, Failure::MOST_MESSAGE));
            Outcome::Failed(failure)
        }
    };
    Called { outcome, report }
}
