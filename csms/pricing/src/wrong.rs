//! What is wrong with a tariff that has the right form: what can never hold, and what nobody can mean.

use dynamo_protocol::ocpi::tariffs::{
    PriceComponent, Tariff, TariffDimension, TariffElement, TariffRestrictions,
};
use dynamo_protocol::ocpi::{Number, Price};
use jiff::civil;
use rust_decimal::Decimal;

use crate::when::{time_of_day, weekday};

/// Elements of one tariff.
const ELEMENTS_MAX: usize = 100;
/// In percent.
const VAT_MAX: Decimal = Decimal::ONE_HUNDRED;

/// The first thing that is wrong, as one sentence that begins with its place; `None`: nothing is. Whether the currency
/// exists is not asked here.
#[must_use]
pub fn wrong_tariff(tariff: &Tariff) -> Option<String> {
    let count = tariff.elements.len();
    if count == 0 {
        return Some("/elements is empty: a tariff has one element at least".to_owned());
    }
    if count > ELEMENTS_MAX {
        return Some(format!(
            "/elements has {count} elements: {ELEMENTS_MAX} are the most"
        ));
    }
    let elements = tariff.elements.iter().enumerate();
    elements
        .clone()
        .find_map(|(place, element)| wrong_element(&format!("/elements/{place}"), element))
        .or_else(|| wrong_limits(tariff))
}

fn wrong_limits(tariff: &Tariff) -> Option<String> {
    let limits = [
        ("/min_price", &tariff.min_price),
        ("/max_price", &tariff.max_price),
    ];
    for (place, limit) in limits {
        let Some(Price { excl_vat, incl_vat }) = limit else {
            continue;
        };
        if excl_vat.0 < Decimal::ZERO {
            return Some(format!("{place}/excl_vat is negative"));
        }
        if incl_vat.is_some_and(|incl_vat| incl_vat < *excl_vat) {
            return Some(format!("{place}/incl_vat is less than excl_vat"));
        }
    }
    if let (Some(least), Some(most)) = (&tariff.min_price, &tariff.max_price) {
        let gross = least.incl_vat.zip(most.incl_vat);
        if least.excl_vat > most.excl_vat || gross.is_some_and(|(least, most)| least > most) {
            return Some("/max_price is less than min_price".to_owned());
        }
    }
    let ends_first = tariff
        .start_date_time
        .zip(tariff.end_date_time)
        .is_some_and(|(start, end)| end <= start);
    ends_first.then(|| "/end_date_time is not after start_date_time".to_owned())
}

fn wrong_element(place: &str, element: &TariffElement) -> Option<String> {
    let components = &element.price_components;
    if components.is_empty() {
        return Some(format!(
            "{place}/price_components is empty: an element has one price at least"
        ));
    }
    let is_reservation = element
        .restrictions
        .as_ref()
        .is_some_and(|when| when.reservation.is_some());
    for (index, component) in components.iter().enumerate() {
        let place = format!("{place}/price_components/{index}");
        let before = components.iter().take(index);
        if before.clone().any(|other| other.r#type == component.r#type) {
            let dimension = component.r#type.as_str();
            return Some(format!(
                "{place}/type is {dimension} again: an element prices it once"
            ));
        }
        if let Some(wrong) = wrong_component(&place, component, is_reservation) {
            return Some(wrong);
        }
    }
    let when = element.restrictions.as_ref()?;
    wrong_restrictions(&format!("{place}/restrictions"), when)
}

fn wrong_component(
    place: &str,
    component: &PriceComponent,
    is_reservation: bool,
) -> Option<String> {
    if component.price.0 < Decimal::ZERO {
        return Some(format!("{place}/price is negative"));
    }
    let vat = component.vat.map_or(Decimal::ZERO, |vat| vat.0);
    if vat < Decimal::ZERO || vat > VAT_MAX {
        return Some(format!("{place}/vat is {vat}: 0 to 100 percent are wanted"));
    }
    if component.step_size < 1 {
        let step = component.step_size;
        return Some(format!(
            "{place}/step_size is {step}: a step has one unit at least"
        ));
    }
    let dimension = component.r#type;
    let is_of_reservation = matches!(dimension, TariffDimension::Flat | TariffDimension::Time);
    (is_reservation && !is_of_reservation).then(|| {
        let dimension = dimension.as_str();
        format!("{place}/type is {dimension}: a reservation has prices for FLAT and TIME only")
    })
}

