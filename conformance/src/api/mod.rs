//! The REST API as the third thing under test: who calls it, what was sent and answered, and what every answer has to
//! keep to without a step saying so.
//!
//! The judge looks at raw status, headers and JSON, never at types of the CSMS. Each scenario has an organization of
//! its own; organizations and keys, for which the API has no operations, are made in the store as set-up.

pub(crate) mod coverage;
pub(crate) mod document;
pub(crate) mod pattern;
pub(crate) mod recipe;
pub(crate) mod sample;
pub(crate) mod sink;
pub(crate) mod words;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use dynamo_csms::domain::authorization::TagStatus;
use dynamo_csms::store::{ChargePointSetting, NewApiKey, Store, TagSetting};
use dynamo_csms::{Clock, Csms, Options};
use dynamo_protocol::trace::Direction;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::driver::in_words;
use crate::expect::{Failure, StepResult};
use crate::params::quoted;
use crate::report::HttpExchange;
use crate::rig::Rig;
use crate::trace::{Entry, EntryKind, HttpHead};
use document::Document;
use sink::Sink;

/// Characters of a body that the record keeps.
const BODY_CHARS_SHOWN: usize = 4_000;

/// The password of every account a scenario opens.
const PASSWORD: &str = "charge-4ll-d4y";

/// The scope that lets a key look.
const SCOPE_READ: &str = "read:charge_points";
/// The scope that lets it also change and command.
const SCOPE_WRITE: &str = "write:charge_points";

/// Where an API is, and the store behind it.
#[derive(Clone)]
struct Place {
    base: String,
    store: Store,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// A CSMS that one scenario has for itself, because it moves the clock.
struct OwnCsms {
    csms: Csms,
    folder: tempfile::TempDir,
    /// How far its clock is ahead.
    ahead_ms: Arc<AtomicI64>,
}

impl fmt::Debug for OwnCsms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCsms").finish_non_exhaustive()
    }
}

impl OwnCsms {
    async fn start() -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(no_set_up)?;
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let (system, ahead) = (Clock::default(), Arc::clone(&ahead_ms));
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options {
            http: local,
            ocpp: local,
            database: format!("sqlite://{}", folder.path().join("csms.db").display()),
            clock: Clock::new(move || system.now_ms() + ahead.load(Ordering::Relaxed)),
            webhooks_to_private_networks: true,
            ..Options::default()
        };
        let csms = dynamo_csms::start(options).await.map_err(no_set_up)?;
        Ok(Self {
            csms,
            folder,
            ahead_ms,
        })
    }

    fn place(&self) -> Place {
        Place {
            base: format!("http://{}", self.csms.http_addr()),
            store: self.csms.store().clone(),
        }
    }

    async fn end(self) {
        self.csms.shutdown().await;
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "a temporary folder stays behind");
        }
    }
}

/// The REST API of the bundled CSMS.
pub(crate) struct ApiUnderTest {
    place: Place,
    client: Client,
    pub(crate) document: Document,
    /// Every exchange of the run, for the coverage.
    seen: Mutex<Vec<HttpExchange>>,
    /// Routes with an id in them, and whether strangers were kept out.
    isolation: Mutex<BTreeMap<(String, String), bool>>,
}

impl fmt::Debug for ApiUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiUnderTest")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl ApiUnderTest {
    /// The API at `base`, such as `http://127.0.0.1:8080`, with the document it gives out.
    ///
    /// # Errors
    /// When it gives none that can be read.
    pub(crate) async fn find(base: String, client: Client, store: Store) -> anyhow::Result<Self> {
        let answer = client.get(format!("{base}/openapi.json")).send().await?;
        let document = Document::read(answer.error_for_status()?.json().await?)?;
        Ok(Self {
            place: Place { base, store },
            client,
            document,
            seen: Mutex::default(),
            isolation: Mutex::default(),
        })
    }

    /// Every exchange so far.
    pub(crate) fn seen(&self) -> Vec<HttpExchange> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Writes down whether strangers were kept out of a route. Once let in is let in.
    pub(crate) fn kept_out(&self, method: &str, template: &str, kept: bool) {
        let mut routes = self
            .isolation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *routes
            .entry((method.to_owned(), template.to_owned()))
            .or_insert(true) &= kept;
    }

    /// The routes that strangers were kept out of, or not.
    pub(crate) fn isolation(&self) -> BTreeMap<(String, String), bool> {
        let routes = self
            .isolation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        routes.clone()
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    Installer,
    /// Of the same organization.
    AnotherInstaller,
    Organization,
    AnotherOrganization,
    Reader,
    /// Has a key without any scope.
    Powerless,
    /// Has a key that nobody made.
    Stranger,
    Nobody,
    SiteOwner,
}

