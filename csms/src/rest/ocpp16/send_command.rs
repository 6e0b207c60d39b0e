//! `POST /api/v1/ocpp16/send_command`: any OCPP 1.6 command to a connected charge point.
//!
//! The payload is checked by its type before anything is sent. Whatever the charge point answers is a 200
//! with its status; a command is sent once and never repeated.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ChargePointId, RawValue, Version};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::ocpp::sessions::CallFailure;
use crate::ocpp::v16::commands;
use crate::rest::auth::AnyWriter;
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::Body;
use crate::rest::openapi::{AccessErrors, BodyErrors, CommandErrors};
use crate::rest::stamp::Stamp;
use crate::store::{Owner, Registration};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(send_command))
}

#[derive(Deserialize, ToSchema, Validate)]
struct SendCommand {
    #[garde(skip)]
    #[schema(example = "CP-SITE42-001")]
    charge_point_id: String,
    /// Any OCPP 1.6 command; `action` is taken as well.
    #[garde(skip)]
    #[serde(alias = "action")]
    #[schema(example = "GetConfiguration")]
    command: String,
    /// What the command carries; `{}` when left out.
    #[garde(skip)]
    #[schema(value_type = Option<Object>, example = json!({"key": ["HeartbeatInterval"]}))]
    payload: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
struct CommandAnswer {
    charge_point_id: String,
    command: String,
    /// The charge point's; `Accepted` where the answer has none; the code of a CALLERROR.
    status: String,
    /// The whole answer.
    #[schema(value_type = Object)]
    response: Value,
    sent_at: Stamp,
    response_time_ms: u64,
}

/// Sends any OCPP 1.6 command. Whatever the charge point answers is a 200 with its status.
#[utoipa::path(
    post,
    path = "/api/v1/ocpp16/send_command",
    tag = "OCPP 1.6 commands",
    request_body = SendCommand,
    responses((status = 200, body = CommandAnswer), AccessErrors, BodyErrors, CommandErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn send_command(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    Body(body): Body<SendCommand>,
) -> Answer<CommandAnswer> {
    let name = body.command;
    let identity = body.charge_point_id;
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
    check_addressee(&app, &owner, &id, action).await?;
    let sent_at = Stamp(app.clock().now_ms());
    let begun = Instant::now();
    let result = app
        .sessions
        .call_raw(&id, action, payload.get().to_owned())
        .await;
    let (status, response) = outcome(action, result)?;
    let response_time_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(CommandAnswer {
        charge_point_id: identity,
        command: name,
        status,
        response,
        sent_at,
        response_time_ms,
    }))
}

/// Whether the charge point is the owner's and may be sent this [1.6 §4.2].
async fn check_addressee(
    app: &App,
    owner: &Owner,
    id: &ChargePointId,
    action: Action,
) -> Result<(), ApiError> {
    let found = charge_point::find(app, owner, id.as_str()).await?;
    let registration = Registration::from_word(&found.registration);
    let starts_or_stops = matches!(
        action,
        Action::RemoteStartTransaction | Action::RemoteStopTransaction
    );
    match registration.unwrap_or(Registration::Rejected) {
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
