//! OCPI 2.2.1: its objects, and what stands around them on the wire.
//!
//! The types hold what a value is; its form (lengths, patterns, words) is in one table, see [`form`]. What comes from
//! others is read with it, and is forgiven a little; what we send has no fault by it.

pub mod cdrs;
mod ci_string;
pub mod commands;
pub mod credentials;
pub mod envelope;
pub mod form;
pub mod header;
pub mod locations;
mod number;
pub mod page;
pub mod sessions;
pub mod tariffs;
mod time;
pub mod tokens;
pub mod versions;

pub use ci_string::CiString;
pub use number::Number;
pub use time::DateTime;

use serde::{Deserialize, Serialize};

/// The version that is spoken.
pub const VERSION: &str = "2.2.1";

/// Implements texts for an enumeration: `as_str`, `from_word`, and serde by its words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$what])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in the order of the standard.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// By its word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}
pub(crate) use words;

/// An amount of money [OCPI 2.2.1 §16.4].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Without VAT.
    pub excl_vat: Number,
    /// With VAT; absent where there is none to speak of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub incl_vat: Option<Number>,
}

/// A text for people [OCPI 2.2.1 §16.2].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayText {
    /// ISO 639-1.
    pub language: String,
    /// Of at most 512 characters, without markup.
    pub text: String,
}

impl DisplayText {
    /// In English; cut where it is too long.
    #[must_use]
    pub fn english(text: &str) -> Self {
        Self {
            language: "en".to_owned(),
            text: text.chars().take(512).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_types_and_of_the_table_are_the_same() {
        fn check(name: &str, words: impl Iterator<Item = &'static str>) {
            let words: Vec<_> = words.collect();
            let table = form::words(name);
            assert!(words.iter().all(|word| table.contains(word)), "{name}");
            assert_eq!(words.len(), table.len(), "{name}");
        }
        macro_rules! check_all {
            ($($name:literal: $of:ty,)+) => {
                $(check($name, <$of>::ALL.iter().map(|one| one.as_str()));)+
            };
        }
        check_all! {
            "ModuleID": versions::ModuleId,
            "InterfaceRole": versions::InterfaceRole,
            "Role": credentials::Role,
            "Status": locations::Status,
            "AuthMethod": sessions::AuthMethod,
            "SessionStatus": sessions::SessionStatus,
            "CdrDimensionType": sessions::DimensionType,
            "TariffDimensionType": tariffs::TariffDimension,
            "DayOfWeek": tariffs::DayOfWeek,
            "ReservationRestrictionType": tariffs::ReservationRestriction,
            "WhitelistType": tokens::Whitelist,
            "AllowedType": tokens::Allowed,
            "CommandType": commands::CommandType,
            "CommandResponseType": commands::CommandResponseType,
            "CommandResultType": commands::CommandResultType,
        }
    }
}
