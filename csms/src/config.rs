//! `--config FILE.toml`: every flag of `dynamo csms` under its own name, and `[limits]`, `[retention]` and `[payment]`,
//! which have no flags.
//!
//! What the file says of flags becomes their default, so that flags and environment win over it and the same
//! rules check all three. There is no second list of flags here: the command's own is used. A mistake is told in
//! one line, `FILE:LINE:COLUMN: what is wrong`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use clap::builder::OsStr;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Options, PaymentSettings, Rate, StartError};

/// The table with what has no flag.
const LIMITS: &str = "limits";
/// The table with how long what grows is kept.
const RETENTION: &str = "retention";
/// The table with the payment gateway.
const PAYMENT: &str = "payment";

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What has no flag. What is left out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// How often a charge point is pinged; one that sends nothing for two of these is dead.
    #[serde(alias = "ping-interval", deserialize_with = "duration")]
    ping_interval: Option<Duration>,
    /// How long a message may take to leave for a charge point.
    #[serde(alias = "write-timeout", deserialize_with = "duration")]
    write_timeout: Option<Duration>,
    /// How often the times charge points were last heard of are written down.
    #[serde(alias = "presence-interval", deserialize_with = "duration")]
    presence_interval: Option<Duration>,
    /// The interval of charge points that have none of their own.
    #[serde(alias = "heartbeat-interval", deserialize_with = "heartbeat_interval")]
    heartbeat_interval: Option<Duration>,
    /// How long a webhook or the mail server may take for one letter.
    #[serde(alias = "letter-timeout", deserialize_with = "letter_timeout")]
    letter_timeout: Option<Duration>,
    /// Messages that a charge point may send at once, before it is slowed down.
    #[serde(alias = "calls-burst", deserialize_with = "calls")]
    calls_burst: Option<u32>,
    /// Messages a second that it may send after that.
    #[serde(alias = "calls-per-second", deserialize_with = "calls")]
    calls_per_second: Option<u32>,
}

/// How long what grows is kept; see [`crate::Retention`]. What is left out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionTable {
    #[serde(alias = "meter-values", deserialize_with = "age")]
    meter_values: Option<Duration>,
    #[serde(alias = "status-history", deserialize_with = "age")]
    status_history: Option<Duration>,
    #[serde(deserialize_with = "age")]
    events: Option<Duration>,
    #[serde(alias = "stops-of-nobody", deserialize_with = "age")]
    stops_of_nobody: Option<Duration>,
    #[serde(alias = "sent-notifications", deserialize_with = "age")]
    sent_notifications: Option<Duration>,
    #[serde(alias = "failed-notifications", deserialize_with = "age")]
    failed_notifications: Option<Duration>,
    #[serde(alias = "commissioning-runs", deserialize_with = "age")]
    commissioning_runs: Option<Duration>,
    #[serde(deserialize_with = "age")]
    invitations: Option<Duration>,
    #[serde(alias = "unbegun-guest-sessions", deserialize_with = "age")]
    unbegun_guest_sessions: Option<Duration>,
    #[serde(alias = "expired-certificates", deserialize_with = "age")]
    expired_certificates: Option<Duration>,
    #[serde(alias = "meter-values-max", deserialize_with = "rows")]
    meter_values_max: Option<u32>,
    #[serde(alias = "statuses-max", deserialize_with = "rows")]
    statuses_max: Option<u32>,
    #[serde(alias = "events-max", deserialize_with = "rows")]
    events_max: Option<u32>,
    #[serde(alias = "stops-max", deserialize_with = "rows")]
    stops_max: Option<u32>,
}

