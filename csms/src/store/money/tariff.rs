//! Tariffs of charge points and projects, each with the time since which it holds, and what transactions cost by them.

use rust_decimal::Decimal;

use crate::domain::money::price::{IdleFrom, Tariff, Usage};
use crate::domain::transactions::claims::STAMP_AHEAD_MS_MAX;
use crate::domain::transactions::register::Standing;
use crate::store::transactions::meter::{LastMeter, last_meter_columns};
use crate::store::{
    Conn, Many, OwnedPoint, OwnedProject, Owner, Result, Store, StoreError, chunks, on_db, owned,
    run_on_db,
};

/// Statuses that are read of one transaction. Idle time beyond so many is not paid for.
pub(crate) const HISTORY_ROWS_MAX: i64 = 50_000;

/// What has a tariff of its own.
#[derive(Clone, Debug)]
pub(crate) enum Priced {
    ChargePoint(OwnedPoint),
    Project(OwnedProject),
}

impl Priced {
    const fn kind(&self) -> &'static str {
        match self {
            Self::ChargePoint(_) => "charge_point",
            Self::Project(_) => "project",
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::ChargePoint(point) => &point.id,
            Self::Project(project) => &project.id,
        }
    }

    const fn owner(&self) -> &Owner {
        match self {
            Self::ChargePoint(point) => point.owner(),
            Self::Project(project) => project.owner(),
        }
    }
}

/// A tariff as it was set.
#[derive(Clone, Debug)]
pub(crate) struct TariffRecord {
    pub tariff: Tariff,
    pub since_ms: i64,
}

/// A tariff to set.
#[derive(Clone, Debug)]
pub(crate) struct NewTariff {
    pub of: Priced,
    pub tariff: Tariff,
    pub now_ms: i64,
}

/// A transaction that is billed: what its price is made of.
#[derive(Clone, Debug)]
pub(crate) struct Billed {
    pub tariff: Tariff,
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    pub started_at_ms: i64,
    pub meter_start_wh: Option<i64>,
    /// `None` while it is open.
    pub stopped_at_ms: Option<i64>,
    pub meter_stop_wh: Option<i64>,
    /// Where meter values left the register.
    pub last: Option<Standing>,
    /// When its start was received.
    pub received_at_ms: i64,
    /// When the last message about it was received; its stop, where there is one.
    pub heard_at_ms: i64,
    /// As it was billed, once it has ended.
    pub usage: Option<Usage>,
    /// Of a guest: when the session was authorized.
    pub authorized_at_ms: Option<i64>,
    /// Of a guest: whether what is paid for stands.
    pub is_paid: bool,
}

/// Statuses of a connector while a transaction was open, in their order, and until when they are known.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub statuses: Vec<IdleFrom>,
    pub until_ms: i64,
    /// Whether the stamp of one of them is none to bill by: it has none of its own, or one that is ahead of its arrival.
    pub has_doubtful_stamps: bool,
}

impl History {
    fn of(mut rows: Vec<(bool, i64, bool)>, to_ms: i64, statuses_max: i64) -> Self {
        let is_cut = i64::try_from(rows.len()).is_ok_and(|read| read > statuses_max);
        let next = if is_cut { rows.pop() } else { None };
        Self {
            until_ms: next.map_or(to_ms, |(_, at_ms, _)| at_ms),
            has_doubtful_stamps: rows.iter().any(|(.., is_doubtful)| *is_doubtful),
            statuses: rows
                .into_iter()
                .map(|(is_idle, at_ms, _)| IdleFrom { is_idle, at_ms })
                .collect(),
        }
    }
}

