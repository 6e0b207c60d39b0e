//! Who may charge: what an id tag is worth at an instant [1.6 §7.8].
//!
//! Tags are compared without case [1.6 §7.28]. A parent tag only names a group: a blocked parent does not
//! block its children, that is for the operator to say per tag.

use serde::{Deserialize, Serialize};

use super::commissioning::judge_test_tag;
use crate::store::{Result, Store};

/// What the standard lets a CSMS say about a tag [1.6 §7.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagStatus {
    /// May charge.
    Accepted,
    /// Known, not allowed to charge.
    Blocked,
    /// Known, its time is over.
    Expired,
    /// Not known.
    Invalid,
    /// May charge, but is in another transaction and may have only one. Never stored.
    ConcurrentTx,
}

impl TagStatus {
    /// The word of the standard.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Blocked => "Blocked",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::ConcurrentTx => "ConcurrentTx",
        }
    }

    /// The status an operator may give a tag, by its word.
    #[must_use]
    pub fn from_setting(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Blocked, Self::Expired, Self::Invalid]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A registered tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What the operator says about it.
    pub status: TagStatus,
    /// Tags with the same parent are one group.
    pub parent_tag: Option<String>,
    /// From this instant on it is expired.
    pub expires_at_ms: Option<i64>,
    /// Whether it may be in one transaction at a time only.
    pub single_transaction: bool,
}

/// The answer about a tag; becomes `idTagInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it may do.
    pub status: TagStatus,
    /// The group it belongs to.
    pub parent_tag: Option<String>,
    /// How long the answer holds.
    pub expires_at_ms: Option<i64>,
}

/// What a tag is worth at an instant. `in_other_transaction` matters for a tag that may have one only.
#[must_use]
pub fn judge(tag: Option<&Tag>, now_ms: i64, in_other_transaction: bool) -> Verdict {
    let Some(tag) = tag else {
        return Verdict {
            status: TagStatus::Invalid,
            parent_tag: None,
            expires_at_ms: None,
        };
    };
    let expired = tag.expires_at_ms.is_some_and(|at| at <= now_ms);
    let status = match tag.status {
        TagStatus::Accepted if expired => TagStatus::Expired,
        TagStatus::Accepted if tag.single_transaction && in_other_transaction => {
            TagStatus::ConcurrentTx
        }
        status => status,
    };
    Verdict {
        status,
        parent_tag: tag.parent_tag.clone(),
        expires_at_ms: tag.expires_at_ms,
    }
}

/// The form in which tags are compared.
#[must_use]
pub fn tag_key(tag: &str) -> String {
    tag.to_lowercase()
}

/// Whether a tag nobody registered is recorded as accepted, or is `Invalid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTags {
    /// Invalid.
    #[default]
    Refuse,
    /// Accepted and recorded.
    Accept,
}

/// Answers an Authorize [1.6 §4.1].
pub(crate) async fn authorize(
    store: &Store,
    organization: &str,
    charge_point: &str,
    tag: &str,
    unknown: UnknownTags,
    now_ms: i64,
) -> Result<Verdict> {
    let mut conn = store.reader().await?;
    if let Some(verdict) = judge_test_tag(&mut conn, charge_point, tag).await? {
        return Ok(verdict);
    }
    let known = conn.tag(organization, tag).await?;
    drop(conn);
    if known.is_some() || unknown == UnknownTags::Refuse {
        return Ok(judge(known.as_ref(), now_ms, false));
    }
    let input = (organization.to_owned(), tag.to_owned(), now_ms);
    let recorded = store.write(input, |(organization, tag, now_ms), conn| {
        Box::pin(async move { conn.tag_or_record(organization, tag, *now_ms).await })
    });
    Ok(judge(Some(&recorded.await?), now_ms, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(status: TagStatus) -> Tag {
        Tag {
            status,
            parent_tag: Some("GROUP".into()),
            expires_at_ms: Some(1_000),
            single_transaction: true,
        }
    }

    #[test]
    fn an_unknown_tag_is_invalid() {
        assert_eq!(judge(None, 0, false).status, TagStatus::Invalid);
    }

    #[test]
    fn a_tag_expires_at_its_instant_but_a_blocked_one_stays_blocked() {
        let accepted = tag(TagStatus::Accepted);
        assert_eq!(
            judge(Some(&accepted), 999, false).status,
            TagStatus::Accepted
        );
        assert_eq!(
            judge(Some(&accepted), 1_000, false).status,
            TagStatus::Expired
        );
        assert_eq!(
            judge(Some(&tag(TagStatus::Blocked)), 1_000, true).status,
            TagStatus::Blocked
        );
    }

    #[test]
    fn only_a_tag_limited_to_one_transaction_is_concurrent() {
        let mut tag = tag(TagStatus::Accepted);
        assert_eq!(judge(Some(&tag), 0, true).status, TagStatus::ConcurrentTx);
        tag.single_transaction = false;
        assert_eq!(judge(Some(&tag), 0, true).status, TagStatus::Accepted);
    }

    #[test]
    fn the_parent_goes_with_the_answer() {
        let verdict = judge(Some(&tag(TagStatus::Blocked)), 0, false);
        assert_eq!(verdict.parent_tag.as_deref(), Some("GROUP"));
    }

    #[test]
    fn tags_are_compared_without_case() {
        assert_eq!(tag_key("Abc-1"), tag_key("aBC-1"));
    }
}
