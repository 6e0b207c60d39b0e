//! The ids by which partners know what is here. They stay the same for ever, have at most 36 characters of printable
//! ASCII, and are found in any case [OCPI 2.2.1 §16.1].

use crate::domain::content_hash;

/// Characters of an id.
const ID_CHARS_MAX: usize = 36;
/// Characters of what stands for an id that is none for OCPI.
const HASH_CHARS: usize = 30;
/// Characters behind the country and party of an EVSE's name for people.
const NAME_CHARS_MAX: usize = 30;

/// An id for this text: itself where it can be one, else one made of it.
pub(crate) fn id_of(text: &str) -> String {
    let is_printable = text.bytes().all(|b| (0x21..0x7f).contains(&b));
    if is_printable && text.len() <= ID_CHARS_MAX {
        return text.to_owned();
    }
    let hash = content_hash(&[text]);
    format!("x{}", hash.chars().take(HASH_CHARS).collect::<String>())
}

/// Whether an id may be one that was made of another text.
pub(crate) fn is_made(id: &str) -> bool {
    let digits = id.strip_prefix(['x', 'X']);
    digits.is_some_and(|digits| {
        digits.len() == HASH_CHARS && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// The id of an EVSE that was given none.
pub(crate) fn evse_uid(charge_point: &str, evse_id: i64) -> String {
    id_of(&format!("{charge_point}-{evse_id}"))
}

/// The name of an EVSE for people, such as `GB*GWY*ECP001*1`, that was given none [OCPI 2.2.1 §8.3.2].
pub(crate) fn evse_name(
    (country_code, party_id): (&str, &str),
    charge_point: &str,
    evse_id: i64,
) -> String {
    let letters: String = charge_point
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let own = match letters.is_empty() || letters.len() > NAME_CHARS_MAX {
        true => content_hash(&[charge_point])[..16].to_uppercase(),
        false => letters,
    };
    format!("{country_code}*{party_id}*E{own}*{evse_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_into_ocpi_and_are_told_apart() {
        assert_eq!(id_of("cp_001"), "cp_001");
        assert_eq!(evse_uid("cp_001", 2), "cp_001-2");
        let long = "x".repeat(48);
        for text in [long.as_str(), "Ladesäule", "with blank"] {
            let id = id_of(text);
            assert!(id.len() <= ID_CHARS_MAX && is_made(&id), "{id}");
        }
        assert_ne!(evse_uid(&long, 1), evse_uid(&long, 2));
        assert!(!is_made("cp_001"));
        let name = evse_name(("GB", "GWY"), "cp_001", 1);
        assert_eq!(name, "GB*GWY*ECP001*1");
        assert!(evse_name(("GB", "GWY"), &long, 100).len() <= 48);
        assert!(evse_name(("GB", "GWY"), "äöü", 1).len() <= 48);
    }
}
