//! Gathers what cucumber tells about scenarios and what the lines recorded, and joins both into verdicts.

use crate::case::features::all_tags;
use crate::report::outcome::Collector;
use crate::report::outcome::Key;
use crate::report::outcome::{Ended, Outcome};
use dynamo_protocol::time;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use cucumber::event::{self, Event, Feature, Rule, StepError};
use cucumber::{Writer, cli, parser};

use crate::report::{BreachReport, FrameReport, NoteReport, ScenarioReport, Status, StepReport};
use crate::rules::{Breach, Weight};
use crate::steps::world::World;
use crate::wire::entry::{End, Entry, EntryKind, unix_ms, unix_us};

/// The report of a scenario that did not come to its end.
pub(crate) fn not_run(
    feature: &gherkin::Feature,
    scenario: &gherkin::Scenario,
    reason: &str,
) -> ScenarioReport {
    let now = SystemTime::now();
    let running = Running {
        started: now,
        steps: Vec::new(),
        step_started: now,
        broken: None,
    };
    let outcome = Outcome {
        ended: Some(Ended::NotRun(reason.to_owned())),
        ..Outcome::default()
    };
    running.report(now, feature, scenario, outcome)
}

/// Scenarios with these tags ask for more than the standard: they can only warn.
pub(super) const RECOMMENDED: [&str; 3] = ["recommended", "robustness", "compatibility"];

/// Whether a tag is the id of a known test case.
fn is_id(tag: &str) -> bool {
    ["TC_", "OCPI-"].iter().any(|begin| tag.starts_with(begin))
}

/// A cucumber writer that builds the report.
pub(crate) struct Gatherer<F> {
    collector: Arc<Collector>,
    running: HashMap<Key, Running>,
    /// Finished scenarios in the order of their end.
    pub(crate) scenarios: Vec<ScenarioReport>,
    /// What is wrong with feature files or the run itself.
    pub(crate) errors: Vec<String>,
    on_finished: F,
}

#[derive(Debug)]
struct Running {
    started: SystemTime,
    steps: Vec<StepReport>,
    step_started: SystemTime,
    broken: Option<String>,
}

impl<F: FnMut(&mut ScenarioReport)> Gatherer<F> {
    /// `on_finished` is called with every scenario as it ends, and has the last word on it.
    pub(crate) fn new(collector: Arc<Collector>, on_finished: F) -> Self {
        Self {
            collector,
            running: HashMap::new(),
            scenarios: Vec::new(),
            errors: Vec::new(),
            on_finished,
        }
    }

    fn on_scenario(
        &mut self,
        at: SystemTime,
        feature: &gherkin::Feature,
        scenario: &gherkin::Scenario,
        event: event::Scenario<World>,
    ) {
        let key = Key::of(feature, scenario);
        match event {
            event::Scenario::Started => {
                let running = Running {
                    started: at,
                    steps: Vec::new(),
                    step_started: at,
                    broken: None,
                };
                self.running.insert(key, running);
            }
            event::Scenario::Background(step, event) | event::Scenario::Step(step, event) => {
                if let Some(running) = self.running.get_mut(&key) {
                    running.on_step(at, &step, event);
                }
            }
            event::Scenario::Hook(_, event::Hook::Failed(_, info)) => {
                if let Some(running) = self.running.get_mut(&key) {
                    running.broken = Some(panic_text(&info));
                }
            }
            event::Scenario::Hook(..) | event::Scenario::Log(_) => {}
            event::Scenario::Finished => {
                if let Some(running) = self.running.remove(&key) {
                    let outcome = self.collector.take(&key);
                    let mut report = running.report(at, feature, scenario, outcome);
                    (self.on_finished)(&mut report);
                    self.scenarios.push(report);
                }
            }
        }
    }
}

impl Running {
    fn on_step(&mut self, at: SystemTime, step: &gherkin::Step, event: event::Step<World>) {
        let (status, error) = match event {
            event::Step::Started => {
                self.step_started = at;
                return;
            }
            event::Step::Passed(..) => (Status::Passed, None),
            event::Step::Skipped => (
                Status::NotRun,
                Some("no step of the rig has these words".to_owned()),
            ),
            event::Step::Failed(_, _, _, error) => (Status::Failed, Some(step_error(&error))),
        };
        self.steps.push(StepReport {
            text: format!("{}{}", step.keyword, step.value).trim().to_owned(),
            status,
            error,
            started_ms: unix_ms(self.step_started),
            ended_ms: unix_ms(at),
            started_us: unix_us(self.step_started),
            line: step.position.line,
        });
    }

