//! What partners see of their drivers' sessions [OCPI 2.2.1 §9]. Location, token and tariff are kept as they were when it
//! began; the rest is made of the transaction.

use dynamo_protocol::ocpi::cdrs::CdrLocation;
use dynamo_protocol::ocpi::locations::Location;
use dynamo_protocol::ocpi::tariffs::Tariff;
use rust_decimal::Decimal;

use crate::domain::roaming::driver::Driver;
use crate::domain::roaming::kept::NewSession;
use crate::domain::roaming::location::cut;
use crate::domain::roaming::location::{Operator, Place, Spot};
use crate::domain::roaming::tariff::Published;
use crate::store::{Conn, Result, random_text};

/// Where a transaction begins.
pub(crate) struct Begins<'a> {
    pub organization_id: &'a str,
    pub charge_point_id: &'a str,
    pub connector_id: Option<i64>,
    pub transaction_id: i64,
    /// By what this server believes of its stamp.
    pub began_ms: i64,
    pub now_ms: i64,
    /// The tax in prices, in percent.
    pub tax_rate: Decimal,
}

/// The currency of a session that nothing is charged for.
const CURRENCY: &str = "EUR";

/// Begins the session of a partner's driver, in the database transaction of its start.
pub(in crate::domain) async fn begin(
    conn: &mut Conn,
    at: Begins<'_>,
    driver: Driver,
) -> Result<()> {
    let own = conn.own_party(at.organization_id).await?;
    let operator = Operator {
        country_code: &own.country_code,
        party_id: &own.party_id,
        time_zone: &own.time_zone,
        business: &own.business,
    };
    let place = conn
        .place_of_point(at.organization_id, at.charge_point_id)
        .await?;
    let spot = place.spot_at(at.charge_point_id, at.connector_id.unwrap_or(1));
    let location = cdr_location(&place, operator, spot.as_ref());
    let tariff = conn
        .published_tariff_of(at.charge_point_id, at.began_ms)
        .await?;
    let party = (&*own.country_code, &*own.party_id);
    let tariffs: Vec<Tariff> = tariff
        .iter()
        .map(|tariff: &Published| tariff.shown(party, at.tax_rate))
        .collect();
    let currency = tariffs.first().map(|tariff| tariff.currency.clone());
    let session = NewSession {
        id: format!("ses_{}", random_text(20)),
        organization_id: at.organization_id.to_owned(),
        transaction_id: at.transaction_id,
        driver,
        location,
        tariffs,
        free_idle_minutes: tariff.map_or(0, |tariff| tariff.tariff.free_idle_minutes),
        currency: currency.unwrap_or_else(|| CURRENCY.to_owned()),
        time_zone: place
            .time_zone
            .clone()
            .unwrap_or_else(|| own.time_zone.clone()),
        now_ms: at.now_ms,
    };
    conn.insert_roaming_session(&session).await
}

/// A place as a CDR keeps it: addresses and states are shorter there [OCPI 2.2.1 §10.4.4].
fn cdr_location(place: &Place, operator: Operator<'_>, spot: Option<&Spot>) -> CdrLocation {
    let placed = Place {
        // Of one that is nowhere on the map a CDR says so.
        latitude: place.latitude.or(Some(0.0)),
        longitude: place.longitude.or(Some(0.0)),
        ..place.clone()
    };
    let known = place.location(operator);
    let location: Option<Location> = known.or_else(|| placed.location(operator));
    let evse = location.as_ref().and_then(|location| {
        let uid = spot.map(|spot| place.uid_at(spot));
        let mut evses = location.evses.iter();
        evses.find(|evse| uid.as_ref().is_some_and(|uid| evse.uid == **uid))
    });
    let connector = evse.and_then(|evse| {
        let number = spot.map(|spot| spot.connector.0.to_string());
        let mut connectors = evse.connectors.iter();
        connectors.find(|one| number.as_deref() == Some(one.id.as_str()))
    });
    let word = |of: Option<&String>, else_: &str| of.map_or_else(|| else_.to_owned(), Clone::clone);
    let coordinates = location
        .as_ref()
        .map(|location| location.coordinates.clone());
    CdrLocation {
        id: location
            .as_ref()
            .map_or_else(|| "unknown".into(), |l| l.id.clone()),
        name: location.as_ref().and_then(|l| l.name.clone()),
        address: cut(location.as_ref().map_or("unknown", |l| &l.address), 45),
        city: location
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |l| l.city.clone()),
        postal_code: location.as_ref().and_then(|l| l.postal_code.clone()),
        state: location
            .as_ref()
            .and_then(|l| l.state.as_deref().map(|state| cut(state, 20))),
        country: location
            .as_ref()
            .map_or_else(|| "GBR".to_owned(), |l| l.country.clone()),
        coordinates: coordinates
            .unwrap_or_else(|| dynamo_protocol::ocpi::locations::GeoLocation::of(0.0, 0.0)),
        evse_uid: evse.map_or_else(|| "unknown".into(), |evse| evse.uid.clone()),
        evse_id: evse.map_or_else(|| "unknown".into(), |evse| evse.evse_id.clone()),
        connector_id: connector.map_or_else(|| "1".into(), |one| one.id.clone()),
        connector_standard: word(connector.map(|one| &one.standard), "IEC_62196_T2"),
        connector_format: word(connector.map(|one| &one.format), "SOCKET"),
        connector_power_type: word(connector.map(|one| &one.power_type), "AC_3_PHASE"),
    }
}
