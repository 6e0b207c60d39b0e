//! What cucumber carries from step to step: the roles that the rig plays in a scenario.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::case::side::Side;
use crate::case::tags::{Lease, TagWord};
use crate::failure::Failure;
use crate::report::outcome::{Ended, Outcome};
use crate::role::Closed;
use crate::role::csms::CsmsRole;
use crate::role::emsp::Roaming;
use crate::role::rest::Rest;
use crate::role::rig::Rig;
use crate::role::station::StationRole;
use crate::role::talk::Talk;
use crate::rules::schemas::Schemas;
use crate::rules::{Breach, Circumstances, FLOOD, breaches};
use crate::watch::expected::Allowance;
use crate::wire::entry::{Entry, EntryKind};

/// One scenario while it runs.
#[derive(Debug, Default, cucumber::World)]
pub(crate) struct World {
    /// Set before the first step.
    pub(crate) rig: Option<Arc<Rig>>,
    /// The scenario's tags and those of its feature.
    pub(crate) tags: Vec<String>,
    /// Its name.
    pub(crate) scenario: String,
    /// The rig as a CSMS, from the step that brings a charge point under test.
    pub(crate) csms: Option<CsmsRole>,
    /// The rig as a charge point, from the step that lets it connect.
    pub(crate) station: Option<StationRole>,
    /// The rig as a caller of the REST API, from the first step that speaks of it.
    pub(crate) rest: Option<Rest>,
    /// The rig as eMSPs, from the first step that speaks of a partner.
    pub(crate) roaming: Option<Roaming>,
    /// The known tag, while this scenario has it for itself.
    lease: Option<Lease>,
    /// Why it does not come to its end, once a step has found that out.
    ended: Option<Ended>,
    /// Recommendations and habits that were not kept.
    warnings: Vec<String>,
}

impl World {
    /// The rig as a CSMS.
    pub(crate) fn csms(&mut self) -> Result<&mut CsmsRole, Failure> {
        self.csms.as_mut().ok_or_else(|| {
            Failure::new("no step before this one has brought a charge point under test")
        })
    }

    /// The rig as a charge point.
    pub(crate) fn station(&mut self) -> Result<&mut StationRole, Failure> {
        self.station
            .as_mut()
            .ok_or_else(|| Failure::new("no step before this one has let a charge point connect"))
    }

    /// The line to the charge point under test, or where there is none, the line to the CSMS under test.
    pub(crate) fn talk(&mut self) -> Result<&mut Talk, Failure> {
        match (&mut self.csms, &mut self.station) {
            (Some(csms), _) => Ok(&mut csms.talk),
            (None, Some(station)) => Ok(&mut station.talk),
            (None, None) => Err(Failure::new("no step before this one has set the scene")),
        }
    }

    /// The transaction that the scenario speaks of, whoever told it.
    pub(crate) fn running(&self) -> Option<i64> {
        let of_station = self
            .station
            .as_ref()
            .and_then(|station| station.talk.transaction);
        of_station.or_else(|| self.csms.as_ref()?.talk.transaction)
    }

    /// The place at the REST API.
    pub(crate) async fn rest(&mut self) -> Result<&mut Rest, Failure> {
        if self.rest.is_none() {
            let rig = self.rig()?;
            self.rest = Some(Rest::open(&rig, &self.scenario).await?);
        }
        let open = self.rest.as_mut();
        open.ok_or_else(|| Failure::new("the REST API is out of reach"))
    }

    /// The place at the CPO.
    pub(crate) async fn roaming(&mut self) -> Result<&mut Roaming, Failure> {
        if self.roaming.is_none() {
            let rig = self.rig()?;
            let opened = Roaming::open(&rig).await;
            self.roaming = Some(opened.map_err(|closed| self.end(closed))?);
        }
        let open = self.roaming.as_mut();
        open.ok_or_else(|| Failure::new("the CPO is out of reach"))
    }

    /// The rig.
    pub(crate) fn rig(&self) -> Result<Arc<Rig>, Failure> {
        self.rig
            .clone()
            .ok_or_else(|| Failure::new("the scenario runs outside a rig"))
    }

