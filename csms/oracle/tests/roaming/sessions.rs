//! Tariffs and sessions whose bounds meet: a few days in March in Berlin, at whose end clocks are put forward.

use dynamo_pricing::{Charge, Stretch};
use dynamo_protocol::ocpi::tariffs::{
    DayOfWeek, PriceComponent, Tariff, TariffDimension, TariffElement, TariffRestrictions,
};
use dynamo_protocol::ocpi::{DateTime, Number, Price};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rust_decimal::Decimal;

/// 2026-03-26T00:00:00Z, a Thursday.
const BEGIN_MS: i64 = 1_774_483_200_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn number(digits: i64, scale: u32) -> Number {
    Number(Decimal::new(digits, scale))
}

/// Up to 2 a kWh, 12 an hour, or 3 a session, with two to four decimals.
fn any_component(of: TariffDimension) -> impl Strategy<Value = PriceComponent> {
    let (most, steps) = match of {
        TariffDimension::Energy => (2, vec![1, 100, 500, 1_000]),
        TariffDimension::Flat => (3, vec![1]),
        TariffDimension::ParkingTime | TariffDimension::Time => (12, vec![1, 60, 300, 600, 900]),
    };
    let price = (2_u32..=4).prop_flat_map(move |scale| {
        let digits = 0..=most * 10_i64.pow(scale);
        digits.prop_map(move |digits| number(digits, scale))
    });
    let vat = weighted(0.8, select(vec![0, 70, 190, 200, 255]));
    (price, vat, select(steps)).prop_map(move |(price, vat, step_size)| PriceComponent {
        r#type: of,
        price,
        vat: vat.map(|vat| number(vat, 1)),
        step_size,
    })
}

fn any_components(most: usize) -> impl Strategy<Value = Vec<PriceComponent>> {
    let dimensions = subsequence(TariffDimension::ALL.to_vec(), 1..=most);
    dimensions.prop_flat_map(|of| of.into_iter().map(any_component).collect::<Vec<_>>())
}

