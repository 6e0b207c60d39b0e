//! Tokens are told apart by three things: who issued one, what is written on it, and what kind of thing it is
//! [OCPI 2.2.1 §12]. OCPP 1.6 says the second only: of several tokens that are written alike it means the
//! organization's own before a partner's, and a card before anything else.

use std::fmt;

/// What a token is [OCPI 2.2.1 §12.4.3].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// Made for one session, such as that of a guest.
    AdHocUser,
    /// Made for the user of an app.
    AppUser,
    /// None of the others.
    Other,
    /// A card or key fob.
    #[default]
    Rfid,
}

impl TokenKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AdHocUser, Self::AppUser, Self::Other, Self::Rfid];

    /// The word of OCPI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdHocUser => "AD_HOC_USER",
            Self::AppUser => "APP_USER",
            Self::Other => "OTHER",
            Self::Rfid => "RFID",
        }
    }

    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// By the word of OCPP 2.0.1 [part 2, IdTokenEnumType]. What a charge point was sent by an operator is `Central`:
    /// whose that is, a user's or a guest's, the operator knows better.
    #[must_use]
    pub fn of_id_token(word: &str) -> Self {
        match word {
            "ISO14443" | "ISO15693" => Self::Rfid,
            "Central" => Self::AppUser,
            _ => Self::Other,
        }
    }
}

/// Who issues tokens: an organization in a country [OCPI 2.2.1 §6.1].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    country_code: String,
    party_id: String,
}

impl Party {
    /// `None` unless the country has two letters and the id three letters or digits. They are compared without case.
    #[must_use]
    pub fn new(country_code: &str, party_id: &str) -> Option<Self> {
        let is_country =
            country_code.len() == 2 && country_code.bytes().all(|b| b.is_ascii_alphabetic());
        let is_party = party_id.len() == 3 && party_id.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_country && is_party).then(|| Self {
            country_code: country_code.to_ascii_uppercase(),
            party_id: party_id.to_ascii_uppercase(),
        })
    }
}

impl Party {
    /// Two letters.
    #[must_use]
    pub fn country_code(&self) -> &str {
        &self.country_code
    }

    /// Three letters or digits.
    #[must_use]
    pub fn party_id(&self) -> &str {
        &self.party_id
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.country_code, self.party_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_word_and_those_of_ocpp_are_among_them() {
        for kind in TokenKind::ALL {
            assert_eq!(TokenKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(TokenKind::from_word("rfid"), None);
        for (word, kind) in [
            ("ISO14443", TokenKind::Rfid),
            ("ISO15693", TokenKind::Rfid),
            ("Central", TokenKind::AppUser),
            ("eMAID", TokenKind::Other),
            ("KeyCode", TokenKind::Other),
            ("Local", TokenKind::Other),
            ("MacAddress", TokenKind::Other),
        ] {
            assert_eq!(TokenKind::of_id_token(word), kind, "{word}");
        }
    }

    #[test]
    fn a_party_is_a_country_and_three_characters() {
        assert_eq!(Party::new("gb", "gWy").unwrap().to_string(), "GBGWY");
        for (country, id) in [
            ("G", "GWY"),
            ("GB", "GW"),
            ("G1", "GWY"),
            ("GB", "GW-"),
            ("GBR", "GWY"),
        ] {
            assert_eq!(Party::new(country, id), None, "{country} {id}");
        }
    }
}
