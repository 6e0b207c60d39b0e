//! What the charge point answers, as OCPP 1.6 messages.

use dynamo_protocol::Decimal;
use dynamo_protocol::frame::payload;
use dynamo_protocol::time::date_time;
use dynamo_protocol::v16::{
    AvailabilityStatus, CancelReservationResponse, CancelReservationStatus,
    ChangeAvailabilityResponse, ChangeConfigurationResponse, ChargingProfileStatus,
    ChargingRateUnit, ChargingSchedule, ChargingSchedulePeriod, ClearCacheResponse,
    ClearCacheStatus, ClearChargingProfileResponse, ClearChargingProfileStatus,
    ConfigurationStatus, DataTransferResponse, DataTransferStatus, GetCompositeScheduleResponse,
    GetCompositeScheduleStatus, GetConfigurationResponse, KeyValue, RemoteStartStopStatus,
    RemoteStartTransactionResponse, RemoteStopTransactionResponse, ReservationStatus,
    ReserveNowResponse, ResetResponse, ResetStatus, SetChargingProfileResponse,
    TriggerMessageResponse, TriggerMessageStatus, UnlockConnectorResponse, UnlockStatus,
};

use crate::charge_point::{
    AvailabilityReply, CompositePeriod, CompositeSchedule, ConfigurationReply, RateUnit, Reply,
    ReservationReply, TriggerReply, UnlockReply, message,
};

pub(in crate::dialect) fn encode(reply: &Reply) -> String {
    match reply {
        Reply::Availability(reply) => payload(&ChangeAvailabilityResponse::new(match reply {
            AvailabilityReply::Accepted => AvailabilityStatus::Accepted,
            AvailabilityReply::Rejected => AvailabilityStatus::Rejected,
            AvailabilityReply::Scheduled => AvailabilityStatus::Scheduled,
        })),
        Reply::ConfigurationChanged(reply) => {
            payload(&ChangeConfigurationResponse::new(match reply {
                ConfigurationReply::Accepted => ConfigurationStatus::Accepted,
                ConfigurationReply::Rejected => ConfigurationStatus::Rejected,
                ConfigurationReply::RebootRequired => ConfigurationStatus::RebootRequired,
                ConfigurationReply::NotSupported => ConfigurationStatus::NotSupported,
            }))
        }
        Reply::CacheCleared { accepted } => payload(&ClearCacheResponse::new(if *accepted {
            ClearCacheStatus::Accepted
        } else {
            ClearCacheStatus::Rejected
        })),
        Reply::VendorUnknown => payload(&DataTransferResponse::new(
            DataTransferStatus::UnknownVendorId,
        )),
        Reply::Configuration { known, unknown } => configuration(known, unknown),
        Reply::RemoteStart { accepted } => payload(&RemoteStartTransactionResponse::new(
            start_stop_status(*accepted),
        )),
        Reply::RemoteStop { accepted } => payload(&RemoteStopTransactionResponse::new(
            start_stop_status(*accepted),
        )),
        Reply::Reset { accepted } => payload(&ResetResponse::new(if *accepted {
            ResetStatus::Accepted
        } else {
            ResetStatus::Rejected
        })),
        Reply::Trigger(reply) => payload(&TriggerMessageResponse::new(match reply {
            TriggerReply::Accepted => TriggerMessageStatus::Accepted,
            TriggerReply::Rejected => TriggerMessageStatus::Rejected,
            TriggerReply::NotImplemented => TriggerMessageStatus::NotImplemented,
        })),
        Reply::Reservation(reply) => payload(&ReserveNowResponse::new(match reply {
            ReservationReply::Accepted => ReservationStatus::Accepted,
            ReservationReply::Faulted => ReservationStatus::Faulted,
            ReservationReply::Occupied => ReservationStatus::Occupied,
            ReservationReply::Rejected => ReservationStatus::Rejected,
            ReservationReply::Unavailable => ReservationStatus::Unavailable,
        })),
        Reply::ReservationCancelled { accepted } => {
            payload(&CancelReservationResponse::new(if *accepted {
                CancelReservationStatus::Accepted
            } else {
                CancelReservationStatus::Rejected
            }))
        }
        Reply::ChargingProfile { accepted } => {
            payload(&SetChargingProfileResponse::new(if *accepted {
                ChargingProfileStatus::Accepted
            } else {
                ChargingProfileStatus::Rejected
            }))
        }
        Reply::ChargingProfilesCleared { found } => {
            payload(&ClearChargingProfileResponse::new(if *found {
                ClearChargingProfileStatus::Accepted
            } else {
                ClearChargingProfileStatus::Unknown
            }))
        }
        Reply::CompositeSchedule(schedule) => composite_schedule(schedule.as_deref()),
        Reply::Unlock(reply) => payload(&UnlockConnectorResponse::new(match reply {
            UnlockReply::Unlocked => UnlockStatus::Unlocked,
            UnlockReply::UnlockFailed => UnlockStatus::UnlockFailed,
            UnlockReply::NotSupported => UnlockStatus::NotSupported,
        })),
    }
}

fn start_stop_status(accepted: bool) -> RemoteStartStopStatus {
    if accepted {
        RemoteStartStopStatus::Accepted
    } else {
        RemoteStartStopStatus::Rejected
    }
}

/// A limit in amperes says on how many phases it counts; without that it would be three [1.6 §7.14].
fn composite_schedule(schedule: Option<&CompositeSchedule>) -> String {
    let Some(schedule) = schedule else {
        let rejected = GetCompositeScheduleStatus::Rejected;
        return payload(&GetCompositeScheduleResponse::new(rejected));
    };
    let period = |period: &CompositePeriod| {
        let limit = i64::from(period.limit);
        match schedule.unit {
            RateUnit::Watts => ChargingSchedulePeriod::new(period.from_s, Decimal::new(limit, 0)),
            RateUnit::Amperes => ChargingSchedulePeriod::new(period.from_s, Decimal::new(limit, 1))
                .with_number_phases(schedule.phases.into()),
        }
    };
    let unit = match schedule.unit {
        RateUnit::Watts => ChargingRateUnit::W,
        RateUnit::Amperes => ChargingRateUnit::A,
    };
    let start = date_time(schedule.start_ms);
    let periods = schedule.periods.iter().map(period).collect();
    let told = ChargingSchedule {
        duration: Some(schedule.duration_s),
        start_schedule: Some(start),
        ..ChargingSchedule::new(unit, periods)
    };
    payload(&GetCompositeScheduleResponse {
        connector_id: i32::try_from(schedule.connector_id).ok(),
        schedule_start: Some(start),
        charging_schedule: Some(told),
        ..GetCompositeScheduleResponse::new(GetCompositeScheduleStatus::Accepted)
    })
}

fn configuration(known: &[message::KeyValue], unknown: &[String]) -> String {
    let keys: Vec<KeyValue> = known
        .iter()
        .map(|entry| KeyValue {
            value: Some(entry.value.clone()),
            ..KeyValue::new(entry.key, entry.readonly)
        })
        .collect();
    payload(&GetConfigurationResponse {
        configuration_key: (!keys.is_empty()).then_some(keys),
        unknown_key: Some(unknown.to_vec()),
    })
}
