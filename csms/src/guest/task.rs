//! The task of one session.

use std::sync::Arc;
use std::time::Duration;

use dynamo_protocol::ChargePointId;
use rust_decimal::Decimal;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::desks::Desk;
use crate::App;
use crate::domain::command::{self, CallFailure, Command, IdToken, Start, Target};
use crate::domain::guest::next::{Caller, Circumstances, Next, StopSent, next};
use crate::domain::guest::{GuestStatus, PaymentStatus, TransactionEnd, finalise, holding};
use crate::domain::money::billing::CostWatch;
use crate::domain::occurrence::Kind;
use crate::domain::transactions::ending::give_up;
use crate::ocpp;
use crate::payment::{Capture, Held, Hold, PaymentError};
use crate::store::{GuestSession, Result, TransactionState};

/// The longest a task waits before it looks at its session again: another server on the same database may have
/// heard what it waits for.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// How often the gateway is asked whether a guest has acted.
const ACTION_INTERVAL_MS: i64 = 5_000;
/// The pause before a charge point that would not stop what is too dear is asked again.
const ASK_STOP_INTERVAL_MS: i64 = 300_000;
/// The pause after the gateway or the database failed; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How much of the time that a stop is waited for is left to a charge point that will not stop: its transaction may
/// just have ended, and be on its way.
const ENDED_BY_ITSELF_PART: u32 = 5;

pub(super) struct Task {
    app: Arc<App>,
    pub(super) token: String,
    desk: Arc<Desk>,
    /// Of whoever waits for the authorization.
    gone: Option<CancellationToken>,
    since_ms: i64,
    connection: Option<u64>,
    back_at_ms: Option<i64>,
    stop_sent: Option<StopSent>,
    ask_stop_from_ms: i64,
    look_at_ms: i64,
    cost: CostWatch,
}

/// What came of a step.
enum Stepped {
    On,
    /// The same has to be tried again.
    Again,
    Over,
}

/// What a charge point said to a command.
enum Answer {
    Accepted,
    /// It will not do it; why.
    Refused(String),
    /// It may do it yet.
    None,
    /// It was not asked.
    Unsent,
}

impl Task {
    pub(super) fn new(
        app: &Arc<App>,
        token: String,
        desk: Arc<Desk>,
        gone: Option<CancellationToken>,
    ) -> Self {
        Self {
            app: app.clone(),
            token,
            desk,
            gone,
            since_ms: app.clock().now_ms(),
            connection: None,
            back_at_ms: None,
            stop_sent: None,
            ask_stop_from_ms: 0,
            look_at_ms: 0,
            cost: CostWatch::default(),
        }
    }

