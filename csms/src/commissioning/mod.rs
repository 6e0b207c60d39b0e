//! The commissioning run: checks done over OCPP one after the other, in the background.
//!
//! A run is a row that says how far it has come, leased by the process that works on it. What the end of a process
//! or an error cuts short is taken up again, by whoever looks first; what lasts too long fails. A run that ends has
//! its outcome, and what follows from it, in one transaction.

mod checks;
mod line;
pub(crate) mod runs;

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use tokio::time::{sleep, timeout};

use crate::App;
use crate::domain::occurrence::Kind;
use crate::domain::projects::commissioning::{CheckResult, RunOutcome, end_check};
use crate::domain::projects::going_live::{RunEnd, end_run};
use crate::store::{Mail, OwnedPoint, Owner, Result, Run};
use line::Line;
use runs::Taken;

/// How often runs are looked for that nobody works on.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How often a lease is kept; several times within its length.
const KEEP_INTERVAL: Duration = Duration::from_secs(8);

/// Takes up every run that nobody works on, until the shutdown.
pub(crate) async fn take_up_all(app: Arc<App>) {
    loop {
        match app
            .store
            .lease_runs(&app.run_id, app.clock().now_ms())
            .await
        {
            Ok(runs) => runs.into_iter().for_each(|run| take_up(&app, run, true)),
            Err(error) if error.is_passing() => {
                tracing::debug!(%error, "commissioning runs in progress were not taken up again");
            }
            Err(error) => {
                tracing::error!(%error, "commissioning runs in progress were not taken up again");
            }
        }
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}

/// Gives a run that this process has leased its task, if it has none. `again`: it had one before, maybe in an earlier
/// process, so its charge point may still be on its way back.
pub(crate) fn take_up(app: &Arc<App>, run: Run, again: bool) {
    let Some(taken) = Taken::take(&app.runs, &run.id) else {
        return;
    };
    let app = app.clone();
    app.jobs.clone().spawn(async move {
        let lease = run.clone();
        tokio::select! {
            done = go_in_time(&app, run, again) => if let Err(error) = done {
                tracing::error!(run = lease.id, %error, "a commissioning run stopped; it is taken up again");
            },
            () = keep_lease(&app, &lease) => {
                tracing::warn!(run = lease.id, "a commissioning run is another process's by now");
            }
            () = app.shutdown.cancelled() => {}
        }
        drop(taken);
        // Whoever looks next goes on, if there is something left to do.
        if let Err(error) = app.store.keep_run(&lease, None).await {
            tracing::debug!(run = lease.id, %error, "a commissioning run waits until its lease is over");
        }
    });
}

/// Ends when the lease is lost.
async fn keep_lease(app: &App, run: &Run) {
    loop {
        sleep(KEEP_INTERVAL).await;
        match app.store.keep_run(run, Some(app.clock().now_ms())).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::debug!(run = run.id, %error, "a lease was not kept"),
        }
    }
}

/// Ends the run as failed where it lasts longer than a run may.
async fn go_in_time(app: &Arc<App>, mut run: Run, again: bool) -> Result<()> {
    let limit = app.options.commissioning_limit;
    let age_ms = app.clock().now_ms().saturating_sub(run.started_at_ms);
    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
    let left = limit.saturating_sub(age);
    if !left.is_zero()
        && let Ok(done) = timeout(left, go(app, &mut run, again)).await
    {
        return done;
    }
    while let Some(name) = pending(&run).map(|index| run.checks[index].name) {
        let reason = format!(
            "the run lasted longer than {}",
            humantime::format_duration(limit)
        );
        end_check(&mut run.checks, name, Err(reason));
    }
    app.store.run_advanced(&run, Vec::new()).await?;
    end(app, &run).await
}

/// The first check that was not made.
fn pending(run: &Run) -> Option<usize> {
    let mut checks = run.checks.iter();
    checks.position(|check| check.result == CheckResult::Pending)
}

async fn go(app: &Arc<App>, run: &mut Run, again: bool) -> Result<()> {
    let Ok(id) = ChargePointId::new(&run.charge_point_id) else {
        // A deleted charge point keeps its records under what can be no id.
        return end(app, run).await;
    };
    let installer = app.store.account(&run.installer_id).await?;
    let owner = installer.map(|installer| installer.owner());
    let mut line = Line::open(app, id);
    if again {
        line.connected().await;
    }
    while let Some(index) = pending(run) {
        let name = run.checks[index].name;
        line.begin(name, app.store.numbering(&run.charge_point_id).await?);
        let outcome = match point(app, run, owner.as_ref()).await? {
            Some(point) => checks::check(app, &mut line, run, index, &point).await?,
            None => Err("the charge point was deleted".to_owned()),
        };
        let text = match &outcome {
            Ok(_) => "passed".to_owned(),
            Err(reason) => format!("failed: {reason}"),
        };
        line.note(&text);
        end_check(&mut run.checks, name, outcome);
        let entries = line.take_log();
        app.store.run_advanced(run, entries).await?;
    }
    drop(line);
    end(app, run).await
}

/// The charge point of a run, unless it was deleted meanwhile.
async fn point(app: &App, run: &Run, owner: Option<&Owner>) -> Result<Option<OwnedPoint>> {
    let now = app.store.run(&run.id).await?;
    let same = now.is_some_and(|now| now.charge_point_id == run.charge_point_id);
    match owner.filter(|_| same) {
        Some(owner) => app.store.owned_point(owner, &run.charge_point_id).await,
        None => Ok(None),
    }
}

async fn end(app: &App, run: &Run) -> Result<()> {
    let (outcome, now_ms) = (RunOutcome::of(&run.checks), app.clock().now_ms());
    let installer = app.store.account(&run.installer_id).await?;
    // Who is not to be notified has asked for no mail and no webhook.
    let notified = installer.as_ref().filter(|_| run.notify_on_complete);
    let occurrence = notified.and_then(|installer| {
        let organization = &installer.organization_id;
        let outbox = &app.outbox;
        outbox.awaited(
            Kind::Commissioned,
            organization,
            &run.charge_point_id,
            now_ms,
        )
    });
    let owner = installer.as_ref().map(|installer| installer.owner());
    let mail = installer
        .filter(|_| run.notify_on_complete)
        .map(|installer| mail(run, outcome, installer.email, now_ms));
    let end = RunEnd {
        id: run.id.clone(),
        leased_by: run.leased_by.clone(),
        outcome,
        owner,
        now_ms,
        mail,
        occurrence,
    };
    end_run(&app.store, end).await?;
    app.outbox.posted();
    Ok(())
}

fn mail(run: &Run, outcome: RunOutcome, recipient: String, now_ms: i64) -> Mail {
    let outcome = outcome.as_str();
    let mut body = format!(
        "The commissioning run {} of the charge point {} has {outcome}.\n\n",
        run.id, run.charge_point_id
    );
    for check in &run.checks {
        let reason = check.reason.as_ref().map(|r| format!(" ({r})"));
        let reason = reason.unwrap_or_default();
        body += &format!(
            "{}: {}{reason}\n",
            check.name.as_str(),
            check.result.as_str()
        );
    }
    Mail {
        recipient,
        subject: format!("Commissioning of {} {outcome}", run.charge_point_id),
        body,
        created_at_ms: now_ms,
    }
}
