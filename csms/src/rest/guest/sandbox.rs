//! The pages of guests: where they confirm a payment of the sandbox, and where they come back to.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use super::get;
use crate::App;
use crate::payment::sandbox::ACTION_PATH;
use crate::rest::error::ApiError;
use crate::rest::input::PathId;

/// The sandbox's page, where a guest acts.
pub(in crate::rest) const ACTION_PAGE: &str = "/sandbox/payments/{token}";

/// The page on which a guest of the sandbox confirms a payment.
pub(in crate::rest) async fn action_page(PathId(token): PathId) -> Html<String> {
    let plain: String = token
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox payment</title>\
         <h1>Sandbox payment</h1><p>No money moves here.</p>\
         <form method=\"post\" action=\"{ACTION_PATH}{plain}\"><button>Confirm the payment</button></form></html>"
    ))
}

/// Where a guest comes back to after an action elsewhere.
pub(in crate::rest) async fn returned() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Payment</title>\
         <p>You can go back to your charge point.</p></html>",
    )
}

/// What the page's button does.
pub(in crate::rest) async fn act(
    State(app): State<Arc<App>>,
    PathId(token): PathId,
) -> Result<Html<&'static str>, ApiError> {
    let session = get(&app, None, &token).await?;
    let is_sandbox = matches!(app.options.payment, crate::PaymentSettings::Sandbox);
    let now_ms = app.clock().now_ms();
    if !is_sandbox || !app.rest_store.guest_acted(&token, now_ms).await? {
        return Err(ApiError::NotFound(
            "no payment waits for you here".to_owned(),
        ));
    }
    app.guests.wake(&session.charge_point_id);
    Ok(Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sandbox payment</title>\
         <p>The payment is confirmed.</p></html>",
    ))
}