    pub(super) async fn run(mut self) {
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
            Some(id) => Some(self.app.store.transaction_end(id).await?),
            None => None,
        };
        let id = ChargePointId::new(&session.charge_point_id).ok();
        let now = self
            .circumstances(&session, transaction, id.as_ref())
            .await?;
        match next(&session, transaction.map(|state| state.end), now) {
            Next::Done => return Ok(Stepped::Over),
            Next::Hold => return self.hold(&session).await,
            Next::Look => return self.look(&session).await,
            Next::Capture => return self.capture(&session).await,
            Next::Cancel => return self.cancel(&session).await,
            Next::LoseHold => self.lose_hold().await?,
            Next::Drop => {
                let reason = "nobody waits for the authorization any more";
                self.not_begun(GuestStatus::Failed, Some(reason)).await?;
            }
            Next::Expire => self.not_begun(GuestStatus::Expired, None).await?,
            Next::SendStart => {
                if let Some(id) = id {
                    return self.start(&session, &id).await;
                }
            }
            Next::AskStop => self.ask_stop(now).await?,
            Next::SendStop => {
                let asked = session.stop_asked_at_ms.zip(session.transaction_id);
                if let (Some(id), Some((asked_ms, transaction))) = (id, asked) {
                    self.stop(&id, transaction, (asked_ms, now)).await?;
                }
            }
            Next::GiveUp => self.give_up(&session, now.now_ms).await?,
            Next::Finalise => {
                if !finalise(&self.app.store, session).await? {
                    tracing::error!(session = self.token, "a guest session has no price yet");
                    return Ok(Stepped::Again);
                }
            }
            Next::Wait(until_ms) => self.wait(until_ms, now.now_ms).await,
        }
        Ok(Stepped::On)
    }

    async fn circumstances(
        &mut self,
        session: &GuestSession,
        transaction: Option<TransactionState>,
        id: Option<&ChargePointId>,
    ) -> Result<Circumstances> {
        let now_ms = self.app.clock().now_ms();
        let connection = id.and_then(|id| self.app.sessions.connection(id));
        // The connection over which the session was asked for is there from the beginning.
        let is_first = self.connection.is_none() && self.gone.is_some() && !session.start_sent;
        if connection.is_some() && connection != self.connection && !is_first {
            self.back_at_ms = Some(now_ms);
        }
        self.connection = connection;
        let is_charging = session.ended_at_ms.is_none() && session.stop_asked_at_ms.is_none();
        let open = transaction.filter(|state| is_charging && state.end == TransactionEnd::Open);
        let cost = match session.transaction_id.zip(open) {
            // Idle time as far as the charge point told: its clock may be another one.
            Some((id, state)) => {
                let until_ms = state.told_at_ms.min(now_ms);
                let store = &self.app.store;
                self.cost
                    .so_far(store, (id, until_ms), session.held, now_ms)
                    .await?
            }
            None => Decimal::ZERO,
        };
        let seen_at_ms = transaction.and_then(|state| state.seen_at_ms);
        let caller = self.gone.as_ref().map(CancellationToken::is_cancelled);
        Ok(Circumstances {
            now_ms,
            caller: match caller {
                Some(false) => Caller::Here,
                Some(true) => Caller::Gone,
                None => Caller::Elsewhere,
            },
            connection,
            back_at_ms: self.back_at_ms,
            seen_at_ms: seen_at_ms.unwrap_or(session.created_at_ms),
            since_ms: self.since_ms,
            stop_sent: self.stop_sent,
            cost,
            ask_stop_from_ms: self.ask_stop_from_ms,
            look_at_ms: self.look_at_ms,
            provisional_ms: self.app.options.provisional_ms(),
        })
    }

    async fn wait(&self, until_ms: i64, now_ms: i64) {
        let left_ms = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
        let left = Duration::from_millis(left_ms.max(1)).min(LOOK_INTERVAL);
        let _ = timeout(left, self.desk.wake.notified()).await;
    }

    async fn not_begun(&self, status: GuestStatus, reason: Option<&str>) -> Result<()> {
        let (store, now_ms) = (&self.app.store, self.app.clock().now_ms());
        let ended = holding::not_begun(store, &self.token, (status, reason), now_ms).await?;
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
        let hold = Hold {
            token: self.token.clone(),
            payment_method: session.payment_method_id.clone(),
            amount: session.held,
            currency: session.tariff.currency.clone(),
            return_url: session.return_url.clone(),
        };
        let held = match session.held.is_zero() {
            // What costs nothing is not paid.
            true => Ok(Held::Authorized {
                reference: String::new(),
            }),
            false => self.app.payments.authorize(&hold).await,
        };
        if self
            .gone
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
        {
            // Before it is written down that it is held: what ended is let go of.
            let reason = "nobody waits for the authorization any more";
            self.not_begun(GuestStatus::Failed, Some(reason)).await?;
        }
        let now_ms = self.app.clock().now_ms();
        let store = &self.app.store;
        match held {
            Ok(held) => holding::heard(store, &self.token, held, now_ms).await?,
            // Of an ended session an earlier request may have held it all the same.
            Err(PaymentError::Refused(why)) if session.ended_at_ms.is_none() => {
                tracing::error!(session = self.token, cause = why, "a payment was refused");
                holding::refused(store, &self.token, &why, now_ms).await?;
            }
            Err(PaymentError::Refused(why) | PaymentError::Unavailable(why)) => {
                tracing::error!(
                    session = self.token,
                    cause = why,
                    "no payment could be held; if it was, it is let go later"
                );
                self.not_begun(GuestStatus::Failed, Some(&why)).await?;
                return Ok(Stepped::Again);
            }
        }
        Ok(Stepped::On)
    }

    async fn lose_hold(&self) -> Result<()> {
        let why = "the payment gateway did not say in time whether the amount is held";
        tracing::error!(
            session = self.token,
            "{why}: nobody asks any more, and if it is held it ends by itself at the gateway"
        );
        let now_ms = self.app.clock().now_ms();
        holding::refused(&self.app.store, &self.token, why, now_ms).await
    }

    async fn look(&mut self, session: &GuestSession) -> Result<Stepped> {
        let reference = session.payment_reference.clone().unwrap_or_default();
        let held = self.app.payments.find(&reference).await;
        let now_ms = self.app.clock().now_ms();
        self.look_at_ms = now_ms.saturating_add(ACTION_INTERVAL_MS);
        match held {
            Ok(held) => holding::heard(&self.app.store, &self.token, held, now_ms).await?,
            Err(error) => tracing::info!(
                session = self.token, cause = %error, "a payment that waits for its guest was not found"
            ),
        }
        Ok(Stepped::On)
    }

    /// The connector that the guest chose.
    async fn target(&self, session: &GuestSession) -> Result<Target> {
        let numbering = self.app.store.numbering(&session.charge_point_id).await?;
        let (evse, connector) = numbering.evse_of(session.connector_id);
        let target = u32::try_from(evse).ok().zip(u32::try_from(connector).ok());
        Ok(
            target.map_or(Target::Station, |(evse, connector)| Target::Connector {
                evse,
                connector,
            }),
        )
    }

    async fn start(&self, session: &GuestSession, id: &ChargePointId) -> Result<Stepped> {
        let store = &self.app.store;
        let target = self.target(session).await?;
        // Written before it is sent, so that no restart sends it twice.
        if !store.guest_start_sent(&self.token).await? {
            return Ok(Stepped::On);
        }
        let start = Start {
            target,
            token: IdToken::central(&session.id_tag),
            remote_start_id: command::remote_start_id(&self.token),
            profile: None,
        };
        match self.command(id, &Command::Start(start)).await? {
            Answer::Refused(reason) => {
                self.not_begun(GuestStatus::Failed, Some(&reason)).await?;
            }
            Answer::Unsent => {
                store.guest_start_unsent(&self.token).await?;
                return Ok(Stepped::Again);
            }
            // Without an answer it may begin yet: a second request would be refused by one that has.
            Answer::Accepted | Answer::None => {}
        }
        Ok(Stepped::On)
    }

    async fn ask_stop(&mut self, now: Circumstances) -> Result<()> {
        tracing::info!(
            session = self.token,
            cost = %now.cost,
            "a guest session has cost what is held, or is too old: it is stopped"
        );
        self.ask_stop_from_ms = now.now_ms.saturating_add(ASK_STOP_INTERVAL_MS);
        let store = &self.app.store;
        store.guest_stop_asked(&self.token, now.now_ms).await
    }

    async fn stop(
        &mut self,
        id: &ChargePointId,
        transaction: i64,
        (asked_ms, now): (i64, Circumstances),
    ) -> Result<()> {
        let stop = Command::Stop {
            transaction: transaction.to_string(),
        };
        let answer = self.command(id, &stop).await?;
        self.stop_sent = now.connection.map(|connection| StopSent {
            asked_ms,
            connection,
            at_ms: self.app.clock().now_ms(),
            is_answered: matches!(answer, Answer::Accepted | Answer::Refused(_)),
        });
        if let Answer::Refused(reason) = answer {
            let moment = self.app.options.guest_stop_wait / ENDED_BY_ITSELF_PART;
            self.until_ended(transaction, moment).await?;
            let store = &self.app.store;
            store.guest_stop_refused(&self.token, &reason).await?;
        }
        Ok(())
    }

    async fn until_ended(&self, transaction: i64, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let state = self.app.store.transaction_end(transaction).await?;
            if state.end != TransactionEnd::Open
                || timeout_at(deadline, self.desk.wake.notified())
                    .await
                    .is_err()
            {
                return Ok(());
            }
        }
    }

    /// Sends a command once.
    async fn command(&self, id: &ChargePointId, command: &Command) -> Result<Answer> {
        let sent = ocpp::send(&self.app, id, command).await?;
        let action = sent.action;
        // What it says counts even where its form does not: money hangs on it.
        let understood = match sent.result {
            Err(CallFailure::Invalid { answer, .. }) => Ok(*answer),
            other => other,
        };
        Ok(match understood {
            Ok(answer) if answer.is_accepted() => Answer::Accepted,
            Ok(answer) => Answer::Refused(format!("{action} was answered {}", answer.said())),
            // It may have done what it was told.
            Err(CallFailure::TimedOut | CallFailure::Lost | CallFailure::Unreadable(_)) => {
                Answer::None
            }
            Err(failure) if failure.was_sent() => Answer::Refused(format!("{action}: {failure}")),
            // Nor will it be, ever.
            Err(CallFailure::NotSayable(why)) => Answer::Refused(why),
            Err(failure) => {
                tracing::info!(session = self.token, action, cause = %failure, "a command is sent later");
                Answer::Unsent
            }
        })
    }

    async fn give_up(&self, session: &GuestSession, now_ms: i64) -> Result<()> {
        let Some(transaction) = session.transaction_id else {
            return Ok(());
        };
        tracing::error!(
            session = self.token,
            charge_point = session.charge_point_id,
            transaction,
            "the charge point of a guest session is away for too long: what it told last is paid for"
        );
        let (organization, id) = (&session.organization_id, &session.charge_point_id);
        let outbox = &self.app.outbox;
        let occurrence = outbox.awaited(Kind::TransactionStopped, organization, id, now_ms);
        let is_told = occurrence.is_some();
        give_up(&self.app.store, transaction, occurrence, now_ms).await?;
        if is_told {
            outbox.posted();
        }
        Ok(())
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
            reference: session.payment_reference.clone().unwrap_or_default(),
            amount,
            currency: session.tariff.currency.clone(),
        };
        let (payment, taken) = match self.app.payments.capture(&capture).await {
            Ok(taken) => (PaymentStatus::Captured, Some(taken)),
            Err(PaymentError::Refused(why)) => {
                tracing::error!(session = self.token, cause = why, "a payment was not taken");
                (PaymentStatus::CaptureFailed, None)
            }
            Err(PaymentError::Unavailable(why)) => {
                tracing::error!(
                    session = self.token,
                    cause = why,
                    "a payment is taken later"
                );
                return Ok(Stepped::Again);
            }
        };
        let store = &self.app.store;
        store.guest_settled(&self.token, payment, taken).await?;
        Ok(Stepped::On)
    }

    async fn cancel(&self, session: &GuestSession) -> Result<Stepped> {
        let reference = session.payment_reference.clone().unwrap_or_default();
        let canceled = match reference.is_empty() {
            // Nothing is held.
            true => Ok(()),
            false => self.app.payments.cancel(&reference).await,
        };
        let payment = match canceled {
            Ok(()) => PaymentStatus::Canceled,
            Err(PaymentError::Refused(why)) => {
                tracing::error!(
                    session = self.token,
                    cause = why,
                    "a payment could not be let go: look at it at the gateway"
                );
                PaymentStatus::Refused
            }
            Err(PaymentError::Unavailable(why)) => {
                tracing::error!(
                    session = self.token,
                    cause = why,
                    "a payment is let go later"
                );
                return Ok(Stepped::Again);
            }
        };
        let store = &self.app.store;
        store.guest_settled(&self.token, payment, None).await?;
        Ok(Stepped::On)
    }
}