impl RetentionTable {
    pub(crate) fn apply(self, options: &mut Options) {
        let kept = &mut options.retention;
        for (target, value) in [
            (&mut kept.meter_values, self.meter_values),
            (&mut kept.status_history, self.status_history),
            (&mut kept.events, self.events),
            (&mut kept.stops_of_nobody, self.stops_of_nobody),
            (&mut kept.sent_notifications, self.sent_notifications),
            (&mut kept.failed_notifications, self.failed_notifications),
            (&mut kept.commissioning_runs, self.commissioning_runs),
            (&mut kept.invitations, self.invitations),
            (
                &mut kept.unbegun_guest_sessions,
                self.unbegun_guest_sessions,
            ),
            (&mut kept.expired_certificates, self.expired_certificates),
        ] {
            *target = value.unwrap_or(*target);
        }
        for (target, value) in [
            (&mut kept.meter_values_max, self.meter_values_max),
            (&mut kept.statuses_max, self.statuses_max),
            (&mut kept.events_max, self.events_max),
            (&mut kept.stops_max, self.stops_max),
        ] {
            *target = value.unwrap_or(*target);
        }
    }
}

/// The payment gateway. Without a key it is the sandbox.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Payment {
    /// The secret key of Stripe; `DYNAMO_STRIPE_KEY` wins over it.
    #[serde(alias = "stripe-key")]
    stripe_key: Option<String>,
    /// Where Stripe's API is, when it is not Stripe's own.
    #[serde(alias = "stripe-url")]
    stripe_url: Option<String>,
    /// How long the gateway may take for one answer.
    #[serde(deserialize_with = "payment_timeout")]
    timeout: Option<Duration>,
    /// How long a guest session may take to begin.
    #[serde(deserialize_with = "duration")]
    authorization: Option<Duration>,
}

/// Where Stripe's API is.
const STRIPE_URL: &str = "https://api.stripe.com";

impl Payment {
    /// `key` is that of the environment.
    pub(crate) fn apply(
        self,
        key: Option<String>,
        options: &mut Options,
    ) -> Result<(), StartError> {
        match (key.or(self.stripe_key), self.stripe_url) {
            (Some(key), url) => {
                let url = url.unwrap_or_else(|| STRIPE_URL.to_owned());
                options.payment = PaymentSettings::Stripe { key, url };
            }
            (None, Some(url)) => {
                return Err(StartError::Value(format!(
                    "[payment] stripe-url is {url:?} and there is no key: give DYNAMO_STRIPE_KEY or [payment] \
                     stripe-key, or leave both out for the sandbox"
                )));
            }
            (None, None) => {}
        }
        options.payment_timeout = self.timeout.unwrap_or(options.payment_timeout);
        options.guest_authorization = self.authorization.unwrap_or(options.guest_authorization);
        Ok(())
    }
}

/// Three attempts of an authorization end before the request does.
const PAYMENT_TIMEOUT_MAX: Duration = Duration::from_secs(12);

/// Shorter than a lease of the outbox, with time to write down what became of a letter.
const LETTER_TIMEOUT_MAX: Duration = Duration::from_secs(20);
/// As many as the clock can tell apart.
const CALLS_MAX: u32 = 1_000;
const DURATION_MAX: Duration = Duration::from_hours(24 * 365);

impl Limits {
    pub(crate) fn apply(self, options: &mut Options) {
        let set = |target: &mut Duration, value: Option<Duration>| {
            *target = value.unwrap_or(*target);
        };
        set(&mut options.ping_interval, self.ping_interval);
        set(&mut options.write_timeout, self.write_timeout);
        set(&mut options.presence_interval, self.presence_interval);
        set(&mut options.letter_timeout, self.letter_timeout);
        options.calls = Rate {
            burst: self.calls_burst.unwrap_or(options.calls.burst),
            per_second: self.calls_per_second.unwrap_or(options.calls.per_second),
        };
        if let Some(interval) = self.heartbeat_interval {
            options.heartbeat_interval_s =
                i32::try_from(interval.as_secs()).unwrap_or(options.heartbeat_interval_s);
        }
    }
}

/// A duration with its unit, such as "10s".
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let duration = humantime::parse_duration(&text)
        .map_err(|error| serde::de::Error::custom(format!("{text:?} is no duration: {error}")))?;
    if duration < Duration::from_millis(1) || duration > DURATION_MAX {
        let text = format!("{text:?} is out of bounds: 1ms to 365days can be used");
        return Err(serde::de::Error::custom(text));
    }
    Ok(Some(duration))
}

