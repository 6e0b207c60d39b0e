//! The one way in which the API sends a command: to whom, how fast, once, and what became of it.
//!
//! A command is sent once and never repeated. What was not sent is an error of its own, offline or too many commands,
//! never a time-out, and may be asked for again. With an `Idempotency-Key` its outcome is kept, and a second
//! request with the key gets that instead of sending again; while the first has no outcome it is refused.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use dynamo_protocol::v16::Action;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use crate::App;
use crate::domain::charge_points::security::mask_passwords;
use crate::domain::command::{Answer, CallFailure};
use crate::domain::content_hash;
use crate::metrics::CallEnd;
use crate::ocpp::{self, v16};
use crate::rest::charge_point;
use crate::rest::error::ApiError;
use crate::rest::stamp::Stamp;
use crate::store::{Claim, KeyedRequest, OwnedPoint, Owner, Registration};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Characters of an `Idempotency-Key`.
const KEY_CHARS_MAX: usize = 255;

/// The header with which a request may be repeated without being done twice.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IdempotencyKey {
    /// Chosen by the client, 1 to 255 characters: within 24 hours the same request with the same key is not
    /// sent again, but answered as the first was, with `Idempotent-Replayed: true`.
    #[param(rename = "Idempotency-Key", value_type = Option<String>, min_length = 1, max_length = 255)]
    key: Option<String>,
}

impl FromRequestParts<Arc<App>> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(&IDEMPOTENCY_KEY) else {
            return Ok(Self { key: None });
        };
        let key = value.to_str().ok();
        let key = key.filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
        let wrong = || {
            let reason = format!("1 to {KEY_CHARS_MAX} visible characters are wanted");
            ApiError::field("Idempotency-Key", reason)
        };
        Ok(Self {
            key: Some(key.ok_or_else(wrong)?.to_owned()),
        })
    }
}

/// A command to send.
pub(super) struct Order {
    pub owner: Owner,
    pub charge_point_id: String,
    pub action: Action,
    /// Checked before.
    pub payload: String,
    /// The operation that was asked for: its answer has a shape of its own.
    pub operation: &'static str,
    pub key: IdempotencyKey,
}

/// What became of a command that was sent.
#[derive(Serialize, Deserialize)]
pub(super) struct Exchange {
    pub sent_at_ms: i64,
    pub response_time_ms: u64,
    pub end: ExchangeEnd,
}

#[derive(Serialize, Deserialize)]
pub(super) enum ExchangeEnd {
    /// What the charge point's answer says, and the status in it, `Accepted` where it says none.
    Answered { status: String, response: Value },
    /// A CALLERROR: its code, and all of it.
    Refused { status: String, response: Value },
    /// An answer that cannot be understood, and why.
    Invalid { reason: String, response: Value },
    /// It was sent, and there was no answer in time.
    TimedOut,
    /// The socket was lost before the answer.
    Lost,
}

/// An exchange, and whether it is that of an earlier request.
pub(super) struct Sent {
    pub exchange: Exchange,
    replayed: bool,
}

/// Which answers of a charge point are errors of the operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// `Rejected` and CALLERROR.
    AreErrors,
    /// None: they are what was asked for.
    AreAnswers,
}

impl Sent {
    /// The answer of the API: `body` is made from status and response of the charge point.
    pub(super) fn answer<T: Serialize>(
        self,
        refusals: Refusals,
        body: impl FnOnce(&Exchange, String, Value) -> T,
    ) -> Response {
        let Self { exchange, replayed } = self;
        let mut response = match answer(&exchange, refusals, body) {
            Ok(body) => Json(body).into_response(),
            Err(error) => error.into_response(),
        };
        if replayed {
            let value = HeaderValue::from_static("true");
            response
                .headers_mut()
                .insert(IDEMPOTENT_REPLAYED.clone(), value);
        }
        response
    }
}

