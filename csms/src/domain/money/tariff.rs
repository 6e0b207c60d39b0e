//! Setting a tariff, and showing the one that holds; what charging costs by it stands in `price`.

use crate::domain::money::price::Tariff;
use crate::domain::projects::handover::Features;
use crate::store::{NewTariff, OwnedPoint, Result, Store, random_text};

/// Why nothing is billed at a charge point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBilled {
    /// Its project is not handed over.
    NotHandedOver,
    /// Neither it nor its project has a tariff.
    NoTariff,
}

/// The tariff for what begins at a charge point now.
pub(crate) async fn of_now(
    store: &Store,
    point: &OwnedPoint,
    now_ms: i64,
) -> Result<std::result::Result<Tariff, NotBilled>> {
    if let Some(project) = &point.project_id {
        let project = store.reader().await?.project_by_id(project).await?;
        if !project.is_some_and(|project| Features::of(&project).billing) {
            return Ok(Err(NotBilled::NotHandedOver));
        }
    }
    let tariff = store.tariff_at(point, now_ms).await?;
    Ok(tariff.ok_or(NotBilled::NoTariff))
}

/// Sets a tariff that holds from now on, and tells since when; `None` when what it is for is not the owner's any more.
/// Transactions that began before keep the one before: it stays for ever, as they may be told at any time. The one that
/// holds already is not kept twice.
pub(crate) async fn set(store: &Store, new: NewTariff) -> Result<Option<i64>> {
    store
        .write(new, |new, conn| {
            Box::pin(async move {
                let id = format!("trf_{}", random_text(18));
                let Some(kept) = conn.insert_tariff(&id, new).await? else {
                    return Ok(None);
                };
                // One of the same millisecond was seen already.
                if kept != id {
                    return Ok(Some(new.now_ms));
                }
                match conn.tariff_before(new).await? {
                    Some(before) if before.tariff == new.tariff => {
                        conn.drop_tariff(&id).await?;
                        Ok(Some(before.since_ms))
                    }
                    _ => Ok(Some(new.now_ms)),
                }
            })
        })
        .await
}
