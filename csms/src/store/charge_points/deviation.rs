//! What was forgiven of the messages of charge points: a row for each message and leniency, so that the table is
//! bounded by the charge points, and the names with the transactions that are concerned.

use dynamo_protocol::decode::Deviation;

use crate::store::{Conn, OwnedPoint, Result, Store, on_db, run_on_db};

/// What one message had to be forgiven.
pub(crate) struct DeviationReport {
    pub charge_point_id: String,
    /// Its name in the standard, such as `StopTransaction.req`.
    pub message: String,
    pub deviations: Vec<Deviation>,
    pub received_at_ms: i64,
}

/// A leniency that a charge point needs.
#[derive(sqlx::FromRow)]
pub(crate) struct DeviationRow {
    pub message: String,
    pub name: String,
    pub messages: i64,
    pub first_seen_at_ms: i64,
    pub last_seen_at_ms: i64,
    pub pointer: String,
    pub example: String,
}

impl Store {
    /// Everything that is forgiven of the messages of a charge point, by message and name.
    pub(crate) async fn deviations(&self, point: &OwnedPoint) -> Result<Vec<DeviationRow>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select message, name, messages, first_seen_at_ms, last_seen_at_ms, pointer, example
             from deviation where charge_point_id = $1 order by message, name")
            .bind(&point.id)
            .fetch_all(db))
    }
}

impl Conn {
    /// Counts what a message had to be forgiven: for each kind, how many messages had it by now.
    pub(crate) async fn count_deviations(&mut self, report: &DeviationReport) -> Result<Vec<i64>> {
        let mut counts = Vec::with_capacity(report.deviations.len());
        for deviation in &report.deviations {
            counts.push(on_db!(self, db => sqlx::query_scalar(
                "insert into deviation (charge_point_id, message, name, messages, first_seen_at_ms,
                     last_seen_at_ms, pointer, example)
                 values ($1, $2, $3, 1, $4, $4, $5, $6)
                 on conflict (charge_point_id, message, name) do update set
                     messages = deviation.messages + 1, last_seen_at_ms = $4, pointer = $5, example = $6
                 returning messages")
                .bind(&report.charge_point_id).bind(&report.message)
                .bind(deviation.leniency.name()).bind(report.received_at_ms)
                .bind(&deviation.pointer).bind(&deviation.excerpt)
                .fetch_one(db))?);
        }
        Ok(counts)
    }

    /// Keeps with a transaction what was forgiven of a message about it; each name once.
    pub(crate) async fn mark_deviations(
        &mut self,
        transaction: i64,
        names: &[&'static str],
    ) -> Result<()> {
        for name in names {
            run_on_db!(self, db => sqlx::query(
                "update charge_transaction set deviations = trim(deviations || ' ' || $2)
                 where id = $1 and ' ' || deviations || ' ' not like '% ' || $2 || ' %'")
                .bind(transaction).bind(*name)
                .execute(db))?;
        }
        Ok(())
    }
}
