//! The authorization of a guest.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{not_connected, wait_until};
use crate::App;
use crate::domain::guest::holding;
use crate::domain::guest::next::AUTHORIZATION_MS_MAX;
use crate::domain::guest::{
    GuestRefused, GuestStatus, PaymentStatus, TAG_CHARS, TAG_PREFIX, amount_to_hold,
};
use crate::domain::money::tariff::{self, NotBilled};
use crate::guest::begin;
use crate::payment::RETURN_PATH;
use crate::rest::auth::Writer;
use crate::rest::charge_point::find;
use crate::rest::error::{ApiError, StatusAnswer};
use crate::rest::input::{Body, plain};
use crate::rest::money::Amount;
use crate::rest::openapi::{AccessErrors, BodyErrors, GuestErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::{GuestSession, NewGuest, OwnedPoint, ReceiptFacts, Registration, random_text};

/// The longest an authorization waits for the gateway.
const GATEWAY_WAIT: Duration = Duration::from_millis(AUTHORIZATION_MS_MAX.unsigned_abs());

#[derive(Deserialize, ToSchema, Validate)]
pub(super) struct GuestAuthorization {
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
pub(super) struct AuthorizedGuest {
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

/// Holds the guest's money and asks the charge point to start.
///
/// The session begins when the charge point says so, see its status. A project's list of id tags is for those who
/// have a tag of their own: guests, who pay at once, charge there too.
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
pub(super) async fn authorize(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    Body(body): Body<GuestAuthorization>,
) -> StatusAnswer<AuthorizedGuest> {
    let point = find(&app, &owner, &body.charge_point_id).await?;
    let new = new_session(&app, &point, body).await?;
    let token = new.token.clone();
    // A client that goes away before it is answered has no token: nothing begins in its name.
    let gone = CancellationToken::new();
    let unanswered = gone.clone().drop_guard();
    let begun = begin(&app, new, gone).await;
    let begun = begun.map_err(|error| ApiError::Internal(error.to_string()))?;
    let steps = begun?.map_err(|refused| match refused {
        GuestRefused::Occupied => ApiError::Conflict(
            "connector_occupied",
            "the connector is occupied, or another session has it".to_owned(),
        ),
        GuestRefused::Unavailable => ApiError::Unprocessable(
            "connector_unavailable",
            "the connector is out of order".to_owned(),
        ),
    })?;
    let decided = |session: &GuestSession| {
        session.payment_status != PaymentStatus::Authorizing || session.ended_at_ms.is_some()
    };
    let session = wait_until(&app, &token, steps, GATEWAY_WAIT, decided).await?;
    check_held(&app, &session).await?;
    unanswered.disarm();
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
        let why = (end, Some(&*reason));
        holding::not_begun(&app.rest_store, &session.token, why, now_ms).await?;
    }
    if is_open || (session.status == GuestStatus::Failed && !session.start_sent) {
        return Err(ApiError::Unprocessable("payment_unavailable", reason));
    }
    Ok(())
}

/// A session as it is asked for, if the charge point can have guests now.
async fn new_session(
    app: &App,
    point: &OwnedPoint,
    body: GuestAuthorization,
) -> Result<NewGuest, ApiError> {
    if point
        .connector_count
        .is_some_and(|count| body.connector_id > count)
    {
        return Err(ApiError::field(
            "connector_id",
            "the charge point has no such connector",
        ));
    }
    let now_ms = app.clock().now_ms();
    let tariff = tariff::of_now(&app.rest_store, point, now_ms).await?;
    let tariff = tariff.map_err(|refused| {
        let (code, message) = match refused {
            NotBilled::NotHandedOver => (
                "billing_inactive",
                "the project of this charge point is not handed over: nothing is billed there",
            ),
            NotBilled::NoTariff => (
                "no_tariff",
                "no tariff is set for this charge point or its project",
            ),
        };
        ApiError::Unprocessable(code, message.to_owned())
    })?;
    let is_accepted = point.registration == Registration::Accepted.as_str();
    if !is_accepted || !app.sessions.is_online(point.identity()) {
        return Err(not_connected());
    }
    let organization = &point.owner().organization_id;
    let receipt = ReceiptFacts {
        company: app.rest_store.organization_name(organization).await?,
        charge_point_name: point.name.clone(),
        address: point.address.clone(),
        tax_rate: app.options.tax_rate,
    };
    let lifetime_ms = i64::try_from(app.options.guest_authorization.as_millis());
    Ok(NewGuest {
        token: format!("guest_tok_{}", random_text(24)),
        organization_id: organization.clone(),
        charge_point_id: point.id.clone(),
        connector_id: body.connector_id,
        id_tag: format!("{TAG_PREFIX}{}", random_text(TAG_CHARS)),
        payment_method_id: body.payment_method_id,
        return_url: format!("{}{RETURN_PATH}", app.urls.http),
        receipt,
        held: amount_to_hold(&tariff),
        tariff,
        created_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(lifetime_ms.unwrap_or(i64::MAX)),
    })
}
