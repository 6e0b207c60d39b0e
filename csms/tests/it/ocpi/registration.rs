//! How a partner gets in, and how it goes.

use reqwest::Method;
use serde_json::json;

use super::emsp::Emsp;
use super::{BASE, TOKEN_A, cpo};

#[tokio::test]
async fn a_partner_registers_and_is_called_back_before_the_answer() {
    let cpo = cpo().await;
    let emsp = Emsp::start().await;
    let list = cpo.ocpi(TOKEN_A, Method::GET, "/ocpi/versions", None).await;
    assert_eq!(list.code(), (200, 1000));
    let details = list.body["data"][0]["url"].as_str().unwrap();
    assert_eq!(details, cpo.url("/ocpi/versions/2.2.1"));
    let details = cpo
        .ocpi(TOKEN_A, Method::GET, "/ocpi/versions/2.2.1", None)
        .await;
    let endpoints = details.body["data"]["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 7);
    // An invitation opens nothing else.
    let locations = format!("{BASE}/locations");
    let refused = cpo.ocpi(TOKEN_A, Method::GET, &locations, None).await;
    assert_eq!(refused.code().0, 401);

    let path = format!("{BASE}/credentials");
    for method in [Method::PUT, Method::DELETE] {
        let body = Some(emsp.credentials("token-b"));
        let early = cpo.ocpi(TOKEN_A, method, &path, body).await;
        assert_eq!(early.code().0, 405);
        assert_eq!(early.header("allow"), Some("GET, POST"));
    }
    let body = Some(emsp.credentials("token-b"));
    let answer = cpo.ocpi(TOKEN_A, Method::POST, &path, body).await;
    assert_eq!(answer.code(), (200, 1000), "{answer:?}");
    let data = &answer.body["data"];
    assert_eq!(data["roles"][0]["role"], "CPO");
    assert_eq!(
        (&data["country_code"], &data["party_id"]),
        (&json!("GB"), &json!("DYN"))
    );
    let asked = emsp.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/versions", "/2.2.1"]);
    assert!(asked.iter().all(|asked| asked.token() == "token-b"));
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("ocpi-to-party-id").is_none())
    );

    let token_c = data["token"].as_str().unwrap();
    assert_eq!(
        cpo.ocpi(TOKEN_A, Method::GET, "/ocpi/versions", None)
            .await
            .code()
            .0,
        401
    );
    let shown = cpo.ocpi(token_c, Method::GET, &path, None).await;
    assert_eq!(shown.body["data"]["token"], *token_c);
    let second = cpo
        .ocpi(
            token_c,
            Method::POST,
            &path,
            Some(emsp.credentials("token-b2")),
        )
        .await;
    assert_eq!(second.code().0, 405);
    assert_eq!(second.header("allow"), Some("GET, PUT, DELETE"));

    let renewed = cpo
        .ocpi(
            token_c,
            Method::PUT,
            &path,
            Some(emsp.credentials("token-b2")),
        )
        .await;
    assert_eq!(renewed.code(), (200, 1000));
    let token_c2 = renewed.body["data"]["token"].as_str().unwrap();
    assert_ne!(token_c2, token_c);
    let ended = cpo.ocpi(token_c2, Method::DELETE, &path, None).await;
    assert_eq!(ended.code(), (200, 1000));
    for token in [token_c, token_c2] {
        assert_eq!(
            cpo.ocpi(token, Method::GET, &path, None).await.code().0,
            401
        );
    }
}

