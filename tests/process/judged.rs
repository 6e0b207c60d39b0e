//! Both sides as processes of their own, judged from outside: every scenario ends as it does in the bundled run.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::{API_KEY, Csms, Ended, Process, dynamo};

/// A run must end by itself; this is for the one that does not.
const LONGEST: Duration = Duration::from_secs(600);

/// Slices of the charge point's scenarios and the hardware they need. A charger is tested one scenario after the
/// other, so the slices run side by side, each with a charger of its own.
const SLICES: [(&str, &str); 16] = [
    ("@boot", "detachable-cable"),
    ("@configuration", "detachable-cable"),
    ("@connectors", "detachable-cable"),
    ("@line", "detachable-cable"),
    ("@metering", "detachable-cable"),
    ("@offline and not @resend", "detachable-cable"),
    ("@resend", "detachable-cable"),
    ("@power", "detachable-cable"),
    ("@remote-start", "detachable-cable"),
    ("@reset", "detachable-cable"),
    ("@start", "detachable-cable"),
    ("@stop", "detachable-cable"),
    ("@trigger", "detachable-cable"),
    ("@unlock", "detachable-cable"),
    ("@fixed-cable", "fixed-cable"),
    ("@backup-power", "backup-power"),
];

/// File and name of a scenario, and how often it ended how.
type Verdicts = BTreeMap<(String, String), Vec<(String, String)>>;

fn verdicts(report: &Path, side: &str) -> Verdicts {
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let mut verdicts = Verdicts::new();
    for scenario in report["scenarios"].as_array().unwrap() {
        let text = |name: &str| scenario[name].as_str().unwrap_or_default().to_owned();
        if scenario["tags"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tag| tag == side)
        {
            let verdict = (text("status"), text("reason"));
            verdicts
                .entry((text("file"), text("name")))
                .or_default()
                .push(verdict);
        }
    }
    verdicts
}

fn conformance(arguments: &[&str], report: &Path) -> Process {
    let mut all = vec!["conformance", "--report", report.to_str().unwrap()];
    all.extend(arguments);
    Process::start(&mut dynamo(&all))
}

fn green(ended: &Ended) {
    assert_eq!(
        ended.status.code(),
        Some(0),
        "{}\n{}",
        ended.stdout.join("\n"),
        ended.stderr
    );
}

/// Every scenario that passes in the bundled run passes here.
fn same(bundled: &Verdicts, separate: &Verdicts, may_be_left_out: impl Fn(&str) -> bool) {
    for (scenario, verdicts) in bundled {
        let here = separate
            .get(scenario)
            .unwrap_or_else(|| panic!("{scenario:?} is missing"));
        let passed =
            |all: &[(String, String)]| all.iter().filter(|(status, _)| status == "passed").count();
        assert!(
            here.iter().all(|(status, _)| status != "failed"),
            "{scenario:?}: {here:?}"
        );
        if passed(here) < passed(verdicts) {
            assert!(
                here.iter().all(|(_, reason)| may_be_left_out(reason)),
                "{scenario:?}: {here:?}"
            );
        }
    }
}

#[test]
fn a_csms_of_its_own_gets_the_verdicts_of_the_bundled_one() {
    let folder = tempfile::tempdir().unwrap();
    let bundled = folder.path().join("bundled.json");
    green(&conformance(&["--tags", "@csms"], &bundled).end(LONGEST));
    let database = format!("sqlite://{}", folder.path().join("judged.db").display());
    let csms = Csms::with(
        &database,
        &[
            "--accept-unknown=charge-points",
            "--id-tag",
            "RFID-USER-4A2F",
        ],
    );
    for (tag, status) in [("TAG-BLOCKED", "Blocked"), ("TAG-EXPIRED", "Expired")] {
        let arguments = [
            "csms",
            "admin",
            "id-tag",
            "set",
            tag,
            "--status",
            status,
            "--database",
            &database,
        ];
        green(&Process::start(&mut dynamo(&arguments)).end(LONGEST));
    }
    let driver = format!("http://{}/api/v1/ocpp16/send_command", csms.http);
    let header = format!("Authorization: Bearer {API_KEY}");
    let url = format!("ws://{}/ocpp16", csms.ocpp);
    let arguments = [
        "--sut",
        "csms",
        "--url",
        &url,
        "--driver",
        &driver,
        "--driver-header",
        &header,
        "--blocked-id-tag",
        "TAG-BLOCKED",
        "--expired-id-tag",
        "TAG-EXPIRED",
    ];
    let separate = folder.path().join("separate.json");
    green(&conformance(&arguments, &separate).end(LONGEST));
    let (bundled, separate) = (verdicts(&bundled, "csms"), verdicts(&separate, "csms"));
    same(&bundled, &separate, |_| false);
    println!(
        "CSMS as a process of its own: {} scenarios with the bundled verdict",
        bundled.len()
    );
}

/// A charger and its judge.
struct Trial {
    judge: Process,
    charger: Process,
    report: PathBuf,
}

fn trial(folder: &Path, slice: usize) -> Trial {
    let (tag, hardware) = SLICES[slice];
    let capabilities = folder.join(format!("{slice}.yaml"));
    let is = |name: &str| hardware == name;
    let text = format!(
        "charge_point: {{ fixed_cable: {}, backup_power: {} }}\n",
        is("fixed-cable"),
        is("backup-power")
    );
    std::fs::write(&capabilities, text).unwrap();
    let report = folder.join(format!("{slice}.json"));
    let control = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let tags = format!("@charge-point and ({tag})");
    let operator = format!("http://{control}");
    let arguments = [
        "--sut",
        "charge-point",
        "--listen",
        "127.0.0.1:0",
        "--charge-point-id",
        "SIM-000001",
        "--operator",
        &operator,
        "--capabilities",
        capabilities.to_str().unwrap(),
        "--settle",
        "1s",
        "--tags",
        &tags,
    ];
    let judge = conformance(&arguments, &report);
    let url = judge.error("waiting for the charge point", |line| {
        let (_, url) = line.split_once(" at ")?;
        Some(url.trim().trim_end_matches("/SIM-000001").to_owned())
    });
    let charger = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &url,
        "--scenario",
        hardware,
        "--control",
        &control,
    ]));
    Trial {
        judge,
        charger,
        report,
    }
}

#[test]
fn a_charge_point_of_its_own_gets_the_verdicts_of_the_bundled_one() {
    let folder = tempfile::tempdir().unwrap();
    let bundled = folder.path().join("bundled.json");
    green(&conformance(&["--tags", "@charge-point"], &bundled).end(LONGEST));
    let bundled = verdicts(&bundled, "charge-point");
    let trials: Vec<Trial> = (0..SLICES.len())
        .map(|slice| trial(folder.path(), slice))
        .collect();
    let mut separate = Verdicts::new();
    for Trial {
        judge,
        charger,
        report,
    } in trials
    {
        let ended = judge.end(LONGEST);
        // A slice of which this hardware can do nothing is "nothing was tested".
        assert!(
            ended.status.code() != Some(1),
            "{}\n{}",
            ended.stdout.join("\n"),
            ended.stderr
        );
        charger.terminate();
        charger.end(LONGEST);
        for (scenario, mut verdicts) in verdicts(&report, "charge-point") {
            separate.entry(scenario).or_default().append(&mut verdicts);
        }
    }
    same(&bundled, &separate, |reason| {
        reason.contains("a clock that the rig can move")
    });
    println!(
        "charge point as a process of its own: {} scenarios with the bundled verdict",
        bundled.len()
    );
}
