//! `GET /api/v1/ocpp16/charge_points/status`: what all charge points of the organization reported last.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use dynamo_protocol::ChargePointId;
use dynamo_protocol::v16::ChargePointStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::rest::auth::AnyReader;
use crate::rest::charge_point::{is_online, online_list};
use crate::rest::error::{Answer, ApiError};
use crate::rest::input::{Paging, Params, slice};
use crate::rest::openapi::{AccessErrors, QueryErrors};
use crate::rest::stamp::Stamp;
use crate::store::{ConnectorStatus, StatusFilter, StatusRow};

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 200;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(statuses))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StatusQuery {
    /// Those with a connector of this status. A word as OCPP writes it (`Available`, `Faulted`) finds what was
    /// reported last, with or without a socket; `available`, `occupied` (in use or reserved), `Occupied` (in use) and
    /// the words of OCPI, such as `CHARGING`, what has a socket. `offline` finds what has none, or is `Unavailable` or
    /// `Faulted`; `UNKNOWN` what has none.
    #[param(example = "Faulted")]
    status: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    paging: Paging,
}

#[derive(Serialize, ToSchema)]
struct Statuses {
    charge_points: Vec<ChargePointBody>,
    total: i64,
    page: i64,
    per_page: i64,
}

#[derive(Serialize, ToSchema)]
struct ChargePointBody {
    charge_point_id: String,
    /// Whether it has a socket now.
    online: bool,
    last_heartbeat_at: Option<Stamp>,
    /// What it reported of itself: connector 0.
    charge_point: Option<ConnectorBody>,
    connectors: Vec<ConnectorBody>,
}

#[derive(Serialize, ToSchema)]
struct ConnectorBody {
    connector_id: i64,
    #[schema(example = "Available")]
    status: String,
    #[schema(example = "NoError")]
    error_code: String,
    info: Option<String>,
    /// The charge point's stamp, or the time of arrival.
    timestamp: Stamp,
}

/// Lists the status of all charge points, page by page.
#[utoipa::path(
    get,
    path = "/api/v1/ocpp16/charge_points/status",
    tag = "OCPP 1.6 commands",
    params(StatusQuery, Paging),
    responses((status = 200, body = Statuses), AccessErrors, QueryErrors),
    security(("apiKey" = []), ("installer" = []))
)]
async fn statuses(
    State(app): State<Arc<App>>,
    AnyReader(owner): AnyReader,
    Params(query): Params<StatusQuery>,
) -> Answer<Statuses> {
    let (page, per_page) = query.paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let status = query.status.as_deref();
    let filter = status.map(|word| wanted(word, || online_list(&app)));
    let filter = filter.transpose()?;
    let slice = slice(page, per_page);
    let (rows, total) = app
        .rest_store
        .statuses(&owner, filter.as_ref(), slice)
        .await?;
    Ok(Json(Statuses {
        charge_points: rows.iter().map(|row| show(&app, row)).collect(),
        total,
        page,
        per_page,
    }))
}

fn show(app: &App, row: &StatusRow) -> ChargePointBody {
    let id = ChargePointId::new(&row.charge_point_id);
    let live = id
        .ok()
        .and_then(|id| app.sessions.last_heartbeat_at_ms(&id));
    let connector = |c: &ConnectorStatus| ConnectorBody {
        connector_id: c.connector_id,
        status: c.status.clone(),
        error_code: c.error_code.clone(),
        info: c.info.clone(),
        timestamp: Stamp(c.reported_at_ms),
    };
    let (whole, connectors): (Vec<_>, Vec<_>) =
        row.connectors.iter().partition(|c| c.connector_id == 0);
    ChargePointBody {
        charge_point_id: row.charge_point_id.clone(),
        online: is_online(app, &row.charge_point_id),
        last_heartbeat_at: live.or(row.last_heartbeat_at_ms).map(Stamp),
        charge_point: whole.first().map(|c| connector(c)),
        connectors: connectors.into_iter().map(connector).collect(),
    }
}

/// What is in use: `Occupied` of the concepts text, CHARGING of OCPI.
const IN_USE: [&str; 5] = [
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
];

/// What `?status=` asks for, in the words of OCPP, of the search, of the concepts text or of OCPI. `online` lists who
/// has a socket, which is not in the database.
fn wanted(word: &str, online: impl FnOnce() -> String) -> Result<StatusFilter, ApiError> {
    if let Some(said) = ChargePointStatus::VARIANTS.iter().find(|v| **v == word) {
        return Ok(StatusFilter {
            statuses: vec![*said],
            ..StatusFilter::default()
        });
    }
    let reserved_too = || [&IN_USE[..], &["Reserved"]].concat();
    let (statuses, offline) = match (word, word.to_ascii_lowercase().as_str()) {
        ("occupied", _) => (reserved_too(), false),
        (_, "available") => (vec!["Available"], false),
        (_, "occupied" | "charging") => (IN_USE.to_vec(), false),
        (_, "reserved") => (vec!["Reserved"], false),
        (_, "inoperative" | "unavailable") => (vec!["Unavailable"], false),
        (_, "outoforder" | "faulted") => (vec!["Faulted"], false),
        (_, "offline") => (vec!["Unavailable", "Faulted"], true),
        (_, "unknown") => (Vec::new(), true),
        _ => {
            let known = ChargePointStatus::VARIANTS.join(", ");
            let reason = format!("available, occupied, offline or one of {known} is wanted");
            return Err(ApiError::field("status", reason));
        }
    };
    Ok(StatusFilter {
        statuses,
        online: Some(online()),
        offline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vocabulary_filters() {
        let asked = |word: &str| {
            let filter = wanted(word, || "[]".to_owned()).ok().unwrap();
            let statuses = filter.statuses.join(" ");
            (statuses, filter.online.is_some(), filter.offline)
        };
        let in_use = "Preparing Charging SuspendedEV SuspendedEVSE Finishing";
        for (word, statuses, needs_socket, offline) in [
            ("Available", "Available", false, false),
            ("Charging", "Charging", false, false),
            ("available", "Available", true, false),
            ("AVAILABLE", "Available", true, false),
            ("occupied", &*format!("{in_use} Reserved"), true, false),
            ("Occupied", in_use, true, false),
            ("CHARGING", in_use, true, false),
            ("OUTOFORDER", "Faulted", true, false),
            ("offline", "Unavailable Faulted", true, true),
            ("unknown", "", true, true),
        ] {
            let expected = (statuses.to_owned(), needs_socket, offline);
            assert_eq!(asked(word), expected, "{word}");
        }
        assert!(wanted("sleepy", String::new).is_err());
    }
}
