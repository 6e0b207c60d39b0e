//! What the data set of the demo needs beside the usual doors: transactions with given numbers.

use super::{Conn, Result, Store, on_db, run_on_db};

impl Store {
    /// The next transaction has this number at least.
    pub(crate) async fn number_transactions_from(&self, id: i64) -> Result<()> {
        self.write(id, |id, conn| {
            Box::pin(async move { conn.number_transactions_from(*id).await })
        })
        .await
    }

    /// Charge point and connector of the transaction of this number, whatever became of it.
    pub(crate) async fn place_of(&self, id: i64) -> Result<Option<(String, i64)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select charge_point_id, connector_id from charge_transaction where id = $1")
            .bind(id)
            .fetch_optional(db))
    }
}

impl Conn {
    async fn number_transactions_from(&mut self, id: i64) -> Result<()> {
        // Each database keeps the next number in its own way.
        let statements: &[&'static str] = match self {
            Self::Sqlite(_) => &[
                "insert into sqlite_sequence (name, seq) select 'charge_transaction', 0
                 where not exists (select 1 from sqlite_sequence where name = 'charge_transaction')
                   and $1 > 0",
                "update sqlite_sequence set seq = max(seq, $1 - 1) where name = 'charge_transaction'",
            ],
            Self::Postgres(_) => &[
                "select setval(pg_get_serial_sequence('charge_transaction', 'id'), $1, false)
                 where $1 > (select coalesce(max(id), 0) from charge_transaction)",
            ],
        };
        for statement in statements {
            run_on_db!(self, db => sqlx::query(*statement).bind(id).execute(db))?;
        }
        Ok(())
    }
}
