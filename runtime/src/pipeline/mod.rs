//! From a pending record to a settled one.
//!
//! [`attempt()`] is the way of one record: through the sandbox, the check of its answer, to documents. [`mod@run`]
//! gives attempts to workers, fairly over filters, and commits what comes out. Which store and which filters is not
//! its business.

mod attempt;
mod backoff;
mod chatter;
mod counters;
mod run;
mod schedule;

pub use attempt::attempt;
pub use counters::{Counters, Imbalance};
pub use run::{FilterSummary, Run, RunError, Settings};

use crate::sandbox::Filter;
use crate::store::FilterRef;
use crate::tahoe::Hash;

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
