//! Projects: who may charge there, and how they come into their owner's hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use dynamo_csms::Clock;
use dynamo_csms::store::{NewApiKey, SCOPE_READ, SCOPE_WRITE, TagSetting};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::databases::rigs;
use crate::support::{KEY, Rig, rig};

const OWNER: &str = "facilities@riversidebp.com";
pub(crate) const PASSWORD: &str = "0wner-password";

pub(crate) async fn ask(
    rig: &Rig,
    method: Method,
    path: &str,
    body: Option<Value>,
    key: &str,
) -> (u16, Value) {
    let (status, body) = rig.request(method, path, body, key).await;
    (status.as_u16(), body)
}

pub(crate) async fn project(rig: &Rig, installer: &str) -> String {
    let body = json!({"name": "Riverside Business Park", "address": "12 Riverside Way",
        "site_owner_email": OWNER});
    let (status, made) = ask(
        rig,
        Method::POST,
        "/api/v1/installer/projects",
        Some(body),
        installer,
    )
    .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["status"], "in_progress");
    assert_eq!(
        made["features"],
        json!({"billing": false, "smart_charging": false})
    );
    made["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn charge_point(rig: &Rig, installer: &str, id: &str, project: &str) {
    let body = json!({"charge_point_id": id, "model": "M", "vendor": "V", "serial_number": "S",
        "project_id": project});
    let points = "/api/v1/installer/charge-points";
    assert_eq!(
        ask(rig, Method::POST, points, Some(body), installer)
            .await
            .0,
        201
    );
}

pub(crate) async fn invite(rig: &Rig, installer: &str, project: &str, email: &str) -> (u16, Value) {
    let body = json!({"email": email, "message": "Your charge points are ready.\nJ. Smith"});
    let path = format!("/api/v1/installer/projects/{project}/invite-site-owner");
    ask(rig, Method::POST, &path, Some(body), installer).await
}

pub(crate) async fn accept(rig: &Rig, token: &str) -> (u16, Value) {
    let body = json!({"token": token, "name": "Facilities", "password": PASSWORD});
    let path = "/api/v1/invitations/accept";
    ask(rig, Method::POST, path, Some(body), "").await
}

/// Recipient and text of the mails that wait.
async fn mails(rig: &Rig) -> Vec<(String, String)> {
    let query = "select recipient, body from outbox where kind = 'mail' order by id";
    let address = rig.database();
    if address.starts_with("postgres") {
        let mut connection = PgConnection::connect(address).await.unwrap();
        sqlx::query_as(query)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = SqliteConnection::connect(address).await.unwrap();
        sqlx::query_as(query)
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }
}

/// A clock that can be put ahead.
pub(crate) fn ahead(ms: Arc<AtomicI64>) -> Clock {
    let system = Clock::default();
    Clock::new(move || system.now_ms() + ms.load(Relaxed))
}

pub(crate) async fn token(rig: &Rig) -> String {
    let (_, body) = mails(rig).await.pop().unwrap();
    let link = body.lines().find(|line| line.starts_with("http")).unwrap();
    let (page, token) = link.split_once("?token=").unwrap();
    assert_eq!(page, rig.url("/invitations/accept"));
    token.to_owned()
}