    fn report(
        mut self,
        at: SystemTime,
        feature: &gherkin::Feature,
        scenario: &gherkin::Scenario,
        outcome: Outcome,
    ) -> ScenarioReport {
        let tags = all_tags(feature, scenario);
        let recommended = tags.iter().any(|tag| RECOMMENDED.contains(&tag.as_str()));
        let (status, reason) = self.verdict(&outcome, recommended);
        self.list_steps_that_did_not_come(feature, scenario, status);
        for breach in &outcome.breaches {
            let status = match breach.rule.weight {
                Weight::Must if recommended => Status::Warned,
                Weight::Must => Status::Failed,
                Weight::Should => Status::Warned,
            };
            self.steps.push(StepReport {
                text: format!("(in every scenario) {}", breach.rule.id),
                status,
                error: Some(breach.text.clone()),
                started_ms: unix_ms(at),
                ended_ms: unix_ms(at),
                started_us: unix_us(at),
                line: 0,
            });
        }
        let mut rules: Vec<&'static str> = outcome
            .breaches
            .iter()
            .map(|breach| breach.rule.id)
            .collect();
        rules.sort_unstable();
        rules.dedup();
        let mut warnings = outcome.warnings;
        let light = |breach: &&Breach| breach.rule.weight == Weight::Should;
        let light = outcome.breaches.iter().filter(light);
        warnings.extend(light.map(|breach| breach.text.clone()));
        let mut told = HashSet::new();
        warnings.retain(|text| told.insert(text.clone()));
        let (frames, notes) = split(&outcome.entries);
        let breaches = outcome.breaches.into_iter().map(|breach| BreachReport {
            rule: breach.rule.id,
            weight: breach.rule.weight,
            text: breach.text,
        });
        ScenarioReport {
            id: tags.iter().find(|tag| is_id(tag)).cloned(),
            feature: feature.name.clone(),
            file: feature
                .path
                .as_ref()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            name: scenario.name.clone(),
            line: scenario.position.line,
            tags,
            identity: outcome.identity,
            status,
            reason,
            warnings,
            rules,
            breaches: breaches.collect(),
            started_at: time::text(i64::try_from(unix_ms(self.started)).unwrap_or(i64::MAX)),
            started_ms: unix_ms(self.started),
            duration_ms: at
                .duration_since(self.started)
                .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0)),
            steps: self.steps,
            frames,
            notes,
            exchanges: outcome.exchanges,
        }
    }

    /// How it ended. What only a recommendation asks for cannot fail.
    fn verdict(&self, outcome: &Outcome, recommended: bool) -> (Status, Option<String>) {
        let failed = if recommended {
            Status::Warned
        } else {
            Status::Failed
        };
        if let Some(reason) = &outcome.flood {
            return (Status::Failed, Some(reason.clone()));
        }
        // Who ended it himself says why.
        let begins = outcome.ended.is_none() && recommended;
        if let Some(reason) = self.what_did_not_come_about().filter(|_| begins) {
            return (Status::NotRun, Some(reason));
        }
        let heavy = |breach: &&Breach| breach.rule.weight == Weight::Must;
        let breach = outcome.breaches.iter().find(heavy);
        match (&outcome.ended, breach) {
            (Some(_), Some(breach)) => return (failed, Some(breach.text.clone())),
            (Some(Ended::NotRun(reason)), None) => return (Status::NotRun, Some(reason.clone())),
            (Some(Ended::NotApplicable(reason)), None) => {
                return (Status::NotApplicable, Some(reason.clone()));
            }
            (None, _) => {}
        }
        if let Some(broken) = &self.broken {
            return (Status::Failed, Some(broken.clone()));
        }
        if let Some(step) = self.steps.iter().find(|step| step.status != Status::Passed) {
            let error = step.error.clone().unwrap_or_default();
            let explained = breach.map_or_else(String::new, |breach| format!("; {}", breach.text));
            return (failed, Some(format!("{}: {error}{explained}", step.text)));
        }
        if let Some(breach) = breach {
            return (failed, Some(breach.text.clone()));
        }
        if self.steps.is_empty() {
            return (Status::Failed, Some("the scenario has no steps".into()));
        }
        let light = outcome.breaches.first().map(|breach| &breach.text);
        match outcome.warnings.first().or(light) {
            Some(warning) => (Status::Warned, Some(warning.clone())),
            None => (Status::Passed, None),
        }
    }

    /// Why a scenario never came to what it asks for: its first step, which only sets it up, has failed.
    fn what_did_not_come_about(&self) -> Option<String> {
        let first = self.steps.first()?;
        let is_beginning = first.text.starts_with("Given ");
        (is_beginning && first.status == Status::Failed).then(|| {
            let error = first.error.as_deref().unwrap_or_default();
            format!("its beginning did not come about ({}: {error})", first.text)
        })
    }

    /// Steps behind the one that ended the scenario are listed too, so that the reader sees what was to come.
    fn list_steps_that_did_not_come(
        &mut self,
        feature: &gherkin::Feature,
        scenario: &gherkin::Scenario,
        status: Status,
    ) {
        if matches!(status, Status::NotRun | Status::NotApplicable)
            && let Some(last) = self.steps.last_mut()
        {
            last.status = status;
        }
        let background = feature
            .background
            .iter()
            .flat_map(|background| &background.steps);
        for step in background.chain(&scenario.steps).skip(self.steps.len()) {
            self.steps.push(StepReport {
                text: format!("{}{}", step.keyword, step.value).trim().to_owned(),
                status: Status::NotRun,
                error: None,
                started_ms: 0,
                ended_ms: 0,
                started_us: 0,
                line: step.position.line,
            });
        }
    }
}

