//! Scenario files: a fleet as YAML. Data only; what flags add and what all of it means is in `plan`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::InputError;
use crate::charge_point::Hardware;
use crate::span::{Rate, Span};
use crate::thresholds::Thresholds;
use crate::yaml_error;

/// The files of `scenarios/`, so that they are at hand without a copy of the sources.
static BUNDLED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../scenarios");

/// A scenario is some dozen lines.
const SCENARIO_BYTES_MAX: u64 = 1 << 20;

/// A scenario file. Every key is optional; flags override it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scenario {
    /// Stands in reports; the file's name when absent.
    pub(crate) name: Option<String>,
    pub(crate) count: Option<u32>,
    pub(crate) id_prefix: Option<String>,
    pub(crate) ramp: Option<Rate>,
    pub(crate) duration: Option<Span>,
    pub(crate) speed: Option<f64>,
    pub(crate) seed: Option<u64>,
    pub(crate) id_tags: Option<Vec<String>>,
    pub(crate) hardware: Option<Hardware>,
    /// Initial values of configuration keys.
    pub(crate) configuration: BTreeMap<String, ConfigurationValue>,
    /// What each charge point warns of from its start.
    pub(crate) warnings: Vec<WarningSpec>,
    pub(crate) sessions: Option<SessionsSpec>,
    pub(crate) thresholds: Option<Thresholds>,
}

/// An error code that is told beside a state that is not Faulted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarningSpec {
    /// 0, or nothing, is the charge point as a whole.
    #[serde(default)]
    pub(crate) connector_id: u32,
    /// As OCPP 1.6 names it.
    pub(crate) error_code: String,
}

/// `none`, or how long sessions and pauses last, in seconds of the charge point's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SessionsSpec {
    /// Nobody comes: an idle fleet, or one that is operated from outside.
    None,
    BackToBack(SessionLengths),
}

/// Each drawn evenly between its two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SessionLengths {
    pub(crate) charge_s: Option<[f64; 2]>,
    pub(crate) pause_s: Option<[f64; 2]>,
}

impl Scenario {
    /// Reads a file, or a bundled scenario when no such file exists.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match bundled(path) {
                Some(text) => text.to_owned(),
                None => {
                    return Err(InputError::new(format!(
                        "cannot read {}: there is no such file; bundled scenarios are {}",
                        path.display(),
                        bundled_names().join(", ")
                    )));
                }
            },
            Err(error) => {
                return Err(InputError::new(format!(
                    "cannot read {}: {error}; give --scenario a YAML file",
                    path.display()
                )));
            }
        };
        let mut scenario = Self::parse(&text)
            .map_err(|error| InputError::new(format!("{}:{error}", path.display())))?;
        if scenario.name.is_none() {
            scenario.name = path.file_stem().map(|stem| stem.to_string_lossy().into());
        }
        Ok(scenario)
    }

    /// The error is `line:column: sentence`.
    fn parse(text: &str) -> Result<Self, String> {
        // An empty document is an empty scenario.
        let parsed: Result<Option<Self>, _> = serde_saphyr::from_str(text);
        parsed
            .map(Option::unwrap_or_default)
            .map_err(|error| yaml_error::explain(&error))
    }
}

/// Reads no more than a scenario can have: a device or a log given by mistake ends here.
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(SCENARIO_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SCENARIO_BYTES_MAX {
        let bound = format!("it has more than {} MiB", SCENARIO_BYTES_MAX >> 20);
        return Err(io::Error::other(bound));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is no UTF-8 text"))
}

fn bundled(path: &Path) -> Option<&'static str> {
    let name = path.to_str()?;
    BUNDLED
        .get_file(name)
        .or_else(|| BUNDLED.get_file(format!("{name}.yaml")))?
        .contents_utf8()
}

fn bundled_names() -> Vec<String> {
    let stem =
        |file: &include_dir::File<'_>| file.path().file_stem().map(|s| s.to_string_lossy().into());
    let mut names: Vec<String> = BUNDLED.files().filter_map(stem).collect();
    names.sort();
    names
}

