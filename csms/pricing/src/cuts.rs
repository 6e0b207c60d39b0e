//! Where elements of a tariff may start or end to hold: the bounds of all of their restrictions, and the instants of
//! those that a clock decides.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use rust_decimal::Decimal;

use crate::element::Elements;

/// The bounds of all elements of a tariff, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    times: BTreeSet<civil::Time>,
    lasts_ms: BTreeSet<i64>,
    pub energy_wh: BTreeSet<Decimal>,
    pub power_kw: BTreeSet<Decimal>,
    pub current_a: BTreeSet<Decimal>,
}

impl Bounds {
    pub(crate) fn of(elements: &Elements) -> Self {
        let mut bounds = Self::default();
        for when in elements.restrictions() {
            bounds.times.extend(both(when.times));
            let has_days = !when.days.is_empty() || both(when.dates).next().is_some();
            bounds
                .times
                .extend(has_days.then_some(civil::Time::midnight()));
            bounds.lasts_ms.extend(both(when.lasts_ms));
            bounds.energy_wh.extend(both(when.energy_wh));
            bounds.power_kw.extend(both(when.power_kw));
            bounds.current_a.extend(both(when.current_a));
        }
        bounds
    }

    /// Instants for what lasts from one time to another, in Unix milliseconds. Others may be among them.
    pub(crate) fn instants(&self, zone: &TimeZone, from_ms: i64, to_ms: i64) -> BTreeSet<i64> {
        let lasts_ms = self.lasts_ms.iter();
        let mut instants: BTreeSet<i64> = lasts_ms.map(|ms| from_ms.saturating_add(*ms)).collect();
        if !self.times.is_empty() {
            self.add_times(zone, from_ms, to_ms, &mut instants);
        }
        instants
    }

    /// The times of day on each day, and the instants at which clocks are put forward or back.
    fn add_times(&self, zone: &TimeZone, from_ms: i64, to_ms: i64, instants: &mut BTreeSet<i64>) {
        let (Ok(from), Ok(to)) = (
            Timestamp::from_millisecond(from_ms),
            Timestamp::from_millisecond(to_ms),
        ) else {
            return;
        };
        let changes = zone.following(from).map(|change| change.timestamp());
        instants.extend(
            changes
                .take_while(|at| *at < to)
                .map(|at| at.as_millisecond()),
        );
        let last = zone.to_datetime(to).date();
        let mut day = Some(zone.to_datetime(from).date());
        while let Some(date) = day.filter(|date| *date <= last) {
            for time in &self.times {
                let local = date.to_datetime(*time);
                let ambiguous = zone.to_ambiguous_timestamp(local);
                // A time that the clocks pass twice counts twice; one that they leave out is at their change.
                for at in [ambiguous.earlier(), ambiguous.later()]
                    .into_iter()
                    .flatten()
                {
                    instants.insert(at.as_millisecond());
                }
            }
            day = date.tomorrow().ok();
        }
    }
}

fn both<T>((from, to): (Option<T>, Option<T>)) -> impl Iterator<Item = T> {
    from.into_iter().chain(to)
}

/// How many of the bounds a value has reached. All values of one number meet the same restrictions.
pub(crate) fn reached(bounds: &BTreeSet<Decimal>, value: Decimal) -> usize {
    bounds.range(..=value).count()
}
