//! `/api/v1/chargepoints`: making, changing and looking at the charge points of an organization.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::availability::operational_status;
use crate::domain::charge_points::details::{self, Hardware};
use crate::domain::charge_points::identity::generated_id;
use crate::domain::charge_points::lifecycle::Stage;
use crate::domain::charge_points::nearby::Use;
use crate::domain::charge_points::place::Place;
use crate::domain::charge_points::plug::is_direct;
use crate::domain::charge_points::registration;
use crate::rest::auth::{Reader, Writer};
use crate::rest::charge_point::{NewPassword, find, refuse, registrable, usable_password};
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{Body, PathId, not_null, plain, present};
use crate::rest::location::{Given, Location};
use crate::rest::openapi::{AccessErrors, BodyErrors, ConflictErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::{ChargePointRecord, ConnectorStatus, OwnedPoint};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(change))
        .routes(routes!(status))
        .routes(routes!(connectors))
}

#[derive(Deserialize, ToSchema, Validate)]
#[schema(as = CpoNewChargePoint)]
struct NewChargePoint {
    /// Its OCPP identity; generated when left out.
    #[garde(inner(custom(registrable)))]
    #[schema(
        min_length = 1,
        max_length = 48,
        pattern = "^(cp_)?[A-Za-z0-9-]+$",
        example = "CPO-FLEET-099"
    )]
    charge_point_id: Option<String>,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "Car Park Level 2 - Bay 3")]
    name: String,
    /// Required here or in `location`.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90, required = true, nullable = false, example = 51.5074)]
    latitude: Option<f64>,
    /// Required here or in `location`.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180, required = true, nullable = false, example = -0.1278)]
    longitude: Option<f64>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255, example = "1 Example St, London, UK")]
    address: Option<String>,
    #[garde(dive)]
    location: Option<Location>,
    /// 1 when left out.
    #[garde(inner(range(min = 1, max = 100)))]
    #[schema(minimum = 1, maximum = 100, example = 2)]
    connector_count: Option<i64>,
    /// Such as `Type2`; what follows from the power when left out.
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255, example = "Type2")]
    connector_type: Option<String>,
    #[garde(inner(custom(power)))]
    #[schema(exclusive_minimum = 0, maximum = 1000, example = 22.0)]
    max_power_kw: Option<f64>,
    /// A site of the organization.
    #[garde(inner(length(chars, min = 1, max = 64), custom(plain)))]
    #[schema(min_length = 1, max_length = 64)]
    site_id: Option<String>,
    /// The password it must show at its handshake (HTTP Basic). `null` generates one; left out, none is asked for.
    #[garde(inner(inner(custom(usable_password))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128)]
    ocpp_password: Option<Option<String>>,
}

/// What is to change; what is left out stays, and what is `null` is cleared where that can be.
#[derive(Deserialize, ToSchema, Validate)]
#[schema(as = CpoChargePointChange)]
struct Change {
    /// Cannot be changed; its own is taken.
    #[garde(skip)]
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "not_null")]
    charge_point_id: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 255,
        example = "Car Park Level 2 - Bay 3 (Fast)"
    )]
    #[serde(default, deserialize_with = "not_null")]
    name: Option<String>,
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(nullable = false, minimum = -90, maximum = 90)]
    #[serde(default, deserialize_with = "not_null")]
    latitude: Option<f64>,
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(nullable = false, minimum = -180, maximum = 180)]
    #[serde(default, deserialize_with = "not_null")]
    longitude: Option<f64>,
    #[garde(inner(inner(length(chars, min = 1, max = 255), custom(plain))))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    #[serde(default, deserialize_with = "present")]
    address: Option<Option<String>>,
    #[garde(dive)]
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "not_null")]
    location: Option<Location>,
    #[garde(inner(range(min = 1, max = 100)))]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    #[serde(default, deserialize_with = "not_null")]
    connector_count: Option<i64>,
    #[garde(inner(inner(length(chars, min = 1, max = 255), custom(plain))))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    #[serde(default, deserialize_with = "present")]
    connector_type: Option<Option<String>>,
    #[garde(inner(inner(custom(power))))]
    #[schema(value_type = Option<f64>, exclusive_minimum = 0, maximum = 1000)]
    #[serde(default, deserialize_with = "present")]
    max_power_kw: Option<Option<f64>>,
    /// A site of the organization.
    #[garde(inner(inner(length(chars, min = 1, max = 64), custom(plain))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    site_id: Option<Option<String>>,
    /// The password it must show at its handshakes from now on (HTTP Basic). `null` generates one; left out, the one it
    /// has stays. A connection that was made with the one before ends at its next message.
    #[garde(inner(inner(custom(usable_password))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128)]
    ocpp_password: Option<Option<String>>,
}

fn power(kw: &f64, (): &()) -> garde::Result {
    if *kw > 0.0 && *kw <= 1000.0 {
        return Ok(());
    }
    Err(garde::Error::new("above 0 and at most 1000 is wanted"))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CpoChargePoint)]
