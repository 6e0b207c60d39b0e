//! What is dropped by age alone.

use sqlx::AssertSqlSafe;

use crate::store::letters::outbox::BEHIND_MS;
use crate::store::upkeep::retention::{Dropped, Dropping, PART_ROWS};
use crate::store::{Conn, Result, Store, on_db, run_on_db};

/// Rows of a table that can go, by an instant `$1`, beginning with the oldest.
struct Rule {
    table: Dropping,
    key: &'static str,
    /// What to read, with `r` for the row whose instant counts.
    from: &'static str,
    /// The key as it is read.
    read_key: &'static str,
    condition: &'static str,
    order: &'static str,
}

const fn by_id(
    table: Dropping,
    from: &'static str,
    condition: &'static str,
    order: &'static str,
) -> Rule {
    Rule {
        table,
        key: "id",
        from,
        read_key: "r.id",
        condition,
        order,
    }
}

/// What is dropped by age alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    SentLetter,
    FailedLetter,
    CommissioningEntry,
    Commissioning,
    Invitation,
    GuestSession,
    Certificate,
    Webhook,
    IdempotentAnswer,
    RoamingGrant,
    RoamingCommand,
    RoamingReservation,
}

impl Old {
    /// In this order: a run after its entries.
    pub(crate) const ALL: [Self; 12] = [
        Self::SentLetter,
        Self::FailedLetter,
        Self::CommissioningEntry,
        Self::Commissioning,
        Self::Invitation,
        Self::GuestSession,
        Self::Certificate,
        Self::Webhook,
        Self::IdempotentAnswer,
        Self::RoamingGrant,
        Self::RoamingCommand,
        Self::RoamingReservation,
    ];

    pub(crate) const fn table(self) -> Dropping {
        self.rule().table
    }

    const fn rule(self) -> Rule {
        match self {
            Self::SentLetter => by_id(
                Dropping::Outbox,
                "outbox r",
                "r.sent_at_ms < $1",
                "r.sent_at_ms",
            ),
            Self::FailedLetter => by_id(
                Dropping::Outbox,
                "outbox r",
                "r.given_up_at_ms < $1",
                "r.given_up_at_ms",
            ),
            Self::CommissioningEntry => Rule {
                table: Dropping::CommissioningEntry,
                key: "commissioning_id, number",
                from: "commissioning r join commissioning_entry e on e.commissioning_id = r.id",
                read_key: "e.commissioning_id, e.number",
                condition: OLD_RUN,
                order: "r.completed_at_ms",
            },
            Self::Commissioning => by_id(
                Dropping::Commissioning,
                "commissioning r",
                OLD_RUN_WITHOUT_ENTRIES,
                "r.completed_at_ms",
            ),
            Self::Invitation => by_id(
                Dropping::Invitation,
                "invitation r",
                "r.accepted_at_ms is null and r.expires_at_ms < $1",
                "r.expires_at_ms",
            ),
            Self::GuestSession => Rule {
                table: Dropping::GuestSession,
                key: "token",
                from: "guest_session r",
                read_key: "r.token",
                condition: "r.transaction_id is null and r.ended_at_ms < $1 and r.captured is null
                    and r.payment_status in ('canceled', 'declined', 'refused')",
                order: "r.ended_at_ms",
            },
            Self::Certificate => by_id(
                Dropping::Certificate,
                "certificate r",
                "r.expires_at_ms < $1",
                "r.expires_at_ms",
            ),
            Self::Webhook => by_id(
                Dropping::Webhook,
                "webhook r",
                "r.deleted_at_ms < $1",
                "r.deleted_at_ms",
            ),
            Self::IdempotentAnswer => Rule {
                table: Dropping::IdempotentAnswer,
                key: "organization_id, key",
                from: "idempotent_answer r",
                read_key: "r.organization_id, r.key",
                condition: "r.created_at_ms <= $1",
                order: "r.created_at_ms",
            },
            Self::RoamingGrant => Rule {
                table: Dropping::RoamingGrant,
                key: "charge_point_id, tag_key",
                from: "roaming_grant r",
                read_key: "r.charge_point_id, r.tag_key",
                condition: "r.until_ms <= $1",
                order: "r.until_ms",
            },
            Self::RoamingCommand => by_id(
                Dropping::RoamingCommand,
                "roaming_command r",
                "r.due_at_ms is null and r.created_at_ms < $1",
                "r.created_at_ms",
            ),
            Self::RoamingReservation => Rule {
                table: Dropping::RoamingReservation,
                key: "partner_id, reservation_key",
                from: "roaming_reservation r",
                read_key: "r.partner_id, r.reservation_key",
                condition: "r.expires_at_ms <= $1",
                order: "r.expires_at_ms",
            },
        }
    }
}

/// A run that ended before `$1`, and is not the newest of its charge point, nor the newest that passed.
const OLD_RUN: &str = "r.completed_at_ms < $1 and exists (select 1 from commissioning n
     where n.charge_point_id = r.charge_point_id and n.started_at_ms > r.started_at_ms
       and (r.status <> 'completed' or n.status = 'completed'))";
