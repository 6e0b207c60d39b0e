//! The hand of the operator: cards, cables, power, network, faults.

use std::sync::Arc;

use dynamo_protocol::{Millis, Time};

use super::configuration::Key;
use super::connector::Cable;
use super::outbox::Purpose;
use super::power::Then;
use super::words::{FaultCode, StopReason};
use super::{Action, CableSide, ChargePoint, ConnectorId, Fact, NotDone, Output};

/// Longest id tag [1.6 §7.28].
pub(crate) const ID_TAG_CHARS_MAX: usize = 20;

impl ChargePoint {
    pub(super) fn operate(&mut self, action: Action, now: Time, out: &mut Vec<Output>) {
        let done = match action {
            Action::PlugIn { connector_id } => self.plug_in(connector_id, now),
            Action::Unplug { connector_id, side } => self.unplug(connector_id, side, now),
            Action::PresentIdTag {
                connector_id,
                id_tag,
            } => self.present(connector_id, &id_tag, now),
            Action::PowerCycle { seconds, backup } => self.power_cycle(seconds, backup, now, out),
            Action::Disconnect { seconds } => {
                out.push(Output::Disconnect { abruptly: true });
                self.connection.cut(now, millis(seconds));
                self.line_lost(now);
                Ok(())
            }
            Action::RaiseFault {
                connector_id,
                error_code,
            } => self.raise_fault(connector_id, &error_code, now),
            Action::RaiseWarning {
                connector_id,
                error_code,
            } => self.raise_warning(connector_id, &error_code, now),
            Action::ClearFault { connector_id } => self.clear_fault(connector_id, now),
            Action::JamLock { connector_id } => self.jam(connector_id, true),
            Action::FreeLock { connector_id } => self.jam(connector_id, false),
            Action::EmergencyStop => {
                self.break_down(FaultCode::OtherError, StopReason::EmergencyStop, now);
                Ok(())
            }
            Action::Reboot => self.reboot(now, out),
        };
        if let Err(not_done) = done {
            out.push(Output::Fact(Fact::NotDone(not_done)));
        }
    }

    fn check_connector(&self, connector_id: ConnectorId) -> Result<usize, NotDone> {
        match connector_id.checked_sub(1).map(|index| index as usize) {
            Some(index) if index < self.connectors.len() => Ok(index),
            _ => Err(NotDone::Impossible(format!(
                "there is no connector {connector_id}, only 1 to {}",
                self.connectors.len()
            ))),
        }
    }

    fn plug_in(&mut self, connector_id: ConnectorId, now: Time) -> Result<(), NotDone> {
        let index = self.check_connector(connector_id)?;
        let chance = &mut self.chance;
        let connector = &mut self.connectors[index];
        if connector.cable == Cable::Both {
            return Ok(());
        }
        // The cable that hung in the station after a transaction is used again: a new user [1.6 §4.9, F2].
        connector.finishing = false;
        connector.plug_in(|| chance.next());
        connector.plan_flow(now);
        if self.power.is_running() {
            self.begin_if_ready(connector_id, now);
        }
        Ok(())
    }

    fn unplug(
        &mut self,
        connector_id: ConnectorId,
        side: CableSide,
        now: Time,
    ) -> Result<(), NotDone> {
        let index = self.check_connector(connector_id)?;
        let fixed_cable = self.hardware.fixed_cable;
        let connector = &mut self.connectors[index];
        if side == CableSide::Station && fixed_cable {
            return Err(NotDone::Impossible(
                "the cable is part of the station".into(),
            ));
        }
        if connector.cable == Cable::Out {
            return Err(NotDone::Refused(format!(
                "nothing is plugged in at connector {connector_id}"
            )));
        }
        if connector.locked && (side == CableSide::Station || connector.cable == Cable::Station) {
            return Err(NotDone::Refused(format!(
                "connector {connector_id} is locked"
            )));
        }
        if connector.transaction.is_none() {
            let held = connector.locked;
            connector.unplug(held);
            return Ok(());
        }
        connector.car_left = side == CableSide::Ev;
        if self
            .configuration
            .bool(Key::StopTransactionOnEVSideDisconnect)
        {
            self.stop(connector_id, StopReason::EvDisconnected, None, now);
            // With a fixed cable nothing is left to do: it is finishing for a moment only.
            if fixed_cable && self.power.is_running() {
                self.report_statuses(now);
            }
            let connector = &mut self.connectors[index];
            connector.unplug(!fixed_cable && side == CableSide::Ev);
        } else {
            // A fixed cable is never in a socket: it hangs in its holder.
            let connector = &mut self.connectors[index];
            connector.unplug(!fixed_cable);
            connector.plan_flow(now);
        }
        Ok(())
    }

