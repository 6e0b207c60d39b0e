//! `POST /api/v1/ocpp16/send_command`: any OCPP 1.6 command to a connected charge point.
//!
//! The payload is checked by its type before anything is sent. Whatever the charge point answers is a 200
//! with its status.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::{CallError, RawValue};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::sending::{IdempotencyKey, Order, Refusals, send};
use crate::App;
use crate::ocpp::v16;
use crate::rest::auth::AnyWriter;
use crate::rest::error::ApiError;
use crate::rest::input::Body;
use crate::rest::openapi::{AccessErrors, BodyErrors, CommandErrors};
use crate::rest::stamp::Stamp;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(send_command))
}

#[derive(Deserialize, ToSchema, Validate)]
struct SendCommand {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    /// Any OCPP 1.6 command; `action` is taken as well.
    #[garde(skip)]
    #[serde(alias = "action")]
    #[schema(min_length = 1, example = "GetConfiguration")]
    command: String,
    /// What the command carries; `{}` when left out.
    #[garde(skip)]
    #[schema(value_type = Option<Object>, example = json!({"key": ["HeartbeatInterval"]}))]
    payload: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
struct AnyCommandAnswer {
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
    params(IdempotencyKey),
    request_body = SendCommand,
    responses((status = 200, body = AnyCommandAnswer), AccessErrors, BodyErrors, CommandErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn send_command(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    key: IdempotencyKey,
    Body(body): Body<SendCommand>,
) -> Result<Response, ApiError> {
    let SendCommand {
        charge_point_id,
        command,
        payload,
    } = body;
    let action = v16::find(&command).ok_or_else(|| {
        let reason = format!("{command:?} is no command that OCPP 1.6 lets a CSMS send");
        ApiError::field("command", reason)
    })?;
    let payload = match payload {
        Some(payload) if payload.get() != "null" => payload,
        _ => RawValue::from_string("{}".to_owned()).expect("this is JSON"),
    };
    let checked = Decoding::strict().check_request(action, &payload);
    checked.map_err(|error| invalid_payload(&error))?;
    let order = Order {
        owner,
        charge_point_id: charge_point_id.clone(),
        action,
        payload: payload.get().to_owned(),
        operation: "send_command",
        key,
    };
    let sent = send(&app, order).await?;
    Ok(
        sent.answer(Refusals::AreAnswers, |exchange, status, response| {
            AnyCommandAnswer {
                charge_point_id,
                command,
                status,
                response,
                sent_at: exchange.sent_at(),
                response_time_ms: exchange.response_time_ms,
            }
        }),
    )
}

fn invalid_payload(error: &CallError) -> ApiError {
    let pointer = error.details.get("path").and_then(Value::as_str);
    let field = format!("payload{}", pointer.unwrap_or("").replace('/', "."));
    ApiError::field(&field, error.description.clone())
}