    /// Waits until this scenario has a known tag for itself.
    pub(crate) async fn lease(&mut self) {
        if self.lease.is_none()
            && let Ok(rig) = self.rig()
        {
            self.lease = rig.pool.lease().await;
        }
    }

    /// The tag behind the words, or the end of the scenario where this run has none.
    pub(crate) async fn tag(&mut self, word: TagWord) -> Result<String, Failure> {
        let rig = self.rig()?;
        if word == TagWord::Known {
            self.lease().await;
            if let Some(lease) = &self.lease {
                return Ok(lease.tag.clone());
            }
        }
        word.of(&rig.tags).map_err(|reason| self.cannot_run(reason))
    }

    /// Turns what a role could not do into the end of this scenario: failed, or not run with its reason.
    pub(crate) fn end(&mut self, closed: Closed) -> Failure {
        match closed {
            Closed::Failed(failure) => failure,
            Closed::Refused(reason) => Failure(reason),
            Closed::NotRun(reason) => self.cannot_run(reason),
            Closed::NotApplicable(reason) => self.does_not_apply(reason),
        }
    }

    /// Marks the scenario as not run.
    pub(crate) fn cannot_run(&mut self, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        self.ended = Some(Ended::NotRun(reason.clone()));
        Failure(format!("not run: {reason}"))
    }

    /// Marks the scenario as not applicable: the system under test has no such thing.
    pub(crate) fn does_not_apply(&mut self, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        self.ended = Some(Ended::NotApplicable(reason.clone()));
        Failure(format!("not applicable: {reason}"))
    }

    /// A recommendation or a habit was not kept; the scenario goes on.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Ends a scenario: waits for what is owed, holds the record against the unspoken rules, and gives both.
    pub(crate) async fn finish(&mut self, steps_passed: bool) -> Outcome {
        let mut outcome = Outcome {
            ended: self.ended.take(),
            warnings: std::mem::take(&mut self.warnings),
            ..Outcome::default()
        };
        if let Some(mut csms) = self.csms.take() {
            if steps_passed {
                csms.settle().await;
            }
            outcome.identity = csms.id.clone();
            outcome.flood = csms.talk.line.log().flood();
            for allowed in &mut csms.talk.allowed {
                allowed.from = allowed.from.saturating_sub(csms.judged_from);
            }
            let connectors = csms.traits.connectors;
            let judge = Judge::of(&csms.rig, &mut csms.talk, csms.clock.is_some(), connectors);
            let entries = csms.close().await;
            judge.take_in(&mut outcome, vec![entries], steps_passed);
        }
        if let Some(mut station) = self.station.take() {
            if let Some(reason) = station.cannot.take() {
                outcome.ended = Some(Ended::NotRun(reason));
            }
            if steps_passed {
                station.settle().await;
            }
            outcome.identity = station.id.clone();
            outcome.flood = station.flood();
            let judge = Judge::of(&station.rig, &mut station.talk, false, 0);
            let lines = station.close().await;
            judge.take_in(&mut outcome, lines, steps_passed);
        }
        if let Some(rest) = self.rest.take() {
            if outcome.identity.is_empty() {
                outcome.identity = rest.word("charge point").unwrap_or_default();
            }
            let record = rest.close().await;
            outcome.entries.extend(record.entries);
            outcome.breaches.extend(record.breaches);
            outcome.exchanges = record.exchanges;
        }
        if let Some(roaming) = self.roaming.take() {
            let record = roaming.close();
            outcome.entries.extend(record.entries);
            outcome.breaches.extend(record.breaches);
            for (rule, more) in show_some_of_each(&mut outcome.breaches) {
                let text = format!("and {more} more breaches of the rule {rule}");
                outcome.warnings.push(text);
            }
        }
        outcome.entries.sort_by_key(|entry| entry.at);
        self.lease = None;
        outcome
    }
}

/// What is needed to judge the record of a role once its line is closed.
struct Judge {
    side: Side,
    allowed: Vec<Allowance>,
    errors_expected: HashSet<String>,
    moved_clock: bool,
    connectors: u32,
    schemas: Option<Arc<Schemas>>,
}

impl Judge {
    fn of(rig: &Rig, talk: &mut Talk, moved_clock: bool, connectors: u32) -> Self {
        Self {
            side: talk.side,
            allowed: std::mem::take(&mut talk.allowed),
            errors_expected: std::mem::take(&mut talk.errors_expected),
            moved_clock,
            connectors,
            schemas: rig.schemas.clone(),
        }
    }

