//! Stripe: one payment intent per session, confirmed when it is made, captured or canceled at the end.
//!
//! Every request that changes something has an `Idempotency-Key` made of the session's token, and is made again
//! a few times when Stripe does not answer or answers 5xx.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;
use tokio::time::sleep;

use super::{Capture, Gateway, Held, Hold, PaymentError};
use crate::domain::price::currency_digits;
use crate::public::is_loopback;

/// How often a request is made before Stripe counts as out of reach.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Characters of a message of Stripe that are kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// Currencies that Stripe counts in hundredths though they have no coin below one.
const IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

pub(super) struct Stripe {
    client: Client,
    url: String,
    authorization: HeaderValue,
}

/// What was answered.
struct Answered {
    status: u16,
    body: Value,
}

impl Stripe {
    pub(super) fn new(key: &str, url: &str, timeout: Duration) -> Result<Self, String> {
        let parsed = Url::parse(url).ok();
        let is_safe = parsed.is_some_and(|url| match url.scheme() {
            "https" => true,
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        });
        if !is_safe {
            return Err(format!(
                "the address of Stripe ([payment] stripe-url) is {url:?} and must begin with https://, or with \
                 http:// on this machine"
            ));
        }
        let authorization = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut authorization = authorization
            .ok()
            .filter(|_| !key.trim().is_empty())
            .ok_or(
                "the key of Stripe (DYNAMO_STRIPE_KEY, or [payment] stripe-key) is empty or has \
                 characters that no key has",
            )?;
        authorization.set_sensitive(true);
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(timeout)
            .user_agent(concat!("dynamo/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("payments cannot be sent: {error}"))?;
        Ok(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// Makes a request, again when nobody knows what became of it.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, String)],
        key: Option<&str>,
    ) -> Result<Answered, PaymentError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(method.clone(), path, fields, key).await {
                Ok(answered) if answered.status < 500 && !is_busy(answered.status) => {
                    return Ok(answered);
                }
                Ok(answered) => format!("Stripe answered {}", answered.status),
                Err(error) => error,
            };
            tracing::info!(
                path,
                attempt,
                cause = error,
                "Stripe did not serve a request"
            );
            if attempt == ATTEMPTS_MAX {
                return Err(PaymentError::Unavailable(error));
            }
            attempt += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, String)],
        key: Option<&str>,
    ) -> Result<Answered, String> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.url))
            .header(AUTHORIZATION, self.authorization.clone());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if method == Method::POST {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form(fields));
        }
        let unreachable = |error: reqwest::Error| {
            let error = error.without_url();
            let late = error.is_timeout();
            format!(
                "Stripe did not answer{}",
                if late {
                    " in time"
                } else {
                    ": it is out of reach"
                }
            )
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("Stripe's answer is too long".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answered { status, body })
    }

    async fn hold(&self, hold: &Hold) -> Result<Held, PaymentError> {
        let fields = [
            ("amount", minor_units(hold.amount, &hold.currency)?),
            ("currency", hold.currency.to_lowercase()),
            ("payment_method", hold.payment_method.clone()),
            ("capture_method", "manual".to_owned()),
            ("confirm", "true".to_owned()),
            ("payment_method_types[]", "card".to_owned()),
            ("return_url", hold.return_url.clone()),
            ("metadata[session_token]", hold.token.clone()),
        ];
        let key = Some(hold.token.as_str());
        let path = "/v1/payment_intents";
        let answered = self.ask(Method::POST, path, &fields, key).await?;
        match answered.status {
            200..=299 => held(&answered.body),
            // The guest's doing: a card that is declined, or a payment method that there is not.
            402 => Ok(Held::Declined {
                reason: message(&answered.body),
            }),
            400 if answered.body["error"]["param"] == "payment_method" => Ok(Held::Declined {
                reason: message(&answered.body),
            }),
            _ => Err(refused(&answered)),
        }
    }

    async fn look(&self, reference: &str) -> Result<Held, PaymentError> {
        let path = intent_path(reference)?;
        let answered = self.ask(Method::GET, &path, &[], None).await?;
        match answered.status {
            200..=299 => held(&answered.body),
            _ => Err(refused(&answered)),
        }
    }

    /// Does the last thing with an intent; one that is in that state already is done.
    async fn finish(
        &self,
        reference: &str,
        verb: &str,
        fields: &[(&str, String)],
        (key, done): (&str, &str),
    ) -> Result<(), PaymentError> {
        let path = format!("{}/{verb}", intent_path(reference)?);
        let answered = self.ask(Method::POST, &path, fields, Some(key)).await?;
        let state = match answered.status {
            200..=299 => &answered.body["status"],
            _ => &answered.body["error"]["payment_intent"]["status"],
        };
        if state == done {
            return Ok(());
        }
        Err(refused(&answered))
    }
}

impl Gateway for Stripe {
    fn authorize<'a>(&'a self, hold: &'a Hold) -> BoxFuture<'a, Result<Held, PaymentError>> {
        self.hold(hold).boxed()
    }

