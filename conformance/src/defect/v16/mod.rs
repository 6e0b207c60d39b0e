//! Ways of getting OCPP 1.6 wrong.

pub(super) mod charge_point;
pub(super) mod csms;

use dynamo_protocol::trace::Direction;
use serde_json::json;

use crate::defect::habit;
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};
use crate::wire::line::SPACED;

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

/// Stumbles over spaces in the JSON of a call.
fn reads_no_spaces() -> Box<dyn Bend> {
    habit(|direction, _, message| match message {
        Message::Call { id, .. } if direction == Direction::ToSut && id.starts_with(SPACED) => {
            let error = json!([4, id, "FormationViolation", "", {}]).to_string();
            Some(Fate {
                back: vec![error],
                ..Fate::default()
            })
        }
        _ => None,
    })
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
