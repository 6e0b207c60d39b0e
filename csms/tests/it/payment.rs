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
use crate::support::{Log, Rig, options, rig_with};

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
    /// Attempts by path and payment.
    attempts: HashMap<String, u32>,
    /// What was answered to a key: it is answered again. None while that is worked on.
    answers: HashMap<String, Option<(u16, String)>>,
    /// The intents and how they are.
    intents: HashMap<String, &'static str>,
    /// Whether the guest has acted, and whether what was out of order works again.
    acted: bool,
}

#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Inner>>, String);

impl Stub {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self(Arc::default(), url.clone());
        let router = Router::new().fallback(play).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (stub, url)
    }

    fn asked(&self, what: &str) -> Vec<Asked> {
        let inner = self.0.lock().unwrap();
        let found = inner.asked.iter().filter(|asked| asked.what == what);
        found.cloned().collect()
    }

    fn url(&self) -> String {
        self.1.clone()
    }

    fn act(&self) {
        self.0.lock().unwrap().acted = true;
    }

    fn set(&self, id: &str, state: &'static str) {
        self.0.lock().unwrap().intents.insert(id.to_owned(), state);
    }

    fn state(&self, id: &str) -> Option<&'static str> {
        self.0.lock().unwrap().intents.get(id).copied()
    }

    async fn until(&self, id: &str, state: &str) {
        let reached = async {
            while self.state(id) != Some(state) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(crate::support::PATIENCE, reached).await;
        assert!(reached.is_ok(), "{id} is {:?}, not {state}", self.state(id));
    }
}

fn intent(id: &str, state: &str) -> Value {
    json!({"id": id, "object": "payment_intent", "status": state})
}

fn error(message: &str) -> Value {
    json!({"error": {"type": "x", "message": message}})
}

/// What this Stripe answers: by the payment method, by how often it was asked, and the same again to the same key.
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
    let payment_method = payment_method_of(&form);
    let asked = Asked {
        what: format!("{method} {}", uri.path()),
        key: header("idempotency-key"),
        form,
    };
    let key = asked.key.clone();
    let attempt = {
        let mut inner = stub.0.lock().unwrap();
        let count = format!("{} {payment_method}", asked.what);
        let count = inner.attempts.entry(count).or_default();
        *count += 1;
        let attempt = *count;
        inner.asked.push(asked);
        match inner.answers.get(&key) {
            Some(Some((status, body))) => {
                return (StatusCode::from_u16(*status).unwrap(), body.clone());
            }
            Some(None) => return (StatusCode::CONFLICT, error("key in use").to_string()),
            None if !key.is_empty() => {
                inner.answers.insert(key.clone(), None);
            }
            None => {}
        }
        attempt
    };
    // What takes its time is done though whoever asked does not wait.
    let done = tokio::spawn(async move {
        let path = uri.path().to_owned();
        let (status, body, is_kept) = match path.strip_prefix("/v1/payment_intents/") {
            None => create(&stub, &payment_method, attempt).await,
            Some(intent) => change(&stub, intent, attempt),
        };
        let body = body.map_or_else(String::new, |body| body.to_string());
        let mut inner = stub.0.lock().unwrap();
        if is_kept {
            inner.answers.insert(key, Some((status, body.clone())));
        } else {
            inner.answers.remove(&key);
        }
        (StatusCode::from_u16(status).unwrap(), body)
    });
    done.await.unwrap()
}

fn payment_method_of(form: &str) -> String {
    let mut fields = form.split('&').filter_map(|f| f.split_once('='));
    let found = fields.find(|(name, _)| *name == "payment_method");
    found.map_or("", |(_, value)| value).to_owned()
}

/// Status and body, and whether they are kept for the key.
type Played = (u16, Option<Value>, bool);

async fn create(stub: &Stub, method: &str, attempt: u32) -> Played {
    let id = method.replace("pm_", "pi_");
    let acted = stub.0.lock().unwrap().acted;
    match method {
        "pm_declined" => (402, Some(error("Your card was declined.")), true),
        "pm_nobody" => {
            let mut body = error("No such PaymentMethod");
            body["error"]["param"] = json!("payment_method");
            (400, Some(body), true)
        }
        "pm_action" => {
            stub.set(&id, "requires_action");
            let mut body = intent(&id, "requires_action");
            body["next_action"]["redirect_to_url"]["url"] = json!("https://bank.example/act");
            (200, Some(body), true)
        }
        "pm_flaky" if attempt == 1 => (429, Some(error("too fast")), false),
        "pm_broken" => (500, Some(error("an error of ours")), true),
        "pm_down" if !acted => (503, Some(error("out of order")), false),
        _ => {
            if method == "pm_slow" {
                tokio::time::sleep(Duration::from_millis(800)).await;
            }
            stub.set(&id, "requires_capture");
            (200, Some(intent(&id, "requires_capture")), true)
        }
    }
}

