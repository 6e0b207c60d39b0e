//! What partners are told of a place to charge at [OCPI 2.2.1 §8]: a site with its charge points, or a charge point
//! without a site.
//!
//! What OCPI wants and nobody has said has a default: the country is that of the organization's party, the time zone the
//! organization's, the city the last part but one of the address, a connector what follows from the type and the power that
//! were registered. What has no place on the map is not told at all.

use dynamo_protocol::ocpi::credentials::BusinessDetails;
use dynamo_protocol::ocpi::locations::{Connector, Evse, GeoLocation, Location, Status};
use dynamo_protocol::ocpi::{CiString, DateTime};
use serde::Serialize;

use crate::domain::charge_points::evse::{self, Evses};
use crate::domain::charge_points::plug::Plug;
use crate::domain::roaming::ids::{evse_name, evse_uid, id_of};

/// A place, as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub id: String,
    pub name: Option<String>,
    pub address: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub state: Option<String>,
    /// Three letters.
    pub country: Option<String>,
    pub time_zone: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    /// Of what is said above.
    pub updated_at_ms: i64,
    /// Those that are gone, too.
    pub points: Vec<Point>,
}

/// A charge point there.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// Without what was put behind it when it was deleted.
    pub id: String,
    pub is_deleted: bool,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub evses: Evses,
    /// Ids and names that EVSEs were given, by their numbers.
    pub given: Vec<(i64, Option<String>, Option<String>)>,
    pub reports: Vec<Report>,
    pub is_online: bool,
    pub online_changed_at_ms: i64,
    pub updated_at_ms: i64,
    /// The id of its tariff.
    pub tariff: Option<String>,
}

/// What a connector said last, in the word of OCPP 1.6.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub connector_1_6: i64,
    pub status: String,
    pub changed_at_ms: i64,
}

/// Whose places these are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator<'a> {
    pub country_code: &'a str,
    pub party_id: &'a str,
    pub time_zone: &'a str,
    pub business: &'a BusinessDetails,
}

/// Where a partner's word leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub charge_point: String,
    pub evse_id: i64,
    /// The connector of the EVSE, and the same by the count of OCPP 1.6.
    pub connector: (i64, i64),
}

impl Place {
    /// What partners are told; `None` where nobody knows where it is.
    pub(crate) fn location(&self, operator: Operator<'_>) -> Option<Location> {
        let own = self.latitude.zip(self.longitude);
        let mut of_points = self.points.iter();
        let coordinates = own.or_else(|| of_points.find_map(|p| p.latitude.zip(p.longitude)))?;
        let evses = self.evses(operator);
        let newest = evses.iter().map(|evse| evse.last_updated.0).max();
        let address = self.address.as_deref().filter(|text| !text.is_empty());
        let address = address.unwrap_or("unknown");
        let country = self.country.clone();
        Some(Location {
            country_code: operator.country_code.into(),
            party_id: operator.party_id.into(),
            id: id_of(&self.id).into(),
            publish: true,
            name: self.name.as_deref().map(|name| cut(name, 255)),
            address: cut(address, 255),
            city: cut(self.city.as_deref().unwrap_or_else(|| city_of(address)), 45),
            postal_code: self.postal_code.clone(),
            state: self.state.clone(),
            country: country.unwrap_or_else(|| alpha_3(operator.country_code)),
            coordinates: GeoLocation::of(coordinates.0, coordinates.1),
            operator: Some(operator.business.clone()),
            time_zone: self
                .time_zone
                .clone()
                .unwrap_or_else(|| operator.time_zone.to_owned()),
            opening_times: None,
            last_updated: DateTime(newest.unwrap_or(0).max(self.updated_at_ms)),
            evses,
        })
    }

    fn evses(&self, operator: Operator<'_>) -> Vec<Evse> {
        let mut told: Vec<Evse> = Vec::new();
        // Those that are there come first: one that is gone and came back is there.
        let (gone, there): (Vec<_>, Vec<_>) = self.points.iter().partition(|p| p.is_deleted);
        for point in there.into_iter().chain(gone) {
            for evse in point.evses.iter() {
                let evse = point.evse(evse, operator);
                if told.iter().all(|other| other.uid != evse.uid) {
                    told.push(evse);
                }
            }
        }
        told
    }

    /// What a partner means by the id of an EVSE, and maybe that of a connector; without one the first connector.
    pub(crate) fn spot(&self, evse_uid: &CiString, connector: Option<&CiString>) -> Option<Spot> {
        let there = self.points.iter().filter(|point| !point.is_deleted);
        for point in there {
            for evse in point.evses.iter() {
                if *evse_uid != *point.uid(evse.evse_id) {
                    continue;
                }
                let is_meant = |one: &&evse::Connector| {
                    connector.is_none_or(|id| id.as_str() == one.connector_id.to_string())
                };
                let connector = evse.connectors.iter().find(is_meant)?;
                return Some(Spot {
                    charge_point: point.id.clone(),
                    evse_id: evse.evse_id,
                    connector: (connector.connector_id, connector.connector_1_6),
                });
            }
        }
        None
    }
}

