//! One scenario's place at the rig: its line, its system under test, and what it has to remember.

mod leave;
mod look;

pub(crate) use look::OVERTAKEN;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{Hardware, Setup};
use dynamo_simulator::{Clock, Handle, RigClock, Station, spawn};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::expect::{Expected, Failure, StepResult};
use crate::line::Line;
use crate::operator::{Operator, OperatorError, describe};
use crate::peer::SocketEvent;
use crate::peer::charge_point::{Knock, Welcome, connect};
use crate::peer::post;
use crate::rig::{ChargerTraits, ChargerUnderTest, CsmsUnderTest, Identity, Rig, Side};
use crate::script::{Answer, Role, Script};

/// How long the bundled charge point takes from power to network: long enough to be a reboot, short for the reader.
const BOOT_MS: u64 = 300;

/// How long a scenario listens after its last answer.
const AFTERTHOUGHT: Duration = Duration::from_millis(100);

/// A call of the system under test that a step has found.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) payload: Value,
    pub(crate) at: SystemTime,
}

/// One scenario's place at the rig.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) rig: Arc<Rig>,
    pub(crate) side: Side,
    /// The name of the scenario, for the coverage of drivers.
    pub(crate) scenario: String,
    /// Identity of the charge point on this line.
    pub(crate) id: String,
    pub(crate) line: Line,
    /// The CSMS that the scenario has for itself, in place of the one under test.
    pub(crate) own_csms_url: Option<String>,
    pub(crate) operator: Operator,
    pub(crate) traits: ChargerTraits,
    /// The bundled charge point of this scenario.
    station: Option<Arc<Handle>>,
    /// The clock of the bundled charge point, where the scenario moves it.
    pub(crate) clock: Option<RigClock>,
    /// Lines this scenario has left behind: the older socket of an identity that connected twice.
    pub(crate) older: Option<Line>,
    /// Calls a scenario allows without demanding them.
    pub(crate) allowed: Vec<Expected>,
    /// Ids of our calls that may be answered with a CALLERROR.
    pub(crate) errors_expected: HashSet<String>,
    /// Our last call to the system under test: id and action.
    pub(crate) last_call: Option<(String, String)>,
    /// Our call before the last one, where a scenario sends two at once.
    pub(crate) earlier_call: Option<String>,
    /// How the CSMS under test answered the last handshake.
    pub(crate) welcome: Option<Welcome>,
    /// Calls of the CSMS under test that wait for an answer of a step: id, action, payload.
    pub(crate) held: Vec<(String, String, Value)>,
    /// The transaction that the scenario speaks of.
    pub(crate) transaction: Option<i64>,
    /// Payloads that may have to be told again, by action.
    pub(crate) told: HashMap<&'static str, Value>,
    /// Positions in the log that later steps look back to.
    pub(crate) marks: HashMap<&'static str, usize>,
    /// When those points were.
    pub(crate) acted: HashMap<&'static str, SystemTime>,
    /// What is judged begins here: before it a charger was brought back to its beginnings.
    pub(crate) judged_from: usize,
    /// The CSMS under test has accepted the scripted charge point.
    pub(crate) accepted: bool,
    /// When the last outage began and how long it was to last.
    pub(crate) outage: Option<(SystemTime, Duration)>,
    /// What intervals of the scenario are multiplied by: the charge point under test may not take smaller ones.
    pub(crate) stretch: u32,
    /// Settings the scenario has changed, with the values they had.
    settings_before: Vec<(String, String)>,
    /// Register of the scripted charge point, Wh.
    pub(crate) meter_wh: i64,
    /// Orders to the driver whose refusal would explain a missing command.
    pub(crate) orders: Vec<crate::driver::Order>,
    events: Option<mpsc::Sender<SocketEvent>>,
    sockets: u64,
}

/// What a scenario demands of its system under test, from its tags.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demands {
    pub(crate) fixed_cable: Option<bool>,
    pub(crate) backup_power: Option<bool>,
    pub(crate) moved_clock: bool,
}

