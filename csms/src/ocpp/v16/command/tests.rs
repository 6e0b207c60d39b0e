use dynamo_protocol::RawValue;
use dynamo_protocol::decode::Decoding;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::domain::command::{
    self as neutral, IdToken, Limit, ProfileKind, Purpose, RateUnit, Recurrence, Schedule,
};

fn profile(purpose: Purpose, kind: ProfileKind) -> neutral::ChargingProfile {
    let limit = |from_s, limit| Limit {
        from_s,
        limit,
        phases: Some(3),
        phase: None,
    };
    neutral::ChargingProfile {
        id: 101,
        stack_level: 1,
        purpose,
        kind,
        valid_from_ms: Some(0),
        valid_to_ms: Some(4_102_444_800_000),
        transaction: Some("7".to_owned()),
        schedules: vec![Schedule {
            id: 1,
            unit: RateUnit::Amperes,
            limits: vec![
                limit(0, Decimal::new(160, 1)),
                limit(60, Decimal::new(65, 1)),
            ],
            duration_s: Some(3_600),
            starts_at_ms: Some(0),
            least: Some(Decimal::new(6, 0)),
        }],
    }
}

fn start() -> Start {
    Start {
        target: Target::Station,
        token: IdToken::central("T"),
        remote_start_id: 5,
        profile: None,
    }
}

fn reservation() -> Reservation {
    Reservation {
        id: 5,
        evse: Some(1),
        connector_type: None,
        expires_at_ms: 4_102_444_800_000,
        token: IdToken::central("T"),
        group: Some(IdToken::central("G")),
    }
}

/// Every neutral command, and how OCPP 1.6 says it.
fn commands() -> Vec<(Command, Action, Value)> {
    let said_profile = json!({
        "chargingProfileId": 101, "stackLevel": 1, "transactionId": 7,
        "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Recurring", "recurrencyKind": "Daily",
        "validFrom": "1970-01-01T00:00:00.000Z", "validTo": "2100-01-01T00:00:00.000Z",
        "chargingSchedule": {
            "chargingRateUnit": "A", "duration": 3600, "startSchedule": "1970-01-01T00:00:00.000Z", "minChargingRate": 6,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16, "numberPhases": 3},
                {"startPeriod": 60, "limit": 6.5, "numberPhases": 3},
            ],
        },
    });
    let daily = ProfileKind::Recurring(Recurrence::Daily);
    let of_transaction = profile(Purpose::Transaction, daily);
    let trigger = |message, target| Command::Trigger { message, target };
    let availability = |target, availability| Command::SetAvailability {
        target,
        availability,
    };
    vec![
        (
            Command::Start(start()),
            Action::RemoteStartTransaction,
            json!({"idTag": "T"}),
        ),
        (
            Command::Start(Start {
                target: Target::Evse(2),
                profile: Some(of_transaction.clone()),
                ..start()
            }),
            Action::RemoteStartTransaction,
            json!({"idTag": "T", "connectorId": 2, "chargingProfile": said_profile}),
        ),
        (
            Command::Stop {
                transaction: "10042".to_owned(),
            },
            Action::RemoteStopTransaction,
            json!({"transactionId": 10042}),
        ),
        (
            Command::Reset {
                when: ResetTime::Immediately,
                evse: None,
            },
            Action::Reset,
            json!({"type": "Hard"}),
        ),
        (
            Command::Reset {
                when: ResetTime::OnIdle,
                evse: None,
            },
            Action::Reset,
            json!({"type": "Soft"}),
        ),
        (
            availability(Target::Station, Availability::Inoperative),
            Action::ChangeAvailability,
            json!({"connectorId": 0, "type": "Inoperative"}),
        ),
        (
            availability(Target::Evse(3), Availability::Operative),
            Action::ChangeAvailability,
            json!({"connectorId": 3, "type": "Operative"}),
        ),
        (
            Command::Unlock {
                evse: 2,
                connector: 1,
            },
            Action::UnlockConnector,
            json!({"connectorId": 2}),
        ),
        (
            Command::Reserve(reservation()),
            Action::ReserveNow,
            json!({
                "connectorId": 1, "expiryDate": "2100-01-01T00:00:00.000Z", "idTag": "T", "reservationId": 5,
                "parentIdTag": "G",
            }),
        ),
        (
            Command::CancelReservation { reservation: 5 },
            Action::CancelReservation,
            json!({"reservationId": 5}),
        ),
        (
            Command::SetProfile {
                evse: Some(1),
                profile: Box::new(of_transaction),
            },
            Action::SetChargingProfile,
            json!({"connectorId": 1, "csChargingProfiles": said_profile}),
        ),
        (
            Command::ClearProfiles(ProfileFilter::default()),
            Action::ClearChargingProfile,
            json!({}),
        ),
        (
            Command::ClearProfiles(ProfileFilter {
                id: Some(1),
                evse: Some(0),
                purpose: Some(Purpose::Station),
                stack_level: Some(2),
            }),
            Action::ClearChargingProfile,
            json!({
                "id": 1, "connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 2,
            }),
        ),
        (
            Command::GetCompositeSchedule {
                evse: None,
                duration_s: 60,
                unit: Some(RateUnit::Watts),
            },
            Action::GetCompositeSchedule,
            json!({"connectorId": 0, "duration": 60, "chargingRateUnit": "W"}),
        ),
        (
            Command::GetSettings(Vec::new()),
            Action::GetConfiguration,
            json!({}),
        ),
        (
            Command::GetSettings(vec![Setting::heartbeat_interval(), Setting::of_key("Acme")]),
            Action::GetConfiguration,
            json!({"key": ["HeartbeatInterval", "Acme"]}),
        ),
        (
            Command::Set {
                setting: Setting::of_station("TxCtrlr", "EVConnectionTimeOut"),
                value: "60".to_owned(),
            },
            Action::ChangeConfiguration,
            json!({"key": "ConnectionTimeOut", "value": "60"}),
        ),
        (
            trigger(Message::Boot, Target::Station),
            Action::TriggerMessage,
            json!({"requestedMessage": "BootNotification"}),
        ),
        (
            trigger(Message::Heartbeat, Target::Station),
            Action::TriggerMessage,
            json!({"requestedMessage": "Heartbeat"}),
        ),
        (
            trigger(Message::Status, Target::Evse(1)),
            Action::TriggerMessage,
            json!({"requestedMessage": "StatusNotification", "connectorId": 1}),
        ),
        (
            trigger(
                Message::MeterValues,
                Target::Connector {
                    evse: 2,
                    connector: 1,
                },
            ),
            Action::TriggerMessage,
            json!({"requestedMessage": "MeterValues", "connectorId": 2}),
        ),
        (
            trigger(Message::FirmwareStatus, Target::Station),
            Action::TriggerMessage,
            json!({"requestedMessage": "FirmwareStatusNotification"}),
        ),
        (
            trigger(Message::LogStatus, Target::Station),
            Action::ExtendedTriggerMessage,
            json!({"requestedMessage": "LogStatusNotification"}),
        ),
        (
            trigger(Message::SignCertificate, Target::Station),
            Action::ExtendedTriggerMessage,
            json!({"requestedMessage": "SignChargePointCertificate"}),
        ),
    ]
}

