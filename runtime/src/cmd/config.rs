//! `runtime config check`, and the settings of all commands.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::json;

use super::{UsageError, filters};
use crate::cli::{ConfigCheckArgs, SettingsArgs, StoreArgs};
use crate::config::{Config, Given, Origin};
use crate::exit::Exit;
use crate::store;
use crate::terminal::escape;

/// The settings of a run.
pub(super) fn settings(args: &SettingsArgs) -> anyhow::Result<Config> {
    let given = Given {
        config: args.store.config.clone(),
        store: args.store.store.clone(),
        filters: args.filters.clone(),
        workers: args.workers,
        options: filters::parse_options(&args.options)?,
    };
    let config = Config::of(given)?;
    if config.store.origin == Origin::Originals {
        let store = store::shown_address(&config.store.value);
        tracing::warn!(store, "the configuration file names no archive: the Analytics Module's default holds");
    }
    Ok(config)
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
    let mut out = io::stdout().lock();
    if args.json {
        let mut shown = config.clone();
        shown.store.value = store::shown_address(&config.store.value);
        let Config { store, filters, workers, options, limits } = shown;
        let all = json!({"store": store, "filters": filters, "workers": workers, "options": options, "limits": limits});
        writeln!(out, "{all}")?;
    } else {
        print(&mut out, &config)?;
    }
    out.flush()?;
    store::check_address(&config.store.value)?;
    need_filters(&config)?;
    for filter in &config.filters.value {
        filters::check_file(filter)?;
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
    let workers = config.workers.value.map_or("one per core".to_owned(), |workers| workers.to_string());
    row("workers", &workers, &config.workers.origin);
    for (filter, options) in &config.options {
        for (key, option) in options {
            row(&format!("option {filter}.{key}"), &option.value, &option.origin);
        }
    }
    for (filter, limits) in &config.limits {
        for (name, limit) in limits {
            row(&format!("limit {filter}.{name}"), &limit.value.to_string(), &limit.origin);
        }
    }
    writeln!(out, "{table}")
}
