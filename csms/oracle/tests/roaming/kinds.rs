//! Which kinds of restrictions a session passes a bound of, worked out from the periods of its bill.

use dynamo_pricing::{Bill, Charge};
use dynamo_protocol::ocpi::Number;
use dynamo_protocol::ocpi::sessions::{ChargingPeriod, DimensionType};
use dynamo_protocol::ocpi::tariffs::{DayOfWeek, Tariff, TariffRestrictions};
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;

pub(crate) const ALL: [&str; 7] = [
    "time of day",
    "day of week",
    "date",
    "energy",
    "power",
    "current",
    "duration",
];

/// How things stand at the beginning of a period.
struct Moment {
    local: Zoned,
    kwh: Decimal,
    power: Option<Decimal>,
    current: Option<Decimal>,
    seconds: i64,
}

fn volume(period: &ChargingPeriod, of: DimensionType) -> Option<Decimal> {
    let mut dimensions = period.dimensions.iter();
    let found = dimensions.find(|dimension| dimension.r#type == of);
    found.map(|dimension| dimension.volume.0)
}

fn moments(charge: &Charge, bill: &Bill) -> Vec<Moment> {
    let mut kwh = Decimal::ZERO;
    let moment = |period: &ChargingPeriod| {
        let at_ms = period.start_date_time.0;
        let at = Timestamp::from_millisecond(at_ms).unwrap();
        let moment = Moment {
            local: at.to_zoned(charge.time_zone().clone()),
            kwh,
            power: volume(period, DimensionType::MaxPower),
            current: volume(period, DimensionType::MaxCurrent),
            seconds: (at_ms - charge.begin_ms()) / 1_000,
        };
        kwh += volume(period, DimensionType::Energy).unwrap_or_default();
        moment
    };
    bill.periods.iter().map(moment).collect()
}

fn is_in<T: PartialOrd>(from: Option<T>, to: Option<T>, value: T) -> bool {
    from.is_none_or(|from| value >= from) && to.is_none_or(|to| value < to)
}

fn number(number: Option<Number>) -> Option<Decimal> {
    number.map(|number| number.0)
}

/// Whether the restrictions of one kind are met, kind by kind in the order of [`ALL`].
fn met(when: &TariffRestrictions, now: &Moment) -> [bool; 7] {
    let time = now.local.strftime("%H:%M").to_string();
    let wraps = when.start_time.as_ref().zip(when.end_time.as_ref());
    let at = match wraps.filter(|(start, end)| end < start) {
        Some((start, end)) => time >= *start || time < *end,
        None => is_in(when.start_time.clone(), when.end_time.clone(), time),
    };
    let day = DayOfWeek::ALL[usize::try_from(now.local.weekday().to_monday_zero_offset()).unwrap()];
    let within = |from: Option<Number>, to: Option<Number>, value: Option<Decimal>| {
        value.is_none_or(|value| is_in(number(from), number(to), value))
    };
    [
        at,
        when.day_of_week.is_empty() || when.day_of_week.contains(&day),
        is_in(when.start_date, when.end_date, now.local.date()),
        within(when.min_kwh, when.max_kwh, Some(now.kwh)),
        within(when.min_power, when.max_power, now.power),
        within(when.min_current, when.max_current, now.current),
        is_in(when.min_duration, when.max_duration, now.seconds),
    ]
}

/// The kinds that are met in one period and not in another one, so that they have a part in what is paid.
pub(crate) fn crossed(tariff: &Tariff, charge: &Charge, bill: &Bill) -> Vec<&'static str> {
    let moments = moments(charge, bill);
    let restrictions = tariff
        .elements
        .iter()
        .filter_map(|element| element.restrictions.as_ref());
    let seen: Vec<Vec<[bool; 7]>> = restrictions
        .map(|when| moments.iter().map(|now| met(when, now)).collect())
        .collect();
    let is_crossed = |kind: usize| {
        seen.iter().any(|element| {
            let mut kinds = element.iter().map(|met| met[kind]);
            let first = kinds.next();
            kinds.any(|met| Some(met) != first)
        })
    };
    let kinds = ALL.iter().enumerate().filter(|(kind, _)| is_crossed(*kind));
    kinds.map(|(_, name)| *name).collect()
}
