//! Organizations and API keys.

use dynamo_protocol::ocpi::credentials::Image;
use sha2::{Digest as _, Sha256};

use crate::clock::system_ms;
use crate::domain::tags::token::Party;
use crate::random::random_text;
use crate::store::{Conn, DEFAULT_ORGANIZATION, Result, Store, StoreError, on_db, run_on_db};

/// May read charge points and what happened at them.
pub const SCOPE_READ: &str = "read:charge_points";
/// May also change charge points and send them commands.
pub const SCOPE_WRITE: &str = "write:charge_points";

/// An organization, as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// Its name: who issues its receipts.
    pub name: String,
    /// Whether installers who name it may open accounts with it.
    pub takes_sign_ups: bool,
}

/// What to change of an organization. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct OrganizationSetting {
    /// Which.
    pub id: String,
    /// Its new name.
    pub name: Option<String>,
    /// Whether installers who name it may open accounts with it.
    pub takes_sign_ups: Option<bool>,
    /// The party that it is to its partners.
    pub party: Option<Party>,
    /// Where its sites are unless they say so.
    pub time_zone: Option<String>,
    /// Its page.
    pub website: Option<String>,
    /// Its sign.
    pub logo: Option<Image>,
}

/// A key as the API needs it.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Whose charge points it opens.
    pub organization_id: String,
    /// Separated by spaces.
    pub scopes: String,
}

impl ApiKey {
    /// Whether the key may write; that includes reading.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.scopes.split(' ').any(|scope| scope == SCOPE_WRITE)
    }

    /// Whether the key may read.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.may_write() || self.scopes.split(' ').any(|scope| scope == SCOPE_READ)
    }
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id, by which it is revoked.
    pub id: String,
    /// Whose charge points it opens.
    pub organization_id: String,
    /// The secret; only its hash is stored.
    pub key: String,
    /// [`SCOPE_READ`], [`SCOPE_WRITE`] or both.
    pub scopes: Vec<String>,
}

impl NewApiKey {
    /// A random key of an organization.
    #[must_use]
    pub fn generate(organization_id: &str, scopes: Vec<String>) -> Self {
        Self {
            id: format!("key_{}", random_text(18)),
            organization_id: organization_id.to_owned(),
            key: format!("dyn_{}", random_text(40)),
            scopes,
        }
    }
}

/// A key's hash: keys are long and random, so a plain digest is enough to keep them.
pub(crate) fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

