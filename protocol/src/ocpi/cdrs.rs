//! Bills of sessions [OCPI 2.2.1 §10].

use serde::{Deserialize, Serialize};

use super::locations::GeoLocation;
use super::sessions::{AuthMethod, CdrToken, ChargingPeriod};
use super::tariffs::Tariff;
use super::{CiString, DateTime, Number, Price};

/// A bill. It never changes [OCPI 2.2.1 §10.3.1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    /// Of the CPO.
    pub country_code: CiString,
    /// Of the CPO.
    pub party_id: CiString,
    /// Unique within the CPO; of at most 36 characters, but for a credit.
    pub id: CiString,
    /// Of the session.
    pub start_date_time: DateTime,
    /// Of the session.
    pub end_date_time: DateTime,
    /// The session that is billed.
    pub session_id: CiString,
    /// Who charged.
    pub cdr_token: CdrToken,
    /// How the session was authorized.
    pub auth_method: AuthMethod,
    /// As the issuer of the token gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_reference: Option<CiString>,
    /// Where, as it was when the session began.
    pub cdr_location: CdrLocation,
    /// Three letters [ISO 4217].
    pub currency: String,
    /// By what it is priced, as it was when the session began.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tariffs: Vec<Tariff>,
    /// At least one.
    pub charging_periods: Vec<ChargingPeriod>,
    /// The sum.
    pub total_cost: Price,
    /// Of it: fees.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_fixed_cost: Option<Price>,
    /// In kWh.
    pub total_energy: Number,
    /// What the energy costs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_energy_cost: Option<Price>,
    /// In hours, charging or not.
    pub total_time: Number,
    /// What the time of charging costs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_time_cost: Option<Price>,
    /// In hours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_parking_time: Option<Number>,
    /// What the time of parking costs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_parking_cost: Option<Price>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remark: Option<String>,
    /// Whether it takes another one back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credit: Option<bool>,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credit_reference_id: Option<CiString>,
    /// When it was made.
    pub last_updated: DateTime,
}

/// Where a session was, as it was when it began [OCPI 2.2.1 §10.4.4].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrLocation {
    /// Of the location.
    pub id: CiString,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Of at most 45 characters, which is less than a location's.
    pub address: String,
    /// City or town.
    pub city: String,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub postal_code: Option<String>,
    /// Of at most 20 characters, which is less than a location's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    /// Three letters [ISO 3166-1 alpha-3].
    pub country: String,
    /// Where it is.
    pub coordinates: GeoLocation,
    /// Of the EVSE.
    pub evse_uid: CiString,
    /// Of the EVSE.
    pub evse_id: CiString,
    /// Of the connector.
    pub connector_id: CiString,
    /// Of the connector.
    pub connector_standard: String,
    /// Of the connector.
    pub connector_format: String,
    /// Of the connector.
    pub connector_power_type: String,
}
