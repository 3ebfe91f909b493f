//! `runtime lock`, and what a run makes of a lock.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::{config, filters};
use crate::cli::LockArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::lock::{Lock, LockError};
use crate::pipeline::Member;
use crate::terminal::escape;
use crate::worker::Launcher;

/// Where the lock is, if nobody says otherwise.
const DEFAULT: &str = "filters.lock";

/// Writes what the filters are, if nothing is written yet or the operator accepts what changed; else says what did.
pub(super) fn run(args: &LockArgs) -> anyhow::Result<Exit> {
    let config = config::of_filters(&args.filters, args.config.clone())?;
    config::need_filters(&config)?;
    let path = config.lock.value.as_deref().unwrap_or(Path::new(DEFAULT));
    // Before anything is compiled. One that is damaged is no less a lock: only its owner deletes it.
    let earlier = match Lock::read(path) {
        Ok(lock) => Some(lock),
        Err(LockError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let launcher = Launcher::new().context("cannot tell where this program lies")?;
    let members = filters::load(&launcher, &config)?;
    let now = describe(&members, earlier.as_ref())?;
    let drifts = earlier.as_ref().map(|earlier| earlier.drift(&now)).unwrap_or_default();
    let written = earlier.is_none() || (args.accept && !drifts.is_empty());
    if written {
        now.write(path)?;
    }
    let exit = if written || drifts.is_empty() { Exit::Complete } else { Exit::Incomplete };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({"lock": path, "written": written, "differences": drifts}))?;
        return Ok(exit);
    }
    for line in drifts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").lines() {
        writeln!(out, "{}", escape(line))?;
    }
    let shown = path.display().to_string();
    let shown = escape(&shown);
    let names = members.iter().map(|member| member.reference.name.as_str()).collect::<Vec<_>>().join(", ");
    match (exit, written) {
        (Exit::Complete, true) => writeln!(out, "{shown} now says what these may be: {names}. Enforce it with --lock {shown}.")?,
        (Exit::Complete, false) => writeln!(out, "{shown} says the same of these: {names}.")?,
        _ => writeln!(out, "Nothing was written. To agree to this, say it again with --accept.")?,
    }
    Ok(exit)
}

/// The lock of a run, if it has one. Read before anything is compiled.
pub(super) fn of(config: &Config) -> Result<Option<Lock>, LockError> {
    config.lock.value.as_deref().map(Lock::read).transpose()
}

/// Refuses filters that are not what the lock says.
pub(super) fn enforce(lock: &Lock, config: &Config, members: &[Member]) -> anyhow::Result<()> {
    let drifts = lock.drift(&describe(members, Some(lock))?);
    if drifts.is_empty() {
        return Ok(());
    }
    let shown = config.lock.value.as_deref().unwrap_or(Path::new(DEFAULT)).display();
    let mut text = format!("the filters are not what {shown} says, nothing runs:");
    for drift in drifts {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{drift}");
    }
    let _ = write!(
        text,
        "\nTo agree to this: runtime lock --accept --lock {shown} --filters …, with the options and the configuration of this run"
    );
    Err(anyhow::Error::msg(text))
}

/// Says what a run trusts that has no lock.
pub(super) fn warn_of_none(members: &[Member]) {
    let names = members.iter().map(|Member { reference, .. }| {
        let digest: String = reference.component.to_string().chars().take(12).collect();
        format!("{} {} (sha256 {digest}…)", reference.name, reference.version)
    });
    let names = names.collect::<Vec<_>>().join(", ");
    tracing::warn!(
        "no lock: these filters are trusted as they lie there, with what they say that they read and emit: {names}; `runtime lock` \
         writes down what they are, --lock holds them to it"
    );
}

/// The lock of what was loaded: of the bytes that were compiled, which were read once.
fn describe(members: &[Member], earlier: Option<&Lock>) -> anyhow::Result<Lock> {
    Lock::of(members.iter().map(|member| &member.filter), earlier).context("cannot get random bytes for a salt")
}
