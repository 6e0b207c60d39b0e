//! Versions and their details [OCPI 2.2.1 §6].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use dynamo_protocol::ocpi::VERSION;
use dynamo_protocol::ocpi::envelope::StatusCode;
use dynamo_protocol::ocpi::versions::{Endpoint, InterfaceRole, ModuleId, Version, VersionDetails};

use super::answer::{Answer, Done, Refused};
use super::caller::Visitor;
use super::input::InPath;
use super::{BASE, ROOT, VERSIONS, versions_url};
use crate::App;

/// The modules that are served. The role of credentials says nothing.
const MODULES: [(ModuleId, InterfaceRole); 7] = [
    (ModuleId::Credentials, InterfaceRole::Sender),
    (ModuleId::Locations, InterfaceRole::Sender),
    (ModuleId::Sessions, InterfaceRole::Sender),
    (ModuleId::Cdrs, InterfaceRole::Sender),
    (ModuleId::Tariffs, InterfaceRole::Sender),
    (ModuleId::Commands, InterfaceRole::Receiver),
    (ModuleId::Tokens, InterfaceRole::Receiver),
];

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(VERSIONS, get(list))
        .route(&format!("{VERSIONS}/{{version}}"), get(details))
}

/// Which versions are spoken.
async fn list(State(app): State<Arc<App>>, _: Visitor) -> Answer {
    Ok(Done::with([Version {
        version: VERSION.to_owned(),
        url: format!("{}/{VERSION}", versions_url(&app)),
    }]))
}

/// Where the modules of a version are.
async fn details(
    State(app): State<Arc<App>>,
    _: Visitor,
    InPath(version): InPath<String>,
) -> Answer {
    if version != VERSION {
        let message = format!("the version {version:?} is not spoken here, but {VERSION} is");
        return Err(Refused::Unknown(StatusCode::UnsupportedVersion, message));
    }
    let endpoints = MODULES.map(|(module, role)| Endpoint {
        identifier: module.as_str().to_owned(),
        role,
        url: format!("{}{ROOT}{BASE}/{}", app.urls.http, module.as_str()),
    });
    Ok(Done::with(VersionDetails {
        version: VERSION.to_owned(),
        endpoints: endpoints.to_vec(),
    }))
}
