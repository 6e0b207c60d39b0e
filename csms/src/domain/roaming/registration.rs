//! How a partner is registered, gets other tokens, and is let go [OCPI 2.2.1 §7.2].
//!
//! What comes of a registration is kept at once or not at all: its tokens, endpoints and parties belong together.

use dynamo_protocol::ocpi::credentials::CredentialsRole;
use dynamo_protocol::ocpi::versions::Endpoint;

/// What the other side says of itself, and the token that it is given.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub partner_id: String,
    /// The hash of the token with which this began: whoever had another one meanwhile was faster.
    pub known_by_hash: String,
    /// The hash of the token by which it calls from now on.
    pub token_hash: String,
    pub their_token: String,
    pub versions_url: String,
    pub endpoints: Vec<Endpoint>,
    pub roles: Vec<CredentialsRole>,
    pub now_ms: i64,
}

/// What is wrong with a token of another platform, as the end of a sentence [OCPI 2.2.1 §7.3.1].
pub(crate) fn wrong_token(token: &str) -> Option<String> {
    let is_printable = token.bytes().all(|b| b.is_ascii_graphic());
    let is_long_enough = (TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&token.len());
    (!is_printable || !is_long_enough).then(|| {
        format!(
            "must have {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} characters of printable ASCII without blanks, it has {}",
            token.chars().count()
        )
    })
}

/// Characters of a token that somebody chose: a shorter one is guessed.
const TOKEN_CHARS_MIN: usize = 8;
const TOKEN_CHARS_MAX: usize = 64;

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    Done,
    /// The token with which it began is not the one any more.
    Outdated,
    /// A party of it is another partner's.
    Taken(String),
}

/// How long the token before the last one opens this system: an answer with the new one may be lost.
pub(crate) const GRACE_MS: i64 = 30_000;
