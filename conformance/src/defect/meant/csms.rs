//! How each defect of CSMS has to show.

use super::{Table, rule, words};

pub(super) const CSMS: Table = &[
    (
        "refuses a stop that is told again",
        &[words(
            "the answer is",
            &["The end of a session that is told twice is acknowledged twice"],
        )],
    ),
    (
        "refuses readings that are told again",
        &[words(
            "the answer is",
            &["Readings that are told twice are acknowledged twice"],
        )],
    ),
    (
        "reads JSON without spaces alone",
        &[words(
            "the answer is",
            &["A call is read however its JSON is written"],
        )],
    ),
    (
        "tells no time",
        &[words(
            "the member currentTime is missing",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "gives no interval",
        &[words(
            "the interval is null",
            &["A session that a power cut ended is closed after the boot"],
        )],
    ),
    (
        "lives yesterday",
        &[words(
            "the clock of the CSMS is off by",
            &["A cold boot is acknowledged from the first message to the heartbeat"],
        )],
    ),
    (
        "adds members of its own",
        &[words(
            "member mood: the schema does not name this member",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "ignores heartbeats",
        &[words(
            "it never answered Heartbeat",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "ignores status notifications",
        &[words(
            "StatusNotification was not answered",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "answers twice",
        &[rule(
            "ocppj-answered-once",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "answers with another id",
        &[rule(
            "ocppj-answers-a-call",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "lets unknown tags in",
        &[words(
            "the CSMS answered Accepted, not Invalid",
            &["An unknown tag is invalid"],
        )],
    ),
    (
        "lets blocked tags in",
        &[words(
            "the CSMS answered Accepted, not Blocked",
            &[
                "A blocked tag is blocked",
                "A blocked tag is blocked in lower case too",
            ],
        )],
    ),
    (
        "lets expired tags in",
        &[words(
            "the CSMS answered Accepted, not Expired",
            &["An expired tag is expired"],
        )],
    ),
    (
        "minds the case of tags",
        &[words(
            "the CSMS answers that the tag is Accepted: the CSMS answered Invalid",
            &["A tag means the same in upper and lower case"],
        )],
    ),
    (
        "gives every transaction the same id",
        &[words(
            "another is expected",
            &["Two sessions have two transaction ids"],
        )],
    ),
    (
        "accepts tags until a day that is over",
        &[words(
            "which is over: a charge point that minds it charges nobody",
            &[
                "A session can start without a question",
                "Cable first, then identification",
                "Identification first, then the cable",
                "Identification without a cable lapses",
            ],
        )],
    ),
    (
        "accepts starts of blocked and expired tags",
        &[
            words(
                "the CSMS answered Accepted, not Blocked",
                &["A session of the blocked tag is booked and refused, told at once or later"],
            ),
            words(
                "the CSMS answered Accepted, not Expired",
                &["A session of the expired tag is booked and refused, told at once or later"],
            ),
        ],
    ),
    (
        "says of the tag that stops that it is Invalid",
        &[words(
            "the CSMS answered Invalid, not Accepted",
            &["A whole session during an outage is booked afterwards"],
        )],
    ),
    (
        "sends no command after a refusal",
        &[
            words("no UnlockConnector with", &["A jammed lock"]),
            words(
                "value \"60\" within",
                &[
                    "A key that the charge point does not know",
                    "A value that the charge point refuses",
                ],
            ),
            words(
                "no RemoteStartTransaction with",
                &["A remote start that is refused leaves everything free"],
            ),
            words(
                "no RemoteStopTransaction with",
                &["A remote stop that is refused ends nothing"],
            ),
            words(
                "no Reset with type",
                &["Whatever word answers a command, the next one follows"],
            ),
        ],
    ),
    (
        "stumbles over a charge point with many keys",
        &[rule("no-hang-up", &["The whole configuration is read"])],
    ),
    (
        "gives refused starts no id",
        &[words(
            "has no transaction id",
            &["A session of an unknown tag that began during an outage is booked and refused"],
        )],
    ),
    (
        "refuses stops it does not know",
        &[words(
            "the answer is the error PropertyConstraintViolation",
            &["The end of a transaction that nobody knows is acknowledged"],
        )],
    ),
    (
        "starts at the wrong connector",
        &[words(
            "connectorId is 2, not 1",
            &[
                "A remote start after the cable",
                "A remote start before the cable",
                "A remote start that lapses",
            ],
        )],
    ),
    (
        "stops the wrong transaction",
        &[words("transactionId is 4711", &["A remote stop"])],
    ),
    (
        "resets softly whatever was asked",
        &[words("type is \"Soft\", not \"Hard\"", &["A hard reset"])],
    ),
    (
        "writes another value",
        &[words(
            "value is \"42\"",
            &[
                "A key is written",
                "A key that the charge point does not know",
                "A value that the charge point refuses",
            ],
        )],
    ),
    (
        "reads everything whatever was asked",
        &[words("key is missing", &["One key is read"])],
    ),
    (
        "sends two commands at once",
        &[
            rule(
                "ocppj-one-open-call",
                &[
                    "A command in the middle of a call does not disturb it",
                    "A command that is answered with an error",
                    "A connector that is not there",
                ],
            ),
            words(
                "before the other command was answered",
                &["The next command waits for the answer to the one before"],
            ),
        ],
    ),
    (
        "insists after a refusal",
        &[
            words(
                "it sent RemoteStartTransaction",
                &["A remote start that is refused leaves everything free"],
            ),
            words(
                "it sent RemoteStopTransaction",
                &["A remote stop that is refused ends nothing"],
            ),
        ],
    ),
    (
        "mixes up NotImplemented and NotSupported",
        &[words(
            "the error NotImplemented is expected, not the error NotSupported",
            &["An action that nobody knows is not implemented"],
        )],
    ),
    (
        "takes what breaks the schema",
        &[
            words(
                "is expected, not the answer {}",
                &[
                    "A message that lacks what it needs is refused with the right error",
                    "A text where a number belongs is refused",
                    "A word that the standard does not know is refused",
                ],
            ),
            words(
                "the CSMS answered with a result to StatusNotification",
                &["A text where a number or an object belongs is refused in every message"],
            ),
        ],
    ),
    (
        "answers data of any vendor with data",
        &[words(
            "the CSMS answered UnknownVendorId with data",
            &["Data of a vendor it does not know are refused"],
        )],
    ),
    (
        "asks for another message",
        &[words(
            "requestedMessage is \"StatusNotification\"",
            &[
                "A boot is asked for and acknowledged",
                "A trigger that is refused leaves the next one free",
                "Each message is asked for and acknowledged",
            ],
        )],
    ),
    (
        "asks for the message of another connector",
        &[words(
            "connectorId is 2, not 1",
            &["Each message is asked for and acknowledged"],
        )],
    ),
    (
        "refuses what was asked for",
        &[words(
            "it answered MeterValues with the error FormationViolation",
            &["Each message is asked for and acknowledged"],
        )],
    ),
    (
        "minds the case of tags that start",
        &[words(
            "and gives a transaction id: the CSMS answered Invalid",
            &["A tag means the same in upper and lower case"],
        )],
    ),
    (
        "gives a second session the id of the first",
        &[words(
            "another is expected",
            &["A second session after the first has another transaction id"],
        )],
    ),
    (
        "has a clock that stands still",
        &[words(
            ", and 2 s later ",
            &["The clock of the CSMS goes on"],
        )],
    ),
    (
        "cuts message ids",
        &[rule(
            "ocppj-answers-a-call",
            &["An answer has the id of its call, whatever it is made of"],
        )],
    ),
    (
        "hangs up after it has refused a tag",
        &[rule(
            "no-hang-up",
            &[
                "A blocked tag is blocked",
                "An expired tag is expired",
                "An unknown tag is invalid",
            ],
        )],
    ),
    (
        "is deaf while it waits for an answer",
        &[
            words(
                "Authorize was not answered",
                &["A command in the middle of a call does not disturb it"],
            ),
            words(
                "StatusNotification was not answered",
                &["A command that waits for its answer holds up nothing"],
            ),
        ],
    ),
    (
        "knows no running transaction",
        &[
            words(
                "it answered MeterValues with the error FormationViolation",
                &[
                    "A charge point comes back in the middle of a session without a boot",
                    "Meter values are acknowledged during a session and outside",
                ],
            ),
            words(
                "the CSMS answered MeterValues",
                &["Meter values of a session are taken in every form"],
            ),
        ],
    ),
    (
        "takes tags of letters and digits alone",
        &[words(
            "#@.x?/0123:=Q\"} with the error",
            &["Authorize is taken with each kind of tag"],
        )],
    ),
    (
        "takes no meter of a maker",
        &[words(
            "the CSMS answered BootNotification",
            &["BootNotification is taken with each optional member"],
        )],
    ),
    (
        "takes data in ASCII alone",
        &[words(
            "the CSMS answered DataTransfer",
            &["DataTransfer is taken with each optional member"],
        )],
    ),
    (
        "knows few contexts",
        &[words(
            "\"context\":\"Interruption.End\"",
            &["MeterValues is taken with each context"],
        )],
    ),
    (
        "knows few locations",
        &[words(
            "\"location\":\"EV\"",
            &["MeterValues is taken with each location"],
        )],
    ),
    (
        "knows few measurands",
        &[words(
            "\"measurand\":\"Power.Factor\"",
            &["MeterValues is taken with each measurand"],
        )],
    ),
    (
        "knows few phases",
        &[words(
            "\"phase\":\"L3-L1\"",
            &["MeterValues is taken with each phase"],
        )],
    ),
    (
        "knows few units",
        &[words(
            "\"unit\":\"kvarh\"",
            &["MeterValues is taken with each unit"],
        )],
    ),
    (
        "takes no signed readings",
        &[words(
            "\"format\":\"SignedData\"",
            &[
                "MeterValues is taken with each format",
                "MeterValues is taken with each optional member",
                "Meter values of a session are taken in every form",
            ],
        )],
    ),
    (
        "wants to know what is measured",
        &[words(
            "\"sampledValue\":[{\"value\":\"1000\"}]",
            &[
                "MeterValues is taken with each optional member",
                "Meter values of a session are taken in every form",
            ],
        )],
    ),
    (
        "takes one reading at a time",
        &[words(
            "the CSMS answered MeterValues",
            &[
                "MeterValues is taken with each optional member",
                "Meter values of a session are taken in every form",
            ],
        )],
    ),
    (
        "takes no readings of the whole charge point",
        &[words(
            "the CSMS answered MeterValues {\"connectorId\":0",
            &[
                "MeterValues is taken with each optional member",
                "Meter values of a session are taken in every form",
            ],
        )],
    ),
    (
        "takes no reservation",
        &[words(
            "\"reservationId\":17",
            &["StartTransaction is taken with each optional member"],
        )],
    ),
    (
        "knows few error codes",
        &[words(
            "\"errorCode\":\"WeakSignal\"",
            &["StatusNotification is taken with each error code"],
        )],
    ),
    (
        "takes no error codes of makers",
        &[words(
            "\"vendorErrorCode\":\"E-0x17/2\"",
            &["StatusNotification is taken with each optional member"],
        )],
    ),
    (
        "knows few statuses",
        &[words(
            "\"status\":\"Reserved\"",
            &["StatusNotification is taken with each status"],
        )],
    ),
    (
        "takes no readings with a stop",
        &[words(
            "\"transactionData\":[",
            &["StopTransaction is taken with each optional member"],
        )],
    ),
    (
        "knows few reasons",
        &[words(
            "\"reason\":\"EmergencyStop\"",
            &["StopTransaction is taken with each reason"],
        )],
    ),
    (
        "wants the time of a status in UTC",
        &[words(
            "+00:00\"} with the error",
            &["StatusNotification is taken with each form of a time"],
        )],
    ),
    (
        "wants the time of a reading in UTC",
        &[words(
            "+00:00\"}]} with the error",
            &["MeterValues is taken with each form of a time"],
        )],
    ),
    (
        "wants the time of a start in UTC",
        &[words(
            "+00:00\"} with the error",
            &["StartTransaction is taken with each form of a time"],
        )],
    ),
    (
        "wants the time of a stop in UTC",
        &[words(
            "the CSMS answered StopTransaction",
            &["StopTransaction is taken with each form of a time"],
        )],
    ),
    (
        "wants fractions of a second",
        &[words(
            "the CSMS answered StatusNotification",
            &["StatusNotification is taken with each form of a time"],
        )],
    ),
    (
        "leaves odd readings unanswered",
        &[words(
            "\"value\":\"NaN\"",
            &[
                "Odd readings are answered",
                "Readings that come after the end of their session are answered",
            ],
        )],
    ),
    (
        "leaves old starts unanswered",
        &[words(
            "\"timestamp\":\"2000-01-01T00:00:00Z\"} [1.6J",
            &["Odd sessions are answered"],
        )],
    ),
    (
        "takes readings and stops that lack what they need",
        &[words(
            "the CSMS answered with a result to MeterValues",
            &["Every message that lacks a member it needs is refused"],
        )],
    ),
    (
        "changes the availability of another connector",
        &[words(
            "connectorId is 0, not 1",
            &["A connector goes out of service, whatever the charge point answers"],
        )],
    ),
    (
        "drops the data it was to send",
        &[words(
            "data is missing, not \"anything\"",
            &["Data of a vendor go to the charge point and may be refused"],
        )],
    ),
    (
        "sends no command after an error",
        &[words(
            "no Reset with type",
            &["Whatever error answers a command, the next one follows"],
        )],
    ),
    (
        "stumbles over a key that is unknown",
        &[rule(
            "no-hang-up",
            &["A key that the charge point does not know is read"],
        )],
    ),
    (
        "takes no old readings",
        &[words(
            "it answered MeterValues with the error FormationViolation",
            &["A whole session during an outage is booked with its meter values"],
        )],
    ),
    (
        "refuses stops with a tag that it does not know",
        &[words(
            "it answered StopTransaction with the error FormationViolation",
            &["A stop with another tag than the one that started is acknowledged"],
        )],
    ),
    (
        "has no room for signed readings",
        &[words(
            "\"format\":\"SignedData\"",
            &["MeterValues is taken with each member as long as it may be"],
        )],
    ),
    (
        "has no room for many readings",
        &[words(
            "the CSMS answered MeterValues",
            &["MeterValues is taken with each member as long as it may be"],
        )],
    ),
    (
        "has no room for long infos",
        &[words(
            "the CSMS answered StatusNotification",
            &["StatusNotification is taken with each member as long as it may be"],
        )],
    ),
    (
        "counts transactions anew after a boot",
        &[words(
            "another is expected",
            &["A session after a boot has another transaction id"],
        )],
    ),
    (
        "books no session without energy",
        &[words(
            "it answered StopTransaction with the error PropertyConstraintViolation",
            &["A session without energy is booked"],
        )],
    ),
    (
        "knows few statuses of the whole charge point",
        &[words(
            "{\"connectorId\":0,\"errorCode\":\"NoError\",\"status\":\"Faulted\"} with the error",
            &["StatusNotification is taken with each status"],
        )],
    ),
    (
        "takes error codes with Faulted alone",
        &[words(
            "\"errorCode\":\"WeakSignal\",\"status\":\"Charging\"} with the error",
            &["StatusNotification is taken with each optional member"],
        )],
    ),
    (
        "speaks for the other side",
        &[words(
            "its Heartbeat is an action of the other side",
            &[
                "A lock that failed is acknowledged",
                "A session can start without a question",
                "A session that began during an outage is booked afterwards",
            ],
        )],
    ),
    (
        "takes an unknown subprotocol for OCPP 1.6",
        &[words(
            "the CSMS opened the line with the subprotocol ocpp1.6",
            &["Without a common subprotocol the line is closed at once"],
        )],
    ),
    (
        "takes whoever names no subprotocol",
        &[words(
            "the CSMS opened the line with the subprotocol ocpp1.6",
            &["With no subprotocol at all the line is closed at once"],
        )],
    ),
    (
        "reads the first subprotocol of an offer alone",
        &[words(
            "the CSMS opened the line without a subprotocol",
            &["The common subprotocol is confirmed among others"],
        )],
    ),
    (
        "answers nobody who has not booted on the connection",
        &[
            words(
                "Heartbeat was not answered",
                &[
                    "The newest connection of a charge point wins",
                    "A late answer on the old line does not end the new one",
                    "A command goes to a charge point that came back without a boot",
                ],
            ),
            words(
                "MeterValues was not answered",
                &["A charge point comes back in the middle of a session without a boot"],
            ),
        ],
    ),
    (
        "commands nobody who has not booted on the connection",
        &[words(
            "no UnlockConnector with connectorId 1",
            &[
                "A late answer on the old line does not end the new one",
                "A command goes to a charge point that came back without a boot",
            ],
        )],
    ),
    (
        "resets hard whatever was asked",
        &[words("type is \"Hard\", not \"Soft\"", &["A soft reset"])],
    ),
    (
        "unlocks another connector",
        &[words(
            "connectorId is 2, not 1",
            &[
                "An idle connector is unlocked",
                "Unlocking ends the session",
                "A fixed cable has nothing to unlock",
            ],
        )],
    ),
    (
        "unlocks again where there is nothing to unlock",
        &[words(
            "it sent UnlockConnector",
            &["A fixed cable has nothing to unlock"],
        )],
    ),
    (
        "sends no command after RebootRequired",
        &[words(
            "no ClearCache within",
            &["Whatever word answers a command, the next one follows"],
        )],
    ),
    (
        "sends no command after NotImplemented",
        &[words(
            "no ClearCache within",
            &["A trigger that the charge point does not implement leaves the next command free"],
        )],
    ),
    (
        "has no room for long serial numbers",
        &[words(
            "the CSMS answered BootNotification",
            &["BootNotification is taken with each member as long as it may be"],
        )],
    ),
    (
        "has no room for long names of vendors",
        &[words(
            "the CSMS answered DataTransfer",
            &["DataTransfer is taken with each member as long as it may be"],
        )],
    ),
    (
        "hangs up on rubbish",
        &[rule("no-hang-up", &["Rubbish on the line does not end it"])],
    ),
    (
        "hangs up on an answer that nobody asked for",
        &[rule(
            "no-hang-up",
            &["An answer that nobody asked for is dropped"],
        )],
    ),
    (
        "overhears a call that comes right behind another",
        &[words(
            "Heartbeat was not answered",
            &["Two calls at once are answered one each"],
        )],
    ),
    (
        "takes no session that pauses",
        &[words(
            "it answered StatusNotification with the error FormationViolation",
            &["Unplugging at the car ends the session"],
        )],
    ),
    (
        "lets a blocked tag in when it is written small",
        &[words(
            "the CSMS answered Accepted, not Blocked",
            &["A blocked tag is blocked in lower case too"],
        )],
    ),
    (
        "refuses a tag while it charges",
        &[words(
            "the CSMS answered ConcurrentTx, not Accepted",
            &["A tag is not refused for the session that it runs itself"],
        )],
    ),
    (
        "makes two transactions of one that is told twice",
        &[words(
            "the same is expected",
            &["A start that is told twice is one transaction"],
        )],
    ),
    (
        "never clears a cache",
        &[words(
            "no ClearCache within",
            &[
                "The authorization cache is cleared",
                "A command that is answered with an error",
            ],
        )],
    ),
    (
        "takes a second start of a tag for the first",
        &[words(
            "transaction id",
            &["A session that begins where one was never stopped has another transaction id"],
        )],
    ),
    (
        "gives all refused starts one transaction id",
        &[rule(
            "ocpp16-refused-start-has-its-own-id",
            &["A session of the blocked tag is booked and refused, told at once or later"],
        )
        .only_warns()],
    ),
    (
        "takes whoever starts for the one whom it has started",
        &[words(
            "answered Accepted, not Invalid",
            &["A start after a remote start that was refused is judged by its own tag"],
        )],
    ),
    (
        "knows no session whose connector is free",
        &[words(
            "PropertyConstraintViolation",
            &["The end of a session is taken when its connector is free already"],
        )],
    ),
    (
        "leaves pings unanswered",
        &[words("no pong with", &["A ping is answered by a CSMS"])],
    ),
    (
        "plays the charge point",
        &[words(
            "NotSupported or NotImplemented is expected",
            &["A command of the other side is no call for a CSMS"],
        )],
    ),
];
