//! Which scenarios each seeded defect is meant for: those that look for the rule it breaks. A run of some scenarios
//! proves nothing about a defect that is meant for others.

use super::Table;
use crate::case::side::Side;

/// The scenarios that have to catch a defect, by name.
pub(crate) fn meant_for(side: Side, defect: &str) -> &'static [&'static str] {
    table(side)
        .iter()
        .find(|(name, _)| *name == defect)
        .map_or(&[], |(_, scenarios)| scenarios)
}

/// Whether a scenario is meant to catch some defect of its side.
pub(crate) fn is_meant(side: Side, scenario: &str) -> bool {
    let mut meant = table(side).iter().flat_map(|(_, scenarios)| *scenarios);
    meant.any(|name| *name == scenario)
}

fn table(side: Side) -> Table {
    match side {
        Side::ChargePoint => CHARGE_POINT,
        Side::Csms => CSMS,
        Side::Api => super::rest::MEANT,
    }
}

const CHARGE_POINT: Table = &[
    (
        "boots again without waiting",
        &[
            "A charge point that is kept pending can be configured and then comes up",
            "A charge point that is refused waits before it asks again",
            "A pending charge point starts no session",
        ],
    ),
    (
        "keeps connector 0 to itself",
        &[
            "A charge point that is refused waits before it asks again",
            "The whole charge point goes out of service",
        ],
    ),
    (
        "sends no heartbeat",
        &["Heartbeats keep the interval that the CSMS gave"],
    ),
    (
        "asks nobody",
        &["A remote start with an unknown tag ends with the question"],
    ),
    (
        "charges anybody",
        &[
            "A tag that the CSMS refuses as Blocked starts nothing",
            "A tag that the CSMS refuses as ConcurrentTx starts nothing",
            "A tag that the CSMS refuses as Expired starts nothing",
            "A remote start with an unknown tag ends with the question",
        ],
    ),
    (
        "stops another transaction",
        &["The driver stops with the tag that started"],
    ),
    (
        "gives no reason",
        &[
            "A connector in use goes out of service when the session is over",
            "A hard reset ends the session",
            "A soft reset ends the session in good order",
        ],
    ),
    (
        "writes numbers as text",
        &[
            "A busy connector takes no remote start [tag=another tag]",
            "A remote start without authorization goes straight ahead",
            "A transaction that does not run cannot be stopped",
        ],
    ),
    (
        "leaves the offset out",
        &[
            "A busy connector takes no remote start [tag=another tag]",
            "A remote start without authorization goes straight ahead",
            "A transaction that does not run cannot be stopped",
        ],
    ),
    (
        "lives in 1970",
        &[
            "A command that lacks what it needs is refused with the right error",
            "A command with a word that the standard does not know is refused",
            "A lost connection alone is no boot",
        ],
    ),
    (
        "answers twice",
        &[
            "A command that lacks what it needs is refused with the right error",
            "A command with a word that the standard does not know is refused",
            "A lost connection alone is no boot",
        ],
    ),
    (
        "never answers an unlock",
        &["An idle connector is unlocked"],
    ),
    (
        "mixes up NotImplemented and NotSupported",
        &["An action that nobody knows is not implemented"],
    ),
    (
        "forgets that it is out of service",
        &[
            "Availability survives a hard reset",
            "Availability survives a power cut",
            "Availability survives a soft reset",
        ],
    ),
    (
        "accepts a start where somebody charges",
        &[
            "A busy connector takes no remote start [tag=another tag]",
            "A connector that is not there takes no remote start",
            "Connector 0 takes no remote start",
        ],
    ),
    (
        "accepts the stop of any transaction",
        &["A transaction that does not run cannot be stopped"],
    ),
    (
        "only says that it has set a key",
        &["A value that was written is read back"],
    ),
    (
        "sets keys that nobody knows",
        &["A key that nobody knows cannot be set"],
    ),
    (
        "takes any value",
        &[
            "A key that can only be read is not written",
            "A value that makes no sense is refused [value=-1]",
            "A value that makes no sense is refused [value=often]",
        ],
    ),
    (
        "lacks a required key",
        &[
            "A key that nobody knows is named as unknown",
            "Every key of the Core profile is there",
        ],
    ),
    (
        "unlocks what cannot be unlocked",
        &[
            "A connector that is not there cannot be unlocked",
            "A fixed cable has nothing to unlock",
        ],
    ),
    ("hides a jammed lock", &["A jammed lock is reported"]),
    (
        "only says that it has cleared its cache",
        &[
            "A remote start asks again when the cache was cleared",
            "A tag is asked about again when the cache was cleared",
        ],
    ),
    (
        "takes data of any vendor",
        &["Data of a vendor it does not know is refused"],
    ),
    (
        "is thrown by data of a vendor it does not know",
        &["Data of a vendor it does not know is refused"],
    ),
    (
        "hides that a cable was plugged in",
        &[
            "A remote start without a cable lapses",
            "A tag that the CSMS refuses as Blocked starts nothing",
            "A tag that the CSMS refuses as ConcurrentTx starts nothing",
        ],
    ),
    (
        "hides its faults",
        &[
            "A fault is reported with its code",
            "No session starts while the connector is faulty",
        ],
    ),
    (
        "loses what it queued of meter values",
        &["Meter values of an outage arrive in the order they were taken"],
    ),
    (
        "loses the stop it queued",
        &["A session that ended during an outage is told afterwards"],
    ),
    (
        "stamps starts when it delivers them",
        &[
            "A session that began during an outage is told afterwards",
            "A transaction message that the CSMS cannot process is sent again",
        ],
    ),
    (
        "stamps stops when it delivers them",
        &["A session that ended during an outage is told afterwards"],
    ),
    (
        "measures beside the clock",
        &["Clock-aligned values stand on the aligned instants"],
    ),
    (
        "loses every other meter value",
        &["Samples come at the interval that was set"],
    ),
    (
        "measures backwards",
        &["The driver stops with the tag that started"],
    ),
    (
        "opens two calls at a time",
        &[
            "A command that lacks what it needs is refused with the right error",
            "A command with a word that the standard does not know is refused",
            "A lost connection alone is no boot",
        ],
    ),
    (
        "uses one id for all calls",
        &[
            "A command that lacks what it needs is refused with the right error",
            "A command with a word that the standard does not know is refused",
            "A lost connection alone is no boot",
        ],
    ),
    (
        "accepts every trigger and sends nothing",
        &[
            "Each message comes when it is asked for",
            "Without a connector all are meant",
            "A connector that does not matter is passed over",
            "A pending charge point boots when it is asked to",
        ],
    ),
    (
        "sends what was triggered before it answers",
        &["A connector that does not matter is passed over"],
    ),
    (
        "accepts a trigger of any connector",
        &["A connector that is not there has nothing to tell"],
    ),
    (
        "tells one connector where all are meant",
        &["Without a connector all are meant"],
    ),
    (
        "asks before it stops for its own tag",
        &[
            "The driver stops with the tag that started",
            "Only the tag that started stops the session",
            "A tag has no case",
        ],
    ),
    (
        "charges where it is out of service",
        &["A connector that is out of service charges nobody"],
    ),
    (
        "drops the stop that the CSMS cannot process",
        &["The end of a session that the CSMS cannot process is sent again"],
    ),
    (
        "drops the readings that the CSMS cannot process",
        &["Readings that the CSMS cannot process are sent again"],
    ),
    (
        "sends a stop again at once",
        &["A message that the CSMS never processes is given up, and the next session begins"],
    ),
    (
        "never gives a stop up",
        &["A message that the CSMS never processes is given up, and the next session begins"],
    ),
    (
        "says the end of a session once",
        &[
            "The end of a session that was not answered survives a reset",
            "The end of a session that the CSMS cannot process is sent again",
        ],
    ),
    (
        "goes on when its start is refused",
        &[
            "The session of a tag that is refused when it starts is stopped [status=Blocked]",
            "The session of a tag that is refused when it starts is stopped [status=Expired]",
            "The session of a tag that is refused when it starts is stopped [status=Invalid]",
            "The session of a tag that is refused when it starts gets no energy",
        ],
    ),
    (
        "asks about a tag once in its life",
        &[
            "A tag that was refused at a start is asked about again",
            "A tag in the cache is asked about where the setting says so",
            "A cache that is switched off knows nobody",
        ],
    ),
    (
        "overlooks the end of an acceptance",
        &["A tag is asked about again when its time in the cache is over"],
    ),
    (
        "forgets bad news of a tag",
        &["A tag that was refused since starts nothing offline"],
    ),
    (
        "sends a stop before its boot is accepted",
        &["What a power cut ended is told once the boot is accepted"],
    ),
    (
        "charges from its cache whatever the setting",
        &["The cache starts nobody offline where the setting says so"],
    ),
    (
        "charges strangers offline",
        &["An unknown tag starts nothing offline"],
    ),
    (
        "leaves out what it has sampled",
        &[
            "The end of a session tells the samples that were asked for",
            "The end of a session tells the values of the clock that were asked for",
        ],
    ),
    (
        "tells samples of another session at the end",
        &[
            "The end of a session tells the samples that were asked for",
            "The end of a session tells the values of the clock that were asked for",
        ],
    ),
    (
        "tells one sample at the end",
        &[
            "The end of a session tells the samples that were asked for",
            "The end of a session tells the values of the clock that were asked for",
        ],
    ),
    (
        "adds samples to each stop",
        &["The end of a session tells no samples that nobody asked for"],
    ),
    (
        "keeps a value that it has refused",
        &[
            "A value that makes no sense is refused [value=-1]",
            "A value of the wrong kind is refused [key=HeartbeatInterval, value=-1]",
            "A measurand that it cannot measure is refused [key=StopTxnSampledData]",
        ],
    ),
    (
        "begins each session at nought",
        &["The next session begins where the last one ended"],
    ),
    (
        "tells of connector 1 what happens at connector 2",
        &[
            "A session runs on the second connector",
            "A remote start is for the connector that it names",
            "Two sessions run at the same time",
        ],
    ),
    (
        "stops the last of two sessions",
        &["Two sessions run at the same time"],
    ),
    (
        "hangs up on a refused tag",
        &["A refused tag does not end the line"],
    ),
    (
        "cuts message ids short",
        &["A long message id comes back as it was"],
    ),
    (
        "minds the case of keys",
        &["The names of keys have no case"],
    ),
    (
        "talks before it boots",
        &[
            "A lost connection alone is no boot",
            "A charge point that is refused waits before it asks again",
        ],
    ),
    (
        "measures for another transaction",
        &[
            "Samples come at the interval that was set",
            "The energy of a session adds up",
        ],
    ),
    (
        "loses the first sample",
        &["Samples come at the interval that was set"],
    ),
    (
        "measures what nobody asked for",
        &[
            "Samples come at the interval that was set",
            "Clock-aligned values stand on the aligned instants",
        ],
    ),
    (
        "charges while it is suspended",
        &[
            "The session of a tag that is refused when it starts gets no energy",
            "A session that began during an outage gets no more energy when its tag is refused",
        ],
    ),
    (
        "ends a session in silence",
        &[
            "A busy connector takes no remote start [tag=another tag]",
            "A busy connector takes no remote start [tag=the known tag]",
            "A fixed cable stays and the session goes on",
            "A transaction that does not run cannot be stopped",
        ],
    ),
    (
        "names a key twice",
        &["Every key of the Core profile is there"],
    ),
    (
        "miscounts its connectors",
        &["Every key of the Core profile is there"],
    ),
    (
        "tells more keys than it was asked for",
        &["Every key of the Core profile is there"],
    ),
    (
        "loses every other heartbeat",
        &[
            "A charge point that is refused waits before it asks again",
            "Heartbeats keep the interval that the CSMS gave",
        ],
    ),
    (
        "names another tag in the stop",
        &[
            "A session that ended during an outage is told afterwards",
            "A tag of the same group stops the session",
        ],
    ),
    (
        "goes out of service at once in words",
        &[
            "A connector in use goes out of service when the session is over",
            "A charge point in use goes out of service when the session is over",
        ],
    ),
    (
        "stops for a stranger",
        &["Only the tag that started stops the session"],
    ),
];

