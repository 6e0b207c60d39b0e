//! What partners are told of says when it was changed last, and leaves a tombstone when it is gone.

use dynamo_csms::store::ChargePointSetting;
use reqwest::Method;
use serde_json::json;

use crate::databases::{count, rigs};
use crate::evses::{group, registered};
use crate::support::{KEY, Rig};

const POINT: &str = "/api/v1/chargepoints/CP-1";

#[tokio::test]
async fn a_site_is_changed_by_what_stands_on_it_and_leaves_a_tombstone() {
    for rig in rigs().await {
        let site = registered(&rig).await;
        let touched = async |what: &str| {
            let text = "site where updated_at_ms > 0 and deleted_at_ms is null";
            assert_eq!(count(rig.database(), text).await, 1, "{what}");
            rig.execute("update site set updated_at_ms = 0").await;
        };
        touched("a charge point is registered").await;
        group(&rig, &[&[1, 2, 3]], KEY).await;
        touched("it is grouped").await;
        let name = json!({"name": "2"});
        rig.request(Method::PATCH, POINT, Some(name), KEY).await;
        touched("it is changed").await;
        let off = json!({"site_id": null});
        let (status, body) = rig.request(Method::PATCH, POINT, Some(off), KEY).await;
        assert_eq!(status, 200, "{body}");
        touched("it is moved away").await;
        let one = format!("/api/v1/sites/{site}");
        let new = json!({"name": "Court"});
        rig.request(Method::PUT, &one, Some(new), KEY).await;
        touched("it has another name").await;
        assert_eq!(rig.request(Method::DELETE, &one, None, KEY).await.0, 204);
        assert_eq!(rig.request(Method::DELETE, &one, None, KEY).await.0, 404);
        assert_eq!(rig.get(&one).await.0, 404);
        assert_eq!(rig.get("/api/v1/sites").await.1["total"], 0);
        let there = json!({"site_id": site});
        let (status, _) = rig.request(Method::PATCH, POINT, Some(there), KEY).await;
        assert_eq!(status, 400);
        let tombstone = "site where deleted_at_ms > 0 and updated_at_ms = deleted_at_ms";
        assert_eq!(count(rig.database(), tombstone).await, 1);
        rig.csms.shutdown().await;
    }
}

/// So many tariffs of that organization, so many of them gone, none of them changed before `since_ms`.
async fn tariffs(rig: &Rig, organization: &str, gone: i64) {
    for (condition, rows) in [("", 2), (" and deleted_at_ms is not null", gone)] {
        let text = format!(
            "tariff where organization_id = '{organization}' and updated_at_ms >= since_ms{condition}"
        );
        assert_eq!(count(rig.database(), &text).await, rows, "{text}");
    }
}

#[tokio::test]
async fn tariffs_go_with_their_charge_point_and_are_gone_with_it() {
    for rig in rigs().await {
        registered(&rig).await;
        for price in [0.3, 0.4] {
            let tariff = json!({"currency": "GBP", "price_per_kwh": price});
            let path = format!("{POINT}/tariff");
            let (status, body) = rig.request(Method::PUT, &path, Some(tariff), KEY).await;
            assert_eq!(status, 200, "{body}");
            rig.execute("update tariff set since_ms = since_ms - 1000")
                .await;
        }
        tariffs(&rig, "org_default", 0).await;
        rig.csms
            .store()
            .create_organization("org_2", "two")
            .await
            .unwrap();
        rig.set_charge_point(ChargePointSetting {
            id: "CP-1".into(),
            organization_id: Some("org_2".into()),
            ..ChargePointSetting::default()
        })
        .await;
        tariffs(&rig, "org_2", 0).await;
        let installer = rig.installer("i@acme.com").await;
        rig.execute(
            "update charge_point set organization_id = (select organization_id from account),
                 installer_id = (select id from account)",
        )
        .await;
        let path = "/api/v1/installer/charge-points/CP-1";
        assert_eq!(
            rig.request(Method::DELETE, path, None, &installer).await.0,
            204
        );
        tariffs(&rig, "org_2", 2).await;
        let grave = "charge_point where id = 'CP-1/deleted/1' and updated_at_ms = deleted_at_ms";
        assert_eq!(count(rig.database(), grave).await, 1);
        rig.csms.shutdown().await;
    }
}
