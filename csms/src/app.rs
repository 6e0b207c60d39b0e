//! What everything inside a running CSMS shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Mono};
use crate::metrics::Metrics;
use crate::ocpp::registrations::Registrations;
use crate::ocpp::sessions::Sessions;
use crate::public::PublicUrls;
use crate::store::{Probe, Store};
use crate::tls::authority::Authority;
use crate::{Options, commissioning, guest, ocpi, ocpp, outbox, password, payment, rest};

/// What everything inside shares.
pub(crate) struct App {
    pub options: Options,
    /// As charge points, and what follows from their messages, read and write it.
    pub store: Store,
    /// The same as the API reads and writes it.
    pub rest_store: Store,
    pub outbox: Arc<outbox::Outbox>,
    pub sessions: Arc<Sessions>,
    pub passwords: password::Passwords,
    pub guesses: password::guesses::Guesses,
    pub key_changes: ocpp::key_changes::KeyChanges,
    pub attempts: rest::attempts::Attempts,
    pub tokens: rest::token::Tokens,
    pub urls: PublicUrls,
    pub authority: Arc<Authority>,
    pub metrics: Arc<Metrics>,
    pub mono: Mono,
    pub registrations: Arc<Registrations>,
    pub probe: Probe,
    pub refusals: Arc<ocpp::refusal_log::RefusalLog>,
    /// Tells this process from every other one on the same database.
    pub run_id: String,
    pub shutdown: CancellationToken,
    /// The tasks that own a socket.
    pub sockets: TaskTracker,
    /// Work on what charge points sent. It is done to the end, whatever becomes of their sockets.
    pub handlers: TaskTracker,
    /// Work that outlives the request it came with.
    pub jobs: TaskTracker,
    pub pace: ocpp::pace::Pace,
    pub taps: ocpp::taps::Taps,
    /// Turns of pushing configuration after a boot.
    pub pushes: tokio::sync::Semaphore,
    pub runs: commissioning::runs::Runs,
    pub payments: Arc<dyn payment::Gateway>,
    pub guests: Arc<guest::desks::Guests>,
    pub partners: ocpi::Partners,
    /// A result of an order is to be told.
    pub outcomes: tokio::sync::Notify,
}

impl App {
    pub(crate) const fn clock(&self) -> &Clock {
        &self.options.clock
    }
}
