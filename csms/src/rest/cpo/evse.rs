//! `/api/v1/chargepoints/{id}/evses`: which connectors of a charge point stand together, and what they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::evse::{
    Attributes, CONNECTORS_MAX, Capability, Evses, NewEvse, ParkingRestriction,
};
use crate::domain::charge_points::grouping::{self, NotGrouped};
use crate::domain::charge_points::plug::{Format, Plug, PowerType, STANDARDS};
use crate::rest::auth::{AnyReader, AnyWriter};
use crate::rest::charge_point::{find, missing};
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::{Body, PathId, plain};
use crate::rest::openapi::{AccessErrors, BodyErrors, MissingErrors};
use crate::rest::stamp::Stamp;
use crate::store::ChargePointRecord;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list, group))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Evses)]
struct EvsesBody {
    charge_point_id: String,
    evses: Vec<EvseBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Evse)]
struct EvseBody {
    /// From 1.
    #[schema(example = 1)]
    evse_id: i64,
    /// What is written on it.
    #[schema(example = "Bay 3")]
    physical_reference: Option<String>,
    #[schema(example = "-1")]
    floor_level: Option<String>,
    capabilities: Vec<Capability>,
    parking_restrictions: Vec<ParkingRestriction>,
    connectors: Vec<ConnectorBody>,
    /// When it or one of its connectors was changed last.
    updated_at: Stamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EvseConnector)]
struct ConnectorBody {
    /// From 1 within its EVSE.
    #[schema(example = 1)]
    connector_id: i64,
    /// From 1 within the charge point, as OCPP 1.6 counts, and every other route here.
    #[schema(example = 1)]
    ocpp16_connector_id: i64,
    #[schema(schema_with = standard_schema)]
    standard: String,
    format: Format,
    power_type: PowerType,
    /// In volts, from line to neutral where there are three phases.
    #[schema(example = 230)]
    max_voltage: i64,
    /// In amperes.
    #[schema(example = 32)]
    max_amperage: i64,
    /// In watts, where it is less than volts and amperes give.
    #[schema(example = 22000)]
    max_electric_power: Option<i64>,
    updated_at: Stamp,
}

fn standard_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(STANDARDS))
        .examples(["IEC_62196_T2"])
        .build()
}

#[derive(Deserialize, ToSchema, Validate)]
struct Grouping {
    /// All EVSEs, in the order of their numbers. Together they have all connectors from 1 on, each once.
    #[garde(length(min = 1, max = CONNECTORS_MAX as usize), dive)]
    #[schema(min_items = 1, max_items = 100, example = json!([
        {"physical_reference": "Bay 3", "connectors": [{"ocpp16_connector_id": 1}, {"ocpp16_connector_id": 2}]}
    ]))]
    evses: Vec<GroupedEvse>,
}

#[derive(Deserialize, ToSchema, Validate)]
struct GroupedEvse {
    /// What is written on it.
    #[garde(inner(length(chars, min = 1, max = 16), custom(plain)))]
    #[schema(min_length = 1, max_length = 16, example = "Bay 3")]
    physical_reference: Option<String>,
    #[garde(inner(length(chars, min = 1, max = 4), custom(plain)))]
    #[schema(min_length = 1, max_length = 4, example = "-1")]
    floor_level: Option<String>,
    /// What OCPP 1.6 obliges every charge point to when left out.
    #[garde(inner(length(max = 20)))]
    #[schema(max_items = 20)]
    capabilities: Option<Vec<Capability>>,
    /// None when left out.
    #[garde(inner(length(max = 20)))]
    #[schema(max_items = 20)]
    parking_restrictions: Option<Vec<ParkingRestriction>>,
    /// In the order of their numbers within the EVSE.
    #[garde(length(min = 1, max = CONNECTORS_MAX as usize), dive)]
    #[schema(min_items = 1, max_items = 100)]
    connectors: Vec<GroupedConnector>,
}

/// What is left out is what was registered of the charge point, else what is usual.
#[derive(Deserialize, ToSchema, Validate)]
struct GroupedConnector {
    /// As OCPP 1.6 counts.
    #[garde(range(min = 1, max = CONNECTORS_MAX))]
    #[schema(minimum = 1, maximum = 100, example = 1)]
    ocpp16_connector_id: i64,
    #[garde(inner(custom(known_standard)))]
    #[schema(schema_with = standard_schema)]
    standard: Option<String>,
    #[garde(skip)]
    format: Option<Format>,
    #[garde(skip)]
    power_type: Option<PowerType>,
    /// In volts, from line to neutral where there are three phases.
    #[garde(inner(range(min = 1, max = 2_000)))]
    #[schema(minimum = 1, maximum = 2000, example = 230)]
    max_voltage: Option<i64>,
    /// In amperes.
    #[garde(inner(range(min = 1, max = 5_000)))]
    #[schema(minimum = 1, maximum = 5000, example = 32)]
    max_amperage: Option<i64>,
    /// In watts, where it is less than volts and amperes give.
    #[garde(inner(range(min = 1, max = 10_000_000)))]
    #[schema(minimum = 1, maximum = 10000000, example = 22000)]
    max_electric_power: Option<i64>,
}

