//! `GET /api/v1/chargepoints/search` and `GET /api/v1/public/chargers`: what is near.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::nearby::{self, Found, Search, Use};
use crate::domain::charge_points::place::{Place, RADIUS_KM_MAX, in_metres};
use crate::rest::auth::Reader;
use crate::rest::charge_point::is_online;
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::Params;
use crate::rest::money::Amount;
use crate::rest::openapi::{AccessErrors, QueryErrors, StoreErrors};
use crate::store::{Searched, amount};

/// In km.
const RADIUS_KM: f64 = 5.0;

/// Charge points that a search of an organization looks at.
const CANDIDATES_MAX: usize = 200_000;

/// Charge points that a search of the public looks at: anybody may ask, so nobody may ask for much.
const PUBLIC_CANDIDATES_MAX: usize = 20_000;

/// Searches of the public that run at the same time; others wait for their turn, and those with a key never
/// wait for them.
static PUBLIC_SEARCHES: Semaphore = Semaphore::const_new(2);

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(chargers))
}

/// The middle and the radius of a search.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Circle {
    #[param(value_type = f64, required = true, minimum = -90, maximum = 90, example = 51.5074)]
    latitude: Option<String>,
    #[param(value_type = f64, required = true, minimum = -180, maximum = 180, example = -0.1278)]
    longitude: Option<String>,
    /// 5 when left out.
    #[param(value_type = Option<f64>, exclusive_minimum = 0, maximum = 50, example = 2)]
    radius_km: Option<String>,
}

impl Circle {
    fn resolve(&self) -> Result<(Place, f64), ApiError> {
        let centre = Place {
            latitude: angle("latitude", self.latitude.as_deref(), 90.0)?,
            longitude: angle("longitude", self.longitude.as_deref(), 180.0)?,
        };
        let radius_km = match &self.radius_km {
            None => RADIUS_KM,
            Some(text) => number(text)
                .filter(|km| *km > 0.0 && *km <= RADIUS_KM_MAX)
                .ok_or_else(|| {
                    let wanted = format!("a number above 0, at most {RADIUS_KM_MAX}, is wanted");
                    ApiError::field("radius_km", wanted)
                })?,
        };
        Ok((centre, radius_km))
    }
}

fn angle(field: &str, text: Option<&str>, max: f64) -> Result<f64, ApiError> {
    let text = text.ok_or_else(|| ApiError::field(field, "it is required"))?;
    let found = number(text).filter(|angle| angle.abs() <= max);
    found.ok_or_else(|| ApiError::field(field, format!("a number from -{max} to {max} is wanted")))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// `available`, `occupied` or `offline`; other words for a connector's status mean the one they fall under.
    #[param(example = "available")]
    status: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    circle: Circle,
}

#[derive(Serialize, ToSchema)]
struct SearchResults {
    /// The nearest first, 500 at most.
    #[schema(max_items = 500)]
    charge_points: Vec<FoundBody>,
    /// All that fit, also those beyond the 500; of the nearest 200,000 where more are near.
    total: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FoundChargePoint)]
struct FoundBody {
    charge_point_id: String,
    name: Option<String>,
    distance_km: f64,
    /// `available`, `occupied` or `offline`.
    #[schema(example = "available")]
    status: &'static str,
    available_connectors: i64,
    max_power_kw: Option<f64>,
    latitude: f64,
    longitude: f64,
}

/// Finds the organization's charge points near a place: the nearest 500, counted up to 200,000.
#[utoipa::path(
    get,
    path = "/api/v1/chargepoints/search",
    tag = "Charge points",
    params(Circle, SearchQuery),
    responses((status = 200, body = SearchResults), AccessErrors, QueryErrors),
    security(("apiKey" = []))
)]
async fn search(
    State(app): State<Arc<App>>,
    Reader(owner): Reader,
    Params(query): Params<SearchQuery>,
) -> Answer<SearchResults> {
    let (centre, radius_km) = query.circle.resolve()?;
    let search = Search {
        searched: Searched::Of(owner.organization_id),
        centre,
        radius_km,
        state: query.status.as_deref().map(wanted).transpose()?,
        candidates_max: CANDIDATES_MAX,
    };
    let nearby = nearby::find(&app.rest_store, &search, |id| is_online(&app, id)).await?;
    Ok(Json(SearchResults {
        charge_points: nearby.found.into_iter().map(show).collect(),
        total: nearby.total,
    }))
}

