//! What is dropped of a charge point or a connector, by age or because there is too much of it.

use sqlx::AssertSqlSafe;

use crate::store::database::query_text::{Bind, Put, bind_all};
use crate::store::upkeep::retention::{Dropped, Dropping, PART_ROWS};
use crate::store::{Conn, Result, Store, on_db};

/// Charge points whose oldest rows are looked for at once.
const POINTS: i64 = 200;
/// A transaction that was heard of within this time may be corrected.
const MAY_CHANGE_MS: i64 = 24 * 60 * 60 * 1000;
/// A transaction `t` whose bill may still change; `$recent` is an instant a day ago.
const MAY_CHANGE: &str = "(t.state = 'open'
     or (t.state <> 'stopped' and (t.provisional_since_ms is not null or t.heard_at_ms >= $recent))
     or exists (select 1 from guest_session g where g.transaction_id = t.id and g.payment_status in
         ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')))";

/// Records of charge points, of which one can have too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfPoint {
    MeterValue,
    Event,
    Stop,
}

impl OfPoint {
    pub(crate) const ALL: [Self; 3] = [Self::MeterValue, Self::Event, Self::Stop];

    pub(crate) const fn table(self) -> Dropping {
        match self {
            Self::MeterValue => Dropping::MeterValue,
            Self::Event => Dropping::ChargePointEvent,
            Self::Stop => Dropping::OrphanStop,
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::MeterValue => "charge_point_id, content_hash",
            Self::Event => "id",
            Self::Stop => "charge_point_id, transaction_number, content_hash",
        }
    }
}

/// A charge point with the instants of its oldest records.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OldestOfPoint {
    pub charge_point_id: String,
    meter_value_ms: Option<i64>,
    event_ms: Option<i64>,
    stop_ms: Option<i64>,
}

impl OldestOfPoint {
    pub(crate) const fn oldest_ms(&self, of: OfPoint) -> Option<i64> {
        match of {
            OfPoint::MeterValue => self.meter_value_ms,
            OfPoint::Event => self.event_ms,
            OfPoint::Stop => self.stop_ms,
        }
    }
}

/// A connector with the instant of its oldest status.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OldestOfConnector {
    pub charge_point_id: String,
    pub connector_id: i64,
    pub oldest_ms: Option<i64>,
}

/// A part of the records of a charge point.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub of: OfPoint,
    pub charge_point_id: String,
    /// Received since then; where the part before this ended.
    pub from_ms: i64,
    /// Received before.
    pub before_ms: i64,
    pub now_ms: i64,
    /// Whether what a bill may need goes too.
    pub even_needed: bool,
}

/// A part of the statuses of a connector.
#[derive(Clone, Debug)]
pub(crate) struct StatusPart {
    pub charge_point_id: String,
    pub connector_id: i64,
    /// Received before.
    pub before_ms: i64,
    pub now_ms: i64,
    /// Whether what a bill may need goes too.
    pub even_needed: bool,
}

