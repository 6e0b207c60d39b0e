//! The bodies of the commands with an endpoint of their own.

use std::fmt;

use dynamo_protocol::v16::Action;
use garde::Validate;
use jiff::Timestamp;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::body::Dedicated;
use super::profile::{ChargingProfile, Purpose};
use crate::rest::error::ApiError;
use crate::rest::input::plain;
use crate::rest::stamp::Stamp;

/// The part of [`Dedicated`] that is the same for all.
macro_rules! charge_point_id {
    () => {
        fn charge_point_id(&self) -> &str {
            &self.charge_point_id
        }
    };
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct RemoteStart {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(length(chars, min = 1, max = 20), custom(plain))]
    #[schema(min_length = 1, max_length = 20, example = "RFID-USER-4A2F")]
    id_tag: String,
    /// The charge point chooses when left out.
    #[garde(inner(range(min = 1)))]
    #[schema(minimum = 1, maximum = 2147483647, example = 1)]
    connector_id: Option<u32>,
    /// Of the purpose `TxProfile`.
    #[garde(skip)]
    charging_profile: Option<ChargingProfile>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RemoteStartEcho {
    connector_id: Option<u32>,
    id_tag: String,
}

impl Dedicated for RemoteStart {
    const ACTION: Action = Action::RemoteStartTransaction;
    type Echo = RemoteStartEcho;

    charge_point_id!();

    fn check(&self, _: i64) -> Result<(), ApiError> {
        let purpose = self
            .charging_profile
            .as_ref()
            .map(|profile| profile.charging_profile_purpose);
        if purpose.is_some_and(|purpose| purpose != Purpose::TxProfile) {
            return Err(ApiError::field(
                "charging_profile.chargingProfilePurpose",
                "a transaction is started with a TxProfile",
            ));
        }
        Ok(())
    }

    fn echo(self) -> RemoteStartEcho {
        RemoteStartEcho {
            connector_id: self.connector_id,
            id_tag: self.id_tag,
        }
    }
}

/// The id of a transaction: the integer of OCPP, or `txn_` and the integer in 8 hexadecimal digits.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
struct TransactionNumber(i32);

impl PartialSchema for TransactionNumber {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^txn_[0-7][0-9a-f]{7}$"));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(i32::MIN))
            .maximum(Some(i32::MAX));
        OneOfBuilder::new().item(number).item(text).into()
    }
}

impl ToSchema for TransactionNumber {}

impl<'de> Deserialize<'de> for TransactionNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl Visitor<'_> for Form {
            type Value = TransactionNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer of 32 bits, or txn_ and 8 hexadecimal digits")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<TransactionNumber, E> {
                let number = i32::try_from(number);
                number.map(TransactionNumber).map_err(|_| {
                    E::invalid_value(de::Unexpected::Other("an integer above 32 bits"), &self)
                })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<TransactionNumber, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TransactionNumber, E> {
                let digits = text.strip_prefix("txn_").filter(|digits| {
                    digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit())
                });
                digits
                    .and_then(|digits| i32::from_str_radix(digits, 16).ok())
                    .map(TransactionNumber)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Form)
    }
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct RemoteStop {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(skip)]
    #[schema(inline, example = 10042)]
    transaction_id: TransactionNumber,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RemoteStopEcho {
    transaction_id: i32,
}

impl Dedicated for RemoteStop {
    const ACTION: Action = Action::RemoteStopTransaction;
    type Echo = RemoteStopEcho;

    charge_point_id!();

