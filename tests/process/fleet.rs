//! A fleet's end as scripts and people see it: signals, exit codes, what is written where.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Csms, PATIENCE, Process, dynamo, wait_until};

fn sqlite(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("x.db").display())
}

/// Runs it with a full disk behind stdout.
fn with_full_stdout(arguments: &[&str]) -> Output {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    dynamo(arguments)
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

#[test]
fn a_second_signal_ends_a_fleet_at_once_and_its_report_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let csms = Csms::start(&sqlite(&folder));
    let report = folder.path().join("report.json");
    let fleet = Process::start(&mut dynamo(&[
        "simulator",
        "--csms",
        &csms.url(),
        "--count",
        "3",
        "--duration",
        "10m",
        "--report",
        report.to_str().unwrap(),
    ]));
    wait_until("sessions run", PATIENCE, || csms.transactions_total() >= 3);
    // From now on the CSMS takes what it gets and says nothing.
    csms.process.signal("-STOP");
    fleet.terminate();
    let waiting = fleet.error("word of what is waited for", |line| {
        line.starts_with("ending: ").then(|| line.to_owned())
    });
    assert!(
        waiting.contains("3 of 3 charge points still")
            && waiting.contains("5 s without an answer")
            && waiting.contains("Ctrl-C again ends at once"),
        "{waiting}"
    );
    assert!(!report.exists(), "no report before the end");
    let hurried = Instant::now();
    fleet.terminate();
    let ended = fleet.end(PATIENCE);
    assert!(
        hurried.elapsed() < Duration::from_secs(3),
        "{:?}",
        hurried.elapsed()
    );
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("second signal"), "{}", ended.stderr);
    assert!(
        ended.stdout.iter().any(|line| line.contains("3 accepted")),
        "{:?}",
        ended.stdout
    );
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["ended"], "cut_off");
    assert!(report["transactions"]["undelivered_messages"].as_u64() >= Some(1));
}

#[test]
fn a_result_that_reaches_nobody_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let csms = Csms::start(&sqlite(&folder));
    let report = folder.path().join("report.json");
    let url = csms.url();
    let run = ["simulator", "--csms", &url, "--duration", "2s"];
    let check = ["simulator", "--check"];
    let full = folder.path().join("full.json");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let reported = [&run[..], &["--report", report.to_str().unwrap()]].concat();
    for arguments in [&reported[..], &check, &["--help"], &["--version"]] {
        let ended = with_full_stdout(arguments);
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("error: cannot write to stdout"),
            "{arguments:?}: {stderr}"
        );
        if arguments == reported {
            assert!(stderr.contains("all 7 thresholds held"), "{stderr}");
            assert!(report.exists(), "the report had room");
        }
    }
    // The other way round: the summary has room, the report has none.
    let ended = Process::start(&mut dynamo(
        &[&run[..], &["--report", full.to_str().unwrap()]].concat(),
    ))
    .end(PATIENCE);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("full.json"), "{}", ended.stderr);
    assert!(!ended.stdout.is_empty(), "the summary is still there");
}

#[test]
fn flags_in_the_environment_are_true_or_false_and_nothing_else() {
    for (word, wanted) in [
        ("maybe", 2),
        ("2", 2),
        ("on", 2),
        ("true", 0),
        ("1", 0),
        ("Yes", 0),
    ] {
        let mut command: Command = dynamo(&["simulator"]);
        let ended = command.env("DYNAMO_CHECK", word).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(wanted), "{word}: {stderr}");
        let complains = stderr.contains("give DYNAMO_CHECK true or false") && stderr.contains(word);
        assert_eq!(complains, wanted == 2, "{word}: {stderr}");
    }
    for word in ["false", "0", "no"] {
        let mut command: Command = dynamo(&["simulator", "--csms", "ws://127.0.0.1:70000"]);
        let ended = command.env("DYNAMO_CHECK", word).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(stderr.contains("70000"), "{word}: {stderr}");
        assert_eq!(ended.status.code(), Some(2));
    }
}

#[test]
fn the_long_help_says_where_the_control_api_explains_itself() {
    let ended = Process::start(&mut dynamo(&["simulator", "--help"])).end(PATIENCE);
    let help = ended.stdout.join("\n");
    assert!(
        help.contains("GET /") && help.contains("power_cycle"),
        "{help}"
    );
}

#[test]
fn input_that_cannot_be_meant_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("a.yaml");
    std::fs::write(&scenario, "count: 2\nthresholds:\n  acepted_min: 2\n").unwrap();
    let scenario = scenario.to_str().unwrap();
    let place = format!("error: {scenario}:3:3: there is no key acepted_min");
    let report = folder.path().join("r.json");
    let report = report.to_str().unwrap();
    for (arguments, naming) in [
        (vec!["--check", "--scenario", scenario], place.as_str()),
        (
            vec!["--check", "--scenario", "/dev/zero"],
            "more than 1 MiB",
        ),
        (vec!["--csms", "ws://host:70000"], "70000"),
        (vec!["--csms", "ftp://host", "--report", report], "ftp"),
        (vec!["--csms", "ws://u:geheim@host"], "--password"),
    ] {
        let arguments = [vec!["simulator"], arguments].concat();
        let ended = Process::start(&mut dynamo(&arguments)).end(PATIENCE);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(naming), "{}", ended.stderr);
    }
    assert!(!std::path::Path::new(report).exists());
}