struct ChargePointBody {
    charge_point_id: String,
    /// The same.
    id: String,
    name: Option<String>,
    /// `available`, `occupied` or `offline`.
    #[schema(example = "offline")]
    status: &'static str,
    online: bool,
    /// The password it connects with, if one was generated; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    ocpp_password: Option<String>,
    /// `registered`, `configured`, `connected` or `commissioned`.
    #[schema(example = "commissioned")]
    lifecycle: &'static str,
    latitude: Option<f64>,
    longitude: Option<f64>,
    address: Option<String>,
    connector_count: Option<i64>,
    connector_type: Option<String>,
    max_power_kw: Option<f64>,
    project_id: Option<String>,
    site_id: Option<String>,
    created_at: Stamp,
}

/// Makes a charge point. It counts as commissioned, and is `offline` until it connects.
#[utoipa::path(
    post,
    path = "/api/v1/chargepoints",
    tag = "Charge points",
    request_body = NewChargePoint,
    responses((status = 201, body = ChargePointBody), AccessErrors, BodyErrors, ConflictErrors),
    security(("apiKey" = []))
)]
async fn create(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    Body(body): Body<NewChargePoint>,
) -> StatusAnswer<ChargePointBody> {
    let flat = Location::flat(body.latitude, body.longitude, body.address.map(Some));
    let given = Given::of(body.location, flat);
    let missing = |half: &str| given.missing(half, "it is required");
    let place = Place {
        latitude: given.latitude.ok_or_else(|| missing("latitude"))?,
        longitude: given.longitude.ok_or_else(|| missing("longitude"))?,
    };
    let password = NewPassword::of(&app, body.ocpp_password).await?;
    let id_was_generated = body.charge_point_id.is_none();
    let id = body.charge_point_id.unwrap_or_else(generated_id);
    let new = details::NewChargePoint {
        id: id.clone(),
        id_was_generated,
        name: Some(body.name),
        vendor: None,
        model: None,
        serial_number: None,
        ocpp_version: "1.6",
        project_id: None,
        site_id: body.site_id,
        place: Some(place),
        address: given.address.flatten(),
        hardware: Hardware {
            connector_count: Some(body.connector_count.unwrap_or(1)),
            connector_type: body.connector_type,
            max_power_kw: body.max_power_kw,
        },
        password_hash: password.hash,
        is_commissioned: true,
        created_at_ms: app.clock().now_ms(),
    };
    let made = registration::register(&app.rest_store, owner, new).await?;
    let made = made.map_err(|refused| refuse(refused, &id))?;
    let mut shown = show(&app, made).await?;
    shown.ocpp_password = password.generated;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Changes the description of a charge point, whoever registered it, and its password.
#[utoipa::path(
    patch,
    path = "/api/v1/chargepoints/{charge_point_id}",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    request_body = Change,
    responses((status = 200, body = ChargePointBody), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn change(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    PathId(id): PathId,
    Body(body): Body<Change>,
) -> Answer<ChargePointBody> {
    let point = find(&app, &owner, &id).await?;
    if body.charge_point_id.is_some_and(|other| other != id) {
        return Err(ApiError::field("charge_point_id", "it cannot be changed"));
    }
    let flat = Location::flat(body.latitude, body.longitude, body.address);
    let given = Given::of(body.location, flat);
    let needed = |half: &str| given.missing(half, "it is required");
    let place = match (given.latitude, given.longitude) {
        (None, None) => None,
        // One of them moves it along its meridian or parallel, if it has a place.
        (latitude, longitude) => Some(Place {
            latitude: latitude
                .or(point.latitude)
                .ok_or_else(|| needed("latitude"))?,
            longitude: longitude
                .or(point.longitude)
                .ok_or_else(|| needed("longitude"))?,
        }),
    };
    let password = NewPassword::of(&app, body.ocpp_password).await?;
    let change = details::Change {
        name: body.name,
        password_hash: password.hash,
        place,
        address: given.address,
        connector_count: body.connector_count,
        connector_type: body.connector_type,
        max_power_kw: body.max_power_kw,
        site_id: body.site_id,
        ..details::Change::default()
    };
    let now_ms = app.clock().now_ms();
    let changed = registration::change(&app.rest_store, point, change, now_ms).await?;
    let changed = changed.map_err(|refused| refuse(refused, &id))?;
    let mut shown = show(&app, changed).await?;
    shown.ocpp_password = password.generated;
    Ok(Json(shown))
}

async fn show(app: &App, point: OwnedPoint) -> Result<ChargePointBody, ApiError> {
    let online = app.sessions.is_online(point.identity());
    let placed = app.rest_store.placed_point(&point).await?;
    let state = placed.map_or(Use::Offline, |row| {
        Use::of(online, row.available, row.occupied)
    });
    let record = point.into_record();
    Ok(ChargePointBody {
        lifecycle: Stage::of(&record).as_str(),
        charge_point_id: record.id.clone(),
        id: record.id,
        name: record.name,
        status: state.as_str(),
        online,
        ocpp_password: None,
        latitude: record.latitude,
        longitude: record.longitude,
        address: record.address,
        connector_count: record.connector_count,
        connector_type: record.connector_type,
        max_power_kw: record.max_power_kw,
        project_id: record.project_id,
        site_id: record.site_id,
        created_at: Stamp(record.created_at_ms),
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = CpoStatus)]
struct StatusBody {
    charge_point_id: String,
    /// Whether it has a socket now.
    online: bool,
    /// As last reported, in the words of OCPP: of the charge point itself where it is out of order, else of the
    /// connector that is best to use. `Unavailable` where nothing was reported.
    #[schema(example = "Available")]
    operational_status: String,
    last_heartbeat_at: Option<Stamp>,
}

/// Tells whether a charge point is online, and what it reported last.
#[utoipa::path(
    get,
    path = "/api/v1/chargepoints/{charge_point_id}/status",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = StatusBody), AccessErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn status(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(id): PathId,
) -> Answer<StatusBody> {
    let point = find(&app, &owner, &id).await?;
    let connectors = app.rest_store.connectors_of(&point).await?;
    let live = app.sessions.last_heartbeat_at_ms(point.identity());
    Ok(Json(StatusBody {
        online: app.sessions.is_online(point.identity()),
        operational_status: operational_status(&connectors).to_owned(),
        last_heartbeat_at: live.or(point.last_heartbeat_at_ms).map(Stamp),
        charge_point_id: point.into_record().id,
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CpoConnectors)]
struct ConnectorsBody {
    charge_point_id: String,
    connectors: Vec<ConnectorBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CpoConnector)]
struct ConnectorBody {
    connector_id: i64,
    #[serde(rename = "type")]
    #[schema(example = "Type2")]
    kind: String,
    max_power_kw: Option<f64>,
    /// As last reported, in the words of OCPP; `Unavailable` where nothing was reported.
    #[schema(example = "Available")]
    status: String,
    /// When that was, by the charge point's stamp.
    reported_at: Option<Stamp>,
}

/// Lists the connectors of a charge point.
#[utoipa::path(
    get,
    path = "/api/v1/chargepoints/{charge_point_id}/connectors",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = ConnectorsBody), AccessErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn connectors(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(id): PathId,
) -> Answer<ConnectorsBody> {
    let point = find(&app, &owner, &id).await?;
    let reported = app.rest_store.connectors_of(&point).await?;
    Ok(Json(ConnectorsBody {
        connectors: connector_list(&point, &reported),
        charge_point_id: point.into_record().id,
    }))
}

/// The connectors it was said to have, and those it reported besides.
fn connector_list(record: &ChargePointRecord, reported: &[ConnectorStatus]) -> Vec<ConnectorBody> {
    let kind = record.connector_type.as_deref();
    let kind = kind.unwrap_or(match is_direct(record.max_power_kw) {
        true => "CCS2",
        false => "Type2",
    });
    let mut numbers: Vec<i64> = (1..=record.connector_count.unwrap_or(0)).collect();
    numbers.extend(reported.iter().map(|one| one.connector_id));
    numbers.retain(|number| *number > 0);
    numbers.sort_unstable();
    numbers.dedup();
    let connectors = numbers.into_iter().map(|connector_id| {
        let said = reported.iter().find(|one| one.connector_id == connector_id);
        ConnectorBody {
            connector_id,
            kind: kind.to_owned(),
            max_power_kw: record.max_power_kw,
            status: said.map_or("Unavailable", |one| &one.status).to_owned(),
            reported_at: said.map(|one| Stamp(one.reported_at_ms)),
        }
    });
    connectors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(connector_id: i64, status: &str) -> ConnectorStatus {
        ConnectorStatus {
            connector_id,
            status: status.to_owned(),
            error_code: "NoError".to_owned(),
            info: None,
            reported_at_ms: 0,
        }
    }

    #[test]
    fn the_best_connector_speaks_for_a_charge_point_that_works() {
        let word = |connectors: &[(i64, &str)]| {
            let connectors: Vec<_> = connectors
                .iter()
                .map(|(number, status)| connector(*number, status))
                .collect();
            operational_status(&connectors).to_owned()
        };
        assert_eq!(word(&[]), "Unavailable");
        assert_eq!(word(&[(0, "Available")]), "Available");
        assert_eq!(
            word(&[(0, "Available"), (1, "Charging"), (2, "Available")]),
            "Available"
        );
        assert_eq!(word(&[(1, "Faulted"), (2, "Charging")]), "Charging");
        assert_eq!(word(&[(0, "Faulted"), (1, "Available")]), "Faulted");
        assert_eq!(word(&[(1, "Faulted"), (2, "Unavailable")]), "Faulted");
    }
}
