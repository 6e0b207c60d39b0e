//! Tokens that a partner pushes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{BASE, cpo};

fn token(uid: &str) -> Value {
    json!({
        "country_code": "DE", "party_id": "RIG", "uid": uid, "type": "RFID", "contract_id": "DE-RIG-C1",
        "visual_number": "quote \" and \\ backslash", "issuer": "Straßenlader 東京 ⚡", "group_id": "G1",
        "valid": true, "whitelist": "ALWAYS", "language": "en",
        "energy_contract": {"supplier_name": "Green", "contract_id": "1"},
        "last_updated": "2026-01-01T00:00:00Z",
    })
}

#[tokio::test]
async fn a_token_is_kept_read_replaced_and_changed() {
    let cpo = cpo().await;
    let (_emsp, key) = cpo.registered().await;
    let path = format!("{BASE}/tokens/DE/RIG/RIG-N");
    let ask = |method, body| cpo.ocpi(&key, method, &path, body);
    assert_eq!(ask(Method::GET, None).await.code(), (404, 2004));
    let change = json!({"valid": false, "last_updated": "2026-01-02T00:00:00Z"});
    assert_eq!(
        ask(Method::PATCH, Some(change.clone())).await.code(),
        (404, 2004)
    );
    assert_eq!(
        ask(Method::PUT, Some(token("RIG-N"))).await.code(),
        (201, 1000)
    );
    let read = ask(Method::GET, None).await;
    assert_eq!(read.body["data"], token("RIG-N"));
    assert_eq!(read.header("ocpi-to-party-id"), Some("RIG"));
    assert_eq!(read.header("ocpi-from-country-code"), Some("GB"));
    let any_case = cpo
        .ocpi(
            &key,
            Method::GET,
            &format!("{BASE}/tokens/de/rig/rig-n"),
            None,
        )
        .await;
    assert_eq!(any_case.body["data"]["uid"], "RIG-N");

    assert_eq!(ask(Method::PATCH, Some(change)).await.code(), (200, 1000));
    let mut expected = token("RIG-N");
    expected["valid"] = json!(false);
    expected["last_updated"] = json!("2026-01-02T00:00:00Z");
    assert_eq!(ask(Method::GET, None).await.body["data"], expected);
    // Without a time it is now.
    assert_eq!(
        ask(Method::PATCH, Some(json!({"valid": true})))
            .await
            .code(),
        (200, 1000)
    );
    let now = ask(Method::GET, None).await.body["data"]["last_updated"].clone();
    assert!(now.as_str().unwrap() > "2026-06");

    let mut short = token("RIG-N");
    for gone in ["visual_number", "group_id", "energy_contract"] {
        short[gone] = Value::Null;
    }
    short["whitelist"] = json!("NEVER");
    assert_eq!(ask(Method::PUT, Some(short)).await.code(), (200, 1000));
    let read = ask(Method::GET, None).await.body["data"].clone();
    assert_eq!(read["whitelist"], "NEVER");
    assert!(read.get("group_id").is_none());
}

#[tokio::test]
async fn type_and_uid_tell_tokens_apart_and_other_parties_have_none_here() {
    let cpo = cpo().await;
    let (_emsp, key) = cpo.registered().await;
    let put = async |path: String, body: Value| {
        let path = format!("{BASE}/tokens/{path}");
        cpo.ocpi(&key, Method::PUT, &path, Some(body)).await.code()
    };
    let with = |changes: &[(&str, Value)]| {
        let mut token = token("DUP");
        for (name, value) in changes {
            token[name] = value.clone();
        }
        token
    };
    let app = with(&[("type", json!("APP_USER")), ("contract_id", json!("A"))]);
    assert_eq!(
        put("DE/RIG/DUP?type=APP_USER".into(), app.clone()).await,
        (201, 1000)
    );
    assert_eq!(put("DE/RIG/DUP".into(), with(&[])).await, (201, 1000));
    let path = format!("{BASE}/tokens/DE/RIG/DUP?type=APP_USER");
    let read = cpo.ocpi(&key, Method::GET, &path, None).await;
    assert_eq!(read.body["data"]["contract_id"], "A");
    // What the path says need not be in the body.
    let mut short = with(&[]);
    for name in ["country_code", "party_id", "uid", "type"] {
        short.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(put("DE/RIG/SHORT".into(), short).await, (201, 1000));
    for (path, body) in [
        ("DE/RIG/DUP", app),
        ("DE/RIG/OTHER", with(&[])),
        ("DE/RIG/DUP", with(&[("party_id", json!("OTH"))])),
        ("DE/RIG/DUP", with(&[("whitelist", Value::Null)])),
        ("DE/RIG/DUP", with(&[("valid", json!("yes"))])),
        ("DE/RIG/DUP", with(&[("type", json!("SPACESHIP"))])),
        (
            "DE/RIG/DUP",
            with(&[("contract_id", json!("x".repeat(37)))]),
        ),
        (
            "DE/RIG/DUP",
            with(&[("last_updated", json!("2026-13-01T00:00:00Z"))]),
        ),
        ("DE/RIG/DUP", json!([])),
        ("DE/RIG/DUP", Value::Null),
        ("DE/RIG/DUP?type=SPACESHIP", with(&[])),
    ] {
        assert_eq!(
            put(path.into(), body.clone()).await,
            (200, 2001),
            "{path} {body}"
        );
    }
    assert_eq!(put("NL/RG2/DUP".into(), with(&[])).await, (404, 2004));
    let path = format!("{BASE}/tokens/DE/RIG/DUP");
    let header = ("authorization", &*format!("Token {key}"));
    for broken in ["{\"uid\":", "hello", ""] {
        let answer = cpo
            .ocpi_with(&[header], Method::PUT, &path, Some(broken.to_owned()))
            .await;
        assert_eq!(answer.code().0, 400, "{broken:?}");
    }
    let elsewhere = [
        header,
        ("ocpi-to-country-code", "ZZ"),
        ("ocpi-to-party-id", "ZZZ"),
    ];
    let answer = cpo.ocpi_with(&elsewhere, Method::GET, &path, None).await;
    assert_eq!(answer.code().0, 404);
}

#[tokio::test]
async fn what_a_token_is_worth_can_be_asked() {
    let cpo = cpo().await;
    let (_emsp, key) = cpo.registered().await;
    let path = format!("{BASE}/tokens/DE/RIG/RIG-N");
    cpo.ocpi(&key, Method::PUT, &path, Some(token("RIG-N")))
        .await;
    let ask = async |uid: &str, body| {
        let path = format!("{BASE}/tokens/{uid}/authorize?type=RFID");
        cpo.ocpi(&key, Method::POST, &path, body).await
    };
    let answer = ask("RIG-N", None).await;
    assert_eq!(answer.body["data"]["allowed"], "ALLOWED");
    assert_eq!(answer.body["data"]["token"], token("RIG-N"));
    assert_eq!(ask("no-such", None).await.code(), (404, 2004));
}
