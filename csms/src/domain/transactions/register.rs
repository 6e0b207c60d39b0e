//! Which register energy is counted by: of several samples of one instant, and of several readings one after the
//! other.
//!
//! Of the samples of one instant counts, in this order [1.6 §7.27, §7.31, §7.43]:
//!
//! 1. a reading of now before one of the transaction's beginning (`Transaction.Begin`);
//! 2. the outlet (meant where no place is named), the inlet, the cable, the body, the car;
//! 3. the register over all phases, the sum of L1 to L3, of L1-N to L3-N, of L1-L2 to L3-L1, that of N;
//! 4. the end of the transaction, periodic samples, aligned ones, triggered ones, others, the end of an
//!    interruption, its begin;
//! 5. of equals the highest: a register grows.
//!
//! All of it is a preference: what is the only register counts. Signed values are no numbers, they stay text.
//!
//! Of several readings counts, in the order of their arrival, whatever their stamps say ([`after`]):
//!
//! - one of a better place or phase (2, 3) before all others; a worse one moves nothing on from then;
//! - the higher one. A lower one lowers the figure only when the higher one cannot be right: by its stamp, or by the
//!   power it would have taken, where the lower one can be right; or because the lower one is later and lies between
//!   the higher one and the one before that, so that the higher one was a bad sample. A register that falls below all
//!   of that was reset: the figure stands still, and the stop decides;
//! - of two equal ones the later stamp, or the one whose stamp deserves more trust.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::domain::transactions::claims::{Claims, implausible, is_ahead};

/// Registers beyond this, in Wh either way, are no readings of a meter; they are kept as text only.
const REGISTER_WH_MAX: u64 = 1_000_000_000_000_000;

/// When and why a sample was taken; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Context {
    End,
    Periodic,
    Aligned,
    Triggered,
    Other,
    InterruptionEnd,
    InterruptionBegin,
    /// Of the beginning of the transaction: a reading of then.
    Begin,
}

/// Where a register counts; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MeterLocation {
    Outlet,
    Inlet,
    Cable,
    Body,
    Car,
}

/// What of several phases a register counts; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phases {
    All,
    /// One of L1, L2, L3.
    Line(u8),
    /// One of L1-N, L2-N, L3-N.
    LineToNeutral(u8),
    /// One of L1-L2, L2-L3, L3-L1.
    LineToLine(u8),
    Neutral,
}

impl Phases {
    /// What is summed belongs to one group.
    const fn group(self) -> i64 {
        match self {
            Self::All => 0,
            Self::Line(_) => 1,
            Self::LineToNeutral(_) => 2,
            Self::LineToLine(_) => 3,
            Self::Neutral => 4,
        }
    }
}

/// Groups of phases, how many phases of one can be missing (the most that are is one less), and places.
const GROUPS: i64 = 5;
const MISSING: i64 = 3;
const PLACES: i64 = 5;
/// Sources of one place.
const SOURCES: i64 = GROUPS * MISSING;
/// The source of a reading of the beginning.
const OF_BEGIN: i64 = PLACES * SOURCES;

/// A sample of the imported energy register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub wh: Decimal,
    pub context: Context,
    pub place: MeterLocation,
    pub phases: Phases,
}

impl Sample {
    const fn is_of_begin(&self) -> bool {
        matches!(self.context, Context::Begin)
    }

    /// What it is summed with: what is of one place and one group of phases.
    const fn kind(&self) -> (MeterLocation, i64) {
        (self.place, self.phases.group())
    }
}

/// The register at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    pub wh: i64,
    /// Place, group of phases and how many of these are missing, as a number: the best is 0, and the beginning of the
    /// transaction is worse than all.
    pub source: i64,
}

impl Register {
    /// The best register there is.
    pub(crate) const fn plain(wh: i64) -> Self {
        Self { wh, source: 0 }
    }

    /// The same, told of another connector: it counts where there is no other, and never against a stop.
    pub(crate) const fn of_another_connector(self) -> Self {
        Self {
            source: OF_BEGIN + 1 + self.source,
            ..self
        }
    }
}

/// A sampled register in Wh. `None` when the text is no number, or the unit none of energy.
pub(crate) fn exact_wh(value: &str, unit: Option<&str>) -> Option<Decimal> {
    let number = value
        .trim()
        .parse::<Decimal>()
        .or_else(|_| Decimal::from_scientific(value.trim()))
        .ok()?;
    match unit {
        None | Some("Wh") => Some(number),
        Some("kWh") => number.checked_mul(Decimal::ONE_THOUSAND),
        Some(_) => None,
    }
}

