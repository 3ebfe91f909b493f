//! The settings of a run, from a file, the environment and the command line, each with where it came from.
//!
//! The file is the `config.json` of the Cybex-P Analytics Module, read as it is, with a section `runtime` of our own. Like
//! that module's worker we work on what `tahoe` names, and refuse to start if `archive` or `analytics` name another
//! place: records would be read from one archive and documents written to another.

mod file;
mod option;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

pub use self::option::{OPTION_VARIABLES, Source, SourceError, option_variable};

use self::file::File;

/// Without a file and without a word of the operator.
const DEFAULT_STORE: &str = "sqlite:tahoe.db";

/// The most workers.
pub const MOST_WORKERS: u16 = 64;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file does not say, so what the Analytics Module took holds.
    Originals,
    /// A section of the file.
    File(&'static str),
    /// An environment variable.
    Environment(String),
    /// The command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Originals => f.write_str("default of the Analytics Module"),
            Self::File(section) => write!(f, "file, section {section}"),
            Self::Environment(variable) => f.write_str(variable),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A setting, and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting<T> {
    /// What holds.
    pub value: T,
    /// Because of whom.
    pub origin: Origin,
}

impl<T> Setting<T> {
    fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// Lets a later word replace an earlier one.
    fn overridden(self, value: Option<T>, origin: Origin) -> Self {
        value.map_or(self, |value| Self { value, origin })
    }
}

/// Something for one filter, by its name and the key.
pub type PerFilter<T> = BTreeMap<String, BTreeMap<String, Setting<T>>>;

/// What a run needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The archive's address. May hold a password: shown only by way of [`crate::store::shown_address`].
    pub store: Setting<String>,
    /// The filters' files.
    pub filters: Setting<Vec<PathBuf>>,
    /// The file that says what the filters may be.
    pub lock: Setting<Option<PathBuf>>,
    /// Threads; `None` is one per core.
    pub workers: Setting<Option<u16>>,
    /// The filters' options; those that variables of their own hold are found when the filters are known
    /// ([`Config::options_of`]).
    pub options: PerFilter<Source>,
    /// The filters' limits that differ from the default.
    pub limits: PerFilter<u64>,
}

/// What the command line said; nothing where it was silent.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--store`.
    pub store: Option<String>,
    /// `--filters`.
    pub filters: Vec<PathBuf>,
    /// `--lock`.
    pub lock: Option<PathBuf>,
    /// `--workers`.
    pub workers: Option<u16>,
    /// `--option` and `--option-file`, by filter and key.
    pub options: BTreeMap<String, BTreeMap<String, Source>>,
}

/// A configuration that cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error("the configuration {}: {problem}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// An environment variable.
    #[error("{variable}: {problem}")]
    Environment {
        /// Which.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

const CONFIG: &str = "RUNTIME_CONFIG";
const STORE: &str = "RUNTIME_STORE";
const WORKERS: &str = "RUNTIME_WORKERS";
const FILTERS: &str = "RUNTIME_FILTERS";
const LOCK: &str = "RUNTIME_LOCK";

impl Config {
    /// What holds: the command line before the environment, that before the file, that before the defaults. An empty
    /// variable says nothing.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit, or a variable that is no number.
    pub fn resolve(given: Given, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        let path = given.config.or_else(|| environment(CONFIG).map(PathBuf::from));
        let file = path.as_deref().map(File::read).transpose()?;
        let in_file = match (&path, &file) {
            (Some(path), Some(file)) => {
                let refuse = |problem| ConfigError::File { file: path.clone(), problem };
                if file.runtime.workers.is_some_and(|workers| !(1..=MOST_WORKERS).contains(&workers)) {
                    return Err(refuse(format!("runtime.workers: expected a number from 1 to {MOST_WORKERS}")));
                }
                file.store().map_err(refuse)?
            }
            _ => Setting::new(DEFAULT_STORE.to_owned(), Origin::Default),
        };
        let ours = file.unwrap_or_default().runtime;
        let section = Origin::File("runtime");
        let mut options = per_filter(ours.options, &section);
        for (filter, keys) in per_filter(given.options, &Origin::CommandLine) {
            options.entry(filter).or_default().extend(keys);
        }
        let filters = environment(FILTERS).map(|paths| std::env::split_paths(&paths).collect());
        Ok(Self {
            store: in_file
                .overridden(environment(STORE), Origin::Environment(STORE.to_owned()))
                .overridden(given.store, Origin::CommandLine),
            filters: Setting::new(Vec::new(), Origin::Default)
                .overridden(ours.filters, section.clone())
                .overridden(filters, Origin::Environment(FILTERS.to_owned()))
                .overridden((!given.filters.is_empty()).then_some(given.filters), Origin::CommandLine),
            lock: Setting::new(None, Origin::Default)
                .overridden(ours.lock.map(Some), section.clone())
                .overridden(environment(LOCK).map(|path| Some(path.into())), Origin::Environment(LOCK.to_owned()))
                .overridden(given.lock.map(Some), Origin::CommandLine),
            workers: Setting::new(None, Origin::Default)
                .overridden(ours.workers.map(Some), section.clone())
                .overridden(workers(environment(WORKERS))?.map(Some), Origin::Environment(WORKERS.to_owned()))
                .overridden(given.workers.map(Some), Origin::CommandLine),
            options,
            limits: per_filter(ours.limits, &section),
        })
    }

    /// What was said of these options of a filter: the command line before the variable of the option, that before the
    /// file. And of those that it does not have.
    #[must_use]
    pub fn options_of(&self, filter: &str, keys: &[&str]) -> BTreeMap<String, Setting<Source>> {
        let mut options = self.options.get(filter).cloned().unwrap_or_default();
        for key in keys {
            let variable = option_variable(filter, key);
            let before = options.get(*key).is_some_and(|option| option.origin == Origin::CommandLine);
            if !before && std::env::var_os(&variable).is_some_and(|value| !value.is_empty()) {
                let option = Setting::new(Source::variable(variable.clone()), Origin::Environment(variable));
                options.insert((*key).to_owned(), option);
            }
        }
        options
    }

    /// As [`Config::resolve`], from this process's environment.
    ///
    /// # Errors
    /// See there.
    pub fn of(given: Given) -> Result<Self, ConfigError> {
        Self::resolve(given, &|name| std::env::var(name).ok())
    }
}

fn per_filter<T>(settings: BTreeMap<String, BTreeMap<String, T>>, origin: &Origin) -> PerFilter<T> {
    let with_origin =
        |keys: BTreeMap<String, T>| keys.into_iter().map(|(key, value)| (key, Setting::new(value, origin.clone()))).collect();
    settings.into_iter().map(|(filter, keys)| (filter, with_origin(keys))).collect()
}

fn workers(variable: Option<String>) -> Result<Option<u16>, ConfigError> {
    let Some(text) = variable else { return Ok(None) };
    match text.parse() {
        Ok(workers @ 1..=MOST_WORKERS) => Ok(Some(workers)),
        _ => {
            let problem = format!("expected a number from 1 to {MOST_WORKERS}, found {text:?}");
            Err(ConfigError::Environment { variable: WORKERS, problem })
        }
    }
}
