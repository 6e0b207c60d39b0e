//! The checks, each done over OCPP.

use std::time::Duration;

use dynamo_protocol::v16::Action;
use serde_json::json;

use super::line::{Flow, Line};
use crate::App;
use crate::domain::projects::commissioning::{CheckName, TAG};
use crate::domain::transactions::claims::irregularities;
use crate::store::{ChargePointRecord, Registration, Result, Run};

/// Connectors that are asked for their status.
const CONNECTORS_MAX: usize = 100;

/// How often a transaction is asked to stop, and how long a charge point that said no has until it is asked again.
const STOPS_MAX: u32 = 5;
const STOP_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What a check found, a free connector maybe; or why it failed.
type Outcome = std::result::Result<Option<i64>, String>;

/// Does the check at `index` of the run.
pub(super) async fn check(
    app: &App,
    line: &mut Line<'_>,
    run: &mut Run,
    index: usize,
    record: &ChargePointRecord,
) -> Result<Outcome> {
    match run.checks[index].name {
        CheckName::OcppHandshake => Ok(handshake(app, line, record).await.map(|()| None)),
        CheckName::FirmwareVersion => Ok(firmware(line, record).await.map(|()| None)),
        CheckName::ConnectorAvailable => {
            let reported = app.store.connectors_of(&record.id).await?;
            let connectors = reported.into_iter().filter(|one| one.connector_id > 0);
            let known: Vec<_> = connectors
                .map(|one| (one.connector_id, one.status))
                .collect();
            Ok(connector(line, &known).await.map(Some))
        }
        CheckName::TestTransaction => test_transaction(app, line, run, index).await,
    }
}

async fn handshake(
    app: &App,
    line: &mut Line<'_>,
    record: &ChargePointRecord,
) -> std::result::Result<(), String> {
    if !app.sessions.is_online(&line.id) {
        return Err("the charge point is not connected".to_owned());
    }
    if record.connected_at_ms.is_none() || record.registration != Registration::Accepted.as_str() {
        return Err("no boot of the charge point was accepted".to_owned());
    }
    let ping = json!({"key": ["HeartbeatInterval"]});
    line.call(Action::GetConfiguration, ping).await.map(drop)
}

/// Asks for a boot notification; what cannot send one on request said its version when it booted.
async fn firmware(
    line: &mut Line<'_>,
    record: &ChargePointRecord,
) -> std::result::Result<(), String> {
    let trigger = json!({"requestedMessage": "BootNotification"});
    let taken = line.call(Action::TriggerMessage, trigger).await?;
    let version = if taken.is_accepted() {
        let boot = line.answered(Action::BootNotification, |_| true).await;
        let (boot, _) = boot.ok_or("no BootNotification came, though it was agreed to")?;
        boot["firmwareVersion"].as_str().map(str::to_owned)
    } else {
        line.note(&format!(
            "TriggerMessage was answered {}; the last boot counts",
            taken.status()
        ));
        record.firmware_version.clone()
    };
    match version.filter(|version| !version.trim().is_empty()) {
        Some(version) => {
            line.note(&format!("the firmware version is {version}"));
            Ok(())
        }
        None => Err("the charge point does not say its firmware version".to_owned()),
    }
}

/// Finds a connector on which a transaction could begin.
async fn connector(
    line: &mut Line<'_>,
    known: &[(i64, String)],
) -> std::result::Result<i64, String> {
    let unknown = [(1, "unknown".to_owned())];
    let asked = if known.is_empty() {
        &unknown[..]
    } else {
        known
    };
    let mut found = Vec::new();
    for (number, reported) in asked.iter().take(CONNECTORS_MAX) {
        let trigger = json!({"requestedMessage": "StatusNotification", "connectorId": number});
        let taken = line.call(Action::TriggerMessage, trigger).await?;
        let status = if taken.is_accepted() {
            let of_it = |status: &serde_json::Value| status["connectorId"] == *number;
            let report = line.answered(Action::StatusNotification, of_it).await;
            let (report, _) =
                report.ok_or("no StatusNotification came, though it was agreed to")?;
            report["status"].as_str().unwrap_or("unknown").to_owned()
        } else {
            reported.clone()
        };
        // Preparing: a car is plugged in already.
        if status == "Available" || status == "Preparing" {
            return Ok(*number);
        }
        found.push(format!("connector {number} is {status}"));
    }
    Err(format!("no connector is available: {}", found.join(", ")))
}

