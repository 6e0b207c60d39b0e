//! A run from its arguments to its verdict.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use cucumber::World as _;
use gherkin::Feature;
use gherkin::tagexpr::TagOperation;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::collect::{Gatherer, Key, all_tags};
use crate::features::{self, Ready};
use crate::report::{Coverage, DISCLAIMER, Form, Report, ScenarioReport, Status, Summary};
use crate::rig::{Rig, Side};
use crate::sut::{Prepared, prepare};
use crate::world::World;
use crate::{listing, self_test};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed and something passed.
    Passed,
    /// A scenario failed, or a seeded defect survived.
    Failed,
    /// No scenario passed or failed: nothing was tested.
    NothingRan,
    /// Somebody ended the run before all scenarios had their turn; what ended is reported.
    Interrupted,
}

/// Puts what the arguments name to the test, prints the verdict and writes the reports. When `shutdown` is
/// cancelled, scenarios that have ended are reported and the rest is left out.
///
/// # Errors
/// One sentence with the remedy, when the run cannot be made: arguments or files that make no sense, nobody at the
/// given address, an address that is taken, a report that cannot be written.
pub async fn run(args: Args, shutdown: CancellationToken) -> Result<Verdict> {
    let reports = reports(&args)?;
    let wanted = wanted(&args)?;
    let features = features::read(args.features.as_deref())?;
    if args.list {
        return listing::print(&features::keep(features, &wanted), &args.report);
    }
    ensure_writable(&reports)?;
    let over = CancellationToken::new();
    let _ends_with_the_run = over.clone().drop_guard();
    if args.self_test {
        let features = features::keep(features, &wanted);
        return self_test::run(&args, features, &reports, shutdown, over).await;
    }
    let Prepared {
        parts,
        bundle,
        description,
        concurrency,
    } = prepare(&args, over).await?;
    let rig = Arc::new(Rig::new(parts)?);
    let testable = |tags: &[String]| side_of(tags).is_none_or(|side| rig.has(side)) && wanted(tags);
    let features = features::keep(features, testable);
    if features.is_empty() {
        bail!("no scenario fits; --list shows all of them with their tags");
    }
    let started = jiff::Timestamp::now();
    let clock = Instant::now();
    let progress = Progress::new(&features);
    let scenarios = play(&rig, features, concurrency, &shutdown, |scenario| {
        progress.tell(scenario)
    })
    .await?;
    progress.end();
    let exchanges = rig
        .csms
        .as_ref()
        .and_then(|csms| csms.driver.as_ref())
        .map(|driver| Arc::clone(&driver.exchanges));
    let exchanges = exchanges
        .map(|all| all.lock().unwrap_or_else(PoisonError::into_inner).clone())
        .unwrap_or_default();
    if let Some(bundle) = bundle {
        bundle.end().await;
    }
    let report = Report {
        tool: "dynamo",
        version: env!("CARGO_PKG_VERSION"),
        ocpp: "1.6",
        sut: description,
        started_at: started.to_string(),
        duration_ms: millis(clock.elapsed()),
        disclaimer: DISCLAIMER,
        summary: Summary::of(&scenarios),
        coverage: Coverage::of(&scenarios, &exchanges),
        scenarios,
        self_test: None,
    };
    for path in &reports {
        report.write(path)?;
    }
    print_summary(&report, &reports)?;
    Ok(if shutdown.is_cancelled() {
        Verdict::Interrupted
    } else {
        verdict(&report.summary)
    })
}

fn verdict(summary: &Summary) -> Verdict {
    match (summary.failed, summary.passed) {
        (1.., _) => Verdict::Failed,
        (0, 1..) => Verdict::Passed,
        (0, 0) => Verdict::NothingRan,
    }
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
            anyhow!("--tags {text:?} is no tag expression ({error}); write something like '@core and not @driver'")
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
    [Side::ChargePoint, Side::Csms]
        .into_iter()
        .find(|side| tags.iter().any(|tag| tag == side.tag()))
}

/// Plays all scenarios; gives their reports in the order of the features.
pub(crate) async fn play(
    rig: &Arc<Rig>,
    features: Vec<Feature>,
    concurrency: usize,
    shutdown: &CancellationToken,
    mut on_finished: impl FnMut(&ScenarioReport),
) -> Result<Vec<ScenarioReport>> {
    let order: Vec<(String, String)> = features
        .iter()
        .flat_map(|feature| {
            feature
                .scenarios
                .iter()
                .map(|scenario| (feature.name.clone(), scenario.name.clone()))
        })
        .collect();
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
    };
    if let Some(error) = errors.first() {
        bail!("{error}");
    }
    let mut scenarios =
        std::mem::take(&mut *finished.lock().unwrap_or_else(PoisonError::into_inner));
    scenarios.sort_by_key(|scenario| {
        order
            .iter()
            .position(|(feature, name)| *feature == scenario.feature && *name == scenario.name)
    });
    Ok(scenarios)
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
fn print_summary(report: &Report, reports: &[PathBuf]) -> Result<()> {
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
    writeln!(out, "report: {}", names.join(", "))?;
    writeln!(out, "{DISCLAIMER}")?;
    Ok(())
}
