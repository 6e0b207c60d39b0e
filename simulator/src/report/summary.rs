//! The report as a table for the terminal.

use std::fmt::Write as _;

use super::{Ended, Report};

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
    if report.ended == Ended::CutOff {
        writeln!(
            text,
            "ended at once by a second signal: what was under way then is not counted"
        )?;
    }
    writeln!(
        text,
        "charge points  {} planned, {} connected, {} accepted",
        charge_points.planned, charge_points.connected, charge_points.accepted
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
        "transactions   {} started, {} stopped, {:.3} kWh",
        transactions.started,
        transactions.stopped,
        transactions.energy_wh as f64 / 1e3
    )?;
    if let Some(undelivered) = transactions.undelivered() {
        writeln!(text, "               {undelivered}")?;
    }
    for refused in &report.refused_id_tags {
        writeln!(text, "               {}", refused.sentence())?;
    }
    writeln!(
        text,
        "calls          {} sent, {} ok, {} errors, {} timed out, {} cut off",
        calls.sent, calls.ok, calls.error, calls.timeout, calls.cut_off
    )?;
    for error in &calls.errors {
        let action = error.action.unwrap_or_default();
        writeln!(
            text,
            "               {} x {action}: {}",
            error.count, error.reason
        )?;
    }
    if !calls.by_action.is_empty() {
        writeln!(
            text,
            "\n{:<30} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9}",
            "action", "ok", "failed", "cut off", "p50 ms", "p95 ms", "p99 ms", "max ms"
        )?;
        for (action, of) in &calls.by_action {
            let latency = &of.latency_ms;
            writeln!(
                text,
                "{action:<30} {:>9} {:>7} {:>7} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
                of.ok,
                of.error + of.timeout,
                of.cut_off,
                latency.p50,
                latency.p95,
                latency.p99,
                latency.max
            )?;
        }
    }
    writeln!(text)?;
    for judged in &report.thresholds {
        let word = if judged.ok { "held  " } else { "FAILED" };
        writeln!(text, "{word} {}", judged.sentence())?;
    }
    Ok(())
}
