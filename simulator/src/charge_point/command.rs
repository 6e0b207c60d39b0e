//! What the CSMS wants, one function per command.

use std::sync::Arc;

use dynamo_protocol::{CallError, ErrorCode, Time};

use super::configuration::Key;
use super::message::{
    AvailabilityReply, ChargingProfile, Command, ConfigurationReply, Reply, UnlockReply,
};
use super::outbox::Purpose;
use super::power::Then;
use super::words::{Registration, ResetKind, StopReason};
use super::{ChargePoint, CommandId, ConnectorId, Output};

impl ChargePoint {
    pub(super) fn command(
        &mut self,
        id: CommandId,
        command: Command,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if self.is_rejected() {
            return out.push(Output::Unanswered { id });
        }
        let reset = match &command {
            Command::Reset { kind } => Some(*kind),
            _ => None,
        };
        let reply = self.obey(command, now);
        let obeyed = reply.is_ok();
        out.push(Output::Reply { id, reply });
        // The answer leaves before the socket closes.
        if let Some(kind) = reset.filter(|_| obeyed) {
            self.reset(kind, now, out);
        }
    }

    fn obey(&mut self, command: Command, now: Time) -> Result<Reply, CallError> {
        if !self.power.is_running() {
            return Err(CallError::internal("the charge point is starting"));
        }
        let pending = match self.boot.registration() {
            Some(Registration::Accepted) => false,
            Some(Registration::Pending) => true,
            // Before it is accepted there is nothing to command.
            Some(Registration::Rejected) | None => {
                return Err(CallError::new(
                    ErrorCode::GenericError,
                    "the charge point is not accepted",
                ));
            }
        };
        Ok(match command {
            Command::ChangeAvailability {
                connector_id,
                operative,
            } => Reply::Availability(self.change_availability(connector_id, operative)),
            Command::ChangeConfiguration { key, value } => {
                Reply::ConfigurationChanged(self.change_configuration(&key, &value, now))
            }
            Command::ClearCache => {
                let accepted = self.configuration.bool(Key::AuthorizationCacheEnabled);
                self.authorization.clear();
                Reply::CacheCleared { accepted }
            }
            Command::DataTransfer { .. } => Reply::VendorUnknown,
            Command::GetConfiguration { keys } => {
                let (known, unknown) = self
                    .configuration
                    .read(keys, &self.hardware, self.connectors.len())
                    .ok_or_else(|| {
                        CallError::new(
                            ErrorCode::OccurrenceConstraintViolation,
                            "more keys than GetConfigurationMaxKeys",
                        )
                    })?;
                Reply::Configuration { known, unknown }
            }
            Command::RemoteStart {
                connector_id,
                id_tag,
                profile,
            } => Reply::RemoteStart {
                accepted: !pending && self.remote_start(connector_id, id_tag, profile, now),
            },
            Command::RemoteStop { transaction_id } => Reply::RemoteStop {
                accepted: !pending && self.remote_stop(transaction_id, now),
            },
            Command::Reset { .. } => Reply::Reset { accepted: true },
            Command::Trigger {
                message,
                connector_id,
            } => Reply::Trigger(self.trigger(message, connector_id, now)),
            Command::Reserve(wanted) => Reply::Reservation(self.reserve(wanted, now)),
            Command::CancelReservation { reservation_id } => Reply::ReservationCancelled {
                accepted: self.cancel_reservation(reservation_id),
            },
            Command::SetChargingProfile {
                connector_id,
                profile,
            } => Reply::ChargingProfile {
                accepted: self.set_charging_profile(connector_id, profile, now),
            },
            Command::ClearChargingProfiles(filter) => Reply::ChargingProfilesCleared {
                found: self.clear_charging_profiles(&filter, now),
            },
            Command::GetCompositeSchedule {
                connector_id,
                duration_s,
                unit,
            } => Reply::CompositeSchedule(
                self.composite_schedule(connector_id, duration_s, unit, now)
                    .map(Box::new),
            ),
            Command::Unlock { connector_id } => Reply::Unlock(self.unlock(connector_id, now)),
        })
    }

