//! A run from its arguments to its verdict.

pub(crate) mod args;
mod check;
mod chosen;
mod diff;
mod enough;
mod gather;
mod hopeless;
mod known_steps;
mod listing;
mod names;
mod play;
mod progress;
mod secrets;
mod self_test;
mod settle;
mod slips;
mod strays;
mod summary;
mod sut;
pub(crate) mod verdict;

use crate::case::file::read_bounded;
use crate::case::waivers::{self, Waiver};
use crate::rules;
use crate::words::{count, list};
use chosen::{Chosen, ensure_ids_are_known, ensure_tags_are_known, expression};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

use crate::case::side::side_of;
use crate::report::Environment;
use crate::report::FORMAT;
use crate::role::device::Device;
use crate::run::args::Command;
use crate::run::enough::Enough;
use crate::run::known_steps::ensure_steps_are_known;
use crate::run::progress::Progress;
use crate::run::secrets::{Secrets, command_line};
use crate::run::settle::Settling;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use dynamo_protocol::time;
use gherkin::Feature;
use gherkin::tagexpr::TagOperation;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::case::features::all_tags;
use crate::case::features::{self};
use crate::case::side::Side;
use crate::report::rest_coverage::{ApiCoverage, of_passed};
use crate::report::{Coverage, DISCLAIMER, Form, Report, ScenarioReport, Status, Summary};
use crate::role::rig::{GivenUp, Rig};
use crate::run::args::{Args, Sut};
use crate::run::sut::{Prepared, description, prepare};
use crate::run::verdict::{Verdict, gaps, is_of_everything, verdict};
use crate::terminal::{results, tell};
use crate::wire::http::HttpExchange;
use play::{Ends, INTERRUPTED, play_and_tell, scenarios_of, with_the_rest};
use summary::print_summary;

/// See [`crate::run`].
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<Verdict> {
    if let Some(Command::Diff { old, new }) = &args.command {
        return diff::print(old, new);
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
    ensure_what_is_named_is_there(&args, &chosen, strict.as_ref(), &waivers, &features)?;
    let fits = |tags: &[String]| {
        side_of(tags).is_none_or(|side| is_tested(&args, side)) && chosen.has(tags)
    };
    if let Some(folder) = &args.export_features {
        let written = features::export(folder, fits)?;
        let written = count(written, "feature");
        writeln!(results(), "{written} written to {}", folder.display())?;
        return Ok(Verdict::Passed);
    }
    let features = features::keep(features, fits);
    let order = places(&features);
    let features = match args.sut {
        Some(Sut::Cpo) => in_turns(features),
        _ => features,
    };
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
        bail!(
            "no scenario fits{}; --list shows all of them with their tags",
            of_another_side(&args)?
        );
    }
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let mut settling = Settling::new(strict, &waivers, today);
    let started_ms = jiff::Timestamp::now().as_millisecond();
    let clock = Instant::now();
    let mut environment = environment(&args);
    let progress = Arc::new(Progress::new(&features));
    let prepared = tokio::select! {
        prepared = prepare(&args, over, progress.bar.clone()) => Some(prepared?),
        () = shutdown.cancelled() => None,
    };
    let played = match prepared {
        Some(prepared) => {
            play_all(
                prepared,
                features,
                &args,
                &progress,
                &mut settling,
                &shutdown,
            )
            .await?
        }
        None => Played::nothing(&features),
    };
    progress.end();
    let Played {
        mut scenarios,
        exchanges,
        api,
        given_up,
        mut ended_early,
        device,
        cut,
    } = played;
    scenarios.sort_by_key(|one| order.get(&(one.feature.clone(), one.name.clone())).copied());
    let secrets = Secrets::of(&args);
    hide_secrets(&mut scenarios, &secrets);
    if let Some(why) = &mut ended_early {
        secrets.hide_in(why);
    }
    if let Some(device) = device {
        environment.device = device.boot;
        environment.configuration = device.keys;
    }
    let mut report = Report {
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
        waivers: settling
            .uses
            .iter()
            .map(|one| serde_json::to_value(one).unwrap_or_default())
            .collect(),
    };
    let left_out = if is_of_everything(&args) {
        gaps(&report)
    } else {
        Vec::new()
    };
    let outdated = settling.complaints(cut);
    report.summary.ended_early = ended_early;
    report.summary.problems = [&left_out[..], &outdated].concat();
    let verdict = verdict(
        &report.summary,
        &report.summary.problems,
        args.allow_not_run,
    );
    report.summary.success =
        verdict == Verdict::Passed && given_up.is_none() && !shutdown.is_cancelled();
    for path in &reports {
        report.write(path)?;
    }
    print_summary(&report, &left_out, &outdated, &reports)
        .context("the verdict cannot be written to standard output; the reports are written")?;
    if shutdown.is_cancelled() {
        return Ok(Verdict::Interrupted);
    }
    match given_up {
        None => Ok(verdict),
        Some(given_up) => given_up_verdict(&args, &report, &given_up),
    }
}

