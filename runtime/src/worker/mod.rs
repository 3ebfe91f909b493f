//! The processes in which everything dangerous happens.
//!
//! Compiling a component and running it are work for child processes of the same binary: with an empty environment, no
//! descriptors but one socket, resource limits, and where the kernel has them Landlock and seccomp ([`confine`]). They
//! hold no credentials; the parent alone holds the store.
//!
//! - [`load()`] has a component compiled, in a process of its own that never runs a guest, and asks it what it is.
//! - A [`Worker`] gives a [`Filter`] records, many at a time, in a process that is replaced when it dies.
//!
//! What comes back is hostile bytes: lengths are bounded, values are decoded and cut to their limits, and nothing of it
//! is believed. A process that dies, says nonsense or nothing at all costs the record that it was at.

mod cache;
mod calls;
mod child;
mod confine;
mod filter;
mod process;
mod secrets;
mod wire;

pub use cache::Cache;
pub use calls::Worker;
pub use child::{Role, serve};
pub use filter::{Filter, Setup, load};
pub use process::Launcher;