#[tokio::test]
async fn what_goes_wrong_with_a_registration_has_its_code_and_can_be_repeated() {
    let cpo = cpo().await;
    let emsp = Emsp::start().await;
    let path = format!("{BASE}/credentials");
    let post = |body| cpo.ocpi(TOKEN_A, Method::POST, &path, Some(body));
    for (change, value) in [
        ("token", json!("x".repeat(65))),
        ("token", json!("a b")),
        ("token", json!(null)),
        ("url", json!("not a url")),
        ("roles", json!([])),
        ("roles", json!(null)),
    ] {
        let mut body = emsp.credentials("token-b");
        body[change] = value;
        assert_eq!(post(body).await.code(), (200, 2001), "{change}");
    }
    let mut twice = emsp.credentials("token-b");
    let role = twice["roles"][0].clone();
    twice["roles"] = json!([role, role]);
    assert_eq!(post(twice).await.code(), (200, 2001));
    assert!(emsp.asked().is_empty());

    emsp.answers(Method::GET, "/versions", 500, &json!({}));
    assert_eq!(post(emsp.credentials("token-b")).await.code(), (200, 3001));
    let old = json!({"data": [{"version": "2.1.1", "url": emsp.url}], "status_code": 1000});
    emsp.answers(Method::GET, "/versions", 200, &old);
    assert_eq!(post(emsp.credentials("token-b")).await.code(), (200, 3002));
    let nothing = json!({"data": {"version": "2.2.1", "endpoints": []}, "status_code": 1000});
    let new = format!("{}/2.2.1", emsp.url);
    let list = json!({"data": [{"version": "2.2.1", "url": new}], "status_code": 1000});
    emsp.answers(Method::GET, "/versions", 200, &list);
    emsp.answers(Method::GET, "/2.2.1", 200, &nothing);
    assert_eq!(post(emsp.credentials("token-b")).await.code(), (200, 3003));
    let useful = json!({"data": {"version": "2.2.1", "endpoints": [
        {"identifier": "credentials", "role": "SENDER", "url": new},
    ]}, "status_code": 1000});
    emsp.answers(Method::GET, "/2.2.1", 200, &useful);
    assert_eq!(post(emsp.credentials("token-b")).await.code(), (200, 1000));
}

#[tokio::test]
async fn credentials_of_the_older_version_are_taken() {
    let cpo = cpo().await;
    let emsp = Emsp::start().await;
    let body = json!({
        "token": "token-b", "url": emsp.versions(), "country_code": "de", "party_id": "rig",
        "business_details": {"name": "Rig"},
    });
    let path = format!("{BASE}/credentials");
    let answer = cpo.ocpi(TOKEN_A, Method::POST, &path, Some(body)).await;
    assert_eq!(answer.code(), (200, 1000), "{answer:?}");
}

#[tokio::test]
async fn tokens_are_found_however_they_are_sent_and_nothing_else_is() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    use base64::Engine as _;
    let encoded = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
    let ask = async |header: &str| {
        let headers = [("authorization", header), ("x-request-id", "rig:1/2 x")];
        cpo.ocpi_with(&headers, Method::GET, "/ocpi/versions", None)
            .await
    };
    for good in [
        format!("Token {}", encoded(&token)),
        format!("Token {}", encoded(&format!("{token}\n"))),
        format!("Token {token}"),
        format!("token {}", encoded(&token)),
    ] {
        let answer = ask(&good).await;
        assert_eq!(answer.code(), (200, 1000), "{good}");
        assert_eq!(answer.header("x-request-id"), Some("rig:1/2 x"));
    }
    for bad in [
        "Token".to_owned(),
        "Token %%%".to_owned(),
        format!("Bearer {}", encoded(&token)),
        format!("Token {}", encoded(&token.to_lowercase())),
        format!("Token {}", encoded(&token[1..])),
        format!("Token {}", encoded("token-b-of-the-rig")),
    ] {
        let answer = ask(&bad).await;
        assert_eq!(answer.code().0, 401, "{bad}");
        assert!(answer.body["timestamp"].is_string());
        assert_eq!(answer.header("x-request-id"), Some("rig:1/2 x"));
    }
    // The API of the operator knows neither.
    let (status, _) = cpo
        .request(Method::GET, "/api/v1/sites", None, &token)
        .await;
    assert_eq!(status, 401);
    let with_key = ask(&format!("Token {}", encoded(crate::support::KEY))).await;
    assert_eq!(with_key.code().0, 401);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served_say_so_in_the_envelope() {
    let cpo = cpo().await;
    let (_emsp, token) = cpo.registered().await;
    for (method, path, code) in [
        (Method::GET, "/ocpi/versions/9.9", (404, 3002)),
        (Method::GET, "/ocpi/nothing", (404, 2000)),
        (Method::GET, "/ocpi", (404, 2000)),
        (Method::POST, "/ocpi/cpo/2.2.1/locations", (405, 2000)),
        (Method::PATCH, "/ocpi/cpo/2.2.1/credentials", (405, 2000)),
        (Method::GET, "/ocpi/versions/", (200, 1000)),
        (Method::GET, "/ocpi//versions", (200, 1000)),
    ] {
        let answer = cpo.ocpi(&token, method.clone(), path, None).await;
        assert_eq!(answer.code(), code, "{method} {path}");
    }
}

