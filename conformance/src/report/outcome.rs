//! What the end of a scenario brings to light, on its way from the scenario to the report.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::rules::Breach;
use crate::wire::entry::Entry;
use crate::wire::http::HttpExchange;

/// Which scenario: file, line and name; rows of an outline differ in their line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn of(feature: &gherkin::Feature, scenario: &gherkin::Scenario) -> Self {
        let file = feature
            .path
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        Self(format!(
            "{file}:{}:{}:{}",
            feature.name, scenario.position.line, scenario.name
        ))
    }
}

/// What the end of a scenario's place at the rig brought to light.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) identity: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) breaches: Vec<Breach>,
    /// With the REST API under test.
    pub(crate) exchanges: Vec<HttpExchange>,
    /// A recommendation or a habit that a step saw not kept.
    pub(crate) warnings: Vec<String>,
    /// Why it did not come to its end, where nobody is to blame.
    pub(crate) ended: Option<Ended>,
    /// The record was full: the reason that goes before all others.
    pub(crate) flood: Option<String>,
}

/// Why a scenario did not come to its end, where nobody is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Something is missing that the user could give.
    NotRun(String),
    /// The system under test has no such thing.
    NotApplicable(String),
}

/// Where scenarios put their outcome when they end.
#[derive(Debug, Default)]
pub(crate) struct Collector(Mutex<HashMap<Key, Outcome>>);

impl Collector {
    pub(crate) fn put(&self, key: Key, outcome: Outcome) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, outcome);
    }

    pub(crate) fn take(&self, key: &Key) -> Outcome {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key)
            .unwrap_or_default()
    }
}
