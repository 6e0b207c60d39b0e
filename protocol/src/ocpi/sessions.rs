//! Charging that goes on [OCPI 2.2.1 §9].

use serde::{Deserialize, Serialize};

use super::{CiString, DateTime, Number, Price};

super::words! {
    /// How a session was authorized [OCPI 2.2.1 §10.4.1].
    AuthMethod {
        /// Its token's issuer was asked.
        AuthRequest = "AUTH_REQUEST",
        /// Its token's issuer ordered it.
        Command = "COMMAND",
        /// Its token was on the list that the CPO has.
        Whitelist = "WHITELIST",
    }
}

super::words! {
    /// How far a session is [OCPI 2.2.1 §9.4.2].
    SessionStatus {
        /// It goes on.
        Active = "ACTIVE",
        /// It is over.
        Completed = "COMPLETED",
        /// It was none, and nothing is to be paid.
        Invalid = "INVALID",
        /// It has not begun.
        Pending = "PENDING",
        /// An EVSE is kept.
        Reservation = "RESERVATION",
    }
}

super::words! {
    /// What is measured in a period [OCPI 2.2.1 §10.4.2].
    DimensionType {
        /// Amperes at the moment; of sessions only.
        Current = "CURRENT",
        /// kWh that the car took.
        Energy = "ENERGY",
        /// kWh by the meter, outwards; of sessions only.
        EnergyExport = "ENERGY_EXPORT",
        /// kWh by the meter; of sessions only.
        EnergyImport = "ENERGY_IMPORT",
        /// Amperes at most.
        MaxCurrent = "MAX_CURRENT",
        /// Amperes at least.
        MinCurrent = "MIN_CURRENT",
        /// kW at most.
        MaxPower = "MAX_POWER",
        /// kW at least.
        MinPower = "MIN_POWER",
        /// Hours in which the car does not charge.
        ParkingTime = "PARKING_TIME",
        /// kW at the moment; of sessions only.
        Power = "POWER",
        /// Hours of a reservation.
        ReservationTime = "RESERVATION_TIME",
        /// Percent; of sessions only.
        StateOfCharge = "STATE_OF_CHARGE",
        /// Hours in which the car charges.
        Time = "TIME",
    }
}

/// A session [OCPI 2.2.1 §9.3.1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Of the CPO.
    pub country_code: CiString,
    /// Of the CPO.
    pub party_id: CiString,
    /// Unique within the CPO.
    pub id: CiString,
    /// While it is pending: when it was made.
    pub start_date_time: DateTime,
    /// Once it is over.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_date_time: Option<DateTime>,
    /// What the car took so far.
    pub kwh: Number,
    /// Who charges.
    pub cdr_token: CdrToken,
    /// How it was authorized.
    pub auth_method: AuthMethod,
    /// As the issuer of the token gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_reference: Option<CiString>,
    /// Where.
    pub location_id: CiString,
    /// Where.
    pub evse_uid: CiString,
    /// Where.
    pub connector_id: CiString,
    /// Three letters [ISO 4217].
    pub currency: String,
    /// What was taken when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub charging_periods: Vec<ChargingPeriod>,
    /// What it costs so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_cost: Option<Price>,
    /// How far it is.
    pub status: SessionStatus,
    /// When anything of it changed.
    pub last_updated: DateTime,
}

/// Who charges, as it was when the session began [OCPI 2.2.1 §10.4.5].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdrToken {
    /// Of who issued the token.
    pub country_code: CiString,
    /// Of who issued the token.
    pub party_id: CiString,
    /// What is written on it.
    pub uid: CiString,
    /// By its word in the standard.
    pub r#type: String,
    /// Of the driver.
    pub contract_id: CiString,
}

/// A part of a session in which one price holds [OCPI 2.2.1 §10.4.6]. It ends where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargingPeriod {
    /// When it begins.
    pub start_date_time: DateTime,
    /// At least one.
    pub dimensions: Vec<Dimension>,
    /// By which tariff it is priced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tariff_id: Option<CiString>,
}

/// How much of something a period has [OCPI 2.2.1 §10.4.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension {
    /// Of what.
    pub r#type: DimensionType,
    /// In its unit.
    pub volume: Number,
}
