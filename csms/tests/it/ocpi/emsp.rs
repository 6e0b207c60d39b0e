//! An eMSP for one test: it serves versions, details and receivers, records what it is sent, and calls the CPO.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::PATIENCE;

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    /// The token in the header, decoded.
    pub(crate) fn token(&self) -> String {
        let header = self.headers["authorization"].to_str().unwrap();
        let token = header.strip_prefix("Token ").unwrap();
        String::from_utf8(BASE64_STANDARD.decode(token).unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Inside {
    asked: Vec<Asked>,
    /// What is answered to a method and the beginning of a path: a status and a body.
    answers: HashMap<(Method, String), (u16, String)>,
    modules: Vec<(&'static str, &'static str)>,
}

/// An eMSP.
pub(crate) struct Emsp {
    pub(crate) url: String,
    inside: Arc<Mutex<Inside>>,
}

pub(crate) const ALL: [(&str, &str); 7] = [
    ("credentials", "SENDER"),
    ("locations", "RECEIVER"),
    ("sessions", "RECEIVER"),
    ("cdrs", "RECEIVER"),
    ("tariffs", "RECEIVER"),
    ("tokens", "SENDER"),
    ("commands", "SENDER"),
];

impl Emsp {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside {
            modules: ALL.to_vec(),
            ..Inside::default()
        }));
        let router = Router::new()
            .fallback(serve)
            .with_state((inside.clone(), url.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inside }
    }

    /// Its list of versions.
    pub(crate) fn versions(&self) -> String {
        format!("{}/versions", self.url)
    }

    /// Answers so from now on.
    pub(crate) fn answers(&self, method: Method, path: &str, status: u16, body: &Value) {
        let key = (method, path.to_owned());
        let answer = (status, body.to_string());
        self.inside.lock().unwrap().answers.insert(key, answer);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inside.lock().unwrap().asked.clone()
    }

    pub(crate) fn forget(&self) {
        self.inside.lock().unwrap().asked.clear();
    }

    /// The first request that fits, once it has come.
    pub(crate) async fn expect(&self, what: &str, fits: impl Fn(&Asked) -> bool) -> Asked {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(asked) = self.asked().into_iter().find(&fits) {
                    return asked;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("{what} did not come; there were {:#?}", self.asked()))
    }

    /// Credentials of its own with this token.
    pub(crate) fn credentials(&self, token: &str) -> Value {
        json!({
            "token": token,
            "url": self.versions(),
            "roles": [{
                "role": "EMSP", "country_code": "DE", "party_id": "RIG", "business_details": {"name": "Rig"},
            }],
        })
    }
}

async fn serve(
    State((inside, url)): State<(Arc<Mutex<Inside>>, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.to_string();
    let mut inside = inside.lock().unwrap();
    inside.asked.push(Asked {
        method: method.clone(),
        path: path.clone(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    });
    let scripted = inside
        .answers
        .iter()
        .find(|((scripted, begin), _)| *scripted == method && path.starts_with(begin.as_str()));
    let json = [("content-type", "application/json")];
    if let Some((_, (status, body))) = scripted {
        let status = StatusCode::from_u16(*status).unwrap();
        return (status, json, body.clone()).into_response();
    }
    let data = match path.as_str() {
        "/versions" => json!([
            {"version": "2.1.1", "url": format!("{url}/2.1.1")},
            {"version": "2.2.1", "url": format!("{url}/2.2.1")},
        ]),
        "/2.2.1" => {
            let endpoints = inside.modules.iter().map(|(module, role)| {
                json!({"identifier": module, "role": role, "url": format!("{url}/at/{module}")})
            });
            json!({"version": "2.2.1", "endpoints": endpoints.collect::<Vec<_>>()})
        }
        _ => Value::Null,
    };
    let body = json!({"data": data, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"});
    (json, body.to_string()).into_response()
}
