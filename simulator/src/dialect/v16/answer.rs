//! What the CSMS answers, out of OCPP 1.6 messages.

use std::sync::Arc;

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::time::unix_ms;
use dynamo_protocol::v16::{
    Action, AuthorizeResponse, BootNotificationResponse, HeartbeatResponse, MeterValuesResponse,
    RegistrationStatus, StartTransactionResponse, StatusNotificationResponse,
    StopTransactionResponse,
};
use dynamo_protocol::{CallError, RawValue, v16};

use crate::charge_point::{Answer, AuthorizationStatus, IdTagInfo, Registration};

pub(in crate::dialect) fn decode(action: &str, payload: &RawValue) -> Result<Answer, CallError> {
    let strict = Decoding::strict();
    Ok(match Action::from_wire(action) {
        Some(Action::BootNotification) => {
            let boot: BootNotificationResponse = strict.decode(payload)?;
            Answer::Boot {
                registration: match boot.status {
                    RegistrationStatus::Accepted => Registration::Accepted,
                    RegistrationStatus::Pending => Registration::Pending,
                    _ => Registration::Rejected,
                },
                current_time_ms: unix_ms(boot.current_time),
                // The schema allows negative seconds; like 0 they leave the choice to the charge point.
                interval_s: u32::try_from(boot.interval).unwrap_or(0),
            }
        }
        Some(Action::Heartbeat) => Answer::Heartbeat {
            current_time_ms: unix_ms(strict.decode::<HeartbeatResponse>(payload)?.current_time),
        },
        Some(Action::Authorize) => Answer::Authorize(id_tag_info(
            strict.decode::<AuthorizeResponse>(payload)?.id_tag_info,
        )),
        Some(Action::StartTransaction) => {
            let start: StartTransactionResponse = strict.decode(payload)?;
            Answer::StartTransaction {
                transaction_id: i64::from(start.transaction_id),
                id_tag_info: id_tag_info(start.id_tag_info),
            }
        }
        Some(Action::StopTransaction) => {
            let stop: StopTransactionResponse = strict.decode(payload)?;
            Answer::StopTransaction {
                id_tag_info: stop.id_tag_info.map(id_tag_info),
            }
        }
        Some(Action::StatusNotification) => {
            strict.decode::<StatusNotificationResponse>(payload)?;
            Answer::Acknowledged
        }
        Some(Action::MeterValues) => {
            strict.decode::<MeterValuesResponse>(payload)?;
            Answer::Acknowledged
        }
        _ => {
            return Err(CallError::internal(format!(
                "no message of action {action:?} was sent"
            )));
        }
    })
}

fn id_tag_info(info: v16::IdTagInfo) -> IdTagInfo {
    IdTagInfo {
        status: match info.status {
            v16::AuthorizationStatus::Accepted => AuthorizationStatus::Accepted,
            v16::AuthorizationStatus::Blocked => AuthorizationStatus::Blocked,
            v16::AuthorizationStatus::Expired => AuthorizationStatus::Expired,
            v16::AuthorizationStatus::ConcurrentTx => AuthorizationStatus::ConcurrentTx,
            _ => AuthorizationStatus::Invalid,
        },
        expiry_ms: info.expiry_date.map(unix_ms),
        parent_id_tag: info.parent_id_tag.map(Arc::from),
    }
}
