//! How each version of OCPP says things.

pub(crate) mod v16;

use crate::words::did_you_mean;

/// Whether some version has a message of this name.
pub(crate) fn is_message(name: &str) -> bool {
    v16::commands::is_known(name)
}

/// What a connector can be.
pub(crate) fn statuses() -> impl Iterator<Item = &'static str> {
    v16::words::STATUSES.into_iter()
}

/// What a command to a charge point can have.
pub(crate) fn members() -> impl Iterator<Item = &'static str> {
    v16::words::COMMAND_MEMBERS.into_iter()
}

/// A message whose name is like this one, as a question; empty where none is.
pub(crate) fn message_like(name: &str) -> String {
    did_you_mean(name, v16::commands::names())
}
