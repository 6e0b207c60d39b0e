//! What a run will do: the arguments over the scenario file over the defaults, all of it checked.

mod schedule;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::{ChargePointId, Millis};

use crate::args::OcppVersion;
use crate::charge_point::{Hardware, ID_TAG_CHARS_MAX, Setup};
use crate::driver::scaled;
use crate::reach::{self, Reach};
use crate::report::ReportFormat;
use crate::scenario::{Scenario, SessionLengths, SessionsSpec, WarningSpec};
use crate::span::Rate;
use crate::thresholds::Thresholds;
use crate::tls::{FleetTls, TlsFiles};
use crate::visitor::Sessions;
use crate::{Args, InputError, driver};

/// Charge points of one process; identities have six digits.
const COUNT_MAX: u32 = 999_999;
/// Connectors of one charge point.
const CONNECTORS_MAX: u32 = 100;
const ID_TAG_DEFAULT: &str = "RFID-USER-4A2F";
/// With back-to-back sessions of half a minute, the usual minute between meter values would show none.
const SAMPLE_INTERVAL: (&str, &str) = ("MeterValueSampleInterval", "10");
const RAMP_DEFAULT: Rate = Rate { per_second: 200.0 };
const DURATION_DEFAULT: Duration = Duration::from_secs(60);
/// Charge points a second.
const RAMPS: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;
const DURATION_DAYS_MAX: u64 = 366;
const SPEEDS: std::ops::RangeInclusive<f64> = 0.001..=10_000.0;
/// The longest session or pause, in seconds.
const SESSION_S_MAX: f64 = 7.0 * 86_400.0;
/// Bounds of the wait before a lost socket is opened again, in real milliseconds: a CSMS that comes back is found
/// again before a run must end.
const RECONNECT_MS: (f64, f64) = (1_000.0, 10_000.0);

/// A checked run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// Empty only for a check.
    pub(crate) csms: Arc<str>,
    pub(crate) count: u32,
    pub(crate) id_prefix: String,
    pub(crate) ramp: Rate,
    /// Without one it runs until it is stopped.
    pub(crate) duration: Option<Duration>,
    pub(crate) speed: f64,
    pub(crate) seed: u64,
    pub(crate) id_tags: Vec<String>,
    pub(crate) password: Option<Arc<str>>,
    /// For a CSMS at `wss://`.
    pub(crate) tls: Option<FleetTls>,
    pub(crate) hardware: Arc<Hardware>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) sessions: Option<Sessions>,
    pub(crate) thresholds: Thresholds,
    pub(crate) control: Option<std::net::SocketAddr>,
    pub(crate) reports: Vec<(ReportFormat, PathBuf)>,
    pub(crate) ledger: Option<PathBuf>,
}

/// The TLS of the fleet; files that nothing would be done with are refused.
fn tls(
    args: &Args,
    csms: &str,
    id_prefix: &str,
    count: u32,
) -> Result<Option<FleetTls>, InputError> {
    if !csms.starts_with(driver::TLS_SCHEME) {
        if !csms.is_empty() && (args.ca.is_some() || args.cert.is_some()) {
            return Err(InputError::new(format!(
                "--ca, --cert and --key serve nothing with {csms}: give a URL that begins with wss://"
            )));
        }
        return Ok(None);
    }
    let files = TlsFiles {
        ca: args.ca.clone(),
        identity: args.cert.clone().zip(args.key.clone()),
    };
    let ids =
        (1..=count).map(|number| identity(id_prefix, number).expect("the longest was checked"));
    FleetTls::read(&files, ids).map(Some)
}

