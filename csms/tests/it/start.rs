//! What the options of a start mean for a database that has been used before.

use dynamo_csms::domain::tags::tag::TagStatus;
use dynamo_csms::store::TagSetting;
use dynamo_csms::{Options, PaymentSettings, start};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::databases::rigs;
use crate::support::{KEY, Log, PATIENCE, Rig, options, rig, rig_with};

const PATH: &str = "/api/v1/ocpp16/transactions";

#[tokio::test]
async fn a_given_key_counts_on_a_database_without_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "1234567"] {
        let mut options = options(&folder);
        options.api_key = Some(bad.to_owned());
        let refused = start(options).await.err().expect("refused");
        assert!(refused.to_string().contains("--api-key"), "{refused}");
    }
    let rig = {
        let options = options(&folder);
        Rig::start(folder, options).await.restart().await
    };
    assert_eq!(rig.csms.api_key(), KEY);
    let mut other = options(&rig.folder);
    other.api_key = Some("another-key".to_owned());
    rig.csms.shutdown().await;
    let rig = Rig::start(rig.folder, other).await;
    assert_eq!(rig.request(Method::GET, PATH, None, KEY).await.0, 200);
    for wrong in ["another-key", ""] {
        assert_eq!(rig.request(Method::GET, PATH, None, wrong).await.0, 401);
    }
}

#[tokio::test]
async fn a_restart_does_not_unblock_a_tag() {
    let rig = rig().await;
    rig.set_tag(TagSetting {
        status: TagStatus::Blocked,
        ..TagSetting::accepted("TAG")
    })
    .await;
    let rig = rig.restart().await;
    let mut cp = rig.connect("CP-1").await;
    let answer = cp.call("Authorize", json!({"idTag": "TAG"})).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Blocked");
}

fn demo(folder: &TempDir) -> Options {
    Options {
        demo: true,
        api_key: None,
        id_tags: Vec::new(),
        ..options(folder)
    }
}

#[tokio::test]
async fn the_demo_comes_into_no_database_with_data_of_its_own() {
    for rig in rigs().await {
        let used = Options {
            database: rig.database().to_owned(),
            ..options(&rig.folder)
        };
        let demo = Options {
            database: used.database.clone(),
            ..demo(&rig.folder)
        };
        rig.csms.shutdown().await;
        let refused = start(demo).await.err().expect("refused").to_string();
        assert!(
            refused.contains("--demo") && refused.contains("--database"),
            "{refused}"
        );
        let rig = Rig::start(rig.folder, used).await;
        let shut = rig.request(Method::GET, PATH, None, dynamo_csms::demo::API_KEY);
        assert_eq!(shut.await.0, 401);
    }
}

#[tokio::test]
async fn the_demo_has_a_name_and_who_serves_it_later_is_told() {
    let (log, _listening) = Log::listen();
    let folder = tempfile::tempdir().unwrap();
    // The second time on its own database.
    for _ in 0..2 {
        start(demo(&folder)).await.unwrap().shutdown().await;
        assert!(log.lines("made with --demo").is_empty());
    }
    let options = options(&folder);
    let rig = Rig::start(folder, options).await;
    assert_eq!(log.lines("made with --demo").len(), 1);
    let named = "select id from organization where name = 'Greenway Charging Ltd'";
    assert_eq!(rig.sql(named).await.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_is_for_this_user_only_and_another_state_is_told() {
    use std::os::unix::fs::PermissionsExt as _;

    let (log, _listening) = Log::listen();
    let rig = rig().await;
    let file = |name: &str| rig.folder.path().join(name);
    for name in ["csms.db", "csms.db-wal", "csms.db-shm"] {
        let mode = std::fs::metadata(file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(log.lines("other users of this machine").is_empty());
    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(file("csms.db"), open).unwrap();
    rig.restart().await;
    assert_eq!(log.lines("other users of this machine").len(), 1);
}

#[tokio::test]
async fn what_listens_everywhere_is_named_as_it_can_be_reached() {
    let (log, _listening) = Log::listen();
    let rig = rig_with(|options| options.ocpp = ([0, 0, 0, 0], 0).into()).await;
    let port = rig.csms.ocpp_addr().port();
    let token = rig.installer("ada@example.com").await;
    let body = json!({"vendor": "V", "model": "M", "serial_number": "S", "charge_point_id": "CP-1",
        "location": {"latitude": 1, "longitude": 1, "address": "A"}});
    let path = "/api/v1/installer/charge-points";
    let (status, made) = rig.request(Method::POST, path, Some(body), &token).await;
    assert_eq!(status, 201, "{made}");
    let endpoint = format!("ws://127.0.0.1:{port}/ocpp16/CP-1");
    assert_eq!(made["ocpp_endpoint"], endpoint);
    let warned = log.lines("--public-ocpp");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(log.lines("--public-http").is_empty());
}

/// What the server says to these bytes, until it closes the connection.
async fn said_to(rig: &Rig, request: &str) -> String {
    let mut stream = TcpStream::connect(rig.csms.http_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.expect("it closes").unwrap();
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn what_is_refused_by_its_head_is_not_read_and_ends_the_connection() {
    let rig = rig().await;
    let head = |key: &str, length: usize| {
        format!(
            "POST /api/v1/webhooks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             X-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n{{"
        )
    };
    for (key, length, status) in [("nobody", 100_000, 401), (KEY, 2 * 1024 * 1024, 413)] {
        let answer = said_to(&rig, &head(key, length)).await;
        let wanted = format!("http/1.1 {status} ");
        assert!(answer.starts_with(&wanted), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    // A small one does not cost the connection.
    let answer = rig.client().post(rig.url("/api/v1/webhooks"));
    let answer = answer.body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().get("connection").is_none());
}

#[tokio::test]
async fn settings_of_payments_are_read_before_a_database_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (key, url) in [
        ("sk", "http://stripe.example"),
        (" ", "https://stripe.example"),
    ] {
        let mut options = options(&folder);
        options.payment = PaymentSettings::Stripe {
            key: key.to_owned(),
            url: url.to_owned(),
        };
        let refused = start(options).await.err().expect("refused");
        assert!(refused.to_string().contains("[payment]"), "{refused}");
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 0);
    }
}
