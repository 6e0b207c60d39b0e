//! Commands with an endpoint of their own: `POST /api/v1/ocpp16/{command}`.
//!
//! A command is its body, what its answer says again, and its line in [`commands!`]. The fields of the body,
//! in camel case, are the members of the OCPP message; they are checked by garde and by the type of the
//! message before anything is sent. `Rejected` and CALLERROR are errors, with the fields of the answer too.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::{CallError, RawValue, frame};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::*;
use super::body::Dedicated;
use super::sending::{IdempotencyKey, Order, Refusals, send};
use crate::App;
use crate::rest::auth::AnyWriter;
use crate::rest::error::ApiError;
use crate::rest::input::Body;
use crate::rest::openapi::{AccessErrors, BodyErrors, CommandErrors};
use crate::rest::stamp::Stamp;
use crate::store::Owner;

/// The answer to a command.
#[derive(Serialize, ToSchema)]
struct CommandAnswer<E> {
    charge_point_id: String,
    #[serde(flatten)]
    echo: E,
    /// The charge point's.
    #[schema(example = "Accepted")]
    status: String,
    sent_at: Stamp,
    response_time_ms: u64,
}

/// The handlers and the router of all commands.
macro_rules! commands {
    ($($(#[$doc:meta])* $path:literal $name:ident($body:ident) -> $echo:ident)+) => {
        pub(super) fn router() -> OpenApiRouter<Arc<App>> {
            OpenApiRouter::new()$(.routes(routes!($name)))+
        }

        $(
            $(#[$doc])*
            #[utoipa::path(
                post,
                path = $path,
                tag = "OCPP 1.6 commands",
                params(IdempotencyKey),
                request_body = $body,
                responses(
                    (status = 200, body = CommandAnswer<$echo>),
                    AccessErrors, BodyErrors, CommandErrors
                ),
                security(("apiKey" = []), ("installer" = []))
            )]
            async fn $name(
                State(app): State<Arc<App>>,
                AnyWriter(owner): AnyWriter,
                key: IdempotencyKey,
                Body(body): Body<$body>,
            ) -> Result<Response, ApiError> {
                command(&app, owner, key, body).await
            }
        )+
    };
}

commands! {
    /// Starts a transaction.
    "/api/v1/ocpp16/remote_start_transaction" remote_start_transaction(RemoteStart) -> RemoteStartEcho
    /// Stops a transaction.
    "/api/v1/ocpp16/remote_stop_transaction" remote_stop_transaction(RemoteStop) -> RemoteStopEcho
    /// Takes a connector, or with 0 the whole charge point, into or out of service.
    "/api/v1/ocpp16/change_availability" change_availability(ChangeAvailability) -> ChangeAvailabilityEcho
    /// Limits the power of a connector, or with 0 of the whole charge point.
    "/api/v1/ocpp16/set_charging_profile" set_charging_profile(SetChargingProfile) -> SetChargingProfileEcho
    /// Removes the charging profiles that fit everything that is given.
    "/api/v1/ocpp16/clear_charging_profile" clear_charging_profile(ClearChargingProfile) -> ClearChargingProfileEcho
    /// Restarts the charge point.
    "/api/v1/ocpp16/reset" reset(Reset) -> ResetEcho
    /// Asks the charge point to send a message.
    "/api/v1/ocpp16/trigger_message" trigger_message(TriggerMessage) -> TriggerMessageEcho
    /// Reserves a connector for a tag.
    "/api/v1/ocpp16/reserve_now" reserve_now(ReserveNow) -> ReserveNowEcho
    /// Cancels a reservation.
    "/api/v1/ocpp16/cancel_reservation" cancel_reservation(CancelReservation) -> CancelReservationEcho
}

async fn command<B: Dedicated>(
    app: &Arc<App>,
    owner: Owner,
    key: IdempotencyKey,
    body: B,
) -> Result<Response, ApiError> {
    body.check(app.clock().now_ms())?;
    let payload = payload(&body);
    let checked = Decoding::strict().check_request(B::ACTION, &payload);
    checked.map_err(|error| invalid::<B>(&error))?;
    let charge_point_id = body.charge_point_id().to_owned();
    let order = Order {
        owner,
        charge_point_id: charge_point_id.clone(),
        action: B::ACTION,
        payload: payload.get().to_owned(),
        operation: B::ACTION.as_str(),
        key,
    };
    let sent = send(app, order).await?;
    Ok(
        sent.answer(Refusals::AreErrors, |exchange, status, _| CommandAnswer {
            charge_point_id,
            echo: body.echo(),
            status,
            sent_at: exchange.sent_at(),
            response_time_ms: exchange.response_time_ms,
        }),
    )
}

/// The OCPP message of a body.
fn payload<B: Dedicated>(body: &B) -> Box<RawValue> {
    let value = serde_json::to_value(body).expect("bodies have string keys only");
    let Value::Object(fields) = value else {
        unreachable!("bodies are structs");
    };
    let members: Map<String, Value> = fields
        .into_iter()
        .filter(|(field, value)| field != "charge_point_id" && !value.is_null())
        .map(|(field, value)| (member_name::<B>(&field), value))
        .collect();
    RawValue::from_string(frame::payload(&members)).expect("a payload is JSON")
}

fn member_name<B: Dedicated>(field: &str) -> String {
    if let Some((_, member)) = B::RENAMED.filter(|(renamed, _)| *renamed == field) {
        return member.to_owned();
    }
    let mut name = String::new();
    for (index, word) in field.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => name.push(first.to_ascii_uppercase()),
            Some(first) => name.push(first),
            None => {}
        }
        name.push_str(letters.as_str());
    }
    name
}

fn field_name<B: Dedicated>(member: &str) -> String {
    if let Some((field, _)) = B::RENAMED.filter(|(_, renamed)| *renamed == member) {
        return field.to_owned();
    }
    let mut name = String::new();
    for letter in member.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// What the type of the message refuses, by the path in the request.
fn invalid<B: Dedicated>(error: &CallError) -> ApiError {
    let pointer = error.details.get("path").and_then(Value::as_str);
    let mut path = pointer
        .unwrap_or("")
        .split('/')
        .filter(|part| !part.is_empty());
    let Some(first) = path.next() else {
        return ApiError::field("body", error.description.clone());
    };
    let field = path.fold(field_name::<B>(first), |field, part| {
        format!("{field}.{part}")
    });
    ApiError::field(&field, error.description.clone())
}
