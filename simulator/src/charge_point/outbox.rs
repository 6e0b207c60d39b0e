//! Messages that are worth nothing later: they wait for their turn on the line and are forgotten when it breaks.
//!
//! Transaction messages are kept elsewhere ([`queue`](super::queue)); both take their place in one order of events.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::ConnectorId;
use super::message::Reading;
use super::status::State;

/// Most messages that wait besides states, and besides one reading per connector.
const NOTES_MAX: usize = 32;
/// Most states of one connector that wait.
const STATUSES_MAX: usize = 8;

/// A message without a future.
#[derive(Debug)]
pub(super) enum Note {
    Boot,
    Heartbeat,
    Status {
        connector_id: ConnectorId,
        state: State,
        at_ms: i64,
    },
    Authorize {
        id_tag: Arc<str>,
        purpose: Purpose,
    },
    MeterValues {
        connector_id: ConnectorId,
        transaction_id: Option<i64>,
        reading: Reading,
    },
}

/// What a tag is meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Begin a transaction, here or where it makes sense.
    Start(Option<ConnectorId>),
    /// End the transaction at this connector.
    Stop(ConnectorId),
}

/// The waiting notes, each with its place in the order of events.
#[derive(Debug)]
pub(super) struct Outbox {
    notes: VecDeque<(u64, Note)>,
    /// Bound of those that are no states.
    room: usize,
}

impl Outbox {
    /// An empty one of a charge point with so many connectors.
    pub(super) fn new(connectors: usize) -> Self {
        Self {
            notes: VecDeque::new(),
            room: NOTES_MAX + connectors,
        }
    }

    /// Whether something that can be refused still fits.
    pub(super) fn has_room(&self) -> bool {
        self.has_room_for(1)
    }

    /// Whether so many messages still fit; states always do.
    pub(super) fn has_room_for(&self, notes: usize) -> bool {
        let is_other = |(_, note): &&(u64, Note)| !matches!(note, Note::Status { .. });
        let others = self.notes.iter().filter(is_other).count();
        others + notes <= self.room
    }

    pub(super) fn len(&self) -> usize {
        self.notes.len()
    }

    pub(super) fn contains(&self, test: impl Fn(&Note) -> bool) -> bool {
        self.notes.iter().any(|(_, note)| test(note))
    }

    /// At the bound the oldest state of a connector makes room for its newest, and readings and heartbeats for
    /// everything else.
    pub(super) fn push(&mut self, place: u64, note: Note) {
        if let Note::Status { connector_id, .. } = note {
            let mut same = self.notes.iter().enumerate().filter(|(_, (_, old))| {
                matches!(old, Note::Status { connector_id: other, .. } if *other == connector_id)
            });
            let oldest = same.next().map(|(index, _)| index);
            if same.count() + 1 >= STATUSES_MAX {
                oldest.map(|index| self.notes.remove(index));
            }
        } else if !self.has_room() {
            let gives_way =
                |note: &Note| matches!(note, Note::MeterValues { .. } | Note::Heartbeat);
            let Some(victim) = self.notes.iter().position(|(_, old)| gives_way(old)) else {
                return;
            };
            self.notes.remove(victim);
        }
        self.notes.push_back((place, note));
    }

    /// The place of the next note.
    pub(super) fn head(&self) -> Option<u64> {
        self.notes.front().map(|(place, _)| *place)
    }

    pub(super) fn pop(&mut self) -> Option<Note> {
        let note = self.notes.pop_front().map(|(_, note)| note);
        if self.notes.is_empty() {
            self.notes = VecDeque::new();
        }
        note
    }

    /// The line is gone: the tags that wait for judgement come back, everything else is forgotten.
    pub(super) fn clear(&mut self) -> Vec<(Arc<str>, Purpose)> {
        std::mem::take(&mut self.notes)
            .into_iter()
            .filter_map(|(_, note)| match note {
                Note::Authorize { id_tag, purpose } => Some((id_tag, purpose)),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge_point::words::Status;

    fn status(connector_id: ConnectorId) -> Note {
        Note::Status {
            connector_id,
            state: Status::Available.into(),
            at_ms: 0,
        }
    }

    #[test]
    fn at_the_bound_there_is_room_for_states_only() {
        let mut outbox = Outbox::new(3);
        for place in 0..100 {
            assert_eq!(outbox.has_room(), place < 35);
            outbox.push(place, Note::Boot);
        }
        assert_eq!(outbox.len(), NOTES_MAX + 3);
        for connector_id in 0..4 {
            for place in 0..100 {
                outbox.push(place, status(connector_id));
            }
        }
        assert_eq!(outbox.len(), NOTES_MAX + 3 + 4 * STATUSES_MAX);
    }

    #[test]
    fn states_take_no_room_from_anything_else() {
        let mut outbox = Outbox::new(100);
        for connector_id in 0..=100 {
            outbox.push(1, status(connector_id));
        }
        assert!(outbox.has_room_for(NOTES_MAX + 100) && !outbox.has_room_for(NOTES_MAX + 101));
    }

    #[test]
    fn a_lost_line_gives_the_tags_back() {
        let mut outbox = Outbox::new(1);
        outbox.push(1, status(1));
        outbox.push(
            2,
            Note::Authorize {
                id_tag: "A".into(),
                purpose: Purpose::Stop(1),
            },
        );
        assert_eq!(outbox.clear(), [("A".into(), Purpose::Stop(1))]);
        assert_eq!(outbox.head(), None);
    }
}
