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
    pub(crate) fn of(periods: &[Period], times_ms: &[Decimal]) -> Self {
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
        let second = Decimal::ONE_THOUSAND;
        let (energy, parking) = (Line::of(energy), Line::of(parking));
        let (time, reservation) = (Line::of(time), Line::of(reservation));
        Self {
            fixed: fees(false),
            energy: energy.cost(Decimal::from(WH_PARTS), Some(Decimal::ONE)),
            // Where parking is priced, only parking is rounded up.
            time: time.cost(Decimal::ONE, parking.last.is_none().then_some(second)),
            parking: parking.cost(Decimal::ONE, Some(second)),
            reservation: fees(true) + reservation.cost(Decimal::ONE, Some(second)),
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

    /// A volume has so many parts each; a step has so many volumes, or is not taken into account.
    fn cost(&self, parts: Decimal, step: Option<Decimal>) -> Amount {
        let volumes = self.priced.iter();
        let cost = volumes.fold(Amount::default(), |sum, (volume, component)| {
            sum + Amount::of(component, volume.saturating_mul(parts))
        });
        let Some(((component, total), step)) = self.last.zip(step) else {
            return cost;
        };
        let block = Decimal::from(component.step_size).saturating_mul(step);
        cost + Amount::of(&component, surplus(total, block).saturating_mul(parts))
    }
}

/// What is missing to a multiple of a block; nothing where there is no block.
fn surplus(total: Decimal, block: Decimal) -> Decimal {
    if block <= Decimal::ZERO {
        return Decimal::ZERO;
    }
    match total.checked_rem(block) {
        Some(rest) if !rest.is_zero() => block.saturating_sub(rest),
        _ => Decimal::ZERO,
    }
}
