//! `--list`: the scenarios, their tags, and what they need.

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use gherkin::{Feature, Scenario};
use serde_json::json;

use crate::case::features::all_tags;
use crate::report::Form;
use crate::run::args::Args;
use crate::run::verdict::Verdict;
use crate::words::count;

/// Prints the list; `--report FILE.json` writes it too.
pub(crate) fn print(features: &[Feature], args: &Args) -> Result<Verdict> {
    let mut out = crate::terminal::results();
    let mut list = Vec::new();
    for feature in features {
        let file = feature
            .path
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        writeln!(out, "{}  ({file})", feature.name)?;
        for scenario in &feature.scenarios {
            let tags = all_tags(feature, scenario);
            let needs = needs(feature, scenario, &tags);
            let shown: Vec<String> = tags.iter().map(|tag| format!("@{tag}")).collect();
            let wants = if needs.is_empty() {
                String::new()
            } else {
                format!("  needs {}", needs.join(", "))
            };
            writeln!(out, "    {}  {}{wants}", scenario.name, shown.join(" "))?;
            list.push(
                json!({"feature": feature.name, "file": file, "name": scenario.name, "tags": tags,
                "needs": needs}),
            );
        }
    }
    writeln!(out, "{}", count(list.len(), "scenario"))?;
    if args.sut.is_some() {
        writeln!(
            out,
            "The scenarios of the REST API (@api) are not among them: they are part of the bundled run alone"
        )?;
    }
    for path in &args.report {
        if Form::of(path)? != Form::Json {
            bail!(
                "--list is written as JSON only; let --report {} end in .json",
                path.display()
            );
        }
        let text = serde_json::to_string_pretty(&json!({"scenarios": list}))
            .context("cannot write the list")?;
        std::fs::write(path, text)
            .with_context(|| format!("cannot write the list {}", path.display()))?;
    }
    if list.is_empty() {
        bail!("no scenario fits");
    }
    Ok(Verdict::Passed)
}

/// The beginnings of steps that somebody at the charger has to do.
const BY_HAND: [&str; 8] = [
    "the driver ",
    "connector ",
    "the lock of ",
    "the charge point is power cycled",
    "the power fails",
    "the charge point loses",
    "a session with ",
    "the known tag is in",
];

/// What a scenario needs beside the line.
fn needs(feature: &Feature, scenario: &Scenario, tags: &[String]) -> Vec<&'static str> {
    let has = |tag: &str| tags.iter().any(|other| other == tag);
    let mut needs = Vec::new();
    let background = feature
        .background
        .iter()
        .flat_map(|background| &background.steps);
    let mut steps = background.chain(&scenario.steps);
    if has("charge-point")
        && steps.any(|step| BY_HAND.iter().any(|words| step.value.starts_with(words)))
    {
        needs.push("--operator");
    }
    for (tag, need) in [
        ("driver", "--driver"),
        ("fixed-cable", "a fixed cable"),
        ("detachable-cable", "a detachable cable"),
        ("backup-power", "backup power"),
        ("no-backup-power", "no backup power"),
        ("moved-clock", "the bundled charge point"),
    ] {
        if has(tag) {
            needs.push(need);
        }
    }
    for (words, need) in [
        ("the blocked tag", "--blocked-id-tag"),
        ("the expired tag", "--expired-id-tag"),
    ] {
        if scenario.steps.iter().any(|step| step.value.contains(words)) {
            needs.push(need);
        }
    }
    needs
}
