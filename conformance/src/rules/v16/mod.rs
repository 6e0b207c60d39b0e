//! The rules of OCPP 1.6 that every scenario demands: payloads obey the schema, a charge point waits for its
//! acceptance and tells the time it was told, and nobody says what no step accounts for.

mod acceptance;
mod given_once;
mod idle;
mod printable;
mod readings;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use dynamo_protocol::RawValue;
use dynamo_protocol::decode::Decoding;
use dynamo_protocol::trace::Direction;
use dynamo_protocol::v16::Action;
use serde_json::Value;

use super::ocppj::ERROR_CODES;
use super::schemas::in_words;
use super::{Breach, Circumstances, Rule};
use crate::case::side::Side;
use crate::dialect::v16::answers::was_given;
use crate::wire::entry::{Entry, EntryKind, Message, OPERATOR};
use crate::wire::json::member_named_twice;
use crate::words::quoted;

static FRAME: Rule = Rule::must("ocppj-frame");
static PAYLOAD: Rule = Rule::must("ocpp16-payload");
static ERROR_CODE: Rule = Rule::must("ocppj-error-code");
static FAULT_NAMED: Rule = Rule::must("ocpp16-fault-named");
static EV_COMMUNICATION: Rule = Rule::must("ocpp16-ev-communication-error");
static NAMED_TWICE: Rule = Rule::must("json-member-named-twice");
static STAMP_OF_NOW: Rule = Rule::must("ocpp16-stamp-of-now");
static ACCOUNTED_FOR: Rule = Rule::must("accounted-for");
static LATE_STATUS: Rule = Rule::should("ocpp16-no-late-status");

/// The statuses beside which a car may fail to talk [1.6 §4.9].
const WITH_A_CAR: [&str; 4] = ["Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"];

/// Characters of the description of an error [1.6J §4.2.3].
const DESCRIPTION_CHARS_MAX: usize = 255;

pub(super) use acceptance::nothing_is_said_before_acceptance;
pub(super) use given_once::transaction_ids_are_given_once;
pub(super) use idle::is_told_when_asked as idle_is_told_when_asked;
pub(super) use printable::texts_are as texts_are_printable;
pub(super) use readings::are_in_order as readings_are_in_order;

pub(super) fn frames_are_valid(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<Breach>,
) {
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        if let Some((id, action, _)) = entry.call_to_sut() {
            asked.insert(id, action);
        }
        let Some(message) = entry.frame(Direction::FromSut) else {
            continue;
        };
        if let EntryKind::Frame { raw, .. } = &entry.kind
            && let Some(name) = member_named_twice(raw)
        {
            found.push(NAMED_TWICE.broken(format!(
                "its message names the member {} twice in one object: {raw}",
                quoted(&name)
            )));
        }
        match message {
            Message::Unreadable(reason) => found.push(FRAME.broken(format!(
                "it sent something that is no OCPP-J frame: {reason} [1.6J §4.2]"
            ))),
            Message::Call {
                action, payload, ..
            } => {
                if action == "StatusNotification"
                    && payload["status"] == "Faulted"
                    && payload["errorCode"] == "NoError"
                {
                    found.push(FAULT_NAMED.broken(
                        "it reports Faulted with the error code NoError; a fault has a code [1.6 §4.9]",
                    ));
                }
                if action == "StatusNotification"
                    && payload["errorCode"] == "EVCommunicationError"
                    && !WITH_A_CAR.iter().any(|status| payload["status"] == *status)
                {
                    found.push(EV_COMMUNICATION.broken(format!(
                        "it reports EVCommunicationError with the status {}; it goes with {} alone [1.6 §4.9]",
                        payload["status"],
                        WITH_A_CAR.join(", ")
                    )));
                }
                if let Some(wrong) = wrong_call(action, payload, circumstances) {
                    found.push(PAYLOAD.broken(format!("its {action} {wrong}")));
                }
            }
            Message::Result { id, payload } => {
                if let Some(action) = asked.get(id.as_str())
                    && let Some(wrong) = wrong_payload(
                        action,
                        payload,
                        Decoding::check_response,
                        circumstances,
                        true,
                    )
                {
                    found.push(PAYLOAD.broken(format!("its answer to {action} {wrong}")));
                }
            }
            Message::Error {
                code,
                description,
                details,
                ..
            } => {
                if !details.is_object() {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has the details {details}, which is no object [1.6J §4.2.3]"
                    )));
                }
                if description.chars().count() > DESCRIPTION_CHARS_MAX {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has a description of {} characters; {DESCRIPTION_CHARS_MAX} are allowed \
                         [1.6J §4.2.3]",
                        description.chars().count()
                    )));
                }
                if !ERROR_CODES.contains(&code.as_str()) {
                    found.push(ERROR_CODE.broken(format!(
                        "its CALLERROR has the code {}, which OCPP 1.6 does not know [1.6J §4.2.3]",
                        quoted(code)
                    )));
                }
            }
        }
    }
}

