//! The command line as typed: structures, no logic.

mod author;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};

pub use author::{BenchArgs, BuildArgs, InspectArgs, NewArgs, TestArgs};

use crate::config::MOST_WORKERS;
use crate::ingest::Format;
use crate::verdict::ENGINE;
use crate::worker::Role;

/// What `--version` says: this program's, and the engine's.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| format!("{} ({ENGINE})", env!("CARGO_PKG_VERSION")));
    &VERSION
}

/// Runs filters, WebAssembly components that nobody needs to trust, over an archive of raw threat data.
#[derive(Debug, Parser)]
#[command(
    name = "runtime",
    max_term_width = 100,
    version = version(),
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 nothing pending or failed, 1 could not run, 2 wrong usage, 3 dead letters added, records left \
                  pending, or filters refused while others ran.\nFor ingest: 0 all accepted or already there, 1 none accepted, 3 some \
                  refused.\nFor lock: 0 written or as before, 3 differences that were not accepted.\nFor test and selftest: 1 a case \
                  failed."
)]
pub struct Cli {
    /// What to do beside running filters.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The default: run filters.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Puts raw records into the archive. The same record twice adds nothing.
    Ingest(IngestArgs),
    /// Writes documents, one a line as JSON, sorted by hash.
    Export(ExportArgs),
    /// Shows what is known of a value: who saw it, when, in what context, and what it is part of. Or one document.
    Show(ShowArgs),
    /// Looks at the configuration.
    Config(ConfigArgs),
    /// Looks at the archive itself.
    Store(StoreCommandArgs),
    /// Shows how filters fare: their records, breakers and costs.
    Status(StatusArgs),
    /// Shows the records that failed, and why.
    DeadLetters(DeadLettersArgs),
    /// Shows what a filter is, what it asks for, and whether it would be admitted. Runs nothing of it but its own
    /// description.
    Inspect(InspectArgs),
    /// Writes down what filters are, for runs with --lock to enforce. If that is written down already, says what
    /// changed.
    Lock(LockArgs),
    /// Attacks this build with hostile components, and shows whether each was stopped where it should be, at the cost of
    /// nobody else. Exit code 1 if one was not.
    Selftest(SelftestArgs),
    /// What the program starts itself for, to compile components and to call them.
    #[command(hide = true)]
    Child {
        /// What for.
        role: Role,
    },
    /// Begins the project of a filter: a small one that works, with tests, the contract and the SDK. Needs nothing else of this
    /// program's repository.
    New(NewArgs),
    /// Builds the project of a filter, in Rust or Python, into a component.
    ///
    /// For Rust this runs code of the crate and of what it depends on, with your rights: build scripts and macros. Build what
    /// others wrote in a container; once its dependencies are there, `unshare --map-root-user --net runtime build --offline DIR`
    /// does it without network.
    Build(BuildArgs),
    /// Gives a filter the records of golden files, as a run would, and compares the documents that come of them. Exit code 1 if
    /// a case failed.
    Test(TestArgs),
    /// Measures what a filter takes of its limits, and how long it takes.
    Bench(BenchArgs),
}

/// Where the archive is.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// The archive: sqlite:PATH or mongodb://HOST/DATABASE; or $RUNTIME_STORE, where an address with a password belongs.
    /// [default: sqlite:tahoe.db]
    #[arg(long, value_name = "URI")]
    pub store: Option<String>,
    /// A configuration file, such as the Analytics Module's config.json; or $RUNTIME_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Which filters, and what they may be.
#[derive(Debug, Clone, Default, Args)]
pub struct FiltersArgs {
    /// The filters to run: component files; or $RUNTIME_FILTERS, with colons between them.
    #[arg(long, value_name = "F.wasm", num_args = 1..)]
    pub filters: Vec<PathBuf>,
    /// The file that says what the filters may be, as `runtime lock` writes it; or $RUNTIME_LOCK.
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// Set an option of a filter that is not secret.
    #[arg(long = "option", value_name = "FILTER.KEY=VALUE")]
    pub options: Vec<String>,
    /// Set an option of a filter to what a file holds: a secret. Or in $RUNTIME_OPTION_FILTER_KEY.
    #[arg(long = "option-file", value_name = "FILTER.KEY=PATH")]
    pub option_files: Vec<String>,
}

/// What can be configured.
#[derive(Debug, Clone, Args)]
pub struct SettingsArgs {
    /// The filters.
    #[command(flatten)]
    pub filters: FiltersArgs,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How many records to process at the same time; or $RUNTIME_WORKERS. [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_WORKERS)))]
    pub workers: Option<u16>,
}

