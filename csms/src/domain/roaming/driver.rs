//! Whose driver shows a tag: what partners said of it, and whom they let charge at a charge point.

use dynamo_protocol::ocpi::CiString;
use dynamo_protocol::ocpi::sessions::{AuthMethod, CdrToken};
use dynamo_protocol::ocpi::tokens::{Token, Whitelist};

/// How long a grant may be younger than the start that uses it: stamps have whole seconds, and clocks differ.
const STAMP_SLACK_MS: i64 = 60_000;
/// How long a grant holds: so long an RFID card is not asked for again after a command [OCPI 2.2.1 §13.1].
pub(crate) const GRANT_MS: i64 = 15 * 60_000;

/// A partner let somebody charge at a charge point: it ordered that, or said so when it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub charge_point_id: String,
    pub tag_key: String,
    pub driver: Driver,
    pub granted_at_ms: i64,
    pub until_ms: i64,
}

/// The driver of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Driver {
    pub partner_id: String,
    pub token: CdrToken,
    pub auth_method: AuthMethod,
    /// As the partner gave it.
    pub reference: Option<CiString>,
}

/// A tag of a partner at a charge point.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoamingTag {
    pub grant: Option<Grant>,
    /// Whose it is, and what its issuer said of it; not where the organization has a tag of its own that is written alike.
    pub known: Option<(String, Token)>,
}

impl RoamingTag {
    /// The grant for what begins at that time.
    pub(crate) fn grant_at(&self, at_ms: i64) -> Option<&Grant> {
        self.grant.as_ref().filter(|grant| {
            grant.granted_at_ms.saturating_sub(STAMP_SLACK_MS) <= at_ms && at_ms < grant.until_ms
        })
    }

    /// Who charges with it from that time on.
    pub(crate) fn driver_at(&self, at_ms: i64) -> Option<Driver> {
        if let Some(grant) = self.grant_at(at_ms) {
            return Some(grant.driver.clone());
        }
        let (partner_id, token) = self.known.as_ref()?;
        Some(Driver {
            partner_id: partner_id.clone(),
            token: cdr_token(token),
            auth_method: AuthMethod::Whitelist,
            reference: None,
        })
    }

    /// Whether its issuer has to be asked before it may charge, and what the list says where the issuer does not answer.
    pub(crate) fn must_ask(&self) -> Option<Whitelist> {
        let (_, token) = self.known.as_ref()?;
        match token.whitelist {
            Whitelist::Always | Whitelist::Allowed => None,
            asked => Some(asked),
        }
    }
}

/// What session and CDR keep of a token.
pub(crate) fn cdr_token(token: &Token) -> CdrToken {
    CdrToken {
        country_code: token.country_code.clone(),
        party_id: token.party_id.clone(),
        uid: token.uid.clone(),
        r#type: token.r#type.clone(),
        contract_id: token.contract_id.clone(),
    }
}
