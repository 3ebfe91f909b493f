//! The commands: what was typed becomes calls of the parts, and what came out becomes text and an exit code.

mod bench;
mod build;
mod config;
mod dead_letters;
mod dry_run;
mod export;
mod filters;
mod hide_rejected;
mod ingest;
mod inspect;
mod lock;
mod new;
mod options;
mod retry;
mod run;
mod selftest;
mod show;
mod status;
mod store_check;
mod test;

use std::io;

use crate::cli::{Cli, Command, ConfigCommand, DeadLettersCommand, StoreCommand};
use crate::exit::Exit;
use crate::store::StoreError;
use crate::terminal::escape;
use crate::worker;

/// A command line that cannot be carried out as it is: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Runs the command that was typed, and says how it ended. Errors are printed here and nowhere else.
#[must_use]
pub fn main(cli: Cli) -> Exit {
    let result = match &cli.command {
        None => run::run(&cli.run),
        Some(Command::Ingest(args)) => ingest::run(args),
        Some(Command::Export(args)) => export::run(args),
        Some(Command::Show(args)) => show::run(args),
        Some(Command::Config(args)) => match &args.command {
            ConfigCommand::Check(args) => config::check(args),
        },
        Some(Command::Store(args)) => match &args.command {
            StoreCommand::Check(args) => store_check::check(args),
            StoreCommand::HideRejected(args) => hide_rejected::run(args),
        },
        Some(Command::Status(args)) => status::run(args),
        Some(Command::DeadLetters(args)) => match &args.command {
            DeadLettersCommand::List(args) => dead_letters::list(args),
            DeadLettersCommand::Show(args) => dead_letters::show(args),
            DeadLettersCommand::Retry(args) => retry::run(args),
            DeadLettersCommand::Discard(args) => dead_letters::discard(args),
        },
        Some(Command::Inspect(args)) => inspect::run(args),
        Some(Command::Lock(args)) => lock::run(args),
        Some(Command::Selftest(args)) => selftest::run_suite(args),
        Some(Command::Child { role }) => worker::serve(*role).map(|()| Exit::Complete).map_err(Into::into),
        Some(Command::New(args)) => new::run(args),
        Some(Command::Test(args)) => test::run(args),
        Some(Command::Bench(args)) => bench::run(args),
        Some(Command::Build(args)) => build::run(args),
    };
    result.unwrap_or_else(|error| {
        // A reader that has seen enough, such as `head`, is no failure.
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::Complete;
        }
        print_error(&error);
        let usage = error.is::<UsageError>() || matches!(error.downcast_ref(), Some(StoreError::Address(_)));
        if usage { Exit::Usage } else { Exit::CouldNotRun }
    })
}

#[expect(clippy::print_stderr, reason = "errors go to stderr, from here only")]
fn print_error(error: &anyhow::Error) {
    // Errors name files and quote filters: what others wrote is escaped, line by line.
    for (number, line) in format!("{error:#}").lines().enumerate() {
        eprintln!("{}{}", if number == 0 { "error: " } else { "       " }, escape(line));
    }
}

/// An empty table for people: narrow, so that it fits 80 columns as long as its cells do.
fn table<const N: usize>(header: [&str; N]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
