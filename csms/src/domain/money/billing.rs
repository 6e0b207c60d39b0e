//! What transactions are billed, and when.
//!
//! - The tariff is the one that held when the transaction began, by its own stamp where that is plausible, however
//!   late it is told; a later change does not reach it.
//! - Charge points of a project bill nothing that began before it was handed over.
//! - The price is made when the end of the transaction is final (see `ending`): at its stop, or some time after it was
//!   abandoned; and again when something told later corrects it; always in the transaction of the database that makes
//!   it final. A status that arrives after that does not change a bill. No meter value makes a price: the history of
//!   a connector is read once for an end, and not for each message.
//! - Idle time is billed between plausible stamps only. Where a status has no stamp of its own, or a stamp of start,
//!   status or end is ahead of its arrival by more than a minute, no more is billed than passed on the server's clock,
//!   from the arrival of the start to that of the end: two clocks are not mixed.
//! - Energy that no connector delivers in the time (`energy_implausible`) is not billed; see
//!   [`energy`](crate::domain::transactions::energy) for what is billed in its place.
//! - A guest pays no idle time from before the authorization, and a guest's bill stands once it is paid: what is told
//!   later changes the record, not the price.
//! - Whoever is known pays, also with a tag that might not charge, and the bill says why it might not: see
//!   [`payer`](crate::domain::tags::payer). A tag that nobody knows is billed nothing: there is nobody to pay.
//! - Without energy there is no fee: see [`price`](crate::domain::money::price).

use rust_decimal::Decimal;

use crate::domain::money::price::{Price, Tariff, Usage, idle_minutes};
use crate::domain::tags::payer::Payer;
use crate::domain::transactions::claims::{Claims, implausible, is_ahead};
use crate::domain::transactions::energy::billed_wh;
use crate::store::{Billed, Conn, HISTORY_ROWS_MAX, Result, Store};

/// A transaction that was just inserted.
pub(in crate::domain) struct Begun {
    pub id: i64,
    /// By what this server believes of its stamp.
    pub began_ms: i64,
    pub received_ms: i64,
    pub payer: Payer,
}

/// A start that is told within so much is told when it begins: stamps have whole seconds, and messages take time.
const PROMPT_MS: i64 = 1_000;

/// Begins the bills of transactions that were just inserted. What began long before it is told may have begun before
/// there was a tariff, or by a clock that is behind: it is not billed, and says so where there is one by now.
pub(in crate::domain) async fn begin(conn: &mut Conn, begun: &[Begun]) -> Result<()> {
    let bills: Vec<_> = begun
        .iter()
        .filter_map(|new| match &new.payer {
            Payer::Nobody | Payer::Partner => None,
            Payer::Holder => Some((new.id, new.began_ms, None)),
            Payer::HolderThough(though) => Some((new.id, new.began_ms, Some(though.as_str()))),
        })
        .collect();
    conn.bill(&bills).await?;
    let told_late: Vec<_> = begun
        .iter()
        .filter(|new| !matches!(new.payer, Payer::Nobody | Payer::Partner))
        .filter(|new| new.received_ms.saturating_sub(new.began_ms) > PROMPT_MS)
        .map(|new| (new.id, new.began_ms))
        .collect();
    conn.mark_without_tariff(&told_late).await
}

/// Prices a transaction that has ended, if it is billed.
pub(crate) async fn settle(conn: &mut Conn, transaction: i64) -> Result<()> {
    let Some(billed) = conn.billed(transaction).await? else {
        return Ok(());
    };
    let (Some(to_ms), Some(meter_wh)) = (billed.stopped_at_ms, billed.meter_stop_wh) else {
        return Ok(());
    };
    if billed.is_paid {
        return Ok(());
    }
    let usage = usage(conn, &billed, to_ms, meter_wh).await?;
    let price = billed.tariff.price(usage);
    conn.set_cost(transaction, usage, price.total).await
}

/// A transaction's bill: final, or so far.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub billed: Billed,
    pub usage: Usage,
    pub price: Price,
}

/// The bill of a transaction; of an open one with the last meter value and the idle time until now. `None` when
/// it is not billed.
///
/// What was settled is not reckoned again: the statuses that it was made of may be gone.
pub(crate) async fn bill(store: &Store, transaction: i64, now_ms: i64) -> Result<Option<Bill>> {
    let mut conn = store.reader().await?;
    match settled(&mut conn, transaction).await? {
        Some(bill) => Ok(Some(bill)),
        None => bill_of(&mut conn, transaction, now_ms).await,
    }
}

/// The bill of a transaction that has ended, as it was written down then; `None` before that.
pub(in crate::domain) async fn settled(conn: &mut Conn, transaction: i64) -> Result<Option<Bill>> {
    let Some(billed) = conn.billed(transaction).await? else {
        return Ok(None);
    };
    let Some(usage) = billed.usage else {
        return Ok(None);
    };
    Ok(Some(Bill {
        price: billed.tariff.price(usage),
        billed,
        usage,
    }))
}

