//! What partners said of tags that are shown, and whom they let charge where.

use std::collections::HashMap;

use dynamo_protocol::ocpi::sessions::AuthMethod;
use dynamo_protocol::ocpi::versions::{InterfaceRole, ModuleId};

use crate::domain::roaming::driver::{Driver, Grant, RoamingTag};
use crate::domain::roaming::location::Place;
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::store::{Conn, Many, Result, Store, StoreError, chunks, on_db, run_on_db};

#[derive(sqlx::FromRow)]
struct TagRow {
    point: String,
    tag_key: String,
    grant_partner: Option<String>,
    grant_token: Option<String>,
    auth_method: Option<String>,
    authorization_reference: Option<String>,
    granted_at_ms: Option<i64>,
    until_ms: Option<i64>,
    partner_id: Option<String>,
    body: Option<String>,
}

static TAGS: Many = Many::new(
    "with r (point, organization, tag) as (values {rows})
     select r.point, r.tag as tag_key, g.partner_id as grant_partner, g.token as grant_token, g.auth_method,
         g.authorization_reference, g.granted_at_ms, g.until_ms, t.partner_id, t.body
     from r left join roaming_grant g on g.charge_point_id = r.point and g.tag_key = r.tag
             and exists (select 1 from partner q where q.id = g.partner_id and q.organization_id = r.organization
                 and q.state = 'registered')
         left join partner_token t on t.organization_id = r.organization and t.tag_key = r.tag
             and not exists (select 1 from id_tag o
                 where o.organization_id = r.organization and o.tag_key = r.tag and o.party = '')
     where g.partner_id is not null or t.partner_id is not null
     order by t.party, case t.kind when 'RFID' then '' else t.kind end",
    3,
);

impl Store {
    /// What partners said of a tag that is shown at a charge point of an organization.
    pub(crate) async fn roaming_tag(
        &self,
        charge_point: &str,
        organization: &str,
        tag_key: &str,
    ) -> Result<RoamingTag> {
        let mut conn = self.reader().await?;
        let shown = [(charge_point, organization, tag_key)];
        let found = conn.roaming_tags(&shown).await?;
        Ok(found.into_values().next().unwrap_or_default())
    }

    /// Writes down that a partner let somebody charge.
    pub(crate) async fn grant(&self, grant: Grant) -> Result<()> {
        self.write(grant, |grant, conn| {
            Box::pin(async move {
                let driver = &grant.driver;
                let token = serde_json::to_string(&driver.token)?;
                run_on_db!(conn, db => sqlx::query(
                    "insert into roaming_grant (charge_point_id, tag_key, partner_id, token, auth_method,
                         authorization_reference, granted_at_ms, until_ms)
                     values ($1, $2, $3, $4, $5, $6, $7, $8)
                     on conflict (charge_point_id, tag_key) do update set partner_id = excluded.partner_id,
                         token = excluded.token, auth_method = excluded.auth_method,
                         authorization_reference = excluded.authorization_reference,
                         granted_at_ms = excluded.granted_at_ms, until_ms = excluded.until_ms")
                    .bind(&grant.charge_point_id).bind(&grant.tag_key).bind(&driver.partner_id).bind(&token)
                    .bind(driver.auth_method.as_str()).bind(driver.reference.as_ref().map(|r| r.as_str()))
                    .bind(grant.granted_at_ms).bind(grant.until_ms)
                    .execute(db))
            })
        })
        .await
    }
}

