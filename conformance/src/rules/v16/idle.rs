//! That nothing is under way with firmware or diagnostics is told to who asks for it, and to nobody else [1.6 §4.4, §4.5].

use std::collections::HashMap;

use crate::rules::{Breach, Rule};
use crate::wire::entry::Entry;

/// Many charge points tell it after each boot, and it harms nobody.
static IDLE: Rule = Rule::should("ocpp16-idle-when-asked");

/// The messages that have the word.
const HAVE_IDLE: [&str; 2] = [
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
];

/// Holds each Idle against the triggers before it.
pub(in crate::rules) fn is_told_when_asked(entries: &[Entry], found: &mut Vec<Breach>) {
    let mut asked: HashMap<&str, usize> = HashMap::new();
    for entry in entries {
        // Of the white paper on security the second one.
        if let Some((_, "TriggerMessage" | "ExtendedTriggerMessage", payload)) = entry.call_to_sut()
            && let Some(message) = payload["requestedMessage"].as_str()
        {
            *asked.entry(message).or_default() += 1;
        }
        let Some((_, action, payload)) = entry.call_from_sut() else {
            continue;
        };
        if !HAVE_IDLE.contains(&action) || payload["status"] != "Idle" {
            continue;
        }
        let open = asked.get_mut(action).filter(|open| **open > 0);
        if let Some(open) = open {
            *open -= 1;
        } else {
            found.push(IDLE.broken(format!(
                "its {action} says Idle, which nobody asked for: that word answers a TriggerMessage alone [1.6 §4.4, §4.5]"
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::trace::Direction;

    use crate::rules::record::frame;

    #[test]
    fn idle_is_an_answer() {
        let idle = || {
            let raw = r#"[2,"i","FirmwareStatusNotification",{"status":"Idle"}]"#;
            frame(Direction::FromSut, raw)
        };
        let asks = |what: &str| {
            let raw = format!(r#"[2,"t","TriggerMessage",{{"requestedMessage":"{what}"}}]"#);
            frame(Direction::ToSut, &raw)
        };
        let count = |entries: &[Entry]| {
            let mut found = Vec::new();
            is_told_when_asked(entries, &mut found);
            found.len()
        };
        assert_eq!(count(&[asks("FirmwareStatusNotification"), idle()]), 0);
        assert_eq!(count(&[asks("DiagnosticsStatusNotification"), idle()]), 1);
        let twice = [asks("FirmwareStatusNotification"), idle(), idle()];
        assert_eq!(count(&twice), 1, "one trigger, one answer");
        let raw = r#"[2,"i","FirmwareStatusNotification",{"status":"Installed"}]"#;
        assert_eq!(count(&[frame(Direction::FromSut, raw)]), 0);
    }
}
