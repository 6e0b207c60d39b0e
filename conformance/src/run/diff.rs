//! `diff OLD.json NEW.json`: what changed between two reports.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::verdict::Verdict;

/// Bytes a report may have.
const REPORT_BYTES_MAX: u64 = 1 << 30;

/// Prints what changed, what got worse first. Fails when something did.
///
/// # Errors
/// A file that cannot be read, or is no report.
pub(super) fn print(old: &Path, new: &Path) -> Result<Verdict> {
    let (old, new) = (scenarios_of(old)?, scenarios_of(new)?);
    let changes = changes(&old, &new);
    let mut out = crate::terminal::results();
    for change in &changes {
        writeln!(
            out,
            "{}: {} ({} → {})",
            change.word(),
            named(&change.name, &change.ids),
            change.old,
            change.new
        )?;
        if let Some(reason) = &change.reason {
            writeln!(out, "    {reason}")?;
        }
    }
    let count = |word| {
        changes
            .iter()
            .filter(|change| change.word() == word)
            .count()
    };
    writeln!(
        out,
        "{} worse, {} better, {} new, {} otherwise changed, {} the same",
        count("worse"),
        count("better"),
        count("new"),
        count("changed"),
        new.len()
            .saturating_sub(changes.iter().filter(|change| change.new != GONE).count())
    )?;
    let worse = changes.iter().any(|change| change.word() == "worse");
    Ok(if worse {
        Verdict::Failed
    } else {
        Verdict::Passed
    })
}

/// The status of a scenario that one of the reports does not have.
const GONE: &str = "absent";

/// A name with the ids of known test cases before it.
fn named(name: &str, ids: &[String]) -> String {
    let ids: String = ids.iter().map(|id| format!("{id} ")).collect();
    format!("{ids}{name}")
}

#[derive(Clone, Debug, PartialEq)]
struct Ended {
    /// The ids of known test cases that it carries.
    ids: Vec<String>,
    status: String,
    reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Change {
    name: String,
    ids: Vec<String>,
    old: String,
    new: String,
    reason: Option<String>,
}

impl Change {
    fn word(&self) -> &'static str {
        let (old, new) = (Shows::of(&self.old), Shows::of(&self.new));
        match (old, new) {
            // Whatever it was before.
            (_, Shows::Failure) => "worse",
            (Shows::Good(old), Shows::Good(new)) if new < old => "worse",
            (Shows::Good(old), Shows::Good(new)) if new > old => "better",
            (Shows::Good(_), Shows::Nothing) => "worse",
            // It was not there to be better.
            _ if self.old == GONE => "new",
            (Shows::Failure | Shows::Nothing, Shows::Good(_)) => "better",
            _ => "changed",
        }
    }
}

/// What a status shows of the system under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// It does what the scenario demands; more is better.
    Good(u8),
    Failure,
    /// The scenario was not run, does not apply any more, or is not there.
    Nothing,
}

impl Shows {
    fn of(status: &str) -> Self {
        match status {
            "passed" => Self::Good(2),
            "warned" => Self::Good(1),
            "failed" => Self::Failure,
            _ => Self::Nothing,
        }
    }
}

fn changes(old: &BTreeMap<String, Ended>, new: &BTreeMap<String, Ended>) -> Vec<Change> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let status = |of: &BTreeMap<String, Ended>, name: &String| {
        of.get(name)
            .map_or_else(|| GONE.to_owned(), |ended| ended.status.clone())
    };
    let mut changes: Vec<Change> = names
        .into_iter()
        .map(|name| Change {
            name: name.clone(),
            ids: new
                .get(name)
                .or_else(|| old.get(name))
                .map_or_else(Vec::new, |ended| ended.ids.clone()),
            old: status(old, name),
            new: status(new, name),
            reason: new.get(name).and_then(|ended| ended.reason.clone()),
        })
        .filter(|change| change.old != change.new)
        .collect();
    changes.sort_by_key(|change| match change.word() {
        "worse" => 0,
        "changed" => 1,
        "new" => 2,
        _ => 3,
    });
    changes
}