/// A number of messages.
fn calls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if !(1..=CALLS_MAX).contains(&number) {
        let text = format!("{number} is out of bounds: 1 to {CALLS_MAX} can be used");
        return Err(serde::de::Error::custom(text));
    }
    Ok(Some(number))
}

/// How long something is kept. What is younger than a day may still be corrected.
fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let age = humantime::parse_duration(&text)
        .map_err(|error| serde::de::Error::custom(format!("{text:?} is no duration: {error}")))?;
    if !(AGE_MIN..=AGE_MAX).contains(&age) {
        let text = format!("{text:?} is out of bounds: 1day to 36500days can be used");
        return Err(serde::de::Error::custom(text));
    }
    Ok(Some(age))
}

/// How many rows of one charge point are kept.
fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let rows = u32::deserialize(deserializer)?;
    if !ROWS.contains(&rows) {
        let text = format!("{rows} is out of bounds: 10 to 100000000 can be used");
        return Err(serde::de::Error::custom(text));
    }
    Ok(Some(rows))
}

const AGE_MIN: Duration = Duration::from_hours(24);
const AGE_MAX: Duration = Duration::from_hours(24 * 36_500);
const ROWS: std::ops::RangeInclusive<u32> = 10..=100_000_000;

/// One that ends before the lease of a letter does.
fn letter_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let duration = duration(deserializer)?;
    match duration {
        Some(long) if long > LETTER_TIMEOUT_MAX => Err(serde::de::Error::custom(
            "it is out of bounds: 1ms to 20s can be used",
        )),
        _ => Ok(duration),
    }
}

/// What OCPP can say of one: whole seconds, and 0 is none.
fn heartbeat_interval<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let duration = duration(deserializer)?;
    match duration {
        Some(interval) if interval.as_secs() == 0 || interval.subsec_nanos() > 0 => {
            Err(serde::de::Error::custom(
                "it is out of bounds: 1s to 365days in whole seconds can be used",
            ))
        }
        _ => Ok(duration),
    }
}

/// One of which three end before a request does.
fn payment_timeout<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let duration = duration(deserializer)?;
    match duration {
        Some(long) if long > PAYMENT_TIMEOUT_MAX => Err(serde::de::Error::custom(
            "it is out of bounds: 1ms to 12s can be used",
        )),
        _ => Ok(duration),
    }
}

/// Makes what the file says of flags the defaults of the command.
///
/// # Errors
/// Beside the unchanged command: when the file cannot be read, is no TOML, or says what cannot be; one line.
pub fn with_defaults(command: Command, path: &Path) -> (Command, Result<(), StartError>) {
    match defaults(&command, path) {
        Ok(defaults) => {
            let set = |command: Command, (id, values): (String, Vec<String>)| {
                command.mut_arg(id, |arg| {
                    arg.default_values(values.into_iter().map(OsStr::from))
                })
            };
            (defaults.into_iter().fold(command, set), Ok(()))
        }
        Err(error) => (command, Err(error)),
    }
}

/// What the file says of what has no flag.
pub(crate) fn rest(path: &Path) -> Result<Rest, StartError> {
    let file = File::read(path)?;
    toml::from_str(&file.text)
        .map_err(|error| file.wrong(error.span().unwrap_or(0..0), error.message()))
}

/// The tables that are no flags.
#[derive(Default, Deserialize)]
pub(crate) struct Rest {
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub retention: RetentionTable,
    #[serde(default)]
    pub payment: Payment,
}

