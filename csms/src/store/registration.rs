//! Charge points that are registered, changed, listed and deleted.

use super::record::record_columns;
use super::{
    ChargePointRecord, Conn, ConnectorStatus, Owner, Result, Store, on_db, owned, run_on_db,
};
use crate::domain::registration::{Change, NewChargePoint};

/// Which charge points to list.
pub(crate) struct RecordFilter {
    pub owner: Owner,
    pub project_id: Option<String>,
    pub site_id: Option<String>,
    /// The word of a stage.
    pub stage: Option<&'static str>,
    /// The identities to leave out, as a JSON list.
    pub not_among: Option<String>,
}

/// The condition of [`RecordFilter`]; bind organization, installer, site owner, project, site, stage and the
/// identities left out as $1 to $7. The stage is the one of `domain::lifecycle`.
macro_rules! chosen {
    ($list:literal) => {
        concat!(
            "p.deleted_at_ms is null and ",
            owned!("p", "$1", "$2", "$3"),
            " and ($4 is null or p.project_id = $4) and ($5 is null or p.site_id = $5)
              and ($6 is null or $6 = case when p.commissioned_at_ms is not null then 'commissioned'
                  when p.connected_at_ms is not null then 'connected'
                  when p.configured_at_ms is not null then 'configured' else 'registered' end)
              and ($7 is null or p.id not in (select value from ",
            $list,
            "))"
        )
    };
}

macro_rules! chosen_count {
    ($list:literal) => {
        concat!("select count(*) from charge_point p where ", chosen!($list))
    };
}

macro_rules! chosen_page {
    ($list:literal) => {
        concat!(
            "select ",
            record_columns!(),
            " from charge_point p where ",
            chosen!($list),
            " order by p.id limit $8 offset $9"
        )
    };
}

const COUNT: [&str; 2] = [
    chosen_count!("json_each($7)"),
    chosen_count!("json_array_elements_text(cast($7 as json))"),
];
const PAGE: [&str; 2] = [
    chosen_page!("json_each($7)"),
    chosen_page!("json_array_elements_text(cast($7 as json))"),
];

impl Store {
    /// A part of the charge points, by identity, and how many there are in all.
    pub(crate) async fn charge_point_records(
        &self,
        filter: &RecordFilter,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<ChargePointRecord>, i64)> {
        let mut conn = self.reader().await?;
        let owner = &filter.owner;
        let text = conn.own_text(&COUNT);
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(text)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(&filter.project_id).bind(&filter.site_id).bind(filter.stage).bind(&filter.not_among)
            .fetch_one(db))?;
        let text = conn.own_text(&PAGE);
        let records = on_db!(&mut conn, db => sqlx::query_as(text)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(&filter.project_id).bind(&filter.site_id).bind(filter.stage).bind(&filter.not_among)
            .bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((records, total))
    }

    /// What a charge point reported last of itself (connector 0) and its connectors.
    pub(crate) async fn connectors_of(&self, charge_point: &str) -> Result<Vec<ConnectorStatus>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select connector_id, status, error_code, info, reported_at_ms from connector
             where charge_point_id = $1 order by connector_id")
            .bind(charge_point)
            .fetch_all(db))
    }
}

impl Conn {
    /// Keeps a new charge point; false when its identity is taken.
    pub(crate) async fn insert_charge_point(
        &mut self,
        owner: &Owner,
        new: &NewChargePoint,
    ) -> Result<bool> {
        let made: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "insert into charge_point (id, organization_id, installer_id, password_hash, registration,
                 registered_vendor, registered_model, registered_serial_number, ocpp_version,
                 id_was_generated, project_id, site_id, latitude, longitude, address, map_cell, created_at_ms)
             values ($1, $2, $3, $4, 'Accepted', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             on conflict do nothing returning id")
            .bind(&new.id).bind(&owner.organization_id).bind(&owner.installer_id).bind(&new.password_hash)
            .bind(&new.vendor).bind(&new.model).bind(&new.serial_number).bind(new.ocpp_version)
            .bind(new.id_was_generated).bind(&new.project_id).bind(&new.site_id)
            .bind(new.place.point.map(|(latitude, _)| latitude))
            .bind(new.place.point.map(|(_, longitude)| longitude))
            .bind(&new.place.address).bind(new.place.cell()).bind(new.created_at_ms)
            .fetch_optional(db))?;
        Ok(made.is_some())
    }

    /// Changes what is to be changed of a charge point.
    pub(crate) async fn change_charge_point(&mut self, id: &str, change: &Change) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update charge_point set registered_vendor = coalesce($2, registered_vendor),
                 registered_model = coalesce($3, registered_model),
                 project_id = case when $4 then $5 else project_id end,
                 site_id = case when $6 then $7 else site_id end,
                 latitude = coalesce($8, latitude), longitude = coalesce($9, longitude),
                 address = coalesce($10, address), map_cell = coalesce($11, map_cell)
             where id = $1")
            .bind(id).bind(&change.vendor).bind(&change.model)
            .bind(change.project_id.is_some()).bind(change.project_id.clone().flatten())
            .bind(change.site_id.is_some()).bind(change.site_id.clone().flatten())
            .bind(change.place.point.map(|(latitude, _)| latitude))
            .bind(change.place.point.map(|(_, longitude)| longitude))
            .bind(&change.place.address).bind(change.place.cell())
            .execute(db))
    }

    /// Whether a transaction is open at a charge point.
    pub(crate) async fn has_open_transaction(&mut self, charge_point: &str) -> Result<bool> {
        let open: i64 = on_db!(self, db => sqlx::query_scalar(
            "select count(*) from charge_transaction where charge_point_id = $1 and state = 'open'")
            .bind(charge_point)
            .fetch_one(db))?;
        Ok(open > 0)
    }

    /// How many charge points of this identity were deleted.
    pub(crate) async fn graves(&mut self, id: &str) -> Result<i64> {
        on_db!(self, db => sqlx::query_scalar(
            "select count(*) from charge_point
             where deleted_at_ms is not null and substr(id, 1, length($1) + 9) = $1 || '/deleted/'")
            .bind(id)
            .fetch_one(db))
    }

    /// Moves a charge point and all its records under another id. Where the tables name it by a foreign key,
    /// the database does it.
    pub(crate) async fn bury(&mut self, id: &str, grave: &str, now_ms: i64) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update charge_point set id = $2, deleted_at_ms = $3 where id = $1")
            .bind(id).bind(grave).bind(now_ms)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "update tariff set owner_id = $2 where owner_id = $1 and owner_kind <> 'project'")
            .bind(id).bind(grave)
            .execute(db))
    }
}
