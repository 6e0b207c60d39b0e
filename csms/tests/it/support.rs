//! A CSMS for one test, a charge point that says what the test says, and an API client.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use dynamo_csms::store::{ChargePointSetting, NewApiKey, TagSetting};
use dynamo_csms::{AcceptUnknown, Csms, Options, start};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message, http};

/// Longer than anything here takes, shorter than a hanging test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const KEY: &str = "test-key";

pub(crate) struct Rig {
    pub(crate) csms: Csms,
    database: String,
    pub(crate) folder: TempDir,
    http: reqwest::Client,
}

pub(crate) fn options(folder: &TempDir) -> Options {
    Options {
        http: ([127, 0, 0, 1], 0).into(),
        ocpp: ([127, 0, 0, 1], 0).into(),
        database: format!("sqlite://{}/csms.db", folder.path().display()),
        password_key: Some(folder.path().join("passwords.key")),
        api_key: Some(KEY.to_owned()),
        id_tags: vec!["TAG".to_owned()],
        accept_unknown: AcceptUnknown {
            charge_points: true,
            tags: false,
        },
        webhooks_to_private_networks: true,
        ..Options::default()
    }
}

pub(crate) async fn rig() -> Rig {
    rig_with(|_| {}).await
}

pub(crate) async fn rig_with(change: impl FnOnce(&mut Options)) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    Rig::start(folder, options).await
}

impl Rig {
    pub(crate) async fn start(folder: TempDir, options: Options) -> Self {
        // The HTTP client wants a TLS provider even for plain HTTP. A second installation is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            database: options.database.clone(),
            csms: start(options).await.unwrap(),
            folder,
            http: reqwest::Client::new(),
        }
    }

    /// Stops the CSMS and starts it again on the same database.
    pub(crate) async fn restart(self) -> Self {
        self.csms.shutdown().await;
        let options = options(&self.folder);
        Self::start(self.folder, options).await
    }

    pub(crate) async fn connect(&self, id: &str) -> ChargePoint {
        let url = format!("ws://{}/ocpp16/{id}", self.csms.ocpp_addr());
        let offer = [("sec-websocket-protocol", "ocpp1.6")];
        handshake(&url, &offer).await.unwrap().0
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, path, None, KEY).await
    }

    pub(crate) async fn command(
        &self,
        id: &str,
        command: &str,
        payload: Value,
    ) -> (StatusCode, Value) {
        let body = json!({"charge_point_id": id, "command": command, "payload": payload});
        let path = "/api/v1/ocpp16/send_command";
        self.request(Method::POST, path, Some(body), KEY).await
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.csms.http_addr())
    }

    /// The address of its database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.http
    }

    /// Signs an installer up and logs them in: their token.
    pub(crate) async fn installer(&self, email: &str) -> String {
        let who = json!({"name": "Installer", "email": email, "password": "s3cur3P@ssword!"});
        let sign_up = "/api/v1/installer/signup";
        let (status, body) = self
            .request(Method::POST, sign_up, Some(who.clone()), "")
            .await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        self.log_in(email, "s3cur3P@ssword!").await
    }

    /// The token of an account.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> String {
        let who = json!({"email": email, "password": password});
        let log_in = "/api/v1/installer/login";
        let (status, body) = self.request(Method::POST, log_in, Some(who), "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["token"].as_str().unwrap().to_owned()
    }

    /// Waits until the CSMS has noticed that a charge point is gone.
    pub(crate) async fn until_offline(&self, id: &str) {
        let id = dynamo_protocol::ChargePointId::new(id).unwrap();
        let gone = async {
            while self.csms.sessions().is_online(&id) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, gone).await.unwrap();
    }

    /// The transactions of a charge point, oldest first.
    pub(crate) async fn transactions(&self, id: &str) -> Vec<Value> {
        let path = format!("/api/v1/ocpp16/transactions?charge_point_id={id}");
        let (status, body) = self.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["transactions"].as_array().unwrap().clone()
    }

    /// Runs SQL on the database, for states that no door leads to.
    pub(crate) async fn sql(&self, text: &str) -> Vec<sqlx::sqlite::SqliteRow> {
        let mut connection = sqlx::SqliteConnection::connect(&self.database)
            .await
            .unwrap();
        let query = sqlx::query(sqlx::AssertSqlSafe(text.to_owned()));
        query.fetch_all(&mut connection).await.unwrap()
    }

    /// The same on either database, where no rows are wanted.
    pub(crate) async fn execute(&self, text: &str) {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        if self.database.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(&self.database).await.unwrap();
            sqlx::query(text).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.database)
                .await
                .unwrap();
            sqlx::query(text).execute(&mut connection).await.unwrap();
        }
    }

    /// A charge point that this installer registered.
    pub(crate) async fn installed(&self, id: &str, email: &str, model: &str) {
        self.set_charge_point(ChargePointSetting {
            id: id.to_owned(),
            ..ChargePointSetting::default()
        })
        .await;
        self.execute(&format!(
            "update charge_point set installer_id = (select id from account where email = '{email}'),
                 registered_vendor = 'ABB', registered_model = '{model}' where id = '{id}'"
        ))
        .await;
    }

    pub(crate) async fn set_tag(&self, tag: TagSetting) {
        self.csms.store().set_tag(tag).await.unwrap();
    }

    pub(crate) async fn set_charge_point(&self, setting: ChargePointSetting) {
        self.csms.store().set_charge_point(setting).await.unwrap();
    }
}

/// What this thread logs, as text. A test with one thread hears the whole CSMS.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Ends the listening.
pub(crate) struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.set(None);
    }
}

