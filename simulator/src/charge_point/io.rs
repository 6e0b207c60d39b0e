//! What goes into a charge point and what comes out of it, free of any OCPP version.
//!
//! A dialect translates [`Report`] and [`Reply`] into messages of its version, and messages into [`Command`] and
//! [`Answer`]. A driver gives the charge point a socket, time and an operator.

use std::sync::Arc;

use dynamo_protocol::{CallError, Millis};
use serde::{Deserialize, Serialize};

use super::message::{Answer, Command, Reply, Report};
use super::words::{AuthorizationStatus, Quantity};
use crate::ev;

/// A connector, counted from 1. 0 is the charge point as a whole where a message allows that.
pub type ConnectorId = u32;

/// Everything that can happen to a charge point.
#[derive(Debug)]
pub enum Input {
    /// Power is there for the first time: the charge point starts.
    PowerOn,
    /// The instant that [`ChargePoint::next_wake`](super::ChargePoint::next_wake) named has come.
    Wake,
    /// The WebSocket that [`Output::Connect`] asked for is open.
    Connected,
    /// The WebSocket could not be opened, or an open one is gone. Calls that were open come back as
    /// [`Failure::Disconnected`] before this.
    Disconnected,
    /// The CSMS wants something. It is owed one [`Output::Reply`] or [`Output::Unanswered`] with this id.
    Command { id: CommandId, command: Command },
    /// A [`Report`] was answered, or will not be.
    Answer {
        tag: Tag,
        result: Result<Answer, Failure>,
    },
    /// A person, the car or the world does something.
    Operator(Action),
}

/// Everything a charge point wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Open the WebSocket. Answered by [`Input::Connected`] or [`Input::Disconnected`].
    Connect,
    /// Drop the WebSocket; with a close frame unless it is lost to power or radio. Not answered.
    Disconnect { abruptly: bool },
    /// Send a message to the CSMS; the next one follows when this one is answered.
    Send { tag: Tag, report: Report },
    /// Answer a command.
    Reply {
        id: CommandId,
        reply: Result<Reply, CallError>,
    },
    /// Leave a command without an answer, or answer as the version wants it: the CSMS has rejected the charge point.
    Unanswered { id: CommandId },
    /// Something happened that an observer may count or write down.
    Fact(Fact),
}

/// Names a command between [`Input::Command`] and [`Output::Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Names a report between [`Output::Send`] and [`Input::Answer`]; the charge point numbers them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

/// Why a report has no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The CSMS refused it, or answered with something that breaks the schema.
    Refused(CallError),
    /// No answer came in time.
    TimedOut,
    /// The socket was lost before the answer.
    Disconnected,
}

/// What the operator of a charge point can do to it: the actions of the control API.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Puts the cable between car and station in.
    PlugIn { connector_id: ConnectorId },
    /// Takes the cable out, at the car or at the station.
    Unplug {
        connector_id: ConnectorId,
        #[serde(default)]
        side: CableSide,
    },
    /// Holds a card before the reader. Without a connector the charge point picks the one that is meant.
    PresentIdTag {
        #[serde(default)]
        connector_id: Option<ConnectorId>,
        id_tag: String,
    },
    /// Takes the power away and gives it back after this many seconds of the charge point's clock; with `backup` it
    /// has time to stop its transactions first. Only hardware with backup power can do that.
    PowerCycle {
        #[serde(default)]
        seconds: f64,
        #[serde(default)]
        backup: bool,
    },
    /// Takes the network away for this many seconds; the charge point keeps running.
    Disconnect { seconds: f64 },
    /// A fault appears at a connector (0: the whole charge point); `error_code` as OCPP 1.6 names it.
    RaiseFault {
        #[serde(default)]
        connector_id: ConnectorId,
        error_code: String,
    },
    /// Something is wrong at a connector (0: the whole charge point) and its state stays what it is; `error_code` as
    /// OCPP 1.6 names it.
    RaiseWarning {
        #[serde(default)]
        connector_id: ConnectorId,
        error_code: String,
    },
    /// The fault and the warning are gone.
    ClearFault {
        #[serde(default)]
        connector_id: ConnectorId,
    },
    /// The lock of the connector can no longer move.
    JamLock { connector_id: ConnectorId },
    /// The lock moves again.
    FreeLock { connector_id: ConnectorId },
    /// Presses the emergency stop: everything ends, and the whole charge point is faulted until that is cleared.
    EmergencyStop,
    /// Makes the charge point restart of itself, as a watchdog does.
    Reboot,
}

/// Which end of the cable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CableSide {
    /// The car's inlet.
    #[default]
    Ev,
    /// The station's socket.
    Station,
}

/// What a charge point tells the world besides OCPP.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The CSMS accepted the charge point after a boot.
    Accepted,
    /// The CSMS acknowledged the start of a transaction.
    TransactionStarted { transaction_id: i64 },
    /// The CSMS acknowledged the start of a transaction and accepted its tag.
    SessionAllowed,
    /// The CSMS did not accept the tag of somebody who wants to charge, before the start or with its answer to it.
    SessionRefused,
    /// The CSMS acknowledged the end of a transaction.
    TransactionStopped {
        /// From its start to its end, Wh.
        energy_wh: i64,
        /// Its line in the ledger, where one is wanted.
        entry: Option<Box<LedgerEntry>>,
    },
    /// The CSMS acknowledged the start of a transaction, and telling it the end was given up: its line in the ledger.
    TransactionAbandoned(Box<LedgerEntry>),
    /// A message of a transaction was given up after its last attempt [1.6 §3.7.1]: the CSMS never learns of it.
    MessageGivenUp,
    /// The CSMS said that this tag may not charge.
    TagRefused {
        id_tag: Arc<str>,
        status: AuthorizationStatus,
    },
    /// An operator's action was not done.
    NotDone(NotDone),
}

