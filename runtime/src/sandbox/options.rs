//! The operator's settings for a filter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::tahoe::Hash;

/// The value of every option of one filter: the operator's, or the default.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Options(Arc<Settings>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Settings {
    values: BTreeMap<String, String>,
    /// The keys of those that nobody may see.
    secret: BTreeSet<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.open()).entries(self.secrets().map(|(key, _)| (key, "***"))).finish()
    }
}

/// A setting that the filter does not take.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OptionError {
    /// The filter has no such option.
    #[error("the filter {filter} has no option {key:?}; it has: {known}")]
    Unknown {
        /// Which filter.
        filter: String,
        /// What was asked for.
        key: String,
        /// What there is.
        known: String,
    },
    /// The filter does not allow this value.
    #[error("the option {filter}.{key} cannot be {value:?}; allowed: {allowed}")]
    NotAllowed {
        /// Which filter.
        filter: String,
        /// Which option.
        key: String,
        /// What was asked for.
        value: String,
        /// What there is.
        allowed: String,
    },
    /// A secret on a command line is seen by every process of the machine.
    #[error("the option {filter}.{key} is secret: it cannot be given on the command line")]
    Secret {
        /// Which filter.
        filter: String,
        /// Which option.
        key: String,
    },
}

/// For the processes that call filters: they have no use for knowing what is secret.
impl From<BTreeMap<String, String>> for Options {
    fn from(values: BTreeMap<String, String>) -> Self {
        Self(Arc::new(Settings { values, secret: BTreeSet::new() }))
    }
}

impl From<Options> for BTreeMap<String, String> {
    fn from(options: Options) -> Self {
        options.0.values.clone()
    }
}

impl Options {
    /// The settings in force, given those of the operator.
    ///
    /// # Errors
    /// When the filter does not declare an option, or does not allow its value.
    pub fn resolve(descriptor: &Descriptor, given: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        let filter = || descriptor.name.clone();
        for (key, value) in given {
            let Some(spec) = descriptor.options.iter().find(|option| option.key == *key) else {
                let known: Vec<&str> = descriptor.options.iter().map(|option| option.key.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(OptionError::Unknown { filter: filter(), key: key.clone(), known });
            };
            if spec.secret {
                return Err(OptionError::Secret { filter: filter(), key: key.clone() });
            }
            if !spec.allowed.is_empty() && !spec.allowed.contains(value) {
                let allowed = spec.allowed.join(", ");
                return Err(OptionError::NotAllowed { filter: filter(), key: key.clone(), value: value.clone(), allowed });
            }
        }
        let value = |key: &str, default: &str| given.get(key).map_or(default, String::as_str).to_owned();
        let resolved = descriptor.options.iter().map(|option| (option.key.clone(), value(&option.key, &option.default)));
        Ok(Self(Arc::new(Settings { values: resolved.collect(), secret: BTreeSet::new() })))
    }

    /// The value of an option that the filter declares.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.values.get(key).map(String::as_str)
    }

    /// Those that anybody may see, by key.
    pub fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(key, _)| !self.0.secret.contains(*key))
    }

    /// Those that nobody may see.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(key, _)| self.0.secret.contains(*key))
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The digest that the ledger keeps: SHA-256 of the settings as one JSON object with sorted keys. A secret stands there
    /// as `null`: whoever reads the archive could try guesses against a digest of its value.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let shown = |(key, value)| (key, (!self.0.secret.contains(key)).then_some(value));
        let settings: BTreeMap<&str, Option<&str>> = self.all().map(shown).collect();
        // A map of strings always serialises.
        Hash::of(&[&serde_json::to_vec(&settings).unwrap_or_default()])
    }
}
