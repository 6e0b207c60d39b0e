//! Sends requests, and writes down what was sent, what came, and what of it is not as the document says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use dynamo_protocol::trace::Direction;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::failure::Failure;
use crate::peer::http::in_words;
use crate::role::rest::under_test::ApiUnderTest;
use crate::rules::Breach;
use crate::wire::actor::Credential;
use crate::wire::entry::{Entry, EntryKind, HttpHead};
use crate::wire::http::HttpBend;
use crate::wire::http::HttpExchange;
use crate::wire::http::{Answer, Request, shown};
use crate::words::quoted;

/// What was sent and answered in a scenario, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) entries: Vec<Entry>,
    pub(crate) breaches: Vec<Breach>,
    /// What came from which operation, for the coverage.
    pub(crate) exchanges: Vec<HttpExchange>,
}

/// Sends requests and writes them down. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    api: Arc<ApiUnderTest>,
    base: Arc<str>,
    record: Arc<Mutex<Record>>,
    scenario: Arc<str>,
    /// The server has no database any more.
    outage: Arc<AtomicBool>,
    /// What stands between the API and this caller in the judge's own test.
    bend: Option<Arc<Mutex<Box<dyn HttpBend>>>>,
}

impl Caller {
    pub(super) fn new(
        api: Arc<ApiUnderTest>,
        base: &str,
        scenario: &str,
        bend: Option<Box<dyn HttpBend>>,
    ) -> Self {
        Self {
            api,
            base: base.into(),
            record: Arc::default(),
            scenario: scenario.into(),
            outage: Arc::default(),
            bend: bend.map(|bend| Arc::new(Mutex::new(bend))),
        }
    }

    /// One whose requests nobody will read of: for looking at the same things again and again.
    pub(crate) fn unrecorded(&self) -> Self {
        Self {
            record: Arc::default(),
            ..self.clone()
        }
    }

    /// From now on the server may say that it cannot serve.
    pub(super) fn expect_outage(&self) {
        self.outage.store(true, Ordering::Relaxed);
    }

    /// Everything so far, for the one who ends the scenario.
    pub(super) fn take_record(&self) -> Record {
        std::mem::take(&mut self.record())
    }

    /// Sends a request and holds the answer against the document.
    pub(crate) async fn call(self, request: Request) -> Result<Answer, Failure> {
        self.write_request(&request);
        let answer = match &self.bend {
            None => self.send(&request).await?,
            Some(bend) => self.send_through(bend, &request).await?,
        };
        self.write_answer(&answer);
        Ok(answer)
    }

    async fn send_through(
        &self,
        bend: &Mutex<Box<dyn HttpBend>>,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let bend = || bend.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = bend().asks(request);
        let mut answer = Err(Failure::new("the defect asks for nothing"));
        for request in &asked {
            answer = Ok(self.send(request).await?);
        }
        let mut answer = answer?;
        answer.method = request.method.as_str().to_owned();
        answer.path.clone_from(&request.path);
        bend().tells(request, &mut answer);
        Ok(answer)
    }

    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let method = request.method.as_str().to_owned();
        let path = request.path.clone();
        let silent = |error: &reqwest::Error| {
            Failure::new(format!("{method} {path}: no answer: {}", in_words(error)))
        };
        let built = self.build(request)?;
        let response = built.send().await.map_err(|error| silent(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.map_err(|error| silent(&error))?;
        Ok(Answer {
            method,
            path,
            status,
            headers,
            bytes: bytes.to_vec(),
        })
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
        let breaches = document.breaches(answer, self.outage.load(Ordering::Relaxed));
        let operation = document.operation(&answer.method, &answer.path);
        let template = operation.map_or(answer.path.as_str(), |operation| &operation.template);
        let mut record = self.record();
        record.exchanges.push(HttpExchange {
            method: answer.method.clone(),
            path: template.to_owned(),
            status: answer.status,
            code: code_of(answer),
            scenario: self.scenario.to_string(),
        });
        record.breaches.extend(breaches);
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, kind: EntryKind) {
        self.record().entries.push(Entry {
            at: SystemTime::now(),
            kind,
            consumed: true,
        });
    }
}

/// The code of an error.
fn code_of(answer: &Answer) -> Option<String> {
    let json = (answer.status >= 400).then(|| answer.json().ok())??;
    json["code"].as_str().map(str::to_owned)
}