/// In whole Wh, rounded to the nearest; `None` beyond 10^15 Wh.
fn whole_wh(wh: Decimal) -> Option<i64> {
    let whole = wh.round().to_i64()?;
    (whole.unsigned_abs() <= REGISTER_WH_MAX).then_some(whole)
}

/// The register among the samples of one instant, by the order of preference of this module.
pub(crate) fn choose(samples: &[Sample]) -> Option<Register> {
    // A number that no meter shows hides nobody else's.
    let samples: Vec<&Sample> = samples
        .iter()
        .filter(|sample| whole_wh(sample.wh).is_some())
        .collect();
    let order = |sample: &&&Sample| (sample.is_of_begin(), sample.kind(), sample.context);
    let best = samples.iter().min_by_key(order)?;
    let mut parts: Vec<(Phases, Decimal)> = Vec::new();
    for sample in samples.iter().filter(|same| order(same) == order(&best)) {
        match parts
            .iter_mut()
            .find(|(phases, _)| *phases == sample.phases)
        {
            Some((_, wh)) => *wh = sample.wh.max(*wh),
            None => parts.push((sample.phases, sample.wh)),
        }
    }
    let wh = whole_wh(parts.iter().map(|(_, wh)| wh).sum())?;
    let missing = match best.phases {
        Phases::All | Phases::Neutral => 0,
        _ => (MISSING - i64::try_from(parts.len()).unwrap_or(MISSING)).clamp(0, MISSING - 1),
    };
    let (place, group) = best.kind();
    let source = match best.is_of_begin() {
        true => OF_BEGIN,
        false => place as i64 * SOURCES + group * MISSING + missing,
    };
    Some(Register { wh, source })
}

/// How far a reading deserves trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    None,
    /// Its stamp is ahead of its arrival.
    Ahead,
    /// Its stamp, or the power that would have been taken, cannot be.
    Impossible,
}

impl Doubt {
    const ALL: [Self; 3] = [Self::None, Self::Ahead, Self::Impossible];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Self {
        let known = Self::ALL.into_iter().find(|doubt| doubt.number() == number);
        known.unwrap_or(Self::Impossible)
    }

    /// Of a reading of a transaction that began as it is told there, by its stamp and by its arrival. What neither
    /// clock gives enough time for did not go through a plug.
    pub(crate) fn of(began: &Claims, (at_ms, received_at_ms): (i64, i64), wh: i64) -> Self {
        let by = |from_ms, to_ms| {
            let claims = Claims {
                started_at_ms: from_ms,
                stopped_at_ms: Some(to_ms),
                meter_start_wh: began.meter_start_wh,
                meter_stop_wh: Some(wh),
                ..Claims::default()
            };
            claims.is_beyond_any_power()
        };
        let is_too_much =
            by(began.started_at_ms, at_ms) && by(began.start_received_at_ms, received_at_ms);
        match is_too_much {
            true => Self::Impossible,
            false => Self::of_stamp(at_ms, received_at_ms),
        }
    }

    /// Of a stamp, by its arrival.
    pub(crate) fn of_stamp(at_ms: i64, received_at_ms: i64) -> Self {
        if implausible(at_ms, received_at_ms) {
            Self::Impossible
        } else if is_ahead(at_ms, received_at_ms) {
            Self::Ahead
        } else {
            Self::None
        }
    }
}

/// Where a transaction's register stands, as far as meter values told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub wh: i64,
    /// The stamp of the reading.
    pub at_ms: i64,
    /// As in [`Register`].
    pub source: i64,
    pub doubt: Doubt,
    /// The first reading of this source that counted.
    pub first_wh: i64,
    /// A later reading that is lower than this one, and not lower than so much, shows that this one was wrong. `None`
    /// where nothing lower does.
    pub least_wh: Option<i64>,
}

impl Standing {
    /// The first reading of a transaction whose register stood there when it began, as far as that is known. A meter
    /// that shows the beginning once more shows nothing.
    pub(crate) fn first(self, meter_start_wh: Option<i64>) -> Self {
        Self {
            first_wh: self.wh,
            least_wh: meter_start_wh.map(|start_wh| start_wh.saturating_add(1)),
            ..self
        }
    }

