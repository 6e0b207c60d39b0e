//! What the CSMS wants, out of OCPP 1.6 messages.

use std::sync::Arc;

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::time::unix_ms;
use dynamo_protocol::v16::{
    Action, AvailabilityType, CancelReservationRequest, ChangeAvailabilityRequest,
    ChangeConfigurationRequest, ChargingRateUnit, ClearCacheRequest, DataTransferRequest,
    GetCompositeScheduleRequest, GetConfigurationRequest, MessageTrigger,
    RemoteStartTransactionRequest, RemoteStopTransactionRequest, ReserveNowRequest, ResetRequest,
    ResetType, SetChargingProfileRequest, TriggerMessageRequest, UnlockConnectorRequest,
};
use dynamo_protocol::{CallError, ErrorCode, RawValue};

use super::profile;
use crate::charge_point::{
    Command, ConnectorId, Hardware, RateUnit, Reserve, ResetKind, Triggered,
};

pub(in crate::dialect) fn decode(
    action: &str,
    payload: &RawValue,
    hardware: &Hardware,
) -> Result<Command, CallError> {
    let strict = Decoding::strict();
    let Some(known) = Action::from_wire(action) else {
        return Err(CallError::not_implemented(action));
    };
    Ok(match known {
        Action::ChangeAvailability => {
            let request: ChangeAvailabilityRequest = strict.decode(payload)?;
            Command::ChangeAvailability {
                connector_id: connector(request.connector_id)?,
                operative: request.r#type == AvailabilityType::Operative,
            }
        }
        Action::ChangeConfiguration => {
            let request: ChangeConfigurationRequest = strict.decode(payload)?;
            Command::ChangeConfiguration {
                key: request.key,
                value: request.value,
            }
        }
        Action::CancelReservation if hardware.reservation => Command::CancelReservation {
            reservation_id: strict
                .decode::<CancelReservationRequest>(payload)?
                .reservation_id,
        },
        Action::ClearChargingProfile if hardware.smart_charging => {
            Command::ClearChargingProfiles(profile::filter(&strict.decode(payload)?)?)
        }
        Action::GetCompositeSchedule if hardware.smart_charging => {
            let request: GetCompositeScheduleRequest = strict.decode(payload)?;
            Command::GetCompositeSchedule {
                connector_id: connector(request.connector_id)?,
                duration_s: request.duration,
                unit: request.charging_rate_unit.map(|unit| match unit {
                    ChargingRateUnit::A => RateUnit::Amperes,
                    _ => RateUnit::Watts,
                }),
            }
        }
        Action::ReserveNow if hardware.reservation => {
            let request: ReserveNowRequest = strict.decode(payload)?;
            Command::Reserve(Reserve {
                connector_id: connector(request.connector_id)?,
                reservation_id: request.reservation_id,
                id_tag: Arc::from(request.id_tag),
                parent: request.parent_id_tag.map(Arc::from),
                expires_at_ms: unix_ms(request.expiry_date),
            })
        }
        Action::SetChargingProfile if hardware.smart_charging => {
            let request: SetChargingProfileRequest = strict.decode(payload)?;
            Command::SetChargingProfile {
                connector_id: connector(request.connector_id)?,
                profile: profile::profile(&request.cs_charging_profiles)?,
            }
        }
        Action::ClearCache => {
            strict.decode::<ClearCacheRequest>(payload)?;
            Command::ClearCache
        }
        Action::DataTransfer => Command::DataTransfer {
            vendor_id: strict.decode::<DataTransferRequest>(payload)?.vendor_id,
        },
        Action::GetConfiguration => Command::GetConfiguration {
            keys: strict
                .decode::<GetConfigurationRequest>(payload)?
                .key
                .unwrap_or_default(),
        },
        // A charging profile is left aside where Smart Charging is not supported [1.6 §5.11].
        Action::RemoteStartTransaction => {
            let request: RemoteStartTransactionRequest = strict.decode(payload)?;
            Command::RemoteStart {
                connector_id: request.connector_id.map(connector).transpose()?,
                id_tag: Arc::from(request.id_tag),
                profile: request
                    .charging_profile
                    .filter(|_| hardware.smart_charging)
                    .map(|wire| profile::profile(&wire).map(Box::new))
                    .transpose()?,
            }
        }
        Action::RemoteStopTransaction => Command::RemoteStop {
            transaction_id: i64::from(
                strict
                    .decode::<RemoteStopTransactionRequest>(payload)?
                    .transaction_id,
            ),
        },
        Action::Reset => Command::Reset {
            kind: match strict.decode::<ResetRequest>(payload)?.r#type {
                ResetType::Soft => ResetKind::Soft,
                _ => ResetKind::Hard,
            },
        },
        Action::TriggerMessage => {
            let request: TriggerMessageRequest = strict.decode(payload)?;
            Command::Trigger {
                message: triggered(&request.requested_message)?,
                connector_id: request.connector_id.map(connector).transpose()?,
            }
        }
        Action::UnlockConnector => Command::Unlock {
            connector_id: connector(
                strict
                    .decode::<UnlockConnectorRequest>(payload)?
                    .connector_id,
            )?,
        },
        _ => return Err(CallError::not_supported(action)),
    })
}

fn triggered(message: &MessageTrigger) -> Result<Triggered, CallError> {
    Ok(match message {
        MessageTrigger::BootNotification => Triggered::Boot,
        MessageTrigger::DiagnosticsStatusNotification => Triggered::DiagnosticsStatus,
        MessageTrigger::FirmwareStatusNotification => Triggered::FirmwareStatus,
        MessageTrigger::Heartbeat => Triggered::Heartbeat,
        MessageTrigger::MeterValues => Triggered::MeterValues,
        MessageTrigger::StatusNotification => Triggered::Status,
        other => {
            return Err(CallError::new(
                ErrorCode::PropertyConstraintViolation,
                format!("{other} cannot be triggered"),
            ));
        }
    })
}

/// Connectors are counted from 0 [1.6 §6]; the schema alone would let a negative one through.
pub(super) fn connector(wire: i32) -> Result<ConnectorId, CallError> {
    ConnectorId::try_from(wire).map_err(|_| {
        CallError::new(
            ErrorCode::PropertyConstraintViolation,
            format!("connectorId {wire} is negative"),
        )
    })
}
