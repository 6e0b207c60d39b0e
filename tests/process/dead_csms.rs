//! Central systems that do not do their work: a load test against one ends with exit code 1, and its reports say why.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use crate::support::{Ended, PATIENCE, Process, dynamo};

/// The run, and the time that is given to what it has open.
const LONGEST: Duration = Duration::from_secs(90);
const COUNT: u64 = 3;

/// What it answers to a call; nothing is silence.
type Answer = fn(&str) -> Option<Value>;

fn boot(status: &str) -> Option<Value> {
    let now = "2026-01-01T00:00:00.000Z";
    Some(json!({"status": status, "currentTime": now, "interval": 300}))
}

/// Accepts every boot and says nothing more.
fn silent_after_boot(action: &str) -> Option<Value> {
    (action == "BootNotification").then(|| boot("Accepted"))?
}

fn rejects_boots(action: &str) -> Option<Value> {
    (action == "BootNotification").then(|| boot("Rejected"))?
}

/// Does all that a session needs.
fn alive(action: &str) -> Option<Value> {
    static NEXT_TRANSACTION: AtomicI64 = AtomicI64::new(7);
    let accepted = json!({"status": "Accepted"});
    match action {
        "BootNotification" => boot("Accepted"),
        "Authorize" => Some(json!({"idTagInfo": accepted})),
        "StartTransaction" => {
            let id = NEXT_TRANSACTION.fetch_add(1, Relaxed);
            Some(json!({"idTagInfo": accepted, "transactionId": id}))
        }
        "Heartbeat" => Some(json!({"currentTime": "2026-01-01T00:00:00.000Z"})),
        _ => Some(json!({})),
    }
}

/// The URL of a central system that answers like this. Its threads end with the test's process.
fn central_system(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream, answer));
        }
    });
    format!("ws://{address}/ocpp16")
}

fn serve(stream: TcpStream, answer: Answer) {
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let confirm = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let subprotocol = HeaderValue::from_static("ocpp1.6");
        let headers = response.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", subprotocol);
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(stream, confirm) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let call: Value = serde_json::from_str(&text).unwrap();
        if let Some(payload) = call[2].as_str().and_then(answer) {
            let text = json!([3, call[1], payload]).to_string();
            if socket.send(Message::text(text)).is_err() {
                return;
            }
        }
    }
}

/// A fleet against such a system, with a scenario or without, and its reports.
fn fleet(answer: Answer, folder: &Path, scenario: Option<&str>) -> Process {
    std::fs::create_dir(folder).unwrap();
    let mut command = dynamo(&["simulator", "--csms", &central_system(answer)]);
    command.args([
        "--count",
        &COUNT.to_string(),
        "--duration",
        "3s",
        "--speed",
        "10",
    ]);
    for report in ["r.json", "r.xml", "r.html"] {
        command.arg("--report").arg(folder.join(report));
    }
    if let Some(text) = scenario {
        let path = folder.join("s.yaml");
        std::fs::write(&path, text).unwrap();
        command.arg("--scenario").arg(path);
    }
    Process::start(&mut command)
}

/// Exit code 1, and each of these bounds is named on stderr, in the JSON, as a failed case and on the page.
fn red(ended: &Ended, folder: &Path, failed: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (json, xml, html) = (read("r.json"), read("r.xml"), read("r.html"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verdict"], "failed");
    let thresholds = json["thresholds"].as_array().unwrap();
    for threshold in thresholds {
        let name = threshold["name"].as_str().unwrap();
        let case = format!("<testcase name=\"{name}\"");
        assert!(xml.contains(&case), "{name} has no case: {xml}");
        assert!(html.contains(&format!("<td>{name}<")), "{name}: {html}");
        let is_named = ended.stderr.contains(&format!("not held: {name}: "));
        assert_eq!(
            threshold["ok"] == false,
            is_named,
            "{threshold}: {}",
            ended.stderr
        );
    }
    let not_held: Vec<_> = (thresholds.iter())
        .filter(|threshold| threshold["ok"] == false)
        .filter_map(|threshold| threshold["name"].as_str())
        .collect();
    assert_eq!(not_held, failed, "{}", ended.stderr);
    assert!(
        xml.contains(&format!("failures=\"{}\"", failed.len())),
        "{xml}"
    );
    assert!(html.contains("verdict bad"), "{html}");
}

#[test]
fn a_load_test_of_a_dead_system_is_red() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let own = "thresholds:\n  connections_lost_max: 1000\n  p95_ms_max: 100000\n";
    let runs = [
        (
            "silent",
            fleet(silent_after_boot, &place("silent"), None),
            &["timeouts", "transactions_started", "energy_wh"][..],
        ),
        (
            "silent-own",
            fleet(silent_after_boot, &place("silent-own"), Some(own)),
            &["timeouts", "transactions_started", "energy_wh", "p95_ms"],
        ),
        (
            "rejects",
            fleet(rejects_boots, &place("rejects"), None),
            &["accepted", "transactions_started", "energy_wh"],
        ),
        (
            "rejects-own",
            fleet(rejects_boots, &place("rejects-own"), Some(own)),
            &["accepted", "transactions_started", "energy_wh"],
        ),
    ];
    for (name, fleet, failed) in runs {
        let ended = fleet.end(LONGEST);
        println!("{name}: {}", ended.stderr);
        red(&ended, &place(name), failed);
    }
    // The same fleets against one that does its work.
    for (name, scenario) in [("alive", None), ("alive-own", Some(own))] {
        let ended = fleet(alive, &place(name), scenario).end(PATIENCE);
        assert_eq!(ended.status.code(), Some(0), "{name}: {}", ended.stderr);
    }
}
