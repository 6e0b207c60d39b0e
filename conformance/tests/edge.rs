//! Runs that cannot go well: peers that flood, refuse, stay away or never answer, and somebody who ends the run. Each
//! ends soon, says why, and leaves a report.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use dynamo_conformance::{Args, Verdict, run};
use dynamo_csms::{AcceptUnknown, Csms, Options};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_util::sync::CancellationToken;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// A judge with these arguments; its only report is `report`.
fn judge(arguments: &[&str], report: &Path) -> Args {
    let report = report.to_str().expect("a path of ASCII");
    let all = [&["conformance", "--report", report], arguments].concat();
    Cli::try_parse_from(all).expect("arguments that fit").args
}

/// Runs to the end; gives the verdict, the report if there is one, and how long it took.
async fn judged(
    arguments: &[&str],
    shutdown: CancellationToken,
) -> (anyhow::Result<Verdict>, Value, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let begun = Instant::now();
    let verdict = run(judge(arguments, &report), shutdown).await;
    let text = std::fs::read_to_string(&report).unwrap_or_else(|_| "null".into());
    assert!(text.len() < 2_000_000, "a report of {} bytes", text.len());
    let report = serde_json::from_str(&text).expect("JSON");
    (verdict, report, begun.elapsed())
}

fn reasons(report: &Value, status: &str) -> Vec<String> {
    let scenarios = report["scenarios"].as_array().expect("scenarios");
    scenarios
        .iter()
        .filter(|scenario| scenario["status"] == status)
        .map(|scenario| scenario["reason"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[track_caller]
fn refused(verdict: anyhow::Result<Verdict>, naming: &[&str]) {
    let text = format!("{:#}", verdict.expect_err("the run cannot be made"));
    for name in naming {
        assert!(text.contains(name), "{name:?} is not in {text:?}");
    }
}

#[expect(
    clippy::result_large_err,
    reason = "the signature belongs to the WebSocket library"
)]
fn confirm(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let name = "Sec-WebSocket-Protocol";
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static("ocpp1.6"));
    Ok(response)
}

/// A CSMS that says nothing, or this over and over; `heard` is notified with the first text it gets.
async fn wild_csms(says: Option<String>, heard: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (says, heard) = (says.clone(), Arc::clone(&heard));
            tokio::spawn(async move {
                // Somebody looks whether anybody is here, and goes again.
                let Ok(ws) = tokio_tungstenite::accept_hdr_async(stream, confirm).await else {
                    return;
                };
                let (mut sink, mut stream) = ws.split();
                tokio::spawn(async move {
                    while let Some(Ok(_)) = stream.next().await {
                        heard.notify_one();
                    }
                });
                while let Some(text) = &says
                    && sink.send(Message::text(text)).await.is_ok()
                {}
                std::future::pending::<()>().await;
            });
        }
    });
    addr
}

async fn csms(charge_points: bool) -> (Csms, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        http: local,
        ocpp: local,
        database: format!("sqlite://{}", folder.path().join("x.db").display()),
        accept_unknown: AcceptUnknown {
            charge_points,
            tags: false,
        },
        ..Options::default()
    };
    (dynamo_csms::start(options).await.expect("a CSMS"), folder)
}

/// A driver that gives every order on to `behind`, waits for the answer there, and then answers with this status.
async fn driver(status: &'static str, behind: Option<SocketAddr>, key: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let key = key.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let body = loop {
                    let mut part = [0; 4096];
                    match stream.read(&mut part).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => request.extend_from_slice(&part[..read]),
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    if let Some((_, body)) = text.split_once("\r\n\r\n")
                        && serde_json::from_str::<Value>(body).is_ok()
                    {
                        break body.to_owned();
                    }
                };
                if let Some(behind) = behind {
                    let mut there = TcpStream::connect(behind).await.expect("the CSMS");
                    let request = format!(
                        "POST /api/v1/ocpp16/send_command HTTP/1.0\r\nX-API-Key: {key}\r\n\
                         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    there.write_all(request.as_bytes()).await.expect("sent");
                    let _ = there.read_to_end(&mut Vec::new()).await;
                }
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhy?"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{addr}/send")
}

