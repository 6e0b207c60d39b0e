//! Invitations of site owners.

use super::{Conn, Result, Store, on_db, run_on_db};

/// An invitation. Its token is known by its hash only.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Invitation {
    pub id: String,
    pub project_id: String,
    pub email: String,
    pub message: Option<String>,
    pub token_hash: String,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    pub accepted_at_ms: Option<i64>,
}

impl Store {
    /// The invitation with this token.
    pub(crate) async fn invitation(&self, token_hash: &str) -> Result<Option<Invitation>> {
        self.reader().await?.invitation(token_hash).await
    }
}

impl Conn {
    pub(crate) async fn invitation(&mut self, token_hash: &str) -> Result<Option<Invitation>> {
        on_db!(self, db => sqlx::query_as(
            "select id, project_id, email, message, token_hash, created_at_ms, expires_at_ms, accepted_at_ms
             from invitation where token_hash = $1")
            .bind(token_hash)
            .fetch_optional(db))
    }

    pub(crate) async fn insert_invitation(&mut self, invitation: &Invitation) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "insert into invitation (id, project_id, email, message, token_hash, created_at_ms, expires_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&invitation.id).bind(&invitation.project_id).bind(&invitation.email)
            .bind(&invitation.message).bind(&invitation.token_hash).bind(invitation.created_at_ms)
            .bind(invitation.expires_at_ms)
            .execute(db))
    }

    /// Uses an invitation up.
    pub(crate) async fn use_invitation(&mut self, id: &str, now_ms: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query("update invitation set accepted_at_ms = $2 where id = $1")
            .bind(id).bind(now_ms)
            .execute(db))
    }
}
