//! Payments of guests: an amount is held before they charge, and taken when they are done.
//!
//! A [`Gateway`] does that; every call can be made again and is done once. Without settings it is the
//! [sandbox](sandbox), in which no money moves. What one gateway holds, no other takes or lets go: it waits until the
//! settings are those of its gateway again.

pub(crate) mod sandbox;
mod stripe;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rust_decimal::Decimal;

pub(crate) use crate::domain::guest::held::Held;
use crate::options::PaymentSettings;

/// Where a guest comes back to after an action elsewhere.
pub(crate) const RETURN_PATH: &str = "/payments/return";

/// An amount to hold.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// The session; the same one again holds nothing more.
    pub token: String,
    pub payment_method: String,
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// Where the guest comes back to after an action.
    pub return_url: String,
}

/// An amount to take of what is held.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub reference: String,
    pub amount: Decimal,
    pub currency: String,
}

/// Why a gateway did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PaymentError {
    /// It said no to this request or because of the state of the payment, and will say so again.
    #[error("{0}")]
    Refused(String),
    /// It was not reached, or did not say what it did: asking again may help, and does nothing twice.
    #[error("{0}")]
    Unavailable(String),
}

/// Holds and takes money.
pub(crate) trait Gateway: Send + Sync {
    /// Holds an amount.
    fn authorize<'a>(&'a self, hold: &'a Hold) -> BoxFuture<'a, Result<Held, PaymentError>>;

    /// How a hold is now that the guest may have acted.
    fn find<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Held, PaymentError>>;

    /// Takes an amount of what is held, and lets go of the rest: what was taken, which is never more.
    fn capture<'a>(&'a self, capture: &'a Capture) -> BoxFuture<'a, Result<Decimal, PaymentError>>;

    /// Lets go of all that is held.
    fn cancel<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PaymentError>>;
}

/// The gateway that the settings mean.
///
/// # Errors
/// What is wrong with them, in one sentence without the key.
pub(crate) fn gateway(
    settings: &PaymentSettings,
    urls_http: &str,
    timeout: Duration,
) -> Result<Arc<dyn Gateway>, String> {
    match settings {
        PaymentSettings::Sandbox => Ok(Arc::new(sandbox::Sandbox::new(urls_http))),
        PaymentSettings::Stripe { key, url } => {
            Ok(Arc::new(stripe::Stripe::new(key, url, timeout)?))
        }
    }
}
