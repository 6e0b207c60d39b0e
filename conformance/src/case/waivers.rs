//! Known deviations that a user has accepted: each with a reason, and a last day where it has one.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::file::read_bounded;
use crate::words::{did_you_mean, list, quoted};

/// One accepted deviation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiver {
    /// The rule that is not kept, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The test case that fails, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) case: Option<String>,
    pub(crate) reason: String,
    /// The last day on which it counts, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Date>,
}

impl Waiver {
    /// What it names.
    pub(crate) fn subject(&self) -> &str {
        self.rule
            .as_deref()
            .or(self.case.as_deref())
            .unwrap_or_default()
    }
}

/// Reads a list of waivers.
///
/// # Errors
/// One line naming the file: it is no list of waivers, or one of them names no rule and no case, both, or gives no
/// reason.
pub(crate) fn read(path: &Path) -> Result<Vec<Waiver>> {
    let text = read_bounded(path, "waiver file")?;
    let file = path.display();
    let waivers: Vec<Waiver> = serde_saphyr::from_str(&text).map_err(|error| {
        let text = error.to_string();
        anyhow::anyhow!("{}", text.lines().next().unwrap_or_default().to_owned())
    })
    .with_context(|| {
        format!("{file} is no list of waivers; each has `rule:` or `case:`, a `reason:` and, if it ends, `until: YYYY-MM-DD`")
    })?;
    for (index, waiver) in waivers.iter().enumerate() {
        let number = index + 1;
        if waiver.rule.is_some() == waiver.case.is_some() {
            bail!("{file}: waiver {number} needs either `rule:` or `case:`");
        }
        if waiver.reason.trim().is_empty() {
            bail!(
                "{file}: waiver {number} ({}) gives no reason",
                waiver.subject()
            );
        }
    }
    Ok(waivers)
}

/// A waiver of a rule that there is not would never fit.
///
/// # Errors
/// One line with file and line, and a rule that is like it.
pub(crate) fn ensure_rules_are_known(
    path: &Path,
    waivers: &[Waiver],
    rules: &[&str],
) -> Result<()> {
    let unknown = waivers
        .iter()
        .filter_map(|waiver| waiver.rule.as_deref())
        .find(|rule| !rules.contains(rule));
    if let Some(rule) = unknown {
        let near = did_you_mean(rule, rules.iter().copied());
        bail!(
            "{}: there is no rule {}; {near}the rules are {}",
            place(path, rule),
            quoted(rule),
            list(rules)
        );
    }
    Ok(())
}

/// `FILE:LINE` of the waiver that names this; the file alone where no line has it.
pub(crate) fn place(path: &Path, subject: &str) -> String {
    let text = read_bounded(path, "waiver file").unwrap_or_default();
    let names = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '{']);
        let value = line
            .strip_prefix("rule:")
            .or_else(|| line.strip_prefix("case:"));
        let value = value.and_then(|value| value.split([',', '}', '#']).next());
        value.is_some_and(|value| value.trim().trim_matches(['"', '\'']) == subject)
    };
    match text.lines().position(names) {
        Some(index) => format!("{}:{}", path.display(), index + 1),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Waiver>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.yaml");
        std::fs::write(&file, text).unwrap();
        read(&file)
    }

    #[test]
    fn a_rule_that_there_is_not_is_named_with_its_place_and_the_one_that_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w.yaml");
        std::fs::write(
            &file,
            "- { case: X, reason: x }\n- rule: 'no-hangup' # known\n  reason: x\n",
        )
        .unwrap();
        let waivers = read(&file).unwrap();
        let error = |rules: &[&str]| {
            let known = ensure_rules_are_known(&file, &waivers, rules);
            known.map_or_else(|error| error.to_string(), |()| String::new())
        };
        let said = error(&["flood", "no-hang-up"]);
        let wanted = "w.yaml:2: there is no rule \"no-hangup\"; did you mean no-hang-up? the rules are flood and no-hang-up";
        assert!(said.ends_with(wanted), "{said}");
        assert_eq!(error(&["no-hangup"]), "");
        assert!(place(&file, "X").ends_with("w.yaml:1"));
    }

    #[test]
    fn a_waiver_names_one_thing_and_says_why() {
        let waivers = read_text(
            "- case: TC_003_CS\n  reason: known\n  until: 2026-12-31\n- rule: no-hang-up\n  reason: x\n",
        );
        let waivers = waivers.unwrap();
        assert_eq!(waivers[0].subject(), "TC_003_CS");
        assert_eq!(waivers[0].until, Some(jiff::civil::date(2026, 12, 31)));
        assert_eq!(waivers[1].subject(), "no-hang-up");
        for wrong in [
            "- reason: x\n",
            "- case: A\n  rule: B\n  reason: x\n",
            "- case: A\n  reason: ''\n",
            "- case: A\n",
            "case: A\n",
        ] {
            let error = read_text(wrong).unwrap_err().to_string();
            assert!(!error.contains('\n') && error.contains("w.yaml"), "{error}");
        }
    }
}
