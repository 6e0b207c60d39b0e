//! Plays scenarios: cucumber calls the steps, and what comes of each is gathered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Result, bail};
use cucumber::World as _;
use gherkin::{Feature, Scenario};
use tokio_util::sync::CancellationToken;

use super::gather::{Gatherer, not_run};
use crate::case::features::{Ready, all_tags};
use crate::report::ScenarioReport;
use crate::report::outcome::{Collector, Key};
use crate::role::rig::Rig;
use crate::steps::world::World;

/// The reason of scenarios that had not ended when somebody ended the run.
pub(super) const INTERRUPTED: &str = "interrupted";

/// What ends a run before all scenarios had their turn.
pub(super) struct Ends<'a> {
    /// Somebody interrupts it.
    pub(super) shutdown: &'a CancellationToken,
    /// What the scenarios have shown is enough.
    pub(super) enough: &'a CancellationToken,
    /// Why it is, for those that had no turn.
    pub(super) why: &'a OnceLock<String>,
}

/// Plays all scenarios; gives their reports in the order of the features. Those that have not ended when the run is
/// interrupted or given up are not run.
pub(crate) async fn play(
    rig: &Arc<Rig>,
    features: Vec<Feature>,
    concurrency: usize,
    shutdown: &CancellationToken,
    enough: &CancellationToken,
    mut on_finished: impl FnMut(&ScenarioReport),
) -> Result<Vec<ScenarioReport>> {
    let ends = Ends {
        shutdown,
        enough,
        why: &OnceLock::new(),
    };
    let finished = |scenario: &mut ScenarioReport| on_finished(scenario);
    play_and_tell(rig, features, concurrency, &ends, |_| {}, finished).await
}

/// The same, for somebody who listens: `begins` hears the name of each scenario that has its turn, before its first step;
/// `finished` has the last word on each that has ended.
pub(super) async fn play_and_tell(
    rig: &Arc<Rig>,
    features: Vec<Feature>,
    concurrency: usize,
    ends: &Ends<'_>,
    begins: impl Fn(&str) + 'static,
    mut finished: impl FnMut(&mut ScenarioReport),
) -> Result<Vec<ScenarioReport>> {
    let planned = features.clone();
    let ended = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&ended);
    let collector = Arc::<Collector>::default();
    let gatherer = Gatherer::new(Arc::clone(&collector), |scenario: &mut ScenarioReport| {
        finished(scenario);
        sink.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scenario.clone());
    });
    let before = Arc::clone(rig);
    let cucumber = World::cucumber::<&str>()
        .with_parser(Ready)
        .with_writer(gatherer)
        .with_default_cli()
        // A tag such as @retry is a word of the user's: each scenario runs once.
        .retry_options(|_, _, _, _| None)
        .max_concurrent_scenarios(concurrency)
        .before(move |feature, _, scenario, world: &mut World| {
            begins(&scenario.name);
            world.rig = Some(Arc::clone(&before));
            world.tags = all_tags(feature, scenario);
            world.scenario.clone_from(&scenario.name);
            let needs_the_known_tag = needs_the_known_tag(feature, scenario);
            Box::pin(async move {
                if needs_the_known_tag {
                    world.lease().await;
                }
            })
        })
        .after(move |feature, _, scenario, ended, world| {
            let passed = matches!(ended, cucumber::event::ScenarioFinished::StepPassed);
            let key = Key::of(feature, scenario);
            let collector = Arc::clone(&collector);
            Box::pin(async move {
                if let Some(world) = world {
                    collector.put(key, world.finish(passed).await);
                }
            })
        });
    let errors = tokio::select! {
        gatherer = cucumber.run(features) => gatherer.errors,
        () = ends.shutdown.cancelled() => Vec::new(),
        () = ends.enough.cancelled() => Vec::new(),
        () = rig.halt.called() => Vec::new(),
    };
    if let Some(error) = errors.first() {
        bail!("{error}");
    }
    let ended = std::mem::take(&mut *ended.lock().unwrap_or_else(PoisonError::into_inner));
    let enough = || ends.why.get().map_or("", String::as_str);
    Ok(match rig.halt.why() {
        _ if ends.shutdown.is_cancelled() => with_the_rest(ended, &planned, INTERRUPTED),
        _ if ends.enough.is_cancelled() => with_the_rest(ended, &planned, enough()),
        Some(given_up) => with_the_rest(ended, &planned, &given_up.reason),
        None => in_order(ended, &planned),
    })
}

/// Whether a step speaks of the known tag, of which there may be one for all. A scenario has it before it begins: nobody
/// waits for it with a silent line.
fn needs_the_known_tag(feature: &Feature, scenario: &Scenario) -> bool {
    const WORDS: &str = "the known tag";
    let background = feature.background.iter().flat_map(|one| &one.steps);
    let mut steps = background.chain(&scenario.steps);
    steps.any(|step| {
        let mut cells = step
            .table
            .iter()
            .flat_map(|table| table.rows.iter().flatten());
        step.value.contains(WORDS) || cells.any(|cell| cell.contains(WORDS))
    })
}

/// Adds the scenarios that have not ended, not run for this reason; all in the order of the features.
pub(super) fn with_the_rest(
    mut ended: Vec<ScenarioReport>,
    features: &[Feature],
    reason: &str,
) -> Vec<ScenarioReport> {
    // Rows of an outline can have the same name.
    let mut count: HashMap<(String, String), usize> = HashMap::new();
    for scenario in &ended {
        *count
            .entry((scenario.feature.clone(), scenario.name.clone()))
            .or_default() += 1;
    }
    for (feature, scenario) in scenarios_of(features) {
        match count.get_mut(&(feature.name.clone(), scenario.name.clone())) {
            Some(left @ 1..) => *left -= 1,
            _ => ended.push(not_run(feature, scenario, reason)),
        }
    }
    in_order(ended, features)
}

