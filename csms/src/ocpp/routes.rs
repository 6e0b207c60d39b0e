//! From a call's name to its handler, and the gate before it.
//!
//! A handler says in its signature what it handles: `Routes::new().on(boot::heartbeat)`. Decoding, encoding
//! and the answers for what is missing happen here: `NotImplemented` for an action OCPP does not know,
//! `NotSupported` for one that it knows and this CSMS does not serve.
//!
//! The gate: until a charge point is Accepted it may only boot, and say what it was asked for with
//! TriggerMessage while it is Pending [1.6 §4.2]. Anything else is answered `SecurityError`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dynamo_protocol::decode::{Decoded, Decoding};
use dynamo_protocol::{
    ActionName, CallError, ChargePointId, ErrorCode, Millis, RawValue, Request, frame,
};
use futures_util::future::BoxFuture;

use super::contact::Contact;
use super::masked::without_keys;
use crate::App;
use crate::domain::charge_points::deviation;
use crate::domain::occurrence::{Kind, Occurrence};
use crate::store::{ChargePoint, DeviationReport, Registration, StoreError};

/// How old a registration may be when a call is judged by it: half of the second in which a change has to
/// take effect.
const REGISTRATION_AGE_MS_MAX: Millis = 500;

/// The action with which a charge point says what it is, in every version.
pub(super) const BOOT: &str = "BootNotification";

/// Messages that were asked for and did not come yet that are remembered. Versions have fewer that can be asked for.
const ASKED_MAX: usize = 16;

/// What a handler knows besides the request.
pub(crate) struct Cx {
    pub app: Arc<App>,
    pub charge_point: ChargePointId,
    /// What the handshake read: whose it is, and which password it was let in with.
    pub admitted: Arc<ChargePoint>,
    pub contact: Arc<Contact>,
    /// When the call arrived, in Unix milliseconds.
    pub received_at_ms: i64,
    /// Grows with every message of the charge point that this process receives, over its connections too.
    pub receipt: i64,
    /// The payload as it arrived.
    pub raw: Box<RawValue>,
    /// The names of what had to be forgiven of it.
    pub deviations: Vec<&'static str>,
}

impl Cx {
    pub(crate) fn organization(&self) -> &str {
        &self.admitted.organization_id
    }

    /// How the charge point's messages are read.
    fn decoding(&self) -> Decoding {
        let own = match self.contact.decoding.load(Relaxed) {
            UNREAD => self.admitted.decoding,
            known => decoding_of(known),
        };
        own.unwrap_or(self.app.options.decoding)
    }

    /// How webhooks are to be told of what this message says, if somebody waits for it.
    pub(crate) fn occurrence(&self, kind: Kind) -> Option<Occurrence> {
        let (organization, id) = (self.organization(), self.charge_point.as_str());
        let outbox = &self.app.outbox;
        match self.admitted.had_other_organization && kind.is_of_transaction() {
            true => outbox.awaited_anywhere(kind, organization, id, self.received_at_ms),
            false => outbox.awaited(kind, organization, id, self.received_at_ms),
        }
    }
}

type Handler =
    Box<dyn Fn(Cx) -> BoxFuture<'static, Result<String, CallError>> + Send + Sync + 'static>;

/// Keeps what can be kept of a message that cannot be read.
pub(crate) type KeepUnreadable = fn(Cx) -> BoxFuture<'static, ()>;

/// The handlers of one OCPP version.
pub(crate) struct Routes {
    handlers: HashMap<&'static str, Handler>,
    /// The name of an action, if the version has it.
    name: fn(&str) -> Option<&'static str>,
}

impl Routes {
    /// No handler yet, of the version that has these actions.
    pub(crate) fn new<A: ActionName>() -> Self {
        Self {
            handlers: HashMap::new(),
            name: |name| A::from_wire(name).map(|action| action.as_str()),
        }
    }

    /// Adds a handler for the request type in its signature.
    pub(crate) fn on<T, F, Fut>(self, handler: F) -> Self
    where
        T: Request + Send + 'static,
        F: Fn(Cx, T) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<T::Response, CallError>> + Send + 'static,
    {
        self.on_or(handler, |_| Box::pin(std::future::ready(())))
    }

