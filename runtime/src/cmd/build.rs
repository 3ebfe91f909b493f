//! `runtime build`: an author's crate becomes a component that would be admitted.

use std::io::{self, Write as _};

use anyhow::Context as _;

use super::filters::sandbox;
use crate::author;
use crate::cli::BuildArgs;
use crate::exit::Exit;
use crate::limits::Limits;

/// Builds each crate and writes NAME.wasm, NAME being what the filter calls itself.
pub(super) fn run(args: &BuildArgs) -> anyhow::Result<Exit> {
    let sandbox = sandbox(1)?;
    for directory in &args.directories {
        let component = author::build(directory)?;
        let size = component.len();
        let filter = sandbox
            .load(component.clone().into(), Limits::PURE)
            .with_context(|| format!("{} was built, but no runtime would take it", directory.display()))?;
        let descriptor = filter.descriptor();
        let path = args.output.as_ref().unwrap_or(directory).join(format!("{}.wasm", descriptor.name));
        author::replace(&path, &component)?;
        writeln!(
            io::stdout(),
            "{}  {} {}, {size} bytes, sha256 {}",
            path.display(),
            descriptor.name,
            descriptor.version,
            filter.digest()
        )?;
    }
    Ok(Exit::Complete)
}
