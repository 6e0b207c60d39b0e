//! The rig as a charge point, with a CSMS under test.

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::rig::{CsmsUnderTest, Identity, Rig};
use super::talk::{Seen, Talk};
use crate::case::side::Side;
use crate::dialect::v16::answers::StationAnswers;
use crate::dialect::v16::commands;
use crate::failure::{Failure, StepResult};
use crate::hand::driver::{Order as Ordered, Refusal};
use crate::peer::station::{Knock, NotTrusted, Welcome, connect};
use crate::watch::expected::{Expected, Order};
use crate::wire::entry::{Entry, Message};
use crate::wire::line::Line;
use crate::wire::post::{SocketEvent, post};
use crate::wire::script::{Answer, Script, now};

/// How long a CALL may still be under way when the driver's refusal is here.
pub(crate) const OVERTAKEN: Duration = Duration::from_secs(1);

/// The rig as a charge point in one scenario.
#[derive(Debug)]
pub(crate) struct StationRole {
    pub(crate) rig: Arc<Rig>,
    /// Its identity.
    pub(crate) id: String,
    pub(crate) talk: Talk,
    /// The name of the scenario, for the coverage of drivers.
    pub(crate) scenario: String,
    /// The CSMS that the scenario has for itself, in place of the one under test.
    pub(crate) own_csms_url: Option<String>,
    /// The line before this one, where an identity connected twice.
    pub(crate) older: Option<Line>,
    /// How the CSMS under test answered the last handshake.
    pub(crate) welcome: Option<Welcome>,
    /// Calls of the CSMS under test that wait for an answer of a step: id, action, payload.
    pub(crate) held: Vec<(String, String, Value)>,
    /// The CSMS under test has accepted it.
    pub(crate) accepted: bool,
    /// Its register, Wh.
    pub(crate) meter_wh: i64,
    /// The last command that a step has ordered.
    pub(crate) asked: Option<Asked>,
    /// Orders to the driver whose refusal would explain a missing command.
    pub(crate) orders: Vec<Ordered>,
    /// What it answers by itself.
    pub(crate) answers: StationAnswers,
    /// Why a command cannot be ordered here at all, once that is known.
    pub(crate) cannot: Option<String>,
    events: mpsc::Sender<SocketEvent>,
    sockets: u64,
}

/// A command that the operator of the CSMS under test wants sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) action: String,
    pub(crate) payload: Value,
    /// A careful CSMS may refuse to send it.
    pub(crate) if_it_can: bool,
}

/// How long a CSMS that is busy has until somebody knocks again.
const KNOCK_AGAIN: Duration = Duration::from_millis(300);

/// A slip of the pen in a feature is no fault of a system under test.
pub(crate) fn ensure_is_known(action: &str) -> StepResult {
    if commands::is_known(action) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "OCPP 1.6 has no message {action}; correct the step"
    )))
}

impl Asked {
    /// The command as it may come.
    pub(crate) fn expected(&self) -> Expected {
        commands::ordered(&self.action, &self.payload)
    }

    /// The connector that was meant, when the command that `came` leaves it to the charge point.
    pub(crate) fn connector_left_open(&self, came: &Value) -> Option<u64> {
        commands::connector_left_open(&self.payload, came)
    }
}

impl StationRole {
    /// With the CSMS under test. It is not connected yet.
    pub(crate) fn new(rig: Arc<Rig>, scenario: &str) -> Result<Self, Failure> {
        let number = rig.number();
        let id = match &csms_of(&rig)?.identity {
            Identity::One(id) => id.clone(),
            Identity::Prefix(prefix) => format!("{prefix}{number:06}"),
        };
        Ok(Self::named(rig, Side::Csms, scenario, id))
    }

    /// The same with an identity that the scenario has chosen; with [`Side::Api`] the CSMS commands when it is asked to.
    pub(crate) fn named(rig: Arc<Rig>, side: Side, scenario: &str, id: String) -> Self {
        let answers = StationAnswers::default();
        let (events, line) = line(&rig, &answers);
        Self {
            talk: Talk::new(line, side, rig.patience, rig.settle),
            rig,
            id,
            scenario: scenario.to_owned(),
            own_csms_url: None,
            older: None,
            welcome: None,
            held: Vec::new(),
            accepted: false,
            meter_wh: 1_000,
            asked: None,
            orders: Vec::new(),
            answers,
            cannot: None,
            events,
            sockets: 0,
        }
    }