    fn present(
        &mut self,
        connector_id: Option<ConnectorId>,
        id_tag: &str,
        now: Time,
    ) -> Result<(), NotDone> {
        if !self.power.is_running() {
            return Err(NotDone::Refused("the reader has no power".into()));
        }
        if id_tag.is_empty() || id_tag.chars().count() > ID_TAG_CHARS_MAX {
            return Err(NotDone::Refused(format!(
                "an id tag has 1 to {ID_TAG_CHARS_MAX} characters, not {id_tag:?}"
            )));
        }
        if let Some(connector_id) = connector_id {
            self.check_connector(connector_id)?;
        }
        let id_tag: Arc<str> = id_tag.into();
        let own = self.running(|transaction| transaction.belongs_to(&id_tag));
        let kept = match connector_id {
            Some(id) => Some(id).filter(|id| {
                self.connectors[*id as usize - 1].is_held_for(|owner| owner.is(&id_tag))
            }),
            None => self.held(|owner| owner.is(&id_tag)),
        };
        let running_here = |id: ConnectorId| self.connectors[id as usize - 1].transaction.is_some();
        match connector_id {
            // The tag that began a transaction ends it, unasked [1.6 §4.1].
            None if own.is_some() => self.stop_own(own, id_tag, now),
            Some(id)
                if self.connectors[id as usize - 1]
                    .transaction
                    .as_ref()
                    .is_some_and(|transaction| transaction.belongs_to(&id_tag)) =>
            {
                self.stop_own(Some(id), id_tag, now);
            }
            // The owner of a cable that was kept gets it back; nobody else can begin while it is in the way.
            None if kept.is_some() => self.give_back(kept),
            Some(id) if kept == Some(id) => self.give_back(kept),
            Some(id) if self.connectors[id as usize - 1].is_held_for(|_| true) => {
                return self.ask(id_tag, Purpose::Stop(id), now);
            }
            Some(id) if running_here(id) => return self.ask(id_tag, Purpose::Stop(id), now),
            Some(id) if self.can_start(id) => {
                return self.ask(id_tag, Purpose::Start(Some(id)), now);
            }
            _ if self.queue.is_full() => {
                return Err(NotDone::Refused(
                    "the messages of too many transactions wait for the CSMS".into(),
                ));
            }
            None => match self.waiting_connector() {
                Some(id) => return self.ask(id_tag, Purpose::Start(Some(id)), now),
                // It may be meant for the transaction or the cable of somebody of its group.
                None if self.running(|_| true).is_some() || self.held(|_| true).is_some() => {
                    return self.ask(id_tag, Purpose::Start(None), now);
                }
                None => {
                    if let Some(id) = self.choose_connector() {
                        return self.ask(id_tag, Purpose::Start(Some(id)), now);
                    }
                }
            },
            Some(_) => {}
        }
        Ok(())
    }

    /// Asks about a tag, where there is room for the question.
    fn ask(&mut self, id_tag: Arc<str>, purpose: Purpose, now: Time) -> Result<(), NotDone> {
        if self.is_online() && !self.outbox.has_room() {
            return Err(NotDone::Refused(
                "too many messages wait for the CSMS; the card is not read".into(),
            ));
        }
        self.authorize(id_tag, purpose, now);
        Ok(())
    }

    fn give_back(&mut self, connector_id: Option<ConnectorId>) {
        if let Some(connector) = connector_id.and_then(|id| self.connector(id)) {
            connector.unlock();
        }
    }

    fn stop_own(&mut self, connector_id: Option<ConnectorId>, id_tag: Arc<str>, now: Time) {
        if let Some(connector_id) = connector_id {
            self.stop(connector_id, StopReason::Local, Some(id_tag), now);
        }
    }

