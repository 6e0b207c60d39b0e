//! Charge points as the platform knows them: registered, placed, commissioned, deleted; and the proof that one of them
//! belongs to who asks.

use std::ops::Deref;

use dynamo_protocol::ChargePointId;
use dynamo_protocol::decode::Decoding;

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
    /// The word for how its messages are read; as the server does without it.
    pub decoding: Option<String>,
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
         p.longitude, p.address, p.connector_count, p.connector_type, p.max_power_kw, p.registration, p.decoding, \
         p.created_at_ms, p.updated_at_ms, p.configured_at_ms, p.connected_at_ms, p.commissioned_at_ms, p.identity_verified, \
         p.tls_enabled, p.last_seen_at_ms, p.last_heartbeat_at_ms"
    };
}

pub(in crate::store) use record_columns;

impl ChargePointRecord {
    /// How its messages are read; as the server does without it.
    pub(crate) fn decoding(&self) -> Option<Decoding> {
        self.decoding.as_deref().and_then(Decoding::from_word)
    }
}

/// A charge point that was found to be the asker's: it is made by the queries below and by nothing else. What works on
/// a charge point for somebody who asks over REST takes this instead of an identity. What writes asks once more, in its
/// own transaction, whether it still is.
#[derive(Clone, Debug)]
pub(crate) struct OwnedPoint {
    owner: Owner,
    identity: ChargePointId,
    record: Box<ChargePointRecord>,
}

impl OwnedPoint {
    /// Who asked for it.
    pub(crate) const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// By what its connection is found.
    pub(crate) const fn identity(&self) -> &ChargePointId {
        &self.identity
    }

    /// What is shown of it.
    pub(crate) fn into_record(self) -> ChargePointRecord {
        *self.record
    }
}

impl Deref for OwnedPoint {
    type Target = ChargePointRecord;

    fn deref(&self) -> &ChargePointRecord {
        &self.record
    }
}

impl Store {
    /// The charge point of this identity, if it is the owner's and not deleted.
    pub(crate) async fn owned_point(&self, owner: &Owner, id: &str) -> Result<Option<OwnedPoint>> {
        self.reader().await?.owned_point(owner, id).await
    }

    /// The charge point of this identity, if it is the owner's; also one whose deletion was cut short.
    pub(crate) async fn deletable_point(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<OwnedPoint>> {
        let mut conn = self.reader().await?;
        conn.point_by(
            concat!(
                "select ",
                record_columns!(),
                " from charge_point p where p.id = $1 and ",
                owned!("p", "$2", "$3", "$4")
            ),
            owner,
            id,
        )
        .await
    }
}

impl Conn {
    /// The charge point of this identity, if it is the owner's and not deleted.
    pub(crate) async fn owned_point(
        &mut self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<OwnedPoint>> {
        self.point_by(
            concat!(
                "select ",
                record_columns!(),
                " from charge_point p
             where p.id = $1 and p.deleted_at_ms is null and ",
                owned!("p", "$2", "$3", "$4")
            ),
            owner,
            id,
        )
        .await
    }

    /// What became of a charge point since it was found, if it is still the owner's and not deleted. Until the commit
    /// nobody else deletes it, registers it as another one, or adds a transaction to it.
    pub(crate) async fn hold_point(&mut self, point: &OwnedPoint) -> Result<Option<OwnedPoint>> {
        self.hold_charge_point(&point.id).await?;
        self.owned_point(&point.owner, &point.id).await
    }

    async fn point_by(
        &mut self,
        text: &'static str,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<OwnedPoint>> {
        // The name of a grave is no identity.
        let Ok(identity) = ChargePointId::new(id) else {
            return Ok(None);
        };
        let record: Option<ChargePointRecord> = on_db!(self, db => sqlx::query_as(text)
            .bind(id)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))?;
        Ok(record.map(|record| OwnedPoint {
            owner: owner.clone(),
            identity,
            record: Box::new(record),
        }))
    }
}
