//! Nobody says what no step accounts for.

use crate::case::side::Side;
use crate::rules::{Breach, Circumstances, Rule};
use crate::wire::entry::Entry;

use super::habits::Habits;
use super::reasons::Reasons;

static ACCOUNTED_FOR: Rule = Rule::must("accounted-for");
static LATE_STATUS: Rule = Rule::should("ocpp16-no-late-status");

/// Every call that no step accounts for, and that its side may not make unasked.
pub(in crate::rules) fn nothing_is_unaccounted(
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
                Side::Api | Side::Cpo => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    use dynamo_protocol::trace::Direction;

    use crate::rules::record::{entry, frame, plain, unaccounted};
    use crate::wire::entry::{End, EntryKind, OPERATOR};

    const IN: Direction = Direction::FromSut;

    fn found(side: Side, entries: &[Entry]) -> Vec<Breach> {
        let mut found = Vec::new();
        nothing_is_unaccounted(entries, &plain(side), &mut found);
        found
    }

    fn is_accounted(side: Side, raw: &str) -> bool {
        found(side, &[unaccounted(frame(IN, raw))]).is_empty()
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
        let clear = r#"[2,"a","ClearCache",{}]"#;
        let ask = r#"[2,"b","GetConfiguration",{}]"#;
        let entries = [
            frame(IN, clear),
            frame(IN, ask),
            unaccounted(frame(IN, ask)),
            unaccounted(frame(IN, clear)),
        ];
        let found_again = found(Side::Csms, &entries);
        let texts: Vec<_> = found_again
            .iter()
            .map(|breach| breach.text.as_str())
            .collect();
        assert_eq!(texts, ["it sent ClearCache {}, which no step expects"]);
        let out = r#"[2,"c","ChangeAvailability",{"connectorId":1,"type":"Inoperative"}]"#;
        assert!(!is_accounted(Side::Csms, out));
        let logs = r#"[2,"d","GetDiagnostics",{"location":"ftp://x/"}]"#;
        assert!(is_accounted(Side::Csms, logs));
        let given = r#"[3,"s",{"transactionId":7,"idTagInfo":{"status":"Blocked"}}]"#;
        let stop = |id| format!(r#"[2,"e","RemoteStopTransaction",{{"transactionId":{id}}}]"#);
        let end = |id| {
            let entries = [given, &stop(id)].map(|raw| unaccounted(frame(IN, raw)));
            found(Side::Csms, &entries).len()
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
            frame(IN, &raw).kind
        };
        let closed = || EntryKind::Closed {
            by: End::Rig,
            reason: String::new(),
        };
        let weight = |kinds: Vec<EntryKind>| {
            let entries = kinds.into_iter().map(|kind| unaccounted(entry(kind)));
            let entries: Vec<Entry> = entries.collect();
            found(Side::ChargePoint, &entries)[0].rule.id
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