fn change(stub: &Stub, path: &str, attempt: u32) -> Played {
    let (id, verb) = path.split_once('/').unwrap_or((path, ""));
    if stub.0.lock().unwrap().acted && id == "pi_action" && verb.is_empty() {
        stub.set(id, "requires_capture");
    }
    let Some(state) = stub.state(id) else {
        return (404, Some(error("no such payment")), false);
    };
    let (status, body) = match (id, verb) {
        (_, "") => (200, Some(intent(id, state))),
        ("pi_flaky", "capture") if attempt == 1 => (502, Some(error("try again"))),
        ("pi_locked", "capture") if attempt == 1 => (401, Some(error("Expired API Key"))),
        ("pi_barred", "capture") if attempt == 1 => (403, Some(error("not now"))),
        ("pi_lost", "capture") if attempt == 1 => (404, None),
        ("pi_odd", "capture") if attempt == 1 => (200, None),
        ("pi_small", "capture") => {
            let mut body = error("Amount must be more.");
            body["error"]["param"] = json!("amount_to_capture");
            (400, Some(body))
        }
        ("pi_taken", "capture") if attempt == 1 => {
            stub.set(id, "succeeded");
            (500, Some(error("taken, but who knows")))
        }
        (_, "capture") if state == "requires_capture" => {
            stub.set(id, "succeeded");
            (200, Some(intent(id, "succeeded")))
        }
        (_, "cancel") if state != "succeeded" => {
            stub.set(id, "canceled");
            (200, Some(intent(id, "canceled")))
        }
        _ => {
            let mut body = error("This PaymentIntent is not in a state for that.");
            body["error"]["payment_intent"] = intent(id, state);
            (400, Some(body))
        }
    };
    (status, body, false)
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
        // Taken, though the answer was an error.
        ("taken", (1, 1), "captured"),
        // Not refused: it may be taken when the key is right again, or the answer can be read.
        ("locked", (1, 2), "captured"),
        ("barred", (1, 2), "captured"),
        ("lost", (1, 2), "captured"),
        ("odd", (1, 2), "captured"),
        ("gone", (1, 1), "capture_failed"),
        ("small", (1, 1), "capture_failed"),
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
        assert!(held.len() >= attempts.0, "{method}");
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
        if method == "gone" {
            stub.set("pi_gone", "canceled");
        }
        cp.stop(&began["transactionId"], T1, 21_600).await;
        let ended = until(&rig, &token, "payment_status", wanted).await;
        assert_eq!(ended["cost_so_far"], 7.56);
        let capture = format!("POST /v1/payment_intents/pi_{method}/capture");
        let captured = stub.asked(&capture);
        assert_eq!(captured.len(), attempts.1, "{method}");
        for asked in captured {
            assert_eq!(asked.form, "amount_to_capture=756");
            assert_eq!(asked.key, "");
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
        ("pm_broken", 422, "payment_unavailable", "500"),
    ] {
        let body =
            json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": method});
        let (status, body) = post(&rig, "authorize", Some(body)).await;
        assert_eq!((status, &body["code"]), (code, &json!(word)), "{body}");
        assert!(body["message"].as_str().unwrap().contains(text), "{body}");
    }
    // What may be held all the same is let go as soon as Stripe answers.
    stub.act();
    stub.until("pi_down", "canceled").await;
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
    let (stub, rig) = with_stripe(KEY).await;
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_ok").await;
    crate::guest::answer(&mut cp, "RemoteStartTransaction", "Rejected").await;
    until(&rig, &token, "payment_status", "canceled").await;
    let canceled = stub.asked("POST /v1/payment_intents/pi_ok/cancel");
    assert_eq!(canceled.len(), 1);
    assert_eq!(canceled[0].key, "");
    let (code, _) = rig.get(&format!("{ROOT}/{token}/receipt")).await;
    assert_eq!(code, 409);
    // What is not let go is not called so.
    let token = authorized(&rig, "pm_spent").await;
    stub.set("pi_spent", "succeeded");
    crate::guest::answer(&mut cp, "RemoteStartTransaction", "Rejected").await;
    until(&rig, &token, "payment_status", "refused").await;
}

