//! Partners, with their tokens, parties and endpoints.

use dynamo_protocol::ocpi::credentials::{BusinessDetails, CredentialsRole, Role};
use dynamo_protocol::ocpi::header::TokenEncoding;

use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::domain::roaming::registration::{GRACE_MS, Registered, Registration};
use crate::store::{Conn, Result, Store, StoreError, key_hash, on_db, random_text, run_on_db};

/// Characters of a partner's id, and of the token with which it registers.
const ID_CHARS: usize = 18;
const TOKEN_A_CHARS: usize = 48;

/// How long an offer takes at most; one that is older was cut short.
const OFFER_MS: i64 = 180_000;

#[derive(sqlx::FromRow)]
struct PartnerRow {
    id: String,
    organization_id: String,
    name: String,
    state: String,
    their_token: Option<String>,
    versions_url: Option<String>,
    endpoints: String,
    sends_raw_tokens: bool,
    is_strict: bool,
    created_at_ms: i64,
    registered_at_ms: Option<i64>,
    last_heard_at_ms: Option<i64>,
    last_told_at_ms: Option<i64>,
    last_error: Option<String>,
    last_error_at_ms: Option<i64>,
    is_asked: bool,
}

macro_rules! partner_query {
    ($rest:literal) => {
        concat!(
            "select id, organization_id, name, state, their_token, versions_url, endpoints, sends_raw_tokens, is_strict,
                 created_at_ms, registered_at_ms, last_heard_at_ms, last_told_at_ms, last_error, last_error_at_ms,
                 is_asked
             from partner where ",
            $rest
        )
    };
}

/// A partner that is to register with us.
#[derive(Clone, Debug)]
pub(crate) struct NewPartner {
    pub id: String,
    pub organization_id: String,
    pub name: String,
    /// Of the token with which it registers; only this is kept of it.
    pub token_hash: String,
    pub now_ms: i64,
}

/// A partner with which this side is to register.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingPartner {
    pub id: String,
    pub organization_id: String,
    pub name: String,
    pub versions_url: String,
    /// Which it gave out for that.
    pub their_token: String,
    pub sends_raw_tokens: bool,
    pub now_ms: i64,
}

/// The party that an organization is to its partners.
#[derive(Clone, Debug)]
pub(crate) struct OwnParty {
    pub country_code: String,
    pub party_id: String,
    /// Where its sites are unless they say so, by the name of the time zone.
    pub time_zone: String,
    pub business: BusinessDetails,
}

impl Store {
    /// Whose token this is, by its hash.
    pub(crate) async fn partner_by_token(
        &self,
        hash: &str,
        now_ms: i64,
    ) -> Result<Option<Partner>> {
        let mut conn = self.reader().await?;
        let row: Option<PartnerRow> = on_db!(&mut conn, db => sqlx::query_as(partner_query!(
            "token_hash = $1 or pending_hash = $1 or (previous_hash = $1 and previous_until_ms > $2)"))
            .bind(hash).bind(now_ms)
            .fetch_optional(db))?;
        conn.partner_of(row).await
    }

    pub(crate) async fn partner(&self, id: &str) -> Result<Option<Partner>> {
        self.reader().await?.partner(id).await
    }

    /// The partners of an organization, or all of them, oldest first; those that were removed, too.
    pub(crate) async fn partners(&self, organization: Option<&str>) -> Result<Vec<Partner>> {
        let mut conn = self.reader().await?;
        let rows: Vec<PartnerRow> = on_db!(&mut conn, db => sqlx::query_as(partner_query!(
            "$1 is null or organization_id = $1 order by created_at_ms, id"))
            .bind(organization)
            .fetch_all(db))?;
        let mut partners = Vec::with_capacity(rows.len());
        for row in rows {
            partners.extend(conn.partner_of(Some(row)).await?);
        }
        Ok(partners)
    }

