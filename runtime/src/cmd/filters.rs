//! Loads the filters that a command line names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::{UsageError, options};
use crate::config::{Config, Setting};
use crate::file;
use crate::limits::Limits;
use crate::pipeline::{Member, clash};
use crate::sandbox::Refusal;
use crate::terminal::escape;
use crate::worker::{self, Cache, Filter, Launcher};

/// Checks that there is a component file, without reading it: opening a pipe would wait for somebody to write.
fn check_file(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => bail!("the filter {shown} is not a regular file"),
        Err(_) if path.to_string_lossy().contains('*') => {
            bail!("no file matches {shown}; filters are built with scripts/build-filters.sh or `runtime build`")
        }
        Err(error) => Err(error).with_context(|| format!("cannot open the filter {shown}")),
    }
}

/// Reads a component file, no further than a component may be long.
pub(super) fn read_component(path: &Path) -> anyhow::Result<Vec<u8>> {
    check_file(path)?;
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open the filter {shown}"))?;
    // One byte more than allowed, so that admission sees that it is too much. At once: growing would take twice as much.
    let most = Limits::COMPONENT_BYTES + 1;
    let mut bytes = Vec::with_capacity(file.metadata().map_or(0, |known| known.len().min(most)) as usize + 1);
    file.take(most).read_to_end(&mut bytes).with_context(|| format!("cannot read the filter {shown}"))?;
    Ok(bytes)
}

/// Admits a component under the limits of its profile.
pub(super) fn admit(launcher: &Launcher, bytes: &[u8]) -> Result<Filter, Refusal> {
    Admission::new(launcher).admit(bytes, None)
}

/// Admits components; what was compiled before comes from the cache.
struct Admission<'l> {
    launcher: &'l Launcher,
    cache: Option<Cache>,
}

impl<'l> Admission<'l> {
    fn new(launcher: &'l Launcher) -> Self {
        let cache = cache_folder().and_then(|folder| match Cache::open(&folder) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "compiled code is not kept between runs");
                None
            }
        });
        Self { launcher, cache }
    }

    /// Admits a component under these limits, or those of its profile.
    fn admit(&self, bytes: &[u8], limits: Option<&Limits>) -> Result<Filter, Refusal> {
        worker::load(self.launcher, self.cache.as_ref(), bytes, limits)
    }

    /// Loads a filter, with the limits that the configuration gives it.
    fn load(&self, config: &Config, file: &Path) -> Loaded {
        let bytes = read_component(file)?;
        let filter = match self.admit(&bytes, None) {
            Ok(filter) => filter,
            refused => return Ok(refused),
        };
        match config.limits.get(&filter.descriptor().name) {
            Some(overrides) => Ok(self.admit(&bytes, Some(&limits(&filter, overrides)?))),
            None => Ok(Ok(filter)),
        }
    }
}

/// Where compiled code is kept: `RUNTIME_CACHE`, which may be empty for nowhere, or the user's folder for such things.
fn cache_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("RUNTIME_CACHE") {
        return (!folder.is_empty()).then(|| folder.into());
    }
    file::cache_folder()
}

/// Loads every filter of the configuration, with its options and limits. Nothing runs if one of them is refused.
pub(super) fn load(launcher: &Launcher, config: &Config) -> anyhow::Result<Vec<Member>> {
    let filters = load_unset(launcher, config)?;
    let said = options::said(&filters, config)?;
    options::set(filters, &said)
}

/// A component that is not admitted.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    /// Where it lies.
    pub(super) file: PathBuf,
    /// Why.
    pub(super) reason: String,
}

impl Refused {
    fn error(self) -> anyhow::Error {
        anyhow::Error::msg(self.reason).context(format!("the filter {} is refused", self.file.display()))
    }
}