/// Starts and stops a transaction. One that an earlier process began is found again, and none is left open.
async fn test_transaction(
    app: &App,
    line: &mut Line<'_>,
    run: &mut Run,
    index: usize,
) -> Result<Outcome> {
    let connector = run.checks.iter().find_map(|check| check.connector_id);
    if run.checks[index].begun {
        line.note("the server was started again: looking for the transaction that was begun");
        let mut open = app
            .store
            .test_transaction(&run.charge_point_id, run.started_at_ms)
            .await?;
        if open.is_none() {
            let started = line.answered(Action::StartTransaction, is_test).await;
            if started.is_some() {
                open = app
                    .store
                    .test_transaction(&run.charge_point_id, run.started_at_ms)
                    .await?;
            }
        }
        if let Some(found) = open {
            if found.state == "open"
                && let Err(reason) = stop(line, found.id).await
            {
                return Ok(Err(reason));
            }
            return possible(app, run, connector).await;
        }
    }
    run.checks[index].begun = true;
    let entries = line.take_log();
    app.store.run_advanced(run, entries).await?;
    let outcome = start_and_stop(line, connector).await;
    if outcome.is_err() {
        let left = app
            .store
            .test_transaction(&run.charge_point_id, run.started_at_ms)
            .await?;
        if let Some(left) = left.filter(|left| left.state == "open") {
            line.note("a transaction is open still: stopping it");
            if let Err(reason) = stop(line, left.id).await {
                line.note(&reason);
            }
        }
    }
    match outcome {
        Ok(()) => possible(app, run, connector).await,
        Err(reason) => Ok(Err(reason)),
    }
}

/// Whether the transaction that was stopped can have been as it was told, at the connector that was asked for.
async fn possible(app: &App, run: &Run, connector: Option<i64>) -> Result<Outcome> {
    let recorded = app
        .store
        .test_transaction(&run.charge_point_id, run.started_at_ms)
        .await?;
    let Some(recorded) = recorded else {
        return Ok(Err(
            "the start repeats a transaction from before the run".to_owned()
        ));
    };
    if let (Some(asked), Some(began)) = (connector, recorded.connector_id)
        && asked != began
    {
        return Ok(Err(format!(
            "the transaction began on connector {began}, and connector {asked} was asked for"
        )));
    }
    let irregular = irregularities(&recorded.claims());
    if !irregular.is_empty() {
        let words = irregular.join(", ");
        return Ok(Err(format!("the transaction cannot be right: {words}")));
    }
    Ok(Ok(connector))
}

fn is_test(start: &serde_json::Value) -> bool {
    start["idTag"]
        .as_str()
        .is_some_and(|tag| tag.eq_ignore_ascii_case(TAG))
}

async fn start_and_stop(
    line: &mut Line<'_>,
    connector: Option<i64>,
) -> std::result::Result<(), String> {
    let mut start = json!({"idTag": TAG});
    if let Some(connector) = connector {
        start["connectorId"] = json!(connector);
    }
    let taken = line.call(Action::RemoteStartTransaction, start).await?;
    if !taken.is_accepted() {
        return Err(format!(
            "RemoteStartTransaction was answered {}",
            taken.status()
        ));
    }
    let started = line.answered(Action::StartTransaction, is_test).await;
    let (start, answer) =
        started.ok_or("no StartTransaction came, though the start was accepted")?;
    let id = answer["transactionId"].as_i64();
    let id = id.ok_or("the transaction got no id")?;
    if answer["idTagInfo"]["status"] != "Accepted" {
        return Err(format!("the tag {TAG} was not accepted"));
    }
    let connector = start["connectorId"].as_i64().unwrap_or(0);
    match line.flow(id, connector).await {
        Flow::Energy => {}
        Flow::Nothing => line.note("no energy flows yet; stopping the transaction all the same"),
        Flow::Stopped => {
            return Err("the transaction was stopped before it was asked for".to_owned());
        }
    }
    stop(line, id).await
}

/// Stops a transaction. A charge point that is busy with it says no at first, and is asked again.
async fn stop(line: &mut Line<'_>, id: i64) -> std::result::Result<(), String> {
    let of_it = |stop: &serde_json::Value| stop["transactionId"] == id;
    for attempt in 1.. {
        let command = json!({"transactionId": id});
        let taken = line.call(Action::RemoteStopTransaction, command).await?;
        if taken.is_accepted() {
            break;
        }
        let status = taken.status();
        if attempt == STOPS_MAX {
            return Err(format!(
                "RemoteStopTransaction was answered {status}, {STOPS_MAX} times"
            ));
        }
        line.note(&format!(
            "RemoteStopTransaction was answered {status}; it is sent again"
        ));
        // It may have been on its way to stop by itself.
        let stopped = line.answered_within(STOP_AGAIN_AFTER, Action::StopTransaction, of_it);
        if stopped.await.is_some() {
            return Ok(());
        }
    }
    let stopped = line.answered(Action::StopTransaction, of_it).await;
    stopped
        .map(drop)
        .ok_or_else(|| "no StopTransaction came, though the stop was accepted".to_owned())
}
