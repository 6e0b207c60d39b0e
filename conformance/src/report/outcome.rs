//! What the end of a scenario brings to light, on its way from the scenario to the report.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    pub(crate) breaches: Vec<String>,
    /// With the REST API under test.
    pub(crate) exchanges: Vec<HttpExchange>,
    pub(crate) not_run: Option<String>,
    /// The record was full: the reason that goes before all others.
    pub(crate) flood: Option<String>,
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
