//! The money that is held for a guest session.

/// How the references of the sandbox begin, in which no money moves.
pub(crate) const SANDBOX_PREFIX: &str = "sandbox:";

/// What became of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The amount is held, under the gateway's reference.
    Authorized { reference: String },
    /// The guest has to do something first, at this address if there is one.
    RequiresAction {
        reference: String,
        url: Option<String>,
    },
    /// The guest cannot pay with this; why.
    Declined { reason: String },
}
