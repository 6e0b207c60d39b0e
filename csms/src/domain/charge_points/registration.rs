//! How charge points come to the platform, change, and go.
//!
//! Identities are one namespace, whoever registers. A charge point that goes leaves its records behind under a
//! name that no charge point can have, so its identity is free again and its history is not the next one's.

use crate::domain::charge_points::place::Place;
use crate::store::{ChargePointRecord, Conn, Owner, Result, Store, random_text};

/// Longest identity that can be registered, in characters.
pub(crate) const ID_CHARS_MAX: usize = 48;

/// Folders before an identity in the path that a charge point connects to, in whatever case. Alone they are a path
/// whose identity was forgotten.
pub(crate) const FOLDERS: [&str; 3] = ["ocpp", "ocpp16", "ocpp201"];

/// Begins the part that a deleted charge point's id has more.
const GRAVE: &str = "/deleted/";

/// A charge point to register.
#[derive(Clone, Debug)]
pub(crate) struct NewChargePoint {
    pub id: String,
    pub id_was_generated: bool,
    /// As people call it.
    pub name: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub serial_number: Option<String>,
    pub ocpp_version: &'static str,
    pub project_id: Option<String>,
    pub site_id: Option<String>,
    pub place: Option<Place>,
    pub address: Option<String>,
    pub hardware: Hardware,
    /// What is kept of the Basic password, when one is asked for at the handshake.
    pub password_hash: Option<String>,
    /// Whether it serves drivers already.
    pub is_commissioned: bool,
    pub created_at_ms: i64,
}

/// What a charge point was said to be made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hardware {
    /// From 1.
    pub connector_count: Option<i64>,
    /// Such as Type2.
    pub connector_type: Option<String>,
    /// The most it delivers at one connector, in kW.
    pub max_power_kw: Option<f64>,
}

/// What to change. The outer `None` leaves a value as it is, the inner one takes it away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub name: Option<String>,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub project_id: Option<Option<String>>,
    pub site_id: Option<Option<String>>,
    pub place: Option<Place>,
    pub address: Option<Option<String>>,
    pub connector_count: Option<i64>,
    pub connector_type: Option<Option<String>>,
    pub max_power_kw: Option<Option<f64>>,
    /// What is kept of its new password.
    pub password_hash: Option<String>,
    /// These never change: another value than the registered one is refused.
    pub serial_number: Option<String>,
}

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

/// A new identity.
pub(crate) fn generated_id() -> String {
    format!("cp_{}", random_text(18))
}

/// Why an identity cannot be registered: letters, digits and hyphens, after an optional `cp_`, and no word that
/// means something else in a path.
pub(crate) fn wrong_id(id: &str) -> Option<&'static str> {
    let rest = id.strip_prefix("cp_").unwrap_or(id);
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if rest.is_empty() || !rest.chars().all(known) {
        return Some("letters, digits and hyphens are wanted, after an optional cp_");
    }
    if id.len() > ID_CHARS_MAX {
        return Some("48 characters are allowed");
    }
    let is_folder = FOLDERS.iter().any(|word| id.eq_ignore_ascii_case(word));
    (is_folder || id == "search").then_some("this word has a meaning of its own in paths")
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

/// The id that records are kept under when the `number`-th charge point of this identity goes.
pub(crate) fn grave(id: &str, number: i64) -> String {
    format!("{id}{GRAVE}{number}")
}

/// The identity by which people know a charge point, also when it is deleted.
pub(crate) fn public_id(id: &str) -> &str {
    id.split_once(GRAVE).map_or(id, |(id, _)| id)
}

/// Registers a charge point for this owner.
pub(crate) async fn register(
    store: &Store,
    owner: Owner,
    new: NewChargePoint,
) -> Result<std::result::Result<ChargePointRecord, RegistrationRefused>> {
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
                let record = conn.charge_point_record(owner, &new.id).await?;
                Ok(record.ok_or(RegistrationRefused::Missing))
            })
        })
        .await
}

