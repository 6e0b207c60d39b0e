//! The file that says what a system under test is and can do.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Result, bail};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Error as YamlError;

use crate::case::file::read_bounded;
use crate::words::{did_you_mean, list, quoted};

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

/// What a charger is made of, as far as scenarios depend on it. What the file leaves out is asked of the charger, where
/// it can tell, or taken as the default says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChargerTraits {
    /// How many connectors it has; where the file says nothing: what it says itself, or else 2.
    #[serde(deserialize_with = "connectors")]
    pub(crate) connectors: u32,
    pub(crate) fixed_cable: bool,
    pub(crate) backup_power: bool,
    /// How long the backup power lasts, in seconds.
    pub(crate) backup_seconds: u32,
    /// The smallest interval that it takes, in seconds.
    #[serde(deserialize_with = "min_interval")]
    pub(crate) min_interval: u32,
    /// The profiles it has [default: what it says itself].
    #[serde(deserialize_with = "profiles")]
    pub(crate) profiles: Option<Vec<String>>,
    /// It has an authorization cache.
    pub(crate) auth_cache: Option<bool>,
    /// A driver can stop a session with a tag.
    pub(crate) local_stop: Option<bool>,
    /// It charges while it has no connection.
    pub(crate) offline_transactions: Option<bool>,
    /// Somebody can keep its lock from moving.
    pub(crate) lock_can_jam: Option<bool>,
}

/// The profiles of the standard, by their names in SupportedFeatureProfiles [1.6 §9.1.26].
const PROFILES: [&str; 6] = [
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
];

fn connectors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&CONNECTORS, deserializer)
}

fn min_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(&MIN_INTERVAL_S, deserializer)
}

/// Reads a whole number with bounds.
fn within<'de, D: Deserializer<'de>>(
    range: &RangeInclusive<u32>,
    deserializer: D,
) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if range.contains(&number) {
        return Ok(number);
    }
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    Err(D::Error::invalid_value(
        Unexpected::Unsigned(number.into()),
        &expected.as_str(),
    ))
}

fn profiles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let profiles = Option::<Vec<Profile>>::deserialize(deserializer)?;
    Ok(profiles.map(|all| all.into_iter().map(|Profile(name)| name).collect()))
}

/// The name of a profile, in whatever case it is written.
struct Profile(String);

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if PROFILES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&name))
        {
            return Ok(Self(name));
        }
        Err(D::Error::unknown_variant(&name, &PROFILES))
    }
}

impl Default for ChargerTraits {
    fn default() -> Self {
        Self {
            connectors: UNKNOWN,
            fixed_cable: false,
            backup_power: false,
            backup_seconds: 1,
            min_interval: 1,
            profiles: None,
            auth_cache: None,
            local_stop: None,
            offline_transactions: None,
            lock_can_jam: None,
        }
    }
}

/// The file does not say how many connectors there are.
const UNKNOWN: u32 = 0;

/// What is taken where nobody says it.
const CONNECTORS_DEFAULT: u32 = 2;

impl ChargerTraits {
    /// Takes over what the charger says of itself, where the file says nothing.
    pub(crate) fn learn(&mut self, connectors: Option<u32>) {
        if self.connectors == UNKNOWN {
            let told = connectors.filter(|told| CONNECTORS.contains(told));
            self.connectors = told.unwrap_or(CONNECTORS_DEFAULT);
        }
    }

    /// Why a scenario with these tags does not apply: the file denies what it presupposes, or where the file says
    /// nothing, the charger does. Where the charger denies what the file claims nobody knows. `key` gives the value of a
    /// configuration key.
    pub(crate) fn denies(&self, tags: &[String], key: &Keys<'_>) -> Option<Denial> {
        for gate in Gate::ALL {
            if !tags.iter().any(|tag| tag == gate.tag) {
                continue;
            }
            match ((gate.claimed)(self), (gate.told)(key)) {
                (Some(false), _) => {
                    return Some(Denial::NotApplicable(format!(
                        "the capabilities say that the charge point has no such thing (needs charge_point: {{ {} }})",
                        gate.line
                    )));
                }
                (None, Some(false)) => {
                    return Some(Denial::NotApplicable(format!(
                        "the charge point says that it has no such thing (needs charge_point: {{ {} }})",
                        gate.line
                    )));
                }
                (Some(true), Some(false)) => {
                    return Some(Denial::Disputed(format!(
                        "the capabilities say charge_point: {{ {} }}, and the charge point says that it has no such \
                         thing: correct one of them",
                        gate.line
                    )));
                }
                _ => {}
            }
        }
        None
    }
}

