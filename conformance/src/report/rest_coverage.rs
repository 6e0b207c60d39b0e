//! What of the OpenAPI document the recorded traffic has exercised.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::report::ScenarioReport;
use crate::role::rest::under_test::ApiUnderTest;
use crate::rules::rest::document::{Described, Document};
use crate::rules::rest::required;
use crate::wire::http::HttpExchange;

/// The document held against the traffic.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ApiCoverage {
    /// Operations that the document describes.
    pub(crate) operations: usize,
    /// Method, path, status and code: how many the document has, and how many of them came.
    pub(crate) documented: usize,
    pub(crate) exercised: usize,
    pub(crate) missing: Vec<Described>,
    /// What the document has to describe and does not.
    pub(crate) lacking: Vec<String>,
    pub(crate) isolation: Isolation,
}

/// Routes with an id in their path that want credentials, and how many of them strangers were kept out of without
/// changing anything.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Isolation {
    pub(crate) routes: usize,
    pub(crate) isolated: usize,
    /// Method and path of those that let a stranger in or change something, or were not tried.
    pub(crate) open: Vec<String>,
}

impl Isolation {
    /// Holds the document against what was tried: method and path, and whether strangers were kept out.
    fn of(document: &Document, tried: &BTreeMap<(String, String), bool>) -> Self {
        let routes = document.operations.iter();
        let routes = routes
            .filter(|operation| !operation.is_public() && !operation.path_parameters().is_empty())
            .map(|operation| (operation.method.clone(), operation.template.clone()));
        let (isolated, open): (Vec<_>, Vec<_>) =
            routes.partition(|route| tried.get(route).copied().unwrap_or(false));
        let open = open.iter().map(|(method, path)| format!("{method} {path}"));
        Self {
            routes: isolated.len() + open.len(),
            isolated: isolated.len(),
            open: open.collect(),
        }
    }
}

impl ApiCoverage {
    /// Holds the document against the traffic of scenarios that passed.
    pub(crate) fn of(api: &ApiUnderTest, exchanges: &[HttpExchange]) -> Self {
        let (exercised, missing): (Vec<_>, Vec<_>) = api
            .document
            .answers()
            .into_iter()
            .partition(|answer| exchanges.iter().any(|exchange| came(answer, exchange)));
        Self {
            operations: api.document.operations.len(),
            documented: exercised.len() + missing.len(),
            exercised: exercised.len(),
            missing,
            lacking: required::lacking(&api.document),
            isolation: Isolation::of(&api.document, &api.isolation()),
        }
    }

    /// What keeps a run of everything from passing, a line for each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let missing = self
            .missing
            .iter()
            .map(|answer| format!("nobody got {answer}"));
        let lacking = self.lacking.iter();
        let lacking = lacking.map(|what| format!("the OpenAPI document lacks {what}"));
        let open = self.isolation.open.iter();
        let open = open.map(|route| format!("not shown to be isolated: {route}"));
        missing.chain(lacking).chain(open).collect()
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

/// Whether this is that answer.
fn came(answer: &Described, exchange: &HttpExchange) -> bool {
    exchange.status == answer.status
        && exchange.method == answer.method
        && exchange.path == answer.path
        && (answer.code.is_none() || answer.code == exchange.code)
}

/// The exchanges of scenarios that passed: what was said where something went wrong shows nothing. The driver knows
/// the rows of an outline by their common name only, so all of them have to have passed.
pub(crate) fn of_passed(
    scenarios: &[ScenarioReport],
    of_driver: Vec<HttpExchange>,
) -> Vec<HttpExchange> {
    let (passed, others): (Vec<_>, Vec<_>) = scenarios
        .iter()
        .partition(|scenario| scenario.status.is_good());
    let others: HashSet<&str> = others.iter().map(|other| other.name.as_str()).collect();
    let of_driver = of_driver
        .into_iter()
        .filter(|exchange| !others.contains(exchange.scenario.as_str()));
    let of_api = passed.into_iter().flat_map(|passed| &passed.exchanges);
    of_driver.chain(of_api.cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;
    use serde_json::json;

    #[test]
    fn a_route_that_was_not_tried_is_open_and_one_that_everybody_may_call_has_no_strangers() {
        let closed = || json!({"security": [{"apiKey": []}], "responses": {}});
        let document = Document::read(json!({"openapi": "3.1.0", "paths": {
            "/things": {"get": closed()},
            "/things/{id}": {"get": closed(), "put": closed(), "delete": closed()},
            "/pictures/{id}": {"get": {"responses": {}}}}}));
        let route = |method: &str| (method.to_owned(), "/things/{id}".to_owned());
        let tried = BTreeMap::from([(route("GET"), true), (route("PUT"), false)]);
        let isolation = Isolation::of(&document.unwrap(), &tried);
        assert_eq!((isolation.isolated, isolation.routes), (1, 3));
        assert_eq!(isolation.open, ["PUT /things/{id}", "DELETE /things/{id}"]);
    }

    fn exchange(scenario: &str, status: u16) -> HttpExchange {
        HttpExchange {
            method: "GET".into(),
            path: "/things/{id}".into(),
            status,
            code: None,
            scenario: scenario.into(),
        }
    }

    #[test]
    fn an_error_came_when_its_code_came() {
        let described = |code: Option<&str>| Described {
            method: "GET".into(),
            path: "/things/{id}".into(),
            status: 409,
            code: code.map(str::to_owned),
        };
        let with_code = HttpExchange {
            code: Some("in_use".into()),
            ..exchange("s", 409)
        };
        assert!(came(&described(Some("in_use")), &with_code));
        assert!(!came(&described(Some("already_exists")), &with_code));
        assert!(!came(&described(Some("in_use")), &exchange("s", 409)));
        assert!(came(&described(None), &with_code));
        let coverage = ApiCoverage {
            missing: vec![described(Some("in_use"))],
            isolation: Isolation {
                open: vec!["PUT /things/{id}".into()],
                ..Isolation::default()
            },
            ..ApiCoverage::default()
        };
        assert_eq!(
            coverage.gaps(),
            [
                "nobody got GET /things/{id} 409 in_use",
                "not shown to be isolated: PUT /things/{id}"
            ]
        );
    }

    fn scenario(name: &str, status: Status, exchanges: &[u16]) -> ScenarioReport {
        ScenarioReport {
            name: name.into(),
            exchanges: exchanges
                .iter()
                .map(|status| exchange(name, *status))
                .collect(),
            ..crate::report::tests::scenario(&["@api"], status, &[])
        }
    }

    #[test]
    fn what_came_in_scenarios_that_did_not_pass_is_not_counted() {
        let scenarios = [
            scenario("good", Status::Passed, &[200, 404]),
            scenario("bad", Status::Failed, &[403]),
            scenario("rows", Status::Passed, &[401]),
            scenario("rows", Status::NotRun, &[400]),
        ];
        let of_driver = ["good", "bad", "rows"].map(|name| exchange(name, 408));
        let counted = of_passed(&scenarios, of_driver.to_vec());
        let counted: Vec<(&str, u16)> = counted
            .iter()
            .map(|exchange| (exchange.scenario.as_str(), exchange.status))
            .collect();
        assert_eq!(
            counted,
            [("good", 408), ("good", 200), ("good", 404), ("rows", 401)]
        );
    }
}
