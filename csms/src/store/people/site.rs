//! Sites: places where charge points stand.

use std::collections::BTreeSet;

use crate::domain::charge_points::place::Place;
use crate::store::{Conn, Owner, Result, Store, on_db, run_on_db};

/// A site.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Site {
    pub id: String,
    pub name: String,
    pub address: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub created_at_ms: i64,
}

/// What to change of a site. What is `None` stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct SiteChange {
    pub id: String,
    pub name: Option<String>,
    pub address: Option<String>,
    pub place: Option<Place>,
    pub now_ms: i64,
}

/// What partners are told of a site beside the rest. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct SitePlace {
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub state: Option<String>,
    /// Three letters.
    pub country: Option<String>,
    /// By its name.
    pub time_zone: Option<String>,
    pub is_published: Option<bool>,
}

/// The condition that a site is the owner's; bind organization, installer and site owner as $1 to $3. No site
/// belongs to a site owner. What the organization made with its key is not its installers': anybody can sign up as one.
macro_rules! owned_site {
    () => {
        "organization_id = $1 and ($2 is null or installer_id = $2) and $3 is null and deleted_at_ms is null"
    };
}

impl Store {
    pub(crate) async fn create_site(&self, owner: &Owner, site: Site) -> Result<()> {
        self.write((owner.clone(), site), |(owner, site), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into site (id, organization_id, installer_id, name, address, latitude, longitude,
                         created_at_ms, updated_at_ms)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $8)")
                    .bind(&site.id).bind(&owner.organization_id).bind(&owner.installer_id)
                    .bind(&site.name).bind(&site.address).bind(site.latitude).bind(site.longitude)
                    .bind(site.created_at_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// The site of this id, if it is the owner's.
    pub(crate) async fn site(&self, owner: &Owner, id: &str) -> Result<Option<Site>> {
        self.reader().await?.site(owner, id).await
    }

    /// A part of the owner's sites, oldest first, and how many there are in all.
    pub(crate) async fn sites(
        &self,
        owner: &Owner,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<Site>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(concat!(
            "select count(*) from site where ", owned_site!()))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_one(db))?;
        let sites = on_db!(&mut conn, db => sqlx::query_as(concat!(
            "select id, name, address, latitude, longitude, created_at_ms from site where ", owned_site!(),
            " order by created_at_ms, id limit $4 offset $5"))
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(limit).bind(offset)
            .fetch_all(db))?;
        Ok((sites, total))
    }

    /// Changes a site of this owner, and returns it.
    pub(crate) async fn change_site(
        &self,
        owner: &Owner,
        change: SiteChange,
    ) -> Result<Option<Site>> {
        self.write((owner.clone(), change), |(owner, change), conn| {
            Box::pin(async move {
                on_db!(conn, db => sqlx::query_as(concat!(
                    "update site set name = coalesce($5, name), address = coalesce($6, address),
                         latitude = coalesce($7, latitude), longitude = coalesce($8, longitude),
                         updated_at_ms = $9
                     where id = $4 and ", owned_site!(),
                    " returning id, name, address, latitude, longitude, created_at_ms"))
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .bind(&change.id).bind(&change.name).bind(&change.address)
                    .bind(change.place.map(|place| place.latitude))
                    .bind(change.place.map(|place| place.longitude)).bind(change.now_ms)
                    .fetch_optional(db))
            })
        })
        .await
    }

    /// Changes what partners are told of a site of this owner.
    pub(crate) async fn place_site(
        &self,
        owner: &Owner,
        id: &str,
        place: SitePlace,
        now_ms: i64,
    ) -> Result<()> {
        let input = (owner.clone(), id.to_owned(), place, now_ms);
        self.write(input, |(owner, id, place, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(concat!(
                    "update site set city = coalesce($5, city), postal_code = coalesce($6, postal_code),
                         state = coalesce($7, state), country = coalesce($8, country),
                         time_zone = coalesce($9, time_zone), is_published = coalesce($10, is_published),
                         updated_at_ms = $11
                     where id = $4 and ", owned_site!()))
                    .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
                    .bind(id).bind(&place.city).bind(&place.postal_code).bind(&place.state)
                    .bind(&place.country).bind(&place.time_zone).bind(place.is_published).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Deletes a site of this owner where no charge point stands; false when one does. `None` when there is
    /// no such site. Its row stays, as nobody sees it here any more but who was told of it.
    pub(crate) async fn delete_site(
        &self,
        owner: &Owner,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<bool>> {
        let input = (owner.clone(), id.to_owned(), now_ms);
        self.write(input, |(owner, id, now_ms), conn| {
            Box::pin(async move {
                if conn.held_site(owner, id, Hold::Delete).await?.is_none() {
                    return Ok(None);
                }
                let used: i64 = on_db!(conn, db => sqlx::query_scalar(
                    "select count(*) from charge_point where site_id = $1 and deleted_at_ms is null")
                    .bind(id)
                    .fetch_one(db))?;
                if used > 0 {
                    return Ok(Some(false));
                }
                // The records of deleted charge points do not need it.
                run_on_db!(conn, db => sqlx::query("update charge_point set site_id = null where site_id = $1")
                    .bind(id)
                    .execute(db))?;
                run_on_db!(conn, db => sqlx::query(
                    "update site set deleted_at_ms = $2, updated_at_ms = $2 where id = $1")
                    .bind(id).bind(*now_ms)
                    .execute(db))?;
                Ok(Some(true))
            })
        })
        .await
    }
}

/// What a site is looked up for in a transaction.
#[derive(Clone, Copy, Debug)]
enum Hold {
    /// A charge point is going to stand there: nobody deletes it before the commit.
    Stay,
    /// It is going to be deleted: who puts a charge point there is waited for, or waits.
    Delete,
}

macro_rules! site_query {
    ($lock:literal) => {
        concat!(
            "select id, name, address, latitude, longitude, created_at_ms from site where id = $4 and ",
            owned_site!(),
            $lock
        )
    };
}

impl Conn {
    pub(crate) async fn site(&mut self, owner: &Owner, id: &str) -> Result<Option<Site>> {
        self.site_by(site_query!(""), owner, id).await
    }

    /// The same, held until the commit.
    async fn held_site(&mut self, owner: &Owner, id: &str, hold: Hold) -> Result<Option<Site>> {
        let text = match (&self, hold) {
            // There is one writer.
            (Self::Sqlite(_), _) => site_query!(""),
            (Self::Postgres(_), Hold::Stay) => site_query!(" for key share"),
            (Self::Postgres(_), Hold::Delete) => site_query!(" for update"),
        };
        self.site_by(text, owner, id).await
    }

    /// Whether a charge point of this owner may stand on this site, which then stays until the commit; on none it may.
    pub(crate) async fn may_stand(&mut self, owner: &Owner, site: Option<&str>) -> Result<bool> {
        Ok(match site {
            None => true,
            Some(id) if id.contains('\0') => false,
            Some(id) => self.held_site(owner, id, Hold::Stay).await?.is_some(),
        })
    }

    /// Writes down that something of a site was changed, such as a charge point on it.
    pub(crate) async fn touch_site(&mut self, site: Option<&str>, now_ms: i64) -> Result<()> {
        let Some(site) = site else { return Ok(()) };
        run_on_db!(self, db => sqlx::query(
            "update site set updated_at_ms = $2 where id = $1 and updated_at_ms < $2")
            .bind(site).bind(now_ms)
            .execute(db))
    }

    /// The same of the site where a charge point stands, and of the one where it is going to stand.
    pub(in crate::store) async fn touch_sites_of(
        &mut self,
        charge_point: &str,
        next: Option<&str>,
        now_ms: i64,
    ) -> Result<()> {
        let site: Option<Option<String>> = on_db!(&mut *self, db => sqlx::query_scalar(
            "select site_id from charge_point where id = $1")
            .bind(charge_point)
            .fetch_optional(db))?;
        let site = site.flatten();
        // Whoever changes two sites changes them in one order, or two that do wait for each other.
        let both: BTreeSet<&str> = site.as_deref().into_iter().chain(next).collect();
        for site in both {
            self.touch_site(Some(site), now_ms).await?;
        }
        Ok(())
    }

    async fn site_by(
        &mut self,
        text: &'static str,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<Site>> {
        on_db!(self, db => sqlx::query_as(text)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(id)
            .fetch_optional(db))
    }
}
