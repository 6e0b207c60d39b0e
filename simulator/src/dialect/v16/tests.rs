//! Literal samples, written from the specification, against what the dialect makes and takes.

use std::sync::Arc;

use dynamo_protocol::decode::Decoding;
use dynamo_protocol::v16::{
    Action, AuthorizeRequest, BootNotificationRequest, ChargePointErrorCode, ChargePointStatus,
    HeartbeatRequest, Measurand as WireMeasurand, MeterValuesRequest, Reason,
    StartTransactionRequest, StatusNotificationRequest, StopTransactionRequest,
};
use dynamo_protocol::{ErrorCode, Origin, RawValue};

use crate::charge_point::{
    Answer, AuthorizationStatus, AvailabilityReply, Command, ConfigurationReply, Context,
    FaultCode, Hardware, IdTagInfo, KeyValue, Limit, Measurand, Quantity, Reading, Registration,
    Reply, Report, ResetKind, Status, StopReason, TriggerReply, Triggered, UnlockReply,
};
use crate::dialect::Dialect;

const NOON: i64 = 1_710_072_000_000;

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn reading() -> Reading {
    Reading {
        at_ms: NOON,
        context: Context::Periodic,
        values: [
            (Measurand::EnergyRegister.into(), 1_234),
            (Measurand::Current.into(), 159),
        ]
        .into(),
    }
}

const READING: &str = r#"{"timestamp":"2024-03-10T12:00:00.000Z","sampledValue":[{"value":"1234","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","location":"Outlet","unit":"Wh"},{"value":"15.9","context":"Sample.Periodic","measurand":"Current.Import","location":"Outlet","unit":"A"}]}"#;