impl Demands {
    pub(crate) fn of(tags: &[String]) -> Self {
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

    /// Why this charger cannot be put to the test, if so.
    fn unmet(&self, traits: &ChargerTraits) -> Option<String> {
        let differs = |wanted: Option<bool>, is: bool| wanted.is_some_and(|wanted| wanted != is);
        if differs(self.fixed_cable, traits.fixed_cable) {
            let is = if traits.fixed_cable {
                "fixed"
            } else {
                "detachable"
            };
            return Some(format!(
                "the charge point has a {is} cable (capability fixed_cable)"
            ));
        }
        if differs(self.backup_power, traits.backup_power) {
            let is = if traits.backup_power { "has" } else { "has no" };
            return Some(format!(
                "the charge point {is} backup power (capability backup_power)"
            ));
        }
        self.moved_clock.then(|| {
            "needs a clock that the rig can move: only the bundled charge point has one".into()
        })
    }
}

/// Why a bench could not be opened.
#[derive(Debug)]
pub(crate) enum Closed {
    NotRun(String),
    Failed(Failure),
}

impl From<Failure> for Closed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Bench {
    fn new(rig: Arc<Rig>, side: Side, scenario: &str, id: String, line: Line) -> Self {
        Self {
            rig,
            side,
            scenario: scenario.to_owned(),
            id,
            line,
            own_csms_url: None,
            operator: Operator::Absent,
            traits: ChargerTraits::default(),
            station: None,
            clock: None,
            older: None,
            allowed: Vec::new(),
            errors_expected: HashSet::new(),
            last_call: None,
            earlier_call: None,
            welcome: None,
            held: Vec::new(),
            transaction: None,
            told: HashMap::new(),
            marks: HashMap::new(),
            acted: HashMap::new(),
            judged_from: 0,
            accepted: false,
            outage: None,
            stretch: 1,
            settings_before: Vec::new(),
            meter_wh: 1_000,
            orders: Vec::new(),
            events: None,
            sockets: 0,
        }
    }

    /// A place with a charger under test. It connects by itself.
    pub(crate) async fn with_charger(
        rig: Arc<Rig>,
        scenario: &str,
        demands: Demands,
    ) -> Result<Self, Closed> {
        let mut script = Script::new(Role::Csms, rig.first_transaction());
        script.tag(&rig.tags.known, json!({"status": "Accepted"}));
        script.tag(crate::params::ANOTHER_TAG, json!({"status": "Accepted"}));
        let defect = rig.defect.map(|seed| (seed.make)());
        let shared = Arc::clone(&rig);
        let no_server = || Failure::new("the rig has no central system to connect to");
        let server = shared.server.as_ref().ok_or_else(no_server)?;
        match shared.charger.as_ref().ok_or_else(no_server)? {
            ChargerUnderTest::Bundled => {
                let id = format!("CT-{:06}", rig.number());
                let line = Line::new(server.expect(&id), script, defect);
                let mut bench = Self::new(rig, Side::ChargePoint, scenario, id, line);
                bench.switch_on(demands, server.addr())?;
                Ok(bench)
            }
            ChargerUnderTest::Foreign {
                id,
                traits,
                operator,
                post,
            } => {
                if let Some(reason) = demands.unmet(traits) {
                    return Err(Closed::NotRun(reason));
                }
                let post = post
                    .lock()
                    .await
                    .take()
                    .unwrap_or_else(|| server.expect(id));
                let line = Line::new(post, script, defect);
                let mut bench = Self::new(rig, Side::ChargePoint, scenario, id.clone(), line);
                bench.operator = operator.clone();
                bench.traits = traits.clone();
                Ok(bench)
            }
        }
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
            Clock::Rig(clock)
        } else {
            Clock::Real { speed: 1.0 }
        };
        let mut setup = Setup::default();
        setup.boot_ms = BOOT_MS;
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

    /// A place with a CSMS under test. The scripted charge point is not connected yet.
    pub(crate) fn with_csms(rig: Arc<Rig>, scenario: &str) -> Result<Self, Failure> {
        let number = rig.number();
        let csms = rig
            .csms
            .as_ref()
            .ok_or_else(|| Failure::new("the rig has no CSMS to connect to"))?;
        let id = match &csms.identity {
            Identity::One(id) => id.clone(),
            Identity::Prefix(prefix) => format!("{prefix}{number:06}"),
        };
        Ok(Self::as_charge_point(rig, Side::Csms, scenario, id))
    }

    /// The same with an identity that the scenario has chosen; with [`Side::Api`] the CSMS commands when it is asked to.
    pub(crate) fn as_charge_point(rig: Arc<Rig>, side: Side, scenario: &str, id: String) -> Self {
        let (events, post) = post();
        let script = Script::new(Role::ChargePoint, 0);
        let line = Line::new(post, script, rig.defect.map(|seed| (seed.make)()));
        let mut bench = Self::new(Arc::clone(&rig), side, scenario, id, line);
        bench.events = Some(events);
        bench
    }

    /// The CSMS under test.
    pub(crate) fn csms(&self) -> Result<&CsmsUnderTest, Failure> {
        self.rig
            .csms
            .as_ref()
            .ok_or_else(|| Failure::new("the rig has no CSMS to connect to"))
    }

