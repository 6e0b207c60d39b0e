//! Letters to the outside that wait for their way out.

use super::{Conn, Result, run_on_db};

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub recipient: String,
    pub subject: String,
    /// Plain text.
    pub body: String,
    pub created_at_ms: i64,
}

impl Conn {
    /// Puts a mail into the outbox, due at once, behind those to the same recipient.
    pub(crate) async fn post_mail(&mut self, mail: &Mail) -> Result<()> {
        let lane = format!("mail:{}", mail.recipient.to_lowercase());
        run_on_db!(self, db => sqlx::query(
            "insert into outbox (kind, recipient, lane, subject, body, created_at_ms, due_at_ms, attempts)
             values ('mail', $1, $2, $3, $4, $5, $5, 0)")
            .bind(&mail.recipient).bind(lane).bind(&mail.subject).bind(&mail.body)
            .bind(mail.created_at_ms)
            .execute(db))
    }
}
