//! Guests who pay with Stripe, played by a server on this machine: what it is sent, and what its answers do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use dynamo_csms::PaymentSettings;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::guest::{ROOT, authorized, begin, guest_point, post, status, until};
use crate::support::{Log, Rig, rig_with};

const T1: &str = "2026-01-01T11:00:00Z";
const KEY: &str = "sk_test_a_secret";

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    what: String,
    key: String,
    form: String,
}

#[derive(Default)]
struct Inner {
    asked: Vec<Asked>,
    /// Attempts by path and key.
    attempts: HashMap<String, u32>,
    /// Whether the guest has acted, and whether what was out of order works again.
    acted: bool,
}

#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Inner>>);

impl Stub {
    async fn start() -> (Self, String) {
        let stub = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(play).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (stub, url)
    }

    fn asked(&self, what: &str) -> Vec<Asked> {
        let inner = self.0.lock().unwrap();
        let found = inner.asked.iter().filter(|asked| asked.what == what);
        found.cloned().collect()
    }

    fn act(&self) {
        self.0.lock().unwrap().acted = true;
    }
}

fn intent(id: &str, state: &str) -> Value {
    json!({"id": id, "object": "payment_intent", "status": state})
}

fn error(message: &str) -> Value {
    json!({"error": {"type": "x", "message": message}})
}

/// What this Stripe answers: by the payment method, and by how often it was asked.
async fn play(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let header = |name: &str| {
        let value = headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or("").to_owned()
    };
    if header("authorization") != format!("Bearer {KEY}") {
        return (
            StatusCode::UNAUTHORIZED,
            error("Invalid API Key").to_string(),
        );
    }
    let form = String::from_utf8(body.to_vec()).unwrap();
    if method == Method::POST {
        assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    }
    let asked = Asked {
        what: format!("{method} {}", uri.path()),
        key: header("idempotency-key"),
        form: form.clone(),
    };
    let (attempt, acted) = {
        let mut inner = stub.0.lock().unwrap();
        let count = inner
            .attempts
            .entry(format!("{} {}", asked.what, asked.key));
        let count = count.or_default();
        *count += 1;
        let attempt = *count;
        inner.asked.push(asked);
        (attempt, inner.acted)
    };
    let fields: HashMap<&str, &str> = form.split('&').filter_map(|f| f.split_once('=')).collect();
    let method = fields.get("payment_method").copied().unwrap_or("");
    let (status, body) = match uri.path() {
        "/v1/payment_intents" => match method {
            "pm_declined" => (402, error("Your card was declined.")),
            "pm_nobody" => {
                let mut body = error("No such PaymentMethod");
                body["error"]["param"] = json!("payment_method");
                (400, body)
            }
            "pm_action" => {
                let mut body = intent("pi_action", "requires_action");
                body["next_action"]["redirect_to_url"]["url"] = json!("https://bank.example/act");
                (200, body)
            }
            "pm_flaky" if attempt == 1 => (500, error("try again")),
            "pm_slow" if attempt == 1 => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                (200, intent("pi_late", "requires_capture"))
            }
            "pm_down" if !acted => (503, error("out of order")),
            other => {
                let id = other.replace("pm_", "pi_");
                (200, intent(&id, "requires_capture"))
            }
        },
        "/v1/payment_intents/pi_action" if acted => (200, intent("pi_action", "requires_capture")),
        "/v1/payment_intents/pi_action" => (200, intent("pi_action", "requires_action")),
        "/v1/payment_intents/pi_flaky/capture" if attempt == 1 => (502, error("try again")),
        "/v1/payment_intents/pi_taken/capture" => {
            let mut body = error("This PaymentIntent could not be captured.");
            body["error"]["payment_intent"] = intent("pi_taken", "succeeded");
            (400, body)
        }
        "/v1/payment_intents/pi_gone/capture" => {
            let mut body = error("This PaymentIntent could not be captured.");
            body["error"]["payment_intent"] = intent("pi_gone", "canceled");
            (400, body)
        }
        path if path.ends_with("/capture") => (200, intent("pi", "succeeded")),
        path if path.ends_with("/cancel") => (200, intent("pi", "canceled")),
        _ => (404, error("no such path")),
    };
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

async fn with_stripe(key: &str) -> (Stub, Rig) {
    let (stub, url) = Stub::start().await;
    let payment = PaymentSettings::Stripe {
        key: key.to_owned(),
        url,
    };
    let rig = rig_with(|options| {
        options.payment = payment;
        options.payment_timeout = Duration::from_millis(500);
    });
    (stub, rig.await)
}

