//! Lists of transactions.
//!
//! The text of a query says only what is asked for: a condition of the kind `$4 is null or …` keeps both databases
//! from using the index that fits. There is an index for a list by organization, by charge point and by tag, each in the
//! order of the list; how much is read depends on the page, not on the table. The number of all is counted where the
//! page does not tell it, in an index.

use sqlx::AssertSqlSafe;

use crate::domain::tags::tag::tag_key;
use crate::store::database::query_text::{Bind, Put, bind_all};
use crate::store::transactions::meter::last_meter_columns;
use crate::store::transactions::transaction::row_columns;
use crate::store::{
    Conn, Result, Store, TransactionFilter, TransactionRow, on_db, owner_conditions,
};

/// Whether charge points of an identity were deleted: their records lie under other ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Graves {
    None,
    Some,
}

/// The ids under which records of the identity `$n` lie: its own, and `$n/deleted/1` and so on, which have no gaps.
const IDS: &str = "with recursive ids (number, id) as (
     select 0, cast($n as text)
     union all
     select i.number + 1, cast($n as text) || '/deleted/' || cast(i.number + 1 as text) from ids i
     where exists (select 1 from charge_point g
         where g.id = cast($n as text) || '/deleted/' || cast(i.number + 1 as text)))
 select id from ids";

/// ` from … where …` of the transactions `t` that a filter takes. What picks few of them comes first: SQLite keeps to the
/// order of a cross join.
fn chosen(filter: &TransactionFilter, graves: Graves) -> Put {
    let mut put = Put::default();
    let owner = &filter.owner;
    let mut from = Vec::new();
    let mut conditions = vec![owner_conditions(owner, "t", &mut put)];
    if let Some(id) = &filter.charge_point_id {
        let id = put.text(id);
        if graves == Graves::Some {
            from.push(format!("({}) i", IDS.replace("$n", &id)));
            conditions.push("t.charge_point_id = i.id".to_owned());
        } else {
            conditions.push(format!("t.charge_point_id = {id}"));
        }
    }
    from.push("charge_transaction t".to_owned());
    if let Some(project) = &filter.project_id {
        conditions.push(format!("t.project_id = {}", put.text(project)));
    }
    if let Some(tag) = &filter.id_tag {
        conditions.push(format!("t.tag_key = {}", put.text(&tag_key(tag))));
    }
    if filter.from_ms > i64::MIN {
        let from = put.value(Bind::Number(filter.from_ms));
        conditions.push(format!("t.started_at_ms >= {from}"));
    }
    if filter.to_ms < i64::MAX {
        let to = put.value(Bind::Number(filter.to_ms));
        conditions.push(format!("t.started_at_ms < {to}"));
    }
    let (from, conditions) = (from.join(" cross join "), conditions.join(" and "));
    put.add(&format!(" from {from} where {conditions}"));
    put
}

/// The number of all that a filter takes.
fn count_text(filter: &TransactionFilter, graves: Graves) -> Put {
    let mut put = chosen(filter, graves);
    put.text = format!("select count(*){}", put.text);
    put
}

/// A page of what a filter takes. What is shown beside the transactions is read for the page only.
fn page_text(filter: &TransactionFilter, graves: Graves) -> Put {
    let mut put = chosen(filter, graves);
    let limit = put.value(Bind::Number(filter.limit));
    let offset = put.value(Bind::Number(filter.offset));
    put.text = format!(
        "select {} where t.id in (select t.id{} order by t.id limit {limit} offset {offset})
         order by t.id",
        row_columns!(),
        put.text
    );
    put
}

impl Store {
    /// A page of transactions, oldest first, and how many there are in all.
    pub(crate) async fn transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<(Vec<TransactionRow>, i64)> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        conn.transactions(filter).await
    }
}

impl Conn {
    async fn transactions(
        &mut self,
        filter: &TransactionFilter,
    ) -> Result<(Vec<TransactionRow>, i64)> {
        let graves = match &filter.charge_point_id {
            Some(id) => self.graves_of(id).await?,
            None => Graves::None,
        };
        let rows = self.transactions_page(filter, graves).await?;
        let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let is_last = shown < filter.limit && (shown > 0 || filter.offset == 0);
        if is_last {
            return Ok((rows, filter.offset.saturating_add(shown)));
        }
        let count = count_text(filter, graves);
        let total = on_db!(self, db => bind_all!(
            sqlx::query_scalar(AssertSqlSafe(count.text.clone())), count)
            .fetch_one(db))?;
        Ok((rows, total))
    }

    async fn transactions_page(
        &mut self,
        filter: &TransactionFilter,
        graves: Graves,
    ) -> Result<Vec<TransactionRow>> {
        let page = page_text(filter, graves);
        on_db!(self, db => bind_all!(
            sqlx::query_as(AssertSqlSafe(page.text.clone())), page)
            .fetch_all(db))
    }