impl FromStr for Actor {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(match words {
            "the installer" => Self::Installer,
            "another installer" => Self::AnotherInstaller,
            "the organization" => Self::Organization,
            "another organization" => Self::AnotherOrganization,
            "a key that may only read" => Self::Reader,
            "a key that may do nothing" => Self::Powerless,
            "a stranger" => Self::Stranger,
            "nobody" => Self::Nobody,
            "the site owner" => Self::SiteOwner,
            other => return Err(format!("{} is nobody who could call", quoted(other))),
        })
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installer => "the installer",
            Self::AnotherInstaller => "another installer",
            Self::Organization => "the organization",
            Self::AnotherOrganization => "another organization",
            Self::Reader => "a key that may only read",
            Self::Powerless => "a key that may do nothing",
            Self::Stranger => "a stranger",
            Self::Nobody => "nobody",
            Self::SiteOwner => "the site owner",
        })
    }
}

/// What a caller shows.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    None,
    Key(String),
    Token(String),
}

/// A request as it will stand on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) actor: Actor,
    pub(crate) credential: Credential,
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Content type and text.
    pub(crate) body: Option<(String, String)>,
}

/// An answer, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|_| {
            Failure::new(format!(
                "the answer to {} {} is no JSON: {}",
                self.method,
                self.path,
                shown(&self.bytes)
            ))
        })
    }

    /// For a reader who wants to know what came instead.
    pub(crate) fn in_words(&self) -> String {
        format!(
            "{} {} was answered {}: {}",
            self.method,
            self.path,
            self.status,
            shown(&self.bytes)
        )
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// What was sent and answered in a scenario, and what was wrong with it.
#[derive(Debug, Default)]
struct Record {
    entries: Vec<Entry>,
    breaches: Vec<String>,
}

/// Sends requests and writes them down. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    api: Arc<ApiUnderTest>,
    base: Arc<str>,
    record: Arc<Mutex<Record>>,
    scenario: Arc<str>,
}

