//! Exchanges of OCPI as they cross between the rig and a platform under test: headers byte for byte, bodies as they came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dynamo_protocol::trace::Direction;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;
use tokio::sync::watch;

use crate::wire::entry::{End, Entry, EntryKind, HttpHead};
use crate::wire::http::{Answer, shown};

/// Exchanges of one scenario that are kept; more than any scenario can cause.
pub(crate) const EXCHANGES_MAX: usize = 5_000;

/// What an endpoint is for [OCPI 2.2.1 §6.2.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Module {
    /// The list of versions.
    Versions,
    /// The details of a version.
    Details,
    Credentials,
    Cdrs,
    Commands,
    Locations,
    Sessions,
    Tariffs,
    Tokens,
    /// Where the result of a command is sent.
    Result,
    /// A path that nobody was told of.
    Elsewhere,
}

impl Module {
    /// Those that version details list, by their identifiers.
    pub(crate) const LISTED: [(Self, &'static str); 7] = [
        (Self::Credentials, "credentials"),
        (Self::Cdrs, "cdrs"),
        (Self::Commands, "commands"),
        (Self::Locations, "locations"),
        (Self::Sessions, "sessions"),
        (Self::Tariffs, "tariffs"),
        (Self::Tokens, "tokens"),
    ];

    /// The one with this identifier.
    pub(crate) fn of(identifier: &str) -> Option<Self> {
        let mut all = Self::LISTED.iter();
        all.find(|(_, name)| *name == identifier)
            .map(|(module, _)| *module)
    }

    /// In sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Details => "version details",
            Self::Result => "results of commands",
            Self::Elsewhere => "a path that nobody was told of",
            listed => {
                let mut all = Self::LISTED.iter();
                all.find(|(module, _)| *module == listed)
                    .map_or("", |(_, name)| name)
            }
        }
    }

    /// Whether its messages carry who sends them to whom [OCPI 2.2.1 §4.1.4].
    pub(crate) fn is_functional(self) -> bool {
        !matches!(
            self,
            Self::Versions | Self::Details | Self::Credentials | Self::Elsewhere
        )
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) module: Module,
    /// The parts of the path behind the URL of the endpoint, as they are written.
    pub(crate) parts: Vec<String>,
}

/// A request as it stands on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) by: End,
    /// Which of the rig's partners sends or receives it.
    pub(crate) partner: String,
    pub(crate) at: SystemTime,
    pub(crate) place: Place,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The body as JSON, where it is some.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// For a reader.
    pub(crate) fn in_words(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) asked: Asked,
    pub(crate) answer: Option<Answer>,
    /// When the answer was there.
    pub(crate) answered_at: Option<SystemTime>,
}

impl Exchange {
    /// The body of the answer as JSON, where it is some.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer.as_ref()?.bytes).ok()
    }

    /// What the envelope holds.
    pub(crate) fn data(&self) -> Value {
        self.json()
            .map(|mut envelope| envelope["data"].take())
            .unwrap_or_default()
    }

    /// HTTP's status, and the status code of the envelope where there is one.
    pub(crate) fn code(&self) -> (u16, Option<i64>) {
        let status = self.answer.as_ref().map_or(0, |answer| answer.status);
        let code = self.json().and_then(|json| json["status_code"].as_i64());
        (status, code)
    }

    /// For a reader who wants to know what came instead.
    pub(crate) fn in_words(&self) -> String {
        match &self.answer {
            Some(answer) => answer.in_words(),
            None => format!("{} has no answer", self.asked.in_words()),
        }
    }
}

