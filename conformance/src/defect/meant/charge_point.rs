//! How each defect of charge points has to show.

use super::{Table, rule, words};

pub(super) const CHARGE_POINT: Table = &[
    (
        "forgets in a restart what was scheduled",
        &[words(
            "connector 1 was reported as Finishing last",
            &[
                "A connector that is to go out of service does so when a power cut ends its session",
                "A connector that is to go out of service does so when a reset ends its session",
            ],
        )],
    ),
    (
        "boots no more after an error",
        &[words(
            "no BootNotification within",
            &["A boot that the CSMS cannot process is tried again"],
        )],
    ),
    (
        "takes a remote stop while it is pending",
        &[words(
            "Rejected",
            &["A pending charge point stops no session for the CSMS"],
        )],
    ),
    (
        "tells unasked that its firmware is idle",
        &[rule(
            "ocpp16-idle-when-asked",
            &["A lost connection alone is no boot"],
        )
        .only_warns()],
    ),
    (
        "tells unasked that its diagnostics are idle",
        &[rule(
            "ocpp16-idle-when-asked",
            &["A lost connection alone is no boot"],
        )
        .only_warns()],
    ),
    (
        "has a vendor with an umlaut",
        &[rule(
            "ocpp16-printable-text",
            &["A lost connection alone is no boot"],
        )],
    ),
    (
        "takes a text for a payload",
        &[words(
            "the error FormationViolation",
            &["A command with a text for a payload is refused"],
        )],
    ),
    (
        "sends no pings whatever the setting",
        &[words(
            "0 pings came within",
            &["Pings keep the interval that was set"],
        )],
    ),
    (
        "goes on with its pings whatever the setting",
        &[words(
            "a ping came, and WebSocketPingInterval is 0",
            &["Pings keep the interval that was set"],
        )],
    ),
    (
        "turns its phases in words of its own",
        &[words(
            "the value of ConnectorPhaseRotation is",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "charges a car that is back",
        &[words(
            "a car that is back gets no energy",
            &["A car that comes back gets no energy before its next session"],
        )
        .only_warns()],
    ),
    (
        "names no transaction that was told late",
        &[words(
            "no MeterValues with",
            &["The readings of a session that began during an outage name it"],
        )],
    ),
    (
        "keeps the oldest and the newest of an outage",
        &[words(
            "two samples are",
            &["Meter values of an outage arrive in the order they were taken"],
        )],
    ),
    (
        "measures volts in watts",
        &[rule(
            "ocpp16-reading-value",
            &["Samples come at the interval that was set"],
        )],
    ),
    (
        "boots again without waiting",
        &[
            words(
                "sooner than the interval of 2 s that it was given",
                &[
                    "A charge point that is kept pending can be configured and then comes up",
                    "A pending charge point starts no session",
                ],
            ),
            words(
                "it sent BootNotification",
                &["A charge point that is refused waits before it asks again"],
            ),
        ],
    ),
    (
        "keeps connector 0 to itself",
        &[words(
            "no StatusNotification with connectorId 0",
            &["A charge point that is refused waits before it asks again"],
        )],
    ),
    (
        "sends no heartbeat",
        &[words(
            "it sent no heartbeat",
            &["Heartbeats keep the interval that the CSMS gave"],
        )
        .only_warns()],
    ),
    (
        "asks nobody",
        &[words(
            "no Authorize with idTag",
            &[
                "A remote start with an unknown tag ends with the question",
                "Cable first, then the remote start",
                "The remote start first, then the cable",
                "Cable first, then identification",
                "Identification first, then the cable",
                "Identification without a cable lapses",
            ],
        )],
    ),
    (
        "charges anybody",
        &[words(
            "it sent StartTransaction",
            &[
                "A tag that the CSMS refuses as Blocked starts nothing",
                "A tag that the CSMS refuses as ConcurrentTx starts nothing",
                "A tag that the CSMS refuses as Expired starts nothing",
                "A remote start with an unknown tag ends with the question",
                "An unknown tag starts nothing",
                "A tag that the CSMS refuses as Invalid starts nothing",
            ],
        )],
    ),
    (
        "stops another transaction",
        &[words(
            "transactionId is 4711",
            &["The driver stops with the tag that started"],
        )],
    ),
    (
        "gives no reason",
        &[
            words(
                "reason is missing",
                &[
                    "A connector in use goes out of service when the session is over",
                    "A soft reset ends the session in good order",
                ],
            ),
            words(
                "reason \"HardReset\" within",
                &["A hard reset ends the session"],
            ),
        ],
    ),
    (
        "writes numbers as text",
        &[rule(
            "ocpp16-payload",
            &[
                "A busy connector takes no remote start [tag=another tag]",
                "A remote start without authorization goes straight ahead",
                "A transaction that does not run cannot be stopped",
            ],
        )],
    ),
    (
        "leaves the offset out",
        &[words(
            "is not an RFC 3339 date-time with offset",
            &[
                "A busy connector takes no remote start [tag=another tag]",
                "A remote start without authorization goes straight ahead",
                "A transaction that does not run cannot be stopped",
            ],
        )],
    ),
    (
        "lives in 1970",
        &[rule(
            "ocpp16-stamp-of-now",
            &[
                "A command that lacks what it needs is refused with the right error",
                "A command with a word that the standard does not know is refused",
                "A lost connection alone is no boot",
            ],
        )],
    ),
    (
        "answers twice",
        &[rule(
            "ocppj-answered-once",
            &[
                "A command that lacks what it needs is refused with the right error",
                "A command with a word that the standard does not know is refused",
                "A lost connection alone is no boot",
            ],
        )],
    ),
    (
        "never answers an unlock",
        &[words(
            "UnlockConnector was not answered",
            &["An idle connector is unlocked"],
        )],
    ),
    (
        "mixes up NotImplemented and NotSupported",
        &[words(
            "the error NotImplemented is expected, not the error NotSupported",
            &["An action that nobody knows is not implemented"],
        )],
    ),
    (
        "forgets that it is out of service",
        &[words(
            "status is \"Available\", not \"Unavailable\"",
            &[
                "Availability survives a hard reset",
                "Availability survives a power cut",
                "Availability survives a soft reset",
                "A connector that is to go out of service does so when a reset ends its session",
                "The whole charge point stays out of service through a power cut",
            ],
        )],
    ),
    (
        "accepts a start where somebody charges",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "A busy connector takes no remote start [tag=another tag]",
                "A connector that is not there takes no remote start",
                "Connector 0 takes no remote start",
            ],
        )],
    ),
    (
        "accepts the stop of any transaction",
        &[words(
            "it answered Accepted, not Rejected",
            &["A transaction that does not run cannot be stopped"],
        )],
    ),
    (
        "only says that it has set a key",
        &[words(
            "not 20 as it was set",
            &["A value that was written is read back"],
        )],
    ),
    (
        "sets keys that nobody knows",
        &[words(
            "it answered Accepted, not NotSupported",
            &["A key that nobody knows cannot be set"],
        )],
    ),
    (
        "takes any value",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "The key NumberOfConnectors can only be read",
                "A value that makes no sense is refused [value=-1]",
                "A value that makes no sense is refused [value=often]",
            ],
        )],
    ),
    (
        "lacks a required key",
        &[words(
            "the required key ClockAlignedDataInterval is missing",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "unlocks what cannot be unlocked",
        &[words(
            "it answered Unlocked, not NotSupported",
            &[
                "A connector that is not there cannot be unlocked",
                "A fixed cable has nothing to unlock",
            ],
        )],
    ),
    (
        "hides a jammed lock",
        &[words(
            "it answered Unlocked, not UnlockFailed",
            &["A jammed lock is reported"],
        )],
    ),
    (
        "only says that it has cleared its cache",
        &[words(
            "no Authorize with idTag",
            &[
                "A remote start asks again when the cache was cleared",
                "A tag is asked about again when the cache was cleared",
            ],
        )],
    ),
    (
        "takes data of any vendor",
        &[words(
            "it accepted data of a vendor that nobody knows",
            &["Data of a vendor it does not know is refused"],
        )
        .only_warns()],
    ),
    (
        "is thrown by data of a vendor it does not know",
        &[words(
            "the answer is the error InternalError",
            &["Data of a vendor it does not know is refused"],
        )],
    ),
    (
        "hides that a cable was plugged in",
        &[words(
            "status \"Preparing\" within",
            &[
                "A remote start without a cable lapses",
                "A tag that the CSMS refuses as Blocked starts nothing",
                "A tag that the CSMS refuses as ConcurrentTx starts nothing",
            ],
        )],
    ),
    (
        "hides its faults",
        &[words(
            "no StatusNotification with connectorId 1, status \"Faulted\"",
            &[
                "A fault is reported with its code",
                "No session starts while the connector is faulty",
            ],
        )],
    ),
    (
        "loses what it queued of meter values",
        &[words(
            "no MeterValues with transactionId",
            &["Meter values of an outage arrive in the order they were taken"],
        )],
    ),
    (
        "loses the stop it queued",
        &[words(
            "no StopTransaction with",
            &[
                "A session that ended during an outage is told afterwards",
                "What waits for the connection outlives a power cut",
            ],
        )],
    ),
    (
        "stamps starts when it delivers them",
        &[
            words(
                "but it happened at",
                &["A session that began during an outage is told afterwards"],
            ),
            words(
                "the same message is expected",
                &["A transaction message that the CSMS cannot process is sent again"],
            ),
        ],
    ),
    (
        "stamps stops when it delivers them",
        &[words(
            "but it happened at",
            &["A session that ended during an outage is told afterwards"],
        )],
    ),
    (
        "measures beside the clock",
        &[words(
            "a value was taken 1000 ms after the aligned instant",
            &["Clock-aligned values stand on the aligned instants"],
        )],
    ),
    (
        "loses every other meter value",
        &[words(
            "ms apart, not 2 s",
            &["Samples come at the interval that was set"],
        )],
    ),
    (
        "measures backwards",
        &[words(
            "meterStop is -1",
            &["The driver stops with the tag that started"],
        )],
    ),
    (
        "opens two calls at a time",
        &[rule(
            "ocppj-one-open-call",
            &[
                "A command that lacks what it needs is refused with the right error",
                "A command with a word that the standard does not know is refused",
                "A lost connection alone is no boot",
            ],
        )],
    ),
    (
        "uses one id for all calls",
        &[rule(
            "ocppj-id-used-once",
            &[
                "A command that lacks what it needs is refused with the right error",
                "A command with a word that the standard does not know is refused",
                "A lost connection alone is no boot",
            ],
        )],
    ),
    (
        "accepts every trigger and sends nothing",
        &[
            words(
                "no MeterValues with connectorId 1",
                &[
                    "Each message comes when it is asked for",
                    "The readings of a session are told when they are asked for",
                ],
            ),
            words(
                "no StatusNotification with connectorId 0",
                &["Without a connector all are meant"],
            ),
            words(
                "no Heartbeat within",
                &["A connector that does not matter is passed over"],
            ),
            words(
                "no BootNotification within",
                &["A pending charge point boots when it is asked to"],
            ),
        ],
    ),
    (
        "sends what was triggered before it answers",
        &[words(
            "it sent Heartbeat before it answered the command that asked for it",
            &["A connector that does not matter is passed over"],
        )],
    ),
    (
        "accepts a trigger of any connector",
        &[words(
            "it answered Accepted, not Rejected",
            &["A connector that is not there has nothing to tell"],
        )],
    ),
    (
        "tells one connector where all are meant",
        &[words(
            "no StatusNotification with connectorId 1",
            &["Without a connector all are meant"],
        )],
    ),
    (
        "asks before it stops for its own tag",
        &[words(
            "it sent Authorize",
            &[
                "The driver stops with the tag that started",
                "Only the tag that started stops the session",
                "A tag has no case",
            ],
        )],
    ),
    (
        "charges at its connectors when the whole is out of service",
        &[words(
            "it answered Accepted, not Rejected",
            &["A charge point that is out of service as a whole charges nobody"],
        )],
    ),
    (
        "reads JSON without spaces alone",
        &[words(
            "the answer is",
            &["A command is read however its JSON is written"],
        )],
    ),
    (
        "has no room for a long command",
        &[words(
            "ChangeConfiguration was not answered",
            &["A command as long as it may be is read"],
        )],
    ),
    (
        "wants fractions of a second",
        &[words(
            "no StatusNotification",
            &["A time is read in whole seconds"],
        )],
    ),
    (
        "reads milliseconds and nothing finer",
        &[words(
            "no StatusNotification",
            &["A time is read with seven decimals"],
        )],
    ),
    (
        "charges where it is out of service",
        &[words(
            "it sent StartTransaction",
            &["A connector that is out of service charges nobody"],
        )],
    ),
    (
        "drops the stop that the CSMS cannot process",
        &[words(
            "no StopTransaction within",
            &["The end of a session that the CSMS cannot process is sent again"],
        )],
    ),
    (
        "drops the readings that the CSMS cannot process",
        &[words(
            "the same message is expected",
            &["Readings that the CSMS cannot process are sent again"],
        )],
    ),
    (
        "sends a stop again at once",
        &[words(
            "it sent its StopTransaction again 0 ms after the error",
            &["A message that the CSMS never processes is given up, and the next session begins"],
        )],
    ),
    (
        "never gives a stop up",
        &[words(
            "it sent StopTransaction",
            &["A message that the CSMS never processes is given up, and the next session begins"],
        )],
    ),
    (
        "says the end of a session once",
        &[words(
            "no StopTransaction within",
            &[
                "The end of a session that was not answered survives a reset",
                "The end of a session that the CSMS cannot process is sent again",
                "The end of a session whose answer was lost with the line is told again",
            ],
        )],
    ),
    (
        "goes on when its start is refused",
        &[
            words(
                "reason \"DeAuthorized\" within",
                &[
                    "The session of a tag that is refused when it starts is stopped [status=Blocked]",
                    "The session of a tag that is refused when it starts is stopped [status=ConcurrentTx]",
                    "The session of a tag that is refused when it starts is stopped [status=Expired]",
                    "The session of a tag that is refused when it starts is stopped [status=Invalid]",
                    "A session that began during an outage is stopped when its tag is refused",
                ],
            ),
            words(
                "status \"SuspendedEVSE\" within",
                &["The session of a tag that is refused when it starts gets no energy"],
            ),
        ],
    ),
    (
        "asks about a tag once in its life",
        &[words(
            "no Authorize with idTag",
            &[
                "A tag that was refused at a start is asked about again",
                "A tag in the cache is asked about where the setting says so",
                "A cache that is switched off knows nobody",
                "A tag that was refused is asked about again",
            ],
        )],
    ),
    (
        "overlooks the end of an acceptance",
        &[
            words(
                "no Authorize with idTag",
                &["A tag is asked about again when its time in the cache is over"],
            ),
            words(
                "it sent StartTransaction",
                &["A tag whose time in the cache is over starts nothing offline"],
            ),
        ],
    ),
    (
        "forgets bad news of a tag",
        &[words(
            "it sent StartTransaction",
            &["A tag that was refused since starts nothing offline"],
        )],
    ),
    (
        "sends a stop before its boot is accepted",
        &[rule(
            "ocpp16-silent-before-acceptance",
            &["What a power cut ended is told once the boot is accepted"],
        )],
    ),
    (
        "charges from its cache whatever the setting",
        &[words(
            "it sent StartTransaction",
            &["The cache starts nobody offline where the setting says so"],
        )],
    ),
    (
        "charges strangers offline",
        &[words(
            "it sent StartTransaction",
            &["An unknown tag starts nothing offline"],
        )],
    ),
    (
        "leaves out what it has sampled",
        &[words(
            "its StopTransaction has no transactionData",
            &[
                "The end of a session tells the samples that were asked for",
                "The end of a session tells the values of the clock that were asked for",
            ],
        )
        .only_warns()],
    ),
    (
        "tells samples of another session at the end",
        &[words(
            "its StopTransaction holds a reading of 10000",
            &[
                "The end of a session tells the samples that were asked for",
                "The end of a session tells the values of the clock that were asked for",
            ],
        )],
    ),
    (
        "tells one sample at the end",
        &[words(
            "its StopTransaction holds 1 readings",
            &[
                "The end of a session tells the samples that were asked for",
                "The end of a session tells the values of the clock that were asked for",
            ],
        )],
    ),
    (
        "adds samples to each stop",
        &[words(
            "no samples were asked for",
            &["The end of a session tells no samples that nobody asked for"],
        )],
    ),
    (
        "keeps a value that it has refused",
        &[words(
            "before a value was refused",
            &[
                "A value that makes no sense is refused [value=-1]",
                "A value of the wrong kind is refused [key=HeartbeatInterval, value=-1]",
                "A measurand that it cannot measure is refused [key=StopTxnSampledData]",
                "A value of the wrong kind is refused [key=LocalPreAuthorize, value=perhaps]",
            ],
        )],
    ),
    (
        "begins each session at nought",
        &[words(
            "this one begins at 0 Wh",
            &["The next session begins where the last one ended"],
        )
        .only_warns()],
    ),
    (
        "tells of connector 1 what happens at connector 2",
        &[words(
            "connectorId is 1, not 2",
            &[
                "A session runs on the second connector",
                "A remote start is for the connector that it names",
                "Two sessions run at the same time",
            ],
        )],
    ),
    (
        "stops the last of two sessions",
        &[words(
            "StopTransaction (transactionId is",
            &["Two sessions run at the same time"],
        )],
    ),
    (
        "hangs up on a refused tag",
        &[words(
            "the line went down after the tag was presented",
            &["A refused tag does not end the line"],
        )],
    ),
    (
        "cuts message ids short",
        &[rule(
            "ocppj-answers-a-call",
            &["A long message id comes back as it was"],
        )],
    ),
    (
        "minds the case of keys",
        &[words(
            "has no value of HeartbeatInterval",
            &["The names of keys have no case"],
        )],
    ),
    (
        "talks before it boots",
        &[rule(
            "ocpp16-silent-before-acceptance",
            &[
                "A lost connection alone is no boot",
                "A charge point that is refused waits before it asks again",
            ],
        )],
    ),
    (
        "measures for another transaction",
        &[rule(
            "ocpp16-readings-of-their-transaction",
            &[
                "Samples come at the interval that was set",
                "The energy of a session adds up",
            ],
        )],
    ),
    (
        "loses the first sample",
        &[words(
            "ms after the start, not 2000 ms",
            &["Samples come at the interval that was set"],
        )],
    ),
    (
        "measures what nobody asked for",
        &[words(
            "holds Energy.Active.Import.Register and Temperature",
            &[
                "Samples come at the interval that was set",
                "Clock-aligned values stand on the aligned instants",
                "Samples hold no more than was asked for",
            ],
        )],
    ),
    (
        "charges while it is suspended",
        &[words(
            "though the tag was refused",
            &[
                "The session of a tag that is refused when it starts gets no energy",
                "A session that began during an outage gets no more energy when its tag is refused",
            ],
        )],
    ),
    (
        "ends a session in silence",
        &[words(
            "it answered Rejected, not Accepted",
            &[
                "A busy connector takes no remote start [tag=another tag]",
                "A busy connector takes no remote start [tag=the known tag]",
                "A fixed cable stays and the session goes on",
                "A transaction that does not run cannot be stopped",
            ],
        )],
    ),
    (
        "names a key twice",
        &[words(
            "it names AllowOfflineTxForUnknownId twice",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "miscounts its connectors",
        &[words(
            "NumberOfConnectors is \"9\"",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "tells more keys than it was asked for",
        &[words(
            "it told SupportedFeatureProfiles and Mood",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "loses every other heartbeat",
        &[words(
            "two heartbeats are 4",
            &[
                "A charge point that is refused waits before it asks again",
                "Heartbeats keep the interval that the CSMS gave",
            ],
        )],
    ),
    (
        "names another tag in the stop",
        &[words(
            "idTag is \"SOMEBODY-ELSE\"",
            &[
                "A session that ended during an outage is told afterwards",
                "A tag of the same group stops the session",
            ],
        )],
    ),
    (
        "goes out of service at once in words",
        &[words(
            "it answered Accepted, not Scheduled",
            &[
                "A connector in use goes out of service when the session is over",
                "A charge point in use goes out of service when the session is over",
            ],
        )],
    ),
    (
        "stops for a stranger",
        &[words(
            "it sent StopTransaction",
            &[
                "Only the tag that started stops the session",
                "A tag that reads like the group stops nothing",
            ],
        )],
    ),
    (
        "takes any word for true or false",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "A value of the wrong kind is refused [key=LocalPreAuthorize, value=perhaps]",
                "A value of the wrong kind is refused [key=LocalAuthorizeOffline, value=perhaps]",
                "A value of the wrong kind is refused [key=StopTransactionOnInvalidId, value=perhaps]",
            ],
        )],
    ),
    (
        "takes any word for a number",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "A value of the wrong kind is refused [key=ClockAlignedDataInterval, value=often]",
                "A value of the wrong kind is refused [key=ConnectionTimeOut, value=-5]",
                "A value of the wrong kind is refused [key=HeartbeatInterval, value=-1]",
                "A value of the wrong kind is refused [key=TransactionMessageAttempts, value=often]",
                "A value of the wrong kind is refused [key=TransactionMessageRetryInterval, value=-1]",
            ],
        )],
    ),
    (
        "lets keys be written that are to be read",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "The key GetConfigurationMaxKeys can only be read",
                "The key NumberOfConnectors can only be read",
                "The key SupportedFeatureProfiles can only be read",
            ],
        )],
    ),
    (
        "minds the case of keys that are set",
        &[words(
            "it answered NotSupported",
            &["The names of keys have no case when they are set"],
        )],
    ),
    (
        "tells faults of the first connector whichever has failed",
        &[words(
            "no StatusNotification with connectorId 2, status \"Faulted\"",
            &["A fault of one connector is told of that one"],
        )],
    ),
    (
        "gives no more energy once the car was away",
        &[words(
            "status \"Charging\" within",
            &["A session that pauses goes on when the car is back"],
        )
        .only_warns()],
    ),
    (
        "starts when the time for the cable is over",
        &[words(
            "it sent StartTransaction",
            &[
                "A remote start without a cable lapses",
                "Identification without a cable lapses",
            ],
        )],
    ),
    (
        "tells all that it can measure at the end",
        &[words(
            "was asked for [1.6 §9.1.25, §9.1.27]",
            &[
                "The end of a session tells the samples that were asked for",
                "The end of a session tells the values of the clock that were asked for",
            ],
        )],
    ),
    (
        "takes any measurand for its samples",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "A measurand that it cannot measure is refused [key=MeterValuesSampledData]",
                "A measurand that it cannot measure is refused [key=StopTxnSampledData]",
            ],
        )],
    ),
    (
        "takes any measurand for the values of the clock",
        &[words(
            "it answered Accepted, not Rejected",
            &[
                "A measurand that it cannot measure is refused [key=MeterValuesAlignedData]",
                "A measurand that it cannot measure is refused [key=StopTxnAlignedData]",
            ],
        )],
    ),
    (
        "frees the cable whatever the setting",
        &[words(
            "the cable came out at the station",
            &["Unplugging at the car stops the session and the cable stays locked"],
        )],
    ),
    (
        "keeps the cable whatever the setting",
        &[words(
            "the cable does not come out",
            &["Unplugging at the car stops the session and frees the cable"],
        )],
    ),
    (
        "stops without the car whatever the setting",
        &[words(
            "status \"SuspendedEV\" within",
            &[
                "Unplugging at the car pauses the session until the CSMS stops it",
                "A session that goes on without the car keeps the cable",
            ],
        )],
    ),
    (
        "waits for no answer to its statuses",
        &[rule(
            "ocppj-one-open-call",
            &["One call is open at a time even when answers are slow"],
        )],
    ),
    (
        "hangs up on rubbish",
        &[rule("no-hang-up", &["Rubbish on the line does not end it"])],
    ),
    (
        "starts for another tag",
        &[words(
            "idTag is \"SOMEBODY-ELSE\"",
            &[
                "Cable first, then identification",
                "Identification first, then the cable",
                "Cable first, then the remote start",
                "The remote start first, then the cable",
            ],
        )],
    ),
    (
        "asks about tags that are in its cache",
        &[words(
            "it sent Authorize",
            &[
                "A tag in the cache starts a session without a question",
                "A remote start with a tag in the cache asks nothing",
            ],
        )],
    ),
    (
        "loses its cache in a power cut",
        &[words(
            "it sent Authorize",
            &["The cache outlives a power cut"],
        )],
    ),
    (
        "waits for the cable for ever",
        &[words(
            "status \"Available\" within",
            &[
                "Identification without a cable lapses",
                "A remote start without a cable lapses",
            ],
        )],
    ),
    (
        "hides that a cable was taken out",
        &[words(
            "status \"Available\" within",
            &[
                "The cable is free when the driver has stopped",
                "The cable is free when the CSMS has stopped",
                "Unlocking ends the session",
            ],
        )],
    ),
    (
        "starts though the lock has failed",
        &[words(
            "it sent StartTransaction",
            &["No session begins when the lock of the connector fails"],
        )],
    ),
    (
        "charges on without the car",
        &[words(
            "reason \"EVDisconnected\" within",
            &[
                "A session whose car left during an outage is told as ended afterwards",
                "Unplugging at the car stops the session and frees the cable",
                "Unplugging at the car stops the session and the cable stays locked",
            ],
        )],
    ),
    (
        "only says that it stops",
        &[words(
            "reason \"Remote\" within",
            &[
                "The CSMS stops the session",
                "The cable is free when the CSMS has stopped",
                "Unplugging at the car pauses the session until the CSMS stops it",
            ],
        )],
    ),
    (
        "unlocks and charges on",
        &[words(
            "reason \"UnlockCommand\" within",
            &["Unlocking ends the session"],
        )],
    ),
    (
        "ends one session before it restarts",
        &[words(
            "reason \"SoftReset\", meterStop",
            &["A soft reset ends all sessions"],
        )],
    ),
    (
        "forgets a session when the power fails",
        &[words(
            "reason \"PowerLoss\" within",
            &[
                "With backup power the session is stopped before the lights go out",
                "Without backup power the session is stopped when the lights are back",
                "What a power cut ended is told once the boot is accepted",
            ],
        )],
    ),
    (
        "loses the start it queued",
        &[words(
            "no StartTransaction with connectorId 1",
            &[
                "A whole session during an outage is told afterwards",
                "A session that began during an outage is told afterwards",
            ],
        )],
    ),
    (
        "tells readings of another session when it is asked",
        &[rule(
            "ocpp16-readings-of-their-transaction",
            &["The readings of a session are told when they are asked for"],
        )],
    ),
    (
        "says nothing of keys that it does not know",
        &[words(
            "NoSuchSettingAnywhere alone among the unknown keys",
            &[
                "A key that nobody knows is named as unknown",
                "A known and an unknown key are told apart",
            ],
        )],
    ),
    (
        "unlocks the first connector whichever is named",
        &[words(
            "no StopTransaction with transactionId",
            &["Unlocking one connector ends its session alone"],
        )],
    ),
    (
        "takes the first connector out of service whichever is named",
        &[words(
            "no StatusNotification with connectorId 2, status \"Unavailable\"",
            &["One connector goes out of service and another goes on"],
        )],
    ),
    (
        "hides that a fault is over",
        &[words(
            "no StatusNotification with connectorId 1",
            &["The end of a fault is reported"],
        )],
    ),
    (
        "keeps the error code when the fault is over",
        &[words(
            "errorCode is \"GroundFailure\", not \"NoError\"",
            &["The end of a fault is reported"],
        )],
    ),
    (
        "keeps the pace of its heartbeats",
        &[words(
            "not the interval of 4 s",
            &["Heartbeats keep the interval that was set"],
        )],
    ),
    (
        "forgets a setting in a power cut",
        &[words(
            "as it was set",
            &["A value that was written outlives a power cut"],
        )
        .only_warns()],
    ),
    (
        "leaves pings unanswered",
        &[words(
            "no pong with",
            &["A ping is answered by a charge point"],
        )],
    ),
    (
        "answers while it is refused",
        &[words(
            "it answers nothing [1.6 §4.2]",
            &["A charge point that is refused answers no command"],
        )],
    ),
    (
        "reads a time without its offset",
        &[rule(
            "ocpp16-stamp-of-now",
            &["A time with an offset is the same time"],
        )],
    ),
    (
        "reads ASCII alone",
        &[words(
            "FormationViolation",
            &["Texts in any script are read by a charge point"],
        )],
    ),
    (
        "takes a text for a number",
        &[words(
            "is expected, not",
            &["A text where a number belongs is refused by a charge point"],
        )],
    ),
    (
        "unlocks connector 0",
        &[words(
            "it answered Unlocked",
            &["Connector 0 has nothing to unlock"],
        )],
    ),
    (
        "takes any ping interval",
        &[words(
            "it answered Accepted",
            &["A ping interval below nought is refused"],
        )],
    ),
    (
        "refuses a remote start with a charging profile",
        &[words(
            "it answered Rejected",
            &["A remote start may carry a charging profile"],
        )
        .only_warns()],
    ),
    (
        "reads letters and digits of a tag alone",
        &[words(
            "no Authorize with idTag",
            &["A tag may hold any character"],
        )],
    ),
    (
        "tells words for numbers",
        &[words(
            "which is no integer",
            &["Every key of the Core profile is there"],
        )],
    ),
    (
        "starts again when the car is back",
        &[words(
            "it sent StartTransaction",
            &["A car that comes back after its session has ended starts nothing"],
        )],
    ),
    (
        "takes one connector out of service for the whole",
        &[words(
            "no StatusNotification with connectorId 0, status \"Unavailable\"",
            &["The whole charge point goes out of service"],
        )],
    ),
    (
        "takes an error for a yes",
        &[words(
            "it sent StartTransaction",
            &["A question that the CSMS cannot process lets nobody charge"],
        )],
    ),
    (
        "sends no heartbeat after an error",
        &[words(
            "no Heartbeat within",
            &["Heartbeats go on after one that the CSMS cannot process"],
        )],
    ),
    (
        "boots without a pause when it is told no interval",
        &[words(
            "it sent BootNotification",
            &["A charge point that is refused without an interval chooses one"],
        )],
    ),
    (
        "takes no remote start after a tag was refused",
        &[words(
            "it answered Rejected",
            &["A remote start follows one whose tag was refused"],
        )],
    ),
    (
        "tells of the first connector whichever is asked for",
        &[words(
            "no StatusNotification with connectorId 2",
            &["The status of another connector is told when it is asked for"],
        )],
    ),
    (
        "begins at nought after a power cut",
        &[words(
            "registers should be told as they",
            &["The register outlives a power cut"],
        )
        .only_warns()],
    ),
    (
        "learns nothing from the answer to a stop",
        &[words(
            "it sent StartTransaction",
            &["A tag that was refused at a stop starts nothing offline"],
        )
        .only_warns()],
    ),
];
