//! Charge points that are registered, changed, listed and deleted.
//!
//! A deletion begins with a mark and a row of another id, the grave, in one transaction. Then the records are
//! moved there, so many in a transaction that nobody waits long, and the row that was marked is dropped last.
//! Every step finds out for itself how far the burial is, so it can go on after any of them: at the next start, or
//! by whoever wants the identity before that.

use crate::domain::charge_points::details::{Change, NewChargePoint};
use crate::domain::charge_points::identity::grave;
use crate::domain::charge_points::place::Place;
use crate::store::charge_points::past::Next;
use crate::store::charge_points::record::record_columns;
use crate::store::{
    ChargePointRecord, Conn, ConnectorStatus, OwnedPoint, Owner, Result, Store, on_db, owned,
    run_on_db,
};

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

/// Records that are moved to a grave in one transaction: a part of a second, so that charge points do not wait.
const BURIED_AT_ONCE: i64 = 2_000;

/// What a grave keeps of a charge point: all columns but the id and its passwords.
macro_rules! kept_columns {
    () => {
        "organization_id, registration, interval_s, vendor, model, serial_number, \
         firmware_version, booted_at_ms, last_seen_at_ms, last_heartbeat_at_ms, created_at_ms, decoding, \
         updated_at_ms, name, \
         registered_vendor, registered_model, registered_serial_number, ocpp_version, id_was_generated, \
         installer_id, project_id, site_id, latitude, longitude, address, map_cell, connector_count, \
         connector_type, max_power_kw, configured_at_ms, connected_at_ms, commissioned_at_ms, \
         security_profile, identity_verified, tls_enabled, deleted_at_ms, is_published, is_online, \
         online_changed_at_ms"
    };
}

/// A charge point that is marked as deleted and not buried yet; bind its id as $1.
macro_rules! marked {
    () => {
        "select id from charge_point where id = $1 and deleted_at_ms is not null"
    };
}

/// Moves at most $3 rows of a table from charge point $1 to $2.
macro_rules! move_some {
    ($table:literal, $key:literal) => {
        concat!(
            "update ",
            $table,
            " set charge_point_id = $2 where charge_point_id = $1 and (",
            $key,
            ") in (select ",
            $key,
            " from ",
            $table,
            " where charge_point_id = $1 limit $3)"
        )
    };
}

/// Every table that names a charge point, with what tells its rows of one charge point apart.
const MOVES: [&str; 14] = [
    move_some!("connector", "connector_id"),
    move_some!("charge_transaction", "id"),
    move_some!("meter_value", "content_hash"),
    move_some!("orphan_stop", "transaction_number, content_hash"),
    move_some!("charge_point_event", "id"),
    move_some!("charge_point_past", "until_ms"),
    move_some!("deviation", "message, name"),
    move_some!(
        "variable",
        "component, component_instance, variable, variable_instance, evse_id, connector_id, attribute_type"
    ),
    move_some!("evse", "evse_id"),
    move_some!("evse_connector", "evse_id, connector_id"),
    move_some!("certificate", "id"),
    move_some!("commissioning", "id"),
    move_some!("connector_history", "connector_id, reported_at_ms, place"),
    move_some!("guest_session", "token"),
];

impl Store {
    /// Buries a charge point of this identity that is marked as deleted, a part at a time: what charge points say
    /// is committed in between. What an end of the server cut short is gone on with.
    pub(crate) async fn finish_burial(&self, id: &str) -> Result<()> {
        let mut conn = self.reader().await?;
        let marked: Option<String> =
            on_db!(&mut conn, db => sqlx::query_scalar(marked!()).bind(id).fetch_optional(db))?;
        drop(conn);
        if marked.is_none() {
            return Ok(());
        }
        let more = || {
            self.write(id.to_owned(), |id, conn| {
                Box::pin(async move { conn.bury_some(id).await })
            })
        };
        while more().await? {}
        Ok(())
    }

