//! What the bodies of all commands with an endpoint of their own have in common.

use dynamo_protocol::v16::Action;
use serde::Serialize;

use crate::rest::error::ApiError;

/// A command by the body of its request.
pub(super) trait Dedicated: Serialize {
    const ACTION: Action;
    /// A field whose name is not that of the OCPP member in snake case, and the member.
    const RENAMED: Option<(&'static str, &'static str)> = None;
    /// What of the request the answer says again.
    type Echo: Serialize;

    fn charge_point_id(&self) -> &str;

    /// What several fields together, or the time, rule out.
    fn check(&self, now_ms: i64) -> Result<(), ApiError> {
        let _ = now_ms;
        Ok(())
    }

    fn echo(self) -> Self::Echo;
}
