//! `/api/v1/sessions/guest/…`: sessions of people without a contract, paid for one by one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use dynamo_protocol::ChargePointId;
use garde::Validate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout_at};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Reader, Writer};
use super::charge_point::{find, is_online};
use super::error::{Answer, ApiError, StatusAnswer};
use super::input::{Body, PathId, plain};
use super::money::Amount;
use super::openapi::{
    AccessErrors, BodyErrors, GuestErrors, GuestStopErrors, MissingErrors, ReceiptErrors,
};
use super::stamp::Stamp;
use crate::App;
use crate::domain::billing;
use crate::domain::guest::{
    self, GuestStatus, PaymentStatus, Refused, TAG_CHARS, TAG_PREFIX, amount_to_hold,
};
use crate::domain::price::{Usage, in_coins};
use crate::domain::registration::public_id;
use crate::guest::{Origin, take_up};
use crate::payment::sandbox::ACTION_PATH;
use crate::receipt::{self, Receipt};
use crate::store::{
    ChargePointRecord, GuestSession, NewGuest, Owner, Registration, Result as StoreResult,
    random_text,
};

/// The sandbox's page, where a guest acts.
pub(super) const ACTION_PAGE: &str = "/sandbox/payments/{token}";

/// The longest an authorization waits for the gateway.
const GATEWAY_WAIT: Duration = Duration::from_secs(40);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(authorize))
        .routes(routes!(status))
        .routes(routes!(stop))
        .routes(routes!(receipt))
}

#[derive(Deserialize, ToSchema, Validate)]
struct GuestAuthorization {
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "cp_001")]
    charge_point_id: String,
    #[garde(range(min = 1, max = 100))]
    #[schema(minimum = 1, maximum = 100, example = 1)]
    connector_id: i64,
    /// What the guest pays with, as the payment gateway named it.
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "pm_1OqXYZABC123")]
    payment_method_id: String,
}

#[derive(Serialize, ToSchema)]
struct AuthorizedGuest {
    #[schema(example = "guest_tok_01HXJ2K1L0M9N8O7")]
    session_token: String,
    charge_point_id: String,
    connector_id: i64,
    /// `authorizing`, or `requires_action` where the guest has to confirm the payment first.
    #[schema(example = "authorizing")]
    status: &'static str,
    /// Where the guest confirms the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    next_action_url: Option<String>,
    /// When the session must have begun.
    expires_at: Stamp,
    /// What is held of the guest's money, at most this is taken.
    amount_held: Amount,
    currency: String,
}

#[derive(Serialize, ToSchema)]
struct GuestProgress {
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
    currency: String,
    started_at: Option<Stamp>,
    expires_at: Stamp,
    ended_at: Option<Stamp>,
}

#[derive(Serialize, ToSchema)]
struct StoppedGuest {
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
    currency: String,
    ended_at: Option<Stamp>,
}

/// The bytes of a PDF.
struct Pdf;

impl PartialSchema for Pdf {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let builder = ObjectBuilder::new().schema_type(Type::String);
        builder.format(Some(format)).into()
    }
}

impl ToSchema for Pdf {}