    /// Makes the token (A) with which a partner registers with this organization; gives the partner's id and the token,
    /// which nobody learns again.
    ///
    /// # Errors
    /// When the database fails, or there is no such organization.
    pub async fn issue_ocpi_token(
        &self,
        organization: &str,
        name: &str,
        now_ms: i64,
    ) -> Result<(String, String)> {
        let token = random_text(TOKEN_A_CHARS);
        let id = format!("ptn_{}", random_text(ID_CHARS));
        self.invite_partner(NewPartner {
            id: id.clone(),
            organization_id: organization.to_owned(),
            name: name.to_owned(),
            token_hash: key_hash(&token),
            now_ms,
        })
        .await?;
        Ok((id, token))
    }

    /// Has the running server register with a partner, whose list of versions is at this URL and who gave out this token;
    /// gives the partner's id.
    ///
    /// # Errors
    /// When the database fails, or there is no such organization.
    pub async fn ask_ocpi_registration(
        &self,
        organization: &str,
        versions_url: &str,
        token: &str,
        now_ms: i64,
    ) -> Result<String> {
        let id = format!("ptn_{}", random_text(ID_CHARS));
        self.ask_registration(OutgoingPartner {
            id: id.clone(),
            organization_id: organization.to_owned(),
            name: "partner".to_owned(),
            versions_url: versions_url.to_owned(),
            their_token: token.to_owned(),
            sends_raw_tokens: false,
            now_ms,
        })
        .await?;
        Ok(id)
    }

