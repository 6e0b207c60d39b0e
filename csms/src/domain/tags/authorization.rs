//! Who may charge: the answer to a tag that is shown at a charge point.

use crate::domain::guest::judge_guest_tag;
use crate::domain::tags::access::access_at;
use crate::domain::tags::tag::{Tag, TagStatus, UnknownTags, Verdict, judge, tag_key};
use crate::domain::tags::test_tag::judge_test_tag;
use crate::store::{Conn, Result, Store, StoreError};

/// Whose tag is shown, and where.
#[derive(Clone)]
pub(crate) struct Shown {
    pub organization_id: String,
    pub charge_point_id: String,
    pub id_tag: String,
    pub unknown_tags: UnknownTags,
    pub now_ms: i64,
}

/// Answers an Authorize [1.6 §4.1].
pub(crate) async fn authorize(store: &Store, shown: Shown) -> Result<Verdict> {
    let mut conn = store.reader().await?;
    let test = judge_test_tag(&mut conn, &shown.charge_point_id, &shown.id_tag).await?;
    if let Some(verdict) = test {
        return Ok(verdict);
    }
    let now_ms = shown.now_ms;
    let guest = judge_guest_tag(&mut conn, &shown.charge_point_id, &shown.id_tag, now_ms).await?;
    if let Some(verdict) = guest {
        return Ok(verdict);
    }
    let key = tag_key(&shown.id_tag);
    let roaming = [(&*shown.charge_point_id, &*shown.organization_id, &*key)];
    let roaming = conn.roaming_tags(&roaming).await?.into_values().next();
    if roaming.is_some_and(|tag| tag.grant_at(now_ms).is_some())
        && access_at(&mut conn, &shown.charge_point_id)
            .await?
            .allows(&shown.id_tag)
    {
        return Ok(Verdict {
            status: TagStatus::Accepted,
            parent_tag: None,
            expires_at_ms: None,
        });
    }
    let known = conn.tag(&shown.organization_id, &shown.id_tag).await?;
    if known.is_some() || !shown.unknown_tags.records(&shown.id_tag) {
        let access = access_at(&mut conn, &shown.charge_point_id).await?;
        let known = known.filter(|_| access.allows(&shown.id_tag));
        return Ok(judge(known.as_ref(), now_ms, false));
    }
    drop(conn);
    let recorded = store.write(shown, |shown, conn| {
        Box::pin(async move { tag_at(conn, shown).await })
    });
    Ok(judge(recorded.await?.as_ref(), now_ms, false))
}

/// An answer as it is stored.
pub(in crate::domain) fn stored(verdict: &Verdict) -> String {
    serde_json::to_string(verdict).expect("a verdict has string keys only")
}

pub(in crate::domain) fn from_stored(text: &str) -> Result<Verdict> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("a stored answer that is none: {error}")))
}

/// The tag as it counts at a charge point: `None` when nobody knows it, or the project has it not on its list.
pub(crate) async fn tag_at(conn: &mut Conn, shown: &Shown) -> Result<Option<Tag>> {
    let access = access_at(conn, &shown.charge_point_id).await?;
    if !access.allows(&shown.id_tag) {
        return Ok(None);
    }
    let (organization, tag) = (&shown.organization_id, &shown.id_tag);
    if shown.unknown_tags.records(tag) {
        let recorded = conn.tag_or_record(organization, tag, shown.now_ms).await?;
        return Ok(Some(recorded));
    }
    conn.tag(organization, tag).await
}
