//! Events of charge points.

use std::collections::HashSet;

use crate::domain::charge_points::event::{Event, SameAgain};
use crate::domain::content_hash;
use crate::store::{Conn, Many, Result, chunks, on_db, run_on_db};

// Of a charge point the newest 16 events are looked at.
static COUNT: Many = Many::new(
    "with r (point, kind, message, now_ms, again_ms, row_ms) as (values {rows})
     update charge_point_event set times = times + 1, last_received_at_ms = r.now_ms
     from r where charge_point_event.id = (select e.id from (
             select n.id, n.kind, n.message, n.content_hash, n.received_at_ms, n.last_received_at_ms
             from charge_point_event n where n.charge_point_id = r.point
             order by n.received_at_ms desc, n.id desc limit 16) e
         where e.kind = r.kind and e.message = r.message and e.content_hash is null
             and e.last_received_at_ms >= r.again_ms and e.received_at_ms >= r.row_ms
         order by e.id desc limit 1)
     returning charge_point_event.charge_point_id",
    6,
);

static INSERT: Many = Many::new(
    "insert into charge_point_event (charge_point_id, kind, message, content_hash, reported_at_ms,
         received_at_ms, last_received_at_ms, times)
     values {rows} on conflict do nothing",
    8,
);

impl Conn {
    /// Counts events that were said before; the charge points of those.
    async fn count_events(&mut self, events: &[(&Event, SameAgain)]) -> Result<HashSet<String>> {
        let mut counted = HashSet::new();
        for chunk in chunks(events) {
            let text = COUNT.for_rows(self, chunk.len());
            let points: Vec<String> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_scalar(text);
                for (event, again) in chunk {
                    query = query.bind(&event.charge_point_id).bind(event.kind).bind(&event.message)
                        .bind(event.received_at_ms).bind(again.last_from_ms).bind(again.first_from_ms);
                }
                query.fetch_all(db)
            })?;
            counted.extend(points);
        }
        Ok(counted)
    }

    /// Keeps events, of different charge points.
    pub(crate) async fn insert_events(&mut self, events: &[&Event]) -> Result<()> {
        let repeatable = events.iter().copied();
        let repeatable: Vec<(&Event, SameAgain)> = repeatable
            .filter_map(|event| Some((event, event.same_again()?)))
            .collect();
        let counted = self.count_events(&repeatable).await?;
        let new: Vec<&&Event> = events
            .iter()
            .filter(|event| {
                event.same_again().is_none() || !counted.contains(&event.charge_point_id)
            })
            .collect();
        for chunk in chunks(&new) {
            let text = INSERT.for_rows(self, chunk.len());
            run_on_db!(&mut *self, db => {
                let mut query = sqlx::query(text);
                for event in chunk {
                    let hash = event.stamp_ms.map(|_| content_hash(&[&event.message]));
                    query = query.bind(&event.charge_point_id).bind(event.kind).bind(&event.message).bind(hash)
                        .bind(event.stamp_ms.unwrap_or(event.received_at_ms)).bind(event.received_at_ms)
                        .bind(event.received_at_ms).bind(1_i64);
                }
                query.execute(db)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn an_event_is_looked_for_among_those_of_its_charge_point_alone() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        let mut conn = store.reader().await.unwrap();
        let text = COUNT.for_rows(&conn, 2);
        let explain = sqlx::AssertSqlSafe(format!("explain query plan {text}"));
        let plan: Vec<(i64, i64, i64, String)> = on_db!(&mut conn, db => {
            sqlx::query_as(explain).fetch_all(db)
        })
        .unwrap();
        let steps: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
        let is_long =
            |step: &&String| ["SCAN charge_point_event", "SCAN n"].contains(&step.as_str());
        let scans: Vec<&String> = steps.iter().filter(is_long).collect();
        let search = "SEARCH charge_point_event USING INTEGER PRIMARY KEY (rowid=?)";
        assert!(steps.iter().any(|step| step == search), "{steps:?}");
        assert!(scans.is_empty(), "{steps:?}");
    }
}
