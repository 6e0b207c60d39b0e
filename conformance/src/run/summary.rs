//! The verdict for the terminal.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use crate::report::causes::causes;
use crate::report::{DISCLAIMER, Report, Status, Summary};

/// The verdict for the terminal: what failed and why, a line per feature, the figures.
pub(super) fn print_summary(report: &Report, gaps: &[String], reports: &[PathBuf]) -> Result<()> {
    let mut out = std::io::stdout().lock();
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
        for scenario in report
            .scenarios
            .iter()
            .filter(|scenario| scenario.status == status)
        {
            let reason = scenario.reason.as_deref().unwrap_or("no reason");
            writeln!(
                out,
                "{}: {} ({})\n    {reason}",
                status.word(),
                scenario.name,
                scenario.file
            )?;
        }
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
    if !gaps.is_empty() {
        writeln!(
            out,
            "failed: a run of everything leaves nothing out, and here"
        )?;
        for gap in gaps {
            writeln!(out, "    {gap}")?;
        }
    }
    writeln!(out, "report: {}", names.join(", "))?;
    writeln!(out, "{DISCLAIMER}")?;
    Ok(())
}
