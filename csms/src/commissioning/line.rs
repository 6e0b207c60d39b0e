//! What a run says to its charge point, what it hears, and its log of both.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::App;
use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{Answer, CallFailure, Command, Target};
use crate::domain::projects::commissioning::CheckName;
use crate::ocpp;
use crate::ocpp::dialect::{Report, Topic};
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
pub(super) struct Taken {
    /// The action that said the command.
    action: &'static str,
    result: Result<Answer, String>,
}

impl Taken {
    /// The status it answered, or the code of its refusal: it cannot do this.
    pub(super) fn status(&self) -> &str {
        match &self.result {
            Ok(answer) => {
                let status = answer.said();
                &status[..status.floor_char_boundary(STATUS_BYTES_MAX)]
            }
            Err(code) => code,
        }
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.result.as_ref().is_ok_and(Answer::is_accepted)
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered {}", self.action, self.status())
    }
}

pub(super) struct Line<'a> {
    app: &'a Arc<App>,
    pub id: ChargePointId,
    tap: Tap,
    check: CheckName,
    log: Vec<LogEntry>,
    /// Calls in the log, whose answers belong there too.
    logged_calls: HashSet<String>,
    /// The connectors that said last that they charge: some do before they tell the start.
    charging: HashSet<Target>,
    /// How the charge point's connectors are counted.
    numbering: Numbering,
}

impl<'a> Line<'a> {
    pub(super) fn open(app: &'a Arc<App>, id: ChargePointId) -> Self {
        Self {
            tap: app.taps.open(&id),
            app,
            id,
            check: CheckName::OcppHandshake,
            log: Vec::new(),
            logged_calls: HashSet::new(),
            charging: HashSet::new(),
            numbering: Numbering::default(),
        }
    }

    pub(super) fn begin(&mut self, check: CheckName, numbering: Numbering) {
        self.check = check;
        self.numbering = numbering;
    }

    /// A connector that is counted over the whole charge point.
    pub(super) fn connector(&self, number: i64) -> Option<Target> {
        let (evse, connector) = self.numbering.evse_of(number);
        Some(Target::Connector {
            evse: evse.try_into().ok()?,
            connector: connector.try_into().ok()?,
        })
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
    pub(super) async fn call(&mut self, command: &Command) -> Result<Taken, String> {
        let sent = ocpp::send(self.app, &self.id, command).await;
        let sent = sent.map_err(|error| error.to_string())?;
        let action = sent.action;
        let result = match sent.result {
            Ok(answer) => Ok(answer),
            Err(CallFailure::Refused(refusal)) => Err(refusal.code),
            Err(failure) => return Err(format!("{action}: {failure}")),
        };
        Ok(Taken { action, result })
    }

    /// Waits for a report of the charge point from which something can be had, and for the answer to it. None when it
    /// does not come in time.
    pub(super) async fn reported<T>(&mut self, pick: impl Fn(Report) -> Option<T>) -> Option<T> {
        self.reported_within(self.app.options.commissioning_wait, pick)
            .await
    }

    /// The same, with a shorter patience.
    pub(super) async fn reported_within<T>(
        &mut self,
        patience: Duration,
        pick: impl Fn(Report) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + patience.min(self.app.options.commissioning_wait);
        let mut waiting: Vec<Call> = Vec::new();
        loop {
            let heard = timeout_at(deadline, self.tap.heard.recv()).await.ok()??;
            let Heard::Frame(frame) = heard else { continue };
            self.keep(&frame);
            let parts = parts_of(&frame);
            let Some((kind, id)) = kind_and_id(&parts) else {
                continue;
            };
            match kind {
                2 if frame.from_charge_point => {
                    let call = Call {
                        id: id.to_owned(),
                        action: parts[2].as_str().unwrap_or("").to_owned(),
                        payload: parts[3].clone(),
                    };
                    if self.report(&frame, &call, None).and_then(&pick).is_none() {
                        continue;
                    }
                    if waiting.len() >= WAITING_MAX {
                        waiting.remove(0);
                    }
                    waiting.push(call);
                }
                4 if !frame.from_charge_point => waiting.retain(|call| call.id != id),
                3 if !frame.from_charge_point => {
                    let Some(index) = waiting.iter().position(|call| call.id == id) else {
                        continue;
                    };
                    let call = waiting.swap_remove(index);
                    let picked = self.report(&frame, &call, Some(&parts[2])).and_then(&pick);
                    if picked.is_some() {
                        return picked;
                    }
                }
                _ => {}
            }
        }
    }

    /// Waits until energy flows in a transaction: real charge points refuse to stop one that they are still starting.
    pub(super) async fn flow(&mut self, transaction: &str, at: Target) -> Flow {
        let patience = ENERGY_WAIT.min(self.app.options.commissioning_wait);
        let deadline = Instant::now() + patience;
        while !self.charging.contains(&at) {
            let heard = timeout_at(deadline, self.tap.heard.recv()).await;
            let Ok(Some(heard)) = heard else {
                return Flow::Nothing;
            };
            let Heard::Frame(frame) = heard else { continue };
            self.keep(&frame);
            match self.called(&frame, &parts_of(&frame)) {
                Some(Report::Metered { transaction: of }) if of == transaction => break,
                Some(Report::Stopped { transaction: of }) if of == transaction => {
                    return Flow::Stopped;
                }
                _ => {}
            }
        }
        Flow::Energy
    }

    /// Remembers which connectors charge.
    fn watch(&mut self, report: &Report) {
        let Report::Status {
            at, is_charging, ..
        } = report
        else {
            return;
        };
        if !is_charging {
            self.charging.remove(at);
        } else if self.charging.len() < CHARGING_MAX {
            self.charging.insert(*at);
        }
    }

    /// What a call reports, in the version of a frame on the same line.
    fn report(&self, frame: &Frame, call: &Call, answered: Option<&Value>) -> Option<Report> {
        let said = (&call.payload, answered);
        frame.dialect.report(&call.action, said, &self.numbering)
    }

    /// What a frame reports by itself, if it is a call of the charge point.
    fn called(&self, frame: &Frame, parts: &Value) -> Option<Report> {
        if !frame.from_charge_point || parts[0] != 2 {
            return None;
        }
        let said = (&parts[3], None);
        frame
            .dialect
            .report(parts[2].as_str()?, said, &self.numbering)
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
        if let Some(report) = self.called(frame, &parts) {
            self.watch(&report);
        }
        let caller = if (kind == 2) == frame.from_charge_point {
            "cp"
        } else {
            "csms"
        };
        let call = format!("{caller}/{id}");
        let belongs = match kind {
            2 => {
                let action = parts[2].as_str().unwrap_or("");
                let topic = frame.dialect.topic(action);
                topic.is_some_and(|topic| concerns(self.check, topic))
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

/// A call of the charge point whose answer is waited for.
struct Call {
    id: String,
    action: String,
    payload: Value,
}

/// Whether messages about this are what a check is about.
fn concerns(check: CheckName, topic: Topic) -> bool {
    let topics: &[Topic] = match check {
        CheckName::OcppHandshake => &[Topic::ReadSettings],
        CheckName::FirmwareVersion => &[Topic::Trigger, Topic::Boot],
        CheckName::ConnectorAvailable => &[Topic::Trigger, Topic::Status],
        CheckName::TestTransaction => &[
            Topic::RemoteStart,
            Topic::RemoteStop,
            Topic::Authorization,
            Topic::Transaction,
            Topic::Status,
            Topic::MeterValues,
        ],
    };
    topics.contains(&topic)
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
