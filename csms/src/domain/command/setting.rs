//! Where a setting of a charge point lies: a variable of a component of its device model [2.0.1 part 1 §4].
//!
//! OCPP 1.6 has configuration keys instead. Those of the standard stand for a variable each ([`KEYS`]); every other one,
//! a vendor's most of all, is a variable of the component [`OWN_KEYS`].

/// The component whose variables are configuration keys that the device model of the standard has no variable for.
const OWN_KEYS: &str = "ConfigurationKey";

/// The configuration keys of OCPP 1.6 [1.6 §9] that a variable stands for: key, component, variable, and the instance of
/// the variable, empty where it has none. A key that became several variables stands for the first of them.
const KEYS: [(&str, &str, &str, &str); 39] = [
    (
        "AdditionalRootCertificateCheck",
        "SecurityCtrlr",
        "AdditionalRootCertificateCheck",
        "",
    ),
    (
        "AllowOfflineTxForUnknownId",
        "AuthCtrlr",
        "OfflineTxForUnknownIdEnabled",
        "",
    ),
    ("AuthorizationCacheEnabled", "AuthCacheCtrlr", "Enabled", ""),
    ("AuthorizationKey", "SecurityCtrlr", "BasicAuthPassword", ""),
    (
        "AuthorizeRemoteTxRequests",
        "AuthCtrlr",
        "AuthorizeRemoteStart",
        "",
    ),
    (
        "CertificateSignedMaxChainSize",
        "SecurityCtrlr",
        "MaxCertificateChainSize",
        "",
    ),
    (
        "CertificateStoreMaxLength",
        "SecurityCtrlr",
        "CertificateEntries",
        "",
    ),
    (
        "ChargeProfileMaxStackLevel",
        "SmartChargingCtrlr",
        "ProfileStackLevel",
        "",
    ),
    (
        "ChargingScheduleAllowedChargingRateUnit",
        "SmartChargingCtrlr",
        "RateUnit",
        "",
    ),
    (
        "ChargingScheduleMaxPeriods",
        "SmartChargingCtrlr",
        "PeriodsPerSchedule",
        "",
    ),
    (
        "ClockAlignedDataInterval",
        "AlignedDataCtrlr",
        "Interval",
        "",
    ),
    ("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut", ""),
    (
        "ConnectorPhaseRotation",
        "ChargingStation",
        "PhaseRotation",
        "",
    ),
    (
        "ConnectorSwitch3to1PhaseSupported",
        "SmartChargingCtrlr",
        "Phases3to1",
        "",
    ),
    ("CpoName", "SecurityCtrlr", "OrganizationName", ""),
    (
        "GetConfigurationMaxKeys",
        "DeviceDataCtrlr",
        "ItemsPerMessage",
        "GetVariables",
    ),
    (
        "HeartbeatInterval",
        "OCPPCommCtrlr",
        "HeartbeatInterval",
        "",
    ),
    ("LocalAuthListEnabled", "LocalAuthListCtrlr", "Enabled", ""),
    (
        "LocalAuthListMaxLength",
        "LocalAuthListCtrlr",
        "Entries",
        "",
    ),
    (
        "LocalAuthorizeOffline",
        "AuthCtrlr",
        "LocalAuthorizeOffline",
        "",
    ),
    ("LocalPreAuthorize", "AuthCtrlr", "LocalPreAuthorize", ""),
    (
        "MaxChargingProfilesInstalled",
        "SmartChargingCtrlr",
        "Entries",
        "ChargingProfiles",
    ),
    (
        "MaxEnergyOnInvalidId",
        "TxCtrlr",
        "MaxEnergyOnInvalidId",
        "",
    ),
    (
        "MeterValueSampleInterval",
        "SampledDataCtrlr",
        "TxUpdatedInterval",
        "",
    ),
    (
        "MeterValuesAlignedData",
        "AlignedDataCtrlr",
        "Measurands",
        "",
    ),
    (
        "MeterValuesSampledData",
        "SampledDataCtrlr",
        "TxUpdatedMeasurands",
        "",
    ),
    (
        "ReserveConnectorZeroSupported",
        "ReservationCtrlr",
        "NonEvseSpecific",
        "",
    ),
    ("ResetRetries", "OCPPCommCtrlr", "ResetRetries", ""),
    ("SecurityProfile", "SecurityCtrlr", "SecurityProfile", ""),
    (
        "SendLocalListMaxLength",
        "LocalAuthListCtrlr",
        "ItemsPerMessage",
        "",
    ),
    (
        "StopTransactionOnEVSideDisconnect",
        "TxCtrlr",
        "StopTxOnEVSideDisconnect",
        "",
    ),
    (
        "StopTransactionOnInvalidId",
        "TxCtrlr",
        "StopTxOnInvalidId",
        "",
    ),
    (
        "StopTxnAlignedData",
        "AlignedDataCtrlr",
        "TxEndedMeasurands",
        "",
    ),
    (
        "StopTxnSampledData",
        "SampledDataCtrlr",
        "TxEndedMeasurands",
        "",
    ),
    (
        "SupportedFileTransferProtocols",
        "OCPPCommCtrlr",
        "FileTransferProtocols",
        "",
    ),
    (
        "TransactionMessageAttempts",
        "OCPPCommCtrlr",
        "MessageAttempts",
        "TransactionEvent",
    ),
    (
        "TransactionMessageRetryInterval",
        "OCPPCommCtrlr",
        "MessageAttemptInterval",
        "TransactionEvent",
    ),
    (
        "UnlockConnectorOnEVSideDisconnect",
        "OCPPCommCtrlr",
        "UnlockOnEVSideDisconnect",
        "",
    ),
    (
        "WebSocketPingInterval",
        "OCPPCommCtrlr",
        "WebSocketPingInterval",
        "",
    ),
];

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
        match KEYS.iter().find(|(known, ..)| *known == key) {
            Some((_, component, variable, instance)) => Self {
                variable_instance: Some(*instance)
                    .filter(|instance| !instance.is_empty())
                    .map(str::to_owned),
                ..Self::of_station(component, variable)
            },
            None => Self::of_station(OWN_KEYS, key),
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
        if component == OWN_KEYS && variable_instance.is_none() {
            return Some(variable);
        }
        let instance = variable_instance.as_deref().unwrap_or("");
        let mut known = KEYS.iter();
        known
            .find(|(_, c, v, i)| c == component && v == variable && *i == instance)
            .map(|(key, ..)| *key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_key_is_one_setting_and_comes_back_as_it_was_written() {
        let standard = KEYS.iter().map(|(key, ..)| *key);
        let keys = standard.chain(["AcmeLedColour", "heartbeatinterval", "NumberOfConnectors"]);
        let keys: Vec<&str> = keys.collect();
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
