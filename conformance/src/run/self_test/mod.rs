//! The proof of the judge: every seeded defect turns a scenario red that is meant for it, for the reason that is expected,
//! and no liberty of a right system turns one red.

mod blame;
mod kill;
mod print;
mod pulse;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use dynamo_protocol::time;
use futures_util::stream::{self, StreamExt as _};
use gherkin::Feature;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use self::blame::Judged;
use self::kill::Before;
use self::pulse::Pulse;
use super::millis;
use super::play::play;
use super::progress::Progress;
use crate::benign::{self, Liberty};
use crate::case::features;
use crate::case::features::all_tags;
use crate::case::side::side_of;
use crate::case::side::{SIDES, Side};
use crate::defect::{self, Catch, Make, Seed, is_meant, meant_for};
use crate::report::matrix::{Blame, Matrix, Row, SideMatrix};
use crate::report::{Coverage, DISCLAIMER, Environment, FORMAT, Report, ScenarioReport, Summary};
use crate::role::rig::{Between, Rig, RigParts};
use crate::run::args::Args;
use crate::run::sut::{Prepared, prepare};
use crate::run::verdict::Verdict;

/// How long a scenario waits for what a defect has swallowed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Defects that are judged at the same time: a few scenarios each, which mostly wait.
const DEFECTS_AT_ONCE: usize = 12;

/// Liberties that are judged at the same time: all scenarios of a side each.
const LIBERTIES_AT_ONCE: usize = 4;

/// Scenarios of one defect or liberty that are played at the same time.
const SCENARIOS_AT_ONCE: usize = 32;

/// Scenarios beside those that are meant for a defect, to see how far it shows.
const SAMPLE: usize = 2;

/// Plays each defect before the scenarios that are meant for it and a sample of the others, and each liberty before
/// all; first all scenarios once without either, since a judge that is red without a defect proves nothing.
pub(crate) async fn run(
    args: &Args,
    mut features: Vec<Feature>,
    reports: &[PathBuf],
    shutdown: CancellationToken,
    over: CancellationToken,
) -> Result<Verdict> {
    keep_scenarios(&mut features, |tags, name| {
        let side = side_of(tags).filter(|side| matches!(side, Side::Api | Side::Cpo));
        side.is_none_or(|side| is_meant(side, name))
    });
    if features.is_empty() {
        anyhow::bail!("no scenario fits; --list shows all of them with their tags");
    }
    let started_ms = jiff::Timestamp::now().as_millisecond();
    let clock = Instant::now();
    // A failing step is a caught panic, and here steps are meant to fail: they are told in the matrix.
    std::panic::set_hook(Box::new(|_| {}));
    let mut patient = args.clone();
    patient.timeout = args.timeout.or(Some(PATIENCE));
    let Prepared {
        parts,
        bundle,
        concurrency,
        ..
    } = prepare(&patient, over, ProgressBar::hidden()).await?;
    let pulse = Pulse::start();
    let mut scenarios = Vec::new();
    for side in SIDES {
        // One side after another: those that measure times are not to wait for those that hash passwords.
        let features = features::keep(features.clone(), |tags| side_of(tags) == Some(side));
        let rig = Arc::new(Rig::new(copy(&parts, Between::default())));
        let no_end = CancellationToken::new();
        scenarios.extend(play(&rig, features, concurrency, &shutdown, &no_end, |_| {}).await?);
    }
    let summary = Summary::of(&scenarios);
    let before: Before = scenarios
        .iter()
        .map(|scenario| (scenario.name.clone(), scenario.status))
        .collect();
    let mut matrix = Matrix::default();
    if summary.failed == 0 {
        let benches = SIDES.map(|side| Bench {
            side,
            parts: &parts,
            features: of_side(&features, side),
            before: &before,
            concurrency: concurrency.min(SCENARIOS_AT_ONCE),
            shutdown: &shutdown,
            pulse: &pulse,
        });
        let mut found = judge(&benches, &shutdown).await?;
        for bench in &benches {
            let mut judged = found.remove(&bench.side).unwrap_or_default();
            judged.rows.sort_by_key(|(place, _)| *place);
            let built_in = built_in(&bench.features, &args.features);
            let rows = judged.rows.into_iter().map(|(_, row)| row).collect();
            let not_tried = bench.defects().1;
            let (alarms, warnings) = (judged.alarms, judged.warnings);
            let side = SideMatrix::of(rows, not_tried)
                .with_liberties(judged.liberties, alarms, warnings)
                .with_scenarios(built_in.into_iter());
            match bench.side {
                Side::ChargePoint => matrix.charge_point = side,
                Side::Csms => matrix.csms = side,
                Side::Api => matrix.api = side,
                Side::Cpo => matrix.cpo = side,
            }
        }
    }
    if let Some(bundle) = bundle {
        bundle.end().await;
    }
    let judged = summary.failed == 0 && !shutdown.is_cancelled();
    let report = Report {
        tool: "dynamo",
        version: FORMAT,
        environment: Environment {
            tool_version: env!("CARGO_PKG_VERSION"),
            ocpp: "1.6",
            sut: "the judge itself, by seeded defects and benign variants".into(),
            ..Environment::default()
        },
        started_at: time::text(started_ms),
        duration_ms: millis(clock.elapsed()),
        disclaimer: DISCLAIMER,
        summary,
        coverage: Coverage::of(&scenarios, &[]),
        scenarios,
        self_test: Some(matrix.clone()),
        waivers: Vec::new(),
    };
    for path in reports {
        report.write(path)?;
    }
    print::end(&report, &matrix, judged, pulse.most())?;
    if shutdown.is_cancelled() {
        return Ok(Verdict::Interrupted);
    }
    if judged && matrix.is_empty() {
        anyhow::bail!(
            "no seeded defect was tried: the chosen scenarios are meant for none; choose more with --tags"
        );
    }
    Ok(if judged && !matrix.is_bad() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// The scenarios of a side. A moved clock waits for a line without a stray frame: any bend would end that wait,
/// whatever it is about.
fn of_side(features: &[Feature], side: Side) -> Vec<Feature> {
    features::keep(features.to_vec(), |tags| {
        side_of(tags) == Some(side) && !tags.iter().any(|tag| tag == "moved-clock")
    })
}

/// The scenarios that come with the tool: what a user adds is meant for no defect.
fn built_in<'a>(features: &'a [Feature], folders: &[PathBuf]) -> Vec<&'a str> {
    let of_user = |feature: &Feature| {
        let path = feature.path.as_ref();
        path.is_some_and(|path| folders.iter().any(|folder| path.starts_with(folder)))
    };
    let features = features.iter().filter(|feature| !of_user(feature));
    let scenarios = features.flat_map(|feature| &feature.scenarios);
    scenarios.map(|scenario| scenario.name.as_str()).collect()
}

