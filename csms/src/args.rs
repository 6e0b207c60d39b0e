//! The command `dynamo csms`.

use std::env::VarError;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use dynamo_protocol::decode::Decoding;
use futures_util::future::{LocalBoxFuture, ready};
use rust_decimal::Decimal;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminArgs;
use crate::config;
use crate::parse::parse_decoding;
use crate::{
    AcceptUnknown, Csms, MailSettings, Options, SecurityProfile, StartError, TlsFiles, start,
};

/// Runs the Charge Station Management System: OCPP 1.6J server and REST API.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  dynamo csms --database sqlite://dynamo.db --id-tag TAG-1 --accept-unknown=charge-points"
)]
pub struct Args {
    /// Address of the REST API; port 0 picks a free port
    #[arg(
        long,
        env = "DYNAMO_HTTP",
        default_value = "127.0.0.1:8080",
        value_name = "ADDR"
    )]
    pub http: SocketAddr,
    /// Address where charge points connect; port 0 picks a free port
    #[arg(
        long,
        env = "DYNAMO_OCPP",
        default_value = "127.0.0.1:9000",
        value_name = "ADDR"
    )]
    pub ocpp: SocketAddr,
    /// Address of the REST API with TLS, beside the one without; port 0 picks a free port
    #[arg(long, env = "DYNAMO_HTTPS", value_name = "ADDR")]
    pub https: Option<SocketAddr>,
    /// Address where charge points connect with TLS (wss), beside the one without; port 0 picks a free port
    #[arg(long, env = "DYNAMO_OCPPS", value_name = "ADDR")]
    pub ocpps: Option<SocketAddr>,
    /// Certificate of the TLS listeners, with those between it and its root, as PEM; without it the built-in
    /// authority issues one and a line on stdout says where its root lies
    #[arg(long, env = "DYNAMO_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Key of that certificate, as PEM
    #[arg(long, env = "DYNAMO_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Roots whose certificates prove charge points too, beside the built-in authority's, as PEM
    #[arg(long, env = "DYNAMO_CLIENT_CA", value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// How the REST API is reached from outside, such as https://csms.example.com; the listener without it
    #[arg(long, env = "DYNAMO_PUBLIC_HTTP", value_name = "URL")]
    pub public_http: Option<String>,
    /// How charge points reach this server, such as wss://ocpp.example.com; the listener without it
    #[arg(long, env = "DYNAMO_PUBLIC_OCPP", value_name = "URL")]
    pub public_ocpp: Option<String>,
    /// Where everything is kept: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME; sqlite://dynamo.db without it,
    /// with --demo a temporary file
    #[arg(
        long,
        env = "DYNAMO_DATABASE",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// The key with which passwords of charge points are kept, made when the file is not there; without it
    /// DATABASE.password.key beside the file of SQLite, for PostgreSQL dynamo-HOST-NAME.password.key in the working
    /// directory. All servers on one database need the same file: give it on storage that stays, and keep it with the
    /// backups
    #[arg(long, env = "DYNAMO_PASSWORD_KEY", value_name = "FILE")]
    pub password_key: Option<PathBuf>,
    /// What a charge point must prove at least at its handshake, whatever was registered: 0 the password if one is
    /// set, 1 a password, 2 a password over TLS, 3 its certificate
    #[arg(
        long,
        env = "DYNAMO_MINIMUM_SECURITY_PROFILE",
        default_value = "0",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(0..=3)
    )]
    pub minimum_security_profile: u8,
    /// Loads the data of the API's examples (API key YOUR_API_KEY) and connects simulated charge points behind it
    #[arg(long, env = "DYNAMO_DEMO")]
    pub demo: bool,
    /// API key of the default organization; without it, an empty database gets a generated one, printed once
    #[arg(
        long,
        env = "DYNAMO_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
    /// Token (A) with which a first partner registers over OCPI with the default organization, 8 to 64 characters
    #[arg(
        long,
        env = "DYNAMO_OCPI_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub ocpi_token: Option<String>,
    /// Registers a valid id tag; can be repeated
    #[arg(long, env = "DYNAMO_ID_TAG", value_name = "TAG", value_delimiter = ',')]
    pub id_tag: Vec<String>,
    /// Lets in and records what nobody registered
    #[arg(
        long,
        env = "DYNAMO_ACCEPT_UNKNOWN",
        value_name = "WHAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all"
    )]
    pub accept_unknown: Option<Unknown>,
    /// How messages of charge points are read: as far as they can be understood, with what was odd counted, logged
    /// and listed over REST, or exactly as the standard says; `admin charge-point set` gives one its own
    #[arg(
        long,
        env = "DYNAMO_DECODING",
        default_value = "tolerant",
        value_name = "HOW",
        value_parser = parse_decoding()
    )]
    pub decoding: Decoding,
    /// How long a command waits for the charge point's answer, such as 10s or 500ms
    #[arg(
        long,
        env = "DYNAMO_COMMAND_TIMEOUT",
        default_value = "10s",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    pub command_timeout: Duration,
    /// Signs the tokens of accounts, at least 32 bytes; without it the database keeps a generated one
    #[arg(
        long,
        env = "DYNAMO_JWT_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub jwt_key: Option<String>,
    /// How long a token of an account is good, such as 24h; at most 366days
    #[arg(
        long,
        env = "DYNAMO_JWT_LIFETIME",
        default_value = "24h",
        value_name = "DURATION",
        value_parser = parse_lifetime
    )]
    pub jwt_lifetime: Duration,
    /// The tax contained in prices, in percent, 0 to 100
    #[arg(
        long,
        env = "DYNAMO_TAX_RATE",
        default_value = "20",
        value_name = "PERCENT",
        allow_negative_numbers = true
    )]
    pub tax_rate: Decimal,
    /// Where mail goes: smtp://USER:PASSWORD@HOST:PORT?tls=required or smtps://…; without it mail waits in the
    /// outbox (`admin outbox list`)
    #[arg(
        long,
        env = "DYNAMO_SMTP_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub smtp_url: Option<String>,
    /// The sender of mail, such as noreply@example.com; needed with --smtp-url
    #[arg(long, env = "DYNAMO_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Lets webhooks reach this host and private networks too; without it they reach public addresses only
    #[arg(long, env = "DYNAMO_WEBHOOKS_TO_PRIVATE_NETWORKS")]
    pub webhooks_to_private_networks: bool,
    /// Flags, by their names, limits and how long what grows is kept ([limits], [retention]) as TOML; flags and environment
    /// win over it
    #[arg(long, env = "DYNAMO_CONFIG", value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `dynamo csms` does instead of serving.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Changes and lists organizations, API keys, id tags and charge points, and copies the database, also while a server
    /// runs
    Admin(AdminArgs),
}

