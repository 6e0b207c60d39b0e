//! Works on guest sessions: one task for each, from the authorization until nothing more is asked of the gateway.
//!
//! A task asks [`next`](domain) what is to be done, does it, writes down what came of it, and waits for its charge
//! point to do something. What the server's end cuts short is taken up at its next start; the gateway and the
//! store both know what was done before, so nothing is paid twice.
//!
//! [`next`](domain): crate::domain::guest::next

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use dynamo_protocol::v16::Action;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::App;
use crate::domain::guest::{Circumstances, GuestStatus, Next, PaymentStatus, finalise, next};
use crate::ocpp::sessions::CallFailure;
use crate::payment::{Capture, Held, Hold, PaymentError, RETURN_PATH};
use crate::store::{GuestSession, Result};

/// The longest a task waits before it looks at its session again: another server on the same database may have
/// heard what it waits for.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// How often the gateway is asked whether a guest has acted.
const ACTION_INTERVAL_MS: i64 = 5_000;
/// The pause after the gateway or the database failed; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The sessions that have a task in this process.
#[derive(Default)]
pub(crate) struct Guests {
    /// Most of the time there is none, and charge points need no lock to know it.
    open: AtomicUsize,
    desks: Mutex<BTreeMap<(String, String), Arc<Desk>>>,
}

/// What a task and those who wait for it share.
#[derive(Default)]
struct Desk {
    /// Something happened that may matter to the session.
    wake: Notify,
    /// Counts the steps of the task.
    steps: watch::Sender<u64>,
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A charge point did something: its sessions are looked at.
    pub(crate) fn wake(&self, charge_point: &str) {
        if self.open.load(Relaxed) == 0 {
            return;
        }
        let first = (charge_point.to_owned(), String::new());
        let desks = self.lock();
        let here = desks
            .range(first..)
            .take_while(|((id, _), _)| id == charge_point);
        here.for_each(|(_, desk)| desk.wake.notify_one());
    }

    /// The desk of a session, and whether it is new.
    fn open(&self, charge_point: &str, token: &str) -> (Arc<Desk>, bool) {
        let mut desks = self.lock();
        let key = (charge_point.to_owned(), token.to_owned());
        if let Some(desk) = desks.get(&key) {
            return (desk.clone(), false);
        }
        let desk = Arc::new(Desk::default());
        desks.insert(key, desk.clone());
        self.open.store(desks.len(), Relaxed);
        (desk, true)
    }

    fn close(&self, charge_point: &str, token: &str) {
        let mut desks = self.lock();
        desks.remove(&(charge_point.to_owned(), token.to_owned()));
        self.open.store(desks.len(), Relaxed);
    }
}

/// Takes up every session that is under way.
pub(crate) async fn take_up_all(app: Arc<App>) {
    let mut pause = PAUSE;
    loop {
        match app.store.guests_under_way().await {
            Ok(sessions) => {
                for (token, charge_point) in sessions {
                    take_up(&app, &charge_point, &token, Origin::Store);
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, "guest sessions were not taken up yet; trying again");
            }
        }
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            () = app.shutdown.cancelled() => return,
        }
    }
}

/// Where a session comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody waits for its authorization.
    Request,
    /// It was begun by an earlier process, or its task has ended.
    Store,
}

/// The steps of a session's task, which gets one if it has none.
pub(crate) fn take_up(
    app: &Arc<App>,
    charge_point: &str,
    token: &str,
    origin: Origin,
) -> watch::Receiver<u64> {
    let (desk, is_new) = app.guests.open(charge_point, token);
    let steps = desk.steps.subscribe();
    if !is_new {
        desk.wake.notify_one();
        return steps;
    }
    let task = Task {
        app: app.clone(),
        token: token.to_owned(),
        desk,
        origin,
        stop_sent_ms: None,
        look_at_ms: 0,
        late_stop_until_ms: None,
    };
    let (app, charge_point) = (app.clone(), charge_point.to_owned());
    app.jobs.clone().spawn(async move {
        let token = task.token.clone();
        tokio::select! {
            () = task.run() => {}
            () = app.shutdown.cancelled() => {}
        }
        app.guests.close(&charge_point, &token);
    });
    steps
}

struct Task {
    app: Arc<App>,
    token: String,
    desk: Arc<Desk>,
    origin: Origin,
    stop_sent_ms: Option<i64>,
    look_at_ms: i64,
    late_stop_until_ms: Option<i64>,
}

/// What came of a step.
enum Stepped {
    On,
    /// The gateway has to be asked again.
    Again,
    Over,
}

