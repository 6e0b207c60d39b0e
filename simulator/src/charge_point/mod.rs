//! A virtual charge point as a pure state machine: inputs and time go in, outputs come out.
//!
//! [`ChargePoint`] is a composition of blocks that own their state and do not reach into each other: boot,
//! connection, power, connectors, authorization, transaction queue and so on. The files `operate`, `session`,
//! `command`, `answer` and `report` are the parent's part: they pass facts from block to block. Nothing here knows an
//! OCPP version, a socket, a clock or a source of chance other than the seed.
//!
//! At most one message to the CSMS is under way at a time.

mod answer;
mod authorization;
mod boot;
mod charging;
mod clock;
mod command;
mod composite;
mod configuration;
mod connection;
mod connector;
mod io;
mod keys;
pub mod message;
mod meter;
mod operate;
mod outbox;
mod power;
mod queue;
mod report;
mod reservation;
mod session;
mod setup;
mod status;
#[cfg(test)]
mod tests;
mod transaction;
mod trigger;
mod words;

use std::sync::Arc;

use dynamo_protocol::{Millis, Time};

pub use configuration::ConfigurationError;
pub use io::*;
pub use message::*;
pub(crate) use operate::ID_TAG_CHARS_MAX;
pub use setup::Setup;
pub use words::*;

use authorization::Authorization;
use boot::Boot;
use charging::Profiles;
pub(crate) use clock::Chance;
use clock::{Clock, Deadline};
use configuration::{Configuration, Key};
use connection::Connection;
use connector::{Cable, Connector};
use outbox::{Note, Outbox};
use power::{Power, Then};
use queue::Queue;
use status::Reporter;

/// Most connectors of one charge point.
const CONNECTORS_MAX: u32 = 100;

/// A virtual charge point. See the [module](self).
#[derive(Debug)]
pub struct ChargePoint {
    hardware: Arc<Hardware>,
    setup: Arc<Setup>,
    seed: u64,
    chance: Chance,
    clock: Clock,
    power: Power,
    connection: Connection,
    boot: Boot,
    heartbeat: Deadline,
    aligned: Aligned,
    configuration: Configuration,
    ping_interval_s: i32,
    authorization: Authorization,
    /// Connector 0: the charge point as a whole.
    whole: Whole,
    connectors: Box<[Connector]>,
    queue: Queue,
    outbox: Outbox,
    profiles: Profiles,
    flight: Option<Flight>,
    /// Numbers events in their order.
    place: u64,
    /// What was queued before this place waited for the line to come back.
    online_since: u64,
    tag: u64,
}

/// What connector 0 has of a connector.
#[derive(Debug)]
struct Whole {
    operative: bool,
    scheduled: Option<bool>,
    fault: Option<FaultCode>,
    warning: Option<FaultCode>,
    reporter: Reporter,
}

/// The next clock-aligned reading.
#[derive(Debug, Default)]
struct Aligned {
    due: Deadline,
    /// The instant it stands for, Unix ms of the own clock.
    stamp_ms: i64,
    /// The last instant that was read.
    read_ms: Option<i64>,
}

/// The message under way.
#[derive(Debug)]
struct Flight {
    tag: Tag,
    what: Cargo,
}

#[derive(Debug)]
enum Cargo {
    Note(Note),
    /// The head of the queue.
    Transaction,
}

impl ChargePoint {
    /// A charge point as it leaves the factory, without power. Hardware and setup can be shared by a fleet; the same
    /// seed and the same inputs give the same outputs. Connectors are bounded to 1..=100.
    #[must_use]
    pub fn new(
        hardware: impl Into<Arc<Hardware>>,
        setup: impl Into<Arc<Setup>>,
        seed: u64,
    ) -> Self {
        let (hardware, setup) = (hardware.into(), setup.into());
        let connectors = hardware.connectors.clamp(1, CONNECTORS_MAX);
        let delivered = Arc::clone(&setup);
        let mut new = Self {
            seed,
            chance: Chance::new(seed),
            clock: Clock::default(),
            power: Power::new(),
            connection: Connection::default(),
            boot: Boot::default(),
            heartbeat: Deadline::NEVER,
            aligned: Aligned::default(),
            configuration: setup.configuration.clone(),
            ping_interval_s: setup.configuration.integer(Key::WebSocketPingInterval),
            authorization: Authorization::default(),
            whole: Whole {
                operative: true,
                scheduled: None,
                fault: None,
                warning: None,
                reporter: Reporter::new(),
            },
            connectors: (0..connectors)
                .map(|_| Connector::new(hardware.max_power_w))
                .collect(),
            queue: Queue::new(setup.ledger),
            outbox: Outbox::new(connectors as usize),
            profiles: Profiles::new(),
            flight: None,
            place: 0,
            online_since: 0,
            tag: 0,
            hardware,
            setup,
        };
        for resumed in &delivered.resumed {
            new.resume(resumed);
        }
        for (connector_id, code) in &delivered.warnings {
            match new.connector(*connector_id) {
                Some(connector) => connector.warning = Some(*code),
                None if *connector_id == 0 => new.whole.warning = Some(*code),
                None => {}
            }
        }
        new
    }

