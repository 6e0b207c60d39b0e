//! The values of configuration keys: those of the Core profile [1.6 §9.1], and those that Smart Charging demands
//! [1.6 §9.4].
//!
//! A value that was never changed costs nothing: it stands in the table of [`keys`](super::keys). Keys of profiles that
//! are not served do not exist.

use std::sync::Arc;

use super::io::Hardware;
pub(super) use super::keys::Key;
use super::keys::{Access, DEFINITIONS, Definition, INTERVAL_S_MAX, Kind, MEASURANDS_MAX};
use super::message::{ConfigurationReply, KeyValue};
use super::words::Quantity;

/// Longest value [1.6 §7.29].
const VALUE_CHARS_MAX: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bool(bool),
    Integer(i32),
    Text(Arc<str>),
}

/// Why a configuration value was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// Not a key of the Core profile.
    #[error("unknown configuration key {0:?}")]
    Unknown(String),
    /// Its value is a fact of this charge point.
    #[error("configuration key {0} follows from the charge point and cannot be set")]
    Fixed(&'static str),
    /// The wrong type, or out of bounds.
    #[error("configuration key {key} cannot be {value:?}")]
    Value {
        /// The canonical name.
        key: &'static str,
        /// What was tried.
        value: String,
    },
}

/// The values that differ from the table, over those of the setup.
#[derive(Clone, Debug, Default)]
pub(super) struct Configuration {
    changed: Vec<(Key, Value)>,
}

impl Configuration {
    pub(super) fn bool(&self, key: Key) -> bool {
        match (self.find(key), definition(key).kind) {
            (Some(Value::Bool(value)), _) => *value,
            (_, Kind::Bool(default)) => default,
            _ => unreachable!("{key:?} is no truth value"),
        }
    }

    pub(super) fn integer(&self, key: Key) -> i32 {
        match (self.find(key), definition(key).kind) {
            (Some(Value::Integer(value)), _) => *value,
            (_, Kind::Integer { default, .. }) => default,
            _ => unreachable!("{key:?} is no integer"),
        }
    }

    /// An interval in seconds as milliseconds.
    pub(super) fn interval_ms(&self, key: Key) -> u64 {
        u64::try_from(self.integer(key)).unwrap_or(0) * 1_000
    }

    pub(super) fn quantities(&self, key: Key) -> impl Iterator<Item = Quantity> {
        self.text(key).split(',').filter_map(Quantity::from_word)
    }

    fn text(&self, key: Key) -> &str {
        match (self.find(key), definition(key).kind) {
            (Some(Value::Text(value)), _) => value,
            (_, Kind::Measurands(default) | Kind::Text(default)) => default,
            (_, Kind::Rotation) => "",
            _ => unreachable!("{key:?} is no text"),
        }
    }

    /// Sets a key as the CSMS may [1.6 §5.3]; also tells which key it was when it was taken.
    pub(super) fn change(
        &mut self,
        name: &str,
        text: &str,
        hardware: &Hardware,
    ) -> (ConfigurationReply, Option<Key>) {
        let Some(definition) = by_name(name).filter(|d| is_there(d, hardware)) else {
            return (ConfigurationReply::NotSupported, None);
        };
        if definition.access == Access::Read {
            return (ConfigurationReply::Rejected, None);
        }
        let Some(value) = parse(definition.kind, text).filter(|v| is_measured(v, hardware)) else {
            return (ConfigurationReply::Rejected, None);
        };
        self.set(definition, value);
        let reply = match definition.access {
            Access::WriteForReboot => ConfigurationReply::RebootRequired,
            _ => ConfigurationReply::Accepted,
        };
        (reply, Some(definition.key))
    }

