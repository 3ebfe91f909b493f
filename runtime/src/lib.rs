//! Runs untrusted filters, WebAssembly components, over an archive of raw threat data.
//!
//! The way of a record, a module for each step:
//!
//! ```text
//! ingest ──▶ store.claim ──▶ pipeline ──▶ worker, another process ──▶ sandbox (a fresh instance) ──▶ Answer, untrusted
//!                                                                                    │ answer::check
//!            store.commit ◀── tahoe::Graph, documents by hash ◀── answer::build ◀── Checked
//! ```
//!
//! Dependencies point one way: `cmd` to `pipeline`, `ingest`, `author`, `fixture`, which tries records in archives of their
//! own, and `selftest`, which attacks the whole way; `pipeline` to `worker`, `answer` and `store`; `worker` to `sandbox`; those
//! to `tahoe` and the leaves `verdict`, `descriptor`, `limits`, `usage`, `json`, `file`, `terminal`, `exit`. `sandbox` and
//! `store` do not know each other. `lock` compares what a `worker` has loaded
//! with what an operator agreed to.

pub mod answer;
pub mod author;
pub mod bounded;
pub mod cli;
pub mod cmd;
pub mod config;
pub mod descriptor;
pub mod exit;
pub mod file;
pub mod fixture;
pub mod ingest;
pub mod json;
pub mod limits;
pub mod lock;
pub mod pipeline;
pub mod sandbox;
pub mod selftest;
pub mod store;
pub mod tahoe;
pub mod terminal;
pub mod usage;
pub mod verdict;
pub mod worker;

/// A batch is some hundred thousand small strings that come and go together: the system's allocator spends its time on merging
/// and splitting what they leave. Here, so that tests and measurements run as the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
