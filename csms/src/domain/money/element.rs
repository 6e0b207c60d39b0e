//! Elements of a tariff [OCPI 2.2.1 §11.4.4]: prices that hold under restrictions, such as by night or above a power.
//!
//! Of the elements whose restrictions are met the first one that has a price for a dimension prices it. A tariff that
//! has elements is stored with them; nothing is priced by them yet, so none can be set over REST.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "tariffs with elements come from partners first")
)]

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Elements of one tariff.
const ELEMENTS_MAX: usize = 100;
/// In percent.
const VAT_MAX: Decimal = Decimal::ONE_HUNDRED;

/// What a price is for [OCPI 2.2.1 §11.4.5].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Dimension {
    /// Per kWh, in steps of 1 Wh.
    Energy,
    /// Once.
    Flat,
    /// Per hour in which the car does not charge, in steps of 1 s.
    ParkingTime,
    /// Per hour in which it charges, in steps of 1 s.
    Time,
}

/// [OCPI 2.2.1 §11.4.2].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PriceComponent {
    #[serde(rename = "type")]
    pub dimension: Dimension,
    /// Without tax.
    pub price: Decimal,
    /// In percent; `None`: nobody knows whether there is any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vat: Option<Decimal>,
    /// The total is rounded up to a multiple of so many units of the dimension. From 1.
    pub step_size: u32,
}

/// [OCPI 2.2.1 §11.4.6].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum DayOfWeek {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// What a reservation is priced for [OCPI 2.2.1 §11.4.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReservationPrice {
    Reservation,
    ReservationExpires,
}

/// A time of a day where the charge point stands, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct LocalTime {
    minutes: u16,
}

impl TryFrom<String> for LocalTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let part = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            let is_number = digits.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let is_shaped = text.len() == 5 && text.get(2..3) == Some(":");
        match (is_shaped, part(0..2), part(3..5)) {
            (true, Some(hours @ 0..=23), Some(minutes @ 0..=59)) => Ok(Self {
                minutes: hours * 60 + minutes,
            }),
            _ => Err(format!("{text:?} is no time of a day: HH:MM is wanted")),
        }
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

/// When an element holds: when all of what is said here is so [OCPI 2.2.1 §11.4.6]. Lower bounds are met by
/// themselves, upper ones are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Restrictions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<LocalTime>,
    /// Before `start_time`: of the next day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<LocalTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_kwh: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_kwh: Option<Decimal>,
    /// In amperes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_current: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_current: Option<Decimal>,
    /// In kW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_power: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_power: Option<Decimal>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<u32>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub day_of_week: BTreeSet<DayOfWeek>,
    /// Of the reservation only, not of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<ReservationPrice>,
}

/// Prices and when they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Element {
    pub price_components: Vec<PriceComponent>,
    /// `None`: always.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub restrictions: Option<Restrictions>,
}

/// What is wrong with the elements of a tariff.
pub(crate) fn wrong_elements(elements: &[Element]) -> Option<&'static str> {
    if !(1..=ELEMENTS_MAX).contains(&elements.len()) {
        return Some("1 to 100 elements are wanted");
    }
    elements.iter().find_map(|element| {
        let components = element.price_components.iter();
        let wrong = wrong_components(&element.price_components);
        let wrong = wrong.or_else(|| components.clone().find_map(wrong_component));
        wrong.or_else(|| element.restrictions.as_ref().and_then(wrong_restrictions))
    })
}

fn wrong_components(components: &[PriceComponent]) -> Option<&'static str> {
    let dimensions: BTreeSet<Dimension> = components.iter().map(|one| one.dimension).collect();
    if components.is_empty() {
        return Some("an element without a price prices nothing");
    }
    (dimensions.len() < components.len()).then_some("a dimension has one price in an element")
}

fn wrong_component(component: &PriceComponent) -> Option<&'static str> {
    let vat = component.vat.unwrap_or_default();
    if component.price.is_sign_negative() && !component.price.is_zero() {
        return Some("a price is not negative");
    }
    if vat.is_sign_negative() || vat > VAT_MAX {
        return Some("a tax of 0 to 100 percent is wanted");
    }
    (component.step_size == 0).then_some("a step has one unit at least")
}