/// Why a scenario is not tried.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Denial {
    /// The charger has no such thing.
    NotApplicable(String),
    /// The file and the charger say different things.
    Disputed(String),
}

/// Gives the value of a configuration key, where the charger has told one.
pub(crate) type Keys<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Something that scenarios presuppose: those with its tag are not applicable where it is not there.
pub(crate) struct Gate {
    pub(crate) tag: &'static str,
    /// What the capability file says.
    pub(crate) claimed: fn(&ChargerTraits) -> Option<bool>,
    /// What the configuration of the charger says.
    pub(crate) told: fn(&Keys<'_>) -> Option<bool>,
    /// The line of the file that says yes.
    pub(crate) line: &'static str,
}

/// Whether the charger claims a profile; `None` where it does not say.
fn has_profile(key: &Keys<'_>, profile: &str) -> Option<bool> {
    let claimed = key("SupportedFeatureProfiles")?;
    let mut claimed = claimed.split(',');
    Some(claimed.any(|claimed| claimed.trim().eq_ignore_ascii_case(profile)))
}

impl Gate {
    pub(crate) const ALL: [Self; 10] = [
        Self {
            tag: "fixed-cable",
            claimed: |traits| Some(traits.fixed_cable),
            told: |_| None,
            line: "fixed_cable: true",
        },
        Self {
            tag: "detachable-cable",
            claimed: |traits| Some(!traits.fixed_cable),
            told: |_| None,
            line: "fixed_cable: false",
        },
        Self {
            tag: "backup-power",
            claimed: |traits| Some(traits.backup_power),
            told: |_| None,
            line: "backup_power: true",
        },
        Self {
            tag: "no-backup-power",
            claimed: |traits| Some(!traits.backup_power),
            told: |_| None,
            line: "backup_power: false",
        },
        Self {
            tag: "auth-cache",
            claimed: |traits| traits.auth_cache,
            told: |key| key("AuthorizationCacheEnabled").map(|_| true),
            line: "auth_cache: true",
        },
        Self {
            tag: "local-stop",
            claimed: |traits| traits.local_stop,
            told: |_| None,
            line: "local_stop: true",
        },
        Self {
            tag: "offline-tx",
            claimed: |traits| traits.offline_transactions,
            told: |_| None,
            line: "offline_transactions: true",
        },
        Self {
            tag: "jammed-lock",
            claimed: |traits| traits.lock_can_jam,
            told: |_| None,
            line: "lock_can_jam: true",
        },
        Self {
            tag: "remote-trigger",
            claimed: |traits| {
                let profiles = traits.profiles.as_ref()?;
                Some(
                    profiles
                        .iter()
                        .any(|profile| profile.eq_ignore_ascii_case("RemoteTrigger")),
                )
            },
            told: |key| has_profile(key, "RemoteTrigger"),
            line: "profiles: [Core, RemoteTrigger]",
        },
        Self {
            tag: "two-connectors",
            claimed: |traits| (traits.connectors != UNKNOWN).then_some(traits.connectors > 1),
            told: |key| Some(key("NumberOfConnectors")?.trim().parse::<u32>().ok()? > 1),
            line: "connectors: 2",
        },
    ];
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
        YamlError::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let near = did_you_mean(variant, expected.iter().copied());
            format!(
                "{} is no profile; {near}known are {}",
                quoted(variant),
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
                "c.yaml:2:3: \"fixed_cabel\" is no capability; known are connectors, fixed_cable, backup_power, backup_seconds, min_interval, profiles, auth_cache, local_stop, offline_transactions and lock_can_jam",
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
                "c.yaml:1:17: a whole number from 1 to 3600 is expected here",
            ),
            (
                "charge_point:\n  connectors: 0\n",
                "c.yaml:2:3: a whole number from 1 to 255 is expected here",
            ),
            (
                "charge_point:\n  profiles: [Core, SmartChargin]\n",
                "c.yaml:2:20: \"SmartChargin\" is no profile; did you mean SmartCharging? known are Core, FirmwareManagement, LocalAuthListManagement, Reservation, SmartCharging and RemoteTrigger",
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
            assert_eq!(read.charge_point.connectors, UNKNOWN);
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
