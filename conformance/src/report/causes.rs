//! Failures by their cause: what fails for the same reason is one finding, however many scenarios show it.

use std::collections::BTreeMap;

use super::{ScenarioReport, Status};

/// A cause and the scenarios that failed for it, by their places in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// What they have in common: a rule's id, or the words of the failure without its values.
    pub(crate) name: String,
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
        .map(|(name, scenarios)| Cause { name, scenarios })
        .collect();
    causes.sort_by_key(|cause| (usize::MAX - cause.scenarios.len(), cause.scenarios[0]));
    causes
}

fn cause_of(scenario: &ScenarioReport) -> String {
    if let Some(rule) = scenario.rules.first() {
        return format!("the rule {rule} is not kept");
    }
    let reason = scenario.reason.as_deref().unwrap_or("no reason");
    let failed = scenario
        .steps
        .iter()
        .find(|step| step.status == Status::Failed);
    let words = failed
        .and_then(|step| step.error.as_deref())
        .unwrap_or(reason);
    without_values(words)
}

/// The words of a failure, with `…` for the JSON, the numbers and the quoted texts in it.
fn without_values(text: &str) -> String {
    let (mut words, mut depth, mut quoted) = (String::new(), 0_usize, false);
    let hole = |words: &mut String| {
        if !words.ends_with('…') {
            words.push('…');
        }
    };
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
            digit if digit.is_ascii_digit() => hole(&mut words),
            letter => words.push(letter),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;

    #[test]
    fn what_fails_for_the_same_reason_is_one_finding() {
        let failed = |reason: &str, rules: &[&'static str]| {
            let mut scenario = scenario(&["csms"], Status::Failed, &[]);
            scenario.reason = Some(reason.into());
            scenario.rules = rules.to_vec();
            scenario
        };
        let all = [
            failed(r#"it sent Reset {"type":"Soft"} after 3 s"#, &[]),
            failed("the line is down", &["no-hang-up"]),
            scenario(&["csms"], Status::Passed, &[]),
            failed(r#"it sent Reset {"type":"Hard"} after 12 s"#, &[]),
        ];
        let found: Vec<(String, Vec<usize>)> = causes(&all)
            .into_iter()
            .map(|cause| (cause.name, cause.scenarios))
            .collect();
        assert_eq!(
            found,
            [
                ("it sent Reset … after … s".to_owned(), vec![0, 3]),
                ("the rule no-hang-up is not kept".to_owned(), vec![1])
            ]
        );
    }
}
