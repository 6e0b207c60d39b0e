//! OCPI, as a partner meets it.

mod bills;
mod emsp;
mod orders;
mod places;
mod pushes;
mod real_time;
mod registration;
mod tokens;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Rig, rig_with};
use emsp::Emsp;

/// With which the partner registers.
const TOKEN_A: &str = "invitation-token";
const BASE: &str = "/ocpi/cpo/2.2.1";

/// What the CPO answered.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// The envelope.
    body: Value,
}

impl Answer {
    /// HTTP's status, and OCPI's.
    fn code(&self) -> (u16, i64) {
        let code = self.body["status_code"].as_i64();
        (self.status.as_u16(), code.unwrap_or(0))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn cpo() -> Rig {
    rig_with(|options| options.ocpi_token = Some(TOKEN_A.to_owned())).await
}

impl Rig {
    /// Asks as a partner, with this token.
    async fn ocpi(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let header = format!("Token {}", BASE64_STANDARD.encode(token));
        let body = body.map(|body| body.to_string());
        self.ocpi_with(&[("authorization", &header)], method, path, body)
            .await
    }

    /// Asks with these headers and this body.
    async fn ocpi_with(
        &self,
        headers: &[(&str, &str)],
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Answer {
        let mut request = reqwest::Client::new().request(method, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.json().await.unwrap_or(Value::Null),
        }
    }

    /// A partner that is registered, and the token by which it calls.
    async fn registered(&self) -> (Emsp, String) {
        let emsp = Emsp::start().await;
        let path = format!("{BASE}/credentials");
        let body = emsp.credentials("token-b-of-the-rig");
        let answer = self.ocpi(TOKEN_A, Method::POST, &path, Some(body)).await;
        assert_eq!(answer.code(), (200, 1000), "{answer:?}");
        let token = answer.body["data"]["token"].as_str().unwrap().to_owned();
        emsp.forget();
        (emsp, token)
    }
}

/// What the command `dynamo csms admin` says.
async fn admin(rig: &Rig, command: &[&str]) -> Result<String, dynamo_csms::AdminError> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        admin: dynamo_csms::AdminArgs,
    }
    let words = ["admin", "--database", rig.database()];
    let words = words.into_iter().chain(command.iter().copied());
    let line = <Line as clap::Parser>::try_parse_from(words).unwrap();
    dynamo_csms::admin(line.admin).await
}

/// A charge point where partners see it.
fn charge_point(id: &str) -> Value {
    json!({
        "charge_point_id": id,
        "name": "Bay 1",
        "vendor": "ABB",
        "model": "Terra",
        "serial_number": format!("SN-{id}"),
        "location": {"latitude": 51.5054, "longitude": -0.0235, "address": "1 Canada Square, London, E14 5AB"},
        "connector_count": 2,
        "max_power_kw": 22.0,
    })
}
