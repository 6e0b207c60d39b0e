//! What scripted peers of OCPP 1.6 answer by themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use dynamo_protocol::v16::Action;
use serde_json::{Value, json};

use crate::wire::script::{Answer, Answers, now};

/// The answers of the scripted CSMS. Copies share what they know.
#[derive(Clone, Debug)]
pub(crate) struct CsmsAnswers(Arc<Mutex<Known>>);

/// What a CSMS knows.
#[derive(Debug)]
struct Known {
    /// `idTagInfo` by id tag in lower case; tags not in it are Invalid.
    tags: BTreeMap<String, Value>,
    next_transaction: i64,
    /// The status that the next starts get for their tags.
    refusals: Vec<String>,
}

impl CsmsAnswers {
    pub(crate) fn new(first_transaction: i64) -> Self {
        Self(Arc::new(Mutex::new(Known {
            tags: BTreeMap::new(),
            next_transaction: first_transaction,
            refusals: Vec::new(),
        })))
    }

    /// The CSMS knows this tag.
    pub(crate) fn tag(&self, tag: &str, info: Value) {
        self.known().tags.insert(tag.to_lowercase(), info);
    }

    /// The next start gets its transaction id, and this status for its tag.
    pub(crate) fn refuse_next_start(&self, status: &str) {
        self.known().refusals.push(status.to_owned());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for CsmsAnswers {
    fn answer(&mut self, action: &str, payload: &Value) -> Answer {
        Answer::Result(match action {
            "BootNotification" => {
                json!({"status": "Accepted", "currentTime": now(), "interval": 300})
            }
            "Heartbeat" => json!({"currentTime": now()}),
            "Authorize" => json!({"idTagInfo": self.known().id_tag_info(payload)}),
            "StartTransaction" => self.known().start(payload),
            "DataTransfer" => json!({"status": "UnknownVendorId"}),
            "StatusNotification"
            | "MeterValues"
            | "StopTransaction"
            | "DiagnosticsStatusNotification"
            | "FirmwareStatusNotification"
            | "SecurityEventNotification"
            | "LogStatusNotification"
            | "SignedFirmwareStatusNotification" => json!({}),
            other => return unknown(other),
        })
    }
}

impl Known {
    fn start(&mut self, payload: &Value) -> Value {
        let id = self.next_transaction;
        self.next_transaction += 1;
        given().insert(id);
        let info = if self.refusals.is_empty() {
            self.id_tag_info(payload)
        } else {
            json!({"status": self.refusals.remove(0)})
        };
        json!({"transactionId": id, "idTagInfo": info})
    }

    fn id_tag_info(&self, payload: &Value) -> Value {
        let tag = payload["idTag"].as_str().unwrap_or_default().to_lowercase();
        self.tags
            .get(&tag)
            .cloned()
            .unwrap_or_else(|| json!({"status": "Invalid"}))
    }
}

/// Whether a scripted CSMS of this process has given this transaction id: a charge point from outside may still speak
/// of the session of a scenario that is over.
pub(crate) fn was_given(id: i64) -> bool {
    given().contains(&id)
}

fn given() -> MutexGuard<'static, HashSet<i64>> {
    static GIVEN: LazyLock<Mutex<HashSet<i64>>> = LazyLock::new(Mutex::default);
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answers of the scripted charge point to a CSMS that asks by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StationAnswers;

impl Answers for StationAnswers {
    fn answer(&mut self, action: &str, payload: &Value) -> Answer {
        Answer::Result(match action {
            "GetConfiguration" => match payload.get("key").and_then(Value::as_array) {
                Some(keys) if !keys.is_empty() => {
                    json!({"configurationKey": [], "unknownKey": keys})
                }
                _ => json!({"configurationKey": [
                    {"key": "HeartbeatInterval", "readonly": false, "value": "300"},
                    {"key": "NumberOfConnectors", "readonly": true, "value": "2"},
                    {"key": "SupportedFeatureProfiles", "readonly": true, "value": "Core"}]}),
            },
            "ChangeConfiguration" => json!({"status": "NotSupported"}),
            "TriggerMessage" => json!({"status": "NotImplemented"}),
            "ClearCache" => json!({"status": "Accepted"}),
            "GetLocalListVersion" => json!({"listVersion": -1}),
            "SendLocalList" => json!({"status": "NotSupported"}),
            other => return unknown(other),
        })
    }
}

/// `NotSupported` for an action OCPP 1.6 knows, `NotImplemented` for one it does not [1.6J §4.2.3].
fn unknown(action: &str) -> Answer {
    let code = if Action::from_wire(action).is_some() {
        "NotSupported"
    } else {
        "NotImplemented"
    };
    Answer::Error { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_ids_are_never_given_twice_and_tags_have_no_case() {
        let mut answers = CsmsAnswers::new(100);
        answers.tag("Known", json!({"status": "Accepted"}));
        let mut start = |tag: &str| match answers.answer("StartTransaction", &json!({"idTag": tag}))
        {
            Answer::Result(value) => (
                value["transactionId"].as_i64(),
                value["idTagInfo"]["status"].clone(),
            ),
            other => panic!("{other:?}"),
        };
        assert_eq!(start("KNOWN"), (Some(100), json!("Accepted")));
        assert_eq!(start("stranger"), (Some(101), json!("Invalid")));
    }

    #[test]
    fn what_nobody_knows_is_not_implemented_and_what_others_know_is_not_supported() {
        let mut answers = CsmsAnswers::new(1);
        let mut code = |action: &str| match answers.answer(action, &json!({})) {
            Answer::Error { code } => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (code("Reset"), code("Nonsense")),
            ("NotSupported", "NotImplemented")
        );
    }
}