fn answer<T: Serialize>(
    exchange: &Exchange,
    refusals: Refusals,
    body: impl FnOnce(&Exchange, String, Value) -> T,
) -> Result<T, ApiError> {
    let (status, response, refused) = match &exchange.end {
        ExchangeEnd::TimedOut => return Err(ApiError::Timeout),
        ExchangeEnd::Lost => {
            let message = "the command was sent, and the connection was lost before its answer: \
                           whether it was carried out is not known";
            return Err(ApiError::Unprocessable(
                "charge_point_offline",
                message.to_owned(),
            ));
        }
        ExchangeEnd::Answered { status, response } => {
            let refused = status == "Rejected" && refusals == Refusals::AreErrors;
            let message = || "the charge point rejected the command".to_owned();
            (status.clone(), response, refused.then(message))
        }
        ExchangeEnd::Refused { status, response } => {
            let refused = refusals == Refusals::AreErrors;
            let description = response["error_description"].as_str().unwrap_or("");
            let message = || format!("the charge point answered {status}: {description}");
            (status.clone(), response, refused.then(message))
        }
        ExchangeEnd::Invalid { reason, response } => {
            let message = format!("the charge point's answer breaks the schema: {reason}");
            ("InvalidResponse".to_owned(), response, Some(message))
        }
    };
    let body = body(exchange, status, response.clone());
    match refused {
        None => Ok(body),
        Some(message) => Err(ApiError::OcppRejected(message, fields(&body))),
    }
}

