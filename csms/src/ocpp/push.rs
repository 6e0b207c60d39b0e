//! Brings saved configuration to a charge point: one command per setting, in the order of the changes [1.6 §5.3].
//!
//! What finds no charge point, or no answer, stays saved and is tried again after the next accepted boot.

use std::sync::Arc;

use dynamo_protocol::ChargePointId;
use serde_json::Value;
use tokio::time::timeout;

use super::send;
use crate::App;
use crate::domain::charge_points::security::is_password;
use crate::domain::command::{CallFailure, Command, Setting};
use crate::store::Result;

/// Charge points that are pushed to at the same time after their boots.
pub(crate) const PUSHES_MAX: usize = 8;
/// What a secret is that cannot be read any more, in the place of the charge point's answer.
const UNREADABLE: &str = "Unreadable";
/// What an answer is that cannot be understood.
const INVALID: &str = "InvalidResponse";
/// What a charge point would say of a setting that its version has no words for.
const NOT_SUPPORTED: &str = "NotSupported";
/// Keys of one push.
const KEYS_MAX: usize = 500;

/// Pushes what is saved and not pushed yet.
pub(crate) async fn push(app: &Arc<App>, id: &ChargePointId) -> Result<()> {
    for _ in 0..KEYS_MAX {
        let Some(next) = app.store.next_unpushed(id.as_str()).await? else {
            return Ok(());
        };
        let text = as_text(&next.value);
        let value = if is_password(&next.key) {
            app.passwords.open(&text)
        } else {
            Some(text)
        };
        let Some(value) = value else {
            tracing::warn!(
                charge_point = %id,
                "its new key was saved by a server with another key for passwords (--password-key) and cannot be sent"
            );
            app.store
                .pushed(id.as_str(), next, UNREADABLE.to_owned())
                .await?;
            continue;
        };
        let command = Command::Set {
            setting: Setting::of_key(&next.key),
            value,
        };
        let status = match send(app, id, &command).await?.result {
            Ok(answer) => answer.word.unwrap_or_else(|| INVALID.to_owned()),
            Err(CallFailure::Refused(refusal)) => refusal.code,
            Err(CallFailure::Unreadable(_) | CallFailure::Invalid { .. }) => INVALID.to_owned(),
            Err(CallFailure::NotSayable(_)) => NOT_SUPPORTED.to_owned(),
            Err(failure) => {
                tracing::debug!(charge_point = %id, %failure, "configuration stays saved");
                return Ok(());
            }
        };
        app.store.pushed(id.as_str(), next, status).await?;
    }
    Ok(())
}

/// The same, and waits so long for it as a command and one more may last: the charge point may answer each key just in
/// time. The push goes on afterwards, until a key finds no answer. Its mailbox bounds how many of them there are.
pub(crate) async fn push_for(app: &Arc<App>, id: &ChargePointId) -> Result<()> {
    let patience = 2 * app.options.command_timeout;
    let (app, id) = (app.clone(), id.clone());
    let pushed = app.jobs.clone().spawn(async move {
        tokio::select! {
            pushed = push(&app, &id) => pushed,
            () = app.shutdown.cancelled() => Ok(()),
        }
    });
    match timeout(patience, pushed).await {
        Ok(Ok(pushed)) => pushed,
        // What a panic left is in the log, and what is not pushed stays saved.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// The same beside everything else, a bounded number at a time.
pub(crate) fn push_later(app: &Arc<App>, id: &ChargePointId) {
    let (app, id) = (app.clone(), id.clone());
    app.jobs.clone().spawn(async move {
        let pushed = async {
            let _turn = app.pushes.acquire().await;
            push(&app, &id).await
        };
        tokio::select! {
            pushed = pushed => if let Err(error) = pushed {
                tracing::warn!(charge_point = %id, %error, "saved configuration was not pushed");
            },
            () = app.shutdown.cancelled() => {}
        }
    });
}

/// A JSON value as a command carries it.
fn as_text(value: &str) -> String {
    match serde_json::from_str(value) {
        Ok(Value::String(text)) => text,
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::as_text;

    #[test]
    fn values_are_pushed_as_strings() {
        for (json, text) in [("30", "30"), ("false", "false"), ("\"a\\\"b\"", "a\"b")] {
            assert_eq!(as_text(json), text);
        }
    }
}
