//! The report as one page for people, readable without a network.

use std::fmt::{self, Write as _};

use super::{Ended, Report};
use crate::figures::{Reason, RefusedIdTag};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}\
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}\
p.sub{color:#5b6675;margin-top:0}table{border-collapse:collapse;width:100%}\
td,th{padding:.3rem .6rem;border-bottom:1px solid #dde2e8;text-align:right}\
td:first-child,th:first-child{text-align:left}th{font-weight:600;color:#5b6675}\
.verdict{display:inline-block;padding:.1rem .6rem;border-radius:.3rem;color:#fff}\
.remark{border-left:.25rem solid #b3261e;padding-left:.6rem}\
.good{background:#1f7a45}.bad{background:#b3261e}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.5rem}dt{color:#5b6675}dd{margin:0}";

pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    write_page(report, &mut page).expect("a String takes everything");
    page
}

fn write_page(report: &Report, page: &mut String) -> fmt::Result {
    let held = report.thresholds.iter().all(|judged| judged.ok);
    let name = escape(&report.name);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{name} {}</h1>\n\
         <p class=\"sub\">{} · started {} · ran {:.1} s · clock × {} · seed {} · dynamo {}</p>\n",
        verdict(held),
        escape(&report.csms),
        report.started_at,
        report.duration_s,
        report.speed,
        report.seed,
        report.version,
    )?;
    write_remarks(report, page)?;
    write_thresholds(report, page)?;
    write_figures(report, page)?;
    write_calls(report, page)?;
    write_reasons("Refused calls", &report.calls.errors, page)?;
    write_reasons("Failed connections", &report.connections.failures, page)?;
    page.write_str("</body></html>\n")
}

/// What a reader must know before the figures.
fn write_remarks(report: &Report, page: &mut String) -> fmt::Result {
    let cut_off = (report.ended == Ended::CutOff).then(|| {
        "ended at once by a second signal: what was under way then is not counted".to_owned()
    });
    let refused = report.refused_id_tags.iter();
    let remarks = cut_off
        .into_iter()
        .chain(report.transactions.undelivered())
        .chain(refused.map(RefusedIdTag::sentence));
    for remark in remarks {
        writeln!(page, "<p class=\"remark\">{}</p>", escape(&remark))?;
    }
    Ok(())
}

fn write_thresholds(report: &Report, page: &mut String) -> fmt::Result {
    page.write_str("<h2>Thresholds</h2>\n<table><tr><th>Threshold</th><th>Value</th><th>Limit</th><th></th></tr>\n")?;
    for judged in &report.thresholds {
        let bound = if judged.at_least { "≥" } else { "≤" };
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{bound} {}</td><td>{}</td></tr>",
            judged.name,
            judged.value,
            judged.limit,
            verdict(judged.ok)
        )?;
    }
    page.write_str("</table>\n")
}

fn write_figures(report: &Report, page: &mut String) -> fmt::Result {
    let (points, connections) = (&report.charge_points, &report.connections);
    let (transactions, calls) = (&report.transactions, &report.calls);
    write!(
        page,
        "<h2>Figures</h2>\n<dl>\
         <dt>Charge points</dt><dd>{} planned, {} connected, {} accepted</dd>\
         <dt>Connections</dt><dd>{} opened, {} lost, {} reopened, {} failed</dd>\
         <dt>Transactions</dt><dd>{} started, {} stopped, {:.3} kWh</dd>\
         <dt>Calls</dt><dd>{} sent, {} ok, {} errors, {} timed out, {} cut off with their connection</dd></dl>\n",
        points.planned,
        points.connected,
        points.accepted,
        connections.opened,
        connections.lost,
        connections.reopened,
        connections.failed,
        transactions.started,
        transactions.stopped,
        transactions.energy_wh as f64 / 1e3,
        calls.sent,
        calls.ok,
        calls.error,
        calls.timeout,
        calls.cut_off,
    )?;
    Ok(())
}

fn write_calls(report: &Report, page: &mut String) -> fmt::Result {
    page.write_str(
        "<h2>Calls by action</h2>\n<table><tr><th>Action</th><th>Sent</th><th>Ok</th><th>Errors</th>\
         <th>Timed out</th><th>Cut off</th><th>p50 ms</th><th>p95 ms</th><th>p99 ms</th><th>max ms</th></tr>\n",
    )?;
    for (action, of) in &report.calls.by_action {
        let latency = &of.latency_ms;
        writeln!(
            page,
            "<tr><td>{action}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{:.2}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>",
            of.sent,
            of.ok,
            of.error,
            of.timeout,
            of.cut_off,
            latency.p50,
            latency.p95,
            latency.p99,
            latency.max
        )?;
    }
    page.write_str("</table>\n")
}

fn write_reasons(title: &str, reasons: &[Reason], page: &mut String) -> fmt::Result {
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<h2>{title}</h2>\n<table><tr><th>What</th><th>How often</th></tr>"
    )?;
    for reason in reasons {
        let action = reason.action.map_or(String::new(), |a| format!("{a}: "));
        writeln!(
            page,
            "<tr><td>{action}{}</td><td>{}</td></tr>",
            escape(&reason.reason),
            reason.count
        )?;
    }
    page.write_str("</table>\n")
}

fn verdict(held: bool) -> &'static str {
    if held {
        "<span class=\"verdict good\">held</span>"
    } else {
        "<span class=\"verdict bad\">failed</span>"
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
