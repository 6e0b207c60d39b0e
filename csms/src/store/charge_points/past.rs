//! What was before a change: what an id tag was, whom a project let in, whose a charge point was. A start that is
//! told late is judged by what held when it began.
//!
//! Each change writes down what was until then. What held at a time is the first state that ended after it, else
//! the present one; so the first state that is known also counts for the time before it. A clock that was set back
//! makes no second state of one time. [`KEPT_STATES`] states of one thing are kept, none of them longer than a stamp
//! can be believed.

use crate::domain::tags::tag::{Tag, tag_key};
use crate::domain::transactions::claims::OLD_MS_MAX;
use crate::store::people::project::AccessColumns;
use crate::store::people::tag::first_token;
use crate::store::{Conn, Many, Result, TagSetting, chunks, on_db, run_on_db};

/// States of one thing that are kept.
const KEPT_STATES: i64 = 100;

/// Whose a charge point is, or was, and what is made there.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Belonging {
    pub organization_id: String,
    pub installer_id: Option<String>,
    pub project_id: Option<String>,
}

/// Where a transaction began.
#[derive(Clone, Debug)]
pub(crate) struct StartPlace {
    /// Whose the charge point is now.
    pub now: Belonging,
    /// Whose it was when the transaction began: whose the transaction is.
    pub then: Belonging,
    /// Whether that, the tag, or the list of the project has changed since then.
    pub has_changed: bool,
}

/// Whose a charge point is going to be; its organization stays where none is given.
#[derive(Clone, Copy)]
pub(in crate::store) struct Next<'a> {
    pub organization_id: Option<&'a str>,
    pub project_id: Option<&'a str>,
}

#[derive(sqlx::FromRow)]
struct PlaceRow {
    id: String,
    organization_id: String,
    installer_id: Option<String>,
    project_id: Option<String>,
    has_changed: bool,
}

static START_PLACES: Many = Many::new(
    "with r (point, tag, began_at_ms) as (values {rows})
     select p.id, p.organization_id, p.installer_id, p.project_id,
         exists (select 1 from charge_point_past q where q.charge_point_id = p.id and q.until_ms > r.began_at_ms)
         or exists (select 1 from id_tag_past q where q.organization_id = p.organization_id
             and q.tag_key = r.tag and q.until_ms > r.began_at_ms)
         or exists (select 1 from project_access_past q where q.project_id = p.project_id
             and q.until_ms > r.began_at_ms) as has_changed
     from r join charge_point p on p.id = r.point",
    3,
);

/// Status, expiry, and whether it may be in one transaction only.
type TagColumns = (String, Option<i64>, bool);

/// Drops what is older than $2, and all but the newest $3 states, of what $1 and the rest of the key name.
macro_rules! forget {
    ($table:literal, $key:literal) => {
        concat!(
            "delete from ",
            $table,
            " where ",
            $key,
            " and (until_ms <= $2 or until_ms <= (select until_ms from ",
            $table,
            " where ",
            $key,
            " order by until_ms desc limit 1 offset $3))"
        )
    };
}