    /// [1.6 §5.2]
    fn change_availability(
        &mut self,
        connector_id: ConnectorId,
        operative: bool,
    ) -> AvailabilityReply {
        let chosen = match connector_id {
            0 => &mut self.connectors[..],
            _ => match self.connector(connector_id) {
                Some(connector) => std::slice::from_mut(connector),
                None => return AvailabilityReply::Rejected,
            },
        };
        let mut waits = false;
        for connector in chosen {
            if connector.transaction.is_some() && connector.operative != operative {
                connector.scheduled = Some(operative);
                waits = true;
            } else {
                connector.scheduled = None;
                connector.operative = operative;
                if !operative {
                    connector.authorized = None;
                    connector.finishing = false;
                }
            }
        }
        if connector_id == 0 {
            self.whole.scheduled = Some(operative);
            if !waits {
                self.whole.scheduled = None;
                self.whole.operative = operative;
            }
        }
        if waits {
            AvailabilityReply::Scheduled
        } else {
            AvailabilityReply::Accepted
        }
    }

    /// [1.6 §5.3]
    fn change_configuration(&mut self, key: &str, value: &str, now: Time) -> ConfigurationReply {
        let (reply, changed) = self.configuration.change(key, value, &self.hardware);
        match changed {
            Some(Key::HeartbeatInterval) if self.boot.is_accepted() => self.arm_heartbeat(now),
            Some(Key::ClockAlignedDataInterval) => self.arm_aligned(now),
            Some(Key::MeterValueSampleInterval) => self.arm_samples(now),
            _ => {}
        }
        reply
    }

    /// [1.6 §5.11]
    fn remote_start(
        &mut self,
        connector_id: Option<ConnectorId>,
        id_tag: Arc<str>,
        profile: Option<Box<ChargingProfile>>,
        now: Time,
    ) -> bool {
        if !profile.as_ref().is_none_or(|p| self.takes_with_start(p)) {
            return false;
        }
        let chosen = connector_id
            .or_else(|| self.reserved_for(&id_tag, None))
            .or_else(|| self.choose_connector());
        let asks = self.configuration.bool(Key::AuthorizeRemoteTxRequests);
        let fits = |id: &ConnectorId| {
            self.can_start(*id)
                && self.outbox.has_room()
                && self.may_be_reserved_for(*id, &id_tag, asks)
        };
        let Some(connector_id) = chosen.filter(fits) else {
            return false;
        };
        if let Some(profile) = profile {
            self.profiles
                .await_start(connector_id, id_tag.clone(), *profile);
        }
        let purpose = Purpose::Start(Some(connector_id));
        if asks {
            self.authorize(id_tag, purpose, now);
        } else {
            let parent = self.authorization.parent(&id_tag, &self.configuration);
            self.authorized(id_tag, parent, purpose, now);
        }
        true
    }

    /// [1.6 §5.12]
    fn remote_stop(&mut self, transaction_id: i64, now: Time) -> bool {
        let queue = &self.queue;
        let Some(connector_id) =
            self.running(|transaction| queue.id(transaction.own) == Some(transaction_id))
        else {
            return false;
        };
        self.stop(connector_id, StopReason::Remote, None, now);
        true
    }

    /// [1.6 §5.18]
    fn unlock(&mut self, connector_id: ConnectorId, now: Time) -> UnlockReply {
        if self.hardware.fixed_cable || self.connector(connector_id).is_none() {
            return UnlockReply::NotSupported;
        }
        self.stop(connector_id, StopReason::UnlockCommand, None, now);
        match self.connector(connector_id) {
            Some(connector) => {
                if connector.unlock() {
                    UnlockReply::Unlocked
                } else {
                    UnlockReply::UnlockFailed
                }
            }
            None => UnlockReply::NotSupported,
        }
    }

    /// [1.6 §5.14]
    fn reset(&mut self, kind: ResetKind, now: Time, out: &mut Vec<Output>) {
        match kind {
            ResetKind::Soft => {
                self.stop_all(StopReason::SoftReset, now);
                if !self.power.is_leaving() {
                    self.leave(Then::Reboot, now);
                }
            }
            ResetKind::Hard => {
                self.stop_all(StopReason::HardReset, now);
                // Where the power is about to go, a reset does not keep it.
                let then = self.power.leads_to().unwrap_or(Then::Reboot);
                self.go_down(then, false, now, out);
            }
        }
    }
}
