//! `runtime build`: an author's project becomes a component that would be admitted.

use std::io::{self, Write as _};

use anyhow::Context as _;

use super::filters::admit;
use crate::author::{self, Language};
use crate::cli::BuildArgs;
use crate::exit::Exit;
use crate::file;
use crate::worker::Launcher;

/// Builds each project and writes NAME.wasm, NAME being what the filter calls itself.
pub(super) fn run(args: &BuildArgs) -> anyhow::Result<Exit> {
    let launcher = Launcher::new().context("cannot tell where this program lies")?;
    if args.directories.iter().any(|directory| Language::of(directory).is_ok_and(|language| language == Language::Rust)) {
        tracing::info!("building runs code of the crate and of what it depends on, with your rights: build scripts, macros");
    }
    for directory in &args.directories {
        let component = author::build(directory, args.offline)?;
        let size = component.len();
        let filter = admit(&launcher, &component)
            .with_context(|| format!("{} was built, but no runtime would take it", directory.display()))?;
        let descriptor = filter.descriptor();
        let path = args.output.as_ref().unwrap_or(directory).join(format!("{}.wasm", descriptor.name));
        file::replace(&path, &component).with_context(|| format!("cannot write {}", path.display()))?;
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