fn samples() -> Vec<(Report, &'static str, String)> {
    let sample = |report, action, json: &str| (report, action, json.to_owned());
    vec![
        sample(
            Report::Boot {
                hardware: Arc::new(Hardware {
                    firmware_version: "1.0".into(),
                    ..Hardware::default()
                }),
                serial_number: "S1".into(),
            },
            "BootNotification",
            r#"{"chargePointVendor":"Dynamo","chargePointModel":"Virtual AC","chargePointSerialNumber":"S1","firmwareVersion":"1.0"}"#,
        ),
        sample(Report::Heartbeat, "Heartbeat", "{}"),
        sample(
            Report::Authorize { id_tag: "A".into() },
            "Authorize",
            r#"{"idTag":"A"}"#,
        ),
        sample(
            Report::Status {
                connector_id: 1,
                status: Status::SuspendedEv,
                fault: None,
                ev_side_disconnected: false,
                at_ms: NOON,
            },
            "StatusNotification",
            r#"{"connectorId":1,"errorCode":"NoError","status":"SuspendedEV","timestamp":"2024-03-10T12:00:00.000Z"}"#,
        ),
        sample(
            Report::Status {
                connector_id: 1,
                status: Status::Finishing,
                fault: None,
                ev_side_disconnected: true,
                at_ms: NOON,
            },
            "StatusNotification",
            r#"{"connectorId":1,"errorCode":"NoError","status":"Finishing","info":"EV side disconnected","timestamp":"2024-03-10T12:00:00.000Z"}"#,
        ),
        sample(
            Report::Status {
                connector_id: 1,
                status: Status::SuspendedEvse,
                fault: Some(FaultCode::EvCommunicationError),
                ev_side_disconnected: false,
                at_ms: NOON,
            },
            "StatusNotification",
            r#"{"connectorId":1,"errorCode":"EVCommunicationError","status":"SuspendedEVSE","info":"EVCommunication error at connector 1","timestamp":"2024-03-10T12:00:00.000Z"}"#,
        ),
        sample(
            Report::Status {
                connector_id: 0,
                status: Status::Faulted,
                fault: Some(FaultCode::GroundFailure),
                ev_side_disconnected: false,
                at_ms: NOON,
            },
            "StatusNotification",
            r#"{"connectorId":0,"errorCode":"GroundFailure","status":"Faulted","info":"Ground failure","timestamp":"2024-03-10T12:00:00.000Z"}"#,
        ),
        sample(
            Report::StartTransaction {
                connector_id: 2,
                id_tag: "A".into(),
                meter_start_wh: 5,
                at_ms: NOON,
                reservation_id: Some(3),
            },
            "StartTransaction",
            r#"{"connectorId":2,"idTag":"A","meterStart":5,"timestamp":"2024-03-10T12:00:00.000Z","reservationId":3}"#,
        ),
        (
            Report::StopTransaction {
                transaction_id: 7,
                id_tag: Some("A".into()),
                meter_stop_wh: 9,
                at_ms: NOON,
                reason: StopReason::EvDisconnected,
                readings: vec![reading()],
            },
            "StopTransaction",
            format!(
                r#"{{"meterStop":9,"timestamp":"2024-03-10T12:00:00.000Z","transactionId":7,"idTag":"A","reason":"EVDisconnected","transactionData":[{READING}]}}"#
            ),
        ),
        sample(
            Report::StopTransaction {
                transaction_id: -1,
                id_tag: None,
                meter_stop_wh: 9,
                at_ms: NOON,
                reason: StopReason::Local,
                readings: Vec::new(),
            },
            "StopTransaction",
            r#"{"meterStop":9,"timestamp":"2024-03-10T12:00:00.000Z","transactionId":-1,"reason":"Local"}"#,
        ),
        (
            Report::MeterValues {
                connector_id: 1,
                transaction_id: Some(7),
                readings: vec![reading()],
            },
            "MeterValues",
            format!(r#"{{"connectorId":1,"meterValue":[{READING}],"transactionId":7}}"#),
        ),
    ]
}

#[test]
fn reports_become_the_messages_of_the_specification() {
    let strict = Decoding::strict();
    for (report, action, json) in samples() {
        let (name, payload) = Dialect::V16.encode(&report);
        assert_eq!((name, &payload), (action, &json));
        let payload = raw(&payload);
        let judged = match action {
            "BootNotification" => strict.decode::<BootNotificationRequest>(&payload).err(),
            "Heartbeat" => strict.decode::<HeartbeatRequest>(&payload).err(),
            "Authorize" => strict.decode::<AuthorizeRequest>(&payload).err(),
            "StatusNotification" => strict.decode::<StatusNotificationRequest>(&payload).err(),
            "StartTransaction" => strict.decode::<StartTransactionRequest>(&payload).err(),
            "StopTransaction" => strict.decode::<StopTransactionRequest>(&payload).err(),
            _ => strict.decode::<MeterValuesRequest>(&payload).err(),
        };
        assert_eq!(judged, None, "{action}");
    }
}

#[test]
fn every_word_is_one_of_the_version() {
    for status in Status::ALL {
        assert!(ChargePointStatus::from_wire(status.word()).is_known());
    }
    for code in FaultCode::ALL {
        assert!(ChargePointErrorCode::from_wire(code.word()).is_known());
    }
    for measurand in Measurand::ALL {
        assert!(WireMeasurand::from_wire(measurand.word()).is_known());
    }
    for reason in StopReason::ALL {
        assert!(Reason::from_wire(reason.word()).is_known());
    }
}

#[test]
fn answers_are_understood_strictly() {
    let accepted = IdTagInfo {
        status: AuthorizationStatus::Accepted,
        expiry_ms: Some(NOON),
        parent_id_tag: Some("P".into()),
    };
    let info = r#"{"status":"Accepted","expiryDate":"2024-03-10T12:00:00Z","parentIdTag":"P"}"#;
    for (action, json, answer) in [
        (
            "BootNotification",
            r#"{"status":"Pending","currentTime":"2024-03-10T12:00:00Z","interval":30}"#.to_owned(),
            Answer::Boot {
                registration: Registration::Pending,
                current_time_ms: NOON,
                interval_s: 30,
            },
        ),
        (
            "Heartbeat",
            r#"{"currentTime":"2024-03-10T13:00:00+01:00"}"#.to_owned(),
            Answer::Heartbeat {
                current_time_ms: NOON,
            },
        ),
        (
            "Authorize",
            format!(r#"{{"idTagInfo":{info}}}"#),
            Answer::Authorize(accepted.clone()),
        ),
        (
            "StartTransaction",
            format!(r#"{{"transactionId":3,"idTagInfo":{info}}}"#),
            Answer::StartTransaction {
                transaction_id: 3,
                id_tag_info: accepted,
            },
        ),
        (
            "StopTransaction",
            "{}".to_owned(),
            Answer::StopTransaction { id_tag_info: None },
        ),
        ("StatusNotification", "{}".to_owned(), Answer::Acknowledged),
        ("MeterValues", "{}".to_owned(), Answer::Acknowledged),
    ] {
        assert_eq!(
            Dialect::V16.decode_answer(action, &raw(&json)),
            Ok(answer),
            "{action}"
        );
    }
    for (action, json) in [
        ("Heartbeat", r#"{"currentTime":"noon"}"#),
        ("StatusNotification", r#"{"extra":1}"#),
        (
            "StartTransaction",
            r#"{"transactionId":"3","idTagInfo":{"status":"Accepted"}}"#,
        ),
        ("Authorize", r#"{"idTagInfo":{"status":"Perhaps"}}"#),
    ] {
        assert!(
            Dialect::V16.decode_answer(action, &raw(json)).is_err(),
            "{action}"
        );
    }
}

#[test]
fn an_answer_that_is_no_object_of_its_schema_is_refused() {
    for action in [
        "BootNotification",
        "Heartbeat",
        "Authorize",
        "StartTransaction",
        "StopTransaction",
        "StatusNotification",
        "MeterValues",
    ] {
        for json in [
            "null",
            "[]",
            "[{}]",
            "true",
            "0",
            r#""Accepted""#,
            r#"{"surplus":1}"#,
            r#"{"idTagInfo":null}"#,
            r#"{"currentTime":null,"status":null,"interval":null}"#,
        ] {
            let decoded = Dialect::V16.decode_answer(action, &raw(json));
            assert!(
                decoded.is_err(),
                "{action} answered with {json}: {decoded:?}"
            );
        }
    }
}

#[test]
fn a_remote_start_s_profile_is_taken_where_it_is_served() {
    let json = r#"{"idTag":"A","chargingProfile":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.1},{"startPeriod":60,"limit":8,"numberPhases":1}]}}}"#;
    let decode = |smart_charging| {
        let hardware = Hardware {
            smart_charging,
            ..Hardware::default()
        };
        match Dialect::V16.decode_command("RemoteStartTransaction", &raw(json), &hardware) {
            Ok(Command::RemoteStart { profile, .. }) => profile,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(decode(false), None);
    let profile = decode(true).unwrap();
    let limits: Vec<Limit> = profile.periods.iter().map(|period| period.limit).collect();
    let amperes = |tenths, phases| Limit::Amperes { tenths, phases };
    assert_eq!(limits, [amperes(161, 3), amperes(80, 1)]);
}

#[test]
fn a_phase_and_the_main_meter_are_named() {
    let report = |connector_id| Report::MeterValues {
        connector_id,
        transaction_id: None,
        readings: vec![Reading {
            at_ms: NOON,
            context: Context::Trigger,
            values: [(Quantity::from_word("Voltage.L1-N").unwrap(), 230)].into(),
        }],
    };
    for (connector_id, location) in [(0, "Inlet"), (1, "Outlet")] {
        let (_, payload) = Dialect::V16.encode(&report(connector_id));
        let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let sample = &value["meterValue"][0]["sampledValue"][0];
        assert_eq!(
            (&sample["phase"], &sample["location"]),
            (&"L1-N".into(), &location.into())
        );
        let judged = Decoding::strict().check_request(Action::MeterValues, &raw(&payload));
        assert_eq!(judged, Ok(()));
    }
}

#[test]
fn commands_are_understood() {
    for (action, json, command) in [
        (
            "ChangeAvailability",
            r#"{"connectorId":0,"type":"Inoperative"}"#,
            Command::ChangeAvailability {
                connector_id: 0,
                operative: false,
            },
        ),
        (
            "ChangeConfiguration",
            r#"{"key":"HeartbeatInterval","value":"5"}"#,
            Command::ChangeConfiguration {
                key: "HeartbeatInterval".into(),
                value: "5".into(),
            },
        ),
        ("ClearCache", "{}", Command::ClearCache),
        (
            "DataTransfer",
            r#"{"vendorId":"v","data":"x"}"#,
            Command::DataTransfer {
                vendor_id: "v".into(),
            },
        ),
        (
            "GetConfiguration",
            "{}",
            Command::GetConfiguration { keys: Vec::new() },
        ),
        (
            "GetConfiguration",
            r#"{"key":["A"]}"#,
            Command::GetConfiguration {
                keys: vec!["A".into()],
            },
        ),
        (
            "RemoteStartTransaction",
            r#"{"idTag":"A","connectorId":1,"chargingProfile":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":7400.0}]}}}"#,
            Command::RemoteStart {
                connector_id: Some(1),
                id_tag: "A".into(),
                profile: None,
            },
        ),
        (
            "RemoteStopTransaction",
            r#"{"transactionId":9}"#,
            Command::RemoteStop { transaction_id: 9 },
        ),
        (
            "Reset",
            r#"{"type":"Soft"}"#,
            Command::Reset {
                kind: ResetKind::Soft,
            },
        ),
        (
            "TriggerMessage",
            r#"{"requestedMessage":"MeterValues","connectorId":2}"#,
            Command::Trigger {
                message: Triggered::MeterValues,
                connector_id: Some(2),
            },
        ),
        (
            "UnlockConnector",
            r#"{"connectorId":1}"#,
            Command::Unlock { connector_id: 1 },
        ),
    ] {
        assert_eq!(
            Dialect::V16.decode_command(action, &raw(json), &Hardware::default()),
            Ok(command),
            "{action}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_command_has_its_code() {
    for (action, json, code) in [
        ("MakeCoffee", "{}", ErrorCode::NotImplemented),
        ("clearcache", "{}", ErrorCode::NotImplemented),
        ("GetDiagnostics", "{}", ErrorCode::NotSupported),
        ("Heartbeat", "{}", ErrorCode::NotSupported),
        ("Reset", "{}", ErrorCode::OccurrenceConstraintViolation),
        (
            "Reset",
            r#"{"type":"Gentle"}"#,
            ErrorCode::PropertyConstraintViolation,
        ),
        ("Reset", r#"{"type":1}"#, ErrorCode::TypeConstraintViolation),
        (
            "Reset",
            r#"{"type":"Hard","why":"x"}"#,
            ErrorCode::FormatViolation,
        ),
        ("Reset", "[]", ErrorCode::FormatViolation),
        (
            "UnlockConnector",
            r#"{"connectorId":-1}"#,
            ErrorCode::PropertyConstraintViolation,
        ),
    ] {
        let error = Dialect::V16
            .decode_command(action, &raw(json), &Hardware::default())
            .unwrap_err();
        assert_eq!(error.code, code, "{action} {json}");
    }
}

#[test]
fn every_action_of_the_csms_is_served_or_known_not_to_be() {
    const NOT_SERVED: [&str; 17] = [
        "CancelReservation",
        "CertificateSigned",
        "ClearChargingProfile",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "ReserveNow",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "UpdateFirmware",
        "",
    ];
    for action in Action::ALL
        .iter()
        .filter(|action| action.origin() != Origin::ChargingStation)
    {
        let name = action.as_str();
        let refused = Dialect::V16
            .decode_command(name, &raw(r#"{"no such member":0}"#), &Hardware::default())
            .unwrap_err();
        assert_eq!(
            refused.code == ErrorCode::NotSupported,
            NOT_SERVED.contains(&name),
            "{name}"
        );
    }
}

#[test]
fn replies_become_the_messages_of_the_specification() {
    for (reply, json) in [
        (
            Reply::Availability(AvailabilityReply::Scheduled),
            r#"{"status":"Scheduled"}"#,
        ),
        (
            Reply::ConfigurationChanged(ConfigurationReply::RebootRequired),
            r#"{"status":"RebootRequired"}"#,
        ),
        (
            Reply::CacheCleared { accepted: true },
            r#"{"status":"Accepted"}"#,
        ),
        (Reply::VendorUnknown, r#"{"status":"UnknownVendorId"}"#),
        (
            Reply::Configuration {
                known: vec![KeyValue {
                    key: "HeartbeatInterval",
                    readonly: false,
                    value: "5".into(),
                }],
                unknown: vec!["Mood".into()],
            },
            r#"{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"5"}],"unknownKey":["Mood"]}"#,
        ),
        (
            Reply::RemoteStart { accepted: false },
            r#"{"status":"Rejected"}"#,
        ),
        (
            Reply::RemoteStop { accepted: true },
            r#"{"status":"Accepted"}"#,
        ),
        (Reply::Reset { accepted: true }, r#"{"status":"Accepted"}"#),
        (
            Reply::Trigger(TriggerReply::NotImplemented),
            r#"{"status":"NotImplemented"}"#,
        ),
        (
            Reply::Unlock(UnlockReply::UnlockFailed),
            r#"{"status":"UnlockFailed"}"#,
        ),
    ] {
        assert_eq!(Dialect::V16.encode_reply(&reply), json);
    }
}