/// What `--accept-unknown` lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unknown {
    /// Charge points and id tags
    All,
    /// Charge points only
    ChargePoints,
    /// Id tags only
    Tags,
}

impl Args {
    /// The options these flags mean.
    #[must_use]
    pub fn options(&self) -> Options {
        let usual = Options::default();
        let unknown = self.accept_unknown;
        let lets_in = |what| unknown == Some(Unknown::All) || unknown == Some(what);
        Options {
            http: self.http,
            ocpp: self.ocpp,
            https: self.https,
            ocpps: self.ocpps,
            tls: self
                .tls_cert
                .clone()
                .zip(self.tls_key.clone())
                .map(|(certificate, key)| TlsFiles { certificate, key }),
            client_ca: self.client_ca.clone(),
            public_http: self.public_http.clone(),
            public_ocpp: self.public_ocpp.clone(),
            jwt_key: self.jwt_key.clone(),
            jwt_lifetime: self.jwt_lifetime,
            tax_rate: self.tax_rate,
            database: self.database.clone().unwrap_or(usual.database),
            password_key: self.password_key.clone(),
            minimum_security_profile: SecurityProfile::from_number(
                self.minimum_security_profile.into(),
            )
            .unwrap_or_default(),
            demo: self.demo,
            api_key: self.api_key.clone(),
            ocpi_token: self.ocpi_token.clone(),
            id_tags: self.id_tag.clone(),
            accept_unknown: AcceptUnknown {
                charge_points: lets_in(Unknown::ChargePoints),
                tags: lets_in(Unknown::Tags),
            },
            mail: self.smtp_url.clone().map(|smtp_url| MailSettings {
                smtp_url,
                from: self.mail_from.clone().unwrap_or_default(),
            }),
            webhooks_to_private_networks: self.webhooks_to_private_networks,
            decoding: self.decoding,
            command_timeout: self.command_timeout,
            ..usual
        }
    }
}

