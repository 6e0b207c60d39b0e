//! The report as one page for people, readable without a network.

use std::fmt::{self, Write as _};

use super::{Report, ReportVerdict};
use crate::figures::{CallFigures, Latency, Reason};

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

const HELD: &str = "<span class=\"verdict good\">held</span>";
const FAILED: &str = "<span class=\"verdict bad\">failed</span>";
const CUT_OFF: &str = "<span class=\"verdict bad\">ended at once</span>";
/// Where nothing was measured.
const DASH: &str = "–";
const LATENCIES: &str = "Counts are of the whole run, latencies of the calls before its ending. A call that timed out \
    counts with the time that was waited for it; a dash stands where no call was answered.";
const ENDING: &str = "Everybody stops at once: sessions end, what waits is delivered.";

pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    write_page(report, &mut page).expect("a String takes everything");
    page
}

fn write_page(report: &Report, page: &mut String) -> fmt::Result {
    let name = escape(&report.name);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{name} {}</h1>\n\
         <p class=\"sub\">{} · started {} · ran {:.1} s · clock × {} · seed {} · dynamo {}</p>\n",
        match report.verdict {
            ReportVerdict::Held => HELD,
            ReportVerdict::Failed => FAILED,
            ReportVerdict::CutOff => CUT_OFF,
        },
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
    write_calls("Calls by action", false, report, page)?;
    write_calls("Calls of the ending", true, report, page)?;
    write_reasons("Refused calls", &report.calls.errors, page)?;
    write_reasons("Failed connections", &report.connections.failures, page)?;
    page.write_str("</body></html>\n")
}

/// What a reader must know before the figures.
fn write_remarks(report: &Report, page: &mut String) -> fmt::Result {
    for remark in report.remarks() {
        writeln!(page, "<p class=\"remark\">{}</p>", escape(&remark))?;
    }
    Ok(())
}

fn write_thresholds(report: &Report, page: &mut String) -> fmt::Result {
    page.write_str("<h2>Thresholds</h2>\n<table><tr><th>Threshold</th><th>Value</th><th>Limit</th><th></th></tr>\n")?;
    for judged in &report.thresholds {
        let value = judged.value.map_or(DASH.into(), |value| value.to_string());
        let remark = judged.remark.as_deref().map_or(String::new(), |remark| {
            format!("<br><small>{}</small>", escape(remark))
        });
        writeln!(
            page,
            "<tr><td>{}{remark}</td><td>{value}</td><td>{} {}{}</td><td>{}</td></tr>",
            judged.name,
            judged.bound.sign(),
            judged.limit,
            judged.relaxed(),
            if judged.ok { HELD } else { FAILED }
        )?;
    }
    page.write_str("</table>\n")
}

fn write_figures(report: &Report, page: &mut String) -> fmt::Result {
    let (points, connections) = (&report.charge_points, &report.connections);
    let (transactions, calls) = (&report.transactions, &report.calls.all.ends);
    write!(
        page,
        "<h2>Figures</h2>\n<dl>\
         <dt>Charge points</dt><dd>{} planned, {} connected, {} accepted, {} lost</dd>\
         <dt>Connections</dt><dd>{} opened, {} lost, {} reopened, {} failed</dd>\
         <dt>Transactions</dt><dd>{} started, {} refused, {} stopped, {:.3} kWh</dd>\
         <dt>Calls</dt><dd>{} sent, {} ok, {} errors, {} timed out, {} cut off with their connection</dd></dl>\n",
        points.planned,
        points.connected,
        points.accepted,
        points.lost,
        connections.opened,
        connections.lost,
        connections.reopened,
        connections.failed,
        transactions.started,
        transactions.sessions_refused,
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

/// The counts of the first table are of the whole run, its latencies of what was called before the ending.
fn write_calls(title: &str, ending: bool, report: &Report, page: &mut String) -> fmt::Result {
    let calls = &report.calls;
    if ending && calls.all.ending.ends.sent == 0 {
        return Ok(());
    }
    let rows = (calls.by_action.iter())
        .map(|(action, figures)| (*action, figures))
        .chain([("all", &calls.all)]);
    writeln!(
        page,
        "<h2>{title}</h2>\n<p class=\"sub\">{}</p>\n<table><tr><th>Action</th><th>Sent</th><th>Ok</th>\
         <th>Errors</th><th>Timed out</th><th>Cut off</th><th>p50 ms</th><th>p95 ms</th><th>p99 ms</th>\
         <th>max ms</th><th>of calls</th></tr>",
        if ending { ENDING } else { LATENCIES }
    )?;
    for (action, figures) in rows {
        let CallFigures {
            ends,
            latency_ms,
            ending: of_ending,
        } = figures;
        let (ends, latency) = if ending {
            (&of_ending.ends, &of_ending.latency_ms)
        } else {
            (ends, latency_ms)
        };
        if ends.sent == 0 {
            continue;
        }
        writeln!(
            page,
            "<tr><td>{action}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>{}</tr>",
            ends.sent,
            ends.ok,
            ends.error,
            ends.timeout,
            ends.cut_off,
            latency_cells(latency)
        )?;
    }
    page.write_str("</table>\n")
}

fn latency_cells(latency: &Latency) -> String {
    let Latency {
        p50,
        p95,
        p99,
        max,
        calls,
        ..
    } = latency;
    let mut cells = String::new();
    for ms in [p50, p95, p99, max] {
        let text = ms.map_or(DASH.into(), |ms| format!("{ms:.2}"));
        cells.push_str(&format!("<td>{text}</td>"));
    }
    cells.push_str(&format!("<td>{calls}</td>"));
    cells
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
