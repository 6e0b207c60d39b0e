//! Which charge points are being given a new key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynamo_protocol::ChargePointId;

/// The charge points whose key is being changed: one change at a time, so that the last one counts.
#[derive(Clone, Default)]
pub(crate) struct KeyChanges(Arc<Mutex<HashSet<ChargePointId>>>);

impl KeyChanges {
    pub(super) fn begin(&self, id: &ChargePointId) -> Option<KeyChange> {
        self.lock().insert(id.clone()).then(|| KeyChange {
            changes: self.clone(),
            id: id.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ChargePointId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that is under way, until this is dropped.
pub(super) struct KeyChange {
    changes: KeyChanges,
    id: ChargePointId,
}

impl Drop for KeyChange {
    fn drop(&mut self) {
        self.changes.lock().remove(&self.id);
    }
}
