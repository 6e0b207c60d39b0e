//! `GET /metrics`, and what is counted of every request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::metrics::Metrics;

/// What is counted as its path of a request that no operation has.
const NO_ROUTE: &str = "other";

/// The figures, in OpenMetrics for whoever accepts that.
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut accepted = headers.get_all(ACCEPT).iter();
    let is_open_metrics = |accept: &str| accept.contains("application/openmetrics-text");
    let wants_open_metrics = accepted.any(|accept| accept.to_str().is_ok_and(is_open_metrics));
    app.metrics.open.refresh(&app.rest_store).await;
    let (kind, page) = app.metrics.render(wants_open_metrics);
    ([(CONTENT_TYPE, kind)], page).into_response()
}

/// Counts a request when it is answered.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = name_of(request.method());
    let response = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    metrics.served(method, route, response.status().as_u16(), begun.elapsed());
    response
}

/// A client may make methods up; those are one.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 7] = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
    ];
    let known = KNOWN.into_iter().find(|(known, _)| known == method);
    known.map_or("other", |(_, name)| name)
}
