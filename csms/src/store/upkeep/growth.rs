//! How much a query reads: counted, not timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::store::database::query_text::{Put, bind_all};
use crate::store::letters::outbox::BEHIND_MS;
use crate::store::{Conn, Store};

/// Runs something and counts the steps that SQLite took for it.
pub(in crate::store) async fn steps<T>(
    conn: &mut Conn,
    work: impl AsyncFnOnce(&mut Conn) -> T,
) -> (i64, T) {
    let counted = Arc::new(AtomicU64::new(0));
    let counter = counted.clone();
    if let Conn::Sqlite(connection) = conn {
        let mut handle = connection.lock_handle().await.unwrap();
        handle.set_progress_handler(1, move || {
            counter.fetch_add(1, Relaxed);
            true
        });
    }
    let done = work(conn).await;
    if let Conn::Sqlite(connection) = conn {
        connection
            .lock_handle()
            .await
            .unwrap()
            .remove_progress_handler();
    }
    let counted = i64::try_from(counted.load(Relaxed)).unwrap();
    assert!(counted > 0, "nothing was counted");
    (counted, done)
}

/// How the database would run a query, a line per part.
pub(in crate::store) async fn plan(conn: &mut Conn, put: &Put) -> String {
    match conn {
        Conn::Sqlite(connection) => {
            let text = format!("explain query plan {}", put.text);
            let query = bind_all!(sqlx::query(AssertSqlSafe(text)), put);
            let rows = query.fetch_all(&mut **connection).await.unwrap();
            rows.iter()
                .map(|row| row.get::<String, _>("detail") + "\n")
                .collect()
        }
        Conn::Postgres(connection) => {
            let text = format!("explain {}", put.text);
            let query = bind_all!(sqlx::query(AssertSqlSafe(text)), put);
            let rows = query.fetch_all(&mut **connection).await.unwrap();
            rows.iter()
                .map(|row| row.get::<String, _>(0) + "\n")
                .collect()
        }
    }
}

/// Runs statements.
pub(in crate::store) async fn seed(store: &Store, texts: &[String]) {
    for text in texts {
        let mut conn = store.reader().await.unwrap();
        let text = AssertSqlSafe(text.clone());
        match &mut conn {
            Conn::Sqlite(connection) => {
                sqlx::query(text).execute(&mut **connection).await.unwrap();
            }
            Conn::Postgres(connection) => {
                sqlx::query(text).execute(&mut **connection).await.unwrap();
            }
        }
    }
}

/// A new PostgreSQL database, if there is a server.
pub(in crate::store) async fn postgres() -> Option<String> {
    let server = std::env::var("DYNAMO_TEST_POSTGRES").ok()?;
    let name = format!("dynamo_{}", uuid::Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("create database {name}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let (prefix, _) = server.rsplit_once('/').unwrap();
    Some(format!("{prefix}/{name}"))
}

/// 30 transactions of one charge point and one tag, and so many others.
pub(in crate::store) fn transactions_seed(others: i64) -> Vec<String> {
    let account = "insert into account (id, organization_id, role, name, email, email_key, password_hash, created_at_ms)
         values ('acc_few', 'org_default', 'installer', 'n', 'e', 'e', '', 0)";
    let points = "insert into charge_point (id, organization_id, registration, installer_id, created_at_ms)
         values ('CP-few', 'org_default', 'Accepted', 'acc_few', 0), ('CP-many', 'org_default', 'Accepted', null, 0)";
    let transactions = |from: i64, to: i64, point: &str, tag: &str, installer: &str| {
        format!(
            "with recursive n (i) as (select {from} union all select i + 1 from n where i < {to})
             insert into charge_transaction (organization_id, charge_point_id, connector_id, id_tag, tag_key, state,
                 started_at_ms, meter_start_wh, start_answer, received_at_ms, heard_at_ms, updated_at_ms, installer_id)
             select 'org_default', '{point}', 1, '{tag}', '{tag}', 'stopped', i, 0, '', i, i, i, {installer} from n"
        )
    };
    let mut texts = vec![
        account.to_owned(),
        points.to_owned(),
        transactions(1, 30, "CP-few", "few", "'acc_few'"),
    ];
    if others > 0 {
        texts.push(transactions(31, 30 + others, "CP-many", "many", "null"));
    }
    texts
}

/// So many letters of three webhooks and so many mails; the first of each webhook is due at 1, no mail is.
pub(in crate::store) fn letters_seed(count: i64) -> Vec<String> {
    let letters = |kind: &str, recipient: &str, due: &str| {
        format!(
            "with recursive n (i) as (select 0 union all select i + 1 from n where i < {count} - 1)
             insert into outbox (kind, recipient, lane, body, created_at_ms, due_at_ms, attempts, leased_until_ms)
             select '{kind}', {recipient}, {recipient}, '', 1, {due}, 0, 0 from n"
        )
    };
    vec![
        letters(
            "webhook",
            "'whk_' || cast(i % 3 as text)",
            &format!("case when i < 3 then 1 else {BEHIND_MS} end"),
        ),
        letters("mail", "'m' || cast(i as text)", "1000000 + i"),
    ]
}
