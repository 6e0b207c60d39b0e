//! The voice at the CSMS under test: makes it send a command to its charge point.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::peer::http::{beginning, in_words};
use crate::wire::http::HttpExchange;
use crate::words::quoted;

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
pub(crate) struct Order {
    /// What was ordered.
    pub(crate) action: String,
    task: JoinHandle<Option<Refusal>>,
    /// What the driver said, once it is known: `None` inside is no refusal.
    said: Option<Option<Refusal>>,
}

/// A driver that does not do as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// In a sentence.
    pub(crate) reason: String,
    /// It would be the same with every order: nobody is there, or the rig may not give orders.
    pub(crate) of_everything: bool,
    /// It is this order that it does not take: a status 4xx that is not about who gives it.
    pub(crate) of_the_order: bool,
}

impl Order {
    /// What the driver said, if it refused already.
    pub(crate) async fn refusal(mut self) -> Option<String> {
        if self.said.is_none() && self.task.is_finished() {
            self.said = Some((&mut self.task).await.ok().flatten());
        }
        self.said.flatten().map(|refusal| refusal.reason)
    }

    /// Comes back when the driver refuses; not at all if it does not. Safe to cancel.
    pub(crate) async fn refused(&mut self) -> Refusal {
        if self.said.is_none() {
            self.said = Some((&mut self.task).await.ok().flatten());
        }
        match self.said.clone().flatten() {
            Some(refusal) => refusal,
            None => std::future::pending().await,
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
            anyhow::anyhow!(
                "--driver {} is no URL ({error}); give something like http://127.0.0.1:8080/send",
                quoted(url)
            )
        })?;
        let mut map = HeaderMap::new();
        for header in headers {
            // Its value is a secret.
            let wrong = || anyhow::anyhow!("--driver-header is not of the form 'Name: value'");
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

    /// Orders a command; `tell` hears how the driver answers.
    pub(crate) fn order(
        &self,
        scenario: &str,
        charge_point_id: &str,
        action: &str,
        payload: &Value,
        tell: impl Fn(String) + Send + 'static,
    ) -> Order {
        let body =
            json!({"charge_point_id": charge_point_id, "action": action, "payload": payload});
        let (driver, scenario) = (self.clone(), scenario.to_owned());
        Order {
            action: action.to_owned(),
            task: tokio::spawn(async move {
                let refusal = driver.send(&body, scenario).await;
                tell(match &refusal {
                    None => "driver answered: done".to_owned(),
                    Some(refusal) => format!("driver answered: {}", refusal.reason),
                });
                refusal
            }),
            said: None,
        }
    }

    /// Whether it has ever taken the rig's word: then a single refusal is that order's own.
    pub(crate) fn has_listened(&self) -> bool {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exchanges
            .iter()
            .any(|exchange| !matches!(exchange.status, 401 | 403))
    }

    async fn send(&self, body: &Value, scenario: String) -> Option<Refusal> {
        let request = self
            .client
            .post(&self.url)
            .headers(self.headers.clone())
            .json(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Some(Refusal {
                    of_everything: error.is_connect(),
                    of_the_order: false,
                    reason: format!(
                        "the driver at {} cannot be reached: {}",
                        self.url,
                        in_words(&error)
                    ),
                });
            }
        };
        let status = response.status();
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(HttpExchange {
                method: "POST".into(),
                path: self.path.clone(),
                status: status.as_u16(),
                code: None,
                scenario,
            });
        if !status.is_client_error() && !status.is_server_error() {
            return None;
        }
        let text = beginning(response).await;
        let of_everything = matches!(status.as_u16(), 401 | 403);
        Some(Refusal {
            reason: format!("the driver at {} answered {status}: {text}", self.url),
            of_everything,
            of_the_order: status.is_client_error() && !of_everything,
        })
    }
}
