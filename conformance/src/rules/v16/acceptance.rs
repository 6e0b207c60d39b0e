//! What a charge point may say before the CSMS has accepted it [1.6 §4.2].

use dynamo_protocol::trace::Direction;

use crate::rules::{Breach, Rule};
use crate::wire::entry::{Entry, EntryKind, Message};

static BEFORE_ACCEPTANCE: Rule = Rule::must("ocpp16-silent-before-acceptance");

/// From a restart until its boot is accepted a charge point sends nothing but boots, and once what it was told to send.
pub(in crate::rules) fn nothing_is_said_before_acceptance(
    entries: &[Entry],
    found: &mut Vec<Breach>,
) {
    let mut state = State::default();
    for (index, entry) in entries.iter().enumerate() {
        match &entry.kind {
            EntryKind::Cut { power: true, .. } => state.restarts = true,
            EntryKind::Opened => {
                state.forget_ids();
                // A record that begins with a connection begins with a charge point that has just started.
                if state.restarts || index == 0 {
                    state.accepted = false;
                    state.restarts = false;
                }
            }
            EntryKind::Frame {
                direction: Direction::FromSut,
                message,
                ..
            } => {
                if let Some(action) = state.said(message) {
                    found.push(BEFORE_ACCEPTANCE.broken(format!(
                        "it sent {action} before its boot was accepted [1.6 §4.2]"
                    )));
                }
            }
            EntryKind::Frame { message, .. } => state.heard(message),
            _ => {}
        }
    }
}

/// What is known of a charge point's registration at a moment.
struct State {
    accepted: bool,
    /// It is going down: it has to register again when it is back.
    restarts: bool,
    boot: Option<String>,
    reset: Option<String>,
    /// The command that asks for a message, and the message.
    trigger: Option<(String, String)>,
    /// What it was told to send and may send once.
    triggered: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            accepted: true,
            restarts: false,
            boot: None,
            reset: None,
            trigger: None,
            triggered: Vec::new(),
        }
    }
}

impl State {
    /// An id means a call of its own connection; the next one may use it again [1.6J §4.1.4].
    fn forget_ids(&mut self) {
        self.boot = None;
        self.reset = None;
        self.trigger = None;
    }

    /// Gives the action of a call that it should not have made.
    fn said<'a>(&mut self, message: &'a Message) -> Option<&'a str> {
        match message {
            Message::Call { id, action, .. } if action == "BootNotification" => {
                self.boot = Some(id.clone());
                self.accepted = false;
                self.restarts = false;
                None
            }
            Message::Call { action, .. } if !self.accepted => {
                let told = self.triggered.iter().position(|told| told == action);
                match told {
                    Some(index) => {
                        self.triggered.remove(index);
                        None
                    }
                    None => Some(action),
                }
            }
            Message::Result { id, payload } if payload["status"] == "Accepted" => {
                if self.reset.as_ref() == Some(id) {
                    self.restarts = true;
                }
                if let Some((_, action)) = self.trigger.take_if(|(trigger, _)| trigger == id) {
                    self.triggered.push(action);
                }
                None
            }
            _ => None,
        }
    }

    fn heard(&mut self, message: &Message) {
        match message {
            Message::Result { id, payload } if self.boot.as_ref() == Some(id) => {
                self.boot = None;
                self.accepted = payload["status"] == "Accepted";
                self.triggered.clear();
            }
            Message::Call { id, action, .. } if action == "Reset" => self.reset = Some(id.clone()),
            Message::Call {
                id,
                action,
                payload,
            } if action == "TriggerMessage" => {
                let wanted = payload["requestedMessage"].as_str().unwrap_or_default();
                self.trigger = Some((id.clone(), wanted.to_owned()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::record::{entry, frame};

    fn breaches(entries: &[Entry]) -> usize {
        let mut found = Vec::new();
        nothing_is_said_before_acceptance(entries, &mut found);
        found.len()
    }

    const IN: Direction = Direction::FromSut;
    const OUT: Direction = Direction::ToSut;

    #[test]
    fn a_restarted_charge_point_boots_first() {
        let heartbeat = || frame(IN, r#"[2,"h","Heartbeat",{}]"#);
        let cut = |power| {
            entry(EntryKind::Cut {
                text: String::new(),
                power,
            })
        };
        let opened = || entry(EntryKind::Opened);
        assert_eq!(breaches(&[opened(), heartbeat()]), 1);
        assert_eq!(
            breaches(&[heartbeat(), opened(), heartbeat()]),
            0,
            "it stayed accepted"
        );
        assert_eq!(breaches(&[cut(false), opened(), heartbeat()]), 0);
        assert_eq!(breaches(&[cut(true), opened(), heartbeat()]), 1);
        let reset = [
            frame(OUT, r#"[2,"a","Reset",{"type":"Soft"}]"#),
            frame(IN, r#"[3,"a",{"status":"Accepted"}]"#),
            heartbeat(),
            opened(),
            heartbeat(),
        ];
        assert_eq!(breaches(&reset), 1);
    }

    #[test]
    fn an_id_may_be_used_again_on_the_next_connection() {
        let again = [
            frame(IN, r#"[2,"1","BootNotification",{}]"#),
            frame(OUT, r#"[3,"1",{"status":"Accepted"}]"#),
            entry(EntryKind::Opened),
            frame(IN, r#"[2,"1","StartTransaction",{}]"#),
            frame(OUT, r#"[3,"1",{"transactionId":7}]"#),
            frame(IN, r#"[2,"2","MeterValues",{}]"#),
        ];
        assert_eq!(breaches(&again), 0);
    }

    #[test]
    fn a_pending_charge_point_sends_what_it_was_told_to_and_once() {
        let pending = [
            frame(IN, r#"[2,"b","BootNotification",{}]"#),
            frame(OUT, r#"[3,"b",{"status":"Pending"}]"#),
            frame(
                OUT,
                r#"[2,"t","TriggerMessage",{"requestedMessage":"Heartbeat"}]"#,
            ),
            frame(IN, r#"[3,"t",{"status":"Accepted"}]"#),
            frame(IN, r#"[2,"h","Heartbeat",{}]"#),
        ];
        assert_eq!(breaches(&pending), 0);
        let twice = [&pending[..], &[frame(IN, r#"[2,"i","Heartbeat",{}]"#)]].concat();
        assert_eq!(breaches(&twice), 1);
        let other = [&pending[..4], &[frame(IN, r#"[2,"m","MeterValues",{}]"#)]].concat();
        assert_eq!(breaches(&other), 1);
    }
}
