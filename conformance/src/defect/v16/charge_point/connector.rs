//! Connectors that are mixed up, and states that are not told as they are.

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::session::hides_that_it_is_free_after;
use super::{nothing, swallowed};
use crate::defect::{Frames, becomes, calls, habit, never_calls, says};
use crate::wire::entry::Message;
use crate::wire::fate::{Bend, Fate};

/// Does to connector 1 what it is told to do to another, or to the whole charge point (0).
fn does_to_the_first(wanted: &'static str, instead_of: u32) -> Box<dyn Bend> {
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == wanted
                && payload["connectorId"] == instead_of =>
        {
            let mut payload = payload.clone();
            payload["connectorId"] = 1.into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Keeps the error code of a connector when its fault is over.
fn keeps_the_error_code() -> Box<dyn Bend> {
    let mut code = Value::Null;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && action == "StatusNotification"
                && payload["connectorId"] == 1 =>
        {
            if payload["errorCode"] != "NoError" {
                code = payload["errorCode"].clone();
                return None;
            }
            let kept = Some(&code).filter(|code| !code.is_null())?;
            let mut payload = payload.clone();
            payload["errorCode"] = kept.clone();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Tells of connector 1 that connector 2 has failed, and that it is well again.
fn fails_at_the_first() -> Box<dyn Bend> {
    let mut failed = false;
    calls("StatusNotification", move |payload| {
        if payload["connectorId"] != 2 {
            return;
        }
        let fails = payload["status"] == "Faulted";
        if fails || failed {
            payload["connectorId"] = 1.into();
        }
        failed = fails;
    })
}

fn status_is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |payload| payload["status"] == status
}

/// After a boot every connector is Available, whatever it was before.
fn forgets_availability() -> Box<dyn Bend> {
    let mut boots = 0;
    habit(move |direction, action, message| match message {
        Message::Call { .. } if action == "BootNotification" => {
            boots += 1;
            None
        }
        Message::Call { id, payload, .. }
            if direction == Direction::FromSut
                && boots > 1
                && payload["status"] == "Unavailable" =>
        {
            let mut payload = payload.clone();
            payload["status"] = "Available".into();
            Some(becomes(json!([2, id, action, payload])))
        }
        _ => None,
    })
}

/// Says that a connector is out of service, and charges there.
fn charges_out_of_service() -> Box<dyn Bend> {
    let mut out = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. }
            if direction == Direction::ToSut
                && action == "ChangeAvailability"
                && payload["type"] == "Inoperative" =>
        {
            let mut back = vec![json!([3, id, {"status": "Accepted"}]).to_string()];
            if !out {
                let status = json!([2, "out", "StatusNotification", {"connectorId": payload["connectorId"],
                    "errorCode": "NoError", "status": "Unavailable", "timestamp": crate::wire::script::now()}]);
                back.push(status.to_string());
            }
            out = true;
            Some(Fate {
                back,
                ..Fate::default()
            })
        }
        Message::Call { id, .. }
            if out && direction == Direction::ToSut && action == "RemoteStartTransaction" =>
        {
            Some(swallowed(id, &json!({"status": "Rejected"})))
        }
        Message::Call { id, .. }
            if out && direction == Direction::FromSut && action == "StatusNotification" =>
        {
            Some(swallowed(id, &nothing()))
        }
        _ => None,
    })
}

/// After a boot it does not know any more that a connector was to go out of service.
fn forgets_what_was_scheduled() -> Box<dyn Bend> {
    let (mut scheduled, mut boots, mut forgets) = (false, 0, false);
    habit(move |direction, action, message| match message {
        Message::Result { payload, .. }
            if direction == Direction::FromSut && action == "ChangeAvailability" =>
        {
            scheduled |= payload["status"] == "Scheduled";
            None
        }
        Message::Call { id, payload, .. } if direction == Direction::FromSut => {
            boots += u32::from(action == "BootNotification");
            forgets |= scheduled && boots > 1;
            (forgets && payload["status"] == "Unavailable").then(|| {
                let mut payload = payload.clone();
                payload["status"] = "Finishing".into();
                becomes(json!([2, id, action, payload]))
            })
        }
        _ => None,
    })
}

