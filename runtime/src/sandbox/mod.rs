//! The sandbox: runs code that an attacker wrote on data that an attacker wrote.
//!
//! Two calls: [`Sandbox::load`] admits a component as a [`Filter`], [`Filter::call`] gives it one record. What is
//! protected, and how:
//!
//! - **The process.** Fuel bounds what a call computes, an epoch deadline what it waits, a summing limiter what it
//!   allocates, the host-call allowance what it hands over. All are set before the first instruction of the guest
//!   runs, in the one place that makes a `Store` ([`call`]). A panic of the host on a guest's value ends as
//!   `failed(host)`.
//! - **Other records.** A fresh instance for every call, dropped after it, whatever happened.
//! - **Everything else.** A guest imports two interfaces, linked by hand in [`v0_1_0`]: its options, and a capped
//!   log.
//!
//! Knows nothing of stores or Tahoe hashes. Speaks in values that can be serialised ([`crate::verdict`]), so that
//! calls can run in another process.

mod admit;
mod call;
mod engine;
mod failure;
mod limiter;
mod options;
mod v0_1_0;

pub use admit::{Filter, Refusal};
pub use call::Record;
pub use engine::Sandbox;
pub use options::{OptionError, Options};

/// The version of the engine, for records of what was run with what.
pub const ENGINE: &str = concat!("wasmtime ", "48");
