//! Messages on demand [1.6 §5.17].

use dynamo_protocol::Time;

use super::configuration::Key;
use super::message::{TriggerReply, Triggered};
use super::outbox::Note;
use super::words::{Context, Measurand};
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
            Triggered::MeterValues => 1,
            Triggered::Status => 0,
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
        let at_ms = self.stamp(connector_id, now);
        let connector = &self.connectors[connector_id as usize - 1];
        let measurands = self.configuration.measurands(Key::MeterValuesSampledData);
        let reading = connector
            .read(Context::Trigger, at_ms, measurands)
            .or_else(|| {
                // Asked for values and configured for none: the register is the least a meter can say.
                connector.read(
                    Context::Trigger,
                    at_ms,
                    [Measurand::EnergyRegister].into_iter(),
                )
            });
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
}