impl Conn {
    /// Where transactions begin: of each its charge point, its tag as it is compared, and when it began. The tag is one
    /// of the charge point's organization.
    pub(crate) async fn start_places(
        &mut self,
        starts: &[(&str, Option<String>, i64)],
    ) -> Result<Vec<StartPlace>> {
        let mut places = Vec::with_capacity(starts.len());
        for chunk in chunks(starts) {
            let text = START_PLACES.for_rows(self, chunk.len());
            let rows: Vec<PlaceRow> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for (charge_point, tag, began_at_ms) in chunk {
                    query = query.bind(*charge_point).bind(tag).bind(*began_at_ms);
                }
                query.fetch_all(db)
            })?;
            for (charge_point, _, began_at_ms) in chunk {
                let row = rows.iter().find(|row| row.id == *charge_point);
                let row = row.ok_or(sqlx::Error::RowNotFound)?;
                places.push(self.start_place(row, *began_at_ms).await?);
            }
        }
        Ok(places)
    }

    async fn start_place(&mut self, row: &PlaceRow, began_at_ms: i64) -> Result<StartPlace> {
        let now = Belonging {
            organization_id: row.organization_id.clone(),
            installer_id: row.installer_id.clone(),
            project_id: row.project_id.clone(),
        };
        let then = match row.has_changed {
            true => self.belonging_at(&row.id, began_at_ms).await?,
            false => now.clone(),
        };
        Ok(StartPlace {
            now,
            then,
            has_changed: row.has_changed,
        })
    }

    async fn belonging_at(&mut self, charge_point: &str, at_ms: i64) -> Result<Belonging> {
        on_db!(self, db => sqlx::query_as(
            "select organization_id, installer_id, project_id from (
                 select organization_id, installer_id, project_id, until_ms from charge_point_past
                 where charge_point_id = $1 and until_ms > $2
                 union all
                 select organization_id, installer_id, project_id, 9223372036854775807 from charge_point
                 where id = $1) as state
             order by until_ms limit 1")
            .bind(charge_point).bind(at_ms)
            .fetch_one(db))
    }

    /// What a tag was at that time; without the group it was in, which is for answers.
    pub(crate) async fn tag_as_of(
        &mut self,
        organization: &str,
        tag: &str,
        at_ms: i64,
    ) -> Result<Option<Tag>> {
        let row: Option<TagColumns> = on_db!(self, db => sqlx::query_as(
            concat!(
                "with token as (select * from id_tag where organization_id = $1 and tag_key = $2 ", first_token!(), ")
                 select status, expires_at_ms, single_transaction from (
                     select q.status, q.expires_at_ms, q.single_transaction, q.until_ms
                     from token join id_tag_past q on q.organization_id = $1 and q.tag_key = $2
                         and q.party = token.party and q.kind = token.kind and q.until_ms > $3
                     union all
                     select status, expires_at_ms, single_transaction, 9223372036854775807 from token) as state
                 order by until_ms limit 1"))
            .bind(organization).bind(tag_key(tag)).bind(at_ms)
            .fetch_optional(db))?;
        row.map(|(status, expires_at_ms, single_transaction)| {
            crate::store::people::tag::tag_of_columns((
                status,
                None,
                expires_at_ms,
                single_transaction,
            ))
        })
        .transpose()
    }

    /// Whom a project let in at that time.
    pub(crate) async fn access_as_of(
        &mut self,
        project: &str,
        at_ms: i64,
    ) -> Result<AccessColumns> {
        on_db!(self, db => sqlx::query_as(
            "select access_policy, access_tags from (
                 select access_policy, access_tags, until_ms from project_access_past
                 where project_id = $1 and until_ms > $2
                 union all
                 select access_policy, access_tags, 9223372036854775807 from project where id = $1) as state
             order by until_ms limit 1")
            .bind(project).bind(at_ms)
            .fetch_one(db))
    }

    /// Writes down what a tag was, if it is going to be something else.
    pub(in crate::store) async fn keep_tag(
        &mut self,
        tag: &TagSetting,
        next: &Tag,
        now_ms: i64,
    ) -> Result<()> {
        let (key, party, kind) = (tag_key(&tag.tag), tag.party(), tag.kind.as_str());
        run_on_db!(&mut *self, db => sqlx::query(
            "insert into id_tag_past (organization_id, tag_key, party, kind, until_ms, status, expires_at_ms,
                 single_transaction)
             select organization_id, tag_key, party, kind, $3, status, expires_at_ms, single_transaction
             from id_tag where organization_id = $1 and tag_key = $2 and party = $7 and kind = $8 and (status <> $4
                 or expires_at_ms is distinct from $5 or single_transaction <> $6)
             on conflict do nothing")
            .bind(&tag.organization_id).bind(&key).bind(now_ms).bind(next.status.as_str())
            .bind(next.expires_at_ms).bind(next.single_transaction).bind(&party).bind(kind)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            forget!("id_tag_past", "organization_id = $1 and tag_key = $4 and party = $5 and kind = $6"))
            .bind(&tag.organization_id).bind(oldest_ms(now_ms)).bind(KEPT_STATES).bind(&key)
            .bind(&party).bind(kind)
            .execute(db))
    }

    /// Writes down whom a project let in, if that is going to change.
    pub(in crate::store) async fn keep_access(
        &mut self,
        project: &str,
        (policy, tags): (&str, &str),
        now_ms: i64,
    ) -> Result<()> {
        run_on_db!(&mut *self, db => sqlx::query(
            "insert into project_access_past (project_id, until_ms, access_policy, access_tags)
             select id, $2, access_policy, access_tags from project
             where id = $1 and (access_policy <> $3 or access_tags <> $4) on conflict do nothing")
            .bind(project).bind(now_ms).bind(policy).bind(tags)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(forget!("project_access_past", "project_id = $1"))
            .bind(project).bind(oldest_ms(now_ms)).bind(KEPT_STATES)
            .execute(db))
    }

    /// Writes down whose a charge point was, if that is going to change.
    pub(in crate::store) async fn keep_belonging(
        &mut self,
        charge_point: &str,
        next: Next<'_>,
        now_ms: i64,
    ) -> Result<()> {
        run_on_db!(&mut *self, db => sqlx::query(
            "insert into charge_point_past (charge_point_id, until_ms, organization_id, installer_id, project_id)
             select id, $2, organization_id, installer_id, project_id from charge_point
             where id = $1 and case when $3 is null then project_id is distinct from $4
                 else organization_id <> $3 end
             on conflict do nothing")
            .bind(charge_point).bind(now_ms).bind(next.organization_id).bind(next.project_id)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(forget!("charge_point_past", "charge_point_id = $1"))
            .bind(charge_point).bind(oldest_ms(now_ms)).bind(KEPT_STATES)
            .execute(db))
    }
}

/// No stamp that is older than this is believed.
const fn oldest_ms(now_ms: i64) -> i64 {
    now_ms.saturating_sub(OLD_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tags::tag::TagStatus;
    use crate::store::{DEFAULT_ORGANIZATION, Store};

    async fn store(folder: &tempfile::TempDir) -> Store {
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        Store::open(&address).await.unwrap()
    }

    async fn set(store: &Store, tag: &str, status: TagStatus, now_ms: i64) {
        let setting = TagSetting {
            status,
            ..TagSetting::accepted(tag)
        };
        let input = (setting, now_ms);
        let set = store.write(input, |(setting, now_ms), conn| {
            Box::pin(async move { conn.set_tag(setting, *now_ms).await })
        });
        set.await.unwrap();
    }

    async fn status_at(store: &Store, tag: &str, at_ms: i64) -> Option<TagStatus> {
        let mut conn = store.reader().await.unwrap();
        let tag = conn.tag_as_of(DEFAULT_ORGANIZATION, tag, at_ms).await;
        tag.unwrap().map(|tag| tag.status)
    }

    async fn states(store: &Store) -> i64 {
        let mut conn = store.reader().await.unwrap();
        on_db!(&mut conn, db => sqlx::query_scalar("select count(*) from id_tag_past").fetch_one(db))
            .unwrap()
    }

    #[tokio::test]
    async fn what_held_at_a_time_is_the_first_state_that_ended_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let (accepted, blocked) = (TagStatus::Accepted, TagStatus::Blocked);
        set(&store, "TAG", blocked, 100).await;
        set(&store, "tag", accepted, 200).await;
        set(&store, "TAG", blocked, 300).await;
        // Nothing changes.
        set(&store, "TAG", blocked, 350).await;
        // Two changes at one time: what held before them held until then.
        set(&store, "TAG", accepted, 400).await;
        set(&store, "TAG", TagStatus::Expired, 400).await;
        for (at_ms, status) in [
            (i64::MIN, blocked),
            (99, blocked),
            (199, blocked),
            (200, accepted),
            (299, accepted),
            (300, blocked),
            (399, blocked),
            (400, TagStatus::Expired),
            (i64::MAX, TagStatus::Expired),
        ] {
            assert_eq!(
                status_at(&store, "TAG", at_ms).await,
                Some(status),
                "{at_ms}"
            );
        }
        assert_eq!(states(&store).await, 3);
    }

    #[tokio::test]
    async fn a_tag_is_compared_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let tag = "A".repeat(20);
        set(&store, &tag, TagStatus::Accepted, 1).await;
        set(&store, &tag, TagStatus::Blocked, 2).await;
        assert_eq!(status_at(&store, &tag, 1).await, Some(TagStatus::Accepted));
        assert_eq!(status_at(&store, &format!("{tag}B"), 1).await, None);
    }

    #[tokio::test]
    async fn no_more_states_are_kept_than_a_late_start_can_need() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let status = |number: i64| match number % 2 {
            0 => TagStatus::Accepted,
            _ => TagStatus::Blocked,
        };
        for number in 0..KEPT_STATES + 20 {
            set(&store, "TAG", status(number), number).await;
        }
        assert_eq!(states(&store).await, KEPT_STATES);
        assert_eq!(status_at(&store, "TAG", 110).await, Some(status(110)));
        let later_ms = OLD_MS_MAX + KEPT_STATES;
        set(&store, "TAG", TagStatus::Expired, later_ms).await;
        // Those that ended at 101 to 119, and the one that ended just now.
        assert_eq!(states(&store).await, 20);
    }
}
