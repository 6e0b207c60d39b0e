//! Records for the tests of the rules.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::SystemTime;

use dynamo_protocol::trace::Direction;

use super::Circumstances;
use crate::case::side::Side;
use crate::wire::entry::{Entry, EntryKind, Message};

static NO_ERRORS: LazyLock<HashSet<String>> = LazyLock::new(HashSet::new);

/// A scenario that came to its end and allowed nothing beyond its steps; a charge point has two connectors.
pub(super) fn plain(side: Side) -> Circumstances<'static> {
    Circumstances {
        side,
        allowed: &[],
        errors_expected: &NO_ERRORS,
        whole: true,
        newest: true,
        connectors: 2,
        moved_clock: false,
        schemas: None,
    }
}

/// Something that a step awaited.
pub(super) fn entry(kind: EntryKind) -> Entry {
    Entry {
        at: SystemTime::now(),
        kind,
        consumed: true,
    }
}

/// A frame that a step awaited.
pub(super) fn frame(direction: Direction, raw: &str) -> Entry {
    entry(EntryKind::Frame {
        direction,
        raw: raw.into(),
        message: Message::read(raw),
    })
}

/// Frames that steps awaited.
pub(super) fn frames(frames: &[(Direction, &str)]) -> Vec<Entry> {
    frames
        .iter()
        .map(|(direction, raw)| frame(*direction, raw))
        .collect()
}

/// The same, and no step awaited it.
pub(super) fn unaccounted(entry: Entry) -> Entry {
    Entry {
        consumed: false,
        ..entry
    }
}
