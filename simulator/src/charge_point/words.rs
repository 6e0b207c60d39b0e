//! The words that blocks share, free of any OCPP version: states, reasons, measurands.
//!
//! Where a word is also an operator's word (control API, ledger, configuration values) it is spelled as OCPP 1.6
//! spells it; a dialect of another version translates.

/// State of a connector [1.6 §7.7].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Free for a new user.
    Available,
    /// Somebody has begun: cable or tag is there, no transaction yet.
    Preparing,
    /// Energy may flow.
    Charging,
    /// A transaction runs, the charge point withholds energy.
    SuspendedEvse,
    /// A transaction runs, the car takes no energy.
    SuspendedEv,
    /// The transaction is over, the connector is not free yet.
    Finishing,
    /// Kept for a tag.
    Reserved,
    /// Taken out of service.
    Unavailable,
    /// Broken.
    Faulted,
}

impl Status {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Available,
        Self::Preparing,
        Self::Charging,
        Self::SuspendedEvse,
        Self::SuspendedEv,
        Self::Finishing,
        Self::Reserved,
        Self::Unavailable,
        Self::Faulted,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Preparing => "Preparing",
            Self::Charging => "Charging",
            Self::SuspendedEvse => "SuspendedEVSE",
            Self::SuspendedEv => "SuspendedEV",
            Self::Finishing => "Finishing",
            Self::Reserved => "Reserved",
            Self::Unavailable => "Unavailable",
            Self::Faulted => "Faulted",
        }
    }
}

/// What is broken [1.6 §7.6]. That nothing is, is the absence of one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultCode {
    ConnectorLockFailure,
    EvCommunicationError,
    GroundFailure,
    HighTemperature,
    InternalError,
    LocalListConflict,
    OtherError,
    OverCurrentFailure,
    OverVoltage,
    PowerMeterFailure,
    PowerSwitchFailure,
    ReaderFailure,
    ResetFailure,
    UnderVoltage,
    WeakSignal,
}

impl FaultCode {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::ConnectorLockFailure,
        Self::EvCommunicationError,
        Self::GroundFailure,
        Self::HighTemperature,
        Self::InternalError,
        Self::LocalListConflict,
        Self::OtherError,
        Self::OverCurrentFailure,
        Self::OverVoltage,
        Self::PowerMeterFailure,
        Self::PowerSwitchFailure,
        Self::ReaderFailure,
        Self::ResetFailure,
        Self::UnderVoltage,
        Self::WeakSignal,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConnectorLockFailure => "ConnectorLockFailure",
            Self::EvCommunicationError => "EVCommunicationError",
            Self::GroundFailure => "GroundFailure",
            Self::HighTemperature => "HighTemperature",
            Self::InternalError => "InternalError",
            Self::LocalListConflict => "LocalListConflict",
            Self::OtherError => "OtherError",
            Self::OverCurrentFailure => "OverCurrentFailure",
            Self::OverVoltage => "OverVoltage",
            Self::PowerMeterFailure => "PowerMeterFailure",
            Self::PowerSwitchFailure => "PowerSwitchFailure",
            Self::ReaderFailure => "ReaderFailure",
            Self::ResetFailure => "ResetFailure",
            Self::UnderVoltage => "UnderVoltage",
            Self::WeakSignal => "WeakSignal",
        }
    }

    /// The fault of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// The warning of this word at a connector, 0 is the charge point as a whole.
    pub(super) fn warning(connector_id: u32, word: &str) -> Result<Self, String> {
        match Self::from_word(word) {
            None => Err(format!("{word:?} is no error code of OCPP 1.6")),
            Some(code) if connector_id == 0 && code.is_never_a_fault() => Err(format!(
                "{word} concerns a car; name the connector of the car"
            )),
            Some(code) => Ok(code),
        }
    }

    /// Whether it is a warning always: a car that cannot be understood breaks nothing [1.6 §7.6].
    #[must_use]
    pub const fn is_never_a_fault(self) -> bool {
        matches!(self, Self::EvCommunicationError)
    }

    /// Whether it can be told as a warning beside this state; what concerns the car only where there is one
    /// [1.6 §4.9].
    #[must_use]
    pub const fn warns_in(self, status: Status) -> bool {
        match self {
            Self::EvCommunicationError => matches!(
                status,
                Status::Preparing | Status::SuspendedEv | Status::SuspendedEvse | Status::Finishing
            ),
            _ => !matches!(status, Status::Faulted),
        }
    }
}

