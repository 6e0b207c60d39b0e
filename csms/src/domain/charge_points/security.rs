//! What a charge point must prove at its handshake: the security profiles of OCPP [1.6 security whitepaper §2].
//!
//! A certificate that was revoked, or that this server does not know as its own, is refused under every profile. One
//! that is somebody else's proves nothing: where no certificate is asked for, it does not matter.

use std::borrow::Cow;

use serde_json::Value;

/// Characters that the password of a charge point may have.
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
/// The key of the configuration that is the password of a charge point [1.6 security whitepaper §2.3].
pub(crate) const AUTHORIZATION_KEY: &str = "AuthorizationKey";
/// Characters of its value: digits of 16 to 20 bytes, or a text.
pub(crate) const KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=40;
/// Hexadecimal digits of a key that is given as bytes.
const KEY_DIGITS: std::ops::RangeInclusive<usize> = 32..=40;
/// What is shown where a secret was.
pub(crate) const MASK: &str = "***";

/// Why this cannot be the password of a charge point. What fits into OCPP's own AuthorizationKey is narrower, and the
/// charge point's affair.
pub(crate) fn wrong_password(password: &str) -> Option<&'static str> {
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Some("8 to 128 characters are wanted");
    }
    password.trim().is_empty().then_some("it is blank")
}

/// The bytes of a password. A key is 16 to 20 bytes and is given as their hexadecimal digits; some charge points come
/// with the bytes and some with the digits. Everything else is the text itself.
pub(crate) fn key_bytes(password: &[u8]) -> Cow<'_, [u8]> {
    let digits = Some(password).filter(|password| KEY_DIGITS.contains(&password.len()));
    digits
        .and_then(|digits| hex::decode(digits).ok())
        .map_or(Cow::Borrowed(password), Cow::Owned)
}

/// Whether a key of the configuration is the charge point's password.
pub(crate) fn is_password(key: &str) -> bool {
    key.eq_ignore_ascii_case(AUTHORIZATION_KEY)
}

/// Hides the passwords of charge points in a message, or a part of one: each value beside the key of a password.
pub(crate) fn mask_passwords(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let is_secret = members.get("key").and_then(Value::as_str);
            if is_secret.is_some_and(is_password)
                && let Some(secret) = members.get_mut("value").filter(|value| !value.is_null())
            {
                *secret = Value::String(MASK.to_owned());
            }
            members.values_mut().for_each(mask_passwords);
        }
        Value::Array(values) => values.iter_mut().for_each(mask_passwords),
        _ => {}
    }
}

/// What a charge point must prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityProfile {
    /// Nothing, but the password where one is set.
    #[default]
    None,
    /// A password.
    Basic,
    /// A password, over TLS.
    TlsBasic,
    /// A certificate for its identity, over TLS.
    MutualTls,
}

impl SecurityProfile {
    const ALL: [Self; 4] = [Self::None, Self::Basic, Self::TlsBasic, Self::MutualTls];

    /// Its number in the standard; 0 for none.
    #[must_use]
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// By its number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.number() == number)
    }
}

/// The certificate that a client showed, as far as its issuer is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownCertificate {
    Nothing,
    /// For this identity, and not revoked.
    Good,
    /// For another identity, or none.
    Foreign,
    Revoked,
    /// From this authority, and not in its books.
    Unknown,
}

/// What is left to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    Nothing,
    Password,
}

/// Why a charge point is not let in, whatever its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// TLS is wanted.
    NoTls,
    /// A certificate is wanted.
    NoCertificate,
    /// The certificate is for somebody else.
    Foreign,
    Revoked,
    Unknown,
    /// A password is wanted and none is set.
    NoPassword,
}

