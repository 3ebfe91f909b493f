//! What the author of a filter types.

use std::path::PathBuf;

use clap::Args;

use crate::author::Language;

/// Beginning a filter.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// A folder that is new, or empty.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// What to write it in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub language: Language,
    /// What to call the filter: lower-case letters, digits and underscores. [default: the folder's name, made to fit]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Building.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The filter's project: a folder with a Cargo.toml, or with a pyproject.toml that has a table [tool.tahoe-filter].
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Where to put NAME.wasm. [default: the project's folder]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Fetch and install nothing: what the project depends on must be on this machine already.
    #[arg(long)]
    pub offline: bool,
}

/// Inspecting.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component.
    #[arg(value_name = "F.wasm")]
    pub filter: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Trying a filter on golden files.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The component.
    #[arg(value_name = "F.wasm")]
    pub filter: PathBuf,
    /// A golden file, or a folder of them: JSON lists of cases, each with `raw` (a record), `verdict` and `instances`.
    #[arg(value_name = "FIXTURES")]
    pub fixtures: PathBuf,
    /// Write what comes into the golden files, to be read there. A case may be new, with `raw` alone. What fails is not
    /// written.
    #[arg(long)]
    pub update: bool,
    /// Fail a case that uses more fuel, setup included.
    #[arg(long, value_name = "N")]
    pub max_fuel: Option<u64>,
    /// Run again whenever the component or a golden file changes, until ctrl-c.
    #[arg(long, conflicts_with = "update")]
    pub watch: bool,
    /// Set an option of the filter; what a case names goes before it.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// Print JSON, one object a line: the cases, then the summary.
    #[arg(long)]
    pub json: bool,
}

/// Measuring a filter.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The component.
    #[arg(value_name = "F.wasm")]
    pub filter: PathBuf,
    /// Records: a file as `runtime ingest` reads it, or a golden file.
    #[arg(value_name = "RECORDS")]
    pub records: PathBuf,
    /// The kind of record, if the filter reads several. Golden files say it themselves.
    #[arg(long, value_name = "T")]
    pub sub_type: Option<String>,
    /// How often to time each record; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// Also show in which functions the fuel goes, of the record that uses most.
    #[arg(long)]
    pub profile: bool,
    /// Profile this record instead, counted from 0.
    #[arg(long, value_name = "N", requires = "profile")]
    pub record: Option<usize>,
    /// Set an option of the filter.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
