//! Where a setting of a charge point lies: a variable of a component of its device model [2.0.1 part 1 §4].
//!
//! Which variable a configuration key of OCPP 1.6 is, `domain/charge_points/variable.rs` knows.

use crate::domain::charge_points::variable::{Address, key_of, setting_of_key};

/// The address of a setting. Names are compared as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The component.
    pub component: String,
    /// Which of several such components.
    pub component_instance: Option<String>,
    /// The EVSE whose component it is, if it is not the charge point's.
    pub evse: Option<u32>,
    /// The connector of that EVSE whose component it is.
    pub connector: Option<u32>,
    /// The variable.
    pub variable: String,
    /// Which of several such variables.
    pub variable_instance: Option<String>,
}

impl Setting {
    /// A setting of the charge point itself.
    #[must_use]
    pub fn of_station(component: &str, variable: &str) -> Self {
        Self {
            component: component.to_owned(),
            component_instance: None,
            evse: None,
            connector: None,
            variable: variable.to_owned(),
            variable_instance: None,
        }
    }

    /// How long a charge point waits between heartbeats. Every one has it.
    #[must_use]
    pub fn heartbeat_interval() -> Self {
        Self::of_key("HeartbeatInterval")
    }

    /// The setting that a configuration key of OCPP 1.6 stands for.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        let address = setting_of_key(key, "").address;
        Self {
            variable_instance: Some(address.variable_instance)
                .filter(|instance| !instance.is_empty())
                .map(str::to_owned),
            ..Self::of_station(address.component, address.variable)
        }
    }

    /// The configuration key of OCPP 1.6 that stands for it, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let Self {
            component,
            component_instance: None,
            evse: None,
            connector: None,
            variable,
            variable_instance,
        } = self
        else {
            return None;
        };
        key_of(Address {
            component,
            variable,
            variable_instance: variable_instance.as_deref().unwrap_or(""),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_key_is_one_setting_and_comes_back() {
        let keys = [
            "AcmeLedColour",
            "AuthorizationKey",
            "HeartbeatInterval",
            "LocalAuthListMaxLength",
            "NumberOfConnectors",
            "TransactionMessageAttempts",
        ];
        for key in &keys {
            assert_eq!(Setting::of_key(key).key(), Some(*key));
        }
        let addresses: HashSet<_> = keys
            .iter()
            .map(|key| format!("{:?}", Setting::of_key(key)))
            .collect();
        assert_eq!(addresses.len(), keys.len());
    }

    #[test]
    fn what_only_the_device_model_has_is_no_key() {
        let only = Setting::of_station("SecurityCtrlr", "Identity");
        assert_eq!(only.key(), None);
        let of_evse = Setting {
            evse: Some(1),
            ..Setting::heartbeat_interval()
        };
        assert_eq!(of_evse.key(), None);
    }
}
