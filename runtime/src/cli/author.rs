//! What authors type.

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
    /// What to call the filter: [a-z][a-z0-9_]*. [default: the folder's name, made to fit]
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
