//! When what is said: heartbeats, states, readings, and whose turn it is on the line.

use dynamo_protocol::Time;

use super::clock::{Deadline, aligned_after};
use super::configuration::Key;
use super::message::{Reading, Report};
use super::meter::read_all;
use super::outbox::Note;
use super::queue::{Body, Own};
use super::status::{Reporter, State};
use super::words::{Context, Registration, Status};
use super::{Aligned, Cargo, ChargePoint, ConnectorId, Flight, Output, Tag};

/// A correction of the clock up to this is no step: whoever tells it rounds to seconds. In milliseconds.
const CORRECTION_MS: i64 = 1_000;

impl ChargePoint {
    /// Begins to count the interval anew [1.6 §4.6].
    pub(super) fn arm_heartbeat(&mut self, now: Time) {
        let interval = self.configuration.interval_ms(Key::HeartbeatInterval);
        self.heartbeat = match interval {
            0 => Deadline::NEVER,
            _ => Deadline::at(now.mono_ms + interval),
        };
    }

    pub(super) fn tick_heartbeat(&mut self, now: Time) {
        if self.heartbeat.take_due(now) {
            self.arm_heartbeat(now);
            let is_heartbeat = |note: &Note| matches!(note, Note::Heartbeat);
            let under_way = self.flight.as_ref().is_some_and(
                |flight| matches!(&flight.what, Cargo::Note(note) if is_heartbeat(note)),
            );
            if self.is_online() && !under_way && !self.outbox.contains(is_heartbeat) {
                self.push_note(Note::Heartbeat);
            }
        }
    }

    /// Looks for the next aligned instant of the own wall clock; to be called when the interval changed.
    pub(super) fn arm_aligned(&mut self, now: Time) {
        self.arm_aligned_after(self.clock.wall_ms(now), now);
    }

    /// The clock was put right. An instant that a small correction jumped over is read now, late but once.
    pub(super) fn realign(&mut self, now: Time) {
        let late_ms = self
            .clock
            .wall_ms(now)
            .saturating_sub(self.aligned.stamp_ms);
        if self.aligned.due.is_set() && (0..=CORRECTION_MS).contains(&late_ms) {
            self.aligned.due = Deadline::at(now.mono_ms);
        } else {
            self.arm_aligned(now);
        }
    }

    fn arm_aligned_after(&mut self, after_ms: i64, now: Time) {
        let interval_ms =
            i64::from(self.configuration.integer(Key::ClockAlignedDataInterval)) * 1_000;
        let read_ms = self.aligned.read_ms;
        self.aligned = Aligned {
            read_ms,
            ..Aligned::default()
        };
        if interval_ms > 0 {
            // What was read is not read again when the clock goes back a little; one that was far ahead is forgotten.
            let read_ms = read_ms.filter(|read| read.saturating_sub(after_ms) <= interval_ms);
            let stamp_ms = aligned_after(
                read_ms.map_or(after_ms, |read| read.max(after_ms)),
                interval_ms,
            );
            let wait = stamp_ms.saturating_sub(self.clock.wall_ms(now));
            self.aligned.due = Deadline::at(now.mono_ms + u64::try_from(wait).unwrap_or(0));
            self.aligned.stamp_ms = stamp_ms;
        }
    }

    pub(super) fn tick_aligned(&mut self, now: Time) {
        if !self.aligned.due.take_due(now) {
            return;
        }
        let (stamp_ms, wall_ms) = (self.aligned.stamp_ms, self.clock.wall_ms(now));
        // A wake a little early by the wall clock means this instant all the same; a clock that went back does not.
        if wall_ms + CORRECTION_MS >= stamp_ms {
            if self.hardware.main_meter {
                let quantities = self.configuration.quantities(Key::MeterValuesAlignedData);
                let read = read_all(&self.connectors, Context::Clock, stamp_ms, quantities);
                read.into_iter()
                    .for_each(|reading| self.queue_reading(0, None, reading));
            }
            for connector_id in 1..=self.connectors.len() as ConnectorId {
                self.read_aligned(connector_id, stamp_ms);
            }
            self.aligned.read_ms = Some(stamp_ms);
        }
        self.arm_aligned(now);
    }

    fn read_aligned(&mut self, connector_id: ConnectorId, stamp_ms: i64) {
        let connector = &mut self.connectors[connector_id as usize - 1];
        let time_ms = connector.time_ms(stamp_ms);
        let stamp_ms = connector.stamp(time_ms);
        let reading = connector.read(
            Context::Clock,
            stamp_ms,
            self.configuration.quantities(Key::MeterValuesAlignedData),
        );
        let kept = connector.read(
            Context::Clock,
            stamp_ms,
            self.configuration.quantities(Key::StopTxnAlignedData),
        );
        let own = connector.transaction.as_mut().map(|transaction| {
            kept.into_iter()
                .for_each(|reading| transaction.keep(reading));
            transaction.own
        });
        // With a transaction or without one, it is told when the line is back [1.6 §3.7].
        if let Some(reading) = reading {
            self.queue_reading(connector_id, own, reading);
        }
    }

