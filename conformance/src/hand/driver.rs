//! The voice at the CSMS under test: makes it send a command to its charge point.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::driver_file::DriverFile;
use super::operator::{OperatorError, Person, Replies};
use crate::peer::http::{beginning, in_words};
use crate::wire::http::HttpExchange;
use crate::words::quoted;

/// How commands are ordered.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    way: Way,
    /// Every exchange of this run, for the coverage of the report.
    pub(crate) exchanges: Arc<Mutex<Vec<HttpExchange>>>,
}

#[derive(Clone, Debug)]
enum Way {
    /// One address takes every order.
    Post {
        url: String,
        headers: HeaderMap,
        client: reqwest::Client,
    },
    /// A file says where each action goes.
    File {
        file: Arc<DriverFile>,
        headers: HeaderMap,
        client: reqwest::Client,
    },
    /// A person at the terminal.
    Prompt(Person),
}

/// A command that is on its way. The rig does not wait for the driver's answer: what counts is the CALL on the wire.
#[derive(Debug)]
pub(crate) struct Order {
    /// What was ordered.
    pub(crate) action: String,
    task: JoinHandle<Option<Refusal>>,
    /// What the driver said, once it is known: `None` inside is no refusal.
    said: Option<Option<Refusal>>,
    /// Nobody waits for the command any more: it has come, or the scenario is over.
    over: Arc<AtomicBool>,
    /// What the driver has said last while it was asked again.
    busy: Arc<OnceLock<String>>,
}

/// A driver that was busy is not asked again for what has come.
impl Drop for Order {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A driver that does not do as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// In a sentence.
    pub(crate) reason: String,
    /// It would be the same with every order: nobody is there, or the rig may not give orders.
    pub(crate) of_everything: bool,
    /// It has no way to order this: the scenario is not run.
    pub(crate) cannot: bool,
    /// It is this order that it does not take: a status 4xx that is not about who gives it.
    pub(crate) of_the_order: bool,
}

impl Order {
    /// What the driver said, if it refused already.
    pub(crate) async fn refusal(mut self) -> Option<String> {
        if self.said.is_none() && self.task.is_finished() {
            self.said = Some((&mut self.task).await.ok().flatten());
        }
        self.said.take().flatten().map(|refusal| refusal.reason)
    }

    /// What is known of the driver while nothing has come of the order; nothing where it said that it was done.
    pub(crate) fn so_far(&self) -> Option<String> {
        match (self.busy.get(), &self.said) {
            (Some(busy), _) => Some(busy.clone()),
            (None, None) if !self.task.is_finished() => {
                Some("the driver had not answered by then".to_owned())
            }
            _ => None,
        }
    }

    /// Comes back when the driver has said what comes of it. Safe to cancel.
    pub(crate) async fn settled(&mut self) {
        if self.said.is_none() {
            self.said = Some((&mut self.task).await.ok().flatten());
        }
    }

    /// Comes back when the driver refuses; not at all if it does not. Safe to cancel.
    pub(crate) async fn refused(&mut self) -> Refusal {
        self.settled().await;
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
        reqwest::Url::parse(url).map_err(|error| {
            anyhow::anyhow!(
                "--driver {} is no URL ({error}); give something like http://127.0.0.1:8080/send",
                quoted(url)
            )
        })?;
        Ok(Self::by(Way::Post {
            url: url.to_owned(),
            headers: header_map(headers)?,
            client,
        }))
    }

    /// A driver that a file describes.
    pub(crate) fn of_file(
        file: DriverFile,
        headers: &[String],
        client: reqwest::Client,
    ) -> anyhow::Result<Self> {
        Ok(Self::by(Way::File {
            file: Arc::new(file),
            headers: header_map(headers)?,
            client,
        }))
    }

    /// A person who has the CSMS under test send commands.
    pub(crate) fn prompt(person: Person) -> Self {
        Self::by(Way::Prompt(person))
    }

    fn by(way: Way) -> Self {
        Self {
            way,
            exchanges: Arc::default(),
        }
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
        let (driver, scenario) = (self.clone(), scenario.to_owned());
        let (id, ordered, payload) = (
            charge_point_id.to_owned(),
            action.to_owned(),
            payload.clone(),
        );
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let busy = Arc::new(OnceLock::new());
        let is_busy = Arc::clone(&busy);
        Order {
            action: action.to_owned(),
            over,
            busy,
            task: tokio::spawn(async move {
                let refusal = driver
                    .have_it_sent(&id, &ordered, &payload, &scenario, (&is_over, &is_busy))
                    .await;
                tell(match &refusal {
                    None => "driver answered: done".to_owned(),
                    Some(refusal) => format!("driver answered: {}", refusal.reason),
                });
                refusal
            }),
            said: None,
        }
    }

    /// Orders pass through the hands of a person, who takes the time that it takes.
    pub(crate) fn is_a_person(&self) -> bool {
        matches!(self.way, Way::Prompt(_))
    }

    /// Whether it has ever taken the rig's word: then a single refusal is that order's own. It may not know a thing that
    /// is ordered (404); who knows none of the first orders is not there.
    pub(crate) fn has_listened(&self) -> bool {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exchanges
            .iter()
            .any(|exchange| !matches!(exchange.status, 401 | 403 | 404))
    }