    /// Takes the record of a role into the outcome, with what is wrong with it.
    fn take_in(self, outcome: &mut Outcome, lines: Vec<Vec<Entry>>, steps_passed: bool) {
        if outcome.flood.is_none() {
            for (index, line) in lines.iter().enumerate() {
                let circumstances = Circumstances {
                    side: self.side,
                    allowed: &self.allowed,
                    errors_expected: &self.errors_expected,
                    moved_clock: self.moved_clock,
                    whole: steps_passed,
                    newest: index + 1 == lines.len(),
                    connectors: self.connectors,
                    schemas: self.schemas.as_deref(),
                };
                outcome.breaches.extend(breaches(line, &circumstances));
            }
        }
        for (rule, more) in show_some_of_each(&mut outcome.breaches) {
            let text = format!("and {more} more breaches of the rule {rule}");
            outcome.warnings.push(text);
        }
        outcome.entries.extend(lines.into_iter().flatten());
        if let Some(flood) = &outcome.flood {
            outcome.breaches = vec![FLOOD.broken(flood.clone())];
            show_the_beginning(&mut outcome.entries, FLOOD_ENTRIES_SHOWN, FLOOD_BYTES_SHOWN);
        } else {
            // It may have ended just before its record was full.
            show_the_beginning(&mut outcome.entries, ENTRIES_SHOWN, BYTES_SHOWN);
        }
    }
}

/// Leaves so many breaches of each rule as a reader can take in: none hides another. Gives what was left out.
fn show_some_of_each(breaches: &mut Vec<Breach>) -> BTreeMap<&'static str, usize> {
    let mut so_far: BTreeMap<&'static str, usize> = BTreeMap::new();
    breaches.retain(|breach| {
        let so_far = so_far.entry(breach.rule.id).or_default();
        *so_far += 1;
        *so_far <= BREACHES_SHOWN
    });
    so_far.retain(|_, times| *times > BREACHES_SHOWN);
    for times in so_far.values_mut() {
        *times -= BREACHES_SHOWN;
    }
    so_far
}

/// Of a long record the report shows the beginning: a run has many scenarios, and its reader is a person.
fn show_the_beginning(entries: &mut Vec<Entry>, entries_max: usize, bytes_max: usize) {
    let mut bytes = 0;
    let shown = entries.iter().take(entries_max).take_while(|entry| {
        if let EntryKind::Frame { raw, .. } = &entry.kind {
            bytes += raw.len();
        }
        bytes <= bytes_max
    });
    let shown = shown.count();
    entries.truncate(shown);
    entries.shrink_to_fit();
}

/// Breaches of one rule in a scenario that are told one by one.
const BREACHES_SHOWN: usize = 10;

/// Entries and bytes of any other record that are shown: no scenario makes as many on its own.
const ENTRIES_SHOWN: usize = 2_000;
const BYTES_SHOWN: usize = 256 * 1024;

/// Entries and bytes of a flooded record that are shown.
const FLOOD_ENTRIES_SHOWN: usize = 200;
const FLOOD_BYTES_SHOWN: usize = 64 * 1024;

/// Lets a step use `?` on what a role can refuse.
pub(crate) trait OrEnd<T> {
    fn or_end(self, world: &mut World) -> Result<T, Failure>;
}

impl<T> OrEnd<T> for Result<T, Closed> {
    fn or_end(self, world: &mut World) -> Result<T, Failure> {
        self.map_err(|closed| world.end(closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rule;

    #[test]
    fn many_breaches_of_one_rule_hide_no_other() {
        static LOUD: Rule = Rule::should("loud");
        static GRAVE: Rule = Rule::must("grave");
        let mut breaches: Vec<Breach> = (0..60).map(|_| LOUD.broken("again")).collect();
        breaches.push(GRAVE.broken("once"));
        let left_out = show_some_of_each(&mut breaches);
        assert_eq!(left_out, BTreeMap::from([("loud", 50)]));
        assert!(breaches.iter().any(|breach| breach.rule.id == "grave"));
        assert_eq!(breaches.len(), 11);
    }
}
