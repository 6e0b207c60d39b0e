//! `GET /api/v1/ocpp16/charge_points/status`: what all charge points of the organization reported last.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use dynamo_protocol::ChargePointId;
use dynamo_protocol::v16::ChargePointStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Reader;
use super::error::{Answer, ApiError, Paging, Params};
use crate::App;
use crate::clock::rfc3339;
use crate::store::{ConnectorStatus, StatusRow};

const PER_PAGE: i64 = 50;
const PER_PAGE_MAX: i64 = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/api/v1/ocpp16/charge_points/status", get(statuses))
}

#[derive(Deserialize)]
struct StatusQuery {
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

async fn statuses(
    State(app): State<Arc<App>>,
    Reader(organization): Reader,
    Params(query): Params<StatusQuery>,
) -> Answer {
    let (page, per_page) = query.paging.resolve(PER_PAGE, PER_PAGE_MAX)?;
    let wanted = query.status.as_deref().map(Wanted::parse).transpose()?;
    let rows: Vec<(StatusRow, bool)> = app
        .store
        .statuses(&organization)
        .await?
        .into_iter()
        .map(|row| {
            let online = is_online(&app, &row.charge_point_id);
            (row, online)
        })
        .filter(|(row, online)| wanted.as_ref().is_none_or(|w| w.matches(row, *online)))
        .collect();
    let skip = usize::try_from((page - 1) * per_page).unwrap_or(usize::MAX);
    let take = usize::try_from(per_page).unwrap_or(0);
    let shown: Vec<Value> = rows
        .iter()
        .skip(skip)
        .take(take)
        .map(|(row, online)| show(&app, row, *online))
        .collect();
    Ok(Json(json!({
        "charge_points": shown,
        "total": rows.len(),
        "page": page,
        "per_page": per_page,
    })))
}

fn is_online(app: &App, id: &str) -> bool {
    ChargePointId::new(id).is_ok_and(|id| app.sessions.is_online(&id))
}

fn show(app: &App, row: &StatusRow, online: bool) -> Value {
    let id = ChargePointId::new(&row.charge_point_id);
    let live = id
        .ok()
        .and_then(|id| app.sessions.last_heartbeat_at_ms(&id));
    let connector = |c: &ConnectorStatus| {
        json!({
            "connector_id": c.connector_id,
            "status": c.status,
            "error_code": c.error_code,
            "info": c.info,
            "timestamp": rfc3339(c.reported_at_ms),
        })
    };
    let (whole, connectors): (Vec<_>, Vec<_>) =
        row.connectors.iter().partition(|c| c.connector_id == 0);
    json!({
        "charge_point_id": row.charge_point_id,
        "online": online,
        "last_heartbeat_at": live.or(row.last_heartbeat_at_ms).map(rfc3339),
        "charge_point": whole.first().map(|c| connector(c)),
        "connectors": connectors.into_iter().map(connector).collect::<Vec<_>>(),
    })
}

/// What `?status=` asks for, in the words of OCPP, of the concepts text, of the search, or of OCPI.
struct Wanted {
    statuses: Vec<&'static str>,
    offline: bool,
}

impl Wanted {
    fn parse(word: &str) -> Result<Self, ApiError> {
        const OCCUPIED: [&str; 5] = [
            "Preparing",
            "Charging",
            "SuspendedEV",
            "SuspendedEVSE",
            "Finishing",
        ];
        let exact = ChargePointStatus::VARIANTS.iter().find(|v| **v == word);
        let (statuses, offline) = match (exact, word.to_ascii_lowercase().as_str()) {
            (Some(status), _) => (vec![*status], false),
            (_, "available") => (vec!["Available"], false),
            (_, "occupied") => ([&OCCUPIED[..], &["Reserved"]].concat(), false),
            (_, "charging") => (OCCUPIED.to_vec(), false),
            (_, "reserved") => (vec!["Reserved"], false),
            (_, "inoperative" | "unavailable") => (vec!["Unavailable"], false),
            (_, "outoforder" | "faulted") => (vec!["Faulted"], false),
            (_, "offline") => (vec!["Unavailable", "Faulted"], true),
            (_, "unknown") => (Vec::new(), true),
            _ => {
                let known = ChargePointStatus::VARIANTS.join(", ");
                return Err(ApiError::field(
                    "status",
                    format!("one of {known} is wanted"),
                ));
            }
        };
        Ok(Self { statuses, offline })
    }

    fn matches(&self, row: &StatusRow, online: bool) -> bool {
        (self.offline && !online)
            || row
                .connectors
                .iter()
                .any(|c| self.statuses.contains(&c.status.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: &str) -> StatusRow {
        StatusRow {
            charge_point_id: "CP".into(),
            last_heartbeat_at_ms: None,
            connectors: vec![ConnectorStatus {
                connector_id: 1,
                status: status.into(),
                error_code: "NoError".into(),
                info: None,
                reported_at_ms: 0,
            }],
        }
    }

    fn matches(word: &str, status: &str, online: bool) -> bool {
        Wanted::parse(word)
            .ok()
            .unwrap()
            .matches(&row(status), online)
    }

    #[test]
    fn every_vocabulary_filters() {
        assert!(matches("Charging", "Charging", true));
        assert!(!matches("Charging", "Finishing", true));
        assert!(matches("CHARGING", "Finishing", true));
        assert!(matches("occupied", "Reserved", true));
        assert!(matches("offline", "Available", false));
        assert!(!matches("offline", "Available", true));
        assert!(matches("OUTOFORDER", "Faulted", true));
        assert!(Wanted::parse("sleepy").is_err());
    }
}
