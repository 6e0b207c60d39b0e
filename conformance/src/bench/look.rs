//! Looking at the record: waiting for calls and answers of the system under test, or for their absence.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Bench, Seen};
use crate::expect::{Expected, Failure, Order, StepResult};
use crate::trace::{Entry, Message};

impl Bench {
    /// What comes from now on is what the next steps speak of: an effect does not come before its cause.
    pub(super) fn begin_act(&self) {
        let mut log = self.line.log();
        log.cursor = log.entries.len();
        log.cursor_before = log.cursor;
    }

    /// Remembers this point of the record under a name.
    pub(crate) fn mark(&mut self, name: &'static str) {
        let index = self.line.log().entries.len();
        self.marks.insert(name, index);
        self.acted.insert(name, SystemTime::now());
    }

    /// Waits for a call of the system under test.
    pub(crate) async fn expect(
        &mut self,
        order: Order,
        expected: &Expected,
    ) -> Result<Seen, Failure> {
        self.expect_within(order, expected, self.rig.patience).await
    }

    /// Waits for a call of the system under test, no longer than this.
    pub(crate) async fn expect_within(
        &mut self,
        order: Order,
        expected: &Expected,
        patience: Duration,
    ) -> Result<Seen, Failure> {
        let found = self.line.wait(patience, |log| {
            let from = if order == Order::Next {
                log.cursor
            } else {
                log.cursor_before
            };
            let index = log
                .entries
                .iter()
                .enumerate()
                .skip(from)
                .position(|(_, entry)| {
                    !entry.consumed
                        && entry
                            .call_from_sut()
                            .is_some_and(|(_, action, payload)| expected.matches(action, payload))
                })?
                + from;
            match order {
                Order::Next => {
                    log.cursor_before = log.cursor;
                    log.cursor = index + 1;
                }
                Order::BesideLast => {}
            }
            let entry = &mut log.entries[index];
            entry.consumed = true;
            let at = entry.at;
            let (id, _, payload) = entry.call_from_sut()?;
            Some(Seen {
                id: id.to_owned(),
                payload: payload.clone(),
                at,
            })
        });
        match found.await {
            Some(seen) => Ok(seen),
            None => Err(Failure::new(self.missing(order, expected, patience))),
        }
    }

    /// Why an expected call counts as missing, with what came instead.
    fn missing(&self, order: Order, expected: &Expected, patience: Duration) -> String {
        let log = self.line.log();
        let from = if order == Order::Next {
            log.cursor
        } else {
            log.cursor_before
        };
        let came: Vec<String> = log.entries[from.min(log.entries.len())..]
            .iter()
            .filter(|entry| !entry.consumed)
            .filter_map(|entry| {
                let (_, action, payload) = entry.call_from_sut()?;
                let why = (action == expected.action())
                    .then(|| expected.mismatch(payload))
                    .flatten();
                Some(match why {
                    Some(why) => format!("{action} ({why})"),
                    None => format!("{action} {payload}"),
                })
            })
            .collect();
        let instead = if came.is_empty() {
            "nothing else".to_owned()
        } else {
            came.join("; ")
        };
        let line = if log.connected {
            ""
        } else {
            " (the line is down)"
        };
        let side = self.side.name();
        format!("no {expected} within {patience:?}{line}; the {side} sent {instead}")
    }

    /// Makes sure that no such call comes for a while.
    pub(crate) async fn expect_none(
        &self,
        patience: Duration,
        unwanted: impl Fn(&str) -> bool,
    ) -> StepResult {
        let from = self.line.log().cursor;
        let found = self.line.wait(patience, |log| {
            log.entries.iter().skip(from).find_map(|entry| {
                let (_, action, payload) = entry.call_from_sut()?;
                (!entry.consumed && unwanted(action)).then(|| format!("{action} {payload}"))
            })
        });
        match found.await {
            Some(call) => Err(Failure::new(format!("it sent {call}"))),
            None => Ok(()),
        }
    }

    /// Sends a call to the system under test; later steps speak of its answer.
    pub(crate) async fn command(&mut self, action: &str, payload: Value) {
        self.begin_act();
        let id = self.line.call(action, &payload).await;
        self.last_call = Some((id, action.to_owned()));
    }

    /// The payload of the last call to the system under test.
    pub(crate) fn last_call_payload(&self) -> Result<Value, Failure> {
        let missing = || Failure::new("no call was sent before this step");
        let (wanted, _) = self.last_call.as_ref().ok_or_else(missing)?;
        let log = self.line.log();
        let calls = log.entries.iter().rev().filter_map(Entry::call_to_sut);
        calls
            .filter(|(id, _, _)| id == wanted)
            .map(|(_, _, payload)| payload.clone())
            .next()
            .ok_or_else(missing)
    }

    /// Sends a call that may be answered with a CALLERROR.
    pub(crate) async fn command_that_may_fail(&mut self, action: &str, payload: Value) {
        self.command(action, payload).await;
        self.errors_expected
            .extend(self.last_call.clone().map(|(id, _)| id));
    }

    /// The answer to the last call.
    pub(crate) async fn answer(&mut self) -> Result<Message, Failure> {
        let (id, action) = self
            .last_call
            .clone()
            .ok_or_else(|| Failure::new("no call was sent before this step"))?;
        let found = self.line.wait(self.rig.patience, |log| {
            let index = log.answer_to(&id)?;
            log.entries[index].consumed = true;
            log.entries[index]
                .frame(dynamo_protocol::trace::Direction::FromSut)
                .cloned()
        });
        let found = found.await;
        found.ok_or_else(|| {
            Failure::new(format!(
                "{action} was not answered within {:?}",
                self.rig.patience
            ))
        })
    }

    /// The payload of the answer to the last call.
    pub(crate) async fn result(&mut self) -> Result<Value, Failure> {
        match self.answer().await? {
            Message::Result { payload, .. } => Ok(payload),
            other => Err(Failure::new(format!("the answer is {other}"))),
        }
    }
}
