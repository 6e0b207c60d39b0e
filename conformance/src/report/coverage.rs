//! What a run has exercised: messages, answers of the REST API, ids of known test cases.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::ScenarioReport;
use super::rest_coverage::ApiCoverage;
use crate::case::catalogue;
use crate::case::side::Side;
use crate::wire::entry::Message;
use crate::wire::http::HttpExchange;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Coverage {
    pub(crate) http: Vec<HttpCoverage>,
    /// The OpenAPI document held against that, in a run with the REST API under test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api: Option<ApiCoverage>,
    pub(crate) ocpp: Vec<OcppCoverage>,
    pub(crate) catalogue: CatalogueCoverage,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct HttpCoverage {
    pub(crate) method: String,
    /// With its parameters in braces, where the document knows the path.
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) scenarios: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OcppCoverage {
    action: String,
    direction: &'static str,
    outcome: String,
    scenarios: usize,
}

/// Ids of the sides that were put to the test; those of a side that was not do not count.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct CatalogueCoverage {
    pub(super) covered: Vec<&'static str>,
    pub(super) missing: Vec<&'static str>,
    sides: Vec<SideCoverage>,
}

/// The ids of one side.
#[derive(Clone, Debug, Serialize)]
struct SideCoverage {
    #[serde(serialize_with = "tag_of")]
    side: Side,
    covered: usize,
    all: usize,
}

fn tag_of<S: serde::Serializer>(side: &Side, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(side.tag())
}

impl Coverage {
    /// What the scenarios exercised: from the recorded frames, from the driver's exchanges, and from the tags of
    /// those that passed.
    pub(crate) fn of(scenarios: &[ScenarioReport], exchanges: &[HttpExchange]) -> Self {
        Self {
            http: http_coverage(exchanges),
            api: None,
            ocpp: ocpp_coverage(scenarios),
            catalogue: catalogue_coverage(scenarios),
        }
    }
}

fn http_coverage(exchanges: &[HttpExchange]) -> Vec<HttpCoverage> {
    let mut seen: BTreeMap<(&str, &str, u16), BTreeSet<&str>> = BTreeMap::new();
    for exchange in exchanges {
        seen.entry((&exchange.method, &exchange.path, exchange.status))
            .or_default()
            .insert(&exchange.scenario);
    }
    seen.into_iter()
        .map(|((method, path, status), scenarios)| HttpCoverage {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
            scenarios: scenarios.len(),
        })
        .collect()
}

