//! The rig as a CSMS, with a charge point under test.

use crate::dialect::v16::keys::value_in;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{Action, CableSide, Hardware, Setup};
use dynamo_simulator::{Clock, Handle, RigClock, Station, spawn};
use serde_json::{Value, json};

use super::Closed;
use super::rig::{ChargerUnderTest, Rig};
use super::talk::Talk;
use crate::case::capabilities::{ChargerTraits, Denial};
use crate::case::side::Side;
use crate::case::tags::ANOTHER_TAG;
use crate::dialect::v16::answers::CsmsAnswers;
use crate::dialect::v16::keys::must_be_writable;
use crate::failure::{Failure, StepResult};
use crate::hand::operator::{Operator, OperatorError, describe};
use crate::peer::station::{Knock, Welcome, connect};
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::entry::{Entry, OPERATOR};
use crate::wire::line::Line;
use crate::wire::post::post;
use crate::wire::script::Script;

/// Under this name a scenario remembers the last transaction of each connector: its id and its start.
pub(crate) const RUNNING: &str = "the transactions by connector";

/// Under this name a scenario remembers the value that was there before it set one.
pub(crate) const HAD: &str = "the value it had";

/// How long the bundled charge point takes from power to network: long enough to be a reboot, short for the reader.
const BOOT_MS: u64 = 300;

/// What the bundled charge point waits before it boots again where the choice is its own.
const BOOT_RETRY_MS: u64 = 3_000;

/// The rig as a CSMS in one scenario.
#[derive(Debug)]
pub(crate) struct CsmsRole {
    pub(crate) rig: Arc<Rig>,
    /// Identity of the charge point under test.
    pub(crate) id: String,
    pub(crate) talk: Talk,
    /// What this CSMS answers where no step does.
    pub(crate) answers: CsmsAnswers,
    pub(crate) operator: Operator,
    pub(crate) traits: ChargerTraits,
    /// The rig only stands between the charge point and a CSMS, and writes down what they say.
    between: bool,
    /// The bundled charge point of this scenario.
    station: Option<Arc<Handle>>,
    /// The clock of the bundled charge point, where the scenario moves it.
    pub(crate) clock: Option<RigClock>,
    /// What is judged begins here: before it a charger was brought back to its beginnings.
    pub(crate) judged_from: usize,
    /// When the last outage began and how long it was to last.
    pub(crate) outage: Option<(SystemTime, Duration)>,
    /// What intervals of the scenario are multiplied by: the charge point under test may not take smaller ones.
    pub(crate) stretch: u32,
    /// Settings the scenario has changed, with the values they had.
    pub(super) settings_before: Vec<(String, String)>,
}

/// What a scenario demands of its charge point, from its tags.
#[derive(Clone, Copy, Debug, Default)]
struct Demands {
    fixed_cable: Option<bool>,
    backup_power: Option<bool>,
    moved_clock: bool,
}

impl Demands {
    fn of(tags: &[String]) -> Self {
        let has = |tag: &str| tags.iter().any(|other| other == tag);
        let either = |yes: &str, no: &str| {
            if has(yes) {
                Some(true)
            } else {
                has(no).then_some(false)
            }
        };
        Self {
            fixed_cable: either("fixed-cable", "detachable-cable"),
            backup_power: either("backup-power", "no-backup-power"),
            moved_clock: has("moved-clock"),
        }
    }
}

impl CsmsRole {
    fn at(rig: Arc<Rig>, id: String, line: Line, answers: CsmsAnswers) -> Self {
        Self {
            talk: Talk::new(line, Side::ChargePoint, rig.patience, rig.settle),
            rig,
            id,
            answers,
            operator: Operator::Absent,
            traits: ChargerTraits::default(),
            between: false,
            station: None,
            clock: None,
            judged_from: 0,
            outage: None,
            stretch: 1,
            settings_before: Vec::new(),
        }
    }

