use dynamo_csms::hash_password;
use dynamo_csms::store::ChargePointSetting;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Log, PATIENCE, Rig, handshake, rig, rig_with};

const OFFER: (&str, &str) = ("sec-websocket-protocol", "ocpp1.6");

async fn refused(url: &str, headers: &[(&'static str, &str)]) -> (u16, String, bool) {
    match handshake(url, headers).await {
        Err(Error::Http(response)) => {
            let challenge = response.headers().contains_key("www-authenticate");
            let body = response.body().clone().unwrap_or_default();
            let text = String::from_utf8(body).unwrap();
            (response.status().as_u16(), text, challenge)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in: {url}"),
    }
}

fn url(rig: &Rig, path: &str) -> String {
    format!("ws://{}{path}", rig.csms.ocpp_addr())
}

#[tokio::test]
async fn an_unknown_identity_gets_404_with_a_sentence() {
    let rig = rig_with(|options| options.accept_unknown.charge_points = false).await;
    for path in ["/ocpp16/NOBODY", "/NOBODY", "/ocpp16/a%20b", "/a/b/c", "/"] {
        let (status, text, _) = refused(&url(&rig, path), &[OFFER]).await;
        assert_eq!(status, 404, "{path}");
        assert!(!text.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_documented_path_leads_in_and_identities_are_percent_decoded() {
    let rig = rig().await;
    for path in [
        "/CP-1",
        "/ocpp/CP-2",
        "/ocpp16/CP-3",
        "/ocpp201/CP-4",
        "/ocpp16/DE%2AABC",
        "/ocpp16/RDAM%20123",
        "//ocpp16//CP-5",
        "/ocpp16/CP-6/",
        "//CP-7//",
    ] {
        let (mut cp, response) = handshake(&url(&rig, path), &[OFFER]).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "ocpp1.6");
        assert_eq!(cp.boot().await["status"], "Accepted", "{path}");
    }
    for id in ["DE*ABC", "RDAM 123", "CP-5", "CP-6", "CP-7"] {
        let known = rig.csms.store().charge_point(id).await.unwrap();
        assert!(known.is_some(), "{id}");
    }
}

#[tokio::test]
async fn a_password_is_asked_for_where_one_is_set() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        password_hash: Some(hash_password("a:b")),
        ..ChargePointSetting::default()
    })
    .await;
    let basic = |text: &str| {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        format!("Basic {encoded}")
    };
    let url = url(&rig, "/ocpp16/CP-1");
    assert_eq!(refused(&url, &[OFFER]).await.0, 401);
    for wrong in ["CP-1:a", "CP-2:a:b", "cp-1:a:b", ":a:b", "CP-1"] {
        let header = basic(wrong);
        let (status, _, challenge) = refused(&url, &[OFFER, ("authorization", &header)]).await;
        assert_eq!((status, challenge), (401, true), "{wrong}");
    }
    for _ in 0..2 {
        let header = basic("CP-1:a:b");
        handshake(&url, &[OFFER, ("authorization", &header)])
            .await
            .unwrap();
    }
}

/// Shakes hands with these header lines and reads until `enough`, or until the server closes.
async fn raw(rig: &Rig, offer: &str, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    raw_at(rig, "/ocpp16/CP-1", offer, enough).await
}

async fn raw_at(rig: &Rig, path: &str, offer: &str, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(rig.csms.ocpp_addr()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read =
        async { while !enough(&answer) && stream.read_buf(&mut answer).await.unwrap() > 0 {} };
    timeout(PATIENCE, read).await.expect("an answer");
    answer
}

fn head_end(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some(end + 4)
}

#[tokio::test]
async fn the_subprotocol_is_found_in_lists() {
    let rig = rig().await;
    for offer in [
        "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n",
        "Sec-WebSocket-Protocol: ocpp2.0.1\r\nSec-WebSocket-Protocol: ocpp1.6,x\r\n",
    ] {
        let answer = raw(&rig, offer, |answer| head_end(answer).is_some()).await;
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(
            text.contains("sec-websocket-protocol: ocpp1.6\r\n"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn without_a_fitting_subprotocol_none_is_confirmed_and_the_socket_closes() {
    let rig = rig().await;
    for offer in ["Sec-WebSocket-Protocol: ocpp2.0.1\r\n", ""] {
        let answer = raw(&rig, offer, |_| false).await;
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(text.starts_with("http/1.1 101"), "{text}");
        assert!(!text.contains("sec-websocket-protocol"), "{text}");
        // A close frame follows the head.
        assert_eq!(answer[head_end(&answer).unwrap()], 0x88);
    }
}

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade() {
    let rig = rig().await;
    let url = format!("http://{}/ocpp16/CP-1", rig.csms.ocpp_addr());
    let status = rig.client().get(url).send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");
}

#[tokio::test]
async fn who_is_registered_otherwise_now_has_to_connect_again() {
    let rig = rig().await;
    let store = rig.csms.store();
    store
        .create_organization("org_other", "Other")
        .await
        .unwrap();
    for (id, organization_id, password_hash) in [
        ("CP-1", Some("org_other".to_owned()), None),
        ("CP-2", None, Some(hash_password("new"))),
    ] {
        let mut cp = rig.connect(id).await;
        cp.start(1, "TAG", "2026-01-01T00:00:00Z", 0).await;
        rig.set_charge_point(ChargePointSetting {
            id: id.into(),
            organization_id,
            password_hash,
            ..ChargePointSetting::default()
        })
        .await;
        // The registration is read again when it is half a second old.
        let closed = loop {
            cp.send_call("Heartbeat", serde_json::json!({})).await;
            match cp.next_frame().await {
                Some(frame) if frame[0] == 3 => {}
                Some(frame) => {
                    assert_eq!(frame[2], "SecurityError");
                    break cp.closed().await;
                }
                None => break None,
            }
        };
        if let Some((code, reason)) = closed {
            assert_eq!(code, 1008);
            assert!(reason.contains("connect again"), "{reason}");
        }
    }
    // What it did for its former organization is not the new one's.
    let new = dynamo_csms::store::NewApiKey::generate(
        "org_other",
        vec![dynamo_csms::store::SCOPE_READ.to_owned()],
    );
    store.create_api_key(new.clone()).await.unwrap();
    let path = "/api/v1/ocpp16/active_transactions/CP-1";
    let answer = rig.request(reqwest::Method::GET, path, None, &new.key);
    assert_eq!(answer.await.1["total"], 0);
}

#[tokio::test]
async fn only_who_will_talk_is_recorded() {
    let rig = rig().await;
    let address = rig.csms.ocpp_addr();
    let plain = format!("http://{address}/ocpp16/CP-1");
    let status = rig.client().get(plain).send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");
    raw(&rig, "Sec-WebSocket-Protocol: ocpp2.0.1\r\n", |_| false).await;
    assert!(
        rig.csms
            .store()
            .charge_point("CP-1")
            .await
            .unwrap()
            .is_none()
    );
    rig.connect("CP-1").await;
    assert!(
        rig.csms
            .store()
            .charge_point("CP-1")
            .await
            .unwrap()
            .is_some()
    );
}

/// Who forgot the identity does not become a charge point named like a folder.
#[tokio::test]
async fn a_path_without_an_identity_is_nobody() {
    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let paths = [
        "/",
        "/ocpp",
        "/ocpp16",
        "/ocpp16/",
        "/ocpp201",
        "/OCPP16",
        "/ocpp16/ocpp16",
        "/ocpp1%36",
        "/ocpp16/.",
        "/ocpp16/..",
        "/ocpp16/%2e%2e",
        "/ocpp16/%2E",
        "/..",
        "/%2e%2e",
        "/ocpp16%2f",
        "/ocpp16/%2fCP-1",
        "/ocpp16/%FF",
        "/ocpp16/%00",
        "/ocpp16/CP%2F1",
        "/ocpp16/CP%",
    ];
    for path in paths {
        let offer = "Sec-WebSocket-Protocol: ocpp1.6\r\n";
        let answer = raw_at(&rig, path, offer, |answer| head_end(answer).is_some()).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 404"), "{path}: {text}");
    }
    let (_, body) = rig.get("/api/v1/ocpp16/charge_points/status").await;
    assert_eq!(body["total"], 0, "{body}");
    let lines = log.lines("a handshake was refused");
    assert_eq!(lines.len(), paths.len(), "{lines:?}");
    for (line, path) in lines.iter().zip(paths) {
        for word in ["WARN", path, "peer=", "reason=", "remedy="] {
            assert!(line.contains(word), "{path}: {line}");
        }
        assert!(!line.contains("Some("), "{line}");
    }
    // A flood is told in part.
    for _ in 0..30 {
        raw_at(&rig, "/", "", |answer| head_end(answer).is_some()).await;
    }
    assert_eq!(log.lines("a handshake was refused").len(), 20);
}
