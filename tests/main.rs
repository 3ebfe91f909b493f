//! The product from end to end: the `runtime` binary, real filters, a real store on disk. Needs the filters to be built
//! (`scripts/build-filters.sh`).

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests say what they expect by failing")]

/// What authors are told when their filters fail.
mod author_errors;
/// From nothing to a filter that runs.
mod authors;
/// Bad filters beside good ones.
mod bad_filters;
/// Bad files, bad arguments, exit codes.
mod bad_input;
/// Filters that fail again and again, records that make good filters fail.
mod breaker;
/// Every budget of a call trips, and only for that call.
mod budgets;
/// Settings from the file, the environment and the command line.
mod config;
/// What authors are told, against what the host does.
mod contract;
/// Filters that were built for a version of the contract, for ever.
mod contract_versions;
/// Killed at any moment, restarted, run by many.
mod dead_letters;
mod dense;
/// The same record, the same answer, whatever was before.
mod determinism;
mod durability;
/// How much an archive may grow by one record.
mod expansion;
/// Random components, random answers.
mod fuzz;
/// `runtime test`: an author's golden files.
mod golden_files;
/// Every golden case through the binary.
mod goldens;
/// Packed files, folders, mailboxes, long feeds.
mod ingest_files;
/// Filters that are held to what an operator agreed to.
mod lock;
/// `runtime bench`.
mod measuring;
/// The model of documents, through a component that makes what it is told.
mod model;
/// The same through MongoDB.
mod mongodb;
mod mutations;
/// Many hostile filters beside good ones.
mod neighbours;
/// Organisations that share an archive.
mod organisations;
/// Archives that the original left.
mod originals;
/// Servers that are away, slow or silent.
mod outage;
/// What a person sees.
mod output;
/// What README.md says, done.
mod readme;
/// Options that nobody may see.
mod secrets;
/// The hostile suite of the binary, and that it can fail.
mod selftest;
/// Runtimes that share an archive, and are killed.
mod sharing;
/// What is known of a value.
mod show;
/// Told to end in the middle of the work.
mod signals;
/// Looking before the first write.
mod store_check;
/// The binary, stores in temporary folders, components made from text.
mod support;
/// Guests that import WASI.
mod wasi;
/// The processes that compile and call.
mod worker;