fn wrong_call(action: &str, payload: &Value, circumstances: &Circumstances<'_>) -> Option<String> {
    let Some(known) = Action::from_wire(action) else {
        return Some("is no action of OCPP 1.6".into());
    };
    let allowed = match circumstances.side {
        Side::ChargePoint => known.origin().from_charging_station(),
        Side::Csms | Side::Api => known.origin().from_csms(),
    };
    if !allowed {
        return Some("is an action of the other side".into());
    }
    wrong_payload(
        action,
        payload,
        Decoding::check_request,
        circumstances,
        false,
    )
}

type Check = fn(Decoding, Action, &RawValue) -> Result<(), dynamo_protocol::CallError>;

fn wrong_payload(
    action: &str,
    payload: &Value,
    check: Check,
    circumstances: &Circumstances<'_>,
    is_response: bool,
) -> Option<String> {
    let known = Action::from_wire(action)?;
    let raw = RawValue::from_string(payload.to_string()).ok()?;
    if let Err(error) = check(Decoding::strict(), known, &raw) {
        return Some(format!(
            "breaks the schema: {}",
            in_words(&error.description)
        ));
    }
    let schemas = circumstances.schemas?;
    schemas
        .complaint(action, is_response, payload)
        .map(|text| format!("breaks the published schema: {text}"))
}

/// What a charge point dates happened while the record ran: it was told the time [1.6 §4.2, §4.6].
pub(super) fn time_stamps_are_of_now(entries: &[Entry], found: &mut Vec<Breach>) {
    const SLACK: Duration = Duration::from_secs(60);
    const LONG_AGO: Duration = Duration::from_secs(365 * 86_400);
    let Some(begun) = entries.first().map(|entry| entry.at) else {
        return;
    };
    for entry in entries {
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        let of_readings = ["meterValue", "transactionData"]
            .into_iter()
            .filter_map(|member| payload[member].as_array())
            .flatten();
        let stamps = of_readings.chain([payload]);
        let wrong = stamps.filter_map(|dated| {
            let text = dated["timestamp"].as_str()?;
            let stamp: jiff::Timestamp = text.parse().ok()?;
            let stamp = SystemTime::from(stamp);
            // A status may carry the time of its last change.
            let past = if action == "StatusNotification" {
                LONG_AGO
            } else {
                SLACK
            };
            (stamp > entry.at + SLACK || stamp + past < begun).then_some(text)
        });
        if let Some(text) = wrong.take(1).next() {
            found.push(STAMP_OF_NOW.broken(format!(
                "its {action} is dated {}, which is not the time it was told [1.6 §4.2, §4.6]",
                quoted(text)
            )));
        }
    }
}