/// What the arguments name by tag, rule or case has to be there: a slip of the pen would choose nothing, or let nothing go.
///
/// # Errors
/// One line that names it, and what is like it.
fn ensure_what_is_named_is_there(
    args: &Args,
    chosen: &Chosen,
    strict: Option<&Option<TagOperation>>,
    waivers: &[Waiver],
    features: &[Feature],
) -> Result<()> {
    // A tag of the embedded features may be excluded from a run without them.
    let all = if args.only_features {
        [features, &features::read(&[], false)?].concat()
    } else {
        features.to_vec()
    };
    chosen.ensure_tags_are_known(&all)?;
    // A pipeline may be stricter than the features are today.
    if let Some(Some(strict)) = strict
        && let Err(error) = ensure_tags_are_known("--strict", strict, &all)
    {
        tell(&format!("{error:#}"));
    }
    let Some(file) = &args.waivers else {
        return Ok(());
    };
    waivers::ensure_rules_are_known(file, waivers, &rules::IDS)?;
    for id in waivers.iter().filter_map(|waiver| waiver.case.as_deref()) {
        ensure_ids_are_known(std::iter::once(id), &all)
            .with_context(|| waivers::place(file, id))?;
    }
    Ok(())
}

/// The verdict of a run that was given up. A charge point that was here and failed is judged, whatever became of it then.
///
/// # Errors
/// What could not be tested, and the remedy.
fn given_up_verdict(args: &Args, report: &Report, given_up: &GivenUp) -> Result<Verdict> {
    let GivenUp { reason, remedy } = given_up;
    if args.sut == Some(Sut::ChargePoint) && was_heard(report) && report.summary.failed > 0 {
        tell(&format!("the run was ended early: {reason}; {remedy}"));
        return Ok(Verdict::Failed);
    }
    bail!("the run was given up: {reason}; {remedy}");
}

/// Why scenarios had no turn where somebody interrupted the run.
const ENDED_BY_SOMEBODY: &str = "the run was interrupted: scenarios that had not ended are not run";

/// Where nobody was let in, a scenario that was refused as well has shown nothing: that is one finding, and not one of
/// each.
fn not_run_at_all(scenarios: &mut [ScenarioReport], reason: &str) {
    let was_refused = |scenario: &&mut ScenarioReport| {
        let mut errors = scenario.steps.iter().filter_map(|step| step.error.as_ref());
        errors.any(|error| error.contains("refused the handshake"))
    };
    for scenario in scenarios.iter_mut().filter(was_refused) {
        scenario.status = Status::NotRun;
        scenario.reason = Some(reason.to_owned());
        scenario.warnings.clear();
    }
}

/// Whether the system under test has said anything in a scenario.
fn was_heard(report: &Report) -> bool {
    let mut frames = report
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.frames);
    frames.any(|frame| frame.direction == "from_sut")
}

/// Where and how this run is made. Secrets in the arguments are left out.
fn environment(args: &Args) -> Environment {
    Environment {
        tool_version: env!("CARGO_PKG_VERSION"),
        ocpp: "1.6",
        sut: Secrets::of(args).hide(&description(args)),
        command_line: command_line(std::env::args()),
        os: std::env::consts::OS,
        capabilities: args
            .capabilities
            .as_deref()
            .map_or(Value::Null, capabilities_as_written),
        ..Environment::default()
    }
}

