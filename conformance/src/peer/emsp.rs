//! A partner's end of OCPI: it serves what an eMSP serves, writes every request down as it came, keeps what it is sent
//! word for word, and answers wrongly where it was told to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::failure::{Failure, StepResult};
use crate::wire::entry::End;
use crate::wire::http::Answer;
use crate::wire::ocpi::{Asked, Ledger, Module, Place, SharedBend};

/// Bytes of a request that are read.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How the answers to requests of a module are, for so many of them.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) module: Module,
    /// Only requests of this method.
    pub(crate) method: Option<Method>,
    /// Until it is taken back, where there is no number.
    pub(crate) times: Option<usize>,
    pub(crate) manner: Manner,
}

/// A way of answering.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// This status of HTTP, with an envelope.
    Status(u16),
    /// HTTP 200 with this status code in the envelope, and without data.
    Code(i64),
    /// This status of HTTP and this status code.
    Both(u16, i64),
    /// This instead of the data.
    Data(Value),
    /// Never.
    Hangs,
    /// As ever, but so much later.
    Late(Duration),
    /// Half of the JSON.
    Truncated,
    /// No body.
    Empty,
    /// A page for people.
    Html,
    /// The data without an envelope.
    Bare,
    /// Another place of the same server, under which all is as ever.
    Redirect,
    /// As ever, once somebody lets it.
    Held(Arc<Notify>),
}

/// What a partner offers, and what it has.
#[derive(Debug)]
struct Inside {
    country: String,
    party: String,
    /// Tokens that open it.
    tokens: Vec<String>,
    /// What it gives out when a platform registers with it.
    next_token: Option<String>,
    versions: Vec<String>,
    /// Modules of its details with their roles.
    modules: Vec<(String, String)>,
    scripts: Vec<Script>,
    ledger: Ledger,
    bend: Option<SharedBend>,
    /// Objects that were pushed, by module and the end of their path.
    copies: BTreeMap<(Module, String), Value>,
    /// Tokens that can be pulled.
    offered: Vec<Value>,
    /// Answers to authorizations.
    authorizations: Vec<Value>,
    cdrs: usize,
}

/// Paths and ports that nobody guesses.
#[derive(Debug)]
struct Paths {
    /// Of call-backs, of modules, and of results of commands.
    bases: [String; 3],
    secret: String,
}

impl Paths {
    fn base(&self, module: Module) -> &str {
        match module {
            Module::Versions | Module::Details | Module::Credentials => &self.bases[0],
            Module::Result => &self.bases[2],
            _ => &self.bases[1],
        }
    }

    fn path(&self, module: Module) -> String {
        let name = match module {
            Module::Versions => "v",
            Module::Details => "v/2.2.1-of-it",
            Module::Result => "r",
            Module::Elsewhere => "else",
            listed => listed.name(),
        };
        format!("/{}/{}", self.secret, name)
    }

    fn url(&self, module: Module) -> String {
        format!("{}{}", self.base(module), self.path(module))
    }

    /// Where a path leads.
    fn place(&self, path: &str) -> Place {
        let path = path.strip_prefix("/again").unwrap_or(path);
        let known = [Module::Details, Module::Versions, Module::Result].into_iter();
        let listed = Module::LISTED.iter().map(|(module, _)| *module);
        for module in known.chain(listed) {
            if let Some(rest) = path.strip_prefix(&self.path(module))
                && (rest.is_empty() || rest.starts_with('/'))
            {
                let parts = rest.split('/').filter(|part| !part.is_empty());
                return Place {
                    module,
                    parts: parts.map(str::to_owned).collect(),
                };
            }
        }
        Place {
            module: Module::Elsewhere,
            parts: Vec::new(),
        }
    }
}

