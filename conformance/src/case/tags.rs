//! The id tags that scenarios speak of.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::words::quoted;

/// Id tags that scenarios speak of.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    /// Those that are accepted, at least one. Sessions that run at the same time have one each, unless they may share.
    pub(crate) known: Vec<String>,
    /// The system under test lets a tag charge at several places at once.
    pub(crate) shared: bool,
    pub(crate) unknown: String,
    pub(crate) blocked: Option<String>,
    pub(crate) expired: Option<String>,
}

/// Characters of an id tag [1.6 §3.9].
const TAG_CHARS_MAX: usize = 20;

impl Tags {
    /// What is wrong with them, and which flag gives another.
    pub(crate) fn complaint(&self) -> Option<String> {
        let known = self.known.iter().map(|tag| ("--id-tag", tag));
        let others = [
            ("--invalid-id-tag", Some(&self.unknown)),
            ("--blocked-id-tag", self.blocked.as_ref()),
            ("--expired-id-tag", self.expired.as_ref()),
        ];
        let others = others.map(|(flag, tag)| tag.map(|tag| (flag, tag)));
        let others = others.into_iter().flatten();
        let is_wrong = |tag: &str| !(1..=TAG_CHARS_MAX).contains(&tag.chars().count());
        let mut all = known.chain(others.clone());
        if let Some((flag, tag)) = all.find(|(_, tag)| is_wrong(tag)) {
            return Some(format!(
                "{flag} {}: a tag has 1 to {TAG_CHARS_MAX} characters [1.6 §3.9]",
                quoted(tag)
            ));
        }
        let both = |(_, tag): &(&str, &String)| {
            self.known
                .iter()
                .any(|known| known.eq_ignore_ascii_case(tag))
        };
        let (flag, tag) = others.into_iter().find(both)?;
        Some(format!(
            "{flag} {}: this tag is accepted as well (--id-tag); give another one",
            quoted(tag)
        ))
    }
}

/// A second tag that the scripted central system accepts.
pub(crate) const ANOTHER_TAG: &str = "RFID-USER-7C11";
/// A tag that belongs to the same group as the known one, once a scenario says so.
pub(crate) const SIBLING_TAG: &str = "RFID-USER-9B3E";
/// A tag of twenty characters of all sorts, which nobody accepts [1.6 §3.9].
pub(crate) const ODD_TAG: &str = "#1 odd/Tag:20-ch.a_r";
/// The tag of test transactions of the platform.
pub(crate) const COMMISSIONING_TAG: &str = "COMMISSIONING";
/// The group of both.
pub(crate) const GROUP_TAG: &str = "RFID-GROUP-1";

/// A tag as steps name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagWord {
    Known,
    Another,
    Sibling,
    /// The name of the group of the known and the sibling tag: no tag itself.
    Group,
    Odd,
    Unknown,
    Blocked,
    Expired,
    /// That a commissioning run of the CSMS uses, and nobody else.
    Commissioning,
}

impl FromStr for TagWord {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        Ok(match words {
            "the known tag" => Self::Known,
            "another tag" => Self::Another,
            "the sibling tag" => Self::Sibling,
            "the group tag" => Self::Group,
            "the odd tag" => Self::Odd,
            "the unknown tag" => Self::Unknown,
            "the blocked tag" => Self::Blocked,
            "the expired tag" => Self::Expired,
            "the commissioning tag" => Self::Commissioning,
            other => return Err(format!("{} names no tag", quoted(other))),
        })
    }
}

impl TagWord {
    /// The tag itself; `Err` says what is missing when this run has none.
    pub(crate) fn of(self, tags: &Tags) -> Result<String, &'static str> {
        match self {
            Self::Known => tags.known.first().cloned().ok_or("needs --id-tag"),
            Self::Another => Ok(ANOTHER_TAG.into()),
            Self::Sibling => Ok(SIBLING_TAG.into()),
            Self::Group => Ok(GROUP_TAG.into()),
            Self::Odd => Ok(ODD_TAG.into()),
            Self::Unknown => Ok(tags.unknown.clone()),
            Self::Blocked => tags.blocked.clone().ok_or("needs --blocked-id-tag"),
            Self::Commissioning => Ok(COMMISSIONING_TAG.into()),
            Self::Expired => tags.expired.clone().ok_or("needs --expired-id-tag"),
        }
    }
}

/// The known tags that no scenario has at the moment: a system may let each charge at one place at a time.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Mutex<Vec<String>>,
    permits: Arc<Semaphore>,
    shared: Option<String>,
}

/// A known tag that one scenario has for itself until it ends.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) tag: String,
    from: Option<(Arc<Pool>, OwnedSemaphorePermit)>,
}

impl Pool {
    pub(crate) fn new(tags: &Tags) -> Self {
        Self {
            free: Mutex::new(tags.known.clone()),
            permits: Arc::new(Semaphore::new(tags.known.len())),
            shared: tags.known.first().filter(|_| tags.shared).cloned(),
        }
    }

    /// Waits until a tag is free.
    pub(crate) async fn lease(self: &Arc<Self>) -> Option<Lease> {
        if let Some(tag) = self.shared.clone() {
            return Some(Lease { tag, from: None });
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let tag = self.free().pop()?;
        Some(Lease {
            tag,
            from: Some((Arc::clone(self), permit)),
        })
    }

    fn free(&self) -> MutexGuard<'_, Vec<String>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((pool, _)) = &self.from {
            pool.free().push(std::mem::take(&mut self.tag));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(known: &[&str], shared: bool) -> Arc<Pool> {
        Arc::new(Pool::new(&Tags {
            known: known.iter().map(|tag| (*tag).to_owned()).collect(),
            shared,
            unknown: String::new(),
            blocked: None,
            expired: None,
        }))
    }

    #[tokio::test]
    async fn a_tag_is_leased_once_at_a_time_unless_it_may_be_shared() {
        let alone = pool(&["A"], false);
        let lease = alone.lease().await.unwrap();
        assert_eq!(lease.tag, "A");
        let second = Arc::clone(&alone);
        let waiting =
            tokio::spawn(async move { second.lease().await.map(|lease| lease.tag.clone()) });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(lease);
        assert_eq!(waiting.await.unwrap().as_deref(), Some("A"));
        let shared = pool(&["A"], true);
        let (one, other) = (shared.lease().await.unwrap(), shared.lease().await.unwrap());
        assert_eq!((one.tag.as_str(), other.tag.as_str()), ("A", "A"));
    }
    #[test]
    fn a_tag_fits_its_type_and_is_not_two_things() {
        let tags = |known: &str, unknown: &str| Tags {
            known: vec![known.into()],
            shared: false,
            unknown: unknown.into(),
            blocked: Some("BLOCKED".into()),
            expired: None,
        };
        let complaint = |known, unknown| tags(known, unknown).complaint().unwrap_or_default();
        assert_eq!(complaint("A", "B"), "");
        let long = "X".repeat(21);
        assert!(complaint(&long, "B").starts_with("--id-tag \"XXX"));
        assert!(complaint("A", "").starts_with("--invalid-id-tag \"\""));
        assert!(complaint("A", "a").contains("accepted as well"));
        assert!(complaint("BLOCKED", "B").starts_with("--blocked-id-tag"));
    }
}
