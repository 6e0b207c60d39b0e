//! CDRs: what a session of a partner's driver costs.

use dynamo_protocol::ocpi::form::{Extent, faults};
use reqwest::Method;
use serde_json::{Value, json};

use super::{BASE, charge_point, cpo};
use crate::support::KEY;

/// A session of two hours ago, with so many seconds after its beginning.
fn at(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let at = jiff::Timestamp::from_second(now / 60 * 60 - 7_200 + seconds).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[tokio::test]
async fn a_session_ends_with_one_bill_that_never_changes() {
    let cpo = cpo().await;
    let (_emsp, key) = cpo.registered().await;
    let body = Some(charge_point("CP-1"));
    cpo.request(Method::POST, "/api/v1/chargepoints", body, KEY)
        .await;
    let tariff = json!({
        "currency": "EUR", "price_per_kwh": 0.42, "session_fee": 0.60, "idle_fee_per_minute": 0.06,
        "free_idle_minutes": 10,
    });
    let path = "/api/v1/chargepoints/CP-1/tariff";
    cpo.request(Method::PUT, path, Some(tariff.clone()), KEY)
        .await;
    // It holds since two hours before the session.
    cpo.execute("update tariff set since_ms = since_ms - 20000000")
        .await;
    let card = json!({
        "country_code": "DE", "party_id": "RIG", "uid": "CARD", "type": "RFID", "contract_id": "DE-RIG-C1",
        "issuer": "Rig", "valid": true, "whitelist": "ALWAYS", "last_updated": "2026-01-01T00:00:00Z",
    });
    let token = format!("{BASE}/tokens/DE/RIG/CARD");
    cpo.ocpi(&key, Method::PUT, &token, Some(card)).await;
    let mut station = cpo.connect("CP-1").await;
    station.boot().await;
    let begun = station.start(1, "CARD", &at(0), 1_000).await;
    assert_eq!(begun["idTagInfo"]["status"], "Accepted");
    let transaction = &begun["transactionId"];
    station.status(1, "Charging", Some(&at(1))).await;
    station.meter(transaction, &at(1_800), "5000").await;
    let list = |what: &str| {
        let path = format!("{BASE}/{what}");
        let (cpo, key) = (&cpo, &key);
        async move {
            let answer = cpo.ocpi(key, Method::GET, &path, None).await;
            assert_eq!(answer.code(), (200, 1000));
            answer.body["data"].as_array().unwrap().clone()
        }
    };
    let session = list("sessions").await.remove(0);
    assert_eq!(faults("Session", &session, Extent::Whole), []);
    assert_eq!(
        (&session["status"], &session["kwh"]),
        (&json!("ACTIVE"), &json!(4))
    );
    // The price of the start holds to the end.
    let mut dearer = tariff;
    dearer["price_per_kwh"] = json!(4.2);
    cpo.request(Method::PUT, path, Some(dearer), KEY).await;
    station.status(1, "SuspendedEV", Some(&at(3_600))).await;
    station.stop(transaction, &at(5_100), 9_000).await;

    let cdrs = list("cdrs").await;
    assert_eq!(cdrs.len(), 1);
    let cdr = &cdrs[0];
    assert_eq!(faults("CDR", cdr, Extent::Whole), []);
    assert_eq!(
        cdr["total_cost"],
        json!({"excl_vat": 4.05, "incl_vat": 4.86}),
        "{cdr:#}"
    );
    assert_eq!(cdr["total_energy"], 8);
    assert_eq!(cdr["total_parking_time"], 0.4167);
    assert_eq!(cdr["evse_uid"], "CP-1-1");
    let session = list("sessions").await.remove(0);
    assert_eq!(session["status"], "COMPLETED");
    assert_eq!(session["total_cost"], cdr["total_cost"]);
    assert_eq!(session["charging_periods"], cdr["charging_periods"]);
    assert_eq!(
        (&session["id"], &session["kwh"]),
        (&cdr["session_id"], &json!(8))
    );

    // Told again, told late, changed since: the bill stands.
    station.stop(transaction, &at(5_100), 9_000).await;
    station.meter(transaction, &at(5_000), "9900").await;
    cpo.request(Method::DELETE, &token, None, KEY).await;
    assert_eq!(list("cdrs").await, cdrs);
    assert_eq!(list("sessions").await.remove(0), session);
    let (_, transactions) = cpo
        .get("/api/v1/ocpp16/transactions?charge_point_id=CP-1")
        .await;
    let shown = &transactions["transactions"][0];
    assert_eq!(
        (&shown["cost"], &shown["currency"]),
        (&json!(4.86), &json!("EUR")),
        "{shown}"
    );
}

#[tokio::test]
async fn what_is_free_costs_nothing_and_has_a_bill() {
    let cpo = cpo().await;
    let (_emsp, key) = cpo.registered().await;
    let body = Some(charge_point("CP-1"));
    cpo.request(Method::POST, "/api/v1/chargepoints", body, KEY)
        .await;
    let start = json!({
        "response_url": "http://127.0.0.1:9/", "location_id": "CP-1", "evse_uid": "CP-1-1",
        "token": {"uid": "T", "type": "APP_USER", "contract_id": "C"},
    });
    let mut station = cpo.connect("CP-1").await;
    station.boot().await;
    let path = format!("{BASE}/commands/START_SESSION");
    let answer = cpo.ocpi(&key, Method::POST, &path, Some(start)).await;
    assert_eq!(answer.body["data"]["result"], "ACCEPTED", "{answer:?}");
    let (id, _, payload) = station.next_call().await;
    station.answer(&id, json!({"status": "Accepted"})).await;
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let begun = station
        .start(1, payload["idTag"].as_str().unwrap(), &now, 0)
        .await;
    station.stop(&begun["transactionId"], &now, 0).await;
    let answer = cpo
        .ocpi(&key, Method::GET, &format!("{BASE}/cdrs"), None)
        .await;
    let cdr: &Value = &answer.body["data"][0];
    assert_eq!(faults("CDR", cdr, Extent::Whole), [], "{cdr:#}");
    assert_eq!(cdr["total_cost"]["excl_vat"], 0);
    assert_eq!(cdr["cdr_token"]["country_code"], "DE");
}
