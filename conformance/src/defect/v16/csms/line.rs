//! Lines that end or stay silent when they should not.

use std::time::{Duration, Instant};

use dynamo_protocol::trace::Direction;
use serde_json::json;

use super::refuses;
use crate::defect::v16::{NeverPongs, reads_no_spaces};
use crate::defect::{Frames, habit};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

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

/// Closes the line when an answer comes to no call.
fn hangs_up_on_stray_answers() -> Box<dyn Bend> {
    habit(|direction, action, message| {
        let is_stray = matches!(message, Message::Result { .. }) && action.is_empty();
        (direction == Direction::ToSut && is_stray).then(hang_up)
    })
}

/// Overhears a heartbeat that comes right behind another.
fn overhears_the_second() -> Box<dyn Bend> {
    const RIGHT_BEHIND: Duration = Duration::from_secs(1);
    let mut last: Option<Instant> = None;
    habit(move |direction, action, message| match message {
        Message::Call { .. } if direction == Direction::ToSut && action == "Heartbeat" => {
            let before = last.replace(Instant::now())?;
            (before.elapsed() < RIGHT_BEHIND).then(Fate::default)
        }
        _ => None,
    })
}

/// What a CSMS leaves undone on a connection on which nobody has booted.
#[derive(Clone, Copy)]
enum Until {
    /// It answers nothing but boots.
    ItAnswers,
    /// It sends no command.
    ItCommands,
}

/// Waits for a boot on each connection.
struct WaitsForABoot {
    until: Until,
    has_booted: bool,
}

impl Bend for WaitsForABoot {
    fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate> {
        if action == "BootNotification" {
            self.has_booted = true;
            return None;
        }
        let Message::Call { id, .. } = message else {
            return None;
        };
        if self.has_booted {
            return None;
        }
        match (self.until, direction) {
            (Until::ItAnswers, Direction::ToSut) => Some(Fate::default()),
            (Until::ItCommands, Direction::FromSut) => Some(super::not_sent(id)),
            _ => None,
        }
    }

    fn opens(&mut self) {
        self.has_booted = false;
    }
}

fn waits_for_a_boot(until: Until) -> Box<dyn Bend> {
    Box::new(WaitsForABoot {
        until,
        has_booted: false,
    })
}

/// Has room for texts of this length.
fn has_room_for(action: &'static str, member: &'static str, length: usize) -> Box<dyn Bend> {
    refuses(action, move |payload| {
        let text = payload[member].as_str();
        text.is_some_and(|text| text.chars().count() > length)
    })
}

/// Does what a charge point is told.
fn plays_the_charge_point() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Call { id, .. } if direction == Direction::ToSut && action == "Reset" => {
            let answer = json!([3, id, {"status": "Accepted"}]).to_string();
            Some(Fate {
                back: vec![answer],
                ..Fate::default()
            })
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "reads JSON without spaces alone",
        breaks: "messages are JSON [1.6J §4.1.2]",
        make: reads_no_spaces,
    },
    Frames {
        name: "leaves pings unanswered",
        breaks: "a ping is answered with a pong [1.6J §5.3]",
        make: || Box::new(NeverPongs),
    },
    Frames {
        name: "plays the charge point",
        breaks: "Reset is the CSMS's [1.6J §4.2.3]",
        make: plays_the_charge_point,
    },
    Frames {
        name: "hangs up on rubbish",
        breaks: "what is no frame ends nothing [1.6J §4.2]",
        make: hangs_up_on_rubbish,
    },
    Frames {
        name: "hangs up on an answer that nobody asked for",
        breaks: "an answer to no call means nothing [1.6J §4.1.4]",
        make: hangs_up_on_stray_answers,
    },
    Frames {
        name: "overhears a call that comes right behind another",
        breaks: "each call has an answer [1.6J §4.1.1]",
        make: overhears_the_second,
    },
    Frames {
        name: "answers nobody who has not booted on the connection",
        breaks: "a lost connection is no reason for a boot [1.6 §4.2]",
        make: || waits_for_a_boot(Until::ItAnswers),
    },
    Frames {
        name: "commands nobody who has not booted on the connection",
        breaks: "a lost connection is no reason for a boot [1.6 §4.2]",
        make: || waits_for_a_boot(Until::ItCommands),
    },
    Frames {
        name: "has no room for long serial numbers",
        breaks: "a serial number has up to 25 characters [1.6 §6.3]",
        make: || has_room_for("BootNotification", "chargePointSerialNumber", 20),
    },
    Frames {
        name: "has no room for long names of vendors",
        breaks: "the name of a vendor has up to 255 characters [1.6 §6.15]",
        make: || has_room_for("DataTransfer", "vendorId", 100),
    },
];
