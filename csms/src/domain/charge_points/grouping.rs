//! Reading the EVSEs of a charge point, and grouping its connectors anew; what a grouping is stands in `evse`.

use crate::domain::charge_points::evse::{Evses, NewEvse, wrong_grouping};
use crate::domain::charge_points::plug::Plug;
use crate::store::{ChargePointRecord, Conn, Owner, Result, Store};

/// Why a grouping was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotGrouped {
    /// The charge point is not there, or somebody else's.
    Missing,
    /// The grouping is wrong, in words.
    Wrong(String),
}

/// All EVSEs of a charge point.
pub(crate) async fn evses(store: &Store, record: &ChargePointRecord) -> Result<Evses> {
    load(&mut store.reader().await?, record).await
}

async fn load(conn: &mut Conn, record: &ChargePointRecord) -> Result<Evses> {
    let grouped = conn.evses(&record.id).await?;
    let connectors = known_connectors(conn, record).await?;
    let plug = plug_of(record);
    Ok(Evses::of(grouped, connectors, &plug, record.updated_at_ms))
}

/// Those it was said to have, and those it reported besides.
async fn known_connectors(conn: &mut Conn, record: &ChargePointRecord) -> Result<i64> {
    let reported = conn.last_connector(&record.id).await?;
    Ok(record.connector_count.unwrap_or(0).max(reported))
}

fn plug_of(record: &ChargePointRecord) -> Plug {
    Plug::of(record.connector_type.as_deref(), record.max_power_kw)
}

/// Groups the connectors of a charge point of this owner.
pub(crate) async fn group(
    store: &Store,
    owner: Owner,
    id: String,
    new: Vec<NewEvse>,
    now_ms: i64,
) -> Result<std::result::Result<Evses, NotGrouped>> {
    let input = (owner, id, new, now_ms);
    store
        .write(input, |(owner, id, new, now_ms), conn| {
            Box::pin(async move {
                // Nobody deletes it, or groups it too, between the question and the change.
                conn.hold_charge_point(id).await?;
                let Some(record) = conn.charge_point_record(owner, id).await? else {
                    return Ok(Err(NotGrouped::Missing));
                };
                let known = known_connectors(conn, &record).await?;
                if let Some(reason) = wrong_grouping(new, known) {
                    return Ok(Err(NotGrouped::Wrong(reason)));
                }
                let before = load(conn, &record).await?;
                let evses = before.regrouped(new, *now_ms);
                if before.iter().ne(&evses) {
                    let gone = before.missing_in(&evses);
                    conn.keep_evses(id, &evses, &gone, *now_ms).await?;
                    conn.touch_site(record.site_id.as_deref(), *now_ms).await?;
                }
                load(conn, &record).await.map(Ok)
            })
        })
        .await
}