/// Out of service as a whole, it takes a remote start for a connector.
fn charges_below_the_whole() -> Box<dyn Bend> {
    let mut out = false;
    habit(move |direction, action, message| match message {
        Message::Call { id, payload, .. } if direction == Direction::ToSut => match action {
            "ChangeAvailability" => {
                out = payload["connectorId"] == 0 && payload["type"] == "Inoperative";
                None
            }
            "RemoteStartTransaction" if out => Some(swallowed(id, &json!({"status": "Accepted"}))),
            _ => None,
        },
        _ => None,
    })
}

pub(super) static SEEDS: &[Frames] = &[
    Frames {
        name: "unlocks the first connector whichever is named",
        breaks: "UnlockConnector is for the connector that it names [1.6 §5.18]",
        make: || does_to_the_first("UnlockConnector", 2),
    },
    Frames {
        name: "takes the first connector out of service whichever is named",
        breaks: "ChangeAvailability is for the connector that it names [1.6 §5.2]",
        make: || does_to_the_first("ChangeAvailability", 2),
    },
    Frames {
        name: "takes one connector out of service for the whole",
        breaks: "connector 0 is the whole charge point [1.6 §5.2]",
        make: || does_to_the_first("ChangeAvailability", 0),
    },
    Frames {
        name: "tells faults of the first connector whichever has failed",
        breaks: "a status names its connector [1.6 §6.47]",
        make: fails_at_the_first,
    },
    Frames {
        name: "hides that a fault is over",
        breaks: "a change of state is reported [1.6 §4.9]",
        make: || hides_that_it_is_free_after("Faulted"),
    },
    Frames {
        name: "keeps the error code when the fault is over",
        breaks: "NoError is the code of a connector without a fault [1.6 §7.6]",
        make: keeps_the_error_code,
    },
    Frames {
        name: "keeps connector 0 to itself",
        breaks: "after Accepted it reports connector 0 and all others [1.6 §4.9]",
        make: || {
            never_calls(
                "StatusNotification",
                |payload| payload["connectorId"] == 0,
                nothing,
            )
        },
    },
    Frames {
        name: "forgets that it is out of service",
        breaks: "availability survives a reboot [1.6 §5.2]",
        make: forgets_availability,
    },
    Frames {
        name: "unlocks what cannot be unlocked",
        breaks: "a fixed cable is NotSupported [1.6 §5.18]",
        make: || says("UnlockConnector", "NotSupported", "Unlocked"),
    },
    Frames {
        name: "hides a jammed lock",
        breaks: "a lock that does not open is UnlockFailed [1.6 §5.18]",
        make: || says("UnlockConnector", "UnlockFailed", "Unlocked"),
    },
    Frames {
        name: "hides that a cable was plugged in",
        breaks: "a change of state is reported [1.6 §4.9]",
        make: || never_calls("StatusNotification", status_is("Preparing"), nothing),
    },
    Frames {
        name: "hides its faults",
        breaks: "a fault is reported with its code [1.6 §4.9]",
        make: || never_calls("StatusNotification", status_is("Faulted"), nothing),
    },
    Frames {
        name: "charges where it is out of service",
        breaks: "out of service means no charging [1.6 §5.2]",
        make: charges_out_of_service,
    },
    Frames {
        name: "goes out of service at once in words",
        breaks: "in use it is Scheduled [1.6 §5.2]",
        make: || says("ChangeAvailability", "Scheduled", "Accepted"),
    },
    Frames {
        name: "charges at its connectors when the whole is out of service",
        breaks: "connector 0 is the charge point and all its connectors [1.6 §5.2]",
        make: charges_below_the_whole,
    },
    Frames {
        name: "forgets in a restart what was scheduled",
        breaks: "what was Scheduled happens when the session is over [1.6 §5.2]",
        make: forgets_what_was_scheduled,
    },
];