    /// What it is made of.
    #[must_use]
    pub fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// The only way in. Everything that happens to a charge point is an input, everything it wants done is an
    /// output, in order.
    pub fn step(&mut self, input: Input, now: Time, out: &mut Vec<Output>) {
        let powered = self.power.is_running();
        for connector in &mut self.connectors {
            connector.meter(now, powered);
        }
        match input {
            Input::PowerOn if !self.power.is_powered() => self.come_up(now),
            Input::PowerOn | Input::Wake => {}
            Input::Connected => self.connected(out),
            Input::Disconnected => {
                if self.connection.lost(now, &self.setup, &mut self.chance) {
                    self.line_lost(now);
                }
            }
            Input::Command { id, command } => self.command(id, command, now, out),
            Input::Answer { tag, result } => self.answer(tag, result, now, out),
            Input::Operator(action) => self.operate(action, now, out),
        }
        self.settle(now, out);
    }

    /// When `step(Input::Wake, …)` is wanted next if nothing else happens, in monotonic milliseconds.
    #[must_use]
    pub fn next_wake(&self) -> Option<Millis> {
        let mut next = self.power.deadline();
        let mut consider = |deadline: Deadline| next = next.min(deadline);
        consider(self.connection.retry());
        if self.power.is_running() {
            consider(self.boot.retry());
            consider(self.heartbeat);
            consider(self.aligned.due);
            consider(self.queue.retry());
            consider(self.profiles.next_change());
            for connector in &self.connectors {
                if let Some(authorized) = &connector.authorized {
                    consider(authorized.until);
                }
                if let Some(reserved) = &connector.reserved {
                    consider(reserved.until);
                }
                if let Some(transaction) = &connector.transaction {
                    consider(transaction.sample);
                    consider(transaction.flow);
                }
            }
            if self.is_online() {
                consider(self.whole.reporter.stable());
                self.connectors
                    .iter()
                    .for_each(|connector| consider(connector.reporter.stable()));
            }
        }
        next.millis()
    }