    async fn graves_of(&mut self, id: &str) -> Result<Graves> {
        let first: Option<String> = on_db!(self, db => sqlx::query_scalar(
            "select id from charge_point where id = $1")
            .bind(format!("{id}/deleted/1"))
            .fetch_optional(db))?;
        Ok(first.map_or(Graves::None, |_| Graves::Some))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::upkeep::growth::{plan, postgres, seed, steps, transactions_seed};
    use crate::store::{DEFAULT_ORGANIZATION, Owner, Store};

    fn filter(change: impl FnOnce(&mut TransactionFilter)) -> TransactionFilter {
        let mut filter = TransactionFilter {
            owner: Owner::organization(DEFAULT_ORGANIZATION.to_owned()),
            project_id: None,
            charge_point_id: None,
            id_tag: None,
            from_ms: i64::MIN,
            to_ms: i64::MAX,
            limit: 20,
            offset: 0,
        };
        change(&mut filter);
        filter
    }

    /// The charge point and the tag of transactions 1 to 30 have no others, however many others there are.
    fn filters() -> Vec<(&'static str, TransactionFilter)> {
        vec![
            ("all", filter(|_| {})),
            (
                "charge point",
                filter(|f| f.charge_point_id = Some("CP-few".into())),
            ),
            ("tag", filter(|f| f.id_tag = Some("few".into()))),
            (
                "installer",
                filter(|f| f.owner.installer_id = Some("acc_few".into())),
            ),
            (
                "time",
                filter(|f| {
                    f.from_ms = 1;
                    f.to_ms = 31;
                }),
            ),
        ]
    }

    #[tokio::test]
    async fn a_page_of_transactions_costs_what_is_on_it() {
        let mut found = Vec::new();
        for others in [100, 10_000] {
            let folder = tempfile::tempdir().unwrap();
            let address = format!("sqlite://{}/csms.db", folder.path().display());
            let store = Store::open(&address).await.unwrap();
            seed(&store, &transactions_seed(others)).await;
            let mut conn = store.reader().await.unwrap();
            for (what, filter) in filters() {
                let page =
                    async |conn: &mut Conn| conn.transactions_page(&filter, Graves::None).await;
                let (page_steps, rows) = steps(&mut conn, page).await;
                assert_eq!(rows.unwrap().len(), 20, "{what}");
                let list = async |conn: &mut Conn| conn.transactions(&filter).await;
                let (list_steps, list) = steps(&mut conn, list).await;
                let total = if what == "all" { others + 30 } else { 30 };
                assert_eq!(list.unwrap().1, total, "{what}");
                found.push((others, what, page_steps, list_steps));
            }
        }
        let (few, many) = found.split_at(found.len() / 2);
        for (few, many) in few.iter().zip(many) {
            assert!(many.2 <= few.2 + 50, "page: {few:?} {many:?}");
            // All are counted, in an index and nothing else.
            let grows = if few.1 == "all" { 9_900 * 8 } else { 0 };
            assert!(many.3 <= few.3 + grows + 50, "list: {few:?} {many:?}");
        }
    }

    #[tokio::test]
    async fn a_page_that_is_the_last_one_tells_how_many_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        seed(&store, &transactions_seed(0)).await;
        for (limit, offset, shown) in [
            (20, 0, 20),
            (20, 20, 10),
            (30, 0, 30),
            (31, 0, 30),
            (20, 40, 0),
        ] {
            let filter = filter(|f| (f.limit, f.offset) = (limit, offset));
            let (rows, total) = store.transactions(&filter).await.unwrap();
            assert_eq!((rows.len(), total), (shown, 30), "{limit} {offset}");
        }
    }

    #[tokio::test]
    async fn both_databases_find_a_page_by_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut addresses = vec![format!("sqlite://{}/csms.db", folder.path().display())];
        addresses.extend(postgres().await);
        for address in addresses {
            let store = Store::open(&address).await.unwrap();
            seed(&store, &transactions_seed(20_000)).await;
            seed(&store, &["analyze".to_owned()]).await;
            let mut conn = store.reader().await.unwrap();
            for (what, filter) in filters() {
                // Of two charge points PostgreSQL reads both, and is right.
                if what == "installer" && address.starts_with("postgres") {
                    continue;
                }
                let index = match what {
                    // Everything is this organization's: the primary key has the order as well.
                    "all" if address.starts_with("postgres") => {
                        "Index Scan using charge_transaction_"
                    }
                    "all" => "charge_transaction_list",
                    "charge point" => "charge_transaction_charge_point",
                    "installer" => "charge_transaction_installer",
                    "tag" => "charge_transaction_tag",
                    _ => "charge_transaction_organization",
                };
                let mut texts = vec![page_text(&filter, Graves::None)];
                if what != "all" {
                    texts.push(count_text(&filter, Graves::None));
                }
                for put in texts {
                    let plan = plan(&mut conn, &put).await;
                    assert!(plan.contains(index), "{address} {what}: {plan}");
                    for scan in ["SCAN t\n", "Seq Scan on charge_transaction"] {
                        assert!(!plan.contains(scan), "{address} {what}: {plan}");
                    }
                }
            }
            // Of an identity that was deleted before, too.
            if address.starts_with("sqlite") {
                let put = page_text(&filters()[1].1, Graves::Some);
                let plan = plan(&mut conn, &put).await;
                let index = "charge_transaction_charge_point";
                assert!(plan.contains(index), "{plan}");
            }
            drop(conn);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn records_of_deleted_charge_points_of_an_identity_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut addresses = vec![format!("sqlite://{}/csms.db", folder.path().display())];
        addresses.extend(postgres().await);
        for address in addresses {
            let store = Store::open(&address).await.unwrap();
            seed(&store, &transactions_seed(90)).await;
            let rename = |to: &str, ids: &str| {
                [
                    format!("insert into charge_point (id, organization_id, registration, created_at_ms)
                        values ('{to}', 'org_default', 'Accepted', 0)"),
                    format!("update charge_transaction set charge_point_id = '{to}' where id in ({ids})"),
                ]
            };
            seed(&store, &rename("CP-few/deleted/1", "1, 2")).await;
            seed(&store, &rename("CP-few/deleted/2", "3")).await;
            // Of somebody else whose identity begins the same.
            seed(&store, &rename("CP-fewer/deleted/1", "4")).await;
            let filter = &filters()[1].1;
            let (rows, total) = store.transactions(filter).await.unwrap();
            assert_eq!(total, 29);
            let ids: Vec<i64> = rows.iter().take(4).map(|row| row.id).collect();
            assert_eq!(ids, [1, 2, 3, 5]);
            store.close().await;
        }
    }
}
