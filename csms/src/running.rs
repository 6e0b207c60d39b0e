//! A CSMS that serves: what the process around it can ask it, and its end.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::clock::Clock;
use crate::demo;
use crate::domain::charge_points::certificate::Issued;
use crate::domain::command::{Answer, CallFailure, Command};
use crate::ocpp;
use crate::sessions::Sessions;
use crate::store::{self, NewCertificate, Owner, Store, StoreError};

/// How long requests, sockets and the last times may take at shutdown, before the store is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(6);
/// The pause before a task that panicked begins anew.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
/// Charge points whose times are written in one job; between two jobs others get their turn.
const PRESENCES_PER_COMMIT: usize = 200;

/// A running CSMS.
pub struct Csms {
    pub(crate) app: Arc<App>,
    pub(crate) tasks: TaskTracker,
    /// Ends after the sockets: their ends are told.
    pub(crate) announcing: TaskTracker,
    pub(crate) http_addr: SocketAddr,
    pub(crate) ocpp_addr: SocketAddr,
    pub(crate) https_addr: Option<SocketAddr>,
    pub(crate) ocpps_addr: Option<SocketAddr>,
    pub(crate) api_key: String,
    pub(crate) generated_key: bool,
    pub(crate) stations: Vec<demo::Station>,
    /// Where the root of the server's certificate lies, when the built-in authority issued it.
    pub(crate) root_at: Option<String>,
}

impl Csms {
    /// Where the REST API listens.
    #[must_use]
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where charge points connect.
    #[must_use]
    pub const fn ocpp_addr(&self) -> SocketAddr {
        self.ocpp_addr
    }

    /// Where the REST API listens with TLS.
    #[must_use]
    pub const fn https_addr(&self) -> Option<SocketAddr> {
        self.https_addr
    }

    /// Where charge points connect with TLS.
    #[must_use]
    pub const fn ocpps_addr(&self) -> Option<SocketAddr> {
        self.ocpps_addr
    }

    /// The root of the built-in certificate authority, as PEM.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        self.app.authority.root_pem()
    }

    /// Issues a certificate to a charge point that is known, and keeps everything but its key.
    ///
    /// # Errors
    /// When the database fails, or there is no such charge point.
    pub async fn issue_certificate(
        &self,
        id: &ChargePointId,
        validity_days: u16,
    ) -> Result<Issued, StoreError> {
        let (app, now_ms) = (&self.app, self.app.clock().now_ms());
        let point = app.store.charge_point(id.as_str()).await?;
        let missing = || StoreError::Missing(format!("the charge point {:?}", id.as_str()));
        let owner = Owner::organization(point.ok_or_else(missing)?.organization_id);
        let point = app.store.owned_point(&owner, id.as_str()).await?;
        let point = point.ok_or_else(missing)?;
        let issued = app.authority.issue(id, validity_days, now_ms);
        let issued = issued.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let row = NewCertificate::of(&issued, &point);
        if app.store.add_certificate(row).await? {
            Ok(issued)
        } else {
            Err(missing())
        }
    }

    /// The key that was given or generated; empty when the database had keys already and none was given.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The charge points that belong behind the data of the demo; none without it.
    #[must_use]
    pub fn stations(&self) -> &[demo::Station] {
        &self.stations
    }

    /// The store, to register tags and charge points.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Who is connected, and a way to call them.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.app.sessions
    }

    /// Commands a charge point, whichever version it speaks, and waits for its answer.
    ///
    /// # Errors
    /// When the database fails before it is sent; inside, why there is no good answer.
    pub fn send<'c>(
        &'c self,
        id: &'c ChargePointId,
        command: &'c Command,
    ) -> BoxFuture<'c, Result<Result<Answer, CallFailure>, StoreError>> {
        Box::pin(async move { Ok(ocpp::send(&self.app, id, command).await?.result) })
    }

    /// Puts a mail into the outbox; it leaves when SMTP is configured.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn post_mail(
        &self,
        recipient: &str,
        subject: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let mail = store::Mail {
            recipient: recipient.to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
            created_at_ms: self.app.clock().now_ms(),
        };
        self.app.store.post_mail(mail).await?;
        self.app.outbox.posted();
        Ok(())
    }

    /// Closes all sockets, commits what is queued, and closes the database. Takes 10 seconds at most, also
    /// when the database or a peer does not answer.
    pub fn shutdown(self) -> BoxFuture<'static, ()> {
        Box::pin(self.drain())
    }

    async fn drain(self) {
        let presences = self.app.sessions.presences();
        self.app.shutdown.cancel();
        self.tasks.close();
        let gone = async {
            self.tasks.wait().await;
            self.app.sockets.close();
            self.app.sockets.wait().await;
            // What was received is stored, also where nobody hears the answer any more.
            self.app.handlers.close();
            self.app.handlers.wait().await;
            self.app.jobs.close();
            self.app.jobs.wait().await;
            self.announcing.close();
            self.announcing.wait().await;
            if let Err(error) = self.app.store.heard_of(presences).await {
                tracing::warn!(cause = %error, "the times charge points were last seen are lost");
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, gone).await.is_err() {
            let handlers = self.app.handlers.len();
            tracing::warn!(
                handlers,
                "some requests, connections or handlers were cut off"
            );
        }
        self.app.store.close().await;
    }
}