impl Store {
    /// Some charge points behind this one by id, deleted ones among them, with the instants of their oldest records.
    pub(crate) async fn oldest_of_points(&self, after: &str) -> Result<Vec<OldestOfPoint>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select p.id as charge_point_id,
                 (select min(v.received_at_ms) from meter_value v where v.charge_point_id = p.id) as meter_value_ms,
                 (select min(e.received_at_ms) from charge_point_event e where e.charge_point_id = p.id) as event_ms,
                 (select min(o.received_at_ms) from orphan_stop o where o.charge_point_id = p.id) as stop_ms
             from charge_point p where p.id > $1 order by p.id limit $2")
            .bind(after).bind(POINTS)
            .fetch_all(db))
    }

    /// The connectors of the charge points behind one and up to another by id, with the instants of their oldest
    /// statuses.
    pub(crate) async fn oldest_of_connectors(
        &self,
        after: &str,
        to: &str,
    ) -> Result<Vec<OldestOfConnector>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select c.charge_point_id, c.connector_id, (select min(h.received_at_ms) from connector_history h
                 where h.charge_point_id = c.charge_point_id and h.connector_id = c.connector_id) as oldest_ms
             from connector c where c.charge_point_id > $1 and c.charge_point_id <= $2
             order by c.charge_point_id, c.connector_id")
            .bind(after).bind(to)
            .fetch_all(db))
    }

    /// When the record was received that has so many newer ones of its charge point before it; `None` where there are
    /// not so many. Reads the index as far as that.
    pub(crate) async fn bound_of_point(
        &self,
        of: OfPoint,
        charge_point: &str,
        rows_max: i64,
    ) -> Result<Option<i64>> {
        let text = format!(
            "select received_at_ms from {} where charge_point_id = $1
             order by received_at_ms desc limit 1 offset $2",
            of.table().table()
        );
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(AssertSqlSafe(text))
            .bind(charge_point).bind(rows_max.saturating_sub(1))
            .fetch_optional(db))
    }

    /// The same of a connector's statuses.
    pub(crate) async fn bound_of_connector(
        &self,
        (charge_point, connector): (&str, i64),
        rows_max: i64,
    ) -> Result<Option<i64>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            "select received_at_ms from connector_history where charge_point_id = $1 and connector_id = $2
             order by received_at_ms desc limit 1 offset $3")
            .bind(charge_point).bind(connector).bind(rows_max.saturating_sub(1))
            .fetch_optional(db))
    }

    /// Drops a part of the records of a charge point.
    pub(crate) async fn drop_part(&self, part: Part) -> Result<Dropped> {
        self.write(part, |part, conn| Box::pin(conn.drop_part(part)))
            .await
    }

    /// Drops a part of the statuses of a connector; the newest stays.
    pub(crate) async fn drop_statuses(&self, part: StatusPart) -> Result<Dropped> {
        self.write(part, |part, conn| Box::pin(conn.drop_statuses(part)))
            .await
    }
}

impl Conn {
    async fn drop_part(&mut self, part: &Part) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let put = part_text(part, self.unlocked_only());
        let received: Vec<i64> = on_db!(self, db => bind_all!(
            sqlx::query_scalar(AssertSqlSafe(put.text.clone())), put)
            .fetch_all(db))?;
        Ok(Dropped::of(&received))
    }

    async fn drop_statuses(&mut self, part: &StatusPart) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let mut before_ms = part.before_ms;
        let newest: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "select max(reported_at_ms) from connector_history where charge_point_id = $1 and connector_id = $2")
            .bind(&part.charge_point_id).bind(part.connector_id)
            .fetch_one(db))?;
        let mut reported_before_ms = newest.unwrap_or(i64::MIN);
        if !part.even_needed
            && let Some((received_ms, reported_ms)) = self.needed_statuses(part).await?
        {
            before_ms = before_ms.min(received_ms);
            reported_before_ms = reported_before_ms.min(reported_ms);
        }
        let text = format!(
            "delete from connector_history where charge_point_id = $1 and (connector_id, reported_at_ms, place) in (
                 select r.connector_id, r.reported_at_ms, r.place from connector_history r
                 where r.charge_point_id = $1 and r.connector_id = $2 and r.received_at_ms < $3
                     and r.reported_at_ms < $4
                 order by r.received_at_ms limit $5{})
             returning received_at_ms",
            self.unlocked_only()
        );
        let received: Vec<i64> = on_db!(self, db => sqlx::query_scalar(AssertSqlSafe(text.clone()))
            .bind(&part.charge_point_id).bind(part.connector_id).bind(before_ms).bind(reported_before_ms)
            .bind(PART_ROWS)
            .fetch_all(db))?;
        Ok(Dropped::of(&received))
    }

    /// Since when the statuses of a connector are needed for bills that may change, by their arrival and by their stamps;
    /// the status that held when such a transaction began is one of them.
    async fn needed_statuses(&mut self, part: &StatusPart) -> Result<Option<(i64, i64)>> {
        let changing = MAY_CHANGE.replace("$recent", "$3");
        let text = format!(
            "select min(t.received_at_ms), min(t.started_at_ms) from charge_transaction t
             where t.charge_point_id = $1 and t.connector_id = $2 and t.state <> 'stopped' and {changing}
             union all
             select min(t.received_at_ms), min(t.started_at_ms) from guest_session g
                 join charge_transaction t on t.id = g.transaction_id
             where g.charge_point_id = $1 and t.connector_id = $2 and g.payment_status in
                 ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling')"
        );
        let recent_ms = part.now_ms.saturating_sub(MAY_CHANGE_MS);
        let rows: Vec<(Option<i64>, Option<i64>)> = on_db!(&mut *self, db => sqlx::query_as(
            AssertSqlSafe(text.clone()))
            .bind(&part.charge_point_id).bind(part.connector_id).bind(recent_ms)
            .fetch_all(db))?;
        let received_ms = rows
            .iter()
            .filter_map(|(received_ms, _)| *received_ms)
            .min();
        let started_ms = rows.iter().filter_map(|(_, started_ms)| *started_ms).min();
        let Some((received_ms, started_ms)) = received_ms.zip(started_ms) else {
            return Ok(None);
        };
        let held_ms: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "select max(reported_at_ms) from connector_history
             where charge_point_id = $1 and connector_id = $2 and reported_at_ms <= $3")
            .bind(&part.charge_point_id).bind(part.connector_id).bind(started_ms)
            .fetch_one(db))?;
        Ok(Some((received_ms, held_ms.unwrap_or(started_ms))))
    }
}

