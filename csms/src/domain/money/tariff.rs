//! Setting a tariff; what charging costs by it stands in `price`.

use crate::store::{NewTariff, Result, Store, random_text};

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
