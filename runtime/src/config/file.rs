//! The file: `config.json` of the Cybex-P Analytics Module, with a section of our own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigError, Origin, Setting, Source};
use crate::file;

/// The original's defaults.
const DEFAULT_URL: &str = "mongodb://localhost:27017/";
const DEFAULT_DATABASE: &str = "tahoe_db";
const COLLECTION: &str = "instance";

/// The largest file that is read.
const MAX_BYTES: u64 = 1024 * 1024;

/// The sections that concern us. The original's others are nobody's mistake.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    tahoe: Option<Place>,
    archive: Option<Place>,
    analytics: Option<Place>,
    pub(super) runtime: Ours,
}

/// A collection, as the original names it; what is missing has the original's default.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Place {
    mongo_url: Option<String>,
    db: Option<String>,
    coll: Option<String>,
}

/// A place with everything that was left out.
#[derive(Debug, PartialEq, Eq)]
struct Resolved<'p> {
    url: &'p str,
    db: &'p str,
    coll: &'p str,
}

impl Place {
    fn resolved(&self) -> Resolved<'_> {
        Resolved {
            // With or without a slash at its end it is one server.
            url: self.mongo_url.as_deref().unwrap_or(DEFAULT_URL).trim_end_matches('/'),
            db: self.db.as_deref().unwrap_or(DEFAULT_DATABASE),
            coll: self.coll.as_deref().unwrap_or(COLLECTION),
        }
    }
}

/// Our own section. A key that we do not know is a mistake to be told.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ours {
    store: Option<String>,
    /// Relative ones are relative to the file's folder.
    pub(super) filters: Option<Vec<PathBuf>>,
    /// As `filters`.
    pub(super) lock: Option<PathBuf>,
    pub(super) workers: Option<u16>,
    pub(super) options: BTreeMap<String, BTreeMap<String, Source>>,
    pub(super) limits: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The words of serde_json name line, column and key, and quote a text where none was expected: it may be an address
/// with a password.
fn without_values(error: &str) -> String {
    match error.split_once("string \"").zip(error.rsplit_once("\", expected")) {
        Some(((before, _), (_, after))) => format!("{before}text, expected{after}"),
        None => error.to_owned(),
    }
}

impl File {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let refuse = |problem: String| ConfigError::File { file: path.to_owned(), problem };
        let text = file::read(path, MAX_BYTES).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let mut file: Self = serde_json::from_slice(&text).map_err(|error| refuse(without_values(&error.to_string())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        file.runtime.filters = file.runtime.filters.map(|filters| filters.iter().map(|filter| folder.join(filter)).collect());
        file.runtime.lock = file.runtime.lock.map(|lock| folder.join(lock));
        for option in file.runtime.options.values_mut().flat_map(BTreeMap::values_mut) {
            *option = option.clone().beside(folder);
        }
        Ok(file)
    }

    /// The archive that the file names: ours if it says so, or the original's.
    ///
    /// # Errors
    /// In words, if it names more than one, or one that this program cannot use.
    pub(super) fn store(&self) -> Result<Setting<String>, String> {
        if let Some(store) = &self.runtime.store {
            return Ok(Setting::new(store.clone(), Origin::File("runtime")));
        }
        let silent = Place::default();
        let place = self.tahoe.as_ref().unwrap_or(&silent).resolved();
        for (name, other) in [("archive", &self.archive), ("analytics", &self.analytics)] {
            if other.as_ref().is_some_and(|other| other.resolved() != place) {
                return Err(format!(
                    "the section {name} names another place than tahoe: this program reads records and writes documents in one \
                     collection; make the two the same, or take {name} out"
                ));
            }
        }
        let Resolved { url, db, coll } = place;
        if coll != COLLECTION {
            return Err(format!("the collection is {coll:?}: this program works on {COLLECTION:?}"));
        }
        let (server, options) =
            url.split_once('?').map_or((url, String::new()), |(server, options)| (server, format!("?{options}")));
        let server = server.trim_end_matches('/');
        if server.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) {
            let advice = "name it in db, and the one to authenticate against with ?authSource=";
            return Err(format!("mongo_url names a database, or its password holds a slash: {advice}; a slash is written %2F"));
        }
        let origin = if self.tahoe.is_some() { Origin::File("tahoe") } else { Origin::Originals };
        Ok(Setting::new(format!("{server}/{db}{options}"), origin))
    }
}