    /// The same, of a message that is kept when it cannot be read, before it is refused.
    pub(crate) fn on_or<T, F, Fut>(mut self, handler: F, keep_unreadable: KeepUnreadable) -> Self
    where
        T: Request + Send + 'static,
        F: Fn(Cx, T) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Result<T::Response, CallError>> + Send + 'static,
    {
        let wrapped = move |mut cx: Cx| -> BoxFuture<'static, Result<String, CallError>> {
            let Decoded {
                message,
                deviations,
            } = match cx.decoding().read::<T>(&cx.raw) {
                Ok(read) => read,
                Err(error) => {
                    return Box::pin(async move {
                        keep_unreadable(cx).await;
                        Err(error)
                    });
                }
            };
            if deviations.is_empty() {
                let answer = handler(cx, message);
                return Box::pin(async move { Ok(frame::payload(&answer.await?)) });
            }
            cx.deviations = deviation::names(&deviations);
            let report = DeviationReport {
                charge_point_id: cx.charge_point.as_str().to_owned(),
                message: format!("{}.req", T::ACTION),
                deviations: without_keys(deviations, cx.raw.get()),
                received_at_ms: cx.received_at_ms,
            };
            let app = cx.app.clone();
            let answer = handler(cx, message);
            let answer = async move { Ok(frame::payload(&answer.await?)) };
            // Beside the fact, and written down before the answer too.
            Box::pin(async move {
                let count = |leniency| app.metrics.deviated(leniency);
                let recorded = deviation::record(&app.store, count, report);
                tokio::join!(answer, recorded).0
            })
        };
        self.handlers
            .insert(ActionName::as_str(&T::ACTION), Box::new(wrapped));
        self
    }

    #[cfg(test)]
    pub(crate) fn serves(&self, action: &str) -> bool {
        self.handlers.contains_key(action)
    }

    /// The name of an action, if the version has it.
    pub(super) fn name_of(&self, action: &str) -> Option<&'static str> {
        (self.name)(action)
    }

    /// Answers one call.
    pub(crate) async fn answer(&self, action: &str, cx: Cx) -> Result<String, CallError> {
        let Some(known) = self.name_of(action) else {
            return Err(CallError::not_implemented(action));
        };
        let Some(handler) = self.handlers.get(action) else {
            return Err(CallError::not_supported(action));
        };
        gate(known, &cx).await?;
        handler(cx).await
    }
}

async fn gate(action: &'static str, cx: &Cx) -> Result<(), CallError> {
    match registration(cx).await? {
        _ if action == BOOT => Ok(()),
        Registration::Accepted => Ok(()),
        Registration::Pending if use_trigger(&cx.contact, action) => Ok(()),
        status => Err(CallError::new(
            ErrorCode::SecurityError,
            format!(
                "the registration of this charge point is {}: send BootNotification after the interval",
                status.as_str()
            ),
        )),
    }
}

/// The registration, read again when it is too old and may have changed.
async fn registration(cx: &Cx) -> Result<Registration, CallError> {
    let now_ms = cx.app.mono.now_ms();
    let read_ms = cx.contact.registration_read_ms.load(Relaxed);
    let age_ms = now_ms.saturating_sub(read_ms);
    let known = match cx.contact.registration.load(Relaxed) {
        1 => Some(Registration::Accepted),
        2 => Some(Registration::Pending),
        3 => Some(Registration::Rejected),
        _ => None,
    };
    // What waited while the registration ended is judged by what is known now.
    let is_fresh =
        age_ms <= REGISTRATION_AGE_MS_MAX || cx.app.registrations.hold_since(read_ms, now_ms);
    let is_good = is_fresh && !cx.contact.outdated.is_cancelled();
    if let Some(known) = known.filter(|_| is_good) {
        return Ok(known);
    }
    let id = cx.charge_point.as_str();
    let admitted = &cx.admitted;
    let read = cx.app.store.charge_point(id).await?.filter(|read| {
        read.organization_id == admitted.organization_id
            && read.password_number == admitted.password_number
            && read.security_profile == admitted.security_profile
    });
    let Some(read) = read else {
        // It was let in as somebody it is no more, or was deleted: the session ends, and it is judged anew.
        cx.contact.outdated.cancel();
        return Err(CallError::new(
            ErrorCode::SecurityError,
            "the registration of this charge point has changed: connect again",
        ));
    };
    // Another server on this database may have revoked it.
    if let Some(certificate) = cx.contact.certificate.get()
        && cx.app.store.is_revoked(certificate).await?
    {
        cx.contact.revoke();
        return Err(CallError::new(
            ErrorCode::SecurityError,
            "the certificate of this charge point was revoked: connect with another",
        ));
    }
    cx.contact.decoding.store(code_of(read.decoding), Relaxed);
    remember_registration(&cx.contact, read.registration, now_ms);
    Ok(read.registration)
}

