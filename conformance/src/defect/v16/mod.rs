//! Ways of getting OCPP 1.6 wrong.

pub(super) mod charge_point;
pub(super) mod csms;

use dynamo_protocol::trace::Direction;

use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Leaves pings unanswered.
struct NeverPongs;

impl Bend for NeverPongs {
    fn fate(&mut self, _: Direction, _: &str, _: &Message) -> Option<Fate> {
        None
    }

    fn pongs(&mut self) -> bool {
        false
    }
}