/// Writes to whoever listens in this thread. One subscriber for all threads: with one per thread, what the
/// library caches about a log line may come from a thread where nobody listens.
struct ToListener;

impl std::io::Write for ToListener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LISTENING.with_borrow(|log| {
            if let Some(Log(text)) = log {
                text.lock().unwrap().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens until the guard is dropped.
    pub(crate) fn listen() -> (Self, Listening) {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false);
            subscriber.with_writer(|| ToListener).init();
        });
        let log = Self::default();
        LISTENING.set(Some(log.clone()));
        (log, Listening)
    }

    /// The lines of a level, or all that have a word.
    pub(crate) fn lines(&self, word: &str) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let found = text.lines().filter(|line| line.contains(word));
        found.map(str::to_owned).collect()
    }
}

/// A new key of an organization, which is made where it is missing.
pub(crate) async fn new_key(rig: &Rig, organization: &str, scopes: &[&str]) -> String {
    let store = rig.csms.store();
    store.create_organization(organization, "x").await.unwrap();
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let new = NewApiKey::generate(organization, scopes);
    let key = new.key.clone();
    store.create_api_key(new).await.unwrap();
    key
}

pub(crate) async fn handshake(
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<(ChargePoint, http::Response<Option<Vec<u8>>>), Error> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let host = request.uri().authority().unwrap().to_string();
    let stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    Ok((ChargePoint::on(socket), response))
}

/// Code and description of a CALLERROR.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) description: String,
}

pub(crate) struct ChargePoint<S = TcpStream> {
    pub(crate) socket: WebSocketStream<S>,
    number: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ChargePoint<S> {
    pub(crate) fn on(socket: WebSocketStream<S>) -> Self {
        Self { socket, number: 0 }
    }

    /// Sends a CALL and waits for its answer.
    pub(crate) async fn call(&mut self, action: &str, payload: Value) -> Result<Value, Refused> {
        let id = self.send_call(action, payload).await;
        let frame = self.next_frame().await.expect("an answer");
        assert_eq!(frame[1], json!(id), "{frame}");
        match frame[0].as_i64() {
            Some(3) => Ok(frame[2].clone()),
            Some(4) => Err(Refused {
                code: frame[2].as_str().unwrap().to_owned(),
                description: frame[3].as_str().unwrap().to_owned(),
            }),
            _ => panic!("no answer: {frame}"),
        }
    }

    pub(crate) async fn send_call(&mut self, action: &str, payload: Value) -> String {
        self.number += 1;
        let id = format!("m{}", self.number);
        self.send(&json!([2, id, action, payload]).to_string())
            .await;
        id
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Waits until the CSMS has read everything that was sent before: it answers a ping in its turn.
    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::Ping("?".into())).await.unwrap();
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            match message.expect("a pong within the patience") {
                Some(Ok(Message::Pong(_))) => return,
                Some(Ok(_)) => {}
                other => panic!("no pong: {other:?}"),
            }
        }
    }

    /// The next text message as JSON; `None` when the socket is closed.
    pub(crate) async fn next_frame(&mut self) -> Option<Value> {
        self.next_frame_for(PATIENCE).await
    }

    pub(crate) async fn next_frame_for(&mut self, patience: Duration) -> Option<Value> {
        loop {
            let message = timeout(patience, self.socket.next()).await;
            match message.expect("something within the patience")? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next CALL of the CSMS: its id, action and payload.
    pub(crate) async fn next_call(&mut self) -> (Value, String, Value) {
        let frame = self.next_frame().await.expect("a call");
        assert_eq!(frame[0], 2, "{frame}");
        let action = frame[2].as_str().unwrap().to_owned();
        (frame[1].clone(), action, frame[3].clone())
    }

    pub(crate) async fn answer(&mut self, id: &Value, payload: Value) {
        self.send(&json!([3, id, payload]).to_string()).await;
    }

    /// Waits for the CSMS to close; code and reason of its close frame.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            match message.expect("a close within the patience")? {
                Ok(Message::Close(frame)) => {
                    return frame.map(|f| (f.code.into(), f.reason.to_string()));
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    pub(crate) async fn boot(&mut self) -> Value {
        let payload = json!({"chargePointVendor": "Vendor", "chargePointModel": "Model"});
        self.call("BootNotification", payload).await.unwrap()
    }

    pub(crate) async fn start(&mut self, connector: i32, tag: &str, at: &str, meter: i32) -> Value {
        let payload = json!({
            "connectorId": connector, "idTag": tag, "timestamp": at, "meterStart": meter,
        });
        self.call("StartTransaction", payload).await.unwrap()
    }

    pub(crate) async fn stop(&mut self, transaction: &Value, at: &str, meter: i32) -> Value {
        let payload = json!({"transactionId": transaction, "timestamp": at, "meterStop": meter});
        self.call("StopTransaction", payload).await.unwrap()
    }

    pub(crate) async fn status(&mut self, connector: i32, status: &str, at: Option<&str>) {
        let mut payload =
            json!({"connectorId": connector, "errorCode": "NoError", "status": status});
        if let Some(at) = at {
            payload["timestamp"] = json!(at);
        }
        self.call("StatusNotification", payload).await.unwrap();
    }

    pub(crate) async fn meter(&mut self, transaction: &Value, at: &str, register: &str) {
        let payload = json!({
            "connectorId": 1, "transactionId": transaction,
            "meterValue": [{"timestamp": at, "sampledValue": [{"value": register}]}],
        });
        self.call("MeterValues", payload).await.unwrap();
    }
}

/// A time of whole seconds as the API shows it.
pub(crate) fn shown(at: &str) -> String {
    at.replace('Z', ".000Z")
}
