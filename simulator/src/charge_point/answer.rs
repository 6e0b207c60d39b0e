//! What the CSMS answered, and what follows from it.

use std::sync::Arc;

use dynamo_protocol::Time;

use super::configuration::Key;
use super::message::{Answer, IdTagInfo};
use super::outbox::{Note, Purpose};
use super::queue::{Done, Own};
use super::words::{AuthorizationStatus, Registration, StopReason};
use super::{Cargo, ChargePoint, ConnectorId, Fact, Failure, Flight, Output, Tag};
use crate::ev::MJ_PER_WH;

impl ChargePoint {
    pub(super) fn answer(
        &mut self,
        tag: Tag,
        result: Result<Answer, Failure>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        // Answers to messages of an earlier socket or an earlier life mean nothing any more.
        let Some(Flight { what, .. }) = self.flight.take_if(|flight| flight.tag == tag) else {
            return;
        };
        match &result {
            Ok(_) => self.connection.proved(),
            Err(Failure::Disconnected) => self.connection.broken(),
            Err(Failure::Refused(_) | Failure::TimedOut) => {}
        }
        match what {
            Cargo::Transaction => self.transaction_answered(result, now, out),
            Cargo::Note(note) => self.note_answered(note, result, now, out),
        }
    }

    fn note_answered(
        &mut self,
        note: Note,
        result: Result<Answer, Failure>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        match (note, result) {
            (
                Note::Boot,
                Ok(Answer::Boot {
                    registration,
                    current_time_ms,
                    interval_s,
                }),
            ) => {
                self.set_clock(current_time_ms, now);
                self.registered(registration, interval_s, now, out);
            }
            (Note::Boot, Err(Failure::Disconnected)) => {}
            (Note::Boot, _) => {
                self.boot
                    .failed(now, self.setup.boot_retry_ms, &mut self.chance);
            }
            (Note::Heartbeat, Ok(Answer::Heartbeat { current_time_ms })) => {
                self.set_clock(current_time_ms, now);
            }
            (Note::Status { .. }, Err(Failure::Disconnected)) => {}
            (
                Note::Status {
                    connector_id,
                    state,
                    ..
                },
                _,
            ) => match self.connector(connector_id) {
                Some(connector) => connector.reporter.acknowledged(state),
                None => self.whole.reporter.acknowledged(state),
            },
            (
                Note::MeterValues {
                    transaction_id: Some(transaction_id),
                    reading,
                    ..
                },
                Ok(_),
            ) => self.queue.read_besides(transaction_id, &reading),
            (Note::Authorize { id_tag, purpose }, Ok(Answer::Authorize(info))) => {
                self.judged(id_tag, purpose, info, now, out);
            }
            (
                Note::Authorize { id_tag, purpose },
                Err(Failure::TimedOut | Failure::Disconnected),
            ) => self.judge_alone(id_tag, purpose, now),
            _ => {}
        }
    }

    fn set_clock(&mut self, csms_ms: i64, now: Time) {
        if !self.setup.set_clock {
            return;
        }
        let moved_ms = self.clock.set(now, csms_ms);
        self.realign(now);
        if moved_ms == 0 {
            return;
        }
        let wall_ms = self.clock.wall_ms(now);
        for connector in &mut self.connectors {
            if let Some(transaction) = &mut connector.transaction {
                transaction.clock_moved(moved_ms);
            }
            if let Some(reserved) = &mut connector.reserved {
                reserved.arm(now, wall_ms);
            }
        }
        self.profiles.clock_moved(moved_ms);
        self.hold_limits(now);
    }

    fn registered(
        &mut self,
        registration: Registration,
        interval_s: u32,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let wait_ms = self.setup.boot_retry_ms;
        let news = self
            .boot
            .answered(registration, interval_s, now, wait_ms, &mut self.chance);
        if registration != Registration::Accepted {
            self.heartbeat = super::Deadline::NEVER;
            self.outbox.clear();
            return;
        }
        if interval_s > 0 {
            self.configuration.set_heartbeat_interval(interval_s);
        }
        self.arm_heartbeat(now);
        if !news {
            return;
        }
        if self.setup.heartbeat_jitter {
            let interval_ms = self.configuration.interval_ms(Key::HeartbeatInterval);
            if interval_ms > 0 {
                let first = now.mono_ms + 1 + self.chance.below(interval_ms);
                self.heartbeat = super::Deadline::at(first);
            }
        }
        self.online_since = self.place;
        self.queue.retry_now();
        self.whole.reporter.forget();
        for connector in &mut self.connectors {
            connector.reporter.forget();
        }
        out.push(Output::Fact(Fact::Accepted));
    }

