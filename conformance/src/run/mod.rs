//! A run from its arguments to its verdict.

pub(crate) mod args;
mod gather;
mod known_steps;
mod listing;
mod play;
mod progress;
mod self_test;
mod summary;
mod sut;
pub(crate) mod verdict;

use crate::case::side::side_of;
use crate::run::known_steps::ensure_steps_are_known;
use crate::run::progress::Progress;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use dynamo_protocol::time;
use gherkin::Feature;
use gherkin::tagexpr::TagOperation;
use tokio_util::sync::CancellationToken;

use crate::case::features::all_tags;
use crate::case::features::{self};
use crate::case::side::Side;
use crate::report::rest_coverage::{ApiCoverage, of_passed};
use crate::report::{Coverage, DISCLAIMER, Form, Report, ScenarioReport, Summary};
use crate::role::rig::{GivenUp, Rig};
use crate::run::args::{Args, Sut};
use crate::run::sut::{Prepared, description, prepare};
use crate::run::verdict::{Verdict, gaps, is_of_everything, verdict};
use crate::wire::http::HttpExchange;
use crate::words::quoted;
use play::{INTERRUPTED, play, scenarios_of, with_the_rest};
use summary::print_summary;

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
    ensure_steps_are_known(&features)?;
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
    Ok(verdict(&report.summary, &gaps, args.allow_not_run))
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

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
