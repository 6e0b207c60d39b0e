//! The outbox: letters to the outside, kept until they arrived or were given up.
//!
//! A lane is what must arrive in order: its first waiting letter is the only one that is sent. Who sends a
//! letter leases it, so that several processes on one database do not send it at the same time; a process
//! that dies leaves a lease that runs out. The letters behind the first one are due never ([`BEHIND_MS`]) until they
//! are the first: whoever is done with a letter takes the next one. So a lane that waits is not looked at, however
//! long it is.

use serde_json::Value;

use crate::domain::attempt::{Attempt, Next, TRIED_MS};
use crate::domain::letters::{
    MAIL_DAY_MS, MAILS_PER_DAY_MAX, MAILS_TO_ADDRESS_PER_DAY_MAX, may_post_mail,
};
use crate::domain::occurrence::Occurrence;
use crate::store::{Conn, Result, Store, on_db, run_on_db};

/// How long a letter that is being sent is left alone by others; longer than any attempt takes.
pub(crate) const LEASE_MS: i64 = 30_000;
/// When letters are due that stand behind others of their lane.
pub(in crate::store) const BEHIND_MS: i64 = i64::MAX;
/// Letters that wait for one webhook; the newest beyond them are dropped.
pub(crate) const WAITING_MAX: i64 = 10_000;
/// Receivers that are looked at in one go.
const RECEIVERS_MAX: i64 = 1000;
/// Letters of one receiver that are looked at in one go.
const LETTERS_MAX: i64 = 64;
/// Letters that are dropped or woken in one transaction.
const DELETED_MAX: i64 = 1000;

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub recipient: String,
    pub subject: String,
    /// Plain text.
    pub body: String,
    pub created_at_ms: i64,
}

/// A letter that this process has leased.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Letter {
    pub id: i64,
    pub recipient: String,
    pub lane: String,
    pub subject: Option<String>,
    pub body: String,
    pub created_at_ms: i64,
    pub attempts: i64,
    /// Of the webhook it is for; `None` for mail, and when the webhook was deleted.
    pub url: Option<String>,
    pub secret: Option<String>,
}

/// A letter as an operator sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct OutboxRow {
    pub id: i64,
    pub kind: String,
    pub recipient: String,
    pub url: Option<String>,
    pub subject: Option<String>,
    pub body: String,
    pub created_at_ms: i64,
    pub due_at_ms: i64,
    pub attempts: i64,
    pub given_up_at_ms: Option<i64>,
    pub last_error: Option<String>,
}

/// Mails of one address keep their order.
fn mail_lane(recipient: &str) -> String {
    format!("mail/{}", recipient.to_lowercase())
}

/// The webhooks with letters that are due, each found behind the one before it: neither database skips from one
/// receiver to the next by itself, both would read all that waits.
const DUE_WEBHOOKS: &str = "with recursive receivers (recipient) as (
         select (select o.recipient from outbox o where o.kind = 'webhook' and o.sent_at_ms is null
             and o.given_up_at_ms is null order by o.recipient limit 1)
         union all
         select (select o.recipient from outbox o where o.kind = 'webhook' and o.recipient > receivers.recipient
             and o.sent_at_ms is null and o.given_up_at_ms is null order by o.recipient limit 1)
         from receivers where receivers.recipient is not null)
     select recipient from receivers
     where recipient is not null and exists (select 1 from outbox o where o.kind = 'webhook'
         and o.recipient = receivers.recipient and o.due_at_ms <= $1
         and o.sent_at_ms is null and o.given_up_at_ms is null)
     limit $2";

/// A mail that is due.
const DUE_MAIL: &str = "select id from outbox
     where kind = 'mail' and due_at_ms <= $1 and sent_at_ms is null and given_up_at_ms is null
     order by due_at_ms, id limit 1";

