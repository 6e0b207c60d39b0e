//! How transactions begin, and what a retransmission of that may not do [1.6 §4.8].
//!
//! - An id is given once and for ever. A retransmitted start finds its transaction by its key and gets the
//!   first answer.
//! - A refused tag still gets a transaction: the charge point may have delivered energy already, and decides
//!   by its configuration whether it goes on.
//! - A transaction belongs to whom its charge point belonged to when it began, however late that is told.
//! - Messages come in order: a start with the key of a transaction is its retransmission while it is open, or ended
//!   by something other than its own stop. After its stop the same start begins another one, as chargers do whose
//!   clock stands or shows whole seconds. The unique key says so, not a look before.
//! - A boot or a lost socket ends nothing. What is left without a stop has its rules in `ending`.

use dynamo_protocol::ocpi::sessions::AuthMethod;
use dynamo_protocol::ocpi::tokens::Whitelist;
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::clock::rfc3339;
use crate::domain::guest::{judge_guest_start, may_be_guest};
use crate::domain::money::billing;
use crate::domain::projects::commissioning::is_test_tag;
use crate::domain::roaming::driver::{Driver, RoamingTag};
use crate::domain::roaming::session::{self, Begins};
use crate::domain::tags::access::access_at;
use crate::domain::tags::authorization::{from_stored, stored};
use crate::domain::tags::payer::{Payer, judge_plain, judge_start};
use crate::domain::tags::tag::{TagStatus, Verdict, tag_key};
use crate::domain::tags::test_tag::judge_test_tag;
use crate::domain::transactions::claims::{Claims, began_at_ms};
use crate::domain::transactions::ending::{HeardOf, Then, begin_beside_others, heard};
use crate::domain::transactions::facts::Start;
use crate::domain::transactions::leaving::Stamped;
use crate::store::{
    Conn, Folded, GuestSession, NewTransaction, Result, StartPlace, Store, StoreError,
};

/// Records a start and answers with the transaction's id, and about the tag where one was shown.
pub(crate) async fn start(store: &Store, start: Start) -> Result<(i64, Option<Verdict>)> {
    let claims = Claims {
        started_at_ms: start.started_at_ms,
        start_received_at_ms: start.now_ms,
        meter_start_wh: start.meter_start_wh,
        ..Claims::default()
    };
    let charge_point = start.charge_point_id.clone();
    let Begun {
        id,
        verdict,
        is_new,
    } = store.write_folded(start).await?;
    if is_new {
        claims.warn(&charge_point, id);
    }
    Ok((id, verdict))
}

/// What came of a start.
pub(crate) struct Begun {
    id: i64,
    /// About its tag, where one was shown.
    verdict: Option<Verdict>,
    /// Whether it is told for the first time.
    is_new: bool,
}

impl Folded for Start {
    type Done = Begun;

    fn charge_point(&self) -> &str {
        &self.charge_point_id
    }

    fn run_all<'c>(
        starts: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(begin_all(starts, conn))
    }
}

/// A start, and what is known of it.
struct Beginning<'a> {
    start: &'a Start,
    /// By what this server believes of its stamp.
    began_ms: i64,
    place: StartPlace,
    /// What partners said of its tag.
    roaming: RoamingTag,
}

/// Begins transactions at different charge points. Most starts only want to know what their tag is now: they are judged
/// and kept together. The others follow one by one, so that each sees those before it.
async fn begin_all(starts: &[&Start], conn: &mut Conn) -> Result<Vec<Begun>> {
    let asked: Vec<_> = starts
        .iter()
        .map(|start| {
            let began_ms = began_at_ms(start.started_at_ms, start.now_ms);
            let tag = start.id_tag.as_deref().map(tag_key);
            (start.charge_point_id.as_str(), tag, began_ms)
        })
        .collect();
    let places = conn.start_places(&asked).await?;
    let shown: Vec<(&str, &str, &str)> = asked
        .iter()
        .zip(&places)
        .filter_map(|((point, tag, _), place)| {
            Some((*point, place.then.organization_id.as_str(), tag.as_deref()?))
        })
        .collect();
    let mut roaming = conn.roaming_tags(&shown).await?;
    let beginnings: Vec<Beginning<'_>> = starts
        .iter()
        .zip(asked)
        .zip(places)
        .map(|((start, (point, tag, began_ms)), place)| {
            let key = (point.to_owned(), tag.unwrap_or_default());
            Beginning {
                start,
                began_ms,
                place,
                roaming: roaming.remove(&key).unwrap_or_default(),
            }
        })
        .collect();
    let plain: Vec<Option<&str>> = beginnings.iter().map(Beginning::plain_tag).collect();
    let wanted: Vec<(&str, &str)> = beginnings
        .iter()
        .zip(&plain)
        .filter_map(|(begin, tag)| Some((begin.place.now.organization_id.as_str(), (*tag)?)))
        .collect();
    let tags = conn.tags(&wanted).await?;
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for (index, (begin, tag)) in beginnings.iter().zip(plain).enumerate() {
        let known =
            tag.map(|tag| tags.get(&(begin.place.now.organization_id.clone(), tag_key(tag))));
        match known.and_then(|known| judge_plain(begin.start, known, begin.began_ms)) {
            Some((verdict, payer)) => {
                let judged = Judged {
                    verdict: Some(verdict),
                    payer,
                    ..Judged::default()
                };
                together.push((index, begin, judged));
            }
            None => alone.push((index, begin)),
        }
    }
    let mut begun: Vec<(usize, Begun)> = keep_starts(together, conn).await?;
    for (index, begin) in alone {
        let judged = match begin.start.id_tag.as_deref() {
            Some(tag) => judge_shown(begin, tag, conn).await?,
            None => Judged::default(),
        };
        begun.extend(keep_starts(vec![(index, begin, judged)], conn).await?);
    }
    begun.sort_unstable_by_key(|(index, _)| *index);
    Ok(begun.into_iter().map(|(_, begun)| begun).collect())
}

