//! The guest sessions that have a task in this process, and how each task is woken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, watch};

/// The sessions that have a task in this process.
#[derive(Default)]
pub(crate) struct Guests {
    /// Most of the time there is none, and charge points need no lock to know it.
    open: AtomicUsize,
    desks: Mutex<BTreeMap<(String, String), Arc<Desk>>>,
}

/// What a task and those who wait for it share.
#[derive(Default)]
pub(super) struct Desk {
    /// Something happened that may matter to the session.
    pub wake: Notify,
    /// Counts the steps of the task.
    pub steps: watch::Sender<u64>,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A charge point did something: its sessions are looked at.
    pub(crate) fn wake(&self, charge_point: &str) {
        if self.open.load(Relaxed) == 0 {
            return;
        }
        let first = (charge_point.to_owned(), String::new());
        let desks = self.lock();
        let here = desks
            .range(first..)
            .take_while(|((id, _), _)| id == charge_point);
        here.for_each(|(_, desk)| desk.wake.notify_one());
    }

    /// The desk of a session, and whether it is new.
    pub(super) fn open(&self, charge_point: &str, token: &str) -> (Arc<Desk>, bool) {
        let mut desks = self.lock();
        let key = (charge_point.to_owned(), token.to_owned());
        if let Some(desk) = desks.get(&key) {
            return (desk.clone(), false);
        }
        let desk = Arc::new(Desk::default());
        desks.insert(key, desk.clone());
        self.open.store(desks.len(), Relaxed);
        (desk, true)
    }

    /// Gives the desk of a session back when what is returned is dropped, also by a panic: then the next sweep takes the
    /// session up again.
    pub(super) fn close_later(self: &Arc<Self>, charge_point: &str, token: &str) -> Closing {
        Closing {
            guests: self.clone(),
            charge_point: charge_point.to_owned(),
            token: token.to_owned(),
        }
    }

    fn close(&self, charge_point: &str, token: &str) {
        let mut desks = self.lock();
        desks.remove(&(charge_point.to_owned(), token.to_owned()));
        self.open.store(desks.len(), Relaxed);
    }
}

/// A desk that is closed when this is dropped.
pub(super) struct Closing {
    guests: Arc<Guests>,
    charge_point: String,
    token: String,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.guests.close(&self.charge_point, &self.token);
    }
}
