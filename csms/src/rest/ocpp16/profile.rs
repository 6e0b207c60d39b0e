//! A charging profile in a request: its members have the names of OCPP [1.6 §7.8].

use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChargingProfile {
    #[schema(minimum = -2147483648, maximum = 2147483647, example = 101)]
    pub charging_profile_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -2147483648, maximum = 2147483647)]
    transaction_id: Option<i32>,
    #[schema(maximum = 2147483647)]
    stack_level: u32,
    pub charging_profile_purpose: Purpose,
    charging_profile_kind: Kind,
    /// For the kind `Recurring`.
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrency_kind: Option<Recurrency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    valid_to: Option<String>,
    charging_schedule: ChargingSchedule,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChargingSchedule {
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 2147483647)]
    duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_schedule: Option<String>,
    charging_rate_unit: RateUnit,
    charging_schedule_period: Vec<ChargingSchedulePeriod>,
    /// In the unit, with one digit after the point.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, multiple_of = 0.1)]
    min_charging_rate: Option<Number>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChargingSchedulePeriod {
    /// In seconds from the start of the schedule.
    #[schema(maximum = 2147483647, example = 0)]
    start_period: u32,
    /// In the unit, with one digit after the point.
    #[schema(value_type = f64, multiple_of = 0.1, example = 7400)]
    limit: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3)]
    number_phases: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[expect(clippy::enum_variant_names, reason = "the words of the standard")]
#[schema(example = "TxDefaultProfile")]
pub(super) enum Purpose {
    ChargePointMaxProfile,
    TxDefaultProfile,
    TxProfile,
}

#[derive(Deserialize, Serialize, ToSchema)]
enum Kind {
    Absolute,
    Recurring,
    Relative,
}

#[derive(Deserialize, Serialize, ToSchema)]
enum Recurrency {
    Daily,
    Weekly,
}

#[derive(Deserialize, Serialize, ToSchema)]
enum RateUnit {
    A,
    W,
}
