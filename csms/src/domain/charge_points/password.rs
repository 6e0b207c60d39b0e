//! The password of a charge point, and the keys that were sent to it and may be its password by now. All of them are as
//! they are kept, see `crate::password`.

use serde::{Deserialize, Serialize};

use crate::domain::charge_points::security::SecurityProfile;

/// Keys that were sent to one charge point and may be its password; of more the oldest is forgotten.
const PENDING_MAX: usize = 4;

/// A key that was sent to a charge point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPassword {
    /// What is kept of it.
    pub hash: String,
    /// What is known of it.
    pub state: PendingState,
}

/// What is known of a key that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingState {
    /// It is on its way; so it stays when the server ends before the answer.
    Sent,
    /// The charge point takes it with its next reboot.
    AfterReboot,
    /// There was no answer that says anything: the charge point uses this one or the one before, or will
    /// after a reboot.
    Unknown,
}

/// What became of a key that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It is the password from now on.
    Taken,
    AfterReboot,
    Unknown,
    NotTaken,
}

/// The passwords of one charge point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passwords {
    pub password: Option<String>,
    /// The oldest first.
    pub pending: Vec<PendingPassword>,
    pub profile: SecurityProfile,
}

impl Passwords {
    /// A key is sent to it.
    pub(crate) fn expect(&mut self, hash: &str) {
        if self.pending.len() >= PENDING_MAX {
            self.pending.remove(0);
        }
        self.pending.push(PendingPassword {
            hash: hash.to_owned(),
            state: PendingState::Sent,
        });
    }

    /// The answer to a key that was sent is there.
    pub(crate) fn settle(&mut self, hash: &str, settlement: Settlement) {
        // Somebody set another password meanwhile, or the charge point came with the key already.
        let Some(place) = self.pending.iter().position(|key| key.hash == hash) else {
            return;
        };
        match settlement {
            // A charge point without a password shows none, whatever key it has, until its profile asks for one.
            Settlement::Taken if self.comes_without() => {
                self.pending[place].state = PendingState::AfterReboot;
            }
            Settlement::Taken => {
                self.pending.clear();
                self.password = Some(hash.to_owned());
            }
            Settlement::AfterReboot => self.pending[place].state = PendingState::AfterReboot,
            Settlement::Unknown => self.pending[place].state = PendingState::Unknown,
            Settlement::NotTaken => {
                self.pending.remove(place);
            }
        }
    }

    fn comes_without(&self) -> bool {
        self.password.is_none() && self.profile == SecurityProfile::None
    }

    /// It came with a key: that is its password from now on. False when that key was not sent, or was forgotten.
    pub(crate) fn adopt(&mut self, hash: &str) -> bool {
        let was_sent = self.pending.iter().any(|key| key.hash == hash);
        if was_sent {
            self.pending.clear();
            self.password = Some(hash.to_owned());
        }
        was_sent
    }

    /// It came with its password, which is kept anew. Keys that were sent stay beside it: the charge point may take one with
    /// its next reboot, whatever it said.
    pub(crate) fn renew(&mut self, old: &str, new: &str) {
        if self.password.as_deref() == Some(old) {
            self.password = Some(new.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(keys: &[(&str, PendingState)]) -> Vec<PendingPassword> {
        let of = |(hash, state): &(&str, PendingState)| PendingPassword {
            hash: (*hash).to_owned(),
            state: *state,
        };
        keys.iter().map(of).collect()
    }

    fn passwords(keys: &[(&str, PendingState)], comes_without: bool) -> Passwords {
        let (password, profile) = match comes_without {
            true => (None, SecurityProfile::None),
            false => (Some("first".to_owned()), SecurityProfile::Basic),
        };
        Passwords {
            password,
            pending: pending(keys),
            profile,
        }
    }

    #[test]
    fn an_answer_settles_the_key_it_is_about() {
        use PendingState::{AfterReboot, Sent, Unknown};
        let before = [("old", Unknown), ("new", Sent)];
        for (settlement, comes_without, after, taken) in [
            (Settlement::Taken, false, &[][..], true),
            (
                Settlement::Taken,
                true,
                &[("old", Unknown), ("new", AfterReboot)],
                false,
            ),
            (
                Settlement::AfterReboot,
                false,
                &[("old", Unknown), ("new", AfterReboot)],
                false,
            ),
            (
                Settlement::Unknown,
                false,
                &[("old", Unknown), ("new", Unknown)],
                false,
            ),
            (Settlement::NotTaken, false, &[("old", Unknown)], false),
        ] {
            let mut kept = passwords(&before, comes_without);
            let password = if taken { "new" } else { "first" };
            let password = (!comes_without).then(|| password.to_owned());
            kept.settle("new", settlement);
            assert_eq!(
                (kept.pending, kept.password),
                (pending(after), password),
                "{settlement:?}"
            );
        }
        let mut kept = passwords(&before, false);
        kept.settle("gone", Settlement::Taken);
        assert_eq!(kept, passwords(&before, false));
    }

    #[test]
    fn of_more_keys_than_four_the_oldest_is_forgotten() {
        let mut kept = passwords(&[], false);
        for key in ["1", "2", "3", "4", "5"] {
            kept.expect(key);
        }
        let keys = kept.pending.iter().map(|pending| &*pending.hash);
        assert!(keys.eq(["2", "3", "4", "5"]));
    }

    #[test]
    fn a_key_it_comes_with_is_its_password_if_it_was_sent() {
        use PendingState::{Sent, Unknown};
        let mut kept = passwords(&[("old", Unknown), ("new", Sent)], false);
        assert!(!kept.adopt("gone"));
        assert!(kept.adopt("new"));
        assert_eq!(
            (kept.password.as_deref(), kept.pending.len()),
            (Some("new"), 0)
        );
    }

    #[test]
    fn keys_that_were_sent_stay_beside_the_password_that_it_comes_with() {
        use PendingState::{AfterReboot, Unknown};
        let mut kept = passwords(&[("old", Unknown), ("new", AfterReboot)], false);
        kept.renew("other", "hashed anew");
        assert_eq!(kept.password.as_deref(), Some("first"));
        kept.renew("first", "hashed anew");
        assert_eq!(kept.password.as_deref(), Some("hashed anew"));
        assert_eq!(
            kept.pending,
            pending(&[("old", Unknown), ("new", AfterReboot)])
        );
    }
}
