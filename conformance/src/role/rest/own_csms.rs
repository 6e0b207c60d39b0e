//! A CSMS for one scenario alone: its clock can be moved, and it has no patience with charge points.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dynamo_csms::{Clock, Csms, Options};

use crate::failure::Failure;
use crate::role::rest::no_set_up;
use crate::role::rest::under_test::Place;

/// A CSMS that one scenario has for itself.
pub(super) struct OwnCsms {
    csms: Csms,
    folder: tempfile::TempDir,
    /// How far its clock is ahead.
    ahead_ms: Arc<AtomicI64>,
}

impl fmt::Debug for OwnCsms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCsms").finish_non_exhaustive()
    }
}

impl OwnCsms {
    /// Starts one with these changes to its options.
    pub(super) async fn start(change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(no_set_up)?;
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let (system, ahead) = (Clock::default(), Arc::clone(&ahead_ms));
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut options = Options {
            http: local,
            ocpp: local,
            database: format!("sqlite://{}", folder.path().join("csms.db").display()),
            webhooks_to_private_networks: true,
            clock: Clock::new(move || system.now_ms() + ahead.load(Ordering::Relaxed)),
            ..Options::default()
        };
        change(&mut options);
        let csms = dynamo_csms::start(options).await.map_err(no_set_up)?;
        Ok(Self {
            csms,
            folder,
            ahead_ms,
        })
    }

    pub(super) fn place(&self) -> Place {
        Place {
            base: format!("http://{}", self.csms.http_addr()),
            store: self.csms.store().clone(),
        }
    }

    /// Where its charge points connect.
    pub(super) fn ocpp_url(&self) -> String {
        format!("ws://{}/ocpp16", self.csms.ocpp_addr())
    }

    /// Lets time go by.
    pub(super) fn put_ahead(&self, length: Duration) {
        let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Leaves it running without its database: whatever it wants of it from now on fails.
    pub(super) async fn take_database_away(&self) {
        self.csms.store().close().await;
    }

    pub(super) async fn end(self) {
        self.csms.shutdown().await;
        if let Err(error) = self.folder.close() {
            tracing::warn!(%error, "a temporary folder stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::rest::under_test::ApiUnderTest;
    use crate::rules::rest::required::{REQUIRED, lacking};

    #[tokio::test]
    async fn the_bundled_csms_describes_all_that_is_required_and_codes_for_every_error() {
        let own = OwnCsms::start(|_| ()).await.unwrap();
        let place = own.place();
        let api = ApiUnderTest::find(place.base, reqwest::Client::new(), place.store);
        let document = &api.await.unwrap().document;
        assert_eq!(REQUIRED.lines().count(), 50);
        assert_eq!(lacking(document), Vec::<String>::new());
        let nameless = document.answers().into_iter();
        let nameless: Vec<_> = nameless
            .filter(|answer| answer.status >= 400 && answer.code.is_none())
            .collect();
        assert_eq!(nameless, []);
        own.end().await;
    }
}
