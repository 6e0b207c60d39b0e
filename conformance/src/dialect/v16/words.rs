//! The words of the enumerations of OCPP 1.6 that charge points use.

/// Connector states [1.6 §7.7].
pub(crate) const STATUSES: [&str; 9] = [
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
    "Available",
];

/// What a charge point reports as wrong [1.6 §7.6].
pub(crate) const ERROR_CODES: [&str; 16] = [
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
];

/// Why a transaction ends [1.6 §7.36].
pub(crate) const REASONS: [&str; 11] = [
    "DeAuthorized",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
];

/// What is measured, with a value and a unit that fits [1.6 §7.31, §7.45]. Of some there is no unit.
pub(crate) const MEASURANDS: [(&str, &str, &str); 22] = [
    ("Current.Export", "0.0", "A"),
    ("Current.Import", "15.9", "A"),
    ("Current.Offered", "16", "A"),
    ("Energy.Active.Export.Register", "0", "Wh"),
    ("Energy.Active.Import.Register", "1000", "Wh"),
    ("Energy.Reactive.Export.Register", "0", "varh"),
    ("Energy.Reactive.Import.Register", "12", "varh"),
    ("Energy.Active.Export.Interval", "0", "Wh"),
    ("Energy.Active.Import.Interval", "10", "Wh"),
    ("Energy.Reactive.Export.Interval", "0", "varh"),
    ("Energy.Reactive.Import.Interval", "1", "varh"),
    ("Frequency", "50.01", ""),
    ("Power.Active.Export", "0", "W"),
    ("Power.Active.Import", "11000", "W"),
    ("Power.Factor", "0.98", ""),
    ("Power.Offered", "11040", "W"),
    ("Power.Reactive.Export", "0", "var"),
    ("Power.Reactive.Import", "120", "var"),
    ("RPM", "900", ""),
    ("SoC", "42", "Percent"),
    ("Temperature", "-4.5", "Celsius"),
    ("Voltage", "230.4", "V"),
];

/// Units, each with something that is measured in it [1.6 §7.45].
pub(crate) const UNITS: [(&str, &str); 16] = [
    ("Wh", "Energy.Active.Import.Register"),
    ("kWh", "Energy.Active.Import.Register"),
    ("varh", "Energy.Reactive.Import.Register"),
    ("kvarh", "Energy.Reactive.Import.Register"),
    ("W", "Power.Active.Import"),
    ("kW", "Power.Active.Import"),
    ("VA", "Power.Offered"),
    ("kVA", "Power.Offered"),
    ("var", "Power.Reactive.Import"),
    ("kvar", "Power.Reactive.Import"),
    ("A", "Current.Import"),
    ("V", "Voltage"),
    ("Celsius", "Temperature"),
    ("Fahrenheit", "Temperature"),
    ("K", "Temperature"),
    ("Percent", "SoC"),
];

/// Why a reading was taken [1.6 §7.35].
pub(crate) const CONTEXTS: [&str; 8] = [
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
];

/// Where it was taken [1.6 §7.30].
pub(crate) const LOCATIONS: [&str; 5] = ["Body", "Cable", "EV", "Inlet", "Outlet"];

/// Between which lines [1.6 §7.34].
pub(crate) const PHASES: [&str; 10] = [
    "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1",
];

/// How it is written [1.6 §7.49].
pub(crate) const FORMATS: [(&str, &str); 2] = [("Raw", "1000"), ("SignedData", "3A7F00C2D4")];

/// The members of the commands to charge points [1.6 §6].
pub(crate) const COMMAND_MEMBERS: [&str; 29] = [
    "chargingProfile",
    "chargingProfilePurpose",
    "chargingRateUnit",
    "connectorId",
    "csChargingProfiles",
    "data",
    "duration",
    "expiryDate",
    "id",
    "idTag",
    "key",
    "listVersion",
    "localAuthorizationList",
    "location",
    "messageId",
    "parentIdTag",
    "requestedMessage",
    "reservationId",
    "retries",
    "retrieveDate",
    "retryInterval",
    "stackLevel",
    "startTime",
    "stopTime",
    "transactionId",
    "type",
    "updateType",
    "value",
    "vendorId",
];