#[test]
fn each_command_is_said_as_the_standard_has_it() {
    for (command, action, payload) in commands() {
        let (said, text) = say(&command, &Numbering::default()).unwrap();
        assert_eq!(said, action);
        let raw = RawValue::from_string(text.clone()).unwrap();
        Decoding::Strict.check_request(action, &raw).unwrap();
        let text: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text, payload, "{action}");
    }
}

#[test]
fn profiles_of_every_purpose_and_kind_are_valid() {
    for purpose in [
        Purpose::Station,
        Purpose::TransactionDefault,
        Purpose::Transaction,
    ] {
        for kind in [
            ProfileKind::Absolute,
            ProfileKind::Relative,
            ProfileKind::Recurring(Recurrence::Weekly),
        ] {
            let command = Command::SetProfile {
                evse: None,
                profile: Box::new(profile(purpose, kind)),
            };
            let (action, text) = say(&command, &Numbering::default()).unwrap();
            let raw = RawValue::from_string(text).unwrap();
            Decoding::Strict.check_request(action, &raw).unwrap();
        }
    }
}

#[test]
fn what_came_with_a_later_version_is_not_sent_at_all() {
    let absolute = || profile(Purpose::TransactionDefault, ProfileKind::Absolute);
    let set = |profile| Command::SetProfile {
        evse: None,
        profile: Box::new(profile),
    };
    let mut of_one_phase = absolute();
    of_one_phase.schedules[0].limits[0].phase = Some(2);
    let mut of_two = absolute();
    of_two.schedules.extend(absolute().schedules);
    let outside = neutral::ChargingProfile {
        purpose: Purpose::ExternalConstraints,
        ..absolute()
    };
    for command in [
        Command::Stop {
            transaction: "f3b1-77".to_owned(),
        },
        Command::Reset {
            when: ResetTime::OnIdle,
            evse: Some(1),
        },
        Command::Unlock {
            evse: 1,
            connector: 2,
        },
        Command::SetAvailability {
            target: Target::Evse(u32::MAX),
            availability: Availability::Operative,
        },
        Command::Reserve(Reservation {
            connector_type: Some("sType2".to_owned()),
            ..reservation()
        }),
        set(of_one_phase),
        set(of_two),
        set(outside),
        Command::GetSettings(vec![Setting::of_station("SecurityCtrlr", "Identity")]),
        Command::Trigger {
            message: Message::Transaction,
            target: Target::Station,
        },
    ] {
        let failure = say(&command, &Numbering::default()).unwrap_err();
        assert!(matches!(failure, CallFailure::NotSayable(_)), "{failure:?}");
        assert!(!failure.was_sent());
    }
}

#[test]
fn connectors_are_counted_over_the_charge_point_however_they_are_grouped() {
    let numbering = Numbering::of(vec![(3, 1, 1), (1, 1, 2), (2, 2, 1)]);
    let number = |target| {
        let command = Command::Start(Start { target, ..start() });
        let said = say(&command, &numbering);
        said.map(|(_, text)| serde_json::from_str::<Value>(&text).unwrap()["connectorId"].clone())
    };
    let connector = |evse, connector| Target::Connector { evse, connector };
    assert_eq!(number(connector(1, 1)), Ok(json!(3)));
    assert_eq!(number(connector(1, 2)), Ok(json!(1)));
    assert_eq!(number(Target::Evse(2)), Ok(json!(2)));
    assert_eq!(number(Target::Evse(4)), Ok(json!(4)));
    assert_eq!(number(Target::Station), Ok(Value::Null));
    // Several connectors, and none.
    assert!(number(Target::Evse(1)).is_err());
    assert!(number(connector(3, 1)).is_err());
}