    /// The register of the outlet, which is the one that a stop tells [1.6 §6.49], unless it cannot be right.
    pub(crate) fn outlet_wh(&self) -> Option<i64> {
        let is_of_outlet = self.source < SOURCES && self.doubt != Doubt::Impossible;
        is_of_outlet.then_some(self.wh)
    }
}

/// Where a register stands after a reading that arrived now: there, or where it stood before.
pub(crate) fn after(last: Standing, new: Standing) -> Standing {
    if new.source != last.source {
        return if new.source < last.source { new } else { last };
    }
    let is_later = new.at_ms > last.at_ms;
    let going_on = |least_wh| Standing {
        first_wh: last.first_wh.min(new.wh),
        least_wh,
        ..new
    };
    match new.wh.cmp(&last.wh) {
        // What could not be says nothing of what comes after it.
        Ordering::Less if last.doubt == Doubt::Impossible => {
            if new.doubt == Doubt::Impossible {
                last
            } else {
                new
            }
        }
        Ordering::Greater if last.doubt == Doubt::Impossible => new,
        Ordering::Greater => going_on(Some(last.wh)),
        Ordering::Equal if is_later => going_on(Some(last.wh)),
        Ordering::Equal if new.at_ms == last.at_ms || new.doubt < last.doubt => {
            going_on(last.least_wh)
        }
        Ordering::Equal => last,
        Ordering::Less => {
            let was_wrong = last.least_wh.is_some_and(|least_wh| new.wh >= least_wh);
            if was_wrong && is_later && new.doubt == Doubt::None {
                going_on(last.least_wh)
            } else {
                last
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wh: i64) -> Sample {
        Sample {
            wh: wh.into(),
            context: Context::Periodic,
            place: MeterLocation::Outlet,
            phases: Phases::All,
        }
    }

    fn of(context: Context, wh: i64) -> Sample {
        Sample {
            context,
            ..sample(wh)
        }
    }

    fn at(place: MeterLocation, wh: i64) -> Sample {
        Sample {
            place,
            ..sample(wh)
        }
    }

    fn on(phases: Phases, wh: i64) -> Sample {
        Sample {
            phases,
            ..sample(wh)
        }
    }

    #[test]
    fn the_register_of_several_samples_is_chosen_by_preference() {
        use Context::{Aligned, Begin, End, InterruptionBegin, InterruptionEnd, Other, Triggered};
        use MeterLocation::{Body, Cable, Car, Inlet, Outlet};
        use Phases::{Line, LineToLine, LineToNeutral, Neutral};
        let begin_outlet = of(Begin, 100);
        let too_much = sample(1_000_000_000_000_001);
        for (samples, wanted) in [
            (vec![], None),
            (vec![sample(7)], Some(7)),
            // The beginning is not now, in whatever order and place.
            (vec![of(Begin, 100), sample(160)], Some(160)),
            (vec![sample(160), of(Begin, 100)], Some(160)),
            (vec![begin_outlet, at(Inlet, 160)], Some(160)),
            (vec![of(Begin, 100)], Some(100)),
            // Readings of now are of one instant.
            (vec![sample(160), of(End, 161)], Some(161)),
            (vec![of(Aligned, 159), sample(160)], Some(160)),
            (vec![of(Other, 158), of(Triggered, 159)], Some(159)),
            (
                vec![of(InterruptionBegin, 150), of(InterruptionEnd, 151)],
                Some(151),
            ),
            // Places are a preference, no filter.
            (vec![at(Inlet, 170), at(Outlet, 160)], Some(160)),
            (vec![at(Car, 9_000), at(Body, 3), at(Cable, 165)], Some(165)),
            (vec![at(Car, 9_000), at(Body, 3)], Some(3)),
            (vec![at(Car, 9_000)], Some(9_000)),
            // Phases are summed where there is no sum.
            (
                vec![on(Line(1), 10), on(Line(2), 20), on(Line(3), 30)],
                Some(60),
            ),
            (vec![on(Line(1), 10)], Some(10)),
            (vec![on(Line(1), 10), on(Line(2), 20), sample(31)], Some(31)),
            (
                vec![on(LineToNeutral(1), 10), on(LineToNeutral(2), 20)],
                Some(30),
            ),
            (
                vec![on(LineToLine(1), 10), on(LineToNeutral(1), 5)],
                Some(5),
            ),
            (vec![on(Neutral, 1), on(LineToLine(1), 10)], Some(10)),
            (vec![on(Neutral, 1)], Some(1)),
            // The beginning of a phase is not added to the phase of now.
            (
                vec![
                    Sample {
                        context: Begin,
                        ..on(Line(1), 1)
                    },
                    on(Line(1), 10),
                    on(Line(2), 20),
                ],
                Some(30),
            ),
            // Twice the same: a register grows.
            (vec![sample(5), sample(6), sample(4)], Some(6)),
            (vec![too_much], None),
            (vec![too_much, at(Inlet, 8)], Some(8)),
        ] {
            let chosen = choose(&samples).map(|register| register.wh);
            assert_eq!(chosen, wanted, "{samples:?}");
        }
        let source = |sample| choose(&[sample]).map(|register| register.source).unwrap();
        let sources = [
            sample(1),
            on(Line(1), 1),
            at(Inlet, 1),
            Sample {
                place: Car,
                ..on(Neutral, 1)
            },
            of(Begin, 1),
        ];
        assert!(sources.map(source).is_sorted(), "{:?}", sources.map(source));
        assert_eq!(source(sample(1)), Register::plain(1).source);
    }

    #[test]
    fn a_message_that_lacks_phases_is_no_lower_register() {
        let lines = |values: &[i64]| {
            let samples = values
                .iter()
                .zip(1..)
                .map(|(wh, line)| on(Phases::Line(line), *wh));
            choose(&samples.collect::<Vec<_>>()).unwrap()
        };
        let at = |register: Register, at_ms| Standing {
            source: register.source,
            ..standing(register.wh, at_ms)
        };
        let all = at(lines(&[100, 100, 100]), 1).first(Some(0));
        let one = at(lines(&[110]), 2).first(Some(0));
        assert_eq!(after(all, one).wh, 300);
        assert_eq!(after(one, all).wh, 300);
        let elsewhere = Register::plain(5).of_another_connector();
        assert!(at(elsewhere, 1).outlet_wh().is_none() && all.outlet_wh() == Some(300));
    }

    #[test]
    fn phases_are_summed_before_they_are_rounded() {
        let third = |phase| Sample {
            wh: exact_wh("0.0004", Some("kWh")).unwrap(),
            ..on(Phases::Line(phase), 0)
        };
        let all = [third(1), third(2), third(3)];
        assert_eq!(choose(&all).map(|register| register.wh), Some(1));
    }

    #[test]
    fn registers_become_whole_watt_hours() {
        let wh = |value, unit| exact_wh(value, unit).and_then(whole_wh);
        assert_eq!(wh("12345", None), Some(12_345));
        assert_eq!(wh("12.3456", Some("kWh")), Some(12_346));
        assert_eq!(wh(" 7.4 ", Some("Wh")), Some(7));
        assert_eq!(wh("1e3", Some("Wh")), Some(1_000));
        assert_eq!(wh("-5", Some("Wh")), Some(-5));
        let largest = Some(1_000_000_000_000_000);
        assert_eq!(wh("1000000000000", Some("kWh")), largest);
        for (value, unit) in [
            ("12", Some("V")),
            ("twelve", None),
            ("", None),
            ("9e99", Some("kWh")),
            ("1000000000000001", None),
            ("-9223372036854775808", None),
        ] {
            assert_eq!(wh(value, unit), None, "{value}");
        }
    }

    fn standing(wh: i64, at_ms: i64) -> Standing {
        Standing {
            wh,
            at_ms,
            source: 1,
            doubt: Doubt::None,
            first_wh: wh,
            least_wh: None,
        }
    }

    #[test]
    fn growth_and_arrival_decide_and_not_the_stamp() {
        let last = standing(100, 10);
        let doubted = |doubt| Standing { doubt, ..last };
        let moves_on = |last: Standing, new: Standing| {
            let stands = after(last, new);
            assert!([last.wh, new.wh].contains(&stands.wh));
            let (first_wh, least_wh) = (new.first_wh, None);
            Standing {
                first_wh,
                least_wh,
                ..stands
            } == new
        };
        for (wh, at_ms, moves) in [
            (101, 11, true),
            (101, 9, true),
            (100, 11, true),
            (100, 10, true),
            (100, 9, false),
            (99, 9, false),
            (99, 11, false),
        ] {
            assert_eq!(moves_on(last, standing(wh, at_ms)), moves, "{wh} {at_ms}");
        }
        // A clock that was ahead and is right again.
        assert!(moves_on(doubted(Doubt::Ahead), standing(100, 9)));
        assert!(!moves_on(doubted(Doubt::Ahead), standing(99, 9)));
        // What could not be is corrected by what can, and not by what could not be either.
        assert!(moves_on(doubted(Doubt::Impossible), standing(99, 11)));
        let neither = Standing {
            wh: 99,
            ..doubted(Doubt::Impossible)
        };
        assert!(!moves_on(doubted(Doubt::Impossible), neither));
        // A clock that stands tells growth all the same.
        let more = Standing {
            wh: 101,
            ..doubted(Doubt::Impossible)
        };
        assert!(moves_on(last, more));
        let better = Standing {
            source: 0,
            ..standing(50, 9)
        };
        let worse = Standing {
            source: 2,
            ..standing(900, 11)
        };
        assert!(moves_on(last, better));
        assert!(!moves_on(last, worse));
    }

    #[test]
    fn a_bad_sample_is_corrected_by_the_next_good_one() {
        let stands = |meter_start_wh, readings: &[(i64, i64)]| {
            let readings = readings
                .iter()
                .map(|(wh, at_ms)| standing(*wh, *at_ms).first(meter_start_wh));
            readings.reduce(after).map(|standing| standing.wh)
        };
        for (readings, wanted) in [
            // 9,000 is the bad one, wherever it is.
            (&[(100, 1), (9_000, 2), (200, 3)][..], 200),
            (&[(100, 1), (9_000, 2), (100, 3), (100, 4)], 100),
            (&[(9_000, 1), (100, 2), (200, 3)], 200),
            (&[(100, 1), (9_000, 2), (200, 3), (9_000, 4), (300, 5)], 300),
            // A bad low one, or a meter that was reset.
            (&[(100, 1), (200, 2), (0, 3)], 200),
            (&[(100, 1), (200, 2), (5, 3), (7, 4), (50, 5)], 200),
            (&[(200, 1), (0, 2)], 200),
            // Two readings said so: the third that is lower is the odd one.
            (&[(100, 1), (9_000, 2), (9_000, 3), (200, 4)], 9_000),
            // The same once more is no second reading; nor does an earlier one correct.
            (&[(100, 1), (9_000, 2), (9_000, 2), (200, 4)], 200),
            (&[(100, 1), (300, 3), (200, 2)], 300),
        ] {
            assert_eq!(stands(Some(0), readings), Some(wanted), "{readings:?}");
        }
        // What follows an impossible one is a first one.
        let impossible = Standing {
            doubt: Doubt::Impossible,
            ..standing(9_000_000_000, 1)
        };
        let first = after(impossible, standing(200, 2).first(Some(0)));
        assert_eq!((first.first_wh, first.least_wh), (200, Some(1)));
        // Where the transaction began is not known: the first reading may be right.
        assert_eq!(stands(None, &[(9_000, 1), (100, 2)]), Some(9_000));
    }

    #[test]
    fn a_reading_is_doubted_by_its_stamp_and_by_its_power() {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let began = Claims {
            started_at_ms: 1_000 * DAY,
            start_received_at_ms: 1_000 * DAY,
            meter_start_wh: Some(0),
            ..Claims::default()
        };
        let of = |at_ms, received_at_ms, wh| Doubt::of(&began, (at_ms, received_at_ms), wh);
        let now = 1_000 * DAY + 1_000;
        assert_eq!(of(now, now, 100), Doubt::None);
        assert_eq!(of(now + 60_000, now, 100), Doubt::None);
        assert_eq!(of(now + 60_001, now, 100), Doubt::Ahead);
        assert_eq!(of(now + DAY + 1, now, 100), Doubt::Impossible);
        assert_eq!(of(0, now, 100), Doubt::Impossible);
        assert_eq!(of(now, now, 1_000_000), Doubt::Impossible);
        // Told together, hours apart by their stamps.
        assert_eq!(of(now + DAY / 2, now + DAY / 2, 1_000_000), Doubt::None);
        for doubt in Doubt::ALL {
            assert_eq!(Doubt::from_number(doubt.number()), doubt);
        }
    }
}