/// The fields of a body, for an error that carries them too.
fn fields(body: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(body) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Sends a command, or finds what became of it when its key says that it was sent before.
///
/// An error says that nothing was sent.
pub(super) async fn send(app: &Arc<App>, order: Order) -> Result<Sent, ApiError> {
    let id = order.charge_point_id;
    charge_point::check_id("charge_point_id", &id)?;
    let point = charge_point::find(app, &order.owner, &id).await?;
    if let Some(wrong) = v16::wrong_key(order.action, &order.payload) {
        return Err(ApiError::field("value", wrong.to_owned()));
    }
    let transmission = Transmission {
        point,
        action: order.action,
        payload: order.payload,
    };
    let Some(key) = order.key.key else {
        return Ok(Sent {
            exchange: transmission.run(app).await?,
            replayed: false,
        });
    };
    let Transmission { point, payload, .. } = &transmission;
    // What is kept of a request says nothing about a password in it.
    let said = match v16::new_key(order.action, payload) {
        Some(_) => app.passwords.fingerprint(payload),
        None => payload.clone(),
    };
    let keyed = KeyedRequest {
        organization_id: order.owner.organization_id,
        key,
        hash: content_hash(&[order.operation, "\n", &point.id, "\n", &said]),
        now_ms: app.clock().now_ms(),
    };
    // Its own task, from the claim on: a client that goes away leaves no claim behind that nobody ends, and finds
    // the outcome when it asks again.
    let task = app
        .jobs
        .spawn(claim_and_run(app.clone(), transmission, keyed));
    task.await
        .map_err(|error| ApiError::Internal(error.to_string()))?
}

async fn claim_and_run(
    app: Arc<App>,
    transmission: Transmission,
    keyed: KeyedRequest,
) -> Result<Sent, ApiError> {
    match app.rest_store.claim_key(keyed.clone()).await? {
        Claim::Fresh => Ok(Sent {
            exchange: run_keyed(&app, transmission, keyed).await?,
            replayed: false,
        }),
        Claim::Ended(outcome) => Ok(Sent {
            exchange: serde_json::from_str(&outcome)
                .map_err(|error| ApiError::Internal(format!("a stored outcome: {error}")))?,
            replayed: true,
        }),
        Claim::NoOutcome => Err(ApiError::Conflict(
            "idempotency_in_progress",
            "the request with this Idempotency-Key is under way, or how it ended is not known"
                .into(),
        )),
        Claim::OtherRequest => Err(ApiError::Conflict(
            "idempotency_conflict",
            "another request came with this Idempotency-Key".into(),
        )),
    }
}

async fn run_keyed(
    app: &Arc<App>,
    transmission: Transmission,
    keyed: KeyedRequest,
) -> Result<Exchange, ApiError> {
    let exchange = transmission.run(app).await;
    let kept = exchange.as_ref().ok().map(|exchange| {
        serde_json::to_string(exchange).expect("texts and JSON values can be written as JSON")
    });
    if let Err(error) = app.rest_store.end_claim(keyed, kept).await {
        // The key stays without an outcome: a second request is refused rather than sent.
        tracing::warn!(%error, "the outcome of a command with an Idempotency-Key is lost");
    }
    exchange
}

struct Transmission {
    point: OwnedPoint,
    action: Action,
    payload: String,
}

impl Transmission {
    /// Sends the command and waits for its end. An error says that it was not sent.
    async fn run(self, app: &Arc<App>) -> Result<Exchange, ApiError> {
        self.check_registration()?;
        let id = self.point.identity();
        let ready = if app.sessions.is_online(id) {
            let token = app.pace.take(id, app.mono.now_ms());
            token.map_err(|_| ApiError::Busy)
        } else {
            Err(ApiError::Offline)
        };
        if let Err(error) = ready {
            app.metrics.commanded(self.action.as_str(), CallEnd::Unsent);
            return Err(error);
        }
        let sent_at_ms = app.clock().now_ms();
        let begun = Instant::now();
        let command = v16::raw(self.action, self.payload);
        let sent = ocpp::send(app, id, &command).await?;
        Ok(Exchange {
            sent_at_ms,
            response_time_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            end: end(sent.result)?,
        })
    }

    /// Whether the charge point may be sent this [1.6 §4.2].
    fn check_registration(&self) -> Result<(), ApiError> {
        let starts_or_stops = matches!(
            self.action,
            Action::RemoteStartTransaction | Action::RemoteStopTransaction
        );
        let registration = Registration::from_word(&self.point.registration);
        match registration.unwrap_or(Registration::Rejected) {
            Registration::Accepted => Ok(()),
            Registration::Pending if !starts_or_stops => Ok(()),
            registration => Err(ApiError::NotRegistered(registration)),
        }
    }
}

fn end(result: Result<Answer, CallFailure>) -> Result<ExchangeEnd, ApiError> {
    let shown = |answer: Answer| {
        let mut response = answer.payload;
        mask_passwords(&mut response);
        response
    };
    Ok(match result {
        Ok(answer) => ExchangeEnd::Answered {
            status: answer.word.clone().unwrap_or_else(|| "Accepted".to_owned()),
            response: shown(answer),
        },
        Err(CallFailure::Invalid { reason, answer }) => ExchangeEnd::Invalid {
            reason,
            response: shown(*answer),
        },
        Err(CallFailure::Refused(refusal)) => ExchangeEnd::Refused {
            response: json!({
                "error_code": refusal.code,
                "error_description": refusal.description,
                "error_details": refusal.details,
            }),
            status: refusal.code,
        },
        Err(CallFailure::Unreadable(reason)) => ExchangeEnd::Invalid {
            reason,
            response: Value::Null,
        },
        Err(CallFailure::TimedOut) => ExchangeEnd::TimedOut,
        Err(CallFailure::Lost) => ExchangeEnd::Lost,
        Err(CallFailure::Offline) => return Err(ApiError::Offline),
        Err(CallFailure::TooLarge) => return Err(ApiError::PayloadTooLarge),
        Err(CallFailure::Busy) => return Err(ApiError::Busy),
        Err(CallFailure::NotSent) => return Err(ApiError::NotSent),
        Err(failure @ CallFailure::NotSayable(_)) => {
            return Err(ApiError::Unprocessable("ocpp_version", failure.to_string()));
        }
    })
}

impl Exchange {
    pub(super) const fn sent_at(&self) -> Stamp {
        Stamp(self.sent_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{ChargePointSetting, DEFAULT_ORGANIZATION};
    use crate::{Options, start};

    #[tokio::test]
    async fn a_client_that_goes_away_at_any_moment_does_not_burn_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let local = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let options = Options {
            http: local,
            ocpp: local,
            database: format!("sqlite://{}/csms.db", folder.path().display()),
            ..Options::default()
        };
        let csms = start(options).await.unwrap();
        let setting = ChargePointSetting {
            id: "CP-1".to_owned(),
            ..ChargePointSetting::default()
        };
        csms.store().set_charge_point(setting).await.unwrap();
        let order = |key: &str| Order {
            owner: Owner::organization(DEFAULT_ORGANIZATION.to_owned()),
            charge_point_id: "CP-1".to_owned(),
            action: Action::ClearCache,
            payload: "{}".to_owned(),
            operation: "send_command",
            key: IdempotencyKey {
                key: Some(key.to_owned()),
            },
        };
        for number in 0..60 {
            let key = format!("K{number}");
            let patience = Duration::from_micros(100 * number);
            let _ = tokio::time::timeout(patience, send(&csms.app, order(&key))).await;
            // Nothing was sent: the key is free again, as soon as the work it began is done.
            let free = async {
                while matches!(
                    send(&csms.app, order(&key)).await,
                    Err(ApiError::Conflict(..))
                ) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), free)
                .await
                .expect("the key is burnt");
        }
        csms.shutdown().await;
    }
}
