//! Stripe: one payment intent per session, confirmed when it is made, captured or canceled at the end.
//!
//! A hold has the session's token as its `Idempotency-Key`, for without one a second request would hold twice.
//! Stripe keeps the first answer of a key for a day, failures of its own included, and knows nothing of the key
//! later. Captures and cancellations need none: they are done once by the state of the intent, and where an answer
//! is missing or says nothing, that state is asked for. Only it, or a wrong parameter, makes a refusal that is final:
//! a key that is wrong today may be right tomorrow.

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
use crate::address::is_loopback;
use crate::domain::guest::held::SANDBOX_PREFIX;
use crate::domain::money::price::currency_digits;

/// How often a request is made before Stripe counts as out of reach.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Characters of a message of Stripe that are kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// Currencies that Stripe counts in whole units.
const IN_WHOLE: [&str; 15] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies that it counts in thousandths, of which the last digit must be 0.
const IN_THOUSANDTHS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Currencies that it counts in hundredths, of which both digits must be 0.
const IN_EMPTY_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

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
        let coins = Coins::of(&hold.currency)?;
        let fields = [
            ("amount", coins.units(hold.amount)?.to_string()),
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
            _ => Err(PaymentError::Refused(said(&answered))),
        }
    }

    /// An intent as it is.
    async fn intent(&self, path: &str) -> Result<Value, PaymentError> {
        let answered = self.ask(Method::GET, path, &[], None).await?;
        match answered.status {
            200..=299 if answered.body["status"].is_string() => Ok(answered.body),
            _ => Err(PaymentError::Unavailable(said(&answered))),
        }
    }

    /// Does the last thing with an intent that can be done in some states: the intent, once it is so.
    async fn finish(
        &self,
        reference: &str,
        verb: &str,
        fields: &[(&str, String)],
        (done, excluded): (&str, &[&str]),
    ) -> Result<Value, PaymentError> {
        let path = intent_path(reference)?;
        let does = format!("{path}/{verb}");
        let (intent, cause) = match self.attempt(Method::POST, &does, fields, None).await {
            Ok(mut answered) => {
                let cause = said(&answered);
                let intent = match answered.status {
                    200..=299 => answered.body.take(),
                    400..=499 => answered.body["error"]["payment_intent"].take(),
                    _ => Value::Null,
                };
                if answered.status == 400 && is_parameter(&answered.body, fields) {
                    return Err(PaymentError::Refused(cause));
                }
                (intent, cause)
            }
            Err(cause) => (Value::Null, cause),
        };
        let intent = match intent["status"].is_string() {
            true => intent,
            // Nobody knows what became of it.
            false => self.intent(&path).await?,
        };
        match intent["status"].as_str().unwrap_or("") {
            state if state == done => Ok(intent),
            state if excluded.contains(&state) => Err(PaymentError::Refused(cause)),
            _ => Err(PaymentError::Unavailable(cause)),
        }
    }

    async fn take(&self, capture: &Capture) -> Result<Decimal, PaymentError> {
        let coins = Coins::of(&capture.currency)?;
        let units = coins.units(capture.amount)?;
        if units == 0 {
            // Less than there are coins for.
            self.let_go(&capture.reference).await?;
            return Ok(Decimal::ZERO);
        }
        let fields = [("amount_to_capture", units.to_string())];
        let states = ("succeeded", &["canceled", "requires_payment_method"][..]);
        let finished = self.finish(&capture.reference, "capture", &fields, states);
        let taken = finished.await?["amount_received"].as_i64();
        Ok(coins.amount(taken.unwrap_or(units)))
    }

    async fn let_go(&self, reference: &str) -> Result<(), PaymentError> {
        let states = ("canceled", &["succeeded"][..]);
        self.finish(reference, "cancel", &[], states).await?;
        Ok(())
    }
}

impl Gateway for Stripe {
    fn authorize<'a>(&'a self, hold: &'a Hold) -> BoxFuture<'a, Result<Held, PaymentError>> {
        self.hold(hold).boxed()
    }

    fn find<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Held, PaymentError>> {
        async move { held(&self.intent(&intent_path(reference)?).await?) }.boxed()
    }

    fn capture<'a>(&'a self, capture: &'a Capture) -> BoxFuture<'a, Result<Decimal, PaymentError>> {
        self.take(capture).boxed()
    }

