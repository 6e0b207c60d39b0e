//! What leaves this server by itself: webhooks and mail.
//!
//! - What is stored as a fact is told in the fact's own transaction ([`Conn::tell`](crate::store)); what is no
//!   fact of the database (sockets, commands) goes through [`Outbox::tell`] right after it happened, in order. While
//!   the database takes nothing it waits in memory, so much of it and until the process ends; what is lost is counted.
//! - Organizations without webhooks cost a look into a map. The map is read again on every change in this
//!   process, and each second for those of others.
//! - Letters are sent at least once and in order per lane, by [`deliver`]; a letter's id stays the same.
//!
//! Not here: what the letters say (`domain::occurrence`), and where they are kept (`store::letters::outbox`).

mod announce;
mod deliver;
mod mail;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::Store;

pub(crate) use announce::{Outbox, write_announced};
pub(crate) use deliver::deliver;
pub(crate) use mail::{Mail, mail};
pub(crate) use webhook::{Webhooks, check_url, said};

/// How often the webhooks that another process made are looked for.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// What the tasks of the outbox need of the server.
#[derive(Clone)]
pub(crate) struct Parts {
    pub store: Store,
    pub outbox: Arc<Outbox>,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub shutdown: CancellationToken,
}

/// Reads who waits for what, each second, until the shutdown.
pub(crate) async fn refresh_awaited(parts: Parts) {
    let mut ticks = interval(REFRESH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = parts.shutdown.cancelled() => return,
        }
        if let Err(error) = parts.outbox.refresh(&parts.store).await {
            // What was known stays known; the database's outage has a line of its own.
            tracing::debug!(cause = %error, "the webhooks were not read");
        }
    }
}
