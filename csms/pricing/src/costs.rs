//! What periods cost, part by part: exact sums, with each `step_size` taken into account once [OCPI 2.2.1 §10.3.1].

use std::ops::Add;

use dynamo_protocol::ocpi::tariffs::PriceComponent;
use dynamo_protocol::ocpi::{Number, Price};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::element::Use;
use crate::periods::Period;

/// Milliseconds of an hour. Amounts are kept as so many parts of what they are, because then no price needs a division:
/// neither one per hour of milliseconds, nor one per kWh of Wh.
const PARTS: i64 = 3_600_000;
/// Parts of a kWh that are a Wh.
const WH_PARTS: i64 = 3_600;
/// Digits of an amount after the point [OCPI 2.2.1 §16.3].
const DIGITS: u32 = 4;

/// An amount, in parts, without tax and with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    net: Decimal,
    gross: Decimal,
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            net: self.net.saturating_add(other.net),
            gross: self.gross.saturating_add(other.gross),
        }
    }
}

impl Amount {
    /// So many parts of an hour, a kWh or a fee.
    fn of(component: &PriceComponent, parts: Decimal) -> Self {
        let price = component.price.0.max(Decimal::ZERO);
        let vat = component
            .vat
            .map_or(Decimal::ZERO, |vat| vat.0.max(Decimal::ZERO));
        let net = price.saturating_mul(parts);
        let hundredths = Decimal::ONE_HUNDRED.saturating_add(vat);
        Self {
            net,
            gross: net.saturating_mul(hundredths.saturating_mul(Decimal::new(1, 2))),
        }
    }

    /// Rounded half up, once.
    pub(crate) fn rounded(self) -> Price {
        let round = |parts: Decimal| {
            let amount = parts.checked_div(Decimal::from(PARTS)).unwrap_or(parts);
            Number(amount.round_dp_with_strategy(DIGITS, RoundingStrategy::MidpointAwayFromZero))
        };
        Price {
            excl_vat: round(self.net),
            incl_vat: Some(round(self.gross)),
        }
    }
}

/// How a total time is taken before it is rounded up to a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    Exact,
    /// Without the rest of a millisecond.
    WholeMilliseconds,
}

/// What a charge costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    pub fixed: Amount,
    pub energy: Amount,
    pub time: Amount,
    pub parking: Amount,
    pub reservation: Amount,
}

impl Costs {
    /// Of periods with so many milliseconds each, which may be rounded ones.
    pub(crate) fn of(periods: &[Period], times_ms: &[Decimal], reading: Reading) -> Self {
        let timed = || periods.iter().zip(times_ms.iter().copied());
        let fees = |is_reservation: bool| {
            let of = periods
                .iter()
                .filter(|period| period.time_is.is_reservation() == is_reservation);
            let fees = of.filter_map(|period| period.fee.as_ref());
            fees.fold(Amount::default(), |sum, fee| {
                sum + Amount::of(fee, Decimal::from(PARTS))
            })
        };
        let energy = periods
            .iter()
            .map(|period| (period.energy_wh, period.prices.energy));
        let time = timed()
            .filter(|(period, _)| period.time_is == Use::Charging)
            .map(|(period, ms)| (ms, period.prices.time));
        let parking = timed()
            .filter(|(period, _)| period.time_is == Use::Parking)
            .map(|(period, ms)| (ms, period.prices.parking_time));
        let reservation = timed()
            .filter(|(period, _)| period.time_is.is_reservation())
            .map(|(period, ms)| (ms, period.prices.time));
        let (energy, parking) = (Line::of(energy), Line::of(parking));
        let (time, reservation) = (Line::of(time), Line::of(reservation));
        Self {
            fixed: fees(false),
            energy: energy.cost(Decimal::from(WH_PARTS))
                + energy.surplus(Decimal::ONE, Reading::Exact, Decimal::from(WH_PARTS)),
            // Where parking is priced, only parking is rounded up.
            time: match parking.last {
                Some(_) => time.cost(Decimal::ONE),
                None => time.cost(Decimal::ONE) + time.seconds(reading),
            },
            parking: parking.cost(Decimal::ONE) + parking.seconds(reading),
            reservation: fees(true) + reservation.cost(Decimal::ONE) + reservation.seconds(reading),
        }
    }

    pub(crate) fn total(&self) -> Amount {
        self.fixed + self.energy + self.time + self.parking + self.reservation
    }

    /// The parts and the total, as a bill says them.
    pub(crate) fn rounded(&self) -> [Price; 6] {
        [
            self.fixed,
            self.energy,
            self.time,
            self.parking,
            self.reservation,
            self.total(),
        ]
        .map(Amount::rounded)
    }
}

/// All volumes of one dimension, in Wh or milliseconds, with their prices.
struct Line {
    priced: Vec<(Decimal, PriceComponent)>,
    /// The last price, and all of the dimension up to where it ends, priced or not.
    last: Option<(PriceComponent, Decimal)>,
}

impl Line {
    fn of(volumes: impl Iterator<Item = (Decimal, Option<PriceComponent>)>) -> Self {
        let mut line = Self {
            priced: Vec::new(),
            last: None,
        };
        let mut total = Decimal::ZERO;
        for (volume, component) in volumes.filter(|(volume, _)| *volume > Decimal::ZERO) {
            total = total.saturating_add(volume);
            if let Some(component) = component {
                line.priced.push((volume, component));
                line.last = Some((component, total));
            }
        }
        line
    }

    /// Of volumes that have so many parts each.
    fn cost(&self, parts: Decimal) -> Amount {
        let costs = self
            .priced
            .iter()
            .map(|(volume, component)| Amount::of(component, volume.saturating_mul(parts)));
        costs.fold(Amount::default(), Add::add)
    }

    /// What rounding up to steps of seconds adds to a cost.
    fn seconds(&self, reading: Reading) -> Amount {
        self.surplus(Decimal::ONE_THOUSAND, reading, Decimal::ONE)
    }

    /// What rounding up to steps adds to a cost, where a unit of a step is so many volumes with so many parts each.
    fn surplus(&self, unit: Decimal, reading: Reading, parts: Decimal) -> Amount {
        let Some((component, total)) = self.last else {
            return Amount::default();
        };
        let block = Decimal::from(component.step_size).saturating_mul(unit);
        let whole = match reading {
            Reading::Exact => total,
            Reading::WholeMilliseconds => total.floor(),
        };
        let missing = missing(whole, block).saturating_sub(total.saturating_sub(whole));
        Amount::of(&component, missing.saturating_mul(parts))
    }
}

/// What is missing to a multiple of a block; nothing where there is no block.
fn missing(total: Decimal, block: Decimal) -> Decimal {
    if block <= Decimal::ZERO {
        return Decimal::ZERO;
    }
    match total.checked_rem(block) {
        Some(rest) if !rest.is_zero() => block.saturating_sub(rest),
        _ => Decimal::ZERO,
    }
}
