//! The voice at the CSMS under test: makes it send a command to its charge point.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::report::HttpExchange;

/// Where commands are ordered.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    url: String,
    path: String,
    headers: HeaderMap,
    client: reqwest::Client,
    /// Every exchange of this run, for the coverage of the report.
    pub(crate) exchanges: Arc<Mutex<Vec<HttpExchange>>>,
}

/// A command that is on its way. The rig does not wait for the driver's answer: what counts is the CALL on the wire.
#[derive(Debug)]
pub(crate) struct Order(JoinHandle<Option<String>>);

impl Order {
    /// What the driver said, if it refused already.
    pub(crate) async fn refusal(self) -> Option<String> {
        if self.0.is_finished() {
            self.0.await.ok().flatten()
        } else {
            None
        }
    }
}

impl Driver {
    /// A driver at this URL; each header is `Name: value`.
    pub(crate) fn new(
        url: &str,
        headers: &[String],
        client: reqwest::Client,
    ) -> anyhow::Result<Self> {
        let parsed = reqwest::Url::parse(url).map_err(|error| {
            anyhow::anyhow!("--driver {url:?} is no URL ({error}); give something like http://127.0.0.1:8080/send")
        })?;
        let mut map = HeaderMap::new();
        for header in headers {
            let wrong =
                || anyhow::anyhow!("--driver-header {header:?} is not of the form 'Name: value'");
            let (name, value) = header.split_once(':').ok_or_else(wrong)?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
            map.append(
                name,
                HeaderValue::from_str(value.trim()).map_err(|_| wrong())?,
            );
        }
        let path = parsed.path().to_owned();
        Ok(Self {
            url: url.to_owned(),
            path,
            headers: map,
            client,
            exchanges: Arc::default(),
        })
    }

    /// Orders a command.
    pub(crate) fn order(
        &self,
        scenario: &str,
        charge_point_id: &str,
        action: &str,
        payload: &Value,
    ) -> Order {
        let body =
            json!({"charge_point_id": charge_point_id, "action": action, "payload": payload});
        let (driver, scenario) = (self.clone(), scenario.to_owned());
        Order(tokio::spawn(async move {
            let request = driver
                .client
                .post(&driver.url)
                .headers(driver.headers.clone())
                .json(&body);
            match request.send().await {
                Ok(response) => {
                    let status = response.status();
                    driver
                        .exchanges
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(HttpExchange {
                            method: "POST",
                            path: driver.path.clone(),
                            status: status.as_u16(),
                            scenario,
                        });
                    let refused = status.is_client_error() || status.is_server_error();
                    let text = if refused {
                        response.text().await.unwrap_or_default()
                    } else {
                        String::new()
                    };
                    refused.then(|| format!("the driver answered {status}: {text}"))
                }
                Err(error) => Some(format!("the driver cannot be reached: {error}")),
            }
        }))
    }
}
