//! From an action that is a value to the types of its payloads.

use ocpp_kit::decode::DecodeError;
use ocpp_kit::message::Request;
use ocpp_kit::validate::Validate;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::v16::*;

/// What is to be done with a payload once its type is known.
pub(super) trait Look {
    type Out;

    fn look<T: DeserializeOwned + Serialize + Validate>(self) -> Result<Self::Out, DecodeError>;
}

// The crate's own dispatch ends in its own decoding. A test compares the list with its actions.
macro_rules! types {
    ($($action:ident $request:ident,)*) => {
        /// Looks with the type of the action's `CALL`.
        pub(super) fn request<L: Look>(action: Action, look: L) -> Result<L::Out, DecodeError> {
            match action {
                $(Action::$action => look.look::<$request>(),)*
                _ => Err(DecodeError::unsupported_action(action.as_str())),
            }
        }

        /// Looks with the type of its `CALLRESULT`.
        pub(super) fn response<L: Look>(action: Action, look: L) -> Result<L::Out, DecodeError> {
            match action {
                $(Action::$action => look.look::<<$request as Request>::Response>(),)*
                _ => Err(DecodeError::unsupported_action(action.as_str())),
            }
        }
    };
}

types! {
    Authorize AuthorizeRequest,
    BootNotification BootNotificationRequest,
    CancelReservation CancelReservationRequest,
    CertificateSigned CertificateSignedRequest,
    ChangeAvailability ChangeAvailabilityRequest,
    ChangeConfiguration ChangeConfigurationRequest,
    ClearCache ClearCacheRequest,
    ClearChargingProfile ClearChargingProfileRequest,
    DataTransfer DataTransferRequest,
    DeleteCertificate DeleteCertificateRequest,
    DiagnosticsStatusNotification DiagnosticsStatusNotificationRequest,
    ExtendedTriggerMessage ExtendedTriggerMessageRequest,
    FirmwareStatusNotification FirmwareStatusNotificationRequest,
    GetCompositeSchedule GetCompositeScheduleRequest,
    GetConfiguration GetConfigurationRequest,
    GetDiagnostics GetDiagnosticsRequest,
    GetInstalledCertificateIds GetInstalledCertificateIdsRequest,
    GetLocalListVersion GetLocalListVersionRequest,
    GetLog GetLogRequest,
    Heartbeat HeartbeatRequest,
    InstallCertificate InstallCertificateRequest,
    LogStatusNotification LogStatusNotificationRequest,
    MeterValues MeterValuesRequest,
    RemoteStartTransaction RemoteStartTransactionRequest,
    RemoteStopTransaction RemoteStopTransactionRequest,
    ReserveNow ReserveNowRequest,
    Reset ResetRequest,
    SecurityEventNotification SecurityEventNotificationRequest,
    SendLocalList SendLocalListRequest,
    SetChargingProfile SetChargingProfileRequest,
    SignCertificate SignCertificateRequest,
    SignedFirmwareStatusNotification SignedFirmwareStatusNotificationRequest,
    SignedUpdateFirmware SignedUpdateFirmwareRequest,
    StartTransaction StartTransactionRequest,
    StatusNotification StatusNotificationRequest,
    StopTransaction StopTransactionRequest,
    TriggerMessage TriggerMessageRequest,
    UnlockConnector UnlockConnectorRequest,
    UpdateFirmware UpdateFirmwareRequest,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;

    impl Look for Name {
        type Out = &'static str;

        fn look<T>(self) -> Result<Self::Out, DecodeError> {
            Ok(std::any::type_name::<T>())
        }
    }

    #[test]
    fn every_action_has_its_own_types() {
        for action in Action::ALL {
            let types = [
                request(*action, Name).unwrap(),
                response(*action, Name).unwrap(),
            ];
            for (name, end) in types.iter().zip(["Request", "Response"]) {
                let wanted = format!("::{action}{end}");
                assert!(name.ends_with(&wanted), "{name} is not {wanted}");
            }
        }
    }
}
