//! What meters show: that of a connector, and that of the charge point as a whole.

use super::connector::Connector;
use super::message::Reading;
use super::words::{Context, Measurand, Phase, Quantity};
use crate::ev::{self, MJ_PER_WH};

/// Volts between two phases.
const PHASE_TO_PHASE_V: i64 = 400;

impl Connector {
    /// What the meter shows. `None` when nothing is asked.
    pub(super) fn read(
        &self,
        context: Context,
        at_ms: i64,
        quantities: impl Iterator<Item = Quantity>,
    ) -> Option<Reading> {
        reading(context, at_ms, quantities, |quantity| {
            self.measure(quantity)
        })
    }

    /// `None` where there is no such phase, or no car that could tell.
    fn measure(&self, quantity: Quantity) -> Option<i64> {
        let measurand = quantity.measurand;
        match quantity.phase {
            None => self.measure_all(measurand),
            Some(_) if self.power_w_max > ev::AC_POWER_W_MAX => None,
            Some(phase) => self.measure_phase(measurand, phase),
        }
    }

    fn measure_all(&self, measurand: Measurand) -> Option<i64> {
        let (offered, power) = (i64::from(self.offered_w()), self.power_w());
        let volts = i64::from(self.voltage()) * i64::from(self.phases_in_use());
        Some(match measurand {
            Measurand::EnergyRegister => self.register_wh(),
            Measurand::Power => power,
            Measurand::PowerOffered => offered,
            Measurand::Current => power * 10 / volts,
            Measurand::CurrentOffered => offered * 10 / volts,
            Measurand::Voltage => i64::from(self.voltage()),
            // Only a car that is there can tell its state of charge.
            Measurand::StateOfCharge => i64::from(self.car.as_ref()?.state_of_charge()),
            Measurand::Temperature => 25 + power / 2_000,
        })
    }

    /// Cars on one phase hang on the first; three phases are loaded alike, and nothing flows back.
    fn measure_phase(&self, measurand: Measurand, phase: Phase) -> Option<i64> {
        let station = ev::phases(self.power_w_max);
        let Some(line) = phase.line() else {
            return (station == 3).then_some(PHASE_TO_PHASE_V);
        };
        if line > station {
            return None;
        }
        let in_use = self.phases_in_use();
        let carries = match line {
            0 => in_use == 1,
            line => line <= in_use,
        };
        let share = |whole: i64| if carries { whole } else { 0 };
        Some(match measurand {
            Measurand::EnergyRegister => self.register_wh_of(line),
            Measurand::Power => share(self.power_w() / i64::from(in_use)),
            Measurand::PowerOffered => share(i64::from(self.offered_w()) / i64::from(in_use)),
            Measurand::Current | Measurand::CurrentOffered => share(self.measure_all(measurand)?),
            Measurand::Voltage => self.measure_all(measurand)?,
            Measurand::StateOfCharge | Measurand::Temperature => return None,
        })
    }

    /// The register of one of the phases, Wh. None of them ever shrinks; together they are the register or 1 Wh less.
    fn register_wh_of(&self, line: u8) -> i64 {
        let (one_mj, all_mj) = self.register_mj_by_phases();
        let wh = |mj: u64| i64::try_from(mj / MJ_PER_WH).unwrap_or(i64::MAX);
        if ev::phases(self.power_w_max) == 1 {
            return self.register_wh();
        }
        match line {
            1 => wh(one_mj) + (wh(all_mj) + 2) / 3,
            2 => (wh(all_mj) + 1) / 3,
            _ => wh(all_mj) / 3,
        }
    }

    fn power_w(&self) -> i64 {
        let car = self.car.as_ref();
        i64::from(car.map_or(0, |car| car.power_w(self.offered_w())))
    }
}

/// What the meter of the charge point as a whole shows: the connectors together [1.6 §6.31].
pub(super) fn read_all(
    connectors: &[Connector],
    context: Context,
    at_ms: i64,
    quantities: impl Iterator<Item = Quantity>,
) -> Option<Reading> {
    reading(context, at_ms, quantities, |quantity| {
        let each = connectors.iter().map(|c| c.measure(quantity));
        match quantity.measurand {
            Measurand::StateOfCharge => None,
            Measurand::Voltage | Measurand::Temperature => each.flatten().max(),
            _ => each.sum(),
        }
    })
}

fn reading(
    context: Context,
    at_ms: i64,
    quantities: impl Iterator<Item = Quantity>,
    measure: impl Fn(Quantity) -> Option<i64>,
) -> Option<Reading> {
    let values: Box<[(Quantity, i64)]> = quantities
        .filter_map(|quantity| Some((quantity, measure(quantity)?)))
        .collect();
    (!values.is_empty()).then_some(Reading {
        at_ms,
        context,
        values,
    })
}