/// Loads the filters of the configuration, with options and limits, and says which are refused: their authors' mistakes, or
/// attacks, are no reason for the others not to run. If all are, nothing does.
pub(super) fn load_others(launcher: &Launcher, config: &Config) -> anyhow::Result<(Vec<Member>, Vec<Refused>)> {
    let (filters, mut refused) = load_each(launcher, config)?;
    if filters.is_empty() && !refused.is_empty() {
        return Err(refused.swap_remove(0).error());
    }
    for Refused { file, reason } in &refused {
        tracing::error!("the filter {} is refused, and the others run without it: {}", file.display(), escape(reason));
    }
    let said = options::said(&filters, config)?;
    Ok((options::set(filters, &said)?, refused))
}

/// Loads every filter of the configuration, with its limits. None, if one of them is refused.
pub(super) fn load_unset(launcher: &Launcher, config: &Config) -> anyhow::Result<Vec<Filter>> {
    let (filters, refused) = load_each(launcher, config)?;
    refused.into_iter().next().map_or(Ok(filters), |refused| Err(refused.error()))
}

/// Loads the filters of the configuration, with their limits: those that are admitted, and what the others are refused for.
fn load_each(launcher: &Launcher, config: &Config) -> anyhow::Result<(Vec<Filter>, Vec<Refused>)> {
    let mut loaded: Vec<(&Path, Filter)> = Vec::new();
    let mut refused: Vec<Refused> = Vec::new();
    for (path, filter) in config.filters.value.iter().zip(load_side_by_side(launcher, config)) {
        let filter = match filter? {
            Ok(filter) => filter,
            Err(refusal) => {
                refused.push(Refused { file: path.clone(), reason: refusal.to_string() });
                continue;
            }
        };
        for (other_path, other) in &loaded {
            let Some(same) = clash(other.descriptor(), filter.descriptor()) else { continue };
            bail!(
                "two filters have the {same}: {} and {}; marks and options would mix them up",
                other_path.display(),
                path.display()
            );
        }
        loaded.push((path, filter));
    }
    let known: Vec<&str> = loaded.iter().map(|(_, filter)| filter.descriptor().name.as_str()).collect();
    for (what, name) in
        config.options.keys().map(|name| ("an option", name)).chain(config.limits.keys().map(|name| ("a limit", name)))
    {
        // Nobody knows the names of those that are refused.
        if !known.contains(&name.as_str()) && refused.is_empty() {
            return Err(UsageError(format!(
                "{what} names the filter {name:?}, which does not run; these do: {}",
                known.join(", ")
            ))
            .into());
        }
    }
    Ok((loaded.into_iter().map(|(_, filter)| filter).collect(), refused))
}

/// A filter, or what it is refused for, or why its file is no component at all.
type Loaded = anyhow::Result<Result<Filter, Refusal>>;

/// How many filters are compiled at a time, at most: each may take two gigabytes of memory.
const MOST_AT_ONCE: usize = 4;

/// Loads every filter of the configuration, several at a time: one that takes long to compile does not hold up the others.
fn load_side_by_side(launcher: &Launcher, config: &Config) -> Vec<Loaded> {
    let files = &config.filters.value;
    let admission = Admission::new(launcher);
    let (waiting, loaded) = (Mutex::new(files.iter().enumerate()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let load = || {
        while let Some((index, file)) = next() {
            let filter = admission.load(config, file);
            loaded.lock().unwrap_or_else(PoisonError::into_inner).push((index, filter));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_AT_ONCE).min(files.len());
    thread::scope(|scope| {
        // This one does what no other can be had for.
        let others = (1..threads).map(|_| thread::Builder::new().spawn_scoped(scope, load));
        others.for_each(drop);
        load();
    });
    let mut loaded = loaded.into_inner().unwrap_or_else(PoisonError::into_inner);
    loaded.sort_unstable_by_key(|(index, _)| *index);
    loaded.into_iter().map(|(_, filter)| filter).collect()
}

/// The limits of a filter, with what the operator set.
fn limits(filter: &Filter, overrides: &BTreeMap<String, Setting<u64>>) -> Result<Limits, UsageError> {
    let set = |limits: Limits, (name, limit): (&String, &Setting<u64>)| limits.with(name, limit.value);
    let limits = overrides.iter().try_fold(filter.profile().limits(), set);
    limits.map_err(|error| UsageError(format!("limits of the filter {}: {error}", filter.descriptor().name)))
}
