//! Sessions: who may charge where, and how transactions begin, go on and end.

use std::sync::Arc;

use dynamo_protocol::Time;

use super::authorization::Decision;
use super::clock::Deadline;
use super::configuration::Key;
use super::connector::{Authorized, Cable, Owner};
use super::outbox::{Note, Purpose};
use super::queue::{Body, Stop};
use super::transaction::Transaction;
use super::words::{Context, FaultCode, StopReason};
use super::{Cargo, ChargePoint, ConnectorId, Resumed};

impl ChargePoint {
    /// Whether a new user can begin here.
    pub(super) fn can_start(&self, connector_id: ConnectorId) -> bool {
        let index = connector_id.wrapping_sub(1) as usize;
        self.connectors.get(index).is_some_and(|connector| {
            connector.operative
                && connector.fault.is_none()
                && connector.transaction.is_none()
                && connector.authorized.is_none()
        }) && self.whole.fault.is_none()
            && !self.power.is_leaving()
            && !self.queue.is_full()
            && !self.is_asked_about(connector_id)
    }

    /// Whether the CSMS is to judge a tag that wants to begin here.
    pub(super) fn is_asked_about(&self, connector_id: ConnectorId) -> bool {
        let asked = |note: &Note| matches!(note, Note::Authorize { purpose, .. } if *purpose == Purpose::Start(Some(connector_id)));
        let flight = self.flight.as_ref();
        flight.is_some_and(|flight| matches!(&flight.what, Cargo::Note(note) if asked(note)))
            || self.outbox.contains(asked)
    }

    /// Where somebody means to charge who does not say where: where a cable is in, else the first free one.
    pub(super) fn choose_connector(&self) -> Option<ConnectorId> {
        let all = || 1..=self.connectors.len() as ConnectorId;
        let free = |id: &ConnectorId| self.can_start(*id) && self.is_free(*id);
        self.waiting_connector()
            .or_else(|| all().find(free))
            .or_else(|| all().find(|id| self.can_start(*id) && !self.is_reserved(*id)))
    }

    /// A connector with a car that waits for its user.
    pub(super) fn waiting_connector(&self) -> Option<ConnectorId> {
        (1..=self.connectors.len() as ConnectorId).find(|id| {
            let connector = &self.connectors[*id as usize - 1];
            connector.cable == Cable::Both && self.is_free(*id) && self.can_start(*id)
        })
    }

    /// The connector whose transaction fits.
    pub(super) fn running(&self, fits: impl Fn(&Transaction) -> bool) -> Option<ConnectorId> {
        let index = self.connectors.iter().position(|connector| {
            connector
                .transaction
                .as_ref()
                .is_some_and(|transaction| fits(transaction))
        })?;
        ConnectorId::try_from(index + 1).ok()
    }

    /// The connector that keeps the cable of this owner.
    pub(super) fn held(&self, is_owner: impl Fn(&Owner) -> bool) -> Option<ConnectorId> {
        let mut ids = (1..).zip(&self.connectors);
        ids.find(|(_, connector)| connector.is_held_for(&is_owner))
            .map(|(id, _)| id)
    }

    /// A tag wants something: judged here if possible, else by the CSMS [1.6 §4.1].
    pub(super) fn authorize(&mut self, id_tag: Arc<str>, purpose: Purpose, now: Time) {
        let online = self.is_online();
        let wall_ms = self.clock.wall_ms(now);
        match self
            .authorization
            .decide(&id_tag, online, &self.configuration, wall_ms)
        {
            Decision::Accepted { parent } => self.authorized(id_tag, parent, purpose, now),
            Decision::Refused => {}
            Decision::Ask => {
                let asked = |note: &Note| {
                    matches!(note, Note::Authorize { id_tag: other, purpose: same }
                        if *same == purpose && *other == id_tag)
                };
                if self.outbox.has_room() && !self.outbox.contains(asked) {
                    self.push_note(Note::Authorize { id_tag, purpose });
                }
            }
        }
    }

    /// The CSMS cannot be asked after all.
    pub(super) fn judge_alone(&mut self, id_tag: Arc<str>, purpose: Purpose, now: Time) {
        let wall_ms = self.clock.wall_ms(now);
        if let Decision::Accepted { parent } =
            self.authorization
                .decide(&id_tag, false, &self.configuration, wall_ms)
        {
            self.authorized(id_tag, parent, purpose, now);
        }
    }

