//! Options of filters: as they are typed, and as filters get them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use super::UsageError;
use crate::cli::FiltersArgs;
use crate::config::{Config, OPTION_VARIABLES, PerFilter, Source, option_variable};
use crate::pipeline::Member;
use crate::sandbox::{Given, OptionError, Options};
use crate::worker::Filter;

/// Options as they are typed, by filter and key.
pub(super) fn parse(args: &FiltersArgs) -> Result<BTreeMap<String, BTreeMap<String, Source>>, UsageError> {
    let mut given: BTreeMap<String, BTreeMap<String, Source>> = BTreeMap::new();
    let open = args.options.iter().map(|typed| ("--option", typed));
    for (argument, typed) in open.chain(args.option_files.iter().map(|typed| ("--option-file", typed))) {
        let (value, example) = match argument {
            "--option" => ("VALUE", "sighting.honeypot=off"),
            _ => ("PATH", "lookup.token=/run/secrets/token"),
        };
        let parts = typed.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let Some(((filter, key), said)) = parts else {
            // What comes after the equals sign, or anything if there is none, may be a secret that was mistyped.
            let name = typed.split_once('=').map_or("…", |(name, _)| name);
            return Err(UsageError(format!("{argument} {name:?}: expected FILTER.KEY={value}, such as {example}")));
        };
        let source = match argument {
            "--option" => Source::Open(said.to_owned()),
            _ => Source::file(PathBuf::from(said)),
        };
        if given.entry(filter.to_owned()).or_default().insert(key.to_owned(), source).is_some() {
            return Err(UsageError(format!("the option {filter}.{key} is given twice")));
        }
    }
    Ok(given)
}

/// Options of the only filter that there is.
pub(super) fn parse_of_one(typed: &[String]) -> Result<BTreeMap<String, String>, UsageError> {
    let mut given = BTreeMap::new();
    for option in typed {
        let Some((key, value)) = option.split_once('=') else {
            return Err(UsageError(format!("--option {option:?}: expected KEY=VALUE, such as honeypot=off")));
        };
        if given.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(UsageError(format!("the option {key} is given twice")));
        }
    }
    Ok(given)
}

/// What was said of every option of these filters, the variables of their options included.
pub(super) fn said(filters: &[Filter], config: &Config) -> Result<PerFilter<Source>, UsageError> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut said = PerFilter::new();
    for descriptor in filters.iter().map(Filter::descriptor) {
        let keys: Vec<&str> = descriptor.options.iter().map(|option| option.key.as_str()).collect();
        for key in &keys {
            let option = format!("{}.{key}", descriptor.name);
            let variable = option_variable(&descriptor.name, key);
            if let Some(other) = variables.insert(variable.clone(), option.clone())
                && std::env::var_os(&variable).is_some()
            {
                return Err(UsageError(format!(
                    "the variable {variable} could be meant for {other} and for {option}: give each a variable of its own in the \
                     configuration, as {{\"env\": \"NAME\"}}"
                )));
            }
        }
        said.insert(descriptor.name.clone(), config.options_of(&descriptor.name, &keys));
    }
    for (variable, _) in std::env::vars_os() {
        let variable = variable.to_string_lossy();
        if variable.starts_with(OPTION_VARIABLES) && !variables.contains_key(&*variable) {
            tracing::warn!(%variable, "the variable is for no option of these filters");
        }
    }
    Ok(said)
}

/// What may be shown of what was said: not the value of a secret that was given in the open, by mistake. As long as the
/// filters are unknown, any may be one.
pub(super) fn shown(mut said: PerFilter<Source>, filters: Option<&[Filter]>) -> PerFilter<Source> {
    let secret = |name: &str, key: &str| {
        let filter = filters.and_then(|filters| filters.iter().find(|filter| filter.descriptor().name == name));
        filter.is_none_or(|filter| filter.descriptor().options.iter().any(|option| option.key == key && option.secret))
    };
    for (name, options) in &mut said {
        for (key, option) in options {
            if matches!(option.value, Source::Open(_)) && secret(name, key) {
                option.value = Source::Open("***".to_owned());
            }
        }
    }
    said
}

/// Gives filters their options.
pub(super) fn set(filters: Vec<Filter>, said: &PerFilter<Source>) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::with_capacity(filters.len());
    for mut filter in filters {
        let descriptor = filter.descriptor();
        let mut given = BTreeMap::new();
        for (key, option) in said.get(&descriptor.name).into_iter().flatten() {
            let value = option.value.read().with_context(|| format!("the option {}.{key}", descriptor.name))?;
            let hidden = !matches!(option.value, Source::Open(_));
            given.insert(key.clone(), if hidden { Given::Hidden(value) } else { Given::Open(value) });
        }
        let options = Options::resolve(descriptor, &given).map_err(|error| usage(&error))?;
        filter.set_options(options);
        members.push(Member::new(filter));
    }
    Ok(members)
}

/// An option that a filter does not take; and how it takes it, if it does.
fn usage(error: &OptionError) -> UsageError {
    UsageError(match error {
        OptionError::Secret { filter, key } => format!(
            "{error}; give it in a file, with --option-file {filter}.{key}=PATH; or in the environment, as {}; or say in the \
             configuration file where it is, with {{\"file\": \"PATH\"}} or {{\"env\": \"NAME\"}}",
            option_variable(filter, key)
        ),
        _ => error.to_string(),
    })
}
