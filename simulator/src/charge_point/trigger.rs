//! Messages on demand [1.6 §5.17].

use dynamo_protocol::Time;

use super::configuration::Key;
use super::message::{TriggerReply, Triggered};
use super::meter::read_all;
use super::outbox::Note;
use super::words::{Context, Measurand, Quantity};
use super::{ChargePoint, ConnectorId};

impl ChargePoint {
    pub(super) fn trigger(
        &mut self,
        message: Triggered,
        connector_id: Option<ConnectorId>,
        now: Time,
    ) -> TriggerReply {
        let last = self.connectors.len() as ConnectorId;
        let first = match message {
            Triggered::MeterValues if !self.hardware.main_meter => 1,
            Triggered::MeterValues | Triggered::Status => 0,
            Triggered::Boot | Triggered::Heartbeat => {
                return self.trigger_note(match message {
                    Triggered::Boot => Note::Boot,
                    _ => Note::Heartbeat,
                });
            }
            // They belong to the profile FirmwareManagement, which `SupportedFeatureProfiles` does not name.
            Triggered::DiagnosticsStatus | Triggered::FirmwareStatus => {
                return TriggerReply::NotImplemented;
            }
        };
        let wanted = match connector_id {
            None => first..=last,
            Some(id) if (first..=last).contains(&id) => id..=id,
            Some(_) => return TriggerReply::Rejected,
        };
        let readings = match message {
            Triggered::MeterValues => wanted.clone().count(),
            _ => 0,
        };
        if !self.outbox.has_room_for(readings) {
            return TriggerReply::Rejected;
        }
        for id in wanted {
            if message == Triggered::Status {
                self.tell_status(id, now);
            } else {
                self.trigger_meter_values(id, now);
            }
        }
        TriggerReply::Accepted
    }

    fn trigger_note(&mut self, note: Note) -> TriggerReply {
        if !self.outbox.has_room() {
            return TriggerReply::Rejected;
        }
        self.push_note(note);
        TriggerReply::Accepted
    }

    fn trigger_meter_values(&mut self, connector_id: ConnectorId, now: Time) {
        if connector_id == 0 {
            return self.trigger_main_meter(now);
        }
        let at_ms = self.stamp(connector_id, now);
        let connector = &self.connectors[connector_id as usize - 1];
        let quantities = self.configuration.quantities(Key::MeterValuesSampledData);
        let reading = connector
            .read(Context::Trigger, at_ms, quantities)
            .or_else(|| connector.read(Context::Trigger, at_ms, at_least()));
        let own = connector
            .transaction
            .as_ref()
            .map(|transaction| transaction.own);
        let transaction_id = own.and_then(|own| self.queue.id(own));
        let Some(reading) = reading else {
            return;
        };
        if own.is_some_and(|own| self.queue.awaits_id(own)) && self.is_online() {
            // The CSMS knows nothing of this transaction yet: the reading follows its start and gets its id.
            self.queue_reading(connector_id, own, reading);
        } else {
            self.push_note(Note::MeterValues {
                connector_id,
                transaction_id,
                reading,
            });
        }
    }

    fn trigger_main_meter(&mut self, now: Time) {
        let at_ms = self.clock.wall_ms(now);
        let quantities = self.configuration.quantities(Key::MeterValuesSampledData);
        let reading = read_all(&self.connectors, Context::Trigger, at_ms, quantities)
            .or_else(|| read_all(&self.connectors, Context::Trigger, at_ms, at_least()));
        if let Some(reading) = reading {
            self.push_note(Note::MeterValues {
                connector_id: 0,
                transaction_id: None,
                reading,
            });
        }
    }
}

/// Asked for values and configured for none: the register is the least a meter can say.
fn at_least() -> impl Iterator<Item = Quantity> {
    std::iter::once(Measurand::EnergyRegister.into())
}