    /// A tag was accepted.
    pub(super) fn authorized(
        &mut self,
        id_tag: Arc<str>,
        parent: Option<Arc<str>>,
        purpose: Purpose,
        now: Time,
    ) {
        let (connector_id, relative) = match purpose {
            Purpose::Stop(connector_id) => (None, Some(connector_id)),
            Purpose::Start(Some(connector_id)) => (Some(connector_id), None),
            Purpose::Start(None) => {
                let relative = self
                    .running(|transaction| transaction.shares(parent.as_ref()))
                    .or_else(|| self.held(|owner| owner.shares(parent.as_ref())));
                let own = self.reserved_for(&id_tag, parent.as_ref());
                (own.or_else(|| self.choose_connector()), relative)
            }
        };
        // A tag of the same group may end the transaction, any other tag changes nothing [1.6 §3.10].
        if let Some(relative) = relative {
            let index = relative as usize - 1;
            let running = self.connectors[index].transaction.as_ref();
            if running.is_some_and(|transaction| transaction.shares(parent.as_ref())) {
                self.stop(relative, StopReason::Local, Some(id_tag), now);
            } else if self.connectors[index].is_held_for(|owner| owner.shares(parent.as_ref())) {
                self.connectors[index].unlock();
            }
            return;
        }
        let may = |id: &ConnectorId| {
            self.can_start(*id) && !self.is_reserved_for_another(*id, &id_tag, parent.as_ref())
        };
        let Some(connector_id) = connector_id.filter(may) else {
            return;
        };
        let timeout_ms = self.configuration.interval_ms(Key::ConnectionTimeOut);
        if let Some(connector) = self.connector(connector_id) {
            connector.finishing = false;
            connector.authorized = Some(Box::new(Authorized {
                id_tag,
                parent,
                until: match timeout_ms {
                    0 => Deadline::NEVER,
                    _ => Deadline::at(now.mono_ms + timeout_ms),
                },
            }));
        }
        if self.power.is_running() {
            // A finished connector prepares before it charges again [1.6 §4.9, F2].
            self.report_statuses(now);
        }
        self.begin_if_ready(connector_id, now);
    }

    /// Begins the transaction once user and cable are there and the plug is locked.
    pub(super) fn begin_if_ready(&mut self, connector_id: ConnectorId, now: Time) {
        if self.power.is_leaving() {
            return;
        }
        let fixed_cable = self.hardware.fixed_cable;
        let Some(connector) = self.connector(connector_id) else {
            return;
        };
        if connector.cable != Cable::Both {
            return;
        }
        let Some(authorized) = connector.authorized.take() else {
            return;
        };
        if !fixed_cable && connector.jammed {
            connector.fault = Some(FaultCode::ConnectorLockFailure);
            return;
        }
        connector.locked = !fixed_cable;
        self.begin(connector_id, *authorized, now);
    }

    fn begin(&mut self, connector_id: ConnectorId, authorized: Authorized, now: Time) {
        let wall_ms = self.clock.wall_ms(now);
        let place = self.next_place();
        let connector = &mut self.connectors[connector_id as usize - 1];
        let own = self.queue.start(
            place,
            connector_id,
            authorized.id_tag.clone(),
            connector.register_wh(),
            wall_ms,
        );
        if let Some(reserved) = connector.reserved.take() {
            self.queue.ends_reservation(reserved.id);
        }
        self.use_awaited(connector_id, &authorized.id_tag);
        let connector = &mut self.connectors[connector_id as usize - 1];
        let mut transaction = Transaction::new(own, authorized.id_tag, authorized.parent);
        transaction.sample = sample_deadline(
            now.mono_ms,
            self.configuration
                .interval_ms(Key::MeterValueSampleInterval),
        );
        transaction.stamp(wall_ms);
        connector.begin(transaction, now);
        self.profiles.begun(connector_id, wall_ms);
        self.hold_limits(now);
        self.keep_reading(connector_id, Context::Begin, wall_ms);
    }

    /// Goes on with a transaction before its first start.
    pub(super) fn resume(&mut self, resumed: &Resumed) {
        if self.connector(resumed.connector_id).is_none() {
            return;
        }
        let own = self.queue.resume(resumed);
        let mut transaction = Transaction::new(own, resumed.id_tag.as_str().into(), None);
        transaction.sample = sample_deadline(
            0,
            self.configuration
                .interval_ms(Key::MeterValueSampleInterval),
        );
        self.profiles
            .begun(resumed.connector_id, resumed.started_at_ms);
        if let Some(connector) = self.connector(resumed.connector_id) {
            connector.resume(transaction, resumed.meter_wh, resumed.car);
        }
    }

    /// The stamp of what happens at a connector now.
    pub(super) fn stamp(&mut self, connector_id: ConnectorId, now: Time) -> i64 {
        let wall_ms = self.clock.wall_ms(now);
        let connector = &mut self.connectors[connector_id as usize - 1];
        connector.stamp(connector.time_ms(wall_ms))
    }

    /// Keeps a reading for `StopTransaction` [1.6 §9.1.27].
    fn keep_reading(&mut self, connector_id: ConnectorId, context: Context, at_ms: i64) {
        let connector = &mut self.connectors[connector_id as usize - 1];
        let quantities = self.configuration.quantities(Key::StopTxnSampledData);
        if let Some(reading) = connector.read(context, at_ms, quantities)
            && let Some(transaction) = &mut connector.transaction
        {
            transaction.keep(reading);
        }
    }

