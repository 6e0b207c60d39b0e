//! Known deviations that a user has accepted: each with a reason, and a last day where it has one.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::file::read_bounded;

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
