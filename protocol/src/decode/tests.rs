use super::*;
use crate::ErrorCode;
use crate::v16::{HeartbeatResponse, SetChargingProfileRequest, StatusNotificationRequest};

fn decode<T: DeserializeOwned + Serialize + Validate>(json: &str) -> Result<T, CallError> {
    Decoding::strict().decode(&RawValue::from_string(json.to_owned()).unwrap())
}

fn code<T: DeserializeOwned + Serialize + Validate>(json: &str) -> ErrorCode {
    decode::<T>(json).err().expect("refused").code
}

#[test]
fn each_kind_of_mistake_has_its_code() {
    type Status = StatusNotificationRequest;
    assert!(
        decode::<Status>(r#"{"connectorId":1,"errorCode":"NoError","status":"Available"}"#).is_ok()
    );
    assert_eq!(
        code::<Status>(r#"{"connectorId":1,"status":"Available"}"#),
        ErrorCode::OccurrenceConstraintViolation
    );
    assert_eq!(
        code::<Status>(r#"{"connectorId":"1","errorCode":"NoError","status":"Available"}"#),
        ErrorCode::TypeConstraintViolation
    );
    assert_eq!(
        code::<Status>(r#"{"connectorId":1,"errorCode":"NoError","status":"Bored"}"#),
        ErrorCode::PropertyConstraintViolation
    );
    assert_eq!(
        code::<Status>(
            r#"{"connectorId":1,"errorCode":"NoError","status":"Available","mood":"fine"}"#
        ),
        ErrorCode::FormatViolation
    );
    assert_eq!(
        code::<Status>(
            r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":null}"#
        ),
        ErrorCode::TypeConstraintViolation
    );
    assert_eq!(code::<Status>("[]"), ErrorCode::FormatViolation);
}

#[test]
fn a_nul_in_a_text_is_refused_in_both_decodings() {
    let status =
        r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":"a\u0000b"}"#;
    let text = RawValue::from_string(status.to_owned()).unwrap();
    let list = RawValue::from_string(r#"{"key":["a","b\u0000"]}"#.to_owned()).unwrap();
    for decoding in [Decoding::strict(), Decoding::Tolerant] {
        for refused in [
            decoding.decode::<StatusNotificationRequest>(&text).err(),
            decoding
                .check_request(Action::GetConfiguration, &list)
                .err(),
        ] {
            let code = refused.expect("refused").code;
            assert_eq!(code, ErrorCode::PropertyConstraintViolation);
        }
    }
}

#[test]
fn date_times_are_rfc_3339_and_nothing_looser() {
    for good in [
        "2024-03-10T15:00:00Z",
        "2024-03-10T15:00:00.123+01:00",
        "2024-03-10t15:00:00z",
    ] {
        assert!(
            decode::<HeartbeatResponse>(&format!(r#"{{"currentTime":"{good}"}}"#)).is_ok(),
            "{good}"
        );
    }
    for bad in [
        "2024-03-10 15:00:00Z",
        "20240310T150000Z",
        "2024-03-10T15:00Z",
        "2024-03-10T15:00:00",
        "2024-03-10T15:00:00+01",
        "2024-03-10T15:00:00.Z",
        "yesterday",
    ] {
        assert_eq!(
            code::<HeartbeatResponse>(&format!(r#"{{"currentTime":"{bad}"}}"#)),
            ErrorCode::PropertyConstraintViolation,
            "{bad}"
        );
    }
}

#[test]
fn charging_rates_have_one_decimal() {
    let profile = |limit: &str| {
        format!(
            r#"{{"connectorId":1,"csChargingProfiles":{{"chargingProfileId":1,"stackLevel":0,
            "chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":
            {{"chargingRateUnit":"A","chargingSchedulePeriod":[{{"startPeriod":0,"limit":{limit}}}]}}}}}}"#
        )
    };
    for good in ["16", "16.5", "16.50", "1.65e1", "0", "1e2"] {
        assert!(
            decode::<SetChargingProfileRequest>(&profile(good)).is_ok(),
            "{good}"
        );
    }
    for bad in ["16.55", "0.01", "1.655e1", "1e-2"] {
        assert_eq!(
            code::<SetChargingProfileRequest>(&profile(bad)),
            ErrorCode::PropertyConstraintViolation,
            "{bad}"
        );
    }
}

/// Name and pointer of each deviation.
fn named(deviations: &[Deviation]) -> Vec<(&'static str, &str)> {
    deviations
        .iter()
        .map(|deviation| (deviation.leniency.name(), deviation.pointer.as_str()))
        .collect()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

const START: &str =
    r#"{"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"2024-03-10T15:00:00Z"}"#;
const STOP: &str = r#"{"transactionId":7,"meterStop":6000,"timestamp":"2024-03-10T16:00:00Z"}"#;
const METER: &str = r#"{"connectorId":1,"meterValue":[{"timestamp":"2024-03-10T15:30:00Z","sampledValue":[{"value":"3000"}]}]}"#;
const STATUS: &str = r#"{"connectorId":1,"errorCode":"NoError","status":"Available"}"#;
const BOOT: &str = r#"{"chargePointVendor":"V","chargePointModel":"M"}"#;
const KEYS: &str =
    r#"{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"300"}]}"#;
const SCHEDULE: &str = r#"{"status":"Accepted","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.5}]}}"#;

/// A valid payload, what is replaced in it by what, and the names of what is then forgiven; none: it is refused.
type OddCase = (
    Action,
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ODD_REQUESTS: &[OddCase] = {
    use Action::*;
    &[
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "\"TAG\",\"evId\":[1]",
            &[("unknown_member", "/evId")],
        ),
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "\"TAG\",\"reservationId\":null",
            &[("null_member", "/reservationId")],
        ),
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "\"TAG\",\"reservationId\":\"\"",
            &[("empty_member", "/reservationId")],
        ),
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "\"AAAAAAAAAAAAAAAAAAAAA\"",
            &[("text_too_long", "/idTag")],
        ),
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "12345",
            &[("text_as_number", "/idTag")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "1000.0",
            &[("integer_as_decimal", "/meterStart")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "1e3",
            &[("integer_as_decimal", "/meterStart")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "-0",
            &[("integer_as_decimal", "/meterStart")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "1000.4",
            &[("reading_rounded", "/meterStart")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "\"1000\"",
            &[("number_as_text", "/meterStart")],
        ),
        (
            StartTransaction,
            START,
            "1000",
            "\"1000.6\"",
            &[
                ("number_as_text", "/meterStart"),
                ("reading_rounded", "/meterStart"),
            ],
        ),
        (
            StartTransaction,
            START,
            "15:00:00Z",
            "15:00:00",
            &[("time_without_offset", "/timestamp")],
        ),
        (
            StartTransaction,
            START,
            "15:00:00Z",
            "15:00:00+00",
            &[("time_short_offset", "/timestamp")],
        ),
        (
            StartTransaction,
            START,
            "T15:00:00Z",
            " 15:00:00Z",
            &[("time_with_blank", "/timestamp")],
        ),
        (
            StartTransaction,
            START,
            "15:00:00Z",
            "15:00:00.Z",
            &[("time_odd_fraction", "/timestamp")],
        ),
        (
            StartTransaction,
            START,
            "15:00:00Z",
            "15:00Z",
            &[("time_short_form", "/timestamp")],
        ),
        (
            StartTransaction,
            START,
            "T15:00:00Z",
            "",
            &[("time_date_only", "/timestamp")],
        ),
        (StartTransaction, START, "\"TAG\"", "null", &[]),
        (StartTransaction, START, "\"TAG\"", "{}", &[]),
        (StartTransaction, START, "\"TAG\"", "true", &[]),
        (StartTransaction, START, "1000", "null", &[]),
        (StartTransaction, START, "1000", "\"many\"", &[]),
        (StartTransaction, START, "1000", "\"\"", &[]),
        (StartTransaction, START, "1000", "3e9", &[]),
        (StartTransaction, START, ":1,", ":1.5,", &[]),
        (StartTransaction, START, "2024-03-10T15:00:00Z", "", &[]),
        (
            StartTransaction,
            START,
            "2024-03-10T15:00:00Z",
            "yesterday",
            &[],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"reason\":\"EVSideDisconnected\"",
            &[("unknown_word", "/reason")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"reason\":\"\"",
            &[("empty_member", "/reason")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"reason\":null,\"idTag\":null,\"transactionData\":null",
            &[("null_member", "/reason")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"transactionData\":{\"timestamp\":\"2024-03-10T15:30:00Z\",\"sampledValue\":[{\"value\":\"1\"}]}",
            &[("single_for_list", "/transactionData")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"transactionData\":[{\"timestamp\":\"soon\",\"sampledValue\":[{\"value\":\"1\"}]}]",
            &[("unreadable_sample", "/transactionData/0")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"transactionData\":[{\"timestamp\":\"2024-03-10T15:30:00Z\",\"sampledValue\":[]}]",
            &[("unreadable_sample", "/transactionData/0")],
        ),
        (StopTransaction, STOP, ":7", ":7.5", &[]),
        (
            StartTransaction,
            START,
            "\"TAG\"",
            "\"TAG\",\"reservationId\":[]",
            &[("unreadable_member", "/reservationId")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"reason\":5",
            &[("unreadable_member", "/reason")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"idTag\":{}",
            &[("unreadable_member", "/idTag")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"idTag\":\"A\\u0000B\"",
            &[("unreadable_member", "/idTag")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"idTag\":\"A\\ud800\"",
            &[("unreadable_member", "/idTag")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"transactionData\":7",
            &[("unreadable_member", "/transactionData")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "6000,\"transactionData\":\"none\"",
            &[("unreadable_member", "/transactionData")],
        ),
        (
            StopTransaction,
            STOP,
            "6000",
            "5000,\"meterStop\":6000",
            &[("doubled_member", "/meterStop")],
        ),
        (StopTransaction, STOP, "6000", "{}", &[]),
        (StopTransaction, STOP, "6000", "{},\"reason\":5", &[]),
        (StopTransaction, STOP, ":7,", ":7,\"transactionId\":8,", &[]),
        (
            MeterValues,
            METER,
            "\"3000\"",
            "3000",
            &[("text_as_number", "/meterValue/0/sampledValue/0/value")],
        ),
        (
            MeterValues,
            METER,
            "{\"value\":\"3000\"}",
            "{\"value\":{}},{\"value\":\"3000\"}",
            &[("unreadable_sample", "/meterValue/0/sampledValue/0")],
        ),
        (
            MeterValues,
            METER,
            "{\"value\":\"3000\"}",
            "7,{\"unit\":\"Wh\"},{\"value\":\"3000\",\"unit\":\"MWh\"}",
            &[
                ("unreadable_sample", "/meterValue/0/sampledValue/0"),
                ("unknown_word", "/meterValue/0/sampledValue/2/unit"),
            ],
        ),
        (
            MeterValues,
            METER,
            "\"3000\"",
            "\"3000\",\"context\":\"Now\"",
            &[("unknown_word", "/meterValue/0/sampledValue/0/context")],
        ),
        (
            MeterValues,
            METER,
            "\"3000\"",
            "\"3000\",\"measurand\":\"\"",
            &[("unknown_word", "/meterValue/0/sampledValue/0/measurand")],
        ),
        (
            MeterValues,
            METER,
            "\"3000\"",
            "\"3000\",\"phase\":\"\"",
            &[("empty_member", "/meterValue/0/sampledValue/0/phase")],
        ),
        (
            MeterValues,
            METER,
            "\"connectorId\":1,",
            "\"connectorId\":1,\"transactionId\":null,",
            &[("null_member", "/transactionId")],
        ),
        (
            MeterValues,
            METER,
            "[{\"value\":\"3000\"}]",
            "{\"value\":\"3000\"}",
            &[("single_for_list", "/meterValue/0/sampledValue")],
        ),
        (
            MeterValues,
            METER,
            "{\"value\":\"3000\"}",
            "{\"value\":{}}",
            &[],
        ),
        (MeterValues, METER, "2024-03-10T15:30:00Z", "soon", &[]),
        (MeterValues, METER, "\"3000\"", "\"3000\",\"unit\":5", &[]),
        (
            StatusNotification,
            STATUS,
            "NoError",
            "CableCut",
            &[("unknown_word", "/errorCode")],
        ),
        (
            StatusNotification,
            STATUS,
            "1,",
            "1,\"timestamp\":\"\",",
            &[("empty_member", "/timestamp")],
        ),
        (
            StatusNotification,
            STATUS,
            "1,",
            "1,\"vendorErrorCode\":17,",
            &[("text_as_number", "/vendorErrorCode")],
        ),
        (StatusNotification, STATUS, "Available", "Dancing", &[]),
        (StatusNotification, STATUS, "Available", "available", &[]),
        (StatusNotification, STATUS, "\"Available\"", "1", &[]),
        (StatusNotification, STATUS, ":1,", ":\"one\",", &[]),
        (
            BootNotification,
            BOOT,
            "\"M\"",
            "\"MMMMMMMMMMMMMMMMMMMMMMM\",\"iccid\":null",
            &[
                ("null_member", "/iccid"),
                ("text_too_long", "/chargePointModel"),
            ],
        ),
        (
            BootNotification,
            BOOT,
            ",\"chargePointModel\":\"M\"",
            "",
            &[],
        ),
        (
            FirmwareStatusNotification,
            r#"{"status":"Installed"}"#,
            "Installed",
            "Done",
            &[("unknown_word", "/status")],
        ),
        (
            DiagnosticsStatusNotification,
            r#"{"status":"Uploaded"}"#,
            "Uploaded",
            "Done",
            &[("unknown_word", "/status")],
        ),
        (
            LogStatusNotification,
            r#"{"status":"Uploaded"}"#,
            "Uploaded",
            "Done",
            &[("unknown_word", "/status")],
        ),
        (Heartbeat, "{}", "{}", "null", &[("empty_payload", "")]),
        (Heartbeat, "{}", "{}", "[]", &[("empty_payload", "")]),
        (Heartbeat, "{}", "{}", "[1]", &[]),
        (Heartbeat, "{}", "{}", "7", &[]),
        (
            GetDiagnostics,
            r#"{"location":"ftp://a"}"#,
            "ftp://a",
            "here and there",
            &[],
        ),
    ]
};

const ODD_ANSWERS: &[OddCase] = {
    use Action::*;
    &[
        (
            Reset,
            r#"{"status":"Accepted"}"#,
            "}",
            ",\"why\":1}",
            &[("unknown_member", "/why")],
        ),
        (Reset, r#"{"status":"Accepted"}"#, "Accepted", "Fine", &[]),
        (
            Reset,
            r#"{"status":"Accepted"}"#,
            r#"{"status":"Accepted"}"#,
            "null",
            &[],
        ),
        (
            GetConfiguration,
            KEYS,
            "false",
            "\"false\"",
            &[("boolean_as_other", "/configurationKey/0/readonly")],
        ),
        (
            GetConfiguration,
            KEYS,
            "false",
            "0",
            &[("boolean_as_other", "/configurationKey/0/readonly")],
        ),
        (
            GetConfiguration,
            KEYS,
            "\"300\"",
            "300",
            &[("text_as_number", "/configurationKey/0/value")],
        ),
        (
            GetConfiguration,
            KEYS,
            "\"300\"",
            "true",
            &[("text_as_boolean", "/configurationKey/0/value")],
        ),
        (
            GetConfiguration,
            KEYS,
            "]",
            "],\"unknownKey\":null",
            &[("null_member", "/unknownKey")],
        ),
        (GetConfiguration, KEYS, "false", "\"no\"", &[]),
        (
            GetLocalListVersion,
            r#"{"listVersion":3}"#,
            "3",
            "\"3\"",
            &[("number_as_text", "/listVersion")],
        ),
        (GetLocalListVersion, r#"{"listVersion":3}"#, "3", "3.5", &[]),
        (
            GetCompositeSchedule,
            SCHEDULE,
            "16.5",
            "\"16.5\"",
            &[(
                "number_as_text",
                "/chargingSchedule/chargingSchedulePeriod/0/limit",
            )],
        ),
        (
            GetCompositeSchedule,
            SCHEDULE,
            "16.5",
            "16.55",
            &[(
                "rate_too_exact",
                "/chargingSchedule/chargingSchedulePeriod/0/limit",
            )],
        ),
        (GetCompositeSchedule, SCHEDULE, "16.5", "\"much\"", &[]),
        (GetCompositeSchedule, SCHEDULE, "\"A\"", "\"kA\"", &[]),
    ]
};

type Verdict = fn(Decoding, Action, &RawValue) -> Result<Vec<Deviation>, CallError>;

#[test]
fn strict_refuses_each_deviation_and_tolerant_takes_what_has_a_name() {
    let mut shown: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
    let requests = ODD_REQUESTS
        .iter()
        .map(|case| (case, Decoding::deviations_of_request as Verdict));
    let answers = ODD_ANSWERS
        .iter()
        .map(|case| (case, Decoding::deviations_of_response as Verdict));
    for ((action, valid, good, odd, names), verdict) in requests.chain(answers) {
        let good_payload = raw(valid);
        for decoding in [Decoding::Strict, Decoding::Tolerant] {
            let deviations = verdict(decoding, *action, &good_payload);
            assert_eq!(deviations.expect(valid), [], "{action} {valid}");
        }
        let payload = raw(&valid.replacen(good, odd, 1));
        assert!(
            verdict(Decoding::Strict, *action, &payload).is_err(),
            "{action} {payload}"
        );
        let taken = verdict(Decoding::Tolerant, *action, &payload);
        match taken {
            Ok(deviations) => {
                assert_eq!(named(&deviations), *names, "{action} {payload}");
                shown.extend(names.iter().map(|(name, _)| *name));
            }
            Err(error) => assert!(names.is_empty(), "{action} {payload}: {error:?}"),
        }
    }
    for row in LENIENCIES {
        assert!(shown.contains(row.name), "no case shows {}", row.name);
    }
}

#[test]
fn what_is_forgiven_is_understood() {
    use crate::v16::{MeterValuesRequest, StartTransactionRequest, StopTransactionRequest};
    let odd = raw(
        r#"{"connectorId":"2","idTag":"ABCDEFGHIJKLMNOPQRST\u0010\u000e","meterStart":"1.0004e3","timestamp":"2024-03-10 15:00:00 +0100","x":{}}"#,
    );
    let read: Decoded<StartTransactionRequest> = Decoding::Tolerant.read(&odd).unwrap();
    let message = read.message;
    assert_eq!((message.connector_id, message.meter_start), (2, 1_000));
    assert_eq!(message.id_tag, "ABCDEFGHIJKLMNOPQRST\u{10}\u{e}");
    assert_eq!(message.timestamp.to_string(), "2024-03-10T14:00:00Z");
    assert_eq!(read.deviations.len(), 6, "{:?}", read.deviations);

    let odd = raw(
        r#"{"transactionId":7,"meterStop":6000.5,"timestamp":"2024-03-10T16:00:00","reason":"Away","transactionData":[{"timestamp":"?","sampledValue":[{"value":"1"}]},{"timestamp":"2024-03-10T15:30:00Z","sampledValue":[{"value":[]},{"value":5.50,"unit":""}]}]}"#,
    );
    let read: Decoded<StopTransactionRequest> = Decoding::Tolerant.read(&odd).unwrap();
    let message = read.message;
    assert_eq!(message.reason.unwrap().as_str(), "Away");
    let values = message.transaction_data.unwrap();
    assert_eq!(values.len(), 1);
    assert_eq!(values[0].sampled_value.len(), 1);
    assert_eq!(values[0].sampled_value[0].value, "5.50");
    assert_eq!(values[0].sampled_value[0].unit, None);
    let unreadable = read
        .deviations
        .iter()
        .find(|d| d.leniency == Leniency::UnreadableSample);
    assert_eq!(unreadable.unwrap().count, 2);

    let nul = raw(
        r#"{"connectorId":1,"meterValue":[{"timestamp":"2024-03-10T15:30:00Z","sampledValue":[{"value":"\u0000"},{"value":"1"}]}]}"#,
    );
    let refused = Decoding::Tolerant
        .decode::<MeterValuesRequest>(&nul)
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::PropertyConstraintViolation);
}

#[test]
fn what_is_refused_has_the_same_code_in_both_decodings() {
    for (action, payload) in [
        (
            Action::StatusNotification,
            r#"{"connectorId":1,"errorCode":"NoError"}"#,
        ),
        (
            Action::StatusNotification,
            r#"{"connectorId":1,"errorCode":"NoError","status":"Dancing"}"#,
        ),
        (
            Action::StatusNotification,
            r#"{"connectorId":"one","errorCode":"NoError","status":"Available"}"#,
        ),
        (
            Action::StatusNotification,
            r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":"\u0000"}"#,
        ),
        (Action::Authorize, r#"{"idTag":"A","idTag":"B"}"#),
        (Action::Authorize, r#"{"idTag":["A"]}"#),
        (Action::Authorize, r#"["A"]"#),
        (
            Action::StartTransaction,
            r#"{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"soon"}"#,
        ),
        (Action::MeterValues, r#"{"connectorId":1,"meterValue":[]}"#),
    ] {
        let raw = raw(payload);
        let strict = Decoding::Strict.check_request(action, &raw);
        let tolerant = Decoding::Tolerant.check_request(action, &raw);
        match (strict, tolerant) {
            (Err(strict), Err(tolerant)) => {
                assert_eq!(strict.code, tolerant.code, "{payload}");
                assert_eq!(
                    strict.details["path"], tolerant.details["path"],
                    "{payload}"
                );
            }
            verdicts => panic!("{payload}: {verdicts:?}"),
        }
    }
}

#[test]
fn dates_beyond_the_calendar_are_no_deviation() {
    let json = r#"{"currentTime":"9999-12-31T23:59:59Z"}"#;
    for decoding in [Decoding::Strict, Decoding::Tolerant] {
        let read: Decoded<HeartbeatResponse> = decoding.read(&raw(json)).unwrap();
        assert_eq!(
            read.message.current_time.to_string(),
            "9999-12-30T22:00:00Z"
        );
        assert_eq!(read.deviations, []);
    }
}

mod work {
    //! A message costs work in proportion to its length, however much of it is odd.

    use std::cell::Cell;

    use serde::Deserialize;

    use super::*;
    use crate::DateTime;

    thread_local! {
        /// Stamps that were decoded.
        static DECODED: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts how often one is decoded.
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Stamp(DateTime);

    impl<'de> Deserialize<'de> for Stamp {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            DECODED.set(DECODED.get() + 1);
            DateTime::deserialize(deserializer).map(Self)
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Stamps {
        timestamp: Vec<Stamp>,
    }

    impl Validate for Stamps {
        fn validate_at(
            &self,
            _: &mut ocpp_kit::validate::ValidationPath,
            _: &mut ocpp_kit::validate::Violations,
        ) {
        }
    }

    fn decoded(decoding: Decoding, stamp: &str, count: usize) -> usize {
        let list = vec![format!("\"{stamp}\""); count].join(",");
        let payload = raw(&format!("{{\"timestamp\":[{list}]}}"));
        DECODED.set(0);
        let _ = decoding.read::<Stamps>(&payload);
        DECODED.get()
    }

    #[test]
    fn no_stamp_is_decoded_more_than_twice_however_many_are_odd() {
        for (decoding, stamp) in [
            (Decoding::Strict, "9999-12-31T23:59:59Z"),
            (Decoding::Strict, "2024-03-10T15:00:00"),
            (Decoding::Tolerant, "9999-12-31T23:59:59Z"),
            (Decoding::Tolerant, "2024-03-10T15:00:00"),
            (Decoding::Tolerant, "soon"),
        ] {
            for count in [1, 10, 100, 1_000, 10_000] {
                let decoded = decoded(decoding, stamp, count);
                assert!(
                    decoded <= 2 * count,
                    "{decoding:?} {stamp}: {decoded} for {count}"
                );
            }
        }
    }
}

mod anything {
    //! Payloads that are made of valid ones and odd values: whatever comes of them, the decodings agree where they must.

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A valid payload with the values at some of its places exchanged.
    fn payload() -> impl Strategy<Value = (Action, bool, String)> {
        let seeds = ODD_REQUESTS
            .iter()
            .map(|case| (case.0, false, case.1))
            .chain(ODD_ANSWERS.iter().map(|case| (case.0, true, case.1)));
        let seeds: Vec<(Action, bool, &str)> = seeds.collect();
        let change = (any::<prop::sample::Index>(), value());
        let changes = prop::collection::vec(change, 0..5);
        (prop::sample::select(seeds), changes).prop_map(|((action, is_answer, seed), changes)| {
            let mut root: Value = serde_json::from_str(seed).expect("a seed is JSON");
            for (place, value) in changes {
                let mut pointers = Vec::new();
                pointers_below(&root, String::new(), &mut pointers);
                let pointer = &pointers[place.index(pointers.len())];
                *root.pointer_mut(pointer).expect("a place of its own") = value;
            }
            (action, is_answer, root.to_string())
        })
    }

    fn pointers_below(value: &Value, pointer: String, all: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    pointers_below(member, format!("{pointer}/{name}"), all);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    pointers_below(item, format!("{pointer}/{index}"), all);
                }
            }
            _ => {}
        }
        all.push(pointer);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from),
            "[0-9]{4}-[0-9]{1,2}-[0-9]{2}[T ]?[0-9:.,]{0,9}[Z+-]?[0-9:]{0,5}".prop_map(Value::from),
            prop::sample::select(vec!["Wh", "Local", "NoError", "Accepted", "", "\u{0}"])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let names = prop::sample::select(vec![
                "value",
                "timestamp",
                "sampledValue",
                "x",
                "unit",
                "/~",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..4).prop_map(|members| {
                    let members = members
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value));
                    Value::Object(members.collect())
                }),
            ]
        })
    }

    /// What a second reading says of a payload that a first one took.
    struct Again<'p>(&'p RawValue);

    impl Look for Again<'_> {
        type Out = Option<(Value, Value, Vec<Deviation>)>;

        fn look<T: DeserializeOwned + Serialize + Validate>(
            self,
        ) -> Result<Self::Out, DecodeError> {
            let Ok(first) = exactly::<T>(self.0) else {
                return Ok(None);
            };
            let (again, notes) = second_reading::<T>(self.0.get(), Mode::Tolerant)?;
            let json = |message: &T| serde_json::to_value(message).map_err(unreadable);
            Ok(Some((json(&first)?, json(&again)?, notes.deviations)))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_strict_takes_tolerant_takes_alike_and_nothing_panics((action, is_answer, payload) in payload()) {
            let raw = raw(&payload);
            let verdict: Verdict = if is_answer {
                Decoding::deviations_of_response
            } else {
                Decoding::deviations_of_request
            };
            let strict = verdict(Decoding::Strict, action, &raw);
            let tolerant = verdict(Decoding::Tolerant, action, &raw);
            match (&strict, &tolerant) {
                (Ok(none), Ok(none_either)) => prop_assert!(none.is_empty() && none_either.is_empty()),
                (Ok(_), Err(error)) => prop_assert!(false, "{error:?}"),
                (Err(_), Ok(some)) => prop_assert!(!some.is_empty()),
                (Err(_), Err(_)) => {}
            }
            let again = if is_answer {
                by_action::response(action, Again(&raw))
            } else {
                by_action::request(action, Again(&raw))
            };
            if let Some((first, again, deviations)) = again.expect("what was taken once is taken twice") {
                prop_assert_eq!(first, again);
                prop_assert_eq!(deviations, vec![]);
            }
        }
    }
}
