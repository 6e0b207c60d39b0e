//! What the answers of OCPP 1.6 to commands decide.

use dynamo_protocol::v16::Action;
use serde_json::Value;

use crate::domain::command::{Answer, Status};

/// What an answer says, whether or not it has its form.
pub(super) fn of(action: &str, payload: Value) -> Answer {
    let word = payload["status"].as_str().map(str::to_owned);
    let action = Action::from_wire(action);
    let status = match (&word, action) {
        (Some(word), Some(action)) => status(action, word),
        // They bring what was asked for.
        (
            None,
            Some(
                Action::GetConfiguration
                | Action::GetDiagnostics
                | Action::GetLocalListVersion
                | Action::UpdateFirmware,
            ),
        ) if payload.is_object() => Status::Accepted,
        _ => Status::Odd,
    };
    Answer {
        status,
        word,
        // No answer of this version says why.
        reason: None,
        payload,
    }
}

/// What a status word means in the answer to an action. The same word decides the same wherever it may stand, but only
/// where it may stand it decides anything.
fn status(action: Action, word: &str) -> Status {
    use Action::*;
    match (action, word) {
        (UnlockConnector, "Accepted") | (ClearChargingProfile | UnlockConnector, "Rejected") => {
            Status::Odd
        }
        (UnlockConnector, "Unlocked") | (_, "Accepted") => Status::Accepted,
        (_, "Rejected") => Status::Rejected,
        (UnlockConnector, "UnlockFailed")
        | (SendLocalList | InstallCertificate | DeleteCertificate, "Failed") => Status::Failed,
        (ChangeAvailability, "Scheduled") => Status::Scheduled,
        (ChangeConfiguration, "RebootRequired") => Status::RebootRequired,
        (ReserveNow, "Occupied") => Status::Occupied,
        (ReserveNow, "Faulted") => Status::Faulted,
        (ReserveNow, "Unavailable") => Status::Unavailable,
        (
            ChangeConfiguration | SendLocalList | SetChargingProfile | UnlockConnector,
            "NotSupported",
        )
        | (TriggerMessage | ExtendedTriggerMessage, "NotImplemented")
        | (DataTransfer, "UnknownVendorId" | "UnknownMessageId") => Status::NotSupported,
        (ClearChargingProfile, "Unknown")
        | (DeleteCertificate | GetInstalledCertificateIds, "NotFound") => Status::Unknown,
        _ => Status::Odd,
    }
}

#[cfg(test)]
mod tests {
    use dynamo_protocol::RawValue;
    use dynamo_protocol::decode::Decoding;
    use serde_json::json;

    use super::*;

    /// Every word of the answers to the commands that have neutral ones [1.6 §7], and what it decides.
    const WORDS: [(Action, &str, Status); 35] = [
        (Action::RemoteStartTransaction, "Accepted", Status::Accepted),
        (Action::RemoteStartTransaction, "Rejected", Status::Rejected),
        (Action::RemoteStopTransaction, "Accepted", Status::Accepted),
        (Action::RemoteStopTransaction, "Rejected", Status::Rejected),
        (Action::Reset, "Accepted", Status::Accepted),
        (Action::Reset, "Rejected", Status::Rejected),
        (Action::ChangeAvailability, "Accepted", Status::Accepted),
        (Action::ChangeAvailability, "Rejected", Status::Rejected),
        (Action::ChangeAvailability, "Scheduled", Status::Scheduled),
        (Action::UnlockConnector, "Unlocked", Status::Accepted),
        (Action::UnlockConnector, "UnlockFailed", Status::Failed),
        (
            Action::UnlockConnector,
            "NotSupported",
            Status::NotSupported,
        ),
        (Action::ReserveNow, "Accepted", Status::Accepted),
        (Action::ReserveNow, "Faulted", Status::Faulted),
        (Action::ReserveNow, "Occupied", Status::Occupied),
        (Action::ReserveNow, "Rejected", Status::Rejected),
        (Action::ReserveNow, "Unavailable", Status::Unavailable),
        (Action::CancelReservation, "Accepted", Status::Accepted),
        (Action::CancelReservation, "Rejected", Status::Rejected),
        (Action::SetChargingProfile, "Accepted", Status::Accepted),
        (Action::SetChargingProfile, "Rejected", Status::Rejected),
        (
            Action::SetChargingProfile,
            "NotSupported",
            Status::NotSupported,
        ),
        (Action::ClearChargingProfile, "Accepted", Status::Accepted),
        (Action::ClearChargingProfile, "Unknown", Status::Unknown),
        (Action::GetCompositeSchedule, "Accepted", Status::Accepted),
        (Action::GetCompositeSchedule, "Rejected", Status::Rejected),
        (Action::ChangeConfiguration, "Accepted", Status::Accepted),
        (Action::ChangeConfiguration, "Rejected", Status::Rejected),
        (
            Action::ChangeConfiguration,
            "RebootRequired",
            Status::RebootRequired,
        ),
        (
            Action::ChangeConfiguration,
            "NotSupported",
            Status::NotSupported,
        ),
        (Action::TriggerMessage, "Accepted", Status::Accepted),
        (Action::TriggerMessage, "Rejected", Status::Rejected),
        (
            Action::TriggerMessage,
            "NotImplemented",
            Status::NotSupported,
        ),
        (
            Action::ExtendedTriggerMessage,
            "NotImplemented",
            Status::NotSupported,
        ),
        (
            Action::DataTransfer,
            "UnknownVendorId",
            Status::NotSupported,
        ),
    ];

    fn has_form(action: Action, answer: &Value) -> bool {
        let raw = RawValue::from_string(answer.to_string()).unwrap();
        Decoding::Strict.check_response(action, &raw).is_ok()
    }

    #[test]
    fn each_word_decides_one_thing_where_it_may_stand_and_nothing_elsewhere() {
        for (action, word, wanted) in WORDS {
            let answer = json!({"status": word});
            assert!(has_form(action, &answer), "{action} {word}");
            let said = of(action.as_str(), answer);
            assert_eq!(said.status, wanted, "{action} {word}");
            assert_eq!((said.said(), &said.reason), (word, &None));
        }
        let actions: Vec<Action> = WORDS.iter().map(|(action, ..)| *action).collect();
        for action in actions {
            for (_, word, _) in WORDS {
                let answer = json!({"status": word});
                let decides = of(action.as_str(), answer.clone()).status != Status::Odd;
                assert_eq!(decides, has_form(action, &answer), "{action} {word}");
            }
        }
    }

    #[test]
    fn what_has_no_status_decides_only_where_it_needs_none() {
        let said = of("GetConfiguration", json!({"configurationKey": []}));
        assert!(said.is_accepted() && said.word.is_none());
        for (action, odd) in [
            ("GetConfiguration", json!(null)),
            ("GetConfiguration", json!([])),
            ("Reset", json!({})),
            ("Reset", json!({"status": 7})),
            ("Reset", json!({"status": "Perhaps"})),
            ("MakeCoffee", json!({"status": "Accepted"})),
        ] {
            assert_eq!(
                of(action, odd.clone()).status,
                Status::Odd,
                "{action} {odd}"
            );
        }
        assert_eq!(of("Reset", json!({})).said(), "nothing");
    }
}
