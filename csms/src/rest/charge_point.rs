//! What all routes with a charge point in them share.

use dynamo_protocol::ChargePointId;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::location::Location;
use super::stamp::Stamp;
use crate::App;
use crate::domain::charge_points::identity::wrong_id;
use crate::domain::charge_points::lifecycle::Stage;
use crate::domain::charge_points::registration::{RegistrationRefused, endpoint_path};
use crate::domain::charge_points::security::wrong_password;
use crate::store::{ChargePointRecord, OwnedPoint, Owner, random_text};

/// The charge point of this id, if it is the owner's; otherwise nobody learns whether it exists.
pub(super) async fn find(app: &App, owner: &Owner, id: &str) -> Result<OwnedPoint, ApiError> {
    let found = app.rest_store.owned_point(owner, id).await?;
    found.ok_or_else(|| missing(id))
}

pub(super) fn missing(id: &str) -> ApiError {
    ApiError::NotFound(format!("no charge point {id:?} is registered"))
}

/// Whether this can be a charge point's id at all.
pub(super) fn check_id(field: &str, id: &str) -> Result<(), ApiError> {
    let checked = ChargePointId::new(id).map(drop);
    checked.map_err(|error| ApiError::field(field, error.to_string()))
}

/// Whether it has a socket.
pub(super) fn is_online(app: &App, id: &str) -> bool {
    ChargePointId::new(id).is_ok_and(|id| app.sessions.is_online(&id))
}

/// The identities that have a socket, as a JSON list; no longer than this process has sockets.
pub(super) fn online_list(app: &App) -> String {
    serde_json::to_string(&app.sessions.online()).expect("texts can be written as JSON")
}

/// Whether an identity can be registered. For `#[garde(custom(registrable))]`.
pub(super) fn registrable(id: &str, (): &()) -> garde::Result {
    wrong_id(id).map_or(Ok(()), |reason| Err(garde::Error::new(reason)))
}

/// What a refused registration, change or deletion is over REST.
pub(super) fn refuse(refused: RegistrationRefused, id: &str) -> ApiError {
    match refused {
        RegistrationRefused::Missing => missing(id),
        RegistrationRefused::NoProject => {
            ApiError::field("project_id", "there is no project of this id")
        }
        RegistrationRefused::NoSite => ApiError::field("site_id", "there is no site of this id"),
        RegistrationRefused::OtherSerialNumber => {
            ApiError::field("serial_number", "it cannot be changed")
        }
        RegistrationRefused::Taken => {
            let message = format!("a charge point with the identity {id:?} exists already");
            ApiError::Conflict("already_exists", message)
        }
        RegistrationRefused::Active => {
            let message = format!(
                "a transaction is open at the charge point {id:?} or was left without a stop a moment ago, or a guest's \
                 payment is not settled"
            );
            ApiError::Unprocessable("active_session", message)
        }
        RegistrationRefused::Online => {
            let message =
                format!("the charge point {id:?} is connected: take it off the net first");
            ApiError::Unprocessable("still_connected", message)
        }
    }
}

/// A charge point as installers and site owners see it.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredChargePoint {
    id: String,
    /// The same as `id`.
    charge_point_id: String,
    model: Option<String>,
    vendor: Option<String>,
    serial_number: Option<String>,
    project_id: Option<String>,
    site_id: Option<String>,
    /// The furthest stage it reached: `registered`, `configured`, `connected` or `commissioned`.
    #[schema(example = "registered")]
    status: &'static str,
    /// Whether it has a socket now.
    online: bool,
    #[schema(example = "1.6")]
    ocpp_version: String,
    /// Where it connects.
    #[schema(example = "wss://ocpp.example.com/ocpp16/CP-SITE42-001")]
    ocpp_endpoint: String,
    /// The password it connects with, if one was generated; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    ocpp_password: Option<String>,
    /// Whether its last handshake proved its identity, by password or certificate.
    identity_verified: bool,
    /// Whether its last handshake came over TLS.
    tls_enabled: bool,
    /// As its last boot said.
    firmware_version: Option<String>,
    registered_at: Stamp,
    configured_at: Option<Stamp>,
    connected_at: Option<Stamp>,
    commissioned_at: Option<Stamp>,
    last_seen_at: Option<Stamp>,
    location: Option<Location>,
}

impl RegisteredChargePoint {
    pub(super) fn show(app: &App, record: ChargePointRecord) -> Self {
        let id = ChargePointId::new(&record.id).ok();
        let live_ms = id.and_then(|id| app.sessions.last_seen_at_ms(&id));
        Self {
            status: Stage::of(&record).as_str(),
            online: live_ms.is_some(),
            ocpp_endpoint: format!("{}{}", app.urls.ocpp, endpoint_path(&record)),
            ocpp_password: None,
            location: Location::of(&record),
            id: record.id.clone(),
            charge_point_id: record.id,
            model: record.registered_model.or(record.model),
            vendor: record.registered_vendor.or(record.vendor),
            serial_number: record.registered_serial_number.or(record.serial_number),
            project_id: record.project_id,
            site_id: record.site_id,
            ocpp_version: record.ocpp_version,
            identity_verified: record.identity_verified,
            tls_enabled: record.tls_enabled,
            firmware_version: record.firmware_version,
            registered_at: Stamp(record.created_at_ms),
            configured_at: record.configured_at_ms.map(Stamp),
            connected_at: record.connected_at_ms.map(Stamp),
            commissioned_at: record.commissioned_at_ms.map(Stamp),
            last_seen_at: live_ms.or(record.last_seen_at_ms).map(Stamp),
        }
    }

    pub(super) fn with_password(mut self, password: Option<String>) -> Self {
        self.ocpp_password = password;
        self
    }
}

/// Characters of a generated password: a hundred bits.
const PASSWORD_CHARS: usize = 20;

/// Whether a password can be given to a charge point.
pub(super) fn usable_password(password: &str, (): &()) -> garde::Result {
    wrong_password(password).map_or(Ok(()), |reason| Err(garde::Error::new(reason)))
}

/// A password that somebody wants for a charge point.
#[derive(Default)]
pub(super) struct NewPassword {
    /// What is kept of it; `None` when no password is wanted.
    pub hash: Option<String>,
    /// The password itself, where it was made here: it is shown once.
    pub generated: Option<String>,
}

impl NewPassword {
    /// `null` makes one, and what is left out wants none.
    pub(super) async fn of(app: &App, wanted: Option<Option<String>>) -> Result<Self, ApiError> {
        let Some(given) = wanted else {
            return Ok(Self::default());
        };
        let generated = given.is_none().then(|| random_text(PASSWORD_CHARS));
        let Some(password) = given.as_ref().or(generated.as_ref()) else {
            return Ok(Self::default());
        };
        let hash = app.passwords.hash_of_charge_point(password).await;
        let crowded = || ApiError::Unavailable("too many passwords are hashed".to_owned());
        Ok(Self {
            hash: Some(hash.ok_or_else(crowded)?),
            generated,
        })
    }
}

/// A page of them.
#[derive(Serialize, ToSchema)]
pub(super) struct RegisteredChargePoints {
    pub charge_points: Vec<RegisteredChargePoint>,
    pub total: i64,
    pub page: i64,
    pub per_page: i64,
}
