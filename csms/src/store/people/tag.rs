//! Id tags.

use std::collections::HashMap;

use crate::domain::tags::tag::{PARENTS_MAX, Tag, TagStatus, tag_key, wrong_parents};
use crate::domain::tags::token::{Party, TokenKind};
use crate::domain::transactions::facts::Start;
use crate::store::{Conn, DEFAULT_ORGANIZATION, Result, Store, StoreError, on_db, run_on_db};
use crate::store::{Many, chunks};

/// A tag to register or change.
#[derive(Clone, Debug)]
pub struct TagSetting {
    /// The organization it belongs to.
    pub organization_id: String,
    /// As it is written on the card; compared without case. At most 20 characters [1.6 §7.28].
    pub tag: String,
    /// Who issued it; the organization itself when `None`.
    pub party: Option<Party>,
    /// What it is.
    pub kind: TokenKind,
    /// What it may do.
    pub status: TagStatus,
    /// The group it belongs to.
    pub parent_tag: Option<String>,
    /// From this instant (Unix milliseconds) on it is expired.
    pub expires_at_ms: Option<i64>,
    /// Whether it may be in one transaction at a time only; a second start is answered `ConcurrentTx`.
    pub single_transaction: bool,
}

impl TagSetting {
    /// An accepted tag of the default organization, without limits.
    #[must_use]
    pub fn accepted(tag: impl Into<String>) -> Self {
        Self {
            organization_id: DEFAULT_ORGANIZATION.to_owned(),
            tag: tag.into(),
            party: None,
            kind: TokenKind::Rfid,
            status: TagStatus::Accepted,
            parent_tag: None,
            expires_at_ms: None,
            single_transaction: false,
        }
    }

    /// What is stored of who issued it.
    pub(in crate::store) fn party(&self) -> String {
        self.party
            .as_ref()
            .map(Party::to_string)
            .unwrap_or_default()
    }
}

/// Which of the tokens that are written alike is meant where that is all that is said; see `domain/tags/token.rs`.
macro_rules! first_token {
    () => {
        "order by party, case kind when 'RFID' then '' else kind end limit 1"
    };
}
pub(in crate::store) use first_token;

/// The longest time that a car is taken to charge in one transaction.
const SESSION_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1000;

type TagColumns = (String, Option<String>, Option<i64>, bool);

/// A tag that is shown at a charge point.
pub(crate) struct TagAt {
    /// As it is registered, if it is.
    pub tag: Option<Tag>,
    /// Whether the charge point is one of a project, which may let in some tags only.
    pub in_project: bool,
}

/// A charge point, whether it is in a project, and the columns of a tag, if there is such a one.
type TagAtRow = (
    String,
    bool,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<bool>,
);

static TAGS_AT: Many = Many::new(
    "with r (point, organization, key) as (values {rows})
     select p.id, p.project_id is not null, t.status, t.group_uid, t.expires_at_ms, t.single_transaction
     from r join charge_point p on p.id = r.point
         left join id_tag t on t.organization_id = r.organization and t.tag_key = r.key
     order by t.party, case t.kind when 'RFID' then '' else t.kind end",
    3,
);

/// Organization and key of a tag, and its columns.
type KeyedTag = (String, String, String, Option<String>, Option<i64>, bool);

static TAGS: Many = Many::new(
    "with r (organization, key) as (values {rows})
     select t.organization_id, t.tag_key, t.status, t.group_uid, t.expires_at_ms, t.single_transaction
     from r join id_tag t on t.organization_id = r.organization and t.tag_key = r.key
     order by t.party, case t.kind when 'RFID' then '' else t.kind end",
    2,
);

impl Store {
    /// Registers or changes a tag. Takes effect with the next message about it.
    ///
    /// # Errors
    /// When the database fails, the organization does not exist, or the tag would be its own parent.
    pub async fn set_tag(&self, setting: TagSetting) -> Result<()> {
        self.write(setting, |tag, conn| {
            Box::pin(async move { conn.set_tag(tag, crate::clock::system_ms()).await })
        })
        .await
    }

