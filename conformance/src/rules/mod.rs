//! What every scenario demands without saying so: frames are frames, payloads obey the schema, each call gets
//! exactly one answer, one call is open at a time, and nothing comes that no step accounts for.

mod hang_up;
pub(crate) mod ocpi;
pub(crate) mod ocppj;
#[cfg(test)]
mod record;
pub(crate) mod rest;
pub(crate) mod schemas;
pub(crate) mod v16;

use std::collections::HashSet;

use crate::case::side::Side;
use crate::watch::expected::Allowance;
use crate::wire::entry::Entry;
use crate::wire::line::ENTRIES_MAX;
use schemas::Schemas;

/// What a scenario knows about its line beyond the frames.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) side: Side,
    /// Calls that a scenario allows without demanding them.
    pub(crate) allowed: &'a [Allowance],
    /// Ids of our calls that may be answered with a CALLERROR.
    pub(crate) errors_expected: &'a HashSet<String>,
    /// The scenario came to its end: what is missing now will not come any more.
    pub(crate) whole: bool,
    /// The newest connection of its identity: an older one may be ended by the other side.
    pub(crate) newest: bool,
    /// How many connectors the charge point has.
    pub(crate) connectors: u32,
    /// The scenario moves the clock of the system under test.
    pub(crate) moved_clock: bool,
    /// Published schemas the user added.
    pub(crate) schemas: Option<&'a Schemas>,
}

/// How much a demand weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The standard demands it: a breach fails the scenario.
    Must,
    /// The standard recommends it, or it is a habit of good systems: a breach is a warning.
    Should,
}

/// A demand that no step has to say. Waivers name it by its id.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) weight: Weight,
}

impl Rule {
    pub(crate) const fn must(id: &'static str) -> Self {
        Self {
            id,
            weight: Weight::Must,
        }
    }

    pub(crate) const fn should(id: &'static str) -> Self {
        Self {
            id,
            weight: Weight::Should,
        }
    }

    pub(crate) fn broken(&'static self, text: impl Into<String>) -> Breach {
        Breach {
            rule: self,
            text: text.into(),
        }
    }
}

/// A rule that was not kept, in the words of the report.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) rule: &'static Rule,
    pub(crate) text: String,
}

/// A system that says too much to be judged.
pub(crate) static FLOOD: Rule = Rule::must("flood");

/// The ids of all rules, which waivers can name.
pub(crate) const IDS: [&str; 39] = [
    "accounted-for",
    "flood",
    "json-member-named-twice",
    "no-hang-up",
    "ocpi-authorization",
    "ocpi-bare-body",
    "ocpi-data-shape",
    "ocpi-date-time",
    "ocpi-envelope",
    "ocpi-envelope-of-errors",
    "ocpi-form",
    "ocpi-no-routing",
    "ocpi-request-id",
    "ocpi-request-id-is-a-uuid",
    "ocpi-routing",
    "ocpi-timestamp-of-now",
    "ocpp16-ev-communication-error",
    "ocpp16-fault-named",
    "ocpp16-idle-when-asked",
    "ocpp16-no-late-status",
    "ocpp16-payload",
    "ocpp16-printable-text",
    "ocpp16-reading-value",
    "ocpp16-readings-of-a-connector",
    "ocpp16-readings-of-their-transaction",
    "ocpp16-refused-start-has-its-own-id",
    "ocpp16-register-grows",
    "ocpp16-silent-before-acceptance",
    "ocpp16-stamp-of-now",
    "ocpp16-transaction-id-given-once",
    "ocppj-answered",
    "ocppj-answered-once",
    "ocppj-answers-a-call",
    "ocppj-error-code",
    "ocppj-frame",
    "ocppj-id-used-once",
    "ocppj-one-open-call",
    "ocppj-result-not-error",
    "rest-document",
];

