//! `runtime dead-letters`.

use std::io::{self, Write as _};

use crate::cli::DeadLettersListArgs;
use crate::exit::Exit;
use crate::store;
use crate::terminal::escape;

/// Lists dead letters, oldest first.
pub(super) fn list(args: &DeadLettersListArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let letters = store.dead_letters()?;
    let mut out = io::stdout().lock();
    if args.json {
        for letter in &letters {
            serde_json::to_writer(&mut out, letter)?;
            writeln!(out)?;
        }
        return Ok(Exit::Complete);
    }
    if letters.is_empty() {
        writeln!(out, "No dead letters.")?;
        return Ok(Exit::Complete);
    }
    let mut table = super::table(["id", "filter", "kind", "record", "sub-type", "orgid", "attempts", "message"]);
    for letter in &letters {
        table.add_row([
            letter.id.to_string(),
            format!("{} {}", letter.filter, letter.version),
            letter.failure.kind.name().to_owned(),
            letter.record.to_string(),
            letter.sub_type.clone(),
            escape(&letter.orgid).to_string(),
            letter.attempts.to_string(),
            escape(&letter.failure.message).to_string(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(Exit::Complete)
}
