//! Variables of the device model [2.0.1 part 1 §4]: where the configuration keys of OCPP 1.6 lie in it.
//!
//! A key that says the same as a variable of the standard is that variable. What 2.0.1 has no variable for (keys of
//! vendors, and capacities such as LocalAuthListMaxLength, which are the limit of another variable there) is a
//! variable of a component of our own. A value stays as it was given: where the versions write it differently,
//! their dialects do.

use std::collections::BTreeSet;

use serde_json::Value;

/// The component of keys that only 1.6 has.
const ONLY_1_6: &str = "OCPP16Ctrlr";

/// Configuration keys that a charge point can have.
pub(crate) const CONFIGURATION_KEYS_MAX: usize = 500;

/// The attribute that a value is of unless something else is said.
pub(crate) const ACTUAL: &str = "Actual";

/// [2.0.1 part 2, DataEnumType], without the words that nothing here needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataType {
    Boolean,
    Decimal,
    Integer,
    MemberList,
    String,
}

impl DataType {
    /// The word of the standard.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::MemberList => "MemberList",
            Self::String => "string",
        }
    }

    /// Of a value that no standard has a type for.
    fn of_json(value: &str) -> Self {
        match serde_json::from_str(value) {
            Ok(Value::Bool(_)) => Self::Boolean,
            Ok(Value::Number(number)) if number.is_f64() => Self::Decimal,
            Ok(Value::Number(_)) => Self::Integer,
            _ => Self::String,
        }
    }
}

/// [2.0.1 part 2, MutabilityEnumType].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutability {
    ReadOnly,
    ReadWrite,
    WriteOnly,
}

impl Mutability {
    /// The word of the standard.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnly",
            Self::ReadWrite => "ReadWrite",
            Self::WriteOnly => "WriteOnly",
        }
    }
}

use DataType::{Boolean, Integer, MemberList, String};
use Mutability::{ReadOnly, ReadWrite, WriteOnly};

/// Key of 1.6, component, variable, its instance, type, and who may change it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    DataType,
    Mutability,
);

#[rustfmt::skip]
const VARIABLES: [Row; 36] = [
    ("AdditionalRootCertificateCheck", "SecurityCtrlr", "AdditionalRootCertificateCheck", "", Boolean, ReadOnly),
    ("AllowOfflineTxForUnknownId", "AuthCtrlr", "OfflineTxForUnknownIdEnabled", "", Boolean, ReadWrite),
    ("AuthorizationCacheEnabled", "AuthCacheCtrlr", "Enabled", "", Boolean, ReadWrite),
    ("AuthorizationKey", "SecurityCtrlr", "BasicAuthPassword", "", String, WriteOnly),
    ("AuthorizeRemoteTxRequests", "AuthCtrlr", "AuthorizeRemoteStart", "", Boolean, ReadWrite),
    ("CertificateSignedMaxChainSize", "SecurityCtrlr", "MaxCertificateChainSize", "", Integer, ReadOnly),
    ("ChargeProfileMaxStackLevel", "SmartChargingCtrlr", "ProfileStackLevel", "", Integer, ReadOnly),
    ("ChargingScheduleAllowedChargingRateUnit", "SmartChargingCtrlr", "RateUnit", "", MemberList, ReadOnly),
    ("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule", "", Integer, ReadOnly),
    ("ClockAlignedDataInterval", "AlignedDataCtrlr", "Interval", "", Integer, ReadWrite),
    ("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut", "", Integer, ReadWrite),
    ("ConnectorPhaseRotation", "ChargingStation", "PhaseRotation", "", String, ReadWrite),
    ("ConnectorSwitch3to1PhaseSupported", "SmartChargingCtrlr", "Phases3to1", "", Boolean, ReadOnly),
    ("CpoName", "SecurityCtrlr", "OrganizationName", "", String, ReadWrite),
    ("GetConfigurationMaxKeys", "DeviceDataCtrlr", "ItemsPerMessage", "GetVariables", Integer, ReadOnly),
    ("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval", "", Integer, ReadWrite),
    ("LocalAuthListEnabled", "LocalAuthListCtrlr", "Enabled", "", Boolean, ReadWrite),
    ("LocalAuthorizeOffline", "AuthCtrlr", "LocalAuthorizeOffline", "", Boolean, ReadWrite),
    ("LocalPreAuthorize", "AuthCtrlr", "LocalPreAuthorize", "", Boolean, ReadWrite),
    ("MaxEnergyOnInvalidId", "TxCtrlr", "MaxEnergyOnInvalidId", "", Integer, ReadWrite),
    ("MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval", "", Integer, ReadWrite),
    ("MeterValuesAlignedData", "AlignedDataCtrlr", "Measurands", "", MemberList, ReadWrite),
    ("MeterValuesSampledData", "SampledDataCtrlr", "TxUpdatedMeasurands", "", MemberList, ReadWrite),
    ("ReserveConnectorZeroSupported", "ReservationCtrlr", "NonEvseSpecific", "", Boolean, ReadOnly),
    ("ResetRetries", "OCPPCommCtrlr", "ResetRetries", "", Integer, ReadWrite),
    ("SecurityProfile", "SecurityCtrlr", "SecurityProfile", "", Integer, ReadOnly),
    ("SendLocalListMaxLength", "LocalAuthListCtrlr", "ItemsPerMessage", "", Integer, ReadOnly),
    ("StopTransactionOnEVSideDisconnect", "TxCtrlr", "StopTxOnEVSideDisconnect", "", Boolean, ReadWrite),
    ("StopTransactionOnInvalidId", "TxCtrlr", "StopTxOnInvalidId", "", Boolean, ReadWrite),
    ("StopTxnAlignedData", "AlignedDataCtrlr", "TxEndedMeasurands", "", MemberList, ReadWrite),
    ("StopTxnSampledData", "SampledDataCtrlr", "TxEndedMeasurands", "", MemberList, ReadWrite),
    ("SupportedFileTransferProtocols", "OCPPCommCtrlr", "FileTransferProtocols", "", MemberList, ReadOnly),
    ("TransactionMessageAttempts", "OCPPCommCtrlr", "MessageAttempts", "TransactionEvent", Integer, ReadWrite),
    ("TransactionMessageRetryInterval", "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent", Integer, ReadWrite),
    ("UnlockConnectorOnEVSideDisconnect", "OCPPCommCtrlr", "UnlockOnEVSideDisconnect", "", Boolean, ReadWrite),
    ("WebSocketPingInterval", "OCPPCommCtrlr", "WebSocketPingInterval", "", Integer, ReadWrite),
];

