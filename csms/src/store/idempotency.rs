//! Requests that came with an `Idempotency-Key`, and what became of them.

use super::{Result, Store, on_db, run_on_db};

/// How long a key is remembered.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Old keys that one new key takes along; more than one, so that they become fewer.
const SWEEP_MAX: i64 = 100;

/// A request with a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyedRequest {
    pub organization_id: String,
    pub key: String,
    /// Of everything the request says.
    pub hash: String,
    pub now_ms: i64,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: it is the caller's now, who has to end it.
    Fresh,
    /// It came with another request.
    OtherRequest,
    /// The first request has no outcome: it is under way, or the server died under it.
    NoOutcome,
    /// The first request ended so.
    Ended(String),
}

impl Store {
    /// Claims a key, and forgets old ones.
    pub(crate) async fn claim_key(&self, request: KeyedRequest) -> Result<Claim> {
        self.write(request, |request, conn| {
            Box::pin(async move {
                let oldest_ms = request.now_ms.saturating_sub(KEPT_MS);
                run_on_db!(conn, db => sqlx::query(
                    "delete from idempotent_answer where organization_id = $1 and key = $2
                         and created_at_ms <= $3")
                    .bind(&request.organization_id).bind(&request.key).bind(oldest_ms)
                    .execute(db))?;
                run_on_db!(conn, db => sqlx::query(
                    "delete from idempotent_answer where (organization_id, key) in (
                         select organization_id, key from idempotent_answer where created_at_ms <= $1
                         order by created_at_ms limit $2)")
                    .bind(oldest_ms).bind(SWEEP_MAX)
                    .execute(db))?;
                let fresh: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "insert into idempotent_answer (organization_id, key, request_hash, created_at_ms)
                     values ($1, $2, $3, $4) on conflict do nothing returning key")
                    .bind(&request.organization_id).bind(&request.key).bind(&request.hash)
                    .bind(request.now_ms)
                    .fetch_optional(db))?;
                if fresh.is_some() {
                    return Ok(Claim::Fresh);
                }
                let (hash, outcome): (String, Option<String>) = on_db!(conn, db => sqlx::query_as(
                    "select request_hash, outcome from idempotent_answer
                     where organization_id = $1 and key = $2")
                    .bind(&request.organization_id).bind(&request.key)
                    .fetch_one(db))?;
                Ok(match outcome {
                    _ if hash != request.hash => Claim::OtherRequest,
                    None => Claim::NoOutcome,
                    Some(outcome) => Claim::Ended(outcome),
                })
            })
        })
        .await
    }

    /// Ends a claim: with the outcome, or with `None` when nothing was done and the key may come again.
    pub(crate) async fn end_claim(
        &self,
        request: KeyedRequest,
        outcome: Option<String>,
    ) -> Result<()> {
        self.write((request, outcome), |(request, outcome), conn| {
            Box::pin(async move {
                if outcome.is_none() {
                    return run_on_db!(conn, db => sqlx::query(
                        "delete from idempotent_answer where organization_id = $1 and key = $2")
                        .bind(&request.organization_id).bind(&request.key)
                        .execute(db));
                }
                run_on_db!(conn, db => sqlx::query(
                    "update idempotent_answer set outcome = $3 where organization_id = $1 and key = $2")
                    .bind(&request.organization_id).bind(&request.key).bind(outcome)
                    .execute(db))
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DEFAULT_ORGANIZATION;

    #[tokio::test]
    async fn a_key_is_one_request_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let request = |hash: &str, now_ms| KeyedRequest {
            organization_id: DEFAULT_ORGANIZATION.to_owned(),
            key: "K".to_owned(),
            hash: hash.to_owned(),
            now_ms,
        };
        let claim = async |hash, now_ms| store.claim_key(request(hash, now_ms)).await.unwrap();
        assert_eq!(claim("a", 0).await, Claim::Fresh);
        assert_eq!(claim("a", 1).await, Claim::NoOutcome);
        store.end_claim(request("a", 0), None).await.unwrap();
        assert_eq!(claim("a", 2).await, Claim::Fresh);
        let done = Some("done".to_owned());
        store.end_claim(request("a", 2), done).await.unwrap();
        assert_eq!(claim("a", 3).await, Claim::Ended("done".into()));
        assert_eq!(claim("b", 4).await, Claim::OtherRequest);
        assert_eq!(claim("b", KEPT_MS + 2).await, Claim::Fresh);
    }
}
