//! The proof of the judge: every seeded defect turns a scenario red that is meant for it, and no liberty of a right
//! system turns one red.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use dynamo_protocol::time;
use futures_util::stream::{self, StreamExt as _};
use gherkin::Feature;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::millis;
use super::play::play;
use super::progress::Progress;
use crate::benign::{self, Liberty};
use crate::case::features;
use crate::case::features::all_tags;
use crate::case::side::side_of;
use crate::case::side::{SIDES, Side};
use crate::defect::{self, Make, Seed, is_meant, meant_for};
use crate::report::matrix::{FalseAlarm, Matrix, Row, SideMatrix};
use crate::report::{
    Coverage, DISCLAIMER, Environment, FORMAT, Report, ScenarioReport, Status, Summary,
};
use crate::role::rig::{Between, Rig, RigParts};
use crate::run::args::Args;
use crate::run::sut::{Prepared, prepare};
use crate::run::verdict::Verdict;

/// How long a scenario waits for what a defect has swallowed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Defects or liberties that are judged at the same time.
const AT_ONCE: usize = 4;

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
        side_of(tags) != Some(Side::Api) || is_meant(Side::Api, name)
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
    let rig = Arc::new(Rig::new(copy(&parts, Between::default())));
    let no_end = CancellationToken::new();
    let scenarios = play(
        &rig,
        features.clone(),
        concurrency,
        &shutdown,
        &no_end,
        |_| {},
    )
    .await?;
    let summary = Summary::of(&scenarios);
    let warned = scenarios
        .iter()
        .filter(|scenario| scenario.status == Status::Warned)
        .map(|scenario| scenario.name.clone())
        .collect();
    let mut matrix = Matrix::default();
    if summary.failed == 0 {
        let plays: usize = SIDES
            .map(|side| defect::of(side).len() + benign::of(side).len())
            .iter()
            .sum();
        let progress = Progress::of(plays as u64, "defects and liberties");
        for side in SIDES {
            let bench = Bench {
                side,
                parts: &parts,
                features: of_side(&features, side),
                warned: &warned,
                concurrency,
                shutdown: &shutdown,
                progress: &progress,
            };
            let judged = bench.judge().await?;
            match side {
                Side::ChargePoint => matrix.charge_point = judged,
                Side::Csms => matrix.csms = judged,
                Side::Api => matrix.api = judged,
            }
        }
        progress.end();
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
    print(&report, &matrix, judged)?;
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

/// One side of the judge's own test.
struct Bench<'a> {
    side: Side,
    parts: &'a RigParts,
    features: Vec<Feature>,
    /// Scenarios that end with a warning where nothing is wrong: theirs proves nothing.
    warned: &'a HashSet<String>,
    concurrency: usize,
    shutdown: &'a CancellationToken,
    progress: &'a Progress,
}

