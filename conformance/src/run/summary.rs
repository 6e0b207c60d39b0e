//! The verdict for the terminal.

use std::path::PathBuf;

use anyhow::Result;

use crate::report::causes::causes;
use crate::report::{DISCLAIMER, Report, ScenarioReport, Status, Summary};

/// The verdict for the terminal: what failed and why, a line per feature, the figures. `left_out`: what a run of
/// everything did not show; `outdated`: waivers that do not fit any more.
pub(super) fn print_summary(
    report: &Report,
    left_out: &[String],
    outdated: &[String],
    reports: &[PathBuf],
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    write_summary(&mut out, report, left_out, outdated, reports)
}

fn write_summary(
    out: &mut impl std::io::Write,
    report: &Report,
    left_out: &[String],
    outdated: &[String],
    reports: &[PathBuf],
) -> Result<()> {
    for cause in causes(&report.scenarios) {
        writeln!(out, "failed {} ×: {}", cause.scenarios.len(), cause.name)?;
        for scenario in cause
            .scenarios
            .iter()
            .map(|index| &report.scenarios[*index])
        {
            let ids: Vec<&str> = scenario.ids().collect();
            let ids = if ids.is_empty() {
                String::new()
            } else {
                format!("{} ", ids.join(" "))
            };
            let reason = scenario.reason.as_deref().unwrap_or("no reason");
            writeln!(
                out,
                "  {ids}{} ({})\n    {reason}",
                scenario.name, scenario.file
            )?;
        }
    }
    for status in [Status::Warned, Status::NotRun, Status::NotApplicable] {
        write_reasons(out, report, status)?;
    }
    let mut files: Vec<&str> = report
        .scenarios
        .iter()
        .map(|scenario| scenario.file.as_str())
        .collect();
    files.dedup();
    for file in files {
        let of_file = report
            .scenarios
            .iter()
            .filter(|scenario| scenario.file == file);
        let (mut passed, mut all) = (0, 0);
        for scenario in of_file {
            all += 1;
            passed += usize::from(scenario.status.is_good());
        }
        writeln!(out, "{passed:>4} of {all:<3} {file}")?;
    }
    let Summary {
        scenarios,
        passed,
        warned,
        failed,
        not_run,
        not_applicable,
        ..
    } = &report.summary;
    writeln!(
        out,
        "{scenarios} scenarios: {passed} passed, {warned} warned, {failed} failed, {not_run} not run, \
         {not_applicable} not applicable; {} in {:.1} s",
        report.coverage.catalogue.sentence(),
        report.duration_ms as f64 / 1_000.0
    )?;
    let names: Vec<String> = reports
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if let Some(api) = &report.coverage.api {
        writeln!(out, "{}", api.sentence())?;
    }
    let findings = [
        ("a run of everything leaves nothing out, and here", left_out),
        ("waivers do not fit any more", outdated),
    ];
    for (sentence, lines) in findings {
        if !lines.is_empty() {
            writeln!(out, "failed: {sentence}")?;
        }
        for line in lines {
            writeln!(out, "    {line}")?;
        }
    }
    writeln!(out, "report: {}", names.join(", "))?;
    writeln!(out, "{DISCLAIMER}")?;
    Ok(())
}

/// Scenarios that have one reason are told one by one, unless there are more.
const TOLD_ONE_BY_ONE_MAX: usize = 10;

/// What ended in this way, and why; a reason of many scenarios is said once.
fn write_reasons(out: &mut impl std::io::Write, report: &Report, status: Status) -> Result<()> {
    let mut reasons: Vec<(&str, Vec<&ScenarioReport>)> = Vec::new();
    for scenario in report
        .scenarios
        .iter()
        .filter(|scenario| scenario.status == status)
    {
        let reason = scenario.reason.as_deref().unwrap_or("no reason");
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, scenarios)) => scenarios.push(scenario),
            None => reasons.push((reason, vec![scenario])),
        }
    }
    for (reason, scenarios) in reasons {
        let many = scenarios.len() > TOLD_ONE_BY_ONE_MAX;
        if many {
            let count = scenarios.len();
            writeln!(out, "{} {count} ×: {reason}", status.word())?;
        }
        for ScenarioReport { name, file, .. } in scenarios {
            if many {
                writeln!(out, "  {name} ({file})")?;
            } else {
                writeln!(out, "{}: {name} ({file})\n    {reason}", status.word())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, scenario};

    #[test]
    fn a_waiver_that_does_not_fit_is_not_called_something_left_out() {
        let report = report(vec![scenario(&["csms"], Status::Passed, &[])]);
        let text = |left_out: &[String], outdated: &[String]| {
            let mut out = Vec::new();
            write_summary(&mut out, &report, left_out, outdated, &[]).unwrap();
            String::from_utf8(out).unwrap()
        };
        let line = ["the waiver of X fits nothing".to_owned()];
        let of_waivers = text(&[], &line);
        assert!(of_waivers.contains("failed: waivers do not fit any more\n    the waiver of X"));
        assert!(!of_waivers.contains("leaves nothing out"), "{of_waivers}");
        assert!(text(&line, &[]).contains("leaves nothing out, and here\n    the waiver"));
    }

    #[test]
    fn a_reason_of_many_scenarios_is_said_once() {
        let text = |count: usize| {
            let mut one = scenario(&["csms"], Status::NotRun, &[]);
            one.reason = Some("needs --driver".into());
            let report = report(vec![one; count]);
            let mut out = Vec::new();
            write_reasons(&mut out, &report, Status::NotRun).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(1), "not run: S (f.feature)\n    needs --driver\n");
        let many = text(TOLD_ONE_BY_ONE_MAX + 1);
        assert!(many.starts_with("not run 11 ×: needs --driver\n  S (f.feature)\n"));
        assert_eq!(many.matches("needs --driver").count(), 1);
    }
}