    /// Sets a key before the charge point's first start.
    pub(super) fn preset(&mut self, name: &str, text: &str) -> Result<(), ConfigurationError> {
        let definition =
            by_name(name).ok_or_else(|| ConfigurationError::Unknown(name.to_owned()))?;
        // What is read-only follows from hardware and code, but for this limit.
        if definition.access == Access::Read && definition.key != Key::GetConfigurationMaxKeys {
            return Err(ConfigurationError::Fixed(definition.name));
        }
        let value = parse(definition.kind, text).ok_or_else(|| ConfigurationError::Value {
            key: definition.name,
            value: text.to_owned(),
        })?;
        self.set(definition, value);
        Ok(())
    }

    /// The CSMS's heartbeat interval from its answer to the boot [1.6 §4.2].
    pub(super) fn set_heartbeat_interval(&mut self, interval_s: u32) {
        let value = i32::try_from(interval_s)
            .unwrap_or(INTERVAL_S_MAX)
            .min(INTERVAL_S_MAX);
        self.set(definition(Key::HeartbeatInterval), Value::Integer(value));
    }

    /// The asked keys, and the names that are no keys; everything when none is asked [1.6 §5.8]. `None` when more
    /// than `GetConfigurationMaxKeys` are asked.
    pub(super) fn read(
        &self,
        names: Vec<String>,
        hardware: &Hardware,
        connectors: usize,
    ) -> Option<(Vec<KeyValue>, Vec<String>)> {
        if names.len() > usize::try_from(self.integer(Key::GetConfigurationMaxKeys)).unwrap_or(0) {
            return None;
        }
        let entry = |definition: &'static Definition| KeyValue {
            key: definition.name,
            readonly: definition.access == Access::Read,
            value: self.show(definition, hardware, connectors),
        };
        if names.is_empty() {
            let all = DEFINITIONS.iter().filter(|d| is_there(d, hardware));
            return Some((all.map(entry).collect(), Vec::new()));
        }
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for name in names {
            match by_name(&name).filter(|d| is_there(d, hardware)) {
                Some(definition) => known.push(entry(definition)),
                None => unknown.push(name),
            }
        }
        Some((known, unknown))
    }

    fn show(&self, definition: &Definition, hardware: &Hardware, connectors: usize) -> String {
        match definition.kind {
            _ if definition.key == Key::SupportedFeatureProfiles => {
                let mut profiles = self.text(definition.key).to_owned();
                for (name, is_there) in [
                    (",Reservation", hardware.reservation),
                    (",SmartCharging", hardware.smart_charging),
                ] {
                    profiles += if is_there { name } else { "" };
                }
                profiles
            }
            Kind::Bool(_) => self.bool(definition.key).to_string(),
            Kind::Integer { .. } => self.integer(definition.key).to_string(),
            Kind::Connectors => connectors.to_string(),
            Kind::Measurands(_) | Kind::Text(_) => self.text(definition.key).to_owned(),
            Kind::Rotation => match self.text(definition.key) {
                "" => rotations(connectors),
                set => set.to_owned(),
            },
        }
    }

    fn find(&self, key: Key) -> Option<&Value> {
        self.changed
            .iter()
            .find(|(one, _)| *one == key)
            .map(|(_, value)| value)
    }

    fn set(&mut self, definition: &Definition, value: Value) {
        match self
            .changed
            .iter_mut()
            .find(|(key, _)| *key == definition.key)
        {
            Some((_, old)) => *old = value,
            None => {
                self.changed.reserve_exact(1);
                self.changed.push((definition.key, value));
            }
        }
    }
}

/// Keys of a profile that this hardware does not have do not exist.
fn is_there(definition: &Definition, hardware: &Hardware) -> bool {
    match definition.key {
        Key::ChargeProfileMaxStackLevel
        | Key::ChargingScheduleAllowedChargingRateUnit
        | Key::ChargingScheduleMaxPeriods
        | Key::MaxChargingProfilesInstalled => hardware.smart_charging,
        _ => true,
    }
}