    fn cancel<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PaymentError>> {
        self.let_go(reference).boxed()
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
        "requires_payment_method" | "canceled" => {
            let last = &intent["last_payment_error"]["message"];
            let reason = last.as_str().map_or_else(
                || "the payment was declined".to_owned(),
                |text| text.chars().take(MESSAGE_CHARS_MAX).collect(),
            );
            Held::Declined { reason }
        }
        other => {
            let why = format!("Stripe says that the payment is {other:?}");
            return Err(PaymentError::Unavailable(why));
        }
    })
}

/// An answer as a sentence.
fn said(answered: &Answered) -> String {
    let (status, message) = (answered.status, message(&answered.body));
    format!("Stripe answered {status}: {message}")
}

/// Whether an error is about one of the fields that were sent.
fn is_parameter(body: &Value, fields: &[(&str, String)]) -> bool {
    let wrong = &body["error"]["param"];
    fields.iter().any(|(name, _)| wrong == name)
}

fn message(body: &Value) -> String {
    let text = body["error"]["message"].as_str();
    let text = text.unwrap_or("it said no more");
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// The path of an intent; a reference is one of Stripe's own words.
fn intent_path(reference: &str) -> Result<String, PaymentError> {
    if reference.starts_with(SANDBOX_PREFIX) {
        return Err(PaymentError::Unavailable(
            "the payment is one of the sandbox: it waits until the settings are those of its gateway"
                .to_owned(),
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if reference.is_empty() || !reference.chars().all(plain) {
        return Err(PaymentError::Refused(
            "the payment has no reference of Stripe".to_owned(),
        ));
    }
    Ok(format!("/v1/payment_intents/{reference}"))
}

/// What Stripe counts a currency in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coins {
    /// Digits after the point that are sent.
    digits: u32,
    /// Units come in multiples of it.
    step: i64,
}

impl Coins {
    /// Those of a currency. Whether an account takes it is for Stripe to say.
    fn of(currency: &str) -> Result<Self, PaymentError> {
        let is_in = |list: &[&str]| list.contains(&currency);
        let (digits, step) = match currency_digits(currency) {
            _ if is_in(&IN_WHOLE) => (0, 1),
            _ if is_in(&IN_THOUSANDTHS) => (3, 10),
            _ if is_in(&IN_EMPTY_HUNDREDTHS) => (2, 100),
            Some(2) => (2, 1),
            _ => {
                let why = format!("Stripe takes no payments in {currency}");
                return Err(PaymentError::Refused(why));
            }
        };
        Ok(Self { digits, step })
    }

    /// An amount in units. What is less than a coin is dropped: nobody pays more than the price.
    fn units(self, amount: Decimal) -> Result<i64, PaymentError> {
        let units = amount.checked_mul(Decimal::from(10_u32.pow(self.digits)));
        let units = units.and_then(|units| units.trunc().to_i64());
        let units =
            units.ok_or_else(|| PaymentError::Refused("the amount is too large".to_owned()))?;
        Ok(units / self.step * self.step)
    }

    fn amount(self, units: i64) -> Decimal {
        Decimal::new(units, self.digits)
    }
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
    fn amounts_are_in_the_coins_of_stripe_and_never_more() {
        for (amount, currency, units, taken) in [
            ("7.56", "GBP", 756, "7.56"),
            ("35", "EUR", 3_500, "35.00"),
            ("310", "JPY", 310, "310"),
            ("5", "ISK", 500, "5.00"),
            ("5", "UGX", 500, "5.00"),
            ("7.56", "MGA", 7, "7"),
            ("0.40", "MGA", 0, "0"),
            ("1.236", "KWD", 1_230, "1.230"),
            ("99999.99", "HUF", 9_999_999, "99999.99"),
        ] {
            let coins = Coins::of(currency).unwrap();
            let got = coins.units(amount.parse().unwrap());
            assert_eq!(got, Ok(units), "{amount} {currency}");
            assert_eq!(coins.amount(units).to_string(), taken);
        }
        for currency in ["CLF", "IQD", "UYW", "XXX"] {
            assert!(matches!(Coins::of(currency), Err(PaymentError::Refused(_))));
        }
        assert!(Coins::of("GBP").unwrap().units(Decimal::MAX).is_err());
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
        let settings = crate::options::PaymentSettings::Stripe {
            key: "sk_1".to_owned(),
            url: "https://x".to_owned(),
        };
        assert_eq!(format!("{settings:?}"), "Stripe(https://x)");
    }
}