/// Holds the guest's money and asks the charge point to start.
///
/// The session begins when the charge point says so, see its status.
#[utoipa::path(
    post,
    path = "/api/v1/sessions/guest/authorize",
    tag = "Guest sessions",
    request_body = GuestAuthorization,
    responses(
        (status = 201, body = AuthorizedGuest), AccessErrors, BodyErrors, MissingErrors, GuestErrors
    ),
    security(("apiKey" = []))
)]
async fn authorize(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    Body(body): Body<GuestAuthorization>,
) -> StatusAnswer<AuthorizedGuest> {
    let record = find(&app, &owner, &body.charge_point_id).await?;
    let new = new_session(&app, owner, &record, body).await?;
    let (token, charge_point) = (new.token.clone(), new.charge_point_id.clone());
    guest::begin(&app.store, new)
        .await?
        .map_err(|refused| match refused {
            Refused::Occupied => ApiError::Conflict(
                "connector_occupied",
                "the connector is occupied, or another session has it".to_owned(),
            ),
            Refused::Unavailable => ApiError::Unprocessable(
                "connector_unavailable",
                "the connector is out of order".to_owned(),
            ),
        })?;
    let steps = take_up(&app, &charge_point, &token, Origin::Request);
    let decided = |session: &GuestSession| {
        session.payment_status != PaymentStatus::Authorizing || session.ended_at_ms.is_some()
    };
    let session = wait_until(&app, &token, steps, GATEWAY_WAIT, decided).await?;
    check_held(&app, &session).await?;
    // What the charge point has done meanwhile is for its status.
    let status = match session.payment_status {
        PaymentStatus::RequiresAction => GuestStatus::RequiresAction,
        _ => GuestStatus::Authorizing,
    };
    let body = AuthorizedGuest {
        session_token: session.token,
        charge_point_id: session.charge_point_id,
        connector_id: session.connector_id,
        status: status.as_str(),
        next_action_url: session.next_action_url,
        expires_at: Stamp(session.expires_at_ms),
        amount_held: Amount(session.held),
        currency: session.tariff.currency,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Whether the guest's money is held, or waits for the guest only.
async fn check_held(app: &App, session: &GuestSession) -> Result<(), ApiError> {
    let reason = session.reason.clone();
    let reason = reason.unwrap_or_else(|| "the payment gateway does not answer".to_owned());
    if session.payment_status == PaymentStatus::Declined {
        return Err(ApiError::PaymentDeclined(reason));
    }
    let is_open = session.payment_status == PaymentStatus::Authorizing;
    if is_open {
        // Nobody waits for it any more: what is held later is let go.
        let (end, now_ms) = (GuestStatus::Failed, app.clock().now_ms());
        let ended = app
            .store
            .guest_not_begun(&session.token, end, Some(&reason), now_ms);
        ended.await?;
    }
    if is_open || (session.status == GuestStatus::Failed && !session.start_sent) {
        return Err(ApiError::Unprocessable("payment_unavailable", reason));
    }
    Ok(())
}

/// A session as it is asked for, if the charge point can have guests now.
async fn new_session(
    app: &App,
    owner: Owner,
    record: &ChargePointRecord,
    body: GuestAuthorization,
) -> Result<NewGuest, ApiError> {
    if record
        .connector_count
        .is_some_and(|count| body.connector_id > count)
    {
        return Err(ApiError::field(
            "connector_id",
            "the charge point has no such connector",
        ));
    }
    let terms = app.store.guest_terms(&record.id).await?;
    if !terms.is_billed {
        return Err(ApiError::Unprocessable(
            "billing_inactive",
            "the project of this charge point is not handed over: nothing is billed there"
                .to_owned(),
        ));
    }
    let tariff = terms.tariff.ok_or_else(|| {
        ApiError::Unprocessable(
            "no_tariff",
            "no tariff is set for this charge point or its project".to_owned(),
        )
    })?;
    let is_accepted = record.registration == Registration::Accepted.as_str();
    if !is_accepted || !is_online(app, &record.id) {
        return Err(not_connected());
    }
    let now_ms = app.clock().now_ms();
    let lifetime_ms = i64::try_from(app.options.guest_authorization.as_millis());
    Ok(NewGuest {
        token: format!("guest_tok_{}", random_text(24)),
        organization_id: owner.organization_id,
        charge_point_id: record.id.clone(),
        connector_id: body.connector_id,
        id_tag: format!("{TAG_PREFIX}{}", random_text(TAG_CHARS)),
        payment_method_id: body.payment_method_id,
        held: amount_to_hold(&tariff),
        tariff,
        created_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(lifetime_ms.unwrap_or(i64::MAX)),
    })
}

fn not_connected() -> ApiError {
    let message = "the charge point is not connected".to_owned();
    ApiError::Unprocessable("not_connected", message)
}

/// The session once it is as wanted, or as it is when the time is over.
async fn wait_until(
    app: &App,
    token: &str,
    mut steps: watch::Receiver<u64>,
    patience: Duration,
    wanted: impl Fn(&GuestSession) -> bool,
) -> Result<GuestSession, ApiError> {
    let deadline = Instant::now() + patience;
    loop {
        let session = get(app, None, token).await?;
        if wanted(&session) {
            return Ok(session);
        }
        match timeout_at(deadline, steps.changed()).await {
            Ok(Ok(())) => {}
            // Its task has ended, or the time.
            Ok(Err(_)) | Err(_) => return get(app, None, token).await,
        }
    }
}

async fn get(app: &App, owner: Option<&Owner>, token: &str) -> Result<GuestSession, ApiError> {
    let found = app.store.guest(owner, token).await?;
    found.ok_or_else(|| ApiError::NotFound("there is no session with this token".to_owned()))
}

/// What was taken until now: Wh, and money.
async fn so_far(app: &App, session: &GuestSession) -> StoreResult<(i64, Decimal)> {
    if let (Some(energy_wh), Some(total)) = (session.energy_wh, session.total) {
        return Ok((energy_wh, total));
    }
    let Some(transaction) = session.transaction_id else {
        return Ok((0, Decimal::ZERO));
    };
    let bill = billing::bill(&app.store, transaction, app.clock().now_ms()).await?;
    Ok(bill.map_or((0, Decimal::ZERO), |bill| {
        (bill.usage.energy_wh, bill.price.total)
    }))
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
async fn status(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(token): PathId,
) -> Answer<GuestProgress> {
    let session = get(&app, Some(&owner), &token).await?;
    let (energy_wh, cost) = so_far(&app, &session).await?;
    let started_at_ms = match session.transaction_id {
        Some(id) => Some(app.store.transaction_end(id).await?.0),
        None => None,
    };
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
async fn stop(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    PathId(token): PathId,
) -> Answer<StoppedGuest> {
    let mut session = get(&app, Some(&owner), &token).await?;
    let now_ms = app.clock().now_ms();
    if session.status.is_ahead() && session.ended_at_ms.is_none() {
        let end = GuestStatus::Stopped;
        app.store.guest_not_begun(&token, end, None, now_ms).await?;
        session = get(&app, None, &token).await?;
    }
    if session.ended_at_ms.is_none() {
        ask_to_stop(&app, &session, now_ms).await?;
    }
    if !session.payment_status.is_settled() {
        let steps = take_up(&app, &session.charge_point_id, &token, Origin::Store);
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
    Ok(Json(StoppedGuest {
        session_token: session.token,
        status: session.status.as_str(),
        payment_status: session.payment_status.as_str(),
        energy_kwh: kwh(energy_wh),
        final_cost: Amount(cost),
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
    app.store.guest_stop_asked(&session.token, now_ms).await?;
    Ok(())
}

/// The receipt of a session that was charged and has ended, as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/guest/{session_token}/receipt",
    tag = "Guest sessions",
    params(("session_token" = String, Path)),
    responses(
        (status = 200, content_type = "application/pdf", body = Pdf),
        AccessErrors, MissingErrors, ReceiptErrors
    ),
    security(("apiKey" = []))
)]
async fn receipt(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(token): PathId,
) -> Result<Response, ApiError> {
    let session = get(&app, Some(&owner), &token).await?;
    let charged = (
        session.transaction_id,
        session.energy_wh,
        session.ended_at_ms,
    );
    let (Some(transaction), Some(energy_wh), Some(ended_at_ms)) = charged else {
        return Err(ApiError::Conflict(
            "not_completed",
            "a receipt is for a session that was charged and has ended".to_owned(),
        ));
    };
    let usage = Usage {
        energy_wh,
        idle_minutes: session.idle_minutes.unwrap_or(0),
    };
    let price = session.tariff.price(usage);
    let tax = receipt::tax_contained(price.total, app.options.tax_rate);
    let record = app
        .store
        .charge_point_record(&owner, &session.charge_point_id)
        .await?;
    let (name, address) = record.map_or((None, None), |record| (record.name, record.address));
    let receipt = Receipt {
        company: app
            .store
            .organization_name(&session.organization_id)
            .await?,
        number: session.token.clone(),
        charge_point: public_id(&session.charge_point_id).to_owned(),
        charge_point_name: name,
        address,
        connector_id: session.connector_id,
        transaction_id: transaction,
        started_at_ms: app.store.transaction_end(transaction).await?.0,
        ended_at_ms,
        usage,
        tax: in_coins(tax, &session.tariff.currency),
        tax_rate: app.options.tax_rate,
        payment_status: session.payment_status,
        captured: session.captured,
        tariff: session.tariff,
        price,
    };
    let pdf = tokio::task::spawn_blocking(move || receipt::pdf(&receipt)).await;
    let pdf = pdf.map_err(|error| ApiError::Internal(error.to_string()))?;
    let pdf = pdf.map_err(ApiError::Internal)?;
    let name = format!("attachment; filename=\"receipt-{}.pdf\"", session.token);
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, pdf).into_response())
}

/// The page on which a guest of the sandbox confirms a payment.
pub(super) async fn action_page(PathId(token): PathId) -> Html<String> {
    let plain: String = token
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox payment</title>\
         <h1>Sandbox payment</h1><p>No money moves here.</p>\
         <form method=\"post\" action=\"{ACTION_PATH}{plain}\"><button>Confirm the payment</button></form></html>"
    ))
}

/// Where a guest comes back to after an action elsewhere.
pub(super) async fn returned() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Payment</title>\
         <p>You can go back to your charge point.</p></html>",
    )
}

/// What the page's button does.
pub(super) async fn act(
    State(app): State<Arc<App>>,
    PathId(token): PathId,
) -> Result<Html<&'static str>, ApiError> {
    let session = get(&app, None, &token).await?;
    let is_sandbox = matches!(app.options.payment, crate::PaymentSettings::Sandbox);
    let now_ms = app.clock().now_ms();
    if !is_sandbox || !app.store.guest_acted(&token, now_ms).await? {
        return Err(ApiError::NotFound(
            "no payment waits for you here".to_owned(),
        ));
    }
    app.guests.wake(&session.charge_point_id);
    Ok(Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox payment</title>\
         <p>The payment is confirmed.</p></html>",
    ))
}