/// What the CSMS thinks of an id tag [1.6 §7.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthorizationStatus {
    /// May charge.
    Accepted,
    /// Known and barred.
    Blocked,
    /// Known and out of date.
    Expired,
    /// Unknown.
    Invalid,
    /// Known, and already charging elsewhere.
    ConcurrentTx,
}

impl AuthorizationStatus {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Blocked => "Blocked",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::ConcurrentTx => "ConcurrentTx",
        }
    }
}

/// Why a transaction ended [1.6 §7.36].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopReason {
    /// The CSMS did not accept the tag.
    DeAuthorized,
    /// The emergency stop was pressed.
    EmergencyStop,
    /// The cable was taken out at the car.
    EvDisconnected,
    /// A hard reset was commanded.
    HardReset,
    /// A person at the charge point.
    Local,
    /// Anything else, e.g. a fault.
    Other,
    /// The power went away.
    PowerLoss,
    /// The charge point restarted of itself.
    Reboot,
    /// The CSMS stopped it.
    Remote,
    /// A soft reset was commanded.
    SoftReset,
    /// The CSMS unlocked the connector.
    UnlockCommand,
}

impl StopReason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::DeAuthorized,
        Self::EmergencyStop,
        Self::EvDisconnected,
        Self::HardReset,
        Self::Local,
        Self::Other,
        Self::PowerLoss,
        Self::Reboot,
        Self::Remote,
        Self::SoftReset,
        Self::UnlockCommand,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DeAuthorized => "DeAuthorized",
            Self::EmergencyStop => "EmergencyStop",
            Self::EvDisconnected => "EVDisconnected",
            Self::HardReset => "HardReset",
            Self::Local => "Local",
            Self::Other => "Other",
            Self::PowerLoss => "PowerLoss",
            Self::Reboot => "Reboot",
            Self::Remote => "Remote",
            Self::SoftReset => "SoftReset",
            Self::UnlockCommand => "UnlockCommand",
        }
    }
}

/// What the meter can measure [1.6 §7.31]; the word of one that is not here is refused in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measurand {
    /// The register, Wh.
    EnergyRegister,
    /// Power into the car, W.
    Power,
    /// Most power the charge point would give, W.
    PowerOffered,
    /// Current into the car per phase, in tenths of an ampere.
    Current,
    /// Most current the charge point would give per phase, in tenths of an ampere.
    CurrentOffered,
    /// Volts between phase and neutral.
    Voltage,
    /// State of charge of the car, percent.
    StateOfCharge,
    /// Inside the housing, degrees Celsius.
    Temperature,
}

impl Measurand {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EnergyRegister,
        Self::Power,
        Self::PowerOffered,
        Self::Current,
        Self::CurrentOffered,
        Self::Voltage,
        Self::StateOfCharge,
        Self::Temperature,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::EnergyRegister => "Energy.Active.Import.Register",
            Self::Power => "Power.Active.Import",
            Self::PowerOffered => "Power.Offered",
            Self::Current => "Current.Import",
            Self::CurrentOffered => "Current.Offered",
            Self::Voltage => "Voltage",
            Self::StateOfCharge => "SoC",
            Self::Temperature => "Temperature",
        }
    }

    /// The measurand of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// A wire, or two of them, of an alternating current [1.6 §7.34].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    L1,
    L2,
    L3,
    N,
    L1N,
    L2N,
    L3N,
    L1L2,
    L2L3,
    L3L1,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::L1,
        Self::L2,
        Self::L3,
        Self::N,
        Self::L1N,
        Self::L2N,
        Self::L3N,
        Self::L1L2,
        Self::L2L3,
        Self::L3L1,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::N => "N",
            Self::L1N => "L1-N",
            Self::L2N => "L2-N",
            Self::L3N => "L3-N",
            Self::L1L2 => "L1-L2",
            Self::L2L3 => "L2-L3",
            Self::L3L1 => "L3-L1",
        }
    }

    /// The wire from 1 to 3, where it is one against neutral; 0 for neutral itself.
    #[must_use]
    pub const fn line(self) -> Option<u8> {
        match self {
            Self::N => Some(0),
            Self::L1 | Self::L1N => Some(1),
            Self::L2 | Self::L2N => Some(2),
            Self::L3 | Self::L3N => Some(3),
            Self::L1L2 | Self::L2L3 | Self::L3L1 => None,
        }
    }
}

