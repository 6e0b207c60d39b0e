//! Charging profiles in the words of OCPP 1.6 [1.6 §7.8].

use dynamo_protocol::v16::*;
use dynamo_protocol::{Decimal, time};

use super::numbers::{no_words, number_of};
use crate::domain::command::{self, CallFailure, ProfileKind, RateUnit, Recurrence, Schedule};

pub(super) fn say(profile: &command::ChargingProfile) -> Result<ChargingProfile, CallFailure> {
    let [schedule] = &profile.schedules[..] else {
        return Err(no_words("a profile of several schedules, or of none"));
    };
    let (kind, recurrence) = match profile.kind {
        ProfileKind::Absolute => (ChargingProfileKind::Absolute, None),
        ProfileKind::Relative => (ChargingProfileKind::Relative, None),
        ProfileKind::Recurring(recurrence) => {
            let recurrence = match recurrence {
                Recurrence::Daily => RecurrencyKind::Daily,
                Recurrence::Weekly => RecurrencyKind::Weekly,
            };
            (ChargingProfileKind::Recurring, Some(recurrence))
        }
    };
    let mut said = ChargingProfile::new(
        profile.id,
        profile.stack_level,
        purpose(profile.purpose)?,
        kind,
        say_schedule(schedule)?,
    );
    said.recurrency_kind = recurrence;
    let transaction = profile.transaction.as_deref();
    said.transaction_id = transaction.map(number_of).transpose()?;
    said.valid_from = profile.valid_from_ms.map(time::date_time);
    said.valid_to = profile.valid_to_ms.map(time::date_time);
    Ok(said)
}

pub(super) fn purpose(purpose: command::Purpose) -> Result<ChargingProfilePurpose, CallFailure> {
    match purpose {
        command::Purpose::Station => Ok(ChargingProfilePurpose::ChargePointMaxProfile),
        command::Purpose::TransactionDefault => Ok(ChargingProfilePurpose::TxDefaultProfile),
        command::Purpose::Transaction => Ok(ChargingProfilePurpose::TxProfile),
        command::Purpose::ExternalConstraints => Err(no_words("constraints from outside")),
    }
}

pub(super) fn unit(unit: RateUnit) -> ChargingRateUnit {
    match unit {
        RateUnit::Amperes => ChargingRateUnit::A,
        RateUnit::Watts => ChargingRateUnit::W,
    }
}

fn say_schedule(schedule: &Schedule) -> Result<ChargingSchedule, CallFailure> {
    let mut periods = Vec::with_capacity(schedule.limits.len());
    for limit in &schedule.limits {
        if limit.phase.is_some() {
            return Err(no_words("the choice of a phase"));
        }
        let mut period = ChargingSchedulePeriod::new(limit.from_s, exact(limit.limit)?);
        period.number_phases = limit.phases.map(i32::from);
        periods.push(period);
    }
    let mut said = ChargingSchedule::new(unit(schedule.unit), periods);
    said.duration = schedule.duration_s;
    said.start_schedule = schedule.starts_at_ms.map(time::date_time);
    said.min_charging_rate = schedule.least.map(exact).transpose()?;
    Ok(said)
}

/// The same number as the wire's types have it.
fn exact(number: rust_decimal::Decimal) -> Result<Decimal, CallFailure> {
    let wanted = number.normalize().to_string().parse();
    wanted.map_err(|_| no_words(&format!("the number {number}")))
}