const CSMS: Table = &[
    (
        "tells no time",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    (
        "gives no interval",
        &["A session that a power cut ended is closed after the boot"],
    ),
    (
        "lives yesterday",
        &["A cold boot is acknowledged from the first message to the heartbeat"],
    ),
    (
        "adds members of its own",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    (
        "ignores heartbeats",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    (
        "ignores status notifications",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    (
        "answers twice",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    (
        "answers with another id",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
    ("lets unknown tags in", &["An unknown tag is invalid"]),
    ("lets blocked tags in", &["A blocked tag is blocked"]),
    ("lets expired tags in", &["An expired tag is expired"]),
    (
        "minds the case of tags",
        &["A tag means the same in upper and lower case"],
    ),
    (
        "gives every transaction the same id",
        &["Two sessions have two transaction ids"],
    ),
    (
        "accepts tags until a day that is over",
        &[
            "A session can start without a question",
            "Cable first, then identification",
            "Identification first, then the cable",
        ],
    ),
    (
        "accepts starts of blocked and expired tags",
        &[
            "A session of the blocked tag is booked and refused, told at once or later",
            "A session of the expired tag is booked and refused, told at once or later",
        ],
    ),
    (
        "says of the tag that stops that it is Invalid",
        &["A whole session during an outage is booked afterwards"],
    ),
    (
        "sends no command after a refusal",
        &[
            "A jammed lock",
            "A key that the charge point does not know",
            "A remote start that is refused leaves everything free",
            "A remote stop that is refused ends nothing",
            "A value that the charge point refuses",
        ],
    ),
    (
        "stumbles over a charge point with many keys",
        &["The whole configuration is read"],
    ),
    (
        "gives refused starts no id",
        &["A session of an unknown tag that began during an outage is booked and refused"],
    ),
    (
        "refuses stops it does not know",
        &["The end of a transaction that nobody knows is acknowledged"],
    ),
    (
        "starts at the wrong connector",
        &[
            "A remote start after the cable",
            "A remote start before the cable",
            "A remote start that lapses",
        ],
    ),
    ("stops the wrong transaction", &["A remote stop"]),
    ("resets softly whatever was asked", &["A hard reset"]),
    (
        "writes another value",
        &[
            "A key is written",
            "A key that the charge point does not know",
            "A value that the charge point refuses",
        ],
    ),
    ("reads everything whatever was asked", &["One key is read"]),
    (
        "sends two commands at once",
        &[
            "A command in the middle of a call does not disturb it",
            "A command that is answered with an error",
            "A connector that is not there",
        ],
    ),
    (
        "insists after a refusal",
        &[
            "A remote start that is refused leaves everything free",
            "A remote stop that is refused ends nothing",
        ],
    ),
    (
        "mixes up NotImplemented and NotSupported",
        &["An action that nobody knows is not implemented"],
    ),
    (
        "takes what breaks the schema",
        &[
            "A message that lacks what it needs is refused with the right error",
            "A text where a number belongs is refused",
            "A text where a number or an object belongs is refused in every message",
            "A word that the standard does not know is refused",
        ],
    ),
    (
        "answers data of any vendor with data",
        &["Data of a vendor it does not know are refused"],
    ),
    (
        "asks for another message",
        &[
            "A boot is asked for and acknowledged",
            "A trigger that is refused leaves the next one free",
            "Each message is asked for and acknowledged",
        ],
    ),
    (
        "asks for the message of another connector",
        &["Each message is asked for and acknowledged"],
    ),
    (
        "refuses what was asked for",
        &["Each message is asked for and acknowledged"],
    ),
    (
        "minds the case of tags that start",
        &["A tag means the same in upper and lower case"],
    ),
    (
        "gives a second session the id of the first",
        &["A second session after the first has another transaction id"],
    ),
    (
        "has a clock that stands still",
        &["The clock of the CSMS goes on"],
    ),
    (
        "cuts message ids",
        &["An answer has the id of its call, whatever it is made of"],
    ),
    (
        "hangs up after it has refused a tag",
        &[
            "A blocked tag is blocked",
            "An expired tag is expired",
            "An unknown tag is invalid",
        ],
    ),
    (
        "is deaf while it waits for an answer",
        &[
            "A command in the middle of a call does not disturb it",
            "A command that waits for its answer holds up nothing",
        ],
    ),
    (
        "knows no running transaction",
        &[
            "A charge point comes back in the middle of a session without a boot",
            "Meter values are acknowledged during a session and outside",
            "Meter values of a session are taken in every form",
        ],
    ),
    (
        "takes tags of letters and digits alone",
        &["Authorize is taken with each kind of tag"],
    ),
    (
        "takes no meter of a maker",
        &["BootNotification is taken with each optional member"],
    ),
    (
        "takes data in ASCII alone",
        &["DataTransfer is taken with each optional member"],
    ),
    (
        "knows few contexts",
        &["MeterValues is taken with each context"],
    ),
    (
        "knows few locations",
        &["MeterValues is taken with each location"],
    ),
    (
        "knows few measurands",
        &["MeterValues is taken with each measurand"],
    ),
    (
        "knows few phases",
        &["MeterValues is taken with each phase"],
    ),
    ("knows few units", &["MeterValues is taken with each unit"]),
    (
        "takes no signed readings",
        &[
            "MeterValues is taken with each format",
            "MeterValues is taken with each optional member",
            "Meter values of a session are taken in every form",
        ],
    ),
    (
        "wants to know what is measured",
        &[
            "MeterValues is taken with each optional member",
            "Meter values of a session are taken in every form",
        ],
    ),
    (
        "takes one reading at a time",
        &[
            "MeterValues is taken with each optional member",
            "Meter values of a session are taken in every form",
        ],
    ),
    (
        "takes no readings of the whole charge point",
        &[
            "MeterValues is taken with each optional member",
            "Meter values of a session are taken in every form",
        ],
    ),
    (
        "takes no reservation",
        &["StartTransaction is taken with each optional member"],
    ),
    (
        "knows few error codes",
        &["StatusNotification is taken with each error code"],
    ),
    (
        "takes no error codes of makers",
        &["StatusNotification is taken with each optional member"],
    ),
    (
        "knows few statuses",
        &["StatusNotification is taken with each status"],
    ),
    (
        "takes no readings with a stop",
        &["StopTransaction is taken with each optional member"],
    ),
    (
        "knows few reasons",
        &["StopTransaction is taken with each reason"],
    ),
    (
        "wants the time of a status in UTC",
        &["StatusNotification is taken with each form of a time"],
    ),
    (
        "wants the time of a reading in UTC",
        &["MeterValues is taken with each form of a time"],
    ),
    (
        "wants the time of a start in UTC",
        &["StartTransaction is taken with each form of a time"],
    ),
    (
        "wants the time of a stop in UTC",
        &["StopTransaction is taken with each form of a time"],
    ),
    (
        "wants fractions of a second",
        &["StatusNotification is taken with each form of a time"],
    ),
    (
        "leaves odd readings unanswered",
        &[
            "Odd readings are answered",
            "Readings that come after the end of their session are answered",
        ],
    ),
    (
        "leaves old starts unanswered",
        &["Odd sessions are answered"],
    ),
    (
        "takes readings and stops that lack what they need",
        &["Every message that lacks a member it needs is refused"],
    ),
    (
        "changes the availability of another connector",
        &["A connector goes out of service, whatever the charge point answers"],
    ),
    (
        "drops the data it was to send",
        &["Data of a vendor go to the charge point and may be refused"],
    ),
    (
        "sends no command after an error",
        &["Whatever error answers a command, the next one follows"],
    ),
    (
        "stumbles over a key that is unknown",
        &["A key that the charge point does not know is read"],
    ),
    (
        "takes no old readings",
        &["A whole session during an outage is booked with its meter values"],
    ),
    (
        "refuses stops with a tag that it does not know",
        &["A stop with another tag than the one that started is acknowledged"],
    ),
    (
        "has no room for signed readings",
        &["MeterValues is taken with each member as long as it may be"],
    ),
    (
        "has no room for many readings",
        &["MeterValues is taken with each member as long as it may be"],
    ),
    (
        "has no room for long infos",
        &["StatusNotification is taken with each member as long as it may be"],
    ),
    (
        "counts transactions anew after a boot",
        &["A session after a boot has another transaction id"],
    ),
    (
        "books no session without energy",
        &["A session without energy is booked"],
    ),
    (
        "knows few statuses of the whole charge point",
        &["StatusNotification is taken with each status"],
    ),
    (
        "takes error codes with Faulted alone",
        &["StatusNotification is taken with each optional member"],
    ),
    (
        "speaks for the other side",
        &[
            "A lock that failed is acknowledged",
            "A session can start without a question",
            "A session that began during an outage is booked afterwards",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::features;
    use crate::case::features::all_tags;
    use crate::case::side::SIDES;
    use crate::defect;

    #[test]
    fn every_defect_is_meant_for_scenarios_that_exist() {
        let features = features::read(&[], false).expect("the embedded features are readable");
        for side in SIDES {
            let seeds = defect::of(side);
            assert_eq!(seeds.len(), table(side).len(), "{}", side.name());
            for seed in seeds {
                let meant = meant_for(side, seed.name);
                assert!(!meant.is_empty(), "{}", seed.name);
                for name in meant {
                    let exists = features.iter().any(|feature| {
                        feature.scenarios.iter().any(|scenario| {
                            scenario.name == *name
                                && all_tags(feature, scenario)
                                    .iter()
                                    .any(|tag| tag == side.tag())
                        })
                    });
                    assert!(exists, "{}: {name}", seed.name);
                }
            }
        }
    }
}
