//! Who pays for a transaction, and what its start is answered: two questions about one tag, at two times.
//!
//! - Whoever is known pays: the tag as it was when the transaction began, however late that is told. One that might
//!   not charge then is billed all the same, for the energy was taken, and the bill says why ([`Though`]). Nobody
//!   pays where nobody knows the tag, or where its operator set it to `Invalid`.
//! - A tag that was registered after a late start counts as what it was registered as: a card is often in use before
//!   somebody enters it, and clocks of charge points are slow.
//! - The answer says what the tag is now. The charge point has to put it into its cache of authorizations [1.6 §4.8,
//!   §3.5.1]: what was true then would let a tag in again that is blocked since. And if the session still runs, this is
//!   how its charge point learns that the tag may not charge any more (`StopTransactionOnInvalidId`).

use crate::domain::tags::access::Access;
use crate::domain::tags::tag::{Tag, TagStatus, Verdict, judge};
use crate::domain::transactions::facts::Start;
use crate::store::{Belonging, Conn, Result, StartPlace};

/// Who is billed for a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Payer {
    /// Nobody is known.
    #[default]
    Nobody,
    /// Whose tag it is.
    Holder,
    /// The partner whose driver it is: by the tariff that partners see, see `domain/roaming`.
    Partner,
    /// Whose tag it is, though it might not charge.
    HolderThough(Though),
}

/// Why a tag that is known might not charge when a transaction began with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Though {
    Blocked,
    Expired,
    ConcurrentTx,
    /// It was good, but not for the charge points of this project.
    NotOnList,
}

impl Though {
    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Expired => "expired",
            Self::ConcurrentTx => "concurrent_tx",
            Self::NotOnList => "not_on_list",
        }
    }
}

/// A tag at a charge point, at one time.
#[derive(Clone)]
struct Known {
    /// As it was registered, if it was.
    tag: Option<Tag>,
    /// Whether the project lets it in.
    is_listed: bool,
}

impl Known {
    /// The tag as it counts at the charge point.
    fn here(&self) -> Option<&Tag> {
        self.tag.as_ref().filter(|_| self.is_listed)
    }

    fn is_limited(&self) -> bool {
        self.here().is_some_and(|tag| tag.single_transaction)
    }

    /// Who pays for what began at that time.
    fn payer(&self, began_at_ms: i64, in_other_transaction: bool) -> Payer {
        match judge(self.tag.as_ref(), began_at_ms, in_other_transaction).status {
            TagStatus::Invalid => Payer::Nobody,
            TagStatus::Blocked => Payer::HolderThough(Though::Blocked),
            TagStatus::Expired => Payer::HolderThough(Though::Expired),
            TagStatus::ConcurrentTx => Payer::HolderThough(Though::ConcurrentTx),
            TagStatus::Accepted if self.is_listed => Payer::Holder,
            TagStatus::Accepted => Payer::HolderThough(Though::NotOnList),
        }
    }
}

/// The answer to a start, and who pays for the transaction.
pub(in crate::domain) async fn judge_start(
    start: &Start,
    id_tag: &str,
    place: &StartPlace,
    began_at_ms: i64,
    conn: &mut Conn,
) -> Result<(Verdict, Payer)> {
    let now = known((start, id_tag), &place.now, None, conn).await?;
    let elsewhere = match now.is_limited() {
        true => {
            conn.lock_tag(&place.now.organization_id, id_tag).await?;
            conn.tag_in_other_transaction((start, id_tag), &place.now.organization_id)
                .await?
        }
        false => false,
    };
    let verdict = judge(now.here(), start.now_ms, elsewhere);
    let then = match place.has_changed {
        true => known((start, id_tag), &place.then, Some(began_at_ms), conn).await?,
        false => now,
    };
    let was_elsewhere = match then.is_limited() {
        true => {
            let organization = &place.then.organization_id;
            conn.tag_was_in_other_transaction((start, id_tag), organization, began_at_ms)
                .await?
        }
        false => false,
    };
    Ok((verdict, then.payer(began_at_ms, was_elsewhere)))
}

