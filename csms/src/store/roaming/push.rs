//! What partners are to be told of, and what they were told.

use std::collections::HashMap;

use crate::domain::charge_points::identity::public_id;
use crate::domain::roaming::location::Place;
use crate::domain::roaming::push::{Heard, PushKind, quiet_ms};
use crate::domain::roaming::tariff::{Published, tariff_id};
use crate::store::roaming::location::PlaceId;
use crate::store::{Conn, Result, Seen, Store, StoreError, on_db, run_on_db};

/// Changes of one kind that are looked at in one go: more than a fleet has connectors.
const CHANGES_MAX: i64 = 100_000;
/// How far it may be looked before that is written down, where nothing is to be told.
const UNWRITTEN_MS: i64 = 10_000;
/// Of how long before the last look changes are looked at once more: what is stamped earlier may be committed later.
const OVERLAP_MS: i64 = 5_000;

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub kind: PushKind,
    /// Of a location `site/ID` or `point/ID`, of an EVSE `CHARGE_POINT/NUMBER`, of the others their own id.
    pub object_id: String,
    pub at_ms: i64,
    /// It is told at once, and not with what changes soon after it.
    pub at_once: bool,
}

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub kind: PushKind,
    pub object_id: String,
    pub changed_at_ms: i64,
    pub told_at_ms: Option<i64>,
    pub attempts: i64,
}

/// What came of telling something.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub partner_id: String,
    pub due: Due,
    pub heard: Heard,
    /// Before that it is not told again.
    pub not_before_ms: i64,
    pub now_ms: i64,
}

#[derive(sqlx::FromRow)]
struct DueRow {
    kind: String,
    object_id: String,
    changed_at_ms: i64,
    told_at_ms: Option<i64>,
    attempts: i64,
}

