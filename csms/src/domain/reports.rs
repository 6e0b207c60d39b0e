//! What charge points report about themselves: boots, connector status, and notes such as firmware progress
//! or security events. Facts are kept as they were said.

use super::billing;
use super::transaction::available_abandons;
use crate::store::{BootFacts, ConnectorReport, Registration, Result, Store};

/// A fact that is kept as it was said.
pub(crate) struct Event {
    pub charge_point_id: String,
    /// The name of the message.
    pub kind: &'static str,
    /// Its payload as JSON text.
    pub message: String,
    /// The charge point's stamp, if the message has one. With it the same text again is a retransmission.
    pub stamp_ms: Option<i64>,
    pub received_at_ms: i64,
}

/// Keeps an event.
pub(crate) async fn event(store: &Store, event: Event) -> Result<()> {
    store
        .write(event, |event, conn| {
            Box::pin(async move { conn.insert_event(event).await })
        })
        .await
}

/// Keeps a boot and tells whether the charge point is let in, and the interval if it has one of its own.
pub(crate) async fn boot(
    store: &Store,
    facts: BootFacts,
    event: Event,
) -> Result<(Registration, Option<i64>)> {
    store
        .write((facts, event), |(facts, event), conn| {
            Box::pin(async move {
                conn.insert_event(event).await?;
                conn.booted(facts).await
            })
        })
        .await
}

/// Keeps the status of a connector; Available ends an open transaction that was left without a stop.
pub(crate) async fn connector_status(store: &Store, report: ConnectorReport) -> Result<()> {
    store
        .write(report, |report, conn| {
            Box::pin(async move {
                conn.insert_status(report).await?;
                let kept = conn.set_connector(report).await?;
                if !kept || report.status != "Available" || report.connector_id == 0 {
                    return Ok(());
                }
                let (charge_point, connector) = (&report.charge_point_id, report.connector_id);
                for (id, started_at_ms) in conn.open_on(charge_point, connector).await? {
                    if available_abandons(report.stamp_ms, started_at_ms) {
                        conn.abandon(id).await?;
                        billing::settle(conn, id).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}
