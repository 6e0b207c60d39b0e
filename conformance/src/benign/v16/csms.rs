//! Liberties of CSMS.

use std::time::Duration;

use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use super::{
    afterwards, escaped, microseconds, pretty, slow, times, two_hours_east, whole_seconds,
    zero_offset,
};
use crate::benign::Liberty;
use crate::wire::bend::{answers, becomes, calls, habit, says};
use crate::wire::entry::Message;
use crate::wire::fate::Bend;

/// After the third status it was told it asks this on its own.
fn asks(action: &'static str, payload: fn() -> Value) -> Box<dyn Bend> {
    afterwards(
        ("StatusNotification", 3, Direction::FromSut),
        action,
        payload,
    )
}

/// Says more of tags that it accepts.
fn says_of_tags(action: &'static str, change: fn(&mut Value)) -> Box<dyn Bend> {
    answers(action, move |payload| {
        if payload["idTagInfo"]["status"] == "Accepted" {
            change(&mut payload["idTagInfo"]);
        }
    })
}

/// Another error with more words.
fn errors(description: &'static str, details: fn() -> Value) -> Box<dyn Bend> {
    habit(move |direction, _, message| match message {
        Message::Error { id, code, .. } if direction == Direction::FromSut => {
            Some(becomes(json!([4, id, code, description, details()])))
        }
        _ => None,
    })
}

const FUTURE: &str = "2099-12-31T23:59:59Z";

