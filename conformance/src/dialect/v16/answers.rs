//! What scripted peers of OCPP 1.6 answer by themselves.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dynamo_protocol::v16::Action;
use serde_json::{Value, json};

use super::keys::must_be_writable;
use crate::wire::script::{Answer, Answers, now};

/// The answers of the scripted CSMS. Copies share what they know.
#[derive(Clone, Debug)]
pub(crate) struct CsmsAnswers(Arc<Mutex<Known>>);

/// What a CSMS knows.
#[derive(Debug)]
struct Known {
    /// `idTagInfo` by id tag in lower case; tags not in it are Invalid.
    tags: BTreeMap<String, Value>,
    /// For how many seconds a tag is Accepted from the first answer on that says so, and when that was.
    lapses: BTreeMap<String, (i64, Option<SystemTime>)>,
    next_transaction: i64,
    /// The status that the next starts get for their tags.
    refusals: Vec<String>,
}

impl CsmsAnswers {
    pub(crate) fn new(first_transaction: i64) -> Self {
        Self(Arc::new(Mutex::new(Known {
            tags: BTreeMap::new(),
            lapses: BTreeMap::new(),
            next_transaction: first_transaction,
            refusals: Vec::new(),
        })))
    }

    /// The CSMS knows this tag.
    pub(crate) fn tag(&self, tag: &str, info: Value) {
        let mut known = self.known();
        known.lapses.remove(&tag.to_lowercase());
        known.tags.insert(tag.to_lowercase(), info);
    }

    /// The CSMS accepts this tag for so long, from the first answer on that says so.
    pub(crate) fn tag_for(&self, tag: &str, seconds: i64) {
        let lapse = (seconds, None);
        self.known().lapses.insert(tag.to_lowercase(), lapse);
    }

