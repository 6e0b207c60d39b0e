//! The gateway in which no money moves. Every payment method that begins with `pm_` is good, but:
//! `pm_declined` is declined, `pm_requires_action` waits for the guest at a page of this server, and what was
//! held with `pm_capture_fails` cannot be taken. What another gateway holds is none of its business.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rust_decimal::Decimal;

use super::{Capture, Gateway, Held, Hold, PaymentError};
use crate::domain::guest::held::SANDBOX_PREFIX;

/// The path of the page where a guest acts; the session's token follows.
pub(crate) const ACTION_PATH: &str = "/sandbox/payments/";

pub(super) struct Sandbox {
    url: String,
}

impl Sandbox {
    pub(super) fn new(urls_http: &str) -> Self {
        Self {
            url: urls_http.to_owned(),
        }
    }

    fn hold(&self, hold: &Hold) -> Held {
        let reference = format!("{SANDBOX_PREFIX}{}:{}", hold.payment_method, hold.token);
        match hold.payment_method.as_str() {
            "pm_declined" => Held::Declined {
                reason: "the payment method was declined".to_owned(),
            },
            "pm_requires_action" => Held::RequiresAction {
                url: Some(format!("{}{ACTION_PATH}{}", self.url, hold.token)),
                reference,
            },
            method if method.starts_with("pm_") => Held::Authorized { reference },
            _ => Held::Declined {
                reason: "there is no such payment method: in the sandbox they begin with pm_"
                    .to_owned(),
            },
        }
    }
}

/// A hold of the sandbox by its reference: the payment method and the token.
fn own(reference: &str) -> Result<&str, PaymentError> {
    reference.strip_prefix(SANDBOX_PREFIX).ok_or_else(|| {
        PaymentError::Unavailable(format!(
            "the payment {reference} is not one of the sandbox: it waits until the settings are those of its gateway"
        ))
    })
}

impl Gateway for Sandbox {
    fn authorize<'a>(&'a self, hold: &'a Hold) -> BoxFuture<'a, Result<Held, PaymentError>> {
        ready(Ok(self.hold(hold))).boxed()
    }

    /// What a guest does at the page is written into the session, not found here.
    fn find<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Held, PaymentError>> {
        let held = |_| Held::RequiresAction {
            reference: reference.to_owned(),
            url: None,
        };
        ready(own(reference).map(held)).boxed()
    }

    fn capture<'a>(&'a self, capture: &'a Capture) -> BoxFuture<'a, Result<Decimal, PaymentError>> {
        let taken = own(&capture.reference).and_then(|own| {
            if own.starts_with("pm_capture_fails:") {
                let why = "what was held cannot be taken".to_owned();
                return Err(PaymentError::Refused(why));
            }
            Ok(capture.amount)
        });
        ready(taken).boxed()
    }

    fn cancel<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PaymentError>> {
        ready(own(reference).map(|_| ())).boxed()
    }
}
