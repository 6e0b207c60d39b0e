//! Failures by their cause: what fails for the same reason is one finding, however many scenarios show it.

use std::collections::BTreeMap;

use super::{ScenarioReport, Status};
use crate::rules::Weight;

/// A cause and the scenarios that failed for it, by their places in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// What they have in common: a rule's id and how it was not kept, or the words of the failure. Values in which they
    /// differ are left out.
    pub(crate) name: String,
    /// They differ in values: each has more to say than the name.
    pub(crate) differs: bool,
    pub(crate) scenarios: Vec<usize>,
}

/// The causes of all failures, the one with most scenarios first.
pub(crate) fn causes(scenarios: &[ScenarioReport]) -> Vec<Cause> {
    let mut causes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        if scenario.status == Status::Failed {
            causes.entry(cause_of(scenario)).or_default().push(index);
        }
    }
    let mut causes: Vec<Cause> = causes
        .into_iter()
        .map(|(masked, of_cause)| {
            let said = what_failed(&scenarios[of_cause[0]]);
            let mut others = of_cause[1..].iter().map(|index| &scenarios[*index]);
            let differs = others.any(|other| what_failed(other) != said);
            Cause {
                name: if differs { masked } else { said },
                differs,
                scenarios: of_cause,
            }
        })
        .collect();
    causes.sort_by_key(|cause| (usize::MAX - cause.scenarios.len(), cause.scenarios[0]));
    causes
}

/// What made it fail, without the values in which other scenarios differ.
pub(crate) fn cause_of(scenario: &ScenarioReport) -> String {
    without_values(&what_failed(scenario))
}

/// What made it fail: the rule that weighs most, and in what way it was not kept, or else the step.
pub(crate) fn what_failed(scenario: &ScenarioReport) -> String {
    let step = scenario
        .steps
        .iter()
        .find(|step| step.status == Status::Failed && !step.text.starts_with('('));
    let mut breaches = scenario.breaches.iter();
    let must = breaches.find(|breach| breach.weight == Weight::Must);
    // A recommendation fails only what nothing else fails.
    let breach = must.or_else(|| scenario.breaches.first().filter(|_| step.is_none()));
    if let Some(breach) = breach {
        return format!("{}: {}", breach.rule, breach.text);
    }
    let reason = scenario.reason.as_deref().unwrap_or("no reason");
    let words = step.and_then(|step| step.error.as_deref());
    words.unwrap_or(reason).to_owned()
}

/// The words of a failure, with `…` for the JSON, the numbers and the quoted texts in it. Sections of the standard, in
/// brackets, are kept.
fn without_values(text: &str) -> String {
    let (mut words, mut depth, mut quoted, mut bracket) = (String::new(), 0_usize, false, false);
    let hole = |words: &mut String| {
        if !words.ends_with('…') {
            words.push('…');
        }
    };
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                hole(&mut words);
            }
            _ if quoted => {}
            '{' => {
                depth += 1;
                hole(&mut words);
            }
            '}' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '[' | ']' => {
                bracket = letter == '[';
                words.push(letter);
            }
            // Of a number, an address or a time; a name such as `ocpp16` or `RFC 3339` has its digits.
            digit
                if digit.is_ascii_digit()
                    && !bracket
                    && !before.is_alphanumeric()
                    && !words.ends_with("RFC ") =>
            {
                if words.ends_with("….") || words.ends_with("…:") {
                    words.pop();
                }
                hole(&mut words);
                continue;
            }
            letter => words.push(letter),
        }
        before = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;
    use crate::report::{BreachReport, StepReport};

    fn breach(rule: &'static str, weight: Weight, text: &str) -> BreachReport {
        BreachReport {
            rule,
            weight,
            text: text.into(),
        }
    }

    fn failed(reason: &str, breaches: Vec<BreachReport>) -> ScenarioReport {
        let mut scenario = scenario(&["csms"], Status::Failed, &[]);
        scenario.reason = Some(reason.into());
        scenario.breaches = breaches;
        scenario
    }

    #[test]
    fn what_fails_for_the_same_reason_is_one_finding() {
        let hung_up = |after: &str| {
            let text = format!("the CSMS ended the connection after {after} [1.6J §5]");
            failed(&text, vec![breach("no-hang-up", Weight::Must, &text)])
        };
        let all = [
            failed(r#"it sent Reset {"type":"Soft"} after 3 s"#, Vec::new()),
            hung_up(r#"the answer {"a":1}"#),
            scenario(&["csms"], Status::Passed, &[]),
            failed(r#"it sent Reset {"type":"Hard"} after 12.5 s"#, Vec::new()),
            hung_up(r#"the answer {"a":2}"#),
            hung_up("Heartbeat"),
        ];
        let found: Vec<(String, Vec<usize>)> = causes(&all)
            .into_iter()
            .map(|cause| (cause.name, cause.scenarios))
            .collect();
        let wanted = [
            ("it sent Reset … after … s", vec![0, 3]),
            (
                "no-hang-up: the CSMS ended the connection after the answer … [1.6J §5]",
                vec![1, 4],
            ),
            (
                "no-hang-up: the CSMS ended the connection after Heartbeat [1.6J §5]",
                vec![5],
            ),
        ];
        assert_eq!(
            found,
            wanted.map(|(name, scenarios)| (name.to_owned(), scenarios))
        );
    }

    #[test]
    fn values_are_left_out_only_where_scenarios_differ_in_them() {
        let said = |text: &str| failed(text, Vec::new());
        let of = |all: &[ScenarioReport]| {
            let found = causes(all);
            assert_eq!(found.len(), 1);
            (found[0].name.clone(), found[0].differs)
        };
        let refused = said("it refused with HTTP 503");
        let whole = ("it refused with HTTP 503".to_owned(), false);
        assert_eq!(of(std::slice::from_ref(&refused)), whole);
        assert_eq!(of(&[refused.clone(), refused.clone()]), whole);
        let other = said("it refused with HTTP 502");
        assert_eq!(
            of(&[refused, other]),
            ("it refused with HTTP …".to_owned(), true)
        );
    }

    #[test]
    fn the_cause_is_what_made_it_fail_and_not_a_recommendation_beside_it() {
        let late = || breach("ocpp16-no-late-status", Weight::Should, "it is late");
        let mut by_step = failed("Then x: it answered Rejected", vec![late()]);
        let step = |text: &str, error: &str| StepReport {
            text: text.into(),
            status: Status::Failed,
            error: Some(error.into()),
            started_ms: 0,
            ended_ms: 0,
            started_us: 0,
            line: 0,
        };
        by_step.steps.push(step("Then x", "it answered Rejected"));
        assert_eq!(cause_of(&by_step), "it answered Rejected");
        let must = breach("no-hang-up", Weight::Must, "it hung up");
        by_step.breaches.push(must);
        assert_eq!(cause_of(&by_step), "no-hang-up: it hung up");
        // With --strict a recommendation is enough.
        let mut strict = failed("it is late", vec![late()]);
        strict.steps.push(step(
            "(in every scenario) ocpp16-no-late-status",
            "it is late",
        ));
        assert_eq!(cause_of(&strict), "ocpp16-no-late-status: it is late");
    }

    #[test]
    fn a_cause_has_no_values_but_names_and_sections() {
        assert_eq!(
            without_values("at http://127.0.0.1:80/x it said 1.5 of ocpp16, RFC 3339 [1.6 §4.2]"),
            "at http://…/x it said … of ocpp16, RFC 3339 [1.6 §4.2]"
        );
    }
}
