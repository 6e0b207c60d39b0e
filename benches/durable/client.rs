//! Charge points that wait for each answer.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// Where a server is, and how it is reached.
#[derive(Clone)]
pub(crate) struct Door {
    /// `HOST:PORT`
    pub address: String,
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection. Opaque: what is under it does not matter.
pub(crate) struct Socket(WebSocketStream<Box<dyn Stream>>);

/// Connects as a charge point of this identity.
pub(crate) async fn connect(door: &Door, id: &str) -> Socket {
    let stream = TcpStream::connect(&door.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (scheme, stream): (_, Box<dyn Stream>) = match &door.tls {
        None => ("ws", Box::new(stream)),
        Some(config) => {
            let (host, _) = door.address.rsplit_once(':').unwrap();
            let name = ServerName::try_from(host.to_owned()).unwrap();
            let connector = TlsConnector::from(config.clone());
            (
                "wss",
                Box::new(connector.connect(name, stream).await.unwrap()),
            )
        }
    };
    let url = format!("{scheme}://{}/ocpp16/{id}", door.address);
    let mut request = url.into_client_request().unwrap();
    let protocol = HeaderValue::from_static("ocpp1.6");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let (socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    Socket(socket)
}

/// BootNotification; how long its answer took, in milliseconds.
pub(crate) async fn boot(socket: &mut Socket) -> f64 {
    let boot = json!({"chargePointVendor": "Bench", "chargePointModel": "1"});
    call(socket, "BootNotification", boot).await.1
}

/// Connects, boots, and says how charge point and connector are; how long the answers took.
pub(crate) async fn start_up(door: &Door, id: &str) -> (Socket, f64, [f64; 2]) {
    let mut socket = connect(door, id).await;
    let boot_ms = boot(&mut socket).await;
    let mut statuses = [0.0; 2];
    for (connector, ms) in statuses.iter_mut().enumerate() {
        *ms = call(
            &mut socket,
            "StatusNotification",
            status(connector, "Available"),
        )
        .await
        .1;
    }
    (socket, boot_ms, statuses)
}

/// A session: a status, a start, a stop, a status.
pub(crate) async fn charge(socket: &mut Socket, session: usize, latencies: &mut Vec<f64>) {
    let start =
        json!({"connectorId": 1, "idTag": "BENCH", "meterStart": session, "timestamp": stamp()});
    latencies.push(
        call(socket, "StatusNotification", status(1, "Charging"))
            .await
            .1,
    );
    let (started, ms) = call(socket, "StartTransaction", start).await;
    latencies.push(ms);
    let id = started["transactionId"].as_i64().unwrap_or(1);
    let stop = json!({"transactionId": id, "meterStop": session + 10, "timestamp": stamp()});
    latencies.push(call(socket, "StopTransaction", stop).await.1);
    latencies.push(
        call(socket, "StatusNotification", status(1, "Available"))
            .await
            .1,
    );
}

fn status(connector: usize, word: &str) -> Value {
    json!({"connectorId": connector, "errorCode": "NoError", "status": word, "timestamp": stamp()})
}

fn stamp() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    dynamo_protocol::time::text(i64::try_from(now.as_millis()).unwrap())
}

/// The answer to a call, and how long it took in milliseconds.
async fn call(socket: &mut Socket, action: &str, payload: Value) -> (Value, f64) {
    let text = json!([2, "1", action, payload]).to_string();
    let begun = Instant::now();
    socket.0.send(Message::text(text)).await.unwrap();
    loop {
        if let Message::Text(text) = socket.0.next().await.unwrap().unwrap() {
            let ms = begun.elapsed().as_secs_f64() * 1_000.0;
            let mut frame: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(frame[0], 3, "{frame}");
            return (frame[2].take(), ms);
        }
    }
}
