//! The identity of a charge point: the last segment of the URL it connects to.

use std::fmt;
use std::sync::Arc;

/// Longest identity accepted, in characters. OCPP 1.6 sets no limit; 2.0.1 sets this one.
const IDENTITY_CHARS_MAX: usize = 48;

/// The identity of a charge point: 1 to 48 letters, digits, or characters of `-_.~*=:+|@`, and spaces between them; not
/// `.` or `..`. The standard's own example has a space, `RDAM 123` [1.6J §3.1.1].
///
/// Cheap to clone: everybody who talks about a charge point shares one text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargePointId(Arc<str>);

impl ChargePointId {
    /// Checks and wraps an identity that is not percent-encoded.
    ///
    /// # Errors
    /// When it is empty, too long, `.` or `..` (URLs lose such a segment), begins or ends with a space (people lose
    /// those), or has another character than these.
    pub fn new(text: &str) -> Result<Self, IdentityError> {
        if text.is_empty() || text.len() > IDENTITY_CHARS_MAX {
            return Err(IdentityError::Length(text.chars().count()));
        }
        if text == "." || text == ".." {
            return Err(IdentityError::Dots);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(IdentityError::OuterSpace);
        }
        match text.chars().find(|c| !is_identity_char(*c)) {
            Some(c) => Err(IdentityError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identity as it stands in a URL, percent-encoded.
    #[must_use]
    pub fn url_segment(&self) -> String {
        self.0.replace(' ', "%20").replace('|', "%7C")
    }
}

fn is_identity_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~*=:+|@ ".contains(c)
}

impl fmt::Display for ChargePointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ChargePointId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::new(text)
    }
}

/// Why a text is no charge point identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Empty, or longer than 48 characters.
    #[error("a charge point identity has 1 to 48 characters, this one has {0}")]
    Length(usize),
    /// Not a letter, a digit, a space, or one of `-_.~*=:+|@`.
    #[error("a charge point identity cannot contain {0:?}")]
    Character(char),
    /// `.` or `..`.
    #[error("a charge point identity cannot be . or ..: in a URL they name a folder")]
    Dots,
    /// A space at the beginning or the end.
    #[error("a charge point identity cannot begin or end with a space")]
    OuterSpace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_the_field_are_taken_and_paths_are_not() {
        for good in [
            "CP-1",
            "SIM-000001",
            "cp_001",
            "DE*ABC*E01",
            "a",
            "RDAM 123",
        ] {
            assert_eq!(ChargePointId::new(good).unwrap().as_str(), good);
        }
        let spaced = ChargePointId::new("RDAM 123").unwrap();
        assert_eq!(spaced.url_segment(), "RDAM%20123");
        for dots in [".", ".."] {
            assert_eq!(ChargePointId::new(dots), Err(IdentityError::Dots));
        }
        assert!(ChargePointId::new("...").is_ok());
        assert_eq!(ChargePointId::new(""), Err(IdentityError::Length(0)));
        assert_eq!(
            ChargePointId::new(&"x".repeat(49)),
            Err(IdentityError::Length(49))
        );
        assert_eq!(
            ChargePointId::new("a/b"),
            Err(IdentityError::Character('/'))
        );
        for outer in [" ", " a", "a "] {
            assert_eq!(ChargePointId::new(outer), Err(IdentityError::OuterSpace));
        }
        for wrong in ['\0', '\t', '%', 'é'] {
            let text = format!("a{wrong}b");
            assert_eq!(
                ChargePointId::new(&text),
                Err(IdentityError::Character(wrong))
            );
        }
    }
}