    /// Registers a tag; one that is there already stays as it is.
    ///
    /// # Errors
    /// When the database fails, or the organization does not exist.
    pub(crate) async fn add_tag(&self, setting: TagSetting) -> Result<()> {
        self.write(setting, |tag, conn| {
            Box::pin(async move { conn.insert_tag(tag, crate::clock::system_ms()).await })
        })
        .await
    }
}

impl Conn {
    pub(in crate::store) async fn set_tag(&mut self, tag: &TagSetting, now_ms: i64) -> Result<()> {
        self.insert_tag(tag, now_ms).await?;
        if let Some(reason) = wrong_parents(&tag.tag, &self.parents_of(tag).await?) {
            return Err(StoreError::Refused(reason));
        }
        let next = Tag {
            status: tag.status,
            parent_tag: tag.parent_tag.clone(),
            expires_at_ms: tag.expires_at_ms,
            single_transaction: tag.single_transaction,
        };
        self.keep_tag(tag, &next, now_ms).await?;
        run_on_db!(self, db => sqlx::query(
            "update id_tag set uid = $3, status = $4, group_uid = $5, expires_at_ms = $6,
                 single_transaction = $7, updated_at_ms = $8
             where organization_id = $1 and tag_key = $2 and party = $9 and kind = $10
                 and (uid <> $3 or status <> $4 or group_uid is distinct from $5
                     or expires_at_ms is distinct from $6 or single_transaction <> $7)")
            .bind(&tag.organization_id).bind(tag_key(&tag.tag)).bind(&tag.tag)
            .bind(tag.status.as_str()).bind(&tag.parent_tag).bind(tag.expires_at_ms)
            .bind(tag.single_transaction).bind(now_ms).bind(tag.party()).bind(tag.kind.as_str())
            .execute(db))
    }

    async fn insert_tag(&mut self, tag: &TagSetting, now_ms: i64) -> Result<()> {
        self.need_organization(&tag.organization_id).await?;
        run_on_db!(self, db => sqlx::query(
            "insert into id_tag (organization_id, tag_key, uid, status, group_uid, expires_at_ms,
                 single_transaction, created_at_ms, updated_at_ms, party, kind)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10) on conflict do nothing")
            .bind(&tag.organization_id).bind(tag_key(&tag.tag)).bind(&tag.tag)
            .bind(tag.status.as_str()).bind(&tag.parent_tag).bind(tag.expires_at_ms)
            .bind(tag.single_transaction).bind(now_ms).bind(tag.party()).bind(tag.kind.as_str())
            .execute(db))
    }

    /// The parent of a tag, the parent of that, and so on; one more than a tag may have at most.
    async fn parents_of(&mut self, tag: &TagSetting) -> Result<Vec<String>> {
        let mut parents = Vec::new();
        let mut above = tag.parent_tag.clone();
        while let Some(parent) = above
            && parents.len() <= PARENTS_MAX
        {
            let known = self.tag(&tag.organization_id, &parent).await?;
            above = known.and_then(|known| known.parent_tag);
            parents.push(parent);
        }
        Ok(parents)
    }

    pub(crate) async fn tag(&mut self, organization: &str, tag: &str) -> Result<Option<Tag>> {
        let row: Option<TagColumns> = on_db!(self, db => sqlx::query_as(concat!(
            "select status, group_uid, expires_at_ms, single_transaction from id_tag
             where organization_id = $1 and tag_key = $2 ", first_token!()))
            .bind(organization).bind(tag_key(tag))
            .fetch_optional(db))?;
        row.map(tag_of_columns).transpose()
    }

    /// Registered tags, by organization and how they are compared.
    pub(crate) async fn tags(
        &mut self,
        wanted: &[(&str, &str)],
    ) -> Result<HashMap<(String, String), Tag>> {
        let mut tags = HashMap::new();
        for chunk in chunks(wanted) {
            let text = TAGS.for_rows(self, chunk.len());
            let rows: Vec<KeyedTag> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (organization, tag) in chunk {
                    query = query.bind(*organization).bind(tag_key(tag));
                }
                query.fetch_all(db)
            })?;
            for (organization, key, status, parent, expires_at_ms, single) in rows {
                let tag = tag_of_columns((status, parent, expires_at_ms, single))?;
                // Of those that are written alike the first is meant, see `first_token`.
                tags.entry((organization, key)).or_insert(tag);
            }
        }
        Ok(tags)
    }

