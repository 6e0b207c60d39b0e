//! The bill of a charge: its periods, its totals, and what they cost.

use dynamo_protocol::ocpi::sessions::{ChargingPeriod, Dimension, DimensionType};
use dynamo_protocol::ocpi::tariffs::Tariff;
use dynamo_protocol::ocpi::{DateTime, Number, Price};
use rust_decimal::Decimal;

use crate::charge::Charge;
use crate::costs::{Costs, Reading};
use crate::element::{Elements, Use};
use crate::hours;
use crate::periods::{Period, periods};

/// What a charge costs and why, in the words of a CDR [OCPI 2.2.1 §10.3.1]. Amounts have at most four decimals; what is
/// not priced costs 0. Prices without `vat` have no tax: net and gross are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// In order, without a gap, from the beginning to the end of the charge. ENERGY is in kWh, times are in hours. Where
    /// the tariff has bounds of power or current, a period says its least and most, in kW and amperes.
    pub periods: Vec<ChargingPeriod>,
    /// The sum of the parts below, or what the tariff's limits make of it.
    pub total_cost: Price,
    /// The fee of the session.
    pub total_fixed_cost: Price,
    /// In kWh.
    pub total_energy: Number,
    /// What the energy costs.
    pub total_energy_cost: Price,
    /// In hours, charging or not, without the reservation.
    pub total_time: Number,
    /// What the time of charging costs.
    pub total_time_cost: Price,
    /// In hours.
    pub total_parking_time: Number,
    /// What the time without charging costs.
    pub total_parking_cost: Price,
    /// What the reservation costs, its fee included; `None`: there was none.
    pub total_reservation_cost: Option<Price>,
}

/// What a charge costs by a tariff. Whether the tariff is meant for that time is not asked.
#[must_use]
pub fn price(tariff: &Tariff, charge: &Charge) -> Bill {
    let periods = periods(&Elements::of(tariff), charge);
    let times_ms: Vec<Decimal> = periods
        .iter()
        .map(|period| Decimal::from(period.time_ms))
        .collect();
    let [fixed, energy, time, parking, reservation, total] =
        Costs::of(&periods, &times_ms, Reading::Exact).rounded();
    let said = periods.iter().zip(hours::of(&periods));
    let time_of = |uses: &[Use]| {
        let of = periods
            .iter()
            .filter(|period| uses.contains(&period.time_is));
        Number(hours::rounded(of.map(|period| period.time_ms).sum()))
    };
    Bill {
        periods: said
            .map(|(period, hours)| charging_period(tariff, period, hours))
            .collect(),
        total_cost: within_limits(tariff, total),
        total_fixed_cost: fixed,
        total_energy: Number(kwh(periods.iter().map(|period| period.energy_wh).sum())),
        total_energy_cost: energy,
        total_time: time_of(&[Use::Charging, Use::Parking]),
        total_time_cost: time,
        total_parking_time: time_of(&[Use::Parking]),
        total_parking_cost: parking,
        total_reservation_cost: charge.reserved().map(|_| reservation),
    }
}

/// Net and gross have limits of their own; the upper limit has the last word [OCPI 2.2.1 §11.3.1]. Gross is never less
/// than net: a limit that says nothing of tax moves gross along where it has to.
fn within_limits(tariff: &Tariff, total: Price) -> Price {
    let limited = |amount: Decimal, of: fn(&Price) -> Option<Number>| {
        let limit = |price: &Option<Price>| price.as_ref().and_then(of).map(|limit| limit.0);
        let amount = limit(&tariff.min_price).map_or(amount, |least| amount.max(least));
        let amount = limit(&tariff.max_price).map_or(amount, |most| amount.min(most));
        amount.max(Decimal::ZERO)
    };
    let net = limited(total.excl_vat.0, |price| Some(price.excl_vat));
    let gross = total.incl_vat.unwrap_or(total.excl_vat).0;
    let gross = limited(gross, |price| price.incl_vat);
    Price {
        excl_vat: Number(net),
        incl_vat: Some(Number(gross.max(net))),
    }
}

fn kwh(wh: Decimal) -> Decimal {
    wh.saturating_mul(Decimal::new(1, 3)).normalize()
}

fn charging_period(tariff: &Tariff, period: &Period, hours: Decimal) -> ChargingPeriod {
    let time = match period.time_is {
        Use::Reserved | Use::Expired => DimensionType::ReservationTime,
        Use::Charging => DimensionType::Time,
        Use::Parking => DimensionType::ParkingTime,
    };
    let mut dimensions = Vec::new();
    let mut say = |r#type: DimensionType, volume: Decimal| {
        let volume = Number(volume.normalize());
        dimensions.push(Dimension { r#type, volume });
    };
    if !period.energy_wh.is_zero() {
        say(DimensionType::Energy, kwh(period.energy_wh));
    }
    // A period has one dimension at least.
    if !hours.is_zero() || period.energy_wh.is_zero() {
        say(time, hours);
    }
    if let Some((least, most)) = period.power_kw {
        say(DimensionType::MinPower, least);
        say(DimensionType::MaxPower, most);
    }
    if let Some((least, most)) = period.current_a {
        say(DimensionType::MinCurrent, least);
        say(DimensionType::MaxCurrent, most);
    }
    ChargingPeriod {
        start_date_time: DateTime(period.from_ms),
        dimensions,
        tariff_id: Some(tariff.id.clone()),
    }
}