#[tokio::test]
async fn this_side_registers_with_a_partner() {
    let cpo = cpo().await;
    let emsp = Emsp::start().await;
    let answer = json!({"data": emsp.credentials("token-c-of-the-rig"), "status_code": 1000});
    emsp.answers(Method::POST, "/at/credentials", 200, &answer);
    let ask = async |command: &[&str]| super::admin(&cpo, command).await;
    let register = [
        "ocpi-partner",
        "register",
        "--url",
        &emsp.versions(),
        "--token",
        "given-out-token",
    ];
    let told = ask(&register).await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["state"], "registered");
    let posted = emsp
        .expect("the POST", |asked| asked.method == Method::POST)
        .await;
    assert_eq!(posted.token(), "given-out-token");
    let token = posted.body["token"].as_str().unwrap();
    assert_eq!(
        cpo.ocpi(token, Method::GET, "/ocpi/versions", None)
            .await
            .code(),
        (200, 1000)
    );

    // Another token is refused by the partner: the old one stays good.
    emsp.answers(Method::PUT, "/at/credentials", 500, &json!({}));
    let id = told["id"].as_str().unwrap();
    let refused = ask(&["ocpi-partner", "renew", id])
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("500"), "{refused}");
    assert_eq!(
        cpo.ocpi(token, Method::GET, "/ocpi/versions", None)
            .await
            .code(),
        (200, 1000)
    );
    let put = emsp
        .expect("the PUT", |asked| asked.method == Method::PUT)
        .await;
    assert_eq!(put.token(), "token-c-of-the-rig");
    let offered = put.body["token"].as_str().unwrap();
    assert_eq!(
        cpo.ocpi(offered, Method::GET, "/ocpi/versions", None)
            .await
            .code()
            .0,
        401
    );

    let answer = json!({"data": emsp.credentials("token-c2-of-the-rig"), "status_code": 1000});
    emsp.answers(Method::PUT, "/at/credentials", 200, &answer);
    emsp.forget();
    ask(&["ocpi-partner", "renew", id]).await.unwrap();
    let put = emsp
        .expect("the PUT", |asked| asked.method == Method::PUT)
        .await;
    let renewed = put.body["token"].as_str().unwrap();
    assert_eq!(
        cpo.ocpi(renewed, Method::GET, "/ocpi/versions", None)
            .await
            .code(),
        (200, 1000)
    );
    assert_eq!(
        cpo.ocpi(token, Method::GET, "/ocpi/versions", None)
            .await
            .code()
            .0,
        401
    );

    ask(&["ocpi-partner", "remove", id]).await.unwrap();
    assert_eq!(
        cpo.ocpi(renewed, Method::GET, "/ocpi/versions", None)
            .await
            .code()
            .0,
        401
    );
    let unreachable = [
        "ocpi-partner",
        "register",
        "--url",
        "http://127.0.0.1:9/v",
        "--token",
        "given-out-token",
    ];
    let refused = ask(&unreachable).await.unwrap_err().to_string();
    assert!(refused.contains("http://127.0.0.1:9/v"), "{refused}");
}