/// What a charge point of this profile has to prove on such a connection.
pub(crate) const fn duty(
    profile: SecurityProfile,
    has_password: bool,
    is_tls: bool,
    shown: ShownCertificate,
) -> Result<Duty, Breach> {
    match shown {
        ShownCertificate::Revoked => return Err(Breach::Revoked),
        ShownCertificate::Unknown => return Err(Breach::Unknown),
        ShownCertificate::Nothing | ShownCertificate::Good | ShownCertificate::Foreign => {}
    }
    match (profile, shown) {
        (SecurityProfile::TlsBasic | SecurityProfile::MutualTls, _) if !is_tls => {
            Err(Breach::NoTls)
        }
        (SecurityProfile::MutualTls, ShownCertificate::Good) => Ok(Duty::Nothing),
        (SecurityProfile::MutualTls, ShownCertificate::Foreign) => Err(Breach::Foreign),
        (SecurityProfile::MutualTls, _) => Err(Breach::NoCertificate),
        (SecurityProfile::None, _) if !has_password => Ok(Duty::Nothing),
        _ if has_password => Ok(Duty::Password),
        _ => Err(Breach::NoPassword),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SecurityProfile::{Basic, MutualTls, None, TlsBasic};

    #[test]
    fn each_profile_asks_for_what_the_standard_says() {
        for (profile, has_password, is_tls, shown, wanted) in [
            (
                None,
                false,
                false,
                ShownCertificate::Nothing,
                Ok(Duty::Nothing),
            ),
            (
                None,
                true,
                false,
                ShownCertificate::Nothing,
                Ok(Duty::Password),
            ),
            (None, true, true, ShownCertificate::Good, Ok(Duty::Password)),
            (
                Basic,
                true,
                false,
                ShownCertificate::Nothing,
                Ok(Duty::Password),
            ),
            (
                Basic,
                true,
                true,
                ShownCertificate::Nothing,
                Ok(Duty::Password),
            ),
            (
                Basic,
                false,
                true,
                ShownCertificate::Good,
                Err(Breach::NoPassword),
            ),
            (
                TlsBasic,
                true,
                false,
                ShownCertificate::Nothing,
                Err(Breach::NoTls),
            ),
            (
                TlsBasic,
                true,
                true,
                ShownCertificate::Nothing,
                Ok(Duty::Password),
            ),
            (
                TlsBasic,
                false,
                true,
                ShownCertificate::Nothing,
                Err(Breach::NoPassword),
            ),
            (
                MutualTls,
                true,
                false,
                ShownCertificate::Nothing,
                Err(Breach::NoTls),
            ),
            (
                MutualTls,
                true,
                true,
                ShownCertificate::Nothing,
                Err(Breach::NoCertificate),
            ),
            (
                MutualTls,
                true,
                true,
                ShownCertificate::Good,
                Ok(Duty::Nothing),
            ),
            (
                MutualTls,
                true,
                true,
                ShownCertificate::Foreign,
                Err(Breach::Foreign),
            ),
            // Where no certificate is asked for, somebody else's proves nothing.
            (
                None,
                false,
                true,
                ShownCertificate::Foreign,
                Ok(Duty::Nothing),
            ),
            (
                None,
                true,
                true,
                ShownCertificate::Foreign,
                Ok(Duty::Password),
            ),
            (
                Basic,
                true,
                true,
                ShownCertificate::Foreign,
                Ok(Duty::Password),
            ),
            (
                TlsBasic,
                true,
                true,
                ShownCertificate::Foreign,
                Ok(Duty::Password),
            ),
            (
                TlsBasic,
                false,
                true,
                ShownCertificate::Foreign,
                Err(Breach::NoPassword),
            ),
        ] {
            let found = duty(profile, has_password, is_tls, shown);
            assert_eq!(
                found, wanted,
                "{profile:?} {has_password} {is_tls} {shown:?}"
            );
        }
    }

    #[test]
    fn a_bad_certificate_is_refused_under_every_profile() {
        for profile in SecurityProfile::ALL {
            for shown in [ShownCertificate::Revoked, ShownCertificate::Unknown] {
                assert!(duty(profile, true, true, shown).is_err());
            }
        }
    }

    #[test]
    fn passwords_are_text_of_bounded_length_with_whatever_characters() {
        for good in ["12345678", "tab\tand\u{1}more", &"x".repeat(128)] {
            assert_eq!(wrong_password(good), Option::None, "{good}");
        }
        for bad in ["1234567", "        ", &"x".repeat(129)] {
            assert!(wrong_password(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn keys_are_bytes() {
        let digits = "00ff".repeat(8);
        assert_eq!(*key_bytes(digits.as_bytes()), [0x00, 0xff].repeat(8));
        for text in [
            "0123456789abcdef",
            "0123456789abcdef0123456789abcdef0",
            "0123456789abcdef0123456789abcdeg",
            "0123456789abcdef0123456789abcdef0123456789",
            "",
        ] {
            assert_eq!(*key_bytes(text.as_bytes()), *text.as_bytes());
        }
    }

    #[test]
    fn passwords_in_messages_are_masked() {
        let mut value = serde_json::json!([2, "1", "ChangeConfiguration",
            {"key": "authorizationkey", "value": "secret"}]);
        mask_passwords(&mut value);
        assert_eq!(value[3]["value"], MASK);
        let mut value = serde_json::json!({"configurationKey": [{"key": "AuthorizationKey", "value": "secret"},
            {"key": "HeartbeatInterval", "value": "5"}, {"key": "AuthorizationKey", "readonly": false}]});
        mask_passwords(&mut value);
        let keys = &value["configurationKey"];
        assert_eq!(
            (&keys[0]["value"], &keys[1]["value"]),
            (&MASK.into(), &"5".into())
        );
        assert_eq!(keys[2].get("value"), Option::None);
    }

    #[test]
    fn profiles_have_the_numbers_of_the_standard() {
        for number in 0..4 {
            assert_eq!(
                SecurityProfile::from_number(number).unwrap().number(),
                number
            );
        }
        assert_eq!(SecurityProfile::from_number(4), Option::None);
    }
}
