//! `/api/v1/installer/charge-points`: what an installer registers, changes, looks at and removes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::availability::operational_status;
use crate::domain::charge_points::details::{Change, Hardware, NewChargePoint};
use crate::domain::charge_points::identity::generated_id;
use crate::domain::charge_points::lifecycle::Stage;
use crate::domain::charge_points::registration;
use crate::domain::transactions::claims::platform_id;
use crate::rest::auth::Installer;
use crate::rest::charge_point::{
    NewPassword, RegisteredChargePoint, RegisteredChargePoints, find, missing, online_list, refuse,
    registrable, usable_password,
};
use crate::rest::error::{Answer, ApiError, StatusAnswer};
use crate::rest::input::{Body, Paging, Params, PathId, plain, present, searchable, slice};
use crate::rest::location::{Given, Location};
use crate::rest::openapi::{
    AccessErrors, BodyErrors, ConflictErrors, InUseErrors, MissingErrors, QueryErrors,
};
use crate::rest::stamp::Stamp;
use crate::store::RecordFilter;

const PER_PAGE: i64 = 20;
const PER_PAGE_MAX: i64 = 100;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(register, list))
        .routes(routes!(get, change, delete))
        .routes(routes!(status))
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
enum OcppVersion {
    #[default]
    #[serde(rename = "1.6")]
    V16,
    #[serde(rename = "2.0.1")]
    V201,
}

impl OcppVersion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V16 => "1.6",
            Self::V201 => "2.0.1",
        }
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct Registration {
    /// The identity it will connect with; generated when left out.
    #[garde(inner(custom(registrable)))]
    #[schema(
        min_length = 1,
        max_length = 48,
        pattern = "^(cp_)?[A-Za-z0-9-]+$",
        example = "CP-SITE42-001"
    )]
    charge_point_id: Option<String>,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "ABB Terra AC W22-G5")]
    model: String,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "ABB")]
    vendor: String,
    #[garde(length(chars, min = 1, max = 255), custom(plain))]
    #[schema(min_length = 1, max_length = 255, example = "SN-20240310-001")]
    serial_number: String,
    #[garde(inner(length(chars, min = 1, max = 64), custom(plain)))]
    #[schema(min_length = 1, max_length = 64)]
    project_id: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 64), custom(plain)))]
    #[schema(min_length = 1, max_length = 64)]
    site_id: Option<String>,
    /// 1.6 when left out.
    #[garde(skip)]
    ocpp_version: Option<OcppVersion>,
    /// The password it must show at its handshake (HTTP Basic). `null` generates one; left out, none is asked for.
    #[garde(inner(inner(custom(usable_password))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128)]
    ocpp_password: Option<Option<String>>,
    #[garde(dive)]
    location: Option<Location>,
    /// Instead of `location`.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90)]
    latitude: Option<f64>,
    /// Instead of `location`.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180)]
    longitude: Option<f64>,
    /// Instead of `location`.
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255)]
    address: Option<String>,
}

/// Registers a charge point.
#[utoipa::path(
    post,
    path = "/api/v1/installer/charge-points",
    tag = "Charge points of installers",
    request_body = Registration,
    responses(
        (status = 201, body = RegisteredChargePoint), AccessErrors, BodyErrors, ConflictErrors
    ),
    security(("installer" = []))
)]
async fn register(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    Body(body): Body<Registration>,
) -> StatusAnswer<RegisteredChargePoint> {
    let flat = Location::flat(body.latitude, body.longitude, body.address.map(Some));
    let given = Given::of(body.location, flat);
    let owner = installer.owner();
    let password = NewPassword::of(&app, body.ocpp_password).await?;
    let id_was_generated = body.charge_point_id.is_none();
    let id = body.charge_point_id.unwrap_or_else(generated_id);
    let new = NewChargePoint {
        id: id.clone(),
        id_was_generated,
        name: None,
        vendor: Some(body.vendor),
        model: Some(body.model),
        serial_number: Some(body.serial_number),
        ocpp_version: body.ocpp_version.unwrap_or_default().as_str(),
        project_id: body.project_id,
        site_id: body.site_id,
        place: given.place()?,
        address: given.address.flatten(),
        hardware: Hardware::default(),
        password_hash: password.hash,
        is_commissioned: false,
        created_at_ms: app.clock().now_ms(),
    };
    let made = registration::register(&app.rest_store, owner, new).await?;
    let point = made.map_err(|refused| refuse(refused, &id))?;
    let shown = RegisteredChargePoint::show(&app, point.into_record());
    let shown = shown.with_password(password.generated);
    Ok((StatusCode::CREATED, Json(shown)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `registered` (or `pending`), `configured`, `connected`, `commissioned`; or `offline`: without a socket now.
    #[param(
        example = "connected",
        pattern = "^(registered|pending|configured|connected|commissioned|offline)$"
    )]
    status: Option<String>,
    /// Those of a project; `project` is taken as well.
    #[serde(alias = "project")]
    project_id: Option<String>,
    /// Those of a site; `site` is taken as well.
    #[serde(alias = "site")]
    site_id: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    paging: Paging,
}

