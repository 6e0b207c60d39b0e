//! Ways of getting OCPP 1.6 wrong.

pub(super) mod charge_point;
pub(super) mod csms;

use dynamo_protocol::trace::Direction;

use crate::defect::habit;
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

/// The line ends here.
fn hang_up() -> Fate {
    Fate {
        close: true,
        ..Fate::default()
    }
}

/// Closes the line when something comes that is no frame.
fn hangs_up_on_rubbish() -> Box<dyn Bend> {
    habit(|direction, _, message| {
        let is_rubbish = matches!(message, Message::Unreadable(_));
        (direction == Direction::ToSut && is_rubbish).then(hang_up)
    })
}
