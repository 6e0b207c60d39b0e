//! What charge points report about themselves: boots, connector status, and notes such as firmware progress
//! or security events. Facts are kept as they were said.

use serde_json::json;

use crate::clock::rfc3339;
use crate::domain::charge_points::connector::ConnectorState;
use crate::domain::occurrence::Occurrence;
use crate::domain::transactions::ending;
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
    occurrence: Option<Occurrence>,
) -> Result<(Registration, Option<i64>)> {
    store
        .write(
            (facts, event, occurrence),
            |(facts, event, occurrence), conn| {
                Box::pin(async move {
                    conn.insert_event(event).await?;
                    let answer = conn.booted(facts).await?;
                    if let Some(occurrence) = occurrence {
                        let data = json!({
                            "vendor": facts.vendor,
                            "model": facts.model,
                            "serial_number": facts.serial_number,
                            "firmware_version": facts.firmware_version,
                            "registration": answer.0.as_str(),
                        });
                        conn.tell(occurrence, &data).await?;
                    }
                    Ok(answer)
                })
            },
        )
        .await
}

/// Keeps the status of a connector. Available leaves an open transaction without a stop, and what charges brings it
/// back. What was reported before is no change that is told.
pub(crate) async fn connector_status(
    store: &Store,
    report: ConnectorReport,
    occurrence: Option<Occurrence>,
) -> Result<()> {
    store
        .write((report, occurrence), |(report, occurrence), conn| {
            Box::pin(async move {
                let before = match occurrence {
                    Some(_) => conn.connector(report).await?,
                    None => None,
                };
                conn.insert_status(report).await?;
                let kept = conn.set_connector(report).await?;
                let now = (report.state.word().to_owned(), report.error_code.clone());
                if let Some(occurrence) =
                    occurrence.as_ref().filter(|_| kept && before != Some(now))
                {
                    conn.tell(occurrence, &status_changed(report)).await?;
                }
                if !kept || report.connector_id == 0 {
                    return Ok(());
                }
                let place = (report.charge_point_id.as_str(), report.connector_id);
                let (stamp_ms, received_at_ms) = (report.stamp_ms, report.received_at_ms);
                match report.state.phase {
                    None if report.state == ConnectorState::FREE => {
                        ending::leave(conn, place, stamp_ms, received_at_ms).await
                    }
                    Some(phase) if phase.is_of_transaction() => {
                        ending::come_back(conn, place, stamp_ms, received_at_ms).await
                    }
                    _ => Ok(()),
                }
            })
        })
        .await
}

fn status_changed(report: &ConnectorReport) -> serde_json::Value {
    json!({
        "connector_id": report.connector_id,
        "status": report.state.word(),
        "error_code": report.error_code,
        "info": report.info,
        "vendor_error_code": report.vendor_error_code,
        "timestamp": rfc3339(report.stamp_ms.unwrap_or(report.received_at_ms)),
    })
}