/// Every call that no step accounts for, and that its side may not make unasked.
pub(super) fn nothing_is_unaccounted(
    entries: &[Entry],
    circumstances: &Circumstances<'_>,
    found: &mut Vec<Breach>,
) {
    let mut charger = Habits::default();
    let mut csms = Reasons::default();
    let mut allowed = circumstances.allowed.to_vec();
    for (index, entry) in entries.iter().enumerate() {
        charger.see(entry);
        csms.see(entry);
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        charger.chatter_max = circumstances.chatter_max(entries[0].at, entry.at);
        let accounted = entry.consumed
            || allowed.iter_mut().any(|allowed| {
                let is_it = allowed.times > 0
                    && index >= allowed.from
                    && allowed.expected.matches(action, payload);
                allowed.times -= usize::from(is_it);
                is_it
            })
            || match circumstances.side {
                Side::ChargePoint => charger.may(action, payload),
                Side::Csms => csms.may(action, payload),
                // There the scenario knows who asks for what: a command that it does not await should not be.
                Side::Api => false,
            };
        charger.take(action, payload);
        if accounted {
            continue;
        }
        let text = format!("it sent {action} {payload}, which no step expects");
        let historic = action == "StatusNotification" && charger.is_of_the_outage(payload);
        found.push(if historic {
            LATE_STATUS.broken(format!(
                "{text}: a status of the time without connection is not told later [1.6 §4.9]"
            ))
        } else {
            ACCOUNTED_FOR.broken(text)
        });
    }
}

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
struct Reasons<'a> {
    /// What it was ordered to send since the last boot: it carries an order out once.
    carried_out: Vec<(&'a str, &'a Value)>,
    /// Transactions whose start it has refused.
    refused: HashSet<i64>,
}

