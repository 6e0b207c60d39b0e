//! Who ends a connection, and whether anybody told it to: a line that goes down is accounted for like a call.

use dynamo_protocol::trace::Direction;

use super::{Breach, Rule};
use crate::case::side::Side;
use crate::wire::entry::{End, Entry, EntryKind, Message};

static NO_HANG_UP: Rule = Rule::must("no-hang-up");

/// A system under test keeps its connection, unless it was told to restart, lost its power or its network, was refused
/// at its boot, or has a newer connection.
pub(super) fn nobody_hangs_up(entries: &[Entry], side: Side, found: &mut Vec<Breach>) {
    let mut line = State::default();
    for entry in entries {
        match &entry.kind {
            EntryKind::Cut { .. } => {
                line.may_end = true;
                line.was_down = false;
            }
            EntryKind::Frame {
                direction, message, ..
            } => line.take(*direction, message),
            EntryKind::Closed {
                by: End::Sut,
                reason,
            } if !line.may_end && !entry.consumed => {
                // A CSMS that has said nothing yet may still refuse whoever came.
                let Some(last) = &line.last else { continue };
                let side = side.name();
                found.push(NO_HANG_UP.broken(format!(
                    "the {side} ended the connection ({reason}) after {last}; nothing had told it to [1.6J §5]"
                )));
            }
            EntryKind::Closed { .. } => line.was_down = true,
            // An id means a call of its own connection [1.6J §4.1.4]. A reset is still carried out.
            EntryKind::Opened => line.boot = None,
            EntryKind::Note(_) | EntryKind::Http { .. } => {}
        }
    }
}

/// What is known of a line at a moment.
#[derive(Default)]
struct State {
    /// The connection may end now.
    may_end: bool,
    /// It has ended since it might.
    was_down: bool,
    /// The last thing that was said.
    last: Option<String>,
    boot: Option<String>,
    reset: Option<String>,
}

impl State {
    fn take(&mut self, direction: Direction, message: &Message) {
        self.last = Some(match direction {
            Direction::FromSut => format!("it sent {message}"),
            Direction::ToSut => format!("it was sent {message}"),
        });
        match (direction, message) {
            (_, Message::Call { id, action, .. }) if action == "BootNotification" => {
                self.boot = Some(id.clone());
            }
            (_, Message::Call { id, action, .. }) if action == "Reset" => {
                self.reset = Some(id.clone());
            }
            (_, Message::Result { id, payload }) if self.reset.as_ref() == Some(id) => {
                self.may_end |= payload["status"] == "Accepted";
            }
            // An accepted boot ends a restart; one that is refused may be the last word for a while [1.6 §4.2].
            (_, Message::Result { id, payload }) if self.boot.as_ref() == Some(id) => {
                self.may_end = payload["status"] == "Rejected";
                self.boot = None;
                self.reset = None;
            }
            // Whoever talks again without a boot has its network back.
            (Direction::FromSut, Message::Call { .. }) if self.reset.is_none() && self.was_down => {
                self.may_end = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::record::{entry, frame, unaccounted};

    fn closed(by: End) -> Entry {
        unaccounted(entry(EntryKind::Closed {
            by,
            reason: "closed with code 1011".into(),
        }))
    }

    fn breaches(entries: &[Entry]) -> usize {
        let mut found = Vec::new();
        nobody_hangs_up(entries, Side::ChargePoint, &mut found);
        found.len()
    }

    const IN: Direction = Direction::FromSut;
    const OUT: Direction = Direction::ToSut;

    #[test]
    fn a_line_ends_for_a_reason() {
        let authorize = || {
            [
                frame(IN, r#"[2,"1","Authorize",{"idTag":"x"}]"#),
                frame(OUT, r#"[3,"1",{"idTagInfo":{"status":"Invalid"}}]"#),
            ]
        };
        let hangs_up = [&authorize()[..], &[closed(End::Sut)]].concat();
        assert_eq!(breaches(&hangs_up), 1);
        let rig = [&authorize()[..], &[closed(End::Rig)]].concat();
        assert_eq!(breaches(&rig), 0);
        let cut = entry(EntryKind::Cut {
            text: "operator: take the network away".into(),
            power: false,
        });
        assert_eq!(breaches(&[cut.clone(), closed(End::Sut)]), 0);
        let again = [
            &[cut, closed(End::Sut), entry(EntryKind::Opened)],
            &authorize()[..],
            &[closed(End::Sut)],
        ]
        .concat();
        assert_eq!(breaches(&again), 1, "the network is back");
        let reset = [
            frame(OUT, r#"[2,"a","Reset",{"type":"Soft"}]"#),
            frame(IN, r#"[3,"a",{"status":"Accepted"}]"#),
            frame(IN, r#"[2,"b","StopTransaction",{}]"#),
            closed(End::Sut),
            entry(EntryKind::Opened),
            closed(End::Sut),
            entry(EntryKind::Opened),
            frame(IN, r#"[2,"c","BootNotification",{}]"#),
            frame(OUT, r#"[3,"c",{"status":"Accepted"}]"#),
        ];
        assert_eq!(breaches(&reset), 0);
        assert_eq!(breaches(&[&reset[..], &[closed(End::Sut)]].concat()), 1);
    }
}