fn in_order(mut scenarios: Vec<ScenarioReport>, features: &[Feature]) -> Vec<ScenarioReport> {
    let order: HashMap<(&str, &str), usize> = scenarios_of(features)
        .enumerate()
        .map(|(place, (feature, scenario))| {
            ((feature.name.as_str(), scenario.name.as_str()), place)
        })
        .collect();
    scenarios.sort_by_key(|scenario| {
        order
            .get(&(scenario.feature.as_str(), scenario.name.as_str()))
            .copied()
    });
    scenarios
}

pub(super) fn scenarios_of(features: &[Feature]) -> impl Iterator<Item = (&Feature, &Scenario)> {
    features.iter().flat_map(|feature| {
        let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
        let all = feature.scenarios.iter().chain(of_rules);
        all.map(move |scenario| (feature, scenario))
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use dynamo_protocol::trace::Direction;
    use serde_json::json;

    use super::*;
    use crate::case::features;
    use crate::case::tags::Tags;
    use crate::peer::csms::{CsmsServer, Door};
    use crate::report::Status;
    use crate::role::rig::{Between, ChargerUnderTest, RigParts};
    use crate::wire::entry::Message;
    use crate::wire::fate::{Bend, Fate};

    #[test]
    fn what_has_not_ended_is_not_run_and_stands_in_its_place() {
        let features = features::read(&[], false).expect("the embedded features are readable");
        let all = with_the_rest(Vec::new(), &features, INTERRUPTED);
        assert_eq!(all.len(), scenarios_of(&features).count());
        let reason = |scenario: &ScenarioReport| scenario.reason.clone();
        assert!(all.iter().all(|scenario| {
            scenario.status == Status::NotRun && reason(scenario).as_deref() == Some(INTERRUPTED)
        }));
        // The last one has ended before all others.
        let mut last = all.last().expect("scenarios").clone();
        last.status = Status::Passed;
        let again = with_the_rest(vec![last], &features, INTERRUPTED);
        let names = |all: &[ScenarioReport]| -> Vec<String> {
            all.iter().map(|scenario| scenario.name.clone()).collect()
        };
        assert_eq!(names(&again), names(&all));
        let passed = again
            .iter()
            .filter(|scenario| scenario.status == Status::Passed);
        assert_eq!(passed.count(), 1);
    }

    #[tokio::test]
    async fn a_scenario_that_fails_is_played_once_whatever_its_tags() {
        let text = "@csms @retry\nFeature: x\n  Scenario: a\n    Given a charge point that is booted and idle\n";
        let mut feature = Feature::parse(text, gherkin::GherkinEnv::default()).unwrap();
        feature.path = Some("x.feature".into());
        let over = CancellationToken::new();
        let mut parts = parts(over.clone(), Between::default()).await;
        parts.charger = None;
        let no = CancellationToken::new();
        let played = play(
            &Arc::new(Rig::new(parts)),
            vec![feature],
            1,
            &no,
            &no,
            |_| {},
        )
        .await;
        over.cancel();
        let ended: Vec<Status> = played.unwrap().iter().map(|one| one.status).collect();
        assert_eq!(ended, [Status::Failed]);
    }

    /// The bundled charge point, with something before it.
    async fn parts(over: CancellationToken, between: Between) -> RigParts {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = CsmsServer::listen(local, over, Door::default()).await;
        RigParts {
            charger: Some(ChargerUnderTest::Bundled),
            server: Some(server.unwrap()),
            csms: None,
            api: None,
            cpo: None,
            tags: Tags {
                known: vec!["RFID-USER-4A2F".into()],
                shared: true,
                unknown: "NO-SUCH-TAG".into(),
                blocked: None,
                expired: None,
            },
            patience: Duration::from_secs(10),
            settle: Duration::ZERO,
            reboot: Duration::from_secs(10),
            schemas: None,
            between,
        }
    }

    /// A charge point whose settings count after a restart.
    struct NeedsRestart;

    impl Bend for NeedsRestart {
        fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
            match message {
                Message::Result { id, payload }
                    if direction == Direction::FromSut
                        && action == "ChangeConfiguration"
                        && payload["status"] == "Accepted" =>
                {
                    Some(Fate::pass(
                        &json!([3, id, {"status": "RebootRequired"}]).to_string(),
                    ))
                }
                _ => None,
            }
        }
    }

    #[tokio::test]
    async fn a_charge_point_that_needs_a_restart_for_a_setting_is_restarted_and_judged() {
        let over = CancellationToken::new();
        let between = Between {
            frames: Some(|| Box::new(NeedsRestart)),
            ..Between::default()
        };
        let parts = parts(over.clone(), between).await;
        let rig = Arc::new(Rig::new(parts));
        let features = features::keep(features::read(&[], false).unwrap(), |tags| {
            tags.iter().any(|tag| tag == "TC_004_2_CS")
        });
        let no = CancellationToken::new();
        let played = play(&rig, features, 1, &no, &no, |_| {}).await;
        let scenarios = played.unwrap();
        over.cancel();
        assert_eq!(scenarios.len(), 1);
        let scenario = &scenarios[0];
        assert_eq!(scenario.status, Status::Passed, "{:?}", scenario.reason);
        let resets = scenario
            .frames
            .iter()
            .filter(|frame| frame.direction == "to_sut" && frame.raw.contains("\"Reset\""))
            .count();
        assert_eq!(resets, 1, "{:?}", scenario.frames);
    }
}
