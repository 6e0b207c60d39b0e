//! StartTransaction and StopTransaction.

use std::collections::BTreeMap;

use dynamo_protocol::v16::{
    Reason, StartTransactionRequest, StartTransactionResponse, StopTransactionRequest,
    StopTransactionResponse,
};
use dynamo_protocol::{CallError, ErrorCode, RawValue, time};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::super::routes::Cx;
use super::authorize::id_tag_info;
use super::connector;
use super::meter_values::readings;
use crate::domain::occurrence::Kind;
use crate::domain::tags::tag::judge;
use crate::domain::transactions::facts::{Start, StopReport, UnreadableStop};
use crate::domain::transactions::{start, stop};

pub(super) async fn start_transaction(
    cx: Cx,
    request: StartTransactionRequest,
) -> Result<StartTransactionResponse, CallError> {
    if connector(request.connector_id)? == 0 {
        return Err(CallError::new(
            ErrorCode::PropertyConstraintViolation,
            "connectorId: a transaction needs a connector, from 1",
        ));
    }
    let report = Start {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        station_id: None,
        evse_id: None,
        connector_id: Some(i64::from(request.connector_id)),
        id_tag: Some(request.id_tag),
        tag_kind: None,
        reservation_id: request.reservation_id.map(i64::from),
        started_at_ms: time::unix_ms(request.timestamp),
        meter_start_wh: Some(i64::from(request.meter_start)),
        unknown_tags: cx.app.options.accept_unknown.unknown_tags(),
        tax_rate: cx.app.options.tax_rate,
        now_ms: cx.app.clock().now_ms(),
        deviations: cx.deviations.clone(),
        occurrence: cx.occurrence(Kind::TransactionStarted),
    };
    let is_told = report.occurrence.is_some();
    let (id, verdict) = start::start(&cx.app.store, report).await?;
    if is_told {
        cx.app.outbox.posted();
    }
    cx.app.guests.wake(cx.charge_point.as_str());
    let id = i32::try_from(id).map_err(|_| {
        CallError::new(
            ErrorCode::InternalError,
            "all transaction ids of OCPP 1.6 are used up",
        )
    })?;
    let verdict = verdict.unwrap_or_else(|| judge(None, 0, false));
    Ok(StartTransactionResponse::new(id_tag_info(&verdict), id))
}

/// What made the charge point stop, where the reason says it [1.6 §7.36]. Without a reason it is Local.
const fn trigger_of(reason: Option<&Reason>) -> Option<&'static str> {
    match reason {
        None | Some(Reason::Local) => Some("StopAuthorized"),
        Some(Reason::Remote) => Some("RemoteStop"),
        Some(Reason::DeAuthorized) => Some("Deauthorized"),
        Some(Reason::EVDisconnected) => Some("EVDeparted"),
        Some(Reason::UnlockCommand) => Some("UnlockCommand"),
        Some(Reason::HardReset | Reason::SoftReset) => Some("ResetCommand"),
        Some(Reason::EmergencyStop | Reason::PowerLoss | Reason::Reboot) => {
            Some("AbnormalCondition")
        }
        Some(_) => None,
    }
}

pub(super) async fn stop_transaction(
    cx: Cx,
    request: StopTransactionRequest,
) -> Result<StopTransactionResponse, CallError> {
    let data = request.transaction_data.as_deref().unwrap_or_default();
    let report = StopReport {
        organization_id: cx.organization().to_owned(),
        charge_point_id: cx.charge_point.as_str().to_owned(),
        transaction_number: i64::from(request.transaction_id),
        stopped_at_ms: time::unix_ms(request.timestamp),
        meter_stop_wh: i64::from(request.meter_stop),
        trigger: trigger_of(request.reason.as_ref()),
        reason: request.reason.map(|reason| reason.as_str().to_owned()),
        id_tag: request.id_tag,
        readings: readings(data),
        message: cx.raw.get().to_owned(),
        unknown_tags: cx.app.options.accept_unknown.unknown_tags(),
        now_ms: cx.app.clock().now_ms(),
        deviations: cx.deviations.clone(),
        occurrence: cx.occurrence(Kind::TransactionStopped),
    };
    let is_told = report.occurrence.is_some();
    let stop::Stopped { verdict, is_orphan } = stop::stop(&cx.app.store, report).await?;
    if is_orphan {
        cx.app.metrics.orphan_stop();
    }
    if is_told {
        cx.app.outbox.posted();
    }
    cx.app.guests.wake(cx.charge_point.as_str());
    let mut response = StopTransactionResponse::new();
    response.id_tag_info = verdict.as_ref().map(id_tag_info);
    Ok(response)
}

/// Keeps a stop that is refused because it cannot be read, where it can be read of which transaction it is: else nobody
/// would know why that one ends without its energy.
pub(super) fn keep_unreadable(cx: Cx) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let Some(stop) = unreadable_stop(&cx) else {
            return;
        };
        let id = stop.transaction_number;
        match stop::keep_unreadable(&cx.app.store, stop).await {
            Ok(false) => {}
            Ok(true) => {
                cx.app.metrics.orphan_stop();
                tracing::warn!(
                    charge_point = %cx.charge_point,
                    transaction_id = id,
                    "a stop cannot be read and is refused; it is kept, and its transaction is marked"
                );
            }
            Err(error) => tracing::warn!(
                charge_point = %cx.charge_point,
                transaction_id = id,
                cause = %error,
                "a stop that cannot be read was not kept"
            ),
        }
    })
}

fn unreadable_stop(cx: &Cx) -> Option<UnreadableStop> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(cx.raw.get()).ok()?;
    let member = |name: &str| serde_json::from_str::<Value>(members.get(name)?.get()).ok();
    let id = member("transactionId")?;
    let id = id.as_i64().or_else(|| id.as_str()?.trim().parse().ok())?;
    let now_ms = cx.app.clock().now_ms();
    let stamp = member("timestamp");
    let stamp = stamp.and_then(|stamp| stamp.as_str()?.parse::<jiff::Timestamp>().ok());
    Some(UnreadableStop {
        organization_id: cx.organization().to_owned(),
        charge_point_id: cx.charge_point.as_str().to_owned(),
        transaction_number: i64::from(i32::try_from(id).ok()?),
        stopped_at_ms: stamp.map_or(now_ms, jiff::Timestamp::as_millisecond),
        meter_stop_wh: member("meterStop").and_then(|wh| wh.as_i64()),
        message: cx.raw.get().to_owned(),
        now_ms,
    })
}
