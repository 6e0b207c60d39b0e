//! A run from its arguments to its verdict.

pub(crate) mod args;
mod check;
mod chosen;
mod diff;
mod gather;
mod known_steps;
mod listing;
mod play;
mod progress;
mod self_test;
mod settle;
mod summary;
mod sut;
pub(crate) mod verdict;

use crate::case::waivers;
use chosen::{Chosen, expression};
use std::io::Write as _;
use std::path::Path;

use crate::case::side::side_of;
use crate::report::Environment;
use crate::report::FORMAT;
use crate::report::Status;
use crate::role::device::Device;
use crate::run::args::Command;
use crate::run::known_steps::ensure_steps_are_known;
use crate::run::progress::Progress;
use crate::run::settle::WaiverUse;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dynamo_protocol::time;
use gherkin::Feature;
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
use play::{INTERRUPTED, play, scenarios_of, with_the_rest};
use summary::print_summary;

/// Puts what the arguments name to the test, prints the verdict and writes the reports. When `shutdown` is
/// cancelled, the scenarios that have not ended are reported as not run.
///
/// # Errors
/// One sentence with the remedy, when the run cannot be made: arguments or files that make no sense, nobody at the
/// given address, an address that is taken, a report that cannot be written.
pub async fn run(args: Args, shutdown: CancellationToken) -> Result<Verdict> {
    if let Some(Command::Diff { old, new }) = &args.command {
        return diff::print(old, new);
    }
    if let Some(folder) = &args.export_features {
        let count = features::export(folder)?;
        writeln!(
            std::io::stdout(),
            "{count} features written to {}",
            folder.display()
        )?;
        return Ok(Verdict::Passed);
    }
    let reports = reports(&args)?;
    let chosen = Chosen::of(&args)?;
    let strict = args
        .strict
        .as_deref()
        .map(|text| expression("--strict", text))
        .transpose()?;
    let waivers = args
        .waivers
        .as_deref()
        .map(waivers::read)
        .transpose()?
        .unwrap_or_default();
    let features = features::read(&args.features, args.only_features)?;
    // The embedded ones are known: a test looks at them.
    let of_user = |feature: &&Feature| {
        let path = feature.path.as_deref().unwrap_or(Path::new(""));
        args.features.iter().any(|folder| path.starts_with(folder))
    };
    let own: Vec<Feature> = features.iter().filter(of_user).cloned().collect();
    ensure_steps_are_known(&own)?;
    if args.steps {
        known_steps::print()?;
        return Ok(Verdict::Passed);
    }
    chosen.ensure_ids_are_known(&features)?;
    let fits = |tags: &[String]| {
        side_of(tags).is_none_or(|side| is_tested(&args, side)) && chosen.has(tags)
    };
    let features = features::keep(features, fits);
    if args.list {
        return listing::print(&features, &args);
    }
    if args.check_capabilities {
        return check::print(&args, &features, shutdown).await;
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
    let mut environment = environment(&args);
    let Played {
        mut scenarios,
        exchanges,
        api,
        given_up,
        device,
    } = match prepared {
        Some(prepared) => {
            play_all(prepared, features, args.fail_fast, &progress, &shutdown).await?
        }
        None => Played::nothing(&features),
    };
    progress.end();
    if let Some(device) = device {
        environment.device = device.boot;
        environment.configuration = device.keys;
    }
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let uses = settle::waive(&mut scenarios, &waivers, today);
    if let Some(which) = &strict {
        settle::be_strict(&mut scenarios, which.as_ref());
    }
    let report = Report {
        tool: "dynamo",
        version: FORMAT,
        environment,
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
        waivers: uses
            .iter()
            .map(|one| serde_json::to_value(one).unwrap_or_default())
            .collect(),
    };
    for path in &reports {
        report.write(path)?;
    }
    let mut gaps = if is_of_everything(&args) {
        gaps(&report)
    } else {
        Vec::new()
    };
    gaps.extend(uses.iter().filter_map(WaiverUse::complaint));
    print_summary(&report, &gaps, &reports)?;
    if shutdown.is_cancelled() {
        return Ok(Verdict::Interrupted);
    }
    if let Some(GivenUp { reason, remedy }) = given_up {
        bail!("the run was given up: {reason}; {remedy}");
    }
    Ok(verdict(&report.summary, &gaps, args.allow_not_run))
}

/// Where and how this run is made. Secrets in the arguments are left out.
fn environment(args: &Args) -> Environment {
    const SECRETS: [&str; 2] = ["--password", "--driver-header"];
    let mut command_line = Vec::new();
    let mut secret = false;
    for argument in std::env::args() {
        let shown = match argument.split_once('=') {
            _ if secret => "…".to_owned(),
            Some((flag, _)) if SECRETS.contains(&flag) => format!("{flag}=…"),
            _ => argument.clone(),
        };
        secret = SECRETS.contains(&argument.as_str());
        command_line.push(shown);
    }
    Environment {
        tool_version: env!("CARGO_PKG_VERSION"),
        ocpp: "1.6",
        sut: description(args),
        command_line: command_line.join(" "),
        os: std::env::consts::OS,
        ..Environment::default()
    }
}

/// What became of a run's scenarios.
struct Played {
    scenarios: Vec<ScenarioReport>,
    exchanges: Vec<HttpExchange>,
    api: Option<ApiCoverage>,
    /// Why it ended before its time, unless somebody interrupted it.
    given_up: Option<GivenUp>,
    /// What a charge point from outside said of itself.
    device: Option<Device>,
}

impl Played {
    /// The run was interrupted before its systems under test were there.
    fn nothing(features: &[Feature]) -> Self {
        Self {
            scenarios: with_the_rest(Vec::new(), features, INTERRUPTED),
            exchanges: Vec::new(),
            api: None,
            given_up: None,
            device: None,
        }
    }
}

async fn play_all(
    prepared: Prepared,
    features: Vec<Feature>,
    fail_fast: Option<u16>,
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
    let enough = CancellationToken::new();
    let mut failed = 0;
    let scenarios = play(&rig, features, concurrency, shutdown, &enough, |scenario| {
        progress.tell(scenario);
        failed += u16::from(scenario.status == Status::Failed);
        if fail_fast.is_some_and(|most| failed >= most) {
            enough.cancel();
        }
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
        device: rig.device(),
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
        let project = Path::new("Cargo.toml").exists() && Path::new("features").exists();
        let folder = PathBuf::from(if project {
            "target/conformance"
        } else {
            "dynamo-report"
        });
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

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
