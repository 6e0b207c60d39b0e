//! Works on guest sessions: one task for each, from the authorization until nothing more is asked of the gateway.
//!
//! A task asks [`next`] what is to be done, does it, writes down what came of it, and waits for its charge
//! point to do something. What the server's end cuts short is taken up by the next one that looks; the gateway and
//! the store both know what was done before, so nothing is paid twice, also where two servers work on one session.
//!
//! [`next`]: crate::domain::guest::next::next

pub(crate) mod desks;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::domain::guest;
use crate::store::{NewGuest, Result};
use desks::Closing;
use task::Task;

/// How often sessions without a task are looked for: those of an earlier process, and of a server on the same
/// database that is no more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Takes up every session that is under way and has no task, again and again.
pub(crate) async fn take_up_all(app: Arc<App>) {
    loop {
        match app.store.guests_under_way().await {
            Ok(sessions) => {
                for (token, charge_point) in sessions {
                    let (desk, is_new) = app.guests.open(&charge_point, &token);
                    if is_new {
                        let closing = app.guests.close_later(&charge_point, &token);
                        work(&app, closing, Task::new(&app, token, desk, None));
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "guest sessions were not taken up yet; trying again");
            }
        }
        tokio::select! {
            () = sleep(SWEEP_INTERVAL) => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}

/// The steps of a session's task, or why the session cannot be.
type Begun = Result<std::result::Result<watch::Receiver<u64>, guest::GuestRefused>>;

/// Begins a session and gives it its task; both are done whatever becomes of the caller, who says by `gone` that
/// nobody has the session's token.
pub(crate) fn begin(app: &Arc<App>, new: NewGuest, gone: CancellationToken) -> JoinHandle<Begun> {
    let app = app.clone();
    app.jobs.clone().spawn(async move {
        let (charge_point, token) = (new.charge_point_id.clone(), new.token.clone());
        // Taken before the session can be seen, so that no sweep takes it for one that was left behind.
        let (desk, _) = app.guests.open(&charge_point, &token);
        let closing = app.guests.close_later(&charge_point, &token);
        let begun = guest::begin(&app.store, new).await;
        if !matches!(begun, Ok(Ok(()))) {
            return begun.map(|begun| begun.map(|()| desk.steps.subscribe()));
        }
        let steps = desk.steps.subscribe();
        work(&app, closing, Task::new(&app, token, desk, Some(gone)));
        Ok(Ok(steps))
    })
}

/// The steps of a session's task, which gets one if it has none, and looks at the session now.
pub(crate) fn take_up(app: &Arc<App>, charge_point: &str, token: &str) -> watch::Receiver<u64> {
    let (desk, is_new) = app.guests.open(charge_point, token);
    let steps = desk.steps.subscribe();
    if is_new {
        let closing = app.guests.close_later(charge_point, token);
        let task = Task::new(app, token.to_owned(), desk, None);
        work(app, closing, task);
    } else {
        desk.wake.notify_one();
    }
    steps
}

fn work(app: &Arc<App>, closing: Closing, task: Task) {
    let app = app.clone();
    app.jobs.clone().spawn(async move {
        tokio::select! {
            () = task.run() => {}
            () = app.shutdown.cancelled() => {}
        }
        drop(closing);
    });
}
