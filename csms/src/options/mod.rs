//! How a CSMS is to run. The rooms know these types; these types know no room but its plain values.

mod check;
mod mail;
mod payment;
mod retention;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dynamo_protocol::decode::Decoding;
use rust_decimal::Decimal;

use crate::clock::Clock;
use crate::domain::charge_points::security::SecurityProfile;
use crate::domain::tags::tag::UnknownTags;
use crate::domain::transactions::ending::PROVISIONAL;
use crate::ocpp::pace::Rate;

pub(crate) use check::check;
pub use mail::MailSettings;
pub use payment::PaymentSettings;
pub use retention::Retention;
pub(crate) use retention::days;
pub use tls::TlsFiles;

/// What of unknown origin is let in and recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptUnknown {
    /// Charge points nobody registered.
    pub charge_points: bool,
    /// Id tags nobody registered.
    pub tags: bool,
}

impl AcceptUnknown {
    /// Everything.
    pub const ALL: Self = Self {
        charge_points: true,
        tags: true,
    };

    pub(crate) const fn unknown_tags(self) -> UnknownTags {
        if self.tags {
            UnknownTags::Accept
        } else {
            UnknownTags::Refuse
        }
    }
}

/// How a CSMS is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the REST API; port 0 picks a free one.
    pub http: SocketAddr,
    /// Address of the OCPP server; port 0 picks a free one.
    pub ocpp: SocketAddr,
    /// Address of the REST API with TLS; port 0 picks a free one.
    pub https: Option<SocketAddr>,
    /// Address of the OCPP server with TLS; port 0 picks a free one.
    pub ocpps: Option<SocketAddr>,
    /// Certificate and key of the listeners with TLS; the built-in authority issues them when `None`.
    pub tls: Option<TlsFiles>,
    /// Roots whose certificates prove identities beside those of the built-in authority, a PEM file.
    pub client_ca: Option<PathBuf>,
    /// `sqlite://PATH` or `postgres://…`.
    pub database: String,
    /// The file of the key with which passwords of charge points are kept, made when it is not there; beside the
    /// database when `None`. All servers on one database need the same.
    pub password_key: Option<PathBuf>,
    /// Who proves less at its handshake is refused, whatever was registered.
    pub minimum_security_profile: SecurityProfile,
    /// The key of the default organization on a database without keys, at least 8 characters; generated
    /// when `None`.
    pub api_key: Option<String>,
    /// With which a first partner registers with the default organization, 8 to 64 characters.
    pub ocpi_token: Option<String>,
    /// Whether the data of the demo is loaded.
    pub demo: bool,
    /// Tags that are accepted from the start.
    pub id_tags: Vec<String>,
    /// What of unknown origin is let in.
    pub accept_unknown: AcceptUnknown,
    /// Signs the tokens of accounts, at least 32 bytes; generated and kept in the database when `None`.
    pub jwt_key: Option<String>,
    /// How long a token of an account is good.
    pub jwt_lifetime: Duration,
    /// How the REST API is reached from outside, such as `https://csms.example.com`; the listener when `None`.
    pub public_http: Option<String>,
    /// How charge points reach this server, such as `wss://ocpp.example.com`; the listener when `None`.
    pub public_ocpp: Option<String>,
    /// The tax contained in prices, in percent.
    pub tax_rate: Decimal,
    /// Where mail goes; without it mail waits in the outbox.
    pub mail: Option<MailSettings>,
    /// How long a webhook or the mail server may take for one letter; below 20 seconds.
    pub letter_timeout: Duration,
    /// Who holds and takes the money of guests.
    pub payment: PaymentSettings,
    /// How long the payment gateway may take for one answer.
    pub payment_timeout: Duration,
    /// How long a guest session may take to begin.
    pub guest_authorization: Duration,
    /// How long stopping a guest session waits for the charge point.
    pub guest_stop_wait: Duration,
    /// How long the end of a transaction without a stop is provisional after the last message about it: until then
    /// it is not billed, guests do not pay, and webhooks are not told.
    pub provisional: Duration,
    /// Whether webhooks may reach loopback, private, link-local and other addresses that are not of the public
    /// internet.
    pub webhooks_to_private_networks: bool,
    /// How long a command waits for its answer, its turn included.
    pub command_timeout: Duration,
    /// How long a commissioning run waits for what a charge point agreed to do.
    pub commissioning_wait: Duration,
    /// How long a commissioning run may last; then it has failed.
    pub commissioning_limit: Duration,
    /// How often a charge point is pinged. One that sends nothing for two of these is dead.
    pub ping_interval: Duration,
    /// How long a message may take to leave, before a peer that does not read is given up.
    pub write_timeout: Duration,
    /// How fast a charge point may send. Faster than this its socket is left unread for a moment; nothing is refused.
    pub calls: Rate,
    /// How often the times charge points were last heard of are written down.
    pub presence_interval: Duration,
    /// The interval of charge points that have none of their own, in seconds.
    pub heartbeat_interval_s: i32,
    /// How long what grows is kept.
    pub retention: Retention,
    /// How often old rows are looked for.
    pub retention_interval: Duration,
    /// How strictly payloads of charge points are read that have no decoding of their own.
    pub decoding: Decoding,
    /// The wall clock.
    pub clock: Clock,
}

impl Options {
    /// How long an end without a stop is provisional, in milliseconds.
    pub(crate) fn provisional_ms(&self) -> i64 {
        i64::try_from(self.provisional.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for Options {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            http: local(8080),
            ocpp: local(9000),
            https: None,
            ocpps: None,
            tls: None,
            client_ca: None,
            database: "sqlite://dynamo.db".to_owned(),
            password_key: None,
            minimum_security_profile: SecurityProfile::None,
            api_key: None,
            ocpi_token: None,
            demo: false,
            id_tags: Vec::new(),
            accept_unknown: AcceptUnknown::default(),
            jwt_key: None,
            jwt_lifetime: Duration::from_hours(24),
            public_http: None,
            public_ocpp: None,
            tax_rate: Decimal::from(20),
            mail: None,
            letter_timeout: Duration::from_secs(10),
            payment: PaymentSettings::Sandbox,
            payment_timeout: Duration::from_secs(10),
            guest_authorization: Duration::from_mins(5),
            guest_stop_wait: Duration::from_secs(10),
            provisional: PROVISIONAL,
            webhooks_to_private_networks: false,
            command_timeout: Duration::from_secs(10),
            commissioning_wait: Duration::from_mins(1),
            commissioning_limit: Duration::from_mins(30),
            ping_interval: Duration::from_secs(20),
            write_timeout: Duration::from_secs(10),
            calls: Rate {
                burst: 100,
                per_second: 50,
            },
            presence_interval: Duration::from_secs(30),
            heartbeat_interval_s: 300,
            retention: Retention::default(),
            retention_interval: Duration::from_mins(10),
            decoding: Decoding::Tolerant,
            clock: Clock::default(),
        }
    }
}
