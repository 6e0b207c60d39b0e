//! A run from its arguments to its verdict.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use cucumber::World as _;
use dynamo_protocol::time;
use gherkin::tagexpr::TagOperation;
use gherkin::{Feature, Scenario};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::api::coverage::{ApiCoverage, of_passed};
use crate::args::{Args, Sut};
use crate::collect::{Gatherer, Key, all_tags, not_run};
use crate::features::{self, Ready};
use crate::params::quoted;
use crate::report::{
    Coverage, DISCLAIMER, Form, HttpExchange, Report, ScenarioReport, Status, Summary,
};
use crate::rig::{GivenUp, Rig, SIDES, Side};
use crate::sut::{Prepared, description, prepare};
use crate::verdict::{Verdict, gaps, is_of_everything, verdict};
use crate::world::World;
use crate::{listing, self_test};

/// Puts what the arguments name to the test, prints the verdict and writes the reports. When `shutdown` is
/// cancelled, the scenarios that have not ended are reported as not run.
///
/// # Errors
/// One sentence with the remedy, when the run cannot be made: arguments or files that make no sense, nobody at the
/// given address, an address that is taken, a report that cannot be written.
pub async fn run(args: Args, shutdown: CancellationToken) -> Result<Verdict> {
    let reports = reports(&args)?;
    let wanted = wanted(&args)?;
    let features = features::read(args.features.as_deref())?;
    let fits =
        |tags: &[String]| side_of(tags).is_none_or(|side| is_tested(&args, side)) && wanted(tags);
    let features = features::keep(features, fits);
    if args.list {
        return listing::print(&features, &args);
    }
    ensure_writable(&reports)?;
    let over = CancellationToken::new();
    let _ends_with_the_run = over.clone().drop_guard();
    if args.self_test {
        return self_test::run(&args, features, &reports, shutdown, over).await;
    }
    if features.is_empty() {
        bail!("no scenario fits; --list shows all of them with their tags");
    }
    let started_ms = jiff::Timestamp::now().as_millisecond();
    let clock = Instant::now();
    let progress = Progress::new(&features);
    let prepared = tokio::select! {
        prepared = prepare(&args, over, progress.bar.clone()) => Some(prepared?),
        () = shutdown.cancelled() => None,
    };
    let Played {
        scenarios,
        exchanges,
        api,
        given_up,
    } = match prepared {
        Some(prepared) => play_all(prepared, features, &progress, &shutdown).await?,
        None => Played::nothing(&features),
    };
    progress.end();
    let report = Report {
        tool: "dynamo",
        version: env!("CARGO_PKG_VERSION"),
        ocpp: "1.6",
        sut: description(&args),
        started_at: time::text(started_ms),
        duration_ms: millis(clock.elapsed()),
        disclaimer: DISCLAIMER,
        summary: Summary::of(&scenarios),
        coverage: Coverage {
            api,
            ..Coverage::of(&scenarios, &exchanges)
        },
        scenarios,
        self_test: None,
    };
    for path in &reports {
        report.write(path)?;
    }
    let gaps = if is_of_everything(&args) {
        gaps(&report)
    } else {
        Vec::new()
    };
    print_summary(&report, &gaps, &reports)?;
    if shutdown.is_cancelled() {
        return Ok(Verdict::Interrupted);
    }
    if let Some(GivenUp { reason, remedy }) = given_up {
        bail!("the run was given up: {reason}; {remedy}");
    }
    Ok(verdict(&report.summary, &gaps))
}

/// What became of a run's scenarios.
struct Played {
    scenarios: Vec<ScenarioReport>,
    exchanges: Vec<HttpExchange>,
    api: Option<ApiCoverage>,
    /// Why it ended before its time, unless somebody interrupted it.
    given_up: Option<GivenUp>,
}

impl Played {
    /// The run was interrupted before its systems under test were there.
    fn nothing(features: &[Feature]) -> Self {
        Self {
            scenarios: with_the_rest(Vec::new(), features, INTERRUPTED),
            exchanges: Vec::new(),
            api: None,
            given_up: None,
        }
    }
}

/// The reason of scenarios that had not ended when somebody ended the run.
const INTERRUPTED: &str = "interrupted";

