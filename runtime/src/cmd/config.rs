//! `runtime config check`, and the settings of all commands.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::{UsageError, filters, lock, options};
use crate::cli::{ConfigCheckArgs, FiltersArgs, SettingsArgs, StoreArgs};
use crate::config::{Config, Given, Origin};
use crate::exit::Exit;
use crate::store;
use crate::terminal::escape;
use crate::worker::Launcher;

/// The settings of a run.
pub(super) fn settings(args: &SettingsArgs) -> anyhow::Result<Config> {
    let StoreArgs { store, config } = args.store.clone();
    let config = Config::of(Given { config, store, workers: args.workers, ..given(&args.filters)? })?;
    if config.store.origin == Origin::Originals {
        let store = store::shown_address(&config.store.value);
        tracing::warn!(store, "the configuration file names no archive: the Analytics Module's default holds");
    }
    Ok(config)
}

/// The settings of a command that needs no archive.
pub(super) fn of_filters(args: &FiltersArgs, config: Option<PathBuf>) -> anyhow::Result<Config> {
    Ok(Config::of(Given { config, ..given(args)? })?)
}

fn given(args: &FiltersArgs) -> Result<Given, UsageError> {
    let options = options::parse(args)?;
    Ok(Given { filters: args.filters.clone(), lock: args.lock.clone(), options, ..Given::default() })
}

/// The archive of a command that needs nothing else to be configured.
pub(super) fn address(args: &StoreArgs) -> anyhow::Result<String> {
    let given = Given { config: args.config.clone(), store: args.store.clone(), ..Given::default() };
    Ok(Config::of(given)?.store.value)
}

/// What a run cannot start without.
///
/// # Errors
/// Names the ways to say it.
pub(super) fn need_filters(config: &Config) -> Result<(), UsageError> {
    if config.filters.value.is_empty() {
        return Err(UsageError(
            "no filters: name them with --filters F.wasm…, with RUNTIME_FILTERS, or in the configuration file as runtime.filters; \
             `runtime --help` shows all commands"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Prints what holds and why; then says what would keep a run from starting.
pub(super) fn check(args: &ConfigCheckArgs) -> anyhow::Result<Exit> {
    let config = settings(&args.settings)?;
    let launcher = Launcher::new().context("cannot tell where this program lies")?;
    let filters = filters::load_unset(&launcher, &config);
    let said = match &filters {
        Ok(filters) => options::said(filters, &config)?,
        Err(_) => config.options.clone(),
    };
    let options = options::shown(said.clone(), filters.as_deref().ok());
    let mut shown = Config { options, ..config.clone() };
    let mut out = io::stdout().lock();
    if args.json {
        shown.store.value = store::shown_address(&config.store.value);
        let Config { store, filters, lock, workers, options, limits } = shown;
        let all = json!({
            "store": store, "filters": filters, "lock": lock, "workers": workers, "options": options, "limits": limits
        });
        writeln!(out, "{all}")?;
    } else {
        print(&mut out, &shown)?;
    }
    out.flush()?;
    store::check_address(&config.store.value)?;
    need_filters(&config)?;
    let lock = lock::of(&config)?;
    let members = options::set(filters?, &said)?;
    if let Some(lock) = lock {
        lock::enforce(&lock, &config, &members)?;
    }
    Ok(Exit::Complete)
}

fn print(out: &mut impl io::Write, config: &Config) -> io::Result<()> {
    let mut table = super::table(["setting", "value", "from"]);
    let mut row = |name: &str, value: &str, origin: &Origin| {
        table.add_row([escape(name).to_string(), escape(value).to_string(), origin.to_string()]);
    };
    row("store", &store::shown_address(&config.store.value), &config.store.origin);
    let filters: Vec<String> = config.filters.value.iter().map(|filter| Path::display(filter).to_string()).collect();
    row("filters", if filters.is_empty() { "none" } else { "" }, &config.filters.origin);
    for filter in &filters {
        row("", filter, &config.filters.origin);
    }
    let lock = config.lock.value.as_ref().map_or("none".to_owned(), |lock| lock.display().to_string());
    row("lock", &lock, &config.lock.origin);
    let workers = config.workers.value.map_or("one per core".to_owned(), |workers| workers.to_string());
    row("workers", &workers, &config.workers.origin);
    for (filter, options) in &config.options {
        for (key, option) in options {
            row(&format!("option {filter}.{key}"), &option.value.to_string(), &option.origin);
        }
    }
    for (filter, limits) in &config.limits {
        for (name, limit) in limits {
            row(&format!("limit {filter}.{name}"), &limit.value.to_string(), &limit.origin);
        }
    }
    writeln!(out, "{table}")
}
