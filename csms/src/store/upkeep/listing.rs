//! What an operator can set, as lists: a page at a time, each beginning behind the key the one before it ended with, so that
//! none of them costs more than its rows. No secret is read.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::store::database::query_text::{Bind, Put, bind_all};
use crate::store::{Result, Store, on_db};

/// Rows of a page.
pub(crate) const PAGE_ROWS: usize = 500;

/// Which rows to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// Of this organization only.
    pub organization_id: Option<String>,
    /// Transactions of this charge point only.
    pub charge_point_id: Option<String>,
    /// Transactions that are open only.
    pub open_only: bool,
}

/// An organization.
#[derive(Debug, FromRow)]
pub(crate) struct OrganizationRow {
    pub id: String,
    pub name: String,
    pub takes_sign_ups: bool,
    pub created_at_ms: i64,
}

/// An API key without its secret, of which the database has no more than a hash.
#[derive(Debug, FromRow)]
pub(crate) struct ApiKeyRow {
    pub id: String,
    pub organization_id: String,
    pub scopes: String,
    pub created_at_ms: i64,
    pub revoked_at_ms: Option<i64>,
}

/// An id tag.
#[derive(Debug, FromRow)]
pub(crate) struct IdTagRow {
    pub organization_id: String,
    pub tag_key: String,
    pub party: String,
    pub kind: String,
    pub uid: String,
    pub status: String,
    pub group_uid: Option<String>,
    pub expires_at_ms: Option<i64>,
    pub single_transaction: bool,
    pub created_at_ms: i64,
}

/// A charge point that is not deleted.
#[derive(Debug, FromRow)]
pub(crate) struct ChargePointRow {
    pub id: String,
    pub organization_id: String,
    pub name: Option<String>,
    pub has_password: bool,
    pub registration: String,
    pub interval_s: Option<i64>,
    pub security_profile: i64,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub firmware_version: Option<String>,
    pub project_id: Option<String>,
    pub created_at_ms: i64,
    pub last_seen_at_ms: Option<i64>,
}

/// A transaction.
#[derive(Debug, FromRow)]
pub(crate) struct ListedTransaction {
    pub id: i64,
    pub organization_id: String,
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    pub id_tag: Option<String>,
    pub state: String,
    pub started_at_ms: i64,
    pub stopped_at_ms: Option<i64>,
    pub meter_start_wh: Option<i64>,
    pub meter_stop_wh: Option<i64>,
    pub last_meter_wh: Option<i64>,
    pub reason: Option<String>,
    pub cost: Option<String>,
    pub currency: Option<String>,
}

impl Store {
    /// A page of organizations by id.
    pub(crate) async fn organizations_after(&self, after: &str) -> Result<Vec<OrganizationRow>> {
        let mut put = Put::default();
        let after = put.text(after);
        put.add(&format!(
            "select id, name, takes_sign_ups, created_at_ms from organization where id > {after} order by id"
        ));
        self.page(put).await
    }

    /// A page of API keys by id, revoked ones among them.
    pub(crate) async fn api_keys_after(
        &self,
        listed: &Listed,
        after: &str,
    ) -> Result<Vec<ApiKeyRow>> {
        let mut put = Put::default();
        let after = put.text(after);
        put.add(&format!(
            "select id, organization_id, scopes, created_at_ms, revoked_at_ms from api_key where id > {after}"
        ));
        put.add_organization(listed);
        put.add(" order by id");
        self.page(put).await
    }

    /// A page of id tags by organization, tag, who issued it and what it is.
    pub(crate) async fn id_tags_after(
        &self,
        listed: &Listed,
        after: [&str; 4],
    ) -> Result<Vec<IdTagRow>> {
        let mut put = Put::default();
        let [organization, tag_key, party, kind] = after.map(|text| put.text(text));
        put.add(&format!(
            "select organization_id, tag_key, party, kind, uid, status, group_uid, expires_at_ms, single_transaction,
                 created_at_ms
             from id_tag where (organization_id, tag_key, party, kind) > ({organization}, {tag_key}, {party}, {kind})"
        ));
        put.add_organization(listed);
        put.add(" order by organization_id, tag_key, party, kind");
        self.page(put).await
    }

    /// A page of charge points by id.
    pub(crate) async fn charge_points_after(
        &self,
        listed: &Listed,
        after: &str,
    ) -> Result<Vec<ChargePointRow>> {
        let mut put = Put::default();
        let after = put.text(after);
        put.add(&format!(
            "select id, organization_id, name, password_hash is not null as has_password, registration, interval_s,
                 security_profile, vendor, model, firmware_version, project_id, created_at_ms, last_seen_at_ms
             from charge_point where id > {after} and deleted_at_ms is null"
        ));
        put.add_organization(listed);
        put.add(" order by id");
        self.page(put).await
    }

    /// A page of transactions by id.
    pub(crate) async fn transactions_after(
        &self,
        listed: &Listed,
        after: i64,
    ) -> Result<Vec<ListedTransaction>> {
        let mut put = Put::default();
        let after = put.value(Bind::Number(after));
        put.add(&format!(
            "select t.id, t.organization_id, t.charge_point_id, t.connector_id, t.id_tag, t.state, t.started_at_ms,
                 t.stopped_at_ms, t.meter_start_wh, t.meter_stop_wh, t.last_meter_wh, t.reason, c.total as cost,
                 c.currency
             from charge_transaction t left join transaction_cost c on c.transaction_id = t.id where t.id > {after}"
        ));
        put.add_organization(listed);
        if let Some(id) = &listed.charge_point_id {
            let id = put.text(id);
            put.add(&format!(" and t.charge_point_id = {id}"));
        }
        if listed.open_only {
            put.add(" and t.state = 'open'");
        }
        put.add(" order by t.id");
        self.page(put).await
    }

    /// The first [`PAGE_ROWS`] rows.
    async fn page<T>(&self, mut put: Put) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        put.add(&format!(" limit {PAGE_ROWS}"));
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => bind_all!(
            sqlx::query_as(AssertSqlSafe(put.text.clone())), put)
            .fetch_all(db))
    }
}

impl Put {
    fn add_organization(&mut self, listed: &Listed) {
        if let Some(organization) = &listed.organization_id {
            let organization = self.text(organization);
            self.add(&format!(" and organization_id = {organization}"));
        }
    }
}