/// Flags with their values, by the flag's id.
fn defaults(command: &Command, path: &Path) -> Result<Vec<(String, Vec<String>)>, StartError> {
    let file = File::read(path)?;
    let table = DeTable::parse(&file.text)
        .map_err(|error| file.wrong(error.span().unwrap_or(0..0), error.message()))?;
    rest(path)?;
    let mut defaults = Vec::new();
    let mut names = BTreeSet::new();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().replace('_', "-");
        if !names.insert(name.clone()) {
            let text = format!("{name:?} stands here in both spellings, with - and with _");
            return Err(file.wrong(key.span(), &text));
        }
        if [LIMITS, RETENTION, PAYMENT].contains(&name.as_str()) {
            continue;
        }
        let flag = command.get_arguments().find(|arg| is_named(arg, &name));
        let Some(flag) = flag else {
            let text = format!(
                "{:?} is no flag of dynamo csms and no other setting",
                key.get_ref()
            );
            return Err(file.wrong(key.span(), &text));
        };
        let values = values(value).map_err(|(span, text)| file.wrong(span, text))?;
        if values.len() > 1 && !takes_many(flag) {
            return Err(file.wrong(value.span(), "one value is wanted"));
        }
        for value_text in &values {
            check_value(command, &name, value_text)
                .map_err(|text| file.wrong(value.span(), &text))?;
        }
        if !values.is_empty() {
            defaults.push((flag.get_id().to_string(), values));
        }
    }
    Ok(defaults)
}

/// Whether the file can set this flag: all but itself, and help.
fn is_named(flag: &Arg, name: &str) -> bool {
    flag.get_long() == Some(name) && !matches!(name, "config" | "help" | "version")
}

fn takes_many(flag: &Arg) -> bool {
    matches!(flag.get_action(), clap::ArgAction::Append) || flag.get_value_delimiter().is_some()
}

/// The words of a value: a flag's are text, whatever it makes of them.
fn values(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, (Range<usize>, &'static str)> {
    let word = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => Err((value.span(), "one value is wanted")),
    };
    match value.get_ref() {
        DeValue::Array(entries) => entries.iter().map(word).collect(),
        _ => Ok(vec![word(value)?]),
    }
}

/// What the flag itself says of a value.
fn check_value(command: &Command, name: &str, value: &str) -> Result<(), String> {
    let flag = command.get_arguments().find(|arg| is_named(arg, name));
    let takes_value = flag.is_some_and(|flag| flag.get_action().takes_values());
    if !takes_value {
        return match value {
            "true" | "false" => Ok(()),
            _ => Err(format!("{name}: true or false is wanted")),
        };
    }
    let words = ["csms".to_owned(), format!("--{name}={value}")];
    match command.clone().try_get_matches_from(words) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ValueValidation | ErrorKind::InvalidValue
            ) =>
        {
            let text = error.to_string();
            let mut lines = text.lines().map(str::trim);
            let line = lines.next().unwrap_or_default();
            let line = line.trim_start_matches("error: ");
            let choice = lines.next().filter(|line| line.starts_with('['));
            Err(choice.map_or_else(|| line.to_owned(), |choice| format!("{line} {choice}")))
        }
        _ => Ok(()),
    }
}

/// A file, and how its mistakes are told.
struct File<'p> {
    path: &'p Path,
    text: String,
}

impl<'p> File<'p> {
    fn read(path: &'p Path) -> Result<Self, StartError> {
        let unreadable = |why: &dyn std::fmt::Display| {
            StartError::Value(format!(
                "cannot read {} (--config): {why}; give a TOML file, or leave it out",
                path.display()
            ))
        };
        // A pipe would be waited for as soon as it is opened.
        let what = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if !what.is_file() {
            return Err(unreadable(&"it is no regular file"));
        }
        let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        let bytes = read.map_err(|error| unreadable(&error))?;
        if bytes as u64 > FILE_BYTES_MAX {
            return Err(unreadable(&"it has more than 1 MiB"));
        }
        Ok(Self { path, text })
    }