    /// The charge points that are marked as deleted and not buried yet; graves are not among them.
    pub(crate) async fn unburied(&self) -> Result<Vec<String>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            "select id from charge_point where deleted_at_ms is not null and id not like '%/deleted/%' order by id")
            .fetch_all(db))
    }

    /// Whether a charge point is marked as deleted and not buried yet.
    pub(crate) async fn is_being_buried(&self, point: &OwnedPoint) -> Result<bool> {
        let mut conn = self.reader().await?;
        let marked: Option<String> = on_db!(&mut conn, db => sqlx::query_scalar(marked!())
            .bind(&point.id)
            .fetch_optional(db))?;
        Ok(marked.is_some())
    }

    /// A part of the charge points, by identity, and how many there are in all.
    pub(crate) async fn charge_point_records(
        &self,
        filter: &RecordFilter,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<ChargePointRecord>, i64)> {
        let (mut conn, _turn) = self.heavy_reader().await?;
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
    pub(crate) async fn connectors_of(&self, point: &OwnedPoint) -> Result<Vec<ConnectorStatus>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select connector_id, status, error_code, info, reported_at_ms from connector
             where charge_point_id = $1 order by connector_id")
            .bind(&point.id)
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
            "insert into charge_point (id, organization_id, installer_id, password_hash, registration, name,
                 registered_vendor, registered_model, registered_serial_number, ocpp_version,
                 id_was_generated, project_id, site_id, latitude, longitude, address, map_cell,
                 connector_count, connector_type, max_power_kw, created_at_ms, commissioned_at_ms, password_number,
                 updated_at_ms)
             values ($1, $2, $3, $4, 'Accepted', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                 $19, $20, $21, $20, $20)
             on conflict do nothing returning id")
            .bind(&new.id).bind(&owner.organization_id).bind(&owner.installer_id).bind(&new.password_hash)
            .bind(&new.name).bind(&new.vendor).bind(&new.model).bind(&new.serial_number).bind(new.ocpp_version)
            .bind(new.id_was_generated).bind(&new.project_id).bind(&new.site_id)
            .bind(new.place.map(|place| place.latitude)).bind(new.place.map(|place| place.longitude))
            .bind(&new.address).bind(new.place.map(Place::cell))
            .bind(new.hardware.connector_count).bind(&new.hardware.connector_type)
            .bind(new.hardware.max_power_kw).bind(new.created_at_ms)
            .bind(new.is_commissioned.then_some(new.created_at_ms))
            .fetch_optional(db))?;
        if made.is_some() {
            self.touch_site(new.site_id.as_deref(), new.created_at_ms)
                .await?;
        }
        Ok(made.is_some())
    }

    /// Changes what is to be changed of a charge point.
    pub(crate) async fn change_charge_point(
        &mut self,
        point: &OwnedPoint,
        change: &Change,
        now_ms: i64,
    ) -> Result<()> {
        let id = &*point.id;
        if let Some(project_id) = &change.project_id {
            let next = Next {
                organization_id: None,
                project_id: project_id.as_deref(),
            };
            self.keep_belonging(id, next, now_ms).await?;
        }
        self.touch_sites_of(
            id,
            change.site_id.as_ref().and_then(Option::as_deref),
            now_ms,
        )
        .await?;
        run_on_db!(self, db => sqlx::query(
            "update charge_point set registered_vendor = coalesce($2, registered_vendor),
                 registered_model = coalesce($3, registered_model), name = coalesce($4, name),
                 latitude = coalesce($5, latitude), longitude = coalesce($6, longitude),
                 map_cell = coalesce($7, map_cell), connector_count = coalesce($8, connector_count),
                 project_id = case when $9 then $10 else project_id end,
                 site_id = case when $11 then $12 else site_id end,
                 address = case when $13 then $14 else address end,
                 connector_type = case when $15 then $16 else connector_type end,
                 max_power_kw = case when $17 then $18 else max_power_kw end,
                 password_hash = coalesce($19, password_hash),
                 pending_passwords = case when $20 then null else pending_passwords end,
                 password_number = password_number + case when $20 then 1 else 0 end,
                 updated_at_ms = $21
             where id = $1")
            .bind(id).bind(&change.vendor).bind(&change.model).bind(&change.name)
            .bind(change.place.map(|place| place.latitude)).bind(change.place.map(|place| place.longitude))
            .bind(change.place.map(Place::cell)).bind(change.connector_count)
            .bind(change.project_id.is_some()).bind(change.project_id.as_ref().and_then(Option::as_ref))
            .bind(change.site_id.is_some()).bind(change.site_id.as_ref().and_then(Option::as_ref))
            .bind(change.address.is_some()).bind(change.address.as_ref().and_then(Option::as_ref))
            .bind(change.connector_type.is_some())
            .bind(change.connector_type.as_ref().and_then(Option::as_ref))
            .bind(change.max_power_kw.is_some()).bind(change.max_power_kw.flatten())
            .bind(&change.password_hash).bind(change.password_hash.is_some()).bind(now_ms)
            .execute(db))
    }

    /// Whether a transaction is open at a charge point, or its end provisional, or a guest's money not settled.
    pub(crate) async fn has_open_session(&mut self, point: &OwnedPoint) -> Result<bool> {
        let open: i64 = on_db!(self, db => sqlx::query_scalar(
            "select (select count(*) from charge_transaction where charge_point_id = $1 and state = 'open')
                 + (select count(*) from charge_transaction
                     where charge_point_id = $1 and provisional_since_ms is not null)
                 + (select count(*) from guest_session where charge_point_id = $1 and (ended_at_ms is null
                     or payment_status in ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')))")
            .bind(&point.id)
            .fetch_one(db))?;
        Ok(open > 0)
    }

    /// Marks a charge point as deleted and makes the grave that its records are going to lie in. From now on
    /// nobody finds it; [`Conn::bury_some`] does the rest.
    pub(crate) async fn mark_deleted(&mut self, point: &OwnedPoint, now_ms: i64) -> Result<()> {
        let id = &*point.id;
        let number = self.graves(id).await? + 1;
        let grave = grave(id, number);
        self.touch_sites_of(id, None, now_ms).await?;
        run_on_db!(self, db => sqlx::query(
            "update charge_point set deleted_at_ms = $2, updated_at_ms = $2
             where id = $1 and deleted_at_ms is null")
            .bind(id).bind(now_ms)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(concat!(
            "insert into charge_point (id, ", kept_columns!(), ")
             select $2, ", kept_columns!(), " from charge_point where id = $1"))
            .bind(id).bind(&grave)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "update tariff set owner_id = $2, updated_at_ms = $3, deleted_at_ms = $3
             where owner_id = $1 and owner_kind <> 'project'")
            .bind(id).bind(&grave).bind(now_ms)
            .execute(db))
    }

    /// Moves a part of the records of a charge point that is marked as deleted to its grave, and drops its own row
    /// with the last of them. False when there is nothing left to do, or never was.
    pub(crate) async fn bury_some(&mut self, id: &str) -> Result<bool> {
        if !self.hold_deleted(id).await? {
            return Ok(false);
        }
        let grave = grave(id, self.graves(id).await?);
        let mut left = BURIED_AT_ONCE;
        for part in MOVES {
            let moved: u64 = on_db!(&mut *self, db => async {
                let query = sqlx::query(part).bind(id).bind(&grave).bind(left);
                query.execute(db).await.map(|done| done.rows_affected())
            })?;
            left -= i64::try_from(moved).unwrap_or(left);
            if left <= 0 {
                return Ok(true);
            }
        }
        run_on_db!(self, db => sqlx::query("delete from charge_point where id = $1").bind(id).execute(db))?;
        Ok(false)
    }

    /// Whether a charge point is marked as deleted and not buried yet. Its row is held on PostgreSQL, where others
    /// write at the same time: who buries as well waits, and no record is added meanwhile.
    async fn hold_deleted(&mut self, id: &str) -> Result<bool> {
        let text = match self {
            Self::Sqlite(_) => marked!(),
            Self::Postgres(_) => concat!(marked!(), " for update"),
        };
        let held: Option<String> =
            on_db!(self, db => sqlx::query_scalar(text).bind(id).fetch_optional(db))?;
        Ok(held.is_some())
    }

    /// Waits until nobody is adding a transaction to a charge point, and keeps others from it till the commit.
    pub(crate) async fn hold_charge_point(&mut self, id: &str) -> Result<()> {
        match self {
            // There is one writer.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => run_on_db!(self, db => sqlx::query(
                "select id from charge_point where id = $1 for update")
                .bind(id)
                .execute(db)),
        }
    }

    /// How many charge points of this identity were deleted: their numbers have no gaps.
    async fn graves(&mut self, id: &str) -> Result<i64> {
        on_db!(self, db => sqlx::query_scalar(
            "with recursive graves (number) as (
                 select 0
                 union all
                 select g.number + 1 from graves g where exists (select 1 from charge_point p
                     where p.id = cast($1 as text) || '/deleted/' || cast(g.number + 1 as text)))
             select cast(max(number) as bigint) from graves")
            .bind(id)
            .fetch_one(db))
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::charge_points::configuring::configure;
    use crate::domain::charge_points::registration::{RegistrationRefused, change, delete};
    use crate::domain::money::price::Tariff;
    use crate::domain::money::tariff;
    use crate::domain::projects::going_live::commission;
    use crate::store::{ChargePointSetting, DEFAULT_ORGANIZATION, NewTariff, Priced, Proof};

    async fn names(store: &Store, text: &'static str) -> Vec<String> {
        let mut conn = store.reader().await.unwrap();
        on_db!(&mut conn, db => sqlx::query_scalar(text).fetch_all(db)).unwrap()
    }

    #[tokio::test]
    async fn a_grave_keeps_every_column_but_passwords_and_gets_the_rows_of_every_table() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let kept: Vec<&str> = kept_columns!().split(',').map(str::trim).collect();
        let columns = "select name from pragma_table_info('charge_point')
             where name <> 'id' and name not like '%password%'";
        assert_eq!(kept, names(&store, columns).await);
        let tables = names(
            &store,
            "select m.name from sqlite_master m, pragma_foreign_key_list(m.name) f
             where m.type = 'table' and f.\"table\" = 'charge_point' order by m.name",
        );
        let moved = MOVES.iter().map(|text| text.split(' ').nth(1).unwrap());
        let mut moved: Vec<&str> = moved.collect();
        moved.sort_unstable();
        assert_eq!(moved, tables.await);
    }

    #[tokio::test]
    async fn nothing_is_written_to_what_is_somebody_elses_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        store
            .record_unknown_charge_point("CP-1", Proof::default())
            .await
            .unwrap();
        store.create_organization("org_2", "two").await.unwrap();
        let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
        let point = store.owned_point(&owner, "CP-1").await.unwrap().unwrap();
        for (organization, may) in [("org_2", false), (DEFAULT_ORGANIZATION, true)] {
            let given = ChargePointSetting {
                id: "CP-1".into(),
                organization_id: Some(organization.to_owned()),
                ..ChargePointSetting::default()
            };
            store.set_charge_point(given).await.unwrap();
            let found = store.owned_point(&owner, "CP-1").await.unwrap();
            assert_eq!(found.is_some(), may);
            let theirs = Change {
                name: Some("theirs".into()),
                ..Change::default()
            };
            let changed = change(&store, point.clone(), theirs, 1).await;
            assert_eq!(changed.unwrap().is_ok(), may);
            let tariff = NewTariff {
                of: Priced::ChargePoint(point.clone()),
                tariff: Tariff {
                    currency: "GBP".into(),
                    price_per_kwh: Decimal::ONE,
                    session_fee: Decimal::ZERO,
                    idle_fee_per_minute: Decimal::ZERO,
                    free_idle_minutes: 0,
                },
                now_ms: 1,
            };
            let set = tariff::set(&store, tariff).await.unwrap();
            assert_eq!(set.is_some(), may);
            let keys = vec![("Key".to_owned(), "1".to_owned())];
            let configured = configure(&store, point.clone(), keys, 1).await;
            assert_eq!(configured.unwrap().is_ok(), may);
            let commissioned = commission(&store, &point, 1, None).await.unwrap();
            assert_eq!(commissioned, may.then_some(1));
            let deleted = delete(&store, &point, true, 2).await.unwrap();
            let refused = if may {
                RegistrationRefused::Online
            } else {
                RegistrationRefused::Missing
            };
            assert_eq!(deleted, Err(refused));
        }
    }
}
