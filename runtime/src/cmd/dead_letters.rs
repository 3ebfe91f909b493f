//! `runtime dead-letters`.

use std::io::{self, Write as _};

use anyhow::bail;

use crate::cli::{DeadLettersDiscardArgs, DeadLettersListArgs, DeadLettersShowArgs};
use crate::exit::Exit;
use crate::store::{self, DeadLetter, SubmissionKey};
use crate::terminal::escape;

/// The most of a record that is shown to people, in bytes; JSON has all of it.
const SHOWN: usize = 64 * 1024;

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

/// The letter of that number.
pub(super) fn find(letters: &[DeadLetter], id: i64) -> anyhow::Result<&DeadLetter> {
    match letters.iter().find(|letter| letter.id == id) {
        Some(letter) => Ok(letter),
        None => bail!("there is no dead letter {id}; `runtime dead-letters list` shows those that there are"),
    }
}

/// Shows one with its record.
pub(super) fn show(args: &DeadLettersShowArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let letters = store.dead_letters()?;
    let letter = find(&letters, args.id)?;
    let work = store.record(&SubmissionKey { raw: letter.record, orgid: letter.orgid.clone() })?;
    let mut out = io::stdout().lock();
    if args.json {
        let mut shown = serde_json::to_value(letter)?;
        if let (Some(shown), Some(work)) = (shown.as_object_mut(), &work) {
            shown.insert("timezone".to_owned(), work.timezone.as_str().into());
            shown.insert("received_at".to_owned(), work.received_at.into());
            // As text: it may be JSON of any size and form.
            shown.insert("data".to_owned(), work.data.as_str().into());
        }
        writeln!(out, "{shown}")?;
        return Ok(Exit::Complete);
    }
    let mut line = |name: &str, value: &dyn std::fmt::Display| writeln!(out, "{name:<12}{value}");
    line("filter", &format_args!("{} {} ({})", letter.filter, letter.version, letter.filter_id))?;
    line("failed", &format_args!("{}: {}", letter.failure.kind.name(), escape(&letter.failure.message)))?;
    for (number, frame) in letter.failure.backtrace.iter().enumerate() {
        line(if number == 0 { "backtrace" } else { "" }, &escape(frame))?;
    }
    line("fuel", &letter.fuel)?;
    line("attempts", &format_args!("{}; the next one by hand: `runtime dead-letters retry {}`", letter.attempts, letter.id))?;
    line("component", &letter.component)?;
    line("options", &letter.options)?;
    line("limits", &letter.limits)?;
    line("engine", &if letter.engine.is_empty() { "not written down" } else { &letter.engine })?;
    line("record", &format_args!("{} ({}) of {}", letter.record, letter.sub_type, escape(&letter.orgid)))?;
    if let Some(work) = &work {
        let end = work.data.floor_char_boundary(SHOWN);
        let (shown, rest) = work.data.split_at(end);
        line("data", &escape(shown))?;
        if !rest.is_empty() {
            line("", &format_args!("and {} bytes more; --json has all", rest.len()))?;
        }
    }
    Ok(Exit::Complete)
}

/// Gives up some.
pub(super) fn discard(args: &DeadLettersDiscardArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let letters = store.dead_letters()?;
    // All are looked for before one is given up: a mistyped number changes nothing.
    for id in &args.ids {
        find(&letters, *id)?;
    }
    let mut out = io::stdout().lock();
    for id in &args.ids {
        let what = if store.discard(*id)? { "discarded: the record counts as rejected" } else { "was settled meanwhile" };
        writeln!(out, "dead letter {id} {what}")?;
    }
    Ok(Exit::Complete)
}
