//! The arguments of `dynamo simulator`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::span::{Rate, Span};

const EXAMPLES: &str = "\
Examples:
  # one charge point that boots, reports and charges for a minute
  dynamo simulator --csms ws://127.0.0.1:9000/ocpp16

  # a fleet, with a report for people and one for machines
  dynamo simulator --csms ws://127.0.0.1:9000/ocpp16 --count 1000 --ramp 200/s --duration 5m \\
                   --report fleet.html --report fleet.json

  # over TLS, each charge point with its own certificate
  dynamo simulator --csms wss://csms.example.com/ocpp16 --count 10 --ca root.pem \\
                   --cert 'certs/{id}.pem' --key 'certs/{id}.key'

  # one charge point under an operator's hand, until Ctrl-C
  dynamo simulator --csms ws://127.0.0.1:9000/ocpp16 --control 127.0.0.1:7000

Each flag can also be given in the environment, as DYNAMO_CSMS, DYNAMO_ID_PREFIX and so on.
With --control, GET / of that address answers what an operator can do: actions, their fields, the answers. In short:
  curl ADDR/charge_points
  curl ADDR/plug_in -d '{\"charge_point_id\": \"SIM-000001\", \"connector_id\": 1}'
Actions: plug_in, unplug, present_id_tag, power_cycle, disconnect, raise_fault, raise_warning, clear_fault, jam_lock,
free_lock, emergency_stop, reboot.
Ctrl-C or SIGTERM stops sessions and delivers their messages first, while the CSMS answers; a second one ends at once.
Thresholds of every run: all accepted, none lost or offline at the end, no call error, no time-out, every transaction
message delivered, a transaction started if there was time for one. A scenario adds more, or relaxes these by name.
Exit code: 0 all thresholds held, 1 one did not, 2 wrong input, no connection at all within 10 s, results that could
not be written, or a run that was ended at once.";

/// A fleet of virtual charge points against any CSMS.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// URL of the CSMS without the identity, which becomes its last segment
    #[arg(
        long,
        env = "DYNAMO_CSMS",
        value_name = "URL",
        required_unless_present = "check"
    )]
    pub csms: Option<String>,

    /// How many charge points [default: 1]
    #[arg(long, env = "DYNAMO_COUNT", value_name = "N")]
    pub count: Option<u32>,

    /// Identities are this and a number from 000001 [default: SIM-]
    #[arg(long, env = "DYNAMO_ID_PREFIX", value_name = "TEXT")]
    pub id_prefix: Option<String>,

    /// OCPP version [default: 1.6]
    #[arg(long, env = "DYNAMO_OCPP", value_name = "VERSION")]
    pub ocpp: Option<OcppVersion>,

    /// A fleet as YAML: a file, or the name of a bundled one (smoke, fixed-cable, …); flags override it
    #[arg(long, env = "DYNAMO_SCENARIO", value_name = "FILE.yaml")]
    pub scenario: Option<PathBuf>,

    /// How fast charge points are started [default: 200/s]
    #[arg(long, env = "DYNAMO_RAMP", value_name = "N/s")]
    pub ramp: Option<Rate>,

    /// How long it runs, e.g. 90s, 5m, 24h [default: 60s; with --control until it is stopped]
    #[arg(long, env = "DYNAMO_DURATION", value_name = "TIME")]
    pub duration: Option<Span>,

    /// How many times as fast the charge points' own clocks run [default: 1]
    #[arg(long, env = "DYNAMO_SPEED", value_name = "FACTOR")]
    pub speed: Option<f64>,

    /// Everything random follows from this number [default: 42]
    #[arg(long, env = "DYNAMO_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Serve the operator's API here, e.g. 127.0.0.1:7000; sessions then run only if a scenario says so
    #[arg(long, env = "DYNAMO_CONTROL", value_name = "ADDR")]
    pub control: Option<SocketAddr>,

    /// Write a report: .json, .html or .xml (JUnit) by its ending; can be repeated
    #[arg(long, env = "DYNAMO_REPORT", value_name = "FILE")]
    pub report: Vec<PathBuf>,

    /// Password of every charge point for HTTP Basic authentication
    #[arg(
        long,
        env = "DYNAMO_PASSWORD",
        value_name = "P",
        hide_env_values = true
    )]
    pub password: Option<String>,

    /// Roots that the CSMS's certificate may come from, as PEM, for wss:// [default: those of the system]
    #[arg(long, env = "DYNAMO_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Certificate of the charge point as PEM; {id} in the name is the identity: each has its own
    #[arg(long, env = "DYNAMO_CERT", value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// Key of that certificate as PEM, with {id} likewise
    #[arg(long, env = "DYNAMO_KEY", value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Card used for sessions, given to the charge points in turn; can be repeated [default: RFID-USER-4A2F]
    #[arg(long, env = "DYNAMO_ID_TAG", value_name = "TAG", value_delimiter = ',')]
    pub id_tag: Vec<String>,

    /// Write every acknowledged transaction with its meter values here, one JSON object a line
    #[arg(long, env = "DYNAMO_LEDGER", value_name = "FILE.jsonl")]
    pub ledger: Option<PathBuf>,

    /// Say what would be done, and run nothing
    #[arg(long, env = "DYNAMO_CHECK")]
    pub check: bool,
}

/// The OCPP versions the simulator speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OcppVersion {
    /// OCPP 1.6J
    #[default]
    #[value(name = "1.6")]
    V16,
}