impl Caller {
    /// Sends a request and holds the answer against the document.
    pub(crate) async fn call(self, request: Request) -> Result<Answer, Failure> {
        let method = request.method.as_str().to_owned();
        let path = request.path.clone();
        self.write_request(&request);
        let silent = |error: &reqwest::Error| {
            Failure::new(format!("{method} {path}: no answer: {}", in_words(error)))
        };
        let built = self.build(&request)?;
        let response = built.send().await.map_err(|error| silent(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.map_err(|error| silent(&error))?;
        let answer = Answer {
            method,
            path,
            status,
            headers,
            bytes: bytes.to_vec(),
        };
        self.write_answer(&answer);
        Ok(answer)
    }

    fn build(&self, request: &Request) -> Result<reqwest::RequestBuilder, Failure> {
        let url = format!("{}{}", self.base, request.path);
        let mut built = self.api.client.request(request.method.clone(), url);
        built = match &request.credential {
            Credential::None => built,
            Credential::Key(key) => built.header("X-API-Key", key),
            Credential::Token(token) => built.bearer_auth(token),
        };
        for (name, value) in &request.headers {
            let wrong = |_| Failure::new(format!("{name}: {value} is no header"));
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Failure::new(format!("{} is no name of a header", quoted(name))))?;
            built = built.header(name, HeaderValue::from_str(value).map_err(wrong)?);
        }
        if let Some((kind, text)) = &request.body {
            built = built.header(CONTENT_TYPE, kind).body(text.clone());
        }
        Ok(built)
    }

    fn write_request(&self, request: &Request) {
        let method = request.method.as_str();
        let mut raw = format!("{method} {}", request.path);
        for (name, value) in &request.headers {
            // What lets somebody in is a secret.
            let value = if ["authorization", "x-api-key"].contains(&name.to_lowercase().as_str()) {
                let beginning: String = value.chars().take(10).collect();
                format!("{beginning}…")
            } else {
                value.clone()
            };
            raw += &format!("\n{name}: {value}");
        }
        if let Some((kind, text)) = &request.body {
            if kind != "application/json" {
                raw += &format!("\nContent-Type: {kind}");
            }
            raw += &format!("\n{}", shown(text.as_bytes()));
        }
        self.push(EntryKind::Http {
            direction: Direction::ToSut,
            head: HttpHead {
                who: request.actor.to_string(),
                method: method.to_owned(),
                path: request.path.clone(),
                status: None,
            },
            raw,
        });
    }

    fn write_answer(&self, answer: &Answer) {
        self.push(EntryKind::Http {
            direction: Direction::FromSut,
            head: HttpHead {
                who: String::new(),
                method: answer.method.clone(),
                path: answer.path.clone(),
                status: Some(answer.status),
            },
            raw: format!("{}\n{}", answer.status, shown(&answer.bytes)),
        });
        let document = &self.api.document;
        let breaches = document.breaches(answer);
        let operation = document.operation(&answer.method, &answer.path);
        let template = operation.map_or(answer.path.as_str(), |operation| &operation.template);
        self.api
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(HttpExchange {
                method: answer.method.clone(),
                path: template.to_owned(),
                status: answer.status,
                scenario: self.scenario.to_string(),
            });
        self.record().breaches.extend(breaches);
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, kind: EntryKind) {
        self.record().entries.push(Entry {
            at: SystemTime::now(),
            kind,
            consumed: true,
        });
    }
}

/// One scenario's place at the REST API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) under_test: Arc<ApiUnderTest>,
    place: Place,
    own: Option<OwnCsms>,
    caller: Caller,
    /// Tells this scenario's names from all others.
    unique: String,
    credentials: HashMap<Actor, Credential>,
    /// What steps can say in braces.
    pub(crate) words: BTreeMap<String, String>,
    /// Of the next request.
    pub(crate) next_headers: Vec<(String, String)>,
    pub(crate) next_content_type: Option<String>,
    /// Who listens for webhooks.
    pub(crate) sink: Option<Sink>,
    /// A request whose answer has not come yet.
    pub(crate) pending: Option<JoinHandle<Result<Answer, Failure>>>,
    /// The answers to the last step that sent something; the steps after it speak of the last.
    pub(crate) answers: Vec<Answer>,
}

impl Api {
    /// A new organization with a key of its own, and the name of a charge point that nobody has.
    pub(crate) async fn open(rig: &Rig, scenario: &str) -> Result<Self, Failure> {
        Self::open_at(rig, scenario, None).await
    }

    /// The same at a CSMS whose clock can be put ahead.
    pub(crate) async fn open_own(rig: &Rig, scenario: &str) -> Result<Self, Failure> {
        Self::open_at(rig, scenario, Some(OwnCsms::start().await?)).await
    }

    /// Lets time go by at a CSMS of one's own.
    pub(crate) fn put_ahead(&self, length: Duration) -> StepResult {
        let missing = || Failure::new("only a CSMS of its own has a clock that can be moved");
        let own = self.own.as_ref().ok_or_else(missing)?;
        let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        own.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        Ok(())
    }

    async fn open_at(rig: &Rig, scenario: &str, own: Option<OwnCsms>) -> Result<Self, Failure> {
        let missing = || Failure::new("the rig has no REST API to call");
        let under_test = Arc::clone(rig.api.as_ref().ok_or_else(missing)?);
        let unique = format!("api-{:06}", rig.number());
        let place = match &own {
            Some(own) => own.place(),
            None => under_test.place.clone(),
        };
        let mut api = Self {
            own,
            caller: Caller {
                api: Arc::clone(&under_test),
                base: place.base.as_str().into(),
                record: Arc::default(),
                scenario: scenario.into(),
            },
            under_test,
            place,
            credentials: HashMap::new(),
            words: BTreeMap::new(),
            next_headers: Vec::new(),
            next_content_type: None,
            sink: None,
            pending: None,
            answers: Vec::new(),
            unique,
        };
        let organization = api.organization(false);
        let key = api
            .make_organization(&organization, &[SCOPE_READ, SCOPE_WRITE])
            .await?;
        api.set_tag(&organization, &rig.tags.known).await?;
        for (word, value) in [
            ("unique", api.unique.clone()),
            ("organization", organization),
            ("charge point", api.unique.to_uppercase()),
            ("password", PASSWORD.to_owned()),
            ("key", key.clone()),
            ("tag", rig.tags.known.clone()),
        ] {
            api.words.insert(word.to_owned(), value);
        }
        api.credentials
            .insert(Actor::Organization, Credential::Key(key));
        Ok(api)
    }