/// What is measured: all of it, or on one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    pub measurand: Measurand,
    /// `None` is the whole.
    pub phase: Option<Phase>,
}

impl From<Measurand> for Quantity {
    fn from(measurand: Measurand) -> Self {
        Self {
            measurand,
            phase: None,
        }
    }
}

impl Quantity {
    /// The quantity of a word in a list of measurands: `Voltage`, or `Voltage.L1` [1.6 §9.1.17]. `None` also where a
    /// measurand has no such phase.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some(measurand) = Measurand::from_word(word) {
            return Some(measurand.into());
        }
        let (measurand, phase) = word.rsplit_once('.')?;
        let measurand = Measurand::from_word(measurand)?;
        let phase = Phase::ALL.into_iter().find(|one| one.word() == phase)?;
        measurand.has(phase).then_some(Self {
            measurand,
            phase: Some(phase),
        })
    }
}

impl Measurand {
    /// Whether it can be told of this phase.
    const fn has(self, phase: Phase) -> bool {
        match self {
            Self::Voltage => !matches!(phase, Phase::N),
            Self::Current => matches!(phase, Phase::L1 | Phase::L2 | Phase::L3 | Phase::N),
            Self::EnergyRegister | Self::Power | Self::PowerOffered | Self::CurrentOffered => {
                matches!(phase, Phase::L1 | Phase::L2 | Phase::L3)
            }
            Self::StateOfCharge | Self::Temperature => false,
        }
    }
}

/// Why a reading was taken [1.6 §7.35].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// The wall clock reached a multiple of the interval.
    Clock,
    /// The sampling interval passed.
    Periodic,
    /// A transaction began.
    Begin,
    /// A transaction ended.
    End,
    /// The CSMS asked for it.
    Trigger,
}

/// The answer to a boot [1.6 §7.38].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Welcome.
    Accepted,
    /// The CSMS wants to configure first.
    Pending,
    /// Not now.
    Rejected,
}

/// How thoroughly to restart [1.6 §7.42].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetKind {
    /// Ends transactions properly first.
    Soft,
    /// At once.
    Hard,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_leads_back_to_its_value() {
        for code in FaultCode::ALL {
            assert_eq!(FaultCode::from_word(code.word()), Some(code));
        }
        for measurand in Measurand::ALL {
            assert_eq!(Measurand::from_word(measurand.word()), Some(measurand));
        }
        assert_eq!(FaultCode::from_word("NoError"), None);
        assert_eq!(Measurand::from_word("RPM"), None);
        for (word, is_one) in [
            ("Voltage", true),
            ("Voltage.L1", true),
            ("Voltage.L1-N", true),
            ("Voltage.L3-L1", true),
            ("Voltage.N", false),
            ("Current.Import.N", true),
            ("Current.Import.L1-L2", false),
            ("Energy.Active.Import.Register.L2", true),
            ("SoC.L1", false),
            ("Voltage.L4", false),
            ("Voltage.", false),
            (".L1", false),
        ] {
            assert_eq!(Quantity::from_word(word).is_some(), is_one, "{word}");
        }
    }
}