impl Bench<'_> {
    async fn judge(&self) -> Result<SideMatrix> {
        let seeds = defect::of(self.side);
        let mut rows = Vec::with_capacity(seeds.len());
        let mut judged = std::pin::pin!(
            stream::iter(&seeds)
                .map(|seed| self.meet(seed))
                .buffered(AT_ONCE)
        );
        while let Some(row) = judged.next().await {
            let row = row?;
            if self.shutdown.is_cancelled() {
                break;
            }
            print_row(&row)?;
            rows.push(row);
        }
        let liberties = benign::of(self.side);
        let liberties = if self.features.is_empty() {
            &[]
        } else {
            liberties
        };
        let mut alarms = Vec::new();
        let mut judged = std::pin::pin!(
            stream::iter(liberties)
                .map(|liberty| self.allow(liberty))
                .buffered(AT_ONCE)
        );
        while let Some(alarm) = judged.next().await {
            let alarm = alarm?;
            if self.shutdown.is_cancelled() {
                break;
            }
            if let Some(alarm) = alarm {
                print_alarm(&alarm)?;
                alarms.push(alarm);
            }
        }
        let idle = names(&self.features).filter(|name| !is_meant(self.side, name));
        let idle = idle.map(str::to_owned).collect();
        Ok(SideMatrix::of(rows, liberties.len(), alarms, idle))
    }

    /// Plays a defect.
    async fn meet(&self, seed: &Seed) -> Result<Row> {
        let meant = meant_for(self.side, seed.name);
        let chosen: HashSet<&str> = names(&self.features).collect();
        let sample = sample(&self.features, meant, seed.name);
        let mut features = self.features.clone();
        keep_scenarios(&mut features, |_, name| {
            meant.contains(&name) || sample.contains(name)
        });
        let between = match seed.make {
            Make::Frames(make) => Between {
                frames: Some(make),
                http: None,
            },
            Make::Http(make) => Between {
                frames: None,
                http: Some(make),
            },
        };
        let scenarios = self.play(features, between).await?;
        let red = scenarios
            .into_iter()
            // A recommendation that is not kept shows as a warning.
            .filter(|scenario| match scenario.status {
                Status::Failed => true,
                Status::Warned => !self.warned.contains(&scenario.name),
                _ => false,
            })
            .map(|scenario| scenario.name);
        let (killed_by, also_red) = red.partition(|name| meant.contains(&name.as_str()));
        Ok(Row {
            name: seed.name,
            breaks: seed.breaks,
            killed_by,
            also_red,
            meant: meant.iter().any(|scenario| chosen.contains(scenario)),
        })
    }

    /// Plays a liberty; gives what minded.
    async fn allow(&self, liberty: &Liberty) -> Result<Option<FalseAlarm>> {
        let between = Between {
            frames: Some(liberty.make),
            http: None,
        };
        let scenarios = self.play(self.features.clone(), between).await?;
        let red: Vec<String> = scenarios
            .into_iter()
            .filter(|scenario| scenario.status == Status::Failed)
            .map(|scenario| format!("{}: {}", scenario.name, scenario.reason.unwrap_or_default()))
            .collect();
        Ok((!red.is_empty()).then_some(FalseAlarm {
            name: liberty.name,
            because: liberty.because,
            red,
        }))
    }

    async fn play(&self, features: Vec<Feature>, between: Between) -> Result<Vec<ScenarioReport>> {
        let rig = Arc::new(Rig::new(copy(self.parts, between)));
        let no_end = CancellationToken::new();
        let scenarios = play(
            &rig,
            features,
            self.concurrency,
            self.shutdown,
            &no_end,
            |_| {},
        )
        .await;
        self.progress.step();
        scenarios
    }
}

/// The names of all scenarios.
fn names(features: &[Feature]) -> impl Iterator<Item = &str> {
    let scenarios = features.iter().flat_map(|feature| &feature.scenarios);
    scenarios.map(|scenario| scenario.name.as_str())
}

/// Some scenarios that are not meant for a defect, always the same ones for the same defect.
fn sample<'a>(features: &'a [Feature], meant: &[&str], defect: &str) -> HashSet<&'a str> {
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

fn print(report: &Report, matrix: &Matrix, judged: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for scenario in report
        .scenarios
        .iter()
        .filter(|scenario| scenario.status == Status::Failed)
    {
        writeln!(
            out,
            "failed without a defect: {}\n    {}",
            scenario.name,
            scenario.reason.as_deref().unwrap_or("")
        )?;
    }
    if report.summary.failed > 0 {
        writeln!(
            out,
            "a judge that is red without a defect proves nothing: mend these first"
        )?;
    }
    if !judged {
        writeln!(out, "the self-test was not finished")?;
        return Ok(());
    }
    let idle: usize = matrix.sides().map(|side| side.idle.len()).sum();
    writeln!(out, "scenarios that are meant for no defect: {idle}")?;
    for name in matrix.sides().flat_map(|side| &side.idle) {
        writeln!(out, "    {name}")?;
    }
    writeln!(out, "{}", matrix.line())?;
    Ok(())
}

/// A line of the kill matrix, as soon as it is known.
fn print_row(row: &Row) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match row.killed_by.as_slice() {
        [] if !row.meant => writeln!(out, "not tried {}: {}", row.name, row.breaks)?,
        [] => writeln!(out, "SURVIVED  {}: {}", row.name, row.breaks)?,
        [first, rest @ ..] => {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            writeln!(out, "killed    {}: by \"{first}\"{more}", row.name)?;
        }
    }
    Ok(())
}

/// A right system that was blamed, as soon as it is known.
fn print_alarm(alarm: &FalseAlarm) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "BLAMED    {}: {}", alarm.name, alarm.because)?;
    for red in &alarm.red {
        writeln!(out, "    {red}")?;
    }
    Ok(())
}
