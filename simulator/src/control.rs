//! The operator's hand on the charge points, over HTTP.
//!
//! `POST /{action}` with the charge point and the action's fields as JSON; `GET /charge_points`. It does what a
//! person at the charge point could do, nothing that only a CSMS could.
//!
//! Refusals say `{code, error}`: 400 for what makes no sense, 404 for what there is not, 409 for what is not possible
//! as things are (the cable is locked), 501 for what this hardware never can. `GET /` answers all of it.

mod actions;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dynamo_protocol::ChargePointId;
use dynamo_protocol::v16::ChargePointErrorCode;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::charge_point::{Action, Snapshot};
use crate::driver::{Controls, OperateError, Silence};

/// A request says a handful of things.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Sockets that may be lost without a sign at once: each is an open file besides that of its charge point.
const SILENT_SOCKETS_MAX: usize = 32;

/// The charge points that can be operated; the fleet adds each as it starts.
#[derive(Clone, Debug)]
pub(crate) struct Operated {
    all: Arc<RwLock<BTreeMap<ChargePointId, Controls>>>,
    silences: Arc<Semaphore>,
}

impl Default for Operated {
    fn default() -> Self {
        Self {
            all: Arc::default(),
            silences: Arc::new(Semaphore::new(SILENT_SOCKETS_MAX)),
        }
    }
}

impl Operated {
    pub(crate) fn add(&self, id: ChargePointId, controls: Controls) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, controls);
    }

    fn get(&self, id: &ChargePointId) -> Option<Controls> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }

    /// A place for one more socket that is lost without a sign.
    fn silence(&self) -> Result<Silence, Refusal> {
        Arc::clone(&self.silences).try_acquire_owned().map_err(|_| {
            refused(format!(
                "{SILENT_SOCKETS_MAX} connections are lost silently already; wait until some are back"
            ))
        })
    }

    fn list(&self) -> Vec<Listed> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(id, controls)| Listed {
                charge_point_id: id.to_string(),
                connected: controls.is_connected(),
                state: controls.snapshot(),
            })
            .collect()
    }
}

/// A charge point in `GET /charge_points`.
#[derive(Debug, Serialize)]
struct Listed {
    charge_point_id: String,
    connected: bool,
    #[serde(flatten)]
    state: Snapshot,
}

pub(crate) fn router(operated: Operated) -> Router {
    Router::new()
        .route("/", get(async || Json(actions::guide())))
        .route("/charge_points", get(charge_points))
        .route("/{action}", post(operate))
        .fallback(async || no_such("path", "there is no such path; GET / lists what there is"))
        .method_not_allowed_fallback(async || {
            let sentence = "this path has another method, see Allow; GET / lists what there is";
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                sentence.into(),
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(operated)
}

async fn charge_points(State(operated): State<Operated>) -> Json<Vec<Listed>> {
    Json(operated.list())
}

async fn operate(
    State(operated): State<Operated>,
    name: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let name = name.map_or_else(|_| "no text".into(), |Path(name)| name);
    let Some(entry) = actions::find(&name) else {
        let known = actions::names();
        return Err(no_such(
            "action",
            &format!("there is no action {name:?}; there are {known}"),
        ));
    };
    let body = body.map_err(unread)?;
    let body = serde_json::from_slice(&body)
        .map_err(|error| malformed(format!("the body is no JSON: {error}")))?;
    let Value::Object(mut fields) = body else {
        return Err(malformed("the body must be a JSON object".into()));
    };
    // A null says no more than an absent field.
    fields.retain(|_, value| !value.is_null());
    let controls = charge_point(&operated, &mut fields)?;
    entry.check(&fields).map_err(malformed)?;
    let snapshot = controls.snapshot();
    check_connector(&fields, snapshot.connectors.len())?;
    if entry.impossible {
        let sentence = format!("no simulated charge point can {name}");
        return Err(cannot(sentence));
    }
    let silent = fields.remove("silent") == Some(Value::Bool(true));
    fields.insert("action".into(), name.into());
    let action: Action = serde_json::from_value(Value::Object(fields))
        .map_err(|error| malformed(error.to_string()))?;
    check_error_code(&action)?;
    let silence = silent.then(|| operated.silence()).transpose()?;
    match controls.operate(action, silence).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(OperateError::Impossible(reason)) => Err(cannot(reason)),
        Err(OperateError::Refused(reason)) => Err(refused(reason)),
        Err(OperateError::Gone) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ending",
            "the run is over, charge points are being stopped".into(),
        )),
    }
}

fn charge_point(operated: &Operated, fields: &mut Map<String, Value>) -> Result<Controls, Refusal> {
    let Some(Value::String(id)) = fields.remove("charge_point_id") else {
        return Err(malformed("charge_point_id is missing or no text".into()));
    };
    ChargePointId::new(&id)
        .ok()
        .and_then(|id| operated.get(&id))
        .ok_or_else(|| {
            let sentence =
                format!("there is no charge point {id:?}; GET /charge_points lists them");
            no_such("charge_point", &sentence)
        })
}

fn check_connector(fields: &Map<String, Value>, connectors: usize) -> Result<(), Refusal> {
    let connector_id = fields.get("connector_id").and_then(Value::as_u64);
    match connector_id.filter(|id| *id > connectors as u64) {
        Some(id) => {
            let sentence =
                format!("there is no connector {id}; this charge point has {connectors}");
            Err(no_such("connector", &sentence))
        }
        None => Ok(()),
    }
}

fn check_error_code(action: &Action) -> Result<(), Refusal> {
    match action {
        Action::RaiseFault { error_code, .. } | Action::RaiseWarning { error_code, .. }
            if !is_error_code(error_code) =>
        {
            Err(malformed(format!(
                "error_code {error_code:?} is none of OCPP 1.6: {}",
                ChargePointErrorCode::VARIANTS.join(", ")
            )))
        }
        _ => Ok(()),
    }
}

/// Why a body could not be read.
fn unread(rejection: BytesRejection) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body may have {BODY_BYTES_MAX} bytes"),
        ),
        _ => malformed("the body cannot be read".into()),
    }
}

fn is_error_code(word: &str) -> bool {
    word != "NoError" && ChargePointErrorCode::VARIANTS.contains(&word)
}

/// An answer that is not "done".
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: String,
    error: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &str, error: String) -> Self {
        Self {
            status,
            code: code.to_owned(),
            error,
        }
    }
}

fn malformed(sentence: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "malformed", sentence)
}

fn no_such(what: &str, sentence: &str) -> Refusal {
    let code = format!("unknown_{what}");
    Refusal::new(StatusCode::NOT_FOUND, &code, sentence.to_owned())
}

fn refused(sentence: String) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "refused", sentence)
}

fn cannot(sentence: String) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "cannot", sentence)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"code": self.code, "error": self.error});
        (self.status, Json(body)).into_response()
    }
}