impl Store {
    /// A partner was asked again and lets nobody charge: what it said before holds no more.
    pub(crate) async fn revoke_grant(&self, charge_point: &str, tag_key: &str) -> Result<()> {
        let input = (charge_point.to_owned(), tag_key.to_owned());
        self.write(input, |(charge_point, tag_key), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "delete from roaming_grant where charge_point_id = $1 and tag_key = $2 and auth_method = $3")
                    .bind(charge_point).bind(tag_key).bind(AuthMethod::AuthRequest.as_str())
                    .execute(db))
            })
        })
        .await
    }

    /// Whether a tag is one of the organization's own, or another partner's.
    pub(crate) async fn is_tag_of_others(
        &self,
        organization: &str,
        partner: &str,
        tag_key: &str,
    ) -> Result<bool> {
        let mut conn = self.reader().await?;
        let found: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 where exists (select 1 from id_tag
                     where organization_id = $1 and tag_key = $3 and party = '')
                 or exists (select 1 from partner_token
                     where organization_id = $1 and tag_key = $3 and partner_id <> $2)")
            .bind(organization).bind(partner).bind(tag_key)
            .fetch_optional(db))?;
        Ok(found.is_some())
    }

    /// What a partner let somebody do at a charge point holds no more.
    pub(crate) async fn drop_grant(&self, charge_point: &str, tag_key: &str) -> Result<()> {
        let input = (charge_point.to_owned(), tag_key.to_owned());
        self.write(input, |(charge_point, tag_key), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "delete from roaming_grant where charge_point_id = $1 and tag_key = $2")
                    .bind(charge_point).bind(tag_key)
                    .execute(db))
            })
        })
        .await
    }

    /// The partners of an organization that can be asked about tokens.
    pub(crate) async fn askable_partners(&self, organization: &str) -> Result<Vec<Partner>> {
        let partners = self.partners(Some(organization)).await?;
        let can_be_asked = |partner: &Partner| {
            partner.state == PartnerState::Registered
                && partner
                    .endpoint(ModuleId::Tokens, InterfaceRole::Sender)
                    .is_some()
        };
        Ok(partners.into_iter().filter(can_be_asked).collect())
    }

    /// Whether an organization has a tag of its own.
    pub(crate) async fn knows_tag(&self, organization: &str, tag: &str) -> Result<bool> {
        let mut conn = self.reader().await?;
        Ok(conn.tag(organization, tag).await?.is_some())
    }

    /// Where a charge point is, as partners are told.
    pub(crate) async fn place_of_point(
        &self,
        organization: &str,
        charge_point: &str,
    ) -> Result<Place> {
        let mut conn = self.reader().await?;
        conn.place_of_point(organization, charge_point).await
    }
}

impl Conn {
    /// What partners said of tags that are shown: of each its charge point, organization and tag, as it is compared. By
    /// charge point and tag; of which nobody said anything is not there.
    pub(crate) async fn roaming_tags(
        &mut self,
        shown: &[(&str, &str, &str)],
    ) -> Result<HashMap<(String, String), RoamingTag>> {
        let mut tags = HashMap::new();
        for chunk in chunks(shown) {
            let text = TAGS.for_rows(self, chunk.len());
            let rows: Vec<TagRow> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (point, organization, tag) in chunk {
                    query = query.bind(*point).bind(*organization).bind(*tag);
                }
                query.fetch_all(db)
            })?;
            for row in rows {
                let key = (row.point.clone(), row.tag_key.clone());
                let tag = tag_of(row)?;
                // Of those that are written alike the first is meant.
                tags.entry(key).or_insert(tag);
            }
        }
        Ok(tags)
    }
}

fn tag_of(row: TagRow) -> Result<RoamingTag> {
    let grant = match (row.grant_partner, row.grant_token, row.auth_method) {
        (Some(partner_id), Some(token), Some(method)) => Some(Grant {
            charge_point_id: row.point,
            tag_key: row.tag_key,
            driver: Driver {
                partner_id,
                token: serde_json::from_str(&token)?,
                auth_method: AuthMethod::from_word(&method)
                    .ok_or_else(|| StoreError::Corrupt(format!("the method {method:?}")))?,
                reference: row.authorization_reference.map(Into::into),
            },
            granted_at_ms: row.granted_at_ms.unwrap_or_default(),
            until_ms: row.until_ms.unwrap_or_default(),
        }),
        _ => None,
    };
    let known = match (row.partner_id, row.body) {
        (Some(partner_id), Some(body)) => Some((partner_id, serde_json::from_str(&body)?)),
        _ => None,
    };
    Ok(RoamingTag { grant, known })
}