impl Store {
    /// What changed for a partner since it was looked at last: places and tariffs of its organization, sessions and bills of
    /// its drivers. And until when that is, where it is worth to be written down.
    pub(crate) async fn changes_for(
        &self,
        partner: &str,
        organization: &str,
    ) -> Result<(Vec<Changed>, Option<i64>)> {
        let mut conn = self.reader().await?;
        let since_ms: Option<i64> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select coalesce(looked_until_ms, registered_at_ms) from partner where id = $1")
            .bind(partner)
            .fetch_one(db))?;
        let since_ms = since_ms.unwrap_or(i64::MAX);
        let from_ms = since_ms.saturating_sub(OVERLAP_MS);
        let mut changes = conn.changed_places(organization, from_ms).await?;
        changes.extend(
            conn.changed_of_drivers(partner, organization, from_ms)
                .await?,
        );
        // What was changed before the registration, the partner pulls.
        let registered_ms: Option<i64> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select registered_at_ms from partner where id = $1")
            .bind(partner)
            .fetch_one(db))?;
        changes.retain(|change| registered_ms.is_none_or(|at_ms| change.at_ms > at_ms));
        let newest = changes.iter().map(|change| change.at_ms).max();
        let known: Vec<(String, String, i64)> = on_db!(&mut conn, db => sqlx::query_as(
            "select kind, object_id, changed_at_ms from roaming_push where partner_id = $1 and changed_at_ms > $2")
            .bind(partner).bind(from_ms)
            .fetch_all(db))?;
        let known: HashMap<(&str, &str), i64> = known
            .iter()
            .map(|(kind, id, at_ms)| ((kind.as_str(), id.as_str()), *at_ms))
            .collect();
        changes.retain(|change| {
            let known = known.get(&(change.kind.as_str(), change.object_id.as_str()));
            known.is_none_or(|at_ms| *at_ms < change.at_ms)
        });
        let until_ms = newest.unwrap_or(since_ms).max(since_ms);
        let is_worth = !changes.is_empty() || until_ms.saturating_sub(since_ms) > UNWRITTEN_MS;
        Ok((changes, is_worth.then_some(until_ms)))
    }

    /// Writes down what a partner is to be told, and until when that was looked at.
    pub(crate) async fn keep_changes(
        &self,
        partner: &str,
        changes: Vec<Changed>,
        looked_until_ms: i64,
        now_ms: i64,
    ) -> Result<()> {
        let input = (partner.to_owned(), changes, looked_until_ms, now_ms);
        self.write(input, |(partner, changes, looked_until_ms, now_ms), conn| {
            Box::pin(async move {
                for change in changes {
                    run_on_db!(&mut *conn, db => sqlx::query(
                        "insert into roaming_push (partner_id, kind, object_id, changed_at_ms, due_at_ms)
                         values ($1, $2, $3, $4, $5)
                         on conflict (partner_id, kind, object_id) do update set
                             changed_at_ms = excluded.changed_at_ms, attempts = 0, refusal = null,
                             due_at_ms = case when $6 then excluded.due_at_ms
                                 when roaming_push.due_at_ms is not null then roaming_push.due_at_ms
                                 when roaming_push.not_before_ms > excluded.due_at_ms then roaming_push.not_before_ms
                                 else excluded.due_at_ms end
                         where roaming_push.changed_at_ms < excluded.changed_at_ms")
                        .bind(partner).bind(change.kind.as_str()).bind(&change.object_id).bind(change.at_ms)
                        .bind(*now_ms).bind(change.at_once)
                        .execute(db))?;
                }
                run_on_db!(conn, db => sqlx::query(
                    "update partner set looked_until_ms = $2
                     where id = $1 and coalesce(looked_until_ms, 0) < $2")
                    .bind(partner).bind(*looked_until_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// What a partner is to be told now, for `lease_ms` by nobody else: of one that failed lately one thing only, and nothing
    /// while it is left alone. A bill is told after its session.
    pub(crate) async fn lease_pushes(
        &self,
        partner: &str,
        (now_ms, lease_ms): (i64, i64),
        limit: i64,
    ) -> Result<Vec<Due>> {
        let mut conn = self.reader().await?;
        let any: Option<i32> = on_db!(&mut conn, db => sqlx::query_scalar(
            "select 1 from roaming_push where partner_id = $1 and due_at_ms <= $2 limit 1")
            .bind(partner).bind(now_ms)
            .fetch_optional(db))?;
        drop(conn);
        if any.is_none() {
            return Ok(Vec::new());
        }
        let input = (partner.to_owned(), now_ms, lease_ms, limit);
        self.write(input, |(partner, now_ms, lease_ms, limit), conn| {
            Box::pin(async move {
                let state: Option<(i64, Option<i64>)> = on_db!(&mut *conn, db => sqlx::query_as(
                    "select failures, quiet_until_ms from partner where id = $1 and state = 'registered'")
                    .bind(partner)
                    .fetch_optional(db))?;
                let limit = match state {
                    Some((_, Some(quiet_ms))) if quiet_ms > *now_ms => return Ok(Vec::new()),
                    Some((0, _)) => *limit,
                    Some(_) => 1,
                    None => return Ok(Vec::new()),
                };
                let rows: Vec<DueRow> = on_db!(conn, db => sqlx::query_as(
                    "update roaming_push set due_at_ms = $3
                     where partner_id = $1 and due_at_ms <= $2 and (kind, object_id) in (
                         select p.kind, p.object_id from roaming_push p
                         where p.partner_id = $1 and p.due_at_ms <= $2
                             and not (p.kind = 'cdr' and exists (select 1 from cdr c
                                 join roaming_push s on s.partner_id = p.partner_id and s.kind = 'session'
                                     and s.object_id = c.session_id
                                 where c.id = p.object_id and s.due_at_ms is not null))
                         order by p.due_at_ms, p.changed_at_ms limit $4)
                     returning kind, object_id, changed_at_ms, told_at_ms, attempts")
                    .bind(partner).bind(*now_ms).bind(now_ms.saturating_add(*lease_ms)).bind(limit)
                    .fetch_all(db))?;
                rows.into_iter().map(due).collect()
            })
        })
        .await
    }

    /// Writes down what came of telling something.
    pub(crate) async fn told_partner(&self, pushed: Pushed) -> Result<()> {
        self.write(pushed, |pushed, conn| {
            Box::pin(async move { conn.told_partner(pushed).await })
        })
        .await
    }

    /// What a partner refused is told once more; how much that is.
    pub(crate) async fn push_refused_again(&self, partner: &str, now_ms: i64) -> Result<u64> {
        self.write((partner.to_owned(), now_ms), |(partner, now_ms), conn| {
            Box::pin(async move {
                on_db!(conn, db => async {
                    let query = sqlx::query(
                        "update roaming_push set due_at_ms = $2, attempts = 0, refusal = null
                         where partner_id = $1 and refusal is not null").bind(partner).bind(*now_ms);
                    query.execute(db).await.map(|done| done.rows_affected())
                })
            })
        })
        .await
    }

    /// A place by the id of its row here, as partners see it.
    pub(crate) async fn place_to_push(&self, organization: &str, object: &str) -> Result<Place> {
        let (is_site, id) = match object.split_once('/') {
            Some(("site", id)) => (true, id),
            Some((_, id)) => (false, id),
            None => (false, object),
        };
        let mut conn = self.reader().await?;
        let id = PlaceId {
            id: id.to_owned(),
            is_site,
        };
        conn.seen_place(organization, &id).await
    }

    /// A session of a partner.
    pub(crate) async fn roaming_session(&self, partner: &str, id: &str) -> Result<Option<Seen>> {
        self.reader().await?.roaming_session(partner, id).await
    }

    /// A bill of a partner.
    pub(crate) async fn cdr(&self, partner: &str, id: &str) -> Result<Option<String>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_scalar("select body from cdr where partner_id = $1 and id = $2")
            .bind(partner).bind(id)
            .fetch_optional(db))
    }

    /// The tariff of a charge point or a project; `None` where there is none any more.
    pub(crate) async fn tariff_to_push(
        &self,
        organization: &str,
        id: &str,
    ) -> Result<Option<Published>> {
        let (tariffs, _) = self
            .published_tariffs(organization, (i64::MIN, i64::MAX), (i64::MAX, 0))
            .await?;
        Ok(tariffs.into_iter().find(|tariff| tariff.id == id))
    }
}

impl Conn {
    async fn changed_places(&mut self, organization: &str, from_ms: i64) -> Result<Vec<Changed>> {
        let mut changes = Vec::new();
        let sites: Vec<(String, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select id, updated_at_ms from site where organization_id = $1 and updated_at_ms > $2
             order by updated_at_ms limit $3")
            .bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        changes.extend(sites.into_iter().map(|(id, at_ms)| Changed {
            kind: PushKind::Location,
            object_id: format!("site/{id}"),
            at_ms,
            at_once: true,
        }));
        let points: Vec<(String, Option<String>, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select id, site_id, updated_at_ms from charge_point where organization_id = $1 and updated_at_ms > $2
             order by updated_at_ms limit $3")
            .bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        changes.extend(points.into_iter().map(|(id, site, at_ms)| Changed {
            kind: PushKind::Location,
            object_id: match site {
                Some(site) => format!("site/{site}"),
                None => format!("point/{}", public_id(&id)),
            },
            at_ms,
            at_once: true,
        }));
        let connectors: Vec<(String, i64, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select c.charge_point_id, c.connector_id, c.changed_at_ms
             from connector c join charge_point p on p.id = c.charge_point_id
             where p.organization_id = $1 and c.connector_id > 0 and c.changed_at_ms > $2
             order by c.changed_at_ms limit $3")
            .bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        for (point, connector, at_ms) in connectors {
            let (evse, _) = self.evse_at(&point, connector).await?;
            changes.push(evse_changed(&point, evse, at_ms));
        }
        let turned: Vec<(String, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select id, online_changed_at_ms from charge_point
             where organization_id = $1 and online_changed_at_ms > $2 order by online_changed_at_ms limit $3")
            .bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        for (point, at_ms) in turned {
            let place = self.place_of_point(organization, &point).await?;
            let there = place.points.iter().filter(|there| there.id == point);
            let evses = there.flat_map(|there| there.evses.iter().map(|evse| evse.evse_id));
            changes.extend(evses.map(|evse| evse_changed(&point, evse, at_ms)));
        }
        let tariffs: Vec<(String, Option<String>, i64)> = on_db!(self, db => sqlx::query_as(
            "select owner_id, public_id, updated_at_ms from tariff where organization_id = $1 and updated_at_ms > $2
             order by updated_at_ms limit $3")
            .bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        changes.extend(tariffs.into_iter().map(|(owner, id, at_ms)| Changed {
            kind: PushKind::Tariff,
            object_id: id.unwrap_or_else(|| tariff_id(public_id(&owner))),
            at_ms,
            at_once: true,
        }));
        Ok(changes)
    }

    async fn changed_of_drivers(
        &mut self,
        partner: &str,
        organization: &str,
        from_ms: i64,
    ) -> Result<Vec<Changed>> {
        // Before the sessions: of a bill that is found its session's end is found as well.
        let bills: Vec<(String, i64)> = on_db!(&mut *self, db => sqlx::query_as(
            "select id, created_at_ms from cdr where partner_id = $1 and created_at_ms > $2
             order by created_at_ms limit $3")
            .bind(partner).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        let sessions: Vec<(String, i64, bool)> = on_db!(self, db => sqlx::query_as(
            "select s.id, t.updated_at_ms, 1 = 0 from charge_transaction t join roaming_session s on s.transaction_id = t.id
             where t.organization_id = $2 and t.updated_at_ms > $3 and s.partner_id = $1 and s.body is null
             union
             select id, updated_at_ms, 1 = 1 from roaming_session where partner_id = $1 and updated_at_ms > $3
             order by 2 limit $4")
            .bind(partner).bind(organization).bind(from_ms).bind(CHANGES_MAX)
            .fetch_all(db))?;
        let sessions = sessions
            .into_iter()
            .map(|(object_id, at_ms, at_once)| Changed {
                kind: PushKind::Session,
                object_id,
                at_ms,
                at_once,
            });
        let bills = bills.into_iter().map(|(object_id, at_ms)| Changed {
            kind: PushKind::Cdr,
            object_id,
            at_ms,
            at_once: true,
        });
        Ok(sessions.chain(bills).collect())
    }

    async fn told_partner(&mut self, pushed: &Pushed) -> Result<()> {
        let Due {
            kind,
            object_id,
            changed_at_ms,
            ..
        } = &pushed.due;
        let (error, told, due, refusal, is_away) = match &pushed.heard {
            // What changed meanwhile is told next.
            Heard::Taken => (None, Some(*changed_at_ms), None, None, false),
            Heard::Nothing => (None, None, None, None, false),
            Heard::Refused(why) => (Some(why), None, None, Some(why), false),
            Heard::Away(why, _) | Heard::Unsure(why) => {
                (Some(why), None, Some(pushed.now_ms), None, true)
            }
        };
        let is_unsure = matches!(pushed.heard, Heard::Unsure(_));
        run_on_db!(&mut *self, db => sqlx::query(
            "update roaming_push set told_at_ms = coalesce($5, told_at_ms), refusal = $7,
                 attempts = attempts + case when $8 then 1 else 0 end,
                 due_at_ms = case when changed_at_ms > $4 then $9 else $6 end, not_before_ms = $9
             where partner_id = $1 and kind = $2 and object_id = $3")
            .bind(&pushed.partner_id).bind(kind.as_str()).bind(object_id).bind(*changed_at_ms).bind(told)
            .bind(due).bind(refusal).bind(is_unsure).bind(pushed.not_before_ms)
            .execute(db))?;
        let failures: Option<i64> = on_db!(&mut *self, db => sqlx::query_scalar(
            "select failures from partner where id = $1")
            .bind(&pushed.partner_id)
            .fetch_optional(db))?;
        let wanted_ms = match &pushed.heard {
            Heard::Away(_, wanted_ms) => *wanted_ms,
            _ => None,
        };
        let quiet_until_ms = is_away.then(|| {
            pushed
                .now_ms
                .saturating_add(quiet_ms(failures.unwrap_or(0), wanted_ms))
        });
        run_on_db!(self, db => sqlx::query(
            "update partner set failures = case when not $2 then 0
                     when coalesce(quiet_until_ms, 0) > $5 then failures else failures + 1 end,
                 quiet_until_ms = case when $2 and coalesce(quiet_until_ms, 0) > $5 then quiet_until_ms else $3 end,
                 last_told_at_ms = case when $4 is null then $5 else last_told_at_ms end,
                 last_error = coalesce($4, last_error),
                 last_error_at_ms = case when $4 is null then last_error_at_ms else $5 end
             where id = $1")
            .bind(&pushed.partner_id).bind(is_away).bind(quiet_until_ms).bind(error).bind(pushed.now_ms)
            .execute(db))
    }
}

fn evse_changed(point: &str, evse: i64, at_ms: i64) -> Changed {
    Changed {
        kind: PushKind::Evse,
        object_id: format!("{point}/{evse}"),
        at_ms,
        at_once: true,
    }
}

fn due(row: DueRow) -> Result<Due> {
    let kind = PushKind::from_word(&row.kind);
    Ok(Due {
        kind: kind.ok_or_else(|| StoreError::Corrupt(format!("a push of a {:?}", row.kind)))?,
        object_id: row.object_id,
        changed_at_ms: row.changed_at_ms,
        told_at_ms: row.told_at_ms,
        attempts: row.attempts,
    })
}
