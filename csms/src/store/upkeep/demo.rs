//! What the data set of the demo needs beside the usual doors: whether it may come into a database, and
//! transactions with given numbers.

use crate::store::{Conn, Result, Store, key_hash, on_db, run_on_db};

/// What a database was used for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing.
    Empty,
    /// The demo, whose API key is in it, revoked or not.
    Demo,
    /// Something else.
    Used,
}

impl Store {
    /// What this database was used for so far.
    pub(crate) async fn past(&self, demo_key: &str) -> Result<Past> {
        let mut conn = self.reader().await?;
        let past: Option<String> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select case when exists (select 1 from api_key where key_hash = $1) then 'demo' else 'used' end
             where exists (select 1 from api_key) or exists (select 1 from account)
                 or exists (select 1 from charge_point) or exists (select 1 from id_tag)")
            .bind(key_hash(demo_key))
            .fetch_optional(db))?;
        Ok(match past.as_deref() {
            None => Past::Empty,
            Some("demo") => Past::Demo,
            Some(_) => Past::Used,
        })
    }

    /// The next transaction has this number at least.
    pub(crate) async fn number_transactions_from(&self, id: i64) -> Result<()> {
        self.write(id, |id, conn| {
            Box::pin(async move { conn.number_transactions_from(*id).await })
        })
        .await
    }

    /// Charge point and connector of the transaction of this number, whatever became of it.
    pub(crate) async fn place_of(&self, id: i64) -> Result<Option<(String, Option<i64>)>> {
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