/// Whether the meter has the phases of a list of measurands; true for all other values.
fn is_measured(value: &Value, hardware: &Hardware) -> bool {
    let Value::Text(list) = value else {
        return true;
    };
    let mut quantities = list.split(',').filter_map(Quantity::from_word);
    quantities.all(|quantity| hardware.measures(quantity))
}

/// The rotation of each connector from 0 on, as many as a value has room for.
fn rotations(connectors: usize) -> String {
    let mut text = "0.NotApplicable".to_owned();
    for connector in 1..=connectors {
        let entry = format!(",{connector}.NotApplicable");
        if text.len() + entry.len() > VALUE_CHARS_MAX {
            break;
        }
        text += &entry;
    }
    text
}

fn definition(key: Key) -> &'static Definition {
    &DEFINITIONS[key as usize]
}

/// Names are compared without case (CiString) [1.6 §7.17].
fn by_name(name: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.name.eq_ignore_ascii_case(name))
}

fn parse(kind: Kind, text: &str) -> Option<Value> {
    if text.chars().count() > VALUE_CHARS_MAX {
        return None;
    }
    match kind {
        Kind::Bool(_) => ["false", "true"]
            .iter()
            .position(|word| text.eq_ignore_ascii_case(word))
            .map(|index| Value::Bool(index == 1)),
        Kind::Integer { min, max, .. } => text
            .parse()
            .ok()
            .filter(|value| (min..=max).contains(value))
            .map(Value::Integer),
        Kind::Measurands(_) => measurand_list(text).map(Value::Text),
        Kind::Rotation => text
            .split(',')
            .all(|entry| is_rotation(entry.trim()))
            .then(|| Value::Text(text.into())),
        Kind::Text(_) | Kind::Connectors => None,
    }
}

fn measurand_list(text: &str) -> Option<Arc<str>> {
    if text.trim().is_empty() {
        return Some("".into());
    }
    let mut words: Vec<&str> = Vec::with_capacity(MEASURANDS_MAX);
    for word in text.split(',').map(str::trim) {
        Quantity::from_word(word)?;
        if words.contains(&word) || words.len() == MEASURANDS_MAX {
            return None;
        }
        words.push(word);
    }
    Some(words.join(",").into())
}