    /// With a charge point under test. It connects by itself.
    pub(crate) async fn new(rig: Arc<Rig>, tags: &[String]) -> Result<Self, Closed> {
        let demands = Demands::of(tags);
        let answers = CsmsAnswers::new(rig.first_transaction());
        for tag in &rig.tags.known {
            answers.tag(tag, json!({"status": "Accepted"}));
        }
        answers.tag(ANOTHER_TAG, json!({"status": "Accepted"}));
        let script = Script::new(Box::new(answers.clone()), u64::from(rig.number()));
        let bend = rig.bend();
        let shared = Arc::clone(&rig);
        let no_server = || Failure::new("the rig has no central system to connect to");
        let server = shared.server.as_ref().ok_or_else(no_server)?;
        match shared.charger.as_ref().ok_or_else(no_server)? {
            ChargerUnderTest::Bundled => {
                let id = format!("CT-{:06}", rig.number());
                let line = Line::new(server.expect(&id), script, bend);
                let mut role = Self::at(rig, id, line, answers);
                role.switch_on(demands, server.addr())?;
                Ok(role)
            }
            ChargerUnderTest::Foreign {
                id,
                traits,
                operator,
                post,
                device,
            } => {
                let told = |key: &str| device.get()?.value(key).map(str::to_owned);
                match traits.denies(tags, &told) {
                    Some(Denial::NotApplicable(reason)) => {
                        return Err(Closed::NotApplicable(reason));
                    }
                    Some(Denial::Disputed(reason)) => return Err(Closed::NotRun(reason)),
                    None => {}
                }
                if demands.moved_clock {
                    return Err(Closed::NotApplicable(
                        "needs a clock that the rig can move: only the bundled charge point has one".into(),
                    ));
                }
                let post = post
                    .lock()
                    .await
                    .take()
                    .unwrap_or_else(|| server.expect(id));
                let line = Line::new(post, script, bend);
                let mut role = Self::at(rig, id.clone(), line, answers);
                role.operator = operator.clone();
                role.traits = traits.clone();
                if let Some(device) = device.get() {
                    role.traits.learn(device.connectors());
                }
                Ok(role)
            }
        }
    }

    /// With the bundled charge point, which talks to a CSMS: the rig stands between them.
    ///
    /// # Errors
    /// The CSMS does not let it in.
    pub(crate) async fn between(
        rig: Arc<Rig>,
        tags: &[String],
        knock: Knock,
    ) -> Result<Self, Failure> {
        let shared = Arc::clone(&rig);
        let no_server = || Failure::new("the rig has no place for a charge point to connect to");
        let server = shared.server.as_ref().ok_or_else(no_server)?;
        let (events, mut csms) = post();
        match connect(&knock, 1, events).await {
            Ok(Welcome::Open { .. }) => csms.arrival().await,
            Ok(refused) => return Err(Failure::new(format!("the CSMS {refused}"))),
            Err(error) => return Err(Failure::new(format!("{error:#}"))),
        }
        let answers = CsmsAnswers::new(rig.first_transaction());
        let script = Script::new(Box::new(answers.clone()), u64::from(rig.number()));
        let line = Line::between(server.expect(&knock.id), csms, script, None);
        let mut role = Self::at(rig, knock.id, line, answers);
        role.between = true;
        role.switch_on(Demands::of(tags), server.addr())?;
        Ok(role)
    }

    /// Starts the bundled charge point with the hardware that the scenario demands.
    fn switch_on(&mut self, demands: Demands, addr: std::net::SocketAddr) -> StepResult {
        self.traits = ChargerTraits {
            connectors: 2,
            fixed_cable: demands.fixed_cable.unwrap_or(false),
            backup_power: demands.backup_power.unwrap_or(false),
            ..ChargerTraits::default()
        };
        let hardware = Hardware {
            connectors: self.traits.connectors,
            fixed_cable: self.traits.fixed_cable,
            backup_power: self.traits.backup_power,
            ..Hardware::default()
        };
        let clock = if demands.moved_clock {
            let clock = RigClock::new(jiff::Timestamp::now().as_millisecond());
            self.clock = Some(clock.clone());
            // That clock stands still while an answer is under way.
            self.talk.line.script().delay = (Duration::ZERO, Duration::ZERO);
            Clock::Rig(clock)
        } else {
            Clock::Real { speed: 1.0 }
        };
        let mut setup = Setup::default();
        setup.boot_ms = BOOT_MS;
        setup.boot_retry_ms = BOOT_RETRY_MS;
        setup.reconnect_min_ms = 200;
        setup.reconnect_max_ms = 1_000;
        setup.set_clock = !demands.moved_clock;
        let id = ChargePointId::new(&self.id).map_err(|error| Failure::new(error.to_string()))?;
        let station = Station {
            id,
            csms_url: format!("ws://{addr}/ocpp16"),
            password: None,
            tls: None,
            hardware,
            setup,
            seed: u64::from(self.rig.number()),
            clock,
        };
        let handle = Arc::new(spawn(station));
        self.operator = Operator::Bundled(Arc::clone(&handle));
        self.station = Some(handle);
        Ok(())
    }