    /// Opens a socket to the CSMS under test; the line records it.
    pub(crate) async fn knock(&mut self, subprotocols: &str) -> Result<Welcome, Failure> {
        self.sockets += 1;
        let csms = self.csms()?;
        let knock = Knock {
            url: self.own_csms_url.as_ref().unwrap_or(&csms.url).clone(),
            id: self.id.clone(),
            password: csms.password.clone(),
            subprotocols: Some(subprotocols.to_owned()),
        };
        let events = self
            .events
            .clone()
            .ok_or_else(|| Failure::new("this line cannot be opened from here"))?;
        let welcome = connect(&knock, self.sockets, events)
            .await
            .map_err(|error| Failure::new(format!("{error:#}")))?;
        if matches!(welcome, Welcome::Open { .. }) {
            self.rig.door.opens();
        }
        Ok(welcome)
    }

    /// Connects once more; the line so far becomes the older one.
    pub(crate) async fn connect_beside(&mut self) -> StepResult {
        let (events, post) = post();
        let script = Script::new(Role::ChargePoint, 0);
        let line = Line::new(post, script, self.rig.defect.map(|seed| (seed.make)()));
        self.older = Some(std::mem::replace(&mut self.line, line));
        self.events = Some(events);
        self.connect().await
    }

    /// Connects with OCPP 1.6 and waits until the line is open.
    pub(crate) async fn connect(&mut self) -> StepResult {
        let sockets = self.line.log().sockets;
        match self.knock(dynamo_protocol::SUBPROTOCOL_16).await? {
            Welcome::Open {
                subprotocol: Some(subprotocol),
            } if subprotocol == dynamo_protocol::SUBPROTOCOL_16 => {}
            Welcome::Refused { status } => {
                if matches!(status, 401 | 403 | 404) {
                    self.rig.door.refuses(status);
                    self.rig.look_at_the_door(false);
                }
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
            .line
            .wait(self.rig.patience, |log| {
                (log.sockets > sockets).then_some(())
            })
            .await;
        opened.ok_or_else(|| Failure::new("the line did not open"))
    }

    /// Lets the operator do something. `Err(NotRun)` when this charger cannot.
    pub(crate) async fn operate(
        &mut self,
        action: dynamo_simulator::charge_point::Action,
    ) -> Result<(), Closed> {
        self.begin_act();
        self.line.note(format!("operator: {}", describe(&action)));
        let result = self.operator.act(action).await;
        self.line.note(match &result {
            Ok(()) => "operator answered: done".to_owned(),
            Err(OperatorError::Impossible(reason) | OperatorError::Failed(reason)) => {
                format!("operator answered: {reason}")
            }
        });
        match result {
            Ok(()) => Ok(()),
            Err(OperatorError::Impossible(reason)) => Err(Closed::NotRun(reason)),
            Err(OperatorError::Failed(reason)) => Err(Closed::Failed(Failure::new(reason))),
        }
    }

    /// The value a key of the charge point under test has now; it is set back at the end of the scenario.
    pub(crate) async fn remember(&mut self, key: &str) -> Result<Option<String>, Failure> {
        self.command("GetConfiguration", json!({"key": [key]}))
            .await;
        let before = self.result().await?;
        let now = before["configurationKey"][0]["value"]
            .as_str()
            .map(str::to_owned);
        self.settings_before
            .extend(now.clone().map(|now| (key.to_owned(), now)));
        Ok(now)
    }

    /// Sets a configuration key of the charge point under test for the length of the scenario. A charge point that
    /// lacks an optional key, or may keep it read-only, cannot run the scenario.
    pub(crate) async fn configure(&mut self, key: &str, value: &str) -> Result<(), Closed> {
        if self.remember(key).await?.as_deref() == Some(value) {
            return Ok(());
        }
        self.command("ChangeConfiguration", json!({"key": key, "value": value}))
            .await;
        let result = self.result().await?;
        let answer = result["status"].as_str().unwrap_or("no status");
        let demanded = crate::steps::must_be_writable(key);
        match answer {
            "Accepted" => Ok(()),
            "NotSupported" | "Rejected" if !demanded => Err(Closed::NotRun(format!(
                "the charge point cannot set {key} to {value}: {answer}"
            ))),
            "RebootRequired" => crate::steps::restart_to_set(self, key, value).await,
            _ => {
                let text =
                    format!("the charge point answered {answer} when {key} was set to {value}");
                Err(Failure::new(text).into())
            }
        }
    }

    /// Answers the oldest held command of the CSMS under test.
    pub(crate) async fn answer_held(&mut self, answer: &Answer) -> StepResult {
        if self.held.is_empty() {
            return Err(Failure::new("no command of the CSMS waits for an answer"));
        }
        let (id, _, _) = self.held.remove(0);
        self.line.answer(&id, answer).await;
        Ok(())
    }
}