fn part_text(part: &Part, lock: &str) -> Put {
    let mut put = Put::default();
    let point = put.text(&part.charge_point_id);
    let from = put.value(Bind::Number(part.from_ms));
    let before = put.value(Bind::Number(part.before_ms));
    let limit = put.value(Bind::Number(PART_ROWS));
    let needed = if part.of == OfPoint::MeterValue && !part.even_needed {
        let recent = part.now_ms.saturating_sub(MAY_CHANGE_MS);
        let recent = put.value(Bind::Number(recent));
        let changing = MAY_CHANGE.replace("$recent", &recent);
        format!(
            " and not exists (select 1 from charge_transaction t where t.id = r.transaction_id and {changing})"
        )
    } else {
        String::new()
    };
    let (table, key) = (part.of.table().table(), part.of.key());
    put.add(&format!(
        "delete from {table} where ({key}) in (select {key} from {table} r
             where r.charge_point_id = {point} and r.received_at_ms >= {from} and r.received_at_ms < {before}{needed}
             order by r.received_at_ms limit {limit}{lock})
         returning received_at_ms"
    ));
    put
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::upkeep::growth::{plan, seed, steps};

    async fn store(folder: &tempfile::TempDir) -> Store {
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        Store::open(&address).await.unwrap()
    }

    #[tokio::test]
    async fn a_part_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut conn = store.reader().await.unwrap();
        for of in OfPoint::ALL {
            let part = Part {
                of,
                charge_point_id: "CP".into(),
                from_ms: 0,
                before_ms: 1,
                now_ms: 2,
                even_needed: false,
            };
            let plan = plan(&mut conn, &part_text(&part, "")).await;
            assert!(!plan.contains("SCAN"), "{of:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{of:?}: {plan}");
        }
    }

    /// A part costs its rows, whatever else the charge point has.
    #[tokio::test]
    async fn a_part_costs_what_it_drops() {
        let mut found = Vec::new();
        for kept in [100, 10_000] {
            let folder = tempfile::tempdir().unwrap();
            let store = store(&folder).await;
            let values = |from: i64, to: i64| {
                format!(
                    "with recursive n (i) as (select {from} union all select i + 1 from n where i < {to})
                     insert into meter_value (charge_point_id, content_hash, sampled_at_ms, sampled_values,
                         received_at_ms)
                     select 'CP', 'h' || cast(i as text), i, '[]', i from n"
                )
            };
            let point =
                "insert into charge_point (id, organization_id, registration, created_at_ms)
                 values ('CP', 'org_default', 'Accepted', 0)";
            seed(
                &store,
                &[point.to_owned(), values(1, 50), values(100, 99 + kept)],
            )
            .await;
            let part = Part {
                of: OfPoint::MeterValue,
                charge_point_id: "CP".into(),
                from_ms: 0,
                before_ms: 100,
                now_ms: 1_000_000,
                even_needed: false,
            };
            let mut conn = store.reader().await.unwrap();
            let drop = async |conn: &mut Conn| conn.drop_part(&part).await;
            let (steps, dropped) = steps(&mut conn, drop).await;
            assert_eq!(dropped.unwrap(), Dropped::Rows(50, 50));
            found.push(steps);
        }
        assert!(found[1] <= found[0] + 100, "{found:?}");
    }
}
