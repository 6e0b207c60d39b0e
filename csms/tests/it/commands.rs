use std::time::{Duration, Instant};

use dynamo_csms::domain::command::{
    CallFailure, Command, Message, ResetTime, Setting, Status, Target,
};
use dynamo_csms::store::{ChargePointSetting, Registration};
use dynamo_protocol::ChargePointId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{KEY, PATIENCE, Rig, rig, rig_with};

#[tokio::test]
async fn an_answered_command_has_status_response_and_times() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let command = rig.command(
        "CP-1",
        "GetConfiguration",
        json!({"key": ["HeartbeatInterval"]}),
    );
    let answer = async {
        let (id, action, payload) = cp.next_call().await;
        assert_eq!(action, "GetConfiguration");
        assert_eq!(payload, json!({"key": ["HeartbeatInterval"]}));
        let key = json!({"key": "HeartbeatInterval", "readonly": false, "value": "30"});
        cp.answer(&id, json!({"configurationKey": [key], "unknownKey": []}))
            .await;
    };
    let ((status, body), ()) = tokio::join!(command, answer);
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["charge_point_id"], "CP-1");
    assert_eq!(body["command"], "GetConfiguration");
    assert_eq!(body["status"], "Accepted");
    assert_eq!(body["response"]["configurationKey"][0]["value"], "30");
    assert!(body["sent_at"].as_str().unwrap().ends_with('Z'));
    assert!(body["response_time_ms"].is_u64());
}

/// The status is the answer's, whatever it is; a CALLERROR gives its code.
#[tokio::test]
async fn refusals_of_the_charge_point_are_answers_too() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let command = rig.command("CP-1", "Reset", json!({"type": "Hard"}));
    let answer = async {
        let (id, ..) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Rejected"})).await;
    };
    let ((status, body), ()) = tokio::join!(command, answer);
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::OK, &json!("Rejected"))
    );
    let command = rig.command("CP-1", "GetLocalListVersion", json!({}));
    let answer = async {
        let (id, ..) = cp.next_call().await;
        cp.send(&json!([4, id, "NotSupported", "no lists", {}]).to_string())
            .await;
    };
    let ((status, body), ()) = tokio::join!(command, answer);
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::OK, &json!("NotSupported"))
    );
    assert_eq!(body["response"]["error_description"], "no lists");
}

#[tokio::test]
async fn a_neutral_command_is_said_and_understood_in_the_version_of_the_connection() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = ChargePointId::new("CP-1").unwrap();
    let reset = Command::Reset {
        when: ResetTime::OnIdle,
        evse: None,
    };
    let trigger = Command::Trigger {
        message: Message::LogStatus,
        target: Target::Station,
    };
    let set = Command::Set {
        setting: Setting::of_station("TxCtrlr", "EVConnectionTimeOut"),
        value: "60".to_owned(),
    };
    for (command, action, payload, word, status) in [
        (
            reset,
            "Reset",
            json!({"type": "Soft"}),
            "Rejected",
            Status::Rejected,
        ),
        (
            trigger,
            "ExtendedTriggerMessage",
            json!({"requestedMessage": "LogStatusNotification"}),
            "NotImplemented",
            Status::NotSupported,
        ),
        (
            set,
            "ChangeConfiguration",
            json!({"key": "ConnectionTimeOut", "value": "60"}),
            "RebootRequired",
            Status::RebootRequired,
        ),
    ] {
        let exchange = async {
            let (call, said, carried) = cp.next_call().await;
            assert_eq!((said.as_str(), carried), (action, payload));
            cp.answer(&call, json!({"status": word})).await;
        };
        let (answer, ()) = tokio::join!(rig.csms.send(&id, &command), exchange);
        let answer = answer.unwrap().unwrap();
        assert_eq!((answer.status, answer.said()), (status, word));
    }
    // What this version has no words for does not reach the charge point.
    let of_one_evse = Command::Reset {
        when: ResetTime::OnIdle,
        evse: Some(1),
    };
    let failure = rig.csms.send(&id, &of_one_evse).await.unwrap().unwrap_err();
    assert!(matches!(failure, CallFailure::NotSayable(_)) && !failure.was_sent());
    cp.boot().await;
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_is_said_to() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let command = rig.command("CP-1", "ClearCache", json!({}));
    let answer = async {
        let (id, ..) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Perhaps"})).await;
    };
    let ((status, body), ()) = tokio::join!(command, answer);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["code"], "ocpp_rejected");
    assert_eq!(body["status"], "InvalidResponse");
}