/// The capability file as the report shows it. Whoever prepares the run says what is wrong with it.
fn capabilities_as_written(path: &Path) -> Value {
    let text = read_bounded(path, "capability file");
    let read = text.ok().map(|text| serde_saphyr::from_str(&text));
    read.and_then(Result::ok).unwrap_or_default()
}

/// What a driver or an operator said names its address.
fn hide_secrets(scenarios: &mut [ScenarioReport], secrets: &Secrets) {
    for scenario in scenarios {
        let notes = scenario.notes.iter_mut().map(|note| &mut note.text);
        let steps = scenario.steps.iter_mut();
        let errors = steps.filter_map(|step| step.error.as_mut());
        let texts = notes.chain(errors).chain(&mut scenario.reason);
        for text in texts.chain(&mut scenario.warnings) {
            secrets.hide_in(text);
        }
    }
}

/// What became of a run's scenarios.
struct Played {
    scenarios: Vec<ScenarioReport>,
    exchanges: Vec<HttpExchange>,
    api: Option<ApiCoverage>,
    /// Why it ended before its time, unless somebody interrupted it.
    given_up: Option<GivenUp>,
    /// The same in a sentence, for whatever reason.
    ended_early: Option<String>,
    /// What a charge point from outside said of itself.
    device: Option<Device>,
    /// Not all scenarios had their turn.
    cut: bool,
}

impl Played {
    /// The run was interrupted before its systems under test were there.
    fn nothing(features: &[Feature]) -> Self {
        Self {
            scenarios: with_the_rest(Vec::new(), features, INTERRUPTED),
            exchanges: Vec::new(),
            api: None,
            given_up: None,
            ended_early: Some(ENDED_BY_SOMEBODY.to_owned()),
            device: None,
            cut: true,
        }
    }
}

async fn play_all(
    prepared: Prepared,
    features: Vec<Feature>,
    args: &Args,
    progress: &Arc<Progress>,
    settling: &mut Settling,
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
    let (enough, why) = (CancellationToken::new(), OnceLock::new());
    let ends = Ends {
        shutdown,
        enough: &enough,
        why: &why,
    };
    let by_hand = |way: &Option<String>| way.as_deref() == Some("prompt");
    let somebody_is_asked = by_hand(&args.driver) || by_hand(&args.operator);
    let announcer = Arc::clone(progress);
    let begins = move |name: &str| announcer.begins(name, somebody_is_asked);
    let secrets = Secrets::of(args);
    let mut limit = Enough::new(args.fail_fast, args.sut.is_none());
    let finished = |scenario: &mut ScenarioReport| {
        let reason = limit.settle(settling, scenario);
        hide_secrets(std::slice::from_mut(scenario), &secrets);
        progress.ends(scenario);
        if let Some(reason) = reason {
            let _ = why.set(reason);
            enough.cancel();
        }
    };
    let scenarios = play_and_tell(&rig, features, concurrency, &ends, begins, finished).await?;
    rig.look_at_the_door(true);
    let mut scenarios = scenarios;
    let given_up = rig.halt.why().cloned();
    if let Some(given_up) = given_up.as_ref().filter(|_| rig.nobody_was_let_in()) {
        not_run_at_all(&mut scenarios, &given_up.reason);
    }
    let ended_early = match &given_up {
        _ if shutdown.is_cancelled() => Some(ENDED_BY_SOMEBODY.to_owned()),
        Some(GivenUp { reason, remedy }) => {
            Some(format!("the run was given up: {reason}; {remedy}"))
        }
        None => why.get().cloned(),
    };
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
        cut: enough.is_cancelled() || shutdown.is_cancelled() || given_up.is_some(),
        given_up,
        ended_early,
        device: rig.device(),
    })
}

/// Whether this run puts that side to the test.
fn is_tested(args: &Args, side: Side) -> bool {
    match args.sut {
        None => true,
        Some(Sut::Csms) => side == Side::Csms,
        Some(Sut::ChargePoint) => side == Side::ChargePoint,
        Some(Sut::Cpo) => side == Side::Cpo,
    }
}

/// Where each scenario stands in the features, by the names of both.
fn places(features: &[Feature]) -> HashMap<(String, String), usize> {
    let all = scenarios_of(features).enumerate();
    all.map(|(place, (feature, scenario))| ((feature.name.clone(), scenario.name.clone()), place))
        .collect()
}

