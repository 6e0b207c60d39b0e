//! Rates and lengths of time, as flags and scenario files write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// How many per second, written `200/s` or `30/m`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Above 0 and finite.
    pub(crate) per_second: f64,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.trim().split_once('/').and_then(|(number, unit)| {
            let seconds = match unit.trim() {
                "s" => 1.0,
                "m" | "min" => 60.0,
                _ => return None,
            };
            Some(number.trim().parse::<f64>().ok()? / seconds)
        });
        parsed
            .filter(|rate| rate.is_finite() && *rate > 0.0)
            .map(|per_second| Self { per_second })
            .ok_or_else(|| format!("{text:?} is no rate; write one like 200/s or 30/m"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

/// A length of time, written `60s`, `1m 30s` or `24h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed: Option<jiff::SignedDuration> = text.trim().parse().ok();
        parsed
            .and_then(|span| Duration::try_from(span).ok())
            .filter(|span| !span.is_zero())
            .map(Self)
            .ok_or_else(|| format!("{text:?} is no length of time; write one like 60s, 5m or 24h"))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = String>,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_spans_have_units() {
        assert_eq!("200/s".parse(), Ok(Rate { per_second: 200.0 }));
        assert_eq!("500ms".parse(), Ok(Span(Duration::from_millis(500))));
        for bad in ["", "0/s", "-1/s", "nan/s", "5/h", "inf/s"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        for bad in ["", "0s", "-5s", "5", "soon"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
