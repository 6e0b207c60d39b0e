//! The beginning of a scenario with a charge point under test: it is restarted, boots, and tells its connectors.

use std::collections::BTreeMap;
use std::time::Duration;

use dynamo_protocol::trace::Direction;
use dynamo_simulator::charge_point::Action;
use serde_json::json;

use super::Closed;
use super::csms::CsmsRole;
use super::rig::ChargerUnderTest;
use super::talk::Seen;
use crate::failure::{Failure, StepResult};
use crate::hand::operator::Operator;
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::words::span;

/// How long a charger that has just connected may take to boot, at least.
const FIRST_BOOT: Duration = Duration::from_secs(10);

/// How long the status of connector 0 is waited for once those of the others are there.
const MAIN_STATUS: Duration = Duration::from_secs(5);

/// How long a charger may take to see from the answer to its boot that it is accepted, where it says nothing then.
const TAKEN_IN: Duration = Duration::from_millis(300);

impl CsmsRole {
    /// Brings the charge point to its beginnings: booted, and all connectors free.
    ///
    /// # Errors
    /// It does not come, does not boot, or does not tell its connectors. That it keeps connector 0 to itself is said
    /// by one scenario of a run; the others go on.
    pub(crate) async fn start(&mut self) -> Result<(), Closed> {
        let foreign = !matches!(self.operator, Operator::Bundled(_));
        if foreign {
            self.start_over().await?;
        }
        let boot = self.boot().await?;
        if foreign {
            self.judged_from = self.judged_from.max(self.socket_of(&boot));
            self.get_to_know(&boot).await?;
        }
        if let Err(failure) = self.statuses(1, &["Available"], Order::Next).await {
            return Err(match self.is_taken() {
                // Nobody is there who could.
                Some((connector, status)) if matches!(self.operator, Operator::Absent) => {
                    Closed::NotRun(format!(
                        "connector {connector} is {status}: take the cable out and clear faults, or give --operator"
                    ))
                }
                _ => failure.into(),
            });
        }
        let main = Expected::call("StatusNotification")
            .with("connectorId", 0)
            .want("status", Want::OneOf(vec![json!("Available")]));
        let patience = self.talk.patience.min(MAIN_STATUS.max(self.talk.settle));
        if self.rig.was_said(NO_MAIN_STATUS) {
            self.talk
                .look_for(Order::BesideLast, &main, Duration::ZERO)
                .await;
        } else if self
            .talk
            .look_for(Order::BesideLast, &main, patience)
            .await
            .is_none()
            && self.rig.say_once(NO_MAIN_STATUS)
        {
            return Err(Failure::new(NO_MAIN_STATUS).into());
        }
        Ok(())
    }

    /// A connector that is not free, by what it was reported as last.
    fn is_taken(&self) -> Option<(i64, String)> {
        let log = self.talk.line.log();
        let mut last: BTreeMap<i64, String> = BTreeMap::new();
        for (_, action, payload) in log.entries.iter().filter_map(Entry::call_from_sut) {
            if let ("StatusNotification", Some(connector), Some(status)) = (
                action,
                payload["connectorId"].as_i64(),
                payload["status"].as_str(),
            ) {
                last.insert(connector, status.to_owned());
            }
        }
        last.into_iter()
            .find(|(connector, status)| *connector > 0 && status != "Available")
    }

    /// Where in the record the socket of this boot was opened: what a charger still had to say before its restart belongs
    /// to no scenario.
    fn socket_of(&self, boot: &Seen) -> usize {
        let log = self.talk.line.log();
        let until = boot.index;
        let opened = |entry: &Entry| matches!(entry.kind, EntryKind::Opened);
        log.entries[..until].iter().rposition(opened).unwrap_or(0)
    }

    /// Waits for a boot and for its answer: before that a CSMS has nothing to say [1.6 §4.2].
    pub(crate) async fn boot(&mut self) -> Result<Seen, Failure> {
        let boot = Expected::call("BootNotification");
        // It may be without its network still.
        let outage = self.outage.map_or(Duration::ZERO, |(_, length)| length);
        let patience = self.rig.reboot.max(self.talk.patience) + outage;
        let seen = self
            .talk
            .expect_within(Order::Next, &boot, patience)
            .await?;
        self.taken_in(&seen).await?;
        Ok(seen)
    }

