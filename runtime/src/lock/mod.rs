//! `filters.lock`: what an operator agreed that filters may be, for people to read and for a run to enforce.
//!
//! A [`Lock`] is made of loaded filters, written to a file and read from one. Two of them are compared field by field
//! ([`Drift`]). Whoever enforces one must load the very bytes that were compared: a [`Filter`] holds the digest of the
//! bytes that its machine code was made of.

mod drift;
mod file;
#[cfg(test)]
mod tests;

pub use drift::{Change, Drift, What};
pub use file::LockError;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::{Budget, Limits};
use crate::tahoe::Hash;
use crate::worker::Filter;

/// The version of the file's form.
const VERSION: i64 = 1;

/// Bytes of a salt.
const SALT: usize = 16;

/// What filters may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: i64,
    /// For the digests of options that nobody may see; none if there are none. Not secret itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    /// By name.
    #[serde(default, rename = "filter")]
    filters: BTreeMap<String, Entry>,
}

/// What one filter may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Uuid,
    version: String,
    /// Of the component's bytes.
    sha256: Hash,
    contract: String,
    /// A text, so that a profile that this program does not know is a difference, not an error.
    profile: String,
    reads: BTreeSet<String>,
    asserts: BTreeSet<String>,
    /// Sub-types by kind.
    emits: BTreeMap<String, BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
    /// Salted digests of the options that nobody may see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<String, Hash>,
    limits: BTreeMap<String, Amount>,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Amount {
    /// The same for every record.
    Fixed(u64),
    /// In words: it grows with the record.
    Growing(String),
}

impl Lock {
    /// What these filters are. Secrets are salted as in an earlier lock, so that the two can be compared.
    ///
    /// # Errors
    /// The system has no randomness for a salt.
    pub fn of<'f>(filters: impl IntoIterator<Item = &'f Filter>, earlier: Option<&Self>) -> io::Result<Self> {
        let salt = match earlier.and_then(|earlier| earlier.salt.clone()) {
            Some(salt) => salt,
            None => new_salt()?,
        };
        let entry = |filter: &Filter| (filter.descriptor().name.clone(), Entry::of(filter, &salt));
        let filters: BTreeMap<String, Entry> = filters.into_iter().map(entry).collect();
        let secret = filters.values().any(|entry| !entry.secrets.is_empty());
        Ok(Self { version: VERSION, salt: secret.then_some(salt), filters })
    }
}

impl Entry {
    fn of(filter: &Filter, salt: &str) -> Self {
        let descriptor = filter.descriptor();
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let digest = |(key, value): (&str, &str)| {
            // Neither a name nor a key has a dot or an equals sign in it.
            let parts = [salt, ".", &descriptor.name, ".", key, "=", value].map(str::as_bytes);
            (key.to_owned(), Hash::of(&parts))
        };
        let kinds = descriptor.emits.kinds();
        Self {
            id: descriptor.id,
            version: descriptor.version.clone(),
            sha256: filter.digest(),
            contract: filter.contract().to_owned(),
            profile: filter.profile().name().to_owned(),
            reads: descriptor.accepts.iter().cloned().collect(),
            asserts: descriptor.emits.asserted().map(str::to_owned).collect(),
            emits: kinds.map(|(kind, sub_types)| (kind.to_owned(), sub_types.into_iter().map(str::to_owned).collect())).collect(),
            options: filter.options().open().map(owned).collect(),
            secrets: filter.options().hidden().map(digest).collect(),
            limits: amounts(filter.limits()),
        }
    }
}

/// All limits, by the names of their fields: a new one is in every lock without a word here.
fn amounts(limits: &Limits) -> BTreeMap<String, Amount> {
    // Limits always serialise, as an object of numbers and budgets.
    let fields = serde_json::to_value(limits).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    let amount = |value: serde_json::Value| match value.as_u64() {
        Some(number) => Amount::Fixed(number),
        None => Amount::Growing(Budget::deserialize(&value).map_or_else(|_| value.to_string(), |budget| budget.to_string())),
    };
    fields.into_iter().map(|(name, value)| (name, amount(value))).collect()
}

fn new_salt() -> io::Result<String> {
    let mut salt = [0; SALT];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut salt)?;
    Ok(hex::encode(salt))
}
