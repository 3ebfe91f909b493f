//! From an author's Python project to a component.

use std::path::Path;

use anyhow::bail;

pub(super) fn build(directory: &Path, _offline: bool) -> anyhow::Result<Vec<u8>> {
    bail!("{}: filters in Python cannot be built yet", directory.display())
}
