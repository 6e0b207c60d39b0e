use dynamo_csms::store::{ChargePointSetting, NewApiKey, SCOPE_READ, SCOPE_WRITE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::databases::rigs;
use crate::support::{KEY, rig};

#[tokio::test]
async fn health_readiness_and_metrics_need_no_key() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    cp.boot().await;
    for path in ["/healthz", "/readyz"] {
        let response = rig.client().get(rig.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let response = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains("dynamo_csms_connections 1\n"), "{text}");
    let boots = "dynamo_csms_calls_received_total{action=\"BootNotification\",outcome=\"ok\"} 1";
    assert!(text.contains(boots), "{text}");
    assert!(!text.contains("CP-1"));
    assert!(text.contains("# HELP dynamo_csms_connections "));
}

#[tokio::test]
async fn the_figures_say_what_is_open_and_count_requests_by_route() {
    for rig in rigs().await {
        let mut cp = rig.connect("CP-1").await;
        cp.boot().await;
        cp.start(1, "TAG", "2026-01-01T10:00:00Z", 0).await;
        for id in ["NOBODY", "NOBODY-ELSE"] {
            let path = format!("/api/v1/ocpp16/charge_points/{id}/deviations");
            assert_eq!(rig.get(&path).await.0, StatusCode::NOT_FOUND);
        }
        let made_up = Method::from_bytes(b"BREW").unwrap();
        for path in ["/nowhere", "/made/up"] {
            rig.request(made_up.clone(), path, None, KEY).await;
        }
        let asked = rig.client().get(rig.url("/metrics"));
        let accepted = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        let response = asked.header("accept", accepted).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("application/openmetrics-text;"), "{kind}");
        let page = response.text().await.unwrap();
        assert!(page.ends_with("# EOF\n"), "{page}");
        let deviations = "/api/v1/ocpp16/charge_points/{charge_point_id}/deviations";
        for line in [
            "dynamo_csms_transactions_open 1".to_owned(),
            "dynamo_csms_guest_sessions_open 0".to_owned(),
            "dynamo_csms_outbox_waiting 0".to_owned(),
            "dynamo_csms_answer_seconds_count{action=\"StartTransaction\"} 1".to_owned(),
            format!(
                "dynamo_csms_http_requests_total{{method=\"GET\",route=\"{deviations}\",status=\"404\"}} 2"
            ),
            format!("dynamo_csms_http_seconds_count{{route=\"{deviations}\"}} 2"),
            "dynamo_csms_http_requests_total{method=\"other\",route=\"other\",status=\"404\"} 2"
                .to_owned(),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}

#[tokio::test]
async fn errors_have_one_shape_on_every_path() {
    let rig = rig().await;
    let send = "/api/v1/ocpp16/send_command";
    let big = "x".repeat(1024 * 1024 + 1);
    let post = |kind: &str, body: String| {
        rig.client()
            .post(rig.url(send))
            .bearer_auth(KEY)
            .header("content-type", kind)
            .body(body)
    };
    let get = |path: &str| rig.client().get(rig.url(path)).bearer_auth(KEY);
    let json_type = "application/json";
    for (request, status, code) in [
        (get("/nowhere"), 404, "not_found"),
        (get("/api/v1/nowhere"), 404, "not_found"),
        (get(send), 405, "method_not_allowed"),
        (
            rig.client().post(rig.url("/healthz")),
            405,
            "method_not_allowed",
        ),
        (post(json_type, "{".into()), 400, "validation_error"),
        (post(json_type, "[]".into()), 400, "validation_error"),
        (post(json_type, "{}".into()), 400, "validation_error"),
        (
            post(json_type, r#" ["CP-1","ClearCache",{}]"#.into()),
            400,
            "validation_error",
        ),
        (post(json_type, "\"{}\"".into()), 400, "validation_error"),
        (
            post("text/plain", "{}".into()),
            415,
            "unsupported_media_type",
        ),
        (post(json_type, big), 413, "payload_too_large"),
        (rig.client().post(rig.url(send)), 401, "unauthorized"),
        (
            get("/api/v1/ocpp16/transactions?page=0"),
            400,
            "validation_error",
        ),
        (
            get("/api/v1/ocpp16/transactions?from=x"),
            400,
            "validation_error",
        ),
        (
            get("/api/v1/ocpp16/charge_points/status?status=x"),
            400,
            "validation_error",
        ),
        (
            get("/api/v1/ocpp16/active_transactions/NOBODY"),
            404,
            "not_found",
        ),
        (
            get("/api/v1/ocpp16/active_transactions/A%00"),
            404,
            "not_found",
        ),
        (
            get("/api/v1/ocpp16/transactions?charge_point_id=A%00"),
            400,
            "validation_error",
        ),
        (
            get("/api/v1/ocpp16/transactions?id_tag=A%00"),
            400,
            "validation_error",
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{}", response.url());
        if status == 405 {
            assert!(response.headers().contains_key("allow"));
        }
        assert_eq!(response.headers()["content-type"], json_type);
        let header = response.headers()["x-request-id"].clone();
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code);
        assert!(body["message"].is_string());
        assert_eq!(body["request_id"], header.to_str().unwrap());
    }
}

#[tokio::test]
async fn keys_are_taken_from_both_headers_and_scopes_are_kept() {
    let rig = rig().await;
    let store = rig.csms.store();
    for (key, scope) in [("reader", SCOPE_READ), ("writer", SCOPE_WRITE)] {
        let new = NewApiKey {
            key: key.to_owned(),
            ..NewApiKey::generate("org_default", vec![scope.to_owned()])
        };
        store.create_api_key(new).await.unwrap();
    }
    let path = "/api/v1/ocpp16/transactions";
    let x_api_key = rig
        .client()
        .get(rig.url(path))
        .header("x-api-key", "reader");
    assert_eq!(x_api_key.send().await.unwrap().status(), StatusCode::OK);
    for (key, get, post) in [
        ("reader", 200, 403),
        ("writer", 200, 404),
        ("wrong", 401, 401),
    ] {
        let (status, _) = rig.request(Method::GET, path, None, key).await;
        assert_eq!(status.as_u16(), get, "{key}");
        let body = json!({"charge_point_id": "NOBODY", "command": "ClearCache"});
        let send = "/api/v1/ocpp16/send_command";
        let (status, _) = rig.request(Method::POST, send, Some(body), key).await;
        assert_eq!(status.as_u16(), post, "{key}");
    }
}

#[tokio::test]
async fn organizations_do_not_see_each_other() {
    let rig = rig().await;
    let store = rig.csms.store();
    store
        .create_organization("org_other", "Other")
        .await
        .unwrap();
    let scopes = vec![SCOPE_WRITE.to_owned()];
    let other = NewApiKey::generate("org_other", scopes);
    let key = other.key.clone();
    store.create_api_key(other).await.unwrap();
    rig.set_charge_point(ChargePointSetting {
        id: "THEIRS".into(),
        organization_id: Some("org_other".into()),
        ..ChargePointSetting::default()
    })
    .await;
    let mut ours = rig.connect("OURS").await;
    ours.start(1, "TAG", "2026-01-01T00:00:00Z", 0).await;
    let mut theirs = rig.connect("THEIRS").await;
    // The tag of the default organization is nobody here.
    let answer = theirs.start(1, "TAG", "2026-01-01T00:00:00Z", 0).await;
    assert_eq!(answer["idTagInfo"]["status"], "Invalid");
    for (key, own, foreign) in [(KEY, "OURS", "THEIRS"), (&key, "THEIRS", "OURS")] {
        let path = format!("/api/v1/ocpp16/active_transactions/{foreign}");
        assert_eq!(rig.request(Method::GET, &path, None, key).await.0, 404);
        let body = json!({"charge_point_id": foreign, "command": "ClearCache"});
        let send = "/api/v1/ocpp16/send_command";
        assert_eq!(
            rig.request(Method::POST, send, Some(body), key).await.0,
            404
        );
        let path = "/api/v1/ocpp16/transactions";
        let (_, body) = rig.request(Method::GET, path, None, key).await;
        assert_eq!(body["total"], 1);
        assert_eq!(body["transactions"][0]["charge_point_id"], own);
        let path = "/api/v1/ocpp16/charge_points/status";
        let (_, body) = rig.request(Method::GET, path, None, key).await;
        assert_eq!(body["total"], 1);
        assert_eq!(body["charge_points"][0]["charge_point_id"], own);
    }
}

#[tokio::test]
async fn the_status_of_all_charge_points_is_listed_filtered_and_paged() {
    let rig = rig().await;
    for number in 1..=3 {
        let mut cp = rig.connect(&format!("CP-{number}")).await;
        cp.status(0, "Available", None).await;
        cp.status(1, "Available", Some("2026-01-01T00:00:00Z"))
            .await;
        if number == 2 {
            let fault = json!({
                "connectorId": 2, "status": "Faulted", "errorCode": "GroundFailure", "info": "wet",
            });
            cp.call("StatusNotification", fault).await.unwrap();
        }
    }
    let mut online = rig.connect("CP-2").await;
    online.call("Heartbeat", json!({})).await.unwrap();
    let path = "/api/v1/ocpp16/charge_points/status";
    let (_, body) = rig.get(&format!("{path}?status=Faulted")).await;
    assert_eq!((&body["total"], &body["per_page"]), (&json!(1), &json!(50)));
    let found = &body["charge_points"][0];
    assert_eq!(found["charge_point_id"], "CP-2");
    assert_eq!(found["online"], true);
    assert!(found["last_heartbeat_at"].is_string());
    assert_eq!(found["connectors"].as_array().unwrap().len(), 2);
    assert_eq!(
        found["connectors"][0]["timestamp"],
        "2026-01-01T00:00:00.000Z"
    );
    assert_eq!(found["connectors"][1]["error_code"], "GroundFailure");
    assert_eq!(found["connectors"][1]["info"], "wet");
    let (_, body) = rig.get(&format!("{path}?page=2&per_page=2")).await;
    assert_eq!(body["total"], 3);
    assert_eq!(body["charge_points"][0]["charge_point_id"], "CP-3");
    let (_, body) = rig.get(&format!("{path}?per_page=9999")).await;
    assert_eq!(body["per_page"], 200);
}

#[tokio::test]
async fn transactions_are_filtered_and_paged() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    for hour in 0..5 {
        let at = format!("2026-01-01T0{hour}:00:00Z");
        cp.start(hour + 1, "TAG", &at, 0).await;
    }
    let path = "/api/v1/ocpp16/transactions";
    for (query, total, shown) in [
        ("", 5, 5),
        ("?per_page=2&page=3", 5, 1),
        ("?id_tag=tag", 5, 5),
        ("?id_tag=other", 0, 0),
        ("?from=2026-01-01T01:00:00Z&to=2026-01-01T03:00:00Z", 2, 2),
        ("?charge_point_id=CP-2", 0, 0),
    ] {
        let (_, body) = rig.get(&format!("{path}{query}")).await;
        assert_eq!(body["total"], total, "{query}");
        let rows = body["transactions"].as_array().unwrap();
        assert_eq!(rows.len(), shown, "{query}");
    }
}

#[tokio::test]
async fn wrong_passwords_are_counted_and_the_account_waits() {
    let rig = rig().await;
    rig.installer("ada@example.com").await;
    let log_in = async |email: &str, password: &str| {
        let request = rig.client().post(rig.url("/api/v1/installer/login"));
        let body = json!({"email": email, "password": password});
        request.json(&body).send().await.unwrap()
    };
    for _ in 0..10 {
        let answer = log_in("ada@example.com", "not-the-password").await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = log_in("ADA@example.com", "s3cur3P@ssword!").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "rate_limited");
    rig.installer("bob@example.com").await;
}

#[tokio::test]
async fn statuses_are_filtered_and_paged_by_the_database() {
    for rig in rigs().await {
        for (number, status) in ["Available", "SuspendedEV", "Faulted", "Available"]
            .into_iter()
            .enumerate()
        {
            let id = format!("CP-{number}");
            let mut cp = rig.connect(&id).await;
            cp.status(1, status, Some("2026-01-01T00:00:00Z")).await;
            cp.status(2, "Unavailable", Some("2026-01-01T00:00:00Z"))
                .await;
            drop(cp);
            rig.until_offline(&id).await;
        }
        let _online = [rig.connect("CP-1").await, rig.connect("CP-4").await];
        let path = "/api/v1/ocpp16/charge_points/status";
        for (query, total, ids) in [
            ("", 5, &["CP-0", "CP-1", "CP-2", "CP-3", "CP-4"][..]),
            ("?per_page=2&page=3", 5, &["CP-4"]),
            ("?page=9", 5, &[]),
            ("?status=Available", 2, &["CP-0", "CP-3"]),
            ("?status=Available&per_page=1&page=2", 2, &["CP-3"]),
            ("?status=SuspendedEV", 1, &["CP-1"]),
            ("?status=SuspendedEVSE", 0, &[]),
            ("?status=occupied", 1, &["CP-1"]),
            // What has no socket is free for nobody.
            ("?status=available", 0, &[]),
            ("?status=AVAILABLE", 0, &[]),
            ("?status=INOPERATIVE", 1, &["CP-1"]),
            ("?status=unknown", 3, &["CP-0", "CP-2", "CP-3"]),
            // Who is online and has a connector that is out of order is offline in part.
            ("?status=offline", 4, &["CP-0", "CP-1", "CP-2", "CP-3"]),
            ("?status=offline&per_page=3&page=2", 4, &["CP-3"]),
        ] {
            let (_, body) = rig.get(&format!("{path}{query}")).await;
            let points = body["charge_points"].as_array().unwrap();
            let found: Vec<_> = points
                .iter()
                .map(|point| point["charge_point_id"].as_str().unwrap())
                .collect();
            assert_eq!(
                (&body["total"], &found[..]),
                (&json!(total), ids),
                "{query}"
            );
        }
        let (_, body) = rig.get(&format!("{path}?per_page=2")).await;
        assert_eq!(body["charge_points"][0]["online"], false);
        assert_eq!(body["charge_points"][1]["online"], true);
        assert_eq!(
            body["charge_points"][1]["connectors"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }
}

#[tokio::test]
async fn the_description_is_sent_once_to_who_keeps_it() {
    let rig = rig().await;
    let ask = |known: Option<String>| {
        let request = rig.client().get(rig.url("/openapi.json"));
        let request = known
            .iter()
            .fold(request, |request, tag| request.header("if-none-match", tag));
        async move { request.send().await.unwrap() }
    };
    let first = ask(None).await;
    assert_eq!(first.headers()["content-type"], "application/json");
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let description: Value = first.json().await.unwrap();
    assert!(description["paths"]["/api/v1/sites"]["post"].is_object());
    assert_eq!(ask(Some(tag.clone())).await.status(), 304);
    assert_eq!(ask(Some(format!("\"x\", {tag}"))).await.status(), 304);
    assert_eq!(ask(Some("\"x\"".to_owned())).await.status(), 200);
    let page = rig.client().get(rig.url("/docs/swagger-initializer.js"));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("\"/openapi.json\""), "{page}");
}

#[tokio::test]
async fn a_wrong_query_is_told_in_words_of_the_api() {
    let rig = rig().await;
    for (path, field, reason) in [
        (
            "/api/v1/sites?page=1&page=2",
            "page",
            "it is given more than once",
        ),
        ("/api/v1/chargepoints/search?latitude=x", "latitude", ""),
    ] {
        let (status, body) = rig.get(path).await;
        assert_eq!(
            (status, &body["code"]),
            (StatusCode::BAD_REQUEST, &json!("validation_error"))
        );
        let detail = &body["details"][0];
        assert_eq!(detail["field"], field, "{body}");
        let told = detail["reason"].as_str().unwrap();
        assert!(
            told.contains(reason) && !told.contains("deserialize"),
            "{body}"
        );
    }
}
