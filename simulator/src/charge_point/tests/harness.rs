//! A scripted CSMS and a clock that is moved by hand.

use std::collections::VecDeque;
use std::sync::Arc;

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::v16::Action as Message;
use dynamo_protocol::{CallError, ErrorCode, Millis, RawValue, Time};

use crate::charge_point::{
    Action, Answer, AuthorizationStatus, CableSide, ChargePoint, Command, CommandId, Fact, Failure,
    Hardware, IdTagInfo, Input, Output, Registration, Reply, Report, Setup,
};
use crate::dialect::Dialect;

/// 2024-03-10T12:00:00Z.
pub(super) const NOON: i64 = 1_710_072_000_000;

type Script = Box<dyn FnMut(&Report) -> Option<Result<Answer, Failure>>>;

pub(super) struct Rig {
    pub(super) cp: ChargePoint,
    pub(super) now: Time,
    /// What was said, as words: `Status(1,Preparing)`.
    pub(super) log: Vec<String>,
    pub(super) reports: Vec<Report>,
    pub(super) facts: Vec<Fact>,
    pub(super) replies: Vec<Result<Reply, CallError>>,
    /// Whether the CSMS can be reached.
    pub(super) network: bool,
    /// Whether the CSMS takes its time: its answer waits for [`Rig::release`].
    pub(super) hold: bool,
    held: Option<Input>,
    pub(super) script: Script,
    /// Commands that were left without an answer.
    unanswered: usize,
    /// What the clock of the CSMS is ahead.
    pub(super) ahead_ms: i64,
    connected: bool,
    next_transaction: i64,
    inputs: VecDeque<Input>,
}

/// Does all that only some hardware can.
pub(super) fn able() -> Hardware {
    Hardware {
        reservation: true,
        smart_charging: true,
        ..Hardware::default()
    }
}

pub(super) fn info(status: AuthorizationStatus, parent: Option<&str>) -> IdTagInfo {
    IdTagInfo {
        status,
        expiry_ms: None,
        parent_id_tag: parent.map(Into::into),
    }
}

pub(super) fn refused() -> Failure {
    Failure::Refused(CallError::new(ErrorCode::InternalError, "not today"))
}

impl Rig {
    pub(super) fn new(keys: &[(&str, &str)]) -> Self {
        Self::with(Hardware::default(), keys)
    }

    pub(super) fn with(hardware: Hardware, keys: &[(&str, &str)]) -> Self {
        let mut setup = Setup {
            ledger: true,
            ..Setup::default()
        };
        for (key, value) in keys {
            setup.configure(key, value).unwrap();
        }
        Self {
            cp: ChargePoint::new(hardware, Arc::new(setup), 42),
            now: Time {
                mono_ms: 1_000,
                wall_ms: NOON,
            },
            log: Vec::new(),
            reports: Vec::new(),
            facts: Vec::new(),
            replies: Vec::new(),
            network: true,
            hold: false,
            held: None,
            script: Box::new(|_| None),
            unanswered: 0,
            ahead_ms: 0,
            connected: false,
            next_transaction: 100,
            inputs: VecDeque::new(),
        }
    }

    /// On and accepted, with an empty log.
    pub(super) fn booted(keys: &[(&str, &str)]) -> Self {
        Self::with(Hardware::default(), keys).boot()
    }

    pub(super) fn boot(mut self) -> Self {
        self.input(Input::PowerOn);
        self.log.clear();
        self.reports.clear();
        self
    }

    /// On and accepted, with everything that was said.
    pub(super) fn boot_loudly(mut self) -> Self {
        self.input(Input::PowerOn);
        self
    }

    /// A transaction of tag `A` at connector 1, with an empty log.
    pub(super) fn charging(keys: &[(&str, &str)]) -> Self {
        Self::booted(keys).charge()
    }

    pub(super) fn charge(mut self) -> Self {
        self.plug(1);
        self.tag(1, "A");
        self.log.clear();
        self.reports.clear();
        self
    }

    pub(super) fn scripted(
        mut self,
        script: impl FnMut(&Report) -> Option<Result<Answer, Failure>> + 'static,
    ) -> Self {
        self.script = Box::new(script);
        self
    }

