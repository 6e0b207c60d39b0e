//! Lines that end or stay silent when they should not.

use std::time::{Duration, Instant};

use dynamo_protocol::trace::Direction;
use serde_json::json;

use super::{not_sent, refuses};
use crate::defect::v16::{NeverPongs, hang_up, hangs_up_on_rubbish, reads_no_spaces};
use crate::defect::{Frames, answers, answers_twice, becomes, habit, swaps_error_codes};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

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
            (Until::ItCommands, Direction::FromSut) => Some(not_sent(id)),
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

/// Keeps so much of a message id.
fn cuts_ids(length: usize) -> Box<dyn Bend> {
    habit(move |direction, _, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && id.chars().count() > length =>
        {
            let id: String = id.chars().take(length).collect();
            Some(becomes(json!([3, id, payload])))
        }
        _ => None,
    })
}

/// Hears nothing while a command of its own is open.
fn is_deaf_while_it_waits() -> Box<dyn Bend> {
    let mut open: Option<String> = None;
    habit(move |direction, _, message| match message {
        Message::Call { id, .. } if direction == Direction::FromSut => {
            open = Some(id.clone());
            None
        }
        Message::Call { .. } => open.as_ref().map(|_| Fate::default()),
        _ if direction == Direction::ToSut && message.id() == open.as_deref() => {
            open = None;
            None
        }
        _ => None,
    })
}

/// Takes messages of any action that lack what they need.
fn takes_what_lacks() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Error { id, .. }
            if direction == Direction::FromSut
                && matches!(action, "MeterValues" | "StopTransaction") =>
        {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// Answers with an id of its own.
fn answers_with_another_id() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(becomes(json!([3, "another", payload])))
        }
        _ => None,
    })
}

/// Does not wait for the answer to a command before the next one.
fn sends_two_commands() -> Box<dyn Bend> {
    let mut sent = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::FromSut && !sent => {
            sent = true;
            let second = json!([2, "at-once", "ClearCache", {}]).to_string();
            Some(Fate {
                on: vec![json!([2, id, action, payload]).to_string(), second],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

/// Takes what breaks the schema.
fn takes_anything() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Error { id, .. }
            if direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(becomes(json!([3, id, {}])))
        }
        _ => None,
    })
}

/// Asks the charge point for what only charge points say.
fn speaks_for_the_other_side() -> Box<dyn Bend> {
    habit(|direction, action, message| match message {
        Message::Result { id, payload }
            if direction == Direction::FromSut && action == "BootNotification" =>
        {
            let call = json!([2, "mine", "Heartbeat", {}]).to_string();
            Some(Fate {
                on: vec![json!([3, id, payload]).to_string(), call],
                back: Vec::new(),
                ..Fate::default()
            })
        }
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
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
    Frames {
        name: "adds members of its own",
        breaks: "a payload has no members beyond its schema [1.6J §4.2]",
        make: || answers("Heartbeat", |payload| payload["mood"] = "fine".into()),
    },
    Frames {
        name: "answers twice",
        breaks: "each call has one answer [1.6J §4.1.1]",
        make: answers_twice,
    },
    Frames {
        name: "answers with another id",
        breaks: "an answer has the id of its call [1.6J §4.2.2]",
        make: answers_with_another_id,
    },
    Frames {
        name: "sends two commands at once",
        breaks: "the next call waits for the answer to the one before [1.6J §4.1.1]",
        make: sends_two_commands,
    },
    Frames {
        name: "mixes up NotImplemented and NotSupported",
        breaks: "NotImplemented is for an action nobody knows [1.6J §4.2.3]",
        make: swaps_error_codes,
    },
    Frames {
        name: "takes what breaks the schema",
        breaks: "a payload that breaks the schema is refused [1.6J §4.2.3]",
        make: takes_anything,
    },
    Frames {
        name: "cuts message ids",
        breaks: "an answer has the id of its call, of up to 36 characters [1.6J §4.1.4]",
        make: || cuts_ids(30),
    },
    Frames {
        name: "is deaf while it waits for an answer",
        breaks: "each side may call while a call of the other is open [1.6J §4.1.1]",
        make: is_deaf_while_it_waits,
    },
    Frames {
        name: "takes readings and stops that lack what they need",
        breaks: "a member that is needed is there [1.6J §4.2.3]",
        make: takes_what_lacks,
    },
    Frames {
        name: "speaks for the other side",
        breaks: "Heartbeat is the charge point's [1.6 §4.6]",
        make: speaks_for_the_other_side,
    },
    Frames {
        name: "reads JSON without spaces alone",
        breaks: "messages are JSON [1.6J §4.1.2]",
        make: reads_no_spaces,
    },
];