async fn play_all(
    prepared: Prepared,
    features: Vec<Feature>,
    progress: &Progress,
    shutdown: &CancellationToken,
) -> Result<Played> {
    let Prepared {
        parts,
        bundle,
        concurrency,
    } = prepared;
    let tested_api = scenarios_of(&features)
        .any(|(feature, scenario)| side_of(&all_tags(feature, scenario)) == Some(Side::Api));
    let rig = Arc::new(Rig::new(parts));
    let scenarios = play(&rig, features, concurrency, shutdown, |scenario| {
        progress.tell(scenario);
    })
    .await?;
    rig.look_at_the_door(true);
    let driver = rig.csms.as_ref().and_then(|csms| csms.driver.as_ref());
    let of_driver = driver.map_or_else(Vec::new, |driver| {
        driver
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    });
    let exchanges = of_passed(&scenarios, of_driver);
    let api = rig.api.as_ref().filter(|_| tested_api);
    let api = api.map(|api| ApiCoverage::of(api, &exchanges));
    if let Some(server) = &rig.server {
        server.end().await;
    }
    if let Some(bundle) = bundle {
        bundle.end().await;
    }
    Ok(Played {
        scenarios,
        exchanges,
        api,
        given_up: rig.halt.why().cloned(),
    })
}

/// Whether this run puts that side to the test.
fn is_tested(args: &Args, side: Side) -> bool {
    match args.sut {
        None => true,
        Some(Sut::Csms) => side == Side::Csms,
        Some(Sut::ChargePoint) => side == Side::ChargePoint,
    }
}