fn is_rotation(entry: &str) -> bool {
    entry.split_once('.').is_some_and(|(connector, rotation)| {
        connector.parse::<u32>().is_ok()
            && matches!(
                rotation,
                "NotApplicable" | "Unknown" | "RST" | "RTS" | "SRT" | "STR" | "TRS" | "TSR"
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_indexed_by_key_and_every_default_is_legal() {
        for (index, definition) in DEFINITIONS.iter().enumerate() {
            assert_eq!(definition.key as usize, index);
            assert_eq!(format!("{:?}", definition.key), definition.name);
            let shown = Configuration::default().show(definition, &Hardware::default(), 2);
            if !matches!(definition.kind, Kind::Connectors | Kind::Text(_)) {
                assert!(
                    parse(definition.kind, &shown).is_some(),
                    "{}",
                    definition.name
                );
            }
        }
    }

    #[test]
    fn changes_are_judged_by_type_bounds_and_access() {
        use ConfigurationReply::{Accepted, NotSupported, RebootRequired, Rejected};
        for (key, value, reply) in [
            ("MeterValueSampleInterval", "30", Accepted),
            ("metervaluesampleinterval", "0", Accepted),
            ("MeterValueSampleInterval", "-1", Rejected),
            ("MeterValueSampleInterval", "soon", Rejected),
            ("LocalPreAuthorize", "TRUE", Accepted),
            ("LocalPreAuthorize", "1", Rejected),
            ("NumberOfConnectors", "3", Rejected),
            ("GetConfigurationMaxKeys", "3", Rejected),
            ("MeterValuesSampledData", "Voltage, SoC", Accepted),
            ("MeterValuesSampledData", "", Accepted),
            ("MeterValuesSampledData", "Voltage,Voltage", Rejected),
            ("MeterValuesSampledData", "Frequency", Rejected),
            (
                "MeterValuesSampledData",
                "Voltage.L1,Voltage.L2-N",
                Accepted,
            ),
            ("MeterValuesSampledData", "Voltage.L1,Voltage.L4", Rejected),
            ("ChargeProfileMaxStackLevel", "1", NotSupported),
            ("ConnectorPhaseRotation", "1.RST,2.RTS", Accepted),
            ("ConnectorPhaseRotation", "1.XYZ", Rejected),
            ("LightIntensity", "101", Rejected),
            ("WebSocketPingInterval", "30", RebootRequired),
            ("LocalAuthListEnabled", "true", NotSupported),
            ("Mood", "fine", NotSupported),
        ] {
            let mut configuration = Configuration::default();
            assert_eq!(
                configuration.change(key, value, &Hardware::default()).0,
                reply,
                "{key} = {value:?}"
            );
        }
    }

    #[test]
    fn names_are_found_without_case_and_told_as_the_standard_writes_them() {
        let mut configuration = Configuration::default();
        configuration.change("HEARTBEATINTERVAL", "7", &Hardware::default());
        let (known, unknown) = configuration
            .read(
                vec!["heartbeatinterval".into(), "Mood".into()],
                &Hardware::default(),
                2,
            )
            .unwrap();
        assert_eq!((known[0].key, &*known[0].value), ("HeartbeatInterval", "7"));
        assert_eq!(unknown, ["Mood"]);
        assert_eq!(
            configuration
                .read(Vec::new(), &Hardware::default(), 2)
                .unwrap()
                .0
                .len(),
            34
        );
        assert!(
            configuration
                .read(
                    vec!["HeartbeatInterval".into(); 51],
                    &Hardware::default(),
                    2
                )
                .is_none()
        );
    }

    #[test]
    fn the_keys_of_smart_charging_are_there_where_it_is() {
        let able = Hardware {
            smart_charging: true,
            ..Hardware::default()
        };
        for (key, value) in [
            ("ChargeProfileMaxStackLevel", "99"),
            ("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
            ("ChargingScheduleMaxPeriods", "100"),
            ("MaxChargingProfilesInstalled", "30"),
        ] {
            let mut configuration = Configuration::default();
            let read = |hardware| configuration.read(vec![key.into()], hardware, 2).unwrap();
            let (known, unknown) = read(&able);
            assert_eq!((&*known[0].value, known[0].readonly), (value, true));
            assert!(unknown.is_empty());
            assert_eq!(read(&Hardware::default()).1, [key]);
            let changed = configuration.change(key, "1", &able).0;
            assert_eq!(changed, ConfigurationReply::Rejected);
        }
        let all = Configuration::default().read(Vec::new(), &able, 2).unwrap();
        assert_eq!(all.0.len(), 38);
    }

    #[test]
    fn a_meter_has_the_phases_of_its_supply() {
        for (max_power_w, l1, l3) in [
            (7_400, true, false),
            (22_000, true, true),
            (50_000, false, false),
        ] {
            let hardware = Hardware {
                max_power_w,
                ..Hardware::default()
            };
            for (word, taken) in [("Voltage", true), ("Voltage.L1", l1), ("Voltage.L3", l3)] {
                let mut configuration = Configuration::default();
                let (reply, _) = configuration.change("MeterValuesSampledData", word, &hardware);
                assert_eq!(
                    reply == ConfigurationReply::Accepted,
                    taken,
                    "{max_power_w} {word}"
                );
            }
        }
    }

    #[test]
    fn a_setup_names_the_key_it_cannot_take() {
        let mut configuration = Configuration::default();
        assert!(configuration.preset("GetConfigurationMaxKeys", "5").is_ok());
        for (key, value) in [
            ("NumberOfConnectors", "5"),
            ("Mood", "5"),
            ("HeartbeatInterval", "x"),
        ] {
            let error = configuration.preset(key, value).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