impl<'de> Deserialize<'de> for SessionsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = SessionsSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, or a mapping with charge_s and pause_s")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "none" => Ok(SessionsSpec::None),
                    other => Err(E::custom(format!(
                        "sessions are `none` or a mapping, not {other:?}"
                    ))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                SessionLengths::deserialize(MapAccessDeserializer::new(map))
                    .map(SessionsSpec::BackToBack)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// The value of a configuration key as text; YAML may write it as a number or a boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigurationValue(pub(crate) String);

impl<'de> Deserialize<'de> for ConfigurationValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;

        impl Visitor<'_> for Scalar {
            type Value = ConfigurationValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number, true or false")
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(ConfigurationValue(value.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(ConfigurationValue(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(ConfigurationValue(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(ConfigurationValue(value.to_string()))
            }
        }

        deserializer.deserialize_any(Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_whole_file_is_read() {
        let scenario = Scenario::parse(
            "name: a day\ncount: 20\nramp: 30/m\nduration: 1m 30s\nhardware: {connectors: 1, fixed_cable: true}\n\
             warnings: [{error_code: WeakSignal}]\n\
             configuration: {HeartbeatInterval: 300, LocalPreAuthorize: true, MeterValuesSampledData: Power.Active.Import}\n\
             sessions: {charge_s: [10, 20.5]}\nthresholds: {p99_ms_max: 500}\n",
        )
        .unwrap();
        assert_eq!(scenario.ramp, Some(Rate { per_second: 0.5 }));
        assert_eq!(scenario.duration, Some(Span(Duration::from_secs(90))));
        assert_eq!(scenario.hardware.unwrap().connectors, 1);
        assert_eq!(scenario.warnings[0].error_code, "WeakSignal");
        assert_eq!(scenario.configuration["HeartbeatInterval"].0, "300");
        assert_eq!(scenario.configuration["LocalPreAuthorize"].0, "true");
        let Some(SessionsSpec::BackToBack(lengths)) = scenario.sessions else {
            panic!("sessions")
        };
        assert_eq!(lengths.charge_s, Some([10.0, 20.5]));
        assert_eq!(
            Scenario::parse("sessions: none").unwrap().sessions,
            Some(SessionsSpec::None)
        );
        assert_eq!(Scenario::parse("").unwrap(), Scenario::default());
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_what_is_known() {
        for (text, wanted) in [
            (
                "count: 1\ncuont: 2\n",
                "2:1: there is no key cuont; did you mean count? known here: ",
            ),
            ("count: many\n", "1:8: expected a whole number"),
            ("count: -1\n", "1:8: expected a whole number"),
            ("count: [1]\n", "1:8: expected a single value"),
            ("count:\n  a: 1\n", "2:3: expected "),
            (
                "\nhardware:\n  fixed_cabel: true\n",
                "3:3: there is no key fixed_cabel; did you mean fixed_cable? known here: connectors, ",
            ),
            (
                "hardware: {fixed_cable: perhaps}\n",
                "1:25: expected true or false",
            ),
            ("hardware: 5\n", "1:11: expected a mapping"),
            (
                "sessions: {charge: [1, 2]}\n",
                "1:12: there is no key charge; did you mean charge_s? ",
            ),
            ("sessions: {charge_s: [1]}\n", "1:"),
            ("sessions: {charge_s: 1}\n", "1:22: expected "),
            ("sessions: some\n", "1:11: "),
            ("duration: soon\n", "1:11: "),
            ("ramp: 200\n", "1:7: "),
            (
                "thresholds: {call_errors: 0}\n",
                "1:14: there is no key call_errors; did you mean call_errors_max? known here: accepted_min, ",
            ),
            (
                "thresholds:\n  latency_ms:\n    StartTransacton: {p95_max: 5}\n",
                "3:5: there is no key StartTransacton; did you mean StartTransaction? known here: all, each, ",
            ),
            (
                "thresholds: {latency_ms: {all: {p95: 5}}}\n",
                "1:33: there is no key p95; did you mean p95_max? known here: p50_max, p95_max, p99_max",
            ),
            (
                "thresholds: {latency_ms: {p95_max: 5}}\n",
                "1:27: p95_max of which calls? write all: {p95_max: …}, each: {…}, or the name of an action",
            ),
            (
                "thresholds: {latency_ms: 200}\n",
                "1:26: expected a mapping",
            ),
            (
                "thresholds: {latency_ms: {Reset: {p95_max: 5}}}\n",
                "1:27: there is no key Reset; ",
            ),
            (
                "thresholds: {accepted_min: all}\n",
                "1:28: expected a whole number",
            ),
            (
                "count: 1\ncount: 2\n",
                "2:1: the key count stands here a second time",
            ),
            ("id_tags: TAG\n", "1:10: expected a list"),
            ("[1, 2", "1:"),
            ("- 1\n", "1:1: expected a mapping"),
            ("count: 1\n---\ncount: 2\n", "3:1: "),
            ("count: *x\n", "1:8: "),
        ] {
            let error = Scenario::parse(text).unwrap_err();
            println!("{text:?}: {error}");
            assert!(error.starts_with(wanted), "{text:?} gives {error:?}");
            assert!(!error.contains('\n'), "{error:?} is one line");
            for rust in [
                "u32",
                "u64",
                "f64",
                "bool",
                "struct ",
                "field `",
                " at line ",
            ] {
                assert!(!error.contains(rust), "{text:?} gives {error:?}");
            }
        }
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        for (path, part) in [("/dev/zero", "more than 1 MiB"), ("/", "/: ")] {
            let error = Scenario::read(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains(part), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, "count: 1\nname: 5x\ncuont: 2\n").unwrap();
        let error = Scenario::read(&path).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{}:3:1: ", path.display())),
            "{error}"
        );
    }

    #[test]
    fn every_bundled_scenario_can_be_read_by_its_name() {
        let names = bundled_names();
        assert!(names.contains(&"smoke".to_owned()));
        for name in names {
            let scenario = Scenario::read(Path::new(&name)).unwrap();
            assert!(scenario.name.is_some());
        }
        let error = Scenario::read(Path::new("no-such-file.yaml")).unwrap_err();
        assert!(error.to_string().contains("smoke"));
    }
}
