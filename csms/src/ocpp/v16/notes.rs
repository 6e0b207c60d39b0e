//! What a charge point notes about itself and the CSMS only keeps: firmware, diagnostics, logs, security
//! events. And DataTransfer, for which no vendor is known.

use dynamo_protocol::v16::{
    DataTransferRequest, DataTransferResponse, DataTransferStatus,
    DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse,
    FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse,
    LogStatusNotificationRequest, LogStatusNotificationResponse, SecurityEventNotificationRequest,
    SecurityEventNotificationResponse, SignedFirmwareStatusNotificationRequest,
    SignedFirmwareStatusNotificationResponse,
};
use dynamo_protocol::{CallError, DateTime, time};

use super::super::routes::Cx;
use crate::domain::charge_points::event::Event;
use crate::domain::charge_points::reports;

/// A fact to keep: the message as it was sent.
pub(super) fn event(cx: &Cx, kind: &'static str, stamp: Option<DateTime>) -> Event {
    Event {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        kind,
        message: cx.raw.get().to_owned(),
        stamp_ms: stamp.map(time::unix_ms),
        received_at_ms: cx.received_at_ms,
    }
}

pub(super) async fn data_transfer(
    _: Cx,
    _: DataTransferRequest,
) -> Result<DataTransferResponse, CallError> {
    Ok(DataTransferResponse::new(
        DataTransferStatus::UnknownVendorId,
    ))
}

pub(super) async fn diagnostics_status_notification(
    cx: Cx,
    _: DiagnosticsStatusNotificationRequest,
) -> Result<DiagnosticsStatusNotificationResponse, CallError> {
    let note = event(&cx, "DiagnosticsStatusNotification", None);
    reports::event(&cx.app.store, note).await?;
    Ok(DiagnosticsStatusNotificationResponse::new())
}

pub(super) async fn firmware_status_notification(
    cx: Cx,
    _: FirmwareStatusNotificationRequest,
) -> Result<FirmwareStatusNotificationResponse, CallError> {
    let note = event(&cx, "FirmwareStatusNotification", None);
    reports::event(&cx.app.store, note).await?;
    Ok(FirmwareStatusNotificationResponse::new())
}

pub(super) async fn log_status_notification(
    cx: Cx,
    _: LogStatusNotificationRequest,
) -> Result<LogStatusNotificationResponse, CallError> {
    let note = event(&cx, "LogStatusNotification", None);
    reports::event(&cx.app.store, note).await?;
    Ok(LogStatusNotificationResponse::new())
}

pub(super) async fn security_event_notification(
    cx: Cx,
    request: SecurityEventNotificationRequest,
) -> Result<SecurityEventNotificationResponse, CallError> {
    let note = event(&cx, "SecurityEventNotification", Some(request.timestamp));
    reports::event(&cx.app.store, note).await?;
    Ok(SecurityEventNotificationResponse::new())
}

pub(super) async fn signed_firmware_status_notification(
    cx: Cx,
    _: SignedFirmwareStatusNotificationRequest,
) -> Result<SignedFirmwareStatusNotificationResponse, CallError> {
    let note = event(&cx, "SignedFirmwareStatusNotification", None);
    reports::event(&cx.app.store, note).await?;
    Ok(SignedFirmwareStatusNotificationResponse::new())
}