/// Restrictions of one kind, with one bound or two.
fn any_kind() -> impl Strategy<Value = TariffRestrictions> {
    fn bounds<T: Clone + PartialOrd + std::fmt::Debug>(
        bound: impl Strategy<Value = T> + Clone,
    ) -> impl Strategy<Value = (Option<T>, Option<T>)> {
        let two = (bound.clone(), bound.clone()).prop_map(|(one, other)| match one < other {
            true => (Some(one), Some(other)),
            false => (Some(other), Some(one)),
        });
        prop_oneof![
            bound.clone().prop_map(|from| (Some(from), None)),
            bound.prop_map(|to| (None, Some(to))),
            two,
        ]
    }
    let digits = |most: i64, scale: u32| (1..most).prop_map(move |digits| number(digits, scale));
    let time = (0_u8..24, 0_u8..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
    let none = TariffRestrictions::default;
    prop_oneof![
        1 => bounds(time.clone()).prop_map(move |(start_time, end_time)| TariffRestrictions {
            start_time,
            end_time,
            ..none()
        }),
        // By night.
        1 => (time.clone(), time).prop_map(move |(one, other)| TariffRestrictions {
            start_time: Some(one.clone().max(other.clone())),
            end_time: Some(one.min(other)),
            ..none()
        }),
        3 => bounds((27_i8..31).prop_map(|day| date(2026, 3, day))).prop_map(
            move |(start_date, end_date)| TariffRestrictions {
                start_date,
                end_date,
                ..none()
            }
        ),
        2 => subsequence(DayOfWeek::ALL.to_vec(), 1..5).prop_map(move |day_of_week| {
            TariffRestrictions {
                day_of_week,
                ..none()
            }
        }),
        2 => bounds(digits(20_000, 3)).prop_map(move |(min_kwh, max_kwh)| TariffRestrictions {
            min_kwh,
            max_kwh,
            ..none()
        }),
        3 => bounds(digits(250, 1)).prop_map(move |(min_power, max_power)| TariffRestrictions {
            min_power,
            max_power,
            ..none()
        }),
        2 => bounds(digits(600, 1)).prop_map(move |(min_current, max_current)| TariffRestrictions {
            min_current,
            max_current,
            ..none()
        }),
        2 => bounds(1_i64..60_000).prop_map(move |(min_duration, max_duration)| TariffRestrictions {
            min_duration,
            max_duration,
            ..none()
        }),
    ]
}

/// Of one kind, or of two.
fn any_restrictions() -> impl Strategy<Value = TariffRestrictions> {
    (any_kind(), weighted(0.3, any_kind())).prop_map(|(one, other)| {
        let other = other.unwrap_or_default();
        TariffRestrictions {
            start_time: one.start_time.or(other.start_time),
            end_time: one.end_time.or(other.end_time),
            start_date: one.start_date.or(other.start_date),
            end_date: one.end_date.or(other.end_date),
            min_kwh: one.min_kwh.or(other.min_kwh),
            max_kwh: one.max_kwh.or(other.max_kwh),
            min_current: one.min_current.or(other.min_current),
            max_current: one.max_current.or(other.max_current),
            min_power: one.min_power.or(other.min_power),
            max_power: one.max_power.or(other.max_power),
            min_duration: one.min_duration.or(other.min_duration),
            max_duration: one.max_duration.or(other.max_duration),
            day_of_week: match one.day_of_week.is_empty() {
                true => other.day_of_week,
                false => one.day_of_week,
            },
            reservation: None,
        }
    })
}

/// A limit that is often met: net in cents, and which one it is.
fn any_limit() -> impl Strategy<Value = Option<(i64, bool)>> {
    weighted(
        0.3,
        prop_oneof![
            (1_000_i64..20_000).prop_map(|cents| (cents, true)),
            (100_i64..5_000).prop_map(|cents| (cents, false)),
        ],
    )
}

/// Some elements that hold at times, and one that always holds, for some or all dimensions.
pub(crate) fn any_tariff() -> impl Strategy<Value = Tariff> {
    let restricted =
        (any_components(3), any_restrictions()).prop_map(|(price_components, restrictions)| {
            TariffElement {
                price_components,
                restrictions: Some(restrictions),
            }
        });
    let fee = any_component(TariffDimension::Flat);
    (
        prop::collection::vec(restricted, 1..4),
        any_components(4),
        fee,
        any_limit(),
    )
        .prop_map(|(mut elements, always, fee, limit)| {
            let always = TariffElement {
                price_components: always,
                restrictions: None,
            };
            elements.push(always);
            let limit =
                limit.map(|(cents, is_least)| with_limit(&mut elements, fee, cents, is_least));
            let (min_price, max_price) = limit.unwrap_or_default();
            Tariff {
                country_code: "GB".into(),
                party_id: "DYN".into(),
                id: "T".into(),
                currency: "EUR".to_owned(),
                r#type: None,
                tariff_alt_text: Vec::new(),
                tariff_alt_url: None,
                min_price,
                max_price,
                elements,
                start_date_time: None,
                end_date_time: None,
                last_updated: DateTime(BEGIN_MS),
            }
        })
}

/// One tax for all prices and the limit (MONEY-10), and a fee, as the engine limits nothing that has no price.
fn with_limit(
    elements: &mut Vec<TariffElement>,
    fee: PriceComponent,
    cents: i64,
    is_least: bool,
) -> (Option<Price>, Option<Price>) {
    elements.push(TariffElement {
        price_components: vec![fee],
        restrictions: None,
    });
    let components = elements
        .iter_mut()
        .flat_map(|element| &mut element.price_components);
    components.for_each(|component| component.vat = Some(number(200, 1)));
    let limit = Price {
        excl_vat: number(cents, 2),
        incl_vat: Some(number(cents * 12, 3)),
    };
    match is_least {
        true => (Some(limit), None),
        false => (None, Some(limit)),
    }
}

/// Whole minutes, whole seconds, or neither.
fn any_length() -> impl Strategy<Value = i64> {
    prop_oneof![
        (1_i64..900).prop_map(|minutes| minutes * 60_000),
        (1_i64..50_000).prop_map(|seconds| seconds * 1_000),
        1_i64..15 * HOUR_MS,
    ]
}

pub(crate) fn any_charge() -> impl Strategy<Value = Charge> {
    let energy = prop_oneof![1 => Just(0_i64), 4 => 1_i64..15_000];
    let power = weighted(0.3, 0_i64..25_000);
    let current = weighted(0.7, 0_i64..600);
    let part = (any_length(), energy, any::<bool>(), power, current);
    let begin = (0..3 * DAY_MS / 60_000).prop_map(|minutes| BEGIN_MS + minutes * 60_000);
    (begin, prop::collection::vec(part, 1..7)).prop_map(|(begin_ms, parts)| {
        let mut from_ms = begin_ms;
        let mut stretches = Vec::new();
        for (length_ms, energy_wh, is_charging, power, current) in parts {
            stretches.push(Stretch {
                from_ms,
                to_ms: from_ms + length_ms,
                energy_wh,
                is_charging,
                power_kw: power.map(|watts| Decimal::new(watts, 3)),
                current_a: current.map(|tenths| Decimal::new(tenths, 1)),
            });
            from_ms += length_ms;
        }
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        Charge::new(berlin, stretches).unwrap()
    })
}
