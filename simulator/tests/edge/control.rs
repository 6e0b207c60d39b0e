//! The operator's API over HTTP.

use std::net::SocketAddr;

use dynamo_simulator::{Verdict, run};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::csms::{Csms, Frame, Script};
use crate::fleet::args;

/// One request on a connection of its own.
async fn http(address: SocketAddr, request: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

async fn post(address: SocketAddr, action: &str, body: Value) -> (u16, Value) {
    http(address, &format!("POST /{action}"), &body.to_string()).await
}

#[tokio::test]
async fn an_operator_drives_a_session_and_mistakes_are_told_apart() {
    let csms = Csms::start(Script::default()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let control = free.to_string();
    let shutdown = CancellationToken::new();
    let flags = [
        "--scenario",
        "fixed-cable",
        "--control",
        &control,
        "--speed",
        "20",
    ];
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("both connectors and the whole are reported", |frames| {
        frames
            .iter()
            .filter(|f| f.is_call("StatusNotification"))
            .count()
            >= 3
    })
    .await;

    let id = "SIM-000001";
    let (status, list) = http(free, "GET /charge_points", "").await;
    assert_eq!(status, 200);
    assert_eq!(list[0]["charge_point_id"], id);
    assert_eq!(list[0]["connected"], true);
    assert_eq!(list[0]["connectors"][1]["status"], "Available");

    let on_first = json!({"charge_point_id": id, "connector_id": 1});
    let card = json!({"charge_point_id": id, "connector_id": 1, "id_tag": "TAG-1"});
    assert_eq!(post(free, "plug_in", on_first.clone()).await.0, 204);
    assert_eq!(post(free, "present_id_tag", card).await.0, 204);
    csms.until("a transaction was started", |frames| {
        frames.iter().any(|f| f.is_call("StartTransaction"))
    })
    .await;

    let station_side = json!({"charge_point_id": id, "connector_id": 1, "side": "station"});
    for (action, body, status, code) in [
        ("unplug", station_side, 501, "cannot"),
        ("tamper", on_first.clone(), 501, "cannot"),
        (
            "unplug",
            json!({"charge_point_id": id, "connector_id": 2}),
            409,
            "refused",
        ),
        (
            "present_id_tag",
            json!({"charge_point_id": id, "id_tag": "123456789012345678901"}),
            400,
            "malformed",
        ),
        ("dance", on_first.clone(), 404, "unknown_action"),
        (
            "plug_in",
            json!({"charge_point_id": "CP-X", "connector_id": 1}),
            404,
            "unknown_charge_point",
        ),
        (
            "plug_in",
            json!({"charge_point_id": id, "connector_id": 3}),
            404,
            "unknown_connector",
        ),
        ("plug_in", json!({"charge_point_id": id}), 400, "malformed"),
        (
            "plug_in",
            json!({"charge_point_id": id, "connector_id": "1"}),
            400,
            "malformed",
        ),
        (
            "plug_in",
            json!({"charge_point_id": id, "connector_id": 0}),
            400,
            "malformed",
        ),
        ("plug_in", json!({"connector_id": 1}), 400, "malformed"),
        (
            "disconnect",
            json!({"charge_point_id": id, "seconds": -1}),
            400,
            "malformed",
        ),
        (
            "raise_fault",
            json!({"charge_point_id": id, "error_code": "Bad"}),
            400,
            "malformed",
        ),
    ] {
        let (got, answer) = post(free, action, body.clone()).await;
        assert_eq!(
            (got, answer["code"].as_str()),
            (status, Some(code)),
            "{action} {body}"
        );
        assert!(answer["error"].is_string());
    }
    for (request, body, status) in [
        ("POST /plug_in", "{", 400),
        ("POST /plug_in", "[]", 400),
        ("POST /plug_in", "", 400),
        ("POST /%ff", "{}", 404),
        ("GET /nowhere/at/all", "", 404),
        ("GET /plug_in", "", 405),
        ("POST /charge_points", "", 405),
        ("DELETE /", "", 405),
        ("POST /plug_in", &" ".repeat(20_000), 413),
    ] {
        let (got, answer) = http(free, request, body).await;
        assert_eq!(got, status, "{request}: {answer}");
        assert!(
            answer["error"].is_string() && answer["code"].is_string(),
            "{request} answers {answer}"
        );
    }
    for (action, body, named) in [
        (
            "disconnect",
            json!({"seconds": 86_401}),
            ["seconds", "86400"],
        ),
        (
            "power_cycle",
            json!({"seconds": 1e300}),
            ["seconds", "86400"],
        ),
        (
            "power_cycle",
            json!({"seconds": "5"}),
            ["seconds", "a number"],
        ),
        ("power_cycle", json!({"sekonds": 5}), ["sekonds", "seconds"]),
        (
            "power_cycle",
            json!({"backup": 1}),
            ["backup", "true or false"],
        ),
        (
            "plug_in",
            json!({"connector_id": 1, "side": "ev"}),
            ["side", "connector_id"],
        ),
        (
            "plug_in",
            json!({"connector_id": 1.5}),
            ["connector_id", "whole number"],
        ),
        (
            "unplug",
            json!({"connector_id": 1, "side": "left"}),
            ["side", "station"],
        ),
        ("raise_fault", json!({}), ["error_code", "missing"]),
        (
            "raise_fault",
            json!({"error_code": "NoError"}),
            ["error_code", "GroundFailure"],
        ),
        ("tamper", json!({"force": 3}), ["force", "charge_point_id"]),
    ] {
        let mut body = body;
        body["charge_point_id"] = id.into();
        let (got, answer) = post(free, action, body.clone()).await;
        let sentence = answer["error"].as_str().unwrap_or_default();
        assert_eq!(got, 400, "{action} {body}: {answer}");
        assert!(
            named.iter().all(|part| sentence.contains(part)),
            "{action} {body}: {sentence}"
        );
    }
    let (status, guide) = http(free, "GET /", "").await;
    assert_eq!(status, 200);
    let actions = guide["actions"].as_object().unwrap();
    assert_eq!(actions.len(), 13);
    assert_eq!(actions["disconnect"]["fields"][0]["name"], "seconds");
    assert_eq!(actions["disconnect"]["fields"][0]["required"], true);
    assert!(guide["answers"]["409"].is_string());

    // A warning changes no state, and is gone with clear_fault.
    let warning = json!({"charge_point_id": id, "connector_id": 2, "error_code": "WeakSignal"});
    assert_eq!(post(free, "raise_warning", warning).await.0, 204);
    csms.until("the warning is told", |frames| {
        let warns = |f: &Frame| f.json[3]["errorCode"] == "WeakSignal";
        let is_available = |f: &Frame| f.json[3]["status"] == "Available";
        frames.iter().any(|f| warns(f) && is_available(f))
    })
    .await;
    let car = json!({"charge_point_id": id, "error_code": "EVCommunicationError"});
    assert_eq!(post(free, "raise_warning", car).await.0, 409);

    // The end of the run ends the session that is still running.
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(Verdict::Held));
    assert_eq!(csms.count("StopTransaction"), 1);
    let refused = TcpStream::connect(free).await;
    assert!(refused.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_silent_loss_is_no_end_of_the_socket_for_the_other_side() {
    let csms = Csms::start(Script::default()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let control = free.to_string();
    let shutdown = CancellationToken::new();
    let flags = ["--scenario", "fixed-cable", "--control", &control];
    let running = tokio::spawn(run(args(&csms.url(), &flags), shutdown.clone()));
    csms.until("it has booted", |frames| {
        frames
            .iter()
            .filter(|f| f.is_call("StatusNotification"))
            .count()
            >= 3
    })
    .await;
    let loss =
        |silent: bool| json!({"charge_point_id": "SIM-000001", "seconds": 600, "silent": silent});
    assert_eq!(post(free, "disconnect", loss(true)).await.0, 204);
    let (_, list) = http(free, "GET /charge_points", "").await;
    assert_eq!(list[0]["connected"], false, "the charge point knows");
    // What is sent into the dead line is taken by nobody and refused by nobody.
    csms.call("q1", "GetConfiguration", json!({}));
    let noticed = tokio::time::timeout(std::time::Duration::from_secs(1), csms.socket_ended(0));
    assert!(noticed.await.is_err(), "the CSMS noticed the loss");
    assert!(
        csms.frames()
            .iter()
            .all(|f| !(f.received && f.json[1] == "q1"))
    );
    // Once the charge point is back, the old socket is let go.
    let again = json!({"charge_point_id": "SIM-000001", "seconds": 0});
    assert_eq!(post(free, "disconnect", again).await.0, 204);
    csms.socket_ended(0).await;
    shutdown.cancel();
    assert!(running.await.unwrap().is_ok());
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flags = ["--control", address.as_str()];
    let error = run(args("ws://127.0.0.1:9", &flags), CancellationToken::new())
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
}
