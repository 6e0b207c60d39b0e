//! What partners send: bodies and queries, read before a handler sees them.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use dynamo_protocol::ocpi::form::{Extent, Fault, read};
use dynamo_protocol::ocpi::page::Page;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Duration, timeout};

use super::ROOT;
use super::answer::{Done, Refused};
use crate::App;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a partner may take for one.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Faults that are told of one object.
const FAULTS_TOLD_MAX: usize = 5;

/// A body that is JSON, whatever it says.
pub(super) struct Json(pub Value);

impl<S: Send + Sync> FromRequest<S> for Json {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
        let body = timeout(BODY_TIMEOUT, body)
            .await
            .map_err(|_| Refused::NotJson("the body did not come in time".to_owned()))?;
        let body = body.map_err(|_| Refused::TooLarge)?;
        let value = serde_json::from_slice(&body);
        value
            .map(Self)
            .map_err(|error| Refused::NotJson(format!("the body is no JSON: {error}")))
    }
}

/// The same where there may be no body.
pub(super) struct OptionalJson(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for OptionalJson {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let headers = request.headers();
        let is_empty = headers.get("content-length").is_none_or(|l| l == "0")
            && !headers.contains_key("transfer-encoding");
        if is_empty {
            return Ok(Self(None));
        }
        let Json(value) = Json::from_request(request, state).await?;
        Ok(Self(Some(value).filter(|value| !value.is_null())))
    }
}

/// What stands in the path; what cannot be read is not found.
pub(super) struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value))
            .map_err(|_| Refused::NotFound("the path cannot be read".to_owned()))
    }
}

/// An object of OCPI, of a partner from whom a little is forgiven, or nothing.
pub(super) fn object<T: DeserializeOwned>(
    name: &str,
    value: Value,
    is_strict: bool,
) -> Result<T, Refused> {
    let value = checked(name, value, Extent::Whole, is_strict)?;
    serde_json::from_value(value)
        .map_err(|error| Refused::invalid(format!("this is no {name}: {error}")))
}

/// The same as JSON in the form of the standard; of a part only what it names.
pub(super) fn checked(
    name: &str,
    value: Value,
    extent: Extent,
    is_strict: bool,
) -> Result<Value, Refused> {
    let read = read(name, value, extent);
    let mut faults = read.faults;
    if is_strict {
        faults.extend(read.forgiven);
    } else {
        for forgiven in &read.forgiven {
            tracing::info!(object = name, fault = %forgiven, "something was forgiven of what a partner sent");
        }
    }
    match faults.is_empty() {
        true => Ok(read.value),
        false => Err(Refused::invalid(told(&faults))),
    }
}

fn told(faults: &[Fault]) -> String {
    let texts = faults.iter().take(FAULTS_TOLD_MAX).map(Fault::to_string);
    let mut text = texts.collect::<Vec<_>>().join("; ");
    if faults.len() > FAULTS_TOLD_MAX {
        text.push_str("; and more");
    }
    text
}

/// Which part of a list is wanted.
pub(super) struct Paging {
    pub page: Page,
    /// Where the list is.
    url: String,
}

/// Objects in one page at most.
const PAGE_MAX: i64 = 100;
/// Objects in one page where nobody said how many.
const PAGE_USUAL: i64 = 25;

impl FromRequestParts<Arc<App>> for Paging {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Refused::invalid("the query cannot be read"))?;
        let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
        let mut page = Page::read(pairs).map_err(Refused::invalid)?;
        page.limit = Some(page.limit.unwrap_or(PAGE_USUAL));
        let path = parts.extensions.get::<OriginalUri>();
        let path = path.map_or_else(|| parts.uri.path(), |uri| uri.path());
        Ok(Self {
            page,
            url: format!("{}{ROOT}{path}", app.urls.http),
        })
    }
}

impl Paging {
    /// How many at most, and how many before them.
    pub(super) fn slice(&self) -> (i64, i64) {
        (self.page.size(PAGE_MAX), self.page.offset)
    }

    /// Since when, and until when, what is wanted was changed.
    pub(super) fn window(&self) -> (i64, i64) {
        (
            self.page.date_from.map_or(i64::MIN, |time| time.0),
            self.page.date_to.map_or(i64::MAX, |time| time.0),
        )
    }

    /// A page of a list of so many.
    pub(super) fn answer(&self, objects: Vec<Value>, total: i64) -> Done {
        let mut done = Done::with(objects);
        let number = |name: &'static str, number: i64| {
            (HeaderName::from_static(name), HeaderValue::from(number))
        };
        done.headers.push(number("x-total-count", total));
        done.headers.push(number("x-limit", PAGE_MAX));
        let link = self.page.next_link(&self.url, PAGE_MAX, total);
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            done.headers.push((axum::http::header::LINK, link));
        }
        done
    }
}