#[derive(Debug)]
struct Shared {
    name: String,
    paths: Paths,
    inside: Mutex<Inside>,
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server of one partner.
#[derive(Debug)]
pub(crate) struct Emsp {
    shared: Arc<Shared>,
    addrs: [SocketAddr; 3],
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Emsp {
    fn drop(&mut self) {
        self.close();
    }
}

/// The modules of an eMSP, each in the role that it has there [OCPI 2.2.1 §6.2.3].
pub(crate) const MODULES: [(&str, &str); 7] = [
    ("credentials", "SENDER"),
    ("locations", "RECEIVER"),
    ("sessions", "RECEIVER"),
    ("cdrs", "RECEIVER"),
    ("tariffs", "RECEIVER"),
    ("tokens", "SENDER"),
    ("commands", "SENDER"),
];

impl Emsp {
    /// Begins to serve at an address that the platform under test reaches, as the party of this country and id.
    pub(crate) async fn serve(
        name: &str,
        party: (&str, &str),
        host: IpAddr,
    ) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new(format!("{name} cannot serve: {error}"));
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind((host, 0)).await.map_err(cannot)?);
        }
        let mut addrs = [SocketAddr::new(host, 0); 3];
        for (addr, listener) in addrs.iter_mut().zip(&listeners) {
            *addr = listener.local_addr().map_err(cannot)?;
        }
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            paths: Paths {
                bases: addrs.map(|addr| format!("http://{addr}")),
                secret: format!("{:016x}", rand::random::<u64>()),
            },
            inside: Mutex::new(Inside {
                country: party.0.to_owned(),
                party: party.1.to_owned(),
                tokens: Vec::new(),
                next_token: None,
                versions: vec!["2.2.1".to_owned()],
                modules: MODULES
                    .map(|(module, role)| (module.to_owned(), role.to_owned()))
                    .to_vec(),
                scripts: Vec::new(),
                ledger: Ledger::default(),
                bend: None,
                copies: BTreeMap::new(),
                offered: Vec::new(),
                authorizations: Vec::new(),
                cdrs: 0,
            }),
        });
        let emsp = Self {
            shared,
            addrs,
            tasks: Mutex::default(),
        };
        emsp.listen(listeners);
        Ok(emsp)
    }

    fn listen(&self, listeners: Vec<TcpListener>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners {
            let router = Router::new()
                .fallback(answer)
                .with_state(Arc::clone(&self.shared));
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    tracing::warn!(%error, "a partner of the rig ended");
                }
            }));
        }
    }

    /// Refuses connections from now on. No connection was kept open.
    pub(crate) fn close(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            task.abort();
        }
    }

    /// Takes connections again.
    pub(crate) async fn open(&self) -> StepResult {
        let mut listeners = Vec::new();
        for addr in self.addrs {
            let listener = TcpListener::bind(addr).await;
            listeners.push(listener.map_err(|error| {
                Failure::new(format!(
                    "the address {addr} is not to be had again: {error}"
                ))
            })?);
        }
        self.listen(listeners);
        Ok(())
    }

    /// Where an endpoint is.
    pub(crate) fn url(&self, module: Module) -> String {
        self.shared.paths.url(module)
    }

    /// Writes into this ledger from now on, behind this bend, and answers as it should.
    pub(crate) fn attach(&self, ledger: Ledger, bend: Option<SharedBend>) {
        let mut inside = self.shared.inside();
        inside.ledger = ledger;
        inside.bend = bend;
        inside.scripts.clear();
        inside.versions = vec!["2.2.1".to_owned()];
        inside.modules = MODULES
            .map(|(module, role)| (module.to_owned(), role.to_owned()))
            .to_vec();
    }

    /// Is opened by these tokens alone.
    pub(crate) fn opened_by(&self, tokens: &[&str]) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        self.shared.inside().tokens = tokens;
    }

    /// Gives this token out when a platform registers.
    pub(crate) fn gives_out(&self, token: &str) {
        self.shared.inside().next_token = Some(token.to_owned());
    }

    /// Lists these versions.
    pub(crate) fn lists(&self, versions: Vec<String>) {
        self.shared.inside().versions = versions;
    }

    /// Lists these modules.
    pub(crate) fn has(&self, modules: Vec<(String, String)>) {
        self.shared.inside().modules = modules;
    }

    /// Answers so.
    pub(crate) fn answers(&self, script: Script) {
        self.shared.inside().scripts.insert(0, script);
    }

    /// Answers as it should.
    pub(crate) fn answers_again(&self) {
        self.shared.inside().scripts.clear();
    }

    /// The credentials of the party, with this token.
    pub(crate) fn credentials(&self, token: &str) -> Value {
        let inside = self.shared.inside();
        credentials(&self.shared, &inside, token)
    }
}