/// The exchanges of a scenario, in the order of their requests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    changed: Arc<watch::Sender<usize>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            exchanges: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Ledger {
    /// Writes a request down; its number is for the answer.
    pub(crate) fn begin(&self, asked: Asked) -> usize {
        let number = {
            let mut exchanges = self.lock();
            if exchanges.len() < EXCHANGES_MAX {
                exchanges.push(Exchange {
                    asked,
                    answer: None,
                    answered_at: None,
                });
            }
            exchanges.len() - 1
        };
        self.changed.send_modify(|count| *count += 1);
        number
    }

    /// Writes the answer to a request down.
    pub(crate) fn end(&self, number: usize, answer: Answer) {
        if let Some(exchange) = self.lock().get_mut(number) {
            exchange.answer = Some(answer);
            exchange.answered_at = Some(SystemTime::now());
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// How many requests there are so far.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// All from this number on.
    pub(crate) fn from(&self, number: usize) -> Vec<Exchange> {
        self.lock().get(number..).unwrap_or_default().to_vec()
    }

    /// One that was written down.
    pub(crate) fn get(&self, number: usize) -> Option<Exchange> {
        self.lock().get(number).cloned()
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<usize> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that sits between a platform and its partners. Sees every request in both directions and may keep state.
pub(crate) trait OcpiBend: Send {
    /// What the platform is asked in the place of this request: the answer to the last one counts.
    fn asks(&mut self, asked: &Asked) -> Vec<Asked> {
        vec![asked.clone()]
    }

    /// What the partner is told.
    fn tells(&mut self, _asked: &Asked, _answer: &mut Answer) {}

    /// What arrives at the partner in the place of what the platform sent.
    fn calls(&mut self, _asked: &mut Asked) {}
}

impl std::fmt::Debug for dyn OcpiBend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OcpiBend")
    }
}

/// A bend that several share.
pub(crate) type SharedBend = Arc<Mutex<Box<dyn OcpiBend>>>;

/// The entries of the report that tell of exchanges.
pub(crate) fn entries(exchanges: &[Exchange]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for exchange in exchanges {
        let asked = &exchange.asked;
        let (there, back) = match asked.by {
            End::Rig => (Direction::ToSut, Direction::FromSut),
            End::Sut => (Direction::FromSut, Direction::ToSut),
        };
        let who = match asked.by {
            End::Rig => asked.partner.clone(),
            End::Sut => "the CPO".to_owned(),
        };
        let head = |status| HttpHead {
            who: who.clone(),
            method: asked.method.to_string(),
            path: asked.url.clone(),
            status,
        };
        let first = format!("{} {}", asked.method, asked.url);
        entries.push(entry(
            asked.at,
            there,
            head(None),
            raw(&first, &asked.headers, &asked.body),
        ));
        if let (Some(answer), Some(at)) = (&exchange.answer, exchange.answered_at) {
            let first = answer.status.to_string();
            let raw = raw(&first, &answer.headers, &answer.bytes);
            entries.push(entry(at, back, head(Some(answer.status)), raw));
        }
    }
    entries
}

fn entry(at: SystemTime, direction: Direction, head: HttpHead, raw: String) -> Entry {
    Entry {
        at,
        kind: EntryKind::Http {
            direction,
            head,
            raw,
        },
        consumed: true,
    }
}

/// Headers that say something to a reader; of the token only the beginning.
const SHOWN_HEADERS: [&str; 14] = [
    "authorization",
    "content-type",
    "x-request-id",
    "x-correlation-id",
    "ocpi-from-country-code",
    "ocpi-from-party-id",
    "ocpi-to-country-code",
    "ocpi-to-party-id",
    "link",
    "x-total-count",
    "x-limit",
    "location",
    "allow",
    "retry-after",
];

fn raw(first: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let mut raw = first.to_owned();
    for name in SHOWN_HEADERS {
        let known = HeaderName::from_static(name);
        for value in headers.get_all(&known) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = match name {
                "authorization" => format!("{}…", value.chars().take(10).collect::<String>()),
                _ => value.into_owned(),
            };
            raw += &format!("\n{name}: {value}");
        }
    }
    if !body.is_empty() {
        raw += &format!("\n{}", shown(body));
    }
    raw
}
