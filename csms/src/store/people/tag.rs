//! Id tags.

use std::collections::HashMap;

use crate::domain::tags::tag::{Tag, TagStatus, tag_key};
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
            status: TagStatus::Accepted,
            parent_tag: None,
            expires_at_ms: None,
            single_transaction: false,
        }
    }
}

/// The longest time that a car is taken to charge in one transaction.
const SESSION_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1000;

/// Groups within groups; more is an error of whoever registers them.
const PARENTS_MAX: usize = 16;

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
     select p.id, p.project_id is not null, t.status, t.parent_tag, t.expires_at_ms, t.single_transaction
     from r join charge_point p on p.id = r.point
         left join id_tag t on t.organization_id = r.organization and t.tag_key = r.key",
    3,
);

/// Organization and key of a tag, and its columns.
type KeyedTag = (String, String, String, Option<String>, Option<i64>, bool);

static TAGS: Many = Many::new(
    "with r (organization, key) as (values {rows})
     select t.organization_id, t.tag_key, t.status, t.parent_tag, t.expires_at_ms, t.single_transaction
     from r join id_tag t on t.organization_id = r.organization and t.tag_key = r.key",
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
            Box::pin(async move { conn.insert_tag(tag).await })
        })
        .await
    }
}

impl Conn {
    pub(in crate::store) async fn set_tag(&mut self, tag: &TagSetting, now_ms: i64) -> Result<()> {
        self.insert_tag(tag).await?;
        self.check_parents(tag).await?;
        let next = Tag {
            status: tag.status,
            parent_tag: tag.parent_tag.clone(),
            expires_at_ms: tag.expires_at_ms,
            single_transaction: tag.single_transaction,
        };
        self.keep_tag(&tag.organization_id, &tag.tag, &next, now_ms)
            .await?;
        run_on_db!(self, db => sqlx::query(
            "update id_tag set tag = $3, status = $4, parent_tag = $5, expires_at_ms = $6,
                 single_transaction = $7
             where organization_id = $1 and tag_key = $2")
            .bind(&tag.organization_id).bind(tag_key(&tag.tag)).bind(&tag.tag)
            .bind(tag.status.as_str()).bind(&tag.parent_tag).bind(tag.expires_at_ms)
            .bind(tag.single_transaction)
            .execute(db))
    }

    async fn insert_tag(&mut self, tag: &TagSetting) -> Result<()> {
        self.need_organization(&tag.organization_id).await?;
        run_on_db!(self, db => sqlx::query(
            "insert into id_tag (organization_id, tag_key, tag, status, parent_tag, expires_at_ms,
                 single_transaction, created_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing")
            .bind(&tag.organization_id).bind(tag_key(&tag.tag)).bind(&tag.tag)
            .bind(tag.status.as_str()).bind(&tag.parent_tag).bind(tag.expires_at_ms)
            .bind(tag.single_transaction).bind(crate::clock::system_ms())
            .execute(db))
    }

    /// Parents may have parents, up to [`PARENTS_MAX`], and end somewhere.
    async fn check_parents(&mut self, tag: &TagSetting) -> Result<()> {
        let own = tag_key(&tag.tag);
        let mut above = tag.parent_tag.clone();
        for _ in 0..PARENTS_MAX {
            let Some(parent) = above else { return Ok(()) };
            if tag_key(&parent) == own {
                return Err(StoreError::Refused(format!(
                    "the id tag {:?} cannot have the parent {:?}: it would be its own parent",
                    tag.tag,
                    tag.parent_tag.as_deref().unwrap_or_default()
                )));
            }
            let known = self.tag(&tag.organization_id, &parent).await?;
            above = known.and_then(|known| known.parent_tag);
        }
        Err(StoreError::Refused(format!(
            "the id tag {:?} has more than {PARENTS_MAX} parents above it",
            tag.tag
        )))
    }

    pub(crate) async fn tag(&mut self, organization: &str, tag: &str) -> Result<Option<Tag>> {
        let row: Option<TagColumns> = on_db!(self, db => sqlx::query_as(
            "select status, parent_tag, expires_at_ms, single_transaction from id_tag
             where organization_id = $1 and tag_key = $2")
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
            let text = TAGS.for_rows(chunk.len());
            let rows: Vec<KeyedTag> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (organization, tag) in chunk {
                    query = query.bind(*organization).bind(tag_key(tag));
                }
                query.fetch_all(db)
            })?;
            for (organization, key, status, parent, expires_at_ms, single) in rows {
                let tag = tag_of_columns((status, parent, expires_at_ms, single))?;
                tags.insert((organization, key), tag);
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
            let text = TAGS_AT.for_rows(chunk.len());
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
                tags.insert(charge_point, TagAt { tag, in_project });
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
            "insert into id_tag (organization_id, tag_key, tag, status, single_transaction, created_at_ms)
             values ($1, $2, $3, 'Accepted', $4, $5) on conflict do nothing")
            .bind(organization).bind(tag_key(tag)).bind(tag).bind(false).bind(now_ms)
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