impl Place {
    /// Where a connector by the count of OCPP 1.6 is.
    pub(crate) fn spot_at(&self, charge_point: &str, connector_1_6: i64) -> Option<Spot> {
        let mut there = self.points.iter().filter(|point| !point.is_deleted);
        let point = there.find(|point| point.id == charge_point)?;
        point.evses.iter().find_map(|evse| {
            let mut connectors = evse.connectors.iter();
            let connector = connectors.find(|one| one.connector_1_6 == connector_1_6)?;
            Some(Spot {
                charge_point: point.id.clone(),
                evse_id: evse.evse_id,
                connector: (connector.connector_id, connector.connector_1_6),
            })
        })
    }

    /// The id of the EVSE there.
    pub(crate) fn uid_at(&self, spot: &Spot) -> String {
        let point = self
            .points
            .iter()
            .find(|point| point.id == spot.charge_point);
        point.map_or_else(
            || evse_uid(&spot.charge_point, spot.evse_id),
            |point| point.uid(spot.evse_id),
        )
    }
}

impl Point {
    /// The id of one of its EVSEs.
    pub(crate) fn uid(&self, evse_id: i64) -> String {
        let given = self.given.iter().find(|(number, ..)| *number == evse_id);
        let given = given.and_then(|(_, uid, _)| uid.clone());
        given.unwrap_or_else(|| evse_uid(&self.id, evse_id))
    }

    fn name(&self, evse_id: i64, operator: Operator<'_>) -> String {
        let given = self.given.iter().find(|(number, ..)| *number == evse_id);
        let given = given.and_then(|(.., name)| name.clone());
        let party = (operator.country_code, operator.party_id);
        given.unwrap_or_else(|| evse_name(party, &self.id, evse_id))
    }

    fn evse(&self, evse: &evse::Evse, operator: Operator<'_>) -> Evse {
        let of_evse = |report: &&Report| {
            let mut connectors = evse.connectors.iter();
            connectors.any(|one| one.connector_1_6 == report.connector_1_6)
        };
        let reports: Vec<&Report> = self.reports.iter().filter(of_evse).collect();
        let status = match (self.is_deleted, self.is_online) {
            (true, _) => Status::Removed,
            (false, false) => Status::Unknown,
            (false, true) => status_of(reports.iter().map(|report| report.status.as_str())),
        };
        let changed = reports.iter().map(|report| report.changed_at_ms).max();
        let times = [
            evse.updated_at_ms,
            self.updated_at_ms,
            self.online_changed_at_ms,
            changed.unwrap_or(0),
        ];
        let connectors = evse.connectors.iter().map(|one| {
            let Plug {
                standard,
                format,
                power_type,
                max_voltage,
                max_amperage,
                max_electric_power,
            } = one.plug.clone();
            Connector {
                id: one.connector_id.to_string().into(),
                standard,
                format: word(&format),
                power_type: word(&power_type),
                max_voltage,
                max_amperage,
                max_electric_power,
                tariff_ids: self.tariff.iter().map(|id| id.as_str().into()).collect(),
                last_updated: DateTime(one.updated_at_ms.max(self.updated_at_ms)),
            }
        });
        let attributes = &evse.attributes;
        Evse {
            uid: self.uid(evse.evse_id).into(),
            evse_id: self.name(evse.evse_id, operator).into(),
            status,
            capabilities: attributes.capabilities.iter().map(word).collect(),
            connectors: connectors.collect(),
            floor_level: attributes.floor_level.clone(),
            physical_reference: attributes.physical_reference.clone(),
            parking_restrictions: attributes.parking_restrictions.iter().map(word).collect(),
            last_updated: DateTime(times.into_iter().max().unwrap_or(0)),
        }
    }
}

/// What an EVSE is whose connectors say this. It serves one car: whoever uses one connector uses it; as long as one
/// connector serves, it serves.
fn status_of<'a>(words: impl Iterator<Item = &'a str>) -> Status {
    /// What decides before what follows it.
    const ORDER: [Status; 6] = [
        Status::Charging,
        Status::Reserved,
        Status::Available,
        Status::Inoperative,
        Status::OutOfOrder,
        Status::Unknown,
    ];
    let of_word = |word| match word {
        "Available" => Status::Available,
        "Preparing" | "Charging" | "SuspendedEV" | "SuspendedEVSE" | "Finishing" | "Occupied" => {
            Status::Charging
        }
        "Reserved" => Status::Reserved,
        "Unavailable" => Status::Inoperative,
        "Faulted" => Status::OutOfOrder,
        _ => Status::Unknown,
    };
    let said: Vec<Status> = words.map(of_word).collect();
    let mut order = ORDER.into_iter();
    order
        .find(|status| said.contains(status))
        .unwrap_or(Status::Unknown)
}

