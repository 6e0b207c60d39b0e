//! Changing the AuthorizationKey of a charge point over OCPP, which is the password of its next handshake
//! [1.6J §6.2.2, security whitepaper A01].
//!
//! Every ChangeConfiguration goes through [`call`]. The new key is kept before it is sent. After `Accepted` it is the
//! password, and the old one no longer; after `RebootRequired` both are taken until the charge point comes with the new
//! one; when the answer is lost, late or says nothing, both until one of them is used. The connection over which it was
//! changed goes on. The key itself is in no log, webhook, tap or kept answer.

use std::sync::Arc;

use dynamo_protocol::v16::Action;
use dynamo_protocol::{CallError, ChargePointId, RawValue};
use serde_json::Value;

use super::call_failure::CallFailure;
use crate::App;
use crate::domain::charge_points::security::{MASK, is_password};
use crate::store::{Result, Settlement, StoreError};

/// The key that a command gives a charge point. An empty one is no password.
pub(crate) fn new_key(action: Action, payload: &str) -> Option<String> {
    if action != Action::ChangeConfiguration {
        return None;
    }
    let mut payload: Value = serde_json::from_str(payload).ok()?;
    if !is_password(payload["key"].as_str()?) {
        return None;
    }
    match payload["value"].take() {
        Value::String(key) if !key.is_empty() => Some(key),
        _ => None,
    }
}

/// Sends a command and waits for its answer, as [`Sessions::call_raw`](super::sessions::Sessions::call_raw) does, and
/// keeps what the answer says about the password.
pub(crate) async fn call(
    app: &Arc<App>,
    id: &ChargePointId,
    action: Action,
    payload: String,
) -> Result<std::result::Result<Box<RawValue>, CallFailure>> {
    let Some(key) = new_key(action, &payload) else {
        return Ok(app.sessions.call_raw(id, action, payload).await);
    };
    // A task of its own: what the answer says is kept also when nobody waits for it any more.
    let (jobs, app, id) = (app.jobs.clone(), app.clone(), id.clone());
    let changed = jobs.spawn(async move { change(&app, &id, key, payload).await });
    changed
        .await
        .map_err(|error| StoreError::Refused(format!("the key was not changed: {error}")))?
}

async fn change(
    app: &App,
    id: &ChargePointId,
    key: String,
    payload: String,
) -> Result<std::result::Result<Box<RawValue>, CallFailure>> {
    if !app.sessions.is_online(id) {
        return Ok(Err(CallFailure::Offline));
    }
    let Some(_change) = app.key_changes.begin(id) else {
        return Ok(Err(CallFailure::Busy));
    };
    let Some(hash) = app.passwords.hash_of_charge_point(&key).await else {
        return Ok(Err(CallFailure::Busy));
    };
    app.store.expect_password(id.as_str(), hash.clone()).await?;
    let sent = app
        .sessions
        .call_raw(id, Action::ChangeConfiguration, payload);
    let answer = sent.await;
    let settlement = settlement(&answer);
    if let Err(error) = app
        .store
        .settle_password(id.as_str(), hash, settlement)
        .await
    {
        // Both are taken until the charge point comes with the new one.
        tracing::warn!(charge_point = %id, cause = %error, "what became of a new key was not kept");
    }
    tracing::info!(charge_point = %id, ?settlement, "its key was changed over OCPP");
    Ok(without_key(answer, &key))
}

/// What an answer says about the key that was sent.
fn settlement(answer: &std::result::Result<Box<RawValue>, CallFailure>) -> Settlement {
    match answer {
        Ok(answer) => {
            let answer: Value = serde_json::from_str(answer.get()).unwrap_or_default();
            match answer["status"].as_str() {
                Some("Accepted") => Settlement::Taken,
                Some("RebootRequired") => Settlement::AfterReboot,
                Some("Rejected" | "NotSupported") => Settlement::NotTaken,
                _ => Settlement::Unknown,
            }
        }
        Err(failure) if !failure.was_sent() => Settlement::NotTaken,
        Err(_) => Settlement::Unknown,
    }
}

