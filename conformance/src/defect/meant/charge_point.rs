//! How each defect of charge points has to show.

use super::{Table, rule, words};

pub(super) const CHARGE_POINT: Table = &[
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
            &[
                "A charge point that is refused waits before it asks again",
                "The whole charge point goes out of service",
            ],
        )],
    ),
    (
        "sends no heartbeat",
        &[words(
            "no Heartbeat within",
            &["Heartbeats keep the interval that the CSMS gave"],
        )],
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
                "A key that can only be read is not written",
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
            &["A session that ended during an outage is told afterwards"],
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
        &[words(
            "no Authorize with idTag",
            &["A tag is asked about again when its time in the cache is over"],
        )],
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
            "the first sample was taken 4000 ms after the start",
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
            &["Only the tag that started stops the session"],
        )],
    ),
    (
        "takes any word for true or false",
        &[words(
            "it answered Accepted, not Rejected",
            &["A value of the wrong kind is refused [key=LocalPreAuthorize, value=perhaps]"],
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
            "NoSuchSettingAnywhere among the unknown keys",
            &["A key that nobody knows is named as unknown"],
        )],
    ),
];
