//! Tokens of partners: how charge points know them, and what they are worth without asking.

use dynamo_protocol::ocpi::CiString;
use dynamo_protocol::ocpi::form::{Extent, read};
use dynamo_protocol::ocpi::tokens::Token;
use serde_json::Value;

use crate::domain::content_hash;
use crate::domain::tags::tag::TagStatus;
use crate::domain::tags::token::{Party, TokenKind};

/// Characters of an id tag of OCPP 1.6 [1.6 §7.28].
const TAG_CHARS_MAX: usize = 20;

/// The id tag by which charge points know a token: its uid, where that is short enough. Others are given one of their
/// own, the same every time.
pub(crate) fn id_tag(party: &Party, kind: TokenKind, uid: &CiString) -> String {
    if uid.as_str().len() <= TAG_CHARS_MAX {
        return uid.as_str().to_owned();
    }
    let hash = content_hash(&[&party.to_string(), "/", kind.as_str(), "/", &uid.key()]);
    hash.chars().take(TAG_CHARS_MAX).collect()
}

/// The id tag of the group that a token belongs to; none for one that names itself.
pub(crate) fn group_tag(party: &Party, token: &Token) -> Option<String> {
    let group = token.group_id.as_ref()?;
    if *group == token.uid {
        return None;
    }
    // Groups of two parties are two, however they are called.
    let hash = content_hash(&[&party.to_string(), "/group/", &group.key()]);
    Some(hash.chars().take(TAG_CHARS_MAX).collect())
}

/// What a token is worth where its issuer is not asked. One that is not valid is known all the same: who charges with it
/// pays.
pub(crate) const fn status(token: &Token) -> TagStatus {
    match token.valid {
        true => TagStatus::Accepted,
        false => TagStatus::Blocked,
    }
}

/// A token of which some members were changed; what is wrong with it then.
pub(crate) fn changed(mut known: Value, change: &Value) -> Result<(Value, Token), String> {
    if let (Value::Object(members), Value::Object(change)) = (&mut known, change) {
        members.extend(change.clone());
    }
    let read = read("Token", known, Extent::Whole);
    if let Some(fault) = read.faults.first() {
        return Err(fault.to_string());
    }
    let token = serde_json::from_value(read.value.clone()).map_err(|error| error.to_string())?;
    Ok((read.value, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_uids_have_a_short_tag_of_their_own() {
        let party = Party::new("DE", "RIG").unwrap();
        let tag = |kind, uid: &str| id_tag(&party, kind, &uid.into());
        assert_eq!(tag(TokenKind::Rfid, "Card-1"), "Card-1");
        let uid = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";
        let long = tag(TokenKind::AppUser, uid);
        assert_eq!(long.len(), 20);
        assert_eq!(long, tag(TokenKind::AppUser, &uid.to_lowercase()));
        assert_ne!(long, tag(TokenKind::Rfid, uid));
    }
}
