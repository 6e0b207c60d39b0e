//! Drops what is old: a task that deletes a part at a time in the background, and leaves the database to others for as long
//! as each part took. What goes when stands in `store/upkeep/retention.rs`, and what was dropped in `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::options::{Retention, days};
use crate::store::{
    Dropped, Dropping, OfPoint, Old, OldestOfConnector, OldestOfPoint, PART_ROWS, Part, Result,
    StatusPart, Store,
};

impl Retention {
    const fn age(&self, of: OfPoint) -> Duration {
        match of {
            OfPoint::MeterValue => self.meter_values,
            OfPoint::Event => self.events,
            OfPoint::Stop => self.stops_of_nobody,
        }
    }

    fn rows_max(&self, of: OfPoint) -> i64 {
        i64::from(match of {
            OfPoint::MeterValue => self.meter_values_max,
            OfPoint::Event => self.events_max,
            OfPoint::Stop => self.stops_max,
        })
    }

    fn age_of_old(&self, old: Old) -> Duration {
        match old {
            Old::SentLetter => self.sent_notifications,
            Old::FailedLetter => self.failed_notifications,
            Old::CommissioningEntry | Old::Commissioning => self.commissioning_runs,
            Old::Invitation => self.invitations,
            Old::GuestSession => self.unbegun_guest_sessions,
            Old::Certificate => self.expired_certificates,
            // Later than its last letter, whether that was sent or given up.
            Old::Webhook => self.sent_notifications.max(self.failed_notifications) + days(7),
            // As the API promises.
            Old::IdempotentAnswer | Old::RoamingGrant | Old::RoamingReservation => days(1),
            Old::RoamingCommand => days(30),
        }
    }
}

/// What a bill may need goes where a charge point has so many times more than it may have.
const NEEDED_FACTOR: i64 = 10;
/// One round in so many looks for what is too much, which reads as many rows as there may be.
const ROUNDS_PER_COUNT: u32 = 6;
/// The pause after a round is so many times as long as the round, at least.
const SHARE: u32 = 4;

/// What the sweep needs of the server.
#[derive(Clone)]
pub(crate) struct Parts {
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub retention: Retention,
    /// How often old rows are looked for.
    pub interval: Duration,
    pub shutdown: CancellationToken,
}

/// Sweeps until the shutdown.
pub(crate) async fn sweep(parts: Parts) {
    let mut rounds = 0_u32;
    loop {
        let begun = Instant::now();
        let sweep = Sweep {
            parts: &parts,
            now_ms: parts.clock.now_ms(),
            counts: rounds.is_multiple_of(ROUNDS_PER_COUNT),
        };
        let done = tokio::select! {
            done = sweep.round() => done,
            () = parts.shutdown.cancelled() => return,
        };
        if let Err(error) = done {
            tracing::debug!(cause = %error, "old rows were not dropped, and will be in a later round");
        }
        rounds = rounds.wrapping_add(1);
        let pause = parts.interval.max(begun.elapsed() * SHARE);
        tokio::select! {
            () = sleep(pause) => {}
            () = parts.shutdown.cancelled() => return,
        }
    }
}

/// One round.
struct Sweep<'a> {
    parts: &'a Parts,
    now_ms: i64,
    /// Whether it looks for what is too much.
    counts: bool,
}

