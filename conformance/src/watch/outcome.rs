//! How an exchange of OCPI may end, as steps write it: `200 with 1000`, `404 or 200 with 2xxx`, `4xx`.

use std::fmt;
use std::str::FromStr;

use crate::words::quoted;

/// The ends that are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    words: String,
    ways: Vec<(Digits, Option<Digits>)>,
}

/// Digits, of which an `x` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Digits(String);

impl Digits {
    fn fits(&self, number: i64) -> bool {
        let number = number.to_string();
        number.len() == self.0.len()
            && self
                .0
                .bytes()
                .zip(number.bytes())
                .all(|(wanted, is)| wanted == b'x' || wanted == is)
    }

    fn read(text: &str, length: usize) -> Option<Self> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'x');
        (text.len() == length && digits).then(|| Self(text.to_owned()))
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{} is no outcome such as 200 with 1000, or 404",
                quoted(words)
            )
        };
        let way = |way: &str| match way.split_once(" with ") {
            Some((status, code)) => Some((Digits::read(status, 3)?, Some(Digits::read(code, 4)?))),
            None => Some((Digits::read(way, 3)?, None)),
        };
        let ways: Option<Vec<_>> = words.split(" or ").map(way).collect();
        Ok(Self {
            words: words.to_owned(),
            ways: ways.ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Outcome {
    /// Whether it may end with this status of HTTP and this status code.
    pub(crate) fn fits(&self, (status, code): (u16, Option<i64>)) -> bool {
        self.ways.iter().any(|(wanted, of_ocpi)| {
            wanted.fits(status.into())
                && of_ocpi
                    .as_ref()
                    .is_none_or(|wanted| code.is_some_and(|code| wanted.fits(code)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_read_and_fit() {
        let outcome: Outcome = "404 or 200 with 2xxx".parse().unwrap();
        assert!(outcome.fits((404, None)) && outcome.fits((200, Some(2001))));
        assert!(!outcome.fits((200, Some(1000))) && !outcome.fits((200, None)));
        assert!(!outcome.fits((500, Some(2001))));
        assert_eq!(outcome.to_string(), "404 or 200 with 2xxx");
        for wrong in ["", "20", "200 with 10", "soon", "200 or"] {
            assert!(wrong.parse::<Outcome>().is_err(), "{wrong}");
        }
    }
}
