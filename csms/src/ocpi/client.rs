//! Calls to partners [OCPI 2.2.1 §4].
//!
//! Every call has an end in time and a bound on what is read of its answer. Redirects are followed to the same host only,
//! with the method and the body that they were asked with: the token is for nobody else. Private networks are reached only
//! where the operator lets it, as with webhooks.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName};
use dynamo_protocol::ocpi::envelope::{Said, read_answer};
use dynamo_protocol::ocpi::header::{TokenEncoding, write_token};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use super::headers::{CORRELATION_ID, FROM_COUNTRY, FROM_PARTY, REQUEST_ID, TO_COUNTRY, TO_PARTY};
use crate::outbox::said;
use crate::public_only::{PublicOnly, refused_address};

/// Bytes that are read of an answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Redirects that are followed of one call.
const REDIRECTS_MAX: usize = 3;
/// Connections to one partner that are kept open, and for how long.
const IDLE_MAX: usize = 8;
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The way to partners.
pub(crate) struct Partners {
    client: Result<Client, String>,
    to_private_networks: bool,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub method: Method,
    pub url: &'a str,
    pub token: &'a str,
    pub encoding: TokenEncoding,
    pub body: Option<&'a Value>,
    /// Own party and that of the partner, in the order of country and id; none for versions and credentials.
    pub route: Option<[&'a str; 4]>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub status: StatusCode,
    /// Of a success: what it says.
    pub said: Said,
    /// How long the partner wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// There was no answer.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    /// In words.
    pub why: String,
    /// The partner may have read what was sent.
    pub was_reached: bool,
}

impl From<String> for Unanswered {
    fn from(why: String) -> Self {
        Self {
            why,
            was_reached: false,
        }
    }
}

impl From<Unanswered> for String {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.why
    }
}

impl Answered {
    /// Whether the partner did what it was asked.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success() && self.said.is_success()
    }

    /// Why it did not, in words.
    pub(crate) fn refusal(&self) -> String {
        match (self.status.is_success(), self.said.message.is_empty()) {
            (false, _) => format!("answered {}", self.status),
            (true, true) => format!("answered the status code {}", self.said.status_code),
            (true, false) => format!(
                "answered the status code {}: {}",
                self.said.status_code,
                self.said.message.chars().take(200).collect::<String>()
            ),
        }
    }
}

impl Partners {
    pub(crate) fn new(timeout: Duration, to_private_networks: bool) -> Self {
        let mut client = Client::builder();
        if !to_private_networks {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        let client = client
            .redirect(Policy::none())
            .timeout(timeout)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("dynamo/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            client: client.map_err(|error| said(&error)),
            to_private_networks,
        }
    }

    /// Calls a partner.
    ///
    /// # Errors
    /// When there was no answer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answered, Unanswered> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let mut url = Url::parse(call.url).map_err(|_| format!("{:?} is no URL", call.url))?;
        // The same over all redirects of one call, but each request has an id of its own.
        let correlation = uuid::Uuid::new_v4().to_string();
        for _ in 0..=REDIRECTS_MAX {
            if !self.to_private_networks
                && let Some(why) = refused_address(url.as_str())
            {
                return Err(format!("the partner is at {why}").into());
            }
            let mut request = client
                .request(call.method.clone(), url.clone())
                .header(AUTHORIZATION, write_token(call.token, call.encoding))
                .header(REQUEST_ID.clone(), uuid::Uuid::new_v4().to_string())
                .header(CORRELATION_ID.clone(), &correlation);
            if let Some([own_country, own_party, country, party]) = call.route {
                request = request
                    .header(FROM_COUNTRY.clone(), own_country)
                    .header(FROM_PARTY.clone(), own_party)
                    .header(TO_COUNTRY.clone(), country)
                    .header(TO_PARTY.clone(), party);
            }
            if let Some(body) = call.body {
                request = request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.to_string());
            }
            let answer = request.send().await;
            let answer = answer.map_err(|error| Unanswered {
                was_reached: !error.is_connect(),
                why: said(&error.without_url()),
            })?;
            match redirected(&call.method, &url, &answer)? {
                Some(next) => url = next,
                None => {
                    return read(answer).await.map_err(|why| Unanswered {
                        why,
                        was_reached: true,
                    });
                }
            }
        }
        Err("the partner redirects without end".to_owned().into())
    }
}

/// Where an answer sends the caller to, if it does.
fn redirected(method: &Method, from: &Url, answer: &Response) -> Result<Option<Url>, String> {
    let keeps_method = match answer.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
            *method == Method::GET
        }
        _ => return Ok(None),
    };
    if !keeps_method {
        return Err(format!(
            "the partner answered {}, by which a {method} gets lost",
            answer.status()
        ));
    }
    let place = text(answer.headers(), &LOCATION);
    let next = place.and_then(|place| from.join(place).ok());
    let next = next.ok_or("the partner redirects to nowhere")?;
    match next.origin() == from.origin() {
        true => Ok(Some(next)),
        false => {
            Err("the partner redirects to another host, which is not given its token".to_owned())
        }
    }
}

async fn read(mut answer: Response) -> Result<Answered, String> {
    let status = answer.status();
    let retry_after = text(answer.headers(), &RETRY_AFTER).and_then(|text| text.parse().ok());
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // What was done was done; what it says is lost.
            Err(_) if status.is_success() && body.is_empty() => break,
            Err(error) => return Err(said(&error.without_url())),
        }
        if body.len() > ANSWER_BYTES_MAX {
            return Err("the partner's answer is larger than 8 MiB".to_owned());
        }
    }
    Ok(Answered {
        status,
        said: read_answer(&body),
        retry_after: retry_after.map(Duration::from_secs),
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
