//! Tokens of partners, whole, and the id tags by which charge points know them.

use dynamo_protocol::ocpi::CiString;
use dynamo_protocol::ocpi::tokens::Token;
use serde_json::Value;

use crate::domain::roaming::token::{changed, group_tag, id_tag, status};
use crate::domain::tags::tag::tag_key;
use crate::domain::tags::token::{Party, TokenKind};
use crate::store::{Conn, Result, Store, StoreError, TagSetting, on_db, run_on_db};

/// What a token is told from others by, within an organization.
#[derive(Clone, Debug)]
pub(crate) struct TokenKey {
    pub party: Party,
    pub kind: TokenKind,
    pub uid: CiString,
}

/// A token to keep.
#[derive(Clone, Debug)]
pub(crate) struct KeptToken {
    pub organization_id: String,
    pub partner_id: String,
    pub key: TokenKey,
    /// As it was given, in the form of the standard.
    pub body: Value,
    pub token: Token,
    pub now_ms: i64,
}

/// Members of a token to change.
#[derive(Clone, Debug)]
pub(crate) struct TokenChange {
    pub organization_id: String,
    pub partner_id: String,
    pub key: TokenKey,
    pub change: Value,
    pub now_ms: i64,
}

impl Store {
    /// Changes some members of a token: what is wrong with it then, in words, if anything. `None` when there is no such
    /// token.
    pub(crate) async fn change_partner_token(
        &self,
        change: TokenChange,
    ) -> Result<Option<std::result::Result<(), String>>> {
        self.write(change, |change, conn| {
            Box::pin(async move {
                let known = conn
                    .partner_token(&change.organization_id, &change.key)
                    .await?;
                let Some(known) = known else { return Ok(None) };
                let (body, token) = match changed(known, &change.change) {
                    Ok(changed) => changed,
                    Err(why) => return Ok(Some(Err(why))),
                };
                let party = Party::new(token.country_code.as_str(), token.party_id.as_str());
                let is_same = token.uid == change.key.uid
                    && token.r#type == change.key.kind.as_str()
                    && party.as_ref() == Some(&change.key.party);
                if !is_same {
                    let why = "a change leaves uid, type, country_code and party_id as they are";
                    return Ok(Some(Err(why.to_owned())));
                }
                let kept = KeptToken {
                    organization_id: change.organization_id.clone(),
                    partner_id: change.partner_id.clone(),
                    key: change.key.clone(),
                    body,
                    token,
                    now_ms: change.now_ms,
                };
                conn.keep_partner_token(&kept).await?;
                Ok(Some(Ok(())))
            })
        })
        .await
    }

    /// A token, as its issuer gave it.
    pub(crate) async fn partner_token(
        &self,
        organization: &str,
        key: &TokenKey,
    ) -> Result<Option<Value>> {
        let mut conn = self.reader().await?;
        conn.partner_token(organization, key).await
    }

    /// Keeps a token; true when it is a new one.
    pub(crate) async fn keep_partner_token(&self, token: KeptToken) -> Result<bool> {
        self.write(token, |token, conn| {
            Box::pin(async move { conn.keep_partner_token(token).await })
        })
        .await
    }
}

impl Conn {
    async fn partner_token(&mut self, organization: &str, key: &TokenKey) -> Result<Option<Value>> {
        let body: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "select body from partner_token
             where organization_id = $1 and party = $2 and kind = $3 and uid_key = $4")
            .bind(organization).bind(key.party.to_string()).bind(key.kind.as_str()).bind(key.uid.key())
            .fetch_optional(db))?;
        Ok(body.as_deref().map(serde_json::from_str).transpose()?)
    }

    pub(crate) async fn keep_partner_token(&mut self, kept: &KeptToken) -> Result<bool> {
        let key = &kept.key;
        let tag = id_tag(&key.party, key.kind, &key.uid);
        let before = self.partner_token(&kept.organization_id, key).await?;
        let body = kept.body.to_string();
        run_on_db!(&mut *self, db => sqlx::query(
            "insert into partner_token (organization_id, party, kind, uid_key, partner_id, tag_key, whitelist, body,
                 updated_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (organization_id, party, kind, uid_key) do update set partner_id = excluded.partner_id,
                 whitelist = excluded.whitelist, body = excluded.body, updated_at_ms = excluded.updated_at_ms")
            .bind(&kept.organization_id).bind(key.party.to_string()).bind(key.kind.as_str()).bind(key.uid.key())
            .bind(&kept.partner_id).bind(tag_key(&tag)).bind(kept.token.whitelist.as_str()).bind(&body)
            .bind(kept.now_ms)
            .execute(db))?;
        let setting = TagSetting {
            organization_id: kept.organization_id.clone(),
            tag,
            party: Some(key.party.clone()),
            kind: key.kind,
            status: status(&kept.token),
            parent_tag: group_tag(&key.party, &kept.token),
            expires_at_ms: None,
            single_transaction: false,
        };
        match self.set_tag(&setting, kept.now_ms).await {
            // Groups of groups that end in themselves: the token is good without its group.
            Err(StoreError::Refused(_)) => {
                let alone = TagSetting {
                    parent_tag: None,
                    ..setting
                };
                self.set_tag(&alone, kept.now_ms).await?;
            }
            done => done?,
        }
        Ok(before.is_none())
    }
}
