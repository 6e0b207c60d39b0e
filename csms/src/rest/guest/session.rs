//! How far a guest session is, and its stop.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use dynamo_protocol::ChargePointId;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{get, not_connected, wait_until};
use crate::App;
use crate::domain::charge_points::identity::public_id;
use crate::domain::guest::{GuestStatus, holding};
use crate::domain::money::billing;
use crate::guest::take_up;
use crate::rest::auth::{Reader, Writer};
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::PathId;
use crate::rest::money::Amount;
use crate::rest::openapi::{AccessErrors, GuestStopErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::{GuestSession, Result as StoreResult};

#[derive(Serialize, ToSchema)]
pub(super) struct GuestProgress {
    session_token: String,
    charge_point_id: String,
    connector_id: i64,
    /// `requires_action`, `authorizing`, `charging`, `stopping`, `stopped`, `expired` or `failed`.
    #[schema(example = "charging")]
    status: &'static str,
    /// Why it failed, or did not stop.
    reason: Option<String>,
    #[schema(example = "authorized")]
    payment_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    next_action_url: Option<String>,
    energy_kwh: Amount,
    /// Tax included; the final cost once it is stopped.
    cost_so_far: Amount,
    /// What was taken, where that is not the cost: no more than was held, in coins that the gateway has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    amount_captured: Option<Amount>,
    currency: String,
    started_at: Option<Stamp>,
    expires_at: Stamp,
    ended_at: Option<Stamp>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StoppedGuest {
    session_token: String,
    /// `stopped`, or `stopping` while the charge point has not said that it is; `expired` or `failed` where it never
    /// began.
    #[schema(example = "stopped")]
    status: &'static str,
    /// `captured`, `capture_failed`, `capturing` where the gateway has to be asked again, `canceled` where there is
    /// nothing to pay.
    #[schema(example = "captured")]
    payment_status: &'static str,
    energy_kwh: Amount,
    /// Tax included; as the meter stood last while it is `stopping`.
    final_cost: Amount,
    /// What was taken, where that is not the cost: no more than was held, in coins that the gateway has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    amount_captured: Option<Amount>,
    currency: String,
    ended_at: Option<Stamp>,
}

/// What was taken until now: Wh, and money.
async fn so_far(app: &App, session: &GuestSession) -> StoreResult<(i64, Decimal)> {
    if let (Some(energy_wh), Some(total)) = (session.energy_wh, session.total) {
        return Ok((energy_wh, total));
    }
    let Some(transaction) = session.transaction_id else {
        return Ok((0, Decimal::ZERO));
    };
    let bill = billing::bill(&app.rest_store, transaction, app.clock().now_ms()).await?;
    Ok(bill.map_or((0, Decimal::ZERO), |bill| {
        (bill.usage.energy_wh, bill.price.total)
    }))
}

/// What was taken, where that is not the cost.
fn other_amount(session: &GuestSession) -> Option<Amount> {
    let taken = session
        .captured
        .filter(|taken| session.total != Some(*taken));
    taken.map(Amount)
}

fn kwh(energy_wh: i64) -> Amount {
    Amount(Decimal::new(energy_wh, 3))
}

/// Shows how far a session is.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/guest/{session_token}/status",
    tag = "Guest sessions",
    params(("session_token" = String, Path)),
    responses((status = 200, body = GuestProgress), AccessErrors, MissingErrors),
    security(("apiKey" = []))
)]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(token): PathId,
) -> Answer<GuestProgress> {
    let session = get(&app, Some(&owner), &token).await?;
    let (energy_wh, cost) = so_far(&app, &session).await?;
    let started_at_ms = match session.transaction_id {
        Some(id) => Some(app.rest_store.transaction_end(id).await?.started_at_ms),
        None => None,
    };
    let amount_captured = other_amount(&session);
    Ok(Json(GuestProgress {
        session_token: session.token,
        charge_point_id: public_id(&session.charge_point_id).to_owned(),
        connector_id: session.connector_id,
        status: session.status.as_str(),
        reason: session.reason,
        payment_status: session.payment_status.as_str(),
        next_action_url: session.next_action_url,
        energy_kwh: kwh(energy_wh),
        cost_so_far: Amount(cost),
        amount_captured,
        currency: session.tariff.currency,
        started_at: started_at_ms.map(Stamp),
        expires_at: Stamp(session.expires_at_ms),
        ended_at: session.ended_at_ms.map(Stamp),
    }))
}

/// Stops a session and takes what it cost.
///
/// Waits up to 10 seconds for the charge point; after that the session is `stopping` and is finished later. A
/// session that has ended is answered as it ended; one that has not begun never will, and costs nothing.
#[utoipa::path(
    post,
    path = "/api/v1/sessions/guest/{session_token}/stop",
    tag = "Guest sessions",
    params(("session_token" = String, Path)),
    responses((status = 200, body = StoppedGuest), AccessErrors, MissingErrors, GuestStopErrors),
    security(("apiKey" = []))
)]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    PathId(token): PathId,
) -> Answer<StoppedGuest> {
    let mut session = get(&app, Some(&owner), &token).await?;
    let now_ms = app.clock().now_ms();
    if session.status.is_ahead() && session.ended_at_ms.is_none() {
        let end = (GuestStatus::Stopped, None);
        holding::not_begun(&app.rest_store, &token, end, now_ms).await?;
        session = get(&app, None, &token).await?;
    }
    if session.ended_at_ms.is_none() {
        ask_to_stop(&app, &session, now_ms).await?;
    }
    if !session.payment_status.is_settled() {
        let steps = take_up(&app, &session.charge_point_id, &token);
        let wanted = |session: &GuestSession| {
            session.payment_status.is_settled() || session.status == GuestStatus::Charging
        };
        let patience = app.options.guest_stop_wait;
        session = wait_until(&app, &token, steps, patience, wanted).await?;
    }
    if session.status == GuestStatus::Charging {
        let reason = session.reason.unwrap_or_default();
        return Err(ApiError::Unprocessable("ocpp_rejected", reason));
    }
    let (energy_wh, cost) = so_far(&app, &session).await?;
    let amount_captured = other_amount(&session);
    Ok(Json(StoppedGuest {
        session_token: session.token,
        status: session.status.as_str(),
        payment_status: session.payment_status.as_str(),
        energy_kwh: kwh(energy_wh),
        final_cost: Amount(cost),
        amount_captured,
        currency: session.tariff.currency,
        ended_at: session.ended_at_ms.map(Stamp),
    }))
}

/// Asks for the stop of what is charging, if the charge point can hear it.
async fn ask_to_stop(app: &App, session: &GuestSession, now_ms: i64) -> Result<(), ApiError> {
    let id = ChargePointId::new(&session.charge_point_id).ok();
    if !id.is_some_and(|id| app.sessions.is_online(&id)) {
        return Err(not_connected());
    }
    app.rest_store
        .guest_stop_asked(&session.token, now_ms)
        .await?;
    Ok(())
}