#[tokio::test]
async fn what_one_gateway_holds_no_other_takes() {
    let (log, _listening) = Log::listen();
    let (stub, rig) = with_stripe(KEY).await;
    let url = stub.url();
    let mut cp = guest_point(&rig).await;
    let token = authorized(&rig, "pm_ok").await;
    let (_, transaction) = begin(&mut cp).await;
    drop(cp);
    // Somebody forgot the key.
    let rig = rig.restart().await;
    assert!(!log.lines("no money moves").is_empty());
    let mut cp = rig.connect("cp_001").await;
    cp.stop(&transaction, T1, 22_600).await;
    let tried = async {
        while log.lines("not one of the sandbox").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, tried)
        .await
        .unwrap();
    assert_eq!(status(&rig, &token).await["payment_status"], "capturing");
    assert_eq!(stub.state("pi_ok"), Some("requires_capture"));
    let second = authorized(&rig, "pm_1").await;
    crate::guest::answer(&mut cp, "RemoteStartTransaction", "Accepted").await;
    let folder = rig.folder;
    rig.csms.shutdown().await;
    let mut again = options(&folder);
    again.payment = PaymentSettings::Stripe {
        key: KEY.to_owned(),
        url,
    };
    let rig = Rig::start(folder, again).await;
    until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(stub.state("pi_ok"), Some("succeeded"));
    // Nor does Stripe let go of what the sandbox holds.
    let (_, stopped) = post(&rig, &format!("{second}/stop"), None).await;
    assert_eq!(stopped["payment_status"], "canceling", "{stopped}");
}

#[tokio::test]
async fn whoever_goes_away_before_the_answer_has_begun_nothing() {
    let (stub, rig) = with_stripe(KEY).await;
    let mut cp = guest_point(&rig).await;
    let body =
        json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_slow"});
    let url = rig.url(&format!("{ROOT}/authorize"));
    let asked = rig.client().post(url).bearer_auth(crate::support::KEY);
    let asked = asked.json(&body).timeout(Duration::from_millis(200)).send();
    assert!(asked.await.unwrap_err().is_timeout());
    stub.until("pi_slow", "canceled").await;
    let token = authorized(&rig, "pm_ok").await;
    begin(&mut cp).await;
    until(&rig, &token, "status", "charging").await;
}

#[tokio::test]
async fn currencies_are_taken_in_the_coins_that_stripe_has() {
    let (stub, rig) = with_stripe(KEY).await;
    let mut cp = guest_point(&rig).await;
    let set = async |currency: &str, price: f64| {
        let tariff = json!({"currency": currency, "price_per_kwh": price});
        let path = "/api/v1/chargepoints/cp_001/tariff";
        let key = crate::support::KEY;
        let (status, body) = rig.request(Method::PUT, path, Some(tariff), key).await;
        assert_eq!(status, 200, "{body}");
    };
    set("MGA", 100.55).await;
    let token = authorized(&rig, "pm_ok").await;
    let held = &stub.asked("POST /v1/payment_intents")[0].form;
    assert!(held.starts_with("amount=10055&currency=mga"), "{held}");
    let (_, transaction) = begin(&mut cp).await;
    cp.stop(&transaction, T1, 2_000).await;
    let ended = until(&rig, &token, "payment_status", "captured").await;
    assert_eq!(
        (&ended["cost_so_far"], &ended["amount_captured"]),
        (&json!(100.55), &json!(100.0))
    );
    let taken = stub.asked("POST /v1/payment_intents/pi_ok/capture");
    assert_eq!(taken[0].form, "amount_to_capture=100");
    set("CLF", 0.5).await;
    let body =
        json!({"charge_point_id": "cp_001", "connector_id": 1, "payment_method_id": "pm_ok"});
    let (code, body) = post(&rig, "authorize", Some(body)).await;
    assert_eq!(
        (code, &body["code"]),
        (422, &json!("payment_unavailable")),
        "{body}"
    );
    assert!(body["message"].as_str().unwrap().contains("CLF"), "{body}");
}
