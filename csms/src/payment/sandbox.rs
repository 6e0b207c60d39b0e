//! The gateway in which no money moves. Every payment method that begins with `pm_` is good, but:
//! `pm_declined` is declined, `pm_requires_action` waits for the guest at a page of this server, and what was
//! held with `pm_capture_fails` cannot be taken.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::{Capture, Gateway, Held, Hold, PaymentError};

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
        let reference = format!("{}:{}", hold.payment_method, hold.token);
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

impl Gateway for Sandbox {
    fn authorize<'a>(&'a self, hold: &'a Hold) -> BoxFuture<'a, Result<Held, PaymentError>> {
        ready(Ok(self.hold(hold))).boxed()
    }

    /// What a guest does at the page is written into the session, not found here.
    fn find<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Held, PaymentError>> {
        let held = Held::RequiresAction {
            reference: reference.to_owned(),
            url: None,
        };
        ready(Ok(held)).boxed()
    }

    fn capture<'a>(&'a self, capture: &'a Capture) -> BoxFuture<'a, Result<(), PaymentError>> {
        let fails = capture.reference.starts_with("pm_capture_fails:");
        let refused = || PaymentError::Refused("what was held cannot be taken".to_owned());
        ready(if fails { Err(refused()) } else { Ok(()) }).boxed()
    }

    fn cancel<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), PaymentError>> {
        ready(Ok(())).boxed()
    }
}