/// A word of an enumeration as OCPI writes it.
fn word(one: &impl Serialize) -> String {
    let written = serde_json::to_value(one).unwrap_or_default();
    written.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// What is likely the city in an address: the last part that has no digits, behind the first.
fn city_of(address: &str) -> &str {
    let parts = address.split(',').map(str::trim).skip(1);
    let mut named = parts.filter(|part| {
        let is_code = part.chars().any(|c| c.is_ascii_digit());
        !part.is_empty() && !is_code
    });
    named.next().unwrap_or("unknown")
}

/// The three letters of a country by its two; the default's where there is no such country.
fn alpha_3(country_code: &str) -> String {
    let country = rust_iso3166::from_alpha2(&country_code.to_uppercase());
    country.map_or_else(|| "GBR".to_owned(), |country| country.alpha3.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(business: &BusinessDetails) -> Operator<'_> {
        Operator {
            country_code: "GB",
            party_id: "GWY",
            time_zone: "Europe/London",
            business,
        }
    }

    fn point(reports: &[(i64, &str)]) -> Point {
        Point {
            id: "cp_001".to_owned(),
            is_deleted: false,
            latitude: Some(51.5054),
            longitude: Some(-0.0235),
            evses: Evses::of(Vec::new(), 2, &Plug::of(Some("Type 2"), Some(7.4)), 5),
            given: vec![(1, Some("evse_cp001_1".to_owned()), None)],
            reports: reports
                .iter()
                .map(|(connector_1_6, status)| Report {
                    connector_1_6: *connector_1_6,
                    status: (*status).to_owned(),
                    changed_at_ms: 40,
                })
                .collect(),
            is_online: true,
            online_changed_at_ms: 30,
            updated_at_ms: 10,
            tariff: Some("tar_001".to_owned()),
        }
    }

    #[test]
    fn a_charge_point_becomes_a_location_that_has_no_fault() {
        let place = Place {
            id: "loc_001".to_owned(),
            address: Some("1 Canada Square, London, E14 5AB".to_owned()),
            updated_at_ms: 20,
            points: vec![point(&[(1, "Available"), (2, "Faulted")])],
            ..Place::default()
        };
        let business = BusinessDetails {
            name: "Greenway".to_owned(),
            ..BusinessDetails::default()
        };
        let location = place.location(operator(&business)).unwrap();
        let json = serde_json::to_value(&location).unwrap();
        let faults = dynamo_protocol::ocpi::form::faults(
            "Location",
            &json,
            dynamo_protocol::ocpi::form::Extent::Whole,
        );
        assert_eq!(faults, []);
        assert_eq!((&*location.city, &*location.country), ("London", "GBR"));
        assert_eq!(location.last_updated, DateTime(40));
        let statuses: Vec<Status> = location.evses.iter().map(|evse| evse.status).collect();
        assert_eq!(statuses, [Status::Available, Status::OutOfOrder]);
        assert_eq!(location.evses[0].uid, CiString::from("evse_cp001_1"));
        assert_eq!(location.evses[1].evse_id, CiString::from("GB*GWY*ECP001*2"));
        let spot = place.spot(&"EVSE_CP001_1".into(), None).unwrap();
        assert_eq!((spot.evse_id, spot.connector), (1, (1, 1)));
        assert_eq!(place.spot(&"cp_001-2".into(), Some(&"2".into())), None);
    }

    #[test]
    fn offline_is_unknown_and_gone_is_removed() {
        let business = BusinessDetails::default();
        let status = |change: &dyn Fn(&mut Point)| {
            let mut point = point(&[(1, "Available"), (2, "Available")]);
            change(&mut point);
            let place = Place {
                points: vec![point],
                ..Place::default()
            };
            let location = place.location(operator(&business)).unwrap();
            location.evses[0].status
        };
        assert_eq!(status(&|_| {}), Status::Available);
        assert_eq!(status(&|point| point.is_online = false), Status::Unknown);
        assert_eq!(status(&|point| point.is_deleted = true), Status::Removed);
        assert!(Place::default().location(operator(&business)).is_none());
    }

    #[test]
    fn an_evse_is_what_its_connectors_let_it_be() {
        let of = |words: &[&str]| status_of(words.iter().copied());
        assert_eq!(of(&["Available", "Charging"]), Status::Charging);
        assert_eq!(of(&["Faulted", "Available"]), Status::Available);
        assert_eq!(of(&["Unavailable", "Faulted"]), Status::Inoperative);
        assert_eq!(of(&["Faulted"]), Status::OutOfOrder);
        assert_eq!(of(&[]), Status::Unknown);
    }

    #[test]
    fn a_city_is_read_from_an_address() {
        assert_eq!(city_of("1 Canada Square, London, E14 5AB"), "London");
        assert_eq!(city_of("10 Downing St, London, UK"), "London");
        assert_eq!(city_of("Somewhere"), "unknown");
    }
}