impl Conn {
    /// Whether one more mail may go to this address today, and from this server.
    pub(crate) async fn may_post_mail(&mut self, recipient: &str, now_ms: i64) -> Result<bool> {
        let since_ms = now_ms.saturating_sub(MAIL_DAY_MS);
        let (to_address, in_all): (i64, i64) = on_db!(self, db => sqlx::query_as(
            "select (select count(*) from (select 1 from outbox where kind = 'mail' and lane = $1
                     and created_at_ms > $2 limit $3) to_address),
                 (select count(*) from (select 1 from outbox where kind = 'mail'
                     and created_at_ms > $2 limit $4) in_all)")
            .bind(mail_lane(recipient)).bind(since_ms)
            .bind(MAILS_TO_ADDRESS_PER_DAY_MAX).bind(MAILS_PER_DAY_MAX)
            .fetch_one(db))?;
        Ok(may_post_mail(to_address, in_all))
    }

    /// Puts a mail into the outbox, in the transaction of whatever it tells. Mails to one address keep their
    /// order. They leave when SMTP is configured; until then `admin outbox list` shows them. One too many of the day is
    /// dropped, and told to the log.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn post_mail(&mut self, mail: &Mail) -> Result<()> {
        if !self
            .may_post_mail(&mail.recipient, mail.created_at_ms)
            .await?
        {
            tracing::warn!(
                subject = mail.subject,
                "a mail was dropped: {MAILS_TO_ADDRESS_PER_DAY_MAX} to one address and {MAILS_PER_DAY_MAX} in all may \
                 be sent within a day"
            );
            return Ok(());
        }
        run_on_db!(self, db => sqlx::query(
            "insert into outbox (kind, recipient, lane, subject, body, created_at_ms, due_at_ms, attempts,
                 leased_until_ms)
             values ('mail', $1, $2, $3, $4, $5, case when exists (select 1 from outbox b
                     where b.lane = $2 and b.sent_at_ms is null and b.given_up_at_ms is null)
                 then $6 else $5 end, 0, 0)")
            .bind(&mail.recipient).bind(mail_lane(&mail.recipient))
            .bind(&mail.subject).bind(&mail.body).bind(mail.created_at_ms).bind(BEHIND_MS)
            .execute(db))
    }

    /// Puts a letter about an occurrence into the outbox for each webhook that waits for it, in the transaction
    /// of the fact it tells. Nothing when nobody waits.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn tell(&mut self, occurrence: &Occurrence, data: &Value) -> Result<()> {
        self.tell_whose(None, occurrence, data).await
    }

    /// Tells of a transaction: those to whom it belongs, whoever its charge point is with now.
    pub(crate) async fn tell_of(
        &mut self,
        transaction: i64,
        occurrence: &Occurrence,
        data: &Value,
    ) -> Result<()> {
        self.tell_whose(Some(transaction), occurrence, data).await
    }

    async fn tell_whose(
        &mut self,
        transaction: Option<i64>,
        occurrence: &Occurrence,
        data: &Value,
    ) -> Result<()> {
        run_on_db!(self, db => sqlx::query(
            "insert into outbox (kind, recipient, lane, body, created_at_ms, due_at_ms, attempts, leased_until_ms)
             select 'webhook', w.id, w.id || '/' || $2, $3, $4, case when exists (select 1 from outbox b
                     where b.lane = w.id || '/' || $2 and b.sent_at_ms is null and b.given_up_at_ms is null)
                 then $6 else $4 end, 0, 0 from webhook w
             where w.organization_id = coalesce((select t.organization_id from charge_transaction t
                     where t.id = $7), $1) and w.deleted_at_ms is null
                 and ' ' || w.events || ' ' like '% ' || $5 || ' %'")
            .bind(&occurrence.organization_id).bind(&occurrence.charge_point_id)
            .bind(occurrence.body(data)).bind(occurrence.at_ms).bind(occurrence.kind.as_str())
            .bind(BEHIND_MS).bind(transaction)
            .execute(db))
    }

    /// Webhooks with letters that are due. Two reads of the index for each webhook that letters wait for, however
    /// many those are.
    async fn due_webhooks(&mut self, now_ms: i64) -> Result<Vec<String>> {
        on_db!(self, db => sqlx::query_scalar(DUE_WEBHOOKS)
            .bind(now_ms).bind(RECEIVERS_MAX)
            .fetch_all(db))
    }

    /// Whether a mail is due: one read of the index.
    async fn is_mail_due(&mut self, now_ms: i64) -> Result<bool> {
        let due: Option<i64> = on_db!(self, db => sqlx::query_scalar(DUE_MAIL)
            .bind(now_ms)
            .fetch_optional(db))?;
        Ok(due.is_some())
    }

    /// Leases a letter if it is still waiting and nobody else's.
    async fn lease(&mut self, id: i64, now_ms: i64) -> Result<Option<Letter>> {
        let leased: Option<i64> = on_db!(self, db => sqlx::query_scalar(
            "update outbox set leased_until_ms = $2, due_at_ms = $2
             where id = $1 and sent_at_ms is null and given_up_at_ms is null and leased_until_ms <= $3
             returning id")
            .bind(id).bind(now_ms.saturating_add(LEASE_MS)).bind(now_ms)
            .fetch_optional(db))?;
        if leased.is_none() {
            return Ok(None);
        }
        on_db!(self, db => sqlx::query_as(
            "select o.id, o.recipient, o.lane, o.subject, o.body, o.created_at_ms, o.attempts, w.url, w.secret
             from outbox o
             left join webhook w on o.kind = 'webhook' and w.id = o.recipient and w.deleted_at_ms is null
             where o.id = $1")
            .bind(id)
            .fetch_optional(db))
    }

    /// Leases the first waiting letter of a lane.
    async fn lease_first(&mut self, lane: &str, now_ms: i64) -> Result<Option<Letter>> {
        match self.first_of(lane).await? {
            Some((id, _)) => self.lease(id, now_ms).await,
            None => Ok(None),
        }
    }

    /// Id and due date of the first waiting letter of a lane.
    async fn first_of(&mut self, lane: &str) -> Result<Option<(i64, i64)>> {
        on_db!(self, db => sqlx::query_as(
            "select id, due_at_ms from outbox
             where lane = $1 and sent_at_ms is null and given_up_at_ms is null order by id limit 1")
            .bind(lane)
            .fetch_optional(db))
    }

    /// Leases what is due, at the head of its lane. Something else is due only where two processes wrote to a lane
    /// at once.
    async fn lease_of(&mut self, wanted: &Wanted) -> Result<Leased> {
        let now_ms = wanted.now_ms;
        let due: Vec<(i64, String)> = match &wanted.webhook {
            Some(webhook) => on_db!(self, db => sqlx::query_as(
                "select id, lane from outbox
                 where kind = 'webhook' and recipient = $1 and due_at_ms <= $2
                     and sent_at_ms is null and given_up_at_ms is null
                 order by due_at_ms, id limit $3")
                .bind(webhook).bind(now_ms).bind(LETTERS_MAX)
                .fetch_all(db))?,
            None => on_db!(self, db => sqlx::query_as(
                "select id, lane from outbox
                 where kind = 'mail' and due_at_ms <= $1 and sent_at_ms is null and given_up_at_ms is null
                 order by due_at_ms, id limit $2")
                .bind(now_ms).bind(LETTERS_MAX)
                .fetch_all(db))?,
        };
        let there_may_be_more = i64::try_from(due.len()).is_ok_and(|found| found >= LETTERS_MAX);
        let mut leased = Vec::new();
        for (id, lane) in due {
            match self.first_of(&lane).await? {
                Some((first, _)) if first == id && leased.len() < wanted.limit => {
                    leased.extend(self.lease(id, now_ms).await?);
                }
                Some((first, _)) if first != id => {
                    run_on_db!(self, db => sqlx::query(
                        "update outbox set due_at_ms = $2 where id = $1 and due_at_ms <= $3")
                        .bind(id).bind(BEHIND_MS).bind(now_ms)
                        .execute(db))?;
                }
                // There is no hand for it now.
                _ => {}
            }
        }
        Ok(Leased {
            there_may_be_more: there_may_be_more && leased.len() < wanted.limit,
            letters: leased,
        })
    }

    async fn record_attempt(&mut self, record: &Record) -> Result<Option<Letter>> {
        let (letter, now_ms) = (&record.letter, record.now_ms);
        let tried = (letter.created_at_ms, letter.attempts);
        match record.attempt.next(tried, now_ms, record.chance) {
            Next::Sent => {
                run_on_db!(&mut *self, db => sqlx::query(
                    "update outbox set sent_at_ms = $2, attempts = attempts + 1, last_error = null where id = $1")
                    .bind(letter.id).bind(now_ms)
                    .execute(db))?;
            }
            Next::TryAgain { at_ms, error } => {
                run_on_db!(self, db => sqlx::query(
                    "update outbox set attempts = attempts + 1, last_error = $2, due_at_ms = $3, leased_until_ms = 0
                     where id = $1")
                    .bind(letter.id).bind(error).bind(at_ms)
                    .execute(db))?;
                return Ok(None);
            }
            Next::GiveUp { error } => self.give_up_letter(letter, error, now_ms).await?,
        }
        self.lease_first(&letter.lane, now_ms).await
    }

    async fn give_up_letter(&mut self, letter: &Letter, error: &str, now_ms: i64) -> Result<()> {
        run_on_db!(&mut *self, db => sqlx::query(
            "update outbox set attempts = attempts + 1, last_error = $2, given_up_at_ms = $3 where id = $1")
            .bind(letter.id).bind(error).bind(now_ms)
            .execute(db))?;
        // Those behind it are as old and had no better chance.
        run_on_db!(self, db => sqlx::query(
            "update outbox set last_error = $2, given_up_at_ms = $3
             where lane = $1 and created_at_ms <= $4 and sent_at_ms is null and given_up_at_ms is null")
            .bind(&letter.lane).bind("given up with the letters before it").bind(now_ms)
            .bind(now_ms.saturating_sub(TRIED_MS))
            .execute(db))
    }
}

/// Letters that there are hands for.
pub(crate) struct Wanted {
    /// Letters to this webhook; mail when `None`.
    pub webhook: Option<String>,
    pub limit: usize,
    pub now_ms: i64,
}

/// What was found due.
pub(crate) struct Leased {
    pub letters: Vec<Letter>,
    /// Not everything that is due was looked at.
    pub there_may_be_more: bool,
}

struct Record {
    letter: Letter,
    attempt: Attempt,
    /// From 0 to 1; the step may run twice and must come to the same end.
    chance: f64,
    now_ms: i64,
}

impl Store {
    /// Webhooks with letters that are due.
    pub(crate) async fn due_webhooks(&self, now_ms: i64) -> Result<Vec<String>> {
        self.reader().await?.due_webhooks(now_ms).await
    }

    /// Whether a mail is due.
    pub(crate) async fn is_mail_due(&self, now_ms: i64) -> Result<bool> {
        self.reader().await?.is_mail_due(now_ms).await
    }

    /// Leases letters that are due, each the first of its lane.
    pub(crate) async fn lease_due(&self, wanted: Wanted) -> Result<Leased> {
        self.write(wanted, |wanted, conn| Box::pin(conn.lease_of(wanted)))
            .await
    }

    /// Leases the first waiting letter of a lane, if nobody else has.
    pub(crate) async fn lease_next(&self, lane: &str, now_ms: i64) -> Result<Option<Letter>> {
        let mut conn = self.reader().await?;
        if conn.first_of(lane).await?.is_none() {
            return Ok(None);
        }
        drop(conn);
        self.write((lane.to_owned(), now_ms), |(lane, now_ms), conn| {
            Box::pin(conn.lease_first(lane, *now_ms))
        })
        .await
    }

    /// Gives a lease back: the letter was not sent, for no fault of its receiver.
    pub(crate) async fn release_letter(&self, id: i64, now_ms: i64) -> Result<()> {
        self.write((id, now_ms), |(id, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update outbox set leased_until_ms = 0, due_at_ms = $2 where id = $1")
                    .bind(*id).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// Writes down how an attempt ended; the next letter of the lane when it is its turn.
    pub(crate) async fn attempted(
        &self,
        letter: Letter,
        attempt: Attempt,
        chance: f64,
        now_ms: i64,
    ) -> Result<Option<Letter>> {
        let record = Record {
            letter,
            attempt,
            chance,
            now_ms,
        };
        self.write(record, |record, conn| Box::pin(conn.record_attempt(record)))
            .await
    }

    /// Puts letters about occurrences that are no facts of the database into the outbox, in their order.
    pub(crate) async fn tell_all(&self, occurrences: Vec<(Occurrence, Value)>) -> Result<()> {
        self.write(occurrences, |occurrences, conn| {
            Box::pin(async move {
                for (occurrence, data) in occurrences {
                    conn.tell(occurrence, data).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Puts a mail into the outbox by itself; see [`Conn::post_mail`].
    pub(crate) async fn post_mail(&self, mail: Mail) -> Result<()> {
        self.write(mail, |mail, conn| {
            Box::pin(async move { conn.post_mail(mail).await })
        })
        .await
    }

    /// Makes first letters due that nobody made so: where there are several writers, one can be written behind
    /// another while that one is being written off. Reads the first letter of each lane by the index, whatever
    /// else the table keeps.
    pub(crate) async fn wake_lanes(&self, now_ms: i64) -> Result<()> {
        let mut conn = self.reader().await?;
        let asleep: Vec<i64> = on_db!(&mut conn, db => sqlx::query_scalar(
            "with recursive lanes (lane) as (
                 select (select lane from outbox where sent_at_ms is null and given_up_at_ms is null
                     order by lane limit 1)
                 union all
                 select (select o.lane from outbox o where o.lane > lanes.lane and o.sent_at_ms is null
                     and o.given_up_at_ms is null order by o.lane limit 1)
                 from lanes where lanes.lane is not null),
             heads (id, due_at_ms) as (
                 select (select f.id from outbox f where f.lane = lanes.lane and f.sent_at_ms is null
                         and f.given_up_at_ms is null order by f.id limit 1),
                     (select f.due_at_ms from outbox f where f.lane = lanes.lane and f.sent_at_ms is null
                         and f.given_up_at_ms is null order by f.id limit 1)
                 from lanes)
             select id from heads where due_at_ms = $1 limit $2")
            .bind(BEHIND_MS).bind(DELETED_MAX)
            .fetch_all(db))?;
        drop(conn);
        if asleep.is_empty() {
            return Ok(());
        }
        self.write((asleep, now_ms), |(asleep, now_ms), conn| {
            Box::pin(async move {
                for id in asleep {
                    run_on_db!(&mut *conn, db => sqlx::query(
                        "update outbox set due_at_ms = $2 where id = $1 and due_at_ms = $3")
                        .bind(*id).bind(*now_ms).bind(BEHIND_MS)
                        .execute(db))?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Webhooks that more than so many letters wait for, and how many those are.
    pub(crate) async fn full_webhooks(&self, waiting_max: i64) -> Result<Vec<(String, i64)>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select recipient, count(*) from outbox
             where kind = 'webhook' and sent_at_ms is null and given_up_at_ms is null
             group by recipient having count(*) > $1 limit $2")
            .bind(waiting_max).bind(RECEIVERS_MAX)
            .fetch_all(db))
    }

    /// Drops the newest letters that wait for a webhook, a part of so many at most: how many it were. What is on its
    /// way stays.
    pub(crate) async fn drop_newest(
        &self,
        webhook: &str,
        count: i64,
        now_ms: i64,
    ) -> Result<usize> {
        let input = (webhook.to_owned(), count.min(DELETED_MAX), now_ms);
        self.write(input, |(webhook, count, now_ms), conn| {
            Box::pin(async move {
                let dropped: Vec<i64> = on_db!(conn, db => sqlx::query_scalar(
                    "delete from outbox where id in (select o.id from outbox o
                         where o.kind = 'webhook' and o.recipient = $1 and o.sent_at_ms is null
                             and o.given_up_at_ms is null and o.leased_until_ms <= $3
                         order by o.id desc limit $2) returning id")
                    .bind(webhook).bind(*count).bind(*now_ms)
                    .fetch_all(db))?;
                Ok(dropped.len())
            })
        })
        .await
    }

    /// Letters that wait or were given up, oldest first, and how many there are in all.
    pub(crate) async fn outbox(&self, limit: i64) -> Result<(Vec<OutboxRow>, i64)> {
        let mut conn = self.reader().await?;
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(
            "select count(*) from outbox where sent_at_ms is null")
            .fetch_one(db))?;
        let rows = on_db!(&mut conn, db => sqlx::query_as(
            "select o.id, o.kind, o.recipient, w.url, o.subject, o.body, o.created_at_ms,
                 case when o.due_at_ms < $2 then o.due_at_ms else coalesce((select f.due_at_ms from outbox f
                     where f.lane = o.lane and f.sent_at_ms is null and f.given_up_at_ms is null
                     order by f.id limit 1), o.created_at_ms) end as due_at_ms, o.attempts,
                 o.given_up_at_ms, o.last_error
             from outbox o left join webhook w on o.kind = 'webhook' and w.id = o.recipient
             where o.sent_at_ms is null order by o.id limit $1")
            .bind(limit).bind(BEHIND_MS)
            .fetch_all(db))?;
        Ok((rows, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_text::{Bind, Put};
    use crate::store::upkeep::growth;
    use crate::store::{DEFAULT_ORGANIZATION, Webhook};

    const HOOK: &str = "whk_1";

    /// A store with a webhook, and as many letters of each of these charge points as are said.
    async fn store(folder: &tempfile::TempDir, letters: &[(&str, usize)]) -> Store {
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let webhook = Webhook {
            id: HOOK.into(),
            organization_id: DEFAULT_ORGANIZATION.into(),
            url: "https://example.com".into(),
            events: "charge_point.booted".into(),
            secret: "s".into(),
            created_at_ms: 0,
        };
        assert!(store.create_webhook(webhook).await.unwrap());
        for (charge_point, count) in letters {
            let occurrence = Occurrence {
                kind: crate::domain::occurrence::Kind::Booted,
                organization_id: DEFAULT_ORGANIZATION.into(),
                charge_point_id: (*charge_point).into(),
                at_ms: 1,
            };
            let letters = vec![(occurrence, Value::Null); *count];
            store.tell_all(letters).await.unwrap();
        }
        store
    }

    fn wanted(now_ms: i64) -> Wanted {
        Wanted {
            webhook: Some(HOOK.into()),
            limit: 8,
            now_ms,
        }
    }

    #[tokio::test]
    async fn a_lane_that_waits_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        // One more than are looked at in one go, and another lane behind them.
        let store = store(&folder, &[("CP-1", 65), ("CP-2", 1)]).await;
        let mut leased = store.lease_due(wanted(10)).await.unwrap();
        assert_eq!(leased.letters.len(), 2);
        assert!(!leased.there_may_be_more);
        assert!(store.due_webhooks(10).await.unwrap().is_empty());
        let first = leased.letters.remove(0);
        let failed = Attempt::Failed("x".into());
        let next = store.attempted(first.clone(), failed, 0.0, 10).await;
        assert!(next.unwrap().is_none());
        // The first alone is tried again; what is written meanwhile stands behind it as well.
        assert!(store.due_webhooks(1_000).await.unwrap().is_empty());
        let leased = store.lease_due(wanted(2_000)).await.unwrap();
        let ids: Vec<_> = leased.letters.iter().map(|letter| letter.id).collect();
        assert_eq!(ids, [first.id]);
        let (rows, _) = store.outbox(100).await.unwrap();
        assert!(rows.iter().all(|row| row.due_at_ms < 100_000));
        // Who is done with it takes the next one at once.
        let next = store
            .attempted(first.clone(), Attempt::Sent, 0.0, 2_000)
            .await;
        assert_eq!(next.unwrap().unwrap().id, first.id + 1);
    }

    #[tokio::test]
    async fn a_first_letter_that_nobody_made_due_is_woken() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder, &[("CP-1", 2), ("CP-2", 1), ("CP-3", 2)]).await;
        store
            .write((), |(), conn| {
                Box::pin(async move {
                    run_on_db!(conn, db => sqlx::query(
                        "update outbox set sent_at_ms = 1 where id in (1, 3, 4)")
                        .execute(db))
                })
            })
            .await
            .unwrap();
        assert!(store.due_webhooks(10).await.unwrap().is_empty());
        store.wake_lanes(10).await.unwrap();
        let leased = store.lease_due(wanted(10)).await.unwrap();
        let ids: Vec<_> = leased.letters.iter().map(|letter| letter.id).collect();
        assert_eq!(ids, [2, 5]);
    }

    #[tokio::test]
    async fn the_newest_letters_are_dropped_where_too_many_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder, &[("CP-1", 5), ("CP-2", 3)]).await;
        assert!(store.full_webhooks(8).await.unwrap().is_empty());
        let full = store.full_webhooks(6).await.unwrap();
        assert_eq!(full, [(HOOK.to_owned(), 8)]);
        assert_eq!(store.drop_newest(HOOK, 2, 10).await.unwrap(), 2);
        let (rows, total) = store.outbox(100).await.unwrap();
        assert_eq!((rows.last().unwrap().id, total), (6, 6));
    }

    #[tokio::test]
    async fn a_look_for_what_is_due_costs_the_same_however_much_waits() {
        let mut found = Vec::new();
        for letters in [100, 10_000] {
            let folder = tempfile::tempdir().unwrap();
            let address = format!("sqlite://{}/csms.db", folder.path().display());
            let store = Store::open(&address).await.unwrap();
            growth::seed(&store, &growth::letters_seed(letters)).await;
            let mut conn = store.reader().await.unwrap();
            let webhooks = async |conn: &mut Conn| conn.due_webhooks(10).await;
            let (webhook_steps, due) = growth::steps(&mut conn, webhooks).await;
            assert_eq!(due.unwrap(), ["whk_0", "whk_1", "whk_2"]);
            let none = async |conn: &mut Conn| conn.due_webhooks(0).await;
            let (idle_steps, due) = growth::steps(&mut conn, none).await;
            assert!(due.unwrap().is_empty());
            let mail = async |conn: &mut Conn| conn.is_mail_due(10).await;
            let (mail_steps, due) = growth::steps(&mut conn, mail).await;
            assert!(!due.unwrap());
            found.push([webhook_steps, idle_steps, mail_steps]);
        }
        for (few, many) in found[0].iter().zip(found[1]) {
            assert!(many <= few + 20, "{found:?}");
        }
    }

    #[tokio::test]
    async fn postgres_finds_what_is_due_by_the_index() {
        let Some(address) = growth::postgres().await else {
            return;
        };
        let store = Store::open(&address).await.unwrap();
        growth::seed(&store, &growth::letters_seed(10_000)).await;
        growth::seed(&store, &["analyze".to_owned()]).await;
        let mut conn = store.reader().await.unwrap();
        assert_eq!(conn.due_webhooks(10).await.unwrap().len(), 3);
        assert!(!conn.is_mail_due(10).await.unwrap());
        let mut put = Put::default();
        put.value(Bind::Number(10));
        put.text = DUE_MAIL.to_owned();
        let mail = growth::plan(&mut conn, &put).await;
        put.value(Bind::Number(1000));
        put.text = DUE_WEBHOOKS.to_owned();
        let webhooks = growth::plan(&mut conn, &put).await;
        for plan in [mail, webhooks] {
            assert!(!plan.contains("Seq Scan"), "{plan}");
        }
        drop(conn);
        store.close().await;
    }
}