type TariffColumns = (String, String, String, String, i64, i64);
#[derive(sqlx::FromRow)]
struct BilledRow {
    tariff: String,
    charge_point_id: String,
    connector_id: Option<i64>,
    started_at_ms: i64,
    meter_start_wh: Option<i64>,
    stopped_at_ms: Option<i64>,
    meter_stop_wh: Option<i64>,
    #[sqlx(flatten)]
    last_meter: LastMeter,
    received_at_ms: i64,
    heard_at_ms: i64,
    energy_wh: Option<i64>,
    idle_minutes: Option<i64>,
    authorized_at_ms: Option<i64>,
    is_paid: bool,
}

/// What is selected of the tariff `t` for what begins at `$2` where the row `p` of the table given says, which is the
/// one with the id `$1`: what was the charge point's own then, else the project's. None where none was set, and none
/// before a project was handed over.
macro_rules! tariff_at {
    ($select:literal, $table:literal, $charge_point:literal) => {
        concat!(
            $select,
            " from ",
            $table,
            " p
                 left join project j on j.id = p.project_id
                 join tariff t on (t.owner_kind = 'charge_point' and t.owner_id = p.",
            $charge_point,
            ")
                     or (t.owner_kind = 'project' and t.owner_id = p.project_id)
             where p.id = $1 and t.since_ms <= $2 and (p.project_id is null or j.handed_over_at_ms <= $2)
             order by t.owner_kind, t.since_ms desc limit 1"
        )
    };
}

static BILLED_AMONG: Many = Many::new(
    "with r (number) as (values {rows})
     select c.transaction_id from r join transaction_cost c on c.transaction_id = r.number
     where not exists (select 1 from roaming_session s where s.transaction_id = r.number)",
    1,
);

// The tariff is written as JSON by both databases in the same way: all its values are text or integers of our own
// making. Which one it is, `tariff_at` says in the same words.
static BILL: Many = Many::new(
    r#"with r (number, began_at_ms, though) as (values {rows})
     insert into transaction_cost (transaction_id, billed_though, currency, tariff)
     select p.id, r.though, t.currency, '{"currency":"' || t.currency
             || '","price_per_kwh":"' || t.price_per_kwh
             || '","session_fee":"' || t.session_fee
             || '","idle_fee_per_minute":"' || t.idle_fee_per_minute
             || '","free_idle_minutes":' || cast(t.free_idle_minutes as text) || '}'
     from r join charge_transaction p on p.id = r.number
         left join project j on j.id = p.project_id
         join tariff t on t.id = (select n.id from tariff n
             where ((n.owner_kind = 'charge_point' and n.owner_id = p.charge_point_id)
                     or (n.owner_kind = 'project' and n.owner_id = p.project_id))
                 and n.since_ms <= r.began_at_ms
             order by n.owner_kind, n.since_ms desc limit 1)
     where p.project_id is null or j.handed_over_at_ms <= r.began_at_ms"#,
    3,
);

/// Marks those that are not billed because their tariff holds only since they began, though it did when they arrived.
static WITHOUT_TARIFF: Many = Many::new(
    "with r (number, began_at_ms) as (values {rows})
     update charge_transaction set deviations = trim(deviations || ' no_tariff_then') from r
     where id = r.number
         and not exists (select 1 from transaction_cost c where c.transaction_id = r.number)
         and exists (select 1 from tariff n
             where ((n.owner_kind = 'charge_point' and n.owner_id = charge_transaction.charge_point_id)
                     or (n.owner_kind = 'project' and n.owner_id = charge_transaction.project_id))
                 and n.since_ms <= charge_transaction.received_at_ms)
         and (project_id is null or exists (select 1 from project j
             where j.id = charge_transaction.project_id and j.handed_over_at_ms <= r.began_at_ms))",
    2,
);

/// Sets the tariff of a row `p`, which the text given selects.
macro_rules! set_tariff {
    ($from:literal, $owned:expr) => {
        concat!(
            "insert into tariff (id, organization_id, owner_kind, owner_id, currency, price_per_kwh, session_fee,
                 idle_fee_per_minute, free_idle_minutes, since_ms, updated_at_ms)
             select $1, p.organization_id, $2, p.id, $4, $5, $6, $7, $8, $9, $9 from ",
            $from,
            $owned,
            " on conflict (owner_kind, owner_id, since_ms) do update set currency = excluded.currency,
                 price_per_kwh = excluded.price_per_kwh, session_fee = excluded.session_fee,
                 idle_fee_per_minute = excluded.idle_fee_per_minute,
                 free_idle_minutes = excluded.free_idle_minutes
             returning id"
        )
    };
}