impl Store {
    /// Makes an organization; one with this id that exists already stays as it is. Only the default one takes
    /// sign-ups from the beginning.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_organization(&self, id: &str, name: &str) -> Result<()> {
        let input = (id.to_owned(), name.to_owned());
        self.write(input, |(id, name), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "insert into organization (id, name, takes_sign_ups, created_at_ms) values ($1, $2, $3, $4)
                     on conflict do nothing")
                    .bind(&*id).bind(name).bind(*id == DEFAULT_ORGANIZATION).bind(system_ms())
                    .execute(db))?;
                Ok(())
            })
        })
        .await
    }

    /// Changes what is given of an organization, and says how it is then.
    ///
    /// # Errors
    /// When the database fails, or the organization does not exist.
    pub async fn set_organization(&self, setting: OrganizationSetting) -> Result<Organization> {
        self.write(setting, |setting, conn| {
            Box::pin(async move {
                let logo = setting.logo.as_ref().map(serde_json::to_string).transpose()?;
                let party = setting.party.as_ref();
                let changed: Option<Organization> = on_db!(conn, db => sqlx::query_as(
                    "update organization set name = coalesce($2, name),
                         takes_sign_ups = coalesce($3, takes_sign_ups), country_code = coalesce($4, country_code),
                         party_id = coalesce($5, party_id), time_zone = coalesce($6, time_zone),
                         website = coalesce($7, website), logo = coalesce($8, logo)
                     where id = $1 returning id, name, takes_sign_ups")
                    .bind(&setting.id).bind(&setting.name).bind(setting.takes_sign_ups)
                    .bind(party.map(Party::country_code)).bind(party.map(Party::party_id))
                    .bind(&setting.time_zone).bind(&setting.website).bind(&logo)
                    .fetch_optional(db))?;
                changed.ok_or_else(|| {
                    StoreError::Missing(format!("the organization {:?}", setting.id))
                })
            })
        })
        .await
    }

    /// Whether installers may open accounts with an organization; `None` when there is none of this id.
    pub(crate) async fn takes_sign_ups(&self, id: &str) -> Result<Option<bool>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            "select takes_sign_ups from organization where id = $1")
            .bind(id)
            .fetch_optional(db))
    }

    /// Makes a key if none was ever made; whether it did.
    ///
    /// # Errors
    /// When the database fails, or the organization does not exist.
    pub(crate) async fn create_first_api_key(&self, key: NewApiKey) -> Result<bool> {
        self.write(key, |key, conn| {
            Box::pin(async move {
                let keys: i64 = on_db!(conn, db => sqlx::query_scalar("select count(*) from api_key")
                    .fetch_one(db))?;
                if keys > 0 {
                    return Ok(false);
                }
                conn.insert_api_key(key).await?;
                Ok(true)
            })
        })
        .await
    }

    /// Makes a key; one with the same secret that exists already stays as it is, revoked or not.
    ///
    /// # Errors
    /// When the database fails, or the organization does not exist.
    pub async fn create_api_key(&self, key: NewApiKey) -> Result<()> {
        self.write(key, |key, conn| {
            Box::pin(async move { conn.insert_api_key(key).await })
        })
        .await
    }

    /// Revokes a key for ever.
    ///
    /// # Errors
    /// When the database fails, or there is no key with this id.
    pub async fn revoke_api_key(&self, id: &str) -> Result<()> {
        self.write(id.to_owned(), |id, conn| {
            Box::pin(async move {
                let found: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update api_key set revoked_at_ms = coalesce(revoked_at_ms, $2) where id = $1 returning id")
                    .bind(id).bind(system_ms())
                    .fetch_optional(db))?;
                found
                    .map(|_| ())
                    .ok_or_else(|| StoreError::Missing(format!("the API key {id:?}")))
            })
        })
        .await
    }

    /// The key with this secret, if it is known and not revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key(&self, secret: &str) -> Result<Option<ApiKey>> {
        let mut conn = self.reader().await?;
        let row: Option<(String, String)> = on_db!(&mut conn, db => sqlx::query_as(
            "select organization_id, scopes from api_key where key_hash = $1 and revoked_at_ms is null")
            .bind(key_hash(secret))
            .fetch_optional(db))?;
        Ok(row.map(|(organization_id, scopes)| ApiKey {
            organization_id,
            scopes,
        }))
    }
}

impl Conn {
    async fn insert_api_key(&mut self, key: &NewApiKey) -> Result<()> {
        self.need_organization(&key.organization_id).await?;
        run_on_db!(self, db => sqlx::query(
            "insert into api_key (id, organization_id, key_hash, scopes, created_at_ms)
             values ($1, $2, $3, $4, $5) on conflict do nothing")
            .bind(&key.id).bind(&key.organization_id).bind(key_hash(&key.key))
            .bind(key.scopes.join(" ")).bind(system_ms())
            .execute(db))
    }

    pub(in crate::store) async fn need_organization(&mut self, id: &str) -> Result<()> {
        let found: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "select id from organization where id = $1")
            .bind(id)
            .fetch_optional(db))?;
        found
            .map(|_| ())
            .ok_or_else(|| StoreError::Missing(format!("the organization {id:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_includes_reading_and_not_the_other_way_round() {
        let key = |scopes: &str| ApiKey {
            organization_id: String::new(),
            scopes: scopes.to_owned(),
        };
        assert!(key(SCOPE_WRITE).may_read() && key(SCOPE_WRITE).may_write());
        assert!(key(SCOPE_READ).may_read() && !key(SCOPE_READ).may_write());
        assert!(!key("").may_read());
    }

    #[test]
    fn generated_keys_differ() {
        let keys = [(); 2].map(|()| NewApiKey::generate("o", Vec::new()).key);
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys[0].len(), 44);
    }
}
