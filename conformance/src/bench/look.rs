//! Looking at the record: waiting for calls and answers of the system under test, or for their absence.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Bench, Seen};
use crate::driver::Refusal;
use crate::expect::{Expected, Failure, Order, StepResult};
use crate::line::Log;
use crate::params::span;
use crate::trace::{Entry, Message};

/// How long a CALL may still be under way when the driver's refusal is here.
pub(crate) const OVERTAKEN: Duration = Duration::from_secs(1);

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
        let look = |log: &mut Log| {
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
        };
        // An order for this call, if there is one, is no longer open when this is over.
        let ordered = self
            .orders
            .iter()
            .position(|order| order.action == expected.action())
            .map(|index| self.orders.remove(index));
        let Some(mut ordered) = ordered else {
            let found = self.line.wait(patience, look).await;
            return found.ok_or_else(|| Failure::new(self.missing(order, expected, patience)));
        };
        let refusal = tokio::select! {
            found = self.line.wait(patience, look) => match found {
                Some(seen) => return Ok(seen),
                None => None,
            },
            refusal = ordered.refused() => Some(refusal),
        };
        if let Some(refusal) = refusal {
            // The CALL counts, and it may have overtaken the refusal on another socket.
            if let Some(seen) = self.line.wait(OVERTAKEN, look).await {
                return Ok(seen);
            }
            self.heed(&refusal);
            return Err(Failure::new(format!(
                "no {expected} came, because {}",
                refusal.reason
            )));
        }
        Err(Failure::new(self.missing(order, expected, patience)))
    }

    /// A driver that never took an order, and would refuse any other in the same way, ends the run.
    fn heed(&self, refusal: &Refusal) {
        let driver = self.rig.csms.as_ref().and_then(|csms| csms.driver.as_ref());
        let useless = driver.is_some_and(|driver| !driver.has_listened());
        if refusal.of_everything && useless {
            self.rig.halt.call(
                refusal.reason.clone(),
                "correct --driver, or give its key with --driver-header 'Name: value'",
            );
        }
    }

    /// Why an expected call counts as missing, with what came instead.
    fn missing(&self, order: Order, expected: &Expected, patience: Duration) -> String {
        let log = self.line.log();
        if let Some(flood) = log.flood() {
            return flood;
        }
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
        format!(
            "no {expected} within {}{line}; the {side} sent {instead}",
            span(patience)
        )
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
            let flood = self.line.log().flood();
            Failure::new(flood.unwrap_or_else(|| {
                format!(
                    "{action} was not answered within {}",
                    span(self.rig.patience)
                )
            }))
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
