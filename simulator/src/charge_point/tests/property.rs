//! Whatever happens in whatever order: no panic, no illegal change of state, transactions in their order.

use std::collections::BTreeMap;

use dynamo_protocol::Time;

use super::harness::{check_reply, check_report};
use crate::charge_point::clock::Chance;
use crate::charge_point::status::is_legal;
use crate::charge_point::{
    Action, Answer, AuthorizationStatus, CableSide, ChargePoint, ChargingProfile, Command,
    CommandId, Context, Failure, Hardware, IdTagInfo, Input, Limit, Output, Period, ProfileKind,
    ProfilePurpose, Registration, Report, Reserve, ResetKind, Setup, Status, Tag, Triggered,
};

const MEASURANDS: &str = "Energy.Active.Import.Register,Energy.Active.Import.Register.L2,Current.Import.L1,Voltage.L1-L2,SoC";

struct World {
    cp: ChargePoint,
    chance: Chance,
    now: Time,
    socket: bool,
    opening: bool,
    open: Option<(Tag, Report)>,
    told: BTreeMap<u32, Status>,
    /// Transactions acknowledged as started and not as stopped, by connector.
    running: BTreeMap<u32, i64>,
    last_stamp: i64,
    /// Whether everything it says is held against the schema: that takes most of the time.
    checks: bool,
    /// Whether the charge point follows the clock of the CSMS, and what that is ahead.
    follows: bool,
    ahead_ms: i64,
    /// The latest stamp told of the transaction that runs, by connector.
    stamps: BTreeMap<u32, i64>,
    /// The highest register told, by connector.
    register: BTreeMap<u32, i64>,
    next_id: i64,
    trace: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut setup = Setup {
            set_clock: seed.is_multiple_of(5),
            ..Setup::default()
        };
        for (key, value) in [
            ("MeterValueSampleInterval", "7"),
            ("ClockAlignedDataInterval", "60"),
            ("AllowOfflineTxForUnknownId", "true"),
            ("TransactionMessageAttempts", "100"),
            ("MeterValuesSampledData", MEASURANDS),
            ("StopTxnSampledData", MEASURANDS),
            ("StopTxnAlignedData", "Voltage,Current.Import.L3"),
        ] {
            setup.configure(key, value).unwrap();
        }
        let hardware = Hardware {
            connectors: 3,
            fixed_cable: seed.is_multiple_of(3),
            backup_power: seed.is_multiple_of(2),
            reservation: true,
            smart_charging: true,
            main_meter: seed.is_multiple_of(7),
            ..Hardware::default()
        };
        Self {
            cp: ChargePoint::new(hardware, setup, seed),
            chance: Chance::new(seed ^ 0xabcd),
            now: Time {
                mono_ms: 0,
                wall_ms: 1_710_072_000_000,
            },
            socket: false,
            opening: false,
            open: None,
            told: BTreeMap::new(),
            running: BTreeMap::new(),
            last_stamp: 0,
            checks: seed.is_multiple_of(6),
            follows: seed.is_multiple_of(5),
            ahead_ms: 0,
            stamps: BTreeMap::new(),
            register: BTreeMap::new(),
            next_id: 0,
            trace: Vec::new(),
        }
    }

    fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.cp.step(input, self.now, &mut out);
        let wake = self.cp.next_wake();
        assert!(
            wake.is_none_or(|at| at > self.now.mono_ms),
            "woken for nothing at {wake:?}"
        );
        for output in out {
            self.trace.push(format!("{} {output:?}", self.now.mono_ms));
            match output {
                Output::Connect => self.opening = true,
                Output::Disconnect { .. } => {
                    self.socket = false;
                    self.opening = false;
                    self.open = None;
                    self.told.clear();
                }
                Output::Send { tag, report } => {
                    assert!(self.socket, "sent without a socket");
                    assert!(self.open.is_none(), "two open calls");
                    self.look(&report);
                    self.open = Some((tag, report));
                }
                Output::Reply { reply, .. } if self.checks => check_reply(reply.as_ref().ok()),
                Output::Reply { .. } => {}
                Output::Unanswered { .. } | Output::Fact(_) => {}
            }
        }
    }

    fn look(&mut self, report: &Report) {
        if self.checks {
            check_report(report);
        }
        match report {
            Report::Boot { .. } => self.told.clear(),
            Report::Status {
                connector_id,
                status,
                ..
            } => {
                if let Some(before) = self.told.insert(*connector_id, *status) {
                    assert!(
                        before == *status || is_legal(before, *status),
                        "connector {connector_id}: {before:?} to {status:?}, after {:#?}",
                        &self.trace[self.trace.len().saturating_sub(30)..]
                    );
                }
                assert!(
                    *connector_id > 0
                        || matches!(
                            status,
                            Status::Available | Status::Unavailable | Status::Faulted
                        )
                );
            }
            Report::StartTransaction {
                connector_id,
                at_ms,
                meter_start_wh,
                ..
            } => {
                self.grows(*connector_id, *meter_start_wh);
                assert!(
                    !self.running.contains_key(connector_id),
                    "second start at {connector_id}"
                );
                assert!(self.follows || *at_ms >= self.last_stamp, "out of order");
                self.stamps.insert(*connector_id, *at_ms);
            }
            Report::StopTransaction {
                transaction_id,
                meter_stop_wh,
                at_ms,
                readings,
                ..
            } => {
                let connector_id = self.running.iter().find(|(_, id)| *id == transaction_id);
                let (connector_id, _) = connector_id.expect("a stop of a transaction that runs");
                let connector_id = *connector_id;
                self.grows(connector_id, *meter_stop_wh);
                self.goes_on(connector_id, *at_ms);
                assert!(readings.is_sorted_by_key(|reading| reading.at_ms));
                assert!(readings.iter().all(|reading| reading.at_ms <= *at_ms));
            }
            Report::MeterValues {
                connector_id,
                transaction_id,
                readings,
            } => {
                let running = self.running.get(connector_id).copied();
                assert!(
                    transaction_id.is_none() || *transaction_id == running,
                    "of another transaction"
                );
                if transaction_id.is_some() && readings[0].context != Context::Trigger {
                    self.goes_on(*connector_id, readings[0].at_ms);
                }
                // What belongs to no transaction may overtake what waited for the line.
                if let (Some(wh), Some(_)) = (readings[0].energy_wh(), transaction_id)
                    && readings[0].context != Context::Trigger
                {
                    self.grows(*connector_id, wh);
                }
            }
            _ => {}
        }
    }

    fn grows(&mut self, connector_id: u32, wh: i64) {
        let before = self.register.insert(connector_id, wh).unwrap_or(0);
        assert!(
            wh >= before,
            "register of {connector_id}: {before} to {wh} Wh"
        );
    }

    /// Inside a transaction no stamp is earlier than the one before, whatever becomes of the clock.
    fn goes_on(&mut self, connector_id: u32, at_ms: i64) {
        let before = self.stamps.insert(connector_id, at_ms);
        assert!(
            before.is_none_or(|before| before <= at_ms),
            "connector {connector_id}: {before:?} to {at_ms}"
        );
    }

    fn respond(&mut self) {
        let Some((tag, report)) = self.open.take() else {
            return;
        };
        let result = match self.chance.below(12) {
            0 => Err(Failure::TimedOut),
            1 => {
                // The socket is gone already, only nobody has said so.
                self.socket = false;
                self.step(Input::Answer {
                    tag,
                    result: Err(Failure::Disconnected),
                });
                self.lose();
                return;
            }
            _ => Ok(self.answer(&report)),
        };
        self.step(Input::Answer { tag, result });
    }

    fn answer(&mut self, report: &Report) -> Answer {
        let info = |chance: &mut Chance| IdTagInfo {
            status: if chance.below(6) == 0 {
                AuthorizationStatus::Invalid
            } else {
                AuthorizationStatus::Accepted
            },
            expiry_ms: None,
            parent_id_tag: (chance.below(2) == 0).then(|| "P".into()),
        };
        match report {
            Report::Boot { .. } => Answer::Boot {
                registration: match self.chance.below(5) {
                    0 => Registration::Pending,
                    1 => Registration::Rejected,
                    _ => Registration::Accepted,
                },
                current_time_ms: self.now.wall_ms + self.ahead_ms,
                interval_s: 30,
            },
            Report::Heartbeat => {
                self.ahead_ms =
                    [0, 0, 700, -700, -90_000, 3_600_000][self.chance.below(6) as usize];
                Answer::Heartbeat {
                    current_time_ms: self.now.wall_ms + self.ahead_ms,
                }
            }
            Report::Authorize { .. } => Answer::Authorize(info(&mut self.chance)),
            Report::StartTransaction {
                connector_id,
                at_ms,
                ..
            } => {
                self.next_id += 1;
                self.last_stamp = *at_ms;
                self.running.insert(*connector_id, self.next_id);
                Answer::StartTransaction {
                    transaction_id: self.next_id,
                    id_tag_info: info(&mut self.chance),
                }
            }
            Report::StopTransaction { transaction_id, .. } => {
                self.running.retain(|_, id| id != transaction_id);
                Answer::StopTransaction { id_tag_info: None }
            }
            _ => Answer::Acknowledged,
        }
    }

    fn lose(&mut self) {
        self.socket = false;
        self.opening = false;
        // What was told and not acknowledged may have been heard or not; the CSMS starts anew.
        self.told.clear();
        self.open = None;
        self.step(Input::Disconnected);
    }

    fn command(&mut self) -> Command {
        let connector_id = self.chance.below(5) as u32;
        match self.chance.below(12) {
            9 => Command::Reserve(Reserve {
                connector_id,
                reservation_id: self.chance.below(3) as i32,
                id_tag: "A".into(),
                parent: (self.chance.below(2) == 0).then(|| "P".into()),
                expires_at_ms: self.now.wall_ms + 1 + self.chance.below(60_000) as i64,
            }),
            10 => Command::SetChargingProfile {
                connector_id,
                profile: self.profile(),
            },
            11 => Command::RemoteStart {
                connector_id: Some(connector_id),
                id_tag: "A".into(),
                profile: Some(Box::new(self.profile())),
            },
            0 => Command::ChangeAvailability {
                connector_id,
                operative: self.chance.below(3) > 0,
            },
            1 => Command::RemoteStart {
                connector_id: Some(connector_id),
                id_tag: "B".into(),
                profile: None,
            },
            2 => Command::RemoteStart {
                connector_id: None,
                id_tag: "C".into(),
                profile: None,
            },
            3 => Command::RemoteStop {
                transaction_id: self.next_id,
            },
            4 if self.chance.below(4) == 0 => Command::Reset {
                kind: if self.chance.below(2) == 0 {
                    ResetKind::Soft
                } else {
                    ResetKind::Hard
                },
            },
            5 => Command::Trigger {
                message: [
                    Triggered::Status,
                    Triggered::MeterValues,
                    Triggered::Heartbeat,
                ][self.chance.below(3) as usize],
                connector_id: Some(connector_id),
            },
            6 => Command::Unlock { connector_id },
            7 => Command::ChangeConfiguration {
                key: [
                    "MinimumStatusDuration",
                    "StopTransactionOnEVSideDisconnect",
                    "ConnectionTimeOut",
                ][self.chance.below(3) as usize]
                    .into(),
                value: ["0", "true", "false", "3"][self.chance.below(4) as usize].into(),
            },
            _ => Command::ClearCache,
        }
    }

    fn profile(&mut self) -> ChargingProfile {
        let tenths = self.chance.below(320) as u32;
        ChargingProfile {
            id: self.chance.below(40) as i32,
            stack_level: self.chance.below(3) as i32,
            purpose: [ProfilePurpose::Tx, ProfilePurpose::TxDefault][self.chance.below(2) as usize],
            kind: [ProfileKind::Relative, ProfileKind::Recurring(86_400_000)]
                [self.chance.below(2) as usize],
            transaction_id: None,
            valid: (None, Some(self.now.wall_ms + 600_000)),
            start_ms: Some(self.now.wall_ms - 30_000),
            duration_ms: None,
            periods: vec![
                Period {
                    from_ms: 0,
                    limit: Limit::Amperes { tenths, phases: 3 },
                },
                Period {
                    from_ms: 60_000,
                    limit: Limit::Watts(0),
                },
            ],
        }
    }

    fn action(&mut self) -> Action {
        let connector_id = 1 + self.chance.below(3) as u32;
        match self.chance.below(15) {
            12 => Action::RaiseWarning {
                connector_id: self.chance.below(4) as u32,
                error_code: ["EVCommunicationError", "WeakSignal"][self.chance.below(2) as usize]
                    .into(),
            },
            13 if self.chance.below(4) == 0 => Action::EmergencyStop,
            14 if self.chance.below(6) == 0 => Action::Reboot,
            0..=2 => Action::PlugIn { connector_id },
            3 => Action::Unplug {
                connector_id,
                side: CableSide::Ev,
            },
            4 => Action::Unplug {
                connector_id,
                side: CableSide::Station,
            },
            5 | 6 => Action::PresentIdTag {
                connector_id: (self.chance.below(2) == 0).then_some(connector_id),
                id_tag: ["A", "B", "C"][self.chance.below(3) as usize].into(),
            },
            7 if self.chance.below(6) == 0 => Action::PowerCycle {
                seconds: self.chance.below(20) as f64,
                backup: self.chance.below(2) == 0,
            },
            8 if self.chance.below(4) == 0 => Action::Disconnect {
                seconds: self.chance.below(90) as f64,
            },
            9 => Action::RaiseFault {
                connector_id: self.chance.below(4) as u32,
                error_code: "GroundFailure".into(),
            },
            10 => Action::ClearFault {
                connector_id: self.chance.below(4) as u32,
            },
            11 => Action::JamLock { connector_id },
            _ => Action::FreeLock { connector_id },
        }
    }

    fn live(&mut self, events: u32) {
        self.step(Input::PowerOn);
        let mut quiet = 0;
        for _ in 0..events {
            match self.chance.below(10) {
                0..=3 => self.respond(),
                4 if self.opening => {
                    self.opening = false;
                    self.socket = self.chance.below(3) > 0;
                    let input = if self.socket {
                        Input::Connected
                    } else {
                        Input::Disconnected
                    };
                    self.step(input);
                }
                5 if self.chance.below(20) == 0 && self.socket => self.lose(),
                5 | 6 => {
                    let action = self.action();
                    self.step(Input::Operator(action));
                }
                7 if self.socket => {
                    let command = self.command();
                    self.step(Input::Command {
                        id: CommandId(1),
                        command,
                    });
                }
                _ => {
                    let wake = self.cp.next_wake();
                    let to = match wake {
                        Some(wake) if self.chance.below(2) == 0 => wake.max(self.now.mono_ms),
                        _ => self.now.mono_ms + self.chance.below(5_000),
                    };
                    quiet = if to == self.now.mono_ms { quiet + 1 } else { 0 };
                    assert!(quiet < 200, "time stands still");
                    self.now.wall_ms += (to - self.now.mono_ms) as i64;
                    self.now.mono_ms = to;
                    self.step(Input::Wake);
                }
            }
        }
    }
}

#[test]
fn random_lives_break_no_rule() {
    for seed in 0..150 {
        World::new(seed).live(3_000);
    }
}

#[test]
fn the_same_seed_lives_the_same_life() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live(2_000);
        world.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
