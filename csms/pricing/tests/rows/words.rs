//! How rows write tariffs, sessions and amounts.

use dynamo_pricing::{Bill, Charge, Stretch};
use dynamo_protocol::ocpi::sessions::{ChargingPeriod, DimensionType};
use dynamo_protocol::ocpi::tariffs::Tariff;
use dynamo_protocol::ocpi::{DateTime, Price};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Berlin's clocks, without asking the machine for a list of zones.
pub(crate) fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

pub(crate) fn tariff_with(elements: Value, limits: &Value) -> Tariff {
    let mut tariff = json!({
        "country_code": "GB", "party_id": "DYN", "id": "T", "currency": "EUR",
        "elements": elements, "last_updated": "2026-01-01T00:00:00Z",
    });
    for (name, limit) in limits.as_object().unwrap() {
        tariff[name] = limit.clone();
    }
    serde_json::from_value(tariff).unwrap()
}

pub(crate) fn tariff(elements: Value) -> Tariff {
    tariff_with(elements, &json!({}))
}

pub(crate) fn component(of: &str, price: f64, step: i64) -> Value {
    json!({"type": of, "price": price, "step_size": step})
}

pub(crate) fn taxed(of: &str, price: f64, vat: f64) -> Value {
    json!({"type": of, "price": price, "vat": vat, "step_size": 1})
}

/// One element that always holds.
pub(crate) fn always(components: Value) -> Value {
    json!({"price_components": components})
}

pub(crate) fn restricted(components: Value, restrictions: Value) -> Value {
    json!({"price_components": components, "restrictions": restrictions})
}

/// What a car does one after the other: minutes, Wh, and whether it charges.
pub(crate) fn stretches(from: &str, parts: &[(i64, i64, bool)]) -> Vec<Stretch> {
    let mut from_ms = DateTime::parse(from).unwrap().0;
    let stretch = |(minutes, energy_wh, is_charging): &(i64, i64, bool)| {
        let stretch = Stretch {
            from_ms,
            to_ms: from_ms + minutes * 60_000,
            energy_wh: *energy_wh,
            is_charging: *is_charging,
            power_kw: None,
            current_a: None,
        };
        from_ms = stretch.to_ms;
        stretch
    };
    parts.iter().map(stretch).collect()
}

pub(crate) fn charge(from: &str, parts: &[(i64, i64, bool)]) -> Charge {
    Charge::new(berlin(), stretches(from, parts)).unwrap()
}

/// At noon in Berlin, on a Wednesday in winter.
pub(crate) fn at_noon(parts: &[(i64, i64, bool)]) -> Charge {
    charge("2026-01-14T11:00:00Z", parts)
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn net(price: Price) -> String {
    price.excl_vat.0.normalize().to_string()
}

pub(crate) fn both(price: Price) -> (String, String) {
    let gross = price.incl_vat.unwrap().0.normalize();
    (net(price), gross.to_string())
}

pub(crate) fn pair(net: &str, gross: &str) -> (String, String) {
    (net.to_owned(), gross.to_owned())
}

/// When periods begin, with one kind of volume of each.
pub(crate) fn volumes(bill: &Bill, of: DimensionType) -> Vec<(String, String)> {
    let volume = |period: &ChargingPeriod| {
        let mut dimensions = period.dimensions.iter();
        let found = dimensions.find(|dimension| dimension.r#type == of);
        let volume = found.map_or_else(String::new, |found| found.volume.0.to_string());
        (period.start_date_time.to_string(), volume)
    };
    bill.periods.iter().map(volume).collect()
}

pub(crate) fn said(bill: &Bill, of: DimensionType) -> Vec<String> {
    let volumes = volumes(bill, of).into_iter().map(|(_, volume)| volume);
    volumes.collect()
}
