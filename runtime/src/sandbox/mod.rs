//! The sandbox: runs code that an attacker wrote on data that an attacker wrote.
//!
//! [`compile()`] admits a component and makes machine code of it, [`Sandbox::program`] loads that, and
//! [`Program::call`] gives it one record. All three run in processes that may be ended ([`crate::worker`]). What is
//! protected, and how:
//!
//! - **The process.** Fuel bounds what a call computes, an epoch deadline what it waits, a summing limiter what it
//!   allocates, the host-call allowance what it hands over. All are set before the first instruction of the guest
//!   runs, in the one place that makes a `Store` ([`call`]). A panic of the host on a guest's value ends as
//!   `failed(host)`.
//! - **Other records.** A fresh instance for every call, dropped after it, whatever happened.
//! - **Everything else.** A guest imports two interfaces, linked by hand in [`v0_1_0`]: its options, and a capped
//!   log. One with a language's runtime inside gets stubs of WASI beside them ([`wasi`]).
//!
//! Knows nothing of stores or Tahoe hashes. Speaks in values that can be serialised ([`crate::verdict`]).

mod call;
mod compile;
mod engine;
mod failure;
mod limiter;
mod options;
mod program;
mod v0_1_0;
mod wasi;

pub use call::Record;
pub use compile::{Compiled, Refusal, check_header, compile};
pub use engine::Sandbox;
pub use engine::compatibility;
pub use options::{Given, OptionError, Options};
pub use program::Program;
pub use v0_1_0::EXPORT as CONTRACT;