const OLD_RUN_WITHOUT_ENTRIES: &str =
    "r.completed_at_ms < $1 and exists (select 1 from commissioning n
     where n.charge_point_id = r.charge_point_id and n.started_at_ms > r.started_at_ms
       and (r.status <> 'completed' or n.status = 'completed'))
     and not exists (select 1 from commissioning_entry e where e.commissioning_id = r.id)";

impl Store {
    /// Drops a part of what is older than an instant.
    pub(crate) async fn drop_old(&self, old: Old, before_ms: i64) -> Result<Dropped> {
        let mut conn = self.reader().await?;
        let rule = old.rule();
        let text = format!(
            "select 1 from {} where {} limit 1",
            rule.from, rule.condition
        );
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(AssertSqlSafe(text))
            .bind(before_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Dropped::of(&[]));
        }
        self.write((old, before_ms), |(old, before_ms), conn| {
            Box::pin(conn.drop_old(*old, *before_ms))
        })
        .await
    }

    /// Drops a part of the mail that nobody took before an instant, because no server for it is set up.
    pub(crate) async fn drop_unsent_mail(&self, before_ms: i64, now_ms: i64) -> Result<Dropped> {
        let mut conn = self.reader().await?;
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 from outbox where kind = 'mail' and sent_at_ms is null and given_up_at_ms is null
                 and created_at_ms < $1 limit 1")
            .bind(before_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Dropped::of(&[]));
        }
        self.write((before_ms, now_ms), |(before_ms, now_ms), conn| {
            Box::pin(conn.drop_unsent_mail(*before_ms, *now_ms))
        })
        .await
    }
}

impl Conn {
    async fn drop_old(&mut self, old: Old, before_ms: i64) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let text = old_text(old, self.unlocked_only());
        let rows: u64 = on_db!(self, db => async {
            let query = sqlx::query(AssertSqlSafe(text.clone())).bind(before_ms).bind(PART_ROWS);
            query.execute(db).await.map(|done| done.rows_affected())
        })?;
        Ok(Dropped::Rows(
            i64::try_from(rows).unwrap_or(i64::MAX),
            i64::MIN,
        ))
    }

    async fn drop_unsent_mail(&mut self, before_ms: i64, now_ms: i64) -> Result<Dropped> {
        if !self.has_turn().await? {
            return Ok(Dropped::Busy);
        }
        let text = format!(
            "delete from outbox where id in (select r.id from outbox r
                 where r.kind = 'mail' and r.sent_at_ms is null and r.given_up_at_ms is null
                     and r.created_at_ms < $1 and r.leased_until_ms <= $2
                 order by r.created_at_ms limit $3{})
             returning lane",
            self.unlocked_only()
        );
        let mut lanes: Vec<String> = on_db!(&mut *self, db => sqlx::query_scalar(AssertSqlSafe(text.clone()))
            .bind(before_ms).bind(now_ms).bind(PART_ROWS)
            .fetch_all(db))?;
        let dropped = i64::try_from(lanes.len()).unwrap_or(i64::MAX);
        lanes.sort_unstable();
        lanes.dedup();
        // What stood behind them is the first now.
        for lane in lanes {
            run_on_db!(&mut *self, db => sqlx::query(
                "update outbox set due_at_ms = $3 where due_at_ms = $2 and id = (select o.id from outbox o
                     where o.lane = $1 and o.sent_at_ms is null and o.given_up_at_ms is null
                     order by o.id limit 1)")
                .bind(lane).bind(BEHIND_MS).bind(now_ms)
                .execute(db))?;
        }
        Ok(Dropped::Rows(dropped, i64::MIN))
    }
}

fn old_text(old: Old, lock: &str) -> String {
    let Rule {
        table,
        key,
        from,
        read_key,
        condition,
        order,
    } = old.rule();
    format!(
        "delete from {} where ({key}) in (select {read_key} from {from} where {condition}
             order by {order} limit $2{lock})",
        table.table()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_text::{Bind, Put};
    use crate::store::upkeep::growth::plan;
    use crate::store::{Mail, Store};

    async fn store(folder: &tempfile::TempDir) -> Store {
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        Store::open(&address).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_old_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut conn = store.reader().await.unwrap();
        for old in Old::ALL {
            let mut put = Put::default();
            put.value(Bind::Number(1));
            put.value(Bind::Number(PART_ROWS));
            put.text = old_text(old, "");
            let plan = plan(&mut conn, &put).await;
            assert!(!plan.contains("SCAN"), "{old:?}: {plan}");
            assert!(
                !plan.contains("TEMP B-TREE FOR ORDER BY"),
                "{old:?}: {plan}"
            );
        }
    }

    #[tokio::test]
    async fn mail_behind_one_that_is_dropped_is_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        for created_at_ms in [1, 2, 50] {
            let mail = Mail {
                recipient: "a@example.com".into(),
                subject: "s".into(),
                body: created_at_ms.to_string(),
                created_at_ms,
            };
            store.post_mail(mail).await.unwrap();
        }
        let dropped = store.drop_unsent_mail(10, 100).await.unwrap();
        assert_eq!(dropped, Dropped::Rows(2, i64::MIN));
        assert!(store.is_mail_due(100).await.unwrap());
        assert_eq!(store.waiting_mail("a@example.com").await.unwrap(), ["50"]);
    }
}
