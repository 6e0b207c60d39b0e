//! What a CSMS has reason to send unasked.

use std::collections::HashSet;

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::wire::entry::{Entry, Message};

/// What a CSMS may see to by itself at any time: questions, settings, lists, files, certificates. What concerns a driver
/// or a session it may not invent.
pub(crate) const CSMS_MAY: [&str; 22] = [
    "GetConfiguration",
    "ChangeConfiguration",
    "ChangeAvailability",
    "TriggerMessage",
    "GetLocalListVersion",
    "SendLocalList",
    "ClearCache",
    "DataTransfer",
    "SetChargingProfile",
    "ClearChargingProfile",
    "GetCompositeSchedule",
    "GetDiagnostics",
    "UpdateFirmware",
    "CancelReservation",
    // Of the white paper on security, which OCPP 1.6 systems speak as well.
    "ExtendedTriggerMessage",
    "GetLog",
    "SignedUpdateFirmware",
    "CertificateSigned",
    "InstallCertificate",
    "DeleteCertificate",
    "GetInstalledCertificateIds",
    "GetCertificateStatus",
];

/// What a CSMS has reason to send.
#[derive(Default)]
pub(super) struct Reasons<'a> {
    /// What it was ordered to send since the last boot: it carries an order out once.
    carried_out: Vec<(&'a str, &'a Value)>,
    /// Transactions whose start it has refused.
    refused: HashSet<i64>,
}

impl<'a> Reasons<'a> {
    pub(super) fn see(&mut self, entry: &'a Entry) {
        if let Some((_, "BootNotification", _)) = entry.call_to_sut() {
            self.carried_out.clear();
        }
        if entry.consumed
            && let Some((_, action, payload)) = entry.call_from_sut()
        {
            self.carried_out.push((action, payload));
        }
        if let Some(Message::Result { payload, .. }) = entry.frame(Direction::FromSut)
            && let Some(id) = payload["transactionId"].as_i64()
            && payload["idTagInfo"]["status"] != "Accepted"
        {
            self.refused.insert(id);
        }
    }

    /// What a CSMS may send unasked: what it sees to by itself, but no order twice, and nothing that takes a connector out
    /// of service; and the end of a session that it has refused.
    pub(super) fn may(&self, action: &str, payload: &Value) -> bool {
        const QUESTIONS: [&str; 4] = [
            "GetConfiguration",
            "GetLocalListVersion",
            "GetCompositeSchedule",
            "TriggerMessage",
        ];
        let out_of_service = action == "ChangeAvailability" && payload["type"] == "Inoperative";
        let again = !QUESTIONS.contains(&action) && self.carried_out.contains(&(action, payload));
        // Many chargers go on with a session that was refused.
        let ends_refused = action == "RemoteStopTransaction"
            && payload["transactionId"]
                .as_i64()
                .is_some_and(|id| self.refused.contains(&id));
        (CSMS_MAY.contains(&action) || ends_refused) && !out_of_service && !again
    }
}
