//! Embeds what `runtime new` writes: the templates, the contract and the SDKs of this tree, so that they cannot drift.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders and files of the repository.
const EMBEDDED: [&str; 7] =
    ["Cargo.toml", "Cargo.lock", "wit", "filters/sdk/Cargo.toml", "filters/sdk/src", "filters/sdk-python", "runtime/templates"];

fn main() -> io::Result<()> {
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name));
    let root = fs::canonicalize(variable("CARGO_MANIFEST_DIR")?.join(".."))?;
    let mut table = "&[\n".to_owned();
    for path in EMBEDDED {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
        embed(&root, &root.join(path), &mut table)?;
    }
    table.push(']');
    fs::write(variable("OUT_DIR")?.join("embedded.rs"), table)
}

/// Adds a file, or what is in a folder, in the order of names. Not what an interpreter leaves, nor what is for this
/// repository alone.
fn embed(root: &Path, path: &Path, table: &mut String) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || name.ends_with(".pyc") || ["__pycache__", "tests"].contains(&&*name) {
        return Ok(());
    }
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        entries.sort();
        entries.iter().try_for_each(|entry| embed(root, entry, table))
    } else if path.is_file() {
        let shown = path.strip_prefix(root).unwrap_or(path);
        writeln!(table, "    ({:?}, include_str!({:?})),", shown.display().to_string(), path.display().to_string())
            .map_err(io::Error::other)
    } else {
        Ok(())
    }
}