/// What is given without what it needs. The parser does not see it: what the configuration file says are defaults.
fn check_pairs(args: &Args) -> Result<(), StartError> {
    let wrong = |text: &str| Err(StartError::Value(text.to_owned()));
    match (&args.tls_cert, &args.tls_key) {
        (Some(_), None) => {
            wrong("--tls-cert serves nothing without --tls-key: give the key of that certificate")
        }
        (None, Some(_)) => {
            wrong("--tls-key serves nothing without --tls-cert: give the certificate of that key")
        }
        _ if args.mail_from.is_some() && args.smtp_url.is_none() => wrong(
            "--mail-from sends nothing without --smtp-url: give the mail server, or leave both out",
        ),
        _ => Ok(()),
    }
}

/// The key in the environment; an empty one is a mistake, and no wish for the sandbox.
fn stripe_key() -> Result<Option<String>, StartError> {
    let wrong = |what| {
        let text = format!("{STRIPE_KEY} {what}: give Stripe's secret key, or unset it");
        Err(StartError::Value(text))
    };
    match std::env::var(STRIPE_KEY) {
        Ok(key) if key.trim().is_empty() => wrong("is empty"),
        Ok(key) => Ok(Some(key)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => wrong("is no text"),
    }
}

/// The secret key of Stripe has no flag: flags are seen by everybody on the machine.
const STRIPE_KEY: &str = "DYNAMO_STRIPE_KEY";

/// A duration that a clock can still add to now.
fn parse_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if lifetime > LIFETIME_MAX {
        return Err("at most 366days are allowed".to_owned());
    }
    Ok(lifetime)
}

/// Longest life of a token.
const LIFETIME_MAX: Duration = Duration::from_hours(366 * 24);

/// Serves until the token is cancelled. Prints a generated API key and the ready line on stdout.
///
/// # Errors
/// When the CSMS cannot start.
pub fn run(
    args: Args,
    shutdown: CancellationToken,
) -> LocalBoxFuture<'static, Result<(), StartError>> {
    Box::pin(async move {
        let csms = open(&args).await?;
        announce(&csms);
        shutdown.cancelled().await;
        tracing::info!("shutting down");
        csms.shutdown().await;
        Ok(())
    })
}

