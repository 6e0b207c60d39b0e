//! Identities of charge points: which can be registered, and under which id the records of a deleted one lie.

use crate::random::random_text;

/// Longest identity that can be registered, in characters.
const ID_CHARS_MAX: usize = 48;

/// Folders before an identity in the path that a charge point connects to, in whatever case. Alone they are a path
/// whose identity was forgotten.
pub(crate) const FOLDERS: [&str; 3] = ["ocpp", "ocpp16", "ocpp201"];

/// Begins the part that a deleted charge point's id has more.
const GRAVE: &str = "/deleted/";

/// A new identity.
pub(crate) fn generated_id() -> String {
    format!("cp_{}", random_text(18))
}

/// Why an identity cannot be registered: letters, digits and hyphens, after an optional `cp_`, and no word that
/// means something else in a path.
pub(crate) fn wrong_id(id: &str) -> Option<&'static str> {
    let rest = id.strip_prefix("cp_").unwrap_or(id);
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if rest.is_empty() || !rest.chars().all(known) {
        return Some("letters, digits and hyphens are wanted, after an optional cp_");
    }
    if id.len() > ID_CHARS_MAX {
        return Some("48 characters are allowed");
    }
    let is_folder = FOLDERS.iter().any(|word| id.eq_ignore_ascii_case(word));
    (is_folder || id == "search").then_some("this word has a meaning of its own in paths")
}

/// The id that records are kept under when the `number`-th charge point of this identity goes.
pub(crate) fn grave(id: &str, number: i64) -> String {
    format!("{id}{GRAVE}{number}")
}

/// The identity by which people know a charge point, also when it is deleted.
pub(crate) fn public_id(id: &str) -> &str {
    id.split_once(GRAVE).map_or(id, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_the_documents_are_taken_and_others_are_not() {
        let long = "x".repeat(48);
        for good in [
            "CP-SITE42-001",
            "cp_001",
            "cp_01HX5P2QRSTUVWXYZ0",
            "Search",
            "ocpp-1",
            &long,
        ] {
            assert_eq!(wrong_id(good), None, "{good}");
        }
        let longer = "x".repeat(49);
        for bad in [
            "", "a b", "a/b", "x_y", "cp_", "cp_a_b", "ä", "search", "ocpp", "OCPP16", "ocpp201",
            &longer,
        ] {
            assert!(wrong_id(bad).is_some(), "{bad}");
        }
        assert_eq!(wrong_id(&generated_id()), None);
    }

    #[test]
    fn a_grave_is_no_identity_and_shows_the_one_it_had() {
        let grave = grave("CP-1", 2);
        assert_eq!(grave, "CP-1/deleted/2");
        assert!(wrong_id(&grave).is_some());
        assert!(dynamo_protocol::ChargePointId::new(&grave).is_err());
        assert_eq!(public_id(&grave), "CP-1");
        assert_eq!(public_id("CP-1"), "CP-1");
    }
}