    /// Has the running server give a partner another token; whether there is such a partner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_ocpi_renewal(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.ask_renewal(id, now_ms).await
    }

    /// Keeps a partner that is to register; one with this token or id that exists already stays as it is. Whether it was
    /// kept.
    pub(crate) async fn invite_partner(&self, new: NewPartner) -> Result<bool> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                conn.need_organization(&new.organization_id).await?;
                let made: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "insert into partner (id, organization_id, name, state, invitation_hash, token_hash, endpoints,
                         created_at_ms, updated_at_ms)
                     values ($1, $2, $3, $4, $5, $5, '[]', $6, $6) on conflict do nothing returning id")
                    .bind(&new.id).bind(&new.organization_id).bind(&new.name)
                    .bind(PartnerState::Invited.as_str()).bind(&new.token_hash).bind(new.now_ms)
                    .fetch_optional(db))?;
                Ok(made.is_some())
            })
        })
        .await
    }

    /// Keeps what came of a registration, or of another one of a partner that is registered.
    pub(crate) async fn register_partner(&self, new: Registration) -> Result<Registered> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                if let Some(taken) = conn.taken_party(new).await? {
                    return Ok(Registered::Taken(taken));
                }
                let endpoints = serde_json::to_string(&new.endpoints)?;
                let state = PartnerState::Registered.as_str();
                let kept: Option<String> = on_db!(&mut *conn, db => sqlx::query_scalar(
                    "update partner set state = $3, previous_hash = case when state = $3 then token_hash end,
                         previous_until_ms = case when state = $3 then $8 end, token_hash = $4, their_token = $5,
                         versions_url = $6, endpoints = $7, registered_at_ms = coalesce(registered_at_ms, $9),
                         updated_at_ms = $9, last_error = null, last_error_at_ms = null, quiet_until_ms = null,
                         failures = 0
                     where id = $1 and state in ('invited', 'registered')
                         and (token_hash = $2 or (previous_hash = $2 and previous_until_ms > $9)) returning id")
                    .bind(&new.partner_id).bind(&new.known_by_hash).bind(state).bind(&new.token_hash)
                    .bind(&new.their_token).bind(&new.versions_url).bind(&endpoints)
                    .bind(new.now_ms.saturating_add(GRACE_MS)).bind(new.now_ms)
                    .fetch_optional(db))?;
                if kept.is_none() {
                    return Ok(Registered::Outdated);
                }
                conn.keep_parties(new).await?;
                Ok(Registered::Done)
            })
        })
        .await
    }

    /// Keeps a partner that the server is to register with.
    pub(crate) async fn ask_registration(&self, new: OutgoingPartner) -> Result<()> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                conn.need_organization(&new.organization_id).await?;
                run_on_db!(conn, db => sqlx::query(
                    "insert into partner (id, organization_id, name, state, their_token, versions_url, endpoints,
                         sends_raw_tokens, is_asked, created_at_ms, updated_at_ms)
                     values ($1, $2, $3, $4, $5, $6, '[]', $7, $8, $9, $9)")
                    .bind(&new.id).bind(&new.organization_id).bind(&new.name)
                    .bind(PartnerState::Registering.as_str()).bind(&new.their_token).bind(&new.versions_url)
                    .bind(new.sends_raw_tokens).bind(true).bind(new.now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Has the server offer a registered partner another token; false where there is no such partner.
    pub(crate) async fn ask_renewal(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.write((id.to_owned(), now_ms), |(id, now_ms), conn| {
            Box::pin(async move {
                let asked: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update partner set is_asked = $2, last_error = null, updated_at_ms = $3
                     where id = $1 and state = $4 returning id")
                    .bind(id).bind(true).bind(*now_ms).bind(PartnerState::Registered.as_str())
                    .fetch_optional(db))?;
                Ok(asked.is_some())
            })
        })
        .await
    }

    /// Whom operators want to be offered a token.
    pub(crate) async fn asked_partners(&self, now_ms: i64) -> Result<Vec<Partner>> {
        let mut conn = self.reader().await?;
        let rows: Vec<PartnerRow> = on_db!(&mut conn, db => sqlx::query_as(partner_query!(
            "is_asked and (pending_hash is null or updated_at_ms < $1) order by created_at_ms, id"))
            .bind(now_ms.saturating_sub(OFFER_MS))
            .fetch_all(db))?;
        let mut partners = Vec::with_capacity(rows.len());
        for row in rows {
            partners.extend(conn.partner_of(Some(row)).await?);
        }
        Ok(partners)
    }

    /// Begins to offer a partner a token, which is good from now on; false when another server does it.
    pub(crate) async fn begin_offer(
        &self,
        id: &str,
        pending_hash: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let input = (id.to_owned(), pending_hash.to_owned(), now_ms);
        self.write(input, |(id, pending, now_ms), conn| {
            Box::pin(async move {
                let begun: Option<String> = on_db!(conn, db => sqlx::query_scalar(
                    "update partner set pending_hash = $2, updated_at_ms = $3
                     where id = $1 and is_asked and (pending_hash is null or updated_at_ms < $4) returning id")
                    .bind(id).bind(pending).bind(*now_ms).bind(now_ms.saturating_sub(OFFER_MS))
                    .fetch_optional(db))?;
                Ok(begun.is_some())
            })
        })
        .await
    }

    /// The partner took the token that it was offered: the one before is dead.
    pub(crate) async fn end_offer(&self, new: Registration) -> Result<Registered> {
        self.write(new, |new, conn| {
            Box::pin(async move {
                if let Some(taken) = conn.taken_party(new).await? {
                    return Ok(Registered::Taken(taken));
                }
                let endpoints = serde_json::to_string(&new.endpoints)?;
                let kept: Option<String> = on_db!(&mut *conn, db => sqlx::query_scalar(
                    "update partner set state = $3, token_hash = pending_hash, pending_hash = null, is_asked = $4,
                         previous_hash = null, their_token = $5, versions_url = $6, endpoints = $7,
                         registered_at_ms = coalesce(registered_at_ms, $8), updated_at_ms = $8, last_error = null,
                         last_error_at_ms = null, quiet_until_ms = null, failures = 0
                     where id = $1 and pending_hash = $2 returning id")
                    .bind(&new.partner_id).bind(&new.known_by_hash).bind(PartnerState::Registered.as_str())
                    .bind(false).bind(&new.their_token).bind(&new.versions_url).bind(&endpoints).bind(new.now_ms)
                    .fetch_optional(db))?;
                if kept.is_none() {
                    return Ok(Registered::Outdated);
                }
                conn.keep_parties(new).await?;
                Ok(Registered::Done)
            })
        })
        .await
    }

    /// The partner did not take the token that it was offered: it opens nothing any more. One that was registered is so
    /// still.
    pub(crate) async fn fail_offer(&self, id: &str, why: &str, now_ms: i64) -> Result<()> {
        let input = (id.to_owned(), why.to_owned(), now_ms);
        self.write(input, |(id, why, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update partner set pending_hash = null, is_asked = $2, last_error = $3, last_error_at_ms = $4,
                         updated_at_ms = $4, their_token = case when state = $5 then null else their_token end,
                         state = case when state = $5 then $6 else state end
                     where id = $1")
                    .bind(id).bind(false).bind(why).bind(*now_ms).bind(PartnerState::Registering.as_str())
                    .bind(PartnerState::Removed.as_str())
                    .execute(db))
            })
        })
        .await
    }

    /// Lets a partner go: no token of it opens anything, and it is told nothing. False when it was gone.
    pub(crate) async fn remove_partner(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.write((id.to_owned(), now_ms), |(id, now_ms), conn| {
            Box::pin(async move {
                let gone: Option<String> = on_db!(&mut *conn, db => sqlx::query_scalar(
                    "update partner set state = $2, token_hash = null, previous_hash = null, pending_hash = null,
                         is_asked = $4, their_token = null,
                         updated_at_ms = $3
                     where id = $1 and state <> $2 returning id")
                    .bind(id).bind(PartnerState::Removed.as_str()).bind(*now_ms).bind(false)
                    .fetch_optional(db))?;
                run_on_db!(&mut *conn, db => sqlx::query("delete from partner_party where partner_id = $1")
                    .bind(id)
                    .execute(db))?;
                // Nobody vouches for its cards any more.
                run_on_db!(&mut *conn, db => sqlx::query(
                    "update id_tag set status = 'Invalid', updated_at_ms = $2
                     where exists (select 1 from partner_token t where t.partner_id = $1
                         and t.organization_id = id_tag.organization_id and t.tag_key = id_tag.tag_key
                         and t.party = id_tag.party and t.kind = id_tag.kind)")
                    .bind(id).bind(*now_ms)
                    .execute(db))?;
                for text in [
                    "delete from partner_token where partner_id = $1",
                    "delete from roaming_grant where partner_id = $1",
                ] {
                    run_on_db!(&mut *conn, db => sqlx::query(text).bind(id).execute(db))?;
                }
                Ok(gone.is_some())
            })
        })
        .await
    }

    /// Writes down that a partner called.
    pub(crate) async fn heard_partner(&self, id: &str, now_ms: i64) -> Result<()> {
        self.write((id.to_owned(), now_ms), |(id, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query("update partner set last_heard_at_ms = $2 where id = $1")
                    .bind(id).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Who an organization is to its partners.
    pub(crate) async fn own_party(&self, organization: &str) -> Result<OwnParty> {
        let mut conn = self.reader().await?;
        conn.own_party(organization).await
    }
}

type OwnPartyRow = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

impl Conn {
    pub(crate) async fn partner(&mut self, id: &str) -> Result<Option<Partner>> {
        let row: Option<PartnerRow> = on_db!(&mut *self, db => sqlx::query_as(partner_query!("id = $1"))
            .bind(id)
            .fetch_optional(db))?;
        self.partner_of(row).await
    }

    pub(crate) async fn own_party(&mut self, organization: &str) -> Result<OwnParty> {
        let row: Option<OwnPartyRow> = on_db!(self, db => sqlx::query_as(
            "select country_code, party_id, time_zone, name, website, logo from organization where id = $1")
            .bind(organization)
            .fetch_optional(db))?;
        let row =
            row.ok_or_else(|| StoreError::Missing(format!("the organization {organization:?}")))?;
        let (country_code, party_id, time_zone, name, website, logo) = row;
        Ok(OwnParty {
            country_code,
            party_id,
            time_zone,
            business: BusinessDetails {
                name: name.chars().take(100).collect(),
                website,
                logo: logo.as_deref().map(serde_json::from_str).transpose()?,
            },
        })
    }

    async fn partner_of(&mut self, row: Option<PartnerRow>) -> Result<Option<Partner>> {
        let Some(row) = row else { return Ok(None) };
        let roles: Vec<(String, String, String, String)> = on_db!(self, db => sqlx::query_as(
            "select role, country_code, party_id, business_details from partner_party where partner_id = $1
             order by role, country_code, party_id")
            .bind(&row.id)
            .fetch_all(db))?;
        let roles = roles.into_iter().map(|(role, country, party, details)| {
            Ok(CredentialsRole {
                role: Role::from_word(&role)
                    .ok_or_else(|| StoreError::Corrupt(format!("a role {role:?}")))?,
                business_details: serde_json::from_str(&details)?,
                party_id: party.into(),
                country_code: country.into(),
            })
        });
        let state = PartnerState::from_word(&row.state);
        Ok(Some(Partner {
            state: state.ok_or_else(|| {
                StoreError::Corrupt(format!("a partner with the state {:?}", row.state))
            })?,
            endpoints: serde_json::from_str(&row.endpoints)?,
            encoding: match row.sends_raw_tokens {
                true => TokenEncoding::Raw,
                false => TokenEncoding::Base64,
            },
            roles: roles.collect::<Result<_>>()?,
            id: row.id,
            organization_id: row.organization_id,
            name: row.name,
            their_token: row.their_token,
            versions_url: row.versions_url,
            is_strict: row.is_strict,
            created_at_ms: row.created_at_ms,
            registered_at_ms: row.registered_at_ms,
            last_heard_at_ms: row.last_heard_at_ms,
            last_told_at_ms: row.last_told_at_ms,
            last_error: row.last_error,
            last_error_at_ms: row.last_error_at_ms,
            is_asked: row.is_asked,
        }))
    }

    /// The first party of a registration that is another partner's.
    async fn taken_party(&mut self, new: &Registration) -> Result<Option<String>> {
        for role in &new.roles {
            let other: Option<String> = on_db!(&mut *self, db => sqlx::query_scalar(
                "select o.partner_id from partner p join partner_party o on o.organization_id = p.organization_id
                 where p.id = $1 and o.partner_id <> p.id and o.role = $2 and o.country_code = $3
                     and o.party_id = $4")
                .bind(&new.partner_id).bind(role.role.as_str())
                .bind(role.country_code.as_str().to_ascii_uppercase())
                .bind(role.party_id.as_str().to_ascii_uppercase())
                .fetch_optional(db))?;
            if other.is_some() {
                return Ok(Some(format!(
                    "{} {} {}",
                    role.role.as_str(),
                    role.country_code,
                    role.party_id
                )));
            }
        }
        Ok(None)
    }

    async fn keep_parties(&mut self, new: &Registration) -> Result<()> {
        run_on_db!(&mut *self, db => sqlx::query("delete from partner_party where partner_id = $1")
            .bind(&new.partner_id)
            .execute(db))?;
        for role in &new.roles {
            let details = serde_json::to_string(&role.business_details)?;
            run_on_db!(&mut *self, db => sqlx::query(
                "insert into partner_party (organization_id, role, country_code, party_id, partner_id,
                     business_details)
                 select organization_id, $2, $3, $4, id, $5 from partner where id = $1")
                .bind(&new.partner_id).bind(role.role.as_str())
                .bind(role.country_code.as_str().to_ascii_uppercase())
                .bind(role.party_id.as_str().to_ascii_uppercase())
                .bind(&details)
                .execute(db))?;
        }
        Ok(())
    }
}
