//! What the charge point says, as OCPP 1.6 messages.

use dynamo_protocol::frame::payload;
use dynamo_protocol::time::date_time;
use dynamo_protocol::v16::{
    AuthorizeRequest, BootNotificationRequest, ChargePointErrorCode, ChargePointStatus,
    HeartbeatRequest, Location, MeterValue, MeterValuesRequest, Phase, ReadingContext, Reason,
    SampledValue, StartTransactionRequest, StatusNotificationRequest, StopTransactionRequest,
    UnitOfMeasure,
};
use dynamo_protocol::{Request, v16};
use serde::Serialize;

use crate::charge_point::{ConnectorId, Context, FaultCode, Measurand, Quantity, Reading, Report};

/// The reason that the standard gives in these words [1.6 §4.9].
const EV_SIDE_DISCONNECTED: &str = "EV side disconnected";

pub(in crate::dialect) fn encode(report: &Report) -> (&'static str, String) {
    match report {
        Report::Boot {
            hardware,
            serial_number,
        } => message(&BootNotificationRequest {
            charge_point_serial_number: Some(serial_number.clone()),
            firmware_version: Some(hardware.firmware_version.clone()),
            ..BootNotificationRequest::new(hardware.vendor.as_str(), hardware.model.as_str())
        }),
        Report::Heartbeat => message(&HeartbeatRequest::new()),
        Report::Authorize { id_tag } => message(&AuthorizeRequest::new(&**id_tag)),
        Report::Status {
            connector_id,
            status,
            fault,
            ev_side_disconnected,
            at_ms,
        } => message(&StatusNotificationRequest {
            timestamp: Some(date_time(*at_ms)),
            info: fault
                .map(|code| trouble(code, *connector_id))
                .or_else(|| ev_side_disconnected.then(|| EV_SIDE_DISCONNECTED.to_owned())),
            ..StatusNotificationRequest::new(
                integer(i64::from(*connector_id)),
                fault.map_or(ChargePointErrorCode::NoError, |code| {
                    ChargePointErrorCode::from_wire(code.word())
                }),
                ChargePointStatus::from_wire(status.word()),
            )
        }),
        Report::StartTransaction {
            connector_id,
            id_tag,
            meter_start_wh,
            at_ms,
            reservation_id,
        } => message(&StartTransactionRequest {
            reservation_id: *reservation_id,
            ..StartTransactionRequest::new(
                integer(i64::from(*connector_id)),
                &**id_tag,
                integer(*meter_start_wh),
                date_time(*at_ms),
            )
        }),
        Report::StopTransaction {
            transaction_id,
            id_tag,
            meter_stop_wh,
            at_ms,
            reason,
            readings,
        } => message(&StopTransactionRequest {
            id_tag: id_tag.as_deref().map(str::to_owned),
            // `Local` is what an absent reason means, and it is said all the same: peers that do not know that exist
            // [1.6 §6.49].
            reason: Some(Reason::from_wire(reason.word())),
            transaction_data: (!readings.is_empty())
                .then(|| readings.iter().map(|one| meter_value(1, one)).collect()),
            ..StopTransactionRequest::new(
                integer(*meter_stop_wh),
                date_time(*at_ms),
                integer(*transaction_id),
            )
        }),
        Report::MeterValues {
            connector_id,
            transaction_id,
            readings,
        } => message(&MeterValuesRequest {
            transaction_id: transaction_id.map(integer),
            ..MeterValuesRequest::new(
                integer(i64::from(*connector_id)),
                readings
                    .iter()
                    .map(|reading| meter_value(*connector_id, reading))
                    .collect::<Vec<_>>(),
            )
        }),
    }
}

fn message<R: Request<Action = v16::Action> + Serialize>(request: &R) -> (&'static str, String) {
    (R::ACTION.as_str(), payload(request))
}

/// The wire's integers have 32 bits; a register beyond them (2 TWh) stays at its largest.
fn integer(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// A fault in words, for people.
fn trouble(code: FaultCode, connector_id: ConnectorId) -> String {
    let mut words = String::new();
    for letter in code.word().chars() {
        if letter.is_uppercase() && words.ends_with(char::is_lowercase) {
            words.push(' ');
            words.push(letter.to_ascii_lowercase());
        } else {
            words.push(letter);
        }
    }
    match connector_id {
        0 => words,
        _ => format!("{words} at connector {connector_id}"),
    }
}

/// 0 is the meter of the charge point as a whole, any other that of a connector.
fn meter_value(connector_id: ConnectorId, reading: &Reading) -> MeterValue {
    let context = match reading.context {
        Context::Clock => ReadingContext::SampleClock,
        Context::Periodic => ReadingContext::SamplePeriodic,
        Context::Begin => ReadingContext::TransactionBegin,
        Context::End => ReadingContext::TransactionEnd,
        Context::Trigger => ReadingContext::Trigger,
    };
    let samples: Vec<SampledValue> = reading
        .values
        .iter()
        .map(|(Quantity { measurand, phase }, value)| SampledValue {
            context: Some(context.clone()),
            measurand: Some(v16::Measurand::from_wire(measurand.word())),
            phase: phase.map(|phase| Phase::from_wire(phase.word())),
            location: Some(location(*measurand, connector_id)),
            unit: Some(unit(*measurand)),
            ..SampledValue::new(text(*measurand, *value))
        })
        .collect();
    MeterValue::new(date_time(reading.at_ms), samples)
}

fn text(measurand: Measurand, value: i64) -> String {
    match measurand {
        Measurand::Current | Measurand::CurrentOffered => {
            format!("{}.{}", value / 10, (value % 10).abs())
        }
        _ => value.to_string(),
    }
}

fn unit(measurand: Measurand) -> UnitOfMeasure {
    match measurand {
        Measurand::EnergyRegister => UnitOfMeasure::Wh,
        Measurand::Power | Measurand::PowerOffered => UnitOfMeasure::W,
        Measurand::Current | Measurand::CurrentOffered => UnitOfMeasure::A,
        Measurand::Voltage => UnitOfMeasure::V,
        Measurand::StateOfCharge => UnitOfMeasure::Percent,
        Measurand::Temperature => UnitOfMeasure::Celsius,
    }
}

fn location(measurand: Measurand, connector_id: ConnectorId) -> Location {
    match measurand {
        _ if connector_id == 0 && measurand != Measurand::Temperature => Location::Inlet,
        Measurand::StateOfCharge => Location::EV,
        Measurand::Temperature => Location::Body,
        _ => Location::Outlet,
    }
}
