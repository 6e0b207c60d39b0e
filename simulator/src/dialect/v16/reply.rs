//! What the charge point answers, as OCPP 1.6 messages.

use dynamo_protocol::frame::payload;
use dynamo_protocol::v16::{
    AvailabilityStatus, CancelReservationResponse, CancelReservationStatus,
    ChangeAvailabilityResponse, ChangeConfigurationResponse, ChargingProfileStatus,
    ClearCacheResponse, ClearCacheStatus, ClearChargingProfileResponse, ClearChargingProfileStatus,
    ConfigurationStatus, DataTransferResponse, DataTransferStatus, GetCompositeScheduleResponse,
    GetCompositeScheduleStatus, GetConfigurationResponse, KeyValue, RemoteStartStopStatus,
    RemoteStartTransactionResponse, RemoteStopTransactionResponse, ReservationStatus,
    ReserveNowResponse, ResetResponse, ResetStatus, SetChargingProfileResponse,
    TriggerMessageResponse, TriggerMessageStatus, UnlockConnectorResponse, UnlockStatus,
};

use crate::charge_point::{
    AvailabilityReply, ConfigurationReply, Reply, ReservationReply, TriggerReply, UnlockReply,
    message,
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
        Reply::NoCompositeSchedule => payload(&GetCompositeScheduleResponse::new(
            GetCompositeScheduleStatus::Rejected,
        )),
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
