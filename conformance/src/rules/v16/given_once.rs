//! A transaction id that a CSMS gives belongs to one transaction [1.6 §4.8].

use std::collections::HashMap;

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::rules::{Breach, Rule};
use crate::wire::entry::{Entry, Message};

static GIVEN_ONCE: Rule = Rule::must("ocpp16-transaction-id-given-once");
static GIVEN_ONCE_TO_REFUSED: Rule = Rule::should("ocpp16-refused-start-has-its-own-id");

/// Starts that differ are different sessions: one id for both would bill them as one. A start that was refused is told
/// its end under its id as well.
pub(in crate::rules) fn transaction_ids_are_given_once(entries: &[Entry], found: &mut Vec<Breach>) {
    let mut begun: HashMap<&str, &Value> = HashMap::new();
    let mut given: HashMap<i64, (&Value, bool)> = HashMap::new();
    for entry in entries {
        if let Some((id, "StartTransaction", payload)) = entry.call_to_sut() {
            begun.insert(id, payload);
        }
        let Some(Message::Result { id, payload }) = entry.frame(Direction::FromSut) else {
            continue;
        };
        let (Some(start), Some(number)) =
            (begun.remove(id.as_str()), payload["transactionId"].as_i64())
        else {
            continue;
        };
        let accepted = payload["idTagInfo"]["status"] == "Accepted";
        let Some((before, was_accepted)) = given.insert(number, (start, accepted)) else {
            continue;
        };
        if before == start {
            continue;
        }
        let rule = if accepted || was_accepted {
            &GIVEN_ONCE
        } else {
            &GIVEN_ONCE_TO_REFUSED
        };
        found.push(rule.broken(format!(
            "it gave the transaction id {number} to {start} after it had given it to {before} [1.6 §4.8]"
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::record::frames;

    fn rules(told: &[(Direction, &str)]) -> Vec<&'static str> {
        let entries = frames(told);
        let mut found = Vec::new();
        transaction_ids_are_given_once(&entries, &mut found);
        found.iter().map(|breach| breach.rule.id).collect()
    }

    const IN: Direction = Direction::FromSut;
    const OUT: Direction = Direction::ToSut;

    #[test]
    fn an_id_stands_for_one_start() {
        let first = (OUT, r#"[2,"1","StartTransaction",{"meterStart":1}]"#);
        let second = (OUT, r#"[2,"2","StartTransaction",{"meterStart":2}]"#);
        let told_again = (OUT, r#"[2,"2","StartTransaction",{"meterStart":1}]"#);
        let yes = |id: &str, number: i64| {
            format!(
                r#"[3,"{id}",{{"transactionId":{number},"idTagInfo":{{"status":"Accepted"}}}}]"#
            )
        };
        let no = |id: &str| {
            format!(r#"[3,"{id}",{{"transactionId":0,"idTagInfo":{{"status":"Blocked"}}}}]"#)
        };
        let (one, same, other) = (yes("1", 7), yes("2", 7), yes("2", 8));
        let got = |second, answer: &str| rules(&[first, (IN, &one), second, (IN, answer)]);
        assert_eq!(got(second, &same), ["ocpp16-transaction-id-given-once"]);
        assert!(got(second, &other).is_empty());
        assert!(got(told_again, &same).is_empty());
        let refused = rules(&[first, (IN, &no("1")), second, (IN, &no("2"))]);
        assert_eq!(refused, ["ocpp16-refused-start-has-its-own-id"]);
    }
}
