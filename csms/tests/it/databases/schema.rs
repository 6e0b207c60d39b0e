//! The migrations of the two databases make the same tables: columns with their types, nullability and defaults,
//! keys, indexes with their conditions, and what refers to what.
//!
//! Each database is asked for its own catalogue, and every fact of it becomes one line of text. A condition is written
//! differently by each of them, so PostgreSQL reads those of SQLite as well before they are compared.

use std::collections::BTreeSet;

use dynamo_csms::store::Store;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{postgres, postgres_of_another_locale, sqlite};

/// Where PostgreSQL puts the indexes of SQLite, to read their conditions.
const COPIES: &str = "copies";

async fn lines(connection: &mut PgConnection, text: &str) -> Vec<String> {
    let query = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
    query.fetch_all(connection).await.unwrap()
}

/// What PostgreSQL says of the tables of a schema; of the columns only in their own.
async fn of_postgres(connection: &mut PgConnection) -> BTreeSet<String> {
    let columns = "
        select format('column %s.%s %s%s%s default %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            case when a.attidentity = 'a' then ' given once' when a.attgenerated = 's' then ' generated' else '' end,
            case when a.attgenerated = 's' then 'none'
                else coalesce(replace(pg_get_expr(d.adbin, d.adrelid), '::text', ''), 'none') end)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> '_sqlx_migrations'
            and a.attnum > 0 and not a.attisdropped";
    let keys = "
        select format('%s %s (%s)%s', case k.contype when 'p' then 'primary key' when 'u' then 'unique'
                when 'f' then 'foreign key' else 'constraint ' || k.conname end, k.conrelid::regclass,
            (select string_agg(a.attname, ', ' order by o.place) from unnest(k.conkey) with ordinality o (number, place)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.number),
            case when k.contype = 'f' then format(' to %s (%s) %s %s', k.confrelid::regclass,
                (select string_agg(a.attname, ', ' order by o.place)
                    from unnest(k.confkey) with ordinality o (number, place)
                    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = o.number),
                replace(k.confdeltype::text, 'a', 'no action'), replace(k.confupdtype::text, 'a', 'no action'))
            else '' end)
        from pg_constraint k
        where k.connamespace = 'public'::regnamespace and k.conrelid <> '_sqlx_migrations'::regclass";
    let mut found = indexes(connection, "public").await;
    for text in [columns, keys] {
        found.extend(lines(connection, text).await);
    }
    found
}

/// The indexes of a schema of PostgreSQL that no key made.
async fn indexes(connection: &mut PgConnection, schema: &str) -> BTreeSet<String> {
    let text = format!(
        "select format('index %s on %s (%s)%s%s', i.relname, t.relname,
             (select string_agg(pg_get_indexdef(x.indexrelid, place, true), ', ' order by place)
                 from generate_series(1, x.indnkeyatts) place),
             case when x.indisunique then ' unique' else '' end,
             coalesce(' where ' || pg_get_expr(x.indpred, x.indrelid), ''))
         from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
         where i.relnamespace = '{schema}'::regnamespace and t.relname <> '_sqlx_migrations'
             and not exists (select 1 from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u'))"
    );
    lines(connection, &text).await.into_iter().collect()
}