impl Sweep<'_> {
    async fn round(&self) -> Result<()> {
        for old in Old::ALL {
            self.drop_old(old).await?;
        }
        self.drop_unsent_mail().await?;
        let store = &self.parts.store;
        let mut after = String::new();
        loop {
            let points = store.oldest_of_points(&after).await?;
            let Some(last) = points.last() else {
                return Ok(());
            };
            let to = last.charge_point_id.clone();
            for point in &points {
                for of in OfPoint::ALL {
                    self.drop_of_point(point, of).await?;
                }
            }
            for connector in store.oldest_of_connectors(&after, &to).await? {
                self.drop_of_connector(&connector).await?;
            }
            after = to;
        }
    }

    fn before_ms(&self, age: Duration) -> i64 {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.saturating_sub(age_ms)
    }

    /// Counts a part, and leaves the database alone for as long as it took; how many rows it were. `None` when another
    /// server is at it.
    async fn dropped(&self, table: Dropping, dropped: Dropped, begun: Instant) -> Option<i64> {
        let Dropped::Rows(rows, _) = dropped else {
            return None;
        };
        self.parts.metrics.dropped(table, rows);
        if rows > 0 {
            sleep(begun.elapsed()).await;
        }
        Some(rows)
    }

    async fn drop_old(&self, old: Old) -> Result<()> {
        let before_ms = self.before_ms(self.parts.retention.age_of_old(old));
        loop {
            let begun = Instant::now();
            let dropped = self.parts.store.drop_old(old, before_ms).await?;
            let rows = self.dropped(old.table(), dropped, begun).await;
            if rows.is_none_or(|rows| rows < PART_ROWS) {
                return Ok(());
            }
        }
    }

    async fn drop_unsent_mail(&self) -> Result<()> {
        let before_ms = self.before_ms(self.parts.retention.failed_notifications);
        loop {
            let begun = Instant::now();
            let dropped = self.parts.store.drop_unsent_mail(before_ms, self.now_ms);
            let rows = self.dropped(Dropping::Outbox, dropped.await?, begun).await;
            if rows.is_none_or(|rows| rows < PART_ROWS) {
                return Ok(());
            }
        }
    }

    async fn drop_of_point(&self, point: &OldestOfPoint, of: OfPoint) -> Result<()> {
        let (store, retention) = (&self.parts.store, &self.parts.retention);
        let Some(oldest_ms) = point.oldest_ms(of) else {
            return Ok(());
        };
        let id = &point.charge_point_id;
        let mut before_ms = self.before_ms(retention.age(of));
        if self.counts {
            let rows_max = retention.rows_max(of);
            let bound_ms = store.bound_of_point(of, id, rows_max).await?;
            before_ms = before_ms.max(bound_ms.unwrap_or(i64::MIN));
            let needed_max = rows_max.saturating_mul(NEEDED_FACTOR);
            if of == OfPoint::MeterValue
                && bound_ms.is_some()
                && let Some(bound_ms) = store.bound_of_point(of, id, needed_max).await?
            {
                self.drop_parts(of, id, (oldest_ms, bound_ms), true).await?;
            }
        }
        if oldest_ms < before_ms {
            self.drop_parts(of, id, (oldest_ms, before_ms), false)
                .await?;
        }
        Ok(())
    }

    async fn drop_parts(
        &self,
        of: OfPoint,
        charge_point: &str,
        (mut from_ms, before_ms): (i64, i64),
        even_needed: bool,
    ) -> Result<()> {
        loop {
            let begun = Instant::now();
            let part = Part {
                of,
                charge_point_id: charge_point.to_owned(),
                from_ms,
                before_ms,
                now_ms: self.now_ms,
                even_needed,
            };
            let dropped = self.parts.store.drop_part(part).await?;
            let rows = self.dropped(of.table(), dropped, begun).await;
            if rows.is_none_or(|rows| rows < PART_ROWS) {
                return Ok(());
            }
            if let Dropped::Rows(_, last_ms) = dropped {
                from_ms = from_ms.max(last_ms);
            }
        }
    }

    async fn drop_of_connector(&self, connector: &OldestOfConnector) -> Result<()> {
        let (store, retention) = (&self.parts.store, &self.parts.retention);
        let Some(oldest_ms) = connector.oldest_ms else {
            return Ok(());
        };
        let mut before_ms = self.before_ms(retention.status_history);
        if self.counts {
            let key = (connector.charge_point_id.as_str(), connector.connector_id);
            let rows_max = i64::from(retention.statuses_max);
            let bound_ms = store.bound_of_connector(key, rows_max).await?;
            before_ms = before_ms.max(bound_ms.unwrap_or(i64::MIN));
            let needed_max = rows_max.saturating_mul(NEEDED_FACTOR);
            if bound_ms.is_some()
                && let Some(bound_ms) = store.bound_of_connector(key, needed_max).await?
            {
                self.drop_statuses(connector, bound_ms, true).await?;
            }
        }
        if oldest_ms < before_ms {
            self.drop_statuses(connector, before_ms, false).await?;
        }
        Ok(())
    }

    async fn drop_statuses(
        &self,
        connector: &OldestOfConnector,
        before_ms: i64,
        even_needed: bool,
    ) -> Result<()> {
        loop {
            let begun = Instant::now();
            let part = StatusPart {
                charge_point_id: connector.charge_point_id.clone(),
                connector_id: connector.connector_id,
                before_ms,
                now_ms: self.now_ms,
                even_needed,
            };
            let dropped = self.parts.store.drop_statuses(part).await?;
            let table = Dropping::ConnectorHistory;
            let rows = self.dropped(table, dropped, begun).await;
            if rows.is_none_or(|rows| rows < PART_ROWS) {
                return Ok(());
            }
        }
    }
}
