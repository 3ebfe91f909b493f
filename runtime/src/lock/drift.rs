//! What differs between two locks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Amount, Entry, Lock};
use crate::terminal::escape;

/// How a filter differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Its name.
    pub filter: String,
    /// In what way.
    pub what: What,
    /// What of it has changed; nothing if it is only on one side.
    pub changes: Vec<Change>,
}

/// In what way a filter differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is not in the lock.
    Added,
    /// It is only in the lock.
    Removed,
    /// It is not as the lock says.
    Changed,
}

/// A field that has another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub field: String,
    /// In the lock; `None` if it is not there.
    pub old: Option<String>,
    /// Now.
    pub new: Option<String>,
}

impl fmt::Display for Drift {
    /// For people; several lines, without one at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter = escape(&self.filter);
        match self.what {
            What::Added => write!(f, "{filter}: is not in the lock"),
            What::Removed => write!(f, "{filter}: is in the lock, and not among the filters"),
            What::Changed => {
                write!(f, "{filter}:")?;
                for Change { field, old, new } in &self.changes {
                    let shown = |value: &Option<String>| escape(value.as_deref().unwrap_or("absent")).into_owned();
                    write!(f, "\n  {}: {} → {}", escape(field), shown(old), shown(new))?;
                }
                Ok(())
            }
        }
    }
}

impl Lock {
    /// What differs, filter by filter, in the order of their names. Nothing: `now` keeps to this lock.
    #[must_use]
    pub fn drift(&self, now: &Self) -> Vec<Drift> {
        let names: BTreeSet<&String> = self.filters.keys().chain(now.filters.keys()).collect();
        let drift = |name: &String| {
            let (what, changes) = match (self.filters.get(name), now.filters.get(name)) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) => (What::Changed, changes(&old.fields(), &new.fields())),
                (Some(_), None) => (What::Removed, Vec::new()),
                (None, _) => (What::Added, Vec::new()),
            };
            Some(Drift { filter: name.clone(), what, changes })
        };
        names.into_iter().filter_map(drift).collect()
    }
}

fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |field: &String| {
        let (old, new) = (old.get(field).cloned(), new.get(field).cloned());
        (old != new).then(|| Change { field: field.clone(), old, new })
    };
    fields.into_iter().filter_map(change).collect()
}

impl Entry {
    /// Every value with the name of its field. What is a list has a field for each element, so that one that comes or
    /// goes is seen among many that stay.
    fn fields(&self) -> BTreeMap<String, String> {
        // Without `..`: a field that is not compared would be one that is not enforced.
        let Self { id, version, sha256, contract, profile, reads, asserts, emits, options, secrets, limits } = self;
        let single = [
            ("id", id.to_string()),
            ("version", version.clone()),
            ("sha256", sha256.to_string()),
            ("contract", contract.clone()),
            ("profile", profile.clone()),
        ];
        let mut fields: BTreeMap<String, String> = single.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let declared = |what: &str, element: &String| (format!("{what} {element}"), "declared".to_owned());
        fields.extend(reads.iter().map(|sub_type| declared("reads", sub_type)));
        fields.extend(asserts.iter().map(|category| declared("asserts", category)));
        for (kind, sub_types) in emits {
            fields.extend(sub_types.iter().map(|sub_type| declared(&format!("emits {kind}"), sub_type)));
        }
        // Quoted: an empty one and one with blanks are to be seen.
        fields.extend(options.iter().map(|(key, value)| (format!("option {key}"), format!("{value:?}"))));
        fields.extend(secrets.iter().map(|(key, digest)| (format!("option {key}"), format!("a secret with digest {digest}"))));
        fields.extend(limits.iter().map(|(name, amount)| (format!("limit {name}"), amount.to_string())));
        fields
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(number) => number.fmt(f),
            Self::Growing(words) => words.fmt(f),
        }
    }
}
