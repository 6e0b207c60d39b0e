//! A charge in periods: a new one begins wherever a price starts or ends to hold, a fee is due, or charging begins or
//! ends [OCPI 2.2.1 §10.4.6].
//!
//! Energy between two known readings is estimated to a tenth of a Wh, which is what a volume in kWh can say; where a
//! bound of the energy is passed, the reading is that bound. Prices follow from these readings, not from finer ones, so
//! that who adds up the volumes finds the same bounds passed.

use std::collections::{BTreeMap, BTreeSet};

use dynamo_protocol::ocpi::tariffs::PriceComponent;
use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::charge::{Charge, Stretch};
use crate::cuts::{Bounds, reached};
use crate::element::{Elements, Prices, Use};
use crate::when::Moment;

/// Mean power in kW is so many times the energy in Wh, divided by the time in ms.
const KW_OF_WH_PER_MS: i64 = 3_600;

/// A part in which the same prices hold.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    /// In Unix milliseconds.
    pub from_ms: i64,
    pub time_ms: i64,
    pub time_is: Use,
    pub energy_wh: Decimal,
    pub prices: Prices,
    /// The fee that is due at its beginning.
    pub fee: Option<PriceComponent>,
    /// Least and most, in kW, where the tariff asks for it.
    pub power_kw: Option<(Decimal, Decimal)>,
    /// Least and most, in amperes, where the tariff asks for it and somebody knows it.
    pub current_a: Option<(Decimal, Decimal)>,
    /// How many bounds of the power and of the current are reached.
    reached: (usize, Option<usize>),
}

impl Period {
    fn goes_on_in(&self, next: &Self) -> bool {
        let priced = |prices: &Prices| (prices.energy, prices.time, prices.parking_time);
        self.time_is == next.time_is
            && next.fee.is_none()
            && priced(&self.prices) == priced(&next.prices)
            && self.reached == next.reached
    }

    fn take(&mut self, next: &Self) {
        fn widest(
            one: Option<(Decimal, Decimal)>,
            other: Option<(Decimal, Decimal)>,
        ) -> Option<(Decimal, Decimal)> {
            let both = one.zip(other);
            both.map(|((min, max), (other_min, other_max))| {
                (min.min(other_min), max.max(other_max))
            })
        }
        self.time_ms += next.time_ms;
        self.energy_wh += next.energy_wh;
        self.power_kw = widest(self.power_kw, next.power_kw);
        self.current_a = widest(self.current_a, next.current_a);
    }
}

/// The periods of a charge, in order, without a gap. At least one.
pub(crate) fn periods(elements: &Elements, charge: &Charge) -> Vec<Period> {
    let mut cutter = Cutter {
        elements,
        bounds: Bounds::of(elements),
        charge,
        begin_ms: 0,
        instants: BTreeSet::new(),
        energy_wh: Decimal::ZERO,
        is_fee_paid: false,
        periods: Vec::new(),
    };
    let session = charge.stretches();
    if let Some((from_ms, to_ms)) = charge.reserved() {
        let reserved = Stretch {
            from_ms,
            to_ms,
            energy_wh: 0,
            is_charging: false,
            power_kw: None,
            current_a: None,
        };
        let time_is = match session.is_empty() {
            true => Use::Expired,
            false => Use::Reserved,
        };
        cutter.begin(from_ms, to_ms);
        cutter.cut(&reserved, time_is);
    }
    if let Some(first) = session.first() {
        cutter.begin(first.from_ms, charge.end_ms());
    }
    for stretch in session {
        let time_is = match stretch.is_charging {
            true => Use::Charging,
            false => Use::Parking,
        };
        cutter.cut(stretch, time_is);
    }
    cutter.periods
}

struct Cutter<'a> {
    elements: &'a Elements,
    bounds: Bounds,
    charge: &'a Charge,
    /// Of the session, or of the reservation.
    begin_ms: i64,
    /// Where a clock may start or end prices.
    instants: BTreeSet<i64>,
    /// The reading so far.
    energy_wh: Decimal,
    is_fee_paid: bool,
    periods: Vec<Period>,
}

