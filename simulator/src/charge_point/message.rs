//! The messages of a charge point, free of any OCPP version: [`Command`] and its [`Reply`], [`Report`] and its
//! [`Answer`].

use std::sync::Arc;

pub use super::charging::{
    ChargingProfile, Limit, Period, ProfileFilter, ProfileKind, ProfilePurpose,
};
use super::io::{ConnectorId, Hardware};
use super::words::{
    AuthorizationStatus, Context, FaultCode, Measurand, Quantity, Registration, ResetKind, Status,
    StopReason,
};

/// What the CSMS can want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take a connector (0: everything) into or out of service [1.6 §5.2].
    ChangeAvailability {
        /// Which one.
        connector_id: ConnectorId,
        /// In service or out of it.
        operative: bool,
    },
    /// Set one configuration key [1.6 §5.3].
    ChangeConfiguration {
        /// Compared without case.
        key: String,
        /// As text, whatever its type.
        value: String,
    },
    /// Forget the cached authorizations [1.6 §5.4].
    ClearCache,
    /// Something of a vendor's own [1.6 §5.6].
    DataTransfer {
        /// Whose.
        vendor_id: String,
    },
    /// Tell configuration keys [1.6 §5.8].
    GetConfiguration {
        /// Which; none at all means all of them.
        keys: Vec<String>,
    },
    /// Begin a transaction [1.6 §5.11].
    RemoteStart {
        /// Where; the charge point chooses when it is absent.
        connector_id: Option<ConnectorId>,
        /// For whom.
        id_tag: Arc<str>,
        /// What holds while it runs.
        profile: Option<Box<ChargingProfile>>,
    },
    /// End a transaction [1.6 §5.12].
    RemoteStop {
        /// The id the CSMS gave it.
        transaction_id: i64,
    },
    /// Restart [1.6 §5.14].
    Reset {
        /// How.
        kind: ResetKind,
    },
    /// Send a message now [1.6 §5.17].
    Trigger {
        /// Which.
        message: Triggered,
        /// About which connector; all of them when absent.
        connector_id: Option<ConnectorId>,
    },
    /// Keep a connector for a tag [1.6 §5.13].
    Reserve(Reserve),
    /// Forget a reservation [1.6 §5.1].
    CancelReservation {
        /// The one of this id.
        reservation_id: i32,
    },
    /// Hold a limit [1.6 §5.16].
    SetChargingProfile {
        /// 0 is the charge point as a whole.
        connector_id: ConnectorId,
        /// What holds when.
        profile: ChargingProfile,
    },
    /// Forget limits [1.6 §5.5].
    ClearChargingProfiles(ProfileFilter),
    /// Tell what holds when [1.6 §5.7].
    GetCompositeSchedule {
        /// 0 is the charge point as a whole.
        connector_id: ConnectorId,
        /// For how long, in seconds.
        duration_s: i32,
        /// What limits are told in; watts when absent.
        unit: Option<RateUnit>,
    },
    /// Let go of the plug [1.6 §5.18].
    Unlock {
        /// Where.
        connector_id: ConnectorId,
    },
}

/// The messages that can be triggered [1.6 §7.32].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triggered {
    Boot,
    DiagnosticsStatus,
    FirmwareStatus,
    Heartbeat,
    MeterValues,
    Status,
}

/// What a charge point answers to a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Command::ChangeAvailability`].
    Availability(AvailabilityReply),
    /// To [`Command::ChangeConfiguration`].
    ConfigurationChanged(ConfigurationReply),
    /// To [`Command::ClearCache`]: whether there is a cache to clear.
    CacheCleared {
        /// Cleared.
        accepted: bool,
    },
    /// To [`Command::DataTransfer`]: there is no vendor this charge point knows.
    VendorUnknown,
    /// To [`Command::GetConfiguration`].
    Configuration {
        /// The keys that exist.
        known: Vec<KeyValue>,
        /// The asked ones that do not, as they were written.
        unknown: Vec<String>,
    },
    /// To [`Command::RemoteStart`].
    RemoteStart {
        /// It will be tried.
        accepted: bool,
    },
    /// To [`Command::RemoteStop`].
    RemoteStop {
        /// It is done.
        accepted: bool,
    },
    /// To [`Command::Reset`].
    Reset {
        /// It will be done.
        accepted: bool,
    },
    /// To [`Command::Trigger`].
    Trigger(TriggerReply),
    /// To [`Command::Reserve`].
    Reservation(ReservationReply),
    /// To [`Command::CancelReservation`].
    ReservationCancelled {
        /// There was one.
        accepted: bool,
    },
    /// To [`Command::SetChargingProfile`].
    ChargingProfile {
        /// It holds.
        accepted: bool,
    },
    /// To [`Command::ClearChargingProfiles`].
    ChargingProfilesCleared {
        /// There was one.
        found: bool,
    },
    /// To [`Command::GetCompositeSchedule`]; `None` where there is no such connector, or no time.
    CompositeSchedule(Option<Box<CompositeSchedule>>),
    /// To [`Command::Unlock`].
    Unlock(UnlockReply),
}

/// What limits are told in [1.6 §7.12].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    Watts,
    Amperes,
}

/// What may be drawn over some time [1.6 §5.7].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeSchedule {
    /// 0 is the charge point as a whole.
    pub connector_id: ConnectorId,
    /// When it begins, Unix ms.
    pub start_ms: i64,
    /// How long it says anything, in seconds.
    pub duration_s: i32,
    /// Of its limits.
    pub unit: RateUnit,
    /// On how many phases limits in amperes count.
    pub phases: u8,
    /// In the order of time, the first from 0.
    pub periods: Vec<CompositePeriod>,
}

