//! Messages that are worth nothing later: they wait for their turn on the line and are forgotten when it breaks.
//!
//! Transaction messages are kept elsewhere ([`queue`](super::queue)); both take their place in one order of events.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::ConnectorId;
use super::message::Reading;
use super::words::{FaultCode, Status};

/// Most messages that wait, besides one status per connector.
const NOTES_MAX: usize = 32;

/// A message without a future.
#[derive(Debug)]
pub(super) enum Note {
    Boot,
    Heartbeat,
    Status {
        connector_id: ConnectorId,
        status: Status,
        fault: Option<FaultCode>,
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
#[derive(Debug, Default)]
pub(super) struct Outbox {
    notes: VecDeque<(u64, Note)>,
}

impl Outbox {
    /// Whether something that can be refused still fits.
    pub(super) fn has_room(&self) -> bool {
        self.notes.len() < NOTES_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.notes.len()
    }

    pub(super) fn contains(&self, test: impl Fn(&Note) -> bool) -> bool {
        self.notes.iter().any(|(_, note)| test(note))
    }

    /// At the bound a status replaces an older one of its connector, and readings and heartbeats make room.
    pub(super) fn push(&mut self, place: u64, note: Note) {
        if !self.has_room() {
            let victim = self.notes.iter().position(|(_, old)| match (old, &note) {
                (
                    Note::Status { connector_id, .. },
                    Note::Status {
                        connector_id: new, ..
                    },
                ) => connector_id == new,
                (Note::MeterValues { .. } | Note::Heartbeat, _) => true,
                _ => false,
            });
            match victim {
                Some(index) => drop(self.notes.remove(index)),
                None if matches!(note, Note::Status { .. }) => {}
                None => return,
            }
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

    fn status(connector_id: ConnectorId) -> Note {
        Note::Status {
            connector_id,
            status: Status::Available,
            fault: None,
            at_ms: 0,
        }
    }

    #[test]
    fn at_the_bound_there_is_room_for_states_only() {
        let mut outbox = Outbox::default();
        for place in 0..100 {
            outbox.push(place, Note::Boot);
        }
        assert_eq!(outbox.len(), NOTES_MAX);
        for place in 0..100 {
            outbox.push(place, status(1));
        }
        assert_eq!(outbox.len(), NOTES_MAX + 1);
    }

    #[test]
    fn a_lost_line_gives_the_tags_back() {
        let mut outbox = Outbox::default();
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