    /// What the tags are that are shown at charge points, by those: of each its charge point, organization and tag.
    pub(crate) async fn tags_at(
        &mut self,
        shown: &[(&str, &str, &str)],
    ) -> Result<HashMap<String, TagAt>> {
        let mut tags = HashMap::new();
        for chunk in chunks(shown) {
            let text = TAGS_AT.for_rows(self, chunk.len());
            let rows: Vec<TagAtRow> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (charge_point, organization, tag) in chunk {
                    query = query.bind(*charge_point).bind(*organization).bind(tag_key(tag));
                }
                query.fetch_all(db)
            })?;
            for (charge_point, in_project, status, parent, expires_at_ms, single) in rows {
                let tag = match (status, single) {
                    (Some(status), Some(single)) => {
                        Some(tag_of_columns((status, parent, expires_at_ms, single))?)
                    }
                    _ => None,
                };
                tags.entry(charge_point)
                    .or_insert(TagAt { tag, in_project });
            }
        }
        Ok(tags)
    }

    /// The tag; one that nobody registered is recorded as accepted.
    pub(crate) async fn tag_or_record(
        &mut self,
        organization: &str,
        tag: &str,
        now_ms: i64,
    ) -> Result<Tag> {
        if let Some(known) = self.tag(organization, tag).await? {
            return Ok(known);
        }
        run_on_db!(self, db => sqlx::query(
            "insert into id_tag (organization_id, tag_key, uid, status, single_transaction, created_at_ms,
                 updated_at_ms, party, kind)
             values ($1, $2, $3, 'Accepted', $4, $5, $5, '', $6) on conflict do nothing")
            .bind(organization).bind(tag_key(tag)).bind(tag).bind(false).bind(now_ms)
            .bind(TokenKind::Rfid.as_str())
            .execute(db))?;
        let known = self.tag(organization, tag).await?;
        known.ok_or_else(|| StoreError::Missing(format!("the id tag {tag:?}")))
    }

    /// Keeps two starts of one tag from deciding at the same time (SQLite has one writer anyway).
    pub(crate) async fn lock_tag(&mut self, organization: &str, tag: &str) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update id_tag set status = status where organization_id = $1 and tag_key = $2")
            .bind(organization).bind(tag_key(tag))
            .execute(db))?;
        Ok(())
    }

    /// Whether the tag has an open transaction on another connector or another charge point.
    pub(crate) async fn tag_in_other_transaction(
        &mut self,
        (start, id_tag): (&Start, &str),
        organization: &str,
    ) -> Result<bool> {
        let open: i64 = on_db!(self, db => sqlx::query_scalar(
            "select count(*) from charge_transaction
             where organization_id = $1 and tag_key = $2 and state = 'open'
               and not (charge_point_id = $3 and connector_id is not distinct from $4)")
            .bind(organization).bind(tag_key(id_tag))
            .bind(&start.charge_point_id).bind(start.connector_id)
            .fetch_one(db))?;
        Ok(open > 0)
    }

    /// Whether the tag was in a transaction elsewhere at that time, by the stamps of what is known of it now. One
    /// that is over is looked for among those that began within [`SESSION_MS_MAX`].
    pub(crate) async fn tag_was_in_other_transaction(
        &mut self,
        (start, id_tag): (&Start, &str),
        organization: &str,
        at_ms: i64,
    ) -> Result<bool> {
        let then: i64 = on_db!(self, db => sqlx::query_scalar(
            "select count(*) from charge_transaction
             where organization_id = $1 and tag_key = $2 and started_at_ms <= $5
               and (state = 'open' or (started_at_ms > $6 and stopped_at_ms > $5))
               and not (charge_point_id = $3 and connector_id is not distinct from $4)")
            .bind(organization).bind(tag_key(id_tag))
            .bind(&start.charge_point_id).bind(start.connector_id)
            .bind(at_ms).bind(at_ms.saturating_sub(SESSION_MS_MAX))
            .fetch_one(db))?;
        Ok(then > 0)
    }
}

pub(in crate::store) fn tag_of_columns(
    (status, parent_tag, expires_at_ms, single): TagColumns,
) -> Result<Tag> {
    let status = TagStatus::from_setting(&status)
        .ok_or_else(|| StoreError::Corrupt(format!("an id tag with the status {status:?}")))?;
    Ok(Tag {
        status,
        parent_tag,
        expires_at_ms,
        single_transaction: single,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "Tag";

    struct Times(Store);

    impl Times {
        async fn set(&self, setting: &TagSetting, now_ms: i64) {
            let input = (setting.clone(), now_ms);
            let set = self.0.write(input, |(setting, now_ms), conn| {
                Box::pin(async move { conn.set_tag(setting, *now_ms).await })
            });
            set.await.unwrap();
        }

        /// Now, or at that time.
        async fn status(&self, at_ms: Option<i64>) -> Option<TagStatus> {
            let mut conn = self.0.reader().await.unwrap();
            let tag = match at_ms {
                None => conn.tag(DEFAULT_ORGANIZATION, "TAG").await,
                Some(at_ms) => conn.tag_as_of(DEFAULT_ORGANIZATION, "TAG", at_ms).await,
            };
            tag.unwrap().map(|tag| tag.status)
        }

        /// By who issued it and what it is.
        async fn updated(&self) -> Vec<(String, String, i64)> {
            let mut conn = self.0.reader().await.unwrap();
            on_db!(&mut conn, db => sqlx::query_as(
                "select party, kind, updated_at_ms from id_tag order by party, kind").fetch_all(db))
            .unwrap()
        }
    }

    #[tokio::test]
    async fn tokens_that_are_written_alike_are_told_apart_by_issuer_and_kind() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let times = Times(Store::open(&address).await.unwrap());
        let token = |party, kind, status| TagSetting {
            party,
            kind,
            status,
            ..TagSetting::accepted(TAG)
        };
        let partner = || Party::new("GB", "GWY");
        let (accepted, blocked) = (TagStatus::Accepted, TagStatus::Blocked);
        assert_eq!(times.status(None).await, None);
        let theirs = token(partner(), TokenKind::Rfid, TagStatus::Expired);
        times.set(&theirs, 100).await;
        assert_eq!(times.status(None).await, Some(TagStatus::Expired));
        times
            .set(&token(None, TokenKind::AppUser, blocked), 100)
            .await;
        assert_eq!(times.status(None).await, Some(blocked));
        times
            .set(&token(None, TokenKind::Rfid, accepted), 100)
            .await;
        assert_eq!(times.status(None).await, Some(accepted));
        // Each has a past of its own.
        times.set(&token(None, TokenKind::Rfid, blocked), 200).await;
        times
            .set(&token(partner(), TokenKind::Rfid, accepted), 300)
            .await;
        for (at_ms, status) in [
            (150, accepted),
            (200, blocked),
            (250, blocked),
            (300, blocked),
        ] {
            assert_eq!(times.status(Some(at_ms)).await, Some(status), "{at_ms}");
        }
        // What stays as it is was not changed.
        times.set(&token(None, TokenKind::Rfid, blocked), 400).await;
        let row = |party: &str, kind: &str, at_ms| (party.to_owned(), kind.to_owned(), at_ms);
        assert_eq!(
            times.updated().await,
            [
                row("", "APP_USER", 100),
                row("", "RFID", 200),
                row("GBGWY", "RFID", 300)
            ]
        );
    }
}