/// Adds the scenarios that have not ended, not run for this reason; all in the order of the features.
fn with_the_rest(
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

fn scenarios_of(features: &[Feature]) -> impl Iterator<Item = (&Feature, &Scenario)> {
    features.iter().flat_map(|feature| {
        let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
        let all = feature.scenarios.iter().chain(of_rules);
        all.map(move |scenario| (feature, scenario))
    })
}

/// The files to write; their endings are checked before anything runs.
pub(crate) fn reports(args: &Args) -> Result<Vec<PathBuf>> {
    if args.report.is_empty() {
        let folder = PathBuf::from("target/conformance");
        return Ok(["report.html", "junit.xml", "report.json"]
            .map(|name| folder.join(name))
            .to_vec());
    }
    for path in &args.report {
        Form::of(path)?;
    }
    Ok(args.report.clone())
}

/// A report that cannot be written is noticed before the work, not after it.
fn ensure_writable(reports: &[PathBuf]) -> Result<()> {
    for path in reports {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).with_context(|| {
                format!("cannot make the folder {} for the report", folder.display())
            })?;
        }
        let is_new = !path.exists();
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot write the report {}", path.display()))?;
        // A run that is given up leaves no empty report behind.
        if is_new {
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

/// Whether a scenario with these tags is wanted.
fn wanted(args: &Args) -> Result<impl Fn(&[String]) -> bool + use<>> {
    use cucumber::tag::Ext as _;
    let expression = match &args.tags {
        None => None,
        Some(text) => Some(text.parse::<TagOperation>().map_err(|error| {
            anyhow!(
                "--tags {} is no tag expression ({error}); write something like '@core and not @driver'",
                quoted(text)
            )
        })?),
    };
    Ok(move |tags: &[String]| {
        expression
            .as_ref()
            .is_none_or(|expression| expression.eval(tags))
    })
}

/// Which side a scenario puts to the test.
pub(crate) fn side_of(tags: &[String]) -> Option<Side> {
    SIDES
        .into_iter()
        .find(|side| tags.iter().any(|tag| tag == side.tag()))
}

/// Plays all scenarios; gives their reports in the order of the features. Those that have not ended when the run is
/// interrupted or given up are not run.
pub(crate) async fn play(
    rig: &Arc<Rig>,
    features: Vec<Feature>,
    concurrency: usize,
    shutdown: &CancellationToken,
    mut on_finished: impl FnMut(&ScenarioReport),
) -> Result<Vec<ScenarioReport>> {
    let planned = features.clone();
    let finished = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&finished);
    let gatherer = Gatherer::new(Arc::clone(&rig.collector), |scenario: &ScenarioReport| {
        on_finished(scenario);
        sink.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scenario.clone());
    });
    let (before, after) = (Arc::clone(rig), ());
    let cucumber = World::cucumber::<&str>()
        .with_parser(Ready)
        .with_writer(gatherer)
        .with_default_cli()
        .max_concurrent_scenarios(concurrency)
        .before(move |feature, _, scenario, world: &mut World| {
            world.rig = Some(Arc::clone(&before));
            world.tags = all_tags(feature, scenario);
            world.scenario.clone_from(&scenario.name);
            Box::pin(std::future::ready(after))
        })
        .after(|feature, _, scenario, ended, world| {
            let passed = matches!(ended, cucumber::event::ScenarioFinished::StepPassed);
            let key = Key::of(feature, scenario);
            Box::pin(async move {
                if let Some(world) = world {
                    world.finish(key, passed).await;
                }
            })
        });
    let errors = tokio::select! {
        gatherer = cucumber.run(features) => gatherer.errors,
        () = shutdown.cancelled() => Vec::new(),
        () = rig.halt.called() => Vec::new(),
    };
    if let Some(error) = errors.first() {
        bail!("{error}");
    }
    let ended = std::mem::take(&mut *finished.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(match rig.halt.why() {
        _ if shutdown.is_cancelled() => with_the_rest(ended, &planned, INTERRUPTED),
        Some(given_up) => with_the_rest(ended, &planned, &given_up.reason),
        None => in_order(ended, &planned),
    })
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a person at the terminal sees while scenarios run.
pub(crate) struct Progress {
    bar: ProgressBar,
    failed: AtomicUsize,
}

impl Progress {
    fn new(features: &[Feature]) -> Self {
        let count: usize = features.iter().map(|feature| feature.scenarios.len()).sum();
        Self::of(count as u64, "scenarios")
    }

    pub(crate) fn of(count: u64, what: &'static str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {prefix} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(count), target)
            .with_style(style)
            .with_prefix(what);
        Self {
            bar,
            failed: AtomicUsize::new(0),
        }
    }

    fn tell(&self, scenario: &ScenarioReport) {
        self.bar.inc(1);
        if scenario.status == Status::Failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!("{failed} failed"));
        }
    }

    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The verdict for the terminal: what failed and why, a line per feature, the figures.
fn print_summary(report: &Report, gaps: &[String], reports: &[PathBuf]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for status in [Status::Failed, Status::NotRun] {
        for scenario in report
            .scenarios
            .iter()
            .filter(|scenario| scenario.status == status)
        {
            let reason = scenario.reason.as_deref().unwrap_or("no reason");
            writeln!(
                out,
                "{}: {} ({})\n    {reason}",
                status.word(),
                scenario.name,
                scenario.file
            )?;
        }
    }
    let mut files: Vec<&str> = report
        .scenarios
        .iter()
        .map(|scenario| scenario.file.as_str())
        .collect();
    files.dedup();
    for file in files {
        let of_file = report
            .scenarios
            .iter()
            .filter(|scenario| scenario.file == file);
        let (mut passed, mut all) = (0, 0);
        for scenario in of_file {
            all += 1;
            passed += usize::from(scenario.status == Status::Passed);
        }
        writeln!(out, "{passed:>4} of {all:<3} {file}")?;
    }
    let Summary {
        scenarios,
        passed,
        failed,
        not_run,
    } = &report.summary;
    writeln!(
        out,
        "{scenarios} scenarios: {passed} passed, {failed} failed, {not_run} not run; {} in {:.1} s",
        report.coverage.catalogue.sentence(),
        report.duration_ms as f64 / 1_000.0
    )?;
    let names: Vec<String> = reports
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if let Some(api) = &report.coverage.api {
        writeln!(out, "{}", api.sentence())?;
    }
    if !gaps.is_empty() {
        writeln!(
            out,
            "failed: a run of everything leaves nothing out, and here"
        )?;
        for gap in gaps {
            writeln!(out, "    {gap}")?;
        }
    }
    writeln!(out, "report: {}", names.join(", "))?;
    writeln!(out, "{DISCLAIMER}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_ended_is_not_run_and_stands_in_its_place() {
        let features = features::read(None).expect("the embedded features are readable");
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
}