impl Plan {
    pub(crate) fn from_args(args: &Args) -> Result<Self, InputError> {
        let scenario = match &args.scenario {
            Some(path) => Scenario::read(path)?,
            None => Scenario::default(),
        };
        let OcppVersion::V16 = args.ocpp.unwrap_or_default();
        let count = args.count.or(scenario.count).unwrap_or(1);
        if !(1..=COUNT_MAX).contains(&count) {
            return Err(bad("count", count, format!("1 to {COUNT_MAX}")));
        }
        let speed = args.speed.or(scenario.speed).unwrap_or(1.0);
        if !SPEEDS.contains(&speed) {
            let (least, most) = (SPEEDS.start(), SPEEDS.end());
            return Err(bad("speed", speed, format!("{least} to {most}")));
        }
        let (ramp, duration) = checked_time(args, &scenario)?;
        let id_prefix = args.id_prefix.clone().or(scenario.id_prefix);
        let id_prefix = id_prefix.unwrap_or_else(|| "SIM-".into());
        identity(&id_prefix, count)?;
        let csms: Arc<str> = args.csms.as_deref().unwrap_or_default().into();
        if !args.check || args.csms.is_some() {
            driver::check_url(&csms).map_err(InputError::new)?;
        }
        let tls = tls(args, &csms, &id_prefix, count)?;
        let hardware = checked_hardware(scenario.hardware.unwrap_or_default())?;
        let sessions = match scenario.sessions {
            Some(SessionsSpec::None) => None,
            Some(SessionsSpec::BackToBack(lengths)) => Some(checked_sessions(lengths)?),
            // Two people at one reader would only disturb each other.
            None if args.control.is_some() => None,
            None => Some(Sessions::default()),
        };
        let mut setup = setup(&scenario.configuration, speed, args.ledger.is_some())?;
        for warning in &scenario.warnings {
            checked_warning(&mut setup, warning, hardware.connectors)?;
        }
        let interval_is_given = scenario
            .configuration
            .keys()
            .any(|k| same_key(k, SAMPLE_INTERVAL.0));
        if sessions.is_some() && !interval_is_given {
            configure(&mut setup, SAMPLE_INTERVAL.0, SAMPLE_INTERVAL.1)?;
        }
        let thresholds = scenario.thresholds.unwrap_or_default();
        let started = reach::started(count, ramp, duration);
        let nobody_else = args.control.is_none();
        let transactions = nobody_else
            .then(|| reach::transactions_max(count, duration, sessions, speed))
            .flatten();
        thresholds
            .check(&Reach {
                started,
                transactions,
            })
            .map_err(InputError::new)?;
        Ok(Self {
            name: scenario.name.unwrap_or_else(|| "fleet".into()),
            csms,
            count,
            id_prefix,
            ramp,
            duration,
            speed,
            seed: args.seed.or(scenario.seed).unwrap_or(42),
            id_tags: checked_tags(&args.id_tag, scenario.id_tags)?,
            password: args.password.as_deref().map(Into::into),
            tls,
            hardware: Arc::new(hardware),
            setup: Arc::new(setup),
            sessions,
            thresholds,
            control: args.control,
            reports: report_formats(&args.report)?,
            ledger: args.ledger.clone(),
        })
    }

    /// The identity of a charge point, counted from 1.
    pub(crate) fn id(&self, number: u32) -> ChargePointId {
        identity(&self.id_prefix, number).expect("the longest one was checked")
    }
}

fn bad(name: &str, value: impl std::fmt::Display, wanted: impl std::fmt::Display) -> InputError {
    InputError::new(format!("{name} {value} is out of bounds; give {wanted}"))
}

fn identity(prefix: &str, number: u32) -> Result<ChargePointId, InputError> {
    let id = format!("{prefix}{number:06}");
    ChargePointId::new(&id)
        .map_err(|error| InputError::new(format!("id prefix {prefix:?}: {error}; choose another")))
}

fn checked_hardware(hardware: Hardware) -> Result<Hardware, InputError> {
    if !(1..=CONNECTORS_MAX).contains(&hardware.connectors) {
        let wanted = format!("1 to {CONNECTORS_MAX}");
        return Err(bad("hardware.connectors", hardware.connectors, wanted));
    }
    if hardware.max_power_w == 0 {
        return Err(bad("hardware.max_power_w", 0, "at least 1"));
    }
    // Lengths of BootNotification [1.6 §6.3].
    let serial_number = hardware.serial_number.as_deref().unwrap_or("-");
    for (name, text, chars_max) in [
        ("vendor", hardware.vendor.as_str(), 20),
        ("model", hardware.model.as_str(), 20),
        ("firmware_version", hardware.firmware_version.as_str(), 50),
        ("serial_number", serial_number, 25),
    ] {
        if text.is_empty() || text.chars().count() > chars_max {
            let wanted = format!("1 to {chars_max} characters");
            return Err(bad(
                &format!("hardware.{name}"),
                format!("{text:?}"),
                wanted,
            ));
        }
    }
    Ok(hardware)
}

