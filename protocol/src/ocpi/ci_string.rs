//! Texts that are the same in any case [OCPI 2.2.1 §16.1].

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A text of printable ASCII that keeps its letters and is compared without case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CiString(String);

impl CiString {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which it is compared, for indexes that compare by bytes.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl<T: Into<String>> From<T> for CiString {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CiString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for CiString {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CiString {}

impl PartialEq<str> for CiString {
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl Hash for CiString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn case_makes_no_difference_but_stays() {
        let one = CiString::from("aBc");
        assert_eq!(one, CiString::from("AbC"));
        assert!(one == *"ABC" && one.as_str() == "aBc");
        let all: HashSet<CiString> = ["x", "X", "y"].map(CiString::from).into();
        assert_eq!(all.len(), 2);
    }
}
