//! The file that says what a system under test is and can do.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_saphyr::Error as YamlError;

use crate::case::file::read_bounded;
use crate::words::{list, quoted};

/// Connectors a charge point can have.
const CONNECTORS: RangeInclusive<u32> = 1..=255;

/// Smallest intervals a charge point can be judged with, in seconds: with more than an hour a run takes days.
const MIN_INTERVAL_S: RangeInclusive<u32> = 1..=3_600;

/// The file as it is written. Everything in it is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Capabilities {
    /// The charger's hardware.
    pub(crate) charge_point: ChargerTraits,
    pub(crate) id_tag: Option<String>,
    pub(crate) invalid_id_tag: Option<String>,
    pub(crate) blocked_id_tag: Option<String>,
    pub(crate) expired_id_tag: Option<String>,
}

/// What a charger is made of, as far as scenarios depend on it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChargerTraits {
    pub(crate) connectors: u32,
    pub(crate) fixed_cable: bool,
    pub(crate) backup_power: bool,
    /// The smallest interval that it takes, in seconds.
    pub(crate) min_interval: u32,
}

impl Default for ChargerTraits {
    fn default() -> Self {
        Self {
            connectors: 2,
            fixed_cable: false,
            backup_power: false,
            min_interval: 1,
        }
    }
}

impl Capabilities {
    /// Reads the file; without one, a charger with two connectors, detachable cables, no backup power and intervals
    /// of a second.
    ///
    /// # Errors
    /// One line `FILE:LINE:COLUMN: what is wrong, what is expected`.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = read_bounded(path, "capability file")?;
        let file = path.display();
        let read = match Self::parse(&text) {
            Ok(read) => read,
            Err(error) => bail!("{file}{error}"),
        };
        let traits = &read.charge_point;
        for (name, value, range) in [
            ("connectors", traits.connectors, CONNECTORS),
            ("min_interval", traits.min_interval, MIN_INTERVAL_S),
        ] {
            if !range.contains(&value) {
                bail!(
                    "{file}: charge_point.{name} is {value}; a whole number from {} to {} is expected",
                    range.start(),
                    range.end()
                );
            }
        }
        Ok(read)
    }

    /// What is wrong begins with the place: `:LINE:COLUMN: `.
    fn parse(text: &str) -> Result<Self, String> {
        // A file without a word in it says nothing, which is fine.
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| {
            let place = error
                .location()
                .filter(|place| place.line() > 0)
                .map(|place| format!(":{}:{}", place.line(), place.column()))
                .unwrap_or_default();
            format!("{place}: {}", in_words(error.without_snippet()))
        })
    }
}

/// What is wrong with the YAML, for somebody who has written a list of capabilities and no parser.
fn in_words(error: &YamlError) -> String {
    match error {
        YamlError::SerdeUnknownField {
            field, expected, ..
        } => {
            format!(
                "{} is no capability; known are {}",
                quoted(field),
                list(expected)
            )
        }
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            format!("{} is given twice; leave one of them out", quoted(key))
        }
        YamlError::InvalidScalar { ty, .. } => format!("{} is expected here", kind(ty)),
        YamlError::SerdeInvalidType { expected, .. }
        | YamlError::SerdeInvalidValue { expected, .. } => {
            format!("{} is expected here", kind(expected))
        }
        YamlError::Unexpected { expected, .. } => format!("{} is expected here", kind(expected)),
        YamlError::Eof { .. } => "the file ends too early".into(),
        YamlError::MultipleDocuments { .. } => {
            "a second document begins here; one is expected".into()
        }
        YamlError::Budget { .. } => {
            "this is nested or repeated too much for a list of capabilities".into()
        }
        other => {
            let text = other.to_string();
            let first = text.lines().next().unwrap_or_default();
            // The library begins with the place, which stands before this sentence already.
            let words = first.split_once(" column ").map_or(first, |(_, rest)| {
                rest.split_once(": ").map_or(rest, |(_, words)| words)
            });
            format!("this is no YAML ({words})")
        }
    }
}

/// The names of the parser's types in words.
fn kind(name: &str) -> &str {
    match name {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => {
            "a whole number that is not negative"
        }
        "bool" | "boolean" | "a boolean" => "true or false",
        "string" | "a string" | "string scalar" => "a text",
        "mapping start" | "mapping" | "a map" => "a list of `name: value`",
        name if name.starts_with("struct ") => "a list of `name: value`",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        std::fs::write(&file, text).unwrap();
        let error = Capabilities::read(Some(&file)).unwrap_err().to_string();
        let folder = format!("{}/", folder.path().display());
        error.replace(&folder, "")
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_its_place_and_what_is_expected() {
        for (text, wanted) in [
            (
                "charge_point:\n  fixed_cabel: true\n",
                "c.yaml:2:3: \"fixed_cabel\" is no capability; known are connectors, fixed_cable, backup_power and min_interval",
            ),
            (
                "x: 1\n",
                "c.yaml:1:1: \"x\" is no capability; known are charge_point, id_tag, invalid_id_tag, blocked_id_tag and expired_id_tag",
            ),
            (
                "charge_point:\n  connectors: many\n",
                "c.yaml:2:15: a whole number that is not negative is expected here",
            ),
            (
                "charge_point:\n  fixed_cable: 7\n",
                "c.yaml:2:16: true or false is expected here",
            ),
            (
                "charge_point: [\n",
                "c.yaml:1:15: a list of `name: value` is expected here",
            ),
            (
                "id_tag: A\nid_tag: B\n",
                "c.yaml:2:1: \"id_tag\" is given twice; leave one of them out",
            ),
            (
                "charge_point: { min_interval: 0 }\n",
                "c.yaml: charge_point.min_interval is 0; a whole number from 1 to 3600 is expected",
            ),
        ] {
            assert_eq!(error_of(text), wanted);
        }
        for text in [
            "- a\n",
            "just words\n",
            "a: b: c\n",
            "id_tag: \"x\n",
            "{{{{",
            "&a [*a]\n",
        ] {
            let error = error_of(text);
            assert!(!error.contains('\n'), "{error}");
            assert!(error.starts_with("c.yaml:"), "{error}");
            for talk in ["struct", "variant", "Some(", "-->", "u32", "serde"] {
                assert!(!error.contains(talk), "{text}: {error}");
            }
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        for text in [
            "",
            "# nothing yet\n",
            "charge_point:\n  fixed_cable: true\n",
        ] {
            let read = Capabilities::parse(text).unwrap();
            assert_eq!(read.charge_point.connectors, 2);
            assert_eq!(read.charge_point.min_interval, 1);
            assert_eq!(
                read.charge_point.fixed_cable,
                !text.is_empty() && !text.starts_with('#')
            );
        }
    }

    #[test]
    fn a_file_that_is_no_list_of_capabilities_by_its_size_is_not_read() {
        let error = error_of(&"# more\n".repeat(200_000));
        assert_eq!(
            error,
            "the capability file c.yaml has more than 1 MiB; give a smaller one"
        );
    }
}
