//! How a charge point from outside is left: as it was found.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::csms::CsmsRole;
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::wire::line::Log;

impl CsmsRole {
    /// Leaves a charger as it was found: no session, in service, and with the settings and the list it had. What it says
    /// to that is not judged.
    pub(super) async fn leave_as_found(&mut self) {
        if !self.is_here().await {
            return;
        }
        let running_now = running(&self.talk.line.log().entries);
        for id in running_now {
            let stopped = |log: &Log| !running(&log.entries).contains(&id);
            self.talk
                .command_that_may_fail("RemoteStopTransaction", json!({"transactionId": id}))
                .await;
            let result = self.talk.result().await;
            if result.is_ok_and(|result| result["status"] == "Accepted") {
                self.talk
                    .line
                    .wait(self.talk.patience, |log| stopped(log).then_some(()))
                    .await;
            }
        }
        let changed = changed(&self.talk.line.log().entries);
        for (action, payload) in changed {
            self.put_back(action, payload).await;
        }
        // Last first: a key that was set twice ends with the value it had before the scenario.
        for (key, value) in std::mem::take(&mut self.settings_before).into_iter().rev() {
            let payload = json!({"key": key, "value": value});
            self.put_back("ChangeConfiguration", payload).await;
        }
        // An answer that we still owe would be asked for again in the next scenario.
        self.talk.owe_nothing().await;
    }

    /// Whether the charge point is there. One that has to be left in another state, and is away, is waited for.
    async fn is_here(&mut self) -> bool {
        let patience = {
            let log = self.talk.line.log();
            if log.connected {
                return true;
            }
            let owed = !self.settings_before.is_empty()
                || !running(&log.entries).is_empty()
                || !changed(&log.entries).is_empty();
            if !owed || log.sockets == 0 {
                return false;
            }
            self.rig.reboot.max(self.talk.patience)
        };
        let here = self
            .talk
            .line
            .wait(patience, |log| log.connected.then_some(()));
        here.await.is_some()
    }

    /// One command of the way back. What is not taken is written down for the reader.
    async fn put_back(&mut self, action: &str, payload: Value) {
        self.talk
            .command_that_may_fail(action, payload.clone())
            .await;
        let why = match self.talk.result().await {
            Ok(result) if matches!(result["status"].as_str(), Some("Rejected" | "Failed")) => {
                result.to_string()
            }
            Ok(_) => return,
            Err(failure) => failure.0,
        };
        let note =
            format!("rig: what it was before could not be set back with {action} {payload}: {why}");
        self.talk.line.note(note);
    }
}

/// The transactions that run at the end of a record: they were given an id and are not stopped.
fn running(entries: &[Entry]) -> Vec<i64> {
    let (mut begun, mut running): (Vec<&str>, Vec<i64>) = (Vec::new(), Vec::new());
    for entry in entries {
        match (&entry.kind, entry.call_from_sut()) {
            // An id means a call of its own connection.
            (EntryKind::Opened, _) => begun.clear(),
            (_, Some((id, "StartTransaction", _))) => begun.push(id),
            (_, Some((_, "StopTransaction", payload))) => {
                running.retain(|id| payload["transactionId"] != *id);
            }
            _ => {}
        }
        if let Some(Message::Result { id, payload }) = entry.frame(Direction::ToSut)
            && begun.contains(&id.as_str())
            && let Some(given) = payload["transactionId"].as_i64()
        {
            running.push(given);
        }
    }
    running
}

/// What undoes the commands of a record that outlive it: connectors out of service, and tags in the local list.
fn changed(entries: &[Entry]) -> Vec<(&'static str, Value)> {
    let mut undo = Vec::new();
    let calls = || entries.iter().filter_map(Entry::call_to_sut);
    let out_of_service = calls().any(|(_, action, payload)| {
        action == "ChangeAvailability" && payload["type"] == "Inoperative"
    });
    if out_of_service {
        let payload = json!({"connectorId": 0, "type": "Operative"});
        undo.push(("ChangeAvailability", payload));
        let mut connectors: Vec<i64> = calls()
            .filter(|(_, action, _)| *action == "ChangeAvailability")
            .filter_map(|(_, _, payload)| payload["connectorId"].as_i64())
            .filter(|connector| *connector > 0)
            .collect();
        connectors.sort_unstable();
        connectors.dedup();
        for connector in connectors {
            let payload = json!({"connectorId": connector, "type": "Operative"});
            undo.push(("ChangeAvailability", payload));
        }
    }
    let mut lists = calls().filter(|(_, action, _)| *action == "SendLocalList");
    if let Some((_, _, list)) = lists.next_back() {
        let tags = list["localAuthorizationList"]
            .as_array()
            .into_iter()
            .flatten();
        // A tag without a status is taken out [1.6 §5.15].
        let without: Vec<Value> = tags.map(|tag| json!({"idTag": tag["idTag"]})).collect();
        let version = list["listVersion"].as_i64().unwrap_or(0) + 1;
        let payload = if list["updateType"] == "Full" {
            json!({"listVersion": version, "updateType": "Full"})
        } else {
            json!({"listVersion": version, "updateType": "Differential", "localAuthorizationList": without})
        };
        undo.push(("SendLocalList", payload));
    }
    undo
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn record(frames: &[(Direction, &str)]) -> Vec<Entry> {
        let entry = |(direction, raw): &(Direction, &str)| Entry {
            at: SystemTime::now(),
            kind: EntryKind::Frame {
                direction: *direction,
                raw: (*raw).into(),
                message: Message::read(raw),
            },
            consumed: true,
        };
        frames.iter().map(entry).collect()
    }

    const IN: Direction = Direction::FromSut;
    const OUT: Direction = Direction::ToSut;

    #[test]
    fn what_runs_is_what_was_given_an_id_and_not_stopped() {
        let record = record(&[
            (IN, r#"[2,"1","StartTransaction",{"connectorId":1}]"#),
            (OUT, r#"[3,"1",{"transactionId":7}]"#),
            (IN, r#"[2,"2","StartTransaction",{"connectorId":2}]"#),
            (OUT, r#"[3,"2",{"transactionId":8}]"#),
            (IN, r#"[2,"3","StopTransaction",{"transactionId":7}]"#),
        ]);
        assert_eq!(running(&record), [8]);
    }

    #[test]
    fn what_outlives_a_scenario_is_undone() {
        let record = record(&[
            (
                OUT,
                r#"[2,"1","ChangeAvailability",{"connectorId":2,"type":"Inoperative"}]"#,
            ),
            (
                OUT,
                r#"[2,"2","SendLocalList",{"listVersion":4,"updateType":"Differential","localAuthorizationList":[{"idTag":"A","idTagInfo":{"status":"Accepted"}}]}]"#,
            ),
        ]);
        let undo: Vec<String> = changed(&record)
            .into_iter()
            .map(|(action, payload)| format!("{action} {payload}"))
            .collect();
        assert_eq!(
            undo,
            [
                r#"ChangeAvailability {"connectorId":0,"type":"Operative"}"#,
                r#"ChangeAvailability {"connectorId":2,"type":"Operative"}"#,
                r#"SendLocalList {"listVersion":5,"localAuthorizationList":[{"idTag":"A"}],"updateType":"Differential"}"#,
            ]
        );
    }
}