    /// Lets the operator do something. `Err(NotRun)` when this charger cannot.
    pub(crate) async fn operate(&mut self, action: Action) -> Result<(), Closed> {
        self.talk.begin_act();
        let text = format!("{OPERATOR}{}", describe(&action));
        match action {
            Action::Disconnect { .. } => self.talk.line.cut(text, false),
            Action::PowerCycle { .. } | Action::Reboot => self.talk.line.cut(text, true),
            _ => self.talk.line.note(text),
        }
        if matches!(
            action,
            Action::Disconnect { .. } | Action::PowerCycle { .. } | Action::Reboot
        ) {
            self.talk.measures = false;
        }
        let result = self.operator.act(action).await;
        self.talk.line.note(match &result {
            Ok(()) => "operator answered: done".to_owned(),
            Err(
                OperatorError::Impossible(reason)
                | OperatorError::Refused(reason)
                | OperatorError::Failed(reason),
            ) => format!("operator answered: {reason}"),
        });
        match result {
            Ok(()) => Ok(()),
            Err(OperatorError::Impossible(reason)) => Err(Closed::NotRun(reason)),
            Err(OperatorError::Refused(reason)) => Err(Closed::Refused(reason)),
            Err(OperatorError::Failed(reason)) => Err(Closed::Failed(Failure::new(reason))),
        }
    }

    /// The value a key of the charge point under test has now; it is set back at the end of the scenario.
    pub(crate) async fn remember(&mut self, key: &str) -> Result<Option<String>, Failure> {
        self.talk
            .command("GetConfiguration", json!({"key": [key]}))
            .await;
        let before = self.talk.result().await?;
        let now = before["configurationKey"][0]["value"]
            .as_str()
            .map(str::to_owned);
        self.settings_before
            .extend(now.clone().map(|now| (key.to_owned(), now)));
        Ok(now)
    }

    /// Sends a command of a step. What it changes for longer than the scenario is remembered first.
    pub(crate) async fn command(&mut self, action: &str, payload: Value) -> StepResult {
        match action {
            "RemoteStartTransaction" => self.talk.mark("remote start"),
            "ChangeConfiguration" => {
                let key = payload["key"].as_str().unwrap_or_default();
                let had = self.remember(key).await?;
                self.talk.told.insert(HAD, json!(had));
            }
            _ => {}
        }
        self.talk.command(action, payload).await;
        Ok(())
    }

    /// The id of the last transaction of a connector, and its start.
    pub(crate) fn transaction_on(&self, connector: u32) -> Result<(i64, Value), Failure> {
        let running = self.talk.told.get(RUNNING);
        let transaction = running.map(|running| &running[connector.to_string()]);
        transaction
            .and_then(|one| Some((one["id"].as_i64()?, one["start"].clone())))
            .ok_or_else(|| Failure::new(format!("no transaction runs on connector {connector}")))
    }

    /// Sets a configuration key of the charge point under test for the length of the scenario. A charge point that
    /// lacks an optional key, or may keep it read-only, cannot run the scenario.
    pub(crate) async fn configure(&mut self, key: &str, value: &str) -> Result<(), Closed> {
        if self.remember(key).await?.as_deref() == Some(value) {
            return Ok(());
        }
        self.talk
            .command("ChangeConfiguration", json!({"key": key, "value": value}))
            .await;
        let result = self.talk.result().await?;
        let answer = result["status"].as_str().unwrap_or("no status");
        let demanded = must_be_writable(key);
        match answer {
            "Accepted" => Ok(()),
            "NotSupported" | "Rejected" if !demanded => Err(Closed::NotRun(format!(
                "the charge point cannot set {key} to {value}: {answer}"
            ))),
            "RebootRequired" => self.restart_to_set(key, value).await,
            _ => {
                let text =
                    format!("the charge point answered {answer} when {key} was set to {value}");
                Err(Failure::new(text).into())
            }
        }
    }

