//! Charge points on the map: which of them are near, and what people want to know of those.

use crate::domain::charge_points::details::{Hardware, NewChargePoint};
use crate::domain::charge_points::place::{COLUMNS, Cover, Place};
use crate::store::{Conn, OwnedPoint, Owner, Result, Store, on_db};

/// A charge point in the squares of a search: maybe near enough.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Candidate {
    pub id: String,
    pub latitude: f64,
    pub longitude: f64,
}

/// What a search says of a charge point.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PlacedRow {
    pub id: String,
    pub name: Option<String>,
    pub address: Option<String>,
    pub connector_count: Option<i64>,
    pub max_power_kw: Option<f64>,
    /// Connectors that reported a status.
    pub reported: i64,
    /// Of these, the ones that were Available.
    pub available: i64,
    /// Of these, the ones that were in use or reserved.
    pub occupied: i64,
    /// Of its own tariff, else of its project's.
    pub price_per_kwh: Option<String>,
    pub currency: Option<String>,
}

/// A charge point with a place, commissioned at `created_at_ms`: what [`Store::place_charge_points`] takes.
#[derive(Clone, Debug)]
pub struct PlacedChargePoint {
    /// Its identity.
    pub id: String,
    /// Whose it is.
    pub organization_id: String,
    /// As people call it.
    pub name: String,
    /// Degrees, from -90 to 90.
    pub latitude: f64,
    /// Degrees, from -180 to 180.
    pub longitude: f64,
    /// Where people find it.
    pub address: Option<String>,
    /// From 1.
    pub connector_count: i64,
    /// Such as Type2; what follows from the power when `None`.
    pub connector_type: Option<String>,
    /// The most it delivers at one connector, in kW.
    pub max_power_kw: Option<f64>,
    /// The site it stands at.
    pub site_id: Option<String>,
    /// When it was made.
    pub created_at_ms: i64,
}

impl PlacedChargePoint {
    fn registration(&self) -> (Owner, NewChargePoint) {
        let new = NewChargePoint {
            id: self.id.clone(),
            id_was_generated: false,
            name: Some(self.name.clone()),
            vendor: None,
            model: None,
            serial_number: None,
            ocpp_version: "1.6",
            project_id: None,
            site_id: self.site_id.clone(),
            place: Some(Place {
                latitude: self.latitude,
                longitude: self.longitude,
            }),
            address: self.address.clone(),
            hardware: Hardware {
                connector_count: Some(self.connector_count),
                connector_type: self.connector_type.clone(),
                max_power_kw: self.max_power_kw,
            },
            password_hash: None,
            is_commissioned: true,
            created_at_ms: self.created_at_ms,
        };
        (Owner::organization(self.organization_id.clone()), new)
    }
}

/// Whose charge points are searched.
#[derive(Clone, Debug)]
pub(crate) enum Searched {
    /// All of an organization.
    Of(String),
    /// What the public may use: everything that is commissioned.
    Public,
}

impl Searched {
    fn organization(&self) -> &str {
        match self {
            Self::Of(organization) => organization,
            Self::Public => "",
        }
    }
}

/// The details of charge points whose ids the text given selects.
macro_rules! placed_query {
    ($ids:literal) => {
        concat!(
            "with wanted as (",
            $ids,
            ")
             select p.id, p.name, p.address, p.connector_count, p.max_power_kw,
                 (select count(*) from connector c where c.charge_point_id = p.id and c.connector_id > 0)
                     as reported,
                 (select count(*) from connector c where c.charge_point_id = p.id and c.connector_id > 0
                     and c.status = 'Available') as available,
                 (select count(*) from connector c where c.charge_point_id = p.id and c.connector_id > 0
                     and c.status not in ('Available', 'Unavailable', 'Faulted')) as occupied,
                 coalesce(t.price_per_kwh, j.price_per_kwh) as price_per_kwh,
                 coalesce(t.currency, j.currency) as currency
             from wanted cross join charge_point p
                 left join tariff t on t.owner_kind = 'charge_point' and t.owner_id = p.id
                     and t.since_ms = (select max(n.since_ms) from tariff n
                         where n.owner_kind = 'charge_point' and n.owner_id = p.id)
                 left join tariff j on j.owner_kind = 'project' and j.owner_id = p.project_id
                     and j.since_ms = (select max(n.since_ms) from tariff n
                         where n.owner_kind = 'project' and n.owner_id = p.project_id)
             where p.id = wanted.id and p.deleted_at_ms is null"
        )
    };
}

