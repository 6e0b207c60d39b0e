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
    let mut out = std::io::stdout().lock();
    for change in &changes {
        writeln!(
            out,
            "{}: {} ({} → {})",
            change.word(),
            change.name,
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
        "{} worse, {} better, {} otherwise changed, {} the same",
        count("worse"),
        count("better"),
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

#[derive(Clone, Debug, PartialEq)]
struct Ended {
    status: String,
    reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Change {
    name: String,
    old: String,
    new: String,
    reason: Option<String>,
}

impl Change {
    fn word(&self) -> &'static str {
        match (rank(&self.old), rank(&self.new)) {
            (Some(old), Some(new)) if new < old => "worse",
            (Some(old), Some(new)) if new > old => "better",
            _ => "changed",
        }
    }
}

/// How good a status is. A scenario that is gone shows nothing any more; one that is new was not there to be better.
fn rank(status: &str) -> Option<u8> {
    match status {
        "passed" => Some(4),
        "warned" => Some(3),
        "not_run" => Some(1),
        "failed" => Some(0),
        GONE => Some(2),
        _ => None,
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
            old: status(old, name),
            new: status(new, name),
            reason: new.get(name).and_then(|ended| ended.reason.clone()),
        })
        .filter(|change| change.old != change.new)
        .collect();
    changes.sort_by_key(|change| match change.word() {
        "worse" => 0,
        "changed" => 1,
        _ => 2,
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
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(scenarios
        .iter()
        .map(|scenario| {
            let name = format!(
                "{}: {}",
                text(&scenario["feature"]),
                text(&scenario["name"])
            );
            let ended = Ended {
                status: text(&scenario["status"]),
                reason: scenario["reason"].as_str().map(str::to_owned),
            };
            (name, ended)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[(&str, &str)]) -> BTreeMap<String, Ended> {
        let ended = |status: &str| Ended {
            status: status.into(),
            reason: None,
        };
        rows.iter()
            .map(|(name, status)| ((*name).to_owned(), ended(status)))
            .collect()
    }

    #[test]
    fn what_got_worse_comes_first_and_what_is_gone_counts() {
        let old = report(&[
            ("a", "passed"),
            ("b", "failed"),
            ("c", "passed"),
            ("d", "passed"),
        ]);
        let new = report(&[
            ("a", "warned"),
            ("b", "passed"),
            ("d", "passed"),
            ("e", "failed"),
        ]);
        let words: Vec<(String, &str)> = changes(&old, &new)
            .iter()
            .map(|change| (change.name.clone(), change.word()))
            .collect();
        let wanted = [
            ("a", "worse"),
            ("c", "worse"),
            ("e", "worse"),
            ("b", "better"),
        ];
        assert_eq!(words, wanted.map(|(name, word)| (name.to_owned(), word)));
    }
}
