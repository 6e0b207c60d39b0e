//! OCPI 2.2.1 as a CPO: what partners call, one file per module, and what calls them.
//!
//! Everything below `/ocpi` answers in the envelope of OCPI, errors included (`answer.rs`). Who calls is known by the
//! token in the header (`caller.rs`), and belongs to one organization: partners see what is theirs of that. Rules are in
//! `domain/roaming`, queries in `store/roaming`.

mod answer;
mod caller;
mod cdrs;
mod client;
mod commands;
mod credentials;
mod exchange;
mod finish;
mod headers;
mod input;
mod locations;
mod push;
pub(crate) mod real_time;
mod register;
mod results;
mod sessions;
mod tariffs;
mod tokens;
mod versions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request};
use axum::http::Uri;
use axum::middleware;
use tower::{ServiceExt as _, service_fn};

use crate::App;
use answer::Refused;

pub(crate) use client::Partners;
pub(crate) use push::push_changes;
pub(crate) use register::register_asked;
pub(crate) use results::tell_results;

/// Where the modules are.
const BASE: &str = "/cpo/2.2.1";
/// Where the list of versions is.
const VERSIONS: &str = "/versions";
/// Where all of it is; the other paths here begin below.
const ROOT: &str = "/ocpi";

/// Everything below `/ocpi`.
pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let inner = Router::new()
        .merge(versions::router())
        .nest(BASE, modules())
        .fallback(|| async { Refused::NotFound("there is no such path".to_owned()) })
        .method_not_allowed_fallback(|| async { Refused::MethodNotAllowed })
        .layer(middleware::from_fn_with_state(app.clone(), finish::finish))
        .with_state(app.clone());
    // Partners put slashes where there are none; what is meant is clear.
    let tidy = service_fn(move |request| inner.clone().oneshot(tidied(request)));
    Router::new().nest_service(ROOT, tidy)
}

/// The URL of the list of versions, which partners are given.
pub(crate) fn versions_url(app: &App) -> String {
    format!("{}{ROOT}{VERSIONS}", app.urls.http)
}

fn modules() -> Router<Arc<App>> {
    Router::new()
        .merge(credentials::router())
        .merge(cdrs::router())
        .merge(commands::router())
        .merge(locations::router())
        .merge(sessions::router())
        .merge(tariffs::router())
        .merge(tokens::router())
}

/// Without a slash at the end of the path, and with one slash between its parts.
fn tidied(mut request: Request) -> Request {
    // What was sent is of no use below, where pages name the path that was meant.
    request.extensions_mut().remove::<OriginalUri>();
    let path = request.uri().path();
    if !path.ends_with('/') && !path.contains("//") {
        return request;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let query = request.uri().query().map(|query| format!("?{query}"));
    let tidy = format!("/{}{}", parts.join("/"), query.unwrap_or_default());
    if let Ok(uri) = tidy.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_tidied_and_queries_stay() {
        for (sent, meant) in [
            (
                "/ocpi/cpo/2.2.1/cdrs/?limit=1",
                "/ocpi/cpo/2.2.1/cdrs?limit=1",
            ),
            (
                "/ocpi//cpo/2.2.1/commands//START_SESSION/",
                "/ocpi/cpo/2.2.1/commands/START_SESSION",
            ),
            ("/ocpi/versions?a=//", "/ocpi/versions?a=//"),
        ] {
            let request = Request::builder()
                .uri(sent)
                .body(axum::body::Body::empty())
                .unwrap();
            assert_eq!(tidied(request).uri().to_string(), meant);
        }
    }
}