fn scenarios_of(path: &Path) -> Result<BTreeMap<String, Ended>> {
    let file = path.display();
    let length = std::fs::metadata(path)
        .with_context(|| format!("cannot read the report {file}"))?
        .len();
    anyhow::ensure!(
        length <= REPORT_BYTES_MAX,
        "the report {file} has more than 1 GiB"
    );
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the report {file}"))?;
    let none = || format!("{file} is no report of this command in JSON");
    let report: Value = serde_json::from_str(&text).with_context(none)?;
    let scenarios = report["scenarios"].as_array().with_context(none)?;
    Ok(by_name(scenarios))
}

/// Rows of an outline can have the same name: each has its number.
fn by_name(scenarios: &[Value]) -> BTreeMap<String, Ended> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = BTreeMap::new();
    for scenario in scenarios {
        let name = format!(
            "{}: {}",
            text(&scenario["feature"]),
            text(&scenario["name"])
        );
        let tags = scenario["tags"].as_array().into_iter().flatten();
        let ids = tags.filter_map(Value::as_str);
        let ended = Ended {
            ids: ids
                .filter(|tag| tag.starts_with("TC_"))
                .map(str::to_owned)
                .collect(),
            status: text(&scenario["status"]),
            reason: scenario["reason"].as_str().map(str::to_owned),
        };
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        if let Some(free) = names.find(|name| !all.contains_key(name)) {
            all.insert(free, ended);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[(&str, &str)]) -> BTreeMap<String, Ended> {
        let ended = |status: &str| Ended {
            ids: Vec::new(),
            status: status.into(),
            reason: None,
        };
        rows.iter()
            .map(|(name, status)| ((*name).to_owned(), ended(status)))
            .collect()
    }

    #[test]
    fn what_got_worse_comes_first_and_what_shows_nothing_any_more_is_worse() {
        let rows = [
            ("a", "passed", "warned", "worse"),
            ("b", "failed", "passed", "better"),
            ("c", "passed", "", "worse"),
            ("d", "passed", "passed", ""),
            ("e", "", "failed", "worse"),
            ("f", "passed", "not_applicable", "worse"),
            ("g", "", "passed", "new"),
            ("h", "", "not_run", "new"),
            ("i", "not_applicable", "not_run", "changed"),
            ("j", "failed", "not_applicable", "changed"),
            ("k", "not_run", "passed", "better"),
            ("l", "warned", "not_run", "worse"),
            ("m", "not_applicable", "failed", "worse"),
        ];
        let side = |status: fn(&(&str, &'static str, &'static str, &str)) -> &'static str| {
            let all = rows.iter().map(|row| (row.0, status(row)));
            report(
                &all.filter(|(_, status)| !status.is_empty())
                    .collect::<Vec<_>>(),
            )
        };
        let changes = changes(&side(|row| row.1), &side(|row| row.2));
        for (name, _, _, word) in rows {
            let change = changes.iter().find(|change| change.name == name);
            assert_eq!(change.map_or("", Change::word), word, "{name}");
        }
        let worse = changes.iter().take_while(|change| change.word() == "worse");
        assert_eq!(worse.count(), 6);
    }

    #[test]
    fn a_change_has_the_ids_of_its_test_cases_also_where_it_is_gone() {
        let tagged = |status: &str| serde_json::json!({"feature": "F", "name": "S", "status": status, "tags": ["core", "TC_001_CS"]});
        let (old, new) = (by_name(&[tagged("passed")]), by_name(&[tagged("failed")]));
        for now in [new, by_name(&[])] {
            let change = &changes(&old, &now)[0];
            assert_eq!(named(&change.name, &change.ids), "TC_001_CS F: S");
        }
    }

    #[test]
    fn a_row_of_an_outline_does_not_hide_another_one_of_its_name() {
        let row = |status: &str| serde_json::json!({"feature": "F", "name": "S", "status": status});
        let all = by_name(&[row("failed"), row("passed")]);
        let statuses: Vec<&str> = all.values().map(|ended| ended.status.as_str()).collect();
        assert_eq!(statuses, ["failed", "passed"]);
    }
}