#[tokio::test]
async fn money_is_held_and_taken_once() {
    let (log, _listening) = Log::listen();
    let (stub, rig) = with_stripe(KEY).await;
    let mut cp = guest_point(&rig).await;
    let hold = "POST /v1/payment_intents";
    for (round, (method, attempts, wanted)) in [
        ("ok", (1, 1), "captured"),
        ("flaky", (2, 2), "captured"),
        ("slow", (2, 1), "captured"),
        ("taken", (1, 1), "captured"),
        ("gone", (1, 1), "capture_failed"),
    ]
    .into_iter()
    .enumerate()
    {
        let token = authorized(&rig, &format!("pm_{method}")).await;
        let held: Vec<_> = stub
            .asked(hold)
            .into_iter()
            .filter(|a| a.key == token)
            .collect();
        assert_eq!(held.len(), attempts.0, "{method}");
        let form = format!(
            "amount=3500&currency=gbp&payment_method=pm_{method}&capture_method=manual&confirm=true&\
             payment_method_types%5B%5D=card&return_url=http%3A%2F%2F"
        );
        assert!(held[0].form.starts_with(&form), "{}", held[0].form);
        let metadata = format!("&metadata%5Bsession_token%5D={token}");
        assert!(held[0].form.ends_with(&metadata), "{}", held[0].form);
        let start = crate::guest::answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
        let at = format!("2026-01-01T10:0{round}:00Z");
        let began = cp.start(1, start["idTag"].as_str().unwrap(), &at, 0).await;
        cp.stop(&began["transactionId"], T1, 21_600).await;
        let ended = until(&rig, &token, "payment_status", wanted).await;
        assert_eq!(ended["cost_so_far"], 7.56);
        let capture = format!("POST /v1/payment_intents/pi_{method}/capture");
        let captured = stub.asked(&capture);
        assert_eq!(captured.len(), attempts.1, "{method}");
        for asked in captured {
            assert_eq!(asked.form, "amount_to_capture=756");
            assert_eq!(asked.key, format!("{token}-capture"));
        }
    }
    assert!(!log.lines("").is_empty());
    assert!(log.lines(KEY).is_empty(), "the key is in the log");
}

#[tokio::test]
async fn who_cannot_pay_is_told_why() {
    let (stub, rig) = with_stripe(KEY).await;
    let _cp = guest_point(&rig).await;
    for (method, code, word, text) in [
        (
            "pm_declined",
            402,
            "payment_declined",
            "Your card was declined.",
        ),
        (
            "pm_nobody",
            402,
            "payment_declined",
            "No such PaymentMethod",
        ),
        ("pm_down", 422, "payment_unavailable", "503"),
    ] {
        let body =
            json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": method});
        let (status, body) = post(&rig, "authorize", Some(body)).await;
        assert_eq!((status, &body["code"]), (code, &json!(word)), "{body}");
        assert!(body["message"].as_str().unwrap().contains(text), "{body}");
    }
    // What may be held all the same is let go as soon as Stripe answers.
    stub.act();
    let canceled = async {
        while stub
            .asked("POST /v1/payment_intents/pi_down/cancel")
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, canceled)
        .await
        .unwrap();
    let (_, rig) = with_stripe("sk_wrong").await;
    let _cp = guest_point(&rig).await;
    let body =
        json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_ok"});
    let (status, body) = post(&rig, "authorize", Some(body)).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("payment_unavailable")),
        "{body}"
    );
    assert!(!body.to_string().contains("sk_wrong"), "{body}");
}

#[tokio::test]
async fn a_guest_acts_at_the_bank_and_a_session_that_never_begins_lets_go() {
    let (stub, rig) = with_stripe(KEY).await;
    let mut cp = guest_point(&rig).await;
    let body =
        json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_action"});
    let (code, body) = post(&rig, "authorize", Some(body)).await;
    assert_eq!(
        (code, &body["status"]),
        (201, &json!("requires_action")),
        "{body}"
    );
    assert_eq!(body["next_action_url"], "https://bank.example/act");
    let token = body["session_token"].as_str().unwrap();
    assert_eq!(status(&rig, token).await["status"], "requires_action");
    // There is no page of the sandbox here.
    let page = rig.url(&format!("/sandbox/payments/{token}"));
    assert_eq!(rig.client().post(page).send().await.unwrap().status(), 404);
    stub.act();
    begin(&mut cp).await;
    let (_, rig) = (rig, with_stripe(KEY).await);
    let (stub, rig) = rig;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_ok").await;
    crate::guest::answer(&mut cp, "RemoteStartTransaction", "Rejected").await;
    until(&rig, &token, "payment_status", "canceled").await;
    let canceled = stub.asked("POST /v1/payment_intents/pi_ok/cancel");
    assert_eq!(canceled.len(), 1);
    assert_eq!(canceled[0].key, format!("{token}-cancel"));
    let (code, _) = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(code, 409);
}
