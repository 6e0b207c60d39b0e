//! Who moves the money of guests, as the options say it.

use std::fmt;

/// Who holds and takes the money of guests.
#[derive(Clone, Default)]
pub enum PaymentSettings {
    /// Nobody: payment methods that begin with `pm_` are good, and some of them fail as documented.
    #[default]
    Sandbox,
    /// Stripe.
    Stripe {
        /// The secret key; it is never logged.
        key: String,
        /// Where its API is, without a slash at the end.
        url: String,
    },
}

impl fmt::Debug for PaymentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret.
        match self {
            Self::Sandbox => write!(f, "Sandbox"),
            Self::Stripe { url, .. } => write!(f, "Stripe({url})"),
        }
    }
}