    pub(super) fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let mut out = Vec::new();
            self.cp.step(input, self.now, &mut out);
            for output in out {
                self.output(output);
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Connect => {
                self.connected = self.network;
                self.inputs.push_back(if self.network {
                    Input::Connected
                } else {
                    Input::Disconnected
                });
            }
            Output::Disconnect { .. } => {
                self.connected = false;
                self.inputs
                    .retain(|input| !matches!(input, Input::Answer { .. }));
                self.log.push("Disconnect".into());
            }
            Output::Send { tag, report } => {
                assert!(self.connected, "sent without a socket: {report:?}");
                self.log.push(words(&report));
                check_report(&report);
                let result = match (self.script)(&report) {
                    Some(result) => result,
                    None => Ok(self.answer(&report)),
                };
                self.reports.push(report);
                let answer = Input::Answer { tag, result };
                if self.hold {
                    self.held = Some(answer);
                } else {
                    self.inputs.push_back(answer);
                }
            }
            Output::Reply { reply, .. } => {
                check_reply(reply.as_ref().ok());
                self.replies.push(reply);
            }
            Output::Unanswered { .. } => self.unanswered += 1,
            Output::Fact(fact) => self.facts.push(fact),
        }
    }

    /// What a friendly CSMS answers.
    fn answer(&mut self, report: &Report) -> Answer {
        match report {
            Report::Boot { .. } => Answer::Boot {
                registration: Registration::Accepted,
                current_time_ms: self.now.wall_ms + self.ahead_ms,
                interval_s: 300,
            },
            Report::Heartbeat => Answer::Heartbeat {
                current_time_ms: self.now.wall_ms + self.ahead_ms,
            },
            Report::Authorize { .. } => {
                Answer::Authorize(info(AuthorizationStatus::Accepted, None))
            }
            Report::StartTransaction { .. } => {
                self.next_transaction += 1;
                Answer::StartTransaction {
                    transaction_id: self.next_transaction,
                    id_tag_info: info(AuthorizationStatus::Accepted, None),
                }
            }
            Report::StopTransaction { .. } => Answer::StopTransaction { id_tag_info: None },
            _ => Answer::Acknowledged,
        }
    }

    /// Moves the clock on, waking the charge point whenever it asked for it.
    pub(super) fn wait(&mut self, ms: Millis) {
        let end = self.now.mono_ms + ms;
        let mut wakes = 0;
        while let Some(at) = self.cp.next_wake().filter(|at| *at <= end) {
            wakes += 1;
            assert!(wakes < 100_000, "it wakes without end at {at}");
            self.at(at.max(self.now.mono_ms));
            self.input(Input::Wake);
        }
        self.at(end);
    }

    fn at(&mut self, mono_ms: Millis) {
        self.now.wall_ms += i64::try_from(mono_ms - self.now.mono_ms).unwrap();
        self.now.mono_ms = mono_ms;
    }

    /// The CSMS answers what it held back, and at once from now on.
    pub(super) fn release(&mut self) {
        self.hold = false;
        if let Some(answer) = self.held.take() {
            self.input(answer);
        }
    }

    /// The network goes; the charge point notices.
    pub(super) fn cut(&mut self) {
        self.network = false;
        if self.connected {
            self.connected = false;
            self.input(Input::Disconnected);
        }
    }

    /// The network is back, and long enough for the next try.
    pub(super) fn mend(&mut self) {
        self.network = true;
        self.wait(61_000);
    }

    pub(super) fn act(&mut self, action: Action) {
        self.input(Input::Operator(action));
    }

    pub(super) fn plug(&mut self, connector_id: u32) {
        self.act(Action::PlugIn { connector_id });
    }

    pub(super) fn unplug(&mut self, connector_id: u32) {
        self.act(Action::Unplug {
            connector_id,
            side: CableSide::Ev,
        });
    }

    pub(super) fn tag(&mut self, connector_id: u32, id_tag: &str) {
        self.act(Action::PresentIdTag {
            connector_id: Some(connector_id),
            id_tag: id_tag.into(),
        });
    }

    pub(super) fn anywhere(&mut self, id_tag: &str) {
        self.act(Action::PresentIdTag {
            connector_id: None,
            id_tag: id_tag.into(),
        });
    }

    pub(super) fn command(&mut self, command: Command) -> Result<Reply, CallError> {
        self.replies.clear();
        self.input(Input::Command {
            id: CommandId(1),
            command,
        });
        assert_eq!(self.replies.len(), 1, "one reply for one command");
        self.replies.remove(0)
    }

    /// A command that the charge point leaves without an answer.
    pub(super) fn ignored(&mut self, command: Command) {
        (self.unanswered, self.replies) = (0, Vec::new());
        self.input(Input::Command {
            id: CommandId(1),
            command,
        });
        assert_eq!((self.unanswered, &self.replies[..]), (1, &[][..]));
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Reply {
        self.command(Command::ChangeConfiguration {
            key: key.into(),
            value: value.into(),
        })
        .unwrap()
    }

    /// What was said since the last look.
    pub(super) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(super) fn expect(&mut self, said: &[&str]) {
        assert_eq!(self.said(), said);
    }

    pub(super) fn status(&self, connector_id: usize) -> &'static str {
        self.cp.snapshot().connectors[connector_id - 1].status
    }
}

