//! The REST API as the third thing under test: who calls it, what was sent and answered, and what every answer has to
//! keep to without a step saying so.
//!
//! The judge looks at raw status, headers and JSON, never at types of the CSMS. Each scenario has an organization of
//! its own; organizations and keys, for which the API has no operations, are made in the store as set-up.

//!
//! | what | where |
//! | --- | --- |
//! | a scenario's place at the API: its words, its requests, its answers | here |
//! | who calls, and their organizations, keys and accounts | [`actor`], `accounts` |
//! | a request is sent, its answer is held against the document, both are recorded | [`exchange`], `caller`, `breach` |
//! | the API under test, or one that a scenario has for itself | `under_test`, `own_csms` |
//! | what `/openapi.json` says, which of it came, and what it has to say | [`document`], [`coverage`], `required` |
//! | bodies and ids for operations that nobody wrote a step for | [`sample`], [`recipe`] |
//! | what steps write: placeholders in JSON, words in braces | [`pattern`], [`words`] |
//! | somebody who listens for webhooks | [`sink`] |

mod accounts;
mod caller;
mod own_csms;
pub(crate) mod recipe;
pub(crate) mod sample;
pub(crate) mod under_test;
pub(crate) mod words;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dynamo_csms::PaymentSettings;
use dynamo_csms::store::{ChargePointSetting, Registration};
use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::failure::{Failure, StepResult};
use crate::peer::sink::Sink;
use crate::role::rig::Rig;
use crate::wire::entry::EntryKind;
use crate::words::quoted;
use accounts::{SCOPE_READ, SCOPE_WRITE};
use caller::{Caller, Record};
use dynamo_csms::domain::tags::tag::TagStatus;
use own_csms::OwnCsms;
use under_test::Place;

use crate::wire::actor::PASSWORD;
use crate::wire::actor::{Actor, Credential};
use crate::wire::http::{Answer, Request};
use under_test::ApiUnderTest;

/// How long a CSMS waits for the answer to a command where a scenario does not say otherwise.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// An address at which nobody listens.
const NOBODY: &str = "http://127.0.0.1:9";

/// One scenario's place at the REST API.
#[derive(Debug)]
pub(crate) struct Rest {
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
    /// Who listens for webhooks.
    pub(crate) sink: Option<Sink>,
    /// A request whose answer has not come yet.
    pub(crate) pending: Option<JoinHandle<Result<Answer, Failure>>>,
    /// The answers to the last step that sent something; the steps after it speak of the last.
    pub(crate) answers: Vec<Answer>,
}

impl Rest {
    /// A new organization with a key of its own, and the name of a charge point that nobody has.
    pub(crate) async fn open(rig: &Rig, scenario: &str) -> Result<Self, Failure> {
        Self::open_at(rig, scenario, None).await
    }

    /// The same at a CSMS of its own, whose clock can be put ahead, and which waits so long for the answer to a
    /// command.
    pub(crate) async fn open_own(
        rig: &Rig,
        scenario: &str,
        command_timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        let timeout = command_timeout.unwrap_or(COMMAND_TIMEOUT);
        let own = OwnCsms::start(|options| options.command_timeout = timeout).await?;
        Self::open_at(rig, scenario, Some(own)).await
    }

    /// The same at a CSMS of its own whose payment gateway nobody reaches.
    pub(crate) async fn open_without_gateway(rig: &Rig, scenario: &str) -> Result<Self, Failure> {
        let own = OwnCsms::start(|options| {
            options.payment = PaymentSettings::Stripe {
                key: "sk_test_nobody".to_owned(),
                url: NOBODY.to_owned(),
            };
        });
        Self::open_at(rig, scenario, Some(own.await?)).await
    }

    /// Takes the database of a CSMS of one's own away; from now on it may say that it cannot serve.
    pub(crate) async fn take_database_away(&self) -> StepResult {
        let missing = || Failure::new("only a CSMS of its own can be left without a database");
        let own = self.own.as_ref().ok_or_else(missing)?;
        own.take_database_away().await;
        self.caller.expect_outage();
        Ok(())
    }

    /// Lets time go by at a CSMS of one's own.
    pub(crate) fn put_ahead(&self, length: Duration) -> StepResult {
        let missing = || Failure::new("only a CSMS of its own has a clock that can be moved");
        let own = self.own.as_ref().ok_or_else(missing)?;
        own.put_ahead(length);
        Ok(())
    }

    /// Where the scenario's charge point connects, if it is not the CSMS under test.
    pub(crate) fn own_ocpp_url(&self) -> Option<String> {
        self.own.as_ref().map(OwnCsms::ocpp_url)
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
            caller: Caller::new(
                Arc::clone(&under_test),
                &place.base,
                scenario,
                rig.between.http.map(|make| make()),
            ),
            under_test,
            place,
            credentials: HashMap::new(),
            words: BTreeMap::new(),
            next_headers: Vec::new(),
            sink: None,
            pending: None,
            answers: Vec::new(),
            unique,
        };
        let organization = api.organization(false);
        let key = api
            .make_organization(&organization, &[SCOPE_READ, SCOPE_WRITE])
            .await?;
        let (known, blocked) = (&rig.tags.known, rig.tags.blocked.as_ref());
        let known = known.first().cloned().unwrap_or_default();
        api.set_tag(&organization, &known, TagStatus::Accepted)
            .await?;
        if let Some(blocked) = blocked {
            api.set_tag(&organization, blocked, TagStatus::Blocked)
                .await?;
        }
        for (word, value) in [
            ("unique", api.unique.clone()),
            ("organization", organization),
            ("charge point", api.unique.to_uppercase()),
            ("password", PASSWORD.to_owned()),
            ("key", key.clone()),
            ("tag", known),
        ] {
            api.words.insert(word.to_owned(), value);
        }
        api.credentials
            .insert(Actor::Organization, Credential::Key(key));
        Ok(api)
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
        self.register_with(None).await
    }

    /// The same, and it is not to come in.
    pub(crate) async fn register_rejected(&self) -> StepResult {
        self.register_with(Some(Registration::Rejected)).await
    }

    async fn register_with(&self, registration: Option<Registration>) -> StepResult {
        let setting = ChargePointSetting {
            id: self.word("charge point")?,
            organization_id: Some(self.organization(false)),
            registration,
            ..ChargePointSetting::default()
        };
        let store = &self.place.store;
        store.set_charge_point(setting).await.map_err(no_set_up)
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
            body: body.map(|body| ("application/json".into(), body)),
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
    pub(crate) async fn close(self) -> Record {
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
        self.caller.take_record()
    }
}

fn method_of(method: &str) -> Result<Method, Failure> {
    Method::from_bytes(method.as_bytes())
        .map_err(|_| Failure::new(format!("{} is no method", quoted(method))))
}

fn no_set_up(error: impl fmt::Display) -> Failure {
    Failure::new(format!("the scenario cannot be set up: {error}"))
}