    /// Waits for the answer to a call. The charge point has to take it in before it can obey: its next word shows that it
    /// has.
    pub(crate) async fn taken_in(&mut self, seen: &Seen) -> StepResult {
        let answered = self.talk.answered(seen).await?;
        let said = |entry: &Entry| entry.frame(Direction::FromSut).is_some();
        self.talk
            .line
            .wait(TAKEN_IN, |log| {
                let later = log.entries.get(answered + 1..).unwrap_or_default();
                later.iter().any(said).then_some(())
            })
            .await;
        Ok(())
    }

    /// Lets a charger say what it still has to say, as the end of a session that a scenario has left: after the restart
    /// it would say it in the middle of the next one.
    async fn let_it_finish(&mut self) {
        const TIMES: usize = 10;
        for _ in 0..TIMES {
            let before = self.calls_so_far();
            self.settle().await;
            if self.calls_so_far() == before {
                return;
            }
        }
    }

    fn calls_so_far(&self) -> usize {
        let log = self.talk.line.log();
        log.entries.iter().filter_map(Entry::call_from_sut).count()
    }

    /// A charger that has just come has to boot before it is told anything. One that was here before stays accepted.
    pub(super) async fn first_boot(&self) {
        let patience = self.talk.patience.max(FIRST_BOOT);
        let accepted = self.talk.line.wait(patience, |log| {
            let accepted = |entry: &Entry| match entry.frame(Direction::ToSut) {
                Some(Message::Result { payload, .. }) => payload["status"] == "Accepted",
                _ => false,
            };
            log.entries.iter().any(accepted).then_some(())
        });
        accepted.await;
    }

    /// What a charger that has seen other scenarios needs: cables out, faults cleared, restarted.
    async fn start_over(&mut self) -> Result<(), Closed> {
        let patience = self.rig.reboot.max(self.talk.patience);
        let open = self
            .talk
            .line
            .wait(patience, |log| log.connected.then_some(()));
        if open.await.is_none() {
            let reason = format!(
                "the charge point {} did not connect within {}",
                self.id,
                span(patience)
            );
            self.rig.halt.call(
                reason.clone(),
                "see why it stays away, and run the rest with --tags",
            );
            return Err(Failure::new(reason).into());
        }
        let known = matches!(&self.rig.charger, Some(ChargerUnderTest::Foreign { device, .. }) if device.get().is_some());
        if !known {
            self.first_boot().await;
        }
        if let Err(closed) = self.tidy_up().await {
            // What it said so far belongs to the scenario before.
            self.judged_from = usize::MAX;
            return Err(closed);
        }
        let operative = json!({"connectorId": 0, "type": "Operative"});
        // What it says to these two is not judged here.
        self.talk
            .command_that_may_fail("ChangeAvailability", operative)
            .await;
        let _ = self.talk.answer().await;
        self.talk
            .command_that_may_fail("ClearCache", json!({}))
            .await;
        let _ = self.talk.answer().await;
        self.let_it_finish().await;
        let restarted = self.talk.line.log().entries.len();
        let by_power = self.operator.is_a_machine()
            && self
                .operate(Action::PowerCycle {
                    seconds: 0.0,
                    backup: false,
                })
                .await
                .is_ok();
        if !by_power {
            self.talk.command("Reset", json!({"type": "Hard"})).await;
            self.talk.answer().await?;
        }
        self.talk.measures = true;
        // What was said before the restart belongs to no scenario.
        self.judged_from = restarted;
        let mut log = self.talk.line.log();
        log.cursor = restarted;
        log.cursor_before = restarted;
        Ok(())
    }

    /// Asks the charge point what it is, in the first scenario of a run.
    async fn get_to_know(&mut self, boot: &Seen) -> Result<(), Closed> {
        let rig = std::sync::Arc::clone(&self.rig);
        let Some(ChargerUnderTest::Foreign { device, .. }) = &rig.charger else {
            return Ok(());
        };
        if device.get().is_none() {
            let cursors = {
                let log = self.talk.line.log();
                (log.cursor, log.cursor_before)
            };
            let told = self.ask_device(boot.payload.clone()).await?;
            let _ = device.set(told);
            // The statuses that came meanwhile are still to be looked at.
            let mut log = self.talk.line.log();
            (log.cursor, log.cursor_before) = cursors;
        }
        if let Some(device) = device.get() {
            self.traits.learn(device.connectors());
        }
        Ok(())
    }
}

/// What one scenario says of a charge point that keeps its main part to itself.
const NO_MAIN_STATUS: &str = "after its boot the charge point sent no status of connector 0; it tells connector 0 and every other \
     connector [1.6 §4.2, §4.9] (said once; the other scenarios go on without)";