/// Remembers a registration that was read at `now_ms` of the monotonic clock.
pub(crate) fn remember_registration(contact: &Contact, registration: Registration, now_ms: Millis) {
    let code = match registration {
        Registration::Accepted => 1,
        Registration::Pending => 2,
        Registration::Rejected => 3,
    };
    contact.registration.store(code, Relaxed);
    contact.registration_read_ms.store(now_ms, Relaxed);
}

/// The decoding of a contact was not read since its handshake.
const UNREAD: u8 = 0;

/// A decoding as a contact remembers it.
const fn code_of(decoding: Option<Decoding>) -> u8 {
    match decoding {
        None => 1,
        Some(Decoding::Tolerant) => 2,
        Some(Decoding::Strict) => 3,
    }
}

const fn decoding_of(code: u8) -> Option<Decoding> {
    match code {
        2 => Some(Decoding::Tolerant),
        3 => Some(Decoding::Strict),
        _ => None,
    }
}

/// Lets a Pending charge point send a message once, because it is asked for it.
pub(crate) fn allow_trigger(contact: &Contact, action: &'static str) {
    let mut asked = contact.asked_for();
    if asked.contains(&action) {
        return;
    }
    if asked.len() == ASKED_MAX {
        asked.remove(0);
    }
    asked.push(action);
}

/// Takes the permission back; whether there was one.
pub(crate) fn use_trigger(contact: &Contact, action: &'static str) -> bool {
    let mut asked = contact.asked_for();
    let place = asked.iter().position(|known| *known == action);
    place.map(|place| asked.remove(place)).is_some()
}

impl From<StoreError> for CallError {
    /// What a charge point hears when the store failed: it will send its message again. The cause goes to
    /// the log, under the number that the answer carries.
    fn from(error: StoreError) -> Self {
        let correlation_id = uuid::Uuid::new_v4().simple().to_string();
        if error.is_in_the_log() {
            tracing::debug!(correlation_id, cause = %error, "a call could not be served");
        } else {
            tracing::error!(correlation_id, cause = %error, "a call could not be served");
        }
        Self::new(
            ErrorCode::InternalError,
            format!("the message could not be stored, send it again ({correlation_id})"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_may_be_said_once_and_little_of_it_is_remembered() {
        let contact = Contact::default();
        assert!(!use_trigger(&contact, "Heartbeat"));
        for _ in 0..2 {
            allow_trigger(&contact, "Heartbeat");
        }
        allow_trigger(&contact, "MeterValues");
        assert!(use_trigger(&contact, "Heartbeat"));
        assert!(!use_trigger(&contact, "Heartbeat"));
        assert!(use_trigger(&contact, "MeterValues"));
        let names: Vec<&'static str> = (0..2 * ASKED_MAX)
            .map(|number| &*number.to_string().leak())
            .collect();
        for name in &names {
            allow_trigger(&contact, name);
        }
        assert!(!use_trigger(&contact, names[0]));
        assert!(use_trigger(&contact, names[names.len() - 1]));
        assert_eq!(contact.asked_for().len(), ASKED_MAX - 1);
    }
}