    fn power_cycle(
        &mut self,
        seconds: f64,
        backup: bool,
        now: Time,
        out: &mut Vec<Output>,
    ) -> Result<(), NotDone> {
        if backup && !self.hardware.backup_power {
            return Err(NotDone::Impossible(
                "this charge point has no backup power".into(),
            ));
        }
        if !self.power.is_powered() {
            return Err(NotDone::Refused("the power is away already".into()));
        }
        // The last register value is kept; without backup its message waits for the next boot.
        self.stop_all(StopReason::PowerLoss, now);
        let then = Then::Off(millis(seconds));
        if backup && self.power.is_running() {
            self.leave(then, now);
        } else {
            self.go_down(then, true, now, out);
        }
        Ok(())
    }

    /// A fault ends transactions: energy must not flow, and what was charged so far is worth telling. None of the
    /// standard's reasons names a fault, so it is `Other` [1.6 §7.36].
    fn raise_fault(
        &mut self,
        connector_id: ConnectorId,
        error_code: &str,
        now: Time,
    ) -> Result<(), NotDone> {
        let Some(code) = FaultCode::from_word(error_code) else {
            return Err(NotDone::Refused(format!(
                "{error_code:?} is no error code of OCPP 1.6"
            )));
        };
        if code.is_never_a_fault() {
            return self.raise_warning(connector_id, error_code, now);
        }
        if connector_id == 0 {
            self.break_down(code, StopReason::Other, now);
            return Ok(());
        }
        let index = self.check_connector(connector_id)?;
        self.stop(connector_id, StopReason::Other, None, now);
        let connector = &mut self.connectors[index];
        connector.fault = Some(code);
        connector.authorized = None;
        Ok(())
    }

    /// The charge point as a whole is faulted.
    fn break_down(&mut self, code: FaultCode, reason: StopReason, now: Time) {
        self.whole.fault = Some(code);
        self.stop_all(reason, now);
        for connector in &mut self.connectors {
            connector.authorized = None;
        }
    }

    /// An error code beside a state that is not Faulted [1.6 §4.9].
    fn raise_warning(
        &mut self,
        connector_id: ConnectorId,
        error_code: &str,
        now: Time,
    ) -> Result<(), NotDone> {
        let code = FaultCode::warning(connector_id, error_code).map_err(NotDone::Refused)?;
        if connector_id == 0 {
            self.whole.warning = Some(code);
            return Ok(());
        }
        let index = self.check_connector(connector_id)?;
        self.connectors[index].warning = Some(code);
        self.connectors[index].plan_flow(now);
        Ok(())
    }

    fn clear_fault(&mut self, connector_id: ConnectorId, now: Time) -> Result<(), NotDone> {
        if connector_id == 0 {
            (self.whole.fault, self.whole.warning) = (None, None);
            return Ok(());
        }
        let index = self.check_connector(connector_id)?;
        let connector = &mut self.connectors[index];
        (connector.fault, connector.warning) = (None, None);
        connector.plan_flow(now);
        Ok(())
    }

    /// A watchdog bites: no time for farewells. The stops are told after the start.
    fn reboot(&mut self, now: Time, out: &mut Vec<Output>) -> Result<(), NotDone> {
        if !self.power.is_running() {
            return Err(NotDone::Refused("the charge point does not run".into()));
        }
        self.stop_all(StopReason::Reboot, now);
        let then = self.power.leads_to().unwrap_or(Then::Reboot);
        self.go_down(then, true, now, out);
        Ok(())
    }

    fn jam(&mut self, connector_id: ConnectorId, jammed: bool) -> Result<(), NotDone> {
        let index = self.check_connector(connector_id)?;
        if self.hardware.fixed_cable {
            return Err(NotDone::Impossible("a fixed cable has no lock".into()));
        }
        let connector = &mut self.connectors[index];
        connector.jammed = jammed;
        if !jammed {
            // A lock that moves again lets go of a plug that no transaction holds.
            connector.locked &= connector.transaction.is_some();
            if !connector.locked {
                connector.held = None;
            }
            if connector.fault == Some(FaultCode::ConnectorLockFailure) {
                connector.fault = None;
            }
        }
        Ok(())
    }
}

/// Seconds of an operator as milliseconds, 0 to a year.
fn millis(seconds: f64) -> Millis {
    const YEAR_S: f64 = 31_536_000.0;
    let bounded = if seconds.is_nan() {
        0.0
    } else {
        seconds.clamp(0.0, YEAR_S)
    };
    // Bounded above, so the cast neither wraps nor loses anything that matters.
    (bounded * 1_000.0).round() as Millis
}