/// What was found on one side so far.
#[derive(Default)]
struct Found {
    /// With their place in the list of defects.
    rows: Vec<(usize, Row)>,
    liberties: usize,
    alarms: Vec<Blame>,
    warnings: Vec<Blame>,
}

/// What one play has shown.
enum Shown {
    Defect(usize, Row),
    Liberty(Judged),
}

/// Plays all defects and liberties of all sides, several at once, and prints what each comes to.
async fn judge(
    benches: &[Bench<'_>],
    shutdown: &CancellationToken,
) -> Result<HashMap<Side, Found>> {
    let defects: Vec<_> = benches.iter().flat_map(Bench::plays_of_defects).collect();
    let liberties: Vec<_> = benches.iter().flat_map(Bench::plays_of_liberties).collect();
    let progress = Progress::of(
        (defects.len() + liberties.len()) as u64,
        "defects and liberties",
    );
    let defects = stream::iter(defects).buffer_unordered(DEFECTS_AT_ONCE);
    let liberties = stream::iter(liberties).buffer_unordered(LIBERTIES_AT_ONCE);
    let mut shown = std::pin::pin!(stream::select(defects, liberties));
    let mut found = HashMap::<Side, Found>::new();
    while let Some((side, shown)) = shown.next().await {
        let shown = shown?;
        if shutdown.is_cancelled() {
            break;
        }
        progress.step();
        let found = found.entry(side).or_default();
        match shown {
            Shown::Defect(place, row) => {
                print::row(&row)?;
                found.rows.push((place, row));
            }
            Shown::Liberty(judged) => {
                print::judged(&judged)?;
                found.liberties += 1;
                found.alarms.extend(judged.alarm);
                found.warnings.extend(judged.warning);
            }
        }
    }
    progress.end();
    Ok(found)
}

/// One side of the judge's own test.
struct Bench<'a> {
    side: Side,
    parts: &'a RigParts,
    features: Vec<Feature>,
    /// How the scenarios end where nothing is wrong.
    before: &'a Before,
    concurrency: usize,
    shutdown: &'a CancellationToken,
    pulse: &'a Pulse,
}

