//! Keeping what becomes of a guest's money before the session begins; the rules are in `held`.

use super::held::{Held, Holding};
use super::words::{GuestStatus, PaymentStatus};
use crate::store::{GuestSession, Result, Store};

/// Changes a session by a rule; whether it said that something changes.
async fn change(
    store: &Store,
    token: &str,
    rule: impl Fn(&GuestSession) -> Option<Holding> + Send + Sync + 'static,
) -> Result<bool> {
    store
        .write((token.to_owned(), rule), |(token, rule), conn| {
            Box::pin(async move {
                let Some(session) = conn.lock_guest(token).await? else {
                    return Ok(false);
                };
                let Some(holding) = rule(&session) else {
                    return Ok(false);
                };
                conn.keep_holding(token, &holding).await?;
                Ok(true)
            })
        })
        .await
}

/// What the gateway said of a hold.
pub(crate) async fn heard(store: &Store, token: &str, held: Held, now_ms: i64) -> Result<()> {
    let rule = move |session: &GuestSession| session.holding().heard(held.clone(), now_ms);
    change(store, token, rule).await.map(drop)
}

/// The gateway refuses to hold it, or to say how it is.
pub(crate) async fn refused(store: &Store, token: &str, why: &str, now_ms: i64) -> Result<()> {
    let why = why.to_owned();
    let rule = move |session: &GuestSession| {
        let holding = session.holding();
        holding.failed(PaymentStatus::Refused, why.clone(), now_ms)
    };
    change(store, token, rule).await.map(drop)
}

/// Ends a session that has not begun, and lets go of what is held; false when it has begun or ended.
pub(crate) async fn not_begun(
    store: &Store,
    token: &str,
    (status, reason): (GuestStatus, Option<&str>),
    now_ms: i64,
) -> Result<bool> {
    let reason = reason.map(str::to_owned);
    let rule = move |session: &GuestSession| match session.transaction_id {
        None => session.holding().not_begun(status, reason.clone(), now_ms),
        Some(_) => None,
    };
    change(store, token, rule).await
}
