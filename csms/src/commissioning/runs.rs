//! The commissioning runs that have a task in this process.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// The runs that have a task.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashSet<String>>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A run that has a task. When this is dropped, also by a panic, the run can be taken up again, once its lease is over.
pub(super) struct Taken {
    runs: Runs,
    run: String,
}

impl Taken {
    /// None where the run has a task already.
    pub(super) fn take(runs: &Runs, run: &str) -> Option<Self> {
        let is_new = runs.lock().insert(run.to_owned());
        is_new.then(|| Self {
            runs: runs.clone(),
            run: run.to_owned(),
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.run);
    }
}
