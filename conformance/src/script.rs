//! What a scripted peer answers when no step says otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dynamo_protocol::time;
use dynamo_protocol::v16::Action;
use serde_json::{Value, json};

/// Which end of the line the rig plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Csms,
    ChargePoint,
}

/// An answer as it will stand on the wire, or none.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Result(Value),
    Error {
        code: &'static str,
    },
    /// A step of the scenario answers.
    Held,
}

/// The answers of a scripted peer.
#[derive(Debug)]
pub(crate) struct Script {
    role: Role,
    /// Answers for the next calls of an action, used up one by one.
    once: VecDeque<(String, Answer)>,
    /// Answers for all calls of an action.
    always: BTreeMap<String, Answer>,
    /// `idTagInfo` by id tag in lower case; tags not in it are Invalid.
    tags: BTreeMap<String, Value>,
    next_transaction: i64,
    /// How long every answer takes.
    pub(crate) delay: Duration,
    /// The commands that steps are about to see (charge point role), action and members: the rest is the CSMS's own
    /// initiative.
    pub(crate) awaited: Vec<(String, Value)>,
}

impl Script {
    pub(crate) fn new(role: Role, first_transaction: i64) -> Self {
        Self {
            role,
            once: VecDeque::new(),
            always: BTreeMap::new(),
            tags: BTreeMap::new(),
            next_transaction: first_transaction,
            delay: Duration::ZERO,
            awaited: Vec::new(),
        }
    }

    /// The next call of this action gets this answer.
    pub(crate) fn answer_once(&mut self, action: &str, answer: Answer) {
        self.once.push_back((action.to_owned(), answer));
    }

    /// The next start gets its transaction id, and this status for its tag.
    pub(crate) fn refuse_next_start(&mut self, status: &str) {
        let id = self.next_transaction;
        self.next_transaction += 1;
        let answer = json!({"transactionId": id, "idTagInfo": {"status": status}});
        self.answer_once("StartTransaction", Answer::Result(answer));
    }

    /// Every call of this action gets this answer.
    pub(crate) fn answer_always(&mut self, action: &str, answer: Answer) {
        self.always.insert(action.to_owned(), answer);
    }

    /// The central system knows this tag.
    pub(crate) fn tag(&mut self, tag: &str, info: Value) {
        self.tags.insert(tag.to_lowercase(), info);
    }

    /// The answer to a call.
    pub(crate) fn answer(&mut self, action: &str, payload: &Value) -> Answer {
        if let Some(index) = self.once.iter().position(|(wanted, _)| wanted == action)
            && let Some((_, answer)) = self.once.remove(index)
        {
            return answer;
        }
        if let Some(answer) = self.always.get(action) {
            return answer.clone();
        }
        match self.role {
            Role::Csms => self.csms_answer(action, payload),
            Role::ChargePoint => match self
                .awaited
                .iter()
                .position(|awaited| is_awaited(awaited, action, payload))
            {
                Some(index) => {
                    self.awaited.remove(index);
                    Answer::Held
                }
                None => charge_point_answer(action, payload),
            },
        }
    }

    fn csms_answer(&mut self, action: &str, payload: &Value) -> Answer {
        Answer::Result(match action {
            "BootNotification" => {
                json!({"status": "Accepted", "currentTime": now(), "interval": 300})
            }
            "Heartbeat" => json!({"currentTime": now()}),
            "Authorize" => json!({"idTagInfo": self.id_tag_info(payload)}),
            "StartTransaction" => {
                let id = self.next_transaction;
                self.next_transaction += 1;
                json!({"transactionId": id, "idTagInfo": self.id_tag_info(payload)})
            }
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

    fn id_tag_info(&self, payload: &Value) -> Value {
        let tag = payload["idTag"].as_str().unwrap_or_default().to_lowercase();
        self.tags
            .get(&tag)
            .cloned()
            .unwrap_or_else(|| json!({"status": "Invalid"}))
    }
}

/// The order of a step names some members; a CSMS may add others.
fn is_awaited((wanted, members): &(String, Value), action: &str, payload: &Value) -> bool {
    let same = |(name, value): (&String, &Value)| payload.get(name) == Some(value);
    wanted == action
        && members
            .as_object()
            .is_none_or(|members| members.iter().all(same))
}

/// What the scripted charge point answers to a CSMS that asks by itself.
fn charge_point_answer(action: &str, payload: &Value) -> Answer {
    Answer::Result(match action {
        "GetConfiguration" => match payload.get("key").and_then(Value::as_array) {
            Some(keys) if !keys.is_empty() => json!({"configurationKey": [], "unknownKey": keys}),
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

/// `NotSupported` for an action OCPP 1.6 knows, `NotImplemented` for one it does not [1.6J §4.2.3].
fn unknown(action: &str) -> Answer {
    let code = if Action::from_wire(action).is_some() {
        "NotSupported"
    } else {
        "NotImplemented"
    };
    Answer::Error { code }
}

/// Now, as a central system writes it.
pub(crate) fn now() -> String {
    time::text(jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_ids_are_never_given_twice_and_tags_have_no_case() {
        let mut script = Script::new(Role::Csms, 100);
        script.tag("Known", json!({"status": "Accepted"}));
        let mut start = |tag: &str| match script.answer("StartTransaction", &json!({"idTag": tag}))
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
    fn what_a_step_says_comes_before_the_rest() {
        let mut script = Script::new(Role::Csms, 1);
        script.answer_once(
            "BootNotification",
            Answer::Result(json!({"status": "Rejected"})),
        );
        assert!(
            matches!(script.answer("BootNotification", &json!({})), Answer::Result(v) if v["status"] == "Rejected")
        );
        assert!(
            matches!(script.answer("BootNotification", &json!({})), Answer::Result(v) if v["status"] == "Accepted")
        );
        assert!(matches!(
            script.answer("Reset", &json!({})),
            Answer::Error {
                code: "NotSupported"
            }
        ));
        assert!(matches!(
            script.answer("Nonsense", &json!({})),
            Answer::Error {
                code: "NotImplemented"
            }
        ));
    }
}
