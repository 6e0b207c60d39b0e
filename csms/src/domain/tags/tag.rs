//! What an id tag is, and what it is worth at an instant [1.6 §7.8].
//!
//! Tags are compared without case [1.6 §7.28]. A parent tag only names a group: a blocked parent does not
//! block its children, that is for the operator to say per tag.

use serde::{Deserialize, Serialize};

use crate::domain::content_hash;

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
    let key = tag.to_lowercase();
    if key.chars().count() <= KEY_CHARS_MAX {
        return key;
    }
    // No index takes texts of any length. The control character keeps it apart from what can be registered.
    format!("\u{1}{}", content_hash(&[&key]))
}

/// Longest id tag that is compared as it is, in characters: lower case may be longer than the tag.
const KEY_CHARS_MAX: usize = 2 * TAG_CHARS_MAX;

/// Longest id tag that can be registered, in characters. The standard has 20 [1.6 §7.28]; some charge points send
/// longer ones.
const TAG_CHARS_MAX: usize = 255;

/// Longest id tag that is sent to charge points, in characters [1.6 §7.28].
const SENT_CHARS_MAX: usize = 20;

/// Whether an operator may register this as an id tag; why not, as a sentence.
///
/// # Errors
/// When it is empty, longer than 255 characters, only blank, or has control characters.
pub(crate) fn check_tag(tag: &str) -> Result<(), String> {
    check_chars(tag, TAG_CHARS_MAX)
}

/// Groups within groups; more is an error of whoever registers them.
pub(crate) const PARENTS_MAX: usize = 16;

/// Why a tag cannot have these parents, in words: its own one, the one of that, and so on. They end somewhere, and are not
/// too many.
pub(crate) fn wrong_parents(tag: &str, parents: &[String]) -> Option<String> {
    let own = tag_key(tag);
    if let Some(first) = parents.first()
        && parents.iter().any(|parent| tag_key(parent) == own)
    {
        return Some(format!(
            "the id tag {tag:?} cannot have the parent {first:?}: it would be its own parent"
        ));
    }
    (parents.len() > PARENTS_MAX)
        .then(|| format!("the id tag {tag:?} has more than {PARENTS_MAX} parents above it"))
}

/// The same for a parent tag, which charge points are sent: at most 20 characters.
pub(crate) fn check_parent_tag(tag: &str) -> Result<(), String> {
    check_chars(tag, SENT_CHARS_MAX)
}

fn check_chars(tag: &str, chars_max: usize) -> Result<(), String> {
    let chars = tag.chars().count();
    if chars == 0 || chars > chars_max {
        return Err(format!(
            "the id tag {tag:?} must have 1 to {chars_max} characters, it has {chars}"
        ));
    }
    if is_blank(tag) || tag.chars().any(char::is_control) {
        return Err(format!(
            "the id tag {tag:?} must have something that can be read and no control characters"
        ));
    }
    Ok(())
}

/// A reader that read nothing: nobody's tag, whoever is let in.
fn is_blank(tag: &str) -> bool {
    tag.chars().all(|c| c.is_whitespace() || c.is_control())
}

/// Whether a tag nobody registered is recorded as accepted, or is `Invalid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTags {
    /// Invalid.
    #[default]
    Refuse,
    /// Accepted and recorded, except one that is empty, only blank, or longer than any that can be registered.
    Accept,
}

impl UnknownTags {
    /// Whether this tag is recorded when nobody registered it.
    pub(crate) fn records(self, tag: &str) -> bool {
        self == Self::Accept && !is_blank(tag) && tag.chars().count() <= TAG_CHARS_MAX
    }
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
    fn parents_end_somewhere_and_are_not_too_many() {
        let parents = |count: usize| (0..count).map(|n| format!("P{n}")).collect::<Vec<_>>();
        assert_eq!(wrong_parents("TAG", &[]), None);
        assert_eq!(wrong_parents("TAG", &parents(PARENTS_MAX)), None);
        assert!(wrong_parents("TAG", &parents(PARENTS_MAX + 1)).is_some());
        let circle = ["A".to_owned(), "tag".to_owned()];
        let reason = wrong_parents("TAG", &circle).unwrap();
        assert!(
            reason.contains("\"A\"") && reason.contains("its own parent"),
            "{reason}"
        );
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
    fn what_a_reader_did_not_read_is_no_tag() {
        for blank in ["", " ", "\t \u{a0}", "\u{0}"] {
            assert!(!UnknownTags::Accept.records(blank), "{blank:?}");
            assert!(check_tag(blank).is_err(), "{blank:?}");
        }
        assert!(UnknownTags::Accept.records(" A "));
        assert!(!UnknownTags::Refuse.records("A"));
        assert!(check_tag(&"x".repeat(255)).is_ok());
        assert!(check_tag(&"x".repeat(256)).is_err());
        assert!(check_parent_tag(&"x".repeat(20)).is_ok());
        assert!(check_parent_tag(&"x".repeat(21)).is_err());
        assert!(check_tag("A\nB").is_err());
    }

    #[test]
    fn tags_are_compared_without_case() {
        assert_eq!(tag_key("Abc-1"), tag_key("aBC-1"));
        let long = |end: &str| tag_key(&format!("{}{end}", "İ".repeat(5_000)));
        assert_eq!(long("a"), long("A"));
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() < 100);
    }
}