fn ocpp_coverage(scenarios: &[ScenarioReport]) -> Vec<OcppCoverage> {
    let mut seen: BTreeMap<(String, &'static str, String), usize> = BTreeMap::new();
    for scenario in scenarios {
        let messages: Vec<(&'static str, Message)> = scenario
            .frames
            .iter()
            .filter(|frame| frame.http.is_none())
            .map(|frame| (frame.direction, Message::read(&frame.raw)))
            .collect();
        let mut here = BTreeSet::new();
        for (direction, message) in &messages {
            let Message::Call { id, action, .. } = message else {
                continue;
            };
            let outcome = messages
                .iter()
                .filter(|(other, _)| other != direction)
                .find_map(|(_, answer)| match answer {
                    Message::Result { id: other, payload } if other == id => {
                        Some(outcome_of(payload))
                    }
                    Message::Error {
                        id: other, code, ..
                    } if other == id => Some(code.clone()),
                    _ => None,
                });
            here.insert((
                action.clone(),
                *direction,
                outcome.unwrap_or_else(|| "no answer".into()),
            ));
        }
        for key in here {
            *seen.entry(key).or_default() += 1;
        }
    }
    seen.into_iter()
        .map(|((action, direction, outcome), scenarios)| OcppCoverage {
            action,
            direction,
            outcome,
            scenarios,
        })
        .collect()
}

fn outcome_of(payload: &Value) -> String {
    let status = payload
        .get("status")
        .or_else(|| payload.pointer("/idTagInfo/status"));
    status
        .and_then(Value::as_str)
        .unwrap_or("answered")
        .to_owned()
}

/// An id is covered when every scenario that carries it passed. A side is under test when it has a scenario.
fn catalogue_coverage(scenarios: &[ScenarioReport]) -> CatalogueCoverage {
    let mut coverage = CatalogueCoverage::default();
    for side in [Side::Csms, Side::ChargePoint, Side::Cpo] {
        if !scenarios.iter().any(|scenario| scenario.tests(side)) {
            continue;
        }
        let all = catalogue::ids_of(side);
        let (covered, missing): (Vec<&str>, Vec<&str>) = all.iter().partition(|id| {
            let mut with = scenarios
                .iter()
                .filter(|scenario| scenario.has_tag(id))
                .peekable();
            with.peek().is_some() && with.all(|scenario| scenario.status.is_good())
        });
        coverage.sides.push(SideCoverage {
            side,
            covered: covered.len(),
            all: all.len(),
        });
        coverage.covered.extend(covered);
        coverage.missing.extend(missing);
    }
    coverage
}

impl CatalogueCoverage {
    /// For the last line of a run: `test case ids: CSMS 36 of 36, charge point 53 of 53`.
    pub(crate) fn sentence(&self) -> String {
        let sides: Vec<String> = self
            .sides
            .iter()
            .map(|side| format!("{} {} of {}", side.side.name(), side.covered, side.all))
            .collect();
        if sides.is_empty() {
            return "no test case ids".into();
        }
        format!("test case ids: {}", sides.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;
    use crate::report::{Status, Summary};

    #[test]
    fn coverage_counts_what_passed_and_what_was_on_the_wire() {
        let frames = [
            ("to_sut", r#"[2,"1","Reset",{"type":"Soft"}]"#),
            ("from_sut", r#"[3,"1",{"status":"Accepted"}]"#),
        ];
        let scenarios = [
            scenario(&["charge-point", "TC_001_CS"], Status::Passed, &frames),
            scenario(&["charge-point", "TC_002_CS"], Status::Failed, &frames),
        ];
        let coverage = Coverage::of(&scenarios, &[]);
        assert_eq!(coverage.catalogue.covered, ["TC_001_CS"]);
        assert!(coverage.catalogue.missing.contains(&"TC_002_CS"));
        assert_eq!(coverage.ocpp.len(), 1);
        assert_eq!(
            (
                coverage.ocpp[0].outcome.as_str(),
                coverage.ocpp[0].scenarios
            ),
            ("Accepted", 2)
        );
        assert_eq!(Summary::of(&scenarios).failed, 1);
    }

    #[test]
    fn only_the_ids_of_the_sides_under_test_count_and_each_side_is_named() {
        let of = |scenarios: &[ScenarioReport]| Coverage::of(scenarios, &[]).catalogue;
        let ids = |side: Side| {
            let mut tags = vec![side.tag()];
            tags.extend(catalogue::ids_of(side));
            scenario(&tags, Status::Passed, &[])
        };
        let (csms, charger) = (ids(Side::Csms), ids(Side::ChargePoint));
        let alone = of(std::slice::from_ref(&csms));
        assert_eq!(alone.sentence(), "test case ids: CSMS 36 of 36");
        assert_eq!((alone.covered.len(), alone.missing.len()), (36, 0));
        let alone = of(std::slice::from_ref(&charger));
        assert_eq!(alone.sentence(), "test case ids: charge point 53 of 53");
        let both = of(&[csms, charger]);
        assert_eq!(
            both.sentence(),
            "test case ids: CSMS 36 of 36, charge point 53 of 53"
        );
        let json = serde_json::to_value(&both).unwrap();
        assert_eq!(
            json["sides"][0],
            serde_json::json!({"side": "csms", "covered": 36, "all": 36})
        );
        let failed = scenario(&["csms", "TC_001_CSMS"], Status::NotRun, &[]);
        assert_eq!(of(&[failed]).sentence(), "test case ids: CSMS 0 of 36");
    }
}
