//! Places to charge at, as partners see them: sites with their charge points, and charge points without a site.
//!
//! Seen are those that are published and serve: what an installer registered, once it is commissioned. A charge point that
//! was deleted is still told of, as removed.

use crate::domain::charge_points::evse::Evses;
use crate::domain::charge_points::identity::public_id;
use crate::domain::charge_points::plug::Plug;
use crate::domain::roaming::ids::{id_of, is_made};
use crate::domain::roaming::location::{Place, Point, Report};
use crate::store::{Conn, Result, Store, on_db};

/// Which place: a site, or a charge point of this id.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PlaceId {
    pub id: String,
    pub is_site: bool,
}

/// The condition that partners see the charge point `p`, on the site `s` if it stands on one.
macro_rules! seen {
    () => {
        "p.organization_id = $1 and p.is_published and (p.commissioned_at_ms is not null or p.installer_id is null)
             and (s.id is null or s.is_published)"
    };
}

/// The id of the place where the charge point `p` stands. What was put behind the identity of a deleted one is cut off:
/// `/deleted/` and digits.
macro_rules! place {
    () => {
        "coalesce(s.id, case when p.deleted_at_ms is null then p.id
             else substr(rtrim(p.id, '0123456789'), 1, length(rtrim(p.id, '0123456789')) - 9) end)"
    };
}

/// All places with the time of their last change, and what decides whether they are seen: whether anybody knows where
/// they are.
macro_rules! places {
    ($then:literal) => {
        concat!(
            "with part (id, is_site, made_ms, changed_ms, is_placed) as (
             select s.id, 1, s.created_at_ms, s.updated_at_ms, case when s.latitude is null then 0 else 1 end
             from site s where s.organization_id = $1 and s.is_published and s.deleted_at_ms is null
             union all
             select ", place!(), ", case when s.id is null then 0 else 1 end, coalesce(s.created_at_ms, p.created_at_ms),
                 case when p.online_changed_at_ms > p.updated_at_ms then p.online_changed_at_ms else p.updated_at_ms end,
                 case when p.latitude is null then 0 else 1 end
             from charge_point p left join site s on s.id = p.site_id where ", seen!(), "
             union all
             select ", place!(), ", case when s.id is null then 0 else 1 end, coalesce(s.created_at_ms, p.created_at_ms),
                 c.changed_at_ms, 0
             from connector c join charge_point p on p.id = c.charge_point_id left join site s on s.id = p.site_id
             where c.connector_id > 0 and ", seen!(), "
             union all
             select ", place!(), ", case when s.id is null then 0 else 1 end, coalesce(s.created_at_ms, p.created_at_ms),
                 e.updated_at_ms, 0
             from evse e join charge_point p on p.id = e.charge_point_id left join site s on s.id = p.site_id
             where ", seen!(), "),
             place (id, is_site, made_ms) as (
                 select id, max(is_site), min(made_ms) from part
                 where ($4 is null or lower(id) = lower($4)) group by id
                 having max(is_placed) = 1 and max(changed_ms) >= $2 and max(changed_ms) < $3) ",
            $then
        )
    };
}

#[derive(sqlx::FromRow)]
struct PointRow {
    id: String,
    connector_count: Option<i64>,
    connector_type: Option<String>,
    max_power_kw: Option<f64>,
    name: Option<String>,
    address: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    is_deleted: bool,
    is_online: bool,
    online_changed_at_ms: i64,
    updated_at_ms: i64,
    tariff: Option<String>,
    tariff_owner: Option<String>,
}

#[derive(sqlx::FromRow)]
struct SiteRow {
    name: String,
    address: String,
    city: Option<String>,
    postal_code: Option<String>,
    state: Option<String>,
    country: Option<String>,
    time_zone: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    updated_at_ms: i64,
}

impl Store {
    /// A part of the places of an organization that changed within a time, oldest first, and how many there are in all.
    pub(crate) async fn places(
        &self,
        organization: &str,
        (from_ms, to_ms): (i64, i64),
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Place>, i64)> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(places!("select count(*) from place"))
            .bind(organization).bind(from_ms).bind(to_ms).bind(None::<&str>)
            .fetch_one(db))?;
        let ids: Vec<PlaceId> = on_db!(&mut conn, db => sqlx::query_as(places!(
            "select id, is_site = 1 as is_site from place order by made_ms, id limit $5 offset $6"))
            .bind(organization).bind(from_ms).bind(to_ms).bind(None::<&str>).bind(limit).bind(offset)
            .fetch_all(db))?;
        let mut places = Vec::with_capacity(ids.len());
        for id in &ids {
            places.push(conn.place(organization, id, Which::Seen).await?);
        }
        Ok((places, total))
    }

    /// The place that a partner means by an id, if partners see it.
    pub(crate) async fn place_of_partner(
        &self,
        organization: &str,
        id: &str,
    ) -> Result<Option<Place>> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        // One that was made of a long identity is looked for among all.
        let named = (!is_made(id)).then_some(id);
        let ids: Vec<PlaceId> = on_db!(&mut conn, db => sqlx::query_as(places!(
            "select id, is_site = 1 as is_site from place order by made_ms, id"))
            .bind(organization).bind(i64::MIN).bind(i64::MAX).bind(named)
            .fetch_all(db))?;
        // Two that differ in case only: the one that was written is meant.
        let exact = ids.iter().find(|place| id_of(&place.id) == id);
        let meant = exact.or_else(|| {
            let mut ids = ids.iter();
            ids.find(|place| id_of(&place.id).eq_ignore_ascii_case(id))
        });
        match meant {
            Some(meant) => conn.place(organization, meant, Which::Seen).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Which charge points of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// Those that partners see.
    Seen,
    All,
}

