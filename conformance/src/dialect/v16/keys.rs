//! Configuration keys of OCPP 1.6 [1.6 §9].
use crate::failure::Failure;
use serde_json::Value;

/// The required keys of the Core profile [1.6 §9.1] and whether they are read-only (`None`: left to the maker).
pub(crate) const CORE_KEYS: [(&str, Option<bool>); 21] = [
    ("AuthorizeRemoteTxRequests", None),
    ("ClockAlignedDataInterval", Some(false)),
    ("ConnectionTimeOut", Some(false)),
    ("ConnectorPhaseRotation", Some(false)),
    ("GetConfigurationMaxKeys", Some(true)),
    ("HeartbeatInterval", Some(false)),
    ("LocalAuthorizeOffline", Some(false)),
    ("LocalPreAuthorize", Some(false)),
    ("MeterValuesAlignedData", Some(false)),
    ("MeterValuesSampledData", Some(false)),
    ("MeterValueSampleInterval", Some(false)),
    ("NumberOfConnectors", Some(true)),
    ("ResetRetries", Some(false)),
    ("StopTransactionOnEVSideDisconnect", None),
    ("StopTransactionOnInvalidId", Some(false)),
    ("StopTxnAlignedData", Some(false)),
    ("StopTxnSampledData", Some(false)),
    ("SupportedFeatureProfiles", Some(true)),
    ("TransactionMessageAttempts", Some(false)),
    ("TransactionMessageRetryInterval", Some(false)),
    ("UnlockConnectorOnEVSideDisconnect", Some(false)),
];

/// Required keys of the other profiles, all read-only unless said otherwise [1.6 §9.2, §9.4].
pub(crate) const PROFILE_KEYS: [(&str, &str, Option<bool>); 7] = [
    (
        "LocalAuthListManagement",
        "LocalAuthListEnabled",
        Some(false),
    ),
    (
        "LocalAuthListManagement",
        "LocalAuthListMaxLength",
        Some(true),
    ),
    (
        "LocalAuthListManagement",
        "SendLocalListMaxLength",
        Some(true),
    ),
    ("SmartCharging", "ChargeProfileMaxStackLevel", Some(true)),
    (
        "SmartCharging",
        "ChargingScheduleAllowedChargingRateUnit",
        Some(true),
    ),
    ("SmartCharging", "ChargingScheduleMaxPeriods", Some(true)),
    ("SmartCharging", "MaxChargingProfilesInstalled", Some(true)),
];

/// What the value of a key is [1.6 §9].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    /// A count, or a time in seconds: none is below nought.
    Integer,
    /// How the phases of each connector are turned: `1.RST, 2.RTS` [1.6 §9.1.7].
    Rotation,
}

/// How phases can be turned [1.6 §9.1.7].
const ROTATIONS: [&str; 8] = [
    "NotApplicable",
    "Unknown",
    "RST",
    "RTS",
    "SRT",
    "STR",
    "TRS",
    "TSR",
];

impl Kind {
    /// Whether this is such a value. `true` and `false` may be written large.
    pub(crate) fn fits(self, value: &str) -> bool {
        match self {
            Self::Boolean => ["true", "false"]
                .iter()
                .any(|word| word.eq_ignore_ascii_case(value.trim())),
            Self::Integer => value.trim().parse::<u64>().is_ok(),
            Self::Rotation => value.split(',').all(|one| {
                let one = one.trim();
                // Where nothing is known there is nothing to tell of each.
                let Some((connector, word)) = one.split_once('.') else {
                    return ["NotApplicable", "Unknown"].contains(&one);
                };
                connector.parse::<u32>().is_ok() && ROTATIONS.contains(&word)
            }),
        }
    }
}