/// A status in the words of the search, of OCPP, of the concepts text or of OCPI.
fn wanted(word: &str) -> Result<Use, ApiError> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "preparing" | "charging" | "suspendedev" | "suspendedevse" | "finishing" | "reserved" => {
            Ok(Use::Occupied)
        }
        "unavailable" | "faulted" | "inoperative" | "outoforder" | "unknown" => Ok(Use::Offline),
        word => Use::from_word(word)
            .ok_or_else(|| ApiError::field("status", "available, occupied or offline is wanted")),
    }
}

fn show(found: Found) -> FoundBody {
    FoundBody {
        charge_point_id: found.row.id,
        name: found.row.name,
        distance_km: in_metres(found.distance_km),
        status: found.state.as_str(),
        available_connectors: found.available_connectors,
        max_power_kw: found.row.max_power_kw,
        latitude: found.place.latitude,
        longitude: found.place.longitude,
    }
}

#[derive(Serialize, ToSchema)]
struct Chargers {
    /// The nearest first, 500 at most.
    #[schema(max_items = 500)]
    chargers: Vec<ChargerBody>,
    /// All that are near, also those beyond the 500; of the nearest 20,000 where more are near.
    total: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Charger)]
struct ChargerBody {
    charge_point_id: String,
    name: Option<String>,
    latitude: f64,
    longitude: f64,
    address: Option<String>,
    distance_km: f64,
    /// 0 where it is offline.
    available_connectors: i64,
    total_connectors: i64,
    max_power_kw: Option<f64>,
    /// Tax included; `null` without a tariff.
    #[schema(example = 0.38)]
    price_per_kwh: Option<Amount>,
    currency: Option<String>,
}

/// Finds chargers near a place, whoever operates them: the nearest 500, counted up to 20,000.
#[utoipa::path(
    get,
    path = "/api/v1/public/chargers",
    tag = "Public",
    params(Circle),
    responses((status = 200, body = Chargers), QueryErrors, StoreErrors)
)]
async fn chargers(State(app): State<Arc<App>>, Params(circle): Params<Circle>) -> Answer<Chargers> {
    let (centre, radius_km) = circle.resolve()?;
    let search = Search {
        searched: Searched::Public,
        centre,
        radius_km,
        state: None,
        candidates_max: PUBLIC_CANDIDATES_MAX,
    };
    let turn = PUBLIC_SEARCHES.acquire().await;
    let nearby = nearby::find(&app.rest_store, &search, |id| is_online(&app, id)).await?;
    drop(turn);
    let chargers: Result<_, ApiError> = nearby.found.into_iter().map(charger).collect();
    Ok(Json(Chargers {
        chargers: chargers?,
        total: nearby.total,
    }))
}

fn charger(found: Found) -> Result<ChargerBody, ApiError> {
    let row = found.row;
    let price = row.price_per_kwh.as_deref().map(amount).transpose()?;
    Ok(ChargerBody {
        charge_point_id: row.id,
        name: row.name,
        latitude: found.place.latitude,
        longitude: found.place.longitude,
        address: row.address,
        distance_km: in_metres(found.distance_km),
        available_connectors: found.available_connectors,
        total_connectors: row.connector_count.unwrap_or(0).max(row.reported),
        max_power_kw: row.max_power_kw,
        price_per_kwh: price.map(Amount),
        currency: row.currency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vocabulary_falls_under_a_word_of_the_search() {
        for (word, state) in [
            ("available", Use::Available),
            ("Charging", Use::Occupied),
            ("RESERVED", Use::Occupied),
            ("OUTOFORDER", Use::Offline),
            ("Unavailable", Use::Offline),
        ] {
            assert_eq!(wanted(word).ok(), Some(state), "{word}");
        }
        assert!(wanted("sleepy").is_err());
    }
}
