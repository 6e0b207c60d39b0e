//! What webhooks are told: which things happen, what is said of them, and how it is signed.
//!
//! An occurrence is put into the outbox in the transaction of the fact it tells; `outbox` brings it to its
//! receivers.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::clock::rfc3339;
use crate::random::random_text;

/// Something that webhooks can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Booted,
    Connected,
    Disconnected,
    StatusChanged,
    Commissioned,
    TransactionStarted,
    TransactionUpdated,
    TransactionStopped,
    CommandCompleted,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Booted,
        Self::Connected,
        Self::Disconnected,
        Self::StatusChanged,
        Self::Commissioned,
        Self::TransactionStarted,
        Self::TransactionUpdated,
        Self::TransactionStopped,
        Self::CommandCompleted,
    ];

    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Booted => "charge_point.booted",
            Self::Connected => "charge_point.connected",
            Self::Disconnected => "charge_point.disconnected",
            Self::StatusChanged => "charge_point.status_changed",
            Self::Commissioned => "charge_point.commissioned",
            Self::TransactionStarted => "transaction.started",
            Self::TransactionUpdated => "transaction.updated",
            Self::TransactionStopped => "transaction.stopped",
            Self::CommandCompleted => "command.completed",
        }
    }

    /// Whether it tells of a transaction, which need not belong to whom its charge point belongs to now.
    pub(crate) const fn is_of_transaction(self) -> bool {
        matches!(
            self,
            Self::TransactionStarted | Self::TransactionUpdated | Self::TransactionStopped
        )
    }

    /// By its word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Its place in a set of kinds.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Something that happened at a charge point and that a webhook waits for.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence {
    pub kind: Kind,
    pub organization_id: String,
    pub charge_point_id: String,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
}

impl Occurrence {
    /// The letter, with an id that stays the same however often it is sent.
    pub(crate) fn body(&self, data: &Value) -> String {
        json!({
            "id": format!("evt_{}", random_text(18)),
            "type": self.kind.as_str(),
            "created_at": rfc3339(self.at_ms),
            "charge_point_id": self.charge_point_id,
            "data": data,
        })
        .to_string()
    }
}

/// The value of `Dynamo-Signature`: `t=UNIX,v1=HEX`, the HMAC-SHA256 of `t.body`.
pub(crate) fn signature(secret: &str, now_ms: i64, body: &str) -> String {
    let seconds = now_ms.div_euclid(1000);
    let hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let hmac = hmac.expect("HMAC takes keys of any length");
    let digest = hmac
        .chain_update(seconds.to_string())
        .chain_update(".")
        .chain_update(body)
        .finalize()
        .into_bytes();
    format!("t={seconds},v1={}", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.as_str()), Some(kind));
            assert_eq!(kind.bit().count_ones(), 1);
        }
        assert_eq!(Kind::from_word("charge_point"), None);
    }

    #[test]
    fn the_signature_is_the_hmac_of_time_and_body() {
        // echo -n '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(
            signature("whsec_test", 1_700_000_000_999, "{}"),
            format!("t=1700000000,v1={expected}")
        );
    }
}
