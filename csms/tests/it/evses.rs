//! EVSEs above connectors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::databases::{count, rigs};
use crate::support::{KEY, Rig, new_key};

const EVSES: &str = "/api/v1/chargepoints/CP-1/evses";

/// A charge point with three connectors on a site, whose id is returned.
pub(crate) async fn registered(rig: &Rig) -> String {
    let site = json!({"name": "Yard", "address": "1 Yard"});
    let (_, site) = rig
        .request(Method::POST, "/api/v1/sites", Some(site), KEY)
        .await;
    let body = json!({"charge_point_id": "CP-1", "name": "1", "latitude": 1.0, "longitude": 1.0,
        "connector_count": 3, "site_id": site["id"]});
    let path = "/api/v1/chargepoints";
    let (status, body) = rig.request(Method::POST, path, Some(body), KEY).await;
    assert_eq!(status, 201, "{body}");
    site["id"].as_str().unwrap().to_owned()
}

fn grouping(groups: &[&[i64]]) -> Value {
    let evses = groups.iter().map(|group| {
        let connectors = group
            .iter()
            .map(|number| json!({"ocpp16_connector_id": number}));
        json!({"connectors": connectors.collect::<Vec<_>>()})
    });
    json!({"evses": evses.collect::<Vec<_>>()})
}

pub(crate) async fn group(rig: &Rig, groups: &[&[i64]], key: &str) -> (u16, Value) {
    let answer = rig.request(Method::PUT, EVSES, Some(grouping(groups)), key);
    let (status, body) = answer.await;
    (status.as_u16(), body)
}

/// The numbers of 1.6 by EVSE.
fn numbers(body: &Value) -> Vec<(i64, Vec<i64>)> {
    let evses = body["evses"].as_array().unwrap().iter();
    let numbers = evses.map(|evse| {
        let connectors = evse["connectors"].as_array().unwrap().iter();
        let numbers = connectors.map(|one| one["ocpp16_connector_id"].as_i64().unwrap());
        (evse["evse_id"].as_i64().unwrap(), numbers.collect())
    });
    numbers.collect()
}

#[tokio::test]
async fn connectors_are_grouped_and_grouped_anew() {
    for rig in rigs().await {
        registered(&rig).await;
        let plain = [(1, vec![1]), (2, vec![2]), (3, vec![3])];
        assert_eq!(numbers(&rig.get(EVSES).await.1), plain);
        let (status, body) = group(&rig, &[&[3, 1], &[2]], KEY).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(numbers(&body), [(1, vec![3, 1]), (2, vec![2])]);
        // The same again changes nothing, not even a time.
        assert_eq!(group(&rig, &[&[3, 1], &[2]], KEY).await.1, body);
        // One that was not known is an EVSE of its own.
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        cp.status(4, "Available", None).await;
        let known = [(1, vec![3, 1]), (2, vec![2]), (4, vec![4])];
        assert_eq!(numbers(&rig.get(EVSES).await.1), known);
        let (status, body) = group(&rig, &[&[1, 2, 3]], KEY).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(body["details"][0]["field"], "evses");
        let (status, body) = group(&rig, &[&[1, 2, 3, 4]], KEY).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(numbers(&body), [(1, vec![1, 2, 3, 4])]);
        // 2, 3 and 4 are no more, and whoever was told of them can be told so.
        assert_eq!(
            count(rig.database(), "evse where deleted_at_ms > 0").await,
            3
        );
        let (_, body) = group(&rig, &[&[1], &[2], &[3], &[4]], KEY).await;
        assert_eq!(numbers(&body).len(), 4);
        assert_eq!(
            count(rig.database(), "evse where deleted_at_ms > 0").await,
            0
        );
        rig.csms.shutdown().await;
    }
}

#[tokio::test]
async fn evses_are_for_whoever_has_the_charge_point() {
    for rig in rigs().await {
        registered(&rig).await;
        let stranger = new_key(
            &rig,
            "org_other",
            &["read:charge_points", "write:charge_points"],
        )
        .await;
        let reader = new_key(&rig, "org_default", &["read:charge_points"]).await;
        for (key, seen, grouped) in [
            (stranger.as_str(), 404, 404),
            (&reader, 200, 403),
            ("no", 401, 401),
        ] {
            assert_eq!(rig.request(Method::GET, EVSES, None, key).await.0, seen);
            assert_eq!(group(&rig, &[&[1, 2, 3]], key).await.0, grouped);
        }
        assert_eq!(numbers(&rig.get(EVSES).await.1).len(), 3);
        // An installer has what they registered.
        let installer = rig.installer("i@acme.com").await;
        assert_eq!(group(&rig, &[&[1, 2, 3]], &installer).await.0, 404);
        rig.execute("update charge_point set installer_id = (select id from account)")
            .await;
        assert_eq!(group(&rig, &[&[1, 2, 3]], &installer).await.0, 200);
        rig.csms.shutdown().await;
    }
}

#[tokio::test]
async fn a_transaction_says_the_evse_that_its_connector_was_put_into() {
    for rig in rigs().await {
        registered(&rig).await;
        assert_eq!(group(&rig, &[&[3, 1], &[2]], KEY).await.0, 200);
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        for (connector, evse) in [(1, 1), (2, 2), (3, 1), (4, 4)] {
            cp.start(connector, "TAG", "2026-01-01T10:00:00Z", 0).await;
            let there =
                format!("charge_transaction where connector_id = {connector} and evse_id = {evse}");
            assert_eq!(count(rig.database(), &there).await, 1, "{connector}");
        }
        rig.csms.shutdown().await;
    }
}

#[tokio::test]
async fn a_connector_is_as_new_as_what_it_is() {
    for rig in rigs().await {
        registered(&rig).await;
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        for (status, is_new) in [
            ("Available", true),
            ("Available", false),
            ("Preparing", true),
            ("Charging", true),
            ("Charging", false),
            ("Faulted", true),
        ] {
            rig.execute("update connector set changed_at_ms = 5").await;
            cp.status(1, status, None).await;
            let news = "connector where connector_id = 1 and changed_at_ms > 5";
            let found = count(rig.database(), news).await;
            assert_eq!(found == 1, is_new, "{status}");
        }
        rig.csms.shutdown().await;
    }
}