/// What is in the squares of a cover: from the rows of the map to the index, never the other way round. The two
/// databases are told so in different words; without them PostgreSQL reads everything when it has no statistics.
macro_rules! squares_query {
    (sqlite, $condition:literal, $rest:literal) => {
        concat!(
            "with recursive line (n) as (select $2 union all select n + $6 from line where n < $3)
             select p.id, p.latitude, p.longitude from line cross join charge_point p
             where p.map_cell between line.n + $4 and line.n + $5 and p.deleted_at_ms is null and ",
            $condition,
            $rest
        )
    };
    (postgres, $condition:literal, $rest:literal) => {
        concat!(
            "with recursive line (n) as (select $2 union all select n + $6 from line where n < $3)
             select p.id, p.latitude, p.longitude from line cross join lateral (
                 select p.id, p.latitude, p.longitude from charge_point p
                 where p.map_cell between line.n + $4 and line.n + $5 and p.deleted_at_ms is null and ",
            $condition,
            " offset 0) p",
            $rest
        )
    };
    ($rest:literal) => {
        // Of an organization, and of everybody; there the organization is left empty.
        [
            [
                squares_query!(sqlite, "p.organization_id = $1", $rest),
                squares_query!(sqlite, "p.commissioned_at_ms is not null and $1 = ''", $rest),
            ],
            [
                squares_query!(postgres, "p.organization_id = $1", $rest),
                squares_query!(postgres, "p.commissioned_at_ms is not null and $1 = ''", $rest),
            ],
        ]
    };
}

const IN_SQUARES: [[&str; 2]; 2] = squares_query!(" limit $7");
/// As near as a flat map tells: degrees, those to the east and west as short as they are there.
const NEAREST_IN_SQUARES: [[&str; 2]; 2] = squares_query!(
    " order by (p.latitude - $8) * (p.latitude - $8)
         + (p.longitude - $9) * (p.longitude - $9) * $10 limit $7"
);

impl Store {
    /// Charge points in the squares of a cover, `limit` at most on each side of the date line, and whether these are
    /// all. Nothing but an index is
    /// read. In no order; where they are not all, the nearest, as nearly as a flat map tells.
    pub(crate) async fn candidates(
        &self,
        searched: &Searched,
        centre: Place,
        cover: &Cover,
        limit: usize,
    ) -> Result<(Vec<Candidate>, bool)> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        let mut all = conn.in_squares(searched, cover, limit + 1).await?;
        let complete = all.len() <= limit;
        if !complete {
            all = conn
                .nearest_in_squares(searched, centre, cover, limit)
                .await?;
        }
        Ok((all, complete))
    }

    /// What there is to say about a charge point.
    pub(crate) async fn placed_point(&self, point: &OwnedPoint) -> Result<Option<PlacedRow>> {
        let mut rows = self.placed(std::slice::from_ref(&point.id)).await?;
        Ok(rows.pop())
    }

    /// What there is to say about these charge points, which a search found, in no order. Those without a row are left
    /// out.
    pub(crate) async fn placed(&self, ids: &[String]) -> Result<Vec<PlacedRow>> {
        let mut conn = self.reader().await?;
        let list = serde_json::to_string(ids).expect("texts can be written as JSON");
        // The two databases take a list apart by different functions; the rest is the same text.
        match &mut conn {
            Conn::Sqlite(_) => on_db!(&mut conn, db => sqlx::query_as(placed_query!(
                "select value as id from json_each($1)"))
                .bind(list)
                .fetch_all(db)),
            Conn::Postgres(_) => on_db!(&mut conn, db => sqlx::query_as(placed_query!(
                "select value as id from json_array_elements_text(cast($1 as json))"))
                .bind(list)
                .fetch_all(db)),
        }
    }

    /// Makes many commissioned charge points at once; how many that were. One whose id is taken already stays as it is.
    ///
    /// # Errors
    /// When the database fails, or an organization does not exist.
    pub async fn place_charge_points(&self, placed: Vec<PlacedChargePoint>) -> Result<usize> {
        for point in &placed {
            self.finish_burial(&point.id).await?;
        }
        self.write(placed, |placed, conn| {
            Box::pin(async move {
                let mut made = 0;
                for point in placed {
                    let (owner, new) = point.registration();
                    made += usize::from(conn.insert_charge_point(&owner, &new).await?);
                }
                Ok(made)
            })
        })
        .await
    }
}

impl Conn {
    async fn in_squares(
        &mut self,
        searched: &Searched,
        cover: &Cover,
        limit: usize,
    ) -> Result<Vec<Candidate>> {
        let text = self.text_of(&IN_SQUARES, searched);
        let mut all = Vec::new();
        for (first, last) in &cover.columns {
            let found: Vec<Candidate> = on_db!(&mut *self, db => sqlx::query_as(text)
                .bind(searched.organization())
                .bind(cover.rows.0 * COLUMNS).bind(cover.rows.1 * COLUMNS)
                .bind(*first).bind(*last).bind(COLUMNS).bind(rows(limit))
                .fetch_all(db))?;
            all.extend(found);
        }
        Ok(all)
    }

    async fn nearest_in_squares(
        &mut self,
        searched: &Searched,
        centre: Place,
        cover: &Cover,
        limit: usize,
    ) -> Result<Vec<Candidate>> {
        let text = self.text_of(&NEAREST_IN_SQUARES, searched);
        let shrink = centre.latitude.to_radians().cos().powi(2);
        let mut all = Vec::new();
        for (first, last) in &cover.columns {
            let longitude = seen_from(centre.longitude, *first, *last);
            let found: Vec<Candidate> = on_db!(&mut *self, db => sqlx::query_as(text)
                .bind(searched.organization())
                .bind(cover.rows.0 * COLUMNS).bind(cover.rows.1 * COLUMNS)
                .bind(*first).bind(*last).bind(COLUMNS).bind(rows(limit))
                .bind(centre.latitude).bind(longitude).bind(shrink)
                .fetch_all(db))?;
            all.extend(found);
        }
        Ok(all)
    }

    const fn text_of(&self, texts: &[[&'static str; 2]; 2], searched: &Searched) -> &'static str {
        let database = match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(_) => 1,
        };
        match searched {
            Searched::Of(_) => texts[database][0],
            Searched::Public => texts[database][1],
        }
    }
}

/// A longitude on the same side of the date line as these columns.
fn seen_from(longitude: f64, first: i64, last: i64) -> f64 {
    match (longitude < 0.0, first == 0, last == COLUMNS - 1) {
        (false, true, false) => longitude - 360.0,
        (true, false, true) => longitude + 360.0,
        _ => longitude,
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