    /// When the CSMS has said for the first time that it accepts this tag for a while.
    pub(crate) fn accepted_at(&self, tag: &str) -> Option<SystemTime> {
        self.known().lapses.get(&tag.to_lowercase())?.1
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

    fn id_tag_info(&mut self, payload: &Value) -> Value {
        let tag = payload["idTag"].as_str().unwrap_or_default().to_lowercase();
        if let Some((seconds, said)) = self.lapses.get_mut(&tag) {
            let said = *said.get_or_insert_with(SystemTime::now);
            let said = jiff::Timestamp::try_from(said).unwrap_or_else(|_| jiff::Timestamp::now());
            let end = said + jiff::SignedDuration::from_secs(*seconds);
            let expiry = dynamo_protocol::time::text(end.as_millisecond());
            return json!({"status": "Accepted", "expiryDate": expiry});
        }
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

/// The answers of the scripted charge point to a CSMS that asks by itself: it has the Core profile and what a step adds.
/// Copies share what they know.
#[derive(Clone, Debug)]
pub(crate) struct StationAnswers(Arc<Mutex<Settings>>);

/// What a charge point is set to.
#[derive(Debug)]
struct Settings {
    profiles: Vec<String>,
    /// Its keys with their values; some makers have keys without one.
    keys: Vec<(String, Option<String>)>,
}

/// Values of the required Core keys [1.6 §9.1], but the one that names the profiles.
const VALUES: [(&str, &str); 20] = [
    ("AuthorizeRemoteTxRequests", "true"),
    ("ClockAlignedDataInterval", "0"),
    ("ConnectionTimeOut", "60"),
    ("ConnectorPhaseRotation", "0.RST,1.RST,2.RST"),
    ("GetConfigurationMaxKeys", "50"),
    ("HeartbeatInterval", "300"),
    ("LocalAuthorizeOffline", "true"),
    ("LocalPreAuthorize", "false"),
    ("MeterValuesAlignedData", "Energy.Active.Import.Register"),
    ("MeterValuesSampledData", "Energy.Active.Import.Register"),
    ("MeterValueSampleInterval", "60"),
    ("NumberOfConnectors", "2"),
    ("ResetRetries", "3"),
    ("StopTransactionOnEVSideDisconnect", "true"),
    ("StopTransactionOnInvalidId", "true"),
    ("StopTxnAlignedData", ""),
    ("StopTxnSampledData", ""),
    ("TransactionMessageAttempts", "3"),
    ("TransactionMessageRetryInterval", "60"),
    ("UnlockConnectorOnEVSideDisconnect", "true"),
];

/// The key that names the profiles.
const PROFILES: &str = "SupportedFeatureProfiles";

/// The longest value of a key [1.6 §7.19].
const VALUE_MAX: usize = 500;

impl Default for StationAnswers {
    fn default() -> Self {
        let standard = VALUES.iter();
        let standard = standard.map(|(name, value)| (*name, Some((*value).to_owned())));
        let of_maker = [
            ("DynamoSeal", None),
            ("DynamoNotes", Some("0123456789".repeat(VALUE_MAX / 10))),
        ];
        let keys = standard.chain(of_maker);
        Self(Arc::new(Mutex::new(Settings {
            profiles: vec!["Core".to_owned()],
            keys: keys.map(|(name, value)| (name.to_owned(), value)).collect(),
        })))
    }
}

impl StationAnswers {
    /// It has this profile as well.
    pub(crate) fn claim(&self, profile: &str) {
        self.settings().profiles.push(profile.to_owned());
    }

    /// The answer to GetConfiguration: all keys, or those that were asked for [1.6 §5.8].
    pub(crate) fn configuration(&self, payload: &Value) -> Value {
        let settings = self.settings();
        let asked = payload["key"].as_array().cloned().unwrap_or_default();
        if asked.is_empty() {
            let profiles = settings.entry(PROFILES).into_iter();
            let rest = settings
                .keys
                .iter()
                .filter_map(|(name, _)| settings.entry(name));
            return json!({"configurationKey": profiles.chain(rest).collect::<Vec<_>>()});
        }
        let known = |key: &Value| key.as_str().and_then(|name| settings.entry(name));
        let unknown: Vec<&Value> = asked.iter().filter(|key| known(key).is_none()).collect();
        let mut answer =
            json!({"configurationKey": asked.iter().filter_map(known).collect::<Vec<_>>()});
        if !unknown.is_empty() {
            answer["unknownKey"] = json!(unknown);
        }
        answer
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    /// A key as GetConfiguration shows it; names have no case.
    fn entry(&self, name: &str) -> Option<Value> {
        if name.eq_ignore_ascii_case(PROFILES) {
            let value = self.profiles.join(",");
            return Some(json!({"key": PROFILES, "readonly": true, "value": value}));
        }
        let mut keys = self.keys.iter();
        let (name, value) = keys.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let mut entry = json!({"key": name, "readonly": !must_be_writable(name)});
        if let Some(value) = value {
            entry["value"] = value.as_str().into();
        }
        Some(entry)
    }

    /// The word of the answer to ChangeConfiguration [1.6 §5.3].
    fn change(&mut self, payload: &Value) -> &'static str {
        let name = payload["key"].as_str().unwrap_or_default();
        match self.entry(name).map(|entry| entry["readonly"] == true) {
            None => "NotSupported",
            Some(true) => "Rejected",
            Some(false) => {
                let mut keys = self.keys.iter_mut();
                if let Some((_, value)) = keys.find(|(key, _)| key.eq_ignore_ascii_case(name)) {
                    *value = payload["value"].as_str().map(str::to_owned);
                }
                "Accepted"
            }
        }
    }

    fn has(&self, profile: &str) -> bool {
        self.profiles.iter().any(|name| name == profile)
    }
}

impl Answers for StationAnswers {
    fn answer(&mut self, action: &str, payload: &Value) -> Answer {
        Answer::Result(match action {
            "GetConfiguration" => self.configuration(payload),
            "ChangeConfiguration" => json!({"status": self.settings().change(payload)}),
            "ChangeAvailability" if payload["type"] == "Operative" => json!({"status": "Accepted"}),
            "ChangeAvailability" => json!({"status": "Rejected"}),
            "TriggerMessage" if self.settings().has("RemoteTrigger") => {
                json!({"status": "Rejected"})
            }
            "TriggerMessage" => json!({"status": "NotImplemented"}),
            "ClearCache" => json!({"status": "Accepted"}),
            "DataTransfer" => json!({"status": "UnknownVendorId"}),
            "GetLocalListVersion" => json!({"listVersion": -1}),
            "SendLocalList" | "SetChargingProfile" => json!({"status": "NotSupported"}),
            "ClearChargingProfile" => json!({"status": "Unknown"}),
            "GetCompositeSchedule" => json!({"status": "Rejected"}),
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
    use crate::dialect::v16::keys::{CORE_KEYS, value_in};

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

    #[test]
    fn a_charge_point_shows_every_required_key_and_changes_those_it_may() {
        let mut answers = StationAnswers::default();
        let all = answers.configuration(&json!({}));
        let listed = all["configurationKey"].as_array().unwrap().len();
        assert_eq!(listed, CORE_KEYS.len() + 2);
        for (name, _) in CORE_KEYS {
            assert!(value_in(&all, name).is_ok(), "{name}");
        }
        let mut change = |key: &str, value: &str| match answers
            .answer("ChangeConfiguration", &json!({"key": key, "value": value}))
        {
            Answer::Result(answer) => answer["status"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(change("heartbeatINTERVAL", "20"), "Accepted");
        assert_eq!(change("NumberOfConnectors", "9"), "Rejected");
        assert_eq!(change("LightIntensity", "50"), "NotSupported");
        let asked = json!({"key": ["HeartbeatInterval", "LightIntensity", "DynamoSeal"]});
        assert_eq!(
            answers.configuration(&asked),
            json!({"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "20"},
                {"key": "DynamoSeal", "readonly": true}], "unknownKey": ["LightIntensity"]})
        );
        answers.claim("RemoteTrigger");
        let profiles = answers.configuration(&json!({"key": ["SupportedFeatureProfiles"]}));
        let value = value_in(&profiles, "SupportedFeatureProfiles").unwrap();
        assert_eq!(value, "Core,RemoteTrigger");
    }
}
