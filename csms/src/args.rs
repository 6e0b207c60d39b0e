//! The command `dynamo csms`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminArgs;
use crate::config;
use crate::{AcceptUnknown, MailSettings, Options, StartError, start};

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
    /// Where everything is kept: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        env = "DYNAMO_DATABASE",
        default_value = "sqlite://dynamo.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: String,
    /// API key of the default organization; without it, an empty database gets a generated one, printed once
    #[arg(
        long,
        env = "DYNAMO_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
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
    /// How long a command waits for the charge point's answer, such as 10s or 500ms
    #[arg(
        long,
        env = "DYNAMO_COMMAND_TIMEOUT",
        default_value = "10s",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    pub command_timeout: Duration,
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
    /// Flags, by their names, and limits as TOML; flags and environment win over it
    #[arg(long, env = "DYNAMO_CONFIG", value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `dynamo csms` does instead of serving.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Changes organizations, API keys, id tags and charge points, also while a server runs
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
        let unknown = self.accept_unknown;
        let lets_in = |what| unknown == Some(Unknown::All) || unknown == Some(what);
        Options {
            http: self.http,
            ocpp: self.ocpp,
            database: self.database.clone(),
            api_key: self.api_key.clone(),
            id_tags: self.id_tag.clone(),
            accept_unknown: AcceptUnknown {
                charge_points: lets_in(Unknown::ChargePoints),
                tags: lets_in(Unknown::Tags),
            },
            mail: self.smtp_url.clone().map(|smtp_url| MailSettings {
                smtp_url,
                from: self.mail_from.clone().unwrap_or_default(),
            }),
            command_timeout: self.command_timeout,
            ..Options::default()
        }
    }
}

/// Serves until the token is cancelled. Prints a generated API key and the ready line on stdout.
///
/// # Errors
/// When the CSMS cannot start.
pub async fn run(args: Args, shutdown: CancellationToken) -> Result<(), StartError> {
    let mut options = args.options();
    let rest = args.config.as_deref().map(config::rest).transpose()?;
    let rest = rest.unwrap_or_default();
    rest.limits.apply(&mut options);
    let stripe_key = std::env::var("DYNAMO_STRIPE_KEY")
        .ok()
        .filter(|key| !key.is_empty());
    rest.payment.apply(stripe_key, &mut options);
    let csms = start(options).await?;
    let mut lines = String::new();
    if csms.generated_key {
        lines = format!("api-key {}\n", csms.api_key());
    }
    let (http, ocpp) = (csms.http_addr(), csms.ocpp_addr());
    lines += &format!("ready http=http://{http} ocpp=ws://{ocpp}\n");
    let mut stdout = io::stdout();
    if let Err(error) = stdout
        .write_all(lines.as_bytes())
        .and_then(|()| stdout.flush())
    {
        tracing::warn!(%error, "nobody reads the ready line");
    }
    shutdown.cancelled().await;
    tracing::info!("shutting down");
    csms.shutdown().await;
    Ok(())
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
    fn durations_have_units() {
        assert_eq!(
            options(&["--command-timeout", "500ms"]).command_timeout,
            Duration::from_millis(500)
        );
    }
}
