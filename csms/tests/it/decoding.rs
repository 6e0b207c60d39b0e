//! What charge points write otherwise than the standard says: a bill is not lost for a formality, and what was
//! forgiven is there to read. In both decodings where that makes a difference.

use std::collections::BTreeSet;

use dynamo_csms::store::{ChargePointSetting, TagSetting};
use dynamo_protocol::decode::Decoding;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::databases::rigs;
use crate::support::{ChargePoint, KEY, Log, Rig, rig_with};

async fn rig(decoding: Decoding) -> Rig {
    rig_with(|options| options.decoding = decoding).await
}

/// A CALL whose payload is JSON text; the answer, or the code of the CALLERROR.
async fn say(cp: &mut ChargePoint, action: &str, payload: &str) -> Result<Value, String> {
    cp.send(&format!(r#"[2,"odd","{action}",{payload}]"#)).await;
    let frame = cp.next_frame().await.expect("an answer");
    assert_eq!(frame[1], "odd", "{frame}");
    match frame[0].as_i64() {
        Some(3) => Ok(frame[2].clone()),
        _ => Err(frame[2].as_str().unwrap().to_owned()),
    }
}

async fn deviations(rig: &Rig, id: &str) -> Vec<Value> {
    let path = format!("/api/v1/ocpp16/charge_points/{id}/deviations");
    let (status, body) = rig.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["deviations"].as_array().unwrap().clone()
}

/// `message name` of everything that was forgiven.
async fn forgiven(rig: &Rig, id: &str) -> BTreeSet<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let all = deviations(rig, id).await;
    all.iter()
        .map(|d| format!("{} {}", word(&d["message"]), word(&d["name"])))
        .collect()
}

fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

/// How a stop is odd: its members beside the number of its transaction, and the names of what is forgiven.
const ODD_STOPS: &[(&str, &[&str])] = &[
    // An id tag of 21 characters, and one with two control characters behind it.
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":"TTTTTTTTTTTTTTTTTTTTT""#,
        &["text_too_long"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":"ABCDEFGHIJKLMNOPQRST\u0010\u000e""#,
        &["text_too_long"],
    ),
    (
        r#""meterStop":6000.0,"timestamp":"NOW""#,
        &["integer_as_decimal"],
    ),
    (
        r#""meterStop":6000.4,"timestamp":"NOW""#,
        &["reading_rounded"],
    ),
    (
        r#""meterStop":6e3,"timestamp":"NOW""#,
        &["integer_as_decimal"],
    ),
    (
        r#""meterStop":"6000","timestamp":"NOW""#,
        &["number_as_text"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","connectorId":1"#,
        &["unknown_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","disconnectReason":"EVDisconnected""#,
        &["unknown_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","reason":null"#,
        &["null_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":null"#,
        &["null_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","transactionData":null"#,
        &["null_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","reason":"""#,
        &["empty_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","reason":"EVSideDisconnected""#,
        &["unknown_word"],
    ),
    (
        r#""meterStop":6000,"timestamp":"BARE""#,
        &["time_without_offset"],
    ),
    (
        r#""meterStop":6000,"timestamp":"BARE.377""#,
        &["time_without_offset"],
    ),
    (
        r#""meterStop":6000,"timestamp":"BARE+00""#,
        &["time_short_offset"],
    ),
    (
        r#""meterStop":6000,"timestamp":"BARE+0000""#,
        &["time_short_offset"],
    ),
    (
        r#""meterStop":6000,"timestamp":"SPACED""#,
        &["time_with_blank"],
    ),
    (
        r#""meterStop":6000,"timestamp":"BARE.Z""#,
        &["time_odd_fraction"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","transactionData":[{"timestamp":"NOW","sampledValue":[{"value":{}},{"value":5900}]}]"#,
        &["unreadable_sample", "text_as_number"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","transactionData":[{"timestamp":"soon","sampledValue":[{"value":"1"}]}]"#,
        &["unreadable_sample"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","transactionData":{"timestamp":"NOW","sampledValue":[{"value":"5900"}]}"#,
        &["single_for_list"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","reason":5"#,
        &["unreadable_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":{}"#,
        &["unreadable_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":"TAG\u0000""#,
        &["unreadable_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","idTag":"TAG\ud800""#,
        &["unreadable_member"],
    ),
    (
        r#""meterStop":6000,"timestamp":"NOW","transactionData":"none""#,
        &["unreadable_member"],
    ),
    (
        r#""meterStop":5999,"timestamp":"NOW","meterStop":6000"#,
        &["doubled_member"],
    ),
];

/// Fills in the time of the end.
fn at(payload: &str) -> String {
    payload
        .replace("NOW", "2026-01-01T01:00:00Z")
        .replace("BARE", "2026-01-01T01:00:00")
        .replace("SPACED", "2026-01-01 01:00:00Z")
}

#[tokio::test]
async fn a_stop_counts_whatever_its_form() {
    let rig = rig(Decoding::Tolerant).await;
    for (number, (odd, names)) in ODD_STOPS.iter().enumerate() {
        let id = format!("CP-{number}");
        let mut cp = rig.connect(&id).await;
        let started = cp.start(1, "TAG", "2026-01-01T00:00:00Z", 1_000).await;
        let transaction = &started["transactionId"];
        let payload = at(&format!(r#"{{"transactionId":{transaction},{odd}}}"#));
        say(&mut cp, "StopTransaction", &payload).await.expect(odd);
        let listed = &rig.transactions(&id).await[0];
        assert_eq!(listed["energy_wh"], 5_000, "{odd}");
        assert_eq!(listed["status"], "stopped", "{odd}");
        let names: BTreeSet<&str> = names.iter().copied().collect();
        let irregular = words(&listed["irregularities"]);
        assert!(irregular.is_superset(&names), "{odd}: {irregular:?}");
        let expected = names
            .iter()
            .map(|name| format!("StopTransaction.req {name}"));
        assert_eq!(forgiven(&rig, &id).await, expected.collect(), "{odd}");
    }
}

#[tokio::test]
async fn a_strict_server_refuses_each_odd_stop_and_counts_nothing() {
    let rig = rig(Decoding::Strict).await;
    let mut cp = rig.connect("CP-1").await;
    let started = cp.start(1, "TAG", "2026-01-01T00:00:00Z", 1_000).await;
    let transaction = &started["transactionId"];
    for (odd, _) in ODD_STOPS {
        let payload = at(&format!(r#"{{"transactionId":{transaction},{odd}}}"#));
        say(&mut cp, "StopTransaction", &payload)
            .await
            .expect_err(odd);
    }
    assert_eq!(rig.transactions("CP-1").await[0]["status"], "open");
    assert!(deviations(&rig, "CP-1").await.is_empty());
}

#[tokio::test]
async fn a_stop_that_cannot_be_read_is_refused_and_kept_and_its_transaction_says_so() {
    for rig in rigs().await {
        let mut cp = rig.connect("CP-1").await;
        let started = cp.start(1, "TAG", "2026-01-01T00:00:00Z", 1_000).await;
        let transaction = &started["transactionId"];
        for rest in [
            r#""meterStop":{},"timestamp":"2026-01-01T01:00:00Z","idTag":"A\u0000""#,
            r#""meterStop":6000,"timestamp":"soon""#,
        ] {
            let payload = format!(r#"{{"transactionId":{transaction},{rest}}}"#);
            // Told again, it is kept once.
            for _ in 0..2 {
                let said = say(&mut cp, "StopTransaction", &payload).await;
                said.expect_err(rest);
            }
        }
        // Of nobody, and of what has no number.
        for id in ["4711", "{}", "3000000000"] {
            let payload = format!(r#"{{"transactionId":{id},"meterStop":null,"timestamp":"x"}}"#);
            let said = say(&mut cp, "StopTransaction", &payload).await;
            said.expect_err(id);
        }
        cp.status(1, "Available", None).await;
        let listed = &rig.transactions("CP-1").await[0];
        assert_eq!(listed["status"], "abandoned");
        assert_eq!(listed["irregularities"], json!(["stop_unreadable"]));
        let path = "/api/v1/ocpp16/charge_points/CP-1/orphan_stops";
        let (_, body) = rig.get(path).await;
        assert_eq!(body["total"], 3, "{body}");
        let kept = body["orphan_stops"].as_array().unwrap();
        assert!(kept.iter().all(|stop| stop["cause"] == "unreadable"));
        let of_it = kept
            .iter()
            .filter(|stop| stop["transaction_id"] == *transaction);
        let meters: Vec<&Value> = of_it.map(|stop| &stop["meter_stop"]).collect();
        assert_eq!(meters, [0, 6_000]);
        let stopped = cp.stop(transaction, "2026-01-01T01:00:00Z", 6_000).await;
        assert_eq!(stopped, json!({}));
        assert_eq!(rig.transactions("CP-1").await[0]["energy_wh"], 5_000);
    }
}

#[tokio::test]
async fn a_session_told_without_offsets_is_whole() {
    let rig = rig(Decoding::Tolerant).await;
    for (id, end) in [
        ("CP-1", ""),
        ("CP-2", ".377"),
        ("CP-3", "+00"),
        ("CP-4", "+0000"),
    ] {
        let mut cp = rig.connect(id).await;
        let start = format!(
            r#"{{"connectorId":1,"idTag":"TAG","meterStart":1000,"reservationId":0,"timestamp":"2026-01-01T00:00:00{end}"}}"#
        );
        let started = say(&mut cp, "StartTransaction", &start).await.unwrap();
        assert_eq!(started["idTagInfo"]["status"], "Accepted");
        let transaction = &started["transactionId"];
        let meter = format!(
            r#"{{"connectorId":1,"transactionId":{transaction},"meterValue":[{{"timestamp":"2026-01-01T00:30:00{end}","sampledValue":[{{"value":"3000"}}]}}]}}"#
        );
        say(&mut cp, "MeterValues", &meter).await.unwrap();
        let open = format!("/api/v1/ocpp16/active_transactions/{id}");
        let (_, open) = rig.get(&open).await;
        assert_eq!(open["active_transactions"][0]["energy_delivered_wh"], 2_000);
        let stop = format!(
            r#"{{"transactionId":{transaction},"meterStop":6000,"timestamp":"2026-01-01T01:00:00{end}"}}"#
        );
        say(&mut cp, "StopTransaction", &stop).await.unwrap();
        let listed = &rig.transactions(id).await[0];
        assert_eq!(listed["energy_wh"], 5_000, "{end}");
        assert!(
            listed["start_time"]
                .as_str()
                .unwrap()
                .starts_with("2026-01-01T00:00:00")
        );
        assert_eq!(forgiven(&rig, id).await.len(), 3, "one for each message");
        let names = words(&listed["irregularities"]);
        let of_times = names.iter().filter(|name| name.starts_with("time_"));
        assert_eq!(of_times.count(), 1, "{names:?}");
    }
}

#[tokio::test]
async fn readings_are_understood_as_far_as_they_can_be() {
    let rig = rig(Decoding::Tolerant).await;
    for (number, (samples, energy_wh)) in [
        (
            r#"{"value":3000,"measurand":"Energy.Active.Import.Register","unit":"Wh"}"#,
            2_000,
        ),
        (r#"{"value":3.5,"unit":"kWh"}"#, 2_500),
        (r#"{"value":null},{"value":"3000"}"#, 2_000),
        (r#"7,{"value":"3000","context":"Now"}"#, 2_000),
        (
            r#"{"value":"3000","location":"","phase":"","format":"","context":""}"#,
            2_000,
        ),
        // A unit nobody knows is no Wh, and a measurand that says nothing is no register.
        (r#"{"value":"3","unit":"MWh"},{"value":"2000"}"#, 1_000),
        (r#"{"value":"16","measurand":""},{"value":"2000"}"#, 1_000),
        (
            r#"{"value":"16","measurand":"Amperes"},{"value":"2000","x":[{}]}"#,
            1_000,
        ),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("CP-{number}");
        let mut cp = rig.connect(&id).await;
        let started = cp.start(1, "TAG", "2026-01-01T00:00:00Z", 1_000).await;
        let payload = format!(
            r#"{{"connectorId":1,"transactionId":{},"meterValue":[{{"timestamp":"2026-01-01T00:30:00Z","sampledValue":[{samples}]}}]}}"#,
            started["transactionId"]
        );
        say(&mut cp, "MeterValues", &payload).await.expect(samples);
        let (_, open) = rig
            .get(&format!("/api/v1/ocpp16/active_transactions/{id}"))
            .await;
        let delivered = &open["active_transactions"][0]["energy_delivered_wh"];
        assert_eq!(delivered, energy_wh, "{samples}");
        let listed = &rig.transactions(&id).await[0];
        assert!(!words(&listed["irregularities"]).is_empty(), "{samples}");
    }
}

/// What each kind of message may write, and the names of what is forgiven.
const ODD_MESSAGES: &[(&str, &str, &[&str])] = &[
    (
        "BootNotification",
        r#"{"chargePointVendor":"V","chargePointModel":"M","chargePointSerialNumber":"SSSSSSSSSSSSSSSSSSSSSSSSSS"}"#,
        &["text_too_long"],
    ),
    (
        "BootNotification",
        r#"{"chargePointVendor":"V","chargePointModel":"M","chargeBoxSerialNumber":"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"}"#,
        &["text_too_long"],
    ),
    (
        "BootNotification",
        r#"{"chargePointVendor":"V","chargePointModel":"MMMMMMMMMMMMMMMMMMMMMMM"}"#,
        &["text_too_long"],
    ),
    (
        "BootNotification",
        r#"{"chargePointVendor":"V","chargePointModel":"M","firmwareVersion":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"}"#,
        &["text_too_long"],
    ),
    (
        "BootNotification",
        r#"{"chargePointVendor":"V","chargePointModel":"M","iccid":null,"imsi":12345,"extra":{}}"#,
        &["null_member", "text_as_number", "unknown_member"],
    ),
    (
        "Authorize",
        r#"{"idTag":"TAG","reader":2}"#,
        &["unknown_member"],
    ),
    ("Authorize", r#"{"idTag":4711}"#, &["text_as_number"]),
    ("Heartbeat", "null", &["empty_payload"]),
    ("Heartbeat", r#"{"uptime":7}"#, &["unknown_member"]),
    (
        "StatusNotification",
        r#"{"connectorId":"1","errorCode":"NoError","status":"Available"}"#,
        &["number_as_text"],
    ),
    (
        "StatusNotification",
        r#"{"connectorId":1.0,"errorCode":"CableCut","status":"Faulted"}"#,
        &["integer_as_decimal", "unknown_word"],
    ),
    (
        "StatusNotification",
        r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":null,"vendorErrorCode":17,"timestamp":""}"#,
        &["null_member", "text_as_number", "empty_member"],
    ),
    (
        "StatusNotification",
        r#"{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"2026-01-01T00:00"}"#,
        &["time_short_form", "time_without_offset"],
    ),
    (
        "StatusNotification",
        r#"{"connectorId":1,"errorCode":"NoError","status":"Available","info":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
        &["text_too_long"],
    ),
    (
        "MeterValues",
        r#"{"connectorId":1,"transactionId":null,"meterValue":{"timestamp":"2026-01-01","sampledValue":{"value":"1"}}}"#,
        &["null_member", "single_for_list", "time_date_only"],
    ),
    (
        "FirmwareStatusNotification",
        r#"{"status":"Rebooting"}"#,
        &["unknown_word"],
    ),
    (
        "DiagnosticsStatusNotification",
        r#"{"status":"Uploaded","file":"x"}"#,
        &["unknown_member"],
    ),
    (
        "LogStatusNotification",
        r#"{"status":"Uploaded","requestId":"1"}"#,
        &["number_as_text"],
    ),
    (
        "SignedFirmwareStatusNotification",
        r#"{"status":"Installed","requestId":null}"#,
        &["null_member"],
    ),
    (
        "SecurityEventNotification",
        r#"{"type":"SettingSystemTime","timestamp":"2026-01-01 00:00:00"}"#,
        &["time_with_blank", "time_without_offset"],
    ),
    (
        "DataTransfer",
        r#"{"vendorId":"nobody","data":5}"#,
        &["text_as_number"],
    ),
];

#[tokio::test]
async fn every_message_that_states_a_fact_may_be_odd() {
    let tolerant = rig(Decoding::Tolerant).await;
    let strict = rig(Decoding::Strict).await;
    let mut refusing = strict.connect("CP-1").await;
    for (number, (action, payload, names)) in ODD_MESSAGES.iter().enumerate() {
        let id = format!("CP-{number}");
        let mut cp = tolerant.connect(&id).await;
        say(&mut cp, action, payload).await.expect(payload);
        let expected = names.iter().map(|name| format!("{action}.req {name}"));
        assert_eq!(
            forgiven(&tolerant, &id).await,
            expected.collect(),
            "{payload}"
        );
        say(&mut refusing, action, payload)
            .await
            .expect_err(payload);
    }
    // What only the log or a list shows, and no decision hangs on, is kept as it was written.
    let (_, status) = tolerant
        .get("/api/v1/ocpp16/charge_points/status?per_page=200")
        .await;
    let text = status.to_string();
    assert!(
        text.contains("CableCut") && text.contains(&"x".repeat(51)),
        "{text}"
    );
    assert!(deviations(&strict, "CP-1").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_in_both_decodings() {
    for decoding in [Decoding::Tolerant, Decoding::Strict] {
        let rig = rig(decoding).await;
        let mut cp = rig.connect("CP-1").await;
        for (action, payload, code) in [
            ("Authorize", r#"{}"#, "OccurenceConstraintViolation"),
            ("Authorize", r#"{"idTag":null}"#, "TypeConstraintViolation"),
            (
                "Authorize",
                r#"{"idTag":"A\u0000"}"#,
                "PropertyConstraintViolation",
            ),
            (
                "Authorize",
                r#"{"idTag":{"idToken":"A"}}"#,
                "TypeConstraintViolation",
            ),
            (
                "StatusNotification",
                r#"{"connectorId":1,"errorCode":"NoError"}"#,
                "OccurenceConstraintViolation",
            ),
            (
                "StatusNotification",
                r#"{"connectorId":1,"errorCode":"NoError","status":"available"}"#,
                "PropertyConstraintViolation",
            ),
            (
                "StatusNotification",
                r#"{"connectorId":"one","errorCode":"NoError","status":"Available"}"#,
                "TypeConstraintViolation",
            ),
            (
                "StartTransaction",
                r#"{"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"soon"}"#,
                "PropertyConstraintViolation",
            ),
            (
                "StartTransaction",
                r#"{"connectorId":1.5,"idTag":"TAG","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}"#,
                "TypeConstraintViolation",
            ),
            (
                "MeterValues",
                r#"{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":{}}]}]}"#,
                "TypeConstraintViolation",
            ),
        ] {
            let refused = say(&mut cp, action, payload).await.expect_err(payload);
            assert_eq!(refused, code, "{decoding:?} {payload}");
        }
        assert!(rig.transactions("CP-1").await.is_empty());
        assert!(deviations(&rig, "CP-1").await.is_empty());
    }
}

#[tokio::test]
async fn an_over_long_tag_is_kept_whole_and_good_only_where_it_was_registered_so() {
    for rig in rigs().await {
        over_long_tags(&rig).await;
    }
}

async fn over_long_tags(rig: &Rig) {
    let long = format!("TAG{}", "9".repeat(40));
    let start = |tag: &str, at: &str| {
        format!(r#"{{"connectorId":1,"idTag":"{tag}","meterStart":0,"timestamp":"{at}"}}"#)
    };
    let mut cp = rig.connect("CP-1").await;
    // The first 20 characters are a good tag: that is somebody else's.
    rig.set_tag(TagSetting::accepted(&long[..20])).await;
    let payload = start(&long, "2026-01-01T00:00:00Z");
    let answer = say(&mut cp, "StartTransaction", &payload).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Invalid");
    assert_eq!(rig.transactions("CP-1").await[0]["id_tag"], long);
    rig.set_tag(TagSetting::accepted(&long)).await;
    let payload = start(&long.to_lowercase(), "2026-01-01T01:00:00Z");
    let answer = say(&mut cp, "StartTransaction", &payload).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    let authorize = format!(r#"{{"idTag":"{long}"}}"#);
    let answer = say(&mut cp, "Authorize", &authorize).await.unwrap();
    assert_eq!(answer["idTagInfo"]["status"], "Accepted");
    // Longer than any index takes.
    let longest = "L".repeat(100_000);
    let payload = start(&longest, "2026-01-01T02:00:00Z");
    let first = say(&mut cp, "StartTransaction", &payload).await.unwrap();
    assert_eq!(first["idTagInfo"]["status"], "Invalid");
    let again = say(&mut cp, "StartTransaction", &payload).await.unwrap();
    assert_eq!(first["transactionId"], again["transactionId"]);
    let other = start(&format!("{longest}M"), "2026-01-01T02:00:00Z");
    let other = say(&mut cp, "StartTransaction", &other).await.unwrap();
    assert_ne!(first["transactionId"], other["transactionId"]);
    let listed = rig.transactions("CP-1").await;
    assert_eq!(listed[2]["id_tag"], longest);
    assert!(words(&listed[2]["irregularities"]).contains("text_too_long"));
    // The name of a member may have any character.
    let nul = r#"{"idTag":"TAG","\u0000":1,"x":"\u0000"}"#;
    say(&mut cp, "Authorize", nul).await.unwrap();
    let expected = [
        "Authorize.req text_too_long",
        "Authorize.req unknown_member",
        "StartTransaction.req text_too_long",
    ];
    let expected = expected.map(str::to_owned).into_iter().collect();
    assert_eq!(forgiven(rig, "CP-1").await, expected);
}

#[tokio::test]
async fn one_charge_point_can_be_read_otherwise_within_a_second() {
    let rig = rig(Decoding::Tolerant).await;
    let mut cp = rig.connect("CP-1").await;
    let odd = r#"{"connectorId":1,"errorCode":"NoError","status":"Available","mood":1}"#;
    say(&mut cp, "StatusNotification", odd).await.unwrap();
    let set = |decoding| ChargePointSetting {
        id: "CP-1".to_owned(),
        decoding: Some(decoding),
        ..ChargePointSetting::default()
    };
    for (decoding, is_taken) in [(Decoding::Strict, false), (Decoding::Tolerant, true)] {
        rig.set_charge_point(set(decoding)).await;
        let begun = std::time::Instant::now();
        while say(&mut cp, "StatusNotification", odd).await.is_ok() != is_taken {
            assert!(begun.elapsed().as_millis() < 1_000, "{decoding:?}");
        }
        let path = "/api/v1/ocpp16/charge_points/CP-1/deviations";
        let (_, body) = rig.get(path).await;
        assert_eq!(body["decoding"], decoding.as_str());
    }
    // Its own decoding is there from the handshake on.
    rig.set_charge_point(set(Decoding::Strict)).await;
    let mut again = rig.connect("CP-1").await;
    assert!(say(&mut again, "StatusNotification", odd).await.is_err());
    let mut other = rig.connect("CP-2").await;
    say(&mut other, "StatusNotification", odd).await.unwrap();
}

/// Sends ClearCache or another command and answers with this text.
async fn commanded(
    rig: &Rig,
    cp: &mut ChargePoint,
    command: &str,
    answer: &str,
) -> (StatusCode, Value) {
    let sent = rig.command("CP-1", command, json!({}));
    let answered = async {
        let (id, ..) = cp.next_call().await;
        cp.send(&format!("[3,{id},{answer}]")).await;
    };
    tokio::join!(sent, answered).0
}

#[tokio::test]
async fn answers_to_commands_are_used_as_far_as_they_can_be_understood() {
    let tolerant = rig(Decoding::Tolerant).await;
    let strict = rig(Decoding::Strict).await;
    let mut cp = tolerant.connect("CP-1").await;
    let mut refused = strict.connect("CP-1").await;
    let odd = r#"{"status":"Accepted","took":"3s"}"#;
    let keys = r#"{"configurationKey":[{"key":"HeartbeatInterval","readonly":"false","value":300}],"unknownKey":null}"#;
    for (command, answer, status) in [
        ("ClearCache", odd, "Accepted"),
        ("GetConfiguration", keys, "Accepted"),
        ("GetLocalListVersion", r#"{"listVersion":"3"}"#, "Accepted"),
    ] {
        let (code, body) = commanded(&tolerant, &mut cp, command, answer).await;
        assert_eq!(
            (code, &body["status"]),
            (StatusCode::OK, &json!(status)),
            "{body}"
        );
        let (code, body) = commanded(&strict, &mut refused, command, answer).await;
        assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(body["status"], "InvalidResponse");
    }
    let (_, body) = commanded(&tolerant, &mut cp, "GetConfiguration", keys).await;
    let key = json!({"key": "HeartbeatInterval", "readonly": false, "value": "300"});
    assert_eq!(body["response"]["configurationKey"][0], key);
    for unreadable in [
        r#"{"status":"Perhaps"}"#,
        "{}",
        "null",
        "7",
        r#"{"status":["Accepted"]}"#,
    ] {
        let (code, body) = commanded(&tolerant, &mut cp, "ClearCache", unreadable).await;
        assert_eq!(
            code,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{unreadable} {body}"
        );
        assert_eq!(body["status"], "InvalidResponse");
    }
    let expected = [
        "ClearCache.conf unknown_member",
        "GetConfiguration.conf boolean_as_other",
        "GetConfiguration.conf null_member",
        "GetConfiguration.conf text_as_number",
        "GetLocalListVersion.conf number_as_text",
    ];
    let expected = expected.map(str::to_owned).into_iter().collect();
    assert_eq!(forgiven(&tolerant, "CP-1").await, expected);
}

#[tokio::test]
async fn deviations_are_counted_logged_and_listed_and_do_not_pile_up() {
    let (log, _listening) = Log::listen();
    let rig = rig(Decoding::Tolerant).await;
    let mut cp = rig.connect("CP-ODD").await;
    for number in 0..50 {
        let payload = format!(
            r#"{{"connectorId":1,"errorCode":"NoError","status":"Available","info":null,"n":{number}}}"#
        );
        say(&mut cp, "StatusNotification", &payload).await.unwrap();
    }
    let all = deviations(&rig, "CP-ODD").await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[1]["name"], "unknown_member");
    assert_eq!(all[1]["messages"], 50);
    assert_eq!(
        (&all[1]["pointer"], &all[1]["example"]),
        (&json!("/n"), &json!("49"))
    );
    assert!(all[1]["takes"].as_str().unwrap().contains("member"));
    assert!(all[1]["first_seen_at"].as_str() <= all[1]["last_seen_at"].as_str());
    let metrics = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = r#"dynamo_csms_deviations_total{deviation="unknown_member"} 50"#;
    assert!(metrics.contains(line), "{metrics}");
    // 1, 2, 4, 8, 16 and 32, of each of the two.
    let lines = log.lines("CP-ODD");
    let told = lines
        .iter()
        .filter(|line| line.contains("not as the standard says"));
    assert_eq!(told.count(), 12, "{lines:#?}");
    let path = "/api/v1/ocpp16/charge_points/NOBODY/deviations";
    assert_eq!(rig.get(path).await.0, StatusCode::NOT_FOUND);
    let stranger = crate::support::new_key(&rig, "org_other", &["read:charge_points"]).await;
    let path = "/api/v1/ocpp16/charge_points/CP-ODD/deviations";
    for (key, status) in [
        (KEY, StatusCode::OK),
        (stranger.as_str(), StatusCode::NOT_FOUND),
    ] {
        let answer = rig.request(reqwest::Method::GET, path, None, key).await;
        assert_eq!(answer.0, status);
    }
}
