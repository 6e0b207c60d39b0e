//! The end of a scenario: nothing is owed any more, and the system under test is left as it was found.

use std::sync::Arc;

use dynamo_simulator::charge_point::{Action, CableSide};
use serde_json::json;

use super::{AFTERTHOUGHT, Bench};
use crate::line::Log;
use crate::operator::Operator;
use crate::rig::{ChargerUnderTest, Side};
use crate::trace::{Entry, EntryKind};

impl Bench {
    /// Asks for a last answer, so that everything the system under test had to say before it is on record, and waits
    /// for answers that are still owed.
    pub(crate) async fn settle(&mut self) {
        if self.flood().is_some() {
            return;
        }
        let may_ask = self.side == Side::ChargePoint || self.accepted;
        if self.line.log().connected && may_ask {
            let fence = match self.side {
                Side::ChargePoint => ("GetConfiguration", json!({"key": ["HeartbeatInterval"]})),
                Side::Csms | Side::Api => ("Heartbeat", json!({})),
            };
            self.line
                .note("rig: a last question, so that everything before it is on record");
            self.line.call(fence.0, &fence.1).await;
        }
        self.line
            .wait(self.rig.patience, |log| {
                (log.answers_pending == 0 && log.unanswered_calls().is_empty()).then_some(())
            })
            .await;
        // A queue of the system under test may be behind its answers: give it a moment to say more. What comes
        // later goes unseen; nothing fails because it did not come.
        let entries = self.line.log().entries.len();
        let is_frame = |entry: &Entry| matches!(entry.kind, EntryKind::Frame { .. });
        self.line
            .wait(AFTERTHOUGHT, |log| {
                log.entries[entries..].iter().any(is_frame).then_some(())
            })
            .await;
        self.line
            .wait(self.rig.patience, |log| {
                (log.answers_pending == 0).then_some(())
            })
            .await;
    }

    /// Cables out, faults cleared, locks free, as far as somebody is there to do it.
    pub(crate) async fn tidy_up(&mut self) {
        let operator = self.operator.clone();
        if let Operator::Prompt(person) = &operator {
            self.line.note("operator: tidies the charger up");
            person.tidy_up().await;
        }
        if !operator.is_a_machine() {
            return;
        }
        // Nothing was plugged in, nothing was jammed, or this charger has no such part: all the same.
        for connector_id in 1..=self.traits.connectors {
            let unplug = |side| Action::Unplug { connector_id, side };
            for action in [
                Action::FreeLock { connector_id },
                Action::ClearFault { connector_id },
                unplug(CableSide::Ev),
                unplug(CableSide::Station),
            ] {
                let _ = self.operate(action).await;
            }
        }
    }

    /// What ends a scenario in which too much was said.
    pub(crate) fn flood(&self) -> Option<String> {
        let here = self.line.log().flood();
        here.or_else(|| self.older.as_ref()?.log().flood())
    }

    /// Ends the transaction of the scripted charge point: a CSMS may allow a tag one at a time.
    async fn stop_what_runs(&mut self) {
        let stopped = self
            .told
            .get("StopTransaction")
            .and_then(|told| told["transactionId"].as_i64());
        if let Some(id) = self.transaction.filter(|id| stopped != Some(*id)) {
            let payload = json!({"transactionId": id, "meterStop": self.meter_wh, "timestamp": crate::script::now()});
            self.command("StopTransaction", payload).await;
            if let Err(failure) = self.answer().await {
                self.line
                    .note(format!("rig: the transaction stays open: {failure}"));
            }
        }
    }

    /// Leaves a charger as it was found: no session, and the settings it had. What it says to that is not judged.
    async fn leave_as_found(&mut self) {
        let stopped = |log: &Log, id: i64| {
            let mut calls = log.entries.iter().filter_map(Entry::call_from_sut);
            calls.any(|(_, action, payload)| {
                action == "StopTransaction" && payload["transactionId"] == id
            })
        };
        if let Some(id) = self
            .transaction
            .filter(|id| !stopped(&self.line.log(), *id))
        {
            self.command("RemoteStopTransaction", json!({"transactionId": id}))
                .await;
            let accepted = self
                .result()
                .await
                .is_ok_and(|result| result["status"] == "Accepted");
            if accepted {
                self.line
                    .wait(self.rig.patience, |log| stopped(log, id).then_some(()))
                    .await;
            }
        }
        // Last first: a key that was set twice ends with the value it had before the scenario.
        for (key, value) in std::mem::take(&mut self.settings_before).into_iter().rev() {
            self.command("ChangeConfiguration", json!({"key": key, "value": value}))
                .await;
            if let Err(failure) = self.result().await {
                self.line
                    .note(format!("rig: {key} could not be set back: {failure}"));
            }
        }
        // An answer that we still owe would be asked for again in the next scenario.
        self.line
            .wait(self.rig.patience, |log| {
                (log.answers_pending == 0).then_some(())
            })
            .await;
    }

    /// Ends the scenario's place; gives what was recorded, line by line.
    pub(crate) async fn close(mut self) -> Vec<Vec<Entry>> {
        let mut lines = Vec::new();
        if let Some(older) = self.older.take() {
            lines.push(older.finish().await.1);
        }
        let foreign_charger = self.side == Side::ChargePoint && self.station.is_none();
        let judged = self.line.log().entries.len();
        if self.line.log().connected {
            match self.side {
                Side::ChargePoint if foreign_charger => self.leave_as_found().await,
                Side::ChargePoint => {}
                Side::Csms | Side::Api => {
                    self.stop_what_runs().await;
                    self.line.hang_up(false).await;
                }
            }
        }
        self.operator = Operator::Absent;
        if let Some(station) = self
            .station
            .take()
            .and_then(|station| Arc::try_unwrap(station).ok())
        {
            station.stop().await;
        }
        let (post, mut entries) = self.line.finish().await;
        entries.truncate(judged);
        entries.drain(..self.judged_from.min(entries.len()));
        lines.push(entries);
        match (&self.rig.charger, post) {
            (Some(ChargerUnderTest::Foreign { post: place, .. }), Some(post))
                if foreign_charger =>
            {
                *place.lock().await = Some(post);
            }
            _ if self.side == Side::ChargePoint => {
                if let Some(server) = &self.rig.server {
                    server.forget(&self.id);
                }
            }
            _ => {}
        }
        lines
    }
}