/// A bill inside a transaction of the database.
async fn bill_of(conn: &mut Conn, transaction: i64, now_ms: i64) -> Result<Option<Bill>> {
    let Some(billed) = conn.billed(transaction).await? else {
        return Ok(None);
    };
    let to_ms = billed.stopped_at_ms.unwrap_or(now_ms);
    let meter_wh = billed.meter_stop_wh.unwrap_or_else(|| last_wh(&billed));
    let usage = usage(conn, &billed, to_ms, meter_wh).await?;
    Ok(Some(Bill {
        price: billed.tariff.price(usage),
        billed,
        usage,
    }))
}

/// Where the register of an open transaction stands.
fn last_wh(billed: &Billed) -> i64 {
    let last = billed.last.map(|last| last.wh);
    last.or(billed.meter_start_wh).unwrap_or(0)
}

/// The energy that is billed until then. Of an open transaction the time is that of this server, from whichever of
/// stamp and arrival of the start was first.
fn billed_energy_wh(billed: &Billed, until_ms: Option<i64>, meter_wh: i64) -> i64 {
    let started_at_ms = match billed.stopped_at_ms {
        Some(_) => billed.started_at_ms,
        None => billed.started_at_ms.min(billed.received_at_ms),
    };
    let claims = Claims {
        started_at_ms,
        stopped_at_ms: billed.stopped_at_ms.or(until_ms),
        meter_start_wh: billed.meter_start_wh,
        meter_stop_wh: Some(meter_wh),
        ..Claims::default()
    };
    billed_wh(&claims, billed.last.as_ref())
}

async fn usage(conn: &mut Conn, billed: &Billed, to_ms: i64, meter_wh: i64) -> Result<Usage> {
    let energy_wh = billed_energy_wh(billed, Some(to_ms), meter_wh);
    let ended_ms = billed.stopped_at_ms;
    let is_wrong = implausible(billed.started_at_ms, billed.received_at_ms)
        || ended_ms.is_some_and(|at_ms| implausible(at_ms, billed.heard_at_ms));
    if is_wrong {
        return Ok(Usage {
            energy_wh,
            idle_minutes: 0,
        });
    }
    let stamps = conn.status_history(billed, to_ms, HISTORY_ROWS_MAX);
    let stamps = stamps.await?;
    let ended_here_ms = ended_ms.map_or(to_ms, |_| billed.heard_at_ms);
    let arrivals = conn.status_arrivals(billed, ended_here_ms, HISTORY_ROWS_MAX);
    let arrivals = arrivals.await?;
    let authorized_at_ms = billed.authorized_at_ms.unwrap_or(i64::MIN);
    let from_ms = billed.started_at_ms.max(authorized_at_ms);
    let by_stamps = idle_minutes(&stamps.statuses, from_ms, stamps.until_ms);
    let by_arrivals = idle_minutes(&arrivals.statuses, billed.received_at_ms, arrivals.until_ms);
    let is_ahead = is_ahead(billed.started_at_ms, billed.received_at_ms)
        || ended_ms.is_some_and(|at_ms| is_ahead(at_ms, billed.heard_at_ms));
    let is_doubtful = is_ahead || stamps.has_doubtful_stamps || arrivals.has_doubtful_stamps;
    let idle_minutes = match is_doubtful {
        true => by_stamps.min(by_arrivals),
        false => by_stamps,
    };
    Ok(Usage {
        energy_wh,
        idle_minutes,
    })
}

/// How often the idle time of a guest's transaction is read while it is open.
const IDLE_READ_MS: i64 = 15_000;

/// Looks after what an open transaction costs. Each message of its charge point asks; the energy is at hand, and the
/// history of the connector is read only where idle time can make the difference, and not more often than each
/// [`IDLE_READ_MS`].
#[derive(Debug, Default)]
pub(crate) struct CostWatch {
    /// Idle minutes, and when they were read.
    idle: Option<(i64, i64)>,
}

impl CostWatch {
    /// What a transaction costs until then, as far as it matters for what is held.
    pub(crate) async fn so_far(
        &mut self,
        store: &Store,
        (transaction, until_ms): (i64, i64),
        held: Decimal,
        now_ms: i64,
    ) -> Result<Decimal> {
        let mut conn = store.reader().await?;
        let Some(billed) = conn.billed(transaction).await? else {
            return Ok(Decimal::ZERO);
        };
        let meter_wh = last_wh(&billed);
        let mut so_far = Usage {
            energy_wh: billed_energy_wh(&billed, Some(until_ms), meter_wh),
            idle_minutes: self.idle.map_or(0, |(minutes, _)| minutes),
        };
        let longest = longest_idle_minutes(&billed, until_ms);
        if self.must_read(&billed.tariff, so_far, longest, held, now_ms) {
            so_far = usage(&mut conn, &billed, until_ms, meter_wh).await?;
            self.idle = Some((so_far.idle_minutes, now_ms));
        }
        Ok(billed.tariff.price(so_far).total)
    }

