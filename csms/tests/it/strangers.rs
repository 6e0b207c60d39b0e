//! Clients of either listener that do not keep to HTTP: what they hold is let go, what they say is refused.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{PATIENCE, rig, rig_with};

/// Ends when the peer has closed its socket, without reading what it has written.
async fn is_closed_by_peer(stream: &TcpStream) {
    loop {
        match stream.try_write(b"x") {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_does_not_read_is_given_up() {
    let rig = rig_with(|options| options.write_timeout = Duration::from_millis(300)).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(rig.csms.http_addr()).await.unwrap();
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4);
    stream.write_all(request.as_bytes()).await.unwrap();
    let given_up = timeout(PATIENCE, is_closed_by_peer(&stream)).await;
    given_up.expect("the server gives the connection up");
}

#[tokio::test]
async fn who_reads_slowly_gets_everything() {
    let rig = rig_with(|options| options.write_timeout = Duration::from_millis(500)).await;
    let mut stream = TcpStream::connect(rig.csms.http_addr()).await.unwrap();
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 100_000]);
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..read]);
        sleep(Duration::from_millis(50)).await;
    }
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    assert_eq!(length.unwrap().parse(), Ok(bytes.len() - head - 4));
}

/// The answer to a request that ends the connection.
async fn answer(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await;
    let read = read.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_request_names_one_host() {
    let rig = rig().await;
    for (hosts, version, status) in [
        ("", "1.1", "400"),
        ("Host: x\r\nHost: y\r\n", "1.1", "400"),
        ("Host: x\r\n", "1.1", "200"),
        ("", "1.0", "200"),
    ] {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}\r\n");
        let answer = answer(rig.csms.http_addr(), &request).await;
        let expected = format!("HTTP/{version} {status} ");
        assert!(answer.starts_with(&expected), "{hosts:?}: {answer}");
        assert_eq!(answer.contains("validation_error"), status == "400");
    }
}

#[tokio::test]
async fn a_malformed_handshake_is_refused_before_anybody_is_recorded() {
    let rig = rig().await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for (host, key, status) in [
        ("Host: x\r\n", "x", "400"),
        ("Host: x\r\n", "dGhl", "400"),
        ("", key, "400"),
        ("Host: x\r\n", key, "101"),
    ] {
        let known = rig.csms.store().charge_point("CP-1").await.unwrap();
        assert!(known.is_none());
        let request = format!(
            "GET /ocpp16/CP-1 HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        );
        let answer = answer(rig.csms.ocpp_addr(), &request).await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{host}{key}: {answer}");
    }
}
