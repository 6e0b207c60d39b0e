//! What a run says to its charge point, what it hears, and its log of both.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use dynamo_protocol::v16::Action;
use dynamo_protocol::{ChargePointId, Version};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::App;
use crate::domain::projects::commissioning::CheckName;
use crate::ocpp::answers;
use crate::ocpp::sessions::CallFailure;
use crate::ocpp::taps::{Frame, Heard, Tap};
use crate::store::LogEntry;

/// Entries that one check may add to the log.
const ENTRIES_MAX: usize = 200;
/// Bytes of a payload in the log; of a longer one the beginning is kept, as text.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a status that are told; it is not checked before.
const STATUS_BYTES_MAX: usize = 100;
/// Calls that wait for their answer. An honest charge point has one.
const WAITING_MAX: usize = 16;

/// How long a transaction may take until energy flows. Cars take some seconds to wake up and to lock the plug.
const ENERGY_WAIT: Duration = Duration::from_secs(30);
/// Connectors that are known to charge. No charge point that is tested has as many.
const CHARGING_MAX: usize = 64;

/// What became of a transaction that has begun.
pub(super) enum Flow {
    /// Its connector charges, or a meter value of it came.
    Energy,
    /// It was stopped without being asked to.
    Stopped,
    /// Nothing of the kind within [`ENERGY_WAIT`].
    Nothing,
}

/// How a charge point took a command.
pub(super) enum Taken {
    Answered(Value),
    /// A CALLERROR: it cannot do this.
    Refused(String),
}

impl Taken {
    /// The status it answered, or the code of its refusal.
    pub(super) fn status(&self) -> &str {
        match self {
            Self::Answered(answer) => {
                let status = answer["status"].as_str().unwrap_or("nothing");
                &status[..status.floor_char_boundary(STATUS_BYTES_MAX)]
            }
            Self::Refused(code) => code,
        }
    }

    pub(super) fn is_accepted(&self) -> bool {
        matches!(self, Self::Answered(answer) if answer["status"] == "Accepted")
    }
}

pub(super) struct Line<'a> {
    app: &'a App,
    pub id: ChargePointId,
    tap: Tap,
    check: CheckName,
    log: Vec<LogEntry>,
    /// Calls in the log, whose answers belong there too.
    logged_calls: HashSet<String>,
    /// The connectors that said last that they are Charging: some do before they tell the start.
    charging: BTreeSet<i64>,
}

impl<'a> Line<'a> {
    pub(super) fn open(app: &'a App, id: ChargePointId) -> Self {
        Self {
            tap: app.taps.open(&id),
            app,
            id,
            check: CheckName::OcppHandshake,
            log: Vec::new(),
            logged_calls: HashSet::new(),
            charging: BTreeSet::new(),
        }
    }

    pub(super) fn begin(&mut self, check: CheckName) {
        self.check = check;
    }

    /// Adds a sentence to the log.
    pub(super) fn note(&mut self, text: &str) {
        while let Ok(heard) = self.tap.heard.try_recv() {
            if let Heard::Frame(frame) = heard {
                self.keep(&frame);
            }
        }
        let entry = json!({"check": self.check, "message": text});
        self.log
            .push((self.app.clock().now_ms(), entry.to_string()));
    }

    pub(super) fn take_log(&mut self) -> Vec<LogEntry> {
        self.logged_calls.clear();
        std::mem::take(&mut self.log)
    }

