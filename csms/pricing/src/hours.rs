//! Times of periods in hours, as numbers that bills can say: with four decimals [OCPI 2.2.1 §16.3].
//!
//! Ten minutes are no such number. Rounded to 0.1667 hours they are 600.12 seconds, which somebody who reads the bill and
//! rounds up to blocks of a minute takes for eleven minutes. So a bill is read back here before it is written: its hours
//! are the first of these that cost the same, in every part.
//!
//! 1. Rounded half up along the session, so that all times together are the rounded length of the session.
//! 2. Cut after four decimals, the sum of each kind of time at every period: rounding up to blocks then mends them.
//! 3. Rounded as in 1, but with ten decimals: where a price per hour is not followed by any block, four cannot do it.
//! 4. As in 2 with ten decimals, but TIME, which has no block where parking is priced, is rounded up: an amount of which
//!    half a digit is left then stays above that half.
//! 5. As in 2, but with ten decimals.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::costs::Costs;
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
    let costs = Costs::of(periods, &exact_ms).rounded();
    let says_so = |hours: &Vec<Decimal>| {
        let read_ms: Vec<Decimal> = hours
            .iter()
            .map(|hours| hours.saturating_mul(Decimal::from(HOUR_MS)))
            .collect();
        Costs::of(periods, &read_ms).rounded() == costs
    };
    let ways: [(Way, u32); 4] = [
        (along, FEW),
        (cut, FEW),
        (along, MANY),
        (cut_but_charging, MANY),
    ];
    let mut hours = ways.into_iter().map(|(way, digits)| way(periods, digits));
    hours.find(says_so).unwrap_or_else(|| cut(periods, MANY))
}

type Way = fn(&[Period], u32) -> Vec<Decimal>;

fn cut(periods: &[Period], digits: u32) -> Vec<Decimal> {
    by_kind(periods, digits, |_| RoundingStrategy::ToZero)
}

fn cut_but_charging(periods: &[Period], digits: u32) -> Vec<Decimal> {
    by_kind(periods, digits, |kind| match kind {
        Use::Charging => RoundingStrategy::AwayFromZero,
        Use::Reserved | Use::Expired | Use::Parking => RoundingStrategy::ToZero,
    })
}

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

fn by_kind(periods: &[Period], digits: u32, strategy: fn(Use) -> RoundingStrategy) -> Vec<Decimal> {
    let kinds = [Use::Reserved, Use::Expired, Use::Charging, Use::Parking];
    let mut sums = kinds.map(|kind| (kind, 0_i64, Decimal::ZERO));
    let hours = periods.iter().map(|period| {
        let of_kind = sums.iter_mut().find(|(kind, ..)| *kind == period.time_is);
        let Some((_, sum_ms, before)) = of_kind else {
            return Decimal::ZERO;
        };
        *sum_ms += period.time_ms;
        let sum = round(*sum_ms, digits, strategy(period.time_is));
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