/// Every breach of the unspoken rules.
pub(crate) fn breaches(entries: &[Entry], circumstances: &Circumstances<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    v16::frames_are_valid(entries, circumstances, &mut found);
    ocppj::calls_are_answered_once(entries, circumstances, &mut found);
    ocppj::one_call_is_open(entries, &mut found);
    ocppj::ids_are_used_once(entries, &mut found);
    v16::texts_are_printable(entries, &mut found);
    if circumstances.side == Side::ChargePoint {
        v16::nothing_is_said_before_acceptance(entries, &mut found);
        v16::idle_is_told_when_asked(entries, &mut found);
        v16::readings_are_in_order(entries, circumstances.connectors, &mut found);
        if !circumstances.moved_clock {
            v16::time_stamps_are_of_now(entries, &mut found);
        }
    }
    if circumstances.side == Side::Csms {
        v16::transaction_ids_are_given_once(entries, &mut found);
    }
    if circumstances.newest {
        hang_up::nobody_hangs_up(entries, circumstances.side, &mut found);
    }
    if entries.len() >= ENTRIES_MAX {
        found.push(FLOOD.broken(format!(
            "more than {ENTRIES_MAX} things happened on the line; the rest is not on record"
        )));
    }
    if circumstances.whole {
        v16::nothing_is_unaccounted(entries, circumstances, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    use dynamo_protocol::trace::Direction;

    use crate::rules::record::{frames as trace, plain};

    /// The ids that the sources of this room write.
    fn written(folder: &std::path::Path) -> Vec<String> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ids.extend(written(&path));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let rules = text.lines().filter(|line| {
                line.starts_with("static ") || line.starts_with("pub(crate) static ")
            });
            let rules = rules.filter(|line| line.contains(": Rule = Rule::"));
            ids.extend(rules.filter_map(|line| Some(line.split('"').nth(1)?.to_owned())));
        }
        ids.sort();
        ids
    }

    #[test]
    fn the_list_of_rules_is_whole() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
        assert_eq!(written(&here), IDS);
    }

    fn check(entries: &[Entry]) -> Vec<String> {
        breaches(entries, &plain(Side::ChargePoint))
            .into_iter()
            .map(|breach| breach.text)
            .collect()
    }

    const OUT: Direction = Direction::ToSut;
    const IN: Direction = Direction::FromSut;
    const RESET: &str = r#"[2,"1","Reset",{"type":"Soft"}]"#;
    const ACCEPTED: &str = r#"[3,"1",{"status":"Accepted"}]"#;

    #[test]
    fn a_call_with_its_answer_is_in_order() {
        assert_eq!(
            check(&trace(&[(OUT, RESET), (IN, ACCEPTED)])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_unspoken_rule_has_its_breach() {
        let cases: [(&[(Direction, &str)], &str); 10] = [
            (&[(OUT, RESET)], "it never answered Reset"),
            (
                &[(OUT, RESET), (IN, ACCEPTED), (IN, ACCEPTED)],
                "it answered Reset 2 times",
            ),
            (&[(IN, ACCEPTED)], "that nobody made"),
            (
                &[(OUT, RESET), (IN, r#"[3,"1",{"status":"Perhaps"}]"#)],
                "its answer to Reset breaks the schema: member status: \"Perhaps\" is not a defined value",
            ),
            (
                &[(OUT, RESET), (IN, r#"[4,"1","GenericError","no",{}]"#)],
                "with the error GenericError",
            ),
            (
                &[(IN, r#"[2,"a","Reset",{"type":"Soft"}]"#)],
                "is an action of the other side",
            ),
            (&[(IN, r#"[2,"a","Dance",{}]"#)], "is no action of OCPP 1.6"),
            (&[(IN, "hello")], "no OCPP-J frame"),
            (
                &[(
                    IN,
                    r#"[2,"a","StatusNotification",{"connectorId":0,"errorCode":"NoError","status":"Available",
                    "timestamp":"1970-01-01T00:00:00Z"}]"#,
                )],
                "which is not the time it was told",
            ),
            (
                &[
                    (IN, r#"[2,"a","Heartbeat",{}]"#),
                    (IN, r#"[2,"b","Heartbeat",{}]"#),
                    (OUT, r#"[3,"a",{"currentTime":"2024-01-01T00:00:00Z"}]"#),
                ],
                "it sent Heartbeat while its Heartbeat was still open",
            ),
        ];
        for (frames, breach) in cases {
            let found = check(&trace(frames));
            assert!(
                found.iter().any(|text| text.contains(breach)),
                "{breach}: {found:?}"
            );
        }
    }

    #[test]
    fn a_message_id_is_not_used_again_on_one_socket() {
        let beat = r#"[2,"a","Heartbeat",{}]"#;
        let answer = r#"[3,"a",{"currentTime":"2024-01-01T00:00:00Z"}]"#;
        let found = check(&trace(&[
            (IN, beat),
            (OUT, answer),
            (IN, beat),
            (OUT, answer),
        ]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(r#"its Heartbeat uses the message id "a" again"#));
    }
}
