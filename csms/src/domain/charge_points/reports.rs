//! What charge points report about themselves: boots, connector status, and notes such as firmware progress
//! or security events. Facts are kept as they were said.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use serde_json::json;

use crate::clock::rfc3339;
use crate::domain::charge_points::connector::ConnectorState;
use crate::domain::charge_points::event::Event;
use crate::domain::occurrence::Occurrence;
use crate::domain::transactions::ending;
use crate::store::{
    BootFacts, Conn, ConnectorReport, Folded, Registration, Result, Store, StoreError,
};

/// Keeps an event.
pub(crate) async fn event(store: &Store, event: Event) -> Result<()> {
    store
        .write(event, |event, conn| {
            Box::pin(async move { conn.insert_events(&[event]).await })
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
    let boot = Boot {
        facts,
        event,
        occurrence,
    };
    store.write_folded(boot).await
}

/// A boot, and how webhooks are told of it.
struct Boot {
    facts: BootFacts,
    event: Event,
    occurrence: Option<Occurrence>,
}

impl Folded for Boot {
    type Done = (Registration, Option<i64>);

    fn charge_point(&self) -> &str {
        &self.facts.charge_point_id
    }

    fn run_all<'c>(
        boots: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(keep_boots(boots, conn))
    }
}

async fn keep_boots(boots: &[&Boot], conn: &mut Conn) -> Result<Vec<(Registration, Option<i64>)>> {
    let events: Vec<&Event> = boots.iter().map(|boot| &boot.event).collect();
    conn.insert_events(&events).await?;
    let facts: Vec<&BootFacts> = boots.iter().map(|boot| &boot.facts).collect();
    let known = conn.booted(&facts).await?;
    let mut answers = Vec::with_capacity(boots.len());
    for Boot {
        facts, occurrence, ..
    } in boots
    {
        let Some(answer) = known.get(&facts.charge_point_id).copied() else {
            return Err(StoreError::Missing(facts.charge_point_id.clone()));
        };
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
        answers.push(answer);
    }
    Ok(answers)
}

/// Keeps the status of a connector. Available leaves an open transaction without a stop, and what charges brings it
/// back. What was reported before is no change that is told.
pub(crate) async fn connector_status(
    store: &Store,
    report: ConnectorReport,
    occurrence: Option<Occurrence>,
) -> Result<()> {
    let report = StatusReport { report, occurrence };
    store.write_folded(report).await
}

/// A report, and how webhooks are told of it.
struct StatusReport {
    report: ConnectorReport,
    occurrence: Option<Occurrence>,
}

impl Folded for StatusReport {
    type Done = ();

    fn charge_point(&self) -> &str {
        &self.report.charge_point_id
    }

    fn run_all<'c>(
        jobs: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(async move {
            keep_statuses(jobs, conn).await?;
            Ok(vec![(); jobs.len()])
        })
    }
}

async fn keep_statuses(jobs: &[&StatusReport], conn: &mut Conn) -> Result<()> {
    let reports: Vec<&ConnectorReport> = jobs.iter().map(|job| &job.report).collect();
    let told = jobs.iter().filter(|job| job.occurrence.is_some());
    let told: Vec<&ConnectorReport> = told.map(|job| &job.report).collect();
    let before = conn.statuses_before(&told).await?;
    conn.insert_statuses(&reports).await?;
    let kept: HashSet<(String, i64)> = conn.set_connectors(&reports).await?.into_iter().collect();
    let is_kept = |report: &ConnectorReport| kept.contains(&key(report));
    for StatusReport { report, occurrence } in jobs {
        let now = (report.state.word().to_owned(), report.error_code.clone());
        if let Some(occurrence) = occurrence
            && is_kept(report)
            && before.get(&key(report)) != Some(&now)
        {
            conn.tell(occurrence, &status_changed(report)).await?;
        }
    }
    let of_connectors = reports.into_iter();
    let of_connectors = of_connectors.filter(|report| report.connector_id != 0 && is_kept(report));
    let (mut free, mut charging) = (Vec::new(), Vec::new());
    for report in of_connectors {
        match report.state.phase {
            None if report.state == ConnectorState::FREE => free.push(report),
            Some(phase) if phase.is_of_transaction() => charging.push(report),
            _ => {}
        }
    }
    for report in conn.with_open_transaction(&free).await? {
        let (stamp_ms, received_at_ms) = (report.stamp_ms, report.received_at_ms);
        ending::leave(conn, report.place(), stamp_ms, received_at_ms).await?;
    }
    for report in conn.with_left_transaction(&charging).await? {
        let (stamp_ms, received_at_ms) = (report.stamp_ms, report.received_at_ms);
        ending::come_back(conn, report.place(), stamp_ms, received_at_ms).await?;
    }
    Ok(())
}

fn key(report: &ConnectorReport) -> (String, i64) {
    (report.charge_point_id.clone(), report.connector_id)
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
