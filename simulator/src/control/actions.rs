//! What an operator can do, as one table: it checks bodies and is what `GET /` answers.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::charge_point::ID_TAG_CHARS_MAX;

/// Longest time that power or network may be away, in seconds.
const SECONDS_MAX: f64 = 86_400.0;

/// One action of the API.
pub(super) struct Entry {
    pub(super) name: &'static str,
    does: &'static str,
    fields: &'static [Field],
    /// Known to the API, but no simulated charge point has the part for it.
    pub(super) impossible: bool,
}

/// A field of an action's body.
#[derive(Serialize)]
struct Field {
    name: &'static str,
    #[serde(rename = "type", serialize_with = "words")]
    kind: Kind,
    required: bool,
    means: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Connector { from: u64 },
    Seconds,
    Truth,
    Tag,
    Side,
    Word,
}

fn words<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.words())
}

const fn field(name: &'static str, kind: Kind, required: bool, means: &'static str) -> Field {
    Field {
        name,
        kind,
        required,
        means,
    }
}

const CONNECTOR: Field = field(
    "connector_id",
    Kind::Connector { from: 1 },
    true,
    "the connector, counted from 1",
);
const CONNECTOR_OR_WHOLE: Field = field(
    "connector_id",
    Kind::Connector { from: 0 },
    false,
    "the connector; 0 or absent: the whole charge point",
);
const ANY_CONNECTOR: Field = field(
    "connector_id",
    Kind::Connector { from: 0 },
    false,
    "may be there and changes nothing: this concerns the whole charge point",
);
const ERROR_CODE: Field = field(
    "error_code",
    Kind::Word,
    true,
    "an error code of OCPP 1.6: GroundFailure, …",
);
const SILENT: Field = field(
    "silent",
    Kind::Truth,
    false,
    "the CSMS is not told: its TCP connection stays open and dead until the charge point is back; default false",
);

const fn entry(name: &'static str, does: &'static str, fields: &'static [Field]) -> Entry {
    Entry {
        name,
        does,
        fields,
        impossible: false,
    }
}

const ENTRIES: [Entry; 13] = [
    entry(
        "plug_in",
        "puts the cable between car and station in",
        &[CONNECTOR],
    ),
    entry(
        "unplug",
        "takes the cable out",
        &[
            CONNECTOR,
            field(
                "side",
                Kind::Side,
                false,
                "at the car or at the station; default ev, where a cable that is not part of the station stays in its socket \
                 when that ends a transaction: take it out there too",
            ),
        ],
    ),
    entry(
        "present_id_tag",
        "holds a card before the reader",
        &[
            field("id_tag", Kind::Tag, true, "what the card says"),
            field(
                "connector_id",
                Kind::Connector { from: 1 },
                false,
                "absent: the charge point picks the connector that is meant",
            ),
        ],
    ),
    entry(
        "power_cycle",
        "takes the power away and gives it back",
        &[
            field(
                "seconds",
                Kind::Seconds,
                false,
                "how long it is away, on the charge point's clock; default 0",
            ),
            field(
                "backup",
                Kind::Truth,
                false,
                "transactions are stopped first, where the hardware has backup power; default false",
            ),
            SILENT,
            ANY_CONNECTOR,
        ],
    ),
    entry(
        "disconnect",
        "takes the network away and gives it back; the charge point keeps running",
        &[
            field(
                "seconds",
                Kind::Seconds,
                true,
                "how long it is away, on the charge point's clock",
            ),
            SILENT,
            ANY_CONNECTOR,
        ],
    ),
    entry(
        "raise_fault",
        "breaks something; EVCommunicationError is never a fault, only a warning",
        &[ERROR_CODE, CONNECTOR_OR_WHOLE],
    ),
    entry(
        "raise_warning",
        "something is wrong, which is told beside the state and changes none; EVCommunicationError suspends",
        &[ERROR_CODE, CONNECTOR_OR_WHOLE],
    ),
    entry(
        "clear_fault",
        "mends what raise_fault, raise_warning and emergency_stop did",
        &[CONNECTOR_OR_WHOLE],
    ),
    entry("jam_lock", "the lock can no longer move", &[CONNECTOR]),
    entry("free_lock", "the lock moves again", &[CONNECTOR]),
    entry(
        "emergency_stop",
        "presses the emergency stop: transactions end, the whole charge point is faulted until clear_fault",
        &[ANY_CONNECTOR],
    ),
    entry(
        "reboot",
        "makes the charge point restart of itself, as a watchdog does",
        &[ANY_CONNECTOR],
    ),
    Entry {
        name: "tamper",
        does: "opens the housing; no simulated charge point can: always 501",
        fields: &[ANY_CONNECTOR],
        impossible: true,
    },
];

