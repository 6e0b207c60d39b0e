//! Invitations of site owners.

use crate::store::{Conn, Result, Store, on_db, run_on_db};

/// An invitation that no newer one took the place of. Its token is known by its hash only.
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
             from invitation where token_hash = $1 and voided_at_ms is null")
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

    /// Takes the invitations of a project back that nobody accepted.
    pub(crate) async fn void_invitations(&mut self, project: &str, now_ms: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update invitation set voided_at_ms = $2
             where project_id = $1 and accepted_at_ms is null and voided_at_ms is null")
            .bind(project).bind(now_ms)
            .execute(db))
    }

    /// How many invitations to an installer's projects were sent since then and not accepted, voided ones included:
    /// each was a mail to somebody who may not have wanted it. Others who count for this installer wait (SQLite has
    /// one writer anyway).
    pub(crate) async fn open_invitations(&mut self, installer: &str, since_ms: i64) -> Result<i64> {
        run_on_db!(&mut *self, db => sqlx::query("update account set name = name where id = $1")
            .bind(installer)
            .execute(db))?;
        on_db!(self, db => sqlx::query_scalar(
            "select count(*) from project p join invitation i on i.project_id = p.id
             where p.installer_id = $1 and i.created_at_ms > $2 and i.accepted_at_ms is null")
            .bind(installer).bind(since_ms)
            .fetch_one(db))
    }

    /// Uses an invitation up.
    pub(crate) async fn use_invitation(&mut self, id: &str, now_ms: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query("update invitation set accepted_at_ms = $2 where id = $1")
            .bind(id).bind(now_ms)
            .execute(db))
    }
}
