//! Neutral commands in the words of OCPP 1.6.
//! What came with OCPP 2.0.1 cannot be said.

use dynamo_protocol::v16::*;
use dynamo_protocol::{Request, frame, time};

use super::numbers::{connector, no_words, number_of, of_evse};
use super::profile;
use crate::domain::charge_points::evse::Numbering;
use crate::domain::command::{
    Availability, CallFailure, Command, Message, ProfileFilter, Reservation, ResetTime, Setting,
    Start, Target,
};

/// The action of a command that is not raw, and its payload as JSON; `numbering` is that of the charge point.
pub(super) fn say(
    command: &Command,
    numbering: &Numbering,
) -> Result<(Action, String), CallFailure> {
    Ok(match command {
        Command::Start(start) => said(&remote_start(start, numbering)?),
        Command::Stop { transaction } => {
            said(&RemoteStopTransactionRequest::new(number_of(transaction)?))
        }
        Command::Reset { when, evse } => {
            if evse.is_some() {
                return Err(no_words("a reset of one EVSE"));
            }
            said(&ResetRequest::new(match when {
                ResetTime::Immediately => ResetType::Hard,
                ResetTime::OnIdle => ResetType::Soft,
            }))
        }
        Command::SetAvailability {
            target,
            availability,
        } => {
            let kind = match availability {
                Availability::Operative => AvailabilityType::Operative,
                Availability::Inoperative => AvailabilityType::Inoperative,
            };
            said(&ChangeAvailabilityRequest::new(
                connector(*target, numbering)?,
                kind,
            ))
        }
        Command::Unlock {
            evse,
            connector: of,
        } => {
            let target = Target::Connector {
                evse: *evse,
                connector: *of,
            };
            said(&UnlockConnectorRequest::new(connector(target, numbering)?))
        }
        Command::Reserve(reservation) => said(&reserve(reservation, numbering)?),
        Command::CancelReservation { reservation } => {
            said(&CancelReservationRequest::new(*reservation))
        }
        Command::SetProfile { evse, profile } => {
            let (evse, profile) = (of_evse(*evse, numbering)?, profile::say(profile)?);
            said(&SetChargingProfileRequest::new(evse, profile))
        }
        Command::ClearProfiles(filter) => said(&clear(filter, numbering)?),
        Command::GetCompositeSchedule {
            evse,
            duration_s,
            unit,
        } => {
            let mut request =
                GetCompositeScheduleRequest::new(of_evse(*evse, numbering)?, *duration_s);
            request.charging_rate_unit = unit.map(profile::unit);
            said(&request)
        }
        Command::GetSettings(settings) => {
            let keys: Result<Vec<String>, CallFailure> = settings.iter().map(key).collect();
            let mut request = GetConfigurationRequest::new();
            request.key = Some(keys?).filter(|keys| !keys.is_empty());
            said(&request)
        }
        Command::Set { setting, value } => {
            said(&ChangeConfigurationRequest::new(key(setting)?, value))
        }
        Command::Trigger { message, target } => trigger(*message, *target, numbering)?,
        Command::Raw(_) => return Err(no_words("a command of another version")),
    })
}

fn said<T: Request<Action = Action>>(request: &T) -> (Action, String) {
    (T::ACTION, frame::payload(request))
}

fn key(setting: &Setting) -> Result<String, CallFailure> {
    let key = setting.key().map(str::to_owned);
    key.ok_or_else(|| {
        let Setting {
            component,
            variable,
            ..
        } = setting;
        no_words(&format!("the variable {variable} of {component}"))
    })
}

fn remote_start(
    start: &Start,
    numbering: &Numbering,
) -> Result<RemoteStartTransactionRequest, CallFailure> {
    let mut request = RemoteStartTransactionRequest::new(&start.token.value);
    request.connector_id = one(start.target, numbering)?;
    request.charging_profile = start.profile.as_ref().map(profile::say).transpose()?;
    Ok(request)
}

/// The number of a connector; none of the whole charge point.
fn one(target: Target, numbering: &Numbering) -> Result<Option<i32>, CallFailure> {
    match target {
        Target::Station => Ok(None),
        target => connector(target, numbering).map(Some),
    }
}

fn reserve(
    reservation: &Reservation,
    numbering: &Numbering,
) -> Result<ReserveNowRequest, CallFailure> {
    if reservation.connector_type.is_some() {
        return Err(no_words("a reservation by the type of the connector"));
    }
    let mut request = ReserveNowRequest::new(
        of_evse(reservation.evse, numbering)?,
        time::date_time(reservation.expires_at_ms),
        &reservation.token.value,
        reservation.id,
    );
    let group = reservation.group.as_ref();
    request.parent_id_tag = group.map(|group| group.value.clone());
    Ok(request)
}

fn clear(
    filter: &ProfileFilter,
    numbering: &Numbering,
) -> Result<ClearChargingProfileRequest, CallFailure> {
    let mut request = ClearChargingProfileRequest::new();
    request.id = filter.id;
    request.connector_id = filter
        .evse
        .map(|evse| of_evse(Some(evse), numbering))
        .transpose()?;
    request.charging_profile_purpose = filter.purpose.map(profile::purpose).transpose()?;
    request.stack_level = filter.stack_level;
    Ok(request)
}

/// What the first edition cannot ask for, its security extension can [1.6 security whitepaper §4].
fn trigger(
    message: Message,
    target: Target,
    numbering: &Numbering,
) -> Result<(Action, String), CallFailure> {
    let connector = one(target, numbering)?;
    let plain = |message| {
        let mut request = TriggerMessageRequest::new(message);
        request.connector_id = connector;
        said(&request)
    };
    let extended = |message| {
        let mut request = ExtendedTriggerMessageRequest::new(message);
        request.connector_id = connector;
        said(&request)
    };
    Ok(match message {
        Message::Boot => plain(MessageTrigger::BootNotification),
        Message::Heartbeat => plain(MessageTrigger::Heartbeat),
        Message::Status => plain(MessageTrigger::StatusNotification),
        Message::MeterValues => plain(MessageTrigger::MeterValues),
        Message::FirmwareStatus => plain(MessageTrigger::FirmwareStatusNotification),
        Message::LogStatus => extended(ExtendedMessageTrigger::LogStatusNotification),
        Message::SignCertificate => extended(ExtendedMessageTrigger::SignChargePointCertificate),
        Message::Transaction => return Err(no_words("how a transaction stands")),
    })
}

#[cfg(test)]
mod tests;
