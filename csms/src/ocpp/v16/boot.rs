//! BootNotification, Heartbeat and StatusNotification.

use std::sync::atomic::Ordering::Relaxed;

use dynamo_protocol::v16::{
    BootNotificationRequest, BootNotificationResponse, ChargePointStatus, HeartbeatRequest,
    HeartbeatResponse, RegistrationStatus, StatusNotificationRequest, StatusNotificationResponse,
};
use dynamo_protocol::{CallError, ErrorCode, time};

use super::super::routes::{Cx, remember_registration};
use super::connector;
use super::notes::event;
use crate::domain::charge_points::connector::ConnectorState;
use crate::domain::charge_points::reports;
use crate::domain::occurrence::Kind;
use crate::store::{BootFacts, ConnectorReport, Registration};

pub(super) async fn boot_notification(
    cx: Cx,
    request: BootNotificationRequest,
) -> Result<BootNotificationResponse, CallError> {
    let facts = BootFacts {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        vendor: request.charge_point_vendor,
        model: request.charge_point_model,
        serial_number: request
            .charge_point_serial_number
            .or(request.charge_box_serial_number),
        firmware_version: request.firmware_version,
        booted_at_ms: cx.received_at_ms,
    };
    let event = event(&cx, "BootNotification", None);
    let occurrence = cx.occurrence(Kind::Booted);
    let is_told = occurrence.is_some();
    let (registration, interval_s) = reports::boot(&cx.app.store, facts, event, occurrence).await?;
    if is_told {
        cx.app.outbox.posted();
    }
    remember_registration(&cx.contact, registration, cx.app.mono.now_ms());
    let status = match registration {
        Registration::Accepted => RegistrationStatus::Accepted,
        Registration::Pending => RegistrationStatus::Pending,
        Registration::Rejected => RegistrationStatus::Rejected,
    };
    let interval = interval_s.and_then(|seconds| i32::try_from(seconds).ok());
    Ok(BootNotificationResponse::new(
        status,
        cx.app.clock().stamp(),
        interval.unwrap_or(cx.app.options.heartbeat_interval_s),
    ))
}

pub(super) async fn heartbeat(cx: Cx, _: HeartbeatRequest) -> Result<HeartbeatResponse, CallError> {
    cx.contact.heartbeat_at_ms.store(cx.received_at_ms, Relaxed);
    Ok(HeartbeatResponse::new(cx.app.clock().stamp()))
}

fn state_of(status: ChargePointStatus) -> Result<ConnectorState, CallError> {
    let unknown = || {
        CallError::new(
            ErrorCode::PropertyConstraintViolation,
            "status: no such word",
        )
    };
    ConnectorState::from_word(status.as_str()).ok_or_else(unknown)
}

pub(super) async fn status_notification(
    cx: Cx,
    request: StatusNotificationRequest,
) -> Result<StatusNotificationResponse, CallError> {
    let report = ConnectorReport {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        connector_id: connector(request.connector_id)?,
        state: state_of(request.status)?,
        error_code: request.error_code.as_str().to_owned(),
        info: request.info,
        vendor_id: request.vendor_id,
        vendor_error_code: request.vendor_error_code,
        stamp_ms: request.timestamp.map(time::unix_ms),
        received_at_ms: cx.received_at_ms,
        receipt: (cx.app.run_id.clone(), cx.receipt),
    };
    let occurrence = cx.occurrence(Kind::StatusChanged);
    let is_told = occurrence.is_some();
    reports::connector_status(&cx.app.store, report, occurrence).await?;
    if is_told {
        cx.app.outbox.posted();
    }
    cx.app.guests.wake(cx.charge_point.as_str());
    Ok(StatusNotificationResponse::new())
}