pub(super) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

pub(super) fn names() -> String {
    ENTRIES.map(|entry| entry.name).join(", ")
}

/// What `GET /` answers.
pub(super) fn guide() -> Value {
    let actions: Map<String, Value> = ENTRIES
        .iter()
        .map(|entry| {
            let entry_guide = json!({"does": entry.does, "fields": entry.fields});
            (entry.name.to_owned(), entry_guide)
        })
        .collect();
    json!({
        "GET /": "this",
        "GET /charge_points": "the charge points with their state",
        "POST /{action}": "does it; the body is a JSON object with charge_point_id and the fields of the action",
        "actions": actions,
        "answers": {
            "200": "what a GET asked for",
            "204": "done",
            "400": "the body makes no sense; the sentence names the field and its bound",
            "404": "there is no such path, action, charge point or connector",
            "405": "this path has another method, see the header Allow",
            "409": "not possible as things are, e.g. the cable is locked",
            "413": "the body is too large",
            "501": "this charge point can never do that",
            "503": "the run is ending",
        },
        "errors": {"code": "a word for scripts", "error": "a sentence for people"},
    })
}

impl Entry {
    /// Checks the fields besides `charge_point_id`; the sentence names the one that is wrong.
    pub(super) fn check(&self, fields: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in fields {
            let Some(field) = self.fields.iter().find(|field| field.name == name) else {
                let known = self.fields.iter().map(|field| field.name);
                let known: Vec<_> = ["charge_point_id"].into_iter().chain(known).collect();
                return Err(format!(
                    "{} has no field {name:?}; it has {}",
                    self.name,
                    known.join(", ")
                ));
            };
            if !field.kind.takes(value) {
                return Err(format!(
                    "{name} must be {}, not {value}",
                    field.kind.words()
                ));
            }
        }
        match self
            .fields
            .iter()
            .find(|field| field.required && !fields.contains_key(field.name))
        {
            Some(field) => Err(format!("{} is missing: {}", field.name, field.kind.words())),
            None => Ok(()),
        }
    }
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Connector { from } => value
                .as_u64()
                .is_some_and(|id| (from..=u32::MAX.into()).contains(&id)),
            Self::Seconds => value
                .as_f64()
                .is_some_and(|seconds| (0.0..=SECONDS_MAX).contains(&seconds)),
            Self::Truth => value.is_boolean(),
            Self::Tag => value
                .as_str()
                .is_some_and(|tag| (1..=ID_TAG_CHARS_MAX).contains(&tag.chars().count())),
            Self::Side => matches!(value.as_str(), Some("ev" | "station")),
            Self::Word => value.is_string(),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Connector { from } => format!("a whole number from {from}"),
            Self::Seconds => format!("a number from 0 to {SECONDS_MAX}"),
            Self::Truth => "true or false".into(),
            Self::Tag => format!("a text of 1 to {ID_TAG_CHARS_MAX} characters"),
            Self::Side => "\"ev\" or \"station\"".into(),
            Self::Word => "a text".into(),
        }
    }
}
