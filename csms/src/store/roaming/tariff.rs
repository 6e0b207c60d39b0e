//! Tariffs as partners see them: the one that holds now of each charge point and project.

use crate::domain::money::price::Tariff;
use crate::domain::roaming::tariff::{Published, tariff_id};
use crate::store::{Conn, Result, Store, amount, on_db};

#[derive(sqlx::FromRow)]
struct TariffRow {
    owner_id: String,
    public_id: Option<String>,
    currency: String,
    price_per_kwh: String,
    session_fee: String,
    idle_fee_per_minute: String,
    free_idle_minutes: i64,
    updated_at_ms: i64,
}

/// What each charge point and project of an organization has a tariff for, when it got the first one, and which holds now.
macro_rules! published {
    ($then:literal) => {
        concat!(
            "with held (owner_kind, owner_id, made_ms, since_ms, changed_ms) as (
                 select t.owner_kind, t.owner_id, min(t.since_ms), max(t.since_ms), max(t.updated_at_ms) from tariff t
                 where t.organization_id = $1 and t.deleted_at_ms is null
                 group by t.owner_kind, t.owner_id having max(t.updated_at_ms) >= $2 and max(t.updated_at_ms) < $3) ",
            $then
        )
    };
}

impl Store {
    /// A part of the tariffs of an organization that changed within a time, oldest first, and how many there are in all.
    pub(crate) async fn published_tariffs(
        &self,
        organization: &str,
        (from_ms, to_ms): (i64, i64),
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Published>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(published!("select count(*) from held"))
            .bind(organization).bind(from_ms).bind(to_ms)
            .fetch_one(db))?;
        let rows: Vec<TariffRow> = on_db!(&mut conn, db => sqlx::query_as(published!(
            "select t.owner_id, t.public_id, t.currency, t.price_per_kwh, t.session_fee, t.idle_fee_per_minute,
                 t.free_idle_minutes, h.changed_ms as updated_at_ms
             from held h join tariff t on t.owner_kind = h.owner_kind and t.owner_id = h.owner_id
                 and t.since_ms = h.since_ms
             order by h.made_ms, t.owner_id limit $4 offset $5"))
            .bind(organization).bind(from_ms).bind(to_ms).bind(limit).bind(offset)
            .fetch_all(db))?;
        let tariffs = rows.into_iter().map(published_of);
        Ok((tariffs.collect::<Result<_>>()?, total))
    }
}

impl Conn {
    /// The tariff for what begins at a charge point at that time, as partners see it.
    pub(crate) async fn published_tariff_of(
        &mut self,
        charge_point: &str,
        at_ms: i64,
    ) -> Result<Option<Published>> {
        let row: Option<TariffRow> = on_db!(self, db => sqlx::query_as(
            "select t.owner_id, t.public_id, t.currency, t.price_per_kwh, t.session_fee, t.idle_fee_per_minute,
                 t.free_idle_minutes, t.updated_at_ms
             from charge_point p left join project j on j.id = p.project_id
                 join tariff t on (t.owner_kind = 'charge_point' and t.owner_id = p.id)
                     or (t.owner_kind = 'project' and t.owner_id = p.project_id)
             where p.id = $1 and t.since_ms <= $2 and (p.project_id is null or j.handed_over_at_ms <= $2)
             order by t.owner_kind, t.since_ms desc limit 1")
            .bind(charge_point).bind(at_ms)
            .fetch_optional(db))?;
        row.map(published_of).transpose()
    }
}

fn published_of(row: TariffRow) -> Result<Published> {
    Ok(Published {
        id: row.public_id.unwrap_or_else(|| tariff_id(&row.owner_id)),
        tariff: Tariff {
            currency: row.currency,
            price_per_kwh: amount(&row.price_per_kwh)?,
            session_fee: amount(&row.session_fee)?,
            idle_fee_per_minute: amount(&row.idle_fee_per_minute)?,
            free_idle_minutes: row.free_idle_minutes,
        },
        updated_at_ms: row.updated_at_ms,
    })
}