/// The same for a start about which nothing but its tag decides, as it is registered now; `None` where more has to be
/// looked at: a tag that is to be recorded, or that may be in one transaction only.
pub(in crate::domain) fn judge_plain(
    start: &Start,
    tag: Option<&Tag>,
    began_at_ms: i64,
) -> Option<(Verdict, Payer)> {
    let id_tag = start.id_tag.as_deref()?;
    let is_recorded = tag.is_none() && start.unknown_tags.records(id_tag);
    if is_recorded || tag.is_some_and(|tag| tag.single_transaction) {
        return None;
    }
    let known = Known {
        tag: tag.cloned(),
        is_listed: true,
    };
    let verdict = judge(tag, start.now_ms, false);
    Some((verdict, known.payer(began_at_ms, false)))
}

/// What a tag is at a charge point, now or at another time. Where unknown tags are let in, it is recorded.
async fn known(
    (start, id_tag): (&Start, &str),
    place: &Belonging,
    at_ms: Option<i64>,
    conn: &mut Conn,
) -> Result<Known> {
    let organization = &place.organization_id;
    let access = match &place.project_id {
        None => Access::Open,
        Some(project) => {
            let (policy, tags) = conn
                .access_as_of(project, at_ms.unwrap_or(i64::MAX))
                .await?;
            Access::from_columns(&policy, &tags)?
        }
    };
    let is_listed = access.allows(id_tag);
    let tag = if is_listed && start.unknown_tags.records(id_tag) {
        let recorded = conn.tag_or_record(organization, id_tag, start.now_ms);
        Some(recorded.await?)
    } else {
        conn.tag(organization, id_tag).await?
    };
    let tag = match (tag, at_ms) {
        (Some(_), Some(at_ms)) => conn.tag_as_of(organization, id_tag, at_ms).await?,
        (tag, _) => tag,
    };
    Ok(Known { tag, is_listed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(status: TagStatus) -> Known {
        let tag = Tag {
            status,
            parent_tag: None,
            expires_at_ms: Some(1_000),
            single_transaction: true,
        };
        Known {
            tag: Some(tag),
            is_listed: true,
        }
    }

    #[test]
    fn whoever_is_known_pays_and_the_bill_says_why_he_should_not_have_charged() {
        let though = Payer::HolderThough;
        let accepted = known(TagStatus::Accepted);
        assert_eq!(accepted.payer(999, false), Payer::Holder);
        assert_eq!(accepted.payer(999, true), though(Though::ConcurrentTx));
        assert_eq!(accepted.payer(1_000, true), though(Though::Expired));
        let blocked = known(TagStatus::Blocked);
        assert_eq!(blocked.payer(1_000, true), though(Though::Blocked));
        let expired = known(TagStatus::Expired);
        assert_eq!(expired.payer(0, false), though(Though::Expired));
    }

    #[test]
    fn a_list_keeps_nobody_from_paying_and_makes_no_stranger_known() {
        let unlisted = |status| Known {
            is_listed: false,
            ..known(status)
        };
        let good = unlisted(TagStatus::Accepted);
        assert!(good.here().is_none());
        let not_listed = Payer::HolderThough(Though::NotOnList);
        assert_eq!(good.payer(0, false), not_listed);
        let blocked = Payer::HolderThough(Though::Blocked);
        assert_eq!(unlisted(TagStatus::Blocked).payer(0, false), blocked);
        for is_listed in [false, true] {
            let nobody = Known {
                tag: None,
                is_listed,
            };
            assert_eq!(nobody.payer(0, false), Payer::Nobody);
            let invalid = Known {
                is_listed,
                ..known(TagStatus::Invalid)
            };
            assert_eq!(invalid.payer(0, false), Payer::Nobody);
        }
    }
}