    /// The CSMS under test.
    pub(crate) fn csms(&self) -> Result<&CsmsUnderTest, Failure> {
        csms_of(&self.rig)
    }

    /// Opens a socket to the CSMS under test; the line records it. An empty offer is none.
    pub(crate) async fn knock(&mut self, subprotocols: &str) -> Result<Welcome, Failure> {
        self.sockets += 1;
        let csms = self.csms()?;
        let knock = Knock {
            url: self.own_csms_url.as_ref().unwrap_or(&csms.url).clone(),
            id: self.id.clone(),
            password: csms.password.clone(),
            tls: csms.tls.clone(),
            subprotocols: Some(self.rig.offer(subprotocols)).filter(|offer| !offer.is_empty()),
        };
        let welcome = connect(&knock, self.sockets, self.events.clone())
            .await
            .map_err(|error| {
                if let Some(not_trusted) = error.downcast_ref::<NotTrusted>() {
                    self.rig.halt.call(
                        not_trusted.to_string(),
                        "name whom the rig is to trust with --ca FILE",
                    );
                }
                Failure::new(format!("{error:#}"))
            })?;
        if matches!(welcome, Welcome::Open { .. }) {
            self.rig.door.opens();
        }
        Ok(welcome)
    }

    /// Connects once more; the line so far becomes the older one.
    pub(crate) async fn connect_beside(&mut self) -> StepResult {
        let (events, line) = line(&self.rig, &self.answers);
        self.older = Some(std::mem::replace(&mut self.talk.line, line));
        self.events = events;
        self.connect().await
    }

    /// Connects with OCPP 1.6 and waits until the line is open.
    pub(crate) async fn connect(&mut self) -> StepResult {
        let sockets = self.talk.line.log().sockets;
        let welcome = loop {
            match self.knock(dynamo_protocol::SUBPROTOCOL_16).await? {
                Welcome::Refused { status } if self.rig.door.may_open(status) => {
                    tokio::time::sleep(KNOCK_AGAIN).await;
                }
                welcome => break welcome,
            }
        };
        match welcome {
            Welcome::Open {
                subprotocol: Some(subprotocol),
            } if subprotocol == dynamo_protocol::SUBPROTOCOL_16 => {}
            Welcome::Refused { status } => {
                // Where no line opens there is no CSMS, one that is not well, or nobody it knows.
                self.rig.door.refuses(status);
                self.rig.look_at_the_door(false);
                return Err(Failure::new(format!(
                    "the CSMS refused the handshake of {} with HTTP {status}",
                    self.id
                )));
            }
            opened @ Welcome::Open { .. } => {
                return Err(Failure::new(format!(
                    "the CSMS {opened}, not with the subprotocol ocpp1.6"
                )));
            }
        }
        let opened = self
            .talk
            .line
            .wait(self.talk.patience, |log| {
                (log.sockets > sockets).then_some(())
            })
            .await;
        opened.ok_or_else(|| Failure::new("the line did not open"))
    }

