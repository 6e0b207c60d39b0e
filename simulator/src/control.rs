//! The operator's hand on the charge points, over HTTP.
//!
//! `POST /{action}` with the charge point and the action's fields as JSON; `GET /charge_points`. It does what a
//! person at the charge point could do, nothing that only a CSMS could.
//!
//! Refusals say `{code, message}`: 400 for what makes no sense, 404 for what there is not, 409 for what is not possible
//! as things are (the cable is locked), 501 for what this hardware never can.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use dynamo_protocol::ChargePointId;
use dynamo_protocol::v16::ChargePointErrorCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::charge_point::{Action, ConnectorId, ID_TAG_CHARS_MAX, Snapshot};
use crate::driver::{Controls, OperateError};

/// A request says a handful of things.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The names of [`Action`] in URLs.
const ACTIONS: [&str; 9] = [
    "plug_in",
    "unplug",
    "present_id_tag",
    "power_cycle",
    "disconnect",
    "raise_fault",
    "clear_fault",
    "jam_lock",
    "free_lock",
];
/// Known to the API, but no charge point has the part for it.
const IMPOSSIBLE_ACTIONS: [&str; 1] = ["tamper"];

/// The charge points that can be operated; the fleet adds each as it starts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operated(Arc<RwLock<BTreeMap<ChargePointId, Controls>>>);

impl Operated {
    pub(crate) fn add(&self, id: ChargePointId, controls: Controls) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, controls);
    }

    fn get(&self, id: &ChargePointId) -> Option<Controls> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }

    fn list(&self) -> Vec<Listed> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
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
        .route("/charge_points", get(charge_points))
        .route("/{action}", post(operate))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(operated)
}

async fn charge_points(State(operated): State<Operated>) -> Json<Vec<Listed>> {
    Json(operated.list())
}

async fn operate(
    State(operated): State<Operated>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let impossible = IMPOSSIBLE_ACTIONS.contains(&name.as_str());
    if !impossible && !ACTIONS.contains(&name.as_str()) {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "unknown_action",
            format!(
                "there is no action {name:?}; there are {}",
                ACTIONS.join(", ")
            ),
        ));
    }
    let mut fields: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()))?;
    let controls = charge_point(&operated, &mut fields)?;
    if impossible {
        let sentence = format!("no simulated charge point can {name}");
        return Err(cannot(sentence));
    }
    fields.insert("action".into(), name.into());
    let action: Action = serde_json::from_value(Value::Object(fields))
        .map_err(|error| malformed(error.to_string()))?;
    check(&action, &controls.snapshot())?;
    match controls.operate(action).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(OperateError::Impossible(reason)) => Err(cannot(reason)),
        Err(OperateError::Refused(reason)) => {
            Err(Refusal::new(StatusCode::CONFLICT, "refused", reason))
        }
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
            Refusal::new(
                StatusCode::NOT_FOUND,
                "unknown_charge_point",
                format!("there is no charge point {id:?}; GET /charge_points lists them"),
            )
        })
}

/// What the type of an action leaves open.
fn check(action: &Action, snapshot: &Snapshot) -> Result<(), Refusal> {
    let (connector_id, seconds): (Option<ConnectorId>, Option<f64>) = match action {
        Action::PlugIn { connector_id }
        | Action::Unplug { connector_id, .. }
        | Action::JamLock { connector_id }
        | Action::FreeLock { connector_id } => {
            if *connector_id == 0 {
                return Err(malformed("connector_id counts from 1 here".into()));
            }
            (Some(*connector_id), None)
        }
        Action::PresentIdTag {
            connector_id,
            id_tag,
        } => {
            if id_tag.is_empty() || id_tag.chars().count() > ID_TAG_CHARS_MAX {
                return Err(malformed(format!(
                    "id_tag has 1 to {ID_TAG_CHARS_MAX} characters, not {id_tag:?}"
                )));
            }
            (*connector_id, None)
        }
        Action::PowerCycle { seconds, .. } | Action::Disconnect { seconds } => {
            (None, Some(*seconds))
        }
        Action::RaiseFault {
            connector_id,
            error_code,
        } => {
            if !is_error_code(error_code) {
                return Err(malformed(format!(
                    "{error_code:?} is no error code of OCPP 1.6 (ConnectorLockFailure, GroundFailure, …)"
                )));
            }
            (Some(*connector_id), None)
        }
        Action::ClearFault { connector_id } => (Some(*connector_id), None),
    };
    if seconds.is_some_and(|seconds| !seconds.is_finite() || seconds < 0.0) {
        return Err(malformed("seconds cannot be negative".into()));
    }
    match connector_id {
        Some(id) if id as usize > snapshot.connectors.len() => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "unknown_connector",
            format!(
                "there is no connector {id}; this charge point has {}",
                snapshot.connectors.len()
            ),
        )),
        _ => Ok(()),
    }
}

fn is_error_code(word: &str) -> bool {
    word != "NoError" && ChargePointErrorCode::VARIANTS.contains(&word)
}

/// An answer that is not "done".
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    const fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self {
            status,
            code,
            message,
        }
    }
}

fn malformed(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "malformed", message)
}

fn cannot(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "cannot", message)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"code": self.code, "message": self.message});
        (self.status, Json(body)).into_response()
    }
}
