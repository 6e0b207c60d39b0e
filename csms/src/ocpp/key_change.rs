//! Changing the AuthorizationKey of a charge point over OCPP, which is the password of its next handshake
//! [1.6J §6.2.2, security whitepaper A01].
//!
//! Every command goes through [`call`]. The new key is kept before it is sent. After `Accepted` it is the
//! password, and the old one no longer; after `RebootRequired`, and when the answer is lost, late or says nothing, both are
//! taken until the charge point comes with the new one, or another change settles it. The connection over which it was
//! changed goes on. The key itself is in no log, webhook, tap or kept answer.

use std::sync::Arc;

use dynamo_protocol::{ChargePointId, RawValue};
use serde_json::Value;

use super::dialect::{CommandCall, Dialect};
use crate::App;
use crate::domain::charge_points::password::Settlement;
use crate::domain::charge_points::password_change;
use crate::domain::command::{CallFailure, Status, hide};
use crate::store::{Result, StoreError};

/// Sends a command and waits for its answer, and keeps what that says about the password, if the command gives one.
pub(super) async fn call(
    app: &Arc<App>,
    id: &ChargePointId,
    dialect: &'static dyn Dialect,
    call: CommandCall,
) -> Result<std::result::Result<Box<RawValue>, CallFailure>> {
    let Some(key) = call.new_key.clone() else {
        return Ok(app.sessions.call(id, call).await);
    };
    // A task of its own: what the answer says is kept also when nobody waits for it any more.
    let (jobs, app, id) = (app.jobs.clone(), app.clone(), id.clone());
    let changed = jobs.spawn(async move { change(&app, &id, dialect, key, call).await });
    changed
        .await
        .map_err(|error| StoreError::Refused(format!("the key was not changed: {error}")))?
}

async fn change(
    app: &App,
    id: &ChargePointId,
    dialect: &dyn Dialect,
    key: String,
    call: CommandCall,
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
    password_change::expect(&app.store, id.as_str(), hash.clone()).await?;
    let action = call.action;
    let answer = app.sessions.call(id, call).await;
    let settlement = settlement(&answer, |said| dialect.answer(action, said).status);
    if let Err(error) = password_change::settle(&app.store, id.as_str(), hash, settlement).await {
        // Both are taken until the charge point comes with the new one.
        tracing::warn!(charge_point = %id, cause = %error, "what became of a new key was not kept");
    }
    tracing::info!(charge_point = %id, ?settlement, "its key was changed over OCPP");
    Ok(without_key(answer, &key))
}

/// What an answer says about the key that was sent. `status` is what it decides, whether or not it has its form.
fn settlement(
    answer: &std::result::Result<Box<RawValue>, CallFailure>,
    status: impl Fn(Value) -> Status,
) -> Settlement {
    match answer {
        Ok(answer) => match status(serde_json::from_str(answer.get()).unwrap_or_default()) {
            Status::Accepted => Settlement::Taken,
            Status::RebootRequired => Settlement::AfterReboot,
            Status::Rejected | Status::NotSupported => Settlement::NotTaken,
            _ => Settlement::Unknown,
        },
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
        hide(&mut masked, key);
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
        Err(CallFailure::Refused(refusal)) => Err(CallFailure::Refused(refusal.without(key))),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::command::Refusal;
    use crate::ocpp::v16::V16;

    fn refused(description: &str) -> CallFailure {
        CallFailure::Refused(Refusal {
            code: "GenericError".to_owned(),
            description: description.to_owned(),
            details: json!({"given": ["s3cret"]}),
        })
    }

    #[test]
    fn an_answer_says_which_key_is_taken() {
        let raw = |text: &str| Ok(RawValue::from_string(text.to_owned()).unwrap());
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
            (Err(refused("")), Settlement::Unknown),
            (Err(CallFailure::Offline), Settlement::NotTaken),
            (Err(CallFailure::Busy), Settlement::NotTaken),
        ] {
            let status = |said| V16.answer("ChangeConfiguration", said).status;
            assert_eq!(settlement(&answer, status), settled, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_does_not_say_the_key() {
        match without_key(Err(refused("\"s3cret\" is too short")), "s3cret") {
            Err(CallFailure::Refused(refusal)) => {
                assert_eq!(refusal.description, "\"***\" is too short");
                assert_eq!(refusal.details, json!({"given": ["***"]}));
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
