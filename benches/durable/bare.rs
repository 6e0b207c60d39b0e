//! A server that answers every call and keeps nothing.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// In the environment of the process that is to be this server.
pub(crate) const WANTED: &str = "DYNAMO_BENCH_BARE";

pub(crate) fn is_wanted() -> bool {
    std::env::var_os(WANTED).is_some()
}

/// Says where it is as `dynamo csms` does, and serves until it is killed.
pub(crate) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ready ocpp=ws://{}", listener.local_addr().unwrap());
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer_all(stream));
    }
}

async fn answer_all(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is that of the crate"
    )]
    let with_protocol = |_: &Request, mut response: Response| {
        let protocol = HeaderValue::from_static("ocpp1.6");
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, with_protocol).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        let answer =
            json!([3, frame[1], {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}]);
        let sent = socket.send(Message::text(answer.to_string())).await;
        if sent.is_err() {
            return;
        }
    }
}