impl Cutter<'_> {
    /// A session or a reservation begins: its duration, and its fee.
    fn begin(&mut self, from_ms: i64, to_ms: i64) {
        let zone = self.charge.time_zone();
        self.begin_ms = from_ms;
        self.instants = self.bounds.instants(zone, from_ms, to_ms);
        self.is_fee_paid = false;
    }

    fn cut(&mut self, stretch: &Stretch, time_is: Use) {
        let end_wh = self.energy_wh + Decimal::from(stretch.energy_wh);
        let cuts = self.cuts(stretch, end_wh);
        let mut from_ms = stretch.from_ms;
        for (to_ms, to_wh) in cuts {
            self.add(stretch, time_is, (from_ms, to_ms), to_wh);
            from_ms = to_ms;
        }
        self.add(stretch, time_is, (from_ms, stretch.to_ms), end_wh);
    }

    /// Instants within a stretch, each with its reading.
    fn cuts(&self, stretch: &Stretch, end_wh: Decimal) -> Vec<(i64, Decimal)> {
        let (from_ms, to_ms) = (stretch.from_ms, stretch.to_ms);
        let inside = from_ms.saturating_add(1)..to_ms.max(from_ms.saturating_add(1));
        let mut cuts: BTreeMap<i64, Option<Decimal>> = self
            .instants
            .range(inside.clone())
            .map(|at| (*at, None))
            .collect();
        for bound in self.bounds.energy_wh.range(self.energy_wh..end_wh) {
            let at_ms = passed_at(stretch, *bound - self.energy_wh);
            // Of two bounds that are passed in one millisecond the upper one counts.
            if inside.contains(&at_ms) && *bound > self.energy_wh {
                cuts.insert(at_ms, Some(*bound));
            }
        }
        let mut least_wh = self.energy_wh;
        let readings = cuts.into_iter().map(|(at_ms, passed)| {
            let estimate = self.energy_wh + estimated_wh(stretch, at_ms);
            least_wh = least_wh.max(passed.unwrap_or(estimate));
            (at_ms, least_wh)
        });
        readings.collect()
    }

    fn add(
        &mut self,
        stretch: &Stretch,
        time_is: Use,
        (from_ms, to_ms): (i64, i64),
        to_wh: Decimal,
    ) {
        let power_kw = power_kw(stretch);
        let current_a = current_a(stretch);
        let local = Timestamp::from_millisecond(from_ms).unwrap_or_default();
        let now = Moment {
            local: self.charge.time_zone().to_datetime(local),
            energy_wh: self.energy_wh,
            lasted_ms: from_ms - self.begin_ms,
            power_kw,
            current_a,
        };
        let prices = self.elements.prices(time_is, &now);
        let fee = prices.flat.filter(|_| !self.is_fee_paid);
        self.is_fee_paid |= fee.is_some();
        let of_current = current_a.filter(|_| !self.bounds.current_a.is_empty());
        let period = Period {
            from_ms,
            time_ms: to_ms - from_ms,
            time_is,
            energy_wh: to_wh - self.energy_wh,
            prices,
            fee,
            power_kw: (!self.bounds.power_kw.is_empty()).then_some((power_kw, power_kw)),
            current_a: of_current.map(|current| (current, current)),
            reached: (
                reached(&self.bounds.power_kw, power_kw),
                of_current.map(|current| reached(&self.bounds.current_a, current)),
            ),
        };
        self.energy_wh = to_wh;
        match self.periods.last_mut() {
            Some(before) if before.goes_on_in(&period) => before.take(&period),
            _ => self.periods.push(period),
        }
    }
}

/// When so much of a stretch was taken, to the millisecond before, but not at its very beginning.
fn passed_at(stretch: &Stretch, wh: Decimal) -> i64 {
    let length_ms = Decimal::from(stretch.to_ms - stretch.from_ms);
    let after_ms = wh
        .saturating_mul(length_ms)
        .checked_div(Decimal::from(stretch.energy_wh));
    let after_ms = after_ms.and_then(|ms| i64::try_from(ms.floor()).ok());
    stretch
        .from_ms
        .saturating_add(after_ms.unwrap_or(i64::MAX).max(1))
}

/// What was taken of a stretch up to an instant, to a tenth of a Wh.
fn estimated_wh(stretch: &Stretch, at_ms: i64) -> Decimal {
    let length_ms = i128::from(stretch.to_ms) - i128::from(stretch.from_ms);
    let after_ms = i128::from(at_ms) - i128::from(stretch.from_ms);
    let tenths = i128::from(stretch.energy_wh) * 10 * after_ms;
    let tenths = (2 * tenths + length_ms).checked_div(2 * length_ms);
    let tenths = tenths.and_then(|tenths| i64::try_from(tenths).ok());
    Decimal::new(tenths.unwrap_or_default(), 1)
}

/// As a volume says it.
fn in_digits(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)
}

fn power_kw(stretch: &Stretch) -> Decimal {
    let mean = || {
        let energy = Decimal::from(stretch.energy_wh) * Decimal::from(KW_OF_WH_PER_MS);
        energy.checked_div(Decimal::from(stretch.to_ms - stretch.from_ms))
    };
    in_digits(stretch.power_kw.or_else(mean).unwrap_or_default())
}

fn current_a(stretch: &Stretch) -> Option<Decimal> {
    let is_idle = !stretch.is_charging && stretch.energy_wh == 0;
    let none = is_idle.then_some(Decimal::ZERO);
    stretch.current_a.or(none).map(in_digits)
}