impl Bench<'_> {
    /// The defects that a chosen scenario is meant for, and the names of the others.
    fn defects(&self) -> (Vec<Seed>, Vec<&'static str>) {
        let chosen: HashSet<&str> = names(&self.features).collect();
        let (tried, left_out): (Vec<Seed>, Vec<Seed>) =
            defect::of(self.side).into_iter().partition(|seed| {
                let mut meant = names_of(meant_for(self.side, seed.name));
                meant.any(|scenario| chosen.contains(scenario))
            });
        (tried, left_out.iter().map(|seed| seed.name).collect())
    }

    fn plays_of_defects(&self) -> Vec<impl Future<Output = (Side, Result<Shown>)>> {
        let seeds = self.defects().0.into_iter().enumerate();
        let plays = seeds.map(|(place, seed)| async move {
            let row = self.meet(&seed).await;
            (self.side, row.map(|row| Shown::Defect(place, row)))
        });
        plays.collect()
    }

    fn plays_of_liberties(&self) -> Vec<impl Future<Output = (Side, Result<Shown>)>> {
        let liberties = benign::of(self.side).iter();
        let tried = liberties.filter(|_| !self.features.is_empty());
        let plays = tried.map(|liberty| async move {
            (self.side, self.allow(liberty).await.map(Shown::Liberty))
        });
        plays.collect()
    }

    /// Plays a defect before the scenarios that are meant for it and a sample of the others.
    async fn meet(&self, seed: &Seed) -> Result<Row> {
        let meant = meant_for(self.side, seed.name);
        let sample = sample(&self.features, meant, seed.name);
        let mut features = self.features.clone();
        keep_scenarios(&mut features, |_, name| {
            names_of(meant).any(|meant| meant == name) || sample.contains(name)
        });
        let between = match seed.make {
            Make::Frames(make) => Between {
                frames: Some(make),
                ..Between::default()
            },
            Make::Http(make) => Between {
                http: Some(make),
                ..Between::default()
            },
            Make::Ocpi(make) => Between {
                ocpi: Some(make),
                ..Between::default()
            },
            Make::Offer(make) => Between {
                offer: Some(make),
                ..Between::default()
            },
        };
        let bent = Arc::clone(&between.bent);
        // What is not on the line is bent elsewhere.
        let sees = matches!(seed.make, Make::Frames(_));
        let scenarios = self.play(features, between).await?;
        let bent = bent.load(Ordering::Relaxed) || !sees;
        Ok(kill::row(seed, meant, &scenarios, self.before, bent))
    }

    /// Plays a liberty before all scenarios.
    async fn allow(&self, liberty: &Liberty) -> Result<Judged> {
        let between = Between {
            frames: Some(liberty.make),
            ..Between::default()
        };
        let bent = Arc::clone(&between.bent);
        let scenarios = self.play(self.features.clone(), between).await?;
        // A choice of scenarios may have no occasion for it.
        let is_a_choice = !self.defects().1.is_empty();
        let bent = is_a_choice || bent.load(Ordering::Relaxed);
        Ok(blame::judged(liberty, &scenarios, self.before, bent))
    }

    async fn play(&self, features: Vec<Feature>, between: Between) -> Result<Vec<ScenarioReport>> {
        self.pulse.calm().await;
        let rig = Arc::new(Rig::new(copy(self.parts, between)));
        let no_end = CancellationToken::new();
        let (at_once, shutdown) = (self.concurrency, self.shutdown);
        play(&rig, features, at_once, shutdown, &no_end, |_| {}).await
    }
}

/// The names of the scenarios that are meant to catch a defect.
fn names_of(meant: &'static [Catch]) -> impl Iterator<Item = &'static str> {
    meant.iter().flat_map(|catch| catch.scenarios).copied()
}

/// The names of all scenarios.
fn names(features: &[Feature]) -> impl Iterator<Item = &str> {
    let scenarios = features.iter().flat_map(|feature| &feature.scenarios);
    scenarios.map(|scenario| scenario.name.as_str())
}

/// Some scenarios that are not meant for a defect, always the same ones for the same defect.
fn sample<'a>(features: &'a [Feature], meant: &'static [Catch], defect: &str) -> HashSet<&'a str> {
    let meant: HashSet<&str> = names_of(meant).collect();
    let mut others: Vec<&str> = names(features)
        .filter(|name| !meant.contains(name))
        .collect();
    others.sort_by_key(|name| {
        let digest = Sha256::digest(format!("{defect}/{name}"));
        u64::from_be_bytes(std::array::from_fn(|index| digest[index]))
    });
    others.into_iter().take(SAMPLE).collect()
}

/// Keeps the scenarios that fit by their tags and their name.
fn keep_scenarios(features: &mut Vec<Feature>, fits: impl Fn(&[String], &str) -> bool) {
    for feature in features.iter_mut() {
        let scenarios = std::mem::take(&mut feature.scenarios);
        feature.scenarios = scenarios
            .into_iter()
            .filter(|scenario| fits(&all_tags(feature, scenario), &scenario.name))
            .collect();
    }
    features.retain(|feature| !feature.scenarios.is_empty());
}

/// The same systems under test, with something else before them.
fn copy(parts: &RigParts, between: Between) -> RigParts {
    RigParts {
        between,
        ..parts.clone()
    }
}