    /// Waits until the charge point has a socket, as long as for anything else.
    pub(super) async fn connected(&mut self) {
        let deadline = self.deadline();
        while !self.app.sessions.is_online(&self.id) {
            match timeout_at(deadline, self.tap.heard.recv()).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Sends a command and waits for the answer; an error says why there is none that counts.
    pub(super) async fn call(&mut self, action: Action, payload: Value) -> Result<Taken, String> {
        let payload = payload.to_string();
        let sent = self.app.sessions.call_raw(&self.id, action, payload).await;
        match sent {
            Ok(answer) => {
                let understood = answers::understand(self.app, &self.id, action, &answer).await;
                understood.map(Taken::Answered).map_err(|error| {
                    format!(
                        "{action}: the answer breaks the schema: {}",
                        error.description
                    )
                })
            }
            Err(CallFailure::Refused(error)) => {
                Ok(Taken::Refused(error.code.as_wire(Version::V1_6).to_owned()))
            }
            Err(failure) => Err(format!("{action}: {failure}")),
        }
    }

    /// Waits for a call of the charge point that fits and for the answer to it: what both carried. None when
    /// it does not come in time.
    pub(super) async fn answered(
        &mut self,
        action: Action,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<(Value, Value)> {
        self.answered_within(self.app.options.commissioning_wait, action, fits)
            .await
    }

    /// The same, with a shorter patience.
    pub(super) async fn answered_within(
        &mut self,
        patience: Duration,
        action: Action,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<(Value, Value)> {
        let deadline = Instant::now() + patience.min(self.app.options.commissioning_wait);
        let mut waiting: Vec<(String, Value)> = Vec::new();
        loop {
            let heard = timeout_at(deadline, self.tap.heard.recv()).await.ok()??;
            let Heard::Frame(frame) = heard else { continue };
            self.keep(&frame);
            let parts = parts_of(&frame);
            let Some((kind, id)) = kind_and_id(&parts) else {
                continue;
            };
            match kind {
                2 if frame.from_charge_point && parts[2] == action.as_str() && fits(&parts[3]) => {
                    if waiting.len() >= WAITING_MAX {
                        waiting.remove(0);
                    }
                    waiting.push((id.to_owned(), parts[3].clone()));
                }
                4 if !frame.from_charge_point => waiting.retain(|(waiting, _)| waiting != id),
                3 if !frame.from_charge_point => {
                    let call = waiting.iter().position(|(waiting, _)| waiting == id);
                    if let Some(index) = call {
                        return Some((waiting.swap_remove(index).1, parts[2].clone()));
                    }
                }
                _ => {}
            }
        }
    }

    /// Waits until energy flows in a transaction: real charge points refuse to stop one that they are still starting.
    pub(super) async fn flow(&mut self, transaction: i64, connector: i64) -> Flow {
        let patience = ENERGY_WAIT.min(self.app.options.commissioning_wait);
        let deadline = Instant::now() + patience;
        while !self.charging.contains(&connector) {
            let heard = timeout_at(deadline, self.tap.heard.recv()).await;
            let Ok(Some(heard)) = heard else {
                return Flow::Nothing;
            };
            let Heard::Frame(frame) = heard else { continue };
            self.keep(&frame);
            let parts = parts_of(&frame);
            if !frame.from_charge_point || parts[0] != 2 || parts[3]["transactionId"] != transaction
            {
                continue;
            }
            match parts[2].as_str() {
                Some("MeterValues") => break,
                Some("StopTransaction") => return Flow::Stopped,
                _ => {}
            }
        }
        Flow::Energy
    }

    /// Remembers which connectors charge.
    fn watch(&mut self, parts: &Value) {
        if parts[0] != 2 || parts[2] != "StatusNotification" {
            return;
        }
        let Some(connector) = parts[3]["connectorId"].as_i64() else {
            return;
        };
        if parts[3]["status"] != "Charging" {
            self.charging.remove(&connector);
        } else if self.charging.len() < CHARGING_MAX {
            self.charging.insert(connector);
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.app.options.commissioning_wait
    }

    /// Logs a frame that has to do with the check.
    fn keep(&mut self, frame: &Frame) {
        let parts = parts_of(frame);
        let Some((kind, id)) = kind_and_id(&parts) else {
            return;
        };
        if frame.from_charge_point {
            self.watch(&parts);
        }
        let caller = if (kind == 2) == frame.from_charge_point {
            "cp"
        } else {
            "csms"
        };
        let call = format!("{caller}/{id}");
        let belongs = match kind {
            2 => {
                let action = Action::from_wire(parts[2].as_str().unwrap_or(""));
                action.is_some_and(|action| concerns(self.check, action))
            }
            _ => self.logged_calls.contains(&call),
        };
        if !belongs || self.log.len() >= ENTRIES_MAX {
            return;
        }
        self.logged_calls.insert(call);
        let direction = if frame.from_charge_point {
            "received"
        } else {
            "sent"
        };
        let mut entry = json!({"check": self.check, "direction": direction, "frame": parts});
        if frame.has_no_body() {
            let bytes = frame.bytes;
            entry["message"] = json!(format!(
                "the message has {bytes} bytes, its payload is left out"
            ));
        } else if let Some(bytes) = cut_payload(&mut entry["frame"]) {
            entry["message"] = json!(format!("the payload has {bytes} bytes and is cut"));
        }
        self.log.push((frame.at_ms, entry.to_string()));
    }
}

/// Whether an action is what a check is about.
fn concerns(check: CheckName, action: Action) -> bool {
    let actions: &[Action] = match check {
        CheckName::OcppHandshake => &[Action::GetConfiguration],
        CheckName::FirmwareVersion => &[Action::TriggerMessage, Action::BootNotification],
        CheckName::ConnectorAvailable => &[Action::TriggerMessage, Action::StatusNotification],
        CheckName::TestTransaction => &[
            Action::RemoteStartTransaction,
            Action::RemoteStopTransaction,
            Action::Authorize,
            Action::StartTransaction,
            Action::StopTransaction,
            Action::StatusNotification,
            Action::MeterValues,
        ],
    };
    actions.contains(&action)
}

/// Puts the beginning of a long payload, as text, where the payload was; its bytes, if it was too long.
fn cut_payload(parts: &mut Value) -> Option<usize> {
    let mut longest = None;
    for part in parts.as_array_mut()?.iter_mut().skip(1) {
        let text = match &*part {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.len() > PAYLOAD_BYTES_MAX {
            let end = text.floor_char_boundary(PAYLOAD_BYTES_MAX);
            *part = Value::String(text[..end].to_owned());
            longest = longest.max(Some(text.len()));
        }
    }
    longest
}

fn parts_of(frame: &Frame) -> Value {
    serde_json::from_str(&frame.text).unwrap_or(Value::Null)
}

fn kind_and_id(parts: &Value) -> Option<(i64, &str)> {
    Some((parts.get(0)?.as_i64()?, parts.get(1)?.as_str()?))
}