#[tokio::test]
async fn a_silent_charge_point_hangs_nobody() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(100)).await;
    let mut cp = rig.connect("CP-1").await;
    let begun = Instant::now();
    let (status, body) = rig.command("CP-1", "ClearCache", json!({})).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(body["code"], "timeout");
    let (late, ..) = cp.next_call().await;
    // The late answer is nobody's, and the line goes on.
    cp.answer(&late, json!({"status": "Accepted"})).await;
    cp.boot().await;
}

#[tokio::test]
async fn a_command_whose_caller_has_gone_is_not_sent() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = ChargePointId::new("CP-1").unwrap();
    let call = |action| rig.csms.sessions().call_raw(&id, action, "{}".to_owned());
    let exchange = async {
        let (open, ..) = cp.next_call().await;
        // This one waits for its turn, and its caller does not wait for it.
        let mut gone = Box::pin(call("GetLocalListVersion"));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        cp.answer(&open, json!({"status": "Accepted"})).await;
    };
    let (first, ()) = tokio::join!(call("ClearCache"), exchange);
    first.unwrap();
    let answer = async {
        let (open, action, _) = cp.next_call().await;
        assert_eq!(action, "GetConfiguration");
        cp.answer(&open, json!({})).await;
    };
    let (second, ()) = tokio::join!(call("GetConfiguration"), answer);
    second.unwrap();
}

#[tokio::test]
async fn commands_are_sent_one_at_a_time_and_too_many_are_busy() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(300)).await;
    let _silent = rig.connect("CP-1").await;
    let commands = (0..20).map(|_| rig.command("CP-1", "ClearCache", json!({})));
    let answers = futures_util::future::join_all(commands).await;
    let busy = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::TOO_MANY_REQUESTS);
    let timed_out = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::REQUEST_TIMEOUT);
    assert!(busy.count() > 0);
    assert!(timed_out.count() > 0);
}

#[tokio::test]
async fn who_cannot_be_sent_a_command_is_told_why() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "OFFLINE".into(),
        ..ChargePointSetting::default()
    })
    .await;
    rig.set_charge_point(ChargePointSetting {
        id: "REJECTED".into(),
        registration: Some(Registration::Rejected),
        ..ChargePointSetting::default()
    })
    .await;
    let _rejected = rig.connect("REJECTED").await;
    for (id, status, code) in [
        ("NOBODY", 404, "not_found"),
        ("a/b", 400, "validation_error"),
        ("OFFLINE", 422, "charge_point_offline"),
        ("REJECTED", 422, "charge_point_not_registered"),
    ] {
        let (got, body) = rig.command(id, "ClearCache", json!({})).await;
        assert_eq!(
            (got.as_u16(), &body["code"]),
            (status, &json!(code)),
            "{id}"
        );
    }
    // What was never sent was not lost.
    let text = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let sent = "dynamo_csms_calls_sent_total{action=\"ClearCache\",outcome=";
    assert!(text.contains(&format!("{sent}\"unsent\"}} 1")), "{text}");
    assert!(!text.contains(&format!("{sent}\"lost\"")), "{text}");
}

