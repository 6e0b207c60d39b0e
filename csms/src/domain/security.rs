//! What a charge point must prove at its handshake: the security profiles of OCPP [1.6 security whitepaper §2].
//!
//! A certificate that is shown must be good under every profile, also where none is asked for.

/// Characters that the password of a charge point may have.
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// Why this cannot be the password of a charge point. It travels as HTTP Basic, which has no place for control
/// characters (RFC 7617 §2); what fits into OCPP's own AuthorizationKey is narrower, and the charge point's affair.
pub(crate) fn wrong_password(password: &str) -> Option<&'static str> {
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Some("8 to 128 characters are wanted");
    }
    if password.chars().any(char::is_control) {
        return Some("it has control characters");
    }
    password.trim().is_empty().then_some("it is blank")
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
pub(crate) enum Shown {
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
    shown: Shown,
) -> Result<Duty, Breach> {
    match shown {
        Shown::Foreign => return Err(Breach::Foreign),
        Shown::Revoked => return Err(Breach::Revoked),
        Shown::Unknown => return Err(Breach::Unknown),
        Shown::Nothing | Shown::Good => {}
    }
    match (profile, shown) {
        (SecurityProfile::TlsBasic | SecurityProfile::MutualTls, _) if !is_tls => {
            Err(Breach::NoTls)
        }
        (SecurityProfile::MutualTls, Shown::Good) => Ok(Duty::Nothing),
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
            (None, false, false, Shown::Nothing, Ok(Duty::Nothing)),
            (None, true, false, Shown::Nothing, Ok(Duty::Password)),
            (None, true, true, Shown::Good, Ok(Duty::Password)),
            (Basic, true, false, Shown::Nothing, Ok(Duty::Password)),
            (Basic, true, true, Shown::Nothing, Ok(Duty::Password)),
            (Basic, false, true, Shown::Good, Err(Breach::NoPassword)),
            (TlsBasic, true, false, Shown::Nothing, Err(Breach::NoTls)),
            (TlsBasic, true, true, Shown::Nothing, Ok(Duty::Password)),
            (
                TlsBasic,
                false,
                true,
                Shown::Nothing,
                Err(Breach::NoPassword),
            ),
            (MutualTls, true, false, Shown::Nothing, Err(Breach::NoTls)),
            (
                MutualTls,
                true,
                true,
                Shown::Nothing,
                Err(Breach::NoCertificate),
            ),
            (MutualTls, true, true, Shown::Good, Ok(Duty::Nothing)),
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
            for shown in [Shown::Foreign, Shown::Revoked, Shown::Unknown] {
                assert!(duty(profile, true, true, shown).is_err());
            }
        }
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
