//! From a pending record to a settled one.
//!
//! [`attempt()`] is the way of one record: through the sandbox, the check of its answer, to documents. [`mod@run`]
//! gives turns to workers, fairly over filters; a [`mod@turn`] claims and attempts, and a `committer` writes what came of
//! it while the next one goes on. A filter that fails again and again is stopped (`breaker`), a store that does not answer
//! is asked again ([`Patience`]). Which store and which filters is not its business.

mod attempt;
mod backoff;
mod breaker;
mod chatter;
mod committer;
mod counters;
mod patience;
mod run;
mod schedule;
mod turn;

pub use attempt::{attempt, conclude, record_of};
pub use chatter::Reasons;
pub use counters::{Counters, Imbalance};
pub use patience::Patience;
pub use run::{FilterSummary, Run, RunError, Settings};

use crate::descriptor::Descriptor;
use crate::store::FilterRef;
use crate::tahoe::Hash;
use crate::worker::Filter;

/// A filter in both its roles: what the sandbox calls, and what the store keeps books on.
pub struct Member {
    /// For the sandbox.
    pub filter: Filter,
    /// For the store.
    pub reference: FilterRef,
}

impl Member {
    /// Takes down, for the ledger, what the filter's answers depend on.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        let descriptor = filter.descriptor();
        let reference = FilterRef {
            id: descriptor.id,
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            component: filter.digest(),
            options: filter.options().digest(),
            // Limits always serialise.
            limits: Hash::of(&[&serde_json::to_vec(filter.limits()).unwrap_or_default()]),
            accepts: descriptor.accepts.clone(),
        };
        Self { filter, reference }
    }
}

/// What two filters of one run must not have in common, if they have it: marks and options would mix them up.
#[must_use]
pub fn clash(one: &Descriptor, other: &Descriptor) -> Option<String> {
    if one.id == other.id {
        Some(format!("id {}", one.id))
    } else if one.name == other.name {
        Some(format!("name {}", one.name))
    } else {
        None
    }
}