impl Task {
    async fn run(mut self) {
        let mut pause = PAUSE;
        loop {
            let stepped = self.step().await;
            self.desk.steps.send_modify(|steps| *steps += 1);
            match stepped {
                Ok(Stepped::On) => {
                    pause = PAUSE;
                    continue;
                }
                Ok(Stepped::Over) => return,
                Ok(Stepped::Again) => {}
                Err(error) => tracing::warn!(
                    session = self.token, %error, "a guest session waits for the database"
                ),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn step(&mut self) -> Result<Stepped> {
        let Some(session) = self.app.store.guest(None, &self.token).await? else {
            return Ok(Stepped::Over);
        };
        let transaction = match session.transaction_id {
            Some(id) => Some(self.app.store.transaction_end(id).await?.1),
            None => None,
        };
        let id = ChargePointId::new(&session.charge_point_id).ok();
        let now_ms = self.app.clock().now_ms();
        let now = Circumstances {
            now_ms,
            is_online: id
                .as_ref()
                .is_some_and(|id| self.app.sessions.is_online(id)),
            stop_sent_ms: self.stop_sent_ms,
            look_at_ms: self.look_at_ms,
            late_stop_until_ms: self.late_stop_until_ms,
        };
        match next(&session, transaction, now) {
            Next::Done => return Ok(Stepped::Over),
            Next::Hold => return self.hold(&session).await,
            Next::Look => return self.look(&session).await,
            Next::Capture => return self.capture(&session).await,
            Next::Cancel => return self.cancel(&session).await,
            Next::Expire => {
                self.not_begun(GuestStatus::Expired, None).await?;
            }
            Next::SendStart => {
                if let Some(id) = id {
                    self.start(&session, &id).await?;
                }
            }
            Next::SendStop => {
                self.stop_sent_ms = session.stop_asked_at_ms;
                if let (Some(id), Some(transaction)) = (id, session.transaction_id) {
                    self.stop(&id, transaction).await?;
                }
            }
            Next::AwaitLateStop => {
                let wait_ms = i64::try_from(self.app.options.guest_late_stop_wait.as_millis());
                self.late_stop_until_ms = Some(now_ms.saturating_add(wait_ms.unwrap_or(0)));
            }
            Next::Finalise => {
                if !finalise(&self.app.store, session).await? {
                    tracing::error!(session = self.token, "a guest session has no price yet");
                    return Ok(Stepped::Again);
                }
            }
            Next::Wait(until_ms) => self.wait(until_ms, now_ms).await,
        }
        Ok(Stepped::On)
    }

    async fn wait(&self, until_ms: i64, now_ms: i64) {
        let left_ms = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
        let left = Duration::from_millis(left_ms.max(1)).min(LOOK_INTERVAL);
        let _ = tokio::time::timeout(left, self.desk.wake.notified()).await;
    }

    async fn not_begun(&self, status: GuestStatus, reason: Option<&str>) -> Result<()> {
        let (store, now_ms) = (&self.app.store, self.app.clock().now_ms());
        let ended = store
            .guest_not_begun(&self.token, status, reason, now_ms)
            .await?;
        if ended {
            tracing::info!(
                session = self.token,
                status = status.as_str(),
                reason,
                "a guest session ended before it began"
            );
        }
        Ok(())
    }

    async fn hold(&mut self, session: &GuestSession) -> Result<Stepped> {
        if self.origin == Origin::Store && session.ended_at_ms.is_none() {
            // Whoever asked for it never heard of it: nothing is begun in their name.
            let reason = "the server was started again during the authorization";
            self.not_begun(GuestStatus::Failed, Some(reason)).await?;
        }
        let hold = Hold {
            token: self.token.clone(),
            payment_method: session.payment_method_id.clone(),
            amount: session.held,
            currency: session.tariff.currency.clone(),
            return_url: format!("{}{RETURN_PATH}", self.app.urls.http),
        };
        let held = match session.held.is_zero() {
            // What costs nothing is not paid.
            true => Ok(Held::Authorized {
                reference: String::new(),
            }),
            false => self.app.payments.authorize(&hold).await,
        };
        let now_ms = self.app.clock().now_ms();
        let store = &self.app.store;
        match held {
            Ok(held) => store.guest_held(&self.token, held, now_ms).await?,
            Err(PaymentError::Refused(why)) => {
                tracing::error!(session = self.token, cause = why, "a payment was refused");
                store.guest_refused(&self.token, &why, now_ms).await?;
            }
            Err(PaymentError::Unavailable(why)) => {
                tracing::warn!(
                    session = self.token,
                    cause = why,
                    "no payment could be held"
                );
                // It may be held all the same: that is found out later, and let go.
                self.not_begun(GuestStatus::Failed, Some(&why)).await?;
                return Ok(Stepped::Again);
            }
        }
        Ok(Stepped::On)
    }

    async fn look(&mut self, session: &GuestSession) -> Result<Stepped> {
        let reference = session.payment_reference.clone().unwrap_or_default();
        let held = self.app.payments.find(&reference).await;
        let now_ms = self.app.clock().now_ms();
        self.look_at_ms = now_ms.saturating_add(ACTION_INTERVAL_MS);
        match held {
            Ok(held) => self.app.store.guest_held(&self.token, held, now_ms).await?,
            Err(error) => tracing::info!(
                session = self.token, cause = %error, "a payment that waits for its guest was not found"
            ),
        }
        Ok(Stepped::On)
    }

    async fn start(&self, session: &GuestSession, id: &ChargePointId) -> Result<()> {
        // Written before it is sent, so that no restart sends it twice.
        if !self.app.store.guest_start_sent(&self.token).await? {
            return Ok(());
        }
        let payload = json!({"connectorId": session.connector_id, "idTag": session.id_tag});
        let action = Action::RemoteStartTransaction;
        if let Some(reason) = self.refusal(id, action, &payload).await {
            self.not_begun(GuestStatus::Failed, Some(&reason)).await?;
        }
        Ok(())
    }

    async fn stop(&self, id: &ChargePointId, transaction: i64) -> Result<()> {
        let payload = json!({"transactionId": transaction});
        let action = Action::RemoteStopTransaction;
        if let Some(reason) = self.refusal(id, action, &payload).await {
            let store = &self.app.store;
            store.guest_stop_refused(&self.token, &reason).await?;
        }
        Ok(())
    }

    /// Sends a command once: why the charge point will not do it. Without an answer it may do it yet.
    async fn refusal(&self, id: &ChargePointId, action: Action, payload: &Value) -> Option<String> {
        let sent = self
            .app
            .sessions
            .call_raw(id, action, payload.to_string())
            .await;
        match sent {
            Ok(answer) => {
                let answer: Value = serde_json::from_str(answer.get()).unwrap_or(Value::Null);
                let status = answer["status"].as_str().unwrap_or("nothing");
                (status != "Accepted").then(|| format!("{action} was answered {status}"))
            }
            Err(CallFailure::TimedOut | CallFailure::Offline) => None,
            Err(failure) => Some(format!("{action}: {failure}")),
        }
    }

    async fn capture(&self, session: &GuestSession) -> Result<Stepped> {
        let total = session.total.unwrap_or_default();
        let amount = total.min(session.held);
        if amount < total {
            tracing::warn!(
                session = self.token,
                total = %total,
                held = %session.held,
                "a guest session cost more than was held: what was held is taken"
            );
        }
        let capture = Capture {
            token: self.token.clone(),
            reference: session.payment_reference.clone().unwrap_or_default(),
            amount,
            currency: session.tariff.currency.clone(),
        };
        let store = &self.app.store;
        match self.app.payments.capture(&capture).await {
            Ok(()) => {
                let captured = PaymentStatus::Captured;
                store
                    .guest_settled(&self.token, captured, Some(amount))
                    .await?;
            }
            Err(PaymentError::Refused(why)) => {
                tracing::error!(session = self.token, cause = why, "a payment was not taken");
                let failed = PaymentStatus::CaptureFailed;
                store.guest_settled(&self.token, failed, None).await?;
            }
            Err(PaymentError::Unavailable(why)) => {
                tracing::warn!(
                    session = self.token,
                    cause = why,
                    "a payment is taken later"
                );
                return Ok(Stepped::Again);
            }
        }
        Ok(Stepped::On)
    }

    async fn cancel(&self, session: &GuestSession) -> Result<Stepped> {
        let reference = session.payment_reference.clone().unwrap_or_default();
        let canceled = match reference.is_empty() {
            // Nothing is held.
            true => Ok(()),
            false => self.app.payments.cancel(&self.token, &reference).await,
        };
        match canceled {
            Err(PaymentError::Unavailable(why)) => {
                tracing::warn!(
                    session = self.token,
                    cause = why,
                    "a payment is let go later"
                );
                return Ok(Stepped::Again);
            }
            Err(PaymentError::Refused(why)) => tracing::error!(
                session = self.token,
                cause = why,
                "a payment could not be let go; it ends by itself at the gateway"
            ),
            Ok(()) => {}
        }
        let canceled = PaymentStatus::Canceled;
        self.app
            .store
            .guest_settled(&self.token, canceled, None)
            .await?;
        Ok(Stepped::On)
    }
}
