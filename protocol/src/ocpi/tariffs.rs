//! Prices [OCPI 2.2.1 §11].

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{CiString, DateTime, DisplayText, Number, Price};

super::words! {
    /// What is priced [OCPI 2.2.1 §11.4.5].
    TariffDimension {
        /// Per kWh, in steps of 1 Wh.
        Energy = "ENERGY",
        /// Once.
        Flat = "FLAT",
        /// Per hour in which the car does not charge, in steps of 1 s.
        ParkingTime = "PARKING_TIME",
        /// Per hour in which it charges, in steps of 1 s.
        Time = "TIME",
    }
}

super::words! {
    /// A day [OCPI 2.2.1 §11.4.1].
    DayOfWeek {
        /// The first.
        Monday = "MONDAY",
        /// The second.
        Tuesday = "TUESDAY",
        /// The third.
        Wednesday = "WEDNESDAY",
        /// The fourth.
        Thursday = "THURSDAY",
        /// The fifth.
        Friday = "FRIDAY",
        /// The sixth.
        Saturday = "SATURDAY",
        /// The seventh.
        Sunday = "SUNDAY",
    }
}

super::words! {
    /// What of a reservation is priced [OCPI 2.2.1 §11.4.3].
    ReservationRestriction {
        /// Its time.
        Reservation = "RESERVATION",
        /// Its time, when nobody came.
        Expires = "RESERVATION_EXPIRES",
    }
}

/// A tariff [OCPI 2.2.1 §11.3.1].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    /// Of the CPO.
    pub country_code: CiString,
    /// Of the CPO.
    pub party_id: CiString,
    /// Unique within the CPO.
    pub id: CiString,
    /// Three letters [ISO 4217].
    pub currency: String,
    /// For whom it is, by the word of the standard; absent: for everybody.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub r#type: Option<String>,
    /// What people are told of it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tariff_alt_text: Vec<DisplayText>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tariff_alt_url: Option<String>,
    /// A session costs no less.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_price: Option<Price>,
    /// A session costs no more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_price: Option<Price>,
    /// At least one.
    pub elements: Vec<TariffElement>,
    /// Since when it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_date_time: Option<DateTime>,
    /// Until when it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_date_time: Option<DateTime>,
    /// When it changed last.
    pub last_updated: DateTime,
}

/// Prices, and when they hold [OCPI 2.2.1 §11.4.4]. Of the elements whose restrictions are met the first one that prices
/// a dimension prices it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffElement {
    /// At least one.
    pub price_components: Vec<PriceComponent>,
    /// Absent: always.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restrictions: Option<TariffRestrictions>,
}

/// A price [OCPI 2.2.1 §11.4.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceComponent {
    /// Of what.
    pub r#type: TariffDimension,
    /// Without VAT.
    pub price: Number,
    /// In percent; absent: there is none to speak of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vat: Option<Number>,
    /// What is priced is rounded up to a multiple of so many Wh or seconds. From 1.
    pub step_size: i64,
}

/// When an element holds: when all of this is so [OCPI 2.2.1 §11.4.6]. Lower bounds are met by themselves, upper ones are
/// not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffRestrictions {
    /// Of the day where the location is, `HH:MM`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_time: Option<String>,
    /// Before `start_time`: of the next day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_time: Option<String>,
    /// The first day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_date: Option<Date>,
    /// The day after the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end_date: Option<Date>,
    /// Taken so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_kwh: Option<Number>,
    /// Taken so far.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_kwh: Option<Number>,
    /// In amperes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_current: Option<Number>,
    /// In amperes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_current: Option<Number>,
    /// In kW.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_power: Option<Number>,
    /// In kW.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_power: Option<Number>,
    /// In seconds since the session began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_duration: Option<i64>,
    /// In seconds since the session began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_duration: Option<i64>,
    /// Where the location is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub day_of_week: Vec<DayOfWeek>,
    /// Then it prices a reservation, and no charging.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reservation: Option<ReservationRestriction>,
}