/// What SQLite says of its tables, all but the indexes that no key made.
async fn of_sqlite(connection: &mut SqliteConnection) -> BTreeSet<String> {
    let columns = "
        select printf('column %s.%s %s%s%s default %s', m.name, c.name,
            case when c.type = 'INTEGER' then 'bigint' else lower(c.type) end,
            case when c.\"notnull\" then ' not null' else '' end,
            case when c.pk = 1 and m.sql like '%autoincrement%' then ' given once'
                when c.hidden = 3 then ' generated' else '' end,
            coalesce(c.dflt_value, 'none'))
        from sqlite_master m, pragma_table_xinfo(m.name) c";
    let primary_keys = "
        select printf('primary key %s (%s)', m.name, (select group_concat(k.name, ', ') from
            (select c.name from pragma_table_info(m.name) c where c.pk > 0 order by c.pk) k))
        from sqlite_master m";
    let unique = "
        select printf('unique %s (%s)', m.name, (select group_concat(k.name, ', ') from
            (select c.name from pragma_index_info(i.name) c order by c.seqno) k))
        from sqlite_master m, pragma_index_list(m.name) i";
    let foreign_keys = "
        select printf('foreign key %s (%s) to %s (%s) %s %s', m.name, group_concat(f.\"from\", ', '), f.\"table\",
            group_concat(f.\"to\", ', '), lower(f.on_delete), lower(f.on_update))
        from sqlite_master m, pragma_foreign_key_list(m.name) f";
    let mut found = BTreeSet::new();
    for (text, which, end) in [
        (columns, "", ""),
        (primary_keys, "", ""),
        (unique, " and i.origin = 'u'", ""),
        (foreign_keys, "", " group by m.name, f.id"),
    ] {
        let text = format!(
            "{text} where m.type = 'table' and m.name not like '%sqlx%' and m.name not like 'sqlite_%'{which}{end}"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(text));
        let rows: Vec<String> = query.fetch_all(&mut *connection).await.unwrap();
        found.extend(rows);
    }
    found
}

/// The indexes of SQLite, as PostgreSQL shows them when it has made them on empty copies of its own tables.
async fn indexes_of_sqlite(
    connection: &mut SqliteConnection,
    reader: &mut PgConnection,
) -> BTreeSet<String> {
    let texts: Vec<String> = sqlx::query_scalar(
        "select sql from sqlite_master where type = 'index' and sql is not null",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    assert!(texts.len() > 20, "{texts:?}");
    let tables = lines(
        reader,
        "select tablename::text from pg_tables where schemaname = 'public' and tablename not like '%sqlx%'",
    );
    let mut steps = vec![format!("create schema {COPIES}")];
    for table in tables.await {
        steps.push(format!(
            "create table {COPIES}.{table} (like public.{table})"
        ));
    }
    steps.push(format!("set search_path = {COPIES}"));
    steps.extend(texts);
    for step in steps {
        let step = sqlx::query(AssertSqlSafe(step));
        step.execute(&mut *reader).await.unwrap();
    }
    let found = indexes(reader, COPIES).await;
    sqlx::query("set search_path = public")
        .execute(reader)
        .await
        .unwrap();
    found
}

#[tokio::test]
async fn the_migrations_make_the_same_tables() {
    let Some(address) = postgres().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for address in [&address, &sqlite(&folder)] {
        Store::open(address).await.unwrap().close().await;
    }
    let mut postgres = PgConnection::connect(&address).await.unwrap();
    let mut file = SqliteConnection::connect(&sqlite(&folder)).await.unwrap();
    let in_postgres = of_postgres(&mut postgres).await;
    let mut in_sqlite = of_sqlite(&mut file).await;
    in_sqlite.extend(indexes_of_sqlite(&mut file, &mut postgres).await);
    for kind in [
        "column ",
        "primary key ",
        "unique ",
        "foreign key ",
        "index ",
    ] {
        assert!(
            in_sqlite.iter().any(|line| line.starts_with(kind)),
            "{kind}"
        );
    }
    let only = |these: &BTreeSet<String>, those| -> Vec<String> {
        these.difference(those).cloned().collect()
    };
    assert_eq!(
        (
            only(&in_postgres, &in_sqlite),
            only(&in_sqlite, &in_postgres)
        ),
        (Vec::new(), Vec::new()),
        "what only PostgreSQL has, and what only SQLite has"
    );
}

#[tokio::test]
async fn texts_are_compared_byte_by_byte_in_any_locale() {
    for address in [postgres().await, postgres_of_another_locale().await] {
        let Some(address) = address else { return };
        Store::open(&address).await.unwrap().close().await;
        let mut connection = PgConnection::connect(&address).await.unwrap();
        let others = lines(
            &mut connection,
            "select format('%s.%s', c.relname, a.attname) from pg_class c
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'i')
                 and c.relname not like '%sqlx%' and a.attcollation not in (0, '\"C\"'::regcollation)",
        );
        assert_eq!(others.await, Vec::<String>::new());
    }
}
