//! The operator's settings for a filter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::descriptor::{Descriptor, MAX_LINE};
use crate::tahoe::Hash;

/// The value of every option of one filter: the operator's, or the default.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Options(Arc<Settings>);

#[derive(Clone, Default, PartialEq, Eq)]
struct Settings {
    values: BTreeMap<String, String>,
    /// The keys of those that nobody may see.
    hidden: BTreeSet<String>,
    /// Of these, the keys of those that the filter calls secret.
    secret: BTreeSet<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.open()).entries(self.hidden().map(|(key, _)| (key, "***"))).finish()
    }
}

/// A value that an operator gave.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// In the open.
    Open(String),
    /// By a file or a variable: it is nobody's business, whatever the filter calls it. A new version of a filter cannot
    /// have a secret shown by no longer calling it one.
    Hidden(String),
}

impl Given {
    fn value(&self) -> &str {
        match self {
            Self::Open(value) | Self::Hidden(value) => value,
        }
    }

    /// For people.
    fn shown(&self) -> String {
        match self {
            Self::Open(value) => format!("{value:?}"),
            Self::Hidden(_) => "what was given (it is not shown)".to_owned(),
        }
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
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
    #[error("the option {filter}.{key} cannot be {value}; allowed: {allowed}")]
    NotAllowed {
        /// Which filter.
        filter: String,
        /// Which option.
        key: String,
        /// What was asked for, as it may be shown.
        value: String,
        /// What there is.
        allowed: String,
    },
    /// The contract promises filters values of one line.
    #[error("the option {filter}.{key}: a value is one line of at most {MAX_LINE} bytes")]
    NotALine {
        /// Which filter.
        filter: String,
        /// Which option.
        key: String,
    },
    /// A secret on a command line is seen by every process of the machine.
    #[error(
        "the option {filter}.{key} is secret: it is not to be given in the open, on a command line or in a configuration file"
    )]
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
        Self(Arc::new(Settings { values, ..Settings::default() }))
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
    /// When the filter does not declare an option, does not allow its value, or has it secret and it was given in the
    /// open.
    pub fn resolve(descriptor: &Descriptor, given: &BTreeMap<String, Given>) -> Result<Self, OptionError> {
        let filter = || descriptor.name.clone();
        for (key, value) in given {
            let Some(spec) = descriptor.options.iter().find(|option| option.key == *key) else {
                let known: Vec<&str> = descriptor.options.iter().map(|option| option.key.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(OptionError::Unknown { filter: filter(), key: key.clone(), known });
            };
            if spec.secret && matches!(value, Given::Open(_)) {
                return Err(OptionError::Secret { filter: filter(), key: key.clone() });
            }
            if value.value().len() > MAX_LINE || value.value().contains('\n') {
                return Err(OptionError::NotALine { filter: filter(), key: key.clone() });
            }
            if !spec.allowed.is_empty() && !spec.allowed.iter().any(|allowed| allowed == value.value()) {
                let allowed = spec.allowed.join(", ");
                return Err(OptionError::NotAllowed { filter: filter(), key: key.clone(), value: value.shown(), allowed });
            }
        }
        let value = |key: &str, default: &str| given.get(key).map_or(default, Given::value).to_owned();
        let resolved = descriptor.options.iter().map(|option| (option.key.clone(), value(&option.key, &option.default)));
        let hidden: BTreeSet<String> =
            given.iter().filter(|(_, given)| matches!(given, Given::Hidden(_))).map(|(key, _)| key.clone()).collect();
        let secret = descriptor.options.iter().filter(|option| option.secret && hidden.contains(&option.key));
        let secret = secret.map(|option| option.key.clone()).collect();
        Ok(Self(Arc::new(Settings { values: resolved.collect(), hidden, secret })))
    }

    /// The value of an option that the filter declares.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.values.get(key).map(String::as_str)
    }

    /// Those that anybody may see, by key.
    pub fn open(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(key, _)| !self.0.hidden.contains(*key))
    }

    /// Those that nobody may see.
    pub fn hidden(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(key, _)| self.0.hidden.contains(*key))
    }

    /// Those that the filter calls secret, and may not tell: what was given for them, not their defaults.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(key, _)| self.0.secret.contains(*key))
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The digest that the ledger keeps: SHA-256 of the settings as one JSON object with sorted keys. One that nobody may
    /// see stands there as `null`: whoever reads the archive could try guesses against a digest of its value.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let shown = |(key, value)| (key, (!self.0.hidden.contains(key)).then_some(value));
        let settings: BTreeMap<&str, Option<&str>> = self.all().map(shown).collect();
        // A map of strings always serialises.
        Hash::of(&[&serde_json::to_vec(&settings).unwrap_or_default()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::{Declared, OptionSpec};

    fn descriptor(allowed: &[&str]) -> Descriptor {
        let option = |key: &str, default: &str, secret| OptionSpec {
            key: key.into(),
            description: String::new(),
            default: default.into(),
            allowed: if secret { allowed.iter().map(|value| (*value).to_owned()).collect() } else { Vec::new() },
            secret,
        };
        let declared = Declared {
            id: "00000000-0000-4000-8000-000000000001".into(),
            name: "f".into(),
            version: "1.0.0".into(),
            accepts: vec!["cowrie".into()],
            options: vec![option("mode", "on", false), option("token", "", true)],
            ..Declared::default()
        };
        Descriptor::check(declared).unwrap()
    }

    fn resolve(given: &[(&str, Given)]) -> Result<Options, OptionError> {
        let given = given.iter().map(|(key, given)| ((*key).to_owned(), given.clone())).collect();
        Options::resolve(&descriptor(&[]), &given)
    }

    fn hidden(value: &str) -> Given {
        Given::Hidden(value.to_owned())
    }

    #[test]
    fn what_was_given_by_a_file_or_a_variable_is_hidden_and_no_form_of_it_shows_it() {
        let options = resolve(&[("token", hidden("hunter2")), ("mode", hidden("hunter3"))]).unwrap();
        assert_eq!((options.get("token"), options.get("mode")), (Some("hunter2"), Some("hunter3")));
        assert_eq!((options.open().count(), options.hidden().count()), (0, 2));
        assert_eq!(options.secrets().collect::<Vec<_>>(), [("token", "hunter2")]);
        assert!(!format!("{options:?} {:?}", hidden("hunter2")).contains("hunter"), "{options:?}");
        // A default is the author's word, for all to read in the component.
        assert_eq!(resolve(&[]).unwrap().open().count(), 2);
    }

    #[test]
    fn the_digest_in_the_archive_says_nothing_of_a_secret_but_that_there_is_one() {
        let one = resolve(&[("token", hidden("hunter2"))]).unwrap().digest();
        assert_eq!(one, resolve(&[("token", hidden("hunter3"))]).unwrap().digest());
        assert_ne!(one, resolve(&[]).unwrap().digest());
        let same = BTreeMap::from([("mode", "on"), ("token", "")]);
        assert_eq!(resolve(&[]).unwrap().digest(), Hash::of(&[&serde_json::to_vec(&same).unwrap()]));
    }

    #[test]
    fn a_secret_in_the_open_is_refused_and_a_wrong_one_is_not_quoted() {
        let open = resolve(&[("token", Given::Open("hunter2".into()))]).unwrap_err();
        assert_eq!(open, OptionError::Secret { filter: "f".into(), key: "token".into() });
        let given = BTreeMap::from([("token".to_owned(), hidden("hunter2"))]);
        let wrong = Options::resolve(&descriptor(&["", "other"]), &given).unwrap_err();
        let lines = resolve(&[("token", hidden("hunter2\nhunter2"))]).unwrap_err();
        let unknown = resolve(&[("tokens", hidden("hunter2"))]).unwrap_err();
        for (error, words) in
            [(wrong, "allowed: , other"), (lines, "one line"), (unknown, "it has: mode, token"), (open, "f.token is secret")]
        {
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(words) && !shown.contains("hunter"), "{shown}");
        }
    }
}