/// From this second of the schedule on, so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompositePeriod {
    /// Seconds from its start.
    pub from_s: i32,
    /// Watts, or tenths of an ampere on each phase.
    pub limit: u32,
}

/// A reservation that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Where.
    pub connector_id: ConnectorId,
    /// Its number; the same one again replaces it.
    pub reservation_id: i32,
    /// For whom.
    pub id_tag: Arc<str>,
    /// For whose group.
    pub parent: Option<Arc<str>>,
    /// Until when, Unix ms.
    pub expires_at_ms: i64,
}

/// [1.6 §7.40].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationReply {
    /// It is kept.
    Accepted,
    /// Broken.
    Faulted,
    /// In use, or kept for somebody else.
    Occupied,
    /// No such connector, or over already.
    Rejected,
    /// Out of service.
    Unavailable,
}

/// [1.6 §7.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvailabilityReply {
    /// Done.
    Accepted,
    /// No such connector.
    Rejected,
    /// As soon as the transaction is over.
    Scheduled,
}

/// [1.6 §7.22].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationReply {
    /// In force.
    Accepted,
    /// Read-only, or a value the key cannot have.
    Rejected,
    /// In force after the next start.
    RebootRequired,
    /// No such key.
    NotSupported,
}

/// [1.6 §7.44].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerReply {
    /// It follows.
    Accepted,
    /// Not now, or no such connector.
    Rejected,
    /// This message never follows.
    NotImplemented,
}

/// [1.6 §7.46].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlockReply {
    /// The plug is free.
    Unlocked,
    /// The lock does not move.
    UnlockFailed,
    /// No lock, or no such connector.
    NotSupported,
}

/// One configuration key [1.6 §7.29].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The name as the standard writes it.
    pub key: &'static str,
    /// Whether the CSMS cannot change it.
    pub readonly: bool,
    /// Its value as text.
    pub value: String,
}

/// What a charge point says of its own accord.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It has started [1.6 §4.2].
    Boot {
        /// What it is.
        hardware: Arc<Hardware>,
        /// Its serial number, up to 25 characters.
        serial_number: String,
    },
    /// It is there [1.6 §4.6].
    Heartbeat,
    /// May this tag charge? [1.6 §4.1]
    Authorize {
        /// The tag, up to 20 characters.
        id_tag: Arc<str>,
    },
    /// A connector's state [1.6 §4.9].
    Status {
        /// 0 is the charge point itself.
        connector_id: ConnectorId,
        /// The state.
        status: Status,
        /// Why it is faulted, or the warning beside another state.
        fault: Option<FaultCode>,
        /// The reason of the state is that the cable was taken out at the car.
        ev_side_disconnected: bool,
        /// When it came to be, Unix ms.
        at_ms: i64,
    },
    /// A transaction began [1.6 §4.8].
    StartTransaction {
        /// Where.
        connector_id: ConnectorId,
        /// Who.
        id_tag: Arc<str>,
        /// The register, Wh.
        meter_start_wh: i64,
        /// When, Unix ms.
        at_ms: i64,
        /// The reservation that ends with it.
        reservation_id: Option<i32>,
    },
    /// A transaction ended [1.6 §4.10].
    StopTransaction {
        /// The CSMS's id; -1 when it never gave one.
        transaction_id: i64,
        /// Who ended it, if anybody showed a tag.
        id_tag: Option<Arc<str>>,
        /// The register, Wh.
        meter_stop_wh: i64,
        /// When, Unix ms.
        at_ms: i64,
        /// Why.
        reason: StopReason,
        /// Readings of the transaction.
        readings: Vec<Reading>,
    },
    /// Readings of a meter [1.6 §4.7].
    MeterValues {
        /// Where.
        connector_id: ConnectorId,
        /// The CSMS's id of the transaction they belong to.
        transaction_id: Option<i64>,
        /// At least one.
        readings: Vec<Reading>,
    },
}

/// What a meter showed at one instant [1.6 §7.33].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When, Unix ms.
    pub at_ms: i64,
    /// Why.
    pub context: Context,
    /// What, in the unit of the measurand.
    pub values: Box<[(Quantity, i64)]>,
}

impl Reading {
    /// The register in Wh, if it is among the values.
    #[must_use]
    pub fn energy_wh(&self) -> Option<i64> {
        self.values
            .iter()
            .find(|(quantity, _)| *quantity == Measurand::EnergyRegister.into())
            .map(|(_, value)| *value)
    }
}

/// What the CSMS answers to a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Report::Boot`].
    Boot {
        /// Whether it may work.
        registration: Registration,
        /// The CSMS's clock, Unix ms.
        current_time_ms: i64,
        /// Between heartbeats, or before the next try; seconds, 0 leaves it to the charge point.
        interval_s: u32,
    },
    /// To [`Report::Heartbeat`].
    Heartbeat {
        /// The CSMS's clock, Unix ms.
        current_time_ms: i64,
    },
    /// To [`Report::Authorize`].
    Authorize(IdTagInfo),
    /// To [`Report::StartTransaction`].
    StartTransaction {
        /// The id to use from now on.
        transaction_id: i64,
        /// What it thinks of the tag.
        id_tag_info: IdTagInfo,
    },
    /// To [`Report::StopTransaction`].
    StopTransaction {
        /// What it thinks of the tag that ended it.
        id_tag_info: Option<IdTagInfo>,
    },
    /// To everything else: it has heard.
    Acknowledged,
}

/// What the CSMS knows about a tag [1.6 §7.27].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTagInfo {
    /// Whether it may charge.
    pub status: AuthorizationStatus,
    /// Until when this holds, Unix ms.
    pub expiry_ms: Option<i64>,
    /// The group it belongs to.
    pub parent_id_tag: Option<Arc<str>>,
}
