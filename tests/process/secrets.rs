//! What the log says when it says everything: whose message, of what kind, and never a key of a charge point.

use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::support::{API_KEY, Csms, PATIENCE, Process, ask, dynamo};

/// What looks like no other text of the log.
const SECRET: &str = "5ecret-0f-the-p0int";

fn next_text(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[test]
fn no_level_of_the_log_shows_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let csms = Csms::ready(Process::start(
        dynamo(&["csms", "--api-key", API_KEY, "--accept-unknown"])
            .args(["--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"])
            .args(["--database", &database])
            .env("RUST_LOG", "trace"),
    ));
    let mut request = format!("{}/CP-1", csms.url())
        .into_client_request()
        .unwrap();
    let subprotocol = HeaderValue::from_static("ocpp1.6");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", subprotocol);
    let stream = TcpStream::connect(&csms.ocpp).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut socket, _) = client(request, stream).unwrap();
    let setting = json!({"key": "AuthorizationKey", "value": SECRET});
    let frames = [
        json!([2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]),
        json!([2, "2", "DataTransfer", {"vendorId": "V", "data": setting.to_string()}]),
        json!([2, "3", "DataTransfer", {"vendorId": "V", "messageId": "AuthorizationKey", "data": SECRET}]),
        // Not as the standard says, and refused.
        json!([2, "4", "DataTransfer", {"vendorId": "V", "data": setting}]),
        json!([2, "5", "DataTransfer", format!("AuthorizationKey={SECRET}")]),
        json!(["2", "6", "DataTransfer", {"vendorId": "V", "data": setting.to_string()}]),
        json!([2, "7", "DataTransfer", {"vendorId": "V", "data": SECRET}]),
    ];
    for (number, frame) in frames.iter().enumerate() {
        socket.send(Message::text(frame.to_string())).unwrap();
        let answer = next_text(&mut socket);
        assert_eq!(answer[1], json!((number + 1).to_string()), "{answer}");
    }
    // A key that the CSMS sends, and a charge point that says it back in half an answer.
    let (http, body) = (
        csms.http.clone(),
        json!({"charge_point_id": "CP-1", "command": "ChangeConfiguration", "payload": setting}),
    );
    let command = std::thread::spawn(move || {
        let path = "/api/v1/ocpp16/send_command";
        ask(&http, API_KEY, "POST", path, &body.to_string()).unwrap()
    });
    let call = next_text(&mut socket);
    assert_eq!(call[3], setting);
    let half = format!(r#"[3,{},{{"status":"Accepted","was":"{SECRET}""#, call[1]);
    socket.send(Message::text(half)).unwrap();
    let (status, answer) = command.join().unwrap();
    assert_eq!(
        (status, &answer["status"]),
        (422, &json!("InvalidResponse")),
        "{answer}"
    );
    csms.process.terminate();
    let ended = csms.process.end(PATIENCE);
    let log = &ended.stderr;
    let shown: Vec<_> = log.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    // It does say everything else.
    let received = |what: &str| {
        let what = format!("what=\"{what}\"");
        log.lines().filter(|line| line.contains(&what)).count()
    };
    assert_eq!(
        (received("DataTransfer"), received("no frame")),
        (5, 1),
        "{log}"
    );
}