/// Where a variable of a charge point as a whole lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address<'a> {
    pub component: &'a str,
    pub variable: &'a str,
    /// Empty where there is one only.
    pub variable_instance: &'a str,
}

/// A variable and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting<'a> {
    pub address: Address<'a>,
    /// The key as it was written.
    pub key_1_6: &'a str,
    /// JSON.
    pub value: &'a str,
    pub data_type: DataType,
    pub mutability: Mutability,
}

/// What a configuration key of 1.6 sets. Keys of the standard are compared without case.
pub(crate) fn setting_of_key<'a>(key: &'a str, value: &'a str) -> Setting<'a> {
    let row = VARIABLES.iter().find(|row| row.0.eq_ignore_ascii_case(key));
    let own = (key, ONLY_1_6, key, "", DataType::of_json(value), ReadWrite);
    let (_, component, variable, variable_instance, data_type, mutability) =
        row.copied().unwrap_or(own);
    Setting {
        address: Address {
            component,
            variable,
            variable_instance,
        },
        key_1_6: key,
        value,
        data_type,
        mutability,
    }
}

/// Whether a charge point that has these variables can have those as well.
pub(crate) fn has_room(known: &BTreeSet<Address<'_>>, new: &[Setting<'_>]) -> bool {
    let added = new.iter().filter(|new| !known.contains(&new.address));
    known.len() + added.count() <= CONFIGURATION_KEYS_MAX
}

/// The configuration key of 1.6 that is this variable, if one is.
pub(crate) fn key_of(address: Address<'_>) -> Option<&str> {
    if address.component == ONLY_1_6 && address.variable_instance.is_empty() {
        return Some(address.variable);
    }
    let mut rows = VARIABLES.iter();
    let row = rows.find(|(_, component, variable, instance, ..)| {
        let of_row = Address {
            component,
            variable,
            variable_instance: instance,
        };
        of_row == address
    });
    row.map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::charge_points::standard_key::wrong_value;

    #[test]
    fn a_charge_point_has_room_for_so_many_keys() {
        let keys: Vec<std::string::String> = (0..CONFIGURATION_KEYS_MAX)
            .map(|number| format!("Key{number}"))
            .collect();
        let settings: Vec<Setting<'_>> = keys.iter().map(|key| setting_of_key(key, "1")).collect();
        let known: BTreeSet<Address<'_>> = settings.iter().map(|one| one.address).collect();
        assert!(has_room(&BTreeSet::new(), &settings));
        assert!(has_room(&known, &settings[..3]));
        assert!(!has_room(&known, &[setting_of_key("Another", "1")]));
    }

    #[test]
    fn a_key_of_the_standard_is_its_variable_however_it_is_written_and_another_one_of_our_own() {
        let setting = setting_of_key("transactionmessageattempts", "3");
        assert_eq!(
            setting.address,
            Address {
                component: "OCPPCommCtrlr",
                variable: "MessageAttempts",
                variable_instance: "TransactionEvent",
            }
        );
        assert_eq!(setting.key_1_6, "transactionmessageattempts");
        for (value, data_type) in [
            ("1", Integer),
            ("1.5", DataType::Decimal),
            ("true", Boolean),
            ("\"x\"", String),
        ] {
            let setting = setting_of_key("VendorKey", value);
            assert_eq!(
                (setting.address.component, setting.address.variable),
                (ONLY_1_6, "VendorKey")
            );
            assert_eq!(
                (setting.data_type, setting.mutability),
                (data_type, ReadWrite)
            );
        }
    }

    #[test]
    fn no_two_keys_are_one_variable_and_their_types_are_those_of_1_6() {
        let addresses = VARIABLES
            .iter()
            .map(|row| setting_of_key(row.0, "").address);
        assert_eq!(addresses.collect::<BTreeSet<_>>().len(), VARIABLES.len());
        for (key, .., data_type, _) in VARIABLES {
            let (good, bad) = match data_type {
                Boolean => (json!(true), json!(5)),
                Integer => (json!(5), json!(true)),
                _ => (json!("0123456789abcdef"), json!(5)),
            };
            assert_eq!(wrong_value(key, &good), None, "{key}");
            // 1.6 says nothing of the values of this one.
            if key != "SupportedFileTransferProtocols" {
                assert!(wrong_value(key, &bad).is_some(), "{key}");
            }
        }
    }
}
