//! Passwords of charge points: how they are kept, how often they may be wrong, and keys that are changed over OCPP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use dynamo_csms::store::ChargePointSetting;
use dynamo_csms::{Options, PendingState, SecurityProfile, hash_password, start};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::databases::{postgres, rigs};
use crate::support::{ChargePoint, KEY, Log, PATIENCE, Rig, options, rig, rig_with};
use crate::transport::refused;

const OLD: &str = "the-password-before";
const DIGITS: &str = "000a3aff0405060708090a0b0c0d0e0f10111213";

/// What [`DIGITS`] mean: control characters, a colon and no UTF-8.
fn bytes() -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&DIGITS[at..at + 2], 16).unwrap();
    (0..DIGITS.len()).step_by(2).map(digit).collect()
}

fn basic(id: &str, password: &[u8]) -> String {
    let pair = [id.as_bytes(), b":", password].concat();
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {pair}")
}

/// A handshake from this address of the machine.
async fn knock_from(
    rig: &Rig,
    from: [u8; 4],
    id: &str,
    password: Option<&[u8]>,
) -> Result<ChargePoint, Error> {
    let address = rig.csms.ocpp_addr();
    let mut request = format!("ws://{address}/ocpp16/{id}").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "ocpp1.6".parse().unwrap());
    if let Some(password) = password {
        headers.insert("authorization", basic(id, password).parse().unwrap());
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(ChargePoint::on(socket))
}

async fn knock(rig: &Rig, id: &str, password: &[u8]) -> Result<ChargePoint, Error> {
    knock_from(rig, [127, 0, 0, 1], id, Some(password)).await
}

async fn register(rig: &Rig, id: &str, password: &str) {
    rig.set_charge_point(ChargePointSetting {
        id: id.into(),
        password_hash: Some(hash_password(password)),
        ..ChargePointSetting::default()
    })
    .await;
}

async fn kept(rig: &Rig, id: &str) -> String {
    let known = rig.csms.store().charge_point(id).await.unwrap().unwrap();
    known.password_hash.unwrap()
}

#[tokio::test]
async fn a_long_password_that_was_kept_with_argon2_is_replaced_at_the_next_handshake() {
    for rig in rigs().await {
        register(&rig, "LONG", "sixteen-bytes---").await;
        register(&rig, "SHORT", "15-bytes-------").await;
        for _ in 0..2 {
            knock(&rig, "LONG", b"sixteen-bytes---").await.unwrap();
            knock(&rig, "SHORT", b"15-bytes-------").await.unwrap();
        }
        assert!(kept(&rig, "LONG").await.starts_with("$hmac-sha256$"));
        assert!(kept(&rig, "SHORT").await.starts_with("$argon2id$"));
        refused(knock(&rig, "LONG", b"sixteen-bytes--").await, 401, "Basic");
        refused(knock(&rig, "SHORT", b"15-bytes").await, 401, "Basic");
        // Who was let in before its digest was renewed is who it was.
        let mut cp = knock(&rig, "LONG", b"sixteen-bytes---").await.unwrap();
        register(&rig, "LONG", "sixteen-bytes---").await;
        let mut renewed = knock(&rig, "LONG", b"sixteen-bytes---").await.unwrap();
        assert_eq!(renewed.boot().await["status"], "Accepted");
        assert!(cp.next_frame().await.is_none());
    }
}

#[tokio::test]
async fn wrong_passwords_are_bounded_for_each_address_and_identity() {
    let rig = rig().await;
    register(&rig, "CP-1", OLD).await;
    register(&rig, "CP-2", "8-bytes-").await;
    for number in 0..10 {
        let guess = format!("a-guess-{number}");
        refused(knock(&rig, "CP-1", guess.as_bytes()).await, 401, "Basic");
    }
    for password in ["a-guess", OLD] {
        match knock(&rig, "CP-1", password.as_bytes()).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 429);
                let seconds = response.headers()["retry-after"].to_str().unwrap();
                assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()));
            }
            other => panic!("{:?}", other.err()),
        }
    }
    // Neither another charge point behind the address nor the same from elsewhere is concerned.
    knock(&rig, "CP-2", b"8-bytes-").await.unwrap();
    let elsewhere = knock_from(&rig, [127, 0, 0, 2], "CP-1", Some(OLD.as_bytes()));
    elsewhere.await.unwrap();
}

