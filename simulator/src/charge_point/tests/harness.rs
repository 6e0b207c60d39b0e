//! A scripted CSMS and a clock that is moved by hand.

use std::collections::VecDeque;
use std::sync::Arc;

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
    pub(super) script: Script,
    connected: bool,
    next_transaction: i64,
    inputs: VecDeque<Input>,
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
            script: Box::new(|_| None),
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
                let (action, payload) = Dialect::V16.encode(&report);
                assert!(RawValue::from_string(payload).is_ok(), "{action}");
                let result = match (self.script)(&report) {
                    Some(result) => result,
                    None => Ok(self.answer(&report)),
                };
                self.reports.push(report);
                self.inputs.push_back(Input::Answer { tag, result });
            }
            Output::Reply { reply, .. } => self.replies.push(reply),
            Output::Fact(fact) => self.facts.push(fact),
        }
    }

    /// What a friendly CSMS answers.
    fn answer(&mut self, report: &Report) -> Answer {
        match report {
            Report::Boot { .. } => Answer::Boot {
                registration: Registration::Accepted,
                current_time_ms: self.now.wall_ms,
                interval_s: 300,
            },
            Report::Heartbeat => Answer::Heartbeat {
                current_time_ms: self.now.wall_ms,
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