    fn organization(&self, another: bool) -> String {
        format!("org-{}{}", self.unique, if another { "-b" } else { "" })
    }

    async fn make_organization(&self, id: &str, scopes: &[&str]) -> Result<String, Failure> {
        let store = &self.place.store;
        store.create_organization(id, id).await.map_err(no_set_up)?;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let key = NewApiKey::generate(id, scopes);
        let secret = key.key.clone();
        store.create_api_key(key).await.map_err(no_set_up)?;
        Ok(secret)
    }

    async fn set_tag(&self, organization: &str, tag: &str) -> StepResult {
        let setting = TagSetting {
            organization_id: organization.to_owned(),
            status: TagStatus::Accepted,
            ..TagSetting::accepted(tag)
        };
        let store = &self.place.store;
        store.set_tag(setting).await.map_err(no_set_up)
    }

    /// A word that a step can say in braces.
    pub(crate) fn word(&self, name: &str) -> Result<String, Failure> {
        words::value(&self.words, name)
    }

    /// A text with what is in braces put in.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Failure> {
        words::expand(&self.words, text)
    }

    /// Registers the scenario's charge point with the organization, as its operator would.
    pub(crate) async fn register_charge_point(&self) -> StepResult {
        let setting = ChargePointSetting {
            id: self.word("charge point")?,
            organization_id: Some(self.organization(false)),
            ..ChargePointSetting::default()
        };
        let store = &self.place.store;
        store.set_charge_point(setting).await.map_err(no_set_up)
    }

    /// What this caller shows; made at its first call.
    pub(crate) async fn credential(&mut self, actor: Actor) -> Result<Credential, Failure> {
        if let Some(known) = self.credentials.get(&actor) {
            return Ok(known.clone());
        }
        let here = self.organization(false);
        let made = match actor {
            Actor::Nobody => Credential::None,
            Actor::Stranger => Credential::Key("dyn_N0B0DYM4DETHISKEY".into()),
            Actor::Organization => {
                return Err(Failure::new("the organization has lost its key"));
            }
            Actor::Reader => Credential::Key(self.make_organization(&here, &[SCOPE_READ]).await?),
            Actor::Powerless => Credential::Key(self.make_organization(&here, &[]).await?),
            Actor::AnotherOrganization => {
                let there = self.organization(true);
                let scopes = [SCOPE_READ, SCOPE_WRITE];
                Credential::Key(self.make_organization(&there, &scopes).await?)
            }
            Actor::Installer => self.sign_up("installer").await?,
            Actor::AnotherInstaller => self.sign_up("another").await?,
            Actor::SiteOwner => Box::pin(recipe::site_owner(self)).await?,
        };
        self.credentials.insert(actor, made.clone());
        Ok(made)
    }

    /// Opens an account and logs in.
    async fn sign_up(&self, name: &str) -> Result<Credential, Failure> {
        let email = format!("{name}@{}.example.com", self.unique);
        let account = json!({"name": name, "email": email, "password": PASSWORD, "company": "Mains & Sons",
            "organization_id": self.organization(false)});
        self.set_up(Actor::Nobody, "POST", "/api/v1/installer/signup", account)
            .await?;
        self.log_in(&email, PASSWORD).await
    }

    /// The token of an account.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Result<Credential, Failure> {
        let login = json!({"email": email, "password": password});
        let answer = self
            .set_up(Actor::Nobody, "POST", "/api/v1/installer/login", login)
            .await?;
        let token = answer["token"].as_str();
        let token = token.ok_or_else(|| Failure::new("the login gives no token"))?;
        Ok(Credential::Token(token.to_owned()))
    }

    /// A request that a scenario needs to come off; gives the JSON of its answer. `null` is no body.
    pub(crate) async fn set_up(
        &self,
        actor: Actor,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Value, Failure> {
        let credential = match actor {
            Actor::Nobody => Credential::None,
            actor => {
                let known = self.credentials.get(&actor).cloned();
                known.ok_or_else(|| Failure::new(format!("{actor} has no credentials yet")))?
            }
        };
        let body = (!body.is_null()).then(|| body.to_string());
        let request = Request {
            actor,
            credential,
            method: method_of(method)?,
            path: path.to_owned(),
            headers: Vec::new(),
            body: body.map(|body| ("application/json".to_owned(), body)),
        };
        let answer = self.caller().call(request).await?;
        if !(200..300).contains(&answer.status) {
            return Err(Failure::new(answer.in_words()));
        }
        if answer.bytes.is_empty() {
            return Ok(Value::Null);
        }
        answer.json()
    }

    /// The link in the last mail to this address: what follows `token=`.
    pub(crate) async fn token_in_mail(&self, recipient: &str) -> Result<String, Failure> {
        let mails = self
            .place
            .store
            .waiting_mail(recipient)
            .await
            .map_err(no_set_up)?;
        let token = mails.last().and_then(|text| {
            let (_, rest) = text.split_once("token=")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        token.ok_or_else(|| Failure::new(format!("no mail to {recipient} has a link with a token")))
    }

    /// Sends requests that are not this scenario's own words.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// A request of an actor, with the headers that were said before it.
    pub(crate) async fn request(
        &mut self,
        actor: Actor,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Request, Failure> {
        let credential = self.credential(actor).await?;
        let kind = self.next_content_type.take();
        let body = body.map(|body| self.expand(body)).transpose()?;
        let headers = std::mem::take(&mut self.next_headers);
        let headers: Result<Vec<_>, Failure> = headers
            .into_iter()
            .map(|(name, value)| Ok((name, self.expand(&value)?)))
            .collect();
        Ok(Request {
            actor,
            credential,
            method: method_of(method)?,
            path: self.expand(path)?.replace(' ', "%20"),
            headers: headers?,
            body: body.map(|body| (kind.unwrap_or_else(|| "application/json".into()), body)),
        })
    }

    /// The answer that steps speak of; waits for one that is under way.
    pub(crate) async fn answer(&mut self) -> Result<&Answer, Failure> {
        if let Some(pending) = self.pending.take() {
            let broke = |_| Failure::new("the request broke off");
            let answer = pending.await.map_err(broke)??;
            self.answers = vec![answer];
        }
        self.answers
            .last()
            .ok_or_else(|| Failure::new("nothing was sent before this step"))
    }

    /// What was sent and answered, and what was wrong with it.
    pub(crate) async fn close(self) -> (Vec<Entry>, Vec<String>) {
        if let Some(pending) = &self.pending {
            pending.abort();
        }
        for letter in self.sink.iter().flat_map(Sink::letters) {
            self.caller
                .push(EntryKind::Note(format!("webhook: {}", letter.body)));
        }
        if let Some(own) = self.own {
            own.end().await;
        }
        let mut record = self.caller.record();
        (
            std::mem::take(&mut record.entries),
            std::mem::take(&mut record.breaches),
        )
    }
}

fn method_of(method: &str) -> Result<Method, Failure> {
    Method::from_bytes(method.as_bytes())
        .map_err(|_| Failure::new(format!("{} is no method", quoted(method))))
}

fn no_set_up(error: impl fmt::Display) -> Failure {
    Failure::new(format!("the scenario cannot be set up: {error}"))
}

/// A body as the record shows it: secrets and great lengths are shortened.
fn shown(bytes: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(bytes) {
        Ok(mut json) => {
            shorten_secrets(&mut json);
            json.to_string()
        }
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("{} bytes that are no text", bytes.len()),
        },
    };
    if text.chars().count() <= BODY_CHARS_SHOWN {
        return text;
    }
    let beginning: String = text.chars().take(BODY_CHARS_SHOWN).collect();
    format!("{beginning}… ({} bytes in all)", bytes.len())
}

/// Members whose value a report does not tell.
const SECRETS: [&str; 8] = [
    "password",
    "ocpp_password",
    "token",
    "secret",
    "key_pem",
    "private_key",
    "private_key_pem",
    "session_token",
];

fn shorten_secrets(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if SECRETS.contains(&name.as_str()) => {
                        let beginning: String = text.chars().take(3).collect();
                        *text = format!("{beginning}…");
                    }
                    value => shorten_secrets(value),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(shorten_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_great_lengths_are_shortened() {
        let text = shown(br#"{"a":[{"password":"charge-4ll-d4y"}],"name":"x"}"#);
        assert_eq!(text, r#"{"a":[{"password":"cha…"}],"name":"x"}"#);
        let long = shown("x".repeat(10_000).as_bytes());
        assert!(long.ends_with("… (10000 bytes in all)"), "{long}");
        assert_eq!(shown(&[0xff, 0xfe]), "2 bytes that are no text");
    }
}