#[tokio::test]
async fn commands_are_checked_before_they_are_sent() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    for (command, payload) in [
        ("MakeCoffee", json!({})),
        ("BootNotification", json!({})),
        ("Reset", json!({"type": "Gentle"})),
        ("Reset", json!({})),
        ("Reset", json!({"type": "Soft", "extra": 1})),
        ("Reset", json!([])),
        (
            "ChangeAvailability",
            json!({"connectorId": "1", "type": "Operative"}),
        ),
    ] {
        let (status, body) = rig.command("CP-1", command, payload).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{command} {body}");
        assert_eq!(body["code"], "validation_error");
        assert!(body["details"][0]["field"].is_string());
        assert!(body["request_id"].is_string());
    }
    let (_, body) = rig
        .command("CP-1", "Reset", json!({"type": "Gentle"}))
        .await;
    assert_eq!(body["details"][0]["field"], "payload.type");
    // Nothing was sent: the first frame that comes is an answer.
    cp.boot().await;
}

#[tokio::test]
async fn action_is_another_name_for_command() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let body = json!({"charge_point_id": "CP-1", "action": "ClearCache"});
    let path = "/api/v1/ocpp16/send_command";
    let command = rig.request(Method::POST, path, Some(body), KEY);
    let answer = async {
        let (id, _, payload) = cp.next_call().await;
        assert_eq!(payload, json!({}));
        cp.answer(&id, json!({"status": "Accepted"})).await;
    };
    let ((status, body), ()): ((_, Value), ()) = tokio::join!(command, answer);
    assert_eq!(
        (status, &body["command"]),
        (StatusCode::OK, &json!("ClearCache"))
    );
}

#[tokio::test]
async fn a_socket_lost_under_a_command_is_said_at_once() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let begun = Instant::now();
    let command = rig.command("CP-1", "ClearCache", json!({}));
    let lost = async {
        cp.next_call().await;
        drop(cp);
    };
    let ((status, body), ()) = tokio::join!(command, lost);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["code"], "charge_point_offline");
    assert!(begun.elapsed() < Duration::from_secs(5), "not the time-out");
}

