//! How charge points come to the platform, change, and go.
//!
//! Identities are one namespace, whoever registers. A charge point that goes leaves its records behind under a
//! name that no charge point can have, so its identity is free again and its history is not the next one's.

use crate::domain::charge_points::details::{Change, NewChargePoint};
use crate::store::{ChargePointRecord, Conn, OwnedPoint, Owner, Result, Store};

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegistrationRefused {
    /// A charge point of this identity exists.
    Taken,
    /// The project is not there, or somebody else's.
    NoProject,
    /// The site is not there, or somebody else's.
    NoSite,
    /// The charge point is not there, or somebody else's.
    Missing,
    /// The serial number is another one.
    OtherSerialNumber,
    /// A transaction is open.
    Active,
    /// It has a socket.
    Online,
}

/// The path a charge point connects to: plain for an identity that was generated, by its version otherwise.
/// The server takes every one of them.
pub(crate) fn endpoint_path(record: &ChargePointRecord) -> String {
    // Of what an identity may have, a URL cannot have the space.
    let id = record.id.replace(' ', "%20");
    match (record.id_was_generated, record.ocpp_version.as_str()) {
        (true, _) => format!("/{id}"),
        (false, "2.0.1") => format!("/ocpp201/{id}"),
        (false, _) => format!("/ocpp16/{id}"),
    }
}

/// Registers a charge point for this owner.
pub(crate) async fn register(
    store: &Store,
    owner: Owner,
    new: NewChargePoint,
) -> Result<std::result::Result<OwnedPoint, RegistrationRefused>> {
    store.finish_burial(&new.id).await?;
    store
        .write((owner, new), |(owner, new), conn| {
            Box::pin(async move {
                let (project, site) = (new.project_id.as_deref(), new.site_id.as_deref());
                if let Err(refused) = check_places(owner, project, site, conn).await? {
                    return Ok(Err(refused));
                }
                if !conn.insert_charge_point(owner, new).await? {
                    return Ok(Err(RegistrationRefused::Taken));
                }
                let point = conn.owned_point(owner, &new.id).await?;
                Ok(point.ok_or(RegistrationRefused::Missing))
            })
        })
        .await
}

/// Changes a charge point.
pub(crate) async fn change(
    store: &Store,
    point: OwnedPoint,
    change: Change,
    now_ms: i64,
) -> Result<std::result::Result<OwnedPoint, RegistrationRefused>> {
    let input = (point, change, now_ms);
    store
        .write(input, |(point, change, now_ms), conn| {
            Box::pin(async move {
                // Nobody deletes it, and registers it as another, between the question and the change.
                let Some(held) = conn.hold_point(point).await? else {
                    return Ok(Err(RegistrationRefused::Missing));
                };
                let serial = change.serial_number.as_ref();
                if serial.is_some() && serial != held.registered_serial_number.as_ref() {
                    return Ok(Err(RegistrationRefused::OtherSerialNumber));
                }
                let project = change.project_id.as_ref().and_then(Option::as_deref);
                let site = change.site_id.as_ref().and_then(Option::as_deref);
                if let Err(refused) = check_places(held.owner(), project, site, conn).await? {
                    return Ok(Err(refused));
                }
                conn.change_charge_point(&held, change, *now_ms).await?;
                let changed = conn.owned_point(held.owner(), &held.id).await?;
                Ok(changed.ok_or(RegistrationRefused::Missing))
            })
        })
        .await
}

/// Deletes a charge point that is not `online` and has no open transaction. One whose deletion was cut short is deleted
/// to the end.
pub(crate) async fn delete(
    store: &Store,
    point: &OwnedPoint,
    online: bool,
    now_ms: i64,
) -> Result<std::result::Result<(), RegistrationRefused>> {
    if !store.is_being_buried(point).await? {
        let input = (point.clone(), online, now_ms);
        let marked = store
            .write(input, |(point, online, now_ms), conn| {
                Box::pin(async move { mark_deleted(point, *online, *now_ms, conn).await })
            })
            .await?;
        if let Err(refused) = marked {
            return Ok(Err(refused));
        }
    }
    store.finish_burial(&point.id).await?;
    Ok(Ok(()))
}

/// Ends the deletions that an end of the server cut short, each for itself.
pub(crate) async fn bury_left(store: &Store) -> Result<()> {
    for id in store.unburied().await? {
        match store.finish_burial(&id).await {
            Ok(()) => tracing::info!(charge_point = id, "a deletion that was cut short is done"),
            Err(error) => tracing::warn!(
                charge_point = id, cause = %error,
                "a deletion that was cut short is not done; the next start tries again"
            ),
        }
    }
    Ok(())
}

async fn mark_deleted(
    point: &OwnedPoint,
    online: bool,
    now_ms: i64,
    conn: &mut Conn,
) -> Result<std::result::Result<(), RegistrationRefused>> {
    let Some(held) = conn.hold_point(point).await? else {
        return Ok(Err(RegistrationRefused::Missing));
    };
    // Of two reasons the graver one.
    if conn.has_open_session(&held).await? {
        return Ok(Err(RegistrationRefused::Active));
    }
    if online {
        return Ok(Err(RegistrationRefused::Online));
    }
    conn.mark_deleted(&held, now_ms).await?;
    Ok(Ok(()))
}

async fn check_places(
    owner: &Owner,
    project: Option<&str>,
    site: Option<&str>,
    conn: &mut Conn,
) -> Result<std::result::Result<(), RegistrationRefused>> {
    if let Some(id) = project
        && conn.project(owner, id).await?.is_none()
    {
        return Ok(Err(RegistrationRefused::NoProject));
    }
    if !conn.may_stand(owner, site).await? {
        return Ok(Err(RegistrationRefused::NoSite));
    }
    Ok(Ok(()))
}