    /// Whether it has answered that nothing is there, so often that no order can be what it does not know.
    fn is_nowhere(&self) -> bool {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let missed = exchanges.iter().filter(|exchange| exchange.status == 404);
        missed.count() >= NOWHERE_MIN
    }

    /// Gives the order; a driver that is busy is asked again for a while, unless the command has come all the same.
    async fn have_it_sent(
        &self,
        id: &str,
        action: &str,
        payload: &Value,
        scenario: &str,
        (is_over, is_busy): (&AtomicBool, &OnceLock<String>),
    ) -> Option<Refusal> {
        let (client, request) = match &self.way {
            Way::Prompt(person) => return ask(person, id, action, payload).await,
            Way::Post {
                url,
                headers,
                client,
            } => {
                let body = json!({"charge_point_id": id, "action": action, "payload": payload});
                (
                    client,
                    client.post(url).headers(headers.clone()).json(&body),
                )
            }
            Way::File {
                file,
                headers,
                client,
            } => {
                let Some(wanted) = file.request(id, action, payload) else {
                    return Some(Refusal {
                        reason: format!("the driver file has no action {action}"),
                        of_everything: false,
                        of_the_order: false,
                        cannot: true,
                    });
                };
                let mut request = client
                    .request(wanted.method, wanted.url)
                    .headers(headers.clone());
                for (name, value) in wanted.headers {
                    request = request.header(name, value);
                }
                if let Some(body) = wanted.body {
                    request = request.json(&body);
                }
                (client, request)
            }
        };
        let request = match request.build() {
            Ok(request) => request,
            Err(error) => return Some(unreachable(&error)),
        };
        for again in 0.. {
            if again > 0 && is_over.load(Ordering::Relaxed) {
                return None;
            }
            let Some(request) = request.try_clone() else {
                break;
            };
            match self.send(client, request, scenario).await {
                Some((BUSY, refusal)) if again < BUSY_TIMES => {
                    is_busy.get_or_init(|| refusal.reason);
                    sleep(BUSY_PAUSE).await;
                }
                said => return said.map(|(_, refusal)| refusal),
            }
        }
        None
    }

    async fn send(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
        scenario: &str,
    ) -> Option<(u16, Refusal)> {
        let (method, url) = (request.method().to_string(), request.url().clone());
        let response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Some((0, unreachable(&error))),
        };
        let status = response.status();
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(HttpExchange {
                method,
                path: url.path().to_owned(),
                status: status.as_u16(),
                code: None,
                scenario: scenario.to_owned(),
            });
        if !status.is_client_error() && !status.is_server_error() {
            return None;
        }
        let text = beginning(response).await;
        let of_everything =
            matches!(status.as_u16(), 401 | 403) || (status.as_u16() == 404 && self.is_nowhere());
        let refusal = Refusal {
            reason: format!("the driver at {url} answered {status}: {}", text.trim()),
            of_everything,
            of_the_order: status.is_client_error() && !of_everything && status.as_u16() != BUSY,
            cannot: status.as_u16() == 501,
        };
        Some((status.as_u16(), refusal))
    }
}

/// Orders that end at a wrong address before that is the address's fault.
const NOWHERE_MIN: usize = 5;

/// A driver that has something else to do says this, and is asked again so often.
const BUSY: u16 = 409;
const BUSY_TIMES: u32 = 10;
const BUSY_PAUSE: Duration = Duration::from_millis(300);

fn unreachable(error: &reqwest::Error) -> Refusal {
    let place = error
        .url()
        .map_or_else(String::new, |url| format!(" at {url}"));
    Refusal {
        of_everything: error.is_connect(),
        of_the_order: false,
        cannot: false,
        reason: format!("the driver{place} cannot be reached: {}", in_words(error)),
    }
}

fn header_map(headers: &[String]) -> anyhow::Result<HeaderMap> {
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
    Ok(map)
}

/// Asks the person at the terminal for one command.
async fn ask(person: &Person, id: &str, action: &str, payload: &Value) -> Option<Refusal> {
    let what = format!("have the CSMS send {action} {payload} to the charge point {id}");
    let refusal = match person.ask(&what, Replies::Cannot).await {
        Ok(()) => return None,
        Err(
            OperatorError::Impossible(reason)
            | OperatorError::Refused(reason)
            | OperatorError::Failed(reason),
        ) => reason,
    };
    Some(Refusal {
        reason: refusal,
        of_everything: false,
        of_the_order: false,
        cannot: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_driver_that_knows_none_of_many_orders_is_at_another_address() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/nope", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
        let driver = Driver::new(&url, &[], reqwest::Client::new()).unwrap();
        for number in 1..=NOWHERE_MIN {
            let mut order = driver.order("scenario", "CP-1", "Reset", &json!({}), |_| {});
            let refusal = order.refused().await;
            assert_eq!(
                refusal.of_everything,
                number == NOWHERE_MIN,
                "order {number}"
            );
        }
        assert!(!driver.has_listened());
    }
}
