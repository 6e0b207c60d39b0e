//! The table of configuration keys [1.6 §9.1, §9.4]: what each may hold, and what it holds when nobody changed it.

use super::charging::{PERIODS_MAX, PROFILES_MAX, STACK_LEVEL_MAX};

/// Most keys one `GetConfiguration` may ask for.
const KEYS_PER_REQUEST_MAX: i32 = 50;
/// Most measurands in one list.
pub(super) const MEASURANDS_MAX: usize = 30;
/// Longest interval in seconds: a year.
pub(super) const INTERVAL_S_MAX: i32 = 31_536_000;

/// Every key, in the order of `GetConfiguration`'s answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    AllowOfflineTxForUnknownId,
    AuthorizationCacheEnabled,
    AuthorizeRemoteTxRequests,
    BlinkRepeat,
    ChargeProfileMaxStackLevel,
    ChargingScheduleAllowedChargingRateUnit,
    ChargingScheduleMaxPeriods,
    ClockAlignedDataInterval,
    ConnectionTimeOut,
    ConnectorPhaseRotation,
    ConnectorPhaseRotationMaxLength,
    GetConfigurationMaxKeys,
    HeartbeatInterval,
    LightIntensity,
    LocalAuthorizeOffline,
    LocalPreAuthorize,
    MaxChargingProfilesInstalled,
    MaxEnergyOnInvalidId,
    MeterValuesAlignedData,
    MeterValuesAlignedDataMaxLength,
    MeterValuesSampledData,
    MeterValuesSampledDataMaxLength,
    MeterValueSampleInterval,
    MinimumStatusDuration,
    NumberOfConnectors,
    ResetRetries,
    StopTransactionOnEVSideDisconnect,
    StopTransactionOnInvalidId,
    StopTxnAlignedData,
    StopTxnAlignedDataMaxLength,
    StopTxnSampledData,
    StopTxnSampledDataMaxLength,
    SupportedFeatureProfiles,
    SupportedFeatureProfilesMaxLength,
    TransactionMessageAttempts,
    TransactionMessageRetryInterval,
    UnlockConnectorOnEVSideDisconnect,
    WebSocketPingInterval,
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool(bool),
    Integer {
        default: i32,
        min: i32,
        max: i32,
    },
    /// A list of measurands without doubles.
    Measurands(&'static str),
    /// `connector.rotation`, comma separated.
    Rotation,
    /// Fixed text.
    Text(&'static str),
    /// The number of connectors of this hardware.
    Connectors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// Written now, in force after the next start.
    WriteForReboot,
}

pub(super) struct Definition {
    pub(super) key: Key,
    pub(super) name: &'static str,
    pub(super) access: Access,
    pub(super) kind: Kind,
}

const fn define(key: Key, name: &'static str, access: Access, kind: Kind) -> Definition {
    Definition {
        key,
        name,
        access,
        kind,
    }
}

const fn seconds(default: i32) -> Kind {
    Kind::Integer {
        default,
        min: 0,
        max: INTERVAL_S_MAX,
    }
}

const fn fixed(value: i32) -> Kind {
    Kind::Integer {
        default: value,
        min: 1,
        max: 1_000,
    }
}

const REGISTER: Kind = Kind::Measurands("Energy.Active.Import.Register");
const NO_MEASURANDS: Kind = Kind::Measurands("");

#[rustfmt::skip]
pub(super) const DEFINITIONS: [Definition; 38] = {
    use Access::{Read, Write, WriteForReboot};
    [
        define(Key::AllowOfflineTxForUnknownId, "AllowOfflineTxForUnknownId", Write, Kind::Bool(false)),
        define(Key::AuthorizationCacheEnabled, "AuthorizationCacheEnabled", Write, Kind::Bool(true)),
        define(Key::AuthorizeRemoteTxRequests, "AuthorizeRemoteTxRequests", Write, Kind::Bool(true)),
        define(Key::BlinkRepeat, "BlinkRepeat", Write, Kind::Integer { default: 3, min: 0, max: 100 }),
        define(Key::ChargeProfileMaxStackLevel, "ChargeProfileMaxStackLevel", Read, fixed(STACK_LEVEL_MAX)),
        define(Key::ChargingScheduleAllowedChargingRateUnit, "ChargingScheduleAllowedChargingRateUnit", Read,
            Kind::Text("Current,Power")),
        define(Key::ChargingScheduleMaxPeriods, "ChargingScheduleMaxPeriods", Read, fixed(PERIODS_MAX as i32)),
        define(Key::ClockAlignedDataInterval, "ClockAlignedDataInterval", Write, seconds(0)),
        define(Key::ConnectionTimeOut, "ConnectionTimeOut", Write, seconds(60)),
        define(Key::ConnectorPhaseRotation, "ConnectorPhaseRotation", Write, Kind::Rotation),
        define(Key::ConnectorPhaseRotationMaxLength, "ConnectorPhaseRotationMaxLength", Read, fixed(101)),
        define(Key::GetConfigurationMaxKeys, "GetConfigurationMaxKeys", Read, fixed(KEYS_PER_REQUEST_MAX)),
        define(Key::HeartbeatInterval, "HeartbeatInterval", Write, seconds(300)),
        define(Key::LightIntensity, "LightIntensity", Write, Kind::Integer { default: 100, min: 0, max: 100 }),
        define(Key::LocalAuthorizeOffline, "LocalAuthorizeOffline", Write, Kind::Bool(true)),
        define(Key::LocalPreAuthorize, "LocalPreAuthorize", Write, Kind::Bool(false)),
        define(Key::MaxChargingProfilesInstalled, "MaxChargingProfilesInstalled", Read, fixed(PROFILES_MAX as i32)),
        define(Key::MaxEnergyOnInvalidId, "MaxEnergyOnInvalidId", Write,
            Kind::Integer { default: 0, min: 0, max: 1_000_000 }),
        define(Key::MeterValuesAlignedData, "MeterValuesAlignedData", Write, REGISTER),
        define(Key::MeterValuesAlignedDataMaxLength, "MeterValuesAlignedDataMaxLength", Read, fixed(MEASURANDS_MAX as i32)),
        define(Key::MeterValuesSampledData, "MeterValuesSampledData", Write, REGISTER),
        define(Key::MeterValuesSampledDataMaxLength, "MeterValuesSampledDataMaxLength", Read, fixed(MEASURANDS_MAX as i32)),
        define(Key::MeterValueSampleInterval, "MeterValueSampleInterval", Write, seconds(60)),
        define(Key::MinimumStatusDuration, "MinimumStatusDuration", Write, seconds(0)),
        define(Key::NumberOfConnectors, "NumberOfConnectors", Read, Kind::Connectors),
        define(Key::ResetRetries, "ResetRetries", Write, Kind::Integer { default: 0, min: 0, max: 100 }),
        define(Key::StopTransactionOnEVSideDisconnect, "StopTransactionOnEVSideDisconnect", Write, Kind::Bool(true)),
        define(Key::StopTransactionOnInvalidId, "StopTransactionOnInvalidId", Write, Kind::Bool(true)),
        define(Key::StopTxnAlignedData, "StopTxnAlignedData", Write, NO_MEASURANDS),
        define(Key::StopTxnAlignedDataMaxLength, "StopTxnAlignedDataMaxLength", Read, fixed(MEASURANDS_MAX as i32)),
        define(Key::StopTxnSampledData, "StopTxnSampledData", Write, NO_MEASURANDS),
        define(Key::StopTxnSampledDataMaxLength, "StopTxnSampledDataMaxLength", Read, fixed(MEASURANDS_MAX as i32)),
        define(Key::SupportedFeatureProfiles, "SupportedFeatureProfiles", Read, Kind::Text("Core,RemoteTrigger")),
        define(Key::SupportedFeatureProfilesMaxLength, "SupportedFeatureProfilesMaxLength", Read, fixed(6)),
        define(Key::TransactionMessageAttempts, "TransactionMessageAttempts", Write,
            Kind::Integer { default: 3, min: 1, max: 100 }),
        define(Key::TransactionMessageRetryInterval, "TransactionMessageRetryInterval", Write, seconds(10)),
        define(Key::UnlockConnectorOnEVSideDisconnect, "UnlockConnectorOnEVSideDisconnect", Write, Kind::Bool(true)),
        // The socket's pings are arranged when the communication starts, hence the reboot.
        define(Key::WebSocketPingInterval, "WebSocketPingInterval", WriteForReboot, seconds(0)),
    ]
};