/// Standard keys whose values are no texts [1.6 §9].
pub(crate) const KINDS: [(&str, Kind); 37] = [
    ("AllowOfflineTxForUnknownId", Kind::Boolean),
    ("AuthorizationCacheEnabled", Kind::Boolean),
    ("AuthorizeRemoteTxRequests", Kind::Boolean),
    ("BlinkRepeat", Kind::Integer),
    ("ChargeProfileMaxStackLevel", Kind::Integer),
    ("ChargingScheduleMaxPeriods", Kind::Integer),
    ("ClockAlignedDataInterval", Kind::Integer),
    ("ConnectionTimeOut", Kind::Integer),
    ("ConnectorPhaseRotation", Kind::Rotation),
    ("ConnectorPhaseRotationMaxLength", Kind::Integer),
    ("ConnectorSwitch3to1PhaseSupported", Kind::Boolean),
    ("GetConfigurationMaxKeys", Kind::Integer),
    ("HeartbeatInterval", Kind::Integer),
    ("LightIntensity", Kind::Integer),
    ("LocalAuthListEnabled", Kind::Boolean),
    ("LocalAuthListMaxLength", Kind::Integer),
    ("LocalAuthorizeOffline", Kind::Boolean),
    ("LocalPreAuthorize", Kind::Boolean),
    ("MaxChargingProfilesInstalled", Kind::Integer),
    ("MaxEnergyOnInvalidId", Kind::Integer),
    ("MeterValuesAlignedDataMaxLength", Kind::Integer),
    ("MeterValueSampleInterval", Kind::Integer),
    ("MeterValuesSampledDataMaxLength", Kind::Integer),
    ("MinimumStatusDuration", Kind::Integer),
    ("NumberOfConnectors", Kind::Integer),
    ("ReserveConnectorZeroSupported", Kind::Boolean),
    ("ResetRetries", Kind::Integer),
    ("SendLocalListMaxLength", Kind::Integer),
    ("StopTransactionOnEVSideDisconnect", Kind::Boolean),
    ("StopTransactionOnInvalidId", Kind::Boolean),
    ("SupportedFeatureProfilesMaxLength", Kind::Integer),
    ("StopTxnSampledDataMaxLength", Kind::Integer),
    ("StopTxnAlignedDataMaxLength", Kind::Integer),
    ("TransactionMessageAttempts", Kind::Integer),
    ("TransactionMessageRetryInterval", Kind::Integer),
    ("UnlockConnectorOnEVSideDisconnect", Kind::Boolean),
    ("WebSocketPingInterval", Kind::Integer),
];

/// Whether every charge point must take new values of this key.
pub(crate) fn must_be_writable(key: &str) -> bool {
    CORE_KEYS.contains(&(key, Some(false)))
}

/// Intervals and time-outs in seconds, of which a charge point may have a smallest one.
pub(crate) const INTERVALS: [&str; 6] = [
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "HeartbeatInterval",
    "MeterValueSampleInterval",
    "TransactionMessageRetryInterval",
    "WebSocketPingInterval",
];

/// How often a scenario's interval goes into the smallest one of this charge point; 1 where it is long enough, or
/// means "off".
pub(crate) fn stretch(interval: u32, min_interval: u32) -> u32 {
    if interval == 0 {
        1
    } else {
        min_interval.div_ceil(interval).max(1)
    }
}

/// The value of a key in an answer to GetConfiguration.
pub(crate) fn value_in(result: &Value, key: &str) -> Result<String, Failure> {
    let keys = result["configurationKey"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    keys.iter()
        .find(|entry| {
            entry["key"]
                .as_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(key))
        })
        .and_then(|entry| entry["value"].as_str().map(str::to_owned))
        .ok_or_else(|| Failure::new(format!("its answer {result} has no value of {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_key_is_of_its_kind() {
        assert!(Kind::Integer.fits("0") && Kind::Integer.fits(" 86400"));
        assert!(Kind::Boolean.fits("true") && Kind::Boolean.fits("False"));
        assert!(Kind::Rotation.fits("0.RST, 1.Unknown,2.TSR") && Kind::Rotation.fits("Unknown"));
        for (kind, value) in [
            (Kind::Rotation, "1.L1L2L3"),
            (Kind::Rotation, "one.RST"),
            (Kind::Rotation, "1.RST;2.RST"),
            (Kind::Integer, "5 minutes"),
            (Kind::Integer, "-1"),
            (Kind::Integer, "1.5"),
            (Kind::Integer, ""),
            (Kind::Boolean, "1"),
            (Kind::Boolean, "yes"),
        ] {
            assert!(!kind.fits(value), "{kind:?} {value}");
        }
    }

    #[test]
    fn an_interval_is_stretched_to_the_smallest_that_the_charge_point_takes() {
        assert_eq!(stretch(1, 1), 1);
        assert_eq!(stretch(2, 1), 1);
        assert_eq!(stretch(1, 10), 10);
        assert_eq!(stretch(2, 10), 5);
        assert_eq!(stretch(2, 15), 8);
        assert_eq!(stretch(900, 10), 1);
        assert_eq!(stretch(0, 10), 1, "0 switches off");
    }
}