impl Conn {
    /// The place where a charge point stands, seen by partners or not.
    pub(crate) async fn place_of_point(
        &mut self,
        organization: &str,
        charge_point: &str,
    ) -> Result<Place> {
        let site: Option<Option<String>> = on_db!(&mut *self, db => sqlx::query_scalar(
            "select s.id from charge_point p left join site s on s.id = p.site_id where p.id = $1")
            .bind(charge_point)
            .fetch_optional(db))?;
        let site = site.flatten();
        let id = PlaceId {
            is_site: site.is_some(),
            id: site.unwrap_or_else(|| charge_point.to_owned()),
        };
        self.place(organization, &id, Which::All).await
    }

    /// A place with what partners see of it.
    pub(in crate::store) async fn seen_place(
        &mut self,
        organization: &str,
        id: &PlaceId,
    ) -> Result<Place> {
        self.place(organization, id, Which::Seen).await
    }

    /// A place with everything that stands there.
    async fn place(&mut self, organization: &str, id: &PlaceId, which: Which) -> Result<Place> {
        let rows: Vec<PointRow> = on_db!(&mut *self, db => sqlx::query_as(concat!(
            "select p.id, p.connector_count, p.connector_type, p.max_power_kw, p.name, p.address, p.latitude, p.longitude,
                 p.deleted_at_ms is not null as is_deleted, p.is_online, p.online_changed_at_ms, p.updated_at_ms,
                 t.public_id as tariff, t.owner_id as tariff_owner
             from charge_point p left join site s on s.id = p.site_id
                 left join project j on j.id = p.project_id
                 left join tariff t on t.id = (select n.id from tariff n
                     where ((n.owner_kind = 'charge_point' and n.owner_id = p.id)
                             or (n.owner_kind = 'project' and n.owner_id = p.project_id))
                         and n.deleted_at_ms is null
                     order by n.owner_kind, n.since_ms desc limit 1)
                     and (p.project_id is null or j.handed_over_at_ms is not null)
             where p.organization_id = $1 and ($3 or (", seen!(), ")) and ", place!(), " = $2
             order by p.created_at_ms, p.id"))
            .bind(organization).bind(&id.id).bind(which == Which::All)
            .fetch_all(db))?;
        let mut place = Place {
            id: id.id.clone(),
            ..Place::default()
        };
        if id.is_site {
            let site: Option<SiteRow> = on_db!(&mut *self, db => sqlx::query_as(
                "select name, address, city, postal_code, state, country, time_zone, latitude, longitude, updated_at_ms
                 from site where id = $1")
                .bind(&id.id)
                .fetch_optional(db))?;
            if let Some(site) = site {
                place = Place {
                    name: Some(site.name),
                    address: Some(site.address),
                    city: site.city,
                    postal_code: site.postal_code,
                    state: site.state,
                    country: site.country,
                    time_zone: site.time_zone,
                    latitude: site.latitude,
                    longitude: site.longitude,
                    updated_at_ms: site.updated_at_ms,
                    ..place
                };
            }
        } else if let Some(point) = rows.last() {
            place.name.clone_from(&point.name);
            place.address.clone_from(&point.address);
        }
        for row in rows {
            let point = self.point_there(row).await?;
            place.points.push(point);
        }
        Ok(place)
    }

    async fn point_there(&mut self, row: PointRow) -> Result<Point> {
        let reports: Vec<(i64, String, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select connector_id, status, changed_at_ms from connector
             where charge_point_id = $1 and connector_id > 0 order by connector_id")
            .bind(&row.id)
            .fetch_all(db))?;
        let given: Vec<(i64, Option<String>, Option<String>)> = on_db!(&mut *self, db => sqlx::query_as(
            "select evse_id, uid, public_id from evse where charge_point_id = $1 and deleted_at_ms is null")
            .bind(&row.id)
            .fetch_all(db))?;
        let grouped = self.evses(&row.id).await?;
        let reported = reports.last().map_or(0, |(number, ..)| *number);
        let connectors = row.connector_count.unwrap_or(0).max(reported);
        let plug = Plug::of(row.connector_type.as_deref(), row.max_power_kw);
        let owner = row.tariff_owner;
        Ok(Point {
            evses: Evses::of(grouped, connectors, &plug, row.updated_at_ms),
            id: public_id(&row.id).to_owned(),
            is_deleted: row.is_deleted,
            latitude: row.latitude,
            longitude: row.longitude,
            given,
            reports: reports
                .into_iter()
                .map(|(connector_1_6, status, changed_at_ms)| Report {
                    connector_1_6,
                    status,
                    changed_at_ms,
                })
                .collect(),
            is_online: row.is_online,
            online_changed_at_ms: row.online_changed_at_ms,
            updated_at_ms: row.updated_at_ms,
            tariff: row
                .tariff
                .or_else(|| owner.map(|owner| crate::domain::roaming::tariff::tariff_id(&owner))),
        })
    }
}
