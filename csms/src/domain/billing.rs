//! What transactions are billed, and when.
//!
//! - The tariff is the one that held when the transaction began; a later change does not reach it.
//! - The price is made when the transaction ends: at its stop, when it is abandoned, and again when a late stop
//!   or a late meter value corrects what was abandoned; always in the transaction of the database that ends it.
//!   A status that arrives after that does not change a bill.
//! - A tag that was refused at the start is billed nothing: there is nobody to pay.
//! - Charge points of a project bill nothing before it is handed over.

use super::authorization::{TagStatus, Verdict};
use super::price::{Price, Usage, idle_minutes};
use super::transaction::energy_wh;
use crate::store::{Billed, Conn, Result, Store};

/// Begins the bill of a transaction that was just inserted.
pub(super) async fn begin(
    conn: &mut Conn,
    transaction: i64,
    charge_point: &str,
    verdict: &Verdict,
) -> Result<()> {
    if verdict.status == TagStatus::Accepted {
        conn.bill(transaction, charge_point).await?;
    }
    Ok(())
}

/// Prices a transaction that has ended, if it is billed.
pub(crate) async fn settle(conn: &mut Conn, transaction: i64) -> Result<()> {
    let Some(billed) = conn.billed(transaction).await? else {
        return Ok(());
    };
    let (Some(to_ms), Some(meter_wh)) = (billed.stopped_at_ms, billed.meter_stop_wh) else {
        return Ok(());
    };
    let usage = usage(conn, &billed, to_ms, meter_wh).await?;
    let price = billed.tariff.price(usage);
    conn.set_cost(transaction, usage.idle_minutes, price.total)
        .await
}

/// A transaction's bill: final, or so far.
#[expect(dead_code, reason = "guest sessions show it")]
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub billed: Billed,
    pub usage: Usage,
    pub price: Price,
}

/// The bill of a transaction; of an open one with the last meter value and the idle time until now. `None` when
/// it is not billed.
#[expect(dead_code, reason = "guest sessions show it")]
pub(crate) async fn bill(store: &Store, transaction: i64, now_ms: i64) -> Result<Option<Bill>> {
    let mut conn = store.reader().await?;
    let Some(billed) = conn.billed(transaction).await? else {
        return Ok(None);
    };
    let to_ms = billed.stopped_at_ms.unwrap_or(now_ms);
    let meter_wh = billed.meter_stop_wh.or(billed.last_meter_wh);
    let meter_wh = meter_wh.unwrap_or(billed.meter_start_wh);
    let usage = usage(&mut conn, &billed, to_ms, meter_wh).await?;
    Ok(Some(Bill {
        price: billed.tariff.price(usage),
        billed,
        usage,
    }))
}

async fn usage(conn: &mut Conn, billed: &Billed, to_ms: i64, meter_wh: i64) -> Result<Usage> {
    let history = conn.status_history(billed, to_ms).await?;
    Ok(Usage {
        energy_wh: energy_wh(billed.meter_start_wh, meter_wh),
        idle_minutes: idle_minutes(&history, billed.started_at_ms, to_ms),
    })
}