/// Changes a charge point of this owner.
pub(crate) async fn change(
    store: &Store,
    owner: Owner,
    id: String,
    change: Change,
    now_ms: i64,
) -> Result<std::result::Result<ChargePointRecord, RegistrationRefused>> {
    let input = (owner, id, change, now_ms);
    store
        .write(input, |(owner, id, change, now_ms), conn| {
            Box::pin(async move {
                // Nobody deletes it, and registers it as another, between the question and the change.
                conn.hold_charge_point(id).await?;
                let Some(record) = conn.charge_point_record(owner, id).await? else {
                    return Ok(Err(RegistrationRefused::Missing));
                };
                let serial = change.serial_number.as_ref();
                if serial.is_some() && serial != record.registered_serial_number.as_ref() {
                    return Ok(Err(RegistrationRefused::OtherSerialNumber));
                }
                let project = change.project_id.as_ref().and_then(Option::as_deref);
                let site = change.site_id.as_ref().and_then(Option::as_deref);
                if let Err(refused) = check_places(owner, project, site, conn).await? {
                    return Ok(Err(refused));
                }
                conn.change_charge_point(id, change, *now_ms).await?;
                let record = conn.charge_point_record(owner, id).await?;
                Ok(record.ok_or(RegistrationRefused::Missing))
            })
        })
        .await
}

/// Deletes a charge point of this owner that is not `online` and has no open transaction. One whose deletion was
/// cut short is deleted to the end.
pub(crate) async fn delete(
    store: &Store,
    owner: Owner,
    id: String,
    online: bool,
    now_ms: i64,
) -> Result<std::result::Result<(), RegistrationRefused>> {
    if !store.is_being_buried(&owner, &id).await? {
        let input = (owner, id.clone(), online, now_ms);
        let marked = store
            .write(input, |(owner, id, online, now_ms), conn| {
                Box::pin(async move { mark_deleted(owner, id, *online, *now_ms, conn).await })
            })
            .await?;
        if let Err(refused) = marked {
            return Ok(Err(refused));
        }
    }
    store.finish_burial(&id).await?;
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
    owner: &Owner,
    id: &str,
    online: bool,
    now_ms: i64,
    conn: &mut Conn,
) -> Result<std::result::Result<(), RegistrationRefused>> {
    conn.hold_charge_point(id).await?;
    if conn.charge_point_record(owner, id).await?.is_none() {
        return Ok(Err(RegistrationRefused::Missing));
    }
    // Of two reasons the graver one.
    if conn.has_open_session(id).await? {
        return Ok(Err(RegistrationRefused::Active));
    }
    if online {
        return Ok(Err(RegistrationRefused::Online));
    }
    conn.mark_deleted(id, now_ms).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_the_documents_are_taken_and_others_are_not() {
        let long = "x".repeat(48);
        for good in [
            "CP-SITE42-001",
            "cp_001",
            "cp_01HX5P2QRSTUVWXYZ0",
            "Search",
            "ocpp-1",
            &long,
        ] {
            assert_eq!(wrong_id(good), None, "{good}");
        }
        let longer = "x".repeat(49);
        for bad in [
            "", "a b", "a/b", "x_y", "cp_", "cp_a_b", "ä", "search", "ocpp", "OCPP16", "ocpp201",
            &longer,
        ] {
            assert!(wrong_id(bad).is_some(), "{bad}");
        }
        assert_eq!(wrong_id(&generated_id()), None);
    }

    #[test]
    fn a_grave_is_no_identity_and_shows_the_one_it_had() {
        let grave = grave("CP-1", 2);
        assert_eq!(grave, "CP-1/deleted/2");
        assert!(wrong_id(&grave).is_some());
        assert!(dynamo_protocol::ChargePointId::new(&grave).is_err());
        assert_eq!(public_id(&grave), "CP-1");
        assert_eq!(public_id("CP-1"), "CP-1");
    }
}