    fn wrong(&self, span: Range<usize>, text: &str) -> StartError {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        let text = text.replace('\n', ", ");
        StartError::Value(format!("{}:{line}:{column}: {text}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn read(text: &str, flags: &[&str]) -> Result<Options, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("csms.toml");
        std::fs::write(&path, text).unwrap();
        let command = crate::Args::augment_args(Command::new("csms"));
        let (command, told) = with_defaults(command, &path);
        let short = |error: StartError| {
            let folder = format!("{}/", folder.path().display());
            error.to_string().replace(&folder, "")
        };
        told.map_err(short)?;
        let words = std::iter::once("csms").chain(flags.iter().copied());
        let matches = command.try_get_matches_from(words).unwrap();
        let mut options = crate::Args::from_arg_matches(&matches).unwrap().options();
        let rest = rest(&path).map_err(short)?;
        rest.limits.apply(&mut options);
        rest.retention.apply(&mut options);
        Ok(options)
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let text = "http = \"127.0.0.1:1\"\nocpp = '127.0.0.1:2'\nid-tag = ['A', 'B']\n\
                    command_timeout = \"3s\"\naccept-unknown = 'tags'\nwebhooks-to-private-networks = true\napi-key = 12345678\n\
                    [limits]\nping-interval = '7s'\nheartbeat_interval = '1m'\ncalls-burst = 7\n";
        let options = read(text, &["--http", "127.0.0.1:3"]).unwrap();
        assert_eq!(options.http.port(), 3);
        assert_eq!(options.ocpp.port(), 2);
        assert_eq!(options.id_tags, ["A", "B"]);
        assert_eq!(options.command_timeout, Duration::from_secs(3));
        assert!(options.accept_unknown.tags);
        assert!(options.webhooks_to_private_networks);
        assert_eq!(options.api_key.as_deref(), Some("12345678"));
        assert_eq!(options.ping_interval, Duration::from_secs(7));
        assert_eq!(options.heartbeat_interval_s, 60);
        assert_eq!((options.calls.burst, options.calls.per_second), (7, 50));
        let defaults = read("", &[]).unwrap();
        assert_eq!(defaults.http, Options::default().http);
        assert!(!defaults.webhooks_to_private_networks);
        let by_flag = read("", &["--webhooks-to-private-networks"]).unwrap();
        assert!(by_flag.webhooks_to_private_networks);
        let not = read("webhooks-to-private-networks = false", &[]).unwrap();
        assert!(!not.webhooks_to_private_networks);
        let one_tag = read("id-tag = ['A']", &["--id-tag", "C"]).unwrap();
        assert_eq!(one_tag.id_tags, ["C"]);
    }

    #[test]
    fn what_is_kept_how_long_can_be_said() {
        let text =
            "[retention]\nmeter-values = '2years'\nstatus_history = '30days'\nevents-max = 10\n";
        let kept = read(text, &[]).unwrap().retention;
        let usual = crate::Retention::default();
        assert_eq!(kept.meter_values.as_secs() / 86_400, 730);
        assert_eq!(kept.status_history, AGE_MIN * 30);
        assert_eq!((kept.events_max, kept.stops_max), (10, usual.stops_max));
        assert_eq!(read("", &[]).unwrap().retention, usual);
    }

    #[test]
    fn payments_are_the_sandbox_until_there_is_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("csms.toml");
        let payment = |text: &str, key: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            let mut options = Options::default();
            let rest = rest(&path).ok().unwrap();
            let key = key.map(str::to_owned);
            rest.payment.apply(key, &mut options).map(|()| options)
        };
        let text = "[payment]\nstripe-key = 'sk_file'\nstripe_url = 'http://x'\ntimeout = '3s'\n\
                    authorization = '2m'\n";
        let unkeyed = payment("[payment]\nstripe-url = 'https://x'", None);
        assert!(unkeyed.unwrap_err().to_string().contains("stripe-url"));
        let payment = |text, key| payment(text, key).unwrap();
        let keyed = |options: &Options| match &options.payment {
            PaymentSettings::Stripe { key, url } => format!("{key} {url}"),
            PaymentSettings::Sandbox => "sandbox".to_owned(),
        };
        assert_eq!(keyed(&payment("", None)), "sandbox");
        let file = payment(text, None);
        assert_eq!(keyed(&file), "sk_file http://x");
        assert_eq!(file.payment_timeout, Duration::from_secs(3));
        assert_eq!(file.guest_authorization, Duration::from_mins(2));
        assert!(!format!("{file:?}").contains("sk_file"));
        assert_eq!(keyed(&payment(text, Some("sk_env"))), "sk_env http://x");
        let own = payment("", Some("sk_env"));
        assert_eq!(keyed(&own), format!("sk_env {STRIPE_URL}"));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, told) in [
            ("http = 1\nhtpp = 2", "csms.toml:2:1: \"htpp\" is no flag"),
            (
                "\n  ocpp = 'x'",
                "csms.toml:2:10: invalid value 'x' for '--ocpp <ADDR>'",
            ),
            ("http = ", "csms.toml:1:8: "),
            (
                "http = ['127.0.0.1:1', '127.0.0.1:2']",
                "csms.toml:1:8: one value is wanted",
            ),
            ("[http]\nx = 1", "csms.toml:1:1: one value is wanted"),
            ("config = 'x'", "csms.toml:1:1: \"config\" is no flag"),
            (
                "[limits]\npings = 1",
                "csms.toml:2:1: unknown field `pings`",
            ),
            (
                "[payment]\nstripe = 'x'",
                "csms.toml:2:1: unknown field `stripe`",
            ),
            (
                "[payment]\ntimeout = '13s'",
                "csms.toml:2:11: it is out of bounds",
            ),
            ("[limits]\nping-interval = 5", "csms.toml:2:17: "),
            (
                "[retention]\nmeters = '1day'",
                "csms.toml:2:1: unknown field `meters`",
            ),
            (
                "[retention]\nevents = '23h'",
                "csms.toml:2:10: \"23h\" is out of bounds",
            ),
            (
                "[retention]\nevents-max = 9",
                "csms.toml:2:14: 9 is out of bounds",
            ),
            (
                "[limits]\nping-interval = '0s'",
                "csms.toml:2:17: \"0s\" is out of bounds",
            ),
            (
                "[limits]\nletter_timeout = '21s'",
                "csms.toml:2:18: it is out of bounds",
            ),
            (
                "[limits]\nheartbeat_interval = '500ms'",
                "csms.toml:2:22: it is out of bounds: 1s to 365days",
            ),
            (
                "[limits]\nheartbeat-interval = '1500ms'",
                "csms.toml:2:22: it is out of bounds: 1s to 365days",
            ),
            (
                "[limits]\ncalls_per_second = 0",
                "csms.toml:2:20: 0 is out of bounds: 1 to 1000",
            ),
            (
                "[limits]\nping-interval = '1s'\nping_interval = '2s'",
                "csms.toml:1:1: duplicate field",
            ),
            (
                "id-tag = 'A'\nid_tag = 'B'",
                "csms.toml:2:1: \"id-tag\" stands here in both spellings",
            ),
            (
                "accept_unknown = true",
                "csms.toml:1:18: invalid value 'true' for '--accept-unknown",
            ),
            ("[limit]\nx = 1", "csms.toml:1:2: \"limit\" is no flag"),
        ] {
            let error = read(text, &[]).unwrap_err();
            // The order of keys is not that of the file; the first mistake found is told.
            let told = if text.starts_with("http = 1") {
                "csms.toml:"
            } else {
                told
            };
            assert!(error.starts_with(told), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let choice = read("accept_unknown = true", &[]).unwrap_err();
        assert!(choice.contains("[possible values: "), "{choice}");
        let missing = rest(Path::new("/nowhere/x.toml"))
            .err()
            .unwrap()
            .to_string();
        assert!(missing.contains("/nowhere/x.toml") && missing.contains("--config"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.toml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [Path::new("/dev/zero"), folder.path(), &pipe] {
            let told = rest(path).err().unwrap().to_string();
            assert!(told.contains("it is no regular file; give"), "{told}");
        }
        let long = folder.path().join("long.toml");
        std::fs::write(&long, "#".repeat((1 << 20) + 1)).unwrap();
        let told = rest(&long).err().unwrap().to_string();
        assert!(told.contains("more than 1 MiB"), "{told}");
    }
}