/// Restrictions that cannot be read, or can never be met together.
fn wrong_restrictions(place: &str, when: &TariffRestrictions) -> Option<String> {
    let wrong_times = wrong_times(when);
    let number = |number: Option<Number>| number.map(|number| number.0);
    let ranges = [
        ("kwh", number(when.min_kwh), number(when.max_kwh)),
        (
            "current",
            number(when.min_current),
            number(when.max_current),
        ),
        ("power", number(when.min_power), number(when.max_power)),
        (
            "duration",
            when.min_duration.map(Decimal::from),
            when.max_duration.map(Decimal::from),
        ),
    ];
    let wrong_ranges = || {
        ranges
            .iter()
            .find_map(|(name, min, max)| wrong_range(name, *min, *max))
    };
    let wrong = wrong_times
        .or_else(wrong_ranges)
        .or_else(|| wrong_dates(when));
    wrong.map(|wrong| format!("{place}/{wrong}"))
}

fn wrong_times(when: &TariffRestrictions) -> Option<String> {
    for (name, text) in [
        ("start_time", &when.start_time),
        ("end_time", &when.end_time),
    ] {
        if let Some(text) = text.as_ref().filter(|text| time_of_day(text).is_none()) {
            return Some(format!(
                "{name} is {text:?}: a time of day as HH:MM is wanted"
            ));
        }
    }
    let end = when.end_time.as_deref().and_then(time_of_day)?;
    let start = when.start_time.as_deref().and_then(time_of_day);
    // The end may be of the next day, but not the start once more.
    (start.unwrap_or_else(civil::Time::midnight) == end)
        .then(|| "end_time is where the day or start_time begins: that is never met".to_owned())
}

fn wrong_range(name: &str, min: Option<Decimal>, max: Option<Decimal>) -> Option<String> {
    if min.is_some_and(|min| min < Decimal::ZERO) {
        return Some(format!("min_{name} is negative"));
    }
    if max.is_some_and(|max| max <= Decimal::ZERO) {
        return Some(format!("max_{name} is not above 0: that is never met"));
    }
    min.zip(max)
        .is_some_and(|(min, max)| max <= min)
        .then(|| format!("max_{name} is not above min_{name}: that is never met"))
}