fn setup(
    configuration: &std::collections::BTreeMap<String, crate::scenario::ConfigurationValue>,
    speed: f64,
    ledger: bool,
) -> Result<Setup, InputError> {
    let mut setup = Setup::default();
    // A clock that runs fast on purpose would be set back by each heartbeat.
    setup.set_clock = speed == 1.0;
    setup.heartbeat_jitter = true;
    setup.ledger = ledger;
    setup.leave_ms = scaled(setup.leave_ms, speed);
    setup.boot_retry_ms = scaled(setup.boot_retry_ms, speed);
    setup.reconnect_min_ms = (RECONNECT_MS.0 * speed).ceil() as Millis;
    setup.reconnect_max_ms = (RECONNECT_MS.1 * speed).ceil() as Millis;
    for (key, value) in configuration {
        configure(&mut setup, key, &value.0)?;
    }
    Ok(setup)
}

fn configure(setup: &mut Setup, key: &str, value: &str) -> Result<(), InputError> {
    setup
        .configure(key, value)
        .map_err(|error| InputError::new(error.to_string()))
}

fn checked_warning(
    setup: &mut Setup,
    warning: &WarningSpec,
    connectors: u32,
) -> Result<(), InputError> {
    if warning.connector_id > connectors {
        let wanted = format!("0 to {connectors}");
        return Err(bad("warnings.connector_id", warning.connector_id, wanted));
    }
    setup
        .warn(warning.connector_id, &warning.error_code)
        .map_err(|sentence| InputError::new(format!("warnings.error_code: {sentence}")))
}

