//! Sends one letter to a webhook: a POST with a signature, good when it is answered 2xx in time. Redirects are
//! not followed, and the answer's body is not read. Private networks are reached only where the operator lets it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::domain::attempt::Attempt;
use crate::domain::occurrence::signature;
use crate::public_only::{PublicOnly, refused_address};

/// Characters of a URL.
pub(crate) const URL_CHARS_MAX: usize = 2048;
/// Connections to one receiver that are kept open.
const IDLE_MAX: usize = 8;
/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 500;

pub(crate) struct Webhooks {
    client: Result<Client, String>,
    to_private_networks: bool,
}

impl Webhooks {
    pub(crate) fn new(timeout: Duration, to_private_networks: bool) -> Self {
        let mut client = Client::builder();
        if !to_private_networks {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        let client = client
            .redirect(Policy::none())
            .timeout(timeout)
            .pool_max_idle_per_host(IDLE_MAX)
            .user_agent(concat!("dynamo/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| said(&error));
        if let Err(cause) = &client {
            tracing::warn!(
                cause,
                "webhooks cannot be sent: see the certificates of this system"
            );
        }
        Self {
            client,
            to_private_networks,
        }
    }

    pub(super) async fn send(&self, url: &str, secret: &str, body: &str, now_ms: i64) -> Attempt {
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Attempt::Failed(error.clone()),
        };
        if !self.to_private_networks
            && let Some(why) = refused_address(url)
        {
            return Attempt::Failed(format!("the webhook is at {why}"));
        }
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .header("dynamo-signature", signature(secret, now_ms, body))
            .body(body.to_owned())
            .send();
        match answer.await {
            Ok(answer) if answer.status().is_success() => Attempt::Sent,
            Ok(answer) => Attempt::Failed(format!("answered {}", answer.status())),
            Err(error) => Attempt::Failed(said(&error.without_url())),
        }
    }
}

/// What went wrong, down to its cause.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.chars().take(ERROR_CHARS_MAX).collect()
}

/// What is wrong with the URL of a webhook.
pub(crate) fn check_url(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > URL_CHARS_MAX {
        return Err("it has more than 2048 characters");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("it has blanks or control characters");
    }
    let url = Url::parse(text).map_err(|_| "it is no URL, such as https://example.com/events")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("a URL that begins with http:// or https:// is wanted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_reached_by_http() {
        for good in [
            "http://127.0.0.1:1/x",
            "https://example.com",
            "HTTPS://u:p@example.com/a?b=c",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "http://",
            "http://a b",
            "https://example.com/\n",
            "javascript:alert(1)",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
        assert!(check_url(&format!("http://x/{}", "y".repeat(2048))).is_err());
    }
}
