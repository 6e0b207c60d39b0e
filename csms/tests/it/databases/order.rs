//! Lists have one order, that of bytes, on every database and in every locale: pages are asked for by the last id of
//! the page before.

use dynamo_csms::store::TagSetting;
use reqwest::Method;
use serde_json::{Value, json};

use super::{postgres_of_another_locale, rigs};
use crate::support::{KEY, Rig, rig_with};

/// In the order of their bytes, which no language has.
const IDS: [&str; 6] = ["A1", "B", "a-1", "a1", "b", "cp_a"];

async fn register(rig: &Rig) {
    for id in IDS.iter().rev() {
        let body = json!({"charge_point_id": id, "name": id, "latitude": 0.0, "longitude": 0.0});
        let (status, body) = rig
            .request(Method::POST, "/api/v1/chargepoints", Some(body), KEY)
            .await;
        assert_eq!(status, 201, "{body}");
        rig.set_tag(TagSetting::accepted(format!("T-{id}"))).await;
    }
}

/// The value of a member in every element of a list.
fn each(list: &Value, member: &str) -> Vec<String> {
    let list = list.as_array().unwrap();
    let values = list.iter().map(|one| one[member].as_str().unwrap());
    values.map(str::to_owned).collect()
}

#[tokio::test]
async fn lists_are_in_the_order_of_bytes_in_any_locale() {
    let mut rigs = rigs().await;
    if let Some(address) = postgres_of_another_locale().await {
        rigs.push(rig_with(|options| options.database = address).await);
    }
    for rig in rigs {
        register(&rig).await;
        let (_, found) = rig.get("/api/v1/ocpp16/charge_points/status").await;
        assert_eq!(each(&found["charge_points"], "charge_point_id"), IDS);
        // All of them are equally far away: by id then.
        let search = "/api/v1/chargepoints/search?latitude=0&longitude=0&radius_km=1";
        let (_, found) = rig.get(search).await;
        assert_eq!(each(&found["charge_points"], "charge_point_id"), IDS);
        rig.csms.shutdown().await;
    }
}
