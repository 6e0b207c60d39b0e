//! Locations, their EVSEs and connectors [OCPI 2.2.1 §8.2.1].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use dynamo_protocol::ocpi::CiString;
use dynamo_protocol::ocpi::envelope::StatusCode;
use dynamo_protocol::ocpi::locations::{Evse, Location};
use serde_json::json;

use super::answer::{Answer, Done, Refused};
use super::caller::Caller;
use super::input::{InPath, Paging};
use crate::App;
use crate::domain::roaming::location::Operator;
use crate::store::OwnParty;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/locations", get(list))
        .route("/locations/{location_id}", get(location))
        .route("/locations/{location_id}/{evse_uid}", get(evse))
        .route(
            "/locations/{location_id}/{evse_uid}/{connector_id}",
            get(connector),
        )
}

/// Who runs the places, as partners are told.
pub(super) fn operator(own: &OwnParty) -> Operator<'_> {
    Operator {
        country_code: &own.country_code,
        party_id: &own.party_id,
        time_zone: &own.time_zone,
        business: &own.business,
    }
}

async fn list(State(app): State<Arc<App>>, caller: Caller, paging: Paging) -> Answer {
    let organization = &caller.organization_id;
    let places = app
        .rest_store
        .places(organization, paging.window(), paging.slice());
    let (places, total) = places.await?;
    let operator = operator(&caller.own);
    let locations = places.iter().filter_map(|place| place.location(operator));
    Ok(paging.answer(locations.map(|location| json!(location)).collect(), total))
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Location, Refused> {
    let organization = &caller.organization_id;
    let place = app.rest_store.place_of_partner(organization, id).await?;
    let location = place.and_then(|place| place.location(operator(&caller.own)));
    location.ok_or_else(unknown)
}

fn find_evse(location: Location, uid: &str) -> Result<Evse, Refused> {
    let uid = CiString::from(uid);
    let mut evses = location.evses.into_iter();
    evses.find(|evse| evse.uid == uid).ok_or_else(unknown)
}

/// The same for all that is not there: nobody learns more from it.
fn unknown() -> Refused {
    let message = "there is no such location, EVSE or connector";
    Refused::Unknown(StatusCode::UnknownLocation, message.to_owned())
}

async fn location(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Answer {
    find(&app, &caller, &id).await.map(Done::with)
}

async fn evse(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath((id, uid)): InPath<(String, String)>,
) -> Answer {
    let location = find(&app, &caller, &id).await?;
    find_evse(location, &uid).map(Done::with)
}

async fn connector(
    State(app): State<Arc<App>>,
    caller: Caller,
    InPath((id, uid, connector)): InPath<(String, String, String)>,
) -> Answer {
    let location = find(&app, &caller, &id).await?;
    let evse = find_evse(location, &uid)?;
    let connector = CiString::from(connector);
    let mut connectors = evse.connectors.into_iter();
    let found = connectors.find(|one| one.id == connector);
    found.map(Done::with).ok_or_else(unknown)
}