fn known_standard(word: &str, (): &()) -> garde::Result {
    if STANDARDS.contains(&word) {
        return Ok(());
    }
    Err(garde::Error::new(
        "a connector type of OCPI, such as IEC_62196_T2, is wanted",
    ))
}

/// Lists the EVSEs of a charge point with their connectors.
#[utoipa::path(
    get,
    path = "/api/v1/chargepoints/{charge_point_id}/evses",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    responses((status = 200, body = EvsesBody), AccessErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn list(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    PathId(id): PathId,
) -> Answer<EvsesBody> {
    let point = find(&app, &owner, &id).await?;
    let evses = grouping::evses(&app.rest_store, &point).await?;
    Ok(Json(show(point.into_record().id, &evses)))
}

/// Says which connectors of a charge point belong to one EVSE, which serves one car at a time, and what they are. Without
/// it each connector of OCPP 1.6 is an EVSE of its own.
#[utoipa::path(
    put,
    path = "/api/v1/chargepoints/{charge_point_id}/evses",
    tag = "Charge points",
    params(("charge_point_id" = String, Path)),
    request_body = Grouping,
    responses((status = 200, body = EvsesBody), AccessErrors, BodyErrors, MissingErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn group(
    State(app): State<Arc<App>>,
    AnyWriter(owner): AnyWriter,
    PathId(id): PathId,
    Body(body): Body<Grouping>,
) -> Answer<EvsesBody> {
    let point = find(&app, &owner, &id).await?;
    let new = body.evses.into_iter().map(|evse| evse.read(&point));
    let (new, now_ms) = (new.collect(), app.clock().now_ms());
    let grouped = grouping::group(&app.rest_store, point, new, now_ms).await?;
    let evses = grouped.map_err(|refused| match refused {
        NotGrouped::Missing => missing(&id),
        NotGrouped::Wrong(reason) => ApiError::field("evses", reason),
    })?;
    Ok(Json(show(id, &evses)))
}

impl GroupedEvse {
    fn read(self, record: &ChargePointRecord) -> NewEvse {
        let usual = Attributes::default();
        let connectors = self.connectors.into_iter();
        NewEvse {
            attributes: Attributes {
                physical_reference: self.physical_reference,
                floor_level: self.floor_level,
                capabilities: self.capabilities.unwrap_or(usual.capabilities),
                parking_restrictions: self
                    .parking_restrictions
                    .unwrap_or(usual.parking_restrictions),
            },
            connectors: connectors
                .map(|one| (one.ocpp16_connector_id, one.plug(record)))
                .collect(),
        }
    }
}

impl GroupedConnector {
    /// What was left out follows from the standard that was given, else from what was registered.
    fn plug(self, record: &ChargePointRecord) -> Plug {
        let kind = self
            .standard
            .as_deref()
            .or(record.connector_type.as_deref());
        let usual = Plug::of(kind, record.max_power_kw);
        Plug {
            standard: usual.standard,
            format: self.format.unwrap_or(usual.format),
            power_type: self.power_type.unwrap_or(usual.power_type),
            max_voltage: self.max_voltage.unwrap_or(usual.max_voltage),
            max_amperage: self.max_amperage.unwrap_or(usual.max_amperage),
            max_electric_power: self.max_electric_power.or(usual.max_electric_power),
        }
    }
}

fn show(charge_point_id: String, evses: &Evses) -> EvsesBody {
    let evses = evses.iter().map(|evse| EvseBody {
        evse_id: evse.evse_id,
        physical_reference: evse.attributes.physical_reference.clone(),
        floor_level: evse.attributes.floor_level.clone(),
        capabilities: evse.attributes.capabilities.clone(),
        parking_restrictions: evse.attributes.parking_restrictions.clone(),
        connectors: evse
            .connectors
            .iter()
            .map(|connector| ConnectorBody {
                connector_id: connector.connector_id,
                ocpp16_connector_id: connector.connector_1_6,
                standard: connector.plug.standard.clone(),
                format: connector.plug.format,
                power_type: connector.plug.power_type,
                max_voltage: connector.plug.max_voltage,
                max_amperage: connector.plug.max_amperage,
                max_electric_power: connector.plug.max_electric_power,
                updated_at: Stamp(connector.updated_at_ms),
            })
            .collect(),
        updated_at: Stamp(evse.updated_at_ms),
    });
    EvsesBody {
        evses: evses.collect(),
        charge_point_id,
    }
}
