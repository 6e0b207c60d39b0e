//! How a charge point comes to serve drivers: its installer says so, or a commissioning run passes.
//!
//! When that was stays the first time. Webhooks are told by the installer's step if it was that time, and by every run
//! that passes: a run may complete at what was commissioned before.

use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::domain::occurrence::Occurrence;
use crate::domain::projects::commissioning::RunOutcome;
use crate::store::{Mail, OwnedPoint, Owner, Result, Store};

/// The end of a run.
pub(crate) struct RunEnd {
    pub id: String,
    pub leased_by: String,
    pub outcome: RunOutcome,
    /// Whose charge point it commissions; nobody's when the installer is no more.
    pub owner: Option<Owner>,
    pub now_ms: i64,
    pub mail: Option<Mail>,
    /// How webhooks are told when it passed.
    pub occurrence: Option<Occurrence>,
}

/// Commissions a charge point; the answer is the first time that was done, none when it is not the owner's any more, or
/// is no more.
pub(crate) async fn commission(
    store: &Store,
    point: &OwnedPoint,
    now_ms: i64,
    occurrence: Option<Occurrence>,
) -> Result<Option<i64>> {
    let (owner, id) = (point.owner().clone(), point.id.clone());
    let input = (owner, id, now_ms, occurrence);
    store
        .write(input, |(owner, id, now_ms, occurrence), conn| {
            Box::pin(async move {
                let is_first = conn.commission(owner, id, *now_ms).await?;
                if let (true, Some(occurrence)) = (is_first, occurrence) {
                    conn.tell(occurrence, &commissioned(*now_ms)).await?;
                }
                conn.commissioned_at(owner, id).await
            })
        })
        .await
}

/// Ends a run once, with everything that follows from it.
pub(crate) async fn end_run(store: &Store, end: RunEnd) -> Result<()> {
    store
        .write(end, |end, conn| {
            Box::pin(async move {
                let run = (end.id.as_str(), end.leased_by.as_str());
                let Some(charge_point) = conn.end_run(run, end.outcome, end.now_ms).await? else {
                    return Ok(());
                };
                if let (RunOutcome::Completed, Some(owner)) = (end.outcome, &end.owner) {
                    conn.commission(owner, &charge_point, end.now_ms).await?;
                    let first_ms = conn.commissioned_at(owner, &charge_point).await?;
                    if let (Some(first_ms), Some(occurrence)) = (first_ms, &end.occurrence) {
                        conn.tell(occurrence, &commissioned(first_ms)).await?;
                    }
                }
                match &end.mail {
                    Some(mail) => conn.post_mail(mail).await,
                    None => Ok(()),
                }
            })
        })
        .await
}

/// What webhooks are told of a charge point that was commissioned then.
fn commissioned(at_ms: i64) -> Value {
    json!({ "commissioned_at": rfc3339(at_ms) })
}
