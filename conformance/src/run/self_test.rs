//! The proof of the judge: every seeded defect must turn at least one scenario red.

use crate::report::matrix::Matrix;
use crate::report::matrix::Row;
use crate::report::matrix::SideMatrix;
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
use tokio_util::sync::CancellationToken;

use super::millis;
use super::play::play;
use super::progress::Progress;
use crate::case::features;
use crate::case::features::all_tags;
use crate::case::side::side_of;
use crate::case::side::{SIDES, Side};
use crate::defect::{self, Make, is_meant, meant_for};
use crate::report::{Coverage, DISCLAIMER, Report, ScenarioReport, Status, Summary};
use crate::role::rig::{Between, Rig, RigParts};
use crate::run::args::Args;
use crate::run::sut::{Prepared, prepare};
use crate::run::verdict::Verdict;

/// How long a scenario waits for what a defect has swallowed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Defects that are judged at the same time.
const SEEDS_AT_ONCE: usize = 4;

/// Runs every scenario against every defect of its side; first once without any, since a judge that is red without a
/// defect proves nothing. Of the REST API, which has most scenarios, each defect meets those that are meant for it.
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
    let parts = Arc::new(parts);
    let rig = Arc::new(Rig::new(copy(&parts, None)));
    let scenarios = play(&rig, features.clone(), concurrency, &shutdown, |_| {}).await?;
    let summary = Summary::of(&scenarios);
    let warned: HashSet<String> = of_status(&scenarios, Status::Warned).collect();
    let mut matrix = Matrix::default();
    if summary.failed == 0 {
        let seeds: usize = SIDES.map(|side| defect::of(side).len()).iter().sum();
        let progress = Progress::of(seeds as u64, "defects");
        for side in SIDES {
            let among = Among {
                features: &features,
                warned: &warned,
                concurrency,
            };
            let rows = judge(side, &parts, &among, &shutdown, &progress).await?;
            match side {
                Side::ChargePoint => matrix.charge_point = SideMatrix::of(rows),
                Side::Csms => matrix.csms = SideMatrix::of(rows),
                Side::Api => matrix.rest_api = SideMatrix::of(rows),
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
        version: env!("CARGO_PKG_VERSION"),
        ocpp: "1.6",
        sut: "the judge itself, by seeded defects".into(),
        started_at: time::text(started_ms),
        duration_ms: millis(clock.elapsed()),
        disclaimer: DISCLAIMER,
        summary,
        coverage: Coverage::of(&scenarios, &[]),
        scenarios,
        self_test: Some(matrix.clone()),
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
    Ok(if judged && !matrix.survived() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

/// The names of the scenarios that ended like this.
fn of_status(scenarios: &[ScenarioReport], status: Status) -> impl Iterator<Item = String> {
    let those = scenarios.iter().filter(move |one| one.status == status);
    those.map(|scenario| scenario.name.clone())
}

/// What each defect meets.
struct Among<'a> {
    features: &'a [Feature],
    /// Scenarios that end with a warning where nothing is wrong: theirs proves nothing.
    warned: &'a HashSet<String>,
    concurrency: usize,
}

/// The rows of one side. What only breaks a recommendation turns no scenario red: it is caught by the warning of a
/// scenario that is meant for it.
async fn judge(
    side: Side,
    parts: &Arc<RigParts>,
    among: &Among<'_>,
    shutdown: &CancellationToken,
    progress: &Progress,
) -> Result<Vec<Row>> {
    let seeds = defect::of(side);
    let Among {
        features,
        warned,
        concurrency,
    } = *among;
    // A moved clock waits for a line without a stray frame: any defect would end that wait, whatever it breaks.
    let features = features::keep(features.to_vec(), |tags| {
        side_of(tags) == Some(side) && !tags.iter().any(|tag| tag == "moved-clock")
    });
    let chosen: HashSet<&str> = features
        .iter()
        .flat_map(|feature| &feature.scenarios)
        .map(|scenario| scenario.name.as_str())
        .collect();
    let rows = stream::iter(&seeds).map(|seed| {
        let (mut features, chosen) = (features.clone(), &chosen);
        let meant = meant_for(side, seed.name);
        async move {
            if side == Side::Api {
                keep_scenarios(&mut features, |_, name| meant.contains(&name));
            }
            let rig = Arc::new(Rig::new(copy(parts, Some(seed.make))));
            let scenarios = play(&rig, features, concurrency, shutdown, |_| {}).await?;
            progress.step();
            let caught_by_a_word = of_status(&scenarios, Status::Warned)
                .filter(|name| meant.contains(&name.as_str()) && !warned.contains(name));
            let killed_by = of_status(&scenarios, Status::Failed)
                .chain(caught_by_a_word)
                .collect();
            Ok(Row {
                name: seed.name,
                breaks: seed.breaks,
                killed_by,
                meant: meant.iter().any(|scenario| chosen.contains(scenario)),
            }) as Result<Row>
        }
    });
    let mut rows = std::pin::pin!(rows.buffered(SEEDS_AT_ONCE));
    let mut judged = Vec::with_capacity(seeds.len());
    while let Some(row) = rows.next().await {
        let row: Row = row?;
        if shutdown.is_cancelled() {
            break;
        }
        print_row(&row)?;
        judged.push(row);
    }
    Ok(judged)
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

/// The same systems under test, with another defect before them.
fn copy(parts: &RigParts, make: Option<Make>) -> RigParts {
    let mut between = Between::default();
    match make {
        Some(Make::Frames(make)) => between.frames = Some(make),
        Some(Make::Http(make)) => between.http = Some(make),
        None => {}
    }
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
    writeln!(out, "{}\n{}", matrix.line_of_the_api(), matrix.line())?;
    Ok(())
}

/// A line of the kill matrix, as soon as it is known.
fn print_row(row: &Row) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match row.killed_by.as_slice() {
        [] if !row.was_tried() => writeln!(out, "not tried {}: {}", row.name, row.breaks)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, caught: bool, meant: bool) -> Row {
        let killed_by = if caught {
            vec!["a scenario".into()]
        } else {
            Vec::new()
        };
        Row {
            name,
            breaks: "a rule",
            killed_by,
            meant,
        }
    }

    #[test]
    fn only_a_defect_that_was_meant_for_a_chosen_scenario_can_survive() {
        let matrix = Matrix {
            charge_point: SideMatrix::of(vec![
                row("caught", true, true),
                row("caught by chance", true, false),
                row("for others", false, false),
            ]),
            ..Matrix::default()
        };
        assert!(!matrix.survived());
        assert_eq!(
            matrix.line(),
            "killed 2 of 2 charge point defects, 0 of 0 CSMS defects; 1 not tried: none of the chosen scenarios is \
             meant for them"
        );
        let missed = SideMatrix::of(vec![row("missed", false, true)]);
        assert_eq!(missed.survivors, ["missed"]);
    }
}
