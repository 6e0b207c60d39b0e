//! What this CSMS can send: every action that OCPP 1.6 lets a CSMS originate, checked by its types before it
//! is sent, and its answer by theirs.

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::v16::{self, Action};
use dynamo_protocol::{CallError, RawValue, Request};

/// The checks of one action.
#[derive(Clone, Copy)]
pub(crate) struct CommandType {
    pub action: Action,
    /// Whether a payload is what the action's request may be.
    pub check_request: fn(&RawValue) -> Result<(), CallError>,
    /// Whether a payload is what the action's answer may be.
    pub check_answer: fn(&RawValue) -> Result<(), CallError>,
}

const fn command<T: Request<Action = Action>>() -> CommandType {
    CommandType {
        action: T::ACTION,
        check_request: |payload| Decoding::strict().decode::<T>(payload).map(drop),
        check_answer: |payload| Decoding::strict().decode::<T::Response>(payload).map(drop),
    }
}

/// By type, like the routes; a test compares it with the list of actions.
const COMMANDS: &[CommandType] = &[
    command::<v16::CancelReservationRequest>(),
    command::<v16::CertificateSignedRequest>(),
    command::<v16::ChangeAvailabilityRequest>(),
    command::<v16::ChangeConfigurationRequest>(),
    command::<v16::ClearCacheRequest>(),
    command::<v16::ClearChargingProfileRequest>(),
    command::<v16::DataTransferRequest>(),
    command::<v16::DeleteCertificateRequest>(),
    command::<v16::ExtendedTriggerMessageRequest>(),
    command::<v16::GetCompositeScheduleRequest>(),
    command::<v16::GetConfigurationRequest>(),
    command::<v16::GetDiagnosticsRequest>(),
    command::<v16::GetInstalledCertificateIdsRequest>(),
    command::<v16::GetLocalListVersionRequest>(),
    command::<v16::GetLogRequest>(),
    command::<v16::InstallCertificateRequest>(),
    command::<v16::RemoteStartTransactionRequest>(),
    command::<v16::RemoteStopTransactionRequest>(),
    command::<v16::ReserveNowRequest>(),
    command::<v16::ResetRequest>(),
    command::<v16::SendLocalListRequest>(),
    command::<v16::SetChargingProfileRequest>(),
    command::<v16::SignedUpdateFirmwareRequest>(),
    command::<v16::TriggerMessageRequest>(),
    command::<v16::UnlockConnectorRequest>(),
    command::<v16::UpdateFirmwareRequest>(),
];

/// The command of this name, if a CSMS may send it.
pub(crate) fn find(name: &str) -> Option<&'static CommandType> {
    COMMANDS
        .iter()
        .find(|command| command.action.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_a_csms_may_originate_can_be_sent() {
        for action in Action::ALL {
            let wanted = action.origin().from_csms();
            assert_eq!(find(action.as_str()).is_some(), wanted, "{action}");
        }
    }

    #[test]
    fn payloads_are_checked_by_the_types_of_their_action() {
        let reset = find("Reset").unwrap();
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        assert!((reset.check_request)(&raw(r#"{"type":"Soft"}"#)).is_ok());
        assert!((reset.check_request)(&raw(r#"{"type":"Gentle"}"#)).is_err());
        assert!((reset.check_request)(&raw(r#"{"type":"Soft","x":1}"#)).is_err());
        assert!((reset.check_answer)(&raw(r#"{"status":"Accepted"}"#)).is_ok());
        assert!((reset.check_answer)(&raw("{}")).is_err());
    }
}