/// An address nobody listens at: it was free a moment ago.
fn closed_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_its_scenario_and_not_the_memory() {
    let frame = serde_json::json!([2, "flood", "DataTransfer", {"vendorId": "x".repeat(1_000)}]);
    for frame in [frame.to_string(), "[]".to_owned()] {
        let addr = wild_csms(Some(frame), Arc::default()).await;
        let url = format!("ws://{addr}/ocpp16");
        let arguments = ["--sut", "csms", "--url", &url, "--tags", "@boot"];
        let (verdict, report, took) = judged(&arguments, CancellationToken::new()).await;
        assert_eq!(verdict.expect("a verdict"), Verdict::Failed);
        let failed = reasons(&report, "failed");
        assert!(
            failed.iter().any(
                |reason| reason.contains("sent more than 4 MiB or 20000 frames")
                    && reason.contains("frames were not recorded")
            ),
            "{failed:?}"
        );
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_a_run_that_waits_for_a_charger_gets_a_report_at_once() {
    let shutdown = CancellationToken::new();
    let ending = shutdown.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ending.cancel();
    });
    let arguments = [
        "--sut",
        "charge-point",
        "--listen",
        "127.0.0.1:0",
        "--charge-point-id",
        "A",
    ];
    let (verdict, report, took) = judged(&arguments, shutdown).await;
    assert_eq!(verdict.expect("a verdict"), Verdict::Interrupted);
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    let not_run = reasons(&report, "not_run");
    assert!(not_run.len() > 50 && not_run.iter().all(|reason| reason == "interrupted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_a_run_in_the_middle_of_a_step_gets_a_report_at_once() {
    let heard = Arc::new(Notify::new());
    let addr = wild_csms(None, Arc::clone(&heard)).await;
    let shutdown = CancellationToken::new();
    let ending = shutdown.clone();
    let cancelled = tokio::spawn(async move {
        heard.notified().await;
        ending.cancel();
        Instant::now()
    });
    let url = format!("ws://{addr}/ocpp16");
    let (verdict, report, _) = judged(&["--sut", "csms", "--url", &url], shutdown).await;
    assert_eq!(verdict.expect("a verdict"), Verdict::Interrupted);
    let took = cancelled.await.expect("cancelled").elapsed();
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    let all = report["summary"]["scenarios"].as_u64();
    assert_eq!(report["summary"]["not_run"].as_u64(), all);
    assert!(
        reasons(&report, "not_run")
            .iter()
            .all(|reason| reason == "interrupted")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_refuses_everybody_ends_the_run() {
    let (csms, _folder) = csms(true).await;
    let url = format!("ws://{}/ocpp16", csms.ocpp_addr());
    for (status, naming) in [("401 Unauthorized", "401"), ("403 Forbidden", "403")] {
        let driver = driver(status, None, String::new()).await;
        let arguments = [
            "--sut", "csms", "--url", &url, "--driver", &driver, "--tags", "@driver",
        ];
        let (verdict, report, took) = judged(&arguments, CancellationToken::new()).await;
        refused(verdict, &[naming, "--driver-header", "why?"]);
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert!(
            reasons(&report, "not_run")
                .iter()
                .any(|reason| reason.contains(naming))
        );
    }
    let closed = format!("http://{}/send", closed_address());
    let arguments = ["--sut", "csms", "--url", &url, "--driver", &closed];
    let (verdict, _, _) = judged(&arguments, CancellationToken::new()).await;
    refused(verdict, &[&closed, "--driver"]);
    csms.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_fails_its_step_at_once_unless_the_call_came_before_it() {
    let (csms, _folder) = csms(true).await;
    let url = format!("ws://{}/ocpp16", csms.ocpp_addr());
    let tags = "@command and @TC_017_1_CSMS";
    let lost = driver("404 Not Found", None, String::new()).await;
    let arguments = [
        "--sut", "csms", "--url", &url, "--driver", &lost, "--tags", tags,
    ];
    let (verdict, report, took) = judged(&arguments, CancellationToken::new()).await;
    assert_eq!(verdict.expect("a verdict"), Verdict::Failed);
    assert!(took < Duration::from_secs(15), "{took:?}");
    let failed = reasons(&report, "failed");
    assert!(
        failed
            .iter()
            .all(|reason| reason.contains("answered 404 Not Found: why?")),
        "{failed:?}"
    );

    let key = csms.api_key().to_string();
    let grumpy = driver("500 Internal Server Error", Some(csms.http_addr()), key).await;
    let arguments = [
        "--sut", "csms", "--url", &url, "--driver", &grumpy, "--tags", tags,
    ];
    let (verdict, report, _) = judged(&arguments, CancellationToken::new()).await;
    assert_eq!(
        verdict.expect("a verdict"),
        Verdict::Passed,
        "{:?}",
        reasons(&report, "failed")
    );
    csms.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csms_that_knows_nobody_ends_the_run() {
    let (csms, _folder) = csms(false).await;
    let url = format!("ws://{}/ocpp16", csms.ocpp_addr());
    for tags in ["@csms", "@boot"] {
        let arguments = ["--sut", "csms", "--url", &url, "--tags", tags];
        let (verdict, _, took) = judged(&arguments, CancellationToken::new()).await;
        refused(
            verdict,
            &[
                "HTTP 404",
                "CT-000001",
                "--charge-point-id",
                "--accept-unknown=charge-points",
            ],
        );
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
    csms.shutdown().await;
}

/// A server that answers every request with this status, and opens no line.
async fn closed_door(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csms_that_opens_no_line_is_one_finding_whatever_its_status() {
    for status in [
        "503 Service Unavailable",
        "403 Forbidden",
        "426 Upgrade Required",
    ] {
        let url = format!("ws://{}/ocpp16", closed_door(status).await);
        let arguments = ["--sut", "csms", "--url", &url];
        let (verdict, report, took) = judged(&arguments, CancellationToken::new()).await;
        let (code, _) = status.split_once(' ').expect("a code");
        let code = format!("HTTP {code}");
        refused(
            verdict,
            &[&code, "--url", "path", "--charge-point-id", "--password"],
        );
        assert!(took < Duration::from_secs(15), "{took:?}");
        let summary = &report["summary"];
        assert_eq!(summary["scenarios"], summary["not_run"], "{summary}");
        let why = summary["ended_early"].as_str().unwrap_or_default();
        assert!(why.contains(&code), "{summary}");
        let mut reasons = reasons(&report, "not_run");
        reasons.dedup();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
    }
}

/// A CSMS that answers every call with this text, `ID` being that of the call.
async fn answering_csms(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut ws) = tokio_tungstenite::accept_hdr_async(stream, confirm).await else {
                    return;
                };
                while let Some(Ok(message)) = ws.next().await {
                    let call: Value =
                        serde_json::from_slice(&message.into_data()).unwrap_or_default();
                    if let (Some(2), Some(id)) = (call[0].as_u64(), call[1].as_str())
                        && ws
                            .send(Message::text(answer.replace("ID", id)))
                            .await
                            .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csms_that_lets_nobody_past_the_boot_is_cut_off() {
    for (answer, cause) in [
        (r#"[4,"ID","InternalError","no ID",{}]"#, "InternalError"),
        ("<html>ID</html>", "ocppj-frame"),
        (
            r#"[3,"ID",{"status":"Rejected","currentTime":"2020-01-01T00:00:00Z","interval":60}]"#,
            "clock",
        ),
    ] {
        let url = format!("ws://{}/ocpp16", answering_csms(answer).await);
        let arguments = [
            "--sut",
            "csms",
            "--url",
            &url,
            "--timeout",
            "500ms",
            "--settle",
            "100ms",
        ];
        let (verdict, report, _) = judged(&arguments, CancellationToken::new()).await;
        assert_eq!(verdict.expect("a verdict"), Verdict::Failed, "{answer}");
        let summary = &report["summary"];
        let why = summary["ended_early"].as_str().unwrap_or_default();
        assert!(why.contains(cause), "{summary}");
        let failed = summary["failed"].as_u64().expect("a number");
        assert!((5..50).contains(&failed), "{summary}");
        assert_eq!(summary["warned"], 0, "{summary}");
    }
}

/// Knocks until somebody is there; gives what became of the handshake.
async fn knock(addr: &str, path: &str) -> Result<(), String> {
    loop {
        let mut request = format!("ws://{addr}{path}")
            .into_client_request()
            .expect("a URL");
        let offer = HeaderValue::from_static("ocpp1.6");
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", offer);
        match tokio_tungstenite::connect_async(request).await {
            Ok((mut ws, _)) => {
                tokio::spawn(async move { while ws.next().await.is_some() {} });
                return Ok(());
            }
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                return Err(answer.status().to_string());
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charger_with_another_identity_is_named() {
    let addr = closed_address();
    let arguments = [
        "--sut",
        "charge-point",
        "--listen",
        &addr,
        "--charge-point-id",
        "A",
        "--timeout",
        "1s",
    ];
    let (judged, knocked) = tokio::join!(
        judged(&arguments, CancellationToken::new()),
        knock(&addr, "/somewhere/B")
    );
    assert_eq!(knocked, Err("404 Not Found".to_owned()));
    let (verdict, _, took) = judged;
    refused(
        verdict,
        &[
            "no charge point A connected",
            "within 1 s",
            "knocked as B (path /somewhere/B)",
            "--charge-point-id B",
        ],
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_not_there_is_noticed_before_the_scenarios() {
    let (addr, operator) = (closed_address(), format!("http://{}", closed_address()));
    let arguments = [
        "--sut",
        "charge-point",
        "--listen",
        &addr,
        "--charge-point-id",
        "A",
        "--operator",
        &operator,
    ];
    let (judged, knocked) = tokio::join!(
        judged(&arguments, CancellationToken::new()),
        knock(&addr, "/A")
    );
    assert_eq!(knocked, Ok(()));
    refused(judged.0, &[&operator, "--operator"]);
    assert!(judged.2 < Duration::from_secs(15), "{:?}", judged.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_without_a_meaning_are_refused_and_the_list_is_of_one_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let capabilities = folder.path().join("c.yaml");
    std::fs::write(&capabilities, "charge_point: { fixed_cable: true }\n").expect("written");
    let arguments = ["--capabilities", capabilities.to_str().expect("ASCII")];
    let (verdict, _, _) = judged(&arguments, CancellationToken::new()).await;
    refused(verdict, &["--capabilities", "--sut"]);

    // Nobody connects: the schemas are looked at first.
    let empty = folder.path().to_str().expect("ASCII");
    let charger = ["--sut", "charge-point", "--listen", "127.0.0.1:0"];
    let arguments = [
        &charger[..],
        &["--charge-point-id", "CP-1", "--schemas", empty],
    ]
    .concat();
    let run = judged(&arguments, CancellationToken::new());
    let (verdict, _, _) = tokio::time::timeout(Duration::from_secs(10), run)
        .await
        .expect("it waits for no charger");
    refused(verdict, &["schema"]);

    for (sut, other) in [("csms", "charge-point"), ("charge-point", "csms")] {
        let (verdict, list, _) = judged(
            &["--list", "--sut", sut, "--tags", "@boot"],
            CancellationToken::new(),
        )
        .await;
        assert_eq!(verdict.expect("a list"), Verdict::Passed);
        let scenarios = list["scenarios"].as_array().expect("scenarios");
        let has = |tag: &str| {
            let tagged = |scenario: &&Value| {
                scenario["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.iter().any(|is| is == tag))
            };
            scenarios.iter().filter(tagged).count()
        };
        assert!(
            has(sut) > 3 && has(other) == 0,
            "{sut}: {} and {}",
            has(sut),
            has(other)
        );
    }
}
