//! Receipts of guests, and what is taken of what is held.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use reqwest::Method;
use serde_json::json;

use super::{ROOT, T0, T1, answer, authorized, begin, guest_point, later, post, status, until};
use crate::support::{KEY, Rig, options, rig};

/// The text of a PDF, or None where no pdftotext is.
fn text_of(pdf: &[u8], folder: &std::path::Path) -> Option<String> {
    let path = folder.join("receipt.pdf");
    std::fs::write(&path, pdf).unwrap();
    let read = Command::new("pdftotext")
        .arg("-layout")
        .arg(&path)
        .arg("-")
        .output();
    let Ok(read) = read else {
        eprintln!("skipped: pdftotext (poppler-utils) is not installed");
        assert!(
            std::env::var_os("DYNAMO_TEST_NO_SKIP").is_none(),
            "skipping is a failure here"
        );
        return None;
    };
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    Some(String::from_utf8(read.stdout).unwrap())
}

/// The text of a session's receipt, or None where no pdftotext is.
async fn receipt(rig: &Rig, token: &str) -> Option<String> {
    let url = rig.url(&format!("{ROOT}/{token}/receipt"));
    let answer = rig.client().get(url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    let pdf = answer.bytes().await.unwrap();
    assert!(
        pdf.starts_with(b"%PDF-") && pdf.len() < 60_000,
        "{}",
        pdf.len()
    );
    text_of(&pdf, rig.folder.path())
}

#[tokio::test]
async fn the_figures_of_a_receipt_stand_in_it_and_add_up() {
    let minutes = Arc::new(AtomicI64::new(0));
    let rig = later(minutes.clone()).await;
    let mut cp = guest_point(&rig).await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.385, "session_fee": 0.5,
        "idle_fee_per_minute": 0.05, "free_idle_minutes": 10});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    rig.execute("update organization set name = 'Acme Charging Ltd' where id = 'org_default'")
        .await;
    rig.execute("update charge_point set address = '1 Würzburg Road, Łódź', name = 'Yard' where id = 'cp_001'")
        .await;
    let token = authorized(&rig, "pm_1").await;
    minutes.store(2, Relaxed);
    let (_, transaction) = begin(&mut cp).await;
    cp.status(1, "Charging", Some(T0)).await;
    minutes.store(62, Relaxed);
    cp.status(1, "SuspendedEV", Some("2026-01-01T10:45:00Z"))
        .await;
    cp.stop(&transaction, T1, 9_201).await;
    until(&rig, &token, "payment_status", "captured").await;
    let Some(text) = receipt(&rig, &token).await else {
        return;
    };
    for wanted in [
        "Acme Charging Ltd",
        "cp_001",
        "1 Würzburg Road, Łódź",
        "Yard",
        token.as_str(),
        "2026-01-01 10:00:00",
        "2026-01-01 11:00:00",
        "8.201 kWh x 0.385",
        "5 min x 0.05 (10 free)",
        "Session fee",
        "Of that tax 20 %",
        "Paid: 3.91 GBP",
        "Amount (GBP)",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    let amount = |item: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(item));
        let line = line.unwrap_or_else(|| panic!("{item}:\n{text}"));
        let last = line.split_whitespace().last().unwrap();
        last.parse::<rust_decimal::Decimal>().unwrap()
    };
    let energy: rust_decimal::Decimal = text
        .lines()
        .find(|line| line.contains("kWh x"))
        .and_then(|line| line.split_whitespace().last())
        .unwrap()
        .parse()
        .unwrap();
    let sum = energy + amount("Session fee") + amount("Idle time") + amount("Rounding");
    assert_eq!(sum, amount("Total"), "{text}");
    assert_eq!(
        amount("Of that net") + amount("Of that tax"),
        amount("Total")
    );
    // 8.201 x 0.385 + 0.50 + 5 x 0.05 = 3.907385; a sixth of 3.91 is tax.
    assert_eq!(amount("Total").to_string(), "3.91");
    assert_eq!(amount("Of that tax").to_string(), "0.65");
    // What a receipt says is what held when the guest was let in.
    rig.execute("update organization set name = 'Other Ltd' where id = 'org_default'")
        .await;
    rig.execute("update charge_point set address = 'Elsewhere' where id = 'cp_001'")
        .await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let mut again = options(&folder);
    again.tax_rate = 7.into();
    let rig = Rig::start(folder, again).await;
    assert_eq!(receipt(&rig, &token).await.unwrap(), text);
}

#[tokio::test]
async fn what_has_cost_what_is_held_is_stopped_and_no_more_is_taken() {
    let rig = rig().await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_1").await;
    let (_, transaction) = begin(&mut cp).await;
    // 99.999 kWh are not yet 35.00.
    cp.meter(&transaction, "2026-01-01T10:10:00Z", "100900")
        .await;
    assert_eq!(status(&rig, &token).await["status"], "charging");
    cp.meter(&transaction, "2026-01-01T10:20:00Z", "101000")
        .await;
    let stop = answer(&mut cp, "RemoteStopTransaction", "Accepted").await;
    assert_eq!(stop["transactionId"], transaction);
    cp.stop(&transaction, T1, 111_000).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(
        (&ended["cost_so_far"], &ended["amount_captured"]),
        (&json!(38.5), &json!(35.0))
    );
    let (_, stopped) = post(&rig, &format!("{token}/stop"), None).await;
    assert_eq!(stopped["amount_captured"], 35.0, "{stopped}");
    if let Some(text) = receipt(&rig, &token).await {
        assert!(text.contains("Paid: 35.00 GBP; the rest"), "{text}");
        assert!(text.contains("38.50"), "{text}");
        // The tax of 35.00, not of 38.50.
        assert!(text.contains("5.83") && text.contains("29.17"), "{text}");
    }
}

#[tokio::test]
async fn a_guest_was_not_idle_before_the_authorization() {
    let minutes = Arc::new(AtomicI64::new(0));
    let rig = later(minutes.clone()).await;
    let mut cp = guest_point(&rig).await;
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35, "idle_fee_per_minute": 0.1});
    let path = "/api/v1/chargepoints/cp_001/tariff";
    rig.request(Method::PUT, path, Some(tariff), KEY).await;
    let token = authorized(&rig, "pm_1").await;
    let start = answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let long_ago = "2025-12-02T09:30:00Z";
    let started = cp.start(1, start["idTag"].as_str().unwrap(), long_ago, 0);
    let transaction = started.await["transactionId"].clone();
    cp.status(1, "SuspendedEV", Some(long_ago)).await;
    minutes.store(10, Relaxed);
    cp.stop(&transaction, "2026-01-01T10:08:00Z", 0).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(ended["cost_so_far"], 1.0);
}
