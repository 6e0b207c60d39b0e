//! `POST /api/v1/ocpp16/send_command`: any OCPP 1.6 command to a connected charge point.
//!
//! The payload is checked by its type before anything is sent. Whatever the charge point answers is a 200
//! with its status; a command is sent once and never repeated.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ChargePointId, RawValue, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::Writer;
use super::error::{Answer, ApiError, Body};
use crate::App;
use crate::clock::rfc3339;
use crate::ocpp::sessions::CallFailure;
use crate::ocpp::v16::commands;
use crate::store::Registration;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/v1/ocpp16/send_command", post(send_command))
}

#[derive(Deserialize)]
struct SendCommand {
    charge_point_id: Option<String>,
    #[serde(alias = "action")]
    command: Option<String>,
    payload: Option<Box<RawValue>>,
}

async fn send_command(
    State(app): State<Arc<App>>,
    Writer(organization): Writer,
    Body(body): Body<SendCommand>,
) -> Answer {
    let name = body
        .command
        .ok_or_else(|| ApiError::field("command", "the name of an OCPP 1.6 command is wanted"))?;
    let identity = body
        .charge_point_id
        .ok_or_else(|| ApiError::field("charge_point_id", "the charge point's id is wanted"))?;
    let action = commands::find(&name).ok_or_else(|| {
        ApiError::field(
            "command",
            format!("{name:?} is no command that OCPP 1.6 lets a CSMS send"),
        )
    })?;
    let payload = match body.payload {
        Some(payload) if payload.get() != "null" => payload,
        _ => RawValue::from_string("{}".to_owned()).expect("this is JSON"),
    };
    let checked = Decoding::strict().check_request(action, &payload);
    checked.map_err(|error| invalid_payload(&error))?;
    let id = ChargePointId::new(&identity)
        .map_err(|error| ApiError::field("charge_point_id", error.to_string()))?;
    check_addressee(&app, &organization, &id, action).await?;
    let sent_at = rfc3339(app.clock().now_ms());
    let begun = Instant::now();
    let result = app
        .sessions
        .call_raw(&id, action, payload.get().to_owned())
        .await;
    let (status, response) = outcome(action, result)?;
    let response_time_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = json!({
        "charge_point_id": identity,
        "command": name,
        "status": status,
        "response": response,
        "sent_at": sent_at,
        "response_time_ms": response_time_ms,
    });
    Ok(Json(answer))
}

/// Whether the charge point is one of this organization and may be sent this [1.6 §4.2].
async fn check_addressee(
    app: &App,
    organization: &str,
    id: &ChargePointId,
    action: Action,
) -> Result<(), ApiError> {
    let missing = || ApiError::NotFound(format!("no charge point {:?} is registered", id.as_str()));
    let known = app.store.charge_point(id.as_str()).await?;
    let charge_point = known
        .filter(|found| found.organization_id == organization)
        .ok_or_else(missing)?;
    let starts_or_stops = matches!(
        action,
        Action::RemoteStartTransaction | Action::RemoteStopTransaction
    );
    match charge_point.registration {
        Registration::Accepted => Ok(()),
        Registration::Pending if !starts_or_stops => Ok(()),
        registration => Err(ApiError::NotRegistered(registration)),
    }
}

/// Status and response of whatever was answered; an error when nothing was, or nothing that fits.
fn outcome(
    action: Action,
    result: Result<Box<RawValue>, CallFailure>,
) -> Result<(String, Value), ApiError> {
    match result {
        Ok(payload) => {
            let response = serde_json::from_str(payload.get()).unwrap_or(Value::Null);
            match Decoding::strict().check_response(action, &payload) {
                Ok(()) => {
                    let status = response.get("status").and_then(Value::as_str);
                    Ok((status.unwrap_or("Accepted").to_owned(), response))
                }
                Err(error) => Err(invalid_answer(&error, response)),
            }
        }
        Err(CallFailure::Refused(error)) => {
            let code = error.code.as_wire(Version::V1_6).to_owned();
            let response = json!({
                "error_code": code,
                "error_description": error.description,
                "error_details": error.details,
            });
            Ok((code, response))
        }
        Err(CallFailure::TooLarge) => Err(ApiError::PayloadTooLarge),
        Err(CallFailure::Offline) => Err(ApiError::Offline),
        Err(CallFailure::Busy) => Err(ApiError::Busy),
        Err(CallFailure::TimedOut) => Err(ApiError::Timeout),
    }
}

fn invalid_answer(error: &CallError, response: Value) -> ApiError {
    let mut fields = Map::new();
    fields.insert("status".to_owned(), json!("InvalidResponse"));
    fields.insert("response".to_owned(), response);
    ApiError::OcppRejected(
        format!(
            "the charge point's answer breaks the schema: {}",
            error.description
        ),
        fields,
    )
}

fn invalid_payload(error: &CallError) -> ApiError {
    let pointer = error.details.get("path").and_then(Value::as_str);
    let pointer = pointer.unwrap_or("");
    let field = format!("payload{}", pointer.replace('/', "."));
    ApiError::field(&field, error.description.clone())
}