/// Lists the charge points the installer registered, by identity.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points",
    tag = "Charge points of installers",
    params(ListQuery, Paging),
    responses((status = 200, body = RegisteredChargePoints), AccessErrors, QueryErrors),
    security(("installer" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    Params(query): Params<ListQuery>,
) -> Answer<RegisteredChargePoints> {
    let (page, per_page) = query.paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let offline = query.status.as_deref() == Some("offline");
    let stage = match query.status.as_deref() {
        None | Some("offline") => None,
        Some(word) => {
            let stage = Stage::from_word(word);
            let words = "registered, pending, configured, connected, commissioned or offline";
            let wrong = || ApiError::field("status", format!("{words} is wanted"));
            Some(stage.ok_or_else(wrong)?.as_str())
        }
    };
    let filter = RecordFilter {
        owner: installer.owner(),
        project_id: searchable("project_id", query.project_id)?,
        site_id: searchable("site_id", query.site_id)?,
        stage,
        // Who has a socket is not in the database.
        not_among: offline.then(|| online_list(&app)),
    };
    let slice = slice(page, per_page);
    let (records, total) = app.rest_store.charge_point_records(&filter, slice).await?;
    let show = |record| RegisteredChargePoint::show(&app, record);
    Ok(Json(RegisteredChargePoints {
        charge_points: records.into_iter().map(show).collect(),
        total,
        page,
        per_page,
    }))
}

/// Shows a charge point.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}",
    tag = "Charge points of installers",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = RegisteredChargePoint), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn get(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Answer<RegisteredChargePoint> {
    let point = find(&app, &installer.owner(), &id).await?;
    Ok(Json(RegisteredChargePoint::show(&app, point.into_record())))
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema, Validate)]
struct ChargePointChange {
    /// Cannot be changed; the same is fine.
    #[garde(skip)]
    id: Option<String>,
    /// Cannot be changed; the same is fine.
    #[garde(skip)]
    charge_point_id: Option<String>,
    /// Cannot be changed; the same is fine.
    #[garde(skip)]
    serial_number: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255)]
    model: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 255), custom(plain)))]
    #[schema(min_length = 1, max_length = 255)]
    vendor: Option<String>,
    /// `null` takes it out of its project.
    #[garde(inner(inner(length(chars, min = 1, max = 64), custom(plain))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    project_id: Option<Option<String>>,
    /// `null` takes it off its site.
    #[garde(inner(inner(length(chars, min = 1, max = 64), custom(plain))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    site_id: Option<Option<String>>,
    #[garde(dive)]
    location: Option<Location>,
    /// Instead of `location`.
    #[garde(inner(range(min = -90.0, max = 90.0)))]
    #[schema(minimum = -90, maximum = 90)]
    latitude: Option<f64>,
    /// Instead of `location`.
    #[garde(inner(range(min = -180.0, max = 180.0)))]
    #[schema(minimum = -180, maximum = 180)]
    longitude: Option<f64>,
    /// Instead of `location`; `null` clears it, here and there.
    #[garde(inner(inner(length(chars, min = 1, max = 255), custom(plain))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    address: Option<Option<String>>,
}

