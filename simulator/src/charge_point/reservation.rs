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
    expires_at_ms: i64,
    pub(super) until: Deadline,
}

impl Reservation {
    /// Foresees its end by a clock that shows this.
    pub(super) fn arm(&mut self, now: Time, wall_ms: i64) {
        let left_ms = self.expires_at_ms.saturating_sub(wall_ms);
        let left_ms = u64::try_from(left_ms).unwrap_or(0);
        self.until = Deadline::at(now.mono_ms.saturating_add(left_ms));
    }

    fn is_for(&self, id_tag: &str, parent: Option<&Arc<str>>) -> bool {
        same_tag(&self.id_tag, id_tag) || same_group(self.parent.as_ref(), parent)
    }
}

impl ChargePoint {
    pub(super) fn reserve(&mut self, wanted: Reserve, now: Time) -> ReservationReply {
        let wall_ms = self.clock.wall_ms(now);
        let whole = self.whole.fault;
        let Some(connector) = self.connector(wanted.connector_id) else {
            return ReservationReply::Rejected;
        };
        if wanted.expires_at_ms <= wall_ms {
            return ReservationReply::Rejected;
        }
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
            let mut reserved = Reservation {
                id: wanted.reservation_id,
                id_tag: wanted.id_tag,
                parent: wanted.parent,
                expires_at_ms: wanted.expires_at_ms,
                until: Deadline::NEVER,
            };
            reserved.arm(now, wall_ms);
            connector.reserved = Some(Box::new(reserved));
        }
        ReservationReply::Accepted
    }

    /// Whether there was one.
    pub(super) fn cancel_reservation(&mut self, id: i32) -> bool {
        let mut all = self.connectors.iter_mut();
        all.find(|connector| connector.reserved.as_ref().is_some_and(|r| r.id == id))
            .is_some_and(|connector| connector.reserved.take().is_some())
    }

    /// A reservation ends at its time, and when its connector breaks or is taken out of service [1.6 §5.13].
    pub(super) fn tick_reservations(&mut self, now: Time) {
        let whole = self.whole.fault.is_some();
        for connector in &mut self.connectors {
            let is_lost = whole || connector.fault.is_some() || !connector.operative;
            if let Some(reserved) = &mut connector.reserved
                && (is_lost || reserved.until.take_due(now))
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

    /// Whether a remote start with this tag can be taken here: nobody has reserved, or it is for the tag or its group.
    /// The group that the cache does not know comes with the answer to `Authorize`, where that `is_asked`.
    pub(super) fn may_be_reserved_for(
        &self,
        connector_id: ConnectorId,
        id_tag: &str,
        is_asked: bool,
    ) -> bool {
        let parent = self.authorization.parent(id_tag, &self.configuration);
        let reserved = &self.connectors[connector_id as usize - 1].reserved;
        let for_a_group = reserved.as_ref().is_some_and(|r| r.parent.is_some());
        let open = is_asked && parent.is_none() && for_a_group;
        open || !self.is_reserved_for_another(connector_id, id_tag, parent.as_ref())
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
