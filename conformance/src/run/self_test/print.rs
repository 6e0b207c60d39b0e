//! What the terminal shows of the judge's own test.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;

use super::blame::Judged;
use crate::report::matrix::{Blame, Matrix, Row};
use crate::report::{Report, Status};
use crate::words::span;

/// A judge that is so late blames systems that are not.
const LATE: Duration = Duration::from_millis(300);

/// The end of it.
pub(super) fn end(report: &Report, matrix: &Matrix, judged: bool, late: Duration) -> Result<()> {
    let mut out = crate::terminal::results();
    if late >= LATE {
        writeln!(
            out,
            "the machine did not keep up: a task had its turn {} late; what measures times may be red for that",
            span(late)
        )?;
    }
    for scenario in report
        .scenarios
        .iter()
        .filter(|scenario| scenario.status == Status::Failed)
    {
        writeln!(
            out,
            "failed without a defect: {}\n    {}",
            scenario.name,
            scenario.reason.as_deref().unwrap_or("")
        )?;
    }
    if report.summary.failed > 0 {
        writeln!(
            out,
            "a judge that is red without a defect proves nothing: mend these first"
        )?;
    }
    if !judged {
        writeln!(out, "the self-test was not finished")?;
        return Ok(());
    }
    let idle: usize = matrix.sides().map(|side| side.idle.len()).sum();
    writeln!(out, "scenarios that have caught no defect: {idle}")?;
    for name in matrix.sides().flat_map(|side| &side.idle) {
        writeln!(out, "    {name}")?;
    }
    writeln!(out, "{}", matrix.line())?;
    Ok(())
}

/// A line of the kill matrix, as soon as it is known.
pub(super) fn row(row: &Row) -> Result<()> {
    let mut out = crate::terminal::results();
    match row.killed_by.as_slice() {
        [] => {
            let idle = if row.bent { "" } else { " (it bent no frame)" };
            writeln!(out, "SURVIVED  {}: {}{idle}", row.name, row.breaks)?;
        }
        [first, rest @ ..] => {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            writeln!(out, "killed    {}: by \"{first}\"{more}", row.name)?;
        }
    }
    for missed in &row.missed {
        let (scenario, said) = (&missed.scenario, &missed.said);
        writeln!(out, "    not by \"{scenario}\": {said}")?;
    }
    Ok(())
}

/// A right system that was blamed or warned, as soon as it is known.
pub(super) fn judged(judged: &Judged) -> Result<()> {
    let mut out = crate::terminal::results();
    let told = [("BLAMED   ", &judged.alarm), ("warned   ", &judged.warning)];
    for (word, blame) in told {
        let Some(Blame { name, because, by }) = blame else {
            continue;
        };
        writeln!(out, "{word} {name}: {because}")?;
        for by in by {
            writeln!(out, "    {by}")?;
        }
    }
    Ok(())
}