#[tokio::test]
async fn a_large_command_arrives_and_a_too_large_one_harms_nobody() {
    let rig = rig().await;
    let mut cp = rig.connect("CP-1").await;
    let id = ChargePointId::new("CP-1").unwrap();
    let payload = |bytes: usize| format!(r#"{{"vendorId":"V","data":"{}"}}"#, "x".repeat(bytes));
    let call = |bytes| {
        let sessions = rig.csms.sessions();
        sessions.call_raw(&id, "DataTransfer", payload(bytes))
    };
    let refused = call(dynamo_protocol::MESSAGE_BYTES_MAX).await.unwrap_err();
    assert_eq!(refused, CallFailure::TooLarge);
    let large = call(dynamo_protocol::MESSAGE_BYTES_MAX - 1_000);
    let answer = async {
        let (id, ..) = cp.next_call().await;
        cp.answer(&id, json!({"status": "Accepted"})).await;
    };
    let (answered, ()) = tokio::join!(large, answer);
    answered.unwrap();
    cp.boot().await;
}

#[tokio::test]
async fn a_pending_charge_point_is_not_told_to_charge() {
    let rig = rig().await;
    rig.set_charge_point(ChargePointSetting {
        id: "CP-1".into(),
        registration: Some(Registration::Pending),
        ..ChargePointSetting::default()
    })
    .await;
    let mut cp = rig.connect("CP-1").await;
    for (command, payload) in [
        ("RemoteStartTransaction", json!({"idTag": "TAG"})),
        ("RemoteStopTransaction", json!({"transactionId": 1})),
    ] {
        let (status, body) = rig.command("CP-1", command, payload).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(body["code"], "charge_point_not_registered");
    }
    // Nothing was sent: the first frame that comes is an answer.
    cp.boot().await;
}

/// Posts a command with an `Idempotency-Key`.
async fn keyed(rig: &Rig, command: &str, key: &str) -> (StatusCode, Value, bool) {
    let body = json!({"charge_point_id": "CP-1", "command": command, "payload": {}});
    let request = rig
        .client()
        .post(rig.url("/api/v1/ocpp16/send_command"))
        .json(&body);
    let request = request.bearer_auth(KEY).header("Idempotency-Key", key);
    let response = request.send().await.unwrap();
    let replayed = response.headers().contains_key("idempotent-replayed");
    (response.status(), response.json().await.unwrap(), replayed)
}

/// Who hears "timed out" knows that the charge point was sent it.
#[tokio::test]
async fn what_was_not_sent_has_not_timed_out_and_may_be_asked_for_again() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_millis(500)).await;
    let mut cp = rig.connect("CP-1").await;
    let keys = ["K1", "K2", "K3"];
    let commands = keys.map(|key| keyed(&rig, "ClearCache", key));
    let answers = futures_util::future::join_all(commands).await;
    let mut unsent = Vec::new();
    let mut timed_out = Vec::new();
    for (key, (status, body, _)) in keys.into_iter().zip(answers) {
        match status {
            StatusCode::REQUEST_TIMEOUT => timed_out.push(key),
            StatusCode::TOO_MANY_REQUESTS => {
                assert_eq!(body["code"], "rate_limited");
                assert!(
                    body["message"].as_str().unwrap().contains("was not sent"),
                    "{body}"
                );
                unsent.push(key);
            }
            _ => panic!("{status} {body}"),
        }
    }
    assert!(!unsent.is_empty() && !timed_out.is_empty());
    // A key replays what became of a command that was sent, and only of that.
    let (status, _, replayed) = keyed(&rig, "ClearCache", timed_out[0]).await;
    assert_eq!((status, replayed), (StatusCode::REQUEST_TIMEOUT, true));
    let again = keyed(&rig, "ClearCache", unsent[0]);
    let answer = async {
        let mut frames = 0;
        // The frames of those that timed out come first.
        loop {
            let (id, ..) = cp.next_call().await;
            frames += 1;
            if frames > timed_out.len() {
                return cp.answer(&id, json!({"status": "Accepted"})).await;
            }
        }
    };
    let ((status, body, replayed), ()) = tokio::join!(again, answer);
    assert_eq!((status, replayed), (StatusCode::OK, false), "{body}");
}

/// Half an answer is an answer that cannot be read, and the caller hears so at once.
#[tokio::test]
async fn an_answer_that_is_cut_off_is_said_to_be_at_once() {
    let rig = rig_with(|options| options.command_timeout = Duration::from_secs(60)).await;
    let mut cp = rig.connect("CP-1").await;
    let whole = r#"{"configurationKey":[]}]"#;
    // The place of the id is taken by ID, that of its first half by HALF.
    for frame in [
        r#"[3,"ID",{"configurationKey":[]"#,
        r#"[3,"ID","#,
        r#"[3,"ID",{"configurationKey":[]}}]"#,
        r#"[3,"HALF"#,
        r#"[3,"HALF",WHOLE"#,
        r#"["3","ID",WHOLE"#,
        r#"["4","ID","GenericError","",{}]"#,
        "\u{feff}[3,\"ID\",WHOLE",
    ] {
        let command = rig.command("CP-1", "GetConfiguration", json!({}));
        let answer = async {
            let (id, ..) = cp.next_call().await;
            let id = id.as_str().unwrap();
            let frame = frame.replace("ID", id).replace("WHOLE", whole);
            cp.send(&frame.replace("HALF", &id[..id.len().div_ceil(2)]))
                .await;
        };
        let ((status, body), ()) =
            tokio::time::timeout(PATIENCE, async { tokio::join!(command, answer) })
                .await
                .expect("at once");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            (&body["code"], &body["status"]),
            (&json!("ocpp_rejected"), &json!("InvalidResponse"))
        );
    }
    // The line goes on.
    cp.boot().await;
}