    /// A reading that waits for its turn, over outages.
    pub(super) fn queue_reading(
        &mut self,
        connector_id: ConnectorId,
        own: Option<Own>,
        reading: Reading,
    ) {
        let place = self.next_place();
        let body = Body::Reading {
            connector_id,
            reading,
        };
        self.queue.push(place, own, body);
    }

    /// Looks at all states and puts what is due into the outbox [1.6 §4.9].
    pub(super) fn report_statuses(&mut self, now: Time) {
        for connector_id in 0..=self.connectors.len() as ConnectorId {
            self.report_status(connector_id, now);
        }
    }

    /// The state of a connector, or of the charge point as a whole.
    fn state(&self, connector_id: ConnectorId) -> State {
        let (fault, warning) = (self.whole.fault, self.whole.warning);
        let status = match connector_id.checked_sub(1) {
            Some(index) => return self.connectors[index as usize].state(fault),
            None if fault.is_some() => Status::Faulted,
            None if !self.whole.operative => Status::Unavailable,
            None => Status::Available,
        };
        State {
            code: fault.or(warning),
            ..status.into()
        }
    }

    fn report_status(&mut self, connector_id: ConnectorId, now: Time) {
        let online = self.is_online();
        let reporter = self.observe(connector_id, now);
        if online {
            let (due, at_ms) = (reporter.due(now), reporter.since_ms());
            self.push_states(connector_id, due, at_ms);
        }
    }

    /// Tells a state because the CSMS asked for it.
    pub(super) fn tell_status(&mut self, connector_id: ConnectorId, now: Time) {
        let reporter = self.observe(connector_id, now);
        let (states, at_ms) = (reporter.tell(), reporter.since_ms());
        self.push_states(connector_id, states, at_ms);
    }

    fn observe(&mut self, connector_id: ConnectorId, now: Time) -> &mut Reporter {
        let minimum_ms = self.configuration.interval_ms(Key::MinimumStatusDuration);
        let wall_ms = self.clock.wall_ms(now);
        let state = self.state(connector_id);
        match connector_id.checked_sub(1) {
            Some(index) => {
                let connector = &mut self.connectors[index as usize];
                let at_ms = connector.time_ms(wall_ms);
                let reporter = &mut connector.reporter;
                if reporter.observe(state, now, at_ms, minimum_ms) {
                    connector.stamp(at_ms);
                }
                &mut self.connectors[index as usize].reporter
            }
            None => {
                let reporter = &mut self.whole.reporter;
                reporter.observe(state, now, wall_ms, minimum_ms);
                reporter
            }
        }
    }

    fn push_states(&mut self, connector_id: ConnectorId, states: [Option<State>; 2], at_ms: i64) {
        for state in states.into_iter().flatten() {
            self.push_note(Note::Status {
                connector_id,
                state,
                at_ms,
            });
        }
    }

    /// Sends the next message if the line is free. Before it is accepted the charge point says nothing but
    /// `BootNotification`, and what it is told to say while pending [1.6 §4.2].
    pub(super) fn send_next(&mut self, out: &mut Vec<Output>) {
        if !self.connection.is_up() || self.flight.is_some() {
            return;
        }
        if std::mem::take(&mut self.boot.wanted) {
            return self.send_note(Note::Boot, out);
        }
        let note = self.outbox.head();
        let transaction = self.queue.head();
        let cargo = match self.boot.registration() {
            Some(Registration::Accepted) => match (note, transaction) {
                (Some(note), Some(transaction)) => {
                    // Events go out in their order, but what piled up while the line was away does not make
                    // people wait.
                    transaction < note && transaction > self.online_since
                }
                (None, Some(_)) => true,
                (_, None) => false,
            },
            Some(Registration::Pending) => false,
            Some(Registration::Rejected) | None => return,
        };
        if cargo {
            if let Some(report) = self.queue.report() {
                self.send(Cargo::Transaction, report, out);
            }
        } else if let Some(note) = self.outbox.pop() {
            self.send_note(note, out);
        }
    }

    fn send_note(&mut self, note: Note, out: &mut Vec<Output>) {
        let report = match &note {
            Note::Boot => Report::Boot {
                hardware: self.hardware.clone(),
                serial_number: self
                    .hardware
                    .serial_number
                    .clone()
                    .unwrap_or_else(|| format!("{:016X}", self.seed)),
            },
            Note::Heartbeat => Report::Heartbeat,
            Note::Status {
                connector_id,
                state,
                at_ms,
            } => Report::Status {
                connector_id: *connector_id,
                status: state.status,
                fault: state.code,
                ev_side_disconnected: state.ev_side_disconnected,
                at_ms: *at_ms,
            },
            Note::Authorize { id_tag, .. } => Report::Authorize {
                id_tag: id_tag.clone(),
            },
            Note::MeterValues {
                connector_id,
                transaction_id,
                reading,
            } => Report::MeterValues {
                connector_id: *connector_id,
                transaction_id: *transaction_id,
                readings: vec![reading.clone()],
            },
        };
        self.send(Cargo::Note(note), report, out);
    }

    fn send(&mut self, what: Cargo, report: Report, out: &mut Vec<Output>) {
        self.tag += 1;
        let tag = Tag(self.tag);
        self.flight = Some(Flight { tag, what });
        out.push(Output::Send { tag, report });
    }
}
