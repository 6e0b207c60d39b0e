//! Times of periods in hours, as numbers that bills can say: with four decimals [OCPI 2.2.1 §16.3].
//!
//! Ten minutes are no such number. Rounded to 0.1667 hours they are 600.12 seconds, which somebody who reads the bill and
//! rounds up to blocks of a minute takes for eleven minutes. So a bill is read back here before it is written: its hours
//! are the first of these that cost the same in every part, whether a reader keeps times exactly or by the millisecond.
//!
//! 1. Rounded half up along the session, so that all times together are the rounded length of the session.
//! 2. By kind, so that the times of one kind together are its length, either cut after four decimals or rounded up to
//!    them. What is cut is mended by who rounds up to blocks.
//! 3. As 1 and then 2 with ten decimals: where a price per hour is not followed by any block, four cannot do it.
//!
//! Where an amount is a half of its last digit, it may be that none of them does; then the last way is cutting.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::costs::{Costs, Reading};
use crate::element::Use;
use crate::periods::Period;

/// Milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// Digits after the point that OCPI writes.
const FEW: u32 = 4;
/// With the five digits before the point that ten years have, a double holds all of them.
const MANY: u32 = 10;

/// Hours, rounded half up.
pub(crate) fn rounded(time_ms: i64) -> Decimal {
    round(time_ms, FEW, RoundingStrategy::MidpointAwayFromZero)
}

/// For each period, its hours.
pub(crate) fn of(periods: &[Period]) -> Vec<Decimal> {
    let exact_ms: Vec<Decimal> = periods
        .iter()
        .map(|period| Decimal::from(period.time_ms))
        .collect();
    let costs = Costs::of(periods, &exact_ms, Reading::Exact).rounded();
    let says_so = |hours: &Vec<Decimal>| {
        let read_ms: Vec<Decimal> = hours
            .iter()
            .map(|hours| hours.saturating_mul(Decimal::from(HOUR_MS)))
            .collect();
        [Reading::Exact, Reading::WholeMilliseconds]
            .iter()
            .all(|reading| Costs::of(periods, &read_ms, *reading).rounded() == costs)
    };
    let mut ways = [FEW, MANY].into_iter().flat_map(|digits| {
        let by_kind = WAYS.iter().map(move |way| by_kind(periods, digits, *way));
        std::iter::once(along(periods, digits)).chain(by_kind)
    });
    ways.find(says_so)
        .unwrap_or_else(|| by_kind(periods, MANY, WAYS[0]))
}

/// How times are rounded, by kind.
#[derive(Clone, Copy)]
struct Way {
    charging: RoundingStrategy,
    parking: RoundingStrategy,
    reservation: RoundingStrategy,
}

const CUT: RoundingStrategy = RoundingStrategy::ToZero;
const UP: RoundingStrategy = RoundingStrategy::AwayFromZero;

const WAYS: [Way; 8] = {
    const fn way(
        charging: RoundingStrategy,
        parking: RoundingStrategy,
        reservation: RoundingStrategy,
    ) -> Way {
        Way {
            charging,
            parking,
            reservation,
        }
    }
    [
        way(CUT, CUT, CUT),
        way(UP, CUT, CUT),
        way(CUT, UP, CUT),
        way(UP, UP, CUT),
        way(CUT, CUT, UP),
        way(UP, CUT, UP),
        way(CUT, UP, UP),
        way(UP, UP, UP),
    ]
};

fn along(periods: &[Period], digits: u32) -> Vec<Decimal> {
    let (mut sum_ms, mut before) = (0, Decimal::ZERO);
    let hours = periods.iter().map(|period| {
        sum_ms += period.time_ms;
        let sum = round(sum_ms, digits, RoundingStrategy::MidpointAwayFromZero);
        let hours = sum - before;
        before = sum;
        hours
    });
    hours.collect()
}

fn by_kind(periods: &[Period], digits: u32, way: Way) -> Vec<Decimal> {
    let kinds = [Use::Reserved, Use::Expired, Use::Charging, Use::Parking];
    let mut sums = kinds.map(|kind| (kind, 0_i64, Decimal::ZERO));
    let hours = periods.iter().map(|period| {
        let of_kind = sums.iter_mut().find(|(kind, ..)| *kind == period.time_is);
        let Some((_, sum_ms, before)) = of_kind else {
            return Decimal::ZERO;
        };
        *sum_ms += period.time_ms;
        let strategy = match period.time_is {
            Use::Charging => way.charging,
            Use::Parking => way.parking,
            Use::Reserved | Use::Expired => way.reservation,
        };
        let sum = round(*sum_ms, digits, strategy);
        let hours = sum - *before;
        *before = sum;
        hours
    });
    hours.collect()
}

fn round(time_ms: i64, digits: u32, strategy: RoundingStrategy) -> Decimal {
    let hours = Decimal::from(time_ms).checked_div(Decimal::from(HOUR_MS));
    hours
        .unwrap_or_default()
        .round_dp_with_strategy(digits, strategy)
}
