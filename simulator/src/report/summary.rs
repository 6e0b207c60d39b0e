//! The report as a table for the terminal.

use std::fmt::Write as _;

use super::Report;
use crate::figures::{CallFigures, Ends, Latency};

pub(crate) fn summary(report: &Report) -> String {
    let mut text = String::new();
    write_summary(report, &mut text).expect("a String takes everything");
    text
}

fn write_summary(report: &Report, text: &mut String) -> std::fmt::Result {
    let Report {
        name,
        csms,
        duration_s,
        seed,
        charge_points,
        transactions,
        connections,
        calls,
        ..
    } = report;
    writeln!(
        text,
        "{name} against {csms}: {duration_s:.1} s, seed {seed}"
    )?;
    writeln!(
        text,
        "charge points  {} planned, {} connected, {} accepted, {} lost",
        charge_points.planned, charge_points.connected, charge_points.accepted, charge_points.lost
    )?;
    writeln!(
        text,
        "connections    {} opened, {} lost, {} reopened, {} failed",
        connections.opened, connections.lost, connections.reopened, connections.failed
    )?;
    for failure in &connections.failures {
        writeln!(
            text,
            "               {} x {}",
            failure.count, failure.reason
        )?;
    }
    writeln!(
        text,
        "transactions   {} started, {} refused, {} stopped, {:.3} kWh",
        transactions.started,
        transactions.sessions_refused,
        transactions.stopped,
        transactions.energy_wh as f64 / 1e3
    )?;
    let ends = &calls.all.ends;
    writeln!(
        text,
        "calls          {} sent, {} ok, {} errors, {} timed out, {} cut off",
        ends.sent, ends.ok, ends.error, ends.timeout, ends.cut_off
    )?;
    for error in &calls.errors {
        let action = error.action.unwrap_or_default();
        writeln!(
            text,
            "               {} x {action}: {}",
            error.count, error.reason
        )?;
    }
    let rows: Vec<(&str, &CallFigures)> = (calls.by_action.iter())
        .map(|(action, figures)| (*action, figures))
        .chain([("all", &calls.all)])
        .collect();
    let run = |figures: &CallFigures| (figures.ends, figures.latency_ms);
    let ending = |figures: &CallFigures| (figures.ending.ends, figures.ending.latency_ms);
    write_calls("action", &rows, run, text)?;
    write_calls("of these, in the ending", &rows, ending, text)?;
    for remark in report.remarks() {
        writeln!(text, "\n{remark}")?;
    }
    writeln!(text)?;
    for judged in &report.thresholds {
        let word = if judged.ok { "held  " } else { "FAILED" };
        writeln!(text, "{word} {}", judged.sentence())?;
    }
    Ok(())
}

fn write_calls(
    title: &str,
    rows: &[(&str, &CallFigures)],
    of: fn(&CallFigures) -> (Ends, Latency),
    text: &mut String,
) -> std::fmt::Result {
    let sent = rows.iter().map(|(action, figures)| (action, of(figures)));
    let mut sent = sent.filter(|(_, (ends, _))| ends.sent > 0).peekable();
    if sent.peek().is_none() {
        return Ok(());
    }
    writeln!(
        text,
        "\n{title:<30} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "ok", "failed", "cut off", "p50 ms", "p95 ms", "p99 ms", "max ms"
    )?;
    for (action, (ends, latency)) in sent {
        let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.2}"));
        writeln!(
            text,
            "{action:<30} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9}",
            ends.ok,
            ends.error + ends.timeout,
            ends.cut_off,
            ms(latency.p50),
            ms(latency.p95),
            ms(latency.p99),
            ms(latency.max)
        )?;
    }
    Ok(())
}