impl<'a> Reasons<'a> {
    fn see(&mut self, entry: &'a Entry) {
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
    fn may(&self, action: &str, payload: &Value) -> bool {
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

/// What is known of a charge point that tells what no step expects.
#[derive(Default)]
struct Habits {
    status_of: HashMap<i64, String>,
    /// Connectors whose first status after a boot is still to come.
    untold: bool,
    told: HashSet<i64>,
    /// Transactions that began in this record: message ids are not looked at, a start is enough.
    starts: usize,
    /// How often it said what it may say at any time.
    chatter: HashMap<String, usize>,
    chatter_max: usize,
    /// It was without a connection, and since it is back nothing was done to it.
    was_away: bool,
    /// When its last connection was opened, while that is open.
    open_since: Option<SystemTime>,
}

/// What a stamp may differ from the rig's clock: some are of whole seconds.
const STAMP_SLACK: Duration = Duration::from_secs(2);

/// How often a charge point may say one and the same thing in a scenario without being asked, and so often more for each
/// second and connector.
const CHATTER_MAX: usize = 100;

impl Circumstances<'_> {
    /// How often a charge point may have said one and the same thing by now.
    fn chatter_max(&self, begun: SystemTime, now: SystemTime) -> usize {
        // A day of a moved clock has a day's chatter.
        if self.moved_clock {
            return usize::MAX;
        }
        let seconds = now.duration_since(begun).unwrap_or_default().as_secs();
        let connectors = u64::from(self.connectors.max(1));
        CHATTER_MAX + usize::try_from(seconds * connectors).unwrap_or(usize::MAX / 2)
    }
}

impl Habits {
    fn see(&mut self, entry: &Entry) {
        match &entry.kind {
            EntryKind::Opened => self.open_since = Some(entry.at),
            EntryKind::Closed { .. } => {
                self.open_since = None;
                self.was_away = true;
            }
            // What follows from an act is news.
            EntryKind::Note(text) if self.open_since.is_some() && text.starts_with(OPERATOR) => {
                self.was_away = false;
            }
            _ => {}
        }
    }

    /// Whether a status is one of the time without connection: told soon after it, or dated in it.
    fn is_of_the_outage(&self, payload: &Value) -> bool {
        let dated = payload["timestamp"].as_str();
        let dated = dated.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let before = |opened: SystemTime| {
            dated.is_none_or(|dated| SystemTime::from(dated) <= opened + STAMP_SLACK)
        };
        self.was_away && self.open_since.is_none_or(before)
    }

    fn take(&mut self, action: &str, payload: &Value) {
        match action {
            "BootNotification" => {
                self.status_of.clear();
                self.told.clear();
                self.untold = true;
                self.was_away = false;
            }
            "StartTransaction" => self.starts += 1,
            "StatusNotification" => {
                if let (Some(connector), Some(status)) =
                    (payload["connectorId"].as_i64(), payload["status"].as_str())
                {
                    self.status_of.insert(connector, status.to_owned());
                    self.told.insert(connector);
                }
            }
            _ => {}
        }
    }

    /// What a charge point may say at any time: signs of life, readings, the status it had already, that of each
    /// connector after a boot, and that the car or the station does not take or give energy yet.
    fn may(&mut self, action: &str, payload: &Value) -> bool {
        match action {
            "Heartbeat"
            | "MeterValues"
            | "SecurityEventNotification"
            | "DataTransfer"
            | "FirmwareStatusNotification"
            | "DiagnosticsStatusNotification"
            | "LogStatusNotification" => {
                let so_far = self.chatter.entry(action.to_owned()).or_default();
                *so_far += 1;
                *so_far <= self.chatter_max
            }
            "StatusNotification" => self.may_report(payload),
            // A session of a scenario that is over may end now.
            "StopTransaction" if self.starts == 0 => {
                payload["transactionId"].as_i64().is_some_and(was_given)
            }
            _ => false,
        }
    }

    fn may_report(&self, payload: &Value) -> bool {
        let (Some(connector), Some(status)) =
            (payload["connectorId"].as_i64(), payload["status"].as_str())
        else {
            return false;
        };
        if self.untold && !self.told.contains(&connector) {
            return true;
        }
        let before = self.status_of.get(&connector).map(String::as_str);
        // A fault of a connector can be one of the whole.
        if connector == 0 {
            let faulty = self.status_of.values().any(|status| status == "Faulted");
            return Some(status) == before || (faulty && matches!(status, "Faulted" | "Available"));
        }
        let pause = matches!(status, "SuspendedEV" | "SuspendedEVSE");
        Some(status) == before
            || (pause
                && matches!(
                    before,
                    Some("Preparing" | "Charging" | "SuspendedEV" | "SuspendedEVSE")
                ))
            || (status == "Charging" && matches!(before, Some("SuspendedEV" | "SuspendedEVSE")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::time::SystemTime;

    use dynamo_protocol::trace::Direction;

    use crate::wire::entry::{EntryKind, Message};

    fn is_accounted(side: Side, raw: &str) -> bool {
        let entry = Entry {
            at: SystemTime::now(),
            kind: EntryKind::Frame {
                direction: Direction::FromSut,
                raw: raw.into(),
                message: Message::read(raw),
            },
            consumed: false,
        };
        let circumstances = Circumstances {
            side,
            allowed: &[],
            errors_expected: &HashSet::new(),
            whole: true,
            newest: true,
            connectors: 2,
            moved_clock: false,
            schemas: None,
        };
        let mut found = Vec::new();
        nothing_is_unaccounted(&[entry], &circumstances, &mut found);
        found.is_empty()
    }

    #[test]
    fn a_car_that_does_not_talk_is_told_beside_a_status_with_a_car() {
        let found = |status: &str| {
            let raw = format!(
                r#"[2,"s","StatusNotification",{{"connectorId":1,"errorCode":"EVCommunicationError","status":"{status}"}}]"#
            );
            let entry = Entry {
                at: SystemTime::now(),
                kind: EntryKind::Frame {
                    direction: Direction::FromSut,
                    message: Message::read(&raw),
                    raw: raw.into(),
                },
                consumed: true,
            };
            let errors_expected = HashSet::new();
            let circumstances = Circumstances {
                side: Side::ChargePoint,
                allowed: &[],
                errors_expected: &errors_expected,
                whole: true,
                newest: true,
                connectors: 2,
                moved_clock: false,
                schemas: None,
            };
            let mut found = Vec::new();
            frames_are_valid(&[entry], &circumstances, &mut found);
            found
                .iter()
                .map(|breach| breach.rule.id)
                .collect::<Vec<_>>()
        };
        assert!(found("SuspendedEV").is_empty());
        assert_eq!(found("Available"), ["ocpp16-ev-communication-error"]);
    }

    #[test]
    fn a_charge_point_may_show_that_it_lives_and_no_more() {
        let may = |raw| is_accounted(Side::ChargePoint, raw);
        assert!(may(r#"[2,"a","Heartbeat",{}]"#));
        assert!(!may(r#"[2,"a","Authorize",{"idTag":"x"}]"#));
    }

    #[test]
    fn a_csms_may_look_after_a_charge_point_except_behind_the_rest_api() {
        let trigger = r#"[2,"a","TriggerMessage",{"requestedMessage":"Heartbeat"}]"#;
        assert!(is_accounted(Side::Csms, trigger));
        assert!(!is_accounted(Side::Api, trigger));
        assert!(!is_accounted(
            Side::Csms,
            r#"[2,"a","Reset",{"type":"Soft"}]"#
        ));
    }

    #[test]
    fn a_csms_carries_an_order_out_once() {
        let call = |raw: &str, consumed| Entry {
            at: SystemTime::now(),
            kind: EntryKind::Frame {
                direction: Direction::FromSut,
                raw: raw.into(),
                message: Message::read(raw),
            },
            consumed,
        };
        let clear = r#"[2,"a","ClearCache",{}]"#;
        let ask = r#"[2,"b","GetConfiguration",{}]"#;
        let entries = [
            call(clear, true),
            call(ask, true),
            call(ask, false),
            call(clear, false),
        ];
        let errors_expected = HashSet::new();
        let circumstances = Circumstances {
            side: Side::Csms,
            allowed: &[],
            errors_expected: &errors_expected,
            whole: true,
            newest: true,
            connectors: 0,
            moved_clock: false,
            schemas: None,
        };
        let mut found = Vec::new();
        nothing_is_unaccounted(&entries, &circumstances, &mut found);
        let texts: Vec<_> = found.iter().map(|breach| breach.text.as_str()).collect();
        assert_eq!(texts, ["it sent ClearCache {}, which no step expects"]);
        let out = r#"[2,"c","ChangeAvailability",{"connectorId":1,"type":"Inoperative"}]"#;
        assert!(!is_accounted(Side::Csms, out));
        let logs = r#"[2,"d","GetDiagnostics",{"location":"ftp://x/"}]"#;
        assert!(is_accounted(Side::Csms, logs));
        let given = r#"[3,"s",{"transactionId":7,"idTagInfo":{"status":"Blocked"}}]"#;
        let stop = |id| format!(r#"[2,"e","RemoteStopTransaction",{{"transactionId":{id}}}]"#);
        let end = |id| {
            let entries = [call(given, false), call(&stop(id), false)];
            let mut found = Vec::new();
            nothing_is_unaccounted(&entries, &circumstances, &mut found);
            found.len()
        };
        assert_eq!((end(7), end(8)), (0, 1));
    }

    #[test]
    fn a_status_of_an_outage_is_late_and_one_of_now_is_wrong() {
        let now = SystemTime::now();
        let status = |at: SystemTime| {
            let stamp = jiff::Timestamp::try_from(at).unwrap();
            let raw = format!(
                r#"[2,"s","StatusNotification",{{"connectorId":1,"errorCode":"NoError","status":"Finishing","timestamp":"{stamp}"}}]"#
            );
            EntryKind::Frame {
                direction: Direction::FromSut,
                message: Message::read(&raw),
                raw: raw.into(),
            }
        };
        let closed = || EntryKind::Closed {
            by: crate::wire::entry::End::Rig,
            reason: String::new(),
        };
        let weight = |kinds: Vec<EntryKind>| {
            let entry = |kind| Entry {
                at: now,
                kind,
                consumed: false,
            };
            let entries: Vec<Entry> = kinds.into_iter().map(entry).collect();
            let errors_expected = HashSet::new();
            let circumstances = Circumstances {
                side: Side::ChargePoint,
                allowed: &[],
                errors_expected: &errors_expected,
                whole: true,
                newest: true,
                connectors: 2,
                moved_clock: false,
                schemas: None,
            };
            let mut found = Vec::new();
            nothing_is_unaccounted(&entries, &circumstances, &mut found);
            found[0].rule.id
        };
        let minute = Duration::from_secs(60);
        let late = vec![closed(), EntryKind::Opened, status(now - minute)];
        assert_eq!(weight(late), "ocpp16-no-late-status");
        let news = vec![closed(), EntryKind::Opened, status(now + minute)];
        assert_eq!(weight(news), "accounted-for");
        let act = EntryKind::Note(format!("{OPERATOR}plug the cable in"));
        let after_an_act = vec![closed(), EntryKind::Opened, act, status(now - minute)];
        assert_eq!(weight(after_an_act), "accounted-for");
    }
}