fn credentials(shared: &Shared, inside: &Inside, token: &str) -> Value {
    json!({
        "token": token,
        "url": shared.paths.url(Module::Versions),
        "roles": [{
            "role": "EMSP",
            "country_code": inside.country,
            "party_id": inside.party,
            "business_details": {"name": format!("Rig {}", shared.name)},
        }],
    })
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let at = SystemTime::now();
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.unwrap_or_default();
    let place = shared.paths.place(head.uri.path());
    let url = match head.headers.get("host").and_then(|host| host.to_str().ok()) {
        Some(host) => format!("http://{host}{}", head.uri),
        None => head.uri.to_string(),
    };
    let mut asked = Asked {
        by: End::Sut,
        partner: shared.name.clone(),
        at,
        place,
        method: head.method,
        url,
        headers: head.headers,
        body: body.to_vec(),
    };
    let (ledger, bend, manner) = {
        let mut inside = shared.inside();
        let manner = inside.manner(&asked);
        (inside.ledger.clone(), inside.bend.clone(), manner)
    };
    if let Some(bend) = bend {
        bend.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .calls(&mut asked);
    }
    let number = ledger.begin(asked.clone());
    match &manner {
        Some(Manner::Hangs) => std::future::pending().await,
        Some(Manner::Late(length)) => tokio::time::sleep(*length).await,
        Some(Manner::Held(gate)) => gate.notified().await,
        _ => {}
    }
    let answer = answered(&shared, &asked, manner.as_ref());
    ledger.end(number, answer.clone());
    let mut response = Response::new(Body::from(Bytes::from(answer.bytes)));
    *response.status_mut() = axum::http::StatusCode::from_u16(answer.status).unwrap_or_default();
    *response.headers_mut() = answer.headers;
    response
}

impl Inside {
    /// The way of answering that was asked for.
    fn manner(&mut self, asked: &Asked) -> Option<Manner> {
        let fits = |script: &Script| {
            script.module == asked.place.module
                && script
                    .method
                    .as_ref()
                    .is_none_or(|one| *one == asked.method)
                && script.times != Some(0)
        };
        let script = self.scripts.iter_mut().find(|script| fits(script))?;
        if let Some(times) = &mut script.times {
            *times -= 1;
        }
        Some(script.manner.clone())
    }
}

/// What a partner says that is as it should be.
struct Said {
    status: u16,
    code: i64,
    data: Value,
    headers: Vec<(&'static str, String)>,
}

impl Said {
    fn with(data: Value) -> Self {
        Self {
            status: 200,
            code: 1000,
            data,
            headers: Vec::new(),
        }
    }

