//! Reading the EVSEs of a charge point, and grouping its connectors anew; what a grouping is stands in `evse`.

use crate::domain::charge_points::evse::{Evses, NewEvse, wrong_grouping};
use crate::domain::charge_points::plug::Plug;
use crate::store::{ChargePointRecord, Conn, OwnedPoint, Result, Store};

/// Why a grouping was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotGrouped {
    /// The charge point was deleted meanwhile, or is somebody else's.
    Missing,
    /// The grouping is wrong, in words.
    Wrong(String),
}

/// All EVSEs of a charge point.
pub(crate) async fn evses(store: &Store, point: &OwnedPoint) -> Result<Evses> {
    load(&mut store.reader().await?, point).await
}

async fn load(conn: &mut Conn, point: &OwnedPoint) -> Result<Evses> {
    let grouped = conn.evses(&point.id).await?;
    let connectors = known_connectors(conn, point).await?;
    let plug = plug_of(point);
    Ok(Evses::of(grouped, connectors, &plug, point.updated_at_ms))
}

/// Those it was said to have, and those it reported besides.
async fn known_connectors(conn: &mut Conn, record: &ChargePointRecord) -> Result<i64> {
    let reported = conn.last_connector(&record.id).await?;
    Ok(record.connector_count.unwrap_or(0).max(reported))
}

fn plug_of(record: &ChargePointRecord) -> Plug {
    Plug::of(record.connector_type.as_deref(), record.max_power_kw)
}

/// Groups the connectors of a charge point.
pub(crate) async fn group(
    store: &Store,
    point: OwnedPoint,
    new: Vec<NewEvse>,
    now_ms: i64,
) -> Result<std::result::Result<Evses, NotGrouped>> {
    let input = (point, new, now_ms);
    store
        .write(input, |(point, new, now_ms), conn| {
            Box::pin(async move {
                // Nobody deletes it, or groups it too, between the question and the change.
                let Some(point) = conn.hold_point(point).await? else {
                    return Ok(Err(NotGrouped::Missing));
                };
                let known = known_connectors(conn, &point).await?;
                if let Some(reason) = wrong_grouping(new, known) {
                    return Ok(Err(NotGrouped::Wrong(reason)));
                }
                let before = load(conn, &point).await?;
                let evses = before.regrouped(new, *now_ms);
                if before.iter().ne(&evses) {
                    let gone = before.missing_in(&evses);
                    conn.keep_evses(&point.id, &evses, &gone, *now_ms).await?;
                    conn.touch_site(point.site_id.as_deref(), *now_ms).await?;
                }
                load(conn, &point).await.map(Ok)
            })
        })
        .await
}