    fn must_read(
        &self,
        tariff: &Tariff,
        so_far: Usage,
        longest_idle: i64,
        held: Decimal,
        now_ms: i64,
    ) -> bool {
        let most = Usage {
            idle_minutes: longest_idle,
            ..so_far
        };
        let may_matter = tariff.price(so_far).total < held && tariff.price(most).total >= held;
        let is_old = |(_, read_ms)| now_ms.saturating_sub(read_ms) >= IDLE_READ_MS;
        may_matter && self.idle.is_none_or(is_old)
    }
}

/// All the time of a transaction, in started minutes.
fn longest_idle_minutes(billed: &Billed, until_ms: i64) -> i64 {
    let time_ms = until_ms.saturating_sub(billed.started_at_ms).max(0);
    time_ms / 60_000 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::charge_points::connector::ConnectorState;
    use crate::domain::charge_points::reports;
    use crate::domain::tags::tag::UnknownTags;
    use crate::domain::transactions::ending::finalise;
    use crate::domain::transactions::facts::{MeterReport, Reading};
    use crate::domain::transactions::facts::{Start, StopReport};
    use crate::domain::transactions::metering::{self};
    use crate::domain::transactions::register::Register;
    use crate::domain::transactions::{start::start, stop::stop};
    use crate::store::{
        ConnectorReport, DEFAULT_ORGANIZATION, NewTariff, Owner, Priced, history_rows_read,
    };

    const MINUTE_MS: i64 = 60_000;

    fn reading(at_ms: i64, register_wh: i64) -> Reading {
        Reading {
            at_ms,
            samples: "[]".into(),
            register: Some(Register::plain(register_wh)),
        }
    }

    fn status(number: i64, status: &str, at_ms: i64) -> ConnectorReport {
        ConnectorReport {
            charge_point_id: "CP".into(),
            connector_id: 1,
            state: ConnectorState::from_word(status).unwrap(),
            error_code: "NoError".into(),
            info: None,
            vendor_id: None,
            vendor_error_code: None,
            stamp_ms: Some(at_ms),
            received_at_ms: at_ms,
            receipt: ("a".into(), number),
        }
    }

    async fn begun(store: &Store) -> i64 {
        store
            .record_unknown_charge_point("CP", crate::store::Proof::default())
            .await
            .unwrap();
        let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
        let point = store.owned_point(&owner, "CP").await.unwrap().unwrap();
        let tariff = NewTariff {
            of: Priced::ChargePoint(point),
            tariff: Tariff {
                currency: "GBP".into(),
                price_per_kwh: "0.35".parse().unwrap(),
                session_fee: "1".parse().unwrap(),
                idle_fee_per_minute: "0.10".parse().unwrap(),
                free_idle_minutes: 5,
            },
            now_ms: 0,
        };
        assert!(
            crate::domain::money::tariff::set(store, tariff)
                .await
                .unwrap()
                .is_some()
        );
        let begin = Start {
            charge_point_id: "CP".into(),
            station_id: None,
            evse_id: Some(1),
            connector_id: Some(1),
            id_tag: Some("TAG".into()),
            tag_kind: None,
            reservation_id: None,
            started_at_ms: 0,
            meter_start_wh: Some(1_000),
            unknown_tags: UnknownTags::Accept,
            tax_rate: Decimal::from(20),
            deviations: Vec::new(),
            occurrence: None,
            now_ms: 0,
        };
        start(store, begin).await.unwrap().0
    }

    #[tokio::test]
    async fn an_open_transaction_has_a_cost_so_far_and_a_stopped_one_its_last() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        assert!(bill(&store, 1, 0).await.unwrap().is_none());
        let id = begun(&store).await;
        let so_far = async |minute: i64| {
            let bill = bill(&store, id, minute * MINUTE_MS).await.unwrap().unwrap();
            let parts = bill.price.session + bill.price.energy + bill.price.idle;
            assert_eq!(parts, bill.price.total);
            assert_eq!(bill.billed.tariff.currency, "GBP");
            (bill.usage.energy_wh, bill.price.total.to_string())
        };
        assert_eq!(so_far(1).await, (0, "0".into()));
        let report = MeterReport {
            charge_point_id: "CP".into(),
            connector_id: Some(1),
            transaction_number: Some(id),
            readings: vec![reading(10 * MINUTE_MS, 3_000)],
            received_at_ms: 10 * MINUTE_MS,
            deviations: Vec::new(),
            occurrence: None,
        };
        metering::record(&store, report).await.unwrap();
        assert_eq!(so_far(11).await, (2_000, "1.70".into()));
        let full = status(1, "SuspendedEV", 20 * MINUTE_MS);
        reports::connector_status(&store, full, None).await.unwrap();
        assert_eq!(so_far(25).await, (2_000, "1.70".into()));
        assert_eq!(so_far(30).await, (2_000, "2.20".into()));
        let end = StopReport {
            organization_id: DEFAULT_ORGANIZATION.into(),
            charge_point_id: "CP".into(),
            transaction_number: id,
            stopped_at_ms: 40 * MINUTE_MS,
            meter_stop_wh: 4_000,
            reason: None,
            trigger: None,
            id_tag: None,
            readings: Vec::new(),
            message: String::new(),
            unknown_tags: UnknownTags::Accept,
            deviations: Vec::new(),
            occurrence: None,
            now_ms: 40 * MINUTE_MS,
        };
        stop(&store, end).await.unwrap();
        // Of a history that is cut, what comes after the last status that was read is unknown.
        let back = status(2, "SuspendedEV", 22 * MINUTE_MS);
        reports::connector_status(&store, back, None).await.unwrap();
        let mut conn = store.reader().await.unwrap();
        let billed = conn.billed(id).await.unwrap().unwrap();
        for (statuses_max, read, until) in [(2, 2, 40), (1, 1, 22)] {
            let history = conn.status_history(&billed, 40 * MINUTE_MS, statuses_max);
            let history = history.await.unwrap();
            let found = (history.statuses.len(), history.until_ms);
            assert_eq!(found, (read, until * MINUTE_MS));
        }
        drop(conn);
        // 1.00 + 3 kWh x 0.35 + 15 x 0.10, whatever the time is now.
        assert_eq!(so_far(999).await, (3_000, "3.55".into()));
    }

    #[tokio::test]
    async fn a_meter_value_reads_no_history_and_an_end_reads_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let id = begun(&store).await;
        let mut read_for_an_end = Vec::new();
        let mut number = 0;
        // The work of an end grows with the history; that of meter values is none however long it is.
        for statuses in [20, 180] {
            for minute in number..number + statuses {
                let word = ["SuspendedEV", "Charging"][usize::from(minute % 2 == 1)];
                let report = status(minute + 1, word, (minute + 1) * MINUTE_MS);
                reports::connector_status(&store, report, None)
                    .await
                    .unwrap();
            }
            number += statuses;
            if read_for_an_end.is_empty() {
                let left = status(500, "Available", 1_000 * MINUTE_MS);
                reports::connector_status(&store, left, None).await.unwrap();
            }
            let before = history_rows_read();
            for minute in 0..50 {
                let at_ms = (number + minute) * MINUTE_MS;
                let report = MeterReport {
                    charge_point_id: "CP".into(),
                    connector_id: Some(1),
                    transaction_number: Some(id),
                    readings: vec![reading(at_ms, 1_000 + number + minute)],
                    received_at_ms: 1_001 * MINUTE_MS,
                    deviations: Vec::new(),
                    occurrence: None,
                };
                metering::record(&store, report).await.unwrap();
            }
            assert_eq!(history_rows_read(), before);
            assert!(finalise(&store, id, (i64::MAX, 0), None).await.unwrap());
            assert!(!finalise(&store, id, (i64::MAX, 0), None).await.unwrap());
            read_for_an_end.push(history_rows_read() - before);
        }
        assert!(read_for_an_end[0] >= 20, "{read_for_an_end:?}");
        assert!(
            read_for_an_end[1] > 5 * read_for_an_end[0],
            "{read_for_an_end:?}"
        );
    }

    #[test]
    fn what_a_guest_owes_reads_the_history_by_the_clock_and_not_by_the_message() {
        let tariff = Tariff {
            currency: "GBP".into(),
            price_per_kwh: "0.35".parse().unwrap(),
            session_fee: Decimal::ZERO,
            idle_fee_per_minute: "0.10".parse().unwrap(),
            free_idle_minutes: 0,
        };
        let so_far = Usage {
            energy_wh: 1_000,
            idle_minutes: 0,
        };
        let reads = |longest_idle, messages: i64| {
            let mut watch = CostWatch::default();
            let mut reads = 0;
            for message in 0..messages {
                let now_ms = message * 60_000 / messages;
                if watch.must_read(&tariff, so_far, longest_idle, Decimal::TEN, now_ms) {
                    watch.idle = Some((0, now_ms));
                    reads += 1;
                }
            }
            reads
        };
        // A minute, in few messages or many.
        assert_eq!(reads(97, 60), 4);
        assert_eq!(reads(97, 60_000), 4);
        // All its time would not make it as dear.
        assert_eq!(reads(96, 60_000), 0);
    }
}