/// A CPO of somebody's gives out few invitations: what leaves one as it is comes first, then what uses it, then what needs
/// a registration, and what ends that at the very end.
fn in_turns(features: Vec<Feature>) -> Vec<Feature> {
    let turn = |tags: &[String]| {
        let has = |wanted: &str| tags.iter().any(|tag| tag == wanted);
        match () {
            () if has("fresh-invitation") => 5,
            () if has("ends-first-registration") => 4,
            () if has("ends-registration") => 3,
            () if has("uses-invitation") => 1,
            () if has("invited") => 0,
            () => 2,
        }
    };
    let of_turn = |wanted| features::keep(features.clone(), move |tags| turn(tags) == wanted);
    (0..6).flat_map(of_turn).collect()
}

/// Where a case that was named puts another side to the test than `--sut` says: what to give instead.
fn of_another_side(args: &Args) -> Result<String> {
    let embedded = features::read(&args.features, args.only_features)?;
    let mut scenarios = embedded.iter().flat_map(|feature| {
        let tags = |scenario| all_tags(feature, scenario);
        feature.scenarios.iter().map(tags).collect::<Vec<_>>()
    });
    let named = |tags: &Vec<String>| args.ids.iter().any(|id| chosen::has_id(tags, id));
    let side = scenarios.find(named).and_then(|tags| side_of(&tags));
    let other = side.filter(|side| !is_tested(args, *side));
    Ok(other.map_or_else(String::new, |side| {
        format!(
            ": {} is about a {}, and --sut names another side",
            list(&args.ids),
            side.name()
        )
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, scenario};

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &[&str]) -> Args {
        let line = ["conformance"].iter().chain(line);
        <Line as clap::Parser>::parse_from(line).args
    }

    #[test]
    fn a_charge_point_that_failed_and_stays_away_has_failed() {
        let given_up = GivenUp {
            reason: "it did not connect".into(),
            remedy: "see why".into(),
        };
        let heard = [("from_sut", r#"[2,"1","Heartbeat",{}]"#)];
        let verdict = |sut: &str, status, frames: &[(&'static str, &str)]| {
            let report = report(vec![scenario(&["charge-point"], status, frames)]);
            given_up_verdict(&args(&["--sut", sut]), &report, &given_up).ok()
        };
        let failed = Some(Verdict::Failed);
        assert_eq!(verdict("charge-point", Status::Failed, &heard), failed);
        assert_eq!(verdict("charge-point", Status::Failed, &[]), None);
        assert_eq!(verdict("charge-point", Status::Passed, &heard), None);
        // What a driver refused is no verdict about the CSMS.
        assert_eq!(verdict("csms", Status::Failed, &heard), None);
    }

    #[test]
    fn the_environment_has_the_capability_file_and_no_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        std::fs::write(&file, "charge_point: { connectors: 1 }\n").unwrap();
        let file = file.display().to_string();
        let url = "wss://user:pw@h/ocpp?token=abc";
        let line = ["--sut", "csms", "--url", url, "--capabilities", &file];
        let environment = environment(&args(&line));
        assert_eq!(environment.capabilities["charge_point"]["connectors"], 1);
        assert_eq!(environment.sut, "the CSMS at wss://…@h/ocpp?…");
    }

    #[test]
    fn no_text_of_a_scenario_shows_a_secret() {
        let line = ["--sut", "csms", "--driver", "http://h/send?key=abc"];
        let said = "the driver at http://h/send?key=abc answered 500";
        let mut one = scenario(&["csms"], Status::Failed, &[]);
        one.reason = Some(said.into());
        one.warnings.push(said.into());
        one.notes.push(crate::report::NoteReport {
            at: 0,
            at_us: 0,
            text: said.into(),
        });
        one.steps.push(crate::report::StepReport {
            text: "Then x".into(),
            status: Status::Failed,
            error: Some(said.into()),
            started_ms: 0,
            ended_ms: 0,
            started_us: 0,
            line: 0,
        });
        hide_secrets(std::slice::from_mut(&mut one), &Secrets::of(&args(&line)));
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(
            (text.matches("abc").count(), text.matches("?…").count()),
            (0, 4)
        );
    }
}