fn wrong_restrictions(when: &Restrictions) -> Option<&'static str> {
    fn is_range<T: PartialOrd>(min: Option<&T>, max: Option<&T>) -> bool {
        min.zip(max).is_none_or(|(min, max)| min < max)
    }
    let ranges = [
        is_range(when.start_date.as_ref(), when.end_date.as_ref()),
        is_range(when.min_kwh.as_ref(), when.max_kwh.as_ref()),
        is_range(when.min_current.as_ref(), when.max_current.as_ref()),
        is_range(when.min_power.as_ref(), when.max_power.as_ref()),
        is_range(when.min_duration.as_ref(), when.max_duration.as_ref()),
        // The end may be of the next day, but not the start once more.
        when.start_time.is_none() || when.start_time != when.end_time,
    ];
    if ranges.contains(&false) {
        return Some(
            "a restriction that is never met has no sense: its end comes after its beginning",
        );
    }
    let bounds = [
        when.min_kwh,
        when.max_kwh,
        when.min_current,
        when.max_current,
        when.min_power,
        when.max_power,
    ];
    let is_negative = |bound: &Decimal| *bound < Decimal::ZERO;
    bounds
        .iter()
        .flatten()
        .any(is_negative)
        .then_some("a bound is not negative")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn by_night() -> Value {
        json!([
            {
                "price_components": [
                    {"type": "ENERGY", "price": "0.25", "vat": "20", "step_size": 1},
                    {"type": "PARKING_TIME", "price": "6", "step_size": 60},
                ],
                "restrictions": {
                    "start_time": "22:00", "end_time": "06:30", "start_date": "2026-01-01",
                    "end_date": "2027-01-01", "min_kwh": "0.5", "max_kwh": "50", "min_current": "6",
                    "max_current": "32", "min_power": "3.7", "max_power": "22", "min_duration": 60,
                    "max_duration": 3600, "day_of_week": ["MONDAY", "SUNDAY"], "reservation": "RESERVATION_EXPIRES",
                },
            },
            {"price_components": [{"type": "FLAT", "price": "0.00", "step_size": 1}]},
            {"price_components": [{"type": "TIME", "price": "1.2", "step_size": 300}], "restrictions": {}},
        ])
    }

    #[test]
    fn what_is_stored_is_read_as_it_was() {
        let elements: Vec<Element> = serde_json::from_value(by_night()).unwrap();
        assert_eq!(serde_json::to_value(&elements).unwrap(), by_night());
        assert_eq!(elements[0].price_components[0].price, Decimal::new(25, 2));
        let when = elements[0].restrictions.as_ref().unwrap();
        assert_eq!(when.end_time.unwrap().minutes, 390);
        assert_eq!(wrong_elements(&elements), None);
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in ["24:00", "12:60", "1:00", "+1:00", "12.00", "", "é1:0"] {
            let read: Result<LocalTime, _> = serde_json::from_value(json!(text));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn elements_that_cannot_be_meant_are_wrong() {
        assert!(wrong_elements(&[]).is_some());
        for (pointer, value) in [
            ("/0/price_components", json!([])),
            ("/0/price_components/1/type", json!("ENERGY")),
            ("/0/price_components/0/price", json!("-0.01")),
            ("/0/price_components/0/vat", json!("100.1")),
            ("/0/price_components/0/step_size", json!(0)),
            ("/0/restrictions/end_time", json!("22:00")),
            ("/0/restrictions/end_date", json!("2026-01-01")),
            ("/0/restrictions/max_kwh", json!("0.5")),
            ("/0/restrictions/max_current", json!("5")),
            ("/0/restrictions/max_power", json!("3")),
            ("/0/restrictions/max_duration", json!(60)),
            ("/0/restrictions/min_kwh", json!("-1")),
        ] {
            let mut wrong = by_night();
            *wrong.pointer_mut(pointer).unwrap() = value;
            let elements: Vec<Element> = serde_json::from_value(wrong).unwrap();
            assert!(wrong_elements(&elements).is_some(), "{pointer}");
        }
    }
}