pub(in crate::benign) static ALL: &[Liberty] = &[
    Liberty {
        name: "whole seconds",
        because: "a time needs no fraction [1.6 §3.15]",
        make: || times(whole_seconds),
    },
    Liberty {
        name: "microseconds",
        because: "a time may have more decimals [1.6 §3.15]",
        make: || times(microseconds),
    },
    Liberty {
        name: "an offset of zero",
        because: "+00:00 is UTC [1.6 §3.15]",
        make: || times(zero_offset),
    },
    Liberty {
        name: "an offset of two hours",
        because: "UTC is recommended, and no more [1.6 §3.15]",
        make: || times(two_hours_east),
    },
    Liberty {
        name: "blanks in its JSON",
        because: "blanks between members mean nothing [RFC 8259 §2]",
        make: pretty,
    },
    Liberty {
        name: "letters as escapes",
        because: "a letter and its escape are the same [RFC 8259 §7]",
        make: escaped,
    },
    Liberty {
        name: "takes a third of a second to answer",
        because: "no answer is late before the time-out [1.6J §4.1.1]",
        make: || slow(Duration::from_millis(350)),
    },
    Liberty {
        name: "a heartbeat a day",
        because: "the interval is the CSMS's choice [1.6 §4.2]",
        make: || {
            answers("BootNotification", |payload| {
                payload["interval"] = 86_400.into()
            })
        },
    },
    Liberty {
        name: "a heartbeat every ten seconds",
        because: "the interval is the CSMS's choice [1.6 §4.2]",
        make: || {
            answers("BootNotification", |payload| {
                payload["interval"] = 10.into()
            })
        },
    },
    Liberty {
        name: "an end of each tag",
        because: "a tag may have an end [1.6 §7.27]",
        make: || says_of_tags("Authorize", |info| info["expiryDate"] = FUTURE.into()),
    },
    Liberty {
        name: "a group of each tag",
        because: "a tag may belong to a group [1.6 §7.27]",
        make: || says_of_tags("Authorize", |info| info["parentIdTag"] = "A-GROUP".into()),
    },
    Liberty {
        name: "an end of each tag at its start",
        because: "a tag may have an end [1.6 §7.27]",
        make: || {
            says_of_tags("StartTransaction", |info| {
                info["expiryDate"] = FUTURE.into()
            })
        },
    },
    Liberty {
        name: "a group of each tag at its start",
        because: "a tag may belong to a group [1.6 §7.27]",
        make: || {
            says_of_tags("StartTransaction", |info| {
                info["parentIdTag"] = "A-GROUP".into()
            })
        },
    },
    Liberty {
        name: "asks for two keys after the boot",
        because: "a CSMS may read the configuration whenever it likes [1.6 §5.8]",
        make: || {
            asks(
                "GetConfiguration",
                || json!({"key": ["SupportedFeatureProfiles", "NumberOfConnectors"]}),
            )
        },
    },
    Liberty {
        name: "asks for the whole configuration after the boot",
        because: "a CSMS may read the configuration whenever it likes [1.6 §5.8]",
        make: || asks("GetConfiguration", || json!({})),
    },
    Liberty {
        name: "sets a key after the boot",
        because: "a CSMS may set keys whenever it likes [1.6 §5.3]",
        make: || {
            asks(
                "ChangeConfiguration",
                || json!({"key": "MeterValueSampleInterval", "value": "60"}),
            )
        },
    },
    Liberty {
        name: "triggers a status after the boot",
        because: "a CSMS may ask for a status whenever it likes [1.6 §5.17]",
        make: || {
            asks(
                "TriggerMessage",
                || json!({"requestedMessage": "StatusNotification"}),
            )
        },
    },
    Liberty {
        name: "asks for the version of the list after the boot",
        because: "a CSMS may look after the list of a charge point [1.6 §5.10]",
        make: || asks("GetLocalListVersion", || json!({})),
    },
    Liberty {
        name: "sends a list after the boot",
        because: "a CSMS may look after the list of a charge point [1.6 §5.15]",
        make: || {
            asks(
                "SendLocalList",
                || json!({"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}),
            )
        },
    },
    Liberty {
        name: "knows the vendor and not the message",
        because: "a vendor that is known may have other messages [1.6 §4.3]",
        make: || says("DataTransfer", "UnknownVendorId", "UnknownMessageId"),
    },
    Liberty {
        name: "sends data of a vendor after the boot",
        because: "DataTransfer is the vendor's own affair [1.6 §5.6]",
        make: || asks("DataTransfer", || json!({"vendorId": "org.example"})),
    },
    Liberty {
        name: "clears profiles after the boot",
        because: "smart charging may look after itself [1.6 §5.5]",
        make: || {
            asks(
                "ClearChargingProfile",
                || json!({"connectorId": 0, "chargingProfilePurpose": "TxDefaultProfile"}),
            )
        },
    },
    Liberty {
        name: "asks for a schedule after the boot",
        because: "smart charging may look after itself [1.6 §5.7]",
        make: || {
            asks(
                "GetCompositeSchedule",
                || json!({"connectorId": 1, "duration": 60}),
            )
        },
    },
    Liberty {
        name: "makes the charge point operative after the boot",
        because: "a CSMS may make sure of the availability [1.6 §5.2]",
        make: || {
            asks(
                "ChangeAvailability",
                || json!({"connectorId": 0, "type": "Operative"}),
            )
        },
    },
    Liberty {
        name: "tags of commands in lower case",
        because: "tags have no case [1.6 §7.28]",
        make: || {
            calls("RemoteStartTransaction", |payload| {
                if let Some(tag) = payload["idTag"].as_str().map(str::to_lowercase) {
                    payload["idTag"] = tag.into();
                }
            })
        },
    },
    Liberty {
        name: "an empty list of keys",
        because: "no key means all of them, an empty list as well [1.6 §5.8]",
        make: || {
            calls("GetConfiguration", |payload| {
                if payload.get("key").is_none() {
                    payload["key"] = json!([]);
                }
            })
        },
    },
    Liberty {
        name: "a profile with each remote start",
        because: "a remote start may carry a charging profile [1.6 §5.11]",
        make: || {
            calls("RemoteStartTransaction", |payload| {
                payload["chargingProfile"] = json!({"chargingProfileId": 1, "stackLevel": 0,
                    "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
                    "chargingSchedule": {"chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}});
            })
        },
    },
    Liberty {
        name: "explains its errors",
        because: "an error may say more [1.6J §4.2.3]",
        make: || {
            errors(
                "this is not known here; see the manual",
                || json!({"hint": "manual", "page": 7}),
            )
        },
    },
    Liberty {
        name: "says nothing about its errors",
        because: "the description of an error should be filled in, and may be empty [1.6J §4.2.3]",
        make: || errors("", || json!({})),
    },
];
