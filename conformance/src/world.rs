//! What cucumber carries from step to step.

use std::sync::Arc;

use crate::api::Api;
use crate::bench::{Bench, Closed};
use crate::checks::{Circumstances, breaches};
use crate::collect::{Key, Outcome};
use crate::expect::{Failure, StepResult};
use crate::rig::Rig;
use crate::trace::{Entry, EntryKind};

/// One scenario while it runs.
#[derive(Debug, Default, cucumber::World)]
pub(crate) struct World {
    /// Set before the first step.
    pub(crate) rig: Option<Arc<Rig>>,
    /// The scenario's tags and those of its feature.
    pub(crate) tags: Vec<String>,
    /// Its name.
    pub(crate) scenario: String,
    /// Its place at the rig, from the step that opens it.
    pub(crate) bench: Option<Bench>,
    /// Its place at the REST API, from the first step that speaks of it.
    pub(crate) api: Option<Api>,
    /// Why it cannot be run here, once a step has found that out.
    pub(crate) not_run: Option<String>,
}

impl World {
    /// The place at the rig.
    pub(crate) fn bench(&mut self) -> Result<&mut Bench, Failure> {
        self.bench
            .as_mut()
            .ok_or_else(|| Failure::new("no step before this one has set the scene"))
    }

    /// The place at the REST API.
    pub(crate) async fn api(&mut self) -> Result<&mut Api, Failure> {
        if self.api.is_none() {
            let rig = self.rig()?;
            self.api = Some(Api::open(&rig, &self.scenario).await?);
        }
        let open = self.api.as_mut();
        open.ok_or_else(|| Failure::new("the REST API is out of reach"))
    }

    /// The rig.
    pub(crate) fn rig(&self) -> Result<Arc<Rig>, Failure> {
        self.rig
            .clone()
            .ok_or_else(|| Failure::new("the scenario runs outside a rig"))
    }

    /// Turns what a bench could not do into the end of this scenario: failed, or not run with its reason.
    pub(crate) fn end(&mut self, closed: Closed) -> Failure {
        match closed {
            Closed::Failed(failure) => failure,
            Closed::NotRun(reason) => self.cannot_run(reason),
        }
    }

    /// Marks the scenario as not run.
    pub(crate) fn cannot_run(&mut self, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        self.not_run = Some(reason.clone());
        Failure(format!("not run: {reason}"))
    }

    /// Ends a scenario: waits for what is owed, holds the record against the unspoken rules, and hands it over.
    pub(crate) async fn finish(&mut self, key: Key, steps_passed: bool) {
        let Some(rig) = self.rig.clone() else { return };
        let mut outcome = Outcome {
            not_run: self.not_run.take(),
            ..Outcome::default()
        };
        if let Some(mut bench) = self.bench.take() {
            if steps_passed {
                bench.settle().await;
            }
            outcome.identity = bench.id.clone();
            outcome.flood = bench.flood();
            let side = bench.side;
            let allowed = std::mem::take(&mut bench.allowed);
            let errors_expected = std::mem::take(&mut bench.errors_expected);
            let moved_clock = bench.clock.is_some();
            let lines = bench.close().await;
            if steps_passed && outcome.flood.is_none() {
                let schemas = rig.schemas.as_deref();
                let circumstances = Circumstances {
                    side,
                    allowed: &allowed,
                    errors_expected: &errors_expected,
                    moved_clock,
                    schemas,
                };
                outcome.breaches = lines
                    .iter()
                    .flat_map(|line| breaches(line, &circumstances))
                    .collect();
            }
            let more = outcome.breaches.len().saturating_sub(BREACHES_SHOWN);
            if more > 0 {
                outcome.breaches.truncate(BREACHES_SHOWN);
                outcome.breaches.push(format!("and {more} more like these"));
            }
            outcome.entries = lines.into_iter().flatten().collect();
            if let Some(flood) = &outcome.flood {
                outcome.breaches = vec![flood.clone()];
                show_the_beginning(&mut outcome.entries);
            }
        }
        if let Some(api) = self.api.take() {
            if outcome.identity.is_empty() {
                outcome.identity = api.word("charge point").unwrap_or_default();
            }
            let record = api.close().await;
            outcome.entries.extend(record.entries);
            outcome.breaches.extend(record.breaches);
            outcome.exchanges = record.exchanges;
        }
        outcome.entries.sort_by_key(|entry| entry.at);
        rig.collector.put(key, outcome);
    }
}

/// Of a flooded record the report shows the beginning: a run has many scenarios, and its reader is a person.
fn show_the_beginning(entries: &mut Vec<Entry>) {
    let mut bytes = 0;
    let shown = entries
        .iter()
        .take(FLOOD_ENTRIES_SHOWN)
        .take_while(|entry| {
            if let EntryKind::Frame { raw, .. } = &entry.kind {
                bytes += raw.len();
            }
            bytes <= FLOOD_BYTES_SHOWN
        });
    let shown = shown.count();
    entries.truncate(shown);
    entries.shrink_to_fit();
}

/// Breaches of one scenario that are told one by one.
const BREACHES_SHOWN: usize = 50;

/// Entries and bytes of a flooded record that are shown.
const FLOOD_ENTRIES_SHOWN: usize = 200;
const FLOOD_BYTES_SHOWN: usize = 64 * 1024;

/// Lets a step use `?` on what a bench can refuse.
pub(crate) trait OrEnd<T> {
    fn or_end(self, world: &mut World) -> Result<T, Failure>;
}

impl<T> OrEnd<T> for Result<T, Closed> {
    fn or_end(self, world: &mut World) -> Result<T, Failure> {
        self.map_err(|closed| world.end(closed))
    }
}

/// A step that has nothing to look at.
pub(crate) const DONE: StepResult = Ok(());
