//! `runtime dead-letters retry`: failed records once more to their filters, which were mended perhaps.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{config, dead_letters, filters, lock, store_check};
use crate::cli::DeadLettersRetryArgs;
use crate::exit::Exit;
use crate::pipeline::{Member, attempt};
use crate::store::{self, Committed, DeadLetter, Store, SubmissionKey};
use crate::terminal::escape;
use crate::worker::{Launcher, Worker};

/// Attempts each of them, and commits what comes of it. Exit code 3 if one failed again.
pub(super) fn run(args: &DeadLettersRetryArgs) -> anyhow::Result<Exit> {
    let config = config::settings(&args.settings)?;
    config::need_filters(&config)?;
    let launcher = Launcher::new().context("cannot tell where this program lies")?;
    let lock = lock::of(&config)?;
    let members = filters::load(&launcher, &config)?;
    if let Some(lock) = &lock {
        lock::enforce(lock, &config, &members)?;
    }
    let store = store::open_existing(&config.store.value)?;
    if let Some(undecided) = store_check::undecided(&members, &config)
        && store_check::has_originals_mapping(store.as_ref())?
    {
        return Err(undecided.into());
    }
    let letters = store.dead_letters()?;
    let of = |letter: &DeadLetter| members.iter().find(|member| member.reference.id == letter.filter_id);
    let wanted: Vec<(&DeadLetter, &Member)> = if args.all {
        letters.iter().filter_map(|letter| Some((letter, of(letter)?))).collect()
    } else {
        let one = |id: &i64| {
            let letter = dead_letters::find(&letters, *id)?;
            match of(letter) {
                Some(member) => Ok((letter, member)),
                None => bail!("dead letter {id} is of the filter {}: name its component with --filters", letter.filter),
            }
        };
        args.ids.iter().map(one).collect::<anyhow::Result<_>>()?
    };
    for (_, member) in &wanted {
        store.register(&member.reference)?;
    }
    let mut worker = Worker::new(launcher);
    let mut failed = 0;
    for (letter, member) in &wanted {
        let outcome = again(store.as_ref(), letter, member, &mut worker)?;
        failed += usize::from(matches!(outcome, Committed::Failed(_)));
        print(args.json, letter, &outcome)?;
    }
    if !args.json {
        writeln!(io::stdout().lock(), "{} tried, {} of them are dead letters still", wanted.len(), failed)?;
    }
    Ok(if failed == 0 { Exit::Complete } else { Exit::Incomplete })
}

/// One attempt, committed: what a crash interrupts is a dead letter as before.
fn again(store: &dyn Store, letter: &DeadLetter, member: &Member, worker: &mut Worker) -> anyhow::Result<Committed> {
    let key = SubmissionKey { raw: letter.record, orgid: letter.orgid.clone() };
    let work = store.record(&key)?;
    let work = work.with_context(|| format!("the record {} of dead letter {} is in the archive no more", key.raw, letter.id))?;
    let settled = attempt(worker, &member.filter, &work);
    let outcome = store.commit(member.reference.id, std::slice::from_ref(&settled))?.pop();
    outcome.context("the store does not say what became of the record; look at `runtime dead-letters list`")
}

fn print(json: bool, letter: &DeadLetter, outcome: &Committed) -> io::Result<()> {
    let (verdict, detail) = match outcome {
        Committed::Done { new_documents } => ("done", format!("{new_documents} new documents")),
        Committed::Rejected => ("rejected", String::new()),
        Committed::Failed(failure) => ("failed", format!("{}: {}", failure.kind.name(), failure.message)),
    };
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", json!({"id": letter.id, "filter": letter.filter, "verdict": verdict, "detail": detail}));
    }
    let colon = if detail.is_empty() { "" } else { ": " };
    writeln!(out, "dead letter {} ({}) {verdict}{colon}{}", letter.id, letter.filter, escape(&detail))
}