    /// The CSMS judged a tag.
    fn judged(
        &mut self,
        id_tag: Arc<str>,
        purpose: Purpose,
        info: IdTagInfo,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        out.extend(refusal(&id_tag, &info));
        if info.status != AuthorizationStatus::Accepted && matches!(purpose, Purpose::Start(_)) {
            out.push(Output::Fact(Fact::SessionRefused));
        }
        let (accepted, parent) = (
            info.status == AuthorizationStatus::Accepted,
            info.parent_id_tag.clone(),
        );
        self.authorization.learn(&id_tag, info, &self.configuration);
        if accepted {
            self.authorized(id_tag, parent, purpose, now);
        }
    }

    fn transaction_answered(
        &mut self,
        result: Result<Answer, Failure>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let answer = match result {
            Ok(answer) => answer,
            // A lost socket is no attempt of the CSMS to process anything.
            Err(Failure::Disconnected) => return,
            Err(Failure::Refused(_) | Failure::TimedOut) => {
                if let Some(given_up) = self.queue.failed(now, &self.configuration) {
                    out.push(Output::Fact(Fact::MessageGivenUp));
                    let abandoned = given_up.entry.map(Fact::TransactionAbandoned);
                    out.extend(abandoned.map(Output::Fact));
                }
                return;
            }
        };
        let (given, info) = match answer {
            Answer::StartTransaction {
                transaction_id,
                id_tag_info,
            } => (Some(transaction_id), Some(id_tag_info)),
            Answer::StopTransaction { id_tag_info } => (None, id_tag_info),
            _ => (None, None),
        };
        match self.queue.acknowledged(given) {
            Some(Done::Started(own, id_tag)) => {
                if let Some(transaction_id) = given {
                    out.push(Output::Fact(Fact::TransactionStarted { transaction_id }));
                }
                if let Some(info) = info {
                    out.extend(refusal(&id_tag, &info));
                    out.push(Output::Fact(match info.status {
                        AuthorizationStatus::Accepted => Fact::SessionAllowed,
                        _ => Fact::SessionRefused,
                    }));
                    self.started(own, &id_tag, info, now);
                }
            }
            Some(Done::Stopped {
                id_tag,
                energy_wh,
                entry,
            }) => {
                if let (Some(id_tag), Some(info)) = (id_tag, info) {
                    self.authorization.learn(&id_tag, info, &self.configuration);
                }
                out.extend(
                    energy_wh.map(|energy_wh| {
                        Output::Fact(Fact::TransactionStopped { energy_wh, entry })
                    }),
                );
            }
            Some(Done::Read) | None => {}
        }
    }

    /// The CSMS knows of the transaction now, and may think otherwise of its tag [1.6 §4.8].
    fn started(&mut self, own: Own, id_tag: &Arc<str>, info: IdTagInfo, now: Time) {
        let accepted = info.status == AuthorizationStatus::Accepted;
        let parent = info.parent_id_tag.clone();
        self.authorization.learn(id_tag, info, &self.configuration);
        let Some(connector_id) = self.running(|transaction| transaction.own == own) else {
            return;
        };
        if accepted {
            self.adopt(connector_id, parent);
            // `MaxEnergyOnInvalidId` is for transactions that go on without energy, not for those that end.
        } else if self.configuration.bool(Key::StopTransactionOnInvalidId) {
            self.stop(connector_id, StopReason::DeAuthorized, None, now);
        } else {
            let allowance_mj = u64::try_from(self.configuration.integer(Key::MaxEnergyOnInvalidId))
                .unwrap_or(0)
                * MJ_PER_WH;
            if let Some(connector) = self.connector(connector_id) {
                let register_mj_max = connector.register_mj() + allowance_mj;
                if let Some(transaction) = &mut connector.transaction {
                    transaction.register_mj_max = Some(register_mj_max);
                }
                connector.plan_flow(now);
            }
        }
    }

    fn adopt(&mut self, connector_id: ConnectorId, parent: Option<Arc<str>>) {
        if let Some(transaction) = self
            .connector(connector_id)
            .and_then(|connector| connector.transaction.as_mut())
            && parent.is_some()
        {
            transaction.parent = parent;
        }
    }
}

/// A tag that the CSMS does not let charge is worth knowing: such a charge point works and does nothing.
fn refusal(id_tag: &Arc<str>, info: &IdTagInfo) -> Option<Output> {
    (info.status != AuthorizationStatus::Accepted).then(|| {
        Output::Fact(Fact::TagRefused {
            id_tag: id_tag.clone(),
            status: info.status,
        })
    })
}
