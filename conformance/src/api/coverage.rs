//! What of the OpenAPI document the recorded traffic has exercised.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ApiUnderTest;
use crate::report::HttpExchange;

/// The document held against the traffic.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ApiCoverage {
    /// Operations that the document describes.
    pub(crate) operations: usize,
    /// Method, path and status: how many the document has, and how many of them came.
    pub(crate) documented: usize,
    pub(crate) exercised: usize,
    pub(crate) missing: Vec<Missing>,
    pub(crate) isolation: Isolation,
}

/// An answer that the document describes and nobody got.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Missing {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// Routes with an id in their path, and how many of them strangers were kept out of.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Isolation {
    pub(crate) routes: usize,
    pub(crate) isolated: usize,
    /// Method and path of those that let a stranger in, or were not tried.
    pub(crate) open: Vec<String>,
}

impl ApiCoverage {
    /// Holds the document against the traffic.
    pub(crate) fn of(api: &ApiUnderTest, exchanges: &[HttpExchange]) -> Self {
        let came: BTreeSet<(&str, &str, u16)> = exchanges
            .iter()
            .map(|exchange| {
                (
                    exchange.method.as_str(),
                    exchange.path.as_str(),
                    exchange.status,
                )
            })
            .collect();
        let (exercised, missing): (Vec<_>, Vec<_>) = api
            .document
            .answers()
            .partition(|answer| came.contains(answer));
        let tried = api.isolation();
        let with_id: Vec<(String, String)> = api
            .document
            .operations
            .iter()
            .filter(|operation| !operation.path_parameters().is_empty())
            .map(|operation| (operation.method.clone(), operation.template.clone()))
            .collect();
        let (isolated, open): (Vec<_>, Vec<_>) = with_id
            .iter()
            .partition(|route| tried.get(*route).copied().unwrap_or(false));
        Self {
            operations: api.document.operations.len(),
            documented: exercised.len() + missing.len(),
            exercised: exercised.len(),
            missing: missing
                .into_iter()
                .map(|(method, path, status)| Missing {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    status,
                })
                .collect(),
            isolation: Isolation {
                routes: with_id.len(),
                isolated: isolated.len(),
                open: open
                    .into_iter()
                    .map(|(method, path)| format!("{method} {path}"))
                    .collect(),
            },
        }
    }

    /// For the last line of a run.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "REST API: {} of {} documented answers of {} operations, {} of {} routes with an id isolated",
            self.exercised,
            self.documented,
            self.operations,
            self.isolation.isolated,
            self.isolation.routes
        )
    }
}