    fn find<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Held, PaymentError>> {
        self.look(reference).boxed()
    }

    fn capture<'a>(&'a self, capture: &'a Capture) -> BoxFuture<'a, Result<(), PaymentError>> {
        async move {
            let amount = minor_units(capture.amount, &capture.currency)?;
            let fields = [("amount_to_capture", amount)];
            let key = format!("{}-capture", capture.token);
            self.finish(&capture.reference, "capture", &fields, (&key, "succeeded"))
                .await
        }
        .boxed()
    }

    fn cancel<'a>(
        &'a self,
        token: &'a str,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<(), PaymentError>> {
        async move {
            let key = format!("{token}-cancel");
            self.finish(reference, "cancel", &[], (&key, "canceled"))
                .await
        }
        .boxed()
    }
}

/// 409: another request with this key is under way; 429: too many requests.
const fn is_busy(status: u16) -> bool {
    matches!(status, 409 | 429)
}

fn held(intent: &Value) -> Result<Held, PaymentError> {
    let reference = intent["id"].as_str().map(str::to_owned);
    let reference =
        reference.ok_or_else(|| PaymentError::Unavailable("Stripe named no payment".to_owned()))?;
    Ok(match intent["status"].as_str().unwrap_or("") {
        "requires_capture" => Held::Authorized { reference },
        "requires_action" | "processing" => {
            let url = intent["next_action"]["redirect_to_url"]["url"].as_str();
            Held::RequiresAction {
                url: url.map(str::to_owned),
                reference,
            }
        }
        other => {
            let last = &intent["last_payment_error"]["message"];
            let reason = last.as_str().map_or_else(
                || format!("the payment is {other}"),
                |text| text.chars().take(MESSAGE_CHARS_MAX).collect(),
            );
            Held::Declined { reason }
        }
    })
}

fn refused(answered: &Answered) -> PaymentError {
    PaymentError::Refused(format!(
        "Stripe answered {}: {}",
        answered.status,
        message(&answered.body)
    ))
}

fn message(body: &Value) -> String {
    let text = body["error"]["message"].as_str();
    let text = text.unwrap_or("it said no more");
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// The path of an intent; a reference is one of Stripe's own words, or none.
fn intent_path(reference: &str) -> Result<String, PaymentError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if reference.is_empty() || !reference.chars().all(plain) {
        return Err(PaymentError::Refused(
            "the payment has no reference of Stripe".to_owned(),
        ));
    }
    Ok(format!("/v1/payment_intents/{reference}"))
}

/// An amount in the units Stripe counts in: a currency's smallest coin, with exceptions of its own.
fn minor_units(amount: Decimal, currency: &str) -> Result<String, PaymentError> {
    let too_large = || PaymentError::Refused("the amount is too large".to_owned());
    let (digits, step) = match currency_digits(currency).unwrap_or(2) {
        0 if IN_HUNDREDTHS.contains(&currency) => (2, 1),
        // The last digit of three must be 0.
        3 => (3, 10),
        digits => (digits.min(2), 1),
    };
    let units = amount
        .checked_mul(Decimal::from(10_u32.pow(digits)))
        .ok_or_else(too_large)?
        .round()
        .to_i64()
        .ok_or_else(too_large)?;
    let stepped = (units + step / 2) / step * step;
    Ok(stepped.to_string())
}

/// Fields as a form [WHATWG URL, urlencoded serializing].
fn form(fields: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        escape(&mut text, name);
        text.push('=');
        escape(&mut text, value);
    }
    text
}

fn escape(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_the_smallest_coin() {
        for (amount, currency, units) in [
            ("7.56", "GBP", "756"),
            ("35", "EUR", "3500"),
            ("310", "JPY", "310"),
            ("5", "ISK", "500"),
            ("1.234", "KWD", "1230"),
            ("1.236", "KWD", "1240"),
        ] {
            let got = minor_units(amount.parse().unwrap(), currency);
            assert_eq!(got.as_deref(), Ok(units), "{amount} {currency}");
        }
        assert!(minor_units(Decimal::MAX, "GBP").is_err());
    }

    #[test]
    fn forms_are_escaped() {
        let fields = [("metadata[a]", "x &=%ü".to_owned()), ("b", "1".to_owned())];
        assert_eq!(form(&fields), "metadata%5Ba%5D=x+%26%3D%25%C3%BC&b=1");
    }

    #[test]
    fn keys_are_not_shown_and_bad_ones_refused() {
        let new = |key: &str, url: &str| Stripe::new(key, url, PAUSE).map(drop);
        let error = new("sk\n1", "https://x").unwrap_err();
        assert!(!error.contains("sk"), "{error}");
        assert!(new("", "https://x").is_err());
        assert!(new("sk_1", "x").is_err());
        let settings = super::super::PaymentSettings::Stripe {
            key: "sk_1".to_owned(),
            url: "https://x".to_owned(),
        };
        assert_eq!(format!("{settings:?}"), "Stripe(https://x)");
    }
}