    /// Ends the transaction at a connector, if there is one.
    pub(super) fn stop(
        &mut self,
        connector_id: ConnectorId,
        reason: StopReason,
        id_tag: Option<Arc<str>>,
        now: Time,
    ) {
        let at_ms = self.stamp(connector_id, now);
        self.keep_reading(connector_id, Context::End, at_ms);
        let stays_locked = reason == StopReason::EvDisconnected
            && !self
                .configuration
                .bool(Key::UnlockConnectorOnEVSideDisconnect);
        let connector = &mut self.connectors[connector_id as usize - 1];
        let Some(transaction) = connector.end(at_ms) else {
            return;
        };
        // A lock that is stuck stays where it is. After DeAuthorized the standard would rather keep the cable until
        // its owner shows a tag [1.6 §4.8]; nobody comes to a virtual charge point, so it lets go.
        connector.locked &= stays_locked || connector.jammed;
        if stays_locked && connector.locked {
            connector.held = Some(Box::new(Owner {
                id_tag: transaction.id_tag.clone(),
                parent: transaction.parent.clone(),
            }));
        }
        let meter_stop_wh = connector.register_wh();
        let own = transaction.own;
        self.profiles.ended(connector_id);
        let stop = Stop {
            id_tag,
            meter_stop_wh,
            at_ms,
            reason,
            readings_thinned: transaction.readings_thinned(),
            readings: transaction.into_readings(),
        };
        let place = self.next_place();
        self.queue
            .push(place, Some(own), Body::Stop(Box::new(stop)));
        self.hold_limits(now);
    }

    /// Ends every transaction.
    pub(super) fn stop_all(&mut self, reason: StopReason, now: Time) {
        for connector_id in 1..=self.connectors.len() as ConnectorId {
            self.stop(connector_id, reason, None, now);
        }
    }

    /// What is due at the connectors: cables that did not come, samples, changes in the flow of energy.
    pub(super) fn tick_connectors(&mut self, now: Time) {
        let interval_ms = self
            .configuration
            .interval_ms(Key::MeterValueSampleInterval);
        for index in 0..self.connectors.len() {
            let connector = &mut self.connectors[index];
            if let Some(authorized) = &mut connector.authorized
                && authorized.until.take_due(now)
            {
                connector.authorized = None;
            }
            let Some(transaction) = &mut connector.transaction else {
                continue;
            };
            if transaction.flow.take_due(now) {
                connector.plan_flow(now);
            }
            let Some(transaction) = &mut connector.transaction else {
                continue;
            };
            let planned = transaction.sample.millis().unwrap_or(now.mono_ms);
            if transaction.sample.take_due(now) {
                let next = planned + interval_ms;
                transaction.sample = sample_deadline(
                    if next > now.mono_ms {
                        planned
                    } else {
                        now.mono_ms
                    },
                    interval_ms,
                );
                self.sample(index, now);
            }
        }
    }

    fn sample(&mut self, index: usize, now: Time) {
        let connector_id = index as ConnectorId + 1;
        let at_ms = self.stamp(connector_id, now);
        self.keep_reading(connector_id, Context::Periodic, at_ms);
        let connector = &self.connectors[index];
        let quantities = self.configuration.quantities(Key::MeterValuesSampledData);
        let reading = connector.read(Context::Periodic, at_ms, quantities);
        let own = connector
            .transaction
            .as_ref()
            .map(|transaction| transaction.own);
        if let (Some(reading), Some(own)) = (reading, own) {
            self.queue_reading(connector_id, Some(own), reading);
        }
    }

    /// The sampling interval changed: it counts from now.
    pub(super) fn arm_samples(&mut self, now: Time) {
        let interval_ms = self
            .configuration
            .interval_ms(Key::MeterValueSampleInterval);
        for connector in &mut self.connectors {
            if let Some(transaction) = &mut connector.transaction {
                transaction.sample = sample_deadline(now.mono_ms, interval_ms);
            }
        }
    }

    /// Changes of availability that waited for the end of a transaction [1.6 §5.2].
    pub(super) fn apply_scheduled(&mut self) {
        for connector in &mut self.connectors {
            if connector.transaction.is_none()
                && let Some(operative) = connector.scheduled.take()
            {
                connector.operative = operative;
                connector.finishing &= operative;
            }
        }
        if self.connectors.iter().all(|c| c.transaction.is_none())
            && let Some(operative) = self.whole.scheduled.take()
        {
            self.whole.operative = operative;
        }
    }
}

/// Sampling with interval 0 is off [1.6 §9.1.19].
fn sample_deadline(from_ms: u64, interval_ms: u64) -> Deadline {
    match interval_ms {
        0 => Deadline::NEVER,
        _ => Deadline::at(from_ms + interval_ms),
    }
}
