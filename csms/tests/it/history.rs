//! What happened stays with whom it happened for: transactions after a charge point was moved, given to another
//! organization, or deleted.

use std::sync::atomic::Ordering::Relaxed;

use dynamo_csms::store::ChargePointSetting;
use reqwest::Method;
use serde_json::{Value, json};

use crate::databases::count;
use crate::late_starts::{earlier, minutes, session};
use crate::projects::{PASSWORD, accept, ask, charge_point, invite, project, token};
use crate::support::{KEY, Rig, new_key};

const TRANSACTIONS: &str = "/api/v1/ocpp16/transactions";

/// A project that was handed over, and the token of its site owner.
async fn handed_over(rig: &Rig, installer: &str, owner: &str) -> (String, String) {
    let id = project(rig, installer).await;
    assert_eq!(invite(rig, installer, &id, owner).await.0, 201);
    assert_eq!(accept(rig, &token(rig).await).await.0, 200);
    let path = format!("/api/v1/installer/projects/{id}/complete-handover");
    let sign_off = Some(json!({"installer_signature": "Ada"}));
    assert_eq!(
        ask(rig, Method::POST, &path, sign_off, installer).await.0,
        200
    );
    (id, rig.log_in(owner, PASSWORD).await)
}

async fn set_price(rig: &Rig, project: &str, price: f64) {
    let path = format!("/api/v1/projects/{project}/tariff");
    let tariff = Some(json!({"currency": "GBP", "price_per_kwh": price}));
    assert_eq!(ask(rig, Method::PUT, &path, tariff, KEY).await.0, 200);
}

/// Id tags of the transactions at a path, and what they cost.
async fn listed(rig: &Rig, path: &str, key: &str) -> Vec<(Value, Value)> {
    let (status, body) = ask(rig, Method::GET, path, None, key).await;
    assert_eq!(status, 200, "{body}");
    let all = body["transactions"].as_array().unwrap();
    assert_eq!(body["total"], all.len());
    all.iter()
        .map(|one| (one["id_tag"].clone(), one["cost"].clone()))
        .collect()
}

#[tokio::test]
async fn a_transaction_stays_in_the_project_that_it_was_made_in() {
    for (rig, clock) in earlier().await {
        let installer = rig.installer("a@acme.example").await;
        let (first, first_owner) = handed_over(&rig, &installer, "one@example.com").await;
        let (second, second_owner) = handed_over(&rig, &installer, "two@example.com").await;
        set_price(&rig, &first, 0.1).await;
        set_price(&rig, &second, 0.2).await;
        charge_point(&rig, &installer, "CP-1", &first).await;
        for tag in ["A", "B", "C"] {
            rig.set_tag(dynamo_csms::store::TagSetting::accepted(tag))
                .await;
        }
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        clock.store(-120 * 60_000, Relaxed);
        session(&rig, &mut cp, "CP-1", (1, "A", &minutes(-130)), 10_000).await;
        let body = Some(json!({"project_id": second}));
        let path = "/api/v1/installer/charge-points/CP-1";
        assert_eq!(ask(&rig, Method::PUT, path, body, &installer).await.0, 200);
        clock.store(0, Relaxed);
        // Claims after the move: begun before it, and after it.
        session(&rig, &mut cp, "CP-1", (1, "B", &minutes(-125)), 10_000).await;
        session(&rig, &mut cp, "CP-1", (1, "C", &minutes(-60)), 10_000).await;
        let a_and_b = vec![(json!("A"), json!(1.0)), (json!("B"), json!(1.0))];
        let c = vec![(json!("C"), json!(2.0))];
        let of = |project: &str| format!("/api/v1/projects/{project}/transactions");
        for key in [KEY, installer.as_str()] {
            assert_eq!(listed(&rig, &of(&first), key).await, a_and_b);
            assert_eq!(listed(&rig, &of(&second), key).await, c);
            assert_eq!(listed(&rig, TRANSACTIONS, key).await.len(), 3);
        }
        assert_eq!(listed(&rig, &of(&first), &first_owner).await, a_and_b);
        assert_eq!(listed(&rig, &of(&second), &second_owner).await, c);
        assert_eq!(
            ask(&rig, Method::GET, &of(&first), None, &second_owner)
                .await
                .0,
            404
        );
        // What is deleted is still theirs.
        drop(cp);
        rig.until_offline("CP-1").await;
        assert_eq!(
            ask(&rig, Method::DELETE, path, None, &installer).await.0,
            204
        );
        assert_eq!(listed(&rig, &of(&first), &first_owner).await, a_and_b);
        assert_eq!(listed(&rig, &of(&second), &second_owner).await, c);
    }
}

#[tokio::test]
async fn a_transaction_stays_with_the_organization_that_it_was_made_in() {
    for (rig, clock) in earlier().await {
        let installer = rig.installer("a@acme.example").await;
        let id = project(&rig, &installer).await;
        charge_point(&rig, &installer, "CP-1", &id).await;
        let other = new_key(
            &rig,
            "org_2",
            &["read:charge_points", "write:charge_points"],
        )
        .await;
        for key in [KEY, other.as_str()] {
            let events = json!([
                "transaction.started",
                "transaction.updated",
                "transaction.stopped"
            ]);
            let body = Some(json!({"url": "https://192.0.2.1/", "events": events}));
            let made = ask(&rig, Method::POST, "/api/v1/webhooks", body, key).await;
            assert_eq!(made.0, 201, "{made:?}");
        }
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        clock.store(-120 * 60_000, Relaxed);
        let open = cp.start(1, "TAG", &minutes(-130), 0).await;
        clock.store(0, Relaxed);
        rig.set_charge_point(ChargePointSetting {
            id: "CP-1".into(),
            organization_id: Some("org_2".into()),
            ..ChargePointSetting::default()
        })
        .await;
        drop(cp);
        rig.until_offline("CP-1").await;
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        let path = "/api/v1/ocpp16/active_transactions/CP-1";
        let (_, active) = ask(&rig, Method::GET, path, None, &other).await;
        assert_eq!(active["total"], 0);
        let id = &open["transactionId"];
        cp.meter(id, &minutes(-125), "1000").await;
        cp.stop(id, &minutes(-120), 2_000).await;
        // Begun before, told after.
        let late = cp.start(1, "TAG", &minutes(-110), 0).await;
        assert_eq!(late["idTagInfo"]["status"], "Invalid");
        cp.start(2, "THEIRS", &minutes(0), 0).await;
        let tags = async |key: &str| {
            let all = listed(&rig, TRANSACTIONS, key).await;
            all.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>()
        };
        assert_eq!(tags(KEY).await, ["TAG", "TAG"]);
        assert_eq!(tags(&installer).await, ["TAG", "TAG"]);
        assert_eq!(tags(&other).await, ["THEIRS"]);
        let told = async |organization: &str, kind: &str| {
            let of = format!(
                "outbox o join webhook w on w.id = o.recipient
                 where w.organization_id = '{organization}' and o.body like '%\"{kind}\"%'"
            );
            count(rig.database(), &of).await
        };
        for (organization, started, updated, stopped) in
            [("org_default", 2, 1, 1), ("org_2", 1, 0, 0)]
        {
            let found = (
                told(organization, "transaction.started").await,
                told(organization, "transaction.updated").await,
                told(organization, "transaction.stopped").await,
            );
            assert_eq!(found, (started, updated, stopped), "{organization}");
        }
    }
}
