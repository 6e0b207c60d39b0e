//! `admin … list`: one JSON object per line, oldest or by id, never a secret. Rows are read and written a page at a time, so a
//! list has no bound.

use serde_json::{Value, json};

use super::{AdminError, Out};
use crate::clock::rfc3339;
use crate::store::{
    ApiKeyRow, ChargePointRow, IdTagRow, Listed, ListedTransaction, OrganizationRow, PAGE_ROWS,
    Store,
};

fn write(out: Out<'_>, line: &Value) -> Result<(), AdminError> {
    writeln!(out, "{line}").map_err(AdminError::Output)
}

fn time(unix_ms: Option<i64>) -> Value {
    unix_ms.map(rfc3339).into()
}

pub(super) async fn organizations(store: &Store, out: Out<'_>) -> Result<(), AdminError> {
    let mut after = String::new();
    loop {
        let rows = store.organizations_after(&after).await?;
        for row in &rows {
            write(out, &organization(row))?;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => after.clone_from(&last.id),
            _ => return Ok(()),
        }
    }
}

fn organization(row: &OrganizationRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "sign_up": if row.takes_sign_ups { "open" } else { "closed" },
        "created_at": rfc3339(row.created_at_ms),
    })
}

pub(super) async fn api_keys(
    store: &Store,
    listed: &Listed,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let mut after = String::new();
    loop {
        let rows = store.api_keys_after(listed, &after).await?;
        for row in &rows {
            write(out, &api_key(row))?;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => after.clone_from(&last.id),
            _ => return Ok(()),
        }
    }
}

fn api_key(row: &ApiKeyRow) -> Value {
    json!({
        "id": row.id,
        "organization_id": row.organization_id,
        "scopes": row.scopes.split(' ').collect::<Vec<_>>(),
        "created_at": rfc3339(row.created_at_ms),
        "revoked_at": time(row.revoked_at_ms),
    })
}

pub(super) async fn id_tags(
    store: &Store,
    listed: &Listed,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let mut after = [const { String::new() }; 4];
    loop {
        let rows = store
            .id_tags_after(listed, after.each_ref().map(String::as_str))
            .await?;
        for row in &rows {
            write(out, &id_tag(row))?;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => {
                let key = [
                    &last.organization_id,
                    &last.tag_key,
                    &last.party,
                    &last.kind,
                ];
                after = key.map(String::clone);
            }
            _ => return Ok(()),
        }
    }
}

fn id_tag(row: &IdTagRow) -> Value {
    json!({
        "id": row.uid,
        "organization_id": row.organization_id,
        "status": row.status,
        "parent": row.group_uid,
        "expires_at": time(row.expires_at_ms),
        "single_transaction": row.single_transaction,
        "created_at": rfc3339(row.created_at_ms),
    })
}

pub(super) async fn charge_points(
    store: &Store,
    listed: &Listed,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let mut after = String::new();
    loop {
        let rows = store.charge_points_after(listed, &after).await?;
        for row in &rows {
            write(out, &charge_point(row))?;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => after.clone_from(&last.id),
            _ => return Ok(()),
        }
    }
}

fn charge_point(row: &ChargePointRow) -> Value {
    json!({
        "id": row.id,
        "organization_id": row.organization_id,
        "project_id": row.project_id,
        "name": row.name,
        "has_password": row.has_password,
        "registration": row.registration,
        "interval": row.interval_s,
        "security_profile": row.security_profile,
        "vendor": row.vendor,
        "model": row.model,
        "firmware_version": row.firmware_version,
        "created_at": rfc3339(row.created_at_ms),
        "last_seen_at": time(row.last_seen_at_ms),
    })
}

pub(super) async fn transactions(
    store: &Store,
    listed: &Listed,
    out: Out<'_>,
) -> Result<(), AdminError> {
    let mut after = 0;
    loop {
        let rows = store.transactions_after(listed, after).await?;
        for row in &rows {
            write(out, &transaction(row))?;
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS => after = last.id,
            _ => return Ok(()),
        }
    }
}

fn transaction(row: &ListedTransaction) -> Value {
    json!({
        "id": row.id,
        "organization_id": row.organization_id,
        "charge_point_id": row.charge_point_id,
        "connector_id": row.connector_id,
        "id_tag": row.id_tag,
        "status": row.state,
        "start_time": rfc3339(row.started_at_ms),
        "stop_time": time(row.stopped_at_ms),
        "meter_start": row.meter_start_wh,
        "meter_stop": row.meter_stop_wh,
        "last_meter": row.last_meter_wh,
        "reason": row.reason,
        "cost": row.cost,
        "currency": row.currency.as_ref().filter(|_| row.cost.is_some()),
    })
}
