//! Somebody who listens: what webhooks are sent to. Every letter is kept as it came, with its signature.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, StepResult};
use crate::watch::pattern::{Extent, mismatch};
use crate::words::span;

/// Letters that are kept; more than a scenario can cause.
const LETTERS_MAX: usize = 1_000;

/// Bytes of a block of SHA-256 [RFC 2104].
const BLOCK_BYTES: usize = 64;

/// A letter as it came.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) body: String,
    signature: String,
    /// It was answered with an error.
    refused: bool,
}

#[derive(Debug, Default)]
struct Shared {
    letters: Mutex<Vec<Letter>>,
    /// Letters that are still to be answered with an error.
    to_refuse: AtomicUsize,
    came: watch::Sender<usize>,
}

/// The listener of one scenario.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    /// Letters before this one were looked at.
    cursor: usize,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    /// Begins to listen.
    pub(crate) async fn listen() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new(format!("nobody can listen: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/events", post(take))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "a listener of webhooks ended");
            }
        });
        Ok(Self {
            url: format!("http://{addr}/events"),
            shared,
            task,
            cursor: 0,
        })
    }

    /// Answers that many letters with an error.
    pub(crate) fn refuse(&self, letters: usize) {
        self.shared.to_refuse.store(letters, Ordering::Relaxed);
    }

    /// What came so far.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let letters = self.shared.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a letter of this type that is like the pattern, after those that were looked at. Its signature has to
    /// be right.
    pub(crate) async fn expect(
        &mut self,
        kind: &str,
        pattern: &Value,
        secret: &str,
        patience: Duration,
    ) -> StepResult {
        let deadline = Instant::now() + patience;
        let mut came = self.shared.came.subscribe();
        loop {
            came.borrow_and_update();
            let letters = self.letters();
            let found = letters
                .iter()
                .enumerate()
                .skip(self.cursor)
                .find(|(_, letter)| {
                    let json: Value = serde_json::from_str(&letter.body).unwrap_or_default();
                    !letter.refused
                        && json["type"] == kind
                        && mismatch(pattern, &json, Extent::Contains).is_none()
                });
            if let Some((index, letter)) = found {
                self.cursor = index + 1;
                return check_signature(letter, secret);
            }
            if !matches!(timeout_at(deadline, came.changed()).await, Ok(Ok(()))) {
                let bodies: Vec<&str> = letters.iter().map(|letter| letter.body.as_str()).collect();
                return Err(Failure::new(format!(
                    "nothing of {kind} like {pattern} was told within {}; what was told: {}",
                    span(patience),
                    bodies.join("; ")
                )));
            }
        }
    }

    /// Whether each letter that was refused came again with the same id.
    pub(crate) fn refused_came_again(&self) -> StepResult {
        let letters = self.letters();
        let again = |refused: &Letter| {
            let taken = |letter: &&Letter| !letter.refused && letter.body == refused.body;
            letters.iter().find(taken).is_some()
        };
        let mut refused = letters.iter().filter(|letter| letter.refused).peekable();
        if refused.peek().is_none() {
            return Err(Failure::new("no letter was refused"));
        }
        match refused.find(|letter| !again(letter)) {
            None => Ok(()),
            Some(letter) => Err(Failure::new(format!("{} did not come again", letter.body))),
        }
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> StatusCode {
    let fewer = |left: usize| left.checked_sub(1);
    let refused = shared
        .to_refuse
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
        .is_ok();
    let signature = headers.get("dynamo-signature");
    let signature = signature.and_then(|value| value.to_str().ok());
    {
        let letters = shared.letters.lock();
        let mut letters = letters.unwrap_or_else(PoisonError::into_inner);
        if letters.len() < LETTERS_MAX {
            letters.push(Letter {
                body,
                signature: signature.unwrap_or_default().to_owned(),
                refused,
            });
        }
    }
    shared.came.send_modify(|count| *count += 1);
    if refused {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::NO_CONTENT
    }
}

/// `t=UNIX,v1=HEX`: the HMAC-SHA256 of `t.body`.
fn check_signature(letter: &Letter, secret: &str) -> StepResult {
    let part = |name: &str| {
        let mut parts = letter.signature.split(',');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let (Some(at), Some(is)) = (part("t"), part("v1")) else {
        return Err(Failure::new(format!(
            "the signature {:?} is not t=UNIX,v1=HEX",
            letter.signature
        )));
    };
    let right = hmac(
        secret.as_bytes(),
        format!("{at}.{}", letter.body).as_bytes(),
    );
    if is == right {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the signature of {} is wrong",
        letter.body
    )))
}

/// HMAC-SHA256 in hexadecimal [RFC 2104].
fn hmac(secret: &[u8], text: &[u8]) -> String {
    let mut key = [0_u8; BLOCK_BYTES];
    if secret.len() > BLOCK_BYTES {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let padded = |pad: u8| key.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text);
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner.finalize());
    let digest = outer.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test cases 1 and 6 of RFC 4231.
    #[test]
    fn the_hmac_is_that_of_the_standard() {
        assert_eq!(
            hmac(&[0x0b; 20], b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hmac(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            ),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