    fn echo(self) -> RemoteStopEcho {
        RemoteStopEcho {
            transaction_id: self.transaction_id.0,
        }
    }
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
enum Availability {
    Operative,
    Inoperative,
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct ChangeAvailability {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    /// 0 is the whole charge point.
    #[garde(skip)]
    #[schema(maximum = 2147483647, example = 2)]
    connector_id: u32,
    #[garde(skip)]
    #[serde(rename = "type")]
    #[schema(example = "Inoperative")]
    kind: Availability,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ChangeAvailabilityEcho {
    connector_id: u32,
    #[serde(rename = "type")]
    kind: Availability,
}

impl Dedicated for ChangeAvailability {
    const ACTION: Action = Action::ChangeAvailability;
    type Echo = ChangeAvailabilityEcho;

    charge_point_id!();

    fn echo(self) -> ChangeAvailabilityEcho {
        ChangeAvailabilityEcho {
            connector_id: self.connector_id,
            kind: self.kind,
        }
    }
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct SetChargingProfile {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    /// 0 is the whole charge point.
    #[garde(skip)]
    #[schema(maximum = 2147483647, example = 1)]
    connector_id: u32,
    #[garde(skip)]
    charging_profile: ChargingProfile,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SetChargingProfileEcho {
    connector_id: u32,
    charging_profile_id: i32,
}

impl Dedicated for SetChargingProfile {
    const ACTION: Action = Action::SetChargingProfile;
    const RENAMED: Option<(&'static str, &'static str)> =
        Some(("charging_profile", "csChargingProfiles"));
    type Echo = SetChargingProfileEcho;

    charge_point_id!();

    fn check(&self, _: i64) -> Result<(), ApiError> {
        let reason = match (
            self.charging_profile.charging_profile_purpose,
            self.connector_id,
        ) {
            (Purpose::ChargePointMaxProfile, 1..) => "a ChargePointMaxProfile is for connector 0",
            (Purpose::TxProfile, 0) => "a TxProfile is for a connector, from 1",
            _ => return Ok(()),
        };
        Err(ApiError::field("connector_id", reason))
    }

    fn echo(self) -> SetChargingProfileEcho {
        SetChargingProfileEcho {
            connector_id: self.connector_id,
            charging_profile_id: self.charging_profile.charging_profile_id,
        }
    }
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct ClearChargingProfile {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(skip)]
    #[schema(minimum = -2147483648, maximum = 2147483647, example = 101)]
    id: Option<i32>,
    /// 0 is the whole charge point.
    #[garde(skip)]
    #[schema(maximum = 2147483647)]
    connector_id: Option<u32>,
    #[garde(skip)]
    charging_profile_purpose: Option<Purpose>,
    #[garde(skip)]
    #[schema(maximum = 2147483647)]
    stack_level: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClearChargingProfileEcho {}

impl Dedicated for ClearChargingProfile {
    const ACTION: Action = Action::ClearChargingProfile;
    type Echo = ClearChargingProfileEcho;

    charge_point_id!();

    fn echo(self) -> ClearChargingProfileEcho {
        ClearChargingProfileEcho {}
    }
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
enum ResetKind {
    Soft,
    Hard,
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct Reset {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(skip)]
    #[serde(rename = "type")]
    #[schema(example = "Soft")]
    kind: ResetKind,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ResetEcho {
    #[serde(rename = "type")]
    kind: ResetKind,
}

impl Dedicated for Reset {
    const ACTION: Action = Action::Reset;
    type Echo = ResetEcho;

    charge_point_id!();

    fn echo(self) -> ResetEcho {
        ResetEcho { kind: self.kind }
    }
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
enum RequestedMessage {
    BootNotification,
    DiagnosticsStatusNotification,
    FirmwareStatusNotification,
    Heartbeat,
    MeterValues,
    StatusNotification,
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct TriggerMessage {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(skip)]
    #[schema(example = "StatusNotification")]
    requested_message: RequestedMessage,
    /// Required for MeterValues and StatusNotification.
    #[garde(inner(range(min = 1)))]
    #[schema(minimum = 1, maximum = 2147483647, example = 1)]
    connector_id: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TriggerMessageEcho {
    requested_message: RequestedMessage,
}

impl Dedicated for TriggerMessage {
    const ACTION: Action = Action::TriggerMessage;
    type Echo = TriggerMessageEcho;

    charge_point_id!();

    fn check(&self, _: i64) -> Result<(), ApiError> {
        let of_a_connector = matches!(
            self.requested_message,
            RequestedMessage::MeterValues | RequestedMessage::StatusNotification
        );
        if of_a_connector && self.connector_id.is_none() {
            return Err(ApiError::field(
                "connector_id",
                "it is required for MeterValues and StatusNotification",
            ));
        }
        Ok(())
    }

    fn echo(self) -> TriggerMessageEcho {
        TriggerMessageEcho {
            requested_message: self.requested_message,
        }
    }
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct ReserveNow {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(range(min = 1))]
    #[schema(minimum = 1, maximum = 2147483647, example = 1)]
    connector_id: u32,
    /// In the future.
    #[garde(skip)]
    #[schema(format = DateTime, example = "2124-03-10T17:00:00Z")]
    expiry_date: String,
    #[garde(length(chars, min = 1, max = 20), custom(plain))]
    #[schema(min_length = 1, max_length = 20, example = "RFID-USER-4A2F")]
    id_tag: String,
    #[garde(skip)]
    #[schema(minimum = -2147483648, maximum = 2147483647, example = 5001)]
    reservation_id: i32,
    #[garde(inner(length(chars, min = 1, max = 20), custom(plain)))]
    #[schema(min_length = 1, max_length = 20)]
    parent_id_tag: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ReserveNowEcho {
    connector_id: u32,
    reservation_id: i32,
    expires_at: Stamp,
}

/// The instant of a date in a request; none where it is no date.
fn instant_ms(text: &str) -> Option<i64> {
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

impl Dedicated for ReserveNow {
    const ACTION: Action = Action::ReserveNow;
    type Echo = ReserveNowEcho;

    charge_point_id!();

    fn check(&self, now_ms: i64) -> Result<(), ApiError> {
        match instant_ms(&self.expiry_date) {
            Some(at_ms) if at_ms > now_ms => Ok(()),
            Some(_) => Err(ApiError::field("expiry_date", "it is in the past")),
            None => Err(ApiError::field(
                "expiry_date",
                "a time such as 2030-01-31T12:00:00Z is wanted",
            )),
        }
    }

    fn echo(self) -> ReserveNowEcho {
        ReserveNowEcho {
            connector_id: self.connector_id,
            reservation_id: self.reservation_id,
            expires_at: Stamp(instant_ms(&self.expiry_date).unwrap_or(i64::MAX)),
        }
    }
}

#[derive(Deserialize, Serialize, ToSchema, Validate)]
pub(super) struct CancelReservation {
    #[garde(skip)]
    #[schema(min_length = 1, example = "CP-SITE42-001")]
    charge_point_id: String,
    #[garde(skip)]
    #[schema(minimum = -2147483648, maximum = 2147483647, example = 5001)]
    reservation_id: i32,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CancelReservationEcho {
    reservation_id: i32,
}

impl Dedicated for CancelReservation {
    const ACTION: Action = Action::CancelReservation;
    type Echo = CancelReservationEcho;

    charge_point_id!();

    fn echo(self) -> CancelReservationEcho {
        CancelReservationEcho {
            reservation_id: self.reservation_id,
        }
    }
}