/// What `runtime --filters` takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What can be configured.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Attempt every pending record once, then stop. Without it, keep running and pick up new records.
    #[arg(long)]
    pub once: bool,
    /// Only look: what is pending, what would come of it, how long it would take. Writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The archive itself.
#[derive(Debug, Args)]
pub struct StoreCommandArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with the archive itself.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Reads the whole archive and says what it is like, and what to think of before the first run on it. Writes nothing.
    Check(StoreCheckArgs),
    /// Hides from everyone who reads the archive (`_valid: false`) the raw records that a filter rejected and that nothing
    /// came of. For archives on MongoDB.
    HideRejected(StoreArgs),
}

/// Checking an archive.
#[derive(Debug, Args)]
pub struct StoreCheckArgs {
    /// Also say how many records these filters would take on.
    #[arg(long, value_name = "F.wasm", num_args = 1..)]
    pub filters: Vec<PathBuf>,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Shows every setting of a run and where it comes from, and whether a run could start with them: filters are
    /// admitted, and held against the lock. Connects to nothing.
    Check(ConfigCheckArgs),
}

/// Checking the configuration.
#[derive(Debug, Args)]
pub struct ConfigCheckArgs {
    /// What can be configured.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Archiving.
#[derive(Debug, Args)]
pub struct IngestArgs {
    /// Files of records, or folders: all files in one, but not in its subfolders. gzip and bzip2 are unpacked.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The kind of record, which decides what filters read it: cowrie, sighting, …
    #[arg(long, value_name = "T")]
    pub sub_type: String,
    /// The organisation that archives them.
    #[arg(long, value_name = "ORG")]
    pub orgid: String,
    /// The IANA time zone of sources that write local time.
    #[arg(long, value_name = "TIMEZONE", default_value = "UTC")]
    pub timezone: String,
    /// When the records reached the archive, in seconds since 1970. [default: now]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub received_at: Option<f64>,
    /// How the files hold records.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub format: Format,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Exporting.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only documents of this kind: attribute, object, event, session, raw.
    #[arg(long, value_name = "KIND")]
    pub itype: Option<String>,
    /// Only documents of this sub-type.
    #[arg(long, value_name = "T")]
    pub sub_type: Option<String>,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Looking at a value or a document.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A value, exactly as it was received: a URL, an address, a digest. Or the hash of a document.
    #[arg(value_name = "VALUE|HASH")]
    pub value: String,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How filters fare.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Dead letters.
#[derive(Debug, Args)]
pub struct DeadLettersArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DeadLettersCommand,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists them: which record, which filter, what happened.
    List(DeadLettersListArgs),
    /// Shows one whole: what happened where, what ran, and the record.
    Show(DeadLettersShowArgs),
    /// Gives records to their filters once more, now, and says what comes of it. What is done is no dead letter any more.
    Retry(DeadLettersRetryArgs),
    /// Gives records up: they count as rejected from then on.
    Discard(DeadLettersDiscardArgs),
}

/// Showing a dead letter.
#[derive(Debug, Args)]
pub struct DeadLettersShowArgs {
    /// Its number in the list.
    #[arg(value_name = "ID")]
    pub id: i64,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Trying dead letters again.
#[derive(Debug, Args)]
pub struct DeadLettersRetryArgs {
    /// Their numbers in the list.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<i64>,
    /// All those of the filters that are given.
    #[arg(long)]
    pub all: bool,
    /// With which filters, options and limits.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Print the outcomes as JSON, one a line.
    #[arg(long)]
    pub json: bool,
}

/// Giving up dead letters.
#[derive(Debug, Args)]
pub struct DeadLettersDiscardArgs {
    /// Their numbers in the list.
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<i64>,
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Listing dead letters.
#[derive(Debug, Args)]
pub struct DeadLettersListArgs {
    /// The archive.
    #[command(flatten)]
    pub store: StoreArgs,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Locking.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// The filters.
    #[command(flatten)]
    pub filters: FiltersArgs,
    /// A configuration file, such as the Analytics Module's config.json; or $RUNTIME_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Agree to what changed: write it to the lock.
    #[arg(long)]
    pub accept: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The hostile suite.
#[derive(Debug, Args)]
pub struct SelftestArgs {
    /// Attack with these components too: passes whatever they do, as long as the host keeps its promises.
    #[arg(long, value_name = "F.wasm", num_args = 1..)]
    pub with: Vec<PathBuf>,
    /// Only these cases.
    #[arg(long, value_name = "CASE", num_args = 1..)]
    pub only: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What the program starts itself for: run the last one here, with the component in this file, and print its row.
    #[arg(long, hide = true, value_name = "FILE")]
    pub here: Option<PathBuf>,
}
