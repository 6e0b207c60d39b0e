//! Charging profiles: how much power a charge point may give, when [2.0.1 K].

use rust_decimal::Decimal;

/// What a profile limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The whole charge point.
    Station,
    /// The same, by a system outside; OCPP 1.6 does not know it.
    ExternalConstraints,
    /// Every transaction that has no profile of its own.
    TransactionDefault,
    /// One transaction.
    Transaction,
}

/// What its schedules begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// An instant.
    Absolute,
    /// The same time of each day or week.
    Recurring(Recurrence),
    /// The begin of the transaction.
    Relative,
}

/// How often a schedule begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
}

/// The unit of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    /// Amperes, per phase.
    Amperes,
    /// Watts, of all phases together.
    Watts,
}

/// A limit from some second of a schedule on.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Seconds since the schedule began.
    pub from_s: i32,
    /// In the unit of the schedule, one digit after the point.
    pub limit: Decimal,
    /// 1 to 3.
    pub phases: Option<u8>,
    /// Which one, if it is one [2.0.1 phaseToUse]; OCPP 1.6 cannot choose.
    pub phase: Option<u8>,
}

/// Limits over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// OCPP 1.6 does not number them.
    pub id: i32,
    /// The unit of its limits.
    pub unit: RateUnit,
    /// In order of time, the first from second 0.
    pub limits: Vec<Limit>,
    /// How long it holds; without end if it does not say.
    pub duration_s: Option<i32>,
    /// When it begins, unless the kind says that.
    pub starts_at_ms: Option<i64>,
    /// Less than this makes charging inefficient. One digit after the point.
    pub least: Option<Decimal>,
}

/// A charging profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargingProfile {
    /// Chosen by the CSMS; one that is there is replaced.
    pub id: i32,
    /// Of two of one purpose the higher holds.
    pub stack_level: i32,
    /// What it limits.
    pub purpose: Purpose,
    /// What its schedules begin at.
    pub kind: ProfileKind,
    /// From when on it counts.
    pub valid_from_ms: Option<i64>,
    /// Until when.
    pub valid_to_ms: Option<i64>,
    /// As in [`Command::Stop`](super::Command::Stop), where it is for one.
    pub transaction: Option<String>,
    /// One to three, of which the car chooses; OCPP 1.6 has one.
    pub schedules: Vec<Schedule>,
}

/// Which profiles are meant: those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFilter {
    /// The one with this id.
    pub id: Option<i32>,
    /// Those of this EVSE; 0 is the whole charge point.
    pub evse: Option<u32>,
    /// Those of this purpose.
    pub purpose: Option<Purpose>,
    /// Those of this level.
    pub stack_level: Option<i32>,
}