/// Why an operator's action was not done; a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The hardware lacks the part, e.g. a lock at a fixed cable: it never works here.
    Impossible(String),
    /// Not possible as things are, e.g. the cable is locked or the power is away: it may work later.
    Refused(String),
}

impl NotDone {
    /// Why.
    #[must_use]
    pub fn sentence(&self) -> &str {
        match self {
            Self::Impossible(sentence) | Self::Refused(sentence) => sentence,
        }
    }
}

/// An acknowledged transaction as the charge point knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The id the CSMS gave.
    pub transaction_id: i64,
    /// Where.
    pub connector_id: ConnectorId,
    /// Who.
    pub id_tag: String,
    /// When it started, RFC 3339.
    pub start_time: String,
    /// When it stopped; `None` while its end is not acknowledged.
    pub stop_time: Option<String>,
    /// Register at the start, Wh.
    pub meter_start: i64,
    /// Register at the end, Wh.
    pub meter_stop: Option<i64>,
    /// The reason sent with the end.
    pub reason: Option<String>,
    /// Acknowledged meter readings in order: (timestamp as sent, register in Wh).
    pub meter_values: Vec<(String, i64)>,
    /// Readings that were never sent, because too many messages waited for the CSMS [1.6 §3.7].
    #[serde(default)]
    pub readings_thinned: u64,
    /// Readings that were left out of the transaction data of the end, because there were too many.
    #[serde(default)]
    pub stop_readings_thinned: u64,
    /// There were more readings than are kept; left out of the JSON when there were not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A charge point as an operator sees it, as of its last step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Whether the last boot was accepted.
    pub accepted: bool,
    /// Whether it has power.
    pub powered: bool,
    /// Messages that wait for their turn or for the CSMS; without the one under way unless it belongs to a transaction.
    pub queued: usize,
    /// One per connector, from connector 1.
    pub connectors: Vec<ConnectorSnapshot>,
}

/// One connector as an operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorSnapshot {
    /// From 1.
    pub connector_id: ConnectorId,
    /// The word OCPP 1.6 uses.
    pub status: &'static str,
    /// Whether a cable connects car and station.
    pub plugged: bool,
    /// Whether a cable hangs in the station's socket and in no car.
    pub cable_left: bool,
    /// Whether the station holds the cable.
    pub locked: bool,
    /// The CSMS's id of the running transaction, once known.
    pub transaction_id: Option<i64>,
    /// Whether a transaction runs, acknowledged or not.
    pub charging: bool,
    /// Tag that started the running transaction.
    pub id_tag: Option<String>,
    /// The register, Wh.
    pub meter_wh: i64,
}

/// What hardware a charge point is made of.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// Connectors, 1 to 100.
    pub connectors: u32,
    /// The cable is part of the station: no socket, nothing to unlock.
    pub fixed_cable: bool,
    /// Power lasts long enough to stop transactions and say so when the grid fails.
    pub backup_power: bool,
    /// Most power of one connector, in watts.
    pub max_power_w: u32,
    /// `chargePointVendor`, up to 20 characters.
    pub vendor: String,
    /// `chargePointModel`, up to 20 characters.
    pub model: String,
    /// `firmwareVersion`, up to 50 characters.
    pub firmware_version: String,
    /// `chargePointSerialNumber`, up to 25 characters; generated from the seed when absent.
    pub serial_number: Option<String>,
    /// Takes reservations of its connectors [1.6 §3.11].
    pub reservation: bool,
    /// Takes charging profiles [1.6 §3.13].
    pub smart_charging: bool,
    /// Has a meter for the charge point as a whole: connector 0 of `MeterValues` [1.6 §6.31].
    pub main_meter: bool,
}

impl Hardware {
    /// Whether its meters can tell this: what has a phase only where there is one [1.6 §7.34].
    pub(super) fn measures(&self, quantity: Quantity) -> bool {
        let Some(phase) = quantity.phase else {
            return true;
        };
        let lines = ev::phases(self.max_power_w);
        let is_there = phase.line().map_or(lines == 3, |line| line <= lines);
        is_there && self.max_power_w <= ev::AC_POWER_W_MAX
    }
}

impl Default for Hardware {
    fn default() -> Self {
        Self {
            connectors: 2,
            fixed_cable: false,
            backup_power: false,
            max_power_w: 22_000,
            vendor: "Dynamo".into(),
            model: "Virtual AC".into(),
            firmware_version: concat!("dynamo-", env!("CARGO_PKG_VERSION")).into(),
            serial_number: None,
            reservation: false,
            smart_charging: false,
            main_meter: false,
        }
    }
}

/// A transaction that a charge point was in the middle of when it was last seen, and goes on with. The CSMS has its
/// start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Where the car is plugged in; such a connector must exist.
    pub connector_id: ConnectorId,
    /// The id the CSMS gave.
    pub transaction_id: i64,
    /// Who.
    pub id_tag: String,
    /// When it started, Unix ms.
    pub started_at_ms: i64,
    /// Register at the start, Wh.
    pub meter_start_wh: i64,
    /// Register now, Wh.
    pub meter_wh: i64,
    /// Which car it is, see [`Ev::new`](crate::ev::Ev::new).
    pub car: u64,
}

/// Milliseconds until the CSMS counts as silent for one call.
pub const CALL_TIMEOUT_MS: Millis = 30_000;
