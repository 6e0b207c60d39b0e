//! Webhooks, and the requests for integrations.

use crate::domain::letters::may_have_webhook;
use crate::domain::occurrence::Kind;
use crate::store::{Conn, Result, Store, on_db, run_on_db};

/// A webhook.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Webhook {
    pub id: String,
    pub organization_id: String,
    pub url: String,
    /// Words of [`Kind`], separated by spaces.
    pub events: String,
    pub secret: String,
    pub created_at_ms: i64,
}

/// A wish for an integration.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct IntegrationRequest {
    pub id: String,
    pub organization_id: String,
    pub integration_type: String,
    pub partner_name: String,
    pub description: Option<String>,
    pub status: String,
    pub created_at_ms: i64,
}

impl Store {
    /// Makes a webhook; false when the organization may have no more.
    pub(crate) async fn create_webhook(&self, webhook: Webhook) -> Result<bool> {
        self.write(webhook, |webhook, conn| {
            Box::pin(async move {
                // Locks the organization on PostgreSQL: two that are made at once are counted one after the other.
                run_on_db!(conn, db => sqlx::query("update organization set name = name where id = $1")
                    .bind(&webhook.organization_id)
                    .execute(db))?;
                let webhooks: i64 = on_db!(conn, db => sqlx::query_scalar(
                    "select count(*) from webhook where organization_id = $1 and deleted_at_ms is null")
                    .bind(&webhook.organization_id)
                    .fetch_one(db))?;
                if !may_have_webhook(webhooks) {
                    return Ok(false);
                }
                run_on_db!(conn, db => sqlx::query(
                    "insert into webhook (id, organization_id, url, events, secret, created_at_ms)
                     values ($1, $2, $3, $4, $5, $6)")
                    .bind(&webhook.id).bind(&webhook.organization_id).bind(&webhook.url)
                    .bind(&webhook.events).bind(&webhook.secret).bind(webhook.created_at_ms)
                    .execute(db))?;
                Ok(true)
            })
        })
        .await
    }

    /// The webhooks of an organization, oldest first.
    pub(crate) async fn webhooks(&self, organization: &str) -> Result<Vec<Webhook>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select id, organization_id, url, events, secret, created_at_ms from webhook
             where organization_id = $1 and deleted_at_ms is null order by created_at_ms, id")
            .bind(organization)
            .fetch_all(db))
    }

    /// Deletes a webhook of an organization with the letters that wait for it; false when there is none of
    /// this id. Its secret is forgotten.
    pub(crate) async fn delete_webhook(
        &self,
        organization: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let input = (organization.to_owned(), id.to_owned(), now_ms);
        self.write(input, |(organization, id, now_ms), conn| {
            Box::pin(async move {
                let deleted: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update webhook set deleted_at_ms = $3, secret = ''
                     where id = $2 and organization_id = $1 and deleted_at_ms is null returning id")
                    .bind(organization).bind(id).bind(now_ms)
                    .fetch_optional(db))?;
                if deleted.is_some() {
                    run_on_db!(conn, db => sqlx::query(
                        "delete from outbox where kind = 'webhook' and recipient = $1
                             and sent_at_ms is null and given_up_at_ms is null")
                        .bind(id)
                        .execute(db))?;
                }
                Ok(deleted.is_some())
            })
        })
        .await
    }

    /// Which organizations wait for which occurrences: organization and the set of [`Kind::bit`]s, one row per
    /// webhook.
    pub(crate) async fn subscriptions(&self) -> Result<Vec<(String, u16)>> {
        let mut conn = self.reader().await?;
        let rows: Vec<(String, String)> = on_db!(&mut conn, db => sqlx::query_as(
            "select organization_id, events from webhook where deleted_at_ms is null")
            .fetch_all(db))?;
        let set = |events: &str| {
            let kinds = events.split(' ').filter_map(Kind::from_word);
            kinds.fold(0, |set, kind| set | kind.bit())
        };
        let rows = rows.into_iter();
        Ok(rows.map(|(id, events)| (id, set(&events))).collect())
    }

    /// Keeps a wish for an integration.
    pub(crate) async fn create_integration_request(
        &self,
        request: IntegrationRequest,
    ) -> Result<()> {
        self.write(request, |request, conn| {
            Box::pin(async move { conn.insert_integration_request(request).await })
        })
        .await
    }

    /// A page of an organization's wishes, newest first, and how many there are in all.
    pub(crate) async fn integration_requests(
        &self,
        organization: &str,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<IntegrationRequest>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(
            "select count(*) from integration_request where organization_id = $1")
            .bind(organization)
            .fetch_one(db))?;
        let rows = on_db!(&mut conn, db => sqlx::query_as(
            "select id, organization_id, integration_type, partner_name, description, status, created_at_ms
             from integration_request where organization_id = $1
             order by created_at_ms desc, id limit $2 offset $3")
            .bind(organization).bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((rows, total))
    }
}

impl Conn {
    async fn insert_integration_request(&mut self, request: &IntegrationRequest) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "insert into integration_request (id, organization_id, integration_type, partner_name, description,
                 status, created_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&request.id).bind(&request.organization_id).bind(&request.integration_type)
            .bind(&request.partner_name).bind(&request.description).bind(&request.status)
            .bind(request.created_at_ms)
            .execute(db))
    }
}