/// Starts what these flags mean, and says nothing yet.
///
/// # Errors
/// When the CSMS cannot start.
pub fn open(args: &Args) -> LocalBoxFuture<'static, Result<Csms, StartError>> {
    match options(args) {
        Ok(options) => start(options),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

/// What the flags and the rest of the file say together.
fn options(args: &Args) -> Result<Options, StartError> {
    check_pairs(args)?;
    let mut options = args.options();
    let rest = args.config.as_deref().map(config::rest).transpose()?;
    let rest = rest.unwrap_or_default();
    rest.limits.apply(&mut options);
    rest.retention.apply(&mut options);
    rest.payment.apply(stripe_key()?, &mut options)?;
    Ok(options)
}

/// Prints a generated API key and the ready line on stdout.
pub fn announce(csms: &Csms) {
    let mut lines = String::new();
    if csms.generated_key {
        lines = format!("api-key {}\n", csms.api_key());
    }
    if let Some(place) = &csms.root_at {
        lines += &format!("authority {place}\n");
    }
    let (http, ocpp) = (csms.http_addr(), csms.ocpp_addr());
    lines += &format!("ready http=http://{http} ocpp=ws://{ocpp}");
    if let Some(ocpps) = csms.ocpps_addr() {
        lines += &format!(" ocpps=wss://{ocpps}");
    }
    if let Some(https) = csms.https_addr() {
        lines += &format!(" https=https://{https}");
    }
    lines += "\n";
    let mut stdout = io::stdout();
    if let Err(error) = stdout
        .write_all(lines.as_bytes())
        .and_then(|()| stdout.flush())
    {
        tracing::warn!(%error, "nobody reads the ready line");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn options(flags: &[&str]) -> Options {
        let flags = std::iter::once("csms").chain(flags.iter().copied());
        Cli::try_parse_from(flags).unwrap().args.options()
    }

    #[test]
    fn accept_unknown_has_a_value_only_after_an_equals_sign() {
        assert_eq!(options(&[]).accept_unknown, AcceptUnknown::default());
        assert_eq!(
            options(&["--accept-unknown"]).accept_unknown,
            AcceptUnknown::ALL
        );
        let tags = options(&["--accept-unknown=tags", "--id-tag", "A", "--id-tag", "B"]);
        assert!(tags.accept_unknown.tags && !tags.accept_unknown.charge_points);
        assert_eq!(tags.id_tags, ["A", "B"]);
    }

    #[test]
    fn admin_stands_beside_serving() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
        let admin = [
            "csms",
            "admin",
            "id-tag",
            "set",
            "T",
            "--database",
            "sqlite://x",
        ];
        let cli = Cli::try_parse_from(admin).unwrap();
        let Some(Command::Admin(admin)) = cli.args.command else {
            panic!("admin")
        };
        assert_eq!(admin.database, "sqlite://x");
        let both = [
            "csms",
            "--http",
            "127.0.0.1:1",
            "admin",
            "organization",
            "create",
            "X",
        ];
        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn messages_are_read_tolerantly_unless_asked_otherwise() {
        assert_eq!(options(&[]).decoding, Decoding::Tolerant);
        assert_eq!(
            options(&["--decoding", "strict"]).decoding,
            Decoding::Strict
        );
        assert!(Cli::try_parse_from(["csms", "--decoding", "loose"]).is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(
            options(&["--command-timeout", "500ms"]).command_timeout,
            Duration::from_millis(500)
        );
    }

    #[test]
    fn every_flag_is_a_variable_too_and_every_command_has_an_example() {
        use clap::CommandFactory as _;
        fn walk(command: &clap::Command, path: &str) {
            for flag in command.get_arguments() {
                let Some(long) = flag.get_long().filter(|long| *long != "help") else {
                    continue;
                };
                let variable = format!("DYNAMO_{}", long.replace('-', "_").to_uppercase());
                let env = flag.get_env().and_then(|env| env.to_str());
                assert_eq!(env, Some(variable.as_str()), "{path} --{long}");
            }
            let inside: Vec<_> = command.get_subcommands().collect();
            if inside.is_empty() {
                let example = command.get_after_help().map(ToString::to_string);
                let example = example.unwrap_or_default();
                assert!(
                    example.contains(&format!("dynamo {path}")),
                    "{path}: {example}"
                );
            }
            for command in inside {
                walk(command, &format!("{path} {}", command.get_name()));
            }
        }
        walk(&Cli::command(), "csms");
    }

    #[test]
    fn what_is_given_without_what_it_needs_is_refused() {
        for (flags, named) in [
            (["--tls-cert", "x"], "--tls-key"),
            (["--tls-key", "x"], "--tls-cert"),
            (["--mail-from", "a@example.com"], "--smtp-url"),
        ] {
            let flags = std::iter::once("csms").chain(flags);
            let args = Cli::try_parse_from(flags).unwrap().args;
            let error = check_pairs(&args).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