    /// Cables out, faults cleared, locks free, as far as somebody is there to do it.
    ///
    /// # Errors
    /// A person says that it cannot be done: then the charger is not as the scenario needs it.
    pub(crate) async fn tidy_up(&mut self) -> Result<(), Closed> {
        let operator = self.operator.clone();
        if let Operator::Prompt(person) = &operator {
            self.talk
                .line
                .note(format!("{OPERATOR}tidies the charger up"));
            person.tidy_up().await.map_err(|error| {
                let (OperatorError::Impossible(reason)
                | OperatorError::Refused(reason)
                | OperatorError::Failed(reason)) = error;
                Closed::NotRun(format!("the charger is not tidied up: {reason}"))
            })?;
        }
        if !operator.is_a_machine() {
            return Ok(());
        }
        // Nothing was plugged in, nothing was jammed, or this charger has no such part: all the same.
        // Before the charger was asked nobody knows how many connectors it has.
        for connector_id in 1..=self.traits.connectors.max(2) {
            let unplug = |side| Action::Unplug { connector_id, side };
            for action in [
                Action::FreeLock { connector_id },
                Action::ClearFault { connector_id },
                unplug(CableSide::Ev),
            ] {
                let _ = self.operate(action).await;
            }
            let out = self.operate(unplug(CableSide::Station)).await;
            // Its lock may hold the cable for an owner who is gone [1.6 §3.5.4].
            if matches!(out, Err(Closed::Refused(_))) && self.talk.line.log().connected {
                let payload = json!({"connectorId": connector_id});
                self.talk
                    .command_that_may_fail("UnlockConnector", payload)
                    .await;
                let _ = self.talk.answer().await;
                let _ = self.operate(unplug(CableSide::Station)).await;
            }
        }
        Ok(())
    }

    /// The charge point took a value that counts after a restart: restarts it, and makes sure that the value is there.
    async fn restart_to_set(&mut self, key: &str, value: &str) -> Result<(), Closed> {
        self.talk.line.note(format!(
            "rig: the charge point needs a restart to set {key}; it is reset"
        ));
        self.talk.command("Reset", json!({"type": "Soft"})).await;
        let result = self.talk.result().await?;
        if result["status"] != "Accepted" {
            return Err(Closed::NotRun(format!(
                "the charge point needs a restart to set {key} and answered the reset with {}; set {key} to {value} \
                 before the run",
                result["status"]
            )));
        }
        self.boot().await?;
        self.statuses(1, &["Available"], Order::Next).await?;
        let main = Expected::call("StatusNotification").with("connectorId", 0);
        self.talk.allow(main);
        self.talk
            .command("GetConfiguration", json!({"key": [key]}))
            .await;
        let is = value_in(&self.talk.result().await?, key)?;
        if is.eq_ignore_ascii_case(value) {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "{key} was set to {value} and answered with RebootRequired; after the restart it is {is}"
            ))
            .into())
        }
    }

    /// Waits for the status of connectors `from` to the last, in whatever order they come.
    pub(crate) async fn statuses(&mut self, from: u32, words: &[&str], order: Order) -> StepResult {
        let mut order = order;
        for connector in from..=self.traits.connectors {
            let wanted = words.iter().map(|word| json!(word)).collect();
            let expected = Expected::call("StatusNotification")
                .with("connectorId", connector)
                .want("status", Want::OneOf(wanted));
            self.talk.expect(order, &expected).await?;
            order = Order::BesideLast;
        }
        Ok(())
    }

    /// Asks for a last answer, so that everything before it is on record.
    pub(crate) async fn settle(&mut self) {
        let question = json!({"key": ["HeartbeatInterval"]});
        // Between two others the rig has nothing to ask.
        let fence = (!self.between).then_some(("GetConfiguration", question));
        self.talk.settle(fence).await;
    }

    /// Ends the scenario's place; gives what was recorded.
    pub(crate) async fn close(mut self) -> Vec<Entry> {
        let foreign = self.station.is_none();
        let judged = self.talk.line.log().entries.len();
        if foreign {
            self.leave_as_found().await;
        }
        self.operator = Operator::Absent;
        if let Some(station) = self
            .station
            .take()
            .and_then(|station| Arc::try_unwrap(station).ok())
        {
            station.stop().await;
        }
        let (post, mut entries) = self.talk.line.finish().await;
        entries.truncate(judged);
        entries.drain(..self.judged_from.min(entries.len()));
        match (&self.rig.charger, post) {
            (Some(ChargerUnderTest::Foreign { post: place, .. }), Some(post)) if foreign => {
                *place.lock().await = Some(post);
            }
            _ => {
                if let Some(server) = &self.rig.server {
                    server.forget(&self.id);
                }
            }
        }
        entries
    }
}