    fn refusal(status: u16, code: i64) -> Self {
        Self {
            status,
            code,
            ..Self::with(Value::Null)
        }
    }
}

fn answered(shared: &Shared, asked: &Asked, manner: Option<&Manner>) -> Answer {
    let mut said = {
        let mut inside = shared.inside();
        if inside.is_open_to(asked) {
            inside.said(shared, asked)
        } else {
            Said::refusal(401, 2000)
        }
    };
    match manner {
        Some(Manner::Status(status)) => said = Said::refusal(*status, 2000),
        Some(Manner::Code(code)) => said = Said::refusal(200, *code),
        Some(Manner::Both(status, code)) => said = Said::refusal(*status, *code),
        Some(Manner::Data(data)) => said = Said::with(data.clone()),
        Some(Manner::Redirect) if !asked.url.contains("/again/") => {
            said = Said::refusal(307, 2000);
            let place = shared.paths.base(asked.place.module).len();
            let path = asked.url.get(place..).unwrap_or_default();
            said.headers.push(("location", format!("/again{path}")));
        }
        _ => {}
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let mut envelope = json!({
        "status_code": said.code,
        "status_message": "said by the rig",
        "timestamp": dynamo_protocol::time::text(now),
    });
    if !said.data.is_null() {
        envelope["data"] = said.data.clone();
    }
    let mut kind = "application/json";
    let text = envelope.to_string();
    let bytes = match manner {
        Some(Manner::Truncated) => text.as_bytes()[..text.len() / 2].to_vec(),
        Some(Manner::Empty) => Vec::new(),
        Some(Manner::Html) => {
            kind = "text/html";
            b"<html><body>Something went wrong</body></html>".to_vec()
        }
        Some(Manner::Bare) => said.data.to_string().into_bytes(),
        _ => text.into_bytes(),
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    // Who refuses connections later has none that is open.
    headers.insert("connection", HeaderValue::from_static("close"));
    for name in ["x-request-id", "x-correlation-id"] {
        if let Some(value) = asked.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    for (name, value) in said.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Answer {
        method: asked.method.to_string(),
        path: asked.url.clone(),
        status: said.status,
        headers,
        bytes,
    }
}

impl Inside {
    fn is_open_to(&self, asked: &Asked) -> bool {
        let header = asked.header("authorization").unwrap_or_default();
        let shown = header.strip_prefix("Token ").unwrap_or_default();
        let encoded = |token: &String| BASE64_STANDARD.encode(token) == shown;
        self.tokens.iter().any(encoded)
    }

    fn said(&mut self, shared: &Shared, asked: &Asked) -> Said {
        let method = asked.method.as_str();
        match (asked.place.module, method) {
            (Module::Versions, "GET") => {
                let url = |version: &String| match version.as_str() {
                    "2.2.1" => shared.paths.url(Module::Details),
                    other => format!("{}/{other}", shared.paths.url(Module::Elsewhere)),
                };
                let listed = self.versions.iter();
                let listed = listed.map(|version| json!({"version": version, "url": url(version)}));
                Said::with(listed.collect())
            }
            (Module::Details, "GET") => {
                let url = |name: &str| match Module::of(name) {
                    Some(module) => shared.paths.url(module),
                    None => format!("{}/{name}", shared.paths.url(Module::Elsewhere)),
                };
                let modules = self.modules.iter();
                let endpoints = modules.map(
                    |(name, role)| json!({"identifier": name, "role": role, "url": url(name)}),
                );
                let endpoints: Vec<Value> = endpoints.collect();
                Said::with(json!({"version": "2.2.1", "endpoints": endpoints}))
            }
            (Module::Credentials, "POST" | "PUT") => match self.next_token.clone() {
                Some(token) => {
                    self.tokens.push(token.clone());
                    Said::with(credentials(shared, self, &token))
                }
                None => Said::refusal(405, 2000),
            },
            (Module::Credentials, "DELETE") => Said::with(Value::Null),
            (Module::Tokens, "GET") => Said::with(Value::from(self.offered.clone())),
            (Module::Tokens, "POST") => match self.authorizations.pop() {
                Some(info) => Said::with(info),
                None => Said::refusal(404, 2004),
            },
            (Module::Result, "POST") => Said::with(Value::Null),
            (Module::Locations | Module::Sessions | Module::Tariffs | Module::Cdrs, _) => {
                self.keep(shared, asked)
            }
            (Module::Elsewhere, _) => Said::refusal(404, 2000),
            _ => Said::refusal(405, 2000),
        }
    }

    /// Keeps what is pushed: PUT replaces, PATCH merges, periods of a session are added.
    fn keep(&mut self, shared: &Shared, asked: &Asked) -> Said {
        let (module, key) = (
            asked.place.module,
            asked.place.parts.join("/").to_lowercase(),
        );
        let place = (module, key);
        match (asked.method.as_str(), asked.json()) {
            ("PUT", Some(object)) => {
                let is_new = self.copies.insert(place, object).is_none();
                let status = if is_new { 201 } else { 200 };
                Said {
                    status,
                    ..Said::with(Value::Null)
                }
            }
            ("PATCH", Some(Value::Object(change))) => {
                let Some(Value::Object(copy)) = self.copies.get_mut(&place) else {
                    return Said::refusal(404, 2000);
                };
                for (name, value) in change {
                    match (copy.get_mut(&name), value) {
                        (Some(Value::Array(known)), Value::Array(new))
                            if name == "charging_periods" =>
                        {
                            known.extend(new);
                        }
                        (_, value) => {
                            copy.insert(name, value);
                        }
                    }
                }
                Said::with(Value::Null)
            }
            ("POST", Some(object)) if module == Module::Cdrs => {
                self.cdrs += 1;
                let end = self.cdrs.to_string();
                let url = format!("{}/{end}", shared.paths.url(Module::Cdrs));
                self.copies.insert((module, end), object);
                let mut said = Said::with(Value::Null);
                said.headers.push(("location", url));
                said
            }
            ("GET", _) => match self.copies.get(&place) {
                Some(copy) => Said::with(copy.clone()),
                None => Said::refusal(404, 2000),
            },
            ("DELETE", _) if module == Module::Tariffs => {
                self.copies.remove(&place);
                Said::with(Value::Null)
            }
            _ => Said::refusal(405, 2000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn emsp() -> (Emsp, Ledger) {
        let emsp = Emsp::serve("P1", ("DE", "RIG"), [127, 0, 0, 1].into());
        let emsp = emsp.await.unwrap();
        let ledger = Ledger::default();
        emsp.attach(ledger.clone(), None);
        emsp.opened_by(&["token-b"]);
        (emsp, ledger)
    }

    async fn send(method: Method, url: &str, body: Value) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let token = BASE64_STANDARD.encode("token-b");
        let request = reqwest::Client::new()
            .request(method, url)
            .header("authorization", format!("Token {token}"))
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    #[tokio::test]
    async fn a_copy_is_what_was_pushed_and_periods_are_added() {
        let (emsp, ledger) = emsp().await;
        let place = format!("{}/GB/DYN/S-1", emsp.url(Module::Sessions));
        let session = json!({"kwh": 0, "charging_periods": [{"a": 1}], "status": "ACTIVE"});
        assert_eq!(send(Method::PUT, &place, session.clone()).await.0, 201);
        assert_eq!(send(Method::PUT, &place, session).await.0, 200);
        let change = json!({"kwh": 2, "charging_periods": [{"a": 2}]});
        assert_eq!(send(Method::PATCH, &place, change).await.0, 200);
        let (_, copy) = send(Method::GET, &place.to_lowercase(), Value::Null).await;
        assert_eq!(
            copy["data"],
            json!({"kwh": 2, "charging_periods": [{"a": 1}, {"a": 2}], "status": "ACTIVE"})
        );
        let other = format!("{place}0");
        assert_eq!(send(Method::PATCH, &other, json!({"kwh": 1})).await.0, 404);
        let came = ledger.from(0);
        assert_eq!(came.len(), 5);
        assert_eq!(came[0].asked.place.module, Module::Sessions);
        assert_eq!(came[0].asked.place.parts, ["GB", "DYN", "S-1"]);
    }

    #[tokio::test]
    async fn answers_are_wrong_as_often_as_was_asked_for() {
        let (emsp, ledger) = emsp().await;
        let url = emsp.url(Module::Versions);
        let script = |times, manner| Script {
            module: Module::Versions,
            method: None,
            times,
            manner,
        };
        emsp.answers(script(Some(1), Manner::Status(500)));
        assert_eq!(send(Method::GET, &url, Value::Null).await.0, 500);
        let (status, list) = send(Method::GET, &url, Value::Null).await;
        assert_eq!(
            (status, &list["data"][0]["version"]),
            (200, &json!("2.2.1"))
        );
        emsp.answers(script(None, Manner::Truncated));
        assert_eq!(send(Method::GET, &url, Value::Null).await.1, Value::Null);
        emsp.answers_again();
        emsp.answers(script(None, Manner::Redirect));
        let (status, list) = send(Method::GET, &url, Value::Null).await;
        assert_eq!((status, list["data"].is_array()), (200, true));
        assert_eq!(ledger.len(), 5, "the redirect and what followed it");
        emsp.opened_by(&["another"]);
        emsp.answers_again();
        assert_eq!(send(Method::GET, &url, Value::Null).await.0, 401);
        emsp.close();
        assert!(reqwest::get(&url).await.is_err());
        emsp.open().await.unwrap();
        assert!(reqwest::get(&url).await.is_ok());
    }
}
