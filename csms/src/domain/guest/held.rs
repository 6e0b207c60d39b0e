//! The money that is held for a guest session: what becomes of a session by what the gateway says of it, and of the
//! money by the end of a session that did not begin. What is kept of it stands in `holding`.

use super::words::{GuestStatus, PaymentStatus};

/// How the references of the sandbox begin, in which no money moves.
pub(crate) const SANDBOX_PREFIX: &str = "sandbox:";

/// What became of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The amount is held, under the gateway's reference.
    Authorized { reference: String },
    /// The guest has to do something first, at this address if there is one.
    RequiresAction {
        reference: String,
        url: Option<String>,
    },
    /// The guest cannot pay with this; why.
    Declined { reason: String },
}

/// A session as far as its money is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    pub status: GuestStatus,
    pub payment: PaymentStatus,
    /// Why it failed.
    pub reason: Option<String>,
    pub ended_at_ms: Option<i64>,
    /// The gateway's.
    pub reference: Option<String>,
    /// Where the guest has to do something.
    pub action_url: Option<String>,
}

impl Holding {
    /// Whether it is not known yet what becomes of the hold.
    const fn is_awaited(&self) -> bool {
        matches!(
            self.payment,
            PaymentStatus::Authorizing | PaymentStatus::RequiresAction
        )
    }

    /// What the gateway said of the hold; `None` where that was known before. Of a session that ended meanwhile it is
    /// let go.
    pub(crate) fn heard(self, held: Held, now_ms: i64) -> Option<Self> {
        if !self.is_awaited() {
            return None;
        }
        let has_ended = self.ended_at_ms.is_some();
        let unless_ended = |payment| match has_ended {
            true => PaymentStatus::Canceling,
            false => payment,
        };
        match held {
            Held::Authorized { reference } => Some(Self {
                status: match self.status {
                    GuestStatus::RequiresAction => GuestStatus::Authorizing,
                    status => status,
                },
                payment: unless_ended(PaymentStatus::Authorized),
                reference: Some(reference),
                ..self
            }),
            Held::RequiresAction { reference, url } => Some(Self {
                status: match has_ended {
                    true => self.status,
                    false => GuestStatus::RequiresAction,
                },
                payment: unless_ended(PaymentStatus::RequiresAction),
                reference: Some(reference),
                action_url: url.or(self.action_url),
                ..self
            }),
            Held::Declined { reason } => self.failed(PaymentStatus::Declined, reason, now_ms),
        }
    }

    /// Nothing is held, and why; `None` where something is, or that was known before.
    pub(crate) fn failed(self, payment: PaymentStatus, why: String, now_ms: i64) -> Option<Self> {
        if !self.is_awaited() {
            return None;
        }
        Some(match self.ended_at_ms {
            None => Self {
                status: GuestStatus::Failed,
                payment,
                reason: Some(why),
                ended_at_ms: Some(now_ms),
                ..self
            },
            // It ended for another reason before.
            Some(_) => Self {
                payment,
                reason: self.reason.or(Some(why)),
                ..self
            },
        })
    }

    /// The session ends before it begins, and what is held is let go; `None` where it ended before.
    pub(crate) fn not_begun(
        self,
        status: GuestStatus,
        reason: Option<String>,
        now_ms: i64,
    ) -> Option<Self> {
        if self.ended_at_ms.is_some() {
            return None;
        }
        Some(Self {
            status,
            payment: match self.payment {
                PaymentStatus::Authorized | PaymentStatus::RequiresAction => {
                    PaymentStatus::Canceling
                }
                payment => payment,
            },
            reason,
            ended_at_ms: Some(now_ms),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 9_000;

    fn holding(status: GuestStatus, payment: PaymentStatus) -> Holding {
        Holding {
            status,
            payment,
            reason: None,
            ended_at_ms: None,
            reference: None,
            action_url: None,
        }
    }

    fn authorized() -> Held {
        Held::Authorized {
            reference: "R".into(),
        }
    }

    fn action(url: Option<&str>) -> Held {
        Held::RequiresAction {
            reference: "R".into(),
            url: url.map(str::to_owned),
        }
    }

    #[test]
    fn a_hold_is_waited_for_by_the_guest_and_then_there() {
        let new = holding(GuestStatus::Authorizing, PaymentStatus::Authorizing);
        let asked = new.heard(action(Some("https://pay")), NOW).unwrap();
        assert_eq!(asked.status, GuestStatus::RequiresAction);
        assert_eq!(asked.payment, PaymentStatus::RequiresAction);
        // The address is said once.
        let asked = asked.heard(action(None), NOW).unwrap();
        assert_eq!(asked.action_url.as_deref(), Some("https://pay"));
        let held = asked.heard(authorized(), NOW).unwrap();
        assert_eq!(held.status, GuestStatus::Authorizing);
        assert_eq!(held.payment, PaymentStatus::Authorized);
        assert_eq!(held.reference.as_deref(), Some("R"));
        // Who comes second changes nothing.
        assert_eq!(held.clone().heard(action(None), NOW), None);
        assert_eq!(held.failed(PaymentStatus::Refused, "no".into(), NOW), None);
    }

    #[test]
    fn what_is_held_of_a_session_that_ended_is_let_go() {
        let new = holding(GuestStatus::Authorizing, PaymentStatus::Authorizing);
        let ended = new.not_begun(GuestStatus::Expired, None, 5_000).unwrap();
        assert_eq!(ended.payment, PaymentStatus::Authorizing);
        for held in [authorized(), action(None)] {
            let after = ended.clone().heard(held, NOW).unwrap();
            assert_eq!(after.payment, PaymentStatus::Canceling);
            assert_eq!(after.status, GuestStatus::Expired);
            assert_eq!(after.ended_at_ms, Some(5_000));
        }
        let reason = "no".to_owned();
        let declined = ended.heard(Held::Declined { reason }, NOW).unwrap();
        assert_eq!(declined.payment, PaymentStatus::Declined);
        assert_eq!(declined.status, GuestStatus::Expired);
        assert_eq!(declined.reason.as_deref(), Some("no"));
    }

    #[test]
    fn a_session_that_does_not_begin_lets_go_once() {
        for (payment, after) in [
            (PaymentStatus::Authorized, PaymentStatus::Canceling),
            (PaymentStatus::RequiresAction, PaymentStatus::Canceling),
            (PaymentStatus::Declined, PaymentStatus::Declined),
        ] {
            let session = holding(GuestStatus::Authorizing, payment);
            let ended = session.not_begun(GuestStatus::Failed, Some("why".into()), NOW);
            let ended = ended.unwrap();
            assert_eq!((ended.payment, ended.ended_at_ms), (after, Some(NOW)));
            assert_eq!(ended.not_begun(GuestStatus::Stopped, None, NOW), None);
        }
    }

    #[test]
    fn who_cannot_pay_has_no_session() {
        let new = holding(GuestStatus::RequiresAction, PaymentStatus::RequiresAction);
        let refused = new
            .failed(PaymentStatus::Refused, "no".into(), NOW)
            .unwrap();
        assert_eq!(refused.status, GuestStatus::Failed);
        assert_eq!(refused.ended_at_ms, Some(NOW));
        assert_eq!(refused.reason.as_deref(), Some("no"));
    }
}
