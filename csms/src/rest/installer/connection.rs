//! Whether a charge point is connected, whether it answers, and its commissioning in one step.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::command::{CallFailure, Command, Setting};
use crate::domain::occurrence::Kind;
use crate::domain::projects::going_live;
use crate::ocpp;
use crate::rest::auth::Installer;
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::{OptionalBody, PathId};
use crate::rest::openapi::{AccessErrors, BodyErrors, MissingErrors, NotConnectedErrors};
use crate::rest::stamp::Stamp;
use crate::store::{OwnedPoint, Registration};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(test_connection))
        .routes(routes!(connection_status))
        .routes(routes!(commission))
}

/// A body in which nothing is wanted; it may be left out.
#[derive(Deserialize, ToSchema, Validate)]
struct Nothing {}

#[derive(Serialize, ToSchema)]
struct ConnectionTest {
    charge_point_id: String,
    /// Whether it answered.
    reachable: bool,
    /// Whether it has a socket.
    connected: bool,
    /// The round trip of a GetConfiguration; `null` without an answer.
    #[schema(example = 42)]
    latency_ms: Option<u64>,
    /// The version spoken on the socket, else the registered one.
    #[schema(example = "1.6")]
    ocpp_version: String,
    ocpp_version_negotiated: Option<String>,
    tested_at: Stamp,
}

/// Pings the charge point over OCPP.
#[utoipa::path(
    post,
    path = "/api/v1/installer/charge-points/{charge_point_id}/test-connection",
    tag = "Connection",
    params(("charge_point_id" = String, Path)),
    request_body = Option<Nothing>,
    responses((status = 200, body = ConnectionTest), AccessErrors, BodyErrors, MissingErrors),
    security(("installer" = []))
)]
async fn test_connection(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    _body: OptionalBody<Nothing>,
) -> Answer<ConnectionTest> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let tested_at = Stamp(app.clock().now_ms());
    let spoken = app.sessions.dialect(point.identity());
    let connected = spoken.is_some();
    // A Rejected one must not be sent anything [1.6 §4.2].
    let may_be_called = connected && point.registration != Registration::Rejected.as_str();
    let latency_ms = match may_be_called {
        true => ping(&app, &point).await?,
        false => None,
    };
    let record = point.into_record();
    let negotiated = spoken.map(|spoken| spoken.version().to_string());
    Ok(Json(ConnectionTest {
        charge_point_id: record.id,
        reachable: latency_ms.is_some(),
        connected,
        latency_ms,
        ocpp_version: negotiated.clone().unwrap_or(record.ocpp_version),
        ocpp_version_negotiated: negotiated,
        tested_at,
    }))
}

/// The round trip in milliseconds; none without an answer. A refusal is an answer.
async fn ping(app: &Arc<App>, point: &OwnedPoint) -> Result<Option<u64>, ApiError> {
    let begun = Instant::now();
    // What it is asked for does not matter, nor what it says to that.
    let ping = Command::GetSettings(vec![Setting::heartbeat_interval()]);
    let sent = ocpp::send(app, point.identity(), &ping).await?;
    Ok(match sent.result {
        Ok(_) | Err(CallFailure::Refused(_) | CallFailure::Invalid { .. }) => {
            u64::try_from(begun.elapsed().as_millis()).ok()
        }
        Err(_) => None,
    })
}

#[derive(Serialize, ToSchema)]
struct ConnectionStatus {
    charge_point_id: String,
    connected: bool,
    last_heartbeat_at: Option<Stamp>,
    /// `open` or `closed`.
    #[schema(example = "open")]
    websocket_state: &'static str,
    /// Of the open socket.
    #[schema(example = "203.0.113.42")]
    ip_address: Option<String>,
    /// Whether the last handshake proved the identity, by password or certificate.
    identity_verified: bool,
    /// Whether the last handshake came over TLS.
    tls_enabled: bool,
}

/// The state of the connection now.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}/connection-status",
    tag = "Connection",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = ConnectionStatus), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn connection_status(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Answer<ConnectionStatus> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let contact = app.sessions.contact(point.identity());
    let record = point.into_record();
    let heartbeat = contact.as_ref().map(|c| c.heartbeat_at_ms.load(Relaxed));
    let peer = contact.as_ref().and_then(|c| c.peer.get());
    Ok(Json(ConnectionStatus {
        charge_point_id: record.id,
        connected: contact.is_some(),
        last_heartbeat_at: heartbeat
            .filter(|at_ms| *at_ms != 0)
            .or(record.last_heartbeat_at_ms)
            .map(Stamp),
        websocket_state: if contact.is_some() { "open" } else { "closed" },
        ip_address: peer.map(|peer| peer.to_canonical().to_string()),
        identity_verified: record.identity_verified,
        tls_enabled: record.tls_enabled,
    }))
}

#[derive(Serialize, ToSchema)]
struct Commissioned {
    charge_point_id: String,
    #[schema(example = "commissioned")]
    status: &'static str,
    /// The first time, also when it is commissioned again.
    commissioned_at: Stamp,
    message: &'static str,
}

/// Lets the charge point serve drivers. It must be connected, and accepted at its boot.
#[utoipa::path(
    post,
    path = "/api/v1/installer/charge-points/{charge_point_id}/commission",
    tag = "Commissioning",
    params(("charge_point_id" = String, Path)),
    request_body = Option<Nothing>,
    responses(
        (status = 200, body = Commissioned),
        AccessErrors, BodyErrors, MissingErrors, NotConnectedErrors
    ),
    security(("installer" = []))
)]
async fn commission(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    _body: OptionalBody<Nothing>,
) -> Answer<Commissioned> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let commissioned_at_ms = match point.commissioned_at_ms {
        Some(at_ms) => at_ms,
        None => {
            let connected = app.sessions.is_online(point.identity());
            let accepted = point.registration == Registration::Accepted.as_str();
            let reason = match (connected, point.connected_at_ms, accepted) {
                (true, Some(_), true) => None,
                (false, ..) => Some("the charge point is not connected"),
                (true, ..) => Some("no boot of the charge point was accepted yet"),
            };
            if let Some(reason) = reason {
                return Err(ApiError::Unprocessable("not_connected", reason.to_owned()));
            }
            let now_ms = app.clock().now_ms();
            let organization = &point.organization_id;
            let occurrence =
                app.outbox
                    .awaited(Kind::Commissioned, organization, &point.id, now_ms);
            let store = &app.rest_store;
            let done = going_live::commission(store, &point, now_ms, occurrence).await?;
            app.outbox.posted();
            done.ok_or_else(|| charge_point::missing(&id))?
        }
    };
    Ok(Json(Commissioned {
        charge_point_id: id,
        status: "commissioned",
        commissioned_at: Stamp(commissioned_at_ms),
        message: "Charge point is now live and available for EV drivers.",
    }))
}