#[tokio::test]
async fn a_project_is_handed_over_to_an_owner_who_reads_it() {
    for rig in rigs().await {
        let installer = rig.installer("a@acme.example").await;
        let id = project(&rig, &installer).await;
        charge_point(&rig, &installer, "CP-1", &id).await;
        charge_point(&rig, &installer, "CP-2", &project(&rig, &installer).await).await;
        for point in ["CP-1", "CP-2"] {
            let mut cp = rig.connect(point).await;
            cp.boot().await;
            cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await;
        }
        let (status, invited) = invite(&rig, &installer, &id, OWNER).await;
        assert_eq!((status, &invited["email"]), (201, &json!(OWNER)));
        assert!(
            invited["invitation_id"]
                .as_str()
                .unwrap()
                .starts_with("inv_")
        );
        assert!(invited["expires_at"].is_string());
        let mail = mails(&rig).await.pop().unwrap();
        assert_eq!(mail.0, OWNER);
        assert!(
            mail.1.contains("are ready.\nJ. Smith") && mail.1.contains("Riverside Business Park")
        );

        let path = format!("/api/v1/installer/projects/{id}/complete-handover");
        let sign_off =
            json!({"sign_off_notes": "All connectors tested.", "installer_signature": "J. Smith"});
        let (status, done) = ask(
            &rig,
            Method::POST,
            &path,
            Some(sign_off.clone()),
            &installer,
        )
        .await;
        assert_eq!((status, &done["status"]), (200, &json!("handed_over")));
        assert_eq!(done["project_id"], json!(id));
        assert_eq!(
            done["features"],
            json!({"billing": true, "smart_charging": true})
        );
        assert_eq!(done["warnings"], json!(["invitation_not_accepted"]));

        let token = token(&rig).await;
        let (status, accepted) = accept(&rig, &token).await;
        assert_eq!(status, 200, "{accepted}");
        assert_eq!(
            (&accepted["role"], &accepted["project_id"]),
            (&json!("site_owner"), &json!(id))
        );
        assert_eq!(accept(&rig, &token).await.1["code"], "already_accepted");
        assert_eq!(
            invite(&rig, &installer, &id, "x@y.example").await.1["code"],
            "already_accepted"
        );
        let (_, again) = ask(&rig, Method::POST, &path, Some(sign_off), &installer).await;
        assert_eq!(again["warnings"], json!([]));
        assert_eq!(again["completed_at"], done["completed_at"]);

        let owner = rig.log_in(OWNER, PASSWORD).await;
        let read = |path: String| {
            let (rig, owner) = (&rig, owner.clone());
            async move { ask(rig, Method::GET, &path, None, &owner).await }
        };
        let base = format!("/api/v1/projects/{id}");
        let (status, shown) = read(base.clone()).await;
        assert_eq!((status, &shown["status"]), (200, &json!("handed_over")));
        assert_eq!(shown["site_owner_accepted"], true);
        assert_eq!(shown["installer_signature"], "J. Smith");
        let (_, list) = read("/api/v1/projects".into()).await;
        assert_eq!(list["total"], 1);
        let (_, points) = read(format!("{base}/charge-points")).await;
        assert_eq!(points["total"], 1);
        assert_eq!(points["charge_points"][0]["charge_point_id"], "CP-1");
        let (_, transactions) = read(format!("{base}/transactions")).await;
        assert_eq!(transactions["total"], 1);
        assert_eq!(transactions["transactions"][0]["charge_point_id"], "CP-1");
        assert_eq!(read(format!("{base}/access")).await.0, 200);
        let tariff = json!({"currency": "GBP", "price_per_kwh": 0.35});
        let (_, set) = ask(
            &rig,
            Method::PUT,
            &format!("{base}/tariff"),
            Some(tariff.clone()),
            KEY,
        )
        .await;
        assert_eq!(read(format!("{base}/tariff")).await, (200, set));
        for path in [
            format!("{base}/charge-points?page=0"),
            "/api/v1/projects?per_page=0".into(),
        ] {
            assert_eq!(read(path).await.0, 400);
        }
        // Reading is all: what an installer or a key does is not the owner's.
        let (points, access) = ("/api/v1/installer/charge-points", format!("{base}/access"));
        for (method, path, body) in [
            (Method::GET, points, None),
            (Method::GET, "/api/v1/ocpp16/transactions", None),
            (Method::GET, "/api/v1/sites", None),
            (Method::PUT, &format!("{base}/tariff"), Some(tariff)),
            (
                Method::PUT,
                access.as_str(),
                Some(json!({"policy": "open"})),
            ),
        ] {
            assert_eq!(ask(&rig, method, path, body, &owner).await.0, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn an_owner_of_two_projects_has_one_account() {
    let rig = rig().await;
    let installer = rig.installer("a@acme.example").await;
    for email in [OWNER, "Facilities@RiversideBP.com"] {
        let id = project(&rig, &installer).await;
        invite(&rig, &installer, &id, email).await;
        assert_eq!(accept(&rig, &token(&rig).await).await.0, 200);
    }
    let owner = rig.log_in(OWNER, PASSWORD).await;
    let (_, list) = ask(&rig, Method::GET, "/api/v1/projects", None, &owner).await;
    assert_eq!(list["total"], 2);
    // An installer's address cannot own a site, and nothing is used up by trying.
    let id = project(&rig, &installer).await;
    invite(&rig, &installer, &id, "A@acme.example").await;
    let token = token(&rig).await;
    for _ in 0..2 {
        let (status, refused) = accept(&rig, &token).await;
        assert_eq!((status, &refused["code"]), (409, &json!("already_exists")));
    }
}

#[tokio::test]
async fn an_invitation_is_over_after_seven_days() {
    let ahead_ms = Arc::new(AtomicI64::new(0));
    let clock = ahead_ms.clone();
    let rig = crate::support::rig_with(|options| options.clock = ahead(clock)).await;
    let installer = rig.installer("a@acme.example").await;
    let id = project(&rig, &installer).await;
    invite(&rig, &installer, &id, OWNER).await;
    let token = token(&rig).await;
    ahead_ms.store(7 * 24 * 3_600_000, Relaxed);
    let (status, refused) = accept(&rig, &token).await;
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("invitation_expired"))
    );
    ahead_ms.store(7 * 24 * 3_600_000 - 60_000, Relaxed);
    assert_eq!(accept(&rig, &token).await.0, 200);
    assert_eq!(accept(&rig, "wrong").await.0, 404);
    let page = rig
        .client()
        .get(rig.url("/invitations/accept?token=x"))
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("<form>"));
}

#[tokio::test]
async fn a_list_of_tags_closes_the_points_of_a_project() {
    for rig in rigs().await {
        let installer = rig.installer("a@acme.example").await;
        let id = project(&rig, &installer).await;
        charge_point(&rig, &installer, "CP-1", &id).await;
        rig.set_tag(TagSetting::accepted("OTHER")).await;
        let mut inside = rig.connect("CP-1").await;
        let mut outside = rig.connect("CP-2").await;
        inside.boot().await;
        outside.boot().await;
        let path = format!("/api/v1/projects/{id}/access");
        let open = json!({"policy": "open", "id_tags": []});
        assert_eq!(ask(&rig, Method::GET, &path, None, KEY).await, (200, open));
        let list = json!({"policy": "list", "id_tags": ["tag", "NOBODY"]});
        for key in [KEY, installer.as_str()] {
            let set = ask(&rig, Method::PUT, &path, Some(list.clone()), key).await;
            assert_eq!(set, (200, list.clone()));
            assert_eq!(
                ask(&rig, Method::GET, &path, None, key).await,
                (200, list.clone())
            );
        }
        for (tag, status) in [
            ("TAG", "Accepted"),
            ("OTHER", "Invalid"),
            ("NOBODY", "Invalid"),
        ] {
            let answer = inside
                .call("Authorize", json!({"idTag": tag}))
                .await
                .unwrap();
            assert_eq!(answer["idTagInfo"]["status"], status, "{tag}");
        }
        let answer = outside
            .call("Authorize", json!({"idTag": "OTHER"}))
            .await
            .unwrap();
        assert_eq!(answer["idTagInfo"]["status"], "Accepted");
        let started = inside.start(1, "OTHER", "2026-01-01T10:00:00Z", 0).await;
        assert_eq!(started["idTagInfo"]["status"], "Invalid");
        let stop = json!({"transactionId": started["transactionId"], "timestamp": "2026-01-01T11:00:00Z",
            "meterStop": 1, "idTag": "OTHER"});
        let stopped = inside.call("StopTransaction", stop).await.unwrap();
        assert_eq!(stopped["idTagInfo"]["status"], "Invalid");
        // Opened again, the list is kept.
        let (_, set) = ask(
            &rig,
            Method::PUT,
            &path,
            Some(json!({"policy": "open", "id_tags": ["tag"]})),
            KEY,
        )
        .await;
        assert_eq!(set["id_tags"], json!(["tag"]));
        let answer = inside
            .call("Authorize", json!({"idTag": "OTHER"}))
            .await
            .unwrap();
        assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    }
}

#[tokio::test]
async fn a_list_keeps_unknown_tags_out_where_they_are_let_in() {
    let rig = crate::support::rig_with(|options| options.accept_unknown.tags = true).await;
    let installer = rig.installer("a@acme.example").await;
    let id = project(&rig, &installer).await;
    charge_point(&rig, &installer, "CP-1", &id).await;
    let path = format!("/api/v1/projects/{id}/access");
    let list = json!({"policy": "list", "id_tags": ["LISTED"]});
    ask(&rig, Method::PUT, &path, Some(list), KEY).await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    for (tag, status) in [("STRANGER", "Invalid"), ("LISTED", "Accepted")] {
        let answer = cp.call("Authorize", json!({"idTag": tag})).await.unwrap();
        assert_eq!(answer["idTagInfo"]["status"], status, "{tag}");
    }
}

#[tokio::test]
async fn projects_are_their_owners_alone_and_bodies_are_checked() {
    let rig = rig().await;
    let store = rig.csms.store();
    store
        .create_organization("org_other", "Other")
        .await
        .unwrap();
    let other = NewApiKey::generate("org_other", vec![SCOPE_WRITE.to_owned()]);
    let reader = NewApiKey::generate("org_default", vec![SCOPE_READ.to_owned()]);
    store.create_api_key(other.clone()).await.unwrap();
    store.create_api_key(reader.clone()).await.unwrap();
    let ours = rig.installer("a@acme.example").await;
    let theirs = rig.installer("b@acme.example").await;
    let id = project(&rig, &ours).await;
    let base = format!("/api/v1/projects/{id}");
    let open = json!({"policy": "open"});
    for (method, path, body) in [
        (Method::GET, base.clone(), None),
        (Method::GET, format!("{base}/charge-points"), None),
        (Method::GET, format!("{base}/transactions"), None),
        (Method::GET, format!("{base}/access"), None),
        (Method::PUT, format!("{base}/access"), Some(open.clone())),
    ] {
        for (key, status) in [
            (&other.key, 404),
            (&theirs, 404),
            (&"x".to_owned(), 401),
            (&ours, 200),
        ] {
            let answer = ask(&rig, method.clone(), &path, body.clone(), key).await;
            assert_eq!(answer.0, status, "{method} {path}");
        }
    }
    let access = format!("{base}/access");
    assert_eq!(
        ask(&rig, Method::PUT, &access, Some(open), &reader.key)
            .await
            .0,
        403
    );
    for (body, field) in [
        (json!({}), "policy"),
        (json!({"policy": "closed"}), "policy"),
        (
            json!({"policy": "list", "id_tags": ["x".repeat(256)]}),
            "id_tags[0]",
        ),
    ] {
        let (status, answer) = ask(&rig, Method::PUT, &access, Some(body), KEY).await;
        assert_eq!(
            (status, &answer["details"][0]["field"]),
            (400, &json!(field))
        );
    }
    for name in ["invite-site-owner", "complete-handover"] {
        let path = format!("/api/v1/installer/projects/{id}/{name}");
        let good = json!({"email": OWNER, "installer_signature": "J"});
        for (key, status) in [(KEY, 403), (&theirs, 404), ("x", 401)] {
            let answer = ask(&rig, Method::POST, &path, Some(good.clone()), key).await;
            assert_eq!(answer.0, status, "{name}");
        }
        let bad = json!({"email": "nobody", "installer_signature": ""});
        assert_eq!(
            ask(&rig, Method::POST, &path, Some(bad), &ours).await.0,
            400,
            "{name}"
        );
    }
    assert!(mails(&rig).await.is_empty());
    for body in [
        json!({}),
        json!({"token": "t", "name": "N", "password": "short"}),
    ] {
        let path = "/api/v1/invitations/accept";
        assert_eq!(ask(&rig, Method::POST, path, Some(body), "").await.0, 400);
    }
}

#[tokio::test]
async fn the_newest_invitation_is_the_only_one_and_twenty_are_enough_for_a_day() {
    let ahead_ms = Arc::new(AtomicI64::new(0));
    let mut rigs = Vec::new();
    let databases = [None, crate::databases::postgres().await];
    for (number, database) in databases.into_iter().enumerate() {
        if number > 0 && database.is_none() {
            continue;
        }
        let clock = ahead_ms.clone();
        let rig = crate::support::rig_with(|options| {
            options.clock = ahead(clock);
            if let Some(address) = database {
                options.database = address;
            }
        });
        rigs.push(rig.await);
    }
    for rig in rigs {
        ahead_ms.store(0, Relaxed);
        let installer = rig.installer("a@acme.example").await;
        let id = project(&rig, &installer).await;
        invite(&rig, &installer, &id, OWNER).await;
        let first = token(&rig).await;
        invite(&rig, &installer, &id, "next@riversidebp.com").await;
        let second = token(&rig).await;
        let (status, refused) = accept(&rig, &first).await;
        assert_eq!((status, &refused["code"]), (404, &json!("not_found")));
        assert_eq!(accept(&rig, &second).await.0, 200);
        assert_eq!(accept(&rig, &first).await.0, 404);
        // What was accepted does not count, what was voided does, and projects count together.
        let (one, other) = (
            project(&rig, &installer).await,
            project(&rig, &installer).await,
        );
        for number in 0..19 {
            let project = if number % 2 == 0 { &one } else { &other };
            let answer = invite(&rig, &installer, project, OWNER).await;
            assert_eq!(answer.0, 201, "{number}");
        }
        let (status, refused) = invite(&rig, &installer, &one, OWNER).await;
        let code = &refused["code"];
        assert_eq!((status, code), (422, &json!("too_many_invitations")));
        assert_eq!(mails(&rig).await.len(), 21);
        let colleague = rig.installer("b@acme.example").await;
        let theirs = project(&rig, &colleague).await;
        assert_eq!(invite(&rig, &colleague, &theirs, OWNER).await.0, 201);
        ahead_ms.store(23 * 3_600_000, Relaxed);
        assert_eq!(invite(&rig, &installer, &one, OWNER).await.0, 422);
        ahead_ms.store(24 * 3_600_000 + 60_000, Relaxed);
        let installer = rig.log_in("a@acme.example", "s3cur3P@ssword!").await;
        assert_eq!(invite(&rig, &installer, &one, OWNER).await.0, 201);
    }
}
