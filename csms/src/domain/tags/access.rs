//! Who may charge at the charge points of a project: everybody with a good tag, or those on its list.

use crate::domain::tags::tag::tag_key;
use crate::store::{Conn, Result, StoreError};

/// Who may charge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody whose tag is good.
    #[default]
    Open,
    /// Of those, only these tags, compared without case. Every other tag is Invalid here.
    List(Vec<String>),
}

impl Access {
    /// Whether the project has anything against a tag. Whether the tag is good is another question.
    pub(crate) fn allows(&self, tag: &str) -> bool {
        match self {
            Self::Open => true,
            Self::List(tags) => tags.iter().any(|listed| tag_key(listed) == tag_key(tag)),
        }
    }

    /// From how it is stored.
    pub(crate) fn from_columns(policy: &str, tags: &str) -> Result<Self> {
        if policy == "open" {
            return Ok(Self::Open);
        }
        serde_json::from_str(tags)
            .map(Self::List)
            .map_err(|error| StoreError::Corrupt(format!("a list of tags that is none: {error}")))
    }
}

/// Who may charge at a charge point.
pub(crate) async fn access_at(conn: &mut Conn, charge_point: &str) -> Result<Access> {
    match conn.access_at(charge_point).await? {
        Some((policy, tags)) => Access::from_columns(&policy, &tags),
        None => Ok(Access::Open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_lets_in_its_tags_in_whatever_case() {
        let list = Access::from_columns("list", r#"["Tag-1"]"#).unwrap();
        assert!(list.allows("TAG-1") && !list.allows("TAG-2"));
        assert!(Access::from_columns("open", "[]").unwrap().allows("TAG-2"));
        assert!(Access::from_columns("list", "x").is_err());
    }
}
