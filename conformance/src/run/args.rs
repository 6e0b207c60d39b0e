//! The arguments of `dynamo conformance`.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

/// Puts a CSMS, a charge point or a CPO to the test: runs Gherkin scenarios over the wire and gives a verdict.
///
/// Without --sut it tests the bundled CSMS and the bundled charge point.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dynamo conformance
  dynamo conformance TC_003_CS TC_010_CSMS
  dynamo conformance --sut csms --url ws://127.0.0.1:9000/ocpp16 --driver http://127.0.0.1:8080/send
  dynamo conformance --sut charge-point --listen 0.0.0.0:9000 --charge-point-id CP-1 --operator prompt
  dynamo conformance --sut cpo --url https://cpo.example.com/ocpi/versions --token TOKEN-A
  dynamo conformance diff old.json new.json

Exit code: 0 all that was selected passed, was warned about or does not apply, 1 a scenario failed or a bundled run of
everything left something out, 2 the run could not be made or nothing ran, 3 something that was selected was not run.
dynamo is not affiliated with the Open Charge Alliance. A pass is no certificate.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Only scenarios of these test cases, such as TC_003_CS
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// What is under test from outside; without it both bundled sides are
    #[arg(long, env = "DYNAMO_SUT", value_enum)]
    pub sut: Option<Sut>,

    /// URL of the CSMS under test, without the identity, which is appended; of a CPO under test, its list of versions
    #[arg(long, env = "DYNAMO_URL", value_name = "URL")]
    pub url: Option<String>,

    /// Token A with which the rig registers as an eMSP at the CPO under test; a second one makes it two eMSPs
    #[arg(
        long,
        env = "DYNAMO_TOKEN",
        value_name = "TOKEN",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub token: Vec<String>,

    /// How the rig has the CSMS under test send a command: a URL to which it POSTs {"charge_point_id", "action",
    /// "payload"}, `prompt` to ask a person, or a driver file or its name
    #[arg(long, env = "DYNAMO_DRIVER", value_name = "URL|prompt|NAME")]
    pub driver: Option<String>,

    /// A header for the driver, such as 'Authorization: Bearer KEY'; can be repeated
    #[arg(
        long,
        env = "DYNAMO_DRIVER_HEADER",
        value_name = "NAME: VALUE",
        hide_env_values = true
    )]
    pub driver_header: Vec<String>,

    /// Where the charge point under test connects to, such as 0.0.0.0:9000; port 0 picks a free one
    #[arg(long, env = "DYNAMO_LISTEN", value_name = "ADDR", value_parser = address)]
    pub listen: Option<SocketAddr>,

    /// Identity of the charge point under test; or the one identity to use against a CSMS, one scenario at a time
    #[arg(long, env = "DYNAMO_CHARGE_POINT_ID", value_name = "ID")]
    pub charge_point_id: Option<String>,

    /// How things happen at the charge point under test: URL of its control API, or `prompt` to ask a person
    #[arg(long, env = "DYNAMO_OPERATOR", value_name = "URL|prompt")]
    pub operator: Option<String>,

    /// Identities used against a CSMS begin with this [default: CT-]
    #[arg(long, env = "DYNAMO_ID_PREFIX", value_name = "PREFIX")]
    pub id_prefix: Option<String>,

    /// Password of Basic authentication: of those identities, or of the charge point under test
    #[arg(
        long,
        env = "DYNAMO_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<String>,

    /// An id tag that the CSMS under test accepts; can be repeated: as many sessions run at once as there are tags
    /// [default: RFID-USER-4A2F]
    #[arg(long, env = "DYNAMO_ID_TAG", value_name = "TAG", value_delimiter = ',')]
    pub id_tag: Vec<String>,

    /// An id tag that it does not know [default: NO-SUCH-TAG]
    #[arg(long, env = "DYNAMO_INVALID_ID_TAG", value_name = "TAG")]
    pub invalid_id_tag: Option<String>,

    /// An id tag that it has blocked; scenarios that need one are not run without
    #[arg(long, env = "DYNAMO_BLOCKED_ID_TAG", value_name = "TAG")]
    pub blocked_id_tag: Option<String>,

    /// An id tag that has expired there; scenarios that need one are not run without
    #[arg(long, env = "DYNAMO_EXPIRED_ID_TAG", value_name = "TAG")]
    pub expired_id_tag: Option<String>,

    /// Whom the rig trusts, as PEM: the root that issued the certificate of the CSMS under test (wss://); with --listen,
    /// the root that issues the certificates which charge points have to show
    #[arg(long, env = "DYNAMO_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// The certificate that the rig shows, as PEM; with --listen it makes the listener one of TLS
    #[arg(long, env = "DYNAMO_CERT", value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, env = "DYNAMO_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Only scenarios whose tags fit, such as '@TC_003_CS' or '@core and not @driver'
    #[arg(long, env = "DYNAMO_TAGS", value_name = "EXPR")]
    pub tags: Option<String>,

    /// Features of your own, beside the embedded ones; can be repeated
    #[arg(
        long,
        env = "DYNAMO_FEATURES",
        value_name = "DIR",
        value_delimiter = ','
    )]
    pub features: Vec<PathBuf>,

    /// Leaves the embedded features out
    #[arg(long, env = "DYNAMO_ONLY_FEATURES", requires = "features")]
    pub only_features: bool,

    /// Warnings count as failures, all of them or those of scenarios whose tags fit
    #[arg(long, env = "DYNAMO_STRICT", value_name = "TAGS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub strict: Option<String>,

    /// Known deviations by rule or test case, as YAML: a list of `rule:` or `case:`, `reason:` and `until:`
    #[arg(long, env = "DYNAMO_WAIVERS", value_name = "FILE.yaml")]
    pub waivers: Option<PathBuf>,

    /// Ends the run after so many failures
    #[arg(long, env = "DYNAMO_FAIL_FAST", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub fail_fast: Option<u16>,

    /// The OCPP version
    #[arg(long, env = "DYNAMO_OCPP", value_parser = ["1.6"], default_value = "1.6")]
    pub ocpp: String,

    /// What the system under test is and can do, as YAML: connectors, cable, backup power, id tags; needs --sut, since
    /// the bundled sides are built as each scenario wants them
    #[arg(long, env = "DYNAMO_CAPABILITIES", value_name = "FILE.yaml")]
    pub capabilities: Option<PathBuf>,

    /// Scenarios that run at the same time, 1 to 512 [default: 64 with the bundled sides, 16 against a CSMS]; a
    /// charge point under test and a single --charge-point-id are tested one scenario after the other
    #[arg(long, env = "DYNAMO_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: Option<u16>,

    /// How long an expected message may take, and a charge point under test to connect: 100ms to 1h [default: 30s,
    /// with --self-test 4s]
    #[arg(long, env = "DYNAMO_TIMEOUT", value_name = "TIME", value_parser = timeout)]
    pub timeout: Option<Duration>,

    /// Where to write a report: .html for people, .xml for CI (JUnit), .json for scripts, .ndjson (Cucumber
    /// messages); can be repeated [default: report.html, junit.xml and report.json in target/conformance, or where there
    /// is no such project in dynamo-report]
    #[arg(
        long,
        env = "DYNAMO_REPORT",
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub report: Vec<PathBuf>,

    /// Folder with the published JSON schemas of the version, as a second witness
    #[arg(long, env = "DYNAMO_SCHEMAS", value_name = "DIR")]
    pub schemas: Option<PathBuf>,

    /// Scenarios that could not be run do not make the exit code 3
    #[arg(long, env = "DYNAMO_ALLOW_NOT_RUN")]
    pub allow_not_run: bool,

    /// How long the line is watched, at least, for what should not come [default: 3s on a system from outside]
    #[arg(long, env = "DYNAMO_SETTLE", value_name = "TIME", value_parser = settle)]
    pub settle: Option<Duration>,

    /// How long a charge point under test may take to restart [default: 120s, of the bundled one --timeout]
    #[arg(long, env = "DYNAMO_REBOOT_TIMEOUT", value_name = "TIME", value_parser = timeout)]
    pub reboot_timeout: Option<Duration>,

    /// Lists the scenarios, their tags and what they need, and runs nothing
    #[arg(long, env = "DYNAMO_LIST", conflicts_with_all = ["self_test"])]
    pub list: bool,

    /// Lists the steps that features can use, each with an example, and runs nothing
    #[arg(long, env = "DYNAMO_STEPS", conflicts_with_all = ["self_test", "list"])]
    pub steps: bool,

    /// Writes the embedded features as files into this folder, and runs nothing
    #[arg(long, env = "DYNAMO_EXPORT_FEATURES", value_name = "DIR", conflicts_with_all = ["self_test", "list", "steps"])]
    pub export_features: Option<PathBuf>,

    /// Says what the capability file and the charge point under test say of each gate, and runs nothing
    #[arg(long, env = "DYNAMO_CHECK_CAPABILITIES", conflicts_with_all = ["self_test", "list", "steps"])]
    pub check_capabilities: bool,

    /// Proves the judge: every seeded defect must turn a scenario red
    #[arg(long, env = "DYNAMO_SELF_TEST", conflicts_with_all = ["sut", "url", "listen"])]
    pub self_test: bool,
}