impl Store {
    /// The tariff that was set last for exactly this.
    pub(crate) async fn tariff(&self, of: &Priced) -> Result<Option<TariffRecord>> {
        let mut conn = self.reader().await?;
        let row: Option<TariffColumns> = on_db!(&mut conn, db => sqlx::query_as(
            "select currency, price_per_kwh, session_fee, idle_fee_per_minute, free_idle_minutes,
                 since_ms
             from tariff where owner_kind = $1 and owner_id = $2 order by since_ms desc limit 1")
            .bind(of.kind()).bind(of.id())
            .fetch_optional(db))?;
        row.map(tariff_of).transpose()
    }

    /// The tariff for what begins at a charge point at that time, if anything is billed there then.
    pub(crate) async fn tariff_at(&self, point: &OwnedPoint, at_ms: i64) -> Result<Option<Tariff>> {
        let mut conn = self.reader().await?;
        let row: Option<TariffColumns> = on_db!(&mut conn, db => sqlx::query_as(tariff_at!(
            "select t.currency, t.price_per_kwh, t.session_fee, t.idle_fee_per_minute,
                 t.free_idle_minutes, t.since_ms", "charge_point", "id"))
            .bind(&point.id).bind(at_ms)
            .fetch_optional(db))?;
        Ok(row.map(tariff_of).transpose()?.map(|record| record.tariff))
    }
}

impl Conn {
    /// Keeps a tariff, and gives the id of its row, which is another one where there is one of the same millisecond: that
    /// stays, with what it says now. `None` when what it is for is not the owner's any more.
    pub(crate) async fn insert_tariff(
        &mut self,
        id: &str,
        new: &NewTariff,
    ) -> Result<Option<String>> {
        let (tariff, owner) = (&new.tariff, new.of.owner());
        let text = match &new.of {
            Priced::ChargePoint(_) => set_tariff!(
                "charge_point p where p.id = $3 and p.deleted_at_ms is null and ",
                owned!("p", "$10", "$11", "$12")
            ),
            Priced::Project(_) => set_tariff!(
                "project p where p.id = $3 and p.organization_id = $10
                     and ($11 is null or p.installer_id = $11) and ",
                "($12 is null or p.site_owner_id = $12)"
            ),
        };
        on_db!(self, db => sqlx::query_scalar(text)
            .bind(id).bind(new.of.kind())
            .bind(new.of.id()).bind(&tariff.currency).bind(tariff.price_per_kwh.to_string())
            .bind(tariff.session_fee.to_string()).bind(tariff.idle_fee_per_minute.to_string())
            .bind(tariff.free_idle_minutes).bind(new.now_ms)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .fetch_optional(db))
    }

    /// The tariff that held before one that was just set.
    pub(crate) async fn tariff_before(&mut self, new: &NewTariff) -> Result<Option<TariffRecord>> {
        let before: Option<TariffColumns> = on_db!(self, db => sqlx::query_as(
            "select currency, price_per_kwh, session_fee, idle_fee_per_minute, free_idle_minutes, since_ms
             from tariff where owner_kind = $1 and owner_id = $2 and since_ms < $3
             order by since_ms desc limit 1")
            .bind(new.of.kind()).bind(new.of.id()).bind(new.now_ms)
            .fetch_optional(db))?;
        before.map(tariff_of).transpose()
    }

    /// Forgets a tariff that nothing was billed by.
    pub(crate) async fn drop_tariff(&mut self, id: &str) -> Result<()> {
        run_on_db!(self, db => sqlx::query("delete from tariff where id = $1").bind(id).execute(db))
    }

    /// Keeps the tariffs of transactions: of each its id, when it began, and why it is billed though its tag might not
    /// charge. Where there is no tariff for it nothing is billed.
    pub(crate) async fn bill(&mut self, begun: &[(i64, i64, Option<&str>)]) -> Result<()> {
        for chunk in chunks(begun) {
            let text = BILL.for_rows(self, chunk.len());
            run_on_db!(&mut *self, db => {
                let mut query = sqlx::query(text);
                for (id, began_at_ms, though) in chunk {
                    query = query.bind(*id).bind(*began_at_ms).bind(*though);
                }
                query.execute(db)
            })?;
        }
        Ok(())
    }

    /// Marks those of these transactions (id, and when it began) that are not billed because no tariff held then.
    pub(crate) async fn mark_without_tariff(&mut self, begun: &[(i64, i64)]) -> Result<()> {
        for chunk in chunks(begun) {
            let text = WITHOUT_TARIFF.for_rows(self, chunk.len());
            run_on_db!(&mut *self, db => {
                let mut query = sqlx::query(text);
                for (id, began_at_ms) in chunk {
                    query = query.bind(*id).bind(*began_at_ms);
                }
                query.execute(db)
            })?;
        }
        Ok(())
    }

    /// Of these transactions those that are billed.
    pub(crate) async fn billed_among(&mut self, transactions: &[i64]) -> Result<Vec<i64>> {
        let mut billed = Vec::new();
        for chunk in chunks(transactions) {
            let text = BILLED_AMONG.for_rows(self, chunk.len());
            let ids: Vec<i64> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_scalar(text);
                for id in chunk {
                    query = query.bind(*id);
                }
                query.fetch_all(db)
            })?;
            billed.extend(ids);
        }
        Ok(billed)
    }

    /// What the price of a transaction is made of; `None` when it is not billed.
    pub(crate) async fn billed(&mut self, transaction: i64) -> Result<Option<Billed>> {
        let row: Option<BilledRow> = on_db!(self, db => sqlx::query_as(
            concat!("select c.tariff, c.energy_wh, c.idle_minutes, t.charge_point_id, t.connector_id, t.started_at_ms,
                 t.meter_start_wh, t.stopped_at_ms, t.meter_stop_wh, t.received_at_ms, ", last_meter_columns!(), ",
                 coalesce(t.stop_received_at_ms, t.heard_at_ms) as heard_at_ms,
                 g.created_at_ms as authorized_at_ms, g.total is not null as is_paid
             from transaction_cost c join charge_transaction t on t.id = c.transaction_id
                 left join guest_session g on g.transaction_id = t.id
             where c.transaction_id = $1"))
            .bind(transaction)
            .fetch_optional(db))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let tariff = serde_json::from_str(&row.tariff)
            .map_err(|error| StoreError::Corrupt(format!("a tariff that is none: {error}")))?;
        Ok(Some(Billed {
            tariff,
            charge_point_id: row.charge_point_id,
            connector_id: row.connector_id,
            started_at_ms: row.started_at_ms,
            meter_start_wh: row.meter_start_wh,
            stopped_at_ms: row.stopped_at_ms,
            meter_stop_wh: row.meter_stop_wh,
            last: row.last_meter.standing(),
            received_at_ms: row.received_at_ms,
            heard_at_ms: row.heard_at_ms,
            usage: row
                .energy_wh
                .zip(row.idle_minutes)
                .map(|(energy_wh, idle_minutes)| Usage {
                    energy_wh,
                    idle_minutes,
                }),
            authorized_at_ms: row.authorized_at_ms,
            is_paid: row.is_paid,
        }))
    }

    /// What a connector was from one time to another, beginning with the last status before it, and until when that
    /// is known: where there are more than so many statuses, no longer than until the next one.
    pub(crate) async fn status_history(
        &mut self,
        billed: &Billed,
        to_ms: i64,
        statuses_max: i64,
    ) -> Result<History> {
        let rows: Vec<(bool, i64, bool)> = on_db!(self, db => sqlx::query_as(
            "select phase is not distinct from 'suspended_ev', reported_at_ms,
                 not has_stamp or reported_at_ms > received_at_ms + $6 from connector_history
             where charge_point_id = $1 and connector_id = $2 and reported_at_ms <= $4
               and reported_at_ms >= coalesce((select max(h.reported_at_ms) from connector_history h
                   where h.charge_point_id = $1 and h.connector_id = $2 and h.reported_at_ms <= $3), $3)
             order by reported_at_ms, place limit $5")
            .bind(&billed.charge_point_id).bind(billed.connector_id).bind(billed.started_at_ms)
            .bind(to_ms).bind(statuses_max.saturating_add(1)).bind(STAMP_AHEAD_MS_MAX)
            .fetch_all(db))?;
        #[cfg(test)]
        count_rows(rows.len());
        Ok(History::of(rows, to_ms, statuses_max))
    }

    /// The same by the server's clock: what arrived after the start had arrived, and before the given time. Of
    /// what arrived at once the idle time comes first, so that it lasts for nothing.
    pub(crate) async fn status_arrivals(
        &mut self,
        billed: &Billed,
        to_ms: i64,
        statuses_max: i64,
    ) -> Result<History> {
        let rows: Vec<(bool, i64, bool)> = on_db!(self, db => sqlx::query_as(
            "select phase is not distinct from 'suspended_ev', received_at_ms,
                 not has_stamp or reported_at_ms > received_at_ms + $6 from connector_history
             where charge_point_id = $1 and connector_id = $2 and received_at_ms >= $3 and received_at_ms < $4
             order by received_at_ms, case when phase = 'suspended_ev' then 0 else 1 end, place limit $5")
            .bind(&billed.charge_point_id).bind(billed.connector_id).bind(billed.received_at_ms)
            .bind(to_ms).bind(statuses_max.saturating_add(1)).bind(STAMP_AHEAD_MS_MAX)
            .fetch_all(db))?;
        #[cfg(test)]
        count_rows(rows.len());
        Ok(History::of(rows, to_ms, statuses_max))
    }

    /// Writes down what a transaction costs.
    pub(crate) async fn set_cost(
        &mut self,
        transaction: i64,
        usage: Usage,
        total: Decimal,
    ) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "update transaction_cost set energy_wh = $2, idle_minutes = $3, total = $4 where transaction_id = $1")
            .bind(transaction).bind(usage.energy_wh).bind(usage.idle_minutes).bind(total.to_string())
            .execute(db))
    }
}

#[cfg(test)]
thread_local! {
    /// Rows of histories that were read in this thread: a test with one thread counts those of its whole store.
    static ROWS_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn count_rows(rows: usize) {
    ROWS_READ.set(ROWS_READ.get() + rows);
}

/// How many rows of histories were read until now.
#[cfg(test)]
pub(crate) fn history_rows_read() -> usize {
    ROWS_READ.get()
}

fn tariff_of(
    (currency, per_kwh, session, idle, free_idle_minutes, since_ms): TariffColumns,
) -> Result<TariffRecord> {
    Ok(TariffRecord {
        tariff: Tariff {
            currency,
            price_per_kwh: amount(&per_kwh)?,
            session_fee: amount(&session)?,
            idle_fee_per_minute: amount(&idle)?,
            free_idle_minutes,
        },
        since_ms,
    })
}

/// A stored amount of money.
pub(crate) fn amount(text: &str) -> Result<Decimal> {
    text.parse()
        .map_err(|_| StoreError::Corrupt(format!("the amount {text:?}")))
}
