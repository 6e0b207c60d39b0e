//! Charging profiles, out of OCPP 1.6 messages.

use dynamo_protocol::time::unix_ms;
use dynamo_protocol::v16::{
    ChargingProfile as Wire, ChargingProfileKind, ChargingProfilePurpose, ChargingRateUnit,
    ClearChargingProfileRequest, RecurrencyKind,
};
use dynamo_protocol::{CallError, ErrorCode};

use super::command::connector;
use crate::charge_point::{
    ChargingProfile, Limit, Period, ProfileFilter, ProfileKind, ProfilePurpose,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Phases where a period names none [1.6 §7.14].
const PHASES: i32 = 3;

pub(super) fn profile(wire: &Wire) -> Result<ChargingProfile, CallError> {
    let schedule = &wire.charging_schedule;
    let every = match wire.recurrency_kind {
        Some(RecurrencyKind::Weekly) => 7 * DAY_MS,
        _ => DAY_MS,
    };
    let mut periods = Vec::with_capacity(schedule.charging_schedule_period.len());
    for period in &schedule.charging_schedule_period {
        let limit = period.limit.to_f64_lossy();
        if limit < 0.0 || period.start_period < 0 {
            return Err(wrong("a period begins, and limits, from 0"));
        }
        // Beyond what an integer holds it is no limit: the casts stay at their largest.
        let limit = match schedule.charging_rate_unit {
            ChargingRateUnit::A => Limit::Amperes {
                tenths: (limit * 10.0).round() as u32,
                phases: period.number_phases.unwrap_or(PHASES).clamp(1, PHASES) as u8,
            },
            _ => Limit::Watts(limit as u32),
        };
        periods.push(Period {
            from_ms: i64::from(period.start_period) * 1000,
            limit,
        });
    }
    Ok(ChargingProfile {
        id: wire.charging_profile_id,
        stack_level: wire.stack_level,
        purpose: purpose(&wire.charging_profile_purpose)?,
        kind: match wire.charging_profile_kind {
            ChargingProfileKind::Recurring => ProfileKind::Recurring(every),
            ChargingProfileKind::Relative => ProfileKind::Relative,
            _ => ProfileKind::Absolute,
        },
        transaction_id: wire.transaction_id.map(i64::from),
        valid: (wire.valid_from.map(unix_ms), wire.valid_to.map(unix_ms)),
        start_ms: schedule.start_schedule.map(unix_ms),
        duration_ms: schedule.duration.map(|seconds| i64::from(seconds) * 1000),
        periods,
    })
}

pub(super) fn filter(request: &ClearChargingProfileRequest) -> Result<ProfileFilter, CallError> {
    let wanted = request.charging_profile_purpose.as_ref();
    Ok(ProfileFilter {
        id: request.id,
        connector_id: request.connector_id.map(connector).transpose()?,
        purpose: wanted.map(purpose).transpose()?,
        stack_level: request.stack_level,
    })
}

fn purpose(wire: &ChargingProfilePurpose) -> Result<ProfilePurpose, CallError> {
    Ok(match wire {
        ChargingProfilePurpose::ChargePointMaxProfile => ProfilePurpose::ChargePointMax,
        ChargingProfilePurpose::TxDefaultProfile => ProfilePurpose::TxDefault,
        ChargingProfilePurpose::TxProfile => ProfilePurpose::Tx,
        _ => return Err(wrong("this purpose is unknown")),
    })
}

fn wrong(sentence: &str) -> CallError {
    CallError::new(ErrorCode::PropertyConstraintViolation, sentence)
}