/// Whatever is said must be valid by the schema.
pub(super) fn check_report(report: &Report) {
    let (action, payload) = Dialect::V16.encode(report);
    let action = Message::from_wire(action).unwrap();
    let payload = RawValue::from_string(payload).unwrap();
    let judged = Decoding::strict().check_request(action, &payload);
    assert_eq!(judged, Ok(()), "{payload}");
}

/// Whatever is answered must be valid by the schema.
pub(super) fn check_reply(reply: Option<&Reply>) {
    let Some(reply) = reply else {
        return;
    };
    let action = match reply {
        Reply::Availability(_) => Message::ChangeAvailability,
        Reply::ConfigurationChanged(_) => Message::ChangeConfiguration,
        Reply::CacheCleared { .. } => Message::ClearCache,
        Reply::VendorUnknown => Message::DataTransfer,
        Reply::Configuration { .. } => Message::GetConfiguration,
        Reply::RemoteStart { .. } => Message::RemoteStartTransaction,
        Reply::RemoteStop { .. } => Message::RemoteStopTransaction,
        Reply::Reset { .. } => Message::Reset,
        Reply::Trigger(_) => Message::TriggerMessage,
        Reply::Reservation(_) => Message::ReserveNow,
        Reply::ReservationCancelled { .. } => Message::CancelReservation,
        Reply::ChargingProfile { .. } => Message::SetChargingProfile,
        Reply::ChargingProfilesCleared { .. } => Message::ClearChargingProfile,
        Reply::CompositeSchedule(_) => Message::GetCompositeSchedule,
        Reply::Unlock(_) => Message::UnlockConnector,
    };
    let payload = RawValue::from_string(Dialect::V16.encode_reply(reply)).unwrap();
    let judged = Decoding::strict().check_response(action, &payload);
    assert_eq!(judged, Ok(()), "{payload}");
}

fn words(report: &Report) -> String {
    match report {
        Report::Boot { .. } => "Boot".into(),
        Report::Heartbeat => "Heartbeat".into(),
        Report::Authorize { id_tag } => format!("Authorize({id_tag})"),
        Report::Status {
            connector_id,
            status,
            fault,
            ..
        } => match fault {
            Some(fault) => format!("Status({connector_id},{},{})", status.word(), fault.word()),
            None => format!("Status({connector_id},{})", status.word()),
        },
        Report::StartTransaction {
            connector_id,
            id_tag,
            ..
        } => {
            format!("Start({connector_id},{id_tag})")
        }
        Report::StopTransaction {
            transaction_id,
            id_tag,
            reason,
            ..
        } => match id_tag {
            Some(id_tag) => format!("Stop({transaction_id},{},{id_tag})", reason.word()),
            None => format!("Stop({transaction_id},{})", reason.word()),
        },
        Report::MeterValues {
            connector_id,
            transaction_id,
            readings,
        } => {
            format!(
                "Meter({connector_id},{transaction_id:?},{:?})",
                readings[0].context
            )
        }
    }
}
