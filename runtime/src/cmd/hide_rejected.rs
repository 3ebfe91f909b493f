//! `runtime store hide-rejected`.

use std::io::{self, Write as _};

use crate::cli::StoreArgs;
use crate::exit::Exit;
use crate::store;

/// Hides rejected records from everyone, and says how many.
pub(super) fn run(args: &StoreArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(args)?)?;
    let hidden = store.hide_rejected()?;
    let records = if hidden == 1 { "record is" } else { "records are" };
    writeln!(io::stdout().lock(), "{hidden} rejected {records} now hidden from all readers of the archive (_valid: false)")?;
    Ok(Exit::Complete)
}
