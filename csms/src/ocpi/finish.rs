//! What every answer has in common: the envelope with its time, the ids of the request, and who sends it to whom
//! [OCPI 2.2.1 §4.1.4, §4.1.5, §4.1.7].

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use dynamo_protocol::ocpi::DateTime;
use dynamo_protocol::ocpi::envelope::Envelope;

use super::answer::Unwritten;
use super::headers::{CORRELATION_ID, FROM_COUNTRY, FROM_PARTY, REQUEST_ID, TO_COUNTRY, TO_PARTY};
use crate::App;

/// Between whom a message of a functional module goes; its handler's caller says it.
#[derive(Clone, Debug, Default)]
pub(super) struct Route(Arc<OnceLock<Between>>);

/// Two parties: country code and party id of each.
#[derive(Debug)]
pub(super) struct Between {
    pub own: (String, String),
    pub other: (String, String),
}

impl Route {
    pub(super) fn say(&self, between: Between) {
        let _ = self.0.set(between);
    }
}

/// Writes answers.
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = Route::default();
    request.extensions_mut().insert(route.clone());
    let ids = [&REQUEST_ID, &CORRELATION_ID]
        .map(|name| (name.clone(), request.headers().get(name).cloned()));
    let mut response = next.run(request).await;
    for (name, id) in ids {
        if let Some(id) = id {
            response.headers_mut().insert(name, id);
        }
    }
    if let Some(between) = route.0.get() {
        write_route(response.headers_mut(), between);
    }
    let content = response.extensions_mut().remove::<Unwritten>();
    if let Some(content) = content.and_then(|content| content.take()) {
        let envelope = Envelope {
            data: content.data,
            status_code: content.code.number(),
            status_message: Some(content.message),
            timestamp: DateTime(app.clock().now_ms()),
        };
        let body = serde_json::to_vec(&envelope).expect("an envelope has texts for keys");
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response.headers_mut().remove("content-length");
        *response.body_mut() = body.into();
    }
    response
}

fn write_route(headers: &mut HeaderMap, between: &Between) {
    let (own, other) = (&between.own, &between.other);
    for (name, value) in [
        (&FROM_COUNTRY, &own.0),
        (&FROM_PARTY, &own.1),
        (&TO_COUNTRY, &other.0),
        (&TO_PARTY, &other.1),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name.clone(), value);
        }
    }
}
