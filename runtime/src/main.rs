//! The `runtime` binary: parses, sets up the log, runs a command, exits.

use std::process::ExitCode;

use clap::Parser as _;
use tahoe_runtime::cli::Cli;
use tahoe_runtime::cmd;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    // Logs go to stderr: stdout is for results.
    let level = std::env::var("RUNTIME_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).with_ansi(false).init();
    cmd::main(Cli::parse()).into()
}