/// Options with the key where it lies when nobody says otherwise.
fn usual(folder: &tempfile::TempDir) -> Options {
    Options {
        password_key: None,
        ..options(folder)
    }
}

async fn error_of(options: Options) -> String {
    match start(options).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("started"),
    }
}

#[tokio::test]
async fn the_key_lies_beside_the_database_and_is_missed_where_it_was_used() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (
        folder.path().join("csms.db.password.key"),
        folder.path().join("aside"),
    );
    let rig = Rig::start(folder, usual_in(path.parent().unwrap())).await;
    let first = std::fs::read_to_string(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // As long as nothing was kept with it, nobody misses it.
    rig.csms.shutdown().await;
    std::fs::remove_file(&path).unwrap();
    let rig = Rig::start(rig.folder, usual_in(path.parent().unwrap())).await;
    let second = std::fs::read_to_string(&path).unwrap();
    assert_ne!(first, second);
    register(&rig, "CP-1", OLD).await;
    knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
    rig.csms.shutdown().await;
    std::fs::rename(&path, &aside).unwrap();
    let error = error_of(usual(&rig.folder)).await;
    assert!(error.contains("is missing: there is no"), "{error}");
    assert!(error.contains("--password-key"), "{error}");
    assert!(!path.exists());
    std::fs::write(&path, &first).unwrap();
    let error = error_of(usual(&rig.folder)).await;
    assert!(error.contains("with another key than that of"), "{error}");
    std::fs::write(&path, "secret").unwrap();
    let error = error_of(usual(&rig.folder)).await;
    assert!(error.contains("64 hexadecimal digits"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let given = Options {
        password_key: Some(aside),
        ..usual(&rig.folder)
    };
    let rig = Rig::start(rig.folder, given).await;
    knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
}

fn usual_in(folder: &Path) -> Options {
    Options {
        http: ([127, 0, 0, 1], 0).into(),
        ocpp: ([127, 0, 0, 1], 0).into(),
        database: format!("sqlite://{}/csms.db", folder.display()),
        api_key: Some(KEY.to_owned()),
        ..Options::default()
    }
}

#[tokio::test]
async fn servers_of_one_database_share_the_key() {
    let Some(address) = postgres().await else {
        return;
    };
    let first = rig_with(|options| options.database = address.clone()).await;
    register(&first, "CP-1", OLD).await;
    knock(&first, "CP-1", OLD.as_bytes()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let second = |key: PathBuf| Options {
        database: address.clone(),
        password_key: Some(key),
        ..options(&folder)
    };
    let error = error_of(second(folder.path().join("passwords.key"))).await;
    assert!(error.contains("is missing"), "{error}");
    let shared = first.folder.path().join("passwords.key");
    let second = Rig::start(tempfile::tempdir().unwrap(), second(shared)).await;
    knock(&second, "CP-1", OLD.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_command_beside_the_server_keeps_passwords_as_the_server_does() {
    for rig in rigs().await {
        for (password, kind) in [
            ("sixteen-bytes---", "$hmac-sha256$"),
            ("8-bytes-", "$argon2id$"),
        ] {
            let set = ["charge-point", "set", "CP-1", "--password", password];
            crate::admin::run(&rig, &set).await.unwrap();
            assert!(kept(&rig, "CP-1").await.starts_with(kind));
            knock(&rig, "CP-1", password.as_bytes()).await.unwrap();
        }
        // Its own database is what a key is for.
        std::fs::write(rig.folder.path().join("passwords.key"), "0".repeat(64)).unwrap();
        let set = ["charge-point", "set", "CP-1", "--password", OLD];
        crate::admin::run(&rig, &set).await.unwrap();
        assert!(kept(&rig, "CP-1").await.starts_with("$argon2id$"));
        knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
        assert!(kept(&rig, "CP-1").await.starts_with("$hmac-sha256$"));
    }
}

#[tokio::test]
async fn the_operator_gives_a_charge_point_its_password_over_rest() {
    for rig in rigs().await {
        let send = async |method, path: &str, body: Value| {
            rig.request(method, path, Some(body), KEY).await
        };
        let place = json!({"name": "Bay", "latitude": 51.5, "longitude": 0.1});
        let with = |id: &str, password: Value| {
            let mut body = place.clone();
            body["charge_point_id"] = json!(id);
            body["ocpp_password"] = password;
            body
        };
        let points = "/api/v1/chargepoints";
        let (status, body) = send(Method::POST, points, with("CP-1", json!(null))).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let made = body["ocpp_password"].as_str().unwrap().to_owned();
        refused(knock(&rig, "CP-1", b"whatever-it-may-be").await, 401, "");
        let mut cp = knock(&rig, "CP-1", made.as_bytes()).await.unwrap();
        let (status, body) = send(Method::POST, points, with("CP-2", json!("8-bytes-"))).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(body.get("ocpp_password"), None);
        knock(&rig, "CP-2", b"8-bytes-").await.unwrap();
        // Left out, it stays.
        let path = format!("{points}/CP-1");
        let (status, body) = send(Method::PATCH, &path, json!({"name": "Bay 2"})).await;
        assert_eq!((status, body.get("ocpp_password")), (StatusCode::OK, None));
        cp.boot().await;
        let (_, body) = send(Method::PATCH, &path, json!({"ocpp_password": null})).await;
        let next = body["ocpp_password"].as_str().unwrap().to_owned();
        assert_ne!(next, made);
        refused(knock(&rig, "CP-1", made.as_bytes()).await, 401, "");
        // Who came with the one before has to come again.
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            cp.send_call("Heartbeat", json!({})).await;
            if cp.next_frame().await.is_none_or(|frame| frame[0] == 4) {
                break;
            }
        }
        assert!(Instant::now() < until);
        knock(&rig, "CP-1", next.as_bytes()).await.unwrap();
        let given = json!({"ocpp_password": "tab\tand more"});
        send(Method::PATCH, &path, given).await;
        knock(&rig, "CP-1", b"tab\tand more").await.unwrap();
        let (status, body) = send(Method::PATCH, &path, json!({"ocpp_password": "short"})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["details"][0]["field"], "ocpp_password");
    }
}

#[tokio::test]
async fn below_the_minimum_nobody_is_let_in() {
    let rig = rig_with(|options| {
        options.minimum_security_profile = SecurityProfile::Basic;
    })
    .await;
    let without = async |id: &str| knock_from(&rig, [127, 0, 0, 1], id, None).await;
    let sentence =
        "nobody in below security profile 1: the charge point \"NEW\" must have a password";
    refused(without("NEW").await, 403, sentence);
    let known = rig.csms.store().charge_point("NEW").await.unwrap();
    assert!(known.is_none());
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        ..ChargePointSetting::default()
    })
    .await;
    refused(without("CP-1").await, 403, "must have a password");
    register(&rig, "CP-1", OLD).await;
    refused(without("CP-1").await, 401, "Basic");
    knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
    let tls = rig_with(|options| {
        options.minimum_security_profile = SecurityProfile::TlsBasic;
    })
    .await;
    register(&tls, "CP-1", OLD).await;
    let knocked = knock(&tls, "CP-1", OLD.as_bytes()).await;
    refused(
        knocked,
        403,
        "below security profile 2: the charge point \"CP-1\" must connect with TLS",
    );
}

#[tokio::test]
async fn an_address_of_the_network_without_a_minimum_is_warned_about_once() {
    let warned = async |ocpp: [u8; 4], minimum| {
        let (log, _listening) = Log::listen();
        let _rig = rig_with(|options| {
            options.ocpp = (ocpp, 0).into();
            options.minimum_security_profile = minimum;
        })
        .await;
        log.lines("--minimum-security-profile").len()
    };
    assert_eq!(warned([0, 0, 0, 0], SecurityProfile::None).await, 1);
    assert_eq!(warned([127, 0, 0, 1], SecurityProfile::None).await, 0);
    assert_eq!(warned([0, 0, 0, 0], SecurityProfile::Basic).await, 0);
}

/// What a charge point does with a new key.
#[derive(Clone, Copy)]
enum Reply {
    Status(&'static str),
    Error,
    Silence,
    Goodbye,
}

/// Sends a new key to a charge point and lets it reply.
async fn change_key(rig: &Rig, mut cp: ChargePoint, key: &str, reply: Reply) -> ChargePoint {
    let payload = json!({"key": "AuthorizationKey", "value": key});
    let command = rig.command("CP-1", "ChangeConfiguration", payload.clone());
    let replies = async {
        let (id, action, sent) = cp.next_call().await;
        assert_eq!((action.as_str(), sent), ("ChangeConfiguration", payload));
        match reply {
            Reply::Status(status) => cp.answer(&id, json!({"status": status})).await,
            Reply::Error => {
                let text = json!([4, id, "InternalError", format!("{key} is odd"), {"key": key}]);
                cp.send(&text.to_string()).await;
            }
            Reply::Silence => {}
            Reply::Goodbye => cp.socket.close(None).await.unwrap(),
        }
    };
    let ((status, body), ()) = tokio::join!(command, replies);
    assert!(!body.to_string().contains(key), "{body}");
    let wanted = match reply {
        Reply::Status(_) | Reply::Error => StatusCode::OK,
        Reply::Silence => StatusCode::REQUEST_TIMEOUT,
        Reply::Goodbye => StatusCode::UNPROCESSABLE_ENTITY,
    };
    assert_eq!(status, wanted, "{body}");
    cp
}

/// CSMSs whose charge point CP-1 has the old password and is connected.
async fn with_old_password() -> Vec<(Rig, ChargePoint)> {
    let short = |options: &mut Options| options.command_timeout = Duration::from_millis(300);
    let mut rigs = vec![rig_with(short).await];
    if let Some(address) = postgres().await {
        rigs.push(
            rig_with(|options| {
                short(options);
                options.database = address;
            })
            .await,
        );
    }
    let mut connected = Vec::new();
    for rig in rigs {
        register(&rig, "CP-1", OLD).await;
        let mut cp = knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
        cp.boot().await;
        connected.push((rig, cp));
    }
    connected
}

#[tokio::test]
async fn an_accepted_key_is_the_password_in_either_form_and_the_old_one_no_longer() {
    let (log, _listening) = Log::listen();
    for (rig, cp) in with_old_password().await {
        let mut cp = change_key(&rig, cp, DIGITS, Reply::Status("Accepted")).await;
        // The connection over which it was changed goes on, also after the registration was read again.
        let until = Instant::now() + Duration::from_millis(700);
        while Instant::now() < until {
            cp.call("Heartbeat", json!({})).await.unwrap();
        }
        refused(knock(&rig, "CP-1", OLD.as_bytes()).await, 401, "Basic");
        for form in [
            DIGITS.as_bytes(),
            DIGITS.to_uppercase().as_bytes(),
            &bytes(),
        ] {
            cp = knock(&rig, "CP-1", form).await.unwrap();
            cp.boot().await;
        }
        // A text of control characters, and back.
        let text = "\u{1}sixteen bytes\u{7f}\t";
        let cp = change_key(&rig, cp, text, Reply::Status("Accepted")).await;
        refused(knock(&rig, "CP-1", &bytes()).await, 401, "Basic");
        knock(&rig, "CP-1", text.as_bytes()).await.unwrap();
        drop(cp);
        for secret in [DIGITS, "sixteen bytes"] {
            assert_eq!(log.lines(secret), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn after_reboot_required_both_are_taken_until_the_charge_point_comes_with_the_new_one() {
    for (rig, cp) in with_old_password().await {
        let _cp = change_key(&rig, cp, DIGITS, Reply::Status("RebootRequired")).await;
        for _ in 0..2 {
            knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
        }
        knock(&rig, "CP-1", &bytes()).await.unwrap();
        refused(knock(&rig, "CP-1", OLD.as_bytes()).await, 401, "Basic");
        knock(&rig, "CP-1", DIGITS.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_no_charge_point_can_keep_is_not_sent() {
    for (rig, cp) in with_old_password().await {
        let long = "x".repeat(41);
        for key in ["", "fifteen-bytes-0", &long] {
            let payload = json!({"key": "authorizationKey", "value": key});
            let (status, body) = rig.command("CP-1", "ChangeConfiguration", payload).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert_eq!(body["details"][0]["field"], "value", "{body}");
        }
        // The next call is that of a good one.
        change_key(&rig, cp, DIGITS, Reply::Status("Accepted")).await;
    }
}

#[tokio::test]
async fn a_key_that_was_rejected_is_none() {
    for status in ["Rejected", "NotSupported"] {
        for (rig, cp) in with_old_password().await {
            let _cp = change_key(&rig, cp, DIGITS, Reply::Status(status)).await;
            refused(knock(&rig, "CP-1", &bytes()).await, 401, "Basic");
            knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn when_nobody_knows_both_are_taken_until_the_charge_point_comes_with_the_new_one() {
    for reply in [Reply::Silence, Reply::Goodbye, Reply::Error] {
        for (rig, cp) in with_old_password().await {
            let _cp = change_key(&rig, cp, DIGITS, reply).await;
            // It took the key for its next reboot, and comes with the old one until then.
            for _ in 0..2 {
                knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
            }
            let cp = knock(&rig, "CP-1", &bytes()).await.unwrap();
            refused(knock(&rig, "CP-1", OLD.as_bytes()).await, 401, "Basic");
            // Another change settles it.
            let cp = change_key(&rig, cp, "another-key-0123", reply).await;
            drop(cp);
            let cp = knock(&rig, "CP-1", &bytes()).await.unwrap();
            let _cp = change_key(&rig, cp, OLD, Reply::Status("Accepted")).await;
            for wrong in [&bytes()[..], b"another-key-0123"] {
                refused(knock(&rig, "CP-1", wrong).await, 401, "Basic");
            }
            knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_key_is_kept_before_it_is_sent_and_a_password_that_is_set_here_ends_the_doubt() {
    for (rig, mut cp) in with_old_password().await {
        let payload = json!({"key": "authorizationkey", "value": DIGITS});
        let command = rig.command("CP-1", "ChangeConfiguration", payload);
        let looks = async {
            let (id, ..) = cp.next_call().await;
            let known = rig
                .csms
                .store()
                .charge_point("CP-1")
                .await
                .unwrap()
                .unwrap();
            assert_eq!(known.pending_passwords.len(), 1);
            assert_eq!(known.pending_passwords[0].state, PendingState::Sent);
            // A second change at the same time waits for another day.
            let payload = json!({"key": "AuthorizationKey", "value": "another-key-meanwhile"});
            let (status, body) = rig.command("CP-1", "ChangeConfiguration", payload).await;
            assert_eq!(
                (status, &body["code"]),
                (StatusCode::TOO_MANY_REQUESTS, &json!("rate_limited"))
            );
            register(&rig, "CP-1", "set-by-the-operator").await;
            cp.answer(&id, json!({"status": "Accepted"})).await;
        };
        tokio::join!(command, looks);
        for wrong in [DIGITS, OLD] {
            refused(knock(&rig, "CP-1", wrong.as_bytes()).await, 401, "Basic");
        }
        knock(&rig, "CP-1", b"set-by-the-operator").await.unwrap();
    }
}

#[tokio::test]
async fn a_charge_point_without_a_password_may_come_without_until_it_comes_with_its_key() {
    for rig in rigs().await {
        let without = async || knock_from(&rig, [127, 0, 0, 1], "CP-1", None).await;
        let mut cp = without().await.unwrap();
        cp.boot().await;
        let _cp = change_key(&rig, cp, DIGITS, Reply::Status("Accepted")).await;
        without().await.unwrap();
        knock(&rig, "CP-1", b"something-else-it-has").await.unwrap();
        without().await.unwrap();
        knock(&rig, "CP-1", &bytes()).await.unwrap();
        refused(without().await, 401, "Basic");
    }
}

/// Whether any file of the folder holds these bytes.
fn is_on_disk(folder: &Path, secret: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| {
            bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        })
}

#[tokio::test]
async fn a_key_that_an_installer_saves_is_sealed_until_it_is_pushed_and_shown_nowhere() {
    const SECRET: &str = "a-secret\tof-the-installer";
    let rig = rig().await;
    let token = rig.installer("installer@acme.com").await;
    rig.installed("CP-1", "installer@acme.com", "ABB Terra AC W22-G5")
        .await;
    register(&rig, "CP-1", OLD).await;
    let path = |rest: &str| format!("/api/v1/installer/charge-points/CP-1/config/{rest}");
    let parameters = json!({"parameters": {"AuthorizationKey": SECRET, "Mine": "x"}});
    let (status, body) = rig
        .request(Method::POST, &path("customize"), Some(parameters), &token)
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["unanswered"], json!(["AuthorizationKey", "Mine"]));
    for rest in ["download", "template"] {
        let (status, body) = rig.request(Method::GET, &path(rest), None, &token).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!body.to_string().contains("AuthorizationKey"), "{body}");
    }
    assert!(!is_on_disk(rig.folder.path(), "a-secret"));
    let mut cp = knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
    cp.boot().await;
    let (id, _, payload) = cp.next_call().await;
    assert_eq!(payload, json!({"key": "AuthorizationKey", "value": SECRET}));
    cp.answer(&id, json!({"status": "Accepted"})).await;
    let (id, _, payload) = cp.next_call().await;
    assert_eq!(payload["key"], "Mine");
    cp.answer(&id, json!({"status": "Accepted"})).await;
    refused(knock(&rig, "CP-1", OLD.as_bytes()).await, 401, "Basic");
    knock(&rig, "CP-1", SECRET.as_bytes()).await.unwrap();
    let left =
        rig.sql("select 1 from variable where variable = 'BasicAuthPassword' and value <> '\"\"'");
    assert_eq!(left.await.len(), 0);
    let short = json!({"parameters": {"AuthorizationKey": "too-short"}});
    let (status, body) = rig
        .request(Method::POST, &path("customize"), Some(short), &token)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}

#[tokio::test]
async fn a_key_with_an_idempotency_key_is_neither_kept_nor_sent_twice() {
    const SECRET: &str = "a-secret-of-the-operator";
    let rig = rig().await;
    register(&rig, "CP-1", OLD).await;
    let mut cp = knock(&rig, "CP-1", OLD.as_bytes()).await.unwrap();
    cp.boot().await;
    let send = async |value: &str| {
        let payload = json!({"key": "AuthorizationKey", "value": value});
        let body = json!({"charge_point_id": "CP-1", "command": "ChangeConfiguration", "payload": payload});
        let request = rig.client().post(rig.url("/api/v1/ocpp16/send_command"));
        let request = request
            .bearer_auth(KEY)
            .header("idempotency-key", "K")
            .json(&body);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    };
    let answers = async {
        let (id, ..) = cp.next_call().await;
        let error = json!([
            4,
            id,
            "PropertyConstraintViolation",
            format!("{SECRET:?} is weak"),
            {}
        ]);
        cp.send(&error.to_string()).await;
    };
    let ((status, first), ()) = tokio::join!(send(SECRET), answers);
    assert_eq!(status, StatusCode::OK);
    assert!(first.contains("\\\"***\\\" is weak"), "{first}");
    assert_eq!(send(SECRET).await, (status, first));
    assert_eq!(send("another-secret-of-it").await.0, StatusCode::CONFLICT);
    assert!(!is_on_disk(rig.folder.path(), SECRET));
}