/// Changes what was registered.
#[utoipa::path(
    put,
    path = "/api/v1/installer/charge-points/{charge_point_id}",
    tag = "Charge points of installers",
    params(("charge_point_id" = String, Path)),
    request_body = ChargePointChange,
    responses(
        (status = 200, body = RegisteredChargePoint), AccessErrors, BodyErrors, MissingErrors
    ),
    security(("installer" = []))
)]
async fn change(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Body(body): Body<ChargePointChange>,
) -> Answer<RegisteredChargePoint> {
    let point = find(&app, &installer.owner(), &id).await?;
    for (field, value) in [("id", &body.id), ("charge_point_id", &body.charge_point_id)] {
        if value.as_ref().is_some_and(|value| *value != id) {
            return Err(ApiError::field(field, "it cannot be changed"));
        }
    }
    let flat = Location::flat(body.latitude, body.longitude, body.address);
    let given = Given::of(body.location, flat);
    let change = Change {
        vendor: body.vendor,
        model: body.model,
        project_id: body.project_id,
        site_id: body.site_id,
        place: given.place()?,
        address: given.address,
        serial_number: body.serial_number,
        ..Change::default()
    };
    let now_ms = app.clock().now_ms();
    let changed = registration::change(&app.rest_store, point, change, now_ms).await?;
    let point = changed.map_err(|refused| refuse(refused, &id))?;
    Ok(Json(RegisteredChargePoint::show(&app, point.into_record())))
}

/// Removes a charge point that is offline and has no open transaction. Its records stay.
#[utoipa::path(
    delete,
    path = "/api/v1/installer/charge-points/{charge_point_id}",
    tag = "Charge points of installers",
    params(("charge_point_id" = String, Path)),
    responses((status = 204), AccessErrors, MissingErrors, InUseErrors),
    security(("installer" = []))
)]
async fn delete(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Result<StatusCode, ApiError> {
    let store = &app.rest_store;
    let point = store.deletable_point(&installer.owner(), &id).await?;
    let point = point.ok_or_else(|| missing(&id))?;
    let online = app.sessions.is_online(point.identity());
    let deleted = registration::delete(store, &point, online, app.clock().now_ms());
    deleted.await?.map_err(|refused| refuse(refused, &id))?;
    // It may have come to its socket meanwhile.
    app.sessions.outdate(point.identity(), app.mono.now_ms());
    Ok(StatusCode::NO_CONTENT)
}

/// What a charge point does now.
#[derive(Serialize, ToSchema)]
struct ChargePointState {
    charge_point_id: String,
    /// Whether it has a socket now.
    online: bool,
    /// As last reported, in the words of OCPP: of the charge point itself where it is out of order, else of the
    /// connector that is best to use. `Unavailable` where nothing was reported.
    #[schema(example = "Available")]
    operational_status: String,
    connectors: Vec<ConnectorState>,
    /// When a connector reported last; before that, when the charge point was heard of or registered.
    last_updated_at: Stamp,
}

#[derive(Serialize, ToSchema)]
struct ConnectorState {
    connector_id: i64,
    #[schema(example = "Charging")]
    status: String,
    #[schema(example = "NoError")]
    error_code: String,
    /// Of the open transaction, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "txn_9a3c1b4d")]
    active_transaction_id: Option<String>,
    /// The same transaction as OCPP 1.6 names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    ocpp_transaction_id: Option<i64>,
}

/// Shows what a charge point and its connectors do.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}/status",
    tag = "Charge points of installers",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = ChargePointState), AccessErrors, MissingErrors),
    security(("installer" = []))
)]
async fn status(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
) -> Answer<ChargePointState> {
    let point = find(&app, &installer.owner(), &id).await?;
    let reported = app.rest_store.connectors_of(&point).await?;
    let open = app.rest_store.active_transactions(&point).await?;
    let online = app.sessions.is_online(point.identity());
    let last_ms = reported
        .iter()
        .map(|connector| connector.reported_at_ms)
        .max();
    let last_ms = last_ms
        .or(point.last_seen_at_ms)
        .unwrap_or(point.created_at_ms);
    let operational_status = operational_status(&reported).to_owned();
    let connectors = reported
        .into_iter()
        .filter(|connector| connector.connector_id > 0);
    let connectors = connectors.map(|connector| {
        let of_this = |number: Option<i64>| number == Some(connector.connector_id);
        let transaction = open.iter().rev().find(|open| of_this(open.connector_id));
        ConnectorState {
            active_transaction_id: transaction.map(|open| platform_id(open.id)),
            ocpp_transaction_id: transaction.map(|open| open.id),
            connector_id: connector.connector_id,
            status: connector.status,
            error_code: connector.error_code,
        }
    });
    Ok(Json(ChargePointState {
        charge_point_id: point.into_record().id,
        online,
        operational_status,
        connectors: connectors.collect(),
        last_updated_at: Stamp(last_ms),
    }))
}
