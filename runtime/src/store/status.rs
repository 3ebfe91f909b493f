//! How filters fare: what a store keeps of it for people who ask.

use serde::{Deserialize, Serialize};

use super::{SubmissionKey, Tally};

/// What filters cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Units of fuel.
    pub fuel: u64,
    /// Workers' time in microseconds: calls, checks and commits.
    pub busy_us: u64,
}

/// A breaker that is open: no records go to the filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenBreaker {
    /// How often it opened since a record last passed: the n of the wait.
    pub opened: u32,
    /// The failure that opened it.
    pub reason: String,
    /// When one record is let through, in Unix seconds; `None` if the filter was over for a run that has ended.
    pub until: Option<f64>,
}

/// A time in which the store did not answer, and that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// How often it was asked in vain: the n of the wait.
    pub failures: u32,
    /// What it said last.
    pub reason: String,
    /// When it answered again, in Unix seconds.
    pub ended_at: f64,
}

/// How a filter fares, as the process that ran it last says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Its breaker, if that is open.
    pub breaker: Option<OpenBreaker>,
    /// The last outage of the store that the process had to wait for.
    pub outage: Option<Outage>,
    /// A record that it did well not long ago: what tells a broken filter from bad records.
    pub did_well: Option<SubmissionKey>,
}

/// What a store knows of a filter that was registered once.
#[derive(Clone, Debug, Serialize)]
pub struct FilterStatus {
    /// The filter's name, as last registered.
    pub filter: String,
    /// The filter's version, as last registered.
    pub version: String,
    /// How its pairs stand.
    #[serde(flatten)]
    pub tally: Tally,
    /// What it has cost so far, in all runs.
    #[serde(flatten)]
    pub usage: Usage,
    /// How it fares.
    #[serde(flatten)]
    pub health: Health,
}