impl Beginning<'_> {
    /// The tag, where nothing but itself decides about it.
    fn plain_tag(&self) -> Option<&str> {
        let is_roaming = self.roaming.grant.is_some() || self.roaming.known.is_some();
        let is_plain =
            !is_roaming && !self.place.has_changed && self.place.now.project_id.is_none();
        let tag = self.start.id_tag.as_deref().filter(|_| is_plain)?;
        (!is_test_tag(tag) && !may_be_guest(tag)).then_some(tag)
    }
}

/// Keeps starts that are judged, in their order.
async fn keep_starts(
    starts: Vec<(usize, &Beginning<'_>, Judged)>,
    conn: &mut Conn,
) -> Result<Vec<(usize, Begun)>> {
    let new: Vec<NewTransaction<'_>> = starts
        .iter()
        .map(|(_, begin, judged)| judged.transaction(begin))
        .collect();
    let ids = conn.insert_transactions(&new).await?;
    let mut others = Vec::new();
    let mut bills = Vec::new();
    let mut kept = Vec::with_capacity(starts.len());
    for ((new, (index, begin, judged)), id) in new.iter().zip(&starts).zip(ids) {
        let start = begin.start;
        let inserted = match id {
            Some(id) => Inserted::New(id),
            None => insert_again(conn, new).await?,
        };
        let id = match inserted {
            Inserted::New(id) => id,
            Inserted::Known(id, answer) => {
                conn.mark_deviations(id, &start.deviations).await?;
                let begun = Begun {
                    id,
                    verdict: answer.as_deref().map(from_stored).transpose()?,
                    is_new: false,
                };
                kept.push((*index, begun));
                continue;
            }
        };
        conn.mark_deviations(id, &start.deviations).await?;
        if let Some(session) = &judged.guest {
            conn.guest_began(session, id).await?;
        }
        if let Some(driver) = &judged.driver {
            let at = Begins {
                organization_id: &begin.place.then.organization_id,
                charge_point_id: &start.charge_point_id,
                connector_id: start.connector_id,
                transaction_id: id,
                began_ms: begin.began_ms,
                now_ms: start.now_ms,
                tax_rate: start.tax_rate,
            };
            session::begin(conn, at, driver.clone()).await?;
        }
        bills.push(billing::Begun {
            id,
            began_ms: begin.began_ms,
            received_ms: start.now_ms,
            payer: judged.payer,
        });
        others.push((id, start));
        let begun = Begun {
            id,
            verdict: judged.verdict.clone(),
            is_new: true,
        };
        kept.push((*index, begun));
    }
    billing::begin(conn, &bills).await?;
    for (id, start, connector) in conn.with_other_open(&others).await? {
        let began = Stamped {
            at_ms: start.started_at_ms,
            received_at_ms: start.now_ms,
        };
        let place = (start.charge_point_id.as_str(), connector);
        begin_beside_others(conn, place, (id, began)).await?;
    }
    for ((_, begin, judged), (_, begun)) in starts.iter().zip(&kept) {
        let start = begin.start;
        if let Some(occurrence) = start.occurrence.as_ref().filter(|_| begun.is_new) {
            let data = json!({
                "transaction_id": begun.id,
                "connector_id": start.connector_id,
                "id_tag": start.id_tag,
                "id_tag_status": judged.verdict.as_ref().map(|verdict| verdict.status),
                "start_time": rfc3339(start.started_at_ms),
                "meter_start": start.meter_start_wh,
            });
            conn.tell_of(begun.id, occurrence, &data).await?;
        }
    }
    Ok(kept)
}

/// What the tag of a start is worth.
#[derive(Default)]
struct Judged {
    /// The answer; `None` where nothing was shown.
    verdict: Option<Verdict>,
    payer: Payer,
    /// Whether this server asked for the transaction.
    by_command: bool,
    /// The guest session that begins with it.
    guest: Option<GuestSession>,
    /// The driver of a partner who charges.
    driver: Option<Driver>,
}

impl Judged {
    /// The transaction that begins so.
    fn transaction<'a>(&'a self, begin: &'a Beginning<'_>) -> NewTransaction<'a> {
        let verdict = self.verdict.as_ref();
        NewTransaction {
            start: begin.start,
            belongs_to: &begin.place.then,
            answer: verdict.map(stored),
            tag_group: verdict.and_then(|verdict| verdict.parent_tag.as_deref()),
            authorization_method: verdict.map(|_| match self.by_command {
                true => "command",
                false => "whitelist",
            }),
            trigger: self.by_command.then_some("RemoteStart"),
        }
    }
}