fn split(entries: &[Entry]) -> (Vec<FrameReport>, Vec<NoteReport>) {
    let (mut frames, mut notes) = (Vec::new(), Vec::new());
    for entry in entries {
        let (at, at_us) = (unix_ms(entry.at), unix_us(entry.at));
        let note = |text: String| NoteReport { at, at_us, text };
        match &entry.kind {
            EntryKind::Frame { direction, raw, .. } => {
                frames.push(FrameReport {
                    at,
                    at_us,
                    direction: direction.as_str(),
                    raw: raw.to_string(),
                    http: None,
                });
            }
            EntryKind::Http {
                direction,
                head,
                raw,
            } => frames.push(FrameReport {
                at,
                at_us,
                direction: direction.as_str(),
                raw: raw.clone(),
                http: Some(head.clone()),
            }),
            EntryKind::Opened => notes.push(note("the line is open".into())),
            EntryKind::Closed { by, reason } => {
                let who = match by {
                    End::Rig => "the rig",
                    End::Sut => "the system under test",
                };
                notes.push(note(format!("the line is down, ended by {who}: {reason}")));
            }
            EntryKind::Note(text) | EntryKind::Cut { text, .. } => notes.push(note(text.clone())),
        }
    }
    (frames, notes)
}

fn step_error(error: &StepError) -> String {
    match error {
        StepError::Panic(info) => panic_text(info),
        StepError::NotFound => "no step of the rig has these words".to_owned(),
        StepError::AmbiguousMatch(_) => "several steps of the rig have these words".to_owned(),
    }
}

fn panic_text(info: &event::Info) -> String {
    let text = info
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| info.downcast_ref::<&str>().copied());
    text.unwrap_or("the step broke off").to_owned()
}

impl<F: FnMut(&mut ScenarioReport)> Writer<World> for Gatherer<F> {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        event: parser::Result<Event<event::Cucumber<World>>>,
        _: &Self::Cli,
    ) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                self.errors.push(error.to_string());
                return;
            }
        };
        let at = event.at;
        let event::Cucumber::Feature(feature, inner) = event.into_inner() else {
            return;
        };
        match inner {
            Feature::Scenario(scenario, event)
            | Feature::Rule(_, Rule::Scenario(scenario, event)) => {
                self.on_scenario(at, &feature, &scenario, event.event);
            }
            _ => {}
        }
    }
}

impl<F> cucumber::writer::NonTransforming for Gatherer<F> {}
impl<F> cucumber::writer::Normalized for Gatherer<F> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rule;

    fn ended(steps: &[(&str, Status)], recommended: bool) -> Status {
        ended_by(steps, recommended, None)
    }

    fn ended_by(steps: &[(&str, Status)], recommended: bool, by: Option<Ended>) -> Status {
        let now = SystemTime::now();
        let steps = steps.iter().map(|(text, status)| StepReport {
            text: (*text).into(),
            status: *status,
            error: (*status == Status::Failed).then(|| "refused".into()),
            started_ms: 0,
            ended_ms: 0,
            started_us: 0,
            line: 0,
        });
        let running = Running {
            started: now,
            steps: steps.collect(),
            step_started: now,
            broken: None,
        };
        static RULE: Rule = Rule::must("ocppj-frame");
        let breaches = if by.is_none() {
            vec![RULE.broken("rubbish")]
        } else {
            Vec::new()
        };
        let outcome = Outcome {
            breaches,
            ended: by,
            ..Outcome::default()
        };
        running.verdict(&outcome, recommended).0
    }

    #[test]
    fn a_recommendation_is_not_tried_where_its_beginning_does_not_come_about() {
        let accepted = "Given a charge point that the CSMS has accepted";
        let at_once = [(accepted, Status::Failed)];
        assert_eq!(ended(&at_once, true), Status::NotRun);
        assert_eq!(ended(&at_once, false), Status::Failed);
        let later = [
            (accepted, Status::Passed),
            ("When it sends rubbish", Status::Failed),
        ];
        assert_eq!(ended(&later, true), Status::Warned);
        let in_itself = [("When a charge point offers ocpp9.9", Status::Failed)];
        assert_eq!(ended(&in_itself, true), Status::Warned);
        let gate = Ended::NotApplicable("it has no cache".into());
        assert_eq!(ended_by(&at_once, true, Some(gate)), Status::NotApplicable);
    }
}
