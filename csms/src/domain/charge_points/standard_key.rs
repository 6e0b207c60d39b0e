//! The configuration keys of the standard and what their values are [1.6 §9]; those of the security extension too.
//! Keys of vendors take any value.

use serde_json::Value;

use crate::domain::charge_points::security::{KEY_CHARS, is_password};

/// Numbers from 0 on.
const NUMBERS: [&str; 28] = [
    "BlinkRepeat",
    "CertificateSignedMaxChainSize",
    "CertificateStoreMaxLength",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleMaxPeriods",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LightIntensity",
    "LocalAuthListMaxLength",
    "MaxChargingProfilesInstalled",
    "MaxEnergyOnInvalidId",
    "MeterValueSampleInterval",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledDataMaxLength",
    "MinimumStatusDuration",
    "NumberOfConnectors",
    "ResetRetries",
    "SecurityProfile",
    "SendLocalListMaxLength",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfilesMaxLength",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "WebSocketPingInterval",
];

/// True or false.
const SWITCHES: [&str; 12] = [
    "AdditionalRootCertificateCheck",
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "ConnectorSwitch3to1PhaseSupported",
    "LocalAuthListEnabled",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "ReserveConnectorZeroSupported",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "UnlockConnectorOnEVSideDisconnect",
];

/// Texts, most of them lists with commas.
const TEXTS: [&str; 8] = [
    "ChargingScheduleAllowedChargingRateUnit",
    "ConnectorPhaseRotation",
    "CpoName",
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "StopTxnAlignedData",
    "StopTxnSampledData",
    "SupportedFeatureProfiles",
];

/// What is wrong with the value of a standard key, whose name is compared without case. On the wire values are texts,
/// so numbers and truth may come as texts too.
pub(crate) fn wrong_value(key: &str, value: &Value) -> Option<&'static str> {
    let among = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    if among(&NUMBERS) {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        let is_good = number.is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number));
        return (!is_good).then_some("a whole number from 0 to 2147483647 is wanted [1.6 §9]");
    }
    if among(&SWITCHES) {
        let is_good = match value {
            Value::Bool(_) => true,
            Value::String(text) => ["true", "false"]
                .iter()
                .any(|b| text.eq_ignore_ascii_case(b)),
            _ => false,
        };
        return (!is_good).then_some("true or false is wanted [1.6 §9]");
    }
    if is_password(key) {
        let chars = value.as_str().map(|text| text.chars().count());
        let is_good = chars.is_some_and(|chars| KEY_CHARS.contains(&chars));
        return (!is_good).then_some(
            "16 to 40 characters are wanted: a text, or the hexadecimal digits of 16 to 20 bytes [1.6 security \
             whitepaper §2.3]",
        );
    }
    (among(&TEXTS) && !value.is_string()).then_some("a text is wanted [1.6 §9]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn standard_keys_have_their_types_and_others_any() {
        for (key, good) in [
            ("HeartbeatInterval", json!(0)),
            ("heartbeatinterval", json!("300")),
            ("LocalPreAuthorize", json!(false)),
            ("LocalPreAuthorize", json!("True")),
            (
                "MeterValuesSampledData",
                json!("Energy.Active.Import.Register"),
            ),
            ("MeterValuesSampledData", json!("")),
            ("AuthorizationKey", json!("0123456789\tabcde")),
            ("VendorKey", json!(-5.5)),
        ] {
            assert_eq!(wrong_value(key, &good), None, "{key} {good}");
        }
        for (key, bad) in [
            ("HeartbeatInterval", json!(-5)),
            ("HeartbeatInterval", json!(1.5)),
            ("HeartbeatInterval", json!("+5")),
            ("HeartbeatInterval", json!("")),
            ("HeartbeatInterval", json!(2_147_483_648_i64)),
            ("ConnectionTimeOut", json!(true)),
            ("LocalPreAuthorize", json!(1)),
            ("LocalPreAuthorize", json!("yes")),
            ("MeterValuesSampledData", json!(7)),
            ("authorizationkey", json!("0123456789abcde")),
            ("AuthorizationKey", json!("x".repeat(41))),
            ("AuthorizationKey", json!(1_234_567_890_123_456_i64)),
        ] {
            assert!(wrong_value(key, &bad).is_some(), "{key} {bad}");
        }
    }
}
