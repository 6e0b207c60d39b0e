//! Locations and tariffs, as a partner pulls them.

use dynamo_protocol::ocpi::form::{Extent, faults};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, BASE, charge_point, cpo};
use crate::support::{KEY, Rig};

impl Rig {
    async fn register(&self, id: &str) {
        let body = Some(charge_point(id));
        let (status, answer) = self
            .request(Method::POST, "/api/v1/chargepoints", body, KEY)
            .await;
        assert_eq!(status, 201, "{answer}");
    }

    async fn locations(&self, token: &str, rest: &str) -> Answer {
        self.ocpi(token, Method::GET, &format!("{BASE}/locations{rest}"), None)
            .await
    }

    /// The status of an EVSE, once it is that.
    async fn evse_is(&self, token: &str, place: &str, status: &str) -> Value {
        let mut seen = Value::Null;
        for _ in 0..500 {
            seen = self.locations(token, place).await.body["data"].clone();
            if seen["status"] == status {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it is never {status}: {seen}");
    }
}

#[tokio::test]
async fn charge_points_become_locations_without_a_fault() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    cpo.register("CP-1").await;
    cpo.register("CP-2").await;
    let list = cpo.locations(&token, "").await;
    assert_eq!(list.header("x-total-count"), Some("2"));
    assert_eq!(list.header("x-limit"), Some("100"));
    assert_eq!(list.header("link"), None);
    let locations = list.body["data"].as_array().unwrap();
    for location in locations {
        assert_eq!(faults("Location", location, Extent::Whole), []);
    }
    assert_eq!(locations[0]["evses"].as_array().unwrap().len(), 2);
    assert_eq!(locations[0]["evses"][0]["status"], "UNKNOWN");
    assert_eq!(
        (&locations[0]["city"], &locations[0]["country"]),
        (&json!("London"), &json!("GBR"))
    );

    let one = cpo.locations(&token, "/cp-1").await;
    assert_eq!(one.body["data"], locations[0]);
    let evse = cpo.locations(&token, "/CP-1/cp-1-2").await;
    assert_eq!(evse.body["data"], locations[0]["evses"][1]);
    let connector = cpo.locations(&token, "/CP-1/CP-1-2/1").await;
    assert_eq!(
        connector.body["data"],
        locations[0]["evses"][1]["connectors"][0]
    );
    for unknown in [
        "/no-such",
        "/CP-1/no-such",
        "/CP-1/CP-2-1",
        "/CP-1/CP-1-1/99",
        "/a%2Fb",
        "/%FF",
    ] {
        assert_eq!(
            cpo.locations(&token, unknown).await.code().0,
            404,
            "{unknown}"
        );
    }

    let page = cpo.locations(&token, "?limit=1").await;
    let link = page.header("link").unwrap();
    assert_eq!(
        link,
        format!(
            "<{}?offset=1&limit=1>; rel=\"next\"",
            cpo.url("/ocpi/cpo/2.2.1/locations")
        )
    );
    let last = cpo.locations(&token, "/?offset=1&limit=1").await;
    assert_eq!(last.body["data"][0]["id"], "CP-2");
    assert_eq!(last.header("link"), None);
    assert_eq!(
        cpo.locations(&token, "?offset=9").await.body["data"],
        json!([])
    );
    for wrong in [
        "?limit=0",
        "?limit=abc",
        "?offset=-1",
        "?date_from=yesterday",
    ] {
        assert_eq!(
            cpo.locations(&token, wrong).await.code(),
            (200, 2001),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn an_evse_follows_its_connector_and_its_charge_point() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    cpo.register("CP-1").await;
    let before = cpo.locations(&token, "/CP-1").await.body["data"]["last_updated"].clone();
    let mut station = cpo.connect("CP-1").await;
    for (word, status) in [
        ("Available", "AVAILABLE"),
        ("Preparing", "CHARGING"),
        ("Faulted", "OUTOFORDER"),
        ("Unavailable", "INOPERATIVE"),
        ("Reserved", "RESERVED"),
    ] {
        let report = json!({"connectorId": 1, "status": word, "errorCode": "NoError"});
        station.call("StatusNotification", report).await.unwrap();
        let evse = cpo.evse_is(&token, "/CP-1/CP-1-1", status).await;
        let changed = evse["last_updated"].as_str().unwrap();
        let location = cpo.locations(&token, "/CP-1").await.body["data"].clone();
        assert!(location["last_updated"].as_str().unwrap() >= changed);
        // From then on, and not after.
        let filtered = cpo
            .locations(&token, &format!("?date_from={changed}"))
            .await;
        assert_eq!(filtered.body["data"].as_array().unwrap().len(), 1);
        let until = cpo.locations(&token, &format!("?date_to={changed}")).await;
        assert_eq!(until.body["data"], json!([]));
    }
    let after = cpo.locations(&token, "/CP-1").await.body["data"]["last_updated"].clone();
    assert!(after.as_str() > before.as_str());
    drop(station);
    cpo.evse_is(&token, "/CP-1/CP-1-1", "UNKNOWN").await;
}

#[tokio::test]
async fn a_charge_point_that_is_deleted_is_removed_and_stays_readable() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    cpo.register("CP-1").await;
    let installer = cpo.installer("a@example.com").await;
    cpo.installed("CP-1", "a@example.com", "Terra").await;
    let path = "/api/v1/installer/charge-points/CP-1";
    let (status, answer) = cpo.request(Method::DELETE, path, None, &installer).await;
    assert!(status.is_success(), "{answer}");
    let location = cpo.locations(&token, "/CP-1").await;
    assert_eq!(
        location.body["data"]["evses"][0]["status"], "REMOVED",
        "{location:?}"
    );
    cpo.register("CP-1").await;
    let location = cpo.locations(&token, "/CP-1").await.body["data"].clone();
    assert_eq!(location["evses"].as_array().unwrap().len(), 2);
    assert_eq!(location["evses"][0]["status"], "UNKNOWN");
}

#[tokio::test]
async fn a_tariff_is_shown_without_tax_and_its_connectors_name_it() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    cpo.register("CP-1").await;
    let tariff = json!({
        "currency": "EUR", "price_per_kwh": 0.42, "session_fee": 0.60, "idle_fee_per_minute": 0.06,
        "free_idle_minutes": 10,
    });
    let path = "/api/v1/chargepoints/CP-1/tariff";
    let (status, answer) = cpo.request(Method::PUT, path, Some(tariff), KEY).await;
    assert_eq!(status, 200, "{answer}");
    let list = cpo
        .ocpi(&token, Method::GET, &format!("{BASE}/tariffs"), None)
        .await;
    let tariff = &list.body["data"][0];
    assert_eq!(faults("Tariff", tariff, Extent::Whole), []);
    assert_eq!(tariff["elements"][0]["price_components"][0]["price"], 0.35);
    let location = cpo.locations(&token, "/CP-1").await;
    let connector = &location.body["data"]["evses"][0]["connectors"][0];
    assert_eq!(connector["tariff_ids"], json!([tariff["id"]]));
}
