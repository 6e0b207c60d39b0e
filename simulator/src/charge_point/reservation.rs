//! Connectors that are kept for a tag [1.6 §3.11, §5.13]. The charge point as a whole (connector 0) is not reserved.

use std::sync::Arc;

use dynamo_protocol::Time;

use super::clock::Deadline;
use super::message::{ReservationReply, Reserve};
use super::transaction::{same_group, same_tag};
use super::words::Status;
use super::{ChargePoint, ConnectorId};

#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) id: i32,
    id_tag: Arc<str>,
    parent: Option<Arc<str>>,
    pub(super) until: Deadline,
}

impl Reservation {
    fn is_for(&self, id_tag: &str, parent: Option<&Arc<str>>) -> bool {
        same_tag(&self.id_tag, id_tag) || same_group(self.parent.as_ref(), parent)
    }
}

impl ChargePoint {
    pub(super) fn reserve(&mut self, wanted: Reserve, now: Time) -> ReservationReply {
        let left_ms = wanted.expires_at_ms.saturating_sub(self.clock.wall_ms(now));
        let whole = self.whole.fault;
        let Some(connector) = self.connector(wanted.connector_id) else {
            return ReservationReply::Rejected;
        };
        let Some(left_ms) = u64::try_from(left_ms).ok().filter(|left| *left > 0) else {
            return ReservationReply::Rejected;
        };
        let same = |reserved: &Reservation| reserved.id == wanted.reservation_id;
        match connector.status(whole) {
            Status::Available => {}
            Status::Reserved if connector.reserved.as_deref().is_some_and(same) => {}
            Status::Faulted => return ReservationReply::Faulted,
            Status::Unavailable => return ReservationReply::Unavailable,
            _ => return ReservationReply::Occupied,
        }
        // The same number again is the same reservation, wherever it was [1.6 §5.13].
        self.cancel_reservation(wanted.reservation_id);
        if let Some(connector) = self.connector(wanted.connector_id) {
            connector.reserved = Some(Box::new(Reservation {
                id: wanted.reservation_id,
                id_tag: wanted.id_tag,
                parent: wanted.parent,
                until: Deadline::at(now.mono_ms.saturating_add(left_ms)),
            }));
        }
        ReservationReply::Accepted
    }

    /// Whether there was one.
    pub(super) fn cancel_reservation(&mut self, id: i32) -> bool {
        let mut all = self.connectors.iter_mut();
        all.find(|connector| connector.reserved.as_ref().is_some_and(|r| r.id == id))
            .is_some_and(|connector| connector.reserved.take().is_some())
    }

    pub(super) fn tick_reservations(&mut self, now: Time) {
        for connector in &mut self.connectors {
            if let Some(reserved) = &mut connector.reserved
                && reserved.until.take_due(now)
            {
                connector.reserved = None;
            }
        }
    }

    pub(super) fn is_reserved(&self, connector_id: ConnectorId) -> bool {
        self.connectors[connector_id as usize - 1]
            .reserved
            .is_some()
    }

    /// Whether anybody may begin here without a word.
    pub(super) fn is_free(&self, connector_id: ConnectorId) -> bool {
        !self.connectors[connector_id as usize - 1].finishing && !self.is_reserved(connector_id)
    }

    /// The connector that is kept for this tag or its group.
    pub(super) fn reserved_for(
        &self,
        id_tag: &str,
        parent: Option<&Arc<str>>,
    ) -> Option<ConnectorId> {
        let mut ids = (1..).zip(&self.connectors);
        ids.find(|(_, connector)| {
            let reserved = connector.reserved.as_ref();
            reserved.is_some_and(|reserved| reserved.is_for(id_tag, parent))
        })
        .map(|(id, _)| id)
    }

    pub(super) fn is_reserved_for_another(
        &self,
        connector_id: ConnectorId,
        id_tag: &str,
        parent: Option<&Arc<str>>,
    ) -> bool {
        let reserved = &self.connectors[connector_id as usize - 1].reserved;
        reserved
            .as_ref()
            .is_some_and(|reserved| !reserved.is_for(id_tag, parent))
    }
}
