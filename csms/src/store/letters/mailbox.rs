//! Mail that waits, as an operator reads it.

use crate::store::{Result, Store, on_db};

impl Store {
    /// The texts of the mails to this address that wait to be sent, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_mail(&self, recipient: &str) -> Result<Vec<String>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar(
            "select body from outbox where kind = 'mail' and lower(recipient) = lower($1) order by id")
            .bind(recipient)
            .fetch_all(db))
    }
}