fn wrong_dates(when: &TariffRestrictions) -> Option<String> {
    let (start, end) = when.start_date.zip(when.end_date)?;
    if end <= start {
        return Some("end_date is not after start_date: that is never met".to_owned());
    }
    // A week has every day.
    let mut dates = start
        .series(jiff::ToSpan::day(1))
        .take(7)
        .take_while(|date| *date < end);
    let days: Vec<_> = when.day_of_week.iter().copied().map(weekday).collect();
    let is_met = days.is_empty() || dates.any(|date| days.contains(&date.weekday()));
    (!is_met).then(|| {
        "day_of_week has no day between start_date and end_date: that is never met".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn by_night() -> Value {
        json!({
            "country_code": "GB", "party_id": "DYN", "id": "1", "currency": "GBP",
            "min_price": {"excl_vat": 1, "incl_vat": 1.2}, "max_price": {"excl_vat": 100, "incl_vat": 120},
            "start_date_time": "2026-01-01T00:00:00Z", "end_date_time": "2027-01-01T00:00:00Z",
            "last_updated": "2026-01-01T00:00:00Z",
            "elements": [
                {
                    "price_components": [
                        {"type": "FLAT", "price": 0.25, "vat": 20, "step_size": 1},
                        {"type": "TIME", "price": 6, "step_size": 60},
                    ],
                    "restrictions": {
                        "start_time": "22:00", "end_time": "06:30", "start_date": "2026-01-05",
                        "end_date": "2026-01-07", "min_kwh": 0.5, "max_kwh": 50, "min_current": 6,
                        "max_current": 32, "min_power": 3.7, "max_power": 22, "min_duration": 60,
                        "max_duration": 3600, "day_of_week": ["SUNDAY", "TUESDAY"],
                    },
                },
                {"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]},
                {"price_components": [{"type": "ENERGY", "price": 1.2, "step_size": 300}], "restrictions": {}},
            ],
        })
    }

    fn wrong(tariff: Value) -> Option<String> {
        wrong_tariff(&serde_json::from_value(tariff).unwrap())
    }

    #[test]
    fn a_tariff_with_all_restrictions_is_right() {
        assert_eq!(wrong(by_night()), None);
        let mut reservation = by_night();
        reservation["elements"][0]["restrictions"]["reservation"] = json!("RESERVATION_EXPIRES");
        assert_eq!(wrong(reservation), None);
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        let element = json!({"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]});
        for (pointer, value, place) in [
            ("/elements", json!([]), "/elements is empty"),
            ("/elements", json!(vec![element; 101]), "/elements has 101"),
            (
                "/elements/1/price_components",
                json!([]),
                "/elements/1/price_components is empty",
            ),
            (
                "/elements/0/price_components/1/type",
                json!("FLAT"),
                "/elements/0/price_components/1/type is FLAT again",
            ),
            (
                "/elements/0/price_components/0/price",
                json!(-0.01),
                "/elements/0/price_components/0/price is negative",
            ),
            (
                "/elements/0/price_components/0/vat",
                json!(100.1),
                "/elements/0/price_components/0/vat is 100.1",
            ),
            (
                "/elements/0/price_components/0/vat",
                json!(-1),
                "/elements/0/price_components/0/vat is -1",
            ),
            (
                "/elements/2/price_components/0/step_size",
                json!(0),
                "/elements/2/price_components/0/step_size is 0",
            ),
            (
                "/elements/2/restrictions",
                json!({"reservation": "RESERVATION"}),
                "/elements/2/price_components/0/type is ENERGY",
            ),
            (
                "/elements/2/restrictions",
                json!({"end_time": "00:00"}),
                "/elements/2/restrictions/end_time is where",
            ),
            (
                "/elements/0/restrictions/start_time",
                json!("24:00"),
                "/elements/0/restrictions/start_time is \"24:00\"",
            ),
            (
                "/elements/0/restrictions/end_time",
                json!("22:00"),
                "/elements/0/restrictions/end_time is where",
            ),
            (
                "/elements/0/restrictions/end_date",
                json!("2026-01-05"),
                "/elements/0/restrictions/end_date is not after",
            ),
            (
                "/elements/0/restrictions/end_date",
                json!("2026-01-06"),
                "/elements/0/restrictions/day_of_week has no day",
            ),
            (
                "/elements/0/restrictions/max_kwh",
                json!(0.5),
                "/elements/0/restrictions/max_kwh is not above min_kwh",
            ),
            (
                "/elements/0/restrictions/max_current",
                json!(5),
                "/elements/0/restrictions/max_current is not above",
            ),
            (
                "/elements/0/restrictions/max_power",
                json!(3),
                "/elements/0/restrictions/max_power is not above",
            ),
            (
                "/elements/0/restrictions/max_duration",
                json!(60),
                "/elements/0/restrictions/max_duration is not above",
            ),
            (
                "/elements/0/restrictions/min_kwh",
                json!(-1),
                "/elements/0/restrictions/min_kwh is negative",
            ),
            (
                "/elements/2/restrictions",
                json!({"max_power": 0}),
                "/elements/2/restrictions/max_power is not above 0",
            ),
            (
                "/min_price/excl_vat",
                json!(-1),
                "/min_price/excl_vat is negative",
            ),
            (
                "/max_price/incl_vat",
                json!(99),
                "/max_price/incl_vat is less",
            ),
            ("/min_price/incl_vat", json!(121), "/max_price is less"),
            (
                "/end_date_time",
                json!("2026-01-01T00:00:00Z"),
                "/end_date_time is not after",
            ),
        ] {
            let mut tariff = by_night();
            *tariff.pointer_mut(pointer).unwrap() = value;
            let told = wrong(tariff).unwrap_or_default();
            assert!(told.starts_with(place), "{pointer}: {told}");
        }
    }
}