    /// Waits for a command of the CSMS under test.
    pub(crate) async fn expect(
        &mut self,
        order: Order,
        expected: &Expected,
    ) -> Result<Seen, Failure> {
        let patience = self.talk.patience;
        // An order for this command, if there is one, is no longer open when this is over.
        let ordered = self
            .orders
            .iter()
            .position(|order| order.action == expected.action())
            .map(|index| self.orders.remove(index));
        let Some(mut ordered) = ordered else {
            return self.talk.expect(order, expected).await;
        };
        let refusal = tokio::select! {
            found = self.talk.look_for(order, expected, patience) => match found {
                Some(seen) => return Ok(seen),
                None => None,
            },
            refusal = ordered.refused() => Some(refusal),
        };
        if let Some(refusal) = refusal {
            // The CALL counts, and it may have overtaken the refusal on another socket.
            if let Some(seen) = self.talk.look_for(order, expected, OVERTAKEN).await {
                return Ok(seen);
            }
            self.heed(&refusal);
            if refusal.cannot {
                self.cannot = Some(refusal.reason.clone());
            }
            return Err(Failure::new(format!(
                "no {expected} came, because {}",
                refusal.reason
            )));
        }
        let missing = self.talk.missing(order, expected, patience);
        Err(Failure::new(match ordered.so_far() {
            Some(so_far) => format!("{missing}; {so_far}"),
            None => missing,
        }))
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

    /// Answers the oldest held command of the CSMS under test.
    pub(crate) async fn answer_held(&mut self, answer: &Answer) -> StepResult {
        if self.held.is_empty() {
            return Err(Failure::new("no command of the CSMS waits for an answer"));
        }
        let (id, _, _) = self.held.remove(0);
        self.talk.line.answer(&id, answer).await;
        Ok(())
    }

    /// Asks for a last answer, so that everything before it is on record.
    pub(crate) async fn settle(&mut self) {
        let fence = self.accepted.then(|| ("Heartbeat", json!({})));
        self.talk.settle(fence).await;
    }

    /// What ends a scenario in which too much was said.
    pub(crate) fn flood(&self) -> Option<String> {
        let here = self.talk.line.log().flood();
        here.or_else(|| self.older.as_ref()?.log().flood())
    }

    /// Ends the transactions of the scripted charge point: a CSMS may allow a tag one at a time.
    async fn stop_what_runs(&mut self) {
        for id in self.running() {
            let payload =
                json!({"transactionId": id, "meterStop": self.meter_wh, "timestamp": now()});
            self.talk.command("StopTransaction", payload).await;
            if let Err(failure) = self.talk.answer().await {
                let note = format!("rig: the transaction stays open: {failure}");
                self.talk.line.note(note);
            }
        }
    }

    /// The transactions that the CSMS gave an id and that were not stopped on this line.
    fn running(&self) -> Vec<i64> {
        let log = self.talk.line.log();
        let given = log.entries.iter().filter_map(|entry| {
            let Some(Message::Result { payload, .. }) = entry.frame(Direction::FromSut) else {
                return None;
            };
            payload["transactionId"].as_i64()
        });
        let mut running: Vec<i64> = given.chain(self.talk.transaction).collect();
        running.sort_unstable();
        running.dedup();
        let calls = log.entries.iter().filter_map(Entry::call_to_sut);
        for (_, action, payload) in calls {
            if action == "StopTransaction" {
                running.retain(|id| payload["transactionId"] != *id);
            }
        }
        running
    }

    /// Ends the scenario's place; gives what was recorded, line by line.
    pub(crate) async fn close(mut self) -> Vec<Vec<Entry>> {
        let mut lines = Vec::new();
        if let Some(older) = self.older.take() {
            lines.push(older.finish().await.1);
        }
        let judged = self.talk.line.log().entries.len();
        // Where the line is down in the middle of a session, the tag would stay in use.
        let away = !self.talk.line.log().connected;
        if away && !self.running().is_empty() && self.talk.line.log().sockets > 0 {
            let _ = self.connect().await;
        }
        if self.talk.line.log().connected {
            self.stop_what_runs().await;
            self.talk.line.hang_up(false).await;
        }
        let (_, mut entries) = self.talk.line.finish().await;
        entries.truncate(judged);
        lines.push(entries);
        lines
    }
}

fn csms_of(rig: &Rig) -> Result<&CsmsUnderTest, Failure> {
    rig.csms
        .as_ref()
        .ok_or_else(|| Failure::new("the rig has no CSMS to connect to"))
}

/// A line that nobody has opened yet, and where its sockets report to.
fn line(rig: &Rig, answers: &StationAnswers) -> (mpsc::Sender<SocketEvent>, Line) {
    let (events, post) = post();
    let script = Script::new(Box::new(answers.clone()), u64::from(rig.number()));
    (events, Line::new(post, script, rig.bend()))
}