/// The answer without the key, should the charge point have put it there.
fn without_key(
    answer: std::result::Result<Box<RawValue>, CallFailure>,
    key: &str,
) -> std::result::Result<Box<RawValue>, CallFailure> {
    let holds_it = |value: &Value| {
        let mut masked = value.clone();
        mask_text(&mut masked, key);
        (masked != *value).then_some(masked)
    };
    match answer {
        Ok(raw) => {
            let value = serde_json::from_str(raw.get()).unwrap_or_default();
            let masked = holds_it(&value).and_then(|masked| {
                let text = serde_json::to_string(&masked).ok()?;
                RawValue::from_string(text).ok()
            });
            Ok(masked.unwrap_or(raw))
        }
        Err(CallFailure::Refused(error)) => {
            let mut details = error.details.clone();
            mask_text(&mut details, key);
            Err(CallFailure::Refused(CallError {
                description: error.description.replace(key, MASK),
                details,
                ..error
            }))
        }
        other => other,
    }
}

/// Hides a text wherever it stands in a value.
fn mask_text(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) if text.contains(secret) => *text = text.replace(secret, MASK),
        Value::Array(values) => values.iter_mut().for_each(|value| mask_text(value, secret)),
        Value::Object(members) => {
            members
                .values_mut()
                .for_each(|value| mask_text(value, secret));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use dynamo_protocol::ErrorCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_is_found_in_whatever_case() {
        let key = |payload: Value| new_key(Action::ChangeConfiguration, &payload.to_string());
        let secret = || Some("secret".to_owned());
        assert_eq!(
            key(json!({"key": "AuthorizationKey", "value": "secret"})),
            secret()
        );
        assert_eq!(
            key(json!({"key": "authorizationKEY", "value": "secret"})),
            secret()
        );
        assert_eq!(key(json!({"key": "AuthorizationKey", "value": ""})), None);
        assert_eq!(key(json!({"key": "HeartbeatInterval", "value": "5"})), None);
        let other = r#"{"key": "AuthorizationKey", "value": "secret"}"#;
        assert_eq!(new_key(Action::DataTransfer, other), None);
    }

    #[test]
    fn an_answer_says_which_key_is_taken() {
        let raw = |text: &str| Ok(RawValue::from_string(text.to_owned()).unwrap());
        let refused = CallError::new(ErrorCode::InternalError, "");
        for (answer, settled) in [
            (raw(r#"{"status": "Accepted"}"#), Settlement::Taken),
            (
                raw(r#"{"status": "RebootRequired"}"#),
                Settlement::AfterReboot,
            ),
            (raw(r#"{"status": "Rejected"}"#), Settlement::NotTaken),
            (raw(r#"{"status": "NotSupported"}"#), Settlement::NotTaken),
            (raw(r#"{"status": 7}"#), Settlement::Unknown),
            (raw("null"), Settlement::Unknown),
            (Err(CallFailure::TimedOut), Settlement::Unknown),
            (Err(CallFailure::Lost), Settlement::Unknown),
            (Err(CallFailure::Refused(refused)), Settlement::Unknown),
            (Err(CallFailure::Offline), Settlement::NotTaken),
            (Err(CallFailure::Busy), Settlement::NotTaken),
        ] {
            assert_eq!(settlement(&answer), settled, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_does_not_say_the_key() {
        let refused = CallError::new(ErrorCode::GenericError, "\"s3cret\" is too short");
        match without_key(Err(CallFailure::Refused(refused)), "s3cret") {
            Err(CallFailure::Refused(error)) => {
                assert_eq!(error.description, "\"***\" is too short")
            }
            other => panic!("{other:?}"),
        }
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let said = without_key(
            Ok(raw(r#"{"status": "Accepted", "x": ["s3cret"]}"#)),
            "s3cret",
        );
        assert_eq!(said.unwrap().get(), r#"{"status":"Accepted","x":["***"]}"#);
        let said = without_key(Ok(raw(r#"{"status":  "Accepted"}"#)), "s3cret");
        assert_eq!(said.unwrap().get(), r#"{"status":  "Accepted"}"#);
    }
}
