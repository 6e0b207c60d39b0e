//! Charge points as the platform knows them: registered, placed, commissioned, deleted.

use crate::store::{Conn, Owner, Result, Store, on_db, owned};

/// Everything about a charge point that people see.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ChargePointRecord {
    pub id: String,
    pub organization_id: String,
    pub name: Option<String>,
    pub registered_vendor: Option<String>,
    pub registered_model: Option<String>,
    pub registered_serial_number: Option<String>,
    /// As the last boot said.
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub serial_number: Option<String>,
    pub firmware_version: Option<String>,
    pub ocpp_version: String,
    pub id_was_generated: bool,
    pub project_id: Option<String>,
    pub site_id: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub address: Option<String>,
    pub connector_count: Option<i64>,
    pub connector_type: Option<String>,
    pub max_power_kw: Option<f64>,
    pub registration: String,
    pub created_at_ms: i64,
    /// When what is published of it was changed last.
    pub updated_at_ms: i64,
    pub configured_at_ms: Option<i64>,
    pub connected_at_ms: Option<i64>,
    pub commissioned_at_ms: Option<i64>,
    pub identity_verified: bool,
    pub tls_enabled: bool,
    /// Up to half a minute old while it is connected; the session knows better.
    pub last_seen_at_ms: Option<i64>,
    pub last_heartbeat_at_ms: Option<i64>,
}

/// The columns of [`ChargePointRecord`], of a table named `p`.
macro_rules! record_columns {
    () => {
        "p.id, p.organization_id, p.name, p.registered_vendor, p.registered_model, \
         p.registered_serial_number, p.vendor, p.model, p.serial_number, p.firmware_version, \
         p.ocpp_version, p.id_was_generated, p.project_id, p.site_id, p.latitude, \
         p.longitude, p.address, p.connector_count, p.connector_type, p.max_power_kw, p.registration, \
         p.created_at_ms, p.updated_at_ms, p.configured_at_ms, p.connected_at_ms, p.commissioned_at_ms, p.identity_verified, \
         p.tls_enabled, p.last_seen_at_ms, p.last_heartbeat_at_ms"
    };
}

pub(in crate::store) use record_columns;

impl Store {
    /// A charge point of this owner that is not deleted.
    pub(crate) async fn charge_point_record(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<ChargePointRecord>> {
        self.reader().await?.charge_point_record(owner, id).await
    }
}

impl Conn {
    /// A charge point of this owner that is not deleted.
    pub(crate) async fn charge_point_record(
        &mut self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<ChargePointRecord>> {
        on_db!(self, db => sqlx::query_as(concat!(
            "select ", record_columns!(), " from charge_point p
             where p.id = $1 and p.deleted_at_ms is null and ", owned!("p", "$2", "$3", "$4")))
            .bind(id)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))
    }
}
