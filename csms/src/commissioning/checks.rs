//! The checks, each done over OCPP.

use std::time::Duration;

use super::line::{Flow, Line};
use crate::App;
use crate::domain::charge_points::connector::ConnectorState;
use crate::domain::command::{Command, IdToken, Message, Setting, Start, Target, remote_start_id};
use crate::domain::projects::commissioning::{CheckName, TAG};
use crate::domain::transactions::claims::irregularities;
use crate::ocpp::dialect::{Report, Taken};
use crate::store::{ChargePointRecord, OwnedPoint, Registration, Result, Run};

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
    point: &OwnedPoint,
) -> Result<Outcome> {
    match run.checks[index].name {
        CheckName::OcppHandshake => Ok(handshake(app, line, point).await.map(|()| None)),
        CheckName::FirmwareVersion => Ok(firmware(line, point).await.map(|()| None)),
        CheckName::ConnectorAvailable => {
            let reported = app.store.connectors_of(point).await?;
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
    let ping = Command::GetSettings(vec![Setting::heartbeat_interval()]);
    line.call(&ping).await.map(drop)
}

/// Asks for a boot notification; what cannot send one on request said its version when it booted.
async fn firmware(
    line: &mut Line<'_>,
    record: &ChargePointRecord,
) -> std::result::Result<(), String> {
    let trigger = Command::Trigger {
        message: Message::Boot,
        target: Target::Station,
    };
    let taken = line.call(&trigger).await?;
    let version = if taken.is_accepted() {
        let boot = line.reported(|report| match report {
            Report::Boot { firmware_version } => Some(firmware_version),
            _ => None,
        });
        boot.await
            .ok_or("no BootNotification came, though it was agreed to")?
    } else {
        line.note(&format!("{taken}; the last boot counts"));
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
        let Some(asked) = line.connector(*number) else {
            continue;
        };
        let trigger = Command::Trigger {
            message: Message::Status,
            target: asked,
        };
        let taken = line.call(&trigger).await?;
        let (status, is_free) = if taken.is_accepted() {
            let report = line.reported(|report| match report {
                Report::Status {
                    at, word, is_free, ..
                } if at == asked => Some((word, is_free)),
                _ => None,
            });
            let report = report.await;
            report.ok_or("no StatusNotification came, though it was agreed to")?
        } else {
            let state = ConnectorState::from_word(reported);
            (
                reported.clone(),
                state.is_some_and(ConnectorState::may_begin),
            )
        };
        if is_free {
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
            let started = line.reported(test_start).await;
            if started.is_some() {
                open = app
                    .store
                    .test_transaction(&run.charge_point_id, run.started_at_ms)
                    .await?;
            }
        }
        if let Some(found) = open {
            if found.state == "open"
                && let Err(reason) = stop(line, &found.id.to_string()).await
            {
                return Ok(Err(reason));
            }
            return possible(app, run, connector).await;
        }
    }
    run.checks[index].begun = true;
    let entries = line.take_log();
    app.store.run_advanced(run, entries).await?;
    let outcome = start_and_stop(line, &run.id, connector).await;
    if outcome.is_err() {
        let left = app
            .store
            .test_transaction(&run.charge_point_id, run.started_at_ms)
            .await?;
        if let Some(left) = left.filter(|left| left.state == "open") {
            line.note("a transaction is open still: stopping it");
            if let Err(reason) = stop(line, &left.id.to_string()).await {
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

/// The connector of a test transaction that begins, and what it was answered.
fn test_start(report: Report) -> Option<(Target, Option<Taken>)> {
    match report {
        Report::Started { at, token, taken } if token.eq_ignore_ascii_case(TAG) => {
            Some((at, taken))
        }
        _ => None,
    }
}

async fn start_and_stop(
    line: &mut Line<'_>,
    run: &str,
    connector: Option<i64>,
) -> std::result::Result<(), String> {
    let start = Command::Start(Start {
        target: connector
            .and_then(|connector| line.connector(connector))
            .unwrap_or(Target::Station),
        token: IdToken::central(TAG),
        remote_start_id: remote_start_id(run),
        profile: None,
    });
    let taken = line.call(&start).await?;
    if !taken.is_accepted() {
        return Err(taken.to_string());
    }
    let started = line.reported(test_start).await;
    let (at, taken) = started.ok_or("no StartTransaction came, though the start was accepted")?;
    let id = taken.as_ref().and_then(|taken| taken.transaction.clone());
    let id = id.ok_or("the transaction got no id")?;
    if !taken.is_some_and(|taken| taken.is_accepted) {
        return Err(format!("the tag {TAG} was not accepted"));
    }
    match line.flow(&id, at).await {
        Flow::Energy => {}
        Flow::Nothing => line.note("no energy flows yet; stopping the transaction all the same"),
        Flow::Stopped => {
            return Err("the transaction was stopped before it was asked for".to_owned());
        }
    }
    stop(line, &id).await
}

/// Stops a transaction. A charge point that is busy with it says no at first, and is asked again.
async fn stop(line: &mut Line<'_>, id: &str) -> std::result::Result<(), String> {
    let of_it = |report| match report {
        Report::Stopped { transaction } if transaction == id => Some(()),
        _ => None,
    };
    let stop = Command::Stop {
        transaction: id.to_owned(),
    };
    for attempt in 1.. {
        let taken = line.call(&stop).await?;
        if taken.is_accepted() {
            break;
        }
        if attempt == STOPS_MAX {
            return Err(format!("{taken}, {STOPS_MAX} times"));
        }
        line.note(&format!("{taken}; it is sent again"));
        // It may have been on its way to stop by itself.
        let stopped = line.reported_within(STOP_AGAIN_AFTER, of_it);
        if stopped.await.is_some() {
            return Ok(());
        }
    }
    let stopped = line.reported(of_it).await;
    stopped
        .map(drop)
        .ok_or_else(|| "no StopTransaction came, though the stop was accepted".to_owned())
}
