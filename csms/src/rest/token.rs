//! Tokens of people: JSON Web Tokens, signed with HMAC-SHA256, that say which account asks until when.

use std::sync::Once;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Shortest key that may sign tokens, in bytes: as long as the digest [RFC 7518 §3.2].
pub(crate) const KEY_BYTES_MIN: usize = 32;

/// Makes and reads tokens.
pub(crate) struct Tokens {
    signing: EncodingKey,
    checking: DecodingKey,
    lifetime_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The account.
    sub: String,
    role: String,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

impl Tokens {
    pub(crate) fn new(key: &str, lifetime: std::time::Duration) -> Self {
        install_provider();
        Self {
            signing: EncodingKey::from_secret(key.as_bytes()),
            checking: DecodingKey::from_secret(key.as_bytes()),
            lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// A token and when it expires, in Unix milliseconds.
    pub(crate) fn issue(&self, account: &str, role: &str, now_ms: i64) -> (String, i64) {
        let iat = now_ms / 1000;
        let exp = now_ms.saturating_add(self.lifetime_ms) / 1000;
        let claims = Claims {
            sub: account.to_owned(),
            role: role.to_owned(),
            iat,
            exp,
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.signing);
        let token = token.expect("claims of text and numbers can be written and signed");
        (token, exp * 1000)
    }

    /// The account a token speaks for; `None` when it is not one of ours or its time is over.
    pub(crate) fn read(&self, token: &str, now_ms: i64) -> Option<String> {
        let mut rules = Validation::new(Algorithm::HS256);
        // The time that counts is that of our clock, not the system's.
        rules.validate_exp = false;
        let claims = decode::<Claims>(token, &self.checking, &rules).ok()?.claims;
        (claims.exp > now_ms / 1000).then_some(claims.sub)
    }
}

/// `jsonwebtoken` leaves the arithmetic to a provider. Those it brings carry RSA and elliptic curves, which
/// nobody here uses; this one knows HMAC-SHA256 and refuses everything else.
fn install_provider() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
        verifier_factory: |algorithm, key| {
            Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?))
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else's provider in the same process knows HMAC-SHA256 as well.
        let _ = PROVIDER.install_default();
    });
}

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, secret: &[u8]) -> JwtResult<Self> {
        if algorithm != Algorithm::HS256 {
            return Err(ErrorKind::InvalidAlgorithm.into());
        }
        let hmac = Hmac::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(hmac))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let hmac = self.0.clone().chain_update(message);
        Ok(hmac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let hmac = self.0.clone().chain_update(message);
        hmac.verify_slice(signature)
            .map_err(SignatureError::from_source)
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR_MS: i64 = 3_600_000;

    fn tokens(key: &str) -> Tokens {
        Tokens::new(key, Duration::from_hours(1))
    }

    #[test]
    fn a_token_names_its_account_until_it_expires_and_only_under_its_key() {
        let ours = tokens("0123456789abcdef0123456789abcdef");
        let (token, expires_at_ms) = ours.issue("usr_1", "installer", 5_000);
        assert_eq!(expires_at_ms, HOUR_MS + 5_000);
        assert_eq!(ours.read(&token, 5_000).as_deref(), Some("usr_1"));
        assert_eq!(ours.read(&token, HOUR_MS + 5_000), None);
        assert_eq!(tokens("another").read(&token, 5_000), None);
    }

    #[test]
    fn signatures_are_those_of_the_standard_and_unsigned_tokens_are_none() {
        let ours = tokens("0123456789abcdef0123456789abcdef");
        let (token, _) = ours.issue("usr_1", "installer", 5_000);
        let (head, signature) = token.rsplit_once('.').unwrap();
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
        hmac.update(head.as_bytes());
        let digest = hmac.finalize().into_bytes();
        use base64::Engine as _;
        let wanted = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        assert_eq!(signature, wanted);
        let unsigned = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(r#"{"alg":"none","typ":"JWT"}"#);
        let body = head.split('.').nth(1).unwrap();
        for forged in [
            format!("{unsigned}.{body}."),
            format!("{head}."),
            format!("{head}.AAAA"),
            "x.y.z".to_owned(),
            String::new(),
        ] {
            assert_eq!(ours.read(&forged, 5_000), None, "{forged}");
        }
    }
}