    /// How it stands, as of the last step.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let connectors = (1..).zip(&self.connectors);
        Snapshot {
            accepted: self.boot.is_accepted(),
            powered: self.power.is_powered(),
            queued: self.queue.len() + self.outbox.len(),
            connectors: connectors
                .map(|(connector_id, connector)| {
                    let transaction = connector.transaction.as_ref();
                    ConnectorSnapshot {
                        connector_id,
                        status: connector.status(self.whole.fault).word(),
                        plugged: connector.cable == Cable::Both,
                        cable_left: connector.cable == Cable::Station,
                        locked: connector.locked,
                        transaction_id: transaction.and_then(|t| self.queue.id(t.own)),
                        charging: transaction.is_some(),
                        id_tag: transaction.map(|t| t.id_tag.to_string()),
                        meter_wh: connector.register_wh(),
                    }
                })
                .collect(),
        }
    }

    /// The ledger's lines of transactions whose start the CSMS acknowledged and whose end it did not; none without
    /// [`Setup::ledger`].
    #[must_use]
    pub fn open_transactions(&self) -> Vec<LedgerEntry> {
        self.queue.open_entries().cloned().collect()
    }

    /// Messages of transactions that the CSMS has not taken yet.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.queue.of_transactions()
    }

    /// Readings that were dropped because too many messages waited for the CSMS [1.6 §3.7].
    #[must_use]
    pub fn readings_thinned(&self) -> u64 {
        self.queue.thinned()
    }

    /// Seconds between WebSocket pings that are in force since the last start; 0 for none [1.6 §9.1.34].
    #[must_use]
    pub fn ping_interval_s(&self) -> u32 {
        u32::try_from(self.ping_interval_s).unwrap_or(0)
    }

    /// Whether the CSMS has rejected it: until the next boot it takes no commands [1.6 §4.2].
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.boot.registration() == Some(Registration::Rejected)
    }

    /// Whether messages other than a boot can go out.
    fn is_online(&self) -> bool {
        self.connection.is_up() && self.boot.is_accepted()
    }

    fn connector(&mut self, connector_id: ConnectorId) -> Option<&mut Connector> {
        let index = usize::try_from(connector_id).ok()?.checked_sub(1)?;
        self.connectors.get_mut(index)
    }

    fn next_place(&mut self) -> u64 {
        self.place += 1;
        self.place
    }

    fn push_note(&mut self, note: Note) {
        let place = self.next_place();
        self.outbox.push(place, note);
    }

    /// Starts to work.
    fn come_up(&mut self, now: Time) {
        self.power.on();
        self.ping_interval_s = self.configuration.integer(Key::WebSocketPingInterval);
        self.connection.want(now);
        self.arm_aligned(now);
    }

    /// Begins an orderly way down: nothing new begins on it.
    fn leave(&mut self, then: Then, now: Time) {
        for connector in &mut self.connectors {
            connector.authorized = None;
        }
        let (linger_ms, leave_ms) = (self.setup.linger_ms, self.setup.leave_ms);
        self.power.leave(now, then, linger_ms, leave_ms);
    }

    /// Stops to work. What is persistent stays: configuration, availability, cache, registers, queue.
    fn go_down(&mut self, then: Then, abruptly: bool, now: Time, out: &mut Vec<Output>) {
        out.push(Output::Disconnect { abruptly });
        self.power.down(now, then, self.setup.boot_ms);
        self.connection.off();
        self.boot = Boot::default();
        self.heartbeat = Deadline::NEVER;
        self.outbox.clear();
        self.flight = None;
        self.queue.retry_now();
        self.whole.reporter.forget();
        for connector in &mut self.connectors {
            connector.authorized = None;
            connector.reporter.forget();
        }
    }

    fn connected(&mut self, out: &mut Vec<Output>) {
        if self.connection.opened() {
            self.online_since = self.place;
            self.boot.connected();
        } else if !self.connection.is_up() {
            out.push(Output::Disconnect { abruptly: true });
        }
    }

    /// The socket is gone: what cannot wait is forgotten, and tags that wait are judged without the CSMS.
    fn line_lost(&mut self, now: Time) {
        self.boot.wanted = false;
        self.whole.reporter.disconnected();
        for connector in &mut self.connectors {
            connector.reporter.disconnected();
        }
        let mut waiting = self.outbox.clear();
        if let Some(Flight {
            what: Cargo::Note(Note::Authorize { id_tag, purpose }),
            ..
        }) = self.flight.take()
        {
            waiting.insert(0, (id_tag, purpose));
        }
        for (id_tag, purpose) in waiting {
            self.judge_alone(id_tag, purpose, now);
        }
    }

    /// Does what is due, then says what there is to say.
    fn settle(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.power.take_ready(now, self.setup.boot_ms) {
            self.come_up(now);
        }
        if self.connection.take_due(now) {
            out.push(Output::Connect);
        }
        self.tick_reservations(now);
        if !self.power.is_running() {
            return;
        }
        self.boot.tick(now);
        self.queue.tick(now);
        self.tick_heartbeat(now);
        self.drop_unawaited();
        self.tick_profiles(now);
        // Aligned readings have the stamp of their instant, which is not after that of a sample taken now.
        self.tick_aligned(now);
        self.tick_connectors(now);
        self.apply_scheduled();
        self.report_statuses(now);
        self.send_next(out);
        let nothing_left = !self.is_online()
            || (self.flight.is_none() && self.queue.len() == 0 && self.outbox.len() == 0);
        if let Some(then) = self.power.take_left(now, nothing_left) {
            self.go_down(then, matches!(then, Then::Off(_)), now, out);
        }
    }
}
