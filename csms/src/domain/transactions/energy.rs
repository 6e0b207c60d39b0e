//! The energy that is billed of a transaction, and what its readings say of its stop.
//!
//! The register of the stop counts. Where it cannot be right (it runs backwards, or faster than any plug delivers), or
//! where it says that nothing was charged and the readings grew meanwhile, the last reading of the outlet counts; and
//! where that cannot be right either, nothing does. A start at 0 may be one that was not read, beside readings that do
//! not begin at 0: then what flowed between the readings counts.

use crate::domain::transactions::claims::{Claims, energy_wh};
use crate::domain::transactions::register::Standing;

/// Readings in kWh are rounded: a stop that is so little below them agrees with them.
const ROUNDING_WH: i64 = 100;

/// The energy from the start until the end that is claimed, in Wh. `last`: where meter values left the register.
pub(crate) fn billed_wh(claims: &Claims, last: Option<&Standing>) -> i64 {
    let by_stop = possible_wh(claims);
    let by_readings = last.and_then(|last| read_wh(claims, last));
    let grew = last.is_some_and(|last| last.first_wh < last.wh);
    match (by_stop, by_readings) {
        (Some(0), Some(read_wh)) if grew && read_wh > ROUNDING_WH => read_wh,
        (Some(told_wh), _) => told_wh,
        (None, read_wh) => read_wh.unwrap_or(0),
    }
}

/// The energy that the readings say, if it can be right.
fn read_wh(claims: &Claims, last: &Standing) -> Option<i64> {
    let meter_start_wh = claims.meter_start_wh.map(|start_wh| match start_wh {
        0 => last.first_wh,
        _ => start_wh,
    });
    possible_wh(&Claims {
        meter_start_wh,
        meter_stop_wh: last.outlet_wh(),
        ..*claims
    })
}

/// The energy that is claimed, if it can be right.
fn possible_wh(claims: &Claims) -> Option<i64> {
    if claims.is_beyond_any_power() {
        return None;
    }
    energy_wh(claims.meter_start_wh, claims.meter_stop_wh?)
}

/// Whether a stop tells a register that its transaction's readings were beyond already.
pub(crate) fn is_below_readings(meter_stop_wh: i64, last: &Standing) -> bool {
    let read = last.outlet_wh();
    read.is_some_and(|read_wh| meter_stop_wh < read_wh.saturating_sub(ROUNDING_WH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transactions::register::{Doubt, after};

    fn standing(wh: i64, at_ms: i64) -> Standing {
        Standing {
            wh,
            at_ms,
            source: 0,
            doubt: Doubt::None,
            first_wh: wh,
            least_wh: None,
        }
    }

    fn billed(start_wh: i64, stop_wh: i64, last: Option<Standing>) -> i64 {
        let claims = Claims {
            meter_start_wh: Some(start_wh),
            meter_stop_wh: Some(stop_wh),
            stopped_at_ms: Some(60_000),
            ..Claims::default()
        };
        billed_wh(&claims, last.as_ref())
    }

    #[test]
    fn a_stop_that_cannot_be_right_leaves_the_energy_to_the_readings() {
        let first = standing(3_000, 1).first(Some(1_000));
        let second = after(first, standing(5_000, 2));
        let elsewhere = Standing {
            source: 15,
            ..second
        };
        let impossible = Standing {
            doubt: Doubt::Impossible,
            ..second
        };
        let too_much = standing(2_000_000, 3).first(Some(1_000));
        for (stop_wh, last, wanted) in [
            (6_000, Some(second), 5_000),
            (6_000, None, 5_000),
            // Below the readings, and possible: whoever is billed less is billed rightly.
            (1_500, Some(second), 500),
            // Backwards.
            (0, Some(second), 4_000),
            (0, Some(first), 2_000),
            (0, None, 0),
            (-1, Some(elsewhere), 0),
            (0, Some(impossible), 0),
            (0, Some(too_much), 0),
            // Faster than any plug.
            (i64::from(i32::MAX), Some(second), 4_000),
            (i64::from(i32::MAX), None, 0),
            // Nothing, against one reading, against two, and against another register.
            (1_000, Some(first), 0),
            (1_000, Some(second), 4_000),
            (1_000, Some(elsewhere), 0),
        ] {
            assert_eq!(billed(1_000, stop_wh, last), wanted, "{stop_wh} {last:?}");
        }
    }

    #[test]
    fn the_register_of_a_whole_life_is_no_session() {
        let first = standing(40_000, 1).first(Some(0));
        let same = after(first, standing(40_000, 2));
        let grown = after(same, standing(41_500, 3));
        assert_eq!(billed(0, 0, Some(first)), 0);
        assert_eq!(billed(0, 0, Some(same)), 0);
        assert_eq!(billed(0, 0, Some(grown)), 1_500);
    }

    #[test]
    fn what_is_rounded_up_is_no_energy() {
        let first = standing(1_005, 1).first(Some(1_004));
        let last = after(first, standing(1_010, 2));
        assert_eq!(billed(1_004, 1_004, Some(last)), 0);
    }

    #[test]
    fn what_is_rounded_agrees() {
        let last = standing(5_000, 1);
        assert!(!is_below_readings(4_900, &last));
        assert!(is_below_readings(4_899, &last));
        let of_the_car = Standing { source: 60, ..last };
        assert!(!is_below_readings(0, &of_the_car));
    }
}