async fn judge_shown(begin: &Beginning<'_>, tag: &str, conn: &mut Conn) -> Result<Judged> {
    let (start, began_ms) = (begin.start, begin.began_ms);
    let charge_point = start.charge_point_id.as_str();
    if let Some(verdict) = judge_test_tag(conn, charge_point, tag).await? {
        return Ok(Judged {
            verdict: Some(verdict),
            by_command: true,
            ..Judged::default()
        });
    }
    let place = (charge_point, start.connector_id);
    if let Some((verdict, session)) = judge_guest_start(conn, place, tag, began_ms).await? {
        let begins = verdict.status == TagStatus::Accepted;
        return Ok(Judged {
            verdict: Some(verdict),
            by_command: true,
            guest: begins.then_some(session),
            ..Judged::default()
        });
    }
    // A partner lets nobody in whom the project does not.
    let is_listed = access_at(conn, charge_point).await?.allows(tag);
    if let Some(grant) = begin.roaming.grant_at(began_ms).filter(|_| is_listed) {
        let verdict = Verdict {
            status: TagStatus::Accepted,
            parent_tag: None,
            expires_at_ms: None,
        };
        return Ok(Judged {
            verdict: Some(verdict),
            payer: Payer::Partner,
            by_command: grant.driver.auth_method == AuthMethod::Command,
            driver: Some(grant.driver.clone()),
            ..Judged::default()
        });
    }
    let (mut verdict, payer) = judge_start(start, tag, &begin.place, began_ms, conn).await?;
    if begin.roaming.must_ask() == Some(Whitelist::Never) {
        // Its issuer was not asked, and wants to be, every time.
        verdict.status = TagStatus::Invalid;
    }
    let driver = begin.roaming.driver_at(began_ms);
    let driver = driver.filter(|_| !matches!(payer, Payer::Nobody));
    Ok(Judged {
        verdict: Some(verdict),
        payer: match driver.is_some() {
            true => Payer::Partner,
            false => payer,
        },
        driver,
        ..Judged::default()
    })
}

/// What came of a start that is to be inserted.
enum Inserted {
    New(i64),
    /// Id and first answer of the transaction that it repeats.
    Known(i64, Option<String>),
}

/// How often a start is tried that finds a twin which another connection of the database stops meanwhile.
const INSERTS_MAX: usize = 4;

/// What a start is that was not inserted. The unique key decides whether it repeats one; between its word and the look
/// at the twin, the twin may be stopped by another connection: then the start is a new one.
async fn insert_again(conn: &mut Conn, new: &NewTransaction<'_>) -> Result<Inserted> {
    let start = new.start;
    for _ in 0..INSERTS_MAX {
        if let Some((id, answer)) = conn.transaction_by_key(start).await? {
            let twin = conn.lock_transaction(&start.charge_point_id, id).await?;
            // A repetition corrects no end that is final.
            if let Some(twin) = twin.filter(|twin| !twin.course().is_final()) {
                let told = HeardOf {
                    transaction: &twin,
                    standing: None,
                    stamps_ms: vec![start.started_at_ms],
                    received_at_ms: start.now_ms,
                };
                heard(conn, &[told], Then::GoOn).await?;
            }
            return Ok(Inserted::Known(id, answer));
        }
        let ids = conn.insert_transactions(std::slice::from_ref(new)).await?;
        if let [Some(id)] = ids[..] {
            return Ok(Inserted::New(id));
        }
    }
    Err(StoreError::Refused(
        "a start and the stop of its twin overtake each other".to_owned(),
    ))
}