/// Runs what goes on until the shutdown. A panic ends neither it nor the server: it begins anew after a pause.
pub(crate) async fn lasting<F: Future<Output = ()>>(what: &'static str, begin: impl Fn() -> F) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(what, "a task of the server panicked; it begins anew");
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}

/// Writes down when charge points were last heard of, each `pause`.
pub(crate) async fn write_presences(
    sessions: Arc<Sessions>,
    store: Store,
    pause: Duration,
    shutdown: CancellationToken,
) {
    let mut interval = tokio::time::interval(pause);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval.reset();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        for presences in sessions.presences().chunks(PRESENCES_PER_COMMIT) {
            match store.heard_of(presences.to_vec()).await {
                Err(error) if !error.is_in_the_log() => tracing::warn!(
                    cause = %error, "the times charge points were last seen were not written"
                ),
                _ => {}
            }
        }
    }
}

/// The pause before who came and went is written down once more.
const TURNS_AGAIN: Duration = Duration::from_secs(1);
/// How long it is waited for others that come or go too.
const TURNS_PAUSE: Duration = Duration::from_millis(50);

/// Writes down who comes and goes: partners are told of it.
pub(crate) async fn write_turns(
    sessions: Arc<Sessions>,
    store: Store,
    clock: Clock,
    shutdown: CancellationToken,
) {
    loop {
        let turned = tokio::select! {
            turned = sessions.turned() => turned,
            () = shutdown.cancelled() => return,
        };
        let now_ms = clock.now_ms();
        let turned: Vec<ChargePointId> = turned.into_iter().collect();
        let turns = turned.iter().map(|id| {
            let is_online = sessions.is_online(id);
            (id.as_str().to_owned(), is_online, now_ms)
        });
        if let Err(error) = store.turned(turns.collect()).await {
            if !error.is_in_the_log() {
                tracing::warn!(cause = %error, "it was not written down who came and went");
            }
            sessions.turn_again(turned);
            tokio::time::sleep(TURNS_AGAIN).await;
        }
        tokio::time::sleep(TURNS_PAUSE).await;
    }
}

/// How often it is written down how far an SQLite database is.
const MARK_INTERVAL: Duration = Duration::from_mins(1);

/// Lets the next start notice that the journal of an SQLite database is missing.
pub(crate) async fn mark_served(store: Store, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(MARK_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval.reset();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        if let Err(error) = store.mark_served().await {
            tracing::debug!(cause = %error, "the database was not marked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[tokio::test]
    async fn a_task_that_panics_begins_anew_and_one_that_ends_does_not() {
        let begun = AtomicU32::new(0);
        let task = || async { assert!(begun.fetch_add(1, Relaxed) == 2, "not yet") };
        lasting("a test", task).await;
        assert_eq!(begun.load(Relaxed), 3);
    }
}
