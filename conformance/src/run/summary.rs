//! The verdict for the terminal.

use std::path::PathBuf;

use anyhow::Result;

use crate::report::causes::{Cause, causes, what_failed};
use crate::report::{DISCLAIMER, Report, ScenarioReport, Status, Summary};
use crate::words::count;

/// The verdict for the terminal: what failed and why, a line per feature, the figures. `left_out`: what a run of
/// everything did not show; `outdated`: waivers that do not fit any more.
pub(super) fn print_summary(
    report: &Report,
    left_out: &[String],
    outdated: &[String],
    reports: &[PathBuf],
) -> Result<()> {
    let mut out = crate::terminal::results();
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
        write_cause(out, report, &cause)?;
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
        "{}: {passed} passed, {warned} warned, {failed} failed, {not_run} not run, \
         {not_applicable} not applicable; {} in {:.1} s",
        count(*scenarios, "scenario"),
        report.coverage.catalogue.sentence(),
        report.duration_ms as f64 / 1_000.0
    )?;
    if let Some(why) = &report.summary.ended_early {
        writeln!(out, "{why}")?;
    }
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

/// A finding is said once: what fails in the same way is a list of scenarios under it.
fn write_cause(out: &mut impl std::io::Write, report: &Report, cause: &Cause) -> Result<()> {
    let scenarios: Vec<&ScenarioReport> = cause
        .scenarios
        .iter()
        .map(|index| &report.scenarios[*index])
        .collect();
    if let [only] = scenarios.as_slice() {
        let reason = only.reason.as_deref().unwrap_or("no reason");
        writeln!(out, "failed: {}\n    {reason}", title(only))?;
        return Ok(());
    }
    writeln!(out, "failed {} ×: {}", scenarios.len(), cause.name)?;
    for scenario in scenarios {
        writeln!(out, "  {}", title(scenario))?;
        if cause.differs {
            writeln!(out, "    {}", what_failed(scenario))?;
        }
    }
    Ok(())
}

/// Its ids, its name and its file.
fn title(scenario: &ScenarioReport) -> String {
    format!("{} ({})", scenario.name_with_ids(), scenario.file)
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
            writeln!(out, "{} {} ×: {reason}", status.word(), scenarios.len())?;
        }
        for scenario in scenarios {
            let title = title(scenario);
            if many {
                writeln!(out, "  {title}")?;
            } else {
                writeln!(out, "{}: {title}\n    {reason}", status.word())?;
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

    fn summary_of(report: &Report) -> String {
        let mut out = Vec::new();
        write_summary(&mut out, report, &[], &[], &[]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_finding_is_said_once_however_many_scenarios_show_it() {
        let failed = |reason: &str| {
            let mut one = scenario(&["csms", "TC_001_CSMS"], Status::Failed, &[]);
            one.reason = Some(reason.into());
            one
        };
        let same = summary_of(&report(vec![failed("no answer"), failed("no answer")]));
        let title = "TC_001_CSMS S (f.feature)\n";
        let wanted = format!("failed 2 ×: no answer\n  {title}  {title}");
        assert!(same.starts_with(&wanted), "{same}");
        let alone = summary_of(&report(vec![failed("HTTP 503")]));
        assert!(
            alone.starts_with(&format!("failed: {title}    HTTP 503\n")),
            "{alone}"
        );
        assert!(alone.contains("\n1 scenario: 0 passed"), "{alone}");
        let differ = summary_of(&report(vec![failed("HTTP 503"), failed("HTTP 502")]));
        let wanted = format!("failed 2 ×: HTTP …\n  {title}    HTTP 503\n  {title}    HTTP 502\n");
        assert!(differ.starts_with(&wanted), "{differ}");
    }

    #[test]
    fn why_a_run_ended_early_stands_beside_the_figures() {
        let mut report = report(vec![scenario(&["csms"], Status::Passed, &[])]);
        report.summary.ended_early = Some("the run was ended early: it is silent".into());
        let text = summary_of(&report);
        let mut lines = text
            .lines()
            .skip_while(|line| !line.starts_with("1 scenario: "));
        assert_eq!(lines.nth(1), Some("the run was ended early: it is silent"));
    }

    #[test]
    fn a_scenario_that_was_not_run_has_its_ids_beside_it() {
        let mut one = scenario(&["csms", "TC_001_CSMS"], Status::NotRun, &[]);
        one.reason = Some("needs --driver".into());
        let text = summary_of(&report(vec![one]));
        assert!(
            text.starts_with("not run: TC_001_CSMS S (f.feature)\n"),
            "{text}"
        );
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