/// Bounds of `--timeout`: below the first nothing can be on time, above the second nobody waits.
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// A watch may also be of no length.
fn settle(text: &str) -> Result<Duration, String> {
    let settle = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if settle <= TIMEOUT_MAX {
        Ok(settle)
    } else {
        Err("give something up to 1h, such as 3s".into())
    }
}

/// An address to listen on: `IP:PORT`, or `HOST:PORT` for a name of this machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    const SUCH_AS: &str =
        "give IP:PORT or HOST:PORT, such as 0.0.0.0:9000, [::]:9000 or localhost:9000";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let is_host = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_host {
        return Err(format!("it is no address; {SUCH_AS}"));
    }
    let found = text
        .to_socket_addrs()
        .map_err(|error| format!("{error}; {SUCH_AS}"))?;
    // Where a name has both, most chargers come by IPv4.
    found
        .min_by_key(SocketAddr::is_ipv6)
        .ok_or_else(|| format!("nothing has this name; {SUCH_AS}"))
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) {
        Ok(timeout)
    } else {
        Err("give something from 100ms to 1h, such as 30s".into())
    }
}

/// What else there is to do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Says what changed between two reports in JSON; the exit code is 1 when something got worse
    Diff {
        /// The report of before
        old: PathBuf,
        /// The report of now
        new: PathBuf,
    },
}

/// What can be under test from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sut {
    /// A CSMS: needs --url
    Csms,
    /// A charge point: needs --listen and --charge-point-id
    ChargePoint,
    /// What a platform offers to partners over OCPI 2.2.1: needs --url and --token
    Cpo,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_the_host_and_what_is_none_is_told_how_to_write_one() {
        for (text, loopback) in [
            ("127.0.0.1:9000", true),
            ("[::]:9000", false),
            ("localhost:0", true),
        ] {
            let found = address(text).unwrap();
            assert_eq!(found.ip().is_loopback(), loopback, "{text}");
        }
        for wrong in [
            "9000",
            "localhost",
            "127.0.0.1",
            ":9000",
            "localhost:x",
            "ws://localhost:1",
        ] {
            let error = address(wrong).unwrap_err();
            assert!(error.contains("such as 0.0.0.0:9000"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_timeout_has_bounds() {
        assert_eq!(timeout("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(timeout("100ms"), Ok(TIMEOUT_MIN));
        for bad in ["0s", "99ms", "61m", "soon"] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }
}
