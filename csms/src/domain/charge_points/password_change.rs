//! Keeping what becomes of a charge point's password while it is changed over OCPP; the rules are in `password`.

use crate::domain::charge_points::password::Settlement;
use crate::store::{Result, Store};

/// Keeps a key before it is sent: whatever happens then, the charge point can come with it.
pub(crate) async fn expect(store: &Store, id: &str, hash: String) -> Result<()> {
    store
        .write((id.to_owned(), hash), |(id, hash), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                kept.expect(hash);
                conn.keep_passwords(id, &kept).await
            })
        })
        .await
}

/// Keeps what became of a key that was sent.
pub(crate) async fn settle(
    store: &Store,
    id: &str,
    hash: String,
    settlement: Settlement,
) -> Result<()> {
    let input = (id.to_owned(), hash, settlement);
    store
        .write(input, |(id, hash, settlement), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                kept.settle(hash, *settlement);
                conn.keep_passwords(id, &kept).await
            })
        })
        .await
}

/// Makes a key that was sent the password: the charge point came with it.
pub(crate) async fn adopt(store: &Store, id: &str, hash: String) -> Result<()> {
    store
        .write((id.to_owned(), hash), |(id, hash), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                if kept.adopt(hash) {
                    conn.keep_passwords(id, &kept).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Keeps a password that a charge point came with anew: what was kept of it, and what is from now on.
pub(crate) async fn renew(store: &Store, id: &str, (old, new): (String, String)) -> Result<()> {
    store
        .write((id.to_owned(), old, new), |(id, old, new), conn| {
            Box::pin(async move {
                let Some(mut kept) = conn.hold_passwords(id).await? else {
                    return Ok(());
                };
                kept.renew(old, new);
                conn.keep_passwords(id, &kept).await
            })
        })
        .await
}