/// Configuration keys are compared without case [1.6 §5.3].
fn same_key(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// How fast charge points are started, and how long the run lasts.
fn checked_time(args: &Args, scenario: &Scenario) -> Result<(Rate, Option<Duration>), InputError> {
    let duration = args.duration.or(scenario.duration).map(|span| span.0);
    if let Some(duration) = duration.filter(|d| d.as_secs() > DURATION_DAYS_MAX * 86_400) {
        let wanted = format!("at most {} h", DURATION_DAYS_MAX * 24);
        return Err(bad("duration", format!("{} s", duration.as_secs()), wanted));
    }
    let ramp = args.ramp.or(scenario.ramp).unwrap_or(RAMP_DEFAULT);
    if !RAMPS.contains(&ramp.per_second) {
        let wanted = format!("{}/s to {}/s", RAMPS.start(), RAMPS.end());
        return Err(bad("ramp", format!("{:e}/s", ramp.per_second), wanted));
    }
    let duration = duration.or(args.control.is_none().then_some(DURATION_DEFAULT));
    Ok((ramp, duration))
}

fn checked_sessions(lengths: SessionLengths) -> Result<Sessions, InputError> {
    let default = Sessions::default();
    let range = |name: &str, given: Option<[f64; 2]>, default| match given {
        None => Ok(default),
        Some([least, most]) if 0.0 <= least && least <= most && most <= SESSION_S_MAX => {
            Ok(((least * 1e3) as Millis, (most * 1e3) as Millis))
        }
        Some([least, most]) => {
            let wanted = format!("[least, most] in seconds, 0 to {SESSION_S_MAX}");
            Err(bad(
                &format!("sessions.{name}"),
                format!("[{least}, {most}]"),
                wanted,
            ))
        }
    };
    Ok(Sessions {
        charge_ms: range("charge_s", lengths.charge_s, default.charge_ms)?,
        pause_ms: range("pause_s", lengths.pause_s, default.pause_ms)?,
    })
}

fn checked_tags(
    given: &[String],
    scenario: Option<Vec<String>>,
) -> Result<Vec<String>, InputError> {
    let tags = if given.is_empty() {
        scenario.unwrap_or_else(|| vec![ID_TAG_DEFAULT.into()])
    } else {
        given.to_vec()
    };
    if tags.is_empty() {
        return Err(InputError::new("id_tags is empty; name at least one tag"));
    }
    match tags
        .iter()
        .find(|tag| tag.is_empty() || tag.chars().count() > ID_TAG_CHARS_MAX)
    {
        Some(tag) => Err(bad(
            "id tag",
            format!("{tag:?}"),
            format!("1 to {ID_TAG_CHARS_MAX} characters"),
        )),
        None => Ok(tags),
    }
}

fn report_formats(paths: &[PathBuf]) -> Result<Vec<(ReportFormat, PathBuf)>, InputError> {
    let format = |path: &PathBuf| Ok((ReportFormat::of(path)?, path.clone()));
    paths.iter().map(format).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn plan(flags: &[&str]) -> Result<Plan, InputError> {
        let csms = ["simulator", "--csms", "ws://127.0.0.1:9000"];
        let command = Command::try_parse_from(csms.iter().chain(flags)).unwrap();
        Plan::from_args(&command.args)
    }

    pub(super) fn scenario(text: &str, flags: &[&str]) -> Result<Plan, InputError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, text).unwrap();
        let scenario = ["--scenario", path.to_str().unwrap()];
        plan(&[&scenario, flags].concat())
    }

    #[test]
    fn without_anything_one_charge_point_charges_for_a_minute() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.count, plan.duration), (1, Some(DURATION_DEFAULT)));
        assert_eq!(plan.id(1).as_str(), "SIM-000001");
        assert_eq!(plan.id_tags, [ID_TAG_DEFAULT]);
        assert_eq!(plan.sessions, Some(Sessions::default()));
        assert_eq!(plan.thresholds, Thresholds::default());
    }

    #[test]
    fn an_operator_is_alone_unless_the_scenario_says_otherwise() {
        let control = ["--control", "127.0.0.1:0"];
        let operated = plan(&control).unwrap();
        assert_eq!((operated.sessions, operated.duration), (None, None));
        let both = scenario("sessions: {pause_s: [1, 2]}\nduration: 5s\n", &control).unwrap();
        assert_eq!(both.sessions.unwrap().pause_ms, (1_000, 2_000));
        assert_eq!(both.duration, Some(Duration::from_secs(5)));
    }

    #[test]
    fn flags_override_the_file() {
        let text = "count: 5\nspeed: 2\nid_tags: [A, B]\nid_prefix: X-\n";
        let plan = scenario(text, &["--count", "7", "--id-tag", "C,D"]).unwrap();
        assert_eq!((plan.count, plan.speed), (7, 2.0));
        assert_eq!(plan.id_tags, ["C", "D"]);
        assert_eq!(plan.id(7).as_str(), "X-000007");
        assert!(!plan.setup.set_clock);
        assert_eq!(
            (plan.setup.leave_ms, plan.setup.boot_retry_ms),
            (20_000, 60_000)
        );
    }

    #[test]
    fn identities_of_a_fleet_do_not_collide() {
        let plan = plan(&["--count", "20000", "--id-prefix", "1"]).unwrap();
        let ids: std::collections::BTreeSet<_> = (1..=plan.count).map(|n| plan.id(n)).collect();
        assert_eq!(ids.len(), 20_000);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_value() {
        for (flags, part) in [
            (["--count", "0"], "count 0"),
            (["--count", "1000000"], "1000000"),
            (["--ramp", "1e-300/s"], "ramp 1e-300/s"),
            (["--ramp", "1e300/s"], "ramp 1e300/s"),
            (
                ["--duration", "9000000000000000000s"],
                "duration 9000000000000000000 s",
            ),
            (["--speed", "0"], "speed 0"),
            (["--speed", "nan"], "speed NaN"),
            (["--id-prefix", "a/b"], "a/b"),
            (
                ["--id-tag", "123456789012345678901"],
                "123456789012345678901",
            ),
            (["--report", "report.txt"], ".json, .html or .xml"),
            (["--scenario", "/nowhere.yaml"], "/nowhere.yaml"),
        ] {
            let error = plan(&flags).unwrap_err().to_string();
            assert!(error.contains(part), "{flags:?} gives {error:?}");
        }
        for (text, part) in [
            ("hardware: {connectors: 101}", "hardware.connectors 101"),
            (
                "hardware: {vendor: 'a vendor with a long name'}",
                "hardware.vendor",
            ),
            ("sessions: {charge_s: [5, 4]}", "sessions.charge_s [5, 4]"),
            ("configuration: {NoSuchKey: 1}", "NoSuchKey"),
            ("id_tags: []", "id_tags"),
            ("ramp: 1e-300/s", "ramp 1e-300/s"),
            ("duration: 9000h", "duration 32400000 s"),
        ] {
            let error = scenario(text, &[]).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?} gives {error:?}");
        }
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused_before_anything_starts() {
        for url in ["https://h", "http://h", "nonsense", "ws://127.0.0.1:70000"] {
            let command = Command::try_parse_from(["simulator", "--csms", url]).unwrap();
            let error = Plan::from_args(&command.args).unwrap_err().to_string();
            assert!(error.contains(url), "{error}");
        }
    }

    #[test]
    fn thresholds_that_can_never_hold_are_refused() {
        for (text, part) in [
            (
                "count: 9\nthresholds: {accepted_min: 10}",
                "accepted_min 10 can never hold: 9",
            ),
            (
                "count: 9\nramp: 1/s\nduration: 4s\nthresholds: {accepted_min: 9}",
                "accepted_min 9 can never hold: 5",
            ),
            (
                "sessions: none\nthresholds: {transactions_min: 1}",
                "at most 0 transactions",
            ),
            (
                "duration: 60s\nsessions: {charge_s: [28, 30], pause_s: [1, 2]}\nthresholds: {transactions_min: 4}",
                "at most 3 transactions",
            ),
            (
                "sessions: none\nthresholds: {transactions_started_min: 1}",
                "transactions_started_min 1 can never hold",
            ),
            ("thresholds: {p95_ms_max: 0}", "p95_ms_max 0"),
            (
                "thresholds: {latency_ms: {all: {p50_max: -2}}}",
                "latency_ms.all.p50_max -2 can never hold or never fail",
            ),
            (
                "thresholds: {latency_ms: {Heartbeat: {}}}",
                "latency_ms.Heartbeat bounds nothing; give it p50_max",
            ),
            ("thresholds: {p99_ms_max: -1}", "p99_ms_max -1"),
        ] {
            let error = scenario(text, &["--check"]).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?} gives {error:?}");
        }
        let operated = "sessions: none\nthresholds: {transactions_min: 1}";
        scenario(operated, &["--control", "127.0.0.1:0"]).unwrap();
        scenario(
            "count: 9\nthresholds: {accepted_min: 9, p99_ms_max: 5}",
            &[],
        )
        .unwrap();
    }

    #[test]
    fn a_warning_is_one_that_can_be() {
        let good = "warnings: [{error_code: WeakSignal}, {connector_id: 2, error_code: EVCommunicationError}]";
        assert!(scenario(good, &[]).is_ok());
        for (text, part) in [
            (
                "warnings: [{error_code: Mood}]",
                "\"Mood\" is no error code",
            ),
            (
                "warnings: [{error_code: EVCommunicationError}]",
                "concerns a car",
            ),
            (
                "warnings: [{connector_id: 3, error_code: WeakSignal}]",
                "warnings.connector_id 3 is out of bounds; give 0 to 2",
            ),
        ] {
            let error = scenario(text, &[]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_not_built_is_refused() {
        for flag in [
            "--virtual",
            "--processes",
            "--audit",
            "--ca",
            "--ocpp=2.0.1",
        ] {
            let command = ["simulator", "--csms", "ws://h", flag];
            assert!(Command::try_parse_from(command).is_err(), "{flag}");
        }
    }
}
