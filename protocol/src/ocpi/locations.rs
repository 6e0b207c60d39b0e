//! Places to charge at [OCPI 2.2.1 §8]: those fields that a CPO has something to say in.

use serde::{Deserialize, Serialize};

use super::credentials::BusinessDetails;
use super::{CiString, DateTime};

super::words! {
    /// What an EVSE is at the moment [OCPI 2.2.1 §8.4.22].
    Status {
        /// Free.
        Available = "AVAILABLE",
        /// Not free, and not in use.
        Blocked = "BLOCKED",
        /// In use.
        Charging = "CHARGING",
        /// Not in service.
        Inoperative = "INOPERATIVE",
        /// Broken.
        OutOfOrder = "OUTOFORDER",
        /// Not there yet.
        Planned = "PLANNED",
        /// Not there any more.
        Removed = "REMOVED",
        /// Kept for somebody.
        Reserved = "RESERVED",
        /// Nobody knows; also: its charge point is offline.
        Unknown = "UNKNOWN",
    }
}

/// A place with EVSEs [OCPI 2.2.1 §8.3.1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Of the CPO.
    pub country_code: CiString,
    /// Of the CPO.
    pub party_id: CiString,
    /// Unique within the CPO.
    pub id: CiString,
    /// Whether it may be shown to everybody.
    pub publish: bool,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Street and number.
    pub address: String,
    /// City or town.
    pub city: String,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub postal_code: Option<String>,
    /// State or province.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    /// Three letters [ISO 3166-1 alpha-3].
    pub country: String,
    /// Where it is.
    pub coordinates: GeoLocation,
    /// Its places to charge at.
    pub evses: Vec<Evse>,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operator: Option<BusinessDetails>,
    /// By its name in the time zone database of IANA.
    pub time_zone: String,
    /// When it is open; absent: nobody said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opening_times: Option<Hours>,
    /// Of it, or of anything below.
    pub last_updated: DateTime,
}

/// A place for one car [OCPI 2.2.1 §8.3.2].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evse {
    /// Stays the same for ever; unique within the CPO.
    pub uid: CiString,
    /// For people, such as GB*GWY*E001*1.
    pub evse_id: CiString,
    /// What it is at the moment.
    pub status: Status,
    /// What it can do, by the words of the standard.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub capabilities: Vec<String>,
    /// At least one.
    pub connectors: Vec<Connector>,
    /// In a building.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub floor_level: Option<String>,
    /// What is written on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub physical_reference: Option<String>,
    /// Who may park there, by the words of the standard.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parking_restrictions: Vec<String>,
    /// Of it, or of one of its connectors.
    pub last_updated: DateTime,
}

/// What a car is plugged into [OCPI 2.2.1 §8.3.3].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    /// Unique within its EVSE.
    pub id: CiString,
    /// By its word in the standard.
    pub standard: String,
    /// SOCKET or CABLE.
    pub format: String,
    /// By its word in the standard.
    pub power_type: String,
    /// In volts; with three phases from a line to neutral.
    pub max_voltage: i64,
    /// In amperes.
    pub max_amperage: i64,
    /// In watts, where it is less than the two make.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_electric_power: Option<i64>,
    /// What charging costs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tariff_ids: Vec<CiString>,
    /// When it changed last.
    pub last_updated: DateTime,
}

/// Degrees with five to seven digits after the point [OCPI 2.2.1 §8.4.13].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoLocation {
    /// From -90 to 90.
    pub latitude: String,
    /// From -180 to 180.
    pub longitude: String,
}

impl GeoLocation {
    /// In degrees.
    #[must_use]
    pub fn of(latitude: f64, longitude: f64) -> Self {
        let written = |degrees: f64| {
            let text = format!("{degrees:.7}");
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00000"));
            let (must, may) = fraction.split_at(5);
            let written = format!("{whole}.{must}{}", may.trim_end_matches('0'));
            // Nothing is west or south of nothing.
            match written.trim_start_matches('-') {
                "0.00000" => "0.00000".to_owned(),
                _ => written,
            }
        };
        Self {
            latitude: written(latitude),
            longitude: written(longitude),
        }
    }
}

/// When a place is open [OCPI 2.2.1 §8.4.14].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Always.
    pub twentyfourseven: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_have_five_to_seven_digits() {
        let at = |latitude, longitude| {
            let at = GeoLocation::of(latitude, longitude);
            (at.latitude, at.longitude)
        };
        let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(at(51.5054, -0.0235), text("51.50540", "-0.02350"));
        assert_eq!(at(-0.0, -0.000_000_01), text("0.00000", "0.00000"));
        assert_eq!(
            at(1.234_567_89, 179.123_456),
            text("1.2345679", "179.123456")
        );
    }
}
