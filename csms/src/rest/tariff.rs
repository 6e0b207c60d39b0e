//! `/api/v1/chargepoints/{id}/tariff` and `/api/v1/projects/{id}/tariff`: what charging costs. A charge point
//! without a tariff of its own has its project's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{AnyWriter, Anyone, Reader, Writer};
use super::charge_point::{find, missing};
use super::error::{Answer, ApiError};
use super::input::{Body, PathId};
use super::money::{Amount, price};
use super::openapi::{AccessErrors, BodyErrors, MissingErrors};
use super::project;
use super::stamp::Stamp;
use crate::App;
use crate::domain::money::price::{Tariff, currencies, currency_digits};
use crate::domain::money::tariff;
use crate::store::{NewTariff, Priced, TariffRecord};

/// Minutes of a year; nobody waits longer.
const FREE_MINUTES_MAX: i64 = 525_600;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(of_charge_point, set_of_charge_point))
        .routes(routes!(of_project, set_of_project))
}

#[derive(Deserialize, ToSchema, Validate)]
struct NewTariffBody {
    /// ISO 4217.
    #[garde(custom(known_currency))]
    #[schema(schema_with = currency_schema)]
    currency: String,
    /// Tax included, as all of these.
    #[garde(custom(price))]
    #[schema(value_type = f64, minimum = 0, maximum = 1000000, example = 0.38)]
    price_per_kwh: Amount,
    /// 0 when left out.
    #[garde(inner(custom(price)))]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1000000, example = 0.5)]
    session_fee: Option<Amount>,
    /// For each started minute after the free ones in which a full car keeps its place; 0 when left out.
    #[garde(inner(custom(price)))]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1000000, example = 0.05)]
    idle_fee_per_minute: Option<Amount>,
    /// 0 when left out.
    #[garde(inner(range(min = 0, max = FREE_MINUTES_MAX)))]
    #[schema(minimum = 0, maximum = 525600, example = 10)]
    free_idle_minutes: Option<i64>,
}

fn known_currency(code: &str, (): &()) -> garde::Result {
    if currency_digits(code).is_some() {
        return Ok(());
    }
    Err(garde::Error::new(
        "a currency of ISO 4217 in capitals, such as GBP, is wanted",
    ))
}

fn currency_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(currencies()))
        .examples(["GBP"])
        .build()
}

impl NewTariffBody {
    fn tariff(self) -> Tariff {
        let or_nothing = |amount: Option<Amount>| amount.map_or(Decimal::ZERO, |amount| amount.0);
        Tariff {
            currency: self.currency,
            price_per_kwh: self.price_per_kwh.0,
            session_fee: or_nothing(self.session_fee),
            idle_fee_per_minute: or_nothing(self.idle_fee_per_minute),
            free_idle_minutes: self.free_idle_minutes.unwrap_or(0),
        }
    }
}

#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Tariff)]
struct TariffBody {
    #[schema(example = "GBP")]
    currency: String,
    /// Tax included, as all of these.
    price_per_kwh: Amount,
    session_fee: Amount,
    idle_fee_per_minute: Amount,
    free_idle_minutes: i64,
    updated_at: Stamp,
}

fn show(record: TariffRecord) -> TariffBody {
    let tariff = record.tariff;
    TariffBody {
        currency: tariff.currency,
        price_per_kwh: Amount(tariff.price_per_kwh),
        session_fee: Amount(tariff.session_fee),
        idle_fee_per_minute: Amount(tariff.idle_fee_per_minute),
        free_idle_minutes: tariff.free_idle_minutes,
        updated_at: Stamp(record.since_ms),
    }
}

#[derive(Serialize, ToSchema)]
struct ChargePointTariff {
    charge_point_id: String,
    tariff: TariffBody,
}

/// The tariff, and the same once more beside its owner.
#[derive(Serialize, ToSchema)]
struct SetChargePointTariff {
    charge_point_id: String,
    tariff: TariffBody,
    #[serde(flatten)]
    same: TariffBody,
}

#[derive(Serialize, ToSchema)]
struct ProjectTariff {
    project_id: String,
    tariff: TariffBody,
}

/// Shows the tariff that was set last for a charge point.
#[utoipa::path(
    get,
    path = "/api/v1/chargepoints/{charge_point_id}/tariff",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = ChargePointTariff), AccessErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn of_charge_point(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    PathId(id): PathId,
) -> Answer<ChargePointTariff> {
    let point = find(&app, &owner, &id).await?;
    let tariff = get(&app, &Priced::ChargePoint(point), &id).await?;
    Ok(Json(ChargePointTariff {
        charge_point_id: id,
        tariff,
    }))
}

/// Sets the tariff of a charge point; transactions that began before keep the one that held then, even if they
/// are told later.
#[utoipa::path(
    put,
    path = "/api/v1/chargepoints/{charge_point_id}/tariff",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    request_body = NewTariffBody,
    responses((status = 200, body = SetChargePointTariff), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []))
)]
async fn set_of_charge_point(
    State(app): State<Arc<App>>,
    Writer(owner): Writer,
    PathId(id): PathId,
    Body(body): Body<NewTariffBody>,
) -> Answer<SetChargePointTariff> {
    let point = find(&app, &owner, &id).await?;
    let set = set(&app, Priced::ChargePoint(point), body).await?;
    let tariff = set.ok_or_else(|| missing(&id))?;
    Ok(Json(SetChargePointTariff {
        charge_point_id: id,
        same: tariff.clone(),
        tariff,
    }))
}

/// Shows the tariff of a project's charge points, to its site owner as well.
#[utoipa::path(
    get,
    path = "/api/v1/projects/{project_id}/tariff",
    tag = "Projects",
    params(("project_id" = String, Path)),
    responses((status = 200, body = ProjectTariff), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn of_project(
    State(app): State<Arc<App>>,
    Anyone(owner): Anyone,
    PathId(id): PathId,
) -> Answer<ProjectTariff> {
    let project = project::find(&app, &owner, &id).await?;
    let tariff = get(&app, &Priced::Project(project), &id).await?;
    Ok(Json(ProjectTariff {
        project_id: id,
        tariff,
    }))
}

/// Sets the tariff of a project's charge points that have none of their own.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{project_id}/tariff",
    tag = "Projects",
    params(("project_id" = String, Path)),
    request_body = NewTariffBody,
    responses((status = 200, body = ProjectTariff), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn set_of_project(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
    Body(body): Body<NewTariffBody>,
) -> Answer<ProjectTariff> {
    let project = project::find(&app, &owner, &id).await?;
    let set = set(&app, Priced::Project(project), body).await?;
    let tariff = set.ok_or_else(|| project::missing(&id))?;
    Ok(Json(ProjectTariff {
        project_id: id,
        tariff,
    }))
}

async fn get(app: &App, of: &Priced, id: &str) -> Result<TariffBody, ApiError> {
    let found = app.rest_store.tariff(of).await?;
    let found = found.ok_or_else(|| ApiError::NotFound(format!("no tariff is set for {id:?}")))?;
    Ok(show(found))
}

/// `None` when what it is for is the owner's no more.
async fn set(app: &App, of: Priced, body: NewTariffBody) -> Result<Option<TariffBody>, ApiError> {
    let new = NewTariff {
        of,
        tariff: body.tariff(),
        now_ms: app.clock().now_ms(),
    };
    let tariff = new.tariff.clone();
    let since_ms = tariff::set(&app.rest_store, new).await?;
    Ok(since_ms.map(|since_ms| show(TariffRecord { tariff, since_ms })))
}
